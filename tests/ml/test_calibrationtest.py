"""Posteriors known in closed form: a Gaussian measurement of a uniform truth, by quadrature."""

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from mlcheck.accuracy.shrinkage import shrinkage_test
from mlcheck.networks.heads import GRID, integral, moments
from mlcheck.networks.predict import Predictions
from mlcheck.trust.coverage import calibration_test, tolerable_bias
from mlcheck.trust.shared_errors import shared_errors

LOW, WIDTH = 0.70, 0.22


def posterior(data, noise):
    """Posterior of a truth uniform over 0.70-0.92 from data with a Gaussian error."""
    density = np.exp(-0.5 * ((LOW + WIDTH * GRID - data[:, None]) / noise) ** 2)
    density /= integral(density)[:, None]
    mean, std = moments(density)
    return Predictions(LOW + WIDTH * mean, WIDTH * std, (LOW + WIDTH * mean)[None], LOW + WIDTH * GRID, density / WIDTH)


def experiment(rng, size, noise, claimed=None):
    truth = rng.uniform(LOW, LOW + WIDTH, size)
    data = truth + noise * rng.standard_normal(size)
    return truth, data, posterior(data, claimed or noise)


def test_right_posteriors_fail_as_rarely_as_claimed():
    rng, alarms, runs = np.random.default_rng(1), 0, 200
    for _ in range(runs):
        truth = rng.standard_normal(300)
        data = truth + rng.standard_normal(300)
        below = stats.norm.cdf(truth, data / 2, np.sqrt(0.5))
        alarms += not calibration_test(below, data / 2, false_alarm=0.05).passes
    assert alarms <= stats.binom.ppf(0.999, runs, 0.05)


def test_thirds_by_the_truth_would_condemn_a_right_posterior():
    """Why thirds are those of the predicted value."""
    truth, _, found = experiment(np.random.default_rng(2), 3000, 0.03)
    below = found.cumulative(truth)
    assert calibration_test(below, found.mean).passes
    assert not calibration_test(below, truth).passes


@pytest.mark.parametrize(("claimed", "passes"), [(0.03, True), (0.025, False), (0.036, False)])
def test_widths(claimed, passes):
    truth, _, found = experiment(np.random.default_rng(3), 2000, 0.03, claimed)
    test = calibration_test(found.cumulative(truth), found.mean)
    assert test.passes is passes
    coverage = test.parts[0].coverage[0]
    assert coverage.low < 0.68 < coverage.high
    assert (coverage.low <= coverage.found <= coverage.high) is passes
    inside = [np.mean((low < truth) & (truth < high)) for low, high in [found.interval(0.68)]]
    assert coverage.found == pytest.approx(inside[0], abs=2e-3)


def test_a_bias_in_one_third_is_seen():
    truth, _, found = experiment(np.random.default_rng(4), 2400, 0.02)
    below = found.cumulative(truth)
    top = found.mean > np.quantile(found.mean, 2 / 3)
    test = calibration_test(np.where(top, np.clip(below * 1.25, 0, 1), below), found.mean)
    assert not test.passes
    worst = min(test.parts, key=lambda part: min(part.p_values))
    assert worst.part == "highest third"


def test_what_calibration_refuses():
    with pytest.raises(InputError, match="a network without density has none"):
        calibration_test(np.full(200, np.nan), np.zeros(200))
    with pytest.raises(InputError, match="50 catalogues are too few"):
        calibration_test(np.full(50, 0.5), np.zeros(50))


def test_shrinkage_of_the_exact_mean_itself_passes():
    rng, size = np.random.default_rng(5), 4000
    truth, data, exact = experiment(rng, size, 0.03)
    for ours in shrinkage_test(exact, exact.mean + 1e-4 * rng.standard_normal(size), truth):
        assert ours.passes
        assert ours.calibrated
        assert ours.network.value * (1 if ours.edge == "lowest" else -1) > 0.005
    loud = posterior(data + 0.03 * rng.standard_normal(size), 0.03 * np.sqrt(2))
    for ours in shrinkage_test(loud, exact.mean, truth):
        assert not ours.passes  # it has lost information ...
        assert ours.calibrated  # ... and knows it
        assert abs(ours.network.value) > abs(ours.exact.value)


def test_a_network_that_shrinks_without_reason_is_caught():
    truth, data, exact = experiment(np.random.default_rng(6), 3000, 0.02)
    middle = LOW + WIDTH / 2
    shrunk = posterior(middle + 0.7 * (data - middle), 0.02)
    for ours in shrinkage_test(shrunk, exact.mean, truth):
        assert not ours.passes
        assert not ours.calibrated
    numbers = Predictions(exact.mean, np.full(3000, np.nan), exact.members, exact.sigma8, None)
    assert np.isnan(shrinkage_test(numbers, exact.mean, truth)[0].unexplained.value)
    with pytest.raises(InputError, match="unequal"):
        shrinkage_test(numbers, exact.mean[:10], truth)


def test_false_alarms_of_shrinkage():
    rng, alarms, runs = np.random.default_rng(7), 0, 400
    truth, _, exact = experiment(rng, 400, 0.03)
    for _ in range(runs):
        noisy = exact.mean + 0.003 * rng.standard_normal(400)
        low, high = shrinkage_test(exact, noisy, truth)
        alarms += (not low.passes) + (not high.passes)
    chance = 2 * stats.t.sf(3, 59)
    assert alarms <= stats.binom.ppf(0.999, 2 * runs, chance)


def test_errors_of_nested_and_of_separate_data():
    rng, size = np.random.default_rng(8), 3000
    truth = rng.uniform(LOW, LOW + WIDTH, size)
    first, second = (truth + 0.03 * rng.standard_normal(size) for _ in range(2))
    one, other = posterior(first, 0.03), posterior(second, 0.03)
    both = posterior((first + second) / 2, 0.03 / np.sqrt(2))
    noise = 0.01 * rng.standard_normal((2, size))
    nested = shared_errors("full", (one.mean, one.std), (both.mean + noise, both.std), truth, rng=rng)
    separate = shared_errors("full", (one.mean, one.std), (other.mean + noise, other.std), truth, rng=rng)
    assert nested.correlation.value == pytest.approx(nested.nested, abs=5 * nested.correlation.error)
    assert nested.correlation.value == pytest.approx(
        np.corrcoef(one.mean - truth, both.mean - truth)[0, 1], abs=5 * nested.correlation.error
    )
    assert separate.at_truth.value == pytest.approx(0, abs=5 * separate.at_truth.error)
    assert separate.correlation.value == pytest.approx(separate.chance, abs=5 * separate.correlation.error)
    assert nested.at_truth.value > 20 * nested.at_truth.error
    ratio = one.std.mean() / both.std.mean()
    assert nested.width_ratio.value == pytest.approx(ratio)
    assert nested.scatter_ratio.value == pytest.approx(ratio, abs=5 * nested.scatter_ratio.error + 0.02)


def test_bias_that_coverage_would_betray():
    """By simulation: at that bias half of the experiments leave the band."""
    rng = np.random.default_rng(9)
    for size in (200, 2400):
        bias = tolerable_bias(size)
        inside = np.abs(rng.standard_normal((4000, size // 4, 4)).reshape(4000, -1) + bias) < stats.norm.ppf(0.84)
        low = stats.binom.interval(0.99, size, 0.68)[0]
        assert np.mean(inside.sum(axis=1) < low) == pytest.approx(0.5, abs=0.06)
    assert tolerable_bias(2400) < 0.4 < tolerable_bias(200) < 0.8
