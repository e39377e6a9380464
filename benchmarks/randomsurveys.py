"""Surveys at random: every geometry, selection, set of relations, error and prior; whatever a configuration can say."""

from dataclasses import replace

import numpy as np

from forecast.config.load import load_config
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.forecasts.ladder import with_sample_variance
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.model.setup import Setup
from forecast.relations.residuals import Residuals
from forecast.survey.detection.contamination import Contamination
from forecast.survey.detection.curve import Detection
from forecast.survey.flux_limit import FluxLimited
from forecast.survey.geometry import LightCone, Replicated
from forecast.survey.mass_cut import Smoothed
from forecast.survey.shells import shell_edges

Array = np.ndarray
LEVELS = ("prior", "counts", "selfcal", "binned", "unbinned", "full")
LESS = [("counts", "prior"), ("selfcal", "counts"), ("binned", "counts"), ("unbinned", "selfcal")]
LESS += [("unbinned", "binned"), ("full", "unbinned"), ("full+wl", "full")]
"""Levels that know at least as much as another one."""


def random_setup(seed: int) -> Setup:
    """A survey of between a thousandth of a cluster and some ten thousand."""
    rng = np.random.default_rng([seed, 12])
    setup = load_config(rng.choice(["nv22", "nv22_follows_lx", "cccp_lowz", "erosita"])).setup
    setup = with_sample_variance(setup, False)
    if isinstance(setup.selection, FluxLimited):
        setup = _flux_limited(setup, rng)
    elif rng.random() < 0.4:
        setup = replace(setup, selection=Smoothed(setup.selection, float(rng.uniform(0.03, 0.12))))
    setup = _relations(setup, rng)
    parameters = setup.parameters.widened(float(10 ** rng.uniform(-0.7, 1)))
    if rng.random() < 0.3:
        low = 0.6 * setup.cosmology.Om0
        parameters = parameters.with_free(
            Parameter("Om0", setup.cosmology.Om0, Prior("flat", low=low, high=1.5 * setup.cosmology.Om0))
        )
    setup = replace(setup, parameters=parameters)
    if isinstance(setup.geometry, LightCone) or rng.random() < 0.5:
        setup = replace(setup, geometry=Replicated(setup.geometry, float(10 ** rng.uniform(-4, 1))))
    return setup


def _flux_limited(setup: Setup, rng: np.random.Generator) -> Setup:
    limit = setup.selection.flux_limit * 10 ** rng.uniform(-0.7, 0.7)
    selection = replace(setup.selection, flux_limit=float(limit), flux_error=float(rng.choice([0.0, 0.05, 0.15])))
    if rng.random() < 0.4:
        curve, _ = Detection.of_curve(np.array([0.0, 0.2, 0.5]), np.array([0.1, 0.5, 0.98]))
        selection = replace(selection, detection=curve)
    cone, zmax, shells = setup.geometry, float(rng.uniform(0.2, 1.0)), int(rng.choice([1, 3]))
    if rng.random() < 0.4 and shells == 1:
        selection = replace(selection, contamination=Contamination((0.0, 0.3), (0.2, 0.02)))
    edges = shell_edges(cone.zmin, zmax, shells, setup.cosmology) if shells > 1 else ()
    binned = bool(shells > 1 and rng.random() < 0.6)
    return replace(
        setup, selection=selection, geometry=LightCone(cone.area, cone.zmin, zmax, edges), binned_in_redshift=binned
    )


def _relations(setup: Setup, rng: np.random.Generator) -> Setup:
    relations, size = setup.relations, len(setup.relations.names)
    scatters = {
        name: replace(relations[name], scatter=relations[name].scatter * rng.uniform(0.6, 1.6))
        for name in relations.names
    }
    relations = replace(relations, **scatters)
    if rng.random() < 0.4:
        spread = rng.standard_normal((2, size, size))
        spread = np.einsum("jab,jcb->jac", spread, spread) / size + 0.3 * np.eye(size)
        shift = 0.4 * rng.standard_normal(size)
        weight, mean = np.array([0.7, 0.3]), np.stack([-0.3 * shift, 0.7 * shift])
        residuals = Residuals(relations.names, weight, mean[None], spread[None], np.zeros(1))
        relations = replace(relations, residuals=residuals)
    errors = tuple(float(x) for x in rng.choice([0.0, 0.03, 0.1], size=size) * (np.arange(size) > 0))
    weak_lensing = float(rng.uniform(0.1, 0.5)) if rng.random() < 0.5 else None
    parameters = setup.parameters
    if weak_lensing is None:
        parameters = parameters.without(["norm_wl", "scatter_wl"])
    errors = errors if any(errors) else ()
    return replace(setup, relations=relations, errors=errors, weak_lensing=weak_lensing, parameters=parameters)


def widths(setup: Setup) -> dict[str, float]:
    """sigma(sigma8) of every level and of the prior."""
    model = forward_model(setup)
    return {level: fisher_matrix(level, model).std() for level in levels_of(setup)}


def levels_of(setup: Setup) -> tuple[str, ...]:
    """Levels that a survey has data for, the prior first."""
    return LEVELS if setup.weak_lensing is None else (*LEVELS, "full+wl")
