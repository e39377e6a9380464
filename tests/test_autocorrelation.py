"""Effective draws against what is known of autoregressive chains, and against the scatter of independent ones."""

import emcee
import numpy as np
import pytest

from forecast.checks.sbc import posterior_rank
from forecast.sampling.autocorrelation import autocorrelation_time, effective_draws, harmonic_mean

POSTERIORS = 800


def autoregressive(memory, shape, *, rng):
    """Chains of unit variance along the first axis of `shape`."""
    steps = rng.standard_normal(shape)
    steps[1:] *= np.sqrt(1 - memory**2)
    for i in range(1, len(steps)):
        steps[i] += memory * steps[i - 1]
    return steps


def test_times_are_those_of_emcee():
    steps = autoregressive(0.9, (700, 6, 3), rng=np.random.default_rng(1)) * np.array([1.0, 30.0, 1e-4])
    steps[:, :, 1] += np.linspace(0, 60, 700)[:, None]
    np.testing.assert_allclose(autocorrelation_time(steps), emcee.autocorr.integrated_time(steps, tol=0, quiet=True))
    still = np.concatenate([steps, np.ones((700, 6, 1))], axis=2)
    assert autocorrelation_time(still)[3] == 700


@pytest.mark.parametrize(("length", "chains", "memory"), [(100, 4, 0.9), (60, 20, 0.9), (400, 1, 0.9), (100, 4, 0.95)])
def test_effective_draws_of_chains_hardly_longer_than_their_memory(length, chains, memory):
    """Squared errors of means of 13 to 75 effective draws: as claimed, to the errors of 800 posteriors and 10%."""
    lags, total = np.arange(1, length), length * chains
    exact = total / (1 + 2 * np.sum((1 - lags / length) * memory**lags))
    traces = autoregressive(memory, (length, chains, POSTERIORS), rng=np.random.default_rng(2))
    each = effective_draws(traces)
    error = np.std(1 / each) / np.sqrt(POSTERIORS) * exact
    assert exact / harmonic_mean(each) == pytest.approx(1, abs=0.1 + 5 * error)


def test_chains_that_stall_have_few_draws():
    """Steps that hardly remember the one before, but one in 300 begins 100 steps far away: no lag tells of that."""
    rng = np.random.default_rng(3)
    traces = rng.standard_normal((200, 4, POSTERIORS))
    begun = rng.random(traces.shape) < 1 / 300
    stalled = np.stack([begun[max(0, i - 100) : i + 1].any(axis=0) for i in range(200)])
    traces = np.where(stalled, 4.0, traces)
    means, variance = traces.mean(axis=(0, 1)), traces.var()
    borne_out = variance / means.var()
    assert borne_out < 40
    assert harmonic_mean(effective_draws(traces)) == pytest.approx(borne_out, rel=0.2 + 5 * np.sqrt(2 / POSTERIORS))


def test_no_more_draws_than_states_and_at_least_one():
    rng = np.random.default_rng(4)
    there_and_back = np.array([1.0, -1.0])[np.arange(200) % 2][:, None, None] + 0.1 * rng.standard_normal((200, 4, 5))
    assert effective_draws(there_and_back).max() == 800
    assert effective_draws(np.ones((50, 3, 2))).tolist() == [1.0, 1.0]


def test_weighted_draws_are_no_more_than_there_are():
    """Data that say nothing: 50 draws and the truth weigh the same, and are 50 draws."""
    below = np.zeros((1, 3, 50))
    assert posterior_rank(np.zeros((3, 50)), np.zeros(3), below, np.full(3, 0.5))[1].tolist() == [50.0] * 3
