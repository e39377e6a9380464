"""What real surveys are like: shells, sky coverage, completeness, contamination; against simulated cones."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from scipy import integrate, special, stats

from forecast.checks.sbc import CalibrationPlan, calibrate
from forecast.config.load import load_config, parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, contrast_names
from forecast.core.priors import Prior
from forecast.cosmology.mass_function import MassFunction
from forecast.forecasts.ladder import cone_variant
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.model.visibility import detected
from forecast.relations.lines import Component
from forecast.survey.detection.contamination import Contamination
from forecast.survey.detection.curve import SHARP, Detection
from forecast.survey.sample_variance import cone_covariance, growth
from forecast.survey.shells import shell_edges

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
    """The same survey in shells, each with a density contrast."""
    geometry = setup.geometry
    edges = shell_edges(geometry.zmin, geometry.zmax, number, setup.cosmology)
    parameters = setup.parameters
    for name in contrast_names(number) if variance else ():
        parameters = parameters.with_free(Parameter(name, 0.0, Prior("gaussian", mean=0.0, std=1.0)))
    return replace(setup, geometry=replace(geometry, edges=edges), parameters=parameters)


def simulate(setup, copies, rng):
    """log M, log LX, log YX, log of flux over the limit of all clusters of a cone, fiducial, cluster by cluster."""
    return simulate_at_redshifts(setup, copies, rng)[1:]


def simulate_at_redshifts(setup, copies, rng):
    """The same after their redshifts."""
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
    return z, m, lx, t + g, flux - np.log10(setup.selection.flux_limit)


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
    above = sum(p.weight * special.ndtr((p.lx_shift + 0.1) / p.lx_scatter) for p in detected((part,), detection))
    x = np.linspace(-1.5, 1.5, 30_001)
    brute = 0.7 * np.trapezoid(detection(x) * stats.norm.pdf(x, 0.15, 0.2), x)
    assert above[0, 0] == pytest.approx(brute, rel=1e-3)
    weight, offset = detection.sharp_limits
    smoothed = np.sum(weight * special.ndtr((0.15 - offset) / 0.2))
    assert 0.7 * smoothed == pytest.approx(brute, rel=1e-3)
    for p in detected((part,), detection):  # a blurred luminosity is less correlated, not less covariant
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
    blurred = detected((Component(1.0, *(np.array([[x]]) for x in (0.0, 0.0, 0.15, 0.1, 0.0))),), tiles)
    ours = sum(p.weight * special.ndtr((-12.7 - reference + p.lx_shift) / p.lx_scatter) for p in blurred)
    assert ours[0, 0] == pytest.approx(exact, rel=2e-3)


def test_odds_of_contamination():
    x = np.linspace(-0.5, 1.5, 1203)
    for detection in (SHARP, TILES, BLURRED_TILES):
        product = GHOSTS.detection(detection)
        expected = detection(x) * GHOSTS.odds(x)
        for scatter in (0.1, 0.2):  # as luminosities blur it
            kernel = stats.norm.pdf(x[:, None] - x, scale=scatter) * (x[1] - x[0])
            ours = kernel @ product(x)
            np.testing.assert_allclose(ours, kernel @ expected, atol=2e-3 * expected.max())


@pytest.mark.parametrize("number", [2, 4])
def test_shells_make_up_the_whole(cone, number):
    """Numbers below any value to 2e-3 of all; a density has ripples of the redshift nodes of a percent."""
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
        assert np.abs(below).max() < 2e-3
        summed = sum(getattr(m, name)(theta, at) for m in parts)
        np.testing.assert_allclose(summed, many, rtol=2e-3, atol=1e-5 * one.max())


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
    model, size = forward_model(setup), 1500
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
    for number in (1, 4, 8, 12):
        setup = in_shells(cone, number)
        setup = replace(setup, parameters=setup.parameters.without(cone.parameters.names[1:]))
        model = forward_model(setup)
        steps = np.repeat(model.parameters.fiducial[None], number + 1, axis=0)
        steps[1:, 1:] += 0.01 * np.eye(number)
        count = np.log(model.expected_count(steps))
        spread.append(np.linalg.norm(count[1:] - count[0]) / 0.01)
    assert spread[1] > 1.02 * spread[0]
    assert spread[3] == pytest.approx(spread[2], rel=0.02)


def erosita_with(**tables):
    """Setup of the built-in configuration with some tables changed; None removes a key."""
    content = load_config("erosita").model_dump(mode="json")
    del content["survey"]["shells"]
    for table, changes in tables.items():
        if isinstance(changes, dict):
            content[table] = {k: v for k, v in ((content[table] or {}) | changes).items() if v is not None}
        else:
            content[table] = changes
    return parse_config(content).setup


FLUX = "erg / (s cm2)"
TILED = {"flux_limit": None, "flux_limits": [f"2e-13 {FLUX}", f"5e-13 {FLUX}"], "areas": ["8000 deg2", "4791 deg2"]}
CURVED = {"fluxes": [f"1e-13 {FLUX}", f"3e-13 {FLUX}", f"1e-12 {FLUX}"], "values": [0.0, 0.6, 1.0]}


def test_configured_shells():
    setup = erosita_with(survey={"shells": 3})
    assert setup.parameters.contrasts == contrast_names(3)
    edges = setup.geometry.redshift_edges
    distance = setup.cosmology.comoving_distance(np.array(edges))
    np.testing.assert_allclose(distance[1:] / distance[:-1], (distance[-1] / distance[0]) ** (1 / 3), rtol=1e-4)
    assert "divided at z = " in setup.geometry.describe(setup.cosmology)
    setup = erosita_with(survey={"redshift_edges": [0.1, 0.2, 0.3, 0.5, 0.8]}, sample_variance=False)
    assert setup.geometry.edges == (0.2, 0.3, 0.5)
    assert setup.parameters.contrasts == ()
    assert erosita_with().geometry.edges == ()
    nearest = shell_edges(0.0, 0.2, 4, setup.cosmology)
    assert nearest[0] == pytest.approx(0.0, abs=0.03)
    assert sorted(nearest) == list(nearest)


def test_configured_detection(tmp_path):
    """Tiles, tables, curves and widths read from a configuration; the reference flux is the lowest."""
    selection = erosita_with(selection=TILED).selection
    assert selection.flux_limit == pytest.approx(2e-13)
    assert selection.detection.weight == pytest.approx((8000 / 12791, 4791 / 12791))
    assert selection.detection.offset == pytest.approx((0.0, np.log10(2.5)))
    table = tmp_path / "coverage.ecsv"
    columns = {"flux_limit": [20, 50] * u.Unit("1e-14 erg / (s cm2)"), "area": [8000, 4791] * u.deg**2}
    Table(columns).write(table)
    same = erosita_with(selection={"flux_limit": None, "area_table": str(table), "completeness_width": 0.1}).selection
    assert same.flux_limit == pytest.approx(2e-13)
    assert same.detection.offset == pytest.approx(selection.detection.offset)
    assert same.detection.width == pytest.approx((0.1, 0.1))
    curve = tmp_path / "curve.ecsv"
    Table({"flux": [1e-13, 3e-13, 1e-12] * u.Unit(FLUX), "value": [0.0, 0.6, 1.0]}).write(curve)
    for given in (CURVED, {"path": str(curve)}):
        selection = erosita_with(selection={"flux_limit": None, "completeness": given}).selection
        assert selection.flux_limit == pytest.approx(1e-13)
        assert selection.detection.weight == pytest.approx((0.6, 0.4))
        assert selection.detection(np.log10(np.array([3.0, 10.0]))) == pytest.approx([0.6, 1.0], abs=0.04)
    ghosts = {"fluxes": CURVED["fluxes"], "values": [0.2, 0.1, 0.0]}
    dirty = erosita_with(selection={"contamination": ghosts}).selection
    assert dirty.detection == SHARP
    assert dirty.contamination.odds(np.log10(np.array([0.5, 1.0]) * 1e-13 / 3.35e-13)) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"survey": {"redshift_edges": [0.2, 0.8]}}, "must start at zmin = 0.1 and end at zmax = 0.8"),
        ({"survey": {"redshift_edges": [0.1, 0.5, 0.8], "shells": 3}}, "make 2 shells, not 3"),
        ({"survey": {"redshift_edges": [0.1, 0.5, 0.3, 0.8]}}, "redshift edges must increase"),
        ({"survey": {"shells": 0}}, "shells"),
        ({"selection": {"flux_limit": None}}, "exactly one of flux_limit, flux_limits, area_table, completeness"),
        ({"selection": TILED | {"flux_limit": f"1e-13 {FLUX}"}}, "got flux_limit, flux_limits"),
        ({"selection": TILED | {"areas": ["12791 deg2"]}}, "one area for each limit"),
        ({"selection": TILED | {"areas": ["8000 deg2", "479 deg2"]}}, "but survey.area is 3.896 sr"),
        ({"selection": TILED | {"areas": ["8000 deg2", "-1 deg2"]}}, "selection.areas: must be positive"),
        ({"selection": TILED | {"flux_limits": ["2e-13 erg/s", f"5e-13 {FLUX}"]}}, "not a unit of flux"),
        (
            {"selection": {"flux_limit": None, "completeness": CURVED | {"values": [0.0, 0.6, 0.5]}}},
            "completeness must rise",
        ),
        (
            {"selection": {"flux_limit": None, "completeness": CURVED | {"values": [0.0, 0.6, 1.5]}}},
            "completeness must lie between 0 and 1",
        ),
        ({"selection": {"flux_limit": None, "completeness": CURVED, "completeness_width": 0.1}}, "whole curve"),
        ({"selection": {"contamination": {"fluxes": CURVED["fluxes"]}}}, "give fluxes"),
        ({"selection": {"contamination": CURVED | {"values": [0.95, 0.1, 0.0]}}}, "contamination must be at most 0.9"),
        ({"selection": {"contamination": CURVED | {"values": [0.1, 0.0]}}}, "a value for each"),
        ({"selection": {"flux_limit": None, "area_table": "no_such_file.ecsv"}}, "path in selection.area_table"),
        ({"parameters": {"norm_contamination": {"lognormal": 0.2}}}, "add \\[selection.contamination\\]"),
        ({"parameters": {"density_contrast_2": {"gaussian": 1.0}}}, "unknown parameter"),
    ],
)
def test_configuration_errors_say_what_to_change(changes, message):
    with pytest.raises(InputError, match=message):
        erosita_with(**changes)


def test_errors_of_tables(tmp_path):
    path = tmp_path / "coverage.ecsv"
    for columns, message in (
        ({"flux": [1, 2] * u.Unit(FLUX), "area": [1, 2] * u.sr}, "no column 'flux_limit'"),
        ({"flux_limit": [1e-13, 2e-13], "area": [1, 2] * u.sr}, "column 'flux_limit' .* has no unit"),
        ({"flux_limit": [-1, 2] * u.Unit(FLUX), "area": [1, 2] * u.sr}, "not positive"),
    ):
        Table(columns).write(path, overwrite=True)
        with pytest.raises(InputError, match=message):
            erosita_with(selection={"flux_limit": None, "area_table": str(path)})


def test_densities_integrate_to_the_count(cone):
    """Of everything at once, for any parameters: the likelihoods of Y_X are normalised."""
    setup = with_selection(in_shells(cone, 3), detection=BLURRED_TILES, contamination=GHOSTS, flux_error=0.1)
    free = Parameter("norm_contamination", 1.0, Prior("lognormal", mean=1.0, std=0.2))
    setup = replace(setup, parameters=setup.parameters.with_free(free))
    model = forward_model(setup)
    theta = setup.parameters.draw(12, rng=np.random.default_rng(10))
    grid = np.linspace(model.yx_grid[0] - 0.3, model.yx_grid[-1] + 0.3, 400)
    count = model.expected_count(theta)
    np.testing.assert_allclose(np.trapezoid(model.yx_density(theta, grid), grid), count, rtol=2e-3)
    np.testing.assert_allclose(np.trapezoid(model.yx_density(theta, grid, 0.1), grid), count, rtol=2e-3)
    lx = np.linspace(41.5, 46, 400)
    np.testing.assert_allclose(np.trapezoid(model.lx_density(theta, lx), lx), count, rtol=3e-3)


@pytest.mark.parametrize("level", ["counts", "selfcal"])
@pytest.mark.parametrize("effect", ["shells", "sky"])
def test_posteriors_are_calibrated(cone, effect, level):
    """1,000 mocks of a survey of four shells, and of one with parts of the sky, completeness and contamination."""
    fixed = [n for n in cone.parameters.names if n not in ("sigma8", "norm_lx", "norm_mgas", "scatter_lx")]
    nodes = 4 if effect == "shells" else 6
    setup = replace(cone, geometry=replace(cone.geometry, nodes=nodes), parameters=cone.parameters.without(fixed))
    if effect == "shells":
        setup = in_shells(setup, 4)
    else:
        setup = with_selection(setup, detection=BLURRED_TILES, contamination=GHOSTS)
        free = Parameter("norm_contamination", 1.0, Prior("lognormal", mean=1.0, std=0.3))
        setup = replace(setup, parameters=setup.parameters.with_free(free))
    check = calibrate(forward_model(setup), level, CalibrationPlan(mocks=1000, draws=1200, seed=21, groups=2))
    assert check.status == "calibrated", check.p_values
    assert min(check.p_values.values()) > 1e-4
    assert check.coverage_68[0] == pytest.approx(0.68, abs=5 * check.coverage_68[1])
