"""Commands that plan surveys: sweep, compare, proxies, joint, require."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from .arguments import again, refuse_more_surveys
from .completion import complete_config, complete_numeric, complete_target, complete_vary
from .deliver import deliver_table
from .options import (
    ConfigName,
    Form,
    Format,
    Json,
    Level,
    Out,
    PriceLevel,
    Quiet,
    Scheduler,
    Seed,
    Shown,
    UpToUnbinned,
    Workers,
)
from .progress import voice
from .session import exit_codes, held, task
from .several_commands import Asked, CutOverlap, Others, Place, Shared, joint_several


def sweep(
    config: ConfigName,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="KEY=START:STOP:N",
            autocompletion=complete_vary,
            help="Key and values, evenly spaced; 'log:START:STOP:N' in log; or choices, KEY=A,B,C. Twice at most.",
        ),
    ],
    level: PriceLevel = "unbinned",
    quick: UpToUnbinned = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Vary one or two settings of a survey: sigma(sigma8) of every level as table and figure.

    KEY is a dotted key of the configuration (survey.area, selection.flux_limit, relations.lx.scatter, yx_error, ...),
    or prior_width or volume, factors on the normalisation priors and on the survey volume. Choices: proxy=yx,mgas,
    library.name=magneticum,tng, selection.min_mass_mode=fixed,follows_lx, sample_variance=true,false, mass_function.
    """
    with task(config, "sweep", out, seed, quiet or as_json, {"quick": quick}) as (settings, job):
        from ..execution.executor import Executor
        from ..report.sweep_tables import sweep_table
        from .planning_pipelines import run_sweep

        result = run_sweep(settings, job, vary, level, Executor.chosen(workers, scheduler))
        following = [f"Next: forecast proxies {quote(config)}"]
        deliver_table(result, sweep_table(result), job, Shown(quiet, as_json, form), following)


def compare(
    configurations: Annotated[
        list[str],
        typer.Argument(metavar="CONFIG...", help="Two or more configurations.", autocompletion=complete_config),
    ],
    best: Annotated[bool, typer.Option("--best", help="Prices beside the best survey, not the first.")] = False,
    level: PriceLevel = "unbinned",
    quick: UpToUnbinned = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[Path, typer.Option("--out", help="Output folder.")] = Path("out/compare"),
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Put several surveys side by side: sigma(sigma8) of every level as table and figure."""
    with exit_codes(), held(out), voice(quiet or as_json) as speaking:
        from ..config.load import load_config
        from ..config.surveys import refuse_listings
        from ..core.records import Job
        from ..execution.executor import Executor
        from ..report.sweep_tables import comparison_table
        from .planning_pipelines import run_comparison

        refuse_listings(configurations, "name its surveys here, each by itself")
        stems = [Path(name).stem for name in configurations]
        names = stems if len(set(stems)) == len(set(configurations)) else configurations
        settings = {name: load_config(given) for name, given in zip(names, configurations, strict=True)}
        heard: dict[str, Any] = {"progress": speaking.progress, "tell": speaking.tell}
        job = Job(name=", ".join(settings), out=out, seed=seed, quick=quick, **heard)
        executor = Executor.chosen(workers, scheduler)
        result = run_comparison(settings, job, "best" if best else "first", level, executor)
        following = [f"Next: forecast ladder {quote(configurations[0])}"]
        deliver_table(result, comparison_table(result), job, Shown(quiet, as_json, form), following)


def proxies(
    config: ConfigName,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Which mass proxy would self-calibrate this survey best?"""
    with task(config, "proxies", out, seed, quiet or as_json, {}) as (settings, job):
        from ..report.planning_files import summary_table
        from .planning_pipelines import run_proxies

        comparison = run_proxies(settings, job)
        more = (*comparison.answer, f"Next: forecast ladder {quote(config)}")
        deliver_table(comparison, summary_table(comparison), job, Shown(quiet, as_json, form), more)


def joint(
    config: ConfigName,
    others: Others = None,
    shared: Shared = None,
    cut_overlap: CutOverlap = False,
    quick: UpToUnbinned = False,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Joint contours of Om0 and sigma8 by level, and S8; Om0 is freed where the configuration does not.

    Of several surveys, whose skies must not overlap, the information on what they share is added up.
    """
    if (asked := Asked.of(config, others, shared, cut_overlap)).several:
        return joint_several(asked, Place(out, seed), {"quick": quick}, Shown(quiet, as_json, form))
    with task(config, "joint", out, seed, quiet or as_json, {"quick": quick}) as (settings, job):
        from ..report.planning_files import joint_summary
        from .planning_pipelines import run_joint

        result = run_joint(settings, job)
        following = [f"Next: forecast ladder {quote(config)}"]
        deliver_table(result, joint_summary(result), job, Shown(quiet, as_json, form), following)
    return None


def require(
    context: typer.Context,
    config: ConfigName,
    target: Annotated[
        str,
        typer.Argument(metavar="NAME=ERROR", help="A free parameter and its error.", autocompletion=complete_target),
    ],
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="KEY...",
            help="Numeric keys, one or several.  [default: what can be bought]",
            autocompletion=complete_numeric,
        ),
    ] = None,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="KEY", hidden=True, autocompletion=complete_numeric)
    ] = None,
    level: Level = None,
    quick: UpToUnbinned = False,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """How much area, depth, precision or prior gets to an error, each alone?

    Without --level the best level of the survey counts, with --quick the best up to unbinned.
    Where nothing gets there, it says what limits the error.
    """
    refuse_more_surveys("require", [target, *(more or [])])
    with task(config, "require", out, seed, quiet or as_json, {"level": level, "quick": quick}) as (settings, job):
        from ..report.requirements import requirement_lines, requirement_table
        from .planning_pipelines import run_require

        found = run_require(settings, job, target, _keys(by or [], more or []))
        quickly = " --quick" if quick else ""
        said = requirement_lines(found, config, job.out, lambda wanted: again(context, target=wanted) + quickly)
        deliver_table(found, requirement_table(found), job, Shown(quiet, as_json, form), said)


def _keys(by: list[str], more: list[str]) -> list[str]:
    """Keys after --by, with blanks or commas between.

    >>> _keys(["survey.area,yx_error"], ["prior_width"])
    ['survey.area', 'yx_error', 'prior_width']
    """
    from ..core.errors import InputError

    if more and not by:
        raise InputError(f"'{more[0]}': write --by before the keys, or leave it out")
    return [key for words in (*by, *more) for key in words.split(",") if key]
