"""Training data made to look like a target: weights, and what is left of them."""

import numpy as np
import pytest

from mlcheck.domain.summaries import Space
from mlcheck.trust.reweighting import effective_size, neighbour_weights, reweigh, score_near


def test_weights_are_the_ratio_of_densities():
    rng = np.random.default_rng(3)
    training, target = rng.standard_normal((8000, 1)), 0.6 + 0.7 * rng.standard_normal((2000, 1))
    weight = neighbour_weights(training, target, 80)
    assert weight.sum() == pytest.approx(1.0)
    mean = weight @ training[:, 0]
    assert mean == pytest.approx(0.6, abs=5 * 0.7 / np.sqrt(2000))
    assert np.sqrt(weight @ (training[:, 0] - mean) ** 2) == pytest.approx(0.7, abs=5 * 0.7 / np.sqrt(2 * 2000))
    ratio = np.exp(-0.5 * ((training[:, 0] - 0.6) / 0.7) ** 2 + 0.5 * training[:, 0] ** 2)
    assert effective_size(weight) == pytest.approx(effective_size(ratio), rel=0.1)
    assert effective_size(np.ones(7)) == pytest.approx(7)
    assert effective_size(np.zeros(3)) == 0


def test_weights_without_overlap():
    rng = np.random.default_rng(4)
    training, target = rng.standard_normal((500, 2)), 50 + rng.standard_normal((40, 2))
    found = reweigh(Space.of(training), training, target, ("a", "b"), outside=1.0)
    assert found.effective == 0
    assert np.isnan(found.after)
    assert "no weights can mend that" in found.words
    inside = reweigh(Space.of(training), training, 0.3 + rng.standard_normal((40, 2)), ("a", "b"), outside=0.0)
    assert inside.effective > 100
    assert inside.after < inside.before


def test_culling_keeps_the_nearest():
    distance = np.arange(200.0)[::-1]
    truth = np.linspace(0.7, 0.9, 200)
    found = truth + np.where(np.arange(200) >= 100, 0.01, -0.02) + 0.001 * (-1.0) ** np.arange(200)
    near = score_near("network", distance, 0.5, found, truth, posterior=(np.full(200, 0.02), np.full(200, 0.5)))
    assert near.catalogues == 100
    assert near.bias == pytest.approx(0.01)
