"""Levels full and full+wl: densities against brute force, normalisation, and limits in other levels."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from forecast.core.units import LN10
from forecast.cosmology.mass_function import MassFunction
from forecast.likelihoods.data import Data, catalogue_points
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.levels import at_level, likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.relations.residuals import Residuals


def heavy(names):
    """Unit residuals with tails and skewness: two Gaussians of different mean and covariance."""
    size, rng = len(names), np.random.default_rng(8)
    weight, shift = np.array([0.8, 0.2]), 0.3 * rng.standard_normal(size)
    mean = np.stack([-0.2 * shift, 0.8 * shift])
    spread = [a @ a.T / size + 0.3 * np.eye(size) for a in rng.standard_normal((2, size, size))]
    return Residuals(names, weight, mean[None], np.stack(spread)[None], np.zeros(1))


def varying(names):
    """Unit residuals whose covariance grows with mass."""
    base = heavy(names)
    factor = np.array([0.7, 1.0, 1.5])[:, None, None]
    mean, covariance = base.mean * factor, base.covariance * factor[..., None] ** 2
    return Residuals(names, base.weight, mean, covariance, np.array([13.5, 14.2, 15.0]))


@pytest.fixture(scope="module")
def surveys(nv22, cccp):
    box = replace(nv22.setup, weak_lensing=0.2, errors=(0.0, 0.02, 0.03))
    relations = box.relations
    tails = replace(box, relations=replace(relations, residuals=heavy(relations.names)))
    grows = replace(box, relations=replace(relations, residuals=varying(relations.names)))
    cone = replace(cccp.setup, weak_lensing=0.2, selection=replace(cccp.setup.selection, flux_error=0.05))
    flux = replace(cone, relations=replace(cone.relations, residuals=heavy(cone.relations.names)))
    flux_grows = replace(cone, relations=replace(cone.relations, residuals=varying(cone.relations.names)))
    setups = {"box": box, "tails": tails, "mass-dependent": grows}
    return setups | {"cone": cone, "cone, tails": flux, "cone, mass-dependent": flux_grows}


NAMES = ["box", "tails", "mass-dependent", "cone", "cone, tails", "cone, mass-dependent"]


def draw(model, copies, seed):
    theta = np.repeat(model.parameters.fiducial[None], copies, axis=0)
    return draw_mocks(model, theta, rng=np.random.default_rng(seed))


def brute_force(model, v, z, x, log_mwl, errors):
    """lambda of one cluster: an integral over log M on a fine grid with scipy's normal densities."""
    setup, relations = model.setup, model.setup.relations
    box = hasattr(setup.geometry, "side")
    log_mass = np.linspace(13.6 if box else model.population.log_mass[0], 15.6, 1001 if box else 301)
    number = MassFunction(setup.cosmology, setup.mass_function, np.array([z]), log_mass)(v.sigma8)[0, 0]
    if not box:
        number = number * setup.geometry.area * setup.cosmology.volume_element(np.array([z]))[0]
    else:
        number = number * setup.geometry.shells(setup.cosmology).total_volume
        sharp = setup.selection.probability(log_mass, relations.line("lx", v), relations)
        number = number * sharp[0]
        number[0] = 0.5 * number[1]  # trapezoid rule from the sharp edge
    growth = np.log10(setup.cosmology.efunc(z) / setup.cosmology.efunc(relations.z0))
    total = np.zeros_like(log_mass)
    unit = relations.unit_residuals
    mean, covariance = unit.at(log_mass)
    lines = [relations.line(name, v) for name in relations.names]
    scale = np.array([float(line.scatter) for line in lines])
    relative = log_mass - relations.pivot
    centre = np.stack([a.slope * relative + a.log_norm + a.evolution * growth for a in lines], axis=-1)
    for j, weight in enumerate(unit.weight):
        for m in range(len(covariance)):
            at = slice(None) if len(covariance) == 1 else slice(m, m + 1)
            spread = covariance[m, j] * np.outer(scale, scale) + np.diag(errors**2)
            offset = x - centre[at] - scale * mean[m, j]
            total[at] += weight * stats.multivariate_normal(np.zeros(len(x)), spread).pdf(offset)
    if log_mwl is not None:
        width = setup.weak_lensing * float(v.scatter_wl) / LN10
        total *= stats.norm.pdf(log_mwl, log_mass + np.log10(float(v.norm_wl)), width)
    return float(np.sum(number * total) * (log_mass[1] - log_mass[0]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lensing", [False, True])
def test_density_of_a_cluster_against_brute_force(surveys, name, lensing):
    setup = surveys[name]
    contrasts = [name for name in setup.parameters.names if name.startswith("density_contrast")]
    setup = replace(setup, parameters=setup.parameters.without(contrasts))
    model = forward_model(setup)
    points = Points.of_mocks(model, draw(model, 1, 3))[:4]
    theta = model.parameters.draw(2, rng=np.random.default_rng(4))
    found = PointDensity(model, points, lensing).grid(theta)
    for p, row in enumerate(theta):
        v = replace(setup.parameters.fixed, **dict(zip(model.parameters.names, row, strict=True)))
        for q in range(len(points.z)):
            mwl = points.log_mwl[q] if lensing else None
            expected = brute_force(model, v, points.z[q], points.observables[q], mwl, points.error[q])
            assert found[p, q] == pytest.approx(np.log(expected), abs=0.01)


def with_sharp_temperature(setup, scatter):
    relations = replace(setup.relations, t=replace(setup.relations.t, scatter=scatter))
    return replace(setup, relations=relations, errors=(), parameters=setup.parameters.without(["scatter_t", "slope_t"]))


def test_masses_that_are_known_more_finely_than_the_nodes_are_spaced(surveys):
    setup = with_sharp_temperature(surveys["box"], 0.0015)
    model = forward_model(setup)
    points = Points.of_mocks(model, draw(model, 1, 3))[:12]
    theta = model.parameters.fiducial[None]
    v = replace(setup.parameters.fixed, **dict(zip(model.parameters.names, theta[0], strict=True)))
    found = PointDensity(model, points, False).grid(theta)[0]
    each = zip(points.z, points.observables, strict=True)
    expected = [np.log(brute_force(model, v, z, x, None, np.zeros(3))) for z, x in each]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_sums_over_nodes_that_cannot_resolve_masses_are_refused(surveys):
    model = forward_model(with_sharp_temperature(surveys["mass-dependent"], 0.0015))
    points = Points.of_mocks(model, draw(model, 1, 3))
    with pytest.raises(InputError, match=r"lx and t and mgas tell masses to .* times the scatter, or scatter_lx and"):
        PointDensity(model, points, False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lensing", [False, True])
def test_density_integrates_to_the_count(surveys, name, lensing):
    """Lambda(b) = E_a[sum_i lambda_b(x_i) / lambda_a(x_i)] over catalogues drawn at a."""
    model, copies = forward_model(surveys[name]), 300
    mocks = draw(model, copies, 5)
    at = model.parameters.fiducial
    shift = np.zeros_like(at)
    for parameter, step in (("sigma8", 0.02), ("norm_lx", 0.04), ("scatter_lx", -0.05), ("slope_lx", 0.03)):
        shift[model.parameters.names.index(parameter)] = step
    density = PointDensity(model, Points.of_mocks(model, mocks), lensing)
    ratio = np.exp(np.diff(density.grid(np.stack([at, at + shift])), axis=0)[0])
    sums = np.bincount(mocks.row, weights=ratio, minlength=copies)
    expected = model.expected_count((at + shift)[None])[0]
    assert abs(sums.mean() - expected) < 5 * sums.std() / np.sqrt(copies)
    assert sums.std() / np.sqrt(copies) < 0.02 * expected


def test_unknown_observables_are_marginalised(surveys):
    """The density without T is that with T, integrated over T."""
    model = forward_model(surveys["tails"])
    point = Points.of_mocks(model, draw(model, 1, 6))[:1]
    x = np.repeat(point.observables, 801, axis=0)
    x[:, 1] += np.linspace(-0.4, 0.4, 801)
    known = Points.observed(np.repeat(point.z, 801), x, np.repeat(point.error, 801, axis=0))
    x0 = point.observables.copy()
    x0[0, 1] = np.nan
    unknown = Points.observed(point.z, x0, point.error)
    theta = model.parameters.draw(3, rng=np.random.default_rng(2))
    integral = np.exp(PointDensity(model, known, False).grid(theta)).sum(axis=1) * 0.001
    np.testing.assert_allclose(np.exp(PointDensity(model, unknown, False).grid(theta))[:, 0], integral, rtol=1e-4)


@pytest.mark.parametrize("name", ["box", "tails", "cone", "cone, tails"])
def test_density_of_a_cluster_does_not_depend_on_how_many_there_are(surveys, name):
    """L_X alone says little of a mass: many clusters share tables, one is summed over the mass nodes."""
    model = forward_model(surveys[name])
    points = Points.of_mocks(model, draw(model, 6, 7))
    only_lx = np.where(np.arange(points.observables.shape[1]) == 0, points.observables, np.nan)
    points = replace(points, observables=only_lx)
    theta = model.parameters.draw(3, rng=np.random.default_rng(3))
    together = PointDensity(model, points, False).grid(theta)
    alone = [PointDensity(model, points[i : i + 1], False).grid(theta)[:, 0] for i in range(0, len(points.z), 9)]
    np.testing.assert_allclose(together[:, ::9], np.transpose(alone), atol=1e-3)


def differences(values):
    return values - values[0]


def test_infinite_scatter_of_lx_and_t_leaves_unbinned_mgas(nv22):
    """Then ln L of full and of unbinned in M_gas differ by a constant."""
    relations = nv22.setup.relations
    wide = replace(
        relations, lx=replace(relations.lx, scatter=2e3), t=replace(relations.t, scatter=2e3),
        lx_t=0.0, lx_mgas=0.0, t_mgas=0.0, proxy=(("mgas", 1.0),),
    )  # fmt: skip
    parameters = nv22.setup.parameters.without(["scatter_lx", "scatter_t"])
    model = forward_model(replace(nv22.setup, relations=wide, parameters=parameters))
    data = Data.of_mock(model, draw(model, 1, 8))
    theta = parameters.draw(20, rng=np.random.default_rng(9))
    full, mgas = (differences(likelihood(level, model, data)(theta)) for level in ("full", "unbinned"))
    assert np.ptp(mgas) > 20
    np.testing.assert_allclose(full, mgas, atol=0.08)  # grids of 0.00625 and 0.0125 dex


def test_infinite_weak_lensing_scatter_leaves_full(surveys):
    for name in ("tails", "cone"):
        parameters = surveys[name].parameters.without(["scatter_wl"])
        model = forward_model(replace(surveys[name], weak_lensing=2.9, parameters=parameters))
        mocks = draw(model, 1, 8)
        points = replace(Points.of_mocks(model, mocks), error=np.zeros_like(mocks.observables))
        data = Data.observed(len(mocks.z), mocks.log_yx, points=points)
        theta = model.parameters.draw(20, rng=np.random.default_rng(9))
        full, lensed = (likelihood(level, model, data)(theta) for level in ("full", "full+wl"))
        assert np.ptp(full) > 20
        # what 2.9 in ln M still says of masses, sum of squares of their spread over it
        limit = (np.std(LN10 * mocks.log_mass) / 2.9) ** 2 * len(mocks.z)
        assert np.ptp(full - lensed) < 3 * limit + 0.1 * np.ptp(full)


def test_no_clusters_and_clusters_without_observables(surveys):
    model = forward_model(surveys["cone"])
    theta = model.parameters.draw(3, rng=np.random.default_rng(2))
    empty = Points.observed(np.empty(0), np.empty((0, 3)))
    none = likelihood("full", model, Data(0.0, points=empty))(theta)
    np.testing.assert_allclose(none, -model.expected_count(theta))
    with pytest.raises(InputError, match="none of the 5 clusters has"):
        likelihood("full", model, Data(5.0, points=empty))
    one = draw_mocks(model, theta[:1], rng=np.random.default_rng(4))
    points = Points.of_mocks(model, one)[:1]
    alone, among_five = (likelihood("full", model, Data(n, points=points))(theta) for n in (1.0, 5.0))
    np.testing.assert_allclose(among_five - alone, 4 * np.log(model.expected_count(theta)) - np.log(120))


def test_a_real_catalogue_has_points(cccp, cccp_model):
    from forecast.checks.observed import open_catalogue

    catalogue = open_catalogue(cccp, None)
    data = Data.observed(catalogue.size, catalogue.log_yx, points=catalogue_points(cccp_model, catalogue))
    value = likelihood("full", cccp_model, data)(cccp_model.parameters.draw(5, rng=np.random.default_rng(1)))
    assert np.isfinite(value).all()


def test_temperatures_of_a_real_catalogue_count_at_full_alone(cccp, cccp_model):
    """Cluster errors as listed, those of the setup where none is; lower levels neither see T nor vary its relation."""
    from forecast.checks.observed import open_catalogue

    catalogue = open_catalogue(cccp, None)
    points = catalogue_points(cccp_model, catalogue)
    assert points.observables.shape == (49, 3)
    unknown = catalogue.log_t_error == 0
    assert unknown.sum() == 2  # A754 and A119
    np.testing.assert_array_equal(points.error[unknown, 1], 0.014)
    np.testing.assert_array_equal(points.error[~unknown, 1], catalogue.log_t_error[~unknown])
    assert 0.008 < np.sqrt(np.mean(catalogue.log_t_error[~unknown] ** 2)) < 0.02
    for level, free in (("unbinned", False), ("full", True)):
        names = at_level(cccp_model, level).parameters.names
        assert {"norm_t", "slope_t", "scatter_t"} <= set(names) if free else not any(n.endswith("_t") for n in names)


def test_levels_without_data_are_refused(nv22_model):
    with pytest.raises(InputError, match="needs the observables of single clusters"):
        likelihood("full", nv22_model, Data(3.0))
    points = Points.observed(np.full(1, 0.07), np.zeros((1, 3)))
    nv22_model = forward_model(replace(nv22_model.setup, weak_lensing=None))
    with pytest.raises(InputError, match=r"add a \[weak_lensing\] table"):
        likelihood("full+wl", nv22_model, Data(1.0, points=points))
    with pytest.raises(InputError, match="errors not negative"):
        Points.observed(np.full(1, 0.07), np.zeros((1, 3)), np.full((1, 3), -1.0))
    with pytest.raises(InputError, match="differ in length"):
        Points.observed(np.full(2, 0.07), np.zeros((1, 3)))
