"""Oracles: one catalogue at a time, catalogues sampled again without a cluster, and chains of other seeds."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.core.errors import InputError
from forecast.influence.by_cluster import cluster_influence
from forecast.influence.saliency import leave_one_out, saliency
from forecast.likelihoods.data import Data
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling.ensemble import MomentsPlan, posterior_moments, sample_posteriors
from forecast.survey.geometry import Replicated

PLAN = MomentsPlan(3, draws=3000, steps=500, kept=200)


@pytest.fixture(scope="module")
def small(nv22):
    """A quarter of NV22's survey: about 31 clusters."""
    return forward_model(replace(nv22.setup, geometry=Replicated(nv22.setup.geometry, 0.25)))


@pytest.fixture(scope="module")
def mocks(small):
    rng = np.random.default_rng(7)
    return draw_mocks(small, small.parameters.draw(12, rng=rng), rng=rng)


@pytest.fixture(scope="module")
def found(small, mocks):
    levels = ("counts", "selfcal", "unbinned", "full", "full+wl")
    fewer = {"selfcal": replace(PLAN, draws=1000)}  # its draws are dear
    draws = {level: sample_posteriors(small, level, mocks, fewer.get(level, PLAN)) for level in levels}
    return {level: (each, cluster_influence(small, mocks, each)) for level, each in draws.items()}


@pytest.mark.slow
@pytest.mark.parametrize("level", ["counts", "unbinned", "full+wl"])
def test_draws_and_moments_are_of_one_run(small, mocks, found, level):
    posteriors = found[level][0]
    moments = posterior_moments(small, level, mocks, PLAN)
    np.testing.assert_array_equal(posteriors.moments.mean, moments.mean)
    assert posteriors.weight.shape == (12, 200 if level == "full+wl" else 3000)
    np.testing.assert_allclose(posteriors.weight.sum(axis=1), 1.0)
    mean, std = moments.of("sigma8")
    draws = np.array([posteriors.of(i).mean for i in range(12)])
    np.testing.assert_allclose(draws, mean, atol=5 * std.max() / np.sqrt(moments.effective))
    np.testing.assert_allclose(posteriors.halves.mean(axis=0), mean, atol=5 * posteriors.error)


@pytest.mark.parametrize("level", ["counts", "selfcal", "unbinned", "full", "full+wl"])
def test_the_same_as_one_catalogue_at_a_time(small, mocks, found, level):
    posteriors, many = found[level]
    tolerance = {"selfcal": 5 * many.shift_error, "counts": 1e-6, "unbinned": 1e-6}.get(level, 1e-12)
    for i in (0, 5, 11):
        mine, data, draws = mocks.row == i, Data.of_mock(small, mocks, i), posteriors.of(i)
        one = leave_one_out(small, level, data, draws)
        np.testing.assert_allclose(many.shift[0, mine], one.shift, atol=tolerance)
        if level not in ("counts", "selfcal"):
            single = saliency(small, level, data, draws)
            assert many.observables == single.observables
            scale = np.abs(single.per_cluster).max()
            differences = 2e-3 if level == "unbinned" else 1e-9
            np.testing.assert_allclose(many.saliency[0, mine], single.per_cluster, atol=differences * scale)
        if level in ("full", "full+wl"):
            np.testing.assert_allclose(many.pareto_k[mine], one.pareto_k)


def test_shifts_are_those_of_catalogues_sampled_again(small, mocks, found):
    """Without the cluster of largest Y_X, without that of smallest, in every catalogue."""
    posteriors, many = found["full+wl"]
    largest = []
    for best in (np.argmax, np.argmin):
        gone = np.array([np.flatnonzero(mocks.row == i)[best(mocks.log_yx[mocks.row == i])] for i in range(12)])
        rest = mocks.kept(~np.isin(np.arange(len(mocks.row)), gone))
        again = sample_posteriors(small, "full+wl", rest, PLAN)
        brute, ours = again.mean - posteriors.mean, many.shift[0, gone]
        error = np.hypot(again.error, posteriors.error)
        assert np.mean(brute - ours) == pytest.approx(0, abs=5 * error / np.sqrt(12))
        largest.append(ours.mean())
    assert largest[0] < -0.002


def test_saliency_is_the_response_to_weak_lensing_masses_moved_together(small, mocks, found):
    """All M_WL raised by 0.1 dex, and lowered, sampled again: the slope is the sum over clusters."""
    many, step, means = found["full+wl"][1], 0.1, []
    for sign in (1, -1):
        moved = replace(mocks, log_mwl=mocks.log_mwl + sign * step)
        means.append(sample_posteriors(small, "full+wl", moved, PLAN))
    brute = (means[0].mean - means[1].mean) / (2 * step)
    total = np.array([np.bincount(mocks.row, weights=many.saliency[k, :, -1]) for k in range(3)])
    own = np.sqrt(np.mean((total[1] - total[2]) ** 2)) / 2
    error = np.hypot(np.hypot(means[0].error, means[1].error) / (2 * step), own)
    assert np.mean(brute - total[0]) == pytest.approx(0, abs=5 * error / np.sqrt(12) + 0.1 * brute.mean())
    assert brute.mean() > 3 * error / np.sqrt(12)


@pytest.mark.parametrize("level", ["unbinned", "full+wl"])
def test_errors_are_the_scatter_between_seeds(small, mocks, found, level):
    """Catalogues are few and their clusters share a chain: errors to a factor, not to per cent."""
    posteriors, many = found[level]
    again = sample_posteriors(small, level, mocks, replace(PLAN, seed=9))
    other = cluster_influence(small, mocks, again)
    means = np.sqrt(np.mean((posteriors.mean - again.mean) ** 2))
    assert 0.4 < means / np.hypot(posteriors.error, again.error) < 2.5
    both = np.sqrt(many.saliency_error**2 + other.saliency_error**2)
    scatter = np.sqrt(np.mean((many.saliency[0] - other.saliency[0]) ** 2, axis=0))
    assert (scatter < 1.6 * both).all()
    assert (scatter > both / 1.6).all()
    shift = np.sqrt(np.mean((many.shift[0] - other.shift[0]) ** 2))
    assert 1 / 1.6 < shift / np.hypot(many.shift_error, other.shift_error) < 1.6


def test_groups_of_catalogues_do_not_matter(small, mocks, found, monkeypatch):
    monkeypatch.setattr("forecast.influence.by_cluster._CLUSTERS", 60)
    posteriors, many = found["full"]
    told = []
    again = cluster_influence(small, mocks, posteriors, progress=lambda done, total: told.append((done, total)))
    np.testing.assert_allclose(again.saliency, many.saliency, rtol=1e-9)
    np.testing.assert_array_equal(again.pareto_k, many.pareto_k)
    assert told[-1] == (12, 12)
    assert len(told) > 3


def test_empty_catalogues(small, mocks):
    some = mocks.kept(mocks.row != 4)
    posteriors = sample_posteriors(small, "full", some, replace(PLAN, steps=60, kept=40))
    many = cluster_influence(small, some, posteriors)
    assert many.shift.shape == (3, len(some.row))
    assert np.isfinite(many.saliency).all()


def test_what_is_refused(small, mocks, found):
    with pytest.raises(InputError, match="11 catalogues, but draws of"):
        cluster_influence(small, replace(mocks.kept(mocks.row < 11), size=mocks.size[:11]), found["full"][0])
    with pytest.raises(InputError, match="use 'unbinned'"):
        cluster_influence(small, mocks, replace(found["unbinned"][0], level="binned"))
    with pytest.raises(InputError, match="kept must be at least 2, got 1"):
        sample_posteriors(small, "full", mocks, replace(PLAN, kept=1))
