"""Every figure: labelled, readable, reproducible, and unharmed by empty cells."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from pages import AREA_REQUIRED

from forecast.checks.goodness import Goodness
from forecast.core.errors import InputError
from forecast.forecasts.abundance import Abundance, Curve
from forecast.forecasts.ladder import LadderRow, SurvivalRow
from forecast.forecasts.require.records import Requirements
from forecast.forecasts.sigma8_map import Sigma8Map
from forecast.report.plots.abundance import abundance_figure
from forecast.report.plots.corner import corner_figure
from forecast.report.plots.goodness import goodness_figure
from forecast.report.plots.ladder import ladder_figure
from forecast.report.plots.require import require_figure
from forecast.report.plots.sigma8_map import map_figure
from forecast.report.plots.style import COLUMN, LEVELS, log_ticks, new_figure, save_figure
from forecast.report.plots.survival import survival_figure

NAMES = ("norm_lx", "sigma8", "norm_yx")


def abundance():
    log_mass = np.linspace(13.0, 15.5, 101)
    labels = [f"$\\sigma_8={x}$" for x in (0.72, 0.81, 0.90)]
    everything = [1e4 * s * np.exp(-(10 ** (0.9 * (log_mass - 14.0))) / s) for s in (0.8, 1.0, 1.2)]
    seen = np.where(log_mass > 13.6, np.minimum(1.0, 10 ** (2.4 * (log_mass - 14.25))), 0.0)
    return Abundance(
        log_mass,
        tuple(Curve(label, v * seen) for label, v in zip(labels, everything, strict=True)),
        tuple(Curve(label, v) for label, v in zip(labels, everything, strict=True)),
    )


def ladder():
    rows = []
    for selection in ("as configured", "Mmin follows L_X", "flux-limited cone"):
        narrow = (0.0635, 0.033, 0.028, 0.025, 0.024, 0.022, 0.018)
        for widening, std in ((1.0, narrow), (10.0, (0.0635, 0.06, 0.05, 0.04, 0.03, 0.03, 0.02))):
            levels = dict(zip(LEVELS, (*std, 0.017), strict=True))
            rows.append(LadderRow(f"{selection}, x {widening:g}", selection, widening, 123.6, levels))
    return rows


def samples(size=3000):
    rng = np.random.default_rng(4)
    levels = zip(("counts", "selfcal", "unbinned"), (0.033, 0.028, 0.024), strict=True)
    return {v: rng.normal([1.0, 0.81, 1.0], [0.1, std, 0.12], size=(size, 3)) for v, std in levels}


def sigma8_map():
    count, yx = np.arange(0.0, 320.0, 20.0), np.linspace(13.2, 14.2, 21)
    mean = 0.7 + 0.001 * np.add.outer(np.arange(20.0), 10 * np.arange(15.0))
    mean[mean > 0.8] = np.nan
    number = np.where(np.isfinite(mean), 12, 3)
    std = 0.03 + 0.1 * (mean - 0.7) ** 2
    return Sigma8Map(count, yx, mean, std, number, 10, 5000, 0.028, 0.052, 0.002, 0.016, 0.001)


def goodness():
    edges = np.linspace(43.2, 45.2, 11)
    expected = np.array([0.4, 1.6, 4, 8, 11, 10, 7, 4, 1.5, 0.5])
    observed = np.array([0, 2, 3, 9, 14, 8, 6, 4, 2, 0.0])
    band = np.floor(expected / 2), np.ceil(1.5 * expected) + 1
    first = Goodness("lx", edges, observed, expected, *band, 0.43)
    return [first, replace(first, observable="yx", edges=edges - 30, p_value=0.0)]


def requirements():
    """Keys that get there by more and by less, one that never does, and one of which there was nothing."""
    prior = replace(
        AREA_REQUIRED, key="parameters.norm_yx.lognormal", unit="", configured=0.1, needed=0.05, farthest=0.05,
        factors=(0.5, 0.8, 1.0, 1.28), errors=(0.015, 0.018, 0.02, 0.022),
    )  # fmt: skip
    never = replace(
        prior, key="selection.k_slope", needed=None, farthest=0.01, factors=(0.1, 1.0), errors=(0.019, 0.02)
    )
    nothing = replace(never, key="yx_error", configured=0.0, farthest=0.1, factors=(), errors=())
    return Requirements("sigma8", 0.015, "unbinned", 0.02, (AREA_REQUIRED, prior, never, nothing), Om0=0.3)


BUILDERS = {
    "abundance": lambda: abundance_figure(abundance()),
    "ladder": lambda: ladder_figure(ladder()),
    "corner": lambda: corner_figure(samples(), NAMES, (1.0, 0.81, 1.0)),
    "map": lambda: map_figure(sigma8_map()),
    "goodness": lambda: goodness_figure(goodness()),
    "require": lambda: require_figure(requirements()),
}


@pytest.fixture(scope="module", params=BUILDERS)
def figure(request):
    return BUILDERS[request.param]()


def boxes_of_words(figure):
    """Boxes, in pixels, of axis labels, legends, notes and upright tick labels that are in view."""
    figure.canvas.draw()
    words = [t for legend in figure.legends for t in legend.get_texts()]
    for axes in figure.axes:
        frame = axes.get_window_extent().padded(1)
        words += [axes.xaxis.label, axes.yaxis.label, *axes.texts]
        for axis, ticks in ((0, axes.get_xticklabels()), (1, axes.get_yticklabels())):
            centres = [t.get_window_extent().get_points().mean(axis=0)[axis] for t in ticks]
            inside = [frame.min[axis] <= c <= frame.max[axis] for c in centres]
            words += [t for t, seen in zip(ticks, inside, strict=True) if seen and t.get_rotation() == 0]
    return [w.get_window_extent() for w in words if w.get_text() and w.get_visible()]


def test_every_figure_has_labelled_axes(figure):
    assert isinstance(figure, Figure)
    outer = [a for a in figure.axes if a.get_frame_on() and a.get_subplotspec() is not None]
    bottom = [a for a in outer if a.get_subplotspec().is_last_row()]
    left = [a for a in outer if a.get_subplotspec().is_first_col() and a.get_yticklabels()]
    assert bottom and all(a.get_xlabel() for a in bottom)
    assert left and all(a.get_ylabel() for a in left)


def test_words_lie_inside_the_figure_and_do_not_overlap(figure):
    boxes = boxes_of_words(figure)
    assert len(boxes) > 5
    size = figure.bbox.size
    assert all((box.min >= -0.5).all() and (box.max <= size + 0.5).all() for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_saving_twice_gives_identical_pdf_and_png(figure, tmp_path):
    first = save_figure(figure, tmp_path / "a.b")
    second = save_figure(figure, tmp_path / "again")
    assert [p.name for p in first] == ["a.b.pdf", "a.b.png"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert first[0].read_bytes().startswith(b"%PDF") and b"CreationDate" not in first[0].read_bytes()
    assert imread(first[1]).std() > 0.05


@pytest.mark.parametrize("name", ["ladder", "map"])
def test_building_twice_gives_identical_files(name, tmp_path):
    one, other = (save_figure(BUILDERS[name](), tmp_path / stem) for stem in ("one", "other"))
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in other]


@pytest.mark.parametrize("name", ["abundance", "ladder", "map", "goodness"])
def test_figures_fit_one_column(name):
    assert BUILDERS[name]().get_size_inches()[0] == pytest.approx(COLUMN)


def test_an_unwritable_path_is_an_input_error(figure, tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*cannot be written.*choose another --out"):
        save_figure(figure, tmp_path / "nowhere" / "figure")


def test_ladder_draws_every_number():
    rows = ladder()
    lines = {line.get_label(): line for line in ladder_figure(rows).axes[0].lines}
    for level in LEVELS:
        assert list(lines[level].get_xdata()) == [row.sigma8_std[level] for row in rows]


def test_ladder_survives_missing_levels_and_nan():
    rows = [
        replace(ladder()[0], sigma8_std={"prior": np.nan, "selfcal": 0.03}),
        replace(ladder()[1], sigma8_std={}),
    ]
    assert ladder_figure(rows).axes[0].get_xlabel()


def test_ladder_names_each_variant_once():
    texts = [t.get_text() for t in ladder_figure(ladder()).axes[0].texts]
    assert texts == ["as configured", r"$M_{\rm min}$ follows $L_{\rm X}$", "flux-limited cone"]


def test_words_from_outside_cannot_break_mathtext():
    row = replace(ladder()[0], selection=r"$\frac{ at $5 and <b>_^ sigma8 $\nonsense$")
    assert ladder_figure([row]).axes[0].texts


def wide_ladder():
    """Levels that differ by a factor of 30, with nothing between the floor and the rest."""
    levels = dict(zip(LEVELS, (0.06, 0.03, 0.028, 0.025, 0.024, 0.02, 0.0095, 0.002), strict=True))
    return [LadderRow("as configured", "as configured", 1.0, 123.6, levels)]


def test_a_ladder_of_a_factor_of_five_is_wide_and_broken_where_nothing_lies():
    figure = ladder_figure(wide_ladder())
    left, right = figure.axes
    assert figure.get_size_inches()[0] == pytest.approx(1.5 * COLUMN)
    assert left.get_xlim()[0] < 0.002 < left.get_xlim()[1] < right.get_xlim()[0] < 0.0095 < 0.06 < right.get_xlim()[1]
    drawn = {line.get_label(): list(line.get_xdata()) for line in right.lines}
    assert drawn["full+wl"] == [0.0095] and drawn["known"] == [0.002]
    boxes = boxes_of_words(figure)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert len(ladder_figure(ladder()).axes) == 1


def test_a_ladder_on_axes_of_ones_own():
    own = Figure().subplots()
    assert ladder_figure(wide_ladder(), own) is own.get_figure()
    assert own.get_xlim()[0] < 0.002 and own.get_xlim()[1] > 0.06
    assert own.get_legend() is not None


@pytest.mark.parametrize(("low", "high"), [(0.015, 0.07), (0.0018, 0.14), (0.02, 0.021), (1e-5, 10.0), (0.9, 1.1)])
def test_logarithmic_ticks_are_few_plain_and_apart(low, high):
    figure = new_figure(COLUMN, 2.0)
    axes = figure.subplots()
    log_ticks(axes, low, high)
    figure.canvas.draw()
    labels = [t for t in axes.get_xticklabels() if t.get_text()]
    boxes = [t.get_window_extent() for t in labels]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(float(t.get_text()) == pytest.approx(x) for t, x in zip(labels, axes.get_xticks(), strict=True))
    assert 2 <= len(labels) <= 8


def test_map_leaves_cells_without_enough_mocks_blank():
    record = sigma8_map()
    mesh = map_figure(record).axes[0].collections[0]
    assert np.array_equal(np.ma.getmaskarray(mesh.get_array()), np.isnan(record.mean))
    low, high = map_figure(record).axes[0].get_xlim()
    assert low < 0 and high < record.count_edges[-1]


def test_map_without_any_cell_says_so():
    blank = np.full_like(sigma8_map().mean, np.nan)
    figure = map_figure(replace(sigma8_map(), mean=blank, std=blank))
    assert [t.get_text() for t in figure.axes[0].texts] == ["no cell has 10 mocks"]


def test_map_of_a_single_cell():
    mean = np.full_like(sigma8_map().mean, np.nan)
    mean[3, 4] = 0.8
    assert len(map_figure(replace(sigma8_map(), mean=mean, std=mean / 40)).axes) == 4


def test_abundance_without_any_cluster():
    empty = abundance()
    nothing = tuple(Curve(c.label, np.zeros_like(c.values)) for c in empty.selected)
    assert abundance_figure(replace(empty, selected=nothing)).axes[0].get_ylabel()


def test_goodness_prints_a_p_value_in_each_panel():
    figure = goodness_figure(goodness())
    assert [a.texts[0].get_text() for a in figure.axes] == ["$p = 0.43$", "$p < 0.01$"]


def test_corner_puts_sigma8_first_and_names_the_levels():
    figure = BUILDERS["corner"]()
    panels = np.array(figure.axes).reshape(3, 3)
    assert [a.get_xlabel() for a in panels[-1]] == [r"$\sigma_8$", r"$b_{L_{\rm X}}$", r"$b_{Y_{\rm X}}$"]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["counts", "selfcal", "unbinned"]
    low, high = panels[0, 0].get_xlim()
    assert 0.68 < low < 0.75 and 0.87 < high < 0.94


def test_corner_leaves_out_what_it_is_told_to():
    figure = corner_figure(samples(), NAMES, (1.0, 0.81, 1.0), left_out=("norm_lx",))
    panels = np.array(figure.axes).reshape(2, 2)
    assert [a.get_xlabel() for a in panels[-1]] == [r"$\sigma_8$", r"$b_{Y_{\rm X}}$"]
    assert panels[1, 1].lines[-1].get_xdata() == [1.0, 1.0]


def test_corner_of_one_parameter_few_samples_and_a_constant():
    one = corner_figure({"counts": samples(50)["counts"][:, 1:2]}, ["sigma8"], [0.81])
    assert one.axes[0].get_xlabel() and one.axes[0].get_ylabel()
    few = samples(2)["counts"]
    few[:, 2] = 1.0
    assert len(corner_figure({"unbinned": few}, NAMES, None).axes) == 9


def test_corner_draws_no_contours_of_noise():
    flat = np.random.default_rng(2).uniform(0.8, 1.3, size=(2000, 3))
    flat[:, 1] = samples(2000)["selfcal"][:, 1]
    panels = np.array(corner_figure({"selfcal": flat}, NAMES).axes).reshape(3, 3)
    assert [len(panels[i, j].collections) for i, j in ((1, 0), (2, 0), (2, 1))] == [1, 1, 0]


def test_style_of_the_user_is_left_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    BUILDERS["abundance"]()
    assert dict(matplotlib.rcParams) == before


def test_importing_plots_imports_no_matplotlib():
    code = "import sys, forecast.report.plots.style; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_survival_figure_draws_every_selection_and_width(tmp_path):
    rows = [
        SurvivalRow(selection, width, volume, {"prior": 0.06, "selfcal": 0.05, "unbinned": 0.03 / width, "known": 0.01})
        for selection in ("as configured", "flux-limited cone")
        for width in (1.0, 10.0)
        for volume in (1.0, 100.0)
    ]
    figure = survival_figure(rows)
    assert len(figure.axes) == 2
    drawn = [tuple(line.get_ydata()) for line in figure.axes[0].lines]
    assert (0.03, 0.03) in drawn
    assert (0.003, 0.003) in drawn
    assert figure.axes[1].get_xlabel()
    for path in save_figure(figure, tmp_path / "survival"):
        assert path.stat().st_size > 1000


def test_requirements_run_from_what_is_configured_to_what_is_wanted():
    """A line for each key that has a factor, from one on, whichever way its value goes; the best at the target."""
    (axes,) = require_figure(requirements()).axes
    lines = {line.get_label().split(" ")[0]: line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(lines) == ["area", "prior", "selection.k_slope", "wanted:"]
    np.testing.assert_allclose(lines["area"].get_xdata(), [1.0, 1.3, 1.8])
    np.testing.assert_allclose(lines["prior"].get_xdata(), [1.0, 1.25, 2.0])
    np.testing.assert_allclose(lines["prior"].get_ydata(), [0.02, 0.018, 0.015])
    marks = [line for line in axes.lines if line.get_label().startswith("_")]
    assert sorted(float(line.get_xdata()[0]) for line in marks) == pytest.approx([1.8, 2.0])
    assert [float(line.get_ydata()[0]) for line in marks] == [0.015, 0.015]
    assert len({(line.get_color(), line.get_marker()) for line in lines.values()}) == 4
