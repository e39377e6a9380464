"""The one module that knows the order: configuration in, result and files out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..checks.intake import Intake, take_in
from ..checks.observed import catalogue_data, require_levels
from ..config.load import Config
from ..core.arrays import Array
from ..core.files import prepare_output
from ..core.records import Job, Provenance
from ..core.rng import generator
from ..forecasts.abundance import _abundance
from ..forecasts.ladder import variants, with_sample_variance
from ..forecasts.sigma8_map import Cells, build_map
from ..forecasts.sigma8_map_exact import exact_map
from ..forecasts.variant_name import SELECTIONS
from ..influence.by_mass import InfluencePlan, build_influence
from ..likelihoods.data import Data
from ..likelihoods.level_name import LevelName
from ..likelihoods.levels import at_level, level_class, require_data, shares
from ..model.catalogue import Catalogue
from ..model.concerns import concerns
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import expected_number
from ..model.simulate import draw_mocks
from ..model.yx_distribution import TabulatedDistribution, draw_medians
from ..report.cautions import before_fit
from ..report.narrative import intake_sentences, parameter_rows, survey_sentences
from ..report.results import DataSummary, Result
from ..report.text_table import answer_words
from ..report.writers import chain_summary, export_chain, write_all
from ..sampling.identity import chain_digest
from ..sampling.mcmc import Chain, ChainPlan, load_steps
from ..sampling.moved import moved_by, moved_words
from ..sampling.parallel import Sampling, sampled
from .climbing import Climb
from .fit_checks import mass_scale_shifts, observed_against_predicted, unlike_replicas, with_cautions

NO_LADDER = "Ladder and shifts by other mass functions were left out, as --quick does; --ladder adds them."
_WHOLE_MAP = "The map of N and the median is that of a survey whose clusters were all followed up."
MOST_CLUSTERS = 2_000_000
"""Clusters that are drawn for a map; of more, only N and the median are."""


def base_result(config: Config, job: Job, command: str, model: ForwardModel) -> Result:
    """Result with everything that needs no computing: survey, priors, provenance."""
    count = expected_number(model)
    return Result(
        provenance=Provenance(command, job.name, config.model_dump(mode="json"), job.seed),
        title=config.title,
        description=config.description,
        references=config.references,
        survey=survey_sentences(config.setup),
        parameters=parameter_rows(config.setup.parameters),
        expected_count=count,
        quick=job.quick,
        headline=job.level or config.sampler.level,
        notes=tuple(prior.words for prior in config.chain_priors),
        warnings=(*concerns(model), *config.cautions),
    )


def run_ladder(config: Config, job: Job, *, mcmc: bool = False) -> Result:
    """Ladder of the survey and its variants; with `mcmc`, chains of every level on expected data too."""
    prepare_output(job.out)
    model = forward_model(config.setup)
    if mcmc:
        data, summary = _forecast_data(config, job, model)
        _check_chains(config, job, data)
    climb = Climb.of(config, job, quick=job.quick)
    own = climb.first()
    result = climb.added_to(base_result(config, job, "ladder", model), own, survival=True)
    chains: dict[str, Chain] = {}
    if mcmc:
        result, chains = _with_chains(replace(result, data=summary), config, job, (model, data))
    return write_all(with_cautions(result, model.parameters, chains), job)


def run_map(config: Config, job: Job) -> Result:
    """sigma8 map from mock catalogues drawn from the prior."""
    prepare_output(job.out)
    model = forward_model(config.setup)
    return write_all(_with_map(base_result(config, job, "map", model), config, job, model), job)


def run_saliency(config: Config, job: Job, plan: InfluencePlan, level: str = LevelName.UNBINNED) -> Result:
    """Where in mass the information sits, with Mmin fixed and following L_X where the survey has one."""
    prepare_output(job.out)
    model = forward_model(config.setup)
    curves = []
    for variant in variants(config.setup, ()):
        if variant.label in SELECTIONS:
            job.begin(f"saliency, {variant.label}")
            rng = generator(job.seed, f"influence-{variant.label}")
            one = at_level(forward_model(variant.setup), level)
            curves.append(build_influence(one, variant.label, plan, level=level, rng=rng))
    return write_all(replace(base_result(config, job, "saliency", model), influence=tuple(curves)), job)


def run_forecast(config: Config, job: Job) -> Result:
    """Whole forecast, on expected data or one mock: the survey's own row, chains, the rest of the ladder, map."""
    prepare_output(job.out)
    model = forward_model(config.setup)
    data, summary = _forecast_data(config, job, model)
    result = replace(base_result(config, job, "run", model), data=summary)
    _check_chains(config, job, data)
    climb = Climb.of(config, job)
    own = climb.first()
    result, chains = _with_chains(result, config, job, (model, data))
    result = replace(climb.added_to(result, own), abundance=_abundance(config, model))
    job.begin("map of sigma8")
    result = with_cautions(_with_map(result, config, job, model), model.parameters, chains)
    return write_all(result, job, samples=chains)


def run_fit(config: Config, job: Job, catalogue_path: Path | None, *, ladder: bool = True) -> Result:
    """Posterior of a real catalogue, with observed against predicted counts; then the ladder, if asked for."""
    prepare_output(job.out)
    model = forward_model(config.setup)
    catalogue, data = catalogue_data(config, model, catalogue_path)
    require_levels(config, _levels(config, job), (model, catalogue, data))
    _check_chains(config, job, data)
    summary = DataSummary.of("catalogue", catalogue.source, data, model.setup.relations)
    result = replace(base_result(config, job, "fit", model), data=summary)
    result = replace(result, notes=(*_fit_notes(config, catalogue, job), *result.notes))
    result = replace(result, intake=catalogue_intake(model, catalogue, job))
    result, chains = _with_chains(result, config, job, (model, data))
    job.begin("data against predictions")
    headline, fitted = chains[result.headline], (model, catalogue)
    checked = (fitted, result.headline, headline, job.seed)
    result = replace(result, goodness=observed_against_predicted(*checked), predictive=unlike_replicas(*checked))
    moved = (
        moved_words(result.headline, moved_by(headline, model.parameters)),
        *(f"{shift.words}." for shift in mass_scale_shifts(model.parameters, chains)),
    )
    result = replace(result, abundance=_abundance(config, model), notes=(*result.notes, *filter(None, moved)))
    result = Climb.of(config, job).added_to(result) if ladder else replace(result, notes=(*result.notes, NO_LADDER))
    return write_all(with_cautions(result, model.parameters, chains), job, samples=chains)


def catalogue_intake(model: ForwardModel, catalogue: Catalogue, job: Job) -> Intake:
    """Summary of a catalogue, told before anything is sampled with what is doubtful about it."""
    varied = forward_model(with_sample_variance(model.setup, True))
    intake = take_in(model, varied, catalogue, rng=generator(job.seed, "intake"))
    for words in (*intake_sentences(intake), *(f"warning: {caution.text}" for caution in before_fit(intake))):
        job.say(words)
    return intake


def _forecast_data(config: Config, job: Job, model: ForwardModel) -> tuple[Data, DataSummary]:
    if job.mock is None:
        data = Data.expected(model, points=any(level_class(level).of_clusters for level in _levels(config, job)))
        source = "expected (Asimov) data at the fiducial parameters"
        return data, DataSummary.of("expected", source, data, model.setup.relations)
    data = Data.of_mock(model, draw_mocks(model, model.parameters.fiducial, rng=generator(job.mock, "mock")))
    source = f"mock catalogue with seed {job.mock} at the fiducial parameters"
    return data, DataSummary.of("mock", source, data, model.setup.relations)


def _with_map(result: Result, config: Config, job: Job, model: ForwardModel) -> Result:
    if model.setup.followup is not None:
        model = forward_model(replace(model.setup, followup=None))
        result = replace(result, notes=(*result.notes, _WHOLE_MAP))
    theta = model.parameters.draw(config.map.mocks, rng=generator(job.seed, "map-prior"))
    size, median = _counts_and_medians(model, theta, generator(job.seed, "map-mocks"))
    cells = Cells(config.map.cell_count, config.map.cell_yx, config.map.min_mocks)
    sigma8 = theta[:, model.parameters.names.index("sigma8")]
    binned = replace(build_map(sigma8, size, median, cells), proxy_unit=model.setup.relations.proxy_unit)
    return replace(result, map=binned, exact=exact_map(model, binned, rng=generator(job.seed, "map-exact")))


def _counts_and_medians(model: ForwardModel, theta: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """N and median log10 Y_X of a mock catalogue at each parameter vector, (P,)."""
    expected = model.expected_count(theta)
    if expected.sum() <= MOST_CLUSTERS:
        mocks = draw_mocks(model, theta, rng=rng)
        return mocks.size, mocks.median_yx
    size, parts = rng.poisson(expected), np.array_split(np.arange(len(theta)), max(1, len(theta) // 100))
    tables = ((part, model.yx_density(theta[part], model.yx_grid, model.setup.yx_error)) for part in parts)
    medians = [
        draw_medians(TabulatedDistribution.from_density(model.yx_grid, density), size[part], rng=rng)
        for part, density in tables
    ]
    return size, np.concatenate(medians)


def _levels(config: Config, job: Job) -> tuple[str, ...]:
    if job.level is not None:
        return (job.level,)
    return tuple(dict.fromkeys((*config.sampler.levels, config.sampler.level)))


def chain_plan(config: Config, job: Job, level: str, data: Data) -> ChainPlan:
    """How the chain of a level is made and where it is kept; its fingerprint is that of configuration and data."""
    settings = config.sampler
    longest = job.max_steps or (settings.quick_steps if job.quick else settings.max_steps)
    path = job.out / f"chain_{level}.h5"
    walkers, block = settings.walkers, settings.block
    digest = chain_digest(config.fingerprint(), level, data)
    return ChainPlan(
        level=level, seed=job.seed, walkers=walkers, block=block, max_steps=longest, path=path, fingerprint=digest
    )


def _check_chains(config: Config, job: Job, data: Data) -> None:
    """Refuse levels without data and chains of another run before any work is done; discard those to be overwritten."""
    for level in _levels(config, job):
        require_data(level, config.setup, data)
        plan = chain_plan(config, job, level, data)
        if job.overwrite:
            plan.path.unlink(missing_ok=True)
        elif plan.path.exists():
            job.say(f"level {level}: resuming from step {len(load_steps(plan)[0])}")


def _with_chains(
    result: Result, config: Config, job: Job, target: tuple[ForwardModel, Data]
) -> tuple[Result, dict[str, Chain]]:
    """Sample every level; chains are stored as they grow."""
    model, data = target
    levels = _levels(config, job)
    samplings = [Sampling(model.setup, data, chain_plan(config, job, level, data)) for level in levels]

    def report(plan: ChainPlan, steps: int, lengths: float) -> None:
        if job.progress is not None:
            job.progress(f"sampling {plan.level}", steps, plan.max_steps, lengths)

    chains = {}
    for level, (posterior, chain) in zip(levels, sampled(samplings, report), strict=True):
        job.say(answer_words(level, chain))
        export_chain(chain, posterior, job, level)
        chains[level] = chain
    names, priors = model.setup.relations.names, model.parameters
    summaries = (chain_summary(level, chain, shares(level, data, names), priors) for level, chain in chains.items())
    return replace(result, chains=tuple(summaries)), chains


def _fit_notes(config: Config, catalogue: Catalogue, job: Job) -> tuple[str, ...]:
    notes = (f"{p.label}: {p.value:g} ± {p.stat:g} (stat) ± {p.sys:g} (sys), as published." for p in config.published)
    return (*notes, *data_notes(catalogue, _levels(config, job)))


def data_notes(catalogue: Catalogue, levels: Sequence[str]) -> tuple[str, ...]:
    """How levels use what a catalogue lacks, limits, or lists beside the rest."""
    notes = []
    limits = catalogue.limits.get("yx")
    limited = 0 if limits is None else int(limits.known.sum())
    if limited:
        notes.append(f"{limited} clusters have an upper limit of Y_X: they count as what lies below it.")
    missing = catalogue.size - int(catalogue.has_yx.sum()) - limited
    if missing:
        notes.append(f"{missing} clusters have no Y_X: they count in N, and their Y_X is marginalised over.")
    if catalogue.evidence is not None:
        notes.append("What tells clusters from contaminants enters at levels unbinned, full and full+wl alone.")
    if catalogue.log_mwl is not None and LevelName.FULL_WL not in levels:
        notes.append(f"Weak-lensing masses are data of level {LevelName.FULL_WL} alone, which was not sampled.")
    return tuple(notes)
