"""The one module that knows the order: configuration in, result and files out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ..checks.intake import Intake, take_in
from ..checks.observed import catalogue_data, require_levels
from ..config.load import Config
from ..core.arrays import Array
from ..core.caution import Caution
from ..core.files import prepare_output
from ..core.records import Job, Provenance
from ..core.rng import generator
from ..forecasts.abundance import expected_abundance
from ..forecasts.ladder import variants, with_sample_variance
from ..forecasts.sigma8_map import Cells, build_map
from ..forecasts.sigma8_map_exact import exact_map
from ..forecasts.variant_name import SELECTIONS
from ..influence.by_mass import InfluencePlan, build_influence
from ..likelihoods.data import Data
from ..likelihoods.level_name import LevelName
from ..likelihoods.levels import at_level, level_class
from ..model.catalogue import Catalogue
from ..model.concerns import concerns
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import expected_number
from ..model.simulate import draw_mocks
from ..model.yx_distribution import TabulatedDistribution, draw_medians
from ..report.cautions import before_fit
from ..report.narrative import intake_sentences, parameter_rows, survey_sentences
from ..report.results import DataSummary, Result
from ..report.writers import write_all
from ..sampling.mcmc import Chain
from ..sampling.moved import moved_by, moved_words
from .chaining import Chaining
from .climbing import Climb
from .fit_checks import checked_fit, mass_scale_shifts, with_cautions
from .level_choice import LevelChoice

THE_LADDER = "the ladder and shifts by other assumptions"
NO_LADDER = "Ladder and shifts by other mass functions were left out; --ladder adds them."
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
        headline=LevelChoice.of(config, job).headline,
        notes=tuple(prior.words for prior in config.chain_priors),
        warnings=(*concerns(model), *config.cautions),
        Om0=config.setup.fixed_density,
        again=job.again,
    )


def run_ladder(config: Config, job: Job, *, mcmc: bool = False) -> Result:
    """Ladder of the survey and its variants; with `mcmc`, chains of every level on expected data too."""
    prepare_output(job.out)
    model = forward_model(config.setup)
    if mcmc:
        data, summary = _forecast_data(config, job, model)
        chaining = Chaining.checked(config, job, (model, data))
    climb = Climb.of(config, job, quick=job.quick)
    own = climb.first()
    result = climb.added_to(base_result(config, job, "ladder", model), own, survival=True)
    chains: dict[str, Chain] = {}
    if mcmc:
        result, chains = chaining.added_to(replace(result, data=summary))
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
    chaining = Chaining.checked(config, job, (model, data))
    climb = Climb.of(config, job)
    own = climb.first()
    result = replace(result, ladder=own, abundance=expected_abundance(model))
    result, chains = chaining.added_to(result, follows=("the rest of the ladder", "the map of sigma8"))
    result = climb.added_to(result, own)
    job.begin("map of sigma8")
    result = with_cautions(_with_map(result, config, job, model), model.parameters, chains)
    return write_all(result, job, samples=chains)


def run_fit(config: Config, job: Job, catalogue_path: Path | None, *, ladder: bool = True) -> Result:
    """Posterior of a real catalogue, with observed against predicted counts; then the ladder, if asked for."""
    prepare_output(job.out)
    model = forward_model(config.setup)
    catalogue, data = catalogue_data(config, model, catalogue_path)
    require_levels(config, LevelChoice.of(config, job).every, (model, catalogue, data))
    chaining = Chaining.checked(config, job, (model, data))
    summary = DataSummary.of("catalogue", catalogue.source, data, model.setup.relations)
    result = replace(base_result(config, job, "fit", model), data=summary, abundance=expected_abundance(model))
    more = () if ladder else (NO_LADDER,)
    result = replace(result, notes=(*_fit_notes(config, catalogue, job), *result.notes, *more))
    intake = catalogue_intake(model, catalogue, job)
    say_doubts(before_fit(intake), job)
    result = replace(result, intake=intake)
    follows = (THE_LADDER,) if ladder else ()
    result, chains = chaining.added_to(result, partial(checked_fit, (model, catalogue), job), follows)
    moved = (
        moved_words(result.headline, moved_by(chains[result.headline], model.parameters)),
        *(f"{shift.words}." for shift in mass_scale_shifts(model.parameters, chains)),
    )
    result = replace(result, notes=(*result.notes, *filter(None, moved)))
    result = Climb.of(config, job).added_to(result) if ladder else result
    return write_all(with_cautions(result, model.parameters, chains), job, samples=chains)


def catalogue_intake(model: ForwardModel, catalogue: Catalogue, job: Job) -> Intake:
    """Summary of a catalogue, told before anything is sampled."""
    varied = forward_model(with_sample_variance(model.setup, True))
    intake = take_in(model, varied, catalogue, rng=generator(job.seed, "intake"))
    for words in intake_sentences(intake):
        job.say(words)
    return intake


def say_doubts(cautions: Iterable[Caution], job: Job) -> None:
    """Tell what is doubtful before anything is sampled."""
    for caution in cautions:
        job.say(f"warning: {caution.text}")


def _forecast_data(config: Config, job: Job, model: ForwardModel) -> tuple[Data, DataSummary]:
    if job.mock is None:
        levels = LevelChoice.of(config, job).every
        data = Data.expected(model, points=any(level_class(level).of_clusters for level in levels))
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


def _fit_notes(config: Config, catalogue: Catalogue, job: Job) -> tuple[str, ...]:
    return (*published_words(config), *data_notes(catalogue, LevelChoice.of(config, job).every))


def published_words(config: Config) -> tuple[str, ...]:
    """What others found; a systematic error of 0 is none beside the first, which holds all there is."""
    both = ((p, f"{p.stat:g} (stat) ± {p.sys:g} (sys)" if p.sys else f"{p.stat:g}") for p in config.published)
    return tuple(f"{p.label}: {p.value:g} ± {errors}, as published." for p, errors in both)


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
