"""Figures and files of sweeps and comparisons: records in, curves, heat maps, JSON and CSV out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from ...forecasts.sweep_records import Comparison, Sweep
from ...likelihoods.level_name import Bound, LevelName
from .style import COLUMN, CYCLE, LEVEL_STYLE, canvas, finished, freeze, legend, mathtext, new_figure, plain_log, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SIGMA = r"$\sigma(\sigma_8)$"
PANELS = (LevelName.COUNTS, LevelName.SELFCAL, LevelName.UNBINNED, LevelName.FULL, LevelName.FULL_WL, Bound.KNOWN)
"""Levels of a heat map."""
_MOST_ANNOTATED, _MOST_MARKED = 8, 25
_WORDS = {"prior_width": "factor on the width of normalisation priors", "volume": "factor on the survey volume"}


def key_label(key: str, unit: str = "") -> str:
    """Axis label of a varied key.

    >>> key_label("survey.area", "deg2")
    'survey.area [deg2]'
    """
    label = _WORDS.get(key, key)
    words = mathtext(f"{label} [{unit}]" if unit else label)
    return words.replace("[log10 ", r"[$\log_{10}$ ")


@style()
def sweep_figure(sweep: Sweep, axes: Axes | None = None) -> Figure:
    """sigma(sigma8) by level: curves over one key or dots for its choices; heat maps over two, or curves by choice.

    Parameters
    ----------
    sweep : Sweep
    axes : Axes, optional
        To draw on, if one key varies; by default those of a new figure.

    Raises
    ------
    InputError
        If axes are given for a figure of several panels.
    """
    if len(sweep.keys) == 1:
        return _choices(sweep, axes) if sweep.named[0] else _curves(sweep, axes)
    if axes is not None:
        raise InputError("a sweep over two keys has several panels and makes its own figure; leave out axes")
    return freeze(_heat_maps(sweep) if sweep.named[0] == sweep.named[1] else _curves_by_choice(sweep))


def _curves(sweep: Sweep, given: Axes | None) -> Figure:
    axes = canvas(given, COLUMN, 2.9)
    (x,) = sweep.values
    for level, std in sweep.levels.items():
        colour, marker = LEVEL_STYLE[level]
        if level == Bound.PRIOR:
            axes.plot(x, std, color=colour, lw=0.6, marker="_" if len(x) == 1 else "", label=level)
            continue
        shape = marker if len(x) <= _MOST_MARKED else ""
        dashes, order = (
            ("--", 2.5) if level == LevelName.BINNED else ("-", 2)
        )  # on top of unbinned, which it approaches
        axes.plot(x, std, dashes, color=colour, marker=shape, ms=3.2, mec="white", mew=0.3, zorder=order, label=level)
    axes.set_xlabel(key_label(sweep.keys[0], sweep.units[0]))
    axes.set_ylabel(SIGMA)
    if sweep.log[0]:
        axes.set_xscale("log")
        plain_log(axes.xaxis, x)
    axes.set_yscale("log")
    plain_log(axes.yaxis, np.array(list(sweep.levels.values())))
    legend(axes, given, ncols=3, columnspacing=1.2)
    return finished(axes, given)


def _choices(sweep: Sweep, given: Axes | None) -> Figure:
    """One line of markers for each choice."""
    counts = zip(sweep.values[0], sweep.expected_count, strict=True)
    labels = [f"{_short(str(name))}\n{count:,.0f} clusters" for name, count in counts]
    return _markers(labels, sweep.levels, mathtext(sweep.keys[0]), given)


def _curves_by_choice(sweep: Sweep) -> Figure:
    """A panel for each level, a colour for each choice."""
    shown = [level for level in PANELS if level in sweep.levels]
    x_key = sweep.named.index(False)
    x, choices = sweep.values[x_key], sweep.values[1 - x_key]
    rows = math.ceil(len(shown) / 2)
    figure = new_figure(2.1 * COLUMN, 0.7 + 2.0 * rows)
    panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, level in zip(panels.flat, shown, strict=False):
        lines = np.moveaxis(sweep.levels[level], x_key, -1)
        for i, (choice, std) in enumerate(zip(choices, lines, strict=True)):
            look = ("-", "--", ":")[i // len(CYCLE) % 3]
            marker = "o" if len(x) <= _MOST_MARKED else ""
            axes.plot(x, std, look, color=CYCLE[i % len(CYCLE)], marker=marker, ms=2.5, label=_short(str(choice)))
        axes.set_title(level)
        axes.set_yscale("log")
    if sweep.log[x_key]:
        axes.set_xscale("log")
        plain_log(axes.xaxis, x)
    plain_log(axes.yaxis, np.array([sweep.levels[level] for level in shown]))
    for axes in _lowest(panels, len(shown)):
        axes.set_xlabel(key_label(sweep.keys[x_key], sweep.units[x_key]))
    for axes in panels[:, 0]:
        axes.set_ylabel(SIGMA)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title=mathtext(sweep.keys[1 - x_key]), loc="outside upper center", ncols=4)
    return figure


def _heat_maps(sweep: Sweep) -> Figure:
    """Panels that share one logarithmic colour scale; the first key runs along x."""
    from matplotlib.colors import LogNorm

    shown = [level for level in PANELS if level in sweep.levels]
    rows = math.ceil(len(shown) / 2)
    figure = new_figure(2.1 * COLUMN, 0.4 + 2.6 * rows)
    panels = figure.subplots(rows, 2, sharex=True, sharey=True)
    for axes in panels.flat[len(shown) :]:
        axes.set_axis_off()
    everything = np.array([sweep.levels[level] for level in shown])
    low, high = float(everything.min()), float(everything.max())
    norm = LogNorm(low / 1.001, high * 1.001)
    edges = [_edges(values, log) for values, log in zip(_places(sweep), sweep.log, strict=True)]
    for axes, level in zip(panels.flat, shown, strict=False):
        image = axes.pcolormesh(*edges, sweep.levels[level].T, norm=norm, cmap="viridis")
        axes.set_title(level)
        axes.minorticks_off()
        if max(len(values) for values in sweep.values) <= _MOST_ANNOTATED:
            _annotate(axes, sweep, sweep.levels[level], norm)
    _heat_axes(panels, sweep)
    bar = figure.colorbar(image, ax=panels, label=SIGMA, pad=0.02, aspect=35)
    plain_log(bar.ax.yaxis, everything)
    bar.ax.minorticks_off()
    return figure


def _lowest(panels: Any, number: int) -> list[Axes]:
    """The last panel of each of two columns, of which `number` panels are drawn, with labels at its ticks."""
    found = list(panels.flat[max(number - 2, 0) : number])
    for axes in found:
        axes.tick_params(labelbottom=True)
    return found


def _places(sweep: Sweep) -> list[Array]:
    """Where the values lie along each axis: choices at 0, 1, 2, ..."""
    return [
        np.arange(len(values), dtype=float) if named else values
        for values, named in zip(sweep.values, sweep.named, strict=True)
    ]


def _heat_axes(panels: Any, sweep: Sweep) -> None:
    for axes in panels.flat:
        for axis, scale, i, room in ((axes.xaxis, axes.set_xscale, 0, 36), (axes.yaxis, axes.set_yscale, 1, 999)):
            if sweep.log[i]:
                scale("log")
                plain_log(axis, sweep.values[i])
            if sweep.named[i]:
                names = [_short(str(name), 16) for name in sweep.values[i]]
                axis.set_ticks(range(len(names)), names, rotation=30 if i == 0 and len(names) > 2 else 0)
            elif len(sweep.values[i]) <= _MOST_ANNOTATED:
                _ticks_at(axis, sweep.values[i], room)
        axes.tick_params(which="both", direction="out", top=False, right=False)
    for axes in _lowest(panels, sum(level in sweep.levels for level in PANELS)):
        axes.set_xlabel(key_label(sweep.keys[0], sweep.units[0]))
    for axes in panels[:, 0]:
        axes.set_ylabel(key_label(sweep.keys[1], sweep.units[1]))


def _ticks_at(axis: Axis, values: Array, room: int) -> None:
    """Ticks at the values themselves, or at every second or third, so that labels fit `room` characters."""
    from matplotlib.ticker import NullLocator

    labels = [f"{float(f'{value:.4g}'):g}" for value in values]
    step = math.ceil(sum(len(label) + 1 for label in labels) / room)
    axis.set_ticks(values[::step], labels[::step])
    axis.set_minor_locator(NullLocator())


def _annotate(axes: Axes, sweep: Sweep, std: Array, norm: Any) -> None:
    """Two digits in each cell, dark on light and light on dark."""
    places = _places(sweep)
    for (i, j), value in np.ndenumerate(std):
        colour = "black" if norm(value) > 0.55 else "white"
        x, y = float(places[0][i]), float(places[1][j])
        axes.text(x, y, f"{value:#.2g}", color=colour, ha="center", va="center", fontsize=6.5)


def _edges(values: Array, log: bool) -> Array:
    """Edges of the cells around `values`, halfway between neighbours (in log if `log`)."""
    x = np.log(values) if log else values
    alone = 1.0 if log else abs(float(x[0])) or 1.0
    half = 0.5 * float(x[1] - x[0] if len(x) > 1 else alone)
    edges = np.append(x - half, x[-1] + half)
    return np.exp(edges) if log else edges


@style()
def comparison_figure(comparison: Comparison, axes: Axes | None = None) -> Figure:
    """sigma(sigma8) by level: one line of markers per configuration, with its expected count; on `axes` if given."""
    labels = [f"{_short(row.label)}\n{row.expected_count:,.0f} clusters" for row in comparison.rows]
    return _markers(labels, _by_level(comparison), "", axes)


def _by_level(comparison: Comparison) -> dict[str, Array]:
    """sigma(sigma8) of every survey by level; NaN where a survey lacks a level."""
    rows = comparison.rows
    return {level: np.array([row.sigma8_std.get(level, math.nan) for row in rows]) for level in comparison.levels}


def _markers(labels: Sequence[str], levels: dict[str, Array], title: str, given: Axes | None) -> Figure:
    """One line of markers for each label; values by level, NaN where there is none."""
    axes = canvas(given, COLUMN, 1.1 + 0.36 * len(labels))
    everything = np.array(list(levels.values()))
    for place, column in enumerate(everything.T):
        axes.plot([np.nanmin(column), np.nanmax(column)], [place, place], color="#CCCCCC", lw=0.7, zorder=1)
    for level, values in levels.items():
        colour, marker = LEVEL_STYLE[level]
        size, edge, width = (7.0, colour, 1.0) if marker == "|" else (4.8, "white", 0.4)
        axes.plot(values, range(len(labels)), marker, ms=size, color=colour, mec=edge, mew=width, label=level)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xscale("log")
    plain_log(axes.xaxis, everything[np.isfinite(everything)])
    axes.set_xlabel(SIGMA)
    axes.set_title(title)
    legend(axes, given, ncols=3, columnspacing=1.2, handletextpad=0.2)
    return finished(axes, given)


def _short(name: str, longest: int = 20) -> str:
    """A name without mathtext, cut if it is too long for a tick label."""
    return (name if len(name) <= longest else name[: longest - 1] + "…").replace("$", r"\$")
