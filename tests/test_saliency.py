"""Oracles: posteriors recomputed with a moved or a missing cluster, by weights and by chains of their own."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.influence.by_mass import InfluencePlan, average_by, build_influence
from forecast.influence.saliency import leave_one_out, pareto_k, saliency
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.levels import at_level, cluster_level, level_class, likelihood
from forecast.likelihoods.many_data import log_likelihoods
from forecast.likelihoods.unbinned import Unbinned
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.plots.influence import influence_figure
from forecast.sampling.draws import WeightedDraws, from_chain, from_prior
from forecast.sampling.ensemble import How, MomentsPlan, by_chains
from forecast.survey.geometry import Replicated


def fiducial_mocks(model, copies, seed):
    return draw_mocks(model, np.repeat(model.parameters.fiducial[None], copies, 0), rng=np.random.default_rng(seed))


def posterior_draws(model, level, mocks, steps, seed):
    """States of chains, (n, 300, D), and how many draws they are worth; 200 are enough."""
    found = by_chains(model, level, mocks, MomentsPlan(seed, steps=steps, enough=200), How())
    return found.theta, found.moments.effective


@pytest.fixture(scope="module")
def small(nv22):
    """A quarter of NV22's survey: about 31 clusters."""
    return forward_model(replace(nv22.setup, geometry=Replicated(nv22.setup.geometry, 0.25)))


@pytest.fixture(scope="module")
def case(small):
    return small, Data.of_mock(small, fiducial_mocks(small, 1, 12))


@pytest.fixture(scope="module")
def draws(case):
    """Draws from the posterior of every level, of one catalogue."""
    model, data = case
    found = {}
    for i, level in enumerate(("counts", "selfcal", "binned", "unbinned")):
        found[level] = from_prior(model, level, data, 1500, rng=np.random.default_rng(i))
    for level in ("full", "full+wl"):
        theta, size = posterior_draws(model, level, fiducial_mocks(model, 1, 12), 40_000, 8)
        assert size > 150
        found[level] = from_chain(model, theta[0])
    return found


def log_likelihood(model, level, data, theta):
    target = likelihood(level, model, data)
    return np.concatenate([target(part) for part in np.array_split(theta, 1 + len(theta) // 100)])


def shifted_mean(model, level, data, other, draws):
    """Posterior mean of sigma8 for other data, with weights from whole likelihoods computed from scratch."""
    ratio = log_likelihood(model, level, other, draws.theta) - log_likelihood(model, level, data, draws.theta)
    weight = draws.weight * np.exp(ratio - ratio.max())
    return weight @ draws.sigma8 / weight.sum()


def without(data, i):
    kept = np.arange(len(data.log_yx)) != i
    return Data.observed(int(data.size) - 1, data.log_yx[kept], data.error[kept], data.points[kept])


def with_moved(data, i, name, shift):
    """The data with one observable of cluster `i` moved by `shift` dex."""
    if name == "yx":
        return Data.observed(int(data.size), data.log_yx + shift * (np.arange(len(data.log_yx)) == i))
    log_mwl, observables = data.points.log_mwl.copy(), data.points.observables.copy()
    if name == "mwl":
        log_mwl[i] += shift
    else:
        observables[i, ("lx", "t", "mgas").index(name)] += shift
    return replace(data, points=replace(data.points, observables=observables, log_mwl=log_mwl))


@pytest.mark.parametrize("level", ["unbinned", "full", "full+wl"])
def test_saliency_is_the_derivative_of_the_posterior_mean(case, draws, level):
    model, data = case
    result = saliency(model, level, data, draws[level])
    assert result.observables == level_class(level).observables(model)
    assert result.per_cluster.shape == (len(data.log_yx), len(result.observables))
    scale = np.abs(result.per_cluster).max(axis=0)
    for e, name in enumerate(result.observables):
        step = 0.002 if name == "t" else 0.01
        for i in (7, int(np.argmax(data.log_yx)), int(np.argmin(data.log_yx))):
            up, down = (
                shifted_mean(model, level, data, with_moved(data, i, name, s), draws[level]) for s in (step, -step)
            )
            assert result.per_cluster[i, e] == pytest.approx((up - down) / (2 * step), abs=0.01 * scale[e])


def test_selfcal_and_counts_saliency(case, draws):
    model, data = case
    result = saliency(model, "selfcal", data, draws["selfcal"])
    moved = [Data.observed(int(data.size), data.log_yx + s) for s in (0.01, -0.01)]
    up, down = (shifted_mean(model, "selfcal", data, d, draws["selfcal"]) for d in moved)
    assert result.median == pytest.approx((up - down) / 0.02, rel=0.02)
    assert result.per_cluster.size == 0
    counts = draws["counts"]
    more = shifted_mean(model, "counts", data, replace(data, size=data.size + 1), counts)
    assert saliency(model, "counts", data, counts).count == pytest.approx(more - counts.mean, rel=1e-6)
    assert result.count > 0


@pytest.mark.parametrize("level", ["counts", "selfcal", "binned", "unbinned", "full", "full+wl"])
def test_leave_one_out_equals_a_refit(case, draws, level):
    model, data = case
    result = leave_one_out(model, level, data, draws[level])
    assert result.shift.shape == result.pareto_k.shape == (len(data.log_yx),)
    for i in (0, 7, int(np.argmin(data.log_yx)), int(np.argmax(data.log_yx))):
        refit = shifted_mean(model, level, data, without(data, i), draws[level])
        assert result.shift[i] == pytest.approx(refit - draws[level].mean, abs=1e-6)
    assert np.mean(result.pareto_k < 0.7) > 0.9


def test_leave_one_out_of_full_equals_chains_without_the_cluster(small):
    """Chains of one catalogue with its most massive cluster, and without it."""
    model, level = small, "full+wl"
    mocks = fiducial_mocks(model, 1, 12)
    gone = int(np.argmax(mocks.log_mass))
    runs = [mocks, mocks.kept(np.arange(len(mocks.row)) != gone)]
    found = [posterior_draws(model, level, m, 5000, i) for i, m in enumerate(runs)]
    means, spreads = zip(*[(theta[0, :, 0].mean(), theta[0, :, 0].std()) for theta, _ in found], strict=True)
    error = np.sqrt(sum(s**2 / min(size, 300) for s, (_, size) in zip(spreads, found, strict=True)))
    ours = leave_one_out(model, level, Data.of_mock(model, mocks), from_chain(model, found[0][0][0])).shift[gone]
    assert ours == pytest.approx(means[1] - means[0], abs=5 * error)
    assert ours < -2 * error  # the most massive cluster raises sigma8


def test_chains_and_weighted_prior_draws_agree(nv22_model):
    model, n = at_level(nv22_model, "unbinned"), 4
    mocks = fiducial_mocks(model, n, 3)
    theta, size = posterior_draws(model, "unbinned", mocks, 2500, 4)
    assert theta.shape == (n, 300, len(model.parameters.free))
    prior = model.parameters.draw(3000, rng=np.random.default_rng(5))
    value, _ = log_likelihoods(model, "unbinned", mocks, prior, prior[:n])
    z = []
    for mine, ours in zip(np.exp(value - value.max(axis=1, keepdims=True)), theta, strict=True):
        weighted, chain = WeightedDraws(prior, mine / mine.sum(), prior[:, 0]), from_chain(model, ours)
        spread = np.sqrt(weighted.weight @ (weighted.sigma8 - weighted.mean) ** 2)
        assert ours[:, 0].std() == pytest.approx(spread, rel=5 / np.sqrt(2 * min(size, weighted.effective_size)))
        z.append((chain.mean - weighted.mean) / (spread * np.sqrt(1 / size + 1 / weighted.effective_size)))
    assert np.abs(z).max() < 5
    data, lowest = Data.of_mock(model, mocks, n - 1), int(np.argmin(mocks.log_yx[mocks.row == n - 1]))
    part = weighted.weight > 1e-4 * weighted.weight.max()
    few = WeightedDraws(prior[part], weighted.weight[part] / weighted.weight[part].sum(), prior[part, 0])
    one, two = (saliency(model, "unbinned", data, d).per_cluster[lowest, 0] for d in (chain, few))
    assert one == pytest.approx(two, rel=5 * np.sqrt(2 / size + 2 / few.effective_size))


def test_sums_over_clusters_are_responses_to_normalisations(case, draws):
    """Moving every log T is moving the normalisation of T, on which a selection in mass does not depend."""
    model, data = case
    bias = Parameter("norm_wl", 1.0, Prior("lognormal", mean=1.0, std=0.1, log=True))
    model = forward_model(replace(model.setup, parameters=model.parameters.with_free(bias)))
    theta = np.column_stack([draws["full+wl"].theta, np.exp(0.1 * np.random.default_rng(1).standard_normal(300))])
    sample = from_chain(model, theta)
    result = saliency(model, "full+wl", data, sample)
    for observable, norm, step in (("t", "norm_t", 0.002), ("mgas", "norm_mgas", 0.01), ("mwl", "norm_wl", 0.01)):
        up, down = theta.copy(), theta.copy()
        up[:, model.parameters.names.index(norm)] *= 10**step
        down[:, model.parameters.names.index(norm)] /= 10**step
        slope = (log_likelihood(model, "full+wl", data, up) - log_likelihood(model, "full+wl", data, down)) / (2 * step)
        total = result.per_cluster[:, result.observables.index(observable)].sum()
        assert total == pytest.approx(-sample.covariance(slope), rel=0.01)


def test_a_common_shift_is_resisted_by_the_prior_alone(small):
    """Sum of d sigma8 / d log M_WL = -Cov(sigma8, log b) / std(log b)^2 for a Gaussian prior of log b."""
    width, level = 0.05, "full+wl"
    bias = Parameter("norm_wl", 1.0, Prior("lognormal", mean=1.0, std=width, log=True))
    model = forward_model(replace(small.setup, parameters=small.parameters.with_free(bias)))
    mocks, pairs = fiducial_mocks(model, 20, 5), []
    theta, _ = posterior_draws(model, level, mocks, 2000, 6)
    for i in range(len(theta)):
        draws = from_chain(model, theta[i])
        result = saliency(model, level, Data.of_mock(model, mocks, i), draws)
        expected = -draws.covariance(np.log10(theta[i][:, -1])) / (width / np.log(10)) ** 2
        pairs.append([result.per_cluster[:, result.observables.index("mwl")].sum(), expected])
    total, expected = np.array(pairs).T
    error = (total - expected).std(ddof=1) / np.sqrt(len(total))
    assert total.mean() == pytest.approx(expected.mean(), abs=5 * error)
    assert total.mean() > 3 * error


def test_order_of_clusters_does_not_matter(case, draws):
    model, data = case
    order = np.random.default_rng(1).permutation(len(data.log_yx))
    other = Data.observed(int(data.size), data.log_yx[order], data.error[order], data.points[order])
    for level in ("unbinned", "full+wl"):
        one, two = (saliency(model, level, d, draws[level]).per_cluster for d in (data, other))
        np.testing.assert_allclose(two, one[order], atol=1e-9)
        one, two = (leave_one_out(model, level, d, draws[level]).shift for d in (data, other))
        np.testing.assert_allclose(two, one[order], atol=1e-12)


def test_unmeasured_observables_have_no_saliency(case, draws):
    model, data = case
    observables = data.points.observables.copy()
    observables[3, 1] = np.nan
    part = Data.observed(
        int(data.size), data.log_yx, points=Points.observed(data.points.z, observables, log_mwl=data.points.log_mwl)
    )
    found = saliency(model, "full", part, draws["full"]).per_cluster
    assert np.isnan(found[3, 1])
    assert np.isfinite(np.delete(found.ravel(), 3 * 3 + 1)).all()


def test_pairwise_unbinned_likelihood_has_the_measurement_errors(cccp):
    parameters = cccp.setup.parameters.without(["norm_t", "slope_t", "scatter_t"])  # no datum here depends on T
    model = forward_model(replace(cccp.setup.with_yx_error(0.1), parameters=parameters))
    mocks, theta = fiducial_mocks(model, 3, 2), model.parameters.draw(3, rng=np.random.default_rng(3))
    target = Unbinned.paired(model, mocks)
    for i in range(3):
        public = likelihood("unbinned", model, Data.of_mock(model, mocks, i))(theta)
        ours = [target(np.repeat(theta[k : k + 1], 3, axis=0))[i] for k in range(3)]
        np.testing.assert_allclose(np.diff(ours), np.diff(public), rtol=1e-4, atol=2e-3)


def test_influence_by_mass_and_by_redshift(curves, cccp):
    """All clusters' mean is the same however they are binned; along the mean relations their slopes weigh."""
    curve = curves[0]
    assert set(curve.by_mass.saliency) == {"lx", "t", "yx", "mwl", "mass"}
    for name in curve.by_mass.saliency:
        one, two = (np.average(b.saliency[name], weights=b.number) for b in (curve.by_mass, curve.by_redshift))
        assert one == pytest.approx(two, rel=1e-9)
    slopes = cluster_level("full+wl").mass_slopes(forward_model(replace(cccp.setup, weak_lensing=0.2)))
    np.testing.assert_allclose(slopes, [1.61, 0.653595, 1.754386, 1.0])
    along = slopes @ [curve.by_mass.saliency[n] for n in ("lx", "t", "yx", "mwl")]
    np.testing.assert_allclose(curve.by_mass.saliency["mass"], along)
    assert (curve.by_mass.shift_spread > 0).all()
    assert (np.diff(curve.by_mass.centre) > 0).all()
    assert (np.diff(curve.by_redshift.edges) > 0).all()
    assert curve.log_break is None
    assert 0 <= curve.heavy_tails < 0.1


def test_where_the_information_sits(nv22):
    """docs/model.md: with Mmin fixed clusters at Mmin matter most; following L_X those at the break differ."""
    curves = {}
    for mode in ("fixed", "follows_lx"):
        setup = replace(nv22.setup, selection=nv22.setup.selection.with_min_mass(mode))
        plan = InfluencePlan(10, 250, 9)
        curves[mode] = build_influence(forward_model(setup), mode, plan, rng=np.random.default_rng(4)).by_mass
    fixed, follows = (curves[m].saliency["yx"] for m in ("fixed", "follows_lx"))
    errors = [curves[m].saliency_error["yx"] for m in ("fixed", "follows_lx")]
    assert fixed[0] < -5 * errors[0][0]
    assert abs(fixed[0]) > 2 * np.abs(fixed[1:]).max()
    at_break = int(np.argmin(np.abs(curves["fixed"].centre - 14.25)))
    assert 4 < at_break < 8
    gap = 5 * np.hypot(errors[0][at_break], errors[1][at_break])
    assert fixed[at_break] > follows[at_break] + gap
    assert follows[at_break] < follows[-1] - 5 * np.hypot(errors[1][at_break], errors[1][-1])


def test_chains_too_short_are_refused(small, monkeypatch):
    monkeypatch.setattr("forecast.influence.by_mass.MIN_EFFECTIVE_SIZE", 1e5)
    with pytest.raises(InputError, match=r"chains of 250 steps .* raise --steps to [1-9]\d{4,5}, or narrow"):
        build_influence(small, "x", InfluencePlan(2, 250, 3), level="full", rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="has no saliency of single clusters"):
        build_influence(small, "x", InfluencePlan(), level="counts", rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="mocks must be at least 2"):
        InfluencePlan(mocks=1)


def test_levels_without_single_clusters_are_refused(case, draws):
    model, data = case
    with pytest.raises(InputError, match="use 'unbinned'"):
        saliency(model, "binned", data, draws["binned"])
    bare = replace(data, points=None)
    for function in (saliency, leave_one_out):
        with pytest.raises(InputError, match="needs the observables of single clusters"):
            function(model, "full", bare, draws["full"])


def test_pareto_k_of_known_tails():
    rng = np.random.default_rng(1)
    heavy, heavier = rng.pareto(2.0, 20_000) + 1, rng.pareto(1.0, 20_000) + 1
    assert pareto_k(heavy) == pytest.approx(0.5, abs=5 * 1.5 / np.sqrt(424))
    assert pareto_k(heavier) == pytest.approx(1.0, abs=5 * 2 / np.sqrt(424))
    tail = np.sort(heavy)[-424:]
    fitted = stats.genpareto.fit(tail - np.sort(heavy)[-425], floc=0)[0]
    assert pareto_k(heavy) == pytest.approx(fitted, abs=0.05)
    np.testing.assert_allclose(pareto_k(np.column_stack([heavy, heavier])), [pareto_k(heavy), pareto_k(heavier)])
    assert pareto_k(np.ones(100)) == -np.inf


def test_average_by():
    values, at = np.array([1.0, 3.0, 5.0]), np.array([0.1, 0.2, 1.5])
    mean, error = average_by(values, at, np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(mean[:2], [2.0, 5.0])
    assert error[0] == pytest.approx(1.0)
    assert np.isnan(mean[2])


def test_errors_are_those_of_whole_catalogues():
    """Clusters of a catalogue share an offset: errors of independent clusters would be far too small."""
    rng, repeats, groups, size = np.random.default_rng(2), 400, 20, 30
    group, at = np.repeat(np.arange(groups), size), np.full(groups * size, 0.5)
    shared = np.repeat(rng.standard_normal((groups, repeats)), size, axis=0)
    values = rng.standard_normal((groups * size, repeats)) + shared
    mean, error = average_by(values, at, np.array([0.0, 1.0]), group)
    ratio = np.sqrt((error**2).mean()) / mean.std()
    assert ratio == pytest.approx(1, abs=5 / np.sqrt(2 * repeats))
    assert np.sqrt((average_by(values, at, np.array([0.0, 1.0]))[1] ** 2).mean()) < 0.4 * mean.std()


@pytest.fixture(scope="module")
def curves(cccp):
    plan = InfluencePlan(3, 250, 4, 3)
    parameters = cccp.setup.parameters.without(["density_contrast"])
    lensed = forward_model(replace(cccp.setup, weak_lensing=0.2, parameters=parameters))
    one = build_influence(lensed, "as configured", plan, level="full+wl", rng=np.random.default_rng(1))
    far = replace(one.by_mass, saliency=one.by_mass.saliency | {"lx": np.array([-1.0, 0.001, 0.002, 0.003])})
    return one, replace(one, selection="Mmin follows L_X", by_mass=far, by_redshift=None, log_break=14.25)


def test_figure_has_a_panel_for_every_observable(curves):
    figure = influence_figure(curves)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert len(labels) == 6
    for symbol in (r"L_{\rm X}", "T", r"Y_{\rm X}", r"M_{\rm WL}"):
        assert any(symbol in label and "dex" in label for label in labels)
    assert "left out" in labels[-1]
    assert figure.get_size_inches()[0] < 7.2
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "$-1000$" in texts  # beyond the axis
    assert abs(figure.axes[0].get_ylim()[0]) < 100
    colours = {line.get_color() for line in figure.axes[0].lines if line.get_marker() in "os"}
    assert len(colours) >= 2


def test_figure_by_redshift_shows_cones_only(curves):
    figure = influence_figure(curves, "redshift")
    assert any("redshift" in axes.get_xlabel() for axes in figure.axes)
    assert len(figure.legends[0].get_texts()) == 1
    with pytest.raises(InputError, match="none of the surveys is a light cone"):
        influence_figure(curves[1:], "redshift")
    with pytest.raises(InputError, match="draw a figure for each"):
        influence_figure([curves[0], replace(curves[1], level="full")])
