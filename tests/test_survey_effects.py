"""What real surveys are like: shells, sky coverage, completeness, contamination; against simulated cones."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, special, stats

from forecast.detection import SHARP, Contamination, Detection
from forecast.ladder import cone_variant
from forecast.massfunction import MassFunction
from forecast.mock import draw_mocks
from forecast.model import forward_model
from forecast.parameters import Parameter, Prior, contrast_names
from forecast.scaling import Component
from forecast.survey import equal_volume_edges
from forecast.variance import cone_covariance, growth

TILES = Detection.of_tiles(np.array([-12.0, -11.8, -11.5]), np.array([1.0, 2.0, 1.5]))[0]
ERF = Detection.of_tiles(np.zeros(1), np.ones(1), 0.12)[0]
BLURRED_TILES = Detection.of_tiles(np.array([0.0, 0.3]), np.array([1.0, 1.0]), 0.1)[0]
CURVE = Detection.of_curve(np.array([-0.1, 0.1, 0.3, 0.6]), np.array([0.1, 0.4, 0.7, 0.9]))[0]
GHOSTS = Contamination((0.0, 0.4, 1.0), (0.3, 0.1, 0.0))
DETECTIONS = {"tiles": TILES, "erf": ERF, "both": BLURRED_TILES, "curve": CURVE}


@pytest.fixture(scope="module")
def cone(nv22):
    """Setup of a flux-limited cone of the NV22 survey's volume."""
    return cone_variant(nv22.setup)


def with_selection(setup, **changes):
    return replace(setup, selection=replace(setup.selection, **changes))


def in_shells(setup, number, variance=True):
    """The same survey in shells of equal volume, each with a density contrast."""
    geometry = setup.geometry
    edges = equal_volume_edges(geometry.zmin, geometry.zmax, number, setup.cosmology)
    parameters = setup.parameters
    for name in contrast_names(number) if variance else ():
        parameters = parameters.with_free(Parameter(name, 0.0, Prior("gaussian", mean=0.0, std=1.0)))
    return replace(setup, geometry=replace(geometry, edges=edges), parameters=parameters)


def simulate(setup, copies, rng):
    """log M, log LX, log YX, log of flux over the limit of all clusters of a cone, fiducial, cluster by cluster."""
    r, c, geometry = setup.relations, setup.cosmology, setup.geometry
    grid = np.arange(12.6, 15.91, 0.01)
    z, m = [], []
    for low, high in itertools.pairwise(np.linspace(geometry.zmin, geometry.zmax, 41)):
        density = MassFunction(c, setup.mass_function, [0.5 * (low + high)], grid)(0.81)[0, 0]
        cdf = integrate.cumulative_simpson(density, x=grid, initial=0.0)
        number = rng.poisson(copies * c.comoving_volume(geometry.area, low, high) * cdf[-1])
        radius = np.cbrt(rng.uniform(*(c.comoving_distance(np.array([low, high])) ** 3), number))
        table = np.linspace(low, high, 50)
        z.append(np.interp(radius, c.comoving_distance(table), table))
        m.append(np.interp(rng.random(number) * cdf[-1], cdf, grid))
    z, m = np.concatenate(z), np.concatenate(m)
    sigma = np.array([r.lx.scatter, r.t.scatter, r.mgas.scatter])
    rho = np.array([[1, r.lx_t, r.lx_mgas], [r.lx_t, 1, r.t_mgas], [r.lx_mgas, r.t_mgas, 1]])
    noise = rng.multivariate_normal(np.zeros(3), rho * np.outer(sigma, sigma), len(m))
    growth = np.log10(c.efunc(z) / c.efunc(0.07))
    lx, t, g = (
        law.log_norm + law.slope * (m - 14.4) + law.evolution * growth + noise[:, i]
        for i, law in enumerate((r.lx, r.t, r.mgas))
    )
    lx = lx + setup.selection.flux_error * rng.standard_normal(len(lx))
    distance = c.luminosity_distance(z) / c.h * 3.0856775814913673e24
    flux = lx - np.log10(4 * np.pi * distance**2 * (1 + z) ** setup.selection.k_slope)
    return m, lx, t + g, flux - np.log10(setup.selection.flux_limit)


def check(values, density, grid, count, copies):
    """Number and distribution of values against a density per dex; 5 sigma, p > 1e-6."""
    assert len(values) == pytest.approx(copies * count, abs=5 * np.sqrt(copies * count))
    assert np.trapezoid(density, grid) == pytest.approx(count, rel=2e-3)
    cdf = integrate.cumulative_trapezoid(density, grid, initial=0.0)
    assert stats.kstest(values, lambda x: np.interp(x, grid, cdf / cdf[-1])).pvalue > 1e-6


def check_model(setup, seen, clusters, copies):
    """Observables of the detections, and masses of the clusters among them, against the forward model."""
    model, theta = forward_model(setup), setup.parameters.fiducial[None]
    count = model.expected_count(theta)[0]
    lx, yx = seen
    for values, density in ((lx, model.lx_density), (yx, model.yx_density)):
        grid = np.linspace(values.min() - 0.2, values.max() + 0.2, 301)
        check(values, density(theta, grid)[0], grid, count, copies)
    grid = np.linspace(clusters.min() - 0.2, clusters.max() + 0.2, 301)
    density = model.mass_density(theta, grid)[0]
    check(clusters, density, grid, np.trapezoid(density, grid), copies)


@pytest.mark.parametrize(("name", "flux_error"), [("tiles", 0.0), ("erf", 0.1), ("both", 0.0), ("curve", 0.1)])
def test_chance_of_detection_against_a_simulated_cone(cone, name, flux_error):
    setup = with_selection(cone, detection=DETECTIONS[name], flux_error=flux_error)
    rng, copies = np.random.default_rng(1), 60
    mass, lx, yx, flux = simulate(setup, copies, rng)
    seen = rng.random(len(mass)) < DETECTIONS[name](flux)
    check_model(setup, (lx[seen], yx[seen]), mass[seen], copies)


@pytest.mark.parametrize("detection", [SHARP, BLURRED_TILES])
def test_contamination_against_a_simulated_cone(cone, detection):
    """A fraction c of the detections at a flux are no clusters: c/(1 - c) for each cluster."""
    setup = with_selection(cone, detection=detection, contamination=GHOSTS)
    rng, copies = np.random.default_rng(2), 60
    mass, lx, yx, flux = simulate(setup, copies, rng)
    _, other_lx, other_yx, other_flux = simulate(setup, copies, rng)
    fraction = np.interp(other_flux, GHOSTS.log_flux, GHOSTS.fraction)
    seen = rng.random(len(flux)) < detection(flux)
    false = rng.random(len(other_flux)) < detection(other_flux) * fraction / (1 - fraction)
    at_limit = false & (other_flux < 0.05) & (other_flux > 0)
    genuine = seen & (flux < 0.05) & (flux > 0)
    assert 0.25 < at_limit.sum() / (at_limit.sum() + genuine.sum()) < 0.32
    both = np.concatenate([lx[seen], other_lx[false]]), np.concatenate([yx[seen], other_yx[false]])
    check_model(setup, both, mass[seen], copies)


@pytest.mark.parametrize(
    "changes",
    [
        {"detection": BLURRED_TILES, "flux_error": 0.1},
        {"detection": CURVE},
        {"detection": TILES, "contamination": GHOSTS},
    ],
)
def test_mocks_follow_the_model(cone, changes):
    setup = with_selection(in_shells(cone, 2), **changes)
    model, copies = forward_model(setup), 200
    theta = setup.parameters.fiducial.copy()
    theta[-2:] = 1.5, -1.0
    mocks = draw_mocks(model, np.repeat(theta[None], copies, axis=0), rng=np.random.default_rng(3))
    count = model.expected_count(theta[None])[0]
    assert (np.diff(mocks.row) >= 0).all()
    assert stats.chi2.sf(np.var(mocks.size) * copies / count, copies) > 1e-6
    for values, density in ((mocks.log_lx, model.lx_density), (mocks.log_yx, model.yx_density)):
        grid = np.linspace(values.min() - 0.2, values.max() + 0.2, 301)
        check(values, density(theta[None], grid)[0], grid, count, copies)


def test_a_free_number_of_contaminants(cone):
    setup = with_selection(cone, contamination=GHOSTS)
    free = Parameter("norm_contamination", 1.0, Prior("lognormal", mean=1.0, std=0.2))
    setup = replace(setup, parameters=setup.parameters.with_free(free))
    theta = np.repeat(setup.parameters.fiducial[None], 2, axis=0)
    theta[1, -1] = 3.0
    model, clean = forward_model(setup), forward_model(cone)
    one, three = model.expected_count(theta)
    alone = clean.expected_count(cone.parameters.fiducial[None])[0]
    assert three - alone == pytest.approx(3 * (one - alone), rel=1e-9)
    assert 0.1 * alone < one - alone < 0.35 * alone
    mocks = draw_mocks(model, np.repeat(theta, 200, axis=0), rng=np.random.default_rng(4))
    for expected, size in ((one, mocks.size[:200]), (three, mocks.size[200:])):
        assert size.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / 200))
    widened = setup.parameters.widened(10.0)
    assert widened.prior_std[-1] == setup.parameters.prior_std[-1]
    assert widened.prior_std[1] > setup.parameters.prior_std[1]


def test_nothing_changes_where_nothing_is_asked_for(cone):
    """The same numbers, bit for bit, with a sharp limit as tiles, and from the same random numbers."""
    tile, log_limit = Detection.of_tiles(np.full(3, math.log10(cone.selection.flux_limit)), np.ones(3))
    assert tile == SHARP
    assert log_limit == pytest.approx(math.log10(cone.selection.flux_limit))
    a, b = forward_model(cone), forward_model(with_selection(cone, detection=Detection((1.0,), (0.0,), (0.0,))))
    theta = cone.parameters.draw(5, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(a.yx_density(theta, a.yx_grid), b.yx_density(theta, b.yx_grid))
    mocks = [draw_mocks(m, theta, rng=np.random.default_rng(6)) for m in (a, b)]
    np.testing.assert_array_equal(mocks[0].observables, mocks[1].observables)


@pytest.mark.parametrize("detection", list(DETECTIONS.values()), ids=list(DETECTIONS))
def test_chance_of_detection_is_a_sum_of_normal_integrals(detection):
    """Its mean over Gaussian luminosities by quadrature; sharp limits stand for wide ones."""
    part = Component(0.7, *(np.array([[x]]) for x in (0.05, 0.0, 0.2, 0.1, 0.6)))
    above = sum(p.weight * special.ndtr((p.lx_shift + 0.1) / p.lx_scatter) for p in detection.of((part,)))
    x = np.linspace(-1.5, 1.5, 30_001)
    brute = 0.7 * np.trapezoid(detection(x) * stats.norm.pdf(x, 0.15, 0.2), x)
    assert above[0, 0] == pytest.approx(brute, rel=1e-3)
    weight, offset = detection.sharp_limits
    smoothed = np.sum(weight * special.ndtr((0.15 - offset) / 0.2))
    assert 0.7 * smoothed == pytest.approx(brute, rel=1e-3)
    for p in detection.of((part,)):  # a blurred luminosity is less correlated, not less covariant
        np.testing.assert_allclose(p.correlation * p.lx_scatter, 0.6 * 0.2)


def test_curves_and_tiles():
    """A curve is reproduced at and between its points; close limits are merged without moving the mean."""
    flux, chance = np.linspace(-0.2, 0.6, 9), np.linspace(0.0, 0.8, 9)
    curve, reference = Detection.of_curve(flux, chance)
    np.testing.assert_allclose(curve(flux[1:-1] - reference), chance[1:-1], atol=0.005)
    assert curve(np.array([-0.3 - reference]))[0] < 0.005
    assert curve(np.array([2.0]))[0] == pytest.approx(0.8)
    rng = np.random.default_rng(7)
    limits, areas = rng.uniform(-13, -12.5, 300), rng.uniform(0.5, 1.0, 300)
    tiles, reference = Detection.of_tiles(limits, areas, 0.1)
    assert len(tiles.weight) <= 11
    assert sum(tiles.weight) == pytest.approx(1.0)
    mean = np.average(limits, weights=areas)
    assert np.dot(tiles.weight, tiles.offset) + reference == pytest.approx(mean)
    exact = np.average(special.ndtr((-12.7 - limits) / np.hypot(0.1, 0.15)), weights=areas)
    blurred = tiles.of((Component(1.0, *(np.array([[x]]) for x in (0.0, 0.0, 0.15, 0.1, 0.0))),))
    ours = sum(p.weight * special.ndtr((-12.7 - reference + p.lx_shift) / p.lx_scatter) for p in blurred)
    assert ours[0, 0] == pytest.approx(exact, rel=2e-3)


def test_odds_of_contamination():
    x = np.linspace(-0.5, 1.5, 2003)
    for detection in (SHARP, TILES, BLURRED_TILES):
        product = GHOSTS.detection(detection)
        expected = detection(x) * GHOSTS.odds(x)
        for scatter in (0.1, 0.2):  # as luminosities blur it
            kernel = stats.norm.pdf(x[:, None] - x, scale=scatter) * (x[1] - x[0])
            ours = kernel @ product(x)
            np.testing.assert_allclose(ours, kernel @ expected, atol=2e-3 * expected.max())


@pytest.mark.parametrize("number", [2, 4])
def test_shells_make_up_the_whole(cone, number):
    """Numbers below any value to 1e-3 of all; a density has ripples of the redshift nodes of a percent."""
    whole, divided = forward_model(cone), forward_model(in_shells(cone, number, variance=False))
    theta = cone.parameters.draw(4, rng=np.random.default_rng(8))
    parts = [forward_model(replace(divided.setup, geometry=part)) for part in divided.setup.geometry.parts]
    counts = [m.expected_count(theta) for m in (whole, divided)]
    np.testing.assert_allclose(counts[1], counts[0], rtol=3e-4)
    np.testing.assert_allclose(sum(m.expected_count(theta) for m in parts), counts[1], rtol=1e-5)
    masses, lx = np.linspace(13.0, 15.5, 60), np.linspace(42.5, 45.5, 120)
    for name, at in (("yx_density", whole.yx_grid), ("lx_density", lx), ("mass_density", masses)):
        one, many = (getattr(m, name)(theta, at) for m in (whole, divided))
        below = integrate.cumulative_trapezoid(many - one, at) / counts[0][:, None]
        assert np.abs(below).max() < 1e-3
        summed = sum(getattr(m, name)(theta, at) for m in parts)
        np.testing.assert_allclose(summed, many, rtol=1e-4, atol=1e-6 * one.max())


def test_density_contrasts_of_shells_by_hand(cone):
    """Each shell's abundance times exp(b g - b^2 s^2/2), g of the covariance of the shells' contrasts."""
    setup = in_shells(cone, 3)
    model, plain = forward_model(setup), forward_model(in_shells(cone, 3, variance=False))
    contrasts = np.array([1.0, -2.0, 0.5])
    theta = np.concatenate([cone.parameters.fiducial, contrasts])[None]
    mass = np.array([14.0, 14.8])
    values, vectors = np.linalg.eigh(cone_covariance(setup.geometry, setup.cosmology) / 0.8**2)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    expected = 0.0
    for i, part in enumerate(setup.geometry.parts):
        z = part.shells(setup.cosmology).z
        function = MassFunction(setup.cosmology, setup.mass_function, z, mass)
        scale = 0.81 * growth(setup.cosmology, z)[:, None] * function.bias(0.81)[0]
        factor = np.exp(scale * (root[i] @ contrasts) - 0.5 * scale**2 * (root[i] @ root[i]))
        shell = forward_model(replace(plain.setup, geometry=part))
        one = shell.mass_density(cone.parameters.fiducial[None], mass)[0]
        weight = part.shells(setup.cosmology).volume[:, None] * function(0.81)[0]
        visible = np.minimum(one / weight.sum(axis=0), 1)
        low, high = factor.min(axis=0), factor.max(axis=0)
        expected = expected + one * np.array([low, high]) * (visible > 0)
    ours = model.mass_density(theta, mass)[0]
    assert ((ours >= expected[0] * (1 - 1e-4)) & (ours <= expected[1] * (1 + 1e-4))).all()
    assert (expected[1] / expected[0] < 1.02).all()


def test_sample_variance_of_shells_in_mocks(cone):
    """The scatter of counts of mocks with random contrasts is Poisson's and the contrasts'."""
    setup = in_shells(cone, 4)
    setup = replace(setup, parameters=setup.parameters.without(cone.parameters.names[1:]))
    model, size = forward_model(setup), 3000
    rng = np.random.default_rng(9)
    theta = model.parameters.draw(size, rng=rng)
    theta[:, 0] = 0.81
    counts = draw_mocks(model, theta, rng=rng).size
    expected = model.expected_count(theta)
    mean = forward_model(cone).expected_count(cone.parameters.fiducial[None])[0]
    assert counts.mean() == pytest.approx(mean, abs=5 * counts.std() / np.sqrt(size))
    variance = expected.var() + mean
    assert expected.std() > 0.08 * mean
    assert counts.var() == pytest.approx(variance, abs=5 * variance * np.sqrt(2.5 / size))


def test_one_contrast_understates_the_sample_variance_of_a_cone(cone):
    """Most clusters are nearby, where the volume is small: more shells, more variance, to a limit."""
    spread = []
    for number in (1, 4, 12, 16):
        setup = in_shells(cone, number)
        setup = replace(setup, parameters=setup.parameters.without(cone.parameters.names[1:]))
        model = forward_model(setup)
        steps = np.repeat(model.parameters.fiducial[None], number + 1, axis=0)
        steps[1:, 1:] += 0.01 * np.eye(number)
        count = np.log(model.expected_count(steps))
        spread.append(np.linalg.norm(count[1:] - count[0]) / 0.01)
    assert spread[1] > 1.02 * spread[0]
    assert spread[3] == pytest.approx(spread[2], rel=0.02)
