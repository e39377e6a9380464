"""Likelihoods of catalogues that are drawn by brute force with limits, errors, evidence and lensing masses at once.

The mean of L(theta') / L(theta) over data drawn at theta is one, if L is right and normalised.
"""

import numpy as np
import pytest

from benchmarks.realcatalogues import Pieces, catalogue_of
from benchmarks.together import Bench, chance_of_zero


def ratios(level, mocks, **more):
    bench = Bench.of(level, seed=4, **more)
    curvature = bench.curvature()
    return np.array([bench.ratios(i, curvature) for i in range(mocks)])


def test_catalogues_have_a_bit_of_everything():
    bench = Bench.of("full+wl", seed=4, pieces=Pieces(True))
    rng = np.random.default_rng(4)
    found = [catalogue_of(bench.universe, x, bench.pieces, rng) for x in bench.model.parameters.draw(5, rng=rng)]
    each = [(c.has_yx, c.limits["yx"].known, np.isfinite(c.log_mwl), c.log_yx_skew != 0, c.z_error > 0) for c in found]
    assert np.all(np.array([[part.any() for part in one] for one in each]).sum(axis=0) >= 3)
    assert all(not np.any(c.has_yx & c.limits["yx"].known) for c in found)


@pytest.mark.slow
@pytest.mark.parametrize(("level", "mocks"), [("unbinned", 100), ("full+wl", 45)])
def test_ratios_of_likelihoods_have_a_mean_of_one(level, mocks):
    assert chance_of_zero(ratios(level, mocks)) > 1e-4


@pytest.mark.slow
def test_a_follow_up_that_is_not_declared_is_noticed():
    assert chance_of_zero(ratios("unbinned", 100, ignoring="follow-up")) < 1e-6
