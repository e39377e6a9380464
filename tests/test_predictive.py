"""Posterior predictive checks: statistics by hand, exact p-values, false alarms, and failures that are caught."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.checks.plants import Plant, plants
from forecast.checks.ppc import (
    PredictiveTest,
    Summary,
    check_catalogue,
    columns_of,
    draw_summaries,
    joint_p_values,
    nodes_of,
    predictive_test,
    tail_chance,
)
from forecast.checks.ppc_power import PredictivePlan, _assess, predictive_check
from forecast.core.errors import InputError
from forecast.core.files import to_plain
from forecast.core.parameters import ParameterSet
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.plots.predictive import predictive_figure, predictivecheck_figure
from forecast.report.plots.style import save_figure
from forecast.survey.geometry import Box

LABELS = ["L_X scatter x 1.5", "Mbreak + 0.2 dex", "Y_X of 5% + 0.5 dex"]


@pytest.fixture(scope="module")
def checks(nv22_model):
    plan = PredictivePlan(mocks=200, planted=50, draws=3000, seed=1)
    return {level: predictive_check(nv22_model, level, plan) for level in ("counts", "unbinned")}


def clusters(sizes, seed):
    rng, row = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    columns = {"Y_X": rng.gamma(3.0, size=len(row)), "L_X": rng.normal(44, 0.4, len(row))}
    nodes = {name: np.linspace(x.min() + 0.1, x.max() - 0.1, 100) for name, x in columns.items()}
    return row, columns, nodes


def test_statistics_of_catalogues():
    sizes = np.array([0, 1, 2, 3, 40, 0, 300])
    row, columns, nodes = clusters(sizes, 1)
    summary = Summary.of(sizes, row, columns, nodes)
    assert summary.names[:4] == ("N", "Y_X median", "Y_X scatter", "Y_X skewness")
    assert summary.names[-5:] == (*(f"L_X at Y_X {x}" for x in ("slope", "scatter", "outlier")),
                                  "Y_X distance", "L_X distance")  # fmt: skip
    for i, size in enumerate(sizes):
        x, y = (columns[name][row == i] for name in ("Y_X", "L_X"))
        values = dict(zip(summary.names, summary.values[i], strict=False))
        assert values["N"] == size
        if not size:
            assert (summary.values[i, 1:] == -np.inf).all()
            continue
        for name, v in (("Y_X", x), ("L_X", y)):
            expected = [np.median(v), v.std(), stats.skew(v) if size > 1 else 0, v.min(), v.max()]
            np.testing.assert_allclose(summary.values[i, 1 + 5 * (name == "L_X") :][:5], expected, atol=1e-8)
        if size < 3:
            assert (summary.values[i, -3:] == -np.inf).all()
            continue
        line = stats.linregress(x, y)
        residual = y - line.intercept - line.slope * x
        expected = [line.slope, residual.std(), np.abs(residual).max() / residual.std()]
        np.testing.assert_allclose(summary.values[i, -3:], expected, rtol=1e-8)
    np.testing.assert_allclose(summary.below[4, 0, 30], np.mean(columns["Y_X"][row == 4] < nodes["Y_X"][30]), rtol=1e-6)


def test_distance_from_the_mean_distribution():
    """Kolmogorov-Smirnov distances on the nodes; the mean weighs every cluster with its catalogue's weight."""
    sizes, weight = np.array([900, 0, 500, 800]), np.array([1.0, 2.0, 0.5, 3.0])
    row, columns, nodes = clusters(sizes, 2)
    table = Summary.of(sizes, row, columns, nodes).table(weight)
    below = columns["Y_X"][:, None] < nodes["Y_X"]
    mean = np.average(below, axis=0, weights=weight[row])
    for i in (0, 2, 3):
        expected = np.sqrt(sizes[i]) * np.abs(below[row == i].mean(axis=0) - mean).max()
        assert table[i, -2] == pytest.approx(expected, rel=1e-4)
        steps = columns["Y_X"][:, None] <= columns["Y_X"]
        exact = np.sqrt(sizes[i]) * np.abs(
            steps[row == i].mean(axis=0) - np.average(steps, axis=0, weights=weight[row])
        )
        assert 0.7 * exact.max() < table[i, -2] <= exact.max() + 1e-4
    assert table[1, -2] == 0


def test_tail_chances():
    rng = np.random.default_rng(3)
    x = rng.standard_normal(50_000)
    chance = tail_chance(x, np.ones(len(x)))
    for z in (-2.5, -1.8, -0.5, 0.3, 1.2, 2.0, 2.7):
        i = np.argmin(np.abs(x - z))
        assert chance[i] == pytest.approx(2 * stats.norm.sf(abs(x[i])), rel=0.15)
    order = np.argsort(np.abs(x))
    far = order[-300:]
    assert stats.spearmanr(np.abs(x[far]), chance[far]).statistic < -0.99  # extremes are told apart
    # weights stand for repeated values, and ties count half
    short, repeats = rng.standard_normal(40), rng.integers(1, 5, 40)
    repeated = tail_chance(np.repeat(short, repeats), np.ones(repeats.sum()))
    np.testing.assert_allclose(np.repeat(tail_chance(short, repeats.astype(float)), repeats), repeated)
    np.testing.assert_allclose(tail_chance(np.array([5.0, 5, 5, 5]), np.ones(4)), 1)
    assert tail_chance(np.array([-np.inf, *np.arange(99)]), np.ones(100))[0] == pytest.approx(0.01)


def test_joint_p_values_are_exact_for_exchangeable_catalogues():
    """Eight statistics that depend on each other: the rank of one of 200 catalogues is uniform."""
    rng, runs, size = np.random.default_rng(4), 1500, 200
    mixing = rng.standard_normal((8, 8))
    tables = np.exp(0.3 * rng.standard_normal((runs, size, 8)) @ mixing)
    joint = np.array([joint_p_values(table, np.ones(size))[2] for table in tables])
    for level in (0.05, 0.2, 0.5):
        low, high = stats.binom.interval(0.9999, runs, level)
        assert low <= np.sum(joint <= level + 1e-9) <= high, level


def test_the_number_of_statistics_counts_only_if_they_differ():
    """A p-value of 0.01: not multiplied where all statistics are one, multiplied by ten where they differ."""
    rng, size = np.random.default_rng(5), 4000
    x = rng.standard_normal(size)
    x[-1] = stats.norm.isf(0.005)
    single = tail_chance(x, np.ones(size))[-1]
    assert single == pytest.approx(0.01, rel=0.4)
    same = joint_p_values(np.repeat(x[:, None], 10, axis=1), np.ones(size))[2]
    assert same == pytest.approx(single, rel=0.25)
    table = rng.standard_normal((size, 10))
    table[-1] = 0.1
    table[-1, 0] = x[-1]
    p_values, _, joint = joint_p_values(table, np.ones(size))
    assert joint == pytest.approx(1 - (1 - p_values.min()) ** 10, rel=0.3)


def test_weighted_prior_draws_are_posterior_draws():
    """N given one count, from weighted replicas of a gamma prior: the negative binomial distribution."""
    rng, draws, observed = np.random.default_rng(6), 40_000, 30
    rate = rng.gamma(9.0, 3.0, size=draws)
    replica = rng.poisson(rate)
    none = np.zeros((draws, 0, 100), dtype=np.float32)
    replicas = Summary((), replica[:, None].astype(float), none)
    weight = stats.poisson.pmf(observed, rate)
    test = predictive_test("counts", Summary((), np.array([[45.0]]), none[:1]), replicas, weight)
    exact = stats.nbinom(9 + observed, (1 / 3 + 1) / (1 / 3 + 2))
    assert test.middle[0] == pytest.approx(exact.median(), abs=1)
    assert (test.low[0], test.high[0]) == pytest.approx((exact.ppf(0.16), exact.ppf(0.84)), abs=1)
    upper = exact.sf(45) + 0.5 * exact.pmf(45)
    assert test.p_values[0] == pytest.approx(2 * upper, rel=0.25)
    assert test.joint == pytest.approx(2 * upper, rel=0.25)
    assert test.ess == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


@pytest.mark.parametrize("level", ["counts", "unbinned"])
def test_false_alarms_predictions_and_power(checks, level):
    check = checks[level]
    assert check.status == "calibrated"
    assert check.ess_median > 100
    low, high = 0.0, stats.binom.isf(1e-4, check.mocks, 0.05) / check.mocks
    assert low <= check.false_alarms[0] <= high
    assert min(check.new_p_values.values()) > 1e-4
    for rank in check.new_ranks.T:
        assert stats.kstest(rank, "uniform").pvalue > 1e-5
    assert list(check.power) == LABELS
    error = 5 * np.sqrt(0.25 / 50)
    assert check.power[LABELS[0]][0] == pytest.approx(0.55, abs=error)
    assert check.power[LABELS[2]][0] == pytest.approx(0.5, abs=error)
    assert all(x > 0.05 + 3 * np.sqrt(0.05 * 0.95 / 50) for x in (check.power[LABELS[0]][0], check.power[LABELS[2]][1]))
    assert all(len(joint) == 50 for joint in check.planted.values())


def test_data_that_fix_a_statistic_make_its_p_value_conservative(checks):
    """N is fitted: its p-values crowd near 1; what the data do not fix stays uniform."""
    p_values = dict(zip(checks["counts"].names, checks["counts"].p_values.T, strict=True))
    assert p_values["N"].mean() > 0.8
    assert np.mean(p_values["N"] < 0.3) < 0.02
    assert stats.kstest(p_values["L_X at Y_X scatter"], "uniform").pvalue > 1e-4
    fitted = dict(zip(checks["unbinned"].names, checks["unbinned"].p_values.T, strict=True))
    assert fitted["Y_X median"].mean() > p_values["Y_X median"].mean() + 0.05


def test_calibrated_p_values_are_ranks(checks):
    check = checks["unbinned"]
    assert np.mean(check.joint <= check.calibrated_threshold) == pytest.approx(0.05, abs=0.0051)
    assert check.calibrated(0.0) == pytest.approx(1 / 201)
    assert check.calibrated(1.0) == 1
    assert check.calibrated(check.calibrated_threshold) == pytest.approx(0.05, abs=0.01)


def test_single_clusters_by_markov_chains(nv22):
    """Level `full` of a tenth of the survey: predictions are calibrated, L_X scatter is caught."""
    model = forward_model(replace(nv22.setup, geometry=Box(352, 0.05, 0.07)))
    scatter = plants(model.setup)[0]
    plan = PredictivePlan(mocks=400, planted=120, draws=200, steps=600, replicas=150, seed=7)
    check = predictive_check(model, "full", plan, (scatter,))
    assert check.mocks == 100
    assert len(check.planted[LABELS[0]]) == 30
    assert check.status in ("calibrated", "no power")
    assert min(check.new_p_values.values()) > 1e-4
    assert check.false_alarms[0] <= stats.binom.isf(1e-4, 100, 0.05) / 100


def fabricated(joint, ess):
    one = np.ones(1)
    return PredictiveTest("toy", ("N",), one, one, one, one, one * joint, joint, 0.05, "", 10, ess)


def test_verdicts():
    rng, uniform = np.random.default_rng(8), np.tile((np.arange(200) + 0.5) / 200, (2, 1)).T
    quiet = [fabricated(x, 100.0) for x in rng.permutation(uniform[:, 0])]
    labels = np.array([""] * 200)
    assert _assess("toy", quiet, labels, uniform, 1.0).status == "calibrated"
    assert _assess("toy", quiet, labels, uniform**1.5, 1.0).status == "not calibrated"
    assert _assess("toy", quiet, labels, uniform**1.5, 20.0).status == "calibrated"  # dependent ranks say less
    noisy = [fabricated(x**2, 100.0) for x in uniform[:, 0]]
    assert _assess("toy", noisy, labels, uniform, 1.0).status == "false alarms"
    assert _assess("toy", [fabricated(t.joint, 49.0) for t in noisy], labels, uniform, 1.0).status == "no power"


@pytest.fixture(scope="module")
def posterior(nv22_model):
    """Draws near the fiducial parameters, and a catalogue drawn from those."""
    fiducial = nv22_model.parameters.fiducial
    theta = fiducial * (1 + 0.02 * np.random.default_rng(9).standard_normal((1500, len(fiducial))))
    catalogue = draw_mocks(nv22_model, fiducial[None], rng=np.random.default_rng(10)).catalogue()
    return theta, catalogue


def test_catalogues(nv22_model, posterior):
    theta, catalogue = posterior
    test = check_catalogue(nv22_model, "selfcal", catalogue, theta, rng=np.random.default_rng(11))
    assert test.status == "consistent"
    assert test.observed[0] == catalogue.size
    assert ((test.low < test.middle) & (test.middle < test.high)).all()
    noise = 0.4 * np.random.default_rng(12).standard_normal(catalogue.size)
    for changed in (
        replace(catalogue, log_lx=catalogue.log_lx + 0.3),
        replace(catalogue, log_lx=catalogue.log_lx + noise),
        replace(catalogue, log_yx=catalogue.log_yx + noise),
    ):
        test = check_catalogue(nv22_model, "selfcal", changed, theta, rng=np.random.default_rng(11))
        assert test.status == "inconsistent"
    few = check_catalogue(nv22_model, "selfcal", catalogue, theta, rng=np.random.default_rng(11), ess=20.0)
    assert few.status == "no power"


def test_measurement_errors_and_missing_values(nv22_model, posterior):
    """Replicas scatter by the catalogue's own errors; an observable that some clusters lack is left out."""
    theta, catalogue = posterior
    rng = np.random.default_rng(13)
    error = rng.choice([0.1, 0.5], catalogue.size)
    noisy = replace(
        catalogue,
        log_yx=catalogue.log_yx + error * rng.standard_normal(catalogue.size),
        log_yx_error=error,
    )
    plain, test = (check_catalogue(nv22_model, "selfcal", c, theta, rng=rng) for c in (catalogue, noisy))
    assert test.status == "consistent"
    i = plain.names.index("Y_X scatter")
    assert test.middle[i] ** 2 - plain.middle[i] ** 2 == pytest.approx(np.mean(error**2), rel=0.15)
    log_yx = catalogue.log_yx.copy()
    log_yx[3] = np.nan
    test = check_catalogue(nv22_model, "selfcal", replace(catalogue, log_yx=log_yx), theta, rng=rng)
    assert test.names == (
        "N",
        *(f"L_X {x}" for x in ("median", "scatter", "skewness", "minimum", "maximum", "distance")),
    )
    assert test.status == "consistent"


def test_planted_failures_are_what_they_say(nv22, nv22_model, cccp_model):
    assert [plant.label for plant in plants(nv22.setup)] == LABELS
    assert plants(cccp_model.setup)[1].model.setup.selection.flux_limit == pytest.approx(1.95e-11)
    theta = np.repeat(nv22_model.parameters.fiducial[None], 60, axis=0)
    base, (scatter, moved, tail) = Plant("", nv22_model), plants(nv22.setup)
    own, wide, fewer, raised = (p.draw(theta, rng=np.random.default_rng(14)) for p in (base, scatter, moved, tail))
    relation = nv22.setup.relations

    def lx_scatter(mocks):
        mean = relation.lx.log_norm + relation.lx.slope * (mocks.log_mass - relation.pivot)
        return np.std(mocks.log_lx - mean)

    assert lx_scatter(own) == pytest.approx(0.13, rel=0.05)
    assert lx_scatter(wide) == pytest.approx(0.195, rel=0.05)
    assert fewer.size.mean() < 0.75 * own.size.mean()
    excess = raised.log_yx - raised.observables[:, 1] - own.log_yx + own.observables[:, 1]
    assert np.mean(excess > 0.25) == pytest.approx(0.05, abs=5 * np.sqrt(0.05 / len(own.row)))
    np.testing.assert_allclose(raised.observables[:, 1:] @ [1, 1], raised.log_yx)


def test_large_surveys_are_drawn_in_parts(nv22_model, monkeypatch):
    """The same statistics, whatever the size of the parts."""
    theta = np.repeat(nv22_model.parameters.fiducial[None], 300, axis=0)
    nodes = nodes_of(columns_of(draw_mocks(nv22_model, theta[:20], rng=np.random.default_rng(15))))
    whole = draw_summaries(nv22_model, theta, nodes, rng=np.random.default_rng(16))
    monkeypatch.setattr("forecast.checks.ppc._CLUSTERS", 1000)
    parts = draw_summaries(nv22_model, theta, nodes, rng=np.random.default_rng(16))
    assert parts.values.shape == whole.values.shape
    for a, b in zip(whole.values.T, parts.values.T, strict=True):
        assert stats.ks_2samp(a, b).pvalue > 1e-5


def test_same_seed_same_numbers_and_progress(nv22):
    free = tuple(p for p in nv22.setup.parameters.free if p.name in ("sigma8", "norm_lx"))
    setup = replace(nv22.setup, geometry=Box(352, 0.02, 0.07), parameters=ParameterSet(free))
    model, plan, done = forward_model(setup), PredictivePlan(100, 0, 300, seed=3), []
    a = predictive_check(model, "counts", plan, progress=lambda now, total: done.append((now, total)))
    b = predictive_check(model, "counts", plan)
    np.testing.assert_array_equal(a.joint, b.joint)
    np.testing.assert_array_equal(a.new_ranks, b.new_ranks)
    assert done[-1] == (100, 100)
    assert a.power == {}
    other = predictive_check(model, "counts", replace(plan, seed=4))
    assert not np.array_equal(a.joint, other.joint)


def test_errors_say_what_to_change(nv22_model):
    with pytest.raises(InputError, match="mocks of at least 100, got 5"):
        PredictivePlan(mocks=5)
    with pytest.raises(InputError, match="steps of at least 250, got 100"):
        PredictivePlan(steps=100)
    with pytest.raises(InputError, match="did you mean 'counts'"):
        predictive_check(nv22_model, "count", PredictivePlan(100, 0, 200))


def test_records_and_figures(nv22_model, posterior, checks, tmp_path):
    theta, catalogue = posterior
    test = check_catalogue(nv22_model, "selfcal", catalogue, theta, rng=np.random.default_rng(11))
    plain = json.loads(json.dumps(to_plain({"test": test, "checks": checks}), allow_nan=False))
    assert plain["test"]["names"][0] == "N"
    assert plain["checks"]["counts"]["power"][LABELS[0]][0] == checks["counts"].power[LABELS[0]][0]
    figure = predictive_figure(test)
    assert figure.axes[0].get_title("left").startswith("selfcal: consistent")
    assert len(figure.axes[0].get_yticklabels()) == len(test.names)
    figures = (figure, predictivecheck_figure(list(checks.values())), predictivecheck_figure([checks["counts"]]))
    for i, each in enumerate(figures):
        first = [path.read_bytes() for path in save_figure(each, tmp_path / f"{i}a")]
        assert first == [path.read_bytes() for path in save_figure(each, tmp_path / f"{i}b")]
