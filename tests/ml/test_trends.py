"""Trends of an ensemble: what is common is found, what is each network's own is not, and the null keeps its rate."""

import numpy as np
import pytest

from forecast.core.errors import InputError
from mlcheck.attribution.mass_bins import Clusters
from mlcheck.attribution.seed_agreement import trend

EDGES = np.arange(13.6, 15.0, 0.1)


def clusters(values, log_mass):
    return Clusters(values, log_mass, np.arange(len(log_mass)) // 50)


@pytest.fixture(scope="module")
def log_mass():
    return np.random.default_rng(5).uniform(13.6, 14.9, 4000)


def test_common_trend_holds_and_own_noise_lowers_the_agreement_as_it_should(log_mass):
    rng = np.random.default_rng(6)
    common = np.sin(5 * log_mass)
    found = trend("T", clusters(common + rng.normal(0, 3, (10, 4000)), log_mass), EDGES, rng=rng)
    assert found.holds
    assert found.curves.shape == (10, 13)
    bins = np.digitize(log_mass, EDGES) - 1
    signal = np.var([common[bins == b].mean() for b in range(13)])
    noise = np.mean([9 / np.sum(bins == b) for b in range(13)])
    assert found.agreement == pytest.approx(signal / (signal + noise), abs=0.1)
    assert found.clusters == pytest.approx(common.var() / (common.var() + 9), abs=5 * np.sqrt(2 / 90 / 4000))
    by_hand = np.corrcoef(found.curves)
    assert found.agreement == pytest.approx((by_hand.sum() - 10) / 90)
    assert found.lowest <= by_hand.max()


def test_sign_of_one_network_shows(log_mass):
    values = np.tile(np.sin(5 * log_mass), (10, 1)) + np.random.default_rng(7).normal(0, 0.1, (10, 4000))
    values[3] *= -1
    found = trend("T", clusters(values, log_mass), EDGES, rng=np.random.default_rng(8))
    assert found.lowest < -0.9
    assert found.agreement == pytest.approx(0.6, abs=0.05)  # of 45 pairs nine have the sign


@pytest.mark.parametrize("smooth", [False, True])
def test_unrelated_networks_pass_as_often_as_the_threshold_says(log_mass, smooth):
    """Noise from bin to bin, and straight lines of any slope: at most 1% hold, within five standard deviations."""
    rng, times = np.random.default_rng(9), 200
    place = np.clip(np.digitize(log_mass, EDGES) - 1, 0, 12)
    held = 0
    for _ in range(times):
        curves = rng.normal(size=(10, 1)) * np.arange(13) if smooth else rng.normal(size=(10, 13))
        held += trend("T", clusters(curves[:, place], log_mass), EDGES, rng=rng).holds
    assert held <= 0.01 * times + 5 * np.sqrt(0.01 * 0.99 * times)


def test_one_network_or_too_few_bins_is_told(log_mass):
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="--members"):
        trend("T", clusters(np.ones((1, 4000)), log_mass), EDGES, rng=rng)
    with pytest.raises(InputError, match="bins of mass"):
        trend("T", clusters(np.ones((2, 4000)), log_mass), np.array([13.6, 14.2, 15.0]), rng=rng)
