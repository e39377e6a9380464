"""Weak-lensing masses as surveys have them: correlated scatter, trends, own errors, of some clusters."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.checks.reach import out_of_reach
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.core.units import LN10
from forecast.cosmology.mass_function import MassFunction
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.fisher import fisher_matrix
from forecast.likelihoods.levels import likelihood
from forecast.model.catalogue import Catalogue
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.relations.coupling import Coupling
from forecast.relations.residuals import Residuals
from forecast.survey.lensing_sample import LensingSample, OwnError

TRENDS = [
    Parameter("norm_wl", 0.9, Prior("lognormal", mean=0.9, std=0.1, log=True)),
    Parameter("slope_wl", 1.1, Prior("gaussian", mean=1.1, std=0.1, log=True)),
    Parameter("evolution_wl", 0.5, Prior("gaussian", mean=0.5, std=0.3)),
]


def two_gaussians(names, log_mass=(0.0,)):
    """Unit residuals with a tail, which grow with mass where there are several masses."""
    size = len(names)
    tail = np.linspace(0.3, -0.4, size)
    mean = np.stack([-0.25 * tail, tail])
    narrow = 0.6 * np.eye(size) + 0.2
    covariance = np.stack([narrow, 1.8 * np.eye(size) - 0.3])
    growth = np.linspace(1.0, 1.4, len(log_mass))[:, None, None]
    return Residuals(
        names, np.array([0.8, 0.2]), mean * growth, covariance * growth[..., None] ** 2, np.array(log_mass)
    )


def with_lensing(setup, correlation, residuals=None, **sample):
    parameters = setup.parameters.without([n for n in setup.parameters.names if n.startswith(("density", "norm_wl"))])
    for one in TRENDS:
        parameters = parameters.with_free(one)
    relations = setup.relations if residuals is None else replace(setup.relations, residuals=residuals)
    given = {"lensing_correlation": tuple(correlation.items()), "lensing_sample": LensingSample(**sample)}
    return replace(setup, weak_lensing=0.25, parameters=parameters, relations=relations, **given)


@pytest.fixture(scope="module")
def surveys(nv22, cccp):
    box = replace(nv22.setup, errors=(0.0, 0.02, 0.03))
    names = box.relations.names
    cone = replace(cccp.setup, selection=replace(cccp.setup.selection, flux_error=0.05))
    return {
        "box": with_lensing(box, {"lx": 0.3, "mgas": 0.2}, error=OwnError((0.1, 0.2), (13.8, 14.6), "mass")),
        "tails": with_lensing(box, {"t": -0.2, "mgas": 0.4}, two_gaussians(names)),
        "mass-dependent": with_lensing(box, {"lx": 0.4}, two_gaussians(names, (13.5, 14.2, 15.0))),
        "cone": with_lensing(
            cone, {"lx": 0.3, "yx": 0.3}, error=OwnError((0.05, 0.2), (0.03, 0.2)), fraction=0.8, flux_limit=1.8e-11
        ),
    }


def draw(model, copies, seed):
    theta = np.repeat(model.parameters.fiducial[None], copies, axis=0)
    return draw_mocks(model, theta, rng=np.random.default_rng(seed))


def abundance(model, v, z):
    """Masses, and selected clusters per dex of mass (and per steradian's volume in a cone), by a plain grid."""
    setup = model.setup
    box = hasattr(setup.geometry, "side")
    log_mass = np.linspace(13.6 if box else model.population.log_mass[0], 15.6, 801 if box else 401)
    number = MassFunction(setup.cosmology, setup.mass_function, np.array([z]), log_mass)(v.sigma8)[0, 0]
    if not box:
        return log_mass, number * setup.geometry.area * setup.cosmology.volume_element(np.array([z]))[0]
    lx = setup.relations.line("lx", v)
    number = number * setup.geometry.shells(setup.cosmology).total_volume
    number *= setup.selection.probability(log_mass, lx, setup.relations)[0]
    number[0] = 0.5 * number[1]  # trapezoid rule from the sharp edge
    return log_mass, number


def joint(setup, v, log_mass):
    """Weights, means and covariances, dex, of (observables, M_WL) at one mass, from the definition of the coupling."""
    relations = setup.relations
    (mean,), (covariance,) = relations.unit_residuals.at(np.array([log_mass]))
    weight = relations.unit_residuals.weight
    rho = np.array([dict(setup.lensing_correlation).get(name, 0.0) for name in relations.names])
    total = sum(w * (c + np.outer(m, m)) for w, m, c in zip(weight, mean, covariance, strict=True))
    gain = np.linalg.inv(total) @ (rho * np.sqrt(np.diag(total)))
    noise = 1.0 - gain @ total @ gain
    map_ = np.vstack([np.eye(len(rho)), gain])  # r -> (r, g . r)
    scale = np.array([*(float(relations.line(n, v).scatter) for n in relations.names), 0.25 / LN10 * v.scatter_wl])
    for w, m, c in zip(weight, mean, covariance, strict=True):
        whole = map_ @ c @ map_.T
        whole[-1, -1] += noise
        yield w, scale * (map_ @ m), whole * np.outer(scale, scale)


def brute_force(model, v, z, x, errors):
    """lambda of one cluster with observables and lensing mass `x`, (E,), measured with `errors`."""
    setup, relations = model.setup, model.setup.relations
    log_mass, number = abundance(model, v, z)
    growth = np.log10(setup.cosmology.efunc(z) / setup.cosmology.efunc(relations.z0))
    lines = [relations.line(name, v) for name in relations.names]
    density = np.zeros(len(log_mass))
    for k, mass in enumerate(log_mass):
        if number[k] == 0:
            continue
        relative = mass - relations.pivot
        centre = [float(a.log_norm + a.slope * relative + a.evolution * growth) for a in lines]
        centre.append(mass + np.log10(v.norm_wl) + (v.slope_wl - 1) * relative + v.evolution_wl * growth)
        for weight, shift, covariance in joint(setup, v, mass):
            gaussian = stats.multivariate_normal(np.add(centre, shift), covariance + np.diag(np.square(errors)))
            density[k] += weight * gaussian.pdf(x)
    return float(np.sum(number * density) * (log_mass[1] - log_mass[0]))


def values(model, theta):
    return replace(model.setup.parameters.fixed, **dict(zip(model.parameters.names, map(float, theta), strict=True)))


@pytest.mark.parametrize("name", ["box", "tails", "mass-dependent", "cone"])
def test_density_with_correlated_scatter_and_own_errors_against_brute_force(surveys, name):
    model = forward_model(surveys[name])
    points = Points.of_mocks(model, draw(model, 1, 3))
    points = points[np.flatnonzero(np.isfinite(points.log_mwl))[:2]]
    if name != "box":
        points = replace(points, log_mwl_error=np.array([0.0, 0.12]))
    theta = model.parameters.draw(1, rng=np.random.default_rng(4))
    found = PointDensity(model, points, True).grid(theta)[0]
    for q in range(2):
        x = [*points.observables[q], points.log_mwl[q]]
        errors = [*points.error[q], points.log_mwl_error[q]]
        expected = brute_force(model, values(model, theta[0]), points.z[q], x, errors)
        assert found[q] == pytest.approx(np.log(expected), abs=0.01)


def test_density_without_luminosity_is_the_integral_over_detected_ones(surveys):
    """Scatter of M_WL that correlates with that of L_X: a selected cluster's lensing mass is biased too.

    That it has one says that its flux was above another limit, and that it was one of a fraction.
    """
    model = forward_model(surveys["cone"])
    sample = model.setup.lensing_sample
    points = Points.of_mocks(model, draw(model, 1, 5))
    point = points[np.flatnonzero(np.isfinite(points.log_mwl))[:1]]
    theta, z = model.parameters.fiducial[None], point.z
    lensing = model.setup.selection.with_limit(sample.flux_limit)
    limit = float(lensing.log_luminosity_limit(z, model.setup.cosmology, model.setup.relations)[0])
    grid = np.linspace(limit, limit + 3, 601)
    each = replace(point[np.zeros(601, dtype=int)], observables=np.repeat(point.observables, 601, axis=0))
    each.observables[:, 0] = grid
    density = np.exp(PointDensity(model, each, True).grid(theta)[0])
    observables = point.observables.copy()
    observables[:, 0] = np.nan
    found = PointDensity(model, replace(point, observables=observables), True).grid(theta)[0, 0]
    assert found == pytest.approx(np.log(sample.fraction * np.trapezoid(density, grid)), abs=0.002)


@pytest.mark.parametrize("masses", [(0.0,), (13.5, 14.2, 15.0)])
def test_correlations_of_the_whole_mixture_are_the_given_ones_at_every_mass(masses):
    residuals, given = two_gaussians(("lx", "t", "mgas"), masses), {"lx": 0.3, "mgas": -0.25}
    coupling, at = Coupling.of(residuals, given), np.full(200_000, 13.9)
    rng = np.random.default_rng(1)
    others = residuals.draw(at, rng=rng)
    new = coupling.spread(at) * rng.standard_normal(len(at)) + (coupling.gain(at) * others).sum(axis=1)
    found = np.corrcoef(new, others.T)[0, 1:]
    np.testing.assert_allclose(found, [0.3, 0.0, -0.25], atol=5 / np.sqrt(len(at)))
    assert new.std() == pytest.approx(1.0, abs=5 * np.sqrt(0.75 / len(at)))
    mean, covariance = coupling.joined(np.array([13.9]))
    total = np.einsum("j,jde->de", residuals.weight, covariance[0] + mean[0][:, :, None] * mean[0][:, None, :])
    np.testing.assert_allclose(total, np.cov(np.vstack([others.T, new])), atol=0.03)


def test_correlations_that_no_distribution_has_are_refused_with_a_cure_that_works(nv22):
    residuals = nv22.setup.relations.unit_residuals
    with pytest.raises(InputError, match=r"lx = 0.9, mgas = -0.6\).*multiply each by (0\.\d+) or less") as caught:
        Coupling.of(residuals, {"lx": 0.9, "mgas": -0.6})
    factor = float(str(caught.value).split("multiply each by ")[1].split()[0])
    assert Coupling.of(residuals, {"lx": 0.9 * factor, "mgas": -0.6 * factor}).spread(np.array([14.0])) > 0
    with pytest.raises(InputError, match="yx: there is no relation of 'yx'"):
        Coupling.of(residuals, {"yx": 0.1})


def test_mocks_have_the_moments_that_the_model_states(surveys):
    """Residuals of ln M_WL: bias with its trends, scatter and own error, correlation with the gas."""
    model = forward_model(surveys["box"])
    v, relations = model.parameters.fiducial_values, model.setup.relations
    mocks = draw(model, 150, 7)
    relative = mocks.log_mass - relations.pivot
    bias = np.log10(0.9) + 0.1 * relative  # at z0 nothing has evolved
    residual = mocks.log_mwl - mocks.log_mass - bias
    own = model.setup.lensing_errors(mocks.z, mocks.log_lx)
    typical = relations.pivot + (mocks.log_lx - relations.lx.log_norm) / relations.lx.slope
    np.testing.assert_allclose(own, np.interp(typical, [13.8, 14.6], [0.1, 0.2]))
    size, spread = len(residual), np.sqrt((0.25 / LN10) ** 2 + np.mean(own**2))
    assert residual.mean() == pytest.approx(0.0, abs=5 * spread / np.sqrt(size))
    assert residual.std() == pytest.approx(spread, rel=5 / np.sqrt(2 * size))
    assert np.polyfit(relative, residual, 1)[0] == pytest.approx(0.0, abs=5 * spread / relative.std() / np.sqrt(size))
    for i, (name, expected) in enumerate(zip(relations.names, (0.3, 0.0, 0.2), strict=True)):
        line = relations.line(name, v)
        gas = mocks.observables[:, i] - line.log_norm - line.slope * relative
        found = np.mean(gas * residual) / (line.scatter * 0.25 / LN10)
        assert found == pytest.approx(expected, abs=5 * gas.std() * spread / (line.scatter * 0.25 / LN10) / size**0.5)


def test_lensing_masses_of_some_clusters(cccp):
    sample = {"fraction": 0.4, "flux_limit": 2e-11, "zmin": 0.05, "zmax": 0.12}
    model = forward_model(with_lensing(cccp.setup, {}, **sample))
    mocks = draw(model, 60, 9)
    distance = model.setup.cosmology.luminosity_distance(mocks.z) / model.setup.cosmology.h * 3.0856775814913673e24
    flux = 10.0**mocks.log_lx / (4 * np.pi * distance**2) * (1 + mocks.z) ** 0.57
    within, has = (flux >= 2e-11) & (mocks.z >= 0.05) & (mocks.z <= 0.12), np.isfinite(mocks.log_mwl)
    assert within.any() and not has[~within].any()
    assert has[within].mean() == pytest.approx(0.4, abs=5 * np.sqrt(0.24 / within.sum()))


def test_expected_information_against_scores_of_single_clusters(surveys):
    """Finite differences of the densities of mock clusters, of which some of the bright ones have a lensing mass.

    Scores add up to the derivative of the expected number, so that the likelihood is that of the mocks.
    """
    model = forward_model(surveys["cone"])
    names, at = list(model.parameters.names), model.parameters.fiducial
    chosen = [names.index(name) for name in ("sigma8", "norm_wl", "slope_wl", "evolution_wl")]
    copies = 150
    density = PointDensity(model, Points.of_mocks(model, draw(model, copies, 11)), True)
    scores, growth = [], []
    for i in chosen:
        step = 1e-3 * np.eye(len(at))[i] * (at[i] if model.parameters.free[i].log else 1.0)
        above, below = density.grid(np.array([at + step, at - step]))
        scores.append((above - below) / 2e-3)
        more, fewer = model.expected_count(np.array([at + step, at - step]))
        growth.append((more - fewer) / 2e-3)
    expected = np.array(scores) @ np.array(scores).T / copies
    found = fisher_matrix("full+wl", model).information[np.ix_(chosen, chosen)]
    scale = np.sqrt(np.diag(expected))
    excess = np.sum(scores, axis=1) / copies - growth
    assert np.all(np.abs(excess) < 5 * scale / np.sqrt(copies))
    noise = 5 * np.sqrt(3 / 4096)  # of products of scores in the clusters that stand for the expected ones
    np.testing.assert_allclose(found / np.outer(scale, scale), expected / np.outer(scale, scale), atol=noise)


def test_lensing_masses_are_those_of_the_cosmology_in_which_they_were_inferred(cccp):
    """M500c goes as E(z)^-1 of what is assumed: mocks have it, and the likelihood finds them unbiased."""
    setup = with_lensing(cccp.setup, {})
    setup = replace(setup, parameters=setup.parameters.with_free(Parameter("Om0", 0.25, Prior("flat", 0.15, 0.45))))
    model, names, efunc = forward_model(setup), list(setup.parameters.names), {}
    at = model.parameters.fiducial.copy()
    at[names.index("Om0")] = 0.42
    mocks = draw_mocks(model, np.repeat(at[None], 150, axis=0), rng=np.random.default_rng(3))
    for om in (0.25, 0.42):
        efunc[om] = np.sqrt(om * (1 + mocks.z) ** 3 + 1 - om)
    bias = np.log10(0.9) + 0.1 * (mocks.log_mass - setup.relations.pivot) + 0.5 * np.log10(efunc[0.42])
    residual = mocks.log_mwl - mocks.log_mass - bias - np.log10(efunc[0.42] / efunc[0.25])
    assert residual.mean() == pytest.approx(0.0, abs=5 * residual.std() / np.sqrt(len(residual)))
    assert np.log10(efunc[0.42] / efunc[0.25]).mean() > 7 * residual.std() / np.sqrt(len(residual))
    step = 1e-3 * at * (np.array(names) == "norm_wl")
    above, below = PointDensity(model, Points.of_mocks(model, mocks), True).grid(np.array([at + step, at - step]))
    score = (above - below) / 2e-3
    assert abs(score.sum()) < 5 * np.sqrt(np.sum(score**2))


def test_expected_data_of_some_lensing_masses_are_those_of_the_fraction(nv22):
    """The likelihood of expected data peaks where they were made, and curves as Fisher's matrix says."""
    setup = replace(nv22.setup, lensing_sample=LensingSample(fraction=0.3))
    model = forward_model(setup)
    data = Data.expected(model, points=True)
    assert data.points.weight[np.isfinite(data.points.log_mwl)].sum() == pytest.approx(0.3 * data.size, rel=0.02)
    level, at, step = likelihood("full+wl", model, data), model.parameters.fiducial, 0.005
    i = model.parameters.names.index("sigma8")
    below, here, above = level(np.array([at + k * step * np.eye(len(at))[i] for k in (-1, 0, 1)]))
    information = fisher_matrix("full+wl", model).information[i, i]
    assert (above - below) / (2 * step) == pytest.approx(0.0, abs=0.02 * np.sqrt(information))
    assert -(above - 2 * here + below) / step**2 == pytest.approx(information, rel=0.05)


def test_lensing_of_all_is_the_limit_of_lensing_of_some_and_none_of_many_errors(nv22):
    full, whole = (fisher_matrix(level, forward_model(nv22.setup)).std() for level in ("full", "full+wl"))
    std = {
        key: fisher_matrix("full+wl", forward_model(replace(nv22.setup, lensing_sample=sample))).std()
        for key, sample in {
            "nearly all": LensingSample(fraction=0.999999),
            "hardly any": LensingSample(fraction=1e-6),
            "useless": LensingSample(error=OwnError((1.0,))),
            "bright": LensingSample(flux_limit=1e-11),
        }.items()
    }
    assert std["nearly all"] == pytest.approx(whole, rel=1e-4)
    assert std["hardly any"] == pytest.approx(full, rel=1e-4)
    assert 0.97 * full < std["useless"] <= full
    assert whole < std["bright"] < full


def test_asymmetric_errors_of_lensing_masses_average_over_true_ones(nv22):
    """The density without an own error, averaged over p(x | t), upper errors where the truth lies above."""
    model = forward_model(nv22.setup)
    at, true, step = model.parameters.fiducial[None], np.linspace(13.0, 16.0, 1501), 0.002
    lower, upper = 0.08, 0.2
    observed = Points.of_mocks(model, draw_mocks(model, at, rng=np.random.default_rng(5))).observables[:1]

    def density(log_mwl, error, skew):
        points = Points.observed(
            z=np.full(len(log_mwl), 0.07),
            observables=np.repeat(observed, len(log_mwl), axis=0),
            log_mwl=log_mwl,
            log_mwl_error=np.full(len(log_mwl), error),
        )
        return np.exp(PointDensity(model, replace(points, log_mwl_skew=np.full(len(log_mwl), skew)), True).grid(at)[0])

    exact = density(true, 0.0, 0.0)
    x = true[exact.argmax()] + np.array([-0.5, -0.2, 0.0, 0.15, 0.3])
    side = np.where(true[:, None] > x, upper, lower)
    law = np.sqrt(2 / np.pi) / (lower + upper) * np.exp(-0.5 * ((true[:, None] - x) / side) ** 2)
    found = density(x, (lower + upper) / 2, (upper - lower) / (upper + lower))
    np.testing.assert_allclose(found, exact @ law * step, rtol=0.012)
    assert abs(np.log(found / density(x, (lower + upper) / 2, 0.0))).max() > 0.1


def test_clusters_that_lack_a_lensing_mass_for_certain_are_named(cccp):
    """Above a flux limit above which every one is said to have one."""
    sample = LensingSample(flux_limit=1.3e-11)
    setup = replace(cccp.setup, weak_lensing=0.2, lensing_sample=sample)
    selection, z, masses = setup.selection.in_flux, np.full(3, 0.1), np.full(3, 14.5)
    limit = selection.log_luminosity_limit(z, setup.cosmology, setup.relations)
    clusters = Catalogue(
        name=("bright", "near the limit", "with a mass"),
        z=z,
        log_lx=limit + np.array([0.5, 0.01, 0.5]),
        log_yx=masses,
        log_yx_error=np.zeros(3),
        source="",
        log_lx_error=np.full(3, 0.05),
        log_mwl=np.array([np.nan, np.nan, 14.7]),
    )
    (caution,) = out_of_reach(setup, clusters)
    assert caution.text.startswith("bright have no lensing mass") and "fraction" in caution.text
    assert not out_of_reach(replace(setup, lensing_sample=replace(sample, fraction=0.5)), clusters)
