"""Oracles: posteriors recomputed with a moved or a missing cluster."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.errors import InputError
from forecast.influence import InfluencePlan, build_influence
from forecast.ladder import with_sharp
from forecast.likelihood import Data, likelihood
from forecast.mock import draw_mocks
from forecast.model import forward_model
from forecast.saliency import WeightedDraws, average_by, from_chain, from_prior, leave_one_out, pareto_k, saliency


@pytest.fixture(scope="module")
def case(nv22_model):
    mocks = draw_mocks(nv22_model, nv22_model.parameters.fiducial[None], rng=np.random.default_rng(12))
    return nv22_model, Data.observed(int(mocks.size[0]), mocks.log_yx), mocks.log_mass


def posterior_mean(model, level, data, draws):
    """Mean of sigma8 with the same prior draws, weights recomputed from scratch."""
    target = likelihood(level, model, data)
    value = np.concatenate([target(part) for part in np.array_split(draws.theta, 50)])
    weight = np.exp(value - value.max())
    return weight @ draws.sigma8 / weight.sum()


def moved(data, i, shift):
    y = data.log_yx.copy()
    y[i] += shift
    return Data.observed(int(data.size), y)


def test_unbinned_saliency_is_the_derivative_of_the_posterior_mean(case):
    model, data, _ = case
    draws = from_prior(model, "unbinned", data, 3000, rng=np.random.default_rng(1))
    assert draws.effective_size > 100
    result = saliency(model, "unbinned", data, draws)
    scale = np.abs(result.per_cluster).max()
    for i in (0, 17, int(np.argmax(data.log_yx)), int(np.argmin(data.log_yx))):
        up, down = (posterior_mean(model, "unbinned", moved(data, i, s), draws) for s in (0.01, -0.01))
        assert result.per_cluster[i] == pytest.approx((up - down) / 0.02, abs=0.01 * scale)


def test_selfcal_and_counts_saliency(case):
    model, data, _ = case
    draws = from_prior(model, "selfcal", data, 3000, rng=np.random.default_rng(2))
    result = saliency(model, "selfcal", data, draws)
    shifted = [Data.observed(int(data.size), data.log_yx + s) for s in (0.01, -0.01)]
    up, down = (posterior_mean(model, "selfcal", d, draws) for d in shifted)
    assert result.median == pytest.approx((up - down) / 0.02, rel=0.02)
    counts = from_prior(model, "counts", data, 3000, rng=np.random.default_rng(2))
    more = posterior_mean(model, "counts", replace(data, size=data.size + 1), counts)
    assert saliency(model, "counts", data, counts).count == pytest.approx(more - counts.mean, rel=1e-6)
    assert result.count > 0


@pytest.mark.parametrize("level", ["counts", "selfcal", "unbinned"])
def test_leave_one_out_equals_a_refit(case, level):
    model, data, _ = case
    draws = from_prior(model, level, data, 3000, rng=np.random.default_rng(3))
    result = leave_one_out(model, level, data, draws)
    for i in (0, 50, len(data.log_yx) - 1):
        kept = np.arange(len(data.log_yx)) != i
        without = posterior_mean(model, level, Data.observed(int(data.size) - 1, data.log_yx[kept]), draws)
        assert result.shift[i] == pytest.approx(without - draws.mean, abs=1e-6)
    assert (result.pareto_k < 0.7).all()


def test_where_the_information_sits(nv22):
    """PHYSICS section 8: with Mmin fixed the saliency is largest at Mmin; following L_X it is not."""
    strongest = {}
    for mode in ("fixed", "follows_lx"):
        setup = with_sharp(nv22.setup, replace(nv22.setup.selection, min_mass_mode=mode))
        setup = replace(setup, parameters=setup.parameters.widened(10))
        model = forward_model(setup)
        mocks = draw_mocks(model, np.repeat(model.parameters.fiducial[None], 4, 0), rng=np.random.default_rng(4))
        values, masses = [], []
        for i in range(4):
            mine = mocks.row == i
            data = Data.observed(int(mine.sum()), mocks.log_yx[mine])
            draws = from_prior(model, "unbinned", data, 5000, rng=np.random.default_rng(i))
            values.append(saliency(model, "unbinned", data, draws).per_cluster)
            masses.append(mocks.log_mass[mine])
        mean, _ = average_by(np.abs(np.concatenate(values)), np.concatenate(masses), np.array([13.6, 13.8, 14.0, 14.4]))
        strongest[mode] = mean[0] / mean[2]
    assert strongest["fixed"] > 2 * strongest["follows_lx"]


def test_influence_averages_the_saliency_of_single_clusters(nv22_model):
    """The tabulated average over mocks equals the direct calculation on the same mock and draws."""
    plan = InfluencePlan(mocks=2, draws=2500, mass_bins=3)
    curve = build_influence(nv22_model, "as configured", plan, rng=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    theta = nv22_model.parameters.draw(2500, rng=rng)
    mocks = draw_mocks(nv22_model, np.repeat(nv22_model.parameters.fiducial[None], 2, 0), rng=rng)
    slopes, shifts = [], []
    for i in range(2):
        data = Data.observed(int(mocks.size[i]), mocks.log_yx[mocks.row == i])
        target = likelihood("unbinned", nv22_model, data)
        value = np.concatenate([target(part) for part in np.array_split(theta, 40)])
        weight = np.exp(value - value.max())
        draws = WeightedDraws(theta, weight / weight.sum(), theta[:, 0])
        slopes.append(saliency(nv22_model, "unbinned", data, draws).per_cluster)
        shifts.append(leave_one_out(nv22_model, "unbinned", data, draws).shift)
    mean, _ = average_by(np.concatenate(slopes), mocks.log_mass, curve.mass_edges)
    np.testing.assert_allclose(curve.saliency, mean, atol=2e-4)
    mean, _ = average_by(np.concatenate(shifts), mocks.log_mass, curve.mass_edges)
    np.testing.assert_allclose(curve.shift, mean, atol=2e-5)


def test_too_few_draws_are_refused(cccp_model):
    with pytest.raises(InputError, match="raise --draws"):
        build_influence(cccp_model, "x", InfluencePlan(2, 200, 3), rng=np.random.default_rng(1))


def test_binned_has_no_saliency(case):
    model, data, _ = case
    with pytest.raises(InputError, match="use 'unbinned'"):
        saliency(model, "binned", data, from_chain(model, model.parameters.fiducial[None]))


def test_pareto_k_of_known_tails():
    rng = np.random.default_rng(1)
    assert pareto_k(rng.pareto(2.0, 20_000) + 1) == pytest.approx(0.5, abs=0.15)
    assert pareto_k(rng.pareto(1.0, 20_000) + 1) == pytest.approx(1.0, abs=0.2)
    assert pareto_k(np.ones(100)) == -np.inf


def test_average_by():
    mean, error = average_by(np.array([1.0, 3.0, 5.0]), np.array([0.1, 0.2, 1.5]), np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(mean[:2], [2.0, 5.0])
    assert error[0] == pytest.approx(1.0)
    assert np.isnan(mean[2])
