"""The exact sigma8 map against brute force, the public likelihood and mock catalogues."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from forecast.core.errors import InputError, NumericalError
from forecast.core.files import to_plain
from forecast.forecasts.batch_moments import Moments
from forecast.forecasts.ladder import cone_variant
from forecast.forecasts.plane import Plane, Shift, Tables
from forecast.forecasts.sigma8_map import Cells, Sigma8Map, build_map
from forecast.forecasts.sigma8_map_exact import ExactPlan, _agreements, agreement, exact_map
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.model.yx_distribution import TabulatedDistribution, log_median_density
from forecast.report.plots.sigma8_map import exactmap_figure
from forecast.report.plots.style import save_figure
from forecast.survey.detection.contamination import Contamination
from forecast.survey.geometry import Box


def mock_map(model, mocks, cells, seed, truth=None):
    rng = np.random.default_rng(seed)
    theta = model.parameters.draw(mocks, rng=rng)
    drawn = draw_mocks(truth or model, theta, rng=rng)
    sigma8 = theta[:, model.parameters.names.index("sigma8")]
    return build_map(sigma8, drawn.size, drawn.median_yx, cells)


@pytest.fixture(scope="module")
def binned(nv22_model):
    return mock_map(nv22_model, 5000, Cells(20, 0.05, 10), 1)


@pytest.fixture(scope="module")
def exact(nv22_model, binned):
    return exact_map(nv22_model, binned, rng=np.random.default_rng(2))


@pytest.fixture(scope="module")
def small(nv22):
    """About five clusters."""
    return forward_model(replace(nv22.setup, geometry=Box(352, 0.02, 0.07)))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 18, 19, 20, 21, 60, 124])
def test_density_equals_the_public_one(nv22_model, size):
    """Poisson x the median's density, at all draws for which it matters."""
    theta = nv22_model.parameters.draw(60, rng=np.random.default_rng(size))
    nodes, grid = np.arange(11.5, 15.5, 0.0125), nv22_model.yx_grid
    tables = Tables.of(nv22_model, theta, nodes)
    one = TabulatedDistribution.from_density(grid, nv22_model.yx_density(theta, grid))
    poisson = stats.poisson.logpmf(size, one.count)
    for node in (140, 155, 170):
        expected = poisson + log_median_density(one, float(nodes[node]), size)
        near = np.abs(one.cdf(nodes[node : node + 1])[:, 0] - 0.5) < 2.5 / np.sqrt(size + 2)
        found = np.empty(60)
        found[tables.order] = tables.log_joint(size)[node]
        np.testing.assert_allclose(found[near], expected[near], atol=0.012 if size == 20 else 0.005)


def test_density_integrates_to_one(small):
    """Over all N, and all medians, with the chance of no cluster."""
    theta = small.parameters.draw(20, rng=np.random.default_rng(3))
    tables = Tables.of(small, theta, np.arange(10.5, 17.5, 0.0125))
    total = sum(np.exp(tables.log_joint(size)).sum(axis=0) for size in range(1, 40)) * tables.step
    np.testing.assert_allclose(total + np.exp(-tables.count), 1, atol=2e-3)


def test_evidence_of_cells_against_brute_force(small):
    """Number of mocks by cell at fixed parameters."""
    theta = np.repeat(small.parameters.fiducial[None], 40_000, axis=0)
    mocks = draw_mocks(small, theta, rng=np.random.default_rng(4))
    nodes = 11.0 + 0.0125 * (np.arange(400) + 0.5)
    tables = Tables.of(small, theta[:1], nodes)
    for size in (1, 2, 3, 4, 5, 6):
        cells = np.exp(tables.log_joint(size))[:, 0].reshape(-1, 16).sum(axis=1) * tables.step
        found = np.histogram(mocks.median_yx[mocks.size == size], 25, (11.0, 16.0))[0]
        expected = len(theta) * cells
        likely = expected > 10
        assert likely.sum() > 3
        chi_squared = np.sum((found - expected)[likely] ** 2 / expected[likely])
        assert stats.chi2.sf(chi_squared, likely.sum()) > 1e-5, size


def test_which_parameters_only_move_yx(nv22, nv22_model, cccp_model):
    rng = np.random.default_rng(5)
    moving = [Shift.of(m, 0.01, rng=rng).index for m in (nv22_model, cccp_model)]
    names = nv22_model.parameters.names
    assert [names[i] for i in moving[0]] == ["norm_t", "norm_mgas"]
    assert [cccp_model.parameters.names[i] for i in moving[1]] == ["norm_yx"]
    norm_yx = int(moving[1][0])
    for model, index in ((nv22_model, 2), (forward_model(cone_variant(nv22.setup)), 3), (cccp_model, norm_yx)):
        theta = np.repeat(model.parameters.draw(1, rng=rng), 2, axis=0)
        theta[1, index] *= 1.1
        log_yx = np.linspace(13, 15, 41)
        moved = model.yx_density(theta[1:], log_yx + np.log10(1.1))[0]
        np.testing.assert_allclose(moved, model.yx_density(theta[:1], log_yx)[0], rtol=2e-4)
        counts = model.expected_count(theta)
        assert counts[0] == pytest.approx(counts[1], rel=1e-12)


def test_contaminants_do_not_move_with_the_clusters(cccp):
    """One detection in ten is no cluster: then norm_yx changes the shape of the Y_X distribution."""
    selection = replace(cccp.setup.selection, contamination=Contamination((0.0, 1.0), (0.1, 0.1)))
    dirty = forward_model(replace(cccp.setup, selection=selection))
    assert len(Shift.of(dirty, 0.01, rng=np.random.default_rng(1)).index) == 0
    none = Shift.of(dirty, 0.01, rng=np.random.default_rng(1))
    np.testing.assert_allclose(none.matrix(3) @ np.sin(none.sources(3, 0)), np.sin(np.arange(3)), atol=1e-12)


def test_moves_have_the_moments_of_the_prior(nv22_model):
    """Sum of log10 of two factors that are flat from 0.8 to 1.3."""
    step = 0.0125
    shift = Shift.of(nv22_model, step, rng=np.random.default_rng(6))
    moves = step * (shift.first + np.arange(len(shift.weight)))
    one = [integrate.quad(lambda b, k=k: np.log10(b) ** k / 0.5, 0.8, 1.3)[0] for k in (1, 2)]
    mean, variance = 2 * one[0], 2 * (one[1] - one[0] ** 2)
    assert shift.weight.sum() == pytest.approx(1, abs=1e-12)
    found = shift.weight @ moves
    assert found == pytest.approx(mean, abs=5 * np.sqrt(variance / 1e5))
    assert shift.weight @ (moves - found) ** 2 == pytest.approx(variance, rel=5 * np.sqrt(2 / 1e5))
    nodes = 13 + step * np.arange(80)
    sources = nodes[0] + step * shift.sources(80, 0)
    convolved = shift.matrix(80) @ stats.norm.pdf(sources, 13.4, 0.03)
    draws = np.log10(0.8 + 0.5 * np.random.default_rng(7).random((20_000, 2))).sum(axis=1)
    expected = stats.norm.pdf(nodes[:, None] - draws, 13.4, 0.03)
    error = expected.std(axis=1) / np.sqrt(len(draws)) + convolved / 200
    assert (np.abs(convolved - expected.mean(axis=1)) < 5 * error + 1e-3).all()


def test_plane_counts_every_integer_once():
    plane = Plane(np.array([0.0, 2.5, 20, 520, 520.4]), np.array([13.0, 13.1, 13.2]))
    sizes = [column for column, _ in plane.columns]
    assert sizes[0].tolist() == [1, 2]
    assert sizes[1].tolist() == list(range(3, 20))
    assert [round(len(s) * weight) for s, weight in plane.columns] == [2, 17, 500, 1]
    assert len(sizes[2]) <= 20
    np.testing.assert_allclose(plane.log_yx, 13 + 0.025 * (np.arange(8) + 0.5))
    assert plane.padding > 0
    assert Plane(np.array([40.0, 60]), plane.yx_edges).padding == 0
    assert len(Plane(np.array([0.2, 0.4, 3.0]), plane.yx_edges).size) == 2


def test_posterior_against_the_public_likelihood(nv22_model, exact):
    """Prior draws of all parameters, weighted by `SelfCal`."""
    theta = nv22_model.parameters.draw(12_000, rng=np.random.default_rng(8))
    for column, line in ((20, 30), (24, 40), (32, 24)):
        data = Data(float(exact.size[column]), np.zeros(1), np.zeros(1), np.ones(1), float(exact.log_yx[line]))
        data = replace(data, weight=np.array([float(exact.size[column])]))
        value = likelihood("selfcal", nv22_model, data)(theta)
        weight = np.exp(value - value.max())
        mean = np.average(theta[:, 0], weights=weight)
        deviation = theta[:, 0] - mean
        std = np.sqrt(np.average(deviation**2, weights=weight))
        error = np.sqrt(np.sum((weight * deviation) ** 2)) / weight.sum()
        own = exact.std[line, column] / np.sqrt(exact.ess[line, column])
        assert exact.mean[line, column] == pytest.approx(mean, abs=5 * np.hypot(error, own))
        spread = np.sqrt(np.sum((weight * (deviation**2 - std**2)) ** 2)) / weight.sum() / (2 * std)
        assert exact.std[line, column] == pytest.approx(std, abs=5 * np.hypot(spread, own))


def test_nv22_mocks_agree(binned, exact):
    """NV22 figure 14: 5,000 mocks; 15 to 20 cells in either direction."""
    assert exact.covered > 0.99
    assert exact.draws == 10_000
    assert [a.quantity for a in exact.agreement] == ["mean", "scatter", "number"]
    for each in exact.agreement:
        assert each.cells > 80
        assert each.p_value > 1e-4, each.quantity
        assert np.nanmax(np.abs(each.z)) < 5
    assert 0.025 < exact.median_std < 0.030
    good = np.isfinite(exact.mean)
    assert (exact.ess[good] >= 50).all()
    assert (exact.mean[good] > 0.70).all()
    assert (exact.mean[good] < 0.92).all()
    known = np.isfinite(binned.mean) & np.isfinite(exact.cell_mean)
    assert np.median(exact.cell_mean_error[known] / exact.cell_std[known]) < 0.05
    assert exact.cell_number.sum() == pytest.approx(binned.mocks, rel=2e-3)


@pytest.mark.slow
def test_light_cone_mocks_agree(cccp_model):
    """From one cluster to hundreds, every parity."""
    binned = mock_map(cccp_model, 3000, Cells(15, 0.1, 10), 9)
    exact = exact_map(cccp_model, binned, ExactPlan(6000, 6000), rng=np.random.default_rng(10))
    for each in exact.agreement:
        assert each.cells > 40
        assert each.p_value > 1e-4, each.quantity
    assert exact.count_edges[0] == 0
    assert exact.covered > 0.9


def test_mocks_of_another_model_differ(nv22, nv22_model):
    selection = replace(nv22.setup.selection, log_break=nv22.setup.selection.log_break + 0.1)
    truth = forward_model(replace(nv22.setup, selection=selection))
    binned = mock_map(nv22_model, 2000, Cells(20, 0.05, 10), 11, truth)
    exact = exact_map(nv22_model, binned, ExactPlan(6000, 6000), rng=np.random.default_rng(12))
    assert exact.agreement[0].p_value < 1e-10
    assert exact.agreement[2].p_value < 1e-10


def test_p_values_of_agreeing_maps_are_uniform():
    """Cells of ten and more mocks whose sigma8 is far from normal."""
    rng, shape, runs = np.random.default_rng(13), (6, 8), 400
    number = rng.integers(10, 60, shape)
    moments = Moments(
        *(np.full(shape, x) for x in (0.01, 0.0, 1 / 12, 0.02, 0.004, 1 / 80)), np.full(shape, 40.0)
    )  # flat from -1/2 to 1/2, with the errors of a finite number of draws
    empty = np.zeros(1)
    p_values = []
    for _ in range(runs):
        slip, stretch = 0.02 * rng.standard_normal(shape), 1 + 0.048 * rng.standard_normal(shape)
        draws = [rng.random(n) - 0.5 for n in number.ravel()]
        mean = np.reshape([d.mean() for d in draws], shape) + slip
        std = np.reshape([d.std(ddof=1) for d in draws], shape) * np.sqrt(stretch)
        expected = np.full(shape, 30.0)
        counted = rng.poisson(expected)
        binned = Sigma8Map(empty, empty, mean, std, number, 10, 1000, 0.3, 0, 0, 0, 0)
        agreements = _agreements(binned, moments, expected, np.zeros(shape))
        of_number = _agreements(replace(binned, number=counted), moments, expected, np.zeros(shape))[2]
        p_values.append([agreements[0].p_value, agreements[1].p_value, of_number.p_value])
    for quantity, p in zip(("mean", "scatter", "number"), np.transpose(p_values), strict=True):
        low, high = stats.binom.interval(0.9999, runs, 0.05)
        assert low <= np.sum(p < 0.05) <= high, quantity
        assert 0.4 < p.mean() < 0.6, quantity


def test_monte_carlo_errors_are_right():
    """Weighted draws of a normal sigma8, 400 times: mean, variance, and what is claimed of them."""
    rng, runs = np.random.default_rng(14), 400
    x = rng.standard_normal((40, runs, 100))
    weight = rng.gamma(0.5, size=x.shape)
    sums = np.stack([(weight * x**k).mean(axis=2) for k in range(5)], axis=-1)
    found = Moments.of(sums)
    for z in (found.mean / found.mean_error, (found.variance - 1) / found.variance_error):
        assert abs(z.mean()) < 5 / np.sqrt(runs)
        assert z.std() == pytest.approx(1, abs=5 / np.sqrt(2 * runs) + 0.03)
    kish = (weight.sum(axis=(0, 2)) ** 2 / (weight**2).sum(axis=(0, 2))).mean()
    assert np.median(found.ess) == pytest.approx(kish, rel=0.1)
    assert found.fourth.mean() == pytest.approx(3, abs=0.1)
    lonely = sums.copy()
    lonely[5:, 0] = 0
    assert Moments.of(lonely).ess[0] == 0  # five batches say nothing of their spread


def test_more_draws_where_few_are_effective_and_refusal(nv22, nv22_model):
    binned = mock_map(nv22_model, 300, Cells(60, 0.1, 5), 15)
    plan = ExactPlan(draws=6000, most=13_000, min_ess=1e9)
    with pytest.raises(NumericalError, match=r"no point of the sigma8 map has 1e\+09 effective draws of 12000"):
        exact_map(nv22_model, binned, plan, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="6000 <= draws <= most, got 100 and 40000"):
        ExactPlan(draws=100)
    blind = forward_model(replace(nv22.setup, parameters=nv22.setup.parameters.without(["sigma8"])))
    with pytest.raises(InputError, match="sigma8 to be free"):
        exact_map(blind, binned, rng=np.random.default_rng(1))


def test_record_and_figure(binned, exact, tmp_path):
    plain = json.loads(json.dumps(to_plain(exact), allow_nan=False))
    assert plain["agreement"][0]["quantity"] == "mean"
    assert np.shape(plain["mean"]) == (len(exact.log_yx), len(exact.size))
    nowhere = np.full_like(binned.mean, np.nan)
    unknown = replace(exact, mean=exact.mean * np.nan, std=exact.std * np.nan)
    unknown = replace(unknown, agreement=tuple(agreement(a.quantity, a.z * np.nan) for a in exact.agreement))
    unfilled = exactmap_figure(replace(binned, mean=nowhere, std=nowhere), unknown)
    assert unfilled.axes[2].get_title("left") == "no cell compared"
    figure = exactmap_figure(binned, exact)
    assert [a.get_title("left") for a in figure.axes[:2]] == ["mocks: mean in cells", "exact: posterior mean"]
    assert {axes.get_xlabel() for axes in figure.axes[3:6]} == {r"number of clusters $N$"}
    first = [path.read_bytes() for path in save_figure(figure, tmp_path / "a")]
    assert first == [path.read_bytes() for path in save_figure(figure, tmp_path / "b")]
