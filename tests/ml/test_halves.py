"""Slopes and correlations with noise in both variables, against what was put in."""

import numpy as np
import pytest

from forecast.core.errors import InputError
from mlcheck.accuracy.halves import Estimate, Sums, correlation, slope, slope_through_origin


def pairs(rng, groups, each, noise):
    """y = 0.8 x + noise, x with Monte Carlo noise that the members of a group share in part."""
    group = np.repeat(np.arange(groups), each)
    x = rng.standard_normal(len(group)) + 0.5
    y = 0.8 * x + 0.6 * rng.standard_normal(len(group))
    shared = noise * rng.standard_normal((2, groups))[:, group]
    return y, x + noise * rng.standard_normal((2, len(x))) + shared, group


def test_noise_in_x_does_not_attenuate():
    y, halves, group = pairs(np.random.default_rng(1), 400, 30, 1.0)
    sums, rng = Sums.of(y, halves, group), np.random.default_rng(2)
    for function, expected in ((slope, 0.8), (slope_through_origin, 0.8), (correlation, 0.8)):
        found = sums.estimate(function, 500, rng=rng)
        assert abs(found.deviation(expected)) < 5
        assert found.error < 0.06
    naive = np.corrcoef(y, halves.mean(axis=0))[0, 1]
    assert naive < 0.65


def test_errors_are_the_scatter_over_experiments():
    rng = np.random.default_rng(3)
    found = [Sums.of(*pairs(rng, 50, 10, 0.7)).estimate(slope, 200, rng=rng) for _ in range(300)]
    scatter = np.std([f.value for f in found])
    assert np.mean([f.error for f in found]) == pytest.approx(scatter, rel=5 / np.sqrt(2 * 300) + 0.05)


def test_without_noise_they_are_numpy_s():
    y, halves, group = pairs(np.random.default_rng(4), 20, 5, 0.0)
    total, x = Sums.of(y, halves, group).total, halves[0]
    assert slope(total)[0] == pytest.approx(np.polyfit(x, y, 1)[0])
    assert correlation(total)[0] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert slope_through_origin(total)[0] == pytest.approx((x @ y) / (x @ x))


def test_what_is_refused():
    with pytest.raises(InputError, match="unequal"):
        Sums.of(np.zeros(3), np.zeros((2, 4)), np.zeros(3))
    with pytest.raises(InputError, match="not finite"):
        Sums.of(np.array([1.0, np.nan]), np.zeros((2, 2)), np.arange(2))
    opposite = np.array([[1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]])
    assert np.isnan(correlation(Sums.of(np.arange(4.0), opposite, np.arange(4)).total))[0]
    assert np.isnan(Estimate(1.0, 0.0).deviation(1.0))
