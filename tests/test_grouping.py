"""Nothing of a catalogue depends on which others are taken together with it: likelihoods, chains, posteriors."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.config.load import load_config
from forecast.likelihoods.levels import cluster_level
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling import group_chains
from forecast.sampling.ensemble import How, MomentsPlan, by_chains
from forecast.survey.geometry import Replicated


@pytest.fixture(scope="module")
def cone():
    """A light cone of about 100 clusters whose masses are known about as well as a local expansion can do."""
    setup = load_config("erosita").setup
    return forward_model(replace(setup, geometry=Replicated(setup.geometry, 0.01)).with_yx_error(0.13))


@pytest.fixture(scope="module")
def drawn(cone):
    """Catalogues, and their parameters."""
    rng = np.random.default_rng(4)
    theta = cone.parameters.draw(6, rng=rng)
    return draw_mocks(cone, theta, rng=rng), theta


@pytest.mark.parametrize("level", ["unbinned", "full"])
def test_likelihoods_are_the_same_bits_in_other_groups(cone, drawn, level):
    mocks, one = drawn[0], cluster_level(level)
    for seed in range(4):
        theta = cone.parameters.draw(6, rng=np.random.default_rng(seed))
        parts = [slice(0, 2), slice(2, 4), slice(4, 6)]
        apart = [one.paired(cone, mocks.part(p.start, p.stop), mocks)(theta[p]) for p in parts]
        np.testing.assert_array_equal(np.concatenate(apart), one.paired(cone, mocks)(theta))


def test_as_many_clusters_as_catalogues(cone, drawn):
    """All clusters belong to one of the catalogues: each is looked at with that one's parameters."""
    mocks, theta = drawn
    mine = np.flatnonzero(mocks.row == 1)[:6]
    few = mocks.kept(np.isin(np.arange(len(mocks.row)), mine))
    full = cluster_level("full")
    alone = full.paired(cone, few.part(0, 3))(theta[:3])
    np.testing.assert_allclose(full.paired(cone, few)(theta)[:3], alone, rtol=1e-12)


@pytest.mark.parametrize("level", ["unbinned", "full"])
def test_posteriors_of_cones_are_the_same_in_other_groups(cone, drawn, level, monkeypatch):
    mocks, plan = drawn[0], MomentsPlan(5, steps=40, kept=8)
    together = by_chains(cone, level, mocks, plan, How())
    monkeypatch.setattr(group_chains, "_CLUSTERS", int(mocks.size.sum()) // 3)
    apart = by_chains(cone, level, mocks, plan, How())
    np.testing.assert_array_equal(apart.theta, together.theta)
    np.testing.assert_array_equal(apart.moments.mean, together.moments.mean)
    assert apart.moments.effective == together.moments.effective
