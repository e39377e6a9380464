"""Measurement errors as real catalogues have them, against dense sums over masses and true values."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import CubicSpline

from forecast.api.keys import changed
from forecast.config.load import load_config
from forecast.model.forward import forward_model

FIELDS = {"survey.area": "140 deg2", "survey.zmax": 0.5, "survey.shells": 1, "selection.flux_error": 0.06}


def survey(**more):
    """A few bright clusters at moderate redshift; `more` by the names of keys with "__" for the point."""
    changes = FIELDS | {"selection.flux_limit": "3e-13 erg / (s cm2)", "sample_variance": False}
    return changed(load_config("erosita"), changes | {key.replace("__", "."): x for key, x in more.items()}).setup


def without_errors(model, theta, y):
    """Expected clusters per dex of true Y_X, (Q,), at one parameter vector: a dense sum over masses and redshifts."""
    population, relations, v = model.population, model.setup.relations, model.parameters.values(theta[None])
    fine = np.linspace(population.log_mass[0], population.log_mass[-1], 2 * len(population.log_mass))
    number = CubicSpline(population.log_mass, np.log(population.abundance(v)[0]), axis=1)(fine)
    scatter, step = relations.scatters(v)[0], fine[1] - fine[0]
    lines, rho = relations.at(v), relations.lx_yx
    total = np.zeros(len(y))
    for k, z in enumerate(population.shells.z):
        growth = np.log10(model.setup.cosmology.efunc(z))
        means = [line.mean((fine - relations.pivot)[None], growth)[0] for line in (lines.lx, lines.yx)]
        limit = model.selection.log_luminosity_limit(z, fine, model.setup.cosmology, relations)
        t = (y[:, None] - means[1]) / scatter[1]
        lx = means[0] + rho * scatter[0] * t
        spread = np.hypot(scatter[0] * np.sqrt(1 - rho**2), model.selection.flux_error)
        chance = stats.norm.cdf((lx - limit) / spread)
        total += (np.exp(number[k]) * chance * stats.norm.pdf(t) / scatter[1]).sum(axis=1) * step
    return total


TRUE = np.linspace(11.5, 17.0, 551)


@pytest.mark.parametrize("scatter", ["0.05 dex", "0.18 dex"], ids=["narrow", "wide"])
def test_large_errors_of_every_size_average_the_density_of_true_values(scatter):
    model = forward_model(survey(relations__yx__scatter=scatter))
    theta = model.parameters.draw(2, rng=np.random.default_rng(3))
    y = np.array([13.2, 13.6, 13.9, 14.2, 14.7, 15.2])
    error = np.array([0.31, 0.02, 0.1, 0.24, 0.15, 0.06])
    found = model.yx_density(theta, y, error)
    for i, at in enumerate(theta):
        density = without_errors(model, at, TRUE)
        expected = np.trapezoid(density[:, None] * stats.norm.pdf(y, TRUE[:, None], error), TRUE, axis=0)
        np.testing.assert_allclose(found[i], expected, rtol=1e-4)


def test_a_wide_scatter_and_no_errors_is_the_sum_over_masses():
    model = forward_model(survey(relations__yx__scatter="0.18 dex"))
    theta = model.parameters.draw(2, rng=np.random.default_rng(4))
    y = np.linspace(13.0, 15.3, 12)
    for i, found in enumerate(model.yx_density(theta, y)):
        np.testing.assert_allclose(found, without_errors(model, theta[i], y), rtol=3e-4)


def test_a_wide_scatter_that_is_tied_to_luminosity_is_summed_over_masses_too():
    setup = survey(relations__yx__scatter="0.25 dex", relations__correlation__lx_yx=0.8)
    setup = replace(setup, selection=replace(setup.selection, flux_error=0.0))
    model = forward_model(setup)
    theta, y = model.parameters.fiducial, np.linspace(13.2, 15.2, 5)
    np.testing.assert_allclose(model.yx_density(theta[None], y)[0], without_errors(model, theta, y), rtol=1e-3)
