"""Figures from Python: on axes of one's own, contours that hold what they say; samples and their exports."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.interpolate import RegularGridInterpolator

from forecast import Samples, load_survey, plot_contours, plot_corner
from forecast.report.plots.contours import Cloud, smooth

PROBABILITIES = (0.68, 0.95)


@pytest.fixture(scope="module")
def survey():
    return load_survey("nv22")


@pytest.fixture(scope="module")
def chain(survey):
    return survey.sample("counts", survey.mock(seed=1), seed=1, max_steps=600)


def axes_of_mine(number=1):
    return np.atleast_1d(Figure().subplots(1, number))


@pytest.mark.parametrize("bound", [-np.inf, 0.0])
def test_contours_of_samples_hold_what_they_say(bound):
    """Of fresh draws from the same correlated Gaussian, cut at a bound or not; weights undo a tilt."""
    rng, covariance = np.random.default_rng(3), [[1.0, 1.2], [1.2, 4.0]]

    def draw(size):
        x = rng.multivariate_normal([0, 0], covariance, size)
        return x[x[:, 0] > bound]

    mine, fresh = draw(40_000), draw(40_000)
    weights = np.where(mine[:, 1] > 0, 1.0, 2.0)
    mine, weights = mine[(kept := rng.random(len(mine)) * 2 < 3 - weights)], weights[kept]
    weights /= weights.sum()
    cloud = Cloud("", mine, weights, 1 / np.sum(weights**2), [(bound, np.inf), (-np.inf, np.inf)])
    middles, density, limits = smooth(cloud, PROBABILITIES)
    found = RegularGridInterpolator(middles, density, bounds_error=False, fill_value=0.0)(fresh)
    edge = fresh[:, 0] < middles[0][0]  # between the bound and the middle of the first cell
    for p, limit in zip(sorted(PROBABILITIES, reverse=True), limits, strict=True):
        error = np.sqrt(p * (1 - p) * (1 / len(fresh) + 1 / cloud.effective))
        assert np.mean(found[~edge] >= limit) == pytest.approx(p, abs=5 * error + 0.01)


def test_contours_of_fisher_matrices_are_ellipses_in_the_logarithm(survey):
    """Delta chi^2 of two parameters along each curve: -2 ln(1 - p)."""
    fisher, (axes,) = survey.fisher("selfcal"), axes_of_mine()
    plot_contours(fisher, ("sigma8", "norm_lx"), axes)
    at = [fisher.names.index(name) for name in ("sigma8", "norm_lx")]
    inverse, centre = np.linalg.inv(fisher.covariance[np.ix_(at, at)]), fisher.fiducial[at]
    curves = [line for line in axes.lines if len(line.get_xdata())]
    for p, line in zip(PROBABILITIES, curves, strict=True):
        x = np.column_stack([line.get_xdata() - centre[0], np.log(line.get_ydata() / centre[1])])
        np.testing.assert_allclose(np.einsum("ni,ij,nj->n", x, inverse, x), -2 * np.log(1 - p), rtol=1e-6)
    assert axes.get_xlabel() == r"$\sigma_8$"


def test_figures_on_axes_given(survey, chain):
    """Each draws on them and gives back their figure; without axes, one of its own."""
    sweep, joint, map_ = survey.sweep("volume=1:2:2"), survey.joint(), survey.sigma8_map(300, seed=1)
    calls = [
        (sweep.plot, 1),
        (joint.plot, 1),
        (lambda axes=None: map_.plot(axes), 2),
        (lambda axes=None: plot_contours({"counts": chain, "F": survey.fisher("counts")}, axes=axes), 1),
    ]
    for call, number in calls:
        mine = axes_of_mine(number)
        layout = mine[0].figure.get_layout_engine()
        figure = call(mine[0] if number == 1 else mine)
        assert figure is mine[0].figure and all(axes.has_data() for axes in mine)
        assert figure.get_layout_engine() is layout and len(mine[-1].get_xlabel()) > 0
        own = call()
        assert own is not figure and len(own.axes) >= number


def test_the_ladder_on_axes_given(survey):
    (mine,) = axes_of_mine()
    ladder = survey.with_({"ladder.widening": [1.0], "ladder.break_masses": []}).ladder()
    assert ladder.plot(mine) is mine.figure and mine.has_data()


def test_corner_of_several_samples(survey, chain):
    own = survey.posterior("counts").samples(chain.values[::7])
    figure = plot_corner({"counts": chain, "own": own}, ["sigma8", "norm_lx"], truths={"sigma8": 0.81, "norm_lx": 1.0})
    assert len(figure.axes) == 4


def test_samples_summarise_and_go_elsewhere(chain, tmp_path):
    """What GetDist and the files make of a chain is what the samples say; Monte-Carlo error apart."""
    summary = chain.summary("sigma8")
    assert summary["q16"] < summary["q50"] < summary["q84"]
    assert chain.chains()["sigma8"].mean() == pytest.approx(summary["mean"])
    getdist = chain.to_getdist()
    assert getdist.mean("sigma8") == pytest.approx(summary["mean"], rel=1e-6)
    assert getdist.std("sigma8") == pytest.approx(summary["std"], rel=1e-3)
    chain.save(tmp_path / "mine")
    assert {p.name for p in tmp_path.iterdir()} == {f"mine.{x}" for x in ("txt", "paramnames", "ranges", "nc")}
    assert "converged" in chain._repr_html_() and "converged" in repr(chain)


def test_weighted_samples():
    """A Gaussian weighted draw by draw out of a flat one: its moments and percentiles."""
    x = np.linspace(0.6, 1.0, 40_001)
    found = Samples(["sigma8"], x[:, None], np.exp(-0.5 * ((x - 0.8) / 0.02) ** 2))
    summary = found.summary()
    assert summary["mean"] == pytest.approx(0.8) and summary["std"] == pytest.approx(0.02, rel=1e-6)
    assert [summary[q] for q in ("q16", "q50", "q84")] == pytest.approx([0.78011, 0.8, 0.81989], abs=1e-5)
    assert found.effective_size == pytest.approx(2 * np.sqrt(np.pi) * 0.02 / 1e-5, rel=1e-3)
    assert found.equal().std() == pytest.approx(0.02, rel=1e-3) and found.converged is None
    assert found.to_getdist().std("sigma8") == pytest.approx(0.02, rel=1e-3)
    assert found.chains()["sigma8"].shape == (1, len(x))
    alike = Samples(["sigma8"], x[:, None])  # how far they are independent nobody said
    assert np.isnan(alike.summary()["mcse"]) and "draws, of equal weight" in repr(alike)


def test_records_show_themselves(survey, chain):
    few = survey.with_({"ladder.widening": [1.0], "ladder.break_masses": []})
    records = [few.ladder(), survey.sweep("volume=1:2:2"), survey.fisher("counts"), survey.posterior("counts"), chain]
    for record in [*records, survey.sigma8_map(200, seed=1)]:
        assert repr(record).startswith("<") and len(repr(record)) < 200
        assert record._repr_html_().startswith("<table>")
    ladder = records[0]
    assert ladder["as configured"]["counts"] == survey.fisher("counts").std()


def test_contours_close_along_a_bound_and_no_two_layers_share_a_colour():
    rng = np.random.default_rng(2)
    draws = rng.normal([0.82, 1.0], [0.08, 0.2], (4000, 2))
    draws = draws[(draws[:, 0] > 0.7) & (draws[:, 0] < 0.92)]
    own = {name: Samples(["sigma8", "norm_lx"], draws, bounds=[(0.7, 0.92), (-np.inf, np.inf)]) for name in "ab"}
    figure = plot_contours({"selfcal": own["a"], **own}, ("sigma8", "norm_lx"))
    outer = figure.axes[0].collections[0].get_paths()[0]
    for curve in outer.to_polygons(closed_only=False):
        np.testing.assert_allclose(curve[0], curve[-1])
        assert curve[:, 0].min() == pytest.approx(0.7, abs=1e-4) and curve[:, 0].max() == pytest.approx(0.92, abs=1e-4)
    colours = {tuple(one.get_edgecolor()[0]) for one in figure.axes[0].collections}
    assert len(colours) == 3
    corner = plot_corner({"selfcal": own["a"], **own})
    assert len({line.get_color() for line in corner.legends[0].get_lines()}) == 3
