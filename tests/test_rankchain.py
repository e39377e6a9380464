"""Ranks of truths in chains: uniform for any chain if the posterior is right, and what they notice."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.checks.sbc import CalibrationPlan, calibrate
from forecast.config.load import load_config
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.levels import cluster_level, likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.relations.residuals import Residuals
from forecast.sampling.chains import laplace, walk
from forecast.sampling.lessons import Lessons, summaries
from forecast.sampling.proposal import Proposal, from_scores, to_scores
from forecast.sampling.ranks import rank_truths
from forecast.survey.geometry import Replicated


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


def test_densities_of_proposals_are_scipys():
    rng = np.random.default_rng(1)
    mean, factor = rng.standard_normal((4, 3)), np.tril(0.3 * rng.standard_normal((4, 3, 3))) + np.eye(3)
    proposal = Proposal(mean, factor)
    new = [proposal.independent(rng.standard_normal((4, 3)), rng.chisquare(5, 4)) for _ in range(2)]
    for i in range(4):
        one = stats.multivariate_t(mean[i], factor[i] @ factor[i].T, 5)
        alone = Proposal(mean[i], factor[i])
        ours, theirs = [alone.log_density(x[i : i + 1])[0] for x in new], [one.logpdf(x[i]) for x in new]
        assert ours[1] - ours[0] == pytest.approx(theirs[1] - theirs[0], rel=1e-9)
        together = [proposal.log_densities(x)[i, 1] for x in new]
        assert together == pytest.approx(ours)


class Hill:
    """ln L with its top at 1.5 in one score, and an expansion that takes it for `flat` times as wide as it is."""

    def __init__(self, parameters, flat):
        self.parameters, self.flat = parameters, flat

    def __call__(self, theta):
        return -50 * ((to_scores(self.parameters, theta) - 1.5) ** 2).sum(axis=1)

    def expansion(self, pairs):
        pairs = list(pairs)
        step = to_scores(self.parameters, pairs[0][0]) - to_scores(self.parameters, pairs[0][1])
        curvature = 100 / self.flat * np.einsum("ki,kj->kij", step, step)
        return np.stack([self(up) - self(down) for up, down in pairs], axis=1), curvature


@pytest.mark.parametrize("flat", [1, 10, 40])
def test_newtons_steps_climb_where_curvatures_are_far_too_small(flat):
    parameters = ParameterSet((Parameter("sigma8", 0.8, Prior("flat", 0.6, 1.0)),))
    found = laplace(Hill(parameters, flat), parameters, np.array([[-1.0], [0.0], [1.4]]))
    top = 1.5 * 100 / 101
    assert found.mean[:, 0] == pytest.approx(top, abs=0.06)


def test_catalogues_of_a_large_cone_leave_their_start():
    """Posteriors far narrower than the prior: maxima are above the truth, and every chain moves."""
    setup = load_config("erosita").setup
    model = forward_model(replace(setup, geometry=Replicated(setup.geometry, 0.05)))
    rng = np.random.default_rng(5)
    theta = model.parameters.draw(8, rng=rng)
    mocks = draw_mocks(model, theta, rng=rng)
    target = cluster_level("full").paired(model, mocks)
    found = laplace(target, model.parameters, Lessons.drawn(model, rng=rng).start(mocks))
    here, there = (
        target(from_scores(model.parameters, s)) - 0.5 * (s**2).sum(axis=1)
        for s in (found.mean, to_scores(model.parameters, theta))
    )
    assert (here > there).all()
    chain = walk(target, model.parameters, found, found.mean, rng=rng.spawn(8))
    states = np.array([next(chain)[0].copy() for _ in range(40)])
    assert ((np.diff(states[..., 0], axis=0) != 0).mean(axis=0) > 0.2).all()


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
