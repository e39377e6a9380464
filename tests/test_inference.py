"""Fisher, MCMC and importance sampling of the same posterior; goodness of fit; the real clusters."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from forecast.checks.goodness import goodness_of_fit, poisson_deviance
from forecast.checks.observed import open_catalogue
from forecast.core.parameters import ParameterSet
from forecast.core.priors import Prior
from forecast.likelihoods.data import Data
from forecast.likelihoods.fisher import fisher_matrix
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling.mcmc import ChainPlan, run_chain


@pytest.fixture(scope="module")
def gaussian_model(nv22):
    """NV22 with every flat prior replaced by a Gaussian of equal variance, as Fisher matrices do."""
    free = []
    for p in nv22.setup.parameters.free:
        std = p.prior.coordinate_moments[1]
        kind = "lognormal" if p.log else "gaussian"
        free.append(replace(p, prior=Prior(kind, mean=p.fiducial, std=std, log=p.log)))
    return forward_model(replace(nv22.setup, parameters=ParameterSet(tuple(free))))


def weighted(posterior_weights, sigma8):
    w = np.exp(posterior_weights - posterior_weights.max())
    w /= w.sum()
    mean = w @ sigma8
    return mean, np.sqrt(w @ (sigma8 - mean) ** 2), 1 / (w @ w)


def prior_draws(model, size, seed=1):
    theta = model.parameters.draw(size, rng=np.random.default_rng(seed))
    return theta[(theta[:, 0] > 0.5) & (theta[:, 0] < 1.2)]


@pytest.mark.slow
@pytest.mark.parametrize("level", ["counts", "selfcal", "unbinned"])
def test_exact_posterior_agrees_with_fisher_for_gaussian_priors(gaussian_model, level):
    data = Data.expected(gaussian_model)
    target = likelihood(level, gaussian_model, data if level == "unbinned" else data.rounded())
    theta = prior_draws(gaussian_model, 20_000)
    value = np.concatenate([target(part) for part in np.array_split(theta, 100)])
    mean, std, size = weighted(value, theta[:, 0])
    assert size > 1000
    assert std == pytest.approx(fisher_matrix(level, gaussian_model).std(), rel=0.10)
    assert mean == pytest.approx(0.81, abs=0.3 * std)


def test_mcmc_agrees_with_fisher(gaussian_model, tmp_path):
    """N and the median Y_X, on expected data: a chain against the Fisher matrix, to 10%."""
    data = Data.expected(gaussian_model).rounded()
    plan = ChainPlan("selfcal", 1, 64, 250, 4000, tmp_path / "chain.h5", "test")
    chain = run_chain(Posterior(likelihood("selfcal", gaussian_model, data)), plan)
    assert chain.converged
    assert chain.summary("sigma8")["std"] == pytest.approx(fisher_matrix("selfcal", gaussian_model).std(), rel=0.10)


def test_mcmc_agrees_with_importance_sampling_for_flat_priors(nv22_model, tmp_path):
    """With NV22's own priors the posterior is wider than Fisher's: two exact methods agree on it."""
    data = Data.expected(nv22_model).rounded()
    target = likelihood("selfcal", nv22_model, data)
    theta = prior_draws(nv22_model, 20_000)
    value = np.concatenate([target(part) for part in np.array_split(theta, 100)])
    mean, std, size = weighted(value, theta[:, 0])
    plan = ChainPlan("selfcal", 1, 64, 250, 4000, tmp_path / "chain.h5", "test")
    summary = run_chain(Posterior(target), plan).summary("sigma8")
    assert summary["mean"] == pytest.approx(mean, abs=5 * np.hypot(std / np.sqrt(size), summary["mcse"]))
    assert summary["std"] == pytest.approx(std, rel=0.05)  # a move that is not invariant is 12% off
    assert std > 1.1 * fisher_matrix("selfcal", nv22_model).std()


def test_unbinned_posteriors_of_50_mocks_agree_with_fisher(gaussian_model):
    """The posterior width of sigma8, averaged over mocks, by importance sampling."""
    mocks = draw_mocks(
        gaussian_model, np.repeat(gaussian_model.parameters.fiducial[None], 50, 0), rng=np.random.default_rng(9)
    )
    theta = prior_draws(gaussian_model, 8000)
    grid = gaussian_model.yx_grid
    parts = np.array_split(theta, 60)
    density = np.concatenate([gaussian_model.yx_density(p, grid) for p in parts])
    count = np.concatenate([gaussian_model.expected_count(p) for p in parts])
    spline = CubicSpline(grid, np.log(np.maximum(density, 1e-300)), axis=1)
    widths, pulls = [], []
    for i in range(50):
        mean, std, size = weighted(spline(mocks.log_yx[mocks.row == i]).sum(axis=1) - count, theta[:, 0])
        assert size > 50
        widths.append(std)
        pulls.append((mean - 0.81) / std)
    assert np.mean(widths) == pytest.approx(fisher_matrix("unbinned", gaussian_model).std(), rel=0.10)
    assert abs(np.mean(pulls)) < 5 / np.sqrt(50)


def test_goodness_of_fit_accepts_the_truth_and_rejects_another(nv22_model):
    theta = np.repeat(nv22_model.parameters.fiducial[None], 400, axis=0)
    mock = draw_mocks(nv22_model, theta[:1], rng=np.random.default_rng(2)).catalogue()
    check = goodness_of_fit(nv22_model, theta, "yx", mock.log_yx, rng=np.random.default_rng(3))
    assert 0.001 < check.p_value <= 1
    assert check.observed.sum() == mock.size
    assert check.predicted.sum() == pytest.approx(124.17, rel=0.01)
    shifted = goodness_of_fit(nv22_model, theta, "yx", mock.log_yx + 0.5, rng=np.random.default_rng(3))
    assert shifted.p_value < 0.01


def test_goodness_p_values_are_uniform_for_the_truth(nv22_model):
    theta = np.repeat(nv22_model.parameters.fiducial[None], 200, axis=0)
    mocks = draw_mocks(nv22_model, theta[:60], rng=np.random.default_rng(4))
    p = [
        goodness_of_fit(nv22_model, theta, "lx", mocks.log_lx[mocks.row == i], rng=np.random.default_rng(i)).p_value
        for i in range(60)
    ]
    assert np.mean(p) == pytest.approx(0.5, abs=5 * np.sqrt(1 / 12 / 60))


def test_poisson_deviance_by_hand():
    assert poisson_deviance(np.array([2.0, 0.0]), np.array([1.0, 3.0])) == pytest.approx(
        2 * ((1 - 2 + 2 * np.log(2)) + 3)
    )


@pytest.mark.slow
def test_cccp_posterior(cccp, cccp_model):
    """sigma8 (Om/0.25)^0.47 at Om = 0.25 beside the published 0.813 +- 0.013 +- 0.024."""
    catalogue = open_catalogue(cccp, None)
    assert catalogue.size == 49
    data = Data.observed(catalogue.size, catalogue.log_yx, catalogue.log_yx_error)
    theta = prior_draws(cccp_model, 12_000, seed=5)
    for level, width in (("counts", 0.022), ("selfcal", 0.019), ("unbinned", 0.018)):
        target = likelihood(level, cccp_model, data)
        value = np.concatenate([target(part) for part in np.array_split(theta, 120)])
        mean, std, size = weighted(value, theta[:, 0])
        assert size > 100, level
        assert mean == pytest.approx(0.813, abs=np.hypot(0.013, 0.024))
        assert std == pytest.approx(width, rel=0.2)
