"""Contract of every level: normalised over all data, score of mean zero, order does not matter."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from forecast.core.errors import InputError, NumericalError
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.derivatives import derivatives
from forecast.likelihoods.level import log_poisson
from forecast.likelihoods.level_name import LEVELS
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.geometry import Box


@pytest.fixture(scope="module")
def small(nv22):
    """A survey that expects 2.5 clusters, so that sums over N are short."""
    return forward_model(replace(nv22.setup, geometry=Box(352, 0.01, 0.07)))


def at(model):
    return model.parameters.fiducial[None]


def test_counts_sum_to_one(small):
    total = sum(np.exp(likelihood("counts", small, Data(n))(at(small))[0]) for n in range(40))
    assert total == pytest.approx(1, abs=1e-12)


def test_events_where_nothing_is_expected_are_all_but_impossible():
    value = log_poisson(3, np.array([0.0, 1e-300, 2.0]))
    assert np.isfinite(value).all()
    assert value[0] < -2000 and value[1] == pytest.approx(3 * np.log(1e-300) - np.log(6), rel=1e-12)
    assert value[2] == pytest.approx(stats.poisson.logpmf(3, 2.0), rel=1e-12)
    assert log_poisson(0, np.array([0.0]))[0] == 0


def test_a_median_beyond_the_models_nodes_is_the_less_likely_the_further(small):
    beyond = small.yx_grid[-1] + np.array([-0.2, -0.05, 0.0, 0.05, 0.1, 0.2, 0.5])
    values = [likelihood("selfcal", small, Data.observed(4, np.full(4, y)))(at(small))[0] for y in beyond]
    each = [4 * likelihood("unbinned", small, Data.observed(1, np.array([y])))(at(small))[0] for y in beyond]
    assert np.diff(values).max() < -1
    # of four equal values the density falls as fast as that of all of them, or of three where two are the median
    assert 0.5 * (each[0] - each[-1]) < values[0] - values[-1] < each[0] - each[-1]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_selfcal_integrates_to_the_poisson_probability(small, size):
    grid = np.linspace(small.yx_grid[0], small.yx_grid[-1], 500)
    density = [np.exp(likelihood("selfcal", small, Data.observed(size, np.full(size, y)))(at(small))[0]) for y in grid]
    expected = stats.poisson.pmf(size, small.expected_count(at(small))[0])
    assert integrate.simpson(density, x=grid) == pytest.approx(expected, rel=2e-3)


def test_selfcal_sums_and_integrates_to_one(small):
    grid = np.linspace(small.yx_grid[0], small.yx_grid[-1], 151)
    total = np.exp(likelihood("selfcal", small, Data(0.0))(at(small))[0])
    for size in range(1, 12):  # a chance of 2e-5 is left
        one = [np.exp(likelihood("selfcal", small, Data.observed(size, np.full(size, y)))(at(small))[0]) for y in grid]
        total += integrate.simpson(one, x=grid)
    assert total == pytest.approx(1, abs=2e-3)


def test_unbinned_sums_and_integrates_to_one(small):
    """Exactly for N = 0, 1, 2 by quadrature; in general because lambda/Lambda is a density."""
    count = small.expected_count(at(small))[0]
    grid = np.linspace(small.yx_grid[0], small.yx_grid[-1], 161)
    zero = np.exp(likelihood("unbinned", small, Data(0.0))(at(small))[0])
    assert zero == pytest.approx(np.exp(-count), rel=1e-12)
    one = [np.exp(likelihood("unbinned", small, Data.observed(1, np.array([y])))(at(small))[0]) for y in grid]
    assert integrate.simpson(one, x=grid) == pytest.approx(stats.poisson.pmf(1, count), rel=1e-4)
    coarse = grid[::2]
    two = np.zeros((len(coarse), len(coarse)))
    for i, j in zip(*np.tril_indices(len(coarse)), strict=True):  # the order of two clusters does not matter
        pair = Data.observed(2, coarse[[i, j]])
        two[i, j] = two[j, i] = np.exp(likelihood("unbinned", small, pair)(at(small))[0])
    total = integrate.simpson(integrate.simpson(two, x=coarse), x=coarse)
    assert total == pytest.approx(stats.poisson.pmf(2, count), rel=1e-3)


def test_binned_sums_to_one(small):
    """Independent Poisson bins: the sum over every combination of up to four clusters."""
    from itertools import combinations_with_replacement

    from forecast.likelihoods.bins import YxBins

    model = forward_model(replace(small.setup, yx_bin=1.5))
    bins = YxBins.of(model)
    middles = 0.5 * (bins.edges[1:] + bins.edges[:-1])
    expected = model.expected_count(at(model))[0]
    for size in range(5):
        total = sum(
            np.exp(likelihood("binned", model, Data.observed(size, np.array(y)))(at(model))[0])
            for y in combinations_with_replacement(middles, size)
        )
        assert total == pytest.approx(stats.poisson.pmf(size, expected), rel=1e-3)


def test_unbinned_is_the_limit_of_binned(nv22):
    """ln L differences between parameter vectors agree as bins shrink below the scatter."""
    rng = np.random.default_rng(6)
    differences = {}
    for width in (0.4, 0.02):
        model = forward_model(replace(nv22.setup, yx_bin=width))
        mock = draw_mocks(model, at(model), rng=np.random.default_rng(7))
        theta = model.parameters.draw(6, rng=rng)
        data = Data.observed(int(mock.size[0]), mock.log_yx)
        binned, unbinned = (likelihood(level, model, data)(theta) for level in ("binned", "unbinned"))
        differences[width] = np.std(binned - unbinned)
    assert differences[0.02] < 0.2
    assert differences[0.02] < 0.1 * differences[0.4]


def test_missing_yx_is_marginalised(small):
    """A cluster without Y_X: the likelihood is that of the other, integrated over its Y_X."""
    grid = np.linspace(small.yx_grid[0], small.yx_grid[-1], 201)
    y = 13.4
    both = [np.exp(likelihood("unbinned", small, Data.observed(2, np.array([y, b])))(at(small))[0]) for b in grid]
    without = np.exp(likelihood("unbinned", small, Data.observed(2, np.array([y])))(at(small))[0])
    assert integrate.simpson(both, x=grid) == pytest.approx(without, rel=1e-3)


def mock_scores(model, levels, size, rng):
    """Scores (size, D) of each level at the fiducial parameters, over mock catalogues."""
    mocks = draw_mocks(model, np.repeat(at(model), size, axis=0), rng=rng)
    scores = {level: [] for level in levels}
    for i in range(size):
        data = Data.of_mock(model, mocks, i)
        for level in levels:
            scores[level].append(derivatives(likelihood(level, model, data), model.parameters, at(model)[0]))
    return {level: np.array(s) for level, s in scores.items()}


@pytest.mark.parametrize("size", [150, pytest.param(400, marks=pytest.mark.slow)])
def test_scores_have_mean_zero_and_fisher_covariance(nv22_model, size):
    """An independent, Monte-Carlo Fisher matrix: the covariance of the score."""
    from forecast.likelihoods.fisher import fisher_matrix

    nv22_model = forward_model(replace(nv22_model.setup, weak_lensing=0.2))
    scores = mock_scores(nv22_model, LEVELS, size, np.random.default_rng(11))
    for level in LEVELS:
        s = scores[level]
        fisher = fisher_matrix(level, nv22_model).information
        error = np.sqrt(np.diag(fisher) / size)
        used = np.diag(fisher) > 1e-10 * fisher.max()
        assert (np.abs(s.mean(axis=0)[used]) < 5 * error[used]).all(), level
        variance = s[:, used].var(axis=0)
        assert (np.abs(variance / np.diag(fisher)[used] - 1) < 5 * np.sqrt(3 / size)).all(), level


def test_order_of_clusters_does_not_matter(nv22_model):
    rng = np.random.default_rng(3)
    y, e = rng.normal(13.5, 0.3, 50), rng.uniform(0, 0.1, 50)
    order = rng.permutation(50)
    model = forward_model(replace(nv22_model.setup, weak_lensing=0.2))
    theta = model.parameters.draw(4, rng=rng)
    mocks = draw_mocks(model, at(model), rng=rng)
    points = Points.of_mocks(model, mocks)[:50]
    for level in LEVELS:
        a = likelihood(level, model, Data.observed(55, y, e, points))(theta)
        b = likelihood(level, model, Data.observed(55, y[order], e[order], points[order]))(theta)
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_by_hand(nv22_model):
    """ln L = -Lambda + sum ln lambda - ln N! from the model's own count and density."""
    theta = nv22_model.parameters.draw(3, rng=np.random.default_rng(1))
    y = np.array([13.2, 13.5, 14.1])
    count, density = nv22_model.expected_count(theta), nv22_model.yx_density(theta, y)
    data = Data.observed(3, y)
    np.testing.assert_allclose(
        likelihood("unbinned", nv22_model, data)(theta), -count + np.log(density).sum(axis=1) - np.log(6), rtol=1e-12
    )
    np.testing.assert_allclose(
        likelihood("counts", nv22_model, data)(theta), stats.poisson.logpmf(3, count), rtol=1e-10
    )


def test_the_table_of_many_clusters_equals_direct_evaluation(nv22_model, cccp_model):
    for model in (nv22_model, cccp_model):
        rng = np.random.default_rng(5)
        mocks = draw_mocks(model, np.repeat(at(model), 5, axis=0), rng=rng)
        theta = model.parameters.draw(8, rng=rng)
        y = mocks.log_yx
        assert len(y) > len(model.yx_grid)
        table = likelihood("unbinned", model, Data.observed(len(y), y))
        assert table._table is not None
        direct = np.log(model.yx_density(theta, y)).sum(axis=1)
        np.testing.assert_allclose(table._from_table(table._table, theta).sum(axis=1), direct, atol=1e-4 * len(y))


def test_asimov_likelihood_peaks_at_the_truth(nv22_model):
    target = likelihood("unbinned", nv22_model, Data.expected(nv22_model))
    slope = derivatives(target, nv22_model.parameters, at(nv22_model)[0])
    scale = nv22_model.parameters.prior_std
    assert np.abs(slope * scale).max() < 5e-3


def test_posterior_outside_the_prior_and_nan(nv22_model):
    posterior = Posterior(likelihood("counts", nv22_model, Data(100.0)))
    theta = np.repeat(at(nv22_model), 2, axis=0)
    theta[1, 0] = 0.5
    assert np.isfinite(posterior(theta)[0])
    assert posterior(theta)[1] == -np.inf
    broken = Posterior(likelihood("counts", nv22_model, Data(float("nan"))))
    with pytest.raises(NumericalError, match="NaN at"):
        broken(theta)


def test_errors():
    with pytest.raises(InputError, match="did you mean 'selfcal'"):
        likelihood("self-cal", None, None)
    with pytest.raises(InputError, match="finite"):
        Data.observed(2, np.array([13.0, np.nan]))
    with pytest.raises(InputError, match="3 values of Y_X for 2"):
        Data.observed(2, np.ones(3))
