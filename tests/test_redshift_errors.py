"""Redshift errors in forecasts and mock catalogues, against sums over true redshifts and against mock averages."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from forecast.api.keys import changed
from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.likelihoods import expected_points
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.density.uncertain_redshift import Redshifts
from forecast.likelihoods.derivatives import derivatives
from forecast.likelihoods.fisher import fisher_matrices
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.geometry import LightCone
from forecast.survey.redshift_law import RedshiftLaw

ERROR, LIMITS = 0.04, (0.25, 0.5)
FIELDS = {
    "survey.area": "1500 deg2", "survey.shells": 1, "sample_variance": False, "selection.flux_error": 0.05,
    "relations.correlation.lx_yx": 0.5, "parameters.slope_lx": 1.63, "parameters.scatter_lx": 1.0,
    "parameters.evolution_lx": 1.85, "parameters.slope_yx": 1.75, "parameters.scatter_yx": 1.0,
    "parameters.evolution_yx": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def base():
    return changed(load_config("erosita"), FIELDS)


def between(setup, zmin, zmax, **more):
    cone = LightCone(setup.geometry.area, zmin, zmax, **more)
    return replace(setup, geometry=cone)


@pytest.fixture(scope="module")
def blurred(base):
    return forward_model(between(changed(base, {"errors.z": ERROR}).setup, *LIMITS))


@pytest.fixture
def few_points(monkeypatch):
    monkeypatch.setattr(expected_points, "EXPECTED_POINTS", 600)


@pytest.fixture(scope="module")
def wide(base):
    """The same clusters at true redshifts far beyond the limits."""
    return forward_model(between(base.setup, 0.02, 1.0, nodes=240))


def test_no_error_is_the_same_survey(base):
    assert changed(base, {"errors.z": 0.0}).setup == base.setup


def test_the_expected_number_is_that_of_measured_redshifts_within_the_limits(blurred, wide):
    theta = blurred.parameters.draw(3, rng=np.random.default_rng(2))
    z, number = wide.population.shells.z, wide.by_node(wide.parameters.values(theta)).sum(axis=2) * wide.step
    low, high = ((edge - z) / (ERROR * (1 + z)) for edge in LIMITS)
    expected = number @ (stats.norm.cdf(high) - stats.norm.cdf(low))
    np.testing.assert_allclose(blurred.expected_count(theta), expected, rtol=3e-4)


def test_densities_of_single_clusters_are_sums_over_true_redshifts(blurred, wide):
    """Near the limits too, beyond which clusters may be."""
    theta = blurred.parameters.draw(2, rng=np.random.default_rng(4))
    setup, true = wide.setup, np.linspace(0.03, 0.99, 1921)
    selection, cosmology, measured = setup.selection.in_flux, setup.cosmology, np.array([0.252, 0.36, 0.497])
    limit = selection.log_luminosity_limit(measured, cosmology, setup.relations)
    listed = np.column_stack([limit + np.array([0.1, 0.4, 0.2]), [14.0, 14.3, 14.4]])
    powers, expected = setup.relations.exponents("yx"), []
    for z, observables in zip(measured, listed, strict=True):
        distance = np.log10(cosmology.comoving_distance(true) / cosmology.comoving_distance(np.array([z])))
        stretch = np.log10((1 + true) / (1 + z))
        growth = np.log10(cosmology.efunc(true) / cosmology.efunc(z))
        of_lx = 2 * (distance + stretch) + selection.k_slope * stretch
        moved = observables + np.column_stack([of_lx, powers.distance * distance - powers.expansion * growth])
        points = Points.observed(true, moved, np.tile([0.05, 0.1], (len(true), 1)))
        law = stats.norm.pdf(z, true, ERROR * (1 + true))
        expected.append(np.log(np.exp(PointDensity(wide, points, False).grid(theta)) @ law * (true[1] - true[0])))
    points = Points.observed(measured, listed, np.tile([0.05, 0.1], (3, 1)))
    points = replace(points, z_error=ERROR * (1 + measured))
    np.testing.assert_allclose(PointDensity(blurred, points, False).grid(theta), np.transpose(expected), atol=2e-3)


def test_where_no_observable_tells_the_redshift_detection_does(blurred, wide):
    """Clusters with nothing but a lensing mass, which does not move with redshift: the chance of detection does."""
    blurred, wide = (forward_model(replace(model.setup, weak_lensing=0.2)) for model in (blurred, wide))
    theta, true = blurred.parameters.draw(2, rng=np.random.default_rng(4)), np.linspace(0.05, 0.8, 751)
    measured, log_mwl, expected = np.array([0.255, 0.4]), np.array([14.3, 14.5]), []

    def points(z, mwl):
        known = Points.observed(z, np.full((len(z), 2), np.nan))
        return replace(known, log_mwl=np.full(len(z), mwl), log_mwl_error=np.full(len(z), 0.02))

    for z, mwl in zip(measured, log_mwl, strict=True):
        law = stats.norm.pdf(z, true, ERROR * (1 + true)) * (true[1] - true[0])
        expected.append(np.log(np.exp(PointDensity(wide, points(true, mwl), True).grid(theta)) @ law))
    known = replace(points(measured, 0.0), log_mwl=log_mwl, z_error=ERROR * (1 + measured))
    np.testing.assert_allclose(PointDensity(blurred, known, True).grid(theta), np.transpose(expected), atol=2e-3)


def test_mocks_scatter_over_limits_and_bins(base):
    """Against true redshifts of a deeper survey, and what is inferred from its fluxes at others."""
    setup = replace(between(base.setup, *LIMITS, edges=(0.35,)), binned_in_redshift=True)
    setup = replace(setup, redshift_law=changed(base, {"errors.z": ERROR}).setup.redshift_law)
    model, rng, size = forward_model(setup), np.random.default_rng(8), 60
    deep = forward_model(between(base.setup, 0.05, 1.0))
    at = np.repeat(model.parameters.fiducial[None], size, axis=0)
    mocks, true = draw_mocks(model, at, rng=rng), draw_mocks(deep, at, rng=rng)
    z = true.z + ERROR * (1 + true.z) * rng.standard_normal(len(true.z))
    edges = [LIMITS[0], 0.35, LIMITS[1]]
    by_hand, drawn = (np.histogram(x, edges)[0] for x in (z, mocks.z))
    expected = size * np.array([forward_model(part).expected_count(at[:1])[0] for part in setup.bins])
    for found in (by_hand, drawn):
        assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected))
    proxies = np.quantile(mocks.log_yx, np.linspace(0, 1, 8))
    for part, low, high in zip(setup.bins, edges[:-1], edges[1:], strict=True):
        mine = (mocks.z > low) & (mocks.z < high)
        grid = np.linspace(proxies[0] - 1, proxies[-1] + 1, 1200)
        density = forward_model(part).yx_density(at[:1], grid, setup.yx_error)[0] * size
        cumulative = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
        number = np.diff(np.interp(proxies, grid, cumulative))
        assert np.all(np.abs(np.histogram(mocks.log_yx[mine], proxies)[0] - number) < 5 * np.sqrt(number) + 1)


@pytest.mark.parametrize("level", ["unbinned", "full"])
def test_information_is_the_curvature_of_the_average_likelihood_of_mocks(base, level, few_points):
    """Whose average slope at the truth is none."""
    setup = changed(base, {"errors.z": ERROR, "survey.area": "200 deg2", "survey.zmin": 0.15}).setup
    model, size = forward_model(setup), 16
    at, p = model.parameters.fiducial, model.parameters
    mocks = draw_mocks(model, np.repeat(at[None], size, axis=0), rng=np.random.default_rng(5))
    joined = Data.of_mock(model, replace(mocks, row=np.zeros_like(mocks.row)))
    points = replace(joined.points, weight=joined.points.weight / size)
    average = replace(joined, size=joined.size / size, weight=joined.weight / size, points=points)
    of = likelihood(level, model, average)
    information = next(fisher_matrices((level,), model)).information
    slope, step = derivatives(of, p, at), 0.5 / np.sqrt(np.diag(information))
    x = p.to_coordinates(at)
    values = of(p.from_coordinates(np.vstack([x, x + np.diag(step), x - np.diag(step)])))
    above, below = np.split(values[1:], 2)
    curvature = (2 * values[0] - above - below) / step**2
    assert np.all(np.abs(slope) < 5 * np.sqrt(np.diag(information) / size))
    number = mocks.size.sum()
    np.testing.assert_allclose(curvature, np.diag(information), rtol=10 / np.sqrt(number))


def test_information_falls_as_errors_grow(base, few_points):
    levels, found = ("unbinned", "full"), []
    for error in (0.0, 0.03, 0.08):
        setup = changed(base, {"errors.z": error, "survey.zmin": 0.2}).setup
        found.append([fisher.std() for fisher in fisher_matrices(levels, forward_model(setup))])
    unbinned, full = np.transpose(found)
    assert np.all(np.diff(full) > 0)
    assert np.all(np.diff(unbinned) > 0)
    assert np.all(unbinned > full)


def test_lensing_masses_are_of_measured_redshifts(base):
    lensing = {"scatter": "0.2 ln", "zmin": 0.3, "zmax": 0.4, "error": {"z": [0.2, 0.5], "value": [0.0, 0.9]}}
    model = forward_model(changed(base, {"errors.z": ERROR, "weak_lensing": lensing}).setup)
    mocks = draw_mocks(model, model.parameters.fiducial[None], rng=np.random.default_rng(1))
    np.testing.assert_array_equal(np.isfinite(mocks.log_mwl), (mocks.z >= 0.3) & (mocks.z <= 0.4))


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"errors.z": 0.06}, "give zmin = 0.12 or more"), ({"errors.z": 0.3}, "errors.z")],
)
def test_errors_that_leave_nothing_are_refused(base, fields, words):
    with pytest.raises(InputError, match=words):
        _ = changed(base, fields).setup


def test_surveys_in_mass_have_no_redshifts_to_measure(nv22):
    with pytest.raises(InputError, match="take it out, or give"):
        _ = changed(nv22, {"errors.z": 0.01}).setup


CASES = {
    "M_WL": {"t": 0.8, "mwl": 14.6},
    "M_WL and a limit of T": {"limit": 0.75, "mwl": 14.6},
    "a limit of T, asymmetric errors": {"limit": 0.75, "skew": 0.5},
    "M_WL, all asymmetric": {"t": 0.8, "mwl": 14.6, "skew": -0.5, "mwl_skew": 0.5},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("expected_by_the_survey", [False, True])
def test_lensing_masses_limits_and_asymmetric_errors_at_every_redshift(cccp, case, expected_by_the_survey):
    """Sums over true redshifts: L_X and Y_X move with them, temperatures, their limits and lensing masses do not."""
    has, z, error = CASES[case], 0.1, 0.006
    free = cccp.setup.parameters.without([name for name in cccp.setup.parameters.names if name.startswith("density")])
    setup = replace(cccp.setup, parameters=free, weak_lensing=0.3, errors=())
    model = forward_model(setup)
    theta, true = free.draw(2, rng=np.random.default_rng(4)), np.linspace(0.066, 0.14, 149)
    theta = free.fiducial + 0.5 * (theta - free.fiducial)
    selection, cosmology = setup.selection.in_flux, setup.cosmology
    limits = selection.log_luminosity_limit(true, cosmology, setup.relations)
    limit = float(np.interp(z, true, limits))
    distance = np.log10(cosmology.comoving_distance(true) / cosmology.comoving_distance(np.array([z])))
    powers, growth = setup.relations.exponents("yx"), np.log10(cosmology.efunc(true) / cosmology.efunc(z))
    of_yx = powers.distance * distance - powers.expansion * growth
    moved = np.column_stack([limits - limit, np.zeros_like(true), of_yx])
    listed = np.array([limit + 0.4, has.get("t", np.nan), 14.9])

    def points(at, values):
        nothing = np.full((len(at), 3), np.nan)
        below, width = nothing.copy(), nothing.copy()
        if "limit" in has:
            below[:, 1], width[:, 1] = has["limit"], 1 / 3
        one = Points.observed(at, values, np.tile([0.05, 0.03, 0.05], (len(at), 1)), limits=(below, width))
        of_mwl = {"log_mwl": np.full(len(at), has.get("mwl", np.nan)), "log_mwl_error": np.full(len(at), 0.1)}
        skew = np.tile([has.get("skew", 0.0), 0.0, -has.get("skew", 0.0)], (len(at), 1))
        return replace(one, skew=skew, log_mwl_skew=np.full(len(at), has.get("mwl_skew", 0.0)), **of_mwl)

    sigma = error * (1 + true) / (1 + z) if expected_by_the_survey else np.full(len(true), error)
    law = stats.norm.pdf(z, true, sigma) * (true[1] - true[0])
    each = PointDensity(model, points(true, listed + moved), "mwl" in has).grid(theta)
    if expected_by_the_survey:
        model = forward_model(replace(setup, redshift_law=RedshiftLaw(error / (1 + z))))
    known = replace(points(np.array([z]), listed[None]), z_error=np.array([error]))
    found = PointDensity(model, known, "mwl" in has).grid(theta)[:, 0]
    np.testing.assert_allclose(found, np.log(np.exp(each) @ law), atol=6e-3)


@pytest.mark.parametrize("part", [0.1, 0.19, 0.25, 0.6])
def test_errors_that_reach_every_farther_redshift_are_summed_over_all_of_them(base, part):
    """A fifth of 1 + z is where five errors of the law reach infinity."""
    model, z = forward_model(changed(base, {"errors.z": ERROR}).setup), 0.3
    known = Points.observed(np.array([z]), np.full((1, len(model.setup.relations.names)), np.nan))
    nodes = Redshifts.of(model, replace(known, z_error=np.array([part * (1 + z)])))
    near, *_, far = model.setup.redshift_law.edges(model.setup.geometry)
    whole = integrate.quad(lambda true: stats.norm.pdf(z, true, part * (1 + true)), near, far)[0]
    np.testing.assert_allclose(np.exp(nodes.log_weight).sum(), whole, rtol=1e-3)
