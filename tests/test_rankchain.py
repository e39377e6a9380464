"""Ranks of truths in chains: uniform for any chain if the posterior is right, and what they notice."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.checks.sbc import CalibrationPlan, calibrate
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.levels import cluster_level, likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.relations.residuals import Residuals
from forecast.sampling.chains import walk
from forecast.sampling.lessons import summaries
from forecast.sampling.proposal import Proposal, from_scores
from forecast.sampling.ranks import rank_truths


@pytest.fixture(scope="module")
def lensed(nv22):
    return forward_model(nv22.setup)


def test_pairwise_likelihoods_equal_the_public_ones(lensed, cccp_model):
    for model, level in ((lensed, "full"), (lensed, "full+wl"), (cccp_model, "full")):
        theta = model.parameters.draw(4, rng=np.random.default_rng(1))
        mocks = draw_mocks(model, theta, rng=np.random.default_rng(2))
        pairs = cluster_level(level).paired(model, mocks)(theta[::-1])
        for i in range(4):
            data = Data.of_mock(model, mocks, i)
            public = likelihood(level, model, data)(theta)
            other = cluster_level(level).paired(model, mocks)(np.repeat(theta[i : i + 1], 4, axis=0))
            assert pairs[i] - other[i] == pytest.approx(public[3 - i] - public[i], abs=1e-6)


def test_chains_sample_a_known_posterior():
    """A Gaussian toy: scores with prior N(0, 1) and one Gaussian datum each."""

    class Toy:
        def __init__(self, data, error):
            self.data, self.error = data, error

        def __call__(self, theta):
            return -0.5 * ((theta - self.data) ** 2).sum(axis=1) / self.error**2

    from forecast.core.parameters import ParameterSet

    free = tuple(Parameter(n, 0.0, Prior("gaussian", mean=0.0, std=1.0)) for n in ("sigma8", "evolution_lx"))
    parameters, rng = ParameterSet(free), np.random.default_rng(3)
    data = rng.standard_normal((400, 2))
    posterior_mean, variance = data / 1.25, 0.2
    proposal = Proposal(posterior_mean + 0.3, np.tile(0.6 * np.eye(2), (400, 1, 1)))
    chain = walk(Toy(data, 0.5), parameters, proposal, np.zeros((400, 2)), rng=rng.spawn(400))
    states = np.array([next(chain)[0].copy() for _ in range(600)])[100:]
    assert states.mean(axis=0) == pytest.approx(posterior_mean, abs=0.2)
    assert (states.mean(axis=0) - posterior_mean).mean() == pytest.approx(0, abs=0.01)
    assert states.var(axis=0).mean() == pytest.approx(variance, rel=0.03)


def test_scores_are_the_prior(lensed):
    scores = np.random.default_rng(4).standard_normal((4000, len(lensed.parameters.free)))
    theta = from_scores(lensed.parameters, scores)
    for i, parameter in enumerate(lensed.parameters.free):
        low, high = parameter.prior.bounds
        assert stats.kstest(theta[:, i], "uniform", (low, high - low)).pvalue > 1e-4


def test_summaries_of_catalogues_one_by_one(lensed):
    mocks = draw_mocks(lensed, lensed.parameters.draw(5, rng=np.random.default_rng(5)), rng=np.random.default_rng(6))
    found = summaries(mocks)
    for i in range(5):
        mine = mocks.row == i
        assert found[i, 0] == pytest.approx(np.log(mine.sum() + 1))
        assert found[i, 1] == pytest.approx(mocks.log_lx[mine].mean())
    assert np.isfinite(found).all()


@pytest.mark.slow
@pytest.mark.parametrize("level", ["full", "full+wl"])
def test_full_levels_are_calibrated(lensed, level):
    check = calibrate(lensed, level, CalibrationPlan(mocks=1200, steps=250, seed=21, groups=3))
    assert check.mocks == 300
    assert check.p_value > 1e-3
    assert min(check.p_values.values()) > 1e-4
    assert check.ess_median > 10


@pytest.mark.slow
def test_ranks_are_uniform_however_short_the_chain(lensed):
    ranks = rank_truths((lensed, lensed), "full+wl", 400, 4, rng=np.random.default_rng(7))
    for rank in ranks.rank:
        assert stats.kstest(rank, "uniform").pvalue > 1e-4


@pytest.mark.slow
def test_mocks_of_another_library_are_noticed(lensed):
    """The same residual scatter, but with tails and another correlation of T with M_gas."""
    relations = lensed.setup.relations
    weight, wide = np.array([0.9, 0.1]), np.array([0.5, 5.5])
    base = relations.unit_residuals.covariance[0, 0].copy()
    base[1, 2] = base[2, 1] = 0.45
    base[0, 1] = base[1, 0] = 0.3
    residuals = Residuals(relations.names, weight, np.zeros((1, 2, 3)), (wide[:, None, None] * base)[None], np.zeros(1))
    other = forward_model(replace(lensed.setup, relations=replace(relations, residuals=residuals)))
    plan = CalibrationPlan(mocks=800, steps=250, seed=22, groups=2)
    assert min(calibrate(lensed, "full", plan, truth=other).p_values.values()) < 1e-4
    assert min(calibrate(other, "full", plan).p_values.values()) > 1e-4


def test_density_is_cut_to_the_catalogues_own_clusters(lensed):
    mocks = draw_mocks(lensed, lensed.parameters.draw(3, rng=np.random.default_rng(8)), rng=np.random.default_rng(9))
    from forecast.likelihoods.density.points import Points

    density = PointDensity(lensed, Points.of_mocks(lensed, mocks), True)
    theta = lensed.parameters.draw(3, rng=np.random.default_rng(10))
    at_own = density(theta, mocks.row, np.arange(len(mocks.row)))
    every = density.grid(theta)
    np.testing.assert_allclose(at_own, every[mocks.row, np.arange(len(mocks.row))], atol=1e-9)
