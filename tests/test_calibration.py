"""Calibration of the ladder's posteriors, of the check itself, and what it notices."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.checks.sbc import CalibrationPlan, assess, calibrate, posterior_rank
from forecast.core.errors import InputError
from forecast.forecasts.ladder import cone_variant
from forecast.likelihoods.data import Data
from forecast.likelihoods.level_name import LEVELS
from forecast.likelihoods.levels import POINT_LEVELS, likelihood
from forecast.likelihoods.many_data import log_likelihoods
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.geometry import Box

TABULATED = tuple(level for level in LEVELS if level not in POINT_LEVELS)


@pytest.fixture(scope="module")
def cone(nv22):
    return forward_model(cone_variant(nv22.setup))


def wrong_break(nv22, shift=0.1):
    selection = replace(nv22.setup.selection, log_break=nv22.setup.selection.log_break + shift)
    return forward_model(replace(nv22.setup, selection=selection))


@pytest.mark.parametrize("level", TABULATED)
@pytest.mark.parametrize("survey", ["nv22", "cone", "small"])
def test_tabulated_likelihoods_equal_the_public_ones(nv22, nv22_model, cone, level, survey):
    """Differences of ln L from the truth's, within 9 of the maximum; "small" has 3 to 13 clusters."""
    small = forward_model(replace(nv22.setup, geometry=Box(352, 0.04, 0.07)))
    model = {"nv22": nv22_model, "cone": cone, "small": small}[survey]
    true, draws = (model.parameters.draw(n, rng=np.random.default_rng(n)) for n in (6, 400))
    mocks = draw_mocks(model, true, rng=np.random.default_rng(3))
    value, own = log_likelihoods(model, level, mocks, draws, true)
    assert value.shape == (6, 400)
    for i, y in enumerate(np.split(mocks.log_yx, np.cumsum(mocks.size)[:-1])):
        public = likelihood(level, model, Data.observed(int(mocks.size[i]), y))
        expected = public(draws) - public(true[i : i + 1])
        near = expected > expected.max() - 9
        np.testing.assert_allclose((value[i] - own[i])[near], expected[near], atol=1e-3)


def test_an_empty_catalogue_has_a_likelihood(nv22):
    model = forward_model(replace(nv22.setup, geometry=Box(352, 1e-3, 0.07)))
    true, draws = (model.parameters.draw(n, rng=np.random.default_rng(n)) for n in (20, 50))
    mocks = draw_mocks(model, true, rng=np.random.default_rng(4))
    empty = np.flatnonzero(mocks.size == 0)
    assert len(empty) > 3
    for level in TABULATED:
        value, _ = log_likelihoods(model, level, mocks, draws, true)
        np.testing.assert_allclose(value[empty], -np.tile(model.expected_count(draws), (len(empty), 1)), rtol=1e-6)


@pytest.mark.parametrize("level", TABULATED)
def test_nv22_is_calibrated(nv22_model, level):
    plan = CalibrationPlan(mocks=1000, draws=4000, seed=11, groups=5)
    done = []
    check = calibrate(nv22_model, level, plan, progress=lambda now, total: done.append((now, total)))
    assert check.status == "calibrated", check.p_values
    assert check.p_value > 1e-3
    assert min(check.p_values.values()) > 1e-4  # nine quantities
    assert check.p_value == check.p_values["sigma8"]
    assert check.ess_median > 100
    assert 1 <= check.inflation < 1.5
    for probability, (value, error) in ((0.68, check.coverage_68), (0.95, check.coverage_95)):
        assert error == pytest.approx(np.sqrt(check.inflation * probability * (1 - probability) / 1000))
        assert value == pytest.approx(probability, abs=5 * error)
    assert stats.kstest(check.pit, "uniform").pvalue > 1e-4
    assert check.counts.sum() == 1000
    assert ((check.alarm_low <= check.counts) & (check.counts <= check.alarm_high)).all()
    assert ((check.alarm_low < check.band_low) & (check.band_low < 50) & (check.band_high > 50)).all()
    assert check.coverage == pytest.approx(check.levels, abs=0.08)
    assert done[-1] == (1000, 1000)
    assert len(done) == 5


@pytest.mark.parametrize("level", TABULATED)
def test_a_wrong_break_mass_is_noticed(nv22, nv22_model, level):
    """Mocks whose break mass is 0.1 dex higher have fewer clusters: sigma8 comes out too low."""
    plan = CalibrationPlan(mocks=200, draws=4000, seed=12, groups=5)
    check = calibrate(nv22_model, level, plan, truth=wrong_break(nv22))
    assert check.status == "not calibrated"
    assert check.p_value < 1e-4
    assert check.pit.mean() > 0.7
    assert check.coverage_95[0] < 0.95 - 5 * check.coverage_95[1]


def test_few_draws_have_no_power(nv22_model):
    check = calibrate(nv22_model, "unbinned", CalibrationPlan(mocks=200, draws=200, seed=13))
    assert check.ess_median < 50
    assert check.status == "no power"
    assert check.p_value > 1e-3  # uniform all the same


def test_same_seed_same_ranks(nv22_model):
    plan = CalibrationPlan(mocks=100, draws=300, seed=14, groups=2)
    a, b = (calibrate(nv22_model, "unbinned", plan) for _ in range(2))
    np.testing.assert_array_equal(a.pit, b.pit)
    other = calibrate(nv22_model, "unbinned", replace(plan, seed=15))
    assert not np.isclose(a.pit, other.pit).any()


def test_flux_limited_cone(cone):
    for level in ("counts", "selfcal", "unbinned"):
        check = calibrate(cone, level, CalibrationPlan(mocks=200, draws=1000, seed=16, groups=2))
        assert check.p_value > 1e-3, level
        assert check.status == ("calibrated" if check.ess_median >= 50 else "no power")
        assert check.inflation >= 1.1  # 100 mocks on 1000 draws


def toy_ranks(rng, draws, groups=5, mocks=40, error=0.3, claimed=None):
    """A Gaussian parameter with a Gaussian datum: ranks and effective sizes, group by group."""
    ranks, sizes = [], []
    for _ in range(groups):
        true, theta = rng.standard_normal(mocks), rng.standard_normal(draws)
        data = true + error * rng.standard_normal(mocks)
        value, own = (-0.5 * ((data[:, None] - t) / (claimed or error)) ** 2 for t in (theta, true[:, None]))
        below = (theta < true[:, None])[None]
        rank, size = posterior_rank(value, own[:, 0], below, rng.random(mocks))
        ranks.append(rank[0])
        sizes.append(size)
    return np.concatenate(ranks), float(np.median(np.concatenate(sizes)))


@pytest.mark.parametrize("error", [0.3, 10.0])
def test_false_alarms_are_as_rare_as_stated(error):
    """400 calibrated experiments: 5% outside the 95% band; "data say nothing" has the most dependence."""
    rng, runs = np.random.default_rng(17), 400
    plan = CalibrationPlan(mocks=200, draws=400, groups=5)
    toys = (toy_ranks(rng, 400, 5, 40, error) for _ in range(runs))
    checks = [assess("toy", {"sigma8": rank}, ess, plan) for rank, ess in toys]
    alarms = sum(check.p_value < 0.05 for check in checks)
    low, high = stats.binom.interval(0.999, runs, 0.05)
    assert low <= alarms <= high
    assert sum(check.p_value < 1e-3 for check in checks) <= stats.binom.isf(1e-3, runs, 1e-3)


def test_bands_are_the_statistic_s_own():
    """p below 0.001 if histogram, coverage or cumulative distribution leaves its 99.9% band."""
    plan = CalibrationPlan(mocks=400, draws=100_000, groups=5)
    uniform = (np.arange(400) + 0.5) / 400
    flat = assess("toy", {"sigma8": np.random.default_rng(1).permutation(uniform)}, 100.0, plan)
    assert flat.p_value > 0.99
    assert (flat.counts == 20).all()
    assert flat.coverage == pytest.approx(flat.levels)
    heap = np.where(np.arange(400) % 12 == 0, 0.52, uniform)
    check = assess("toy", {"sigma8": np.random.default_rng(1).permutation(heap)}, 100.0, plan)
    assert (check.counts > check.alarm_high).any()
    assert check.status == "not calibrated"
    assert assess("toy", {"sigma8": heap}, 49.0, plan).status == "no power"


def test_groups_that_differ_widen_the_bands():
    plan = CalibrationPlan(mocks=1000, draws=100_000, groups=5)
    rng = np.random.default_rng(18)
    ranks = np.concatenate([(rng.random(200) + 0.2 * g) / (1 + 0.2 * g) for g in range(5)])
    alike = assess("toy", {"sigma8": rng.permutation(ranks)}, 100.0, plan)
    differing = assess("toy", {"sigma8": ranks}, 100.0, plan)
    assert differing.inflation > 1.5 > alike.inflation >= 1
    assert (differing.alarm_high > alike.alarm_high).all()
    assert differing.p_value >= alike.p_value


@pytest.mark.parametrize("claimed", [0.15, 0.6])
def test_wrong_widths_are_noticed(claimed):
    """Posteriors half or twice as wide as they should be."""
    rank, ess = toy_ranks(np.random.default_rng(19), 2000, 10, 100, 0.3, claimed)
    check = assess("toy", {"sigma8": rank}, ess, CalibrationPlan(mocks=1000, draws=2000))
    assert check.status == "not calibrated"
    assert (check.coverage_68[0] < 0.68) == (claimed < 0.3)


def test_why_the_truth_is_among_the_draws():
    """Ten draws of a sharp posterior: 95% coverage is right with the truth, and far too low without."""
    rng, mocks = np.random.default_rng(20), 4000
    true, theta = rng.standard_normal(mocks), rng.standard_normal((mocks, 10))
    data = true + 0.1 * rng.standard_normal(mocks)
    value, own = -0.5 * ((data[:, None] - theta) / 0.1) ** 2, -0.5 * ((data - true) / 0.1) ** 2
    below, u = (theta < true[:, None])[None], rng.random(mocks)
    with_truth = posterior_rank(value, own, below, u)[0][0]
    without = posterior_rank(value, np.full(mocks, -np.inf), below, u)[0][0]
    coverage = [np.mean(np.abs(2 * pit - 1) < 0.95) for pit in (with_truth, without)]
    assert coverage[0] == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / mocks))
    assert coverage[1] < 0.6
    assert stats.kstest(with_truth, "uniform").pvalue > 1e-4


def test_errors_say_what_to_change(nv22, nv22_model):
    with pytest.raises(InputError, match="mocks of at least 100, got 5"):
        CalibrationPlan(mocks=5)
    with pytest.raises(InputError, match="mocks of at least 200, got 150"):
        CalibrationPlan(mocks=150, groups=20)
    with pytest.raises(InputError, match="did you mean 'counts'"):
        calibrate(nv22_model, "count", CalibrationPlan())
    fewer = forward_model(replace(nv22.setup, parameters=nv22.setup.parameters.without(["norm_lx"])))
    with pytest.raises(InputError, match="the mocks' parameters"):
        calibrate(nv22_model, "counts", CalibrationPlan(), truth=fewer)
    blind = forward_model(replace(nv22.setup, parameters=nv22.setup.parameters.without(["sigma8"])))
    with pytest.raises(InputError, match="sigma8 must be free"):
        calibrate(blind, "counts", CalibrationPlan())
