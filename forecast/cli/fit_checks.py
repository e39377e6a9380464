"""Whether a fitted model describes its catalogue, and what must be said before its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..checks.goodness import Goodness, goodness_of_fit
from ..checks.lensed import DRAWS, LensedFit, lensed_fit
from ..checks.ppc import PredictiveTest, check_catalogue
from ..core.caution import Caution
from ..core.parameters import ParameterSet
from ..core.records import Job
from ..core.rng import generator
from ..likelihoods.data import catalogue_points
from ..likelihoods.levels import at_level
from ..model.catalogue import Catalogue
from ..model.forward import ForwardModel, forward_model
from ..report.cautions import (
    before_fit,
    of_edges,
    of_goodness,
    of_mass_function,
    of_mass_scale,
    of_prediction,
    share_at_edges,
)
from ..report.doubts import of_convergence, of_lensed, of_tension
from ..report.results import Result
from ..sampling.mass_scale import MassScaleShift
from ..sampling.mcmc import Chain

BEFORE = ("masses", "number", "lensing", "prior", "band")
"""Kinds of cautions about a survey itself, which were found before anything was computed."""
REPLICAS = 4000
"""Catalogues drawn from a posterior to check it."""


def observed_against_predicted(
    fitted: tuple[ForwardModel, Catalogue], level: str, chain: Chain, seed: int
) -> tuple[Goodness, ...]:
    """Observed against posterior predictive counts in L_X and in Y_X, where every cluster has one."""
    model, catalogue = fitted
    errors = catalogue.log_yx_error[catalogue.has_yx]
    rms = float(np.sqrt(np.mean(errors**2))) if len(errors) else 0.0
    model = forward_model(replace(at_level(model, level).setup, errors=(), error_laws=()).with_yx_error(rms))
    rng, samples = generator(seed, "goodness"), chain.samples
    theta = samples[rng.choice(len(samples), size=min(500, len(samples)), replace=False)]
    checks = []
    for observable, values in (("lx", catalogue.log_lx), ("yx", catalogue.log_yx)):
        values = values[np.isfinite(values)]
        if len(values) == catalogue.size and (observable == "lx" or model.setup.followup is None):
            checks.append(goodness_of_fit(model, theta, observable, values, rng=rng))
    return tuple(checks)


def unlike_replicas(fitted: tuple[ForwardModel, Catalogue], level: str, chain: Chain, seed: int) -> PredictiveTest:
    """Statistics of the catalogue against those of replicas drawn from the posterior."""
    model, catalogue = fitted
    rng, samples = generator(seed, "predictive"), chain.samples
    kept = rng.choice(len(samples), size=min(REPLICAS, len(samples)), replace=False)
    theta = np.repeat(model.parameters.fiducial[None], len(kept), axis=0)
    theta[:, [model.parameters.names.index(name) for name in chain.names]] = samples[kept]
    ess = min(float(len(kept)), chain.effective_size)
    return check_catalogue(model, level, catalogue, theta, rng=rng, ess=ess)


def lensing_masses(fitted: tuple[ForwardModel, Catalogue], level: str, chain: Chain, seed: int) -> LensedFit | None:
    """Weak-lensing masses against those predicted of clusters like these, where there are any."""
    (model, catalogue), samples = fitted, chain.samples
    rng = generator(seed, "lensed")
    kept = rng.choice(len(samples), size=min(DRAWS, len(samples)), replace=False)
    theta = model.parameters.draw(len(kept), rng=rng)
    theta[:, [model.parameters.names.index(name) for name in chain.names]] = samples[kept]
    return lensed_fit(model, catalogue_points(model, catalogue), level, theta, rng=rng)


def checked_fit(
    fitted: tuple[ForwardModel, Catalogue], job: Job, result: Result, chains: Mapping[str, Chain]
) -> Result:
    """A result with what the headline's chain says of the catalogue."""
    job.begin("data against predictions")
    headline = result.headline
    told = (fitted, headline, chains[headline], job.seed)
    found = replace(result, goodness=observed_against_predicted(*told), predictive=unlike_replicas(*told))
    return replace(found, lensed=lensing_masses(*told))


def mass_scale_shifts(parameters: ParameterSet, chains: Mapping[str, Chain]) -> list[MassScaleShift]:
    """Of every level where the mass scale is free."""
    found = (MassScaleShift.of(level, chain, parameters) for level, chain in chains.items())
    return [one for one in found if one is not None]


def with_cautions(result: Result, parameters: ParameterSet, chains: Mapping[str, Chain]) -> Result:
    """A result with everything that is doubtful about it, as far as it has been computed."""
    shares = {level: share_at_edges(parameters, chain.names, chain.samples) for level, chain in chains.items()}
    single = (of_convergence(result.walked), of_prediction(result.predictive), of_lensed(result.lensed))
    found: tuple[Caution, ...] = (
        *(caution for caution in result.warnings if caution.kind in BEFORE),
        *(() if result.intake is None else before_fit(result.intake)),
        *(caution for caution in single if caution is not None),
        *of_edges(parameters, shares),
        *of_tension(parameters, result.chains),
        *(() if result.intake is None else of_mass_scale(mass_scale_shifts(parameters, chains))),
        *of_goodness(result.goodness),
        *_of_mass_function(result),
    )
    return replace(result, warnings=found)


def _of_mass_function(result: Result) -> tuple[Caution, ...]:
    """Swaps of the mass function beside the headline level's error: its chain's, else Fisher's."""
    chain = result.chain(result.headline)
    error = None if chain is None else chain.parameters["sigma8"]["std"]
    if error is None and result.ladder:
        error = result.ladder[0].sigma8_std.get(result.headline)
    return () if error is None else of_mass_function(result.systematics, result.headline, error)
