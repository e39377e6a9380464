"""Ways to compute less, against the long way: what is shared, tabulated, cut off, or looked at apart."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import CubicSpline

from forecast.api.keys import changed
from forecast.config.load import load_config
from forecast.core.chunks import LARGEST, Remembered
from forecast.likelihoods.data import Data
from forecast.likelihoods.density import mass_integral
from forecast.likelihoods.density.gaussians import over_nodes
from forecast.likelihoods.density.observed_yx import ObservedYx
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.density.proxy_limits import ProxyLimits
from forecast.likelihoods.density.redshift_nodes import Measured, Stretches, redshift_nodes
from forecast.likelihoods.density.split_normal import split_normal
from forecast.likelihoods.density.uncertain_redshift import Redshifts, shifts
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.selfcal import SelfCal
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks

FIELDS = {"survey.area": "140 deg2", "survey.zmax": 0.5, "survey.shells": 2, "selection.flux_error": 0.06}


def survey(**more):
    changes = FIELDS | {"selection.flux_limit": "3e-13 erg / (s cm2)", "sample_variance": False}
    return changed(load_config("erosita"), changes | {key.replace("__", "."): x for key, x in more.items()}).setup


@pytest.fixture(scope="module")
def cone():
    return forward_model(survey())


@pytest.fixture(scope="module")
def theta(cone):
    return cone.parameters.draw(2, rng=np.random.default_rng(5))


def test_what_is_asked_for_again_is_computed_once():
    asked = []
    kept = Remembered(lambda x: asked.append(len(x)) or 2 * x)
    x = np.arange(6.0)
    for one in (x.reshape(3, 2), x.reshape(3, 2).copy(), x.reshape(2, 3), x.reshape(2, 3), x.reshape(3, 2)):
        np.testing.assert_array_equal(kept(one), 2 * one)
    assert asked == [3, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        kept(x.reshape(3, 2))[0] = 0.0
    large = np.zeros((LARGEST + 1, 1))
    assert len(kept(large)) == len(kept(large)) and len(asked) == 5


def counted(monkeypatch, model):
    """Values of Y_X at which a model is asked for its density, one number for every call."""
    asked, density = [], type(model).yx_density

    def counting(self, theta, log_yx, error=0.0):
        asked.append(len(log_yx))
        return density(self, theta, log_yx, error)

    monkeypatch.setattr(type(model), "yx_density", counting)
    return asked


@pytest.mark.parametrize("odd", ["off the nodes", "of another error", "asymmetric"])
def test_one_odd_cluster_among_many_is_looked_at_alone(monkeypatch, cone, theta, odd):
    rng, size = np.random.default_rng(3), 400
    y, error, skew = rng.normal(14.2, 0.25, size), np.full(size, 0.05), np.zeros(size)
    if odd == "off the nodes":
        y[7] = cone.yx_grid[-1] + 0.3
    elif odd == "of another error":
        error[7] = 0.003
    else:
        error[7], skew[7] = 0.003, 0.4
    data = Data.observed(size, y, error, skew=skew)
    target, asked = likelihood("unbinned", cone, data), counted(monkeypatch, cone)
    found = target(theta)
    assert sum(asked) < len(cone.yx_grid) + 20 < size
    terms = np.log(cone.yx_density(theta, y, error))
    if odd == "asymmetric":
        true = y[7] + 0.003 * np.linspace(-8, 8, 1601)
        law = split_normal(y[7], true, np.array(0.003), np.array(0.4))
        terms[:, 7] = np.log(np.trapezoid(cone.yx_density(theta, true) * law, true, axis=1))
    expected = terms.sum(axis=1) - cone.expected_count(theta) - np.log(np.arange(1, size + 1)).sum()
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize(("error", "skew"), [(0.002, 0.3), (0.05, -0.6), (0.2, -0.95), (0.3, 0.5), (0.0, 0.0)])
def test_every_asymmetric_error_has_nodes_that_resolve_it(cone, theta, error, skew):
    y = np.array([13.9, 14.2])
    observed = ObservedYx(cone, y, np.array([error, 0.1]), np.array([skew, 0.2]))
    law, grid = CubicSpline(observed.true.grid, np.log(observed.true(theta)), axis=1), observed.true.grid

    def true(at):
        return np.where((at >= grid[0]) & (at <= grid[-1]), np.exp(law(np.clip(at, grid[0], grid[-1]))), 0.0)

    expected = true(y[0])
    if error:
        sides = [np.linspace(0, sign * 8 * error * (1 + sign * skew), 20_001) for sign in (-1, 1)]
        parts = [(y[0] + x, true(y[0] + x) * split_normal(y[0], y[0] + x, error, skew)) for x in sides]
        expected = sum(np.abs(np.trapezoid(p, x, axis=1)) for x, p in parts)
    np.testing.assert_allclose(observed(theta, y)[:, 0], expected, rtol=1e-5)


def test_limits_and_asymmetric_errors_share_one_density(monkeypatch, cone, theta):
    y, error = np.array([13.6, 14.0, 14.4]), np.full(3, 0.1)
    limits, skew = (np.array([13.9, 14.3]), np.array([0.5, 0.3])), np.full(3, 0.3)
    apart = likelihood("unbinned", cone, Data.observed(5, y, error, skew=skew))(theta)
    apart += ProxyLimits(cone, *limits)(theta) - 2 * np.log(cone.expected_count(theta))
    for level in ("unbinned", "binned"):
        target, asked = likelihood(level, cone, Data.observed(5, y, error, limits=limits, skew=skew)), []
        asked = counted(monkeypatch, cone)
        found = target(theta)
        assert len(asked) == 1
        monkeypatch.undo()
        if level == "unbinned":
            np.testing.assert_allclose(found, apart, atol=1e-9)


def points_of(model, size, **more):
    mocks = draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(2))
    return replace(Points.of_mocks(model, mocks)[:size], **more)


def one_by_one(model, points, theta, lensing=False):
    return np.column_stack([PointDensity(model, points[[i]], lensing).grid(theta) for i in range(len(points.z))])


def test_clusters_of_equal_errors_are_looked_at_together_whatever_others_are(cone, theta):
    error = np.full((260, 2), 0.05)
    error[11] = (0.2, 0.3)
    points = replace(points_of(cone, 20)[np.arange(260) % 20], error=error)
    density = PointDensity(cone, points, False)
    assert sorted(len(group._data) for group in density._groups) == [1, 259]
    few = points[np.r_[:12]]
    np.testing.assert_allclose(density.grid(theta)[:, :12], one_by_one(cone, few, theta), rtol=1e-12)


def test_what_some_errors_have_in_common_is_computed_once(cone, theta):
    """Three kinds of errors, with a luminosity worse than the flux that selects, and limits."""
    kinds = np.array([[0.05, 0.1], [0.1, 0.2], [0.15, 0.05]])[np.arange(12) % 3]
    points = points_of(cone, 12, error=kinds)
    limited = np.column_stack([np.zeros(12), np.arange(12) % 2]).astype(bool)
    points = replace(
        points,
        limit=np.where(limited, points.observables + 0.1, np.nan),
        limit_width=np.where(limited, 0.4, np.nan),
        observables=np.where(limited, np.nan, points.observables),
    )
    density = PointDensity(cone, points, False)
    assert max(len(group._first) for group in density._groups) == 2
    np.testing.assert_allclose(density.grid(theta), one_by_one(cone, points, theta), rtol=1e-6)


def test_masses_far_away_or_needlessly_near_change_nothing(monkeypatch, cone, theta):
    errors = np.column_stack([np.geomspace(0.07, 0.4, 8), np.full(8, 0.3)])
    points = points_of(cone, 8, error=errors)
    limit = np.column_stack([np.full(8, np.nan), points.observables[:, 1] + np.linspace(-0.6, 0.6, 8)])
    seen = np.column_stack([points.observables[:, 0], np.full(8, np.nan)])
    limited = replace(points, observables=seen, limit=limit, limit_width=np.where(np.isnan(limit), np.nan, 0.3))
    for some in (points, limited):
        density = PointDensity(cone, some, False)
        found, used = density.grid(theta), []

        def every(*given, used=used):
            used.append(1)
            return over_nodes(*given)

        monkeypatch.setattr(mass_integral, "in_windows", every)
        np.testing.assert_allclose(found, density.grid(theta), atol=2e-5)
        assert used
        monkeypatch.undo()


def test_rules_in_redshift_are_those_of_gauss():
    """Between edges, and beside them: right for Gaussians in redshift that are as wide as the law, or wider."""
    rng = np.random.default_rng(4)
    z, error = rng.uniform(0.1, 0.8, 60), rng.uniform(0.003, 0.03, 60)
    change = rng.uniform(0.0, 1.2, 60) / error
    measured = Measured(z, error, change, 3 * change)
    stretches = Stretches.between(
        np.array([0.1, 0.3, 0.8]), np.maximum(z - 5 * error, 0.1), np.minimum(z + 5 * error, 0.8)
    )

    def law(some, at):
        return stats.norm.logpdf(z[some], at, error[some])

    cluster, at, log_weight = redshift_nodes(measured, stretches, law)
    assert np.bincount(cluster).max() <= 24 and np.median(np.bincount(cluster)) <= 9
    assert np.all(np.diff(cluster) >= 0)
    for i in range(60):
        x = np.linspace(max(z[i] - 5 * error[i], 0.1), min(z[i] + 5 * error[i], 0.8), 20_001)
        for told in (-2.0, 0.0, 1.5):
            expected = np.trapezoid(np.exp(law(i, x) - 0.5 * (measured.change[i] * (x - z[i]) - told) ** 2), x)
            mine = cluster == i
            test = np.exp(log_weight[mine] - 0.5 * (measured.change[i] * (at[mine] - z[i]) - told) ** 2)
            assert test.sum() == pytest.approx(expected, rel=3e-4)


@pytest.mark.parametrize(("mass_function", "precision"), [("bocquet16_dm", 2e-6), ("tinker08", 2e-4)])
def test_few_redshifts_are_as_good_as_very_many(theta, mass_function, precision):
    """Coefficients of tinker08 have kinks in redshift, which no smooth rule sees."""
    cone = forward_model(replace(survey(), mass_function=mass_function))
    z = np.array([0.25, 0.11, 0.49, 0.2, 0.4, 0.3])
    error = np.array([0.02, 0.01, 0.02, 0.012, 0.004, 0.0])
    points = points_of(cone, 6, z=z, z_error=error)
    nodes = Redshifts.of(cone, points)
    assert np.bincount(nodes.cluster).max() <= 12 and np.sum(nodes.cluster == 5) == 1
    found, edges = PointDensity(cone, points, False).grid(theta), np.array(cone.setup.geometry.redshift_edges)
    for i in range(5):
        low, high = max(z[i] - 5 * error[i], edges[0]), min(z[i] + 5 * error[i], edges[-1])
        stretches = Stretches.between(edges, np.array([low]), np.array([high]))
        at, weight = (np.ravel(x) for x in stretches.legendre(200))
        moved = shifts(cone.setup, np.full(len(at), z[i]), at)
        every = replace(points[np.full(len(at), i)].moved(moved), z=at, z_error=np.zeros(len(at)))
        density = np.exp(PointDensity(cone, every, False).grid(theta))
        expected = np.log(density @ (weight * stats.norm.pdf(z[i], at, error[i])))
        np.testing.assert_allclose(found[:, i], expected, atol=precision)


def test_the_median_without_each_cluster_is_that_of_the_others(cone, theta):
    rng = np.random.default_rng(6)
    y, error, skew = rng.normal(14.1, 0.3, 7), rng.uniform(0.02, 0.3, 7), rng.uniform(-0.6, 0.6, 7)
    target = SelfCal(cone, Data.observed(7, y, error, skew=skew))
    found, now, medians = target.without_each(theta), target(theta), {}
    for i in range(7):
        kept = np.arange(7) != i
        rest = SelfCal(cone, Data.observed(6, y[kept], error[kept], skew=skew[kept]))
        expected = medians.setdefault(rest._data.median, rest(theta) - now)
        np.testing.assert_allclose(found[:, i], expected, atol=1e-5)
    assert len(medians) > 1
