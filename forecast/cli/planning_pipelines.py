"""Planning from a configuration to files: sweeps, comparisons, proxies, joint contours, requirements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from ..checks.overlap import independent
from ..config.load import Config
from ..config.surveys import Surveys
from ..core.errors import InputError
from ..core.files import prepare_output
from ..core.records import Job, Provenance
from ..execution.executor import Executor
from ..execution.store import STEPS, Store
from ..forecasts.joint import JointForecast, compute_joint, with_free_density
from ..forecasts.ladder import LadderRow
from ..forecasts.many_surveys import Heard, NamedSetup, SurveyLadder
from ..forecasts.planning import priced_comparison, priced_sweep
from ..forecasts.proxy_comparison import compute_proxies
from ..forecasts.proxy_records import ProxyComparison
from ..forecasts.require.records import Requirements
from ..forecasts.require.search import compute_requirements
from ..forecasts.sweep import compute_comparison, compute_sweep
from ..forecasts.sweep_records import Comparison, Sweep
from ..forecasts.variant_name import VariantName
from ..likelihoods.level_name import LevelName
from ..relations.mass_proxy import ErrorModel, MassProxy
from ..report.narrative import account
from ..report.planning_files import write_comparison, write_joint, write_proxies, write_sweep
from ..report.requirements import write_requirements
from ..report.text_table import row_words
from ..several.contours import compute_joint_surveys
from .options import LEFT_OUT


def run_sweep(
    config: Config, job: Job, vary: Sequence[str], level: str = LevelName.UNBINNED, executor: Executor | None = None
) -> Sweep:
    """sigma(sigma8) by level, and its price, over the values of one or two keys (see `sweep.parse_vary`).

    `level` is the one whose price is printed; files hold those of all. Surveys are kept until all are done.
    """
    _check_level(level, job)
    prepare_output(job.out)
    provenance = Provenance("sweep", job.name, config.model_dump(mode="json"), job.seed)
    store = Store(job.out / STEPS, {})
    done_by = replace(executor or Executor(), store=store)
    sweep = compute_sweep(config, vary, job.counted("sweeping"), done_by, quick=job.quick, heard=_telling(job))
    job.begin("prices, figure and page")
    sweep = replace(priced_sweep(sweep, config, level), provenance=provenance)
    sweep = replace(sweep, notes=(*sweep.notes, *_left_out(job)))
    write_sweep(sweep, job.out, account(config))
    store.clear("survey")
    return sweep


def run_comparison(
    configs: Mapping[str, Config],
    job: Job,
    reference: Literal["first", "best"] = "first",
    level: str = LevelName.UNBINNED,
    executor: Executor | None = None,
) -> Comparison:
    """sigma(sigma8) by level of several configurations, as configured, and its price beside one of them."""
    _check_level(level, job)
    prepare_output(job.out)
    contents = {name: config.model_dump(mode="json") for name, config in configs.items()}
    provenance = Provenance("compare", job.name, contents, job.seed)
    store = Store(job.out / STEPS, {})
    done_by = replace(executor or Executor(), store=store)
    comparison = compute_comparison(configs, job.counted("comparing"), done_by, quick=job.quick, heard=_telling(job))
    for words in _left_out(job):
        job.say(words)
    job.begin("prices, figure and page")
    comparison = replace(priced_comparison(comparison, configs, reference, level), provenance=provenance)
    write_comparison(comparison, job.out, [account(config) for config in configs.values()])
    store.clear("survey")
    return comparison


def run_joint(config: Config, job: Job) -> JointForecast:
    """Joint contours of Om0 and sigma8 by level; Om0 is freed where it is not."""
    prepare_output(job.out)
    provenance = Provenance("joint", job.name, config.model_dump(mode="json"), job.seed)
    job.begin("levels")
    forecast = compute_joint(config, job.counted("levels"), quick=job.quick)
    forecast = replace(forecast, notes=(*forecast.notes, *_left_out(job)), provenance=provenance)
    job.begin("figure and page")
    write_joint(forecast, job.out, account(config, with_free_density(config.setup)[0]))
    return forecast


def run_joint_surveys(surveys: Surveys, job: Job, *, cut: bool = False) -> JointForecast:
    """Joint contours of several surveys that share no sky, or with `cut` are made to."""
    prepare_output(job.out)
    contents = {name: config.model_dump(mode="json") for name, config in surveys.configs.items()}
    provenance = Provenance("joint", job.name, contents, job.seed)
    apart = independent(surveys.configs, cut=cut)
    job.begin("levels")
    found = compute_joint_surveys(apart.setups, surveys.shared, job.counted("levels"), quick=job.quick)
    found = replace(found, notes=(*apart.notes, *found.notes, *_left_out(job)), provenance=provenance)
    write_joint(found, job.out)
    return found


def run_proxies(config: Config, job: Job, models: Sequence[ErrorModel | MassProxy] = ()) -> ProxyComparison:
    """Compare every proxy the survey can use, and `models` of one's own; write record, table and figure."""
    prepare_output(job.out)
    comparison = compute_proxies(config, models, job)
    provenance = Provenance("proxies", job.name, config.model_dump(mode="json"), job.seed)
    comparison = replace(comparison, provenance=provenance)
    write_proxies(comparison, job.out, account(config))
    return comparison


def run_require(config: Config, job: Job, target: str, keys: Sequence[str]) -> Requirements:
    """How much of each key alone reaches a target; configurations of the surveys that do are written too."""
    prepare_output(job.out)
    level = LevelName.UNBINNED if job.quick and job.level is None else job.level
    found = compute_requirements(config, target, keys, level, job.counted("searching"))
    provenance = Provenance("require", job.name, config.model_dump(mode="json"), job.seed)
    found = replace(found, provenance=provenance)
    write_requirements(found, config, job.out, account(config))
    return found


def _check_level(level: str, job: Job) -> None:
    """Refuse to price what a quick command leaves out."""
    if job.quick and level in (LevelName.FULL, LevelName.FULL_WL):
        raise InputError(f"--level {level}: --quick leaves that level out; give one of them alone")


def _left_out(job: Job) -> tuple[str, ...]:
    """What a quick command says of levels that it does not compute."""
    return (LEFT_OUT,) if job.quick else ()


def _telling(job: Job) -> Heard:
    """Who is given each survey and its ladder as soon as it is there: it is a line."""

    def heard(survey: NamedSetup, found: SurveyLadder) -> None:
        row = LadderRow(
            label=survey.name,
            selection=VariantName.CONFIGURED,
            widening=1.0,
            expected_count=found.count,
            sigma8_std=found.std,
        )
        job.say(row_words(row))

    return heard
