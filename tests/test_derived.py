"""S8 and the degeneracy of sigma8 and Om0, against samples of the same Gaussian and a published power."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.likelihoods.derived import chain_degeneracy, fisher_degeneracy, fisher_s8, s8
from forecast.likelihoods.fisher import Fisher, fisher_matrix
from forecast.model.forward import forward_model
from forecast.report.writers import chain_summary
from forecast.sampling.mcmc import Chain


@pytest.fixture
def fisher():
    """Om0 first, so that an order taken for granted shows; small errors, so that S8 is linear."""
    free = (
        Parameter("Om0", 0.25, Prior("gaussian", mean=0.25, std=0.004)),
        Parameter("norm_lx", 1.0, Prior("lognormal", mean=1.0, std=0.1, log=True)),
        Parameter("sigma8", 0.8, Prior("flat", low=0.6, high=1.0)),
    )
    direction = np.array([0.47 / 0.25, 0.3, 1 / 0.8])
    return Fisher(ParameterSet(free), np.outer(direction, direction) / 0.004**2 + np.diag([0.0, 20.0, 0.0]))


def samples(fisher, size):
    rng = np.random.default_rng(3)
    draws = rng.multivariate_normal(np.array([0.25, 0.0, 0.8]), fisher.covariance, size)
    return draws[:, 2], draws[:, 0], draws


def test_s8_of_a_fisher_matrix_equals_that_of_samples(fisher):
    size = 200_000
    sigma8, Om0, _ = samples(fisher, size)
    value, std = fisher_s8(fisher)
    drawn = s8(sigma8, Om0)
    assert value == pytest.approx(0.8 * (0.25 / 0.3) ** 0.5)
    assert drawn.mean() == pytest.approx(value, abs=5 * std / np.sqrt(size) + 1e-4)
    assert drawn.std() == pytest.approx(std, rel=5 / np.sqrt(2 * size) + 2e-3)


def test_degeneracy_of_a_fisher_matrix_equals_that_of_samples(fisher):
    sigma8, Om0, _ = samples(fisher, 200_000)
    one, other = fisher_degeneracy(fisher), chain_degeneracy(sigma8, Om0, 0.25)
    combination = sigma8 * (Om0 / 0.25) ** one.power
    assert abs(np.corrcoef(combination, Om0)[0, 1]) < 0.02
    assert other.power == pytest.approx(one.power, abs=0.03)
    assert other.value == pytest.approx(one.value, rel=1e-3)
    assert other.std == pytest.approx(one.std, rel=0.01)
    assert combination.std() < sigma8.std()


def test_chain_summaries_hold_s8(fisher):
    sigma8, Om0, draws = samples(fisher, 40 * 200)
    steps = draws.reshape(200, 40, 3)
    chain = Chain(fisher.parameters.names, steps, np.zeros(steps.shape[:2]), np.ones(3), 0, 0.3)
    summary = chain_summary("counts", chain).parameters
    assert set(summary) == {"Om0", "norm_lx", "sigma8", "S8"}
    assert summary["S8"]["mean"] == pytest.approx(s8(sigma8, Om0).mean(), rel=1e-12)
    plain = Chain(("sigma8", "norm_lx", "h"), steps, np.zeros(steps.shape[:2]), np.ones(3), 0, 0.3)
    assert "S8" not in chain_summary("counts", plain).parameters


def test_direction_of_the_degeneracy_is_the_published_one(cccp):
    """sigma8 (Om0/0.25)^0.47 of Vikhlinin et al. (2009b); a tenth of the power is allowed for."""
    free = cccp.setup.parameters.with_free(Parameter("Om0", 0.25, Prior("flat", low=0.15, high=0.45)))
    fisher = fisher_matrix("counts", forward_model(replace(cccp.setup, parameters=free)))
    found = fisher_degeneracy(fisher)
    assert found.power == pytest.approx(0.47, abs=0.047)
    fixed = fisher_matrix("counts", forward_model(cccp.setup))
    assert found.std == pytest.approx(fixed.std("sigma8"), rel=0.05)
    assert fisher_s8(fisher)[1] < 0.25 * fisher.std("sigma8")


def test_s8_needs_om0(cccp_model):
    with pytest.raises(InputError, match="S8 needs sigma8 and Om0"):
        fisher_s8(fisher_matrix("counts", cccp_model))
