"""Densities of sigma8: normalised, and the loss is what the table says."""

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import norm

from mlcheck.accuracy.metrics import Exact, against_exact, score
from mlcheck.networks.heads import GRID, MixtureHead, PointHead, cumulative, integral, moments
from mlcheck.networks.predict import Predictions


def outputs(rng, size=40, components=4):
    return np.concatenate(
        [rng.standard_normal((size, components)), 0.4 * rng.standard_normal((size, 2 * components))], axis=1
    ).astype("float32")


def test_densities_are_normalised_and_equal_the_loss():
    rng, head = np.random.default_rng(1), MixtureHead(4, True)
    out = outputs(rng)
    table = head.table(out)
    np.testing.assert_allclose(integral(table), 1.0)
    at = rng.integers(50, 950, size=len(out))
    loss = np.asarray(head.loss(GRID[at].astype("float32"), out))
    np.testing.assert_allclose(-loss, np.log(table[np.arange(len(out)), at]), atol=2e-3)


def test_unbounded_loss_is_a_density_over_all_numbers():
    head, out = MixtureHead(4, False), outputs(np.random.default_rng(2), size=1)
    x = np.linspace(-8, 9, 20_001, dtype="float32")
    density = np.exp(-np.asarray(head.loss(x, np.repeat(out, len(x), axis=0))))
    assert integrate.trapezoid(density, x) == pytest.approx(1.0, abs=1e-3)


def test_moments_and_cumulative():
    density = np.exp(-0.5 * ((GRID - 0.4) / 0.05) ** 2)[None]
    density /= integral(density)[:, None]
    mean, std = moments(density)
    assert mean[0] == pytest.approx(0.4)
    assert std[0] == pytest.approx(0.05, rel=1e-4)
    assert cumulative(density, np.array([0.4]))[0] == pytest.approx(0.5, abs=1e-4)
    assert cumulative(density, np.array([2.0]))[0] == 1.0


def test_point_head():
    head = PointHead()
    np.testing.assert_allclose(np.asarray(head.loss(np.array([0.5]), np.array([[0.2]]))), [0.3])
    np.testing.assert_allclose(head.centre(np.array([[0.2]])), [0.2])


def test_scores_of_a_known_posterior():
    """A Gaussian posterior of the right width: scatter, coverage, shrinkage and distance are as they must be."""
    rng, size = np.random.default_rng(3), 20_000
    truth = rng.normal(0.8, 0.06, size)
    data = truth + rng.normal(0, 0.03, size)
    variance = 1 / (1 / 0.06**2 + 1 / 0.03**2)
    mean = variance * (0.8 / 0.06**2 + data / 0.03**2)
    std = np.full(size, np.sqrt(variance))
    below = norm.cdf(truth, mean, std)
    found = score("a", "b", "network", mean, truth, std=std, below=below)
    assert abs(found.scatter - std[0]) < 5 * found.scatter_error
    assert found.scatter_error == pytest.approx(std[0] / np.sqrt(2 * size), rel=0.05)
    assert abs(found.bias) < 5 * found.bias_error
    assert found.coverage_holds(5.0)
    assert not score("a", "b", "network", mean, truth, std=std, below=norm.cdf(truth, mean, 0.8 * std)).coverage_holds()
    noisy = Exact("full", np.arange(1000), mean[:1000] + rng.normal(0, std[0] / 10, 1000), std[:1000], 100.0)
    off = against_exact(found, point(mean + 0.2 * std[0] * rng.choice([-1, 1], size)), truth, noisy)
    assert (off.counterpart, off.compared) == ("full", 1000)
    assert abs(off.distance - 0.2) < 5 * off.distance_error
    near = against_exact(found, point(mean), truth, noisy)
    assert near.distance < 0.05
    low, high = near.shrinkage
    assert low.passes
    assert high.passes
    assert low.exact.value > 0 > high.exact.value


def test_what_is_worse_than_the_prior_or_knows_its_width_badly_is_said():
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.7, 0.92, 400)
    constant = score("blind", "", "network", np.full(400, truth.mean()), truth)
    assert any("no better than one answer to every catalogue" in doubt for doubt in constant.doubts())
    error = rng.normal(0, 0.02, 400)
    good = score("good", "", "network", truth + error, truth, std=np.full(400, 0.02), below=norm.cdf(-error / 0.02))
    assert good.doubts() == () and good.spread == pytest.approx(truth.std(ddof=1))
    narrow = score("sure", "", "network", truth + error, truth, std=np.full(400, 0.01), below=norm.cdf(-error / 0.01))
    assert [doubt.split(":")[1].split(" and")[0] for doubt in narrow.doubts()] == [" its 68%"]


def point(mean):
    """Predictions without a density."""
    nothing = np.full(len(mean), np.nan)
    return Predictions(mean, nothing, mean[None], np.linspace(0.6, 1.0, 11), None)
