"""Figures and files of sweeps and comparisons: records in, curves, heat maps, JSON and CSV out."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError
from .output import prepare_output
from .plots import mathtext, save_figure
from .plotstyle import COLUMN, LEVEL_STYLE, freeze, new_figure, style
from .results import to_plain
from .sweep import Comparison, Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Array = np.ndarray
SIGMA = r"$\sigma(\sigma_8)$"
PANELS = ("counts", "selfcal", "unbinned", "full", "full+wl", "known")
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
def sweep_figure(sweep: Sweep) -> Figure:
    """sigma(sigma8) by level: curves over one key, or one heat map a level over two."""
    return freeze(_curves(sweep) if len(sweep.keys) == 1 else _heat_maps(sweep))


def _curves(sweep: Sweep) -> Figure:
    figure = new_figure(COLUMN, 2.9)
    axes = figure.subplots()
    (x,) = sweep.values
    for level, std in sweep.levels.items():
        colour, marker = LEVEL_STYLE[level]
        if level == "prior":
            axes.plot(x, std, color=colour, lw=0.6, marker="_" if len(x) == 1 else "", label=level)
            continue
        shape = marker if len(x) <= _MOST_MARKED else ""
        dashes, order = ("--", 2.5) if level == "binned" else ("-", 2)  # on top of unbinned, which it approaches
        axes.plot(x, std, dashes, color=colour, marker=shape, ms=3.2, mec="white", mew=0.3, zorder=order, label=level)
    axes.set_xlabel(key_label(sweep.keys[0], sweep.units[0]))
    axes.set_ylabel(SIGMA)
    if sweep.log[0]:
        axes.set_xscale("log")
        _plain_log(axes.xaxis, x)
    axes.set_yscale("log")
    _plain_log(axes.yaxis, np.array(list(sweep.levels.values())))
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.2)
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
    edges = [_edges(values, log) for values, log in zip(sweep.values, sweep.log, strict=True)]
    for axes, level in zip(panels.flat, shown, strict=False):
        image = axes.pcolormesh(*edges, sweep.levels[level].T, norm=norm, cmap="viridis")
        axes.set_title(level)
        axes.minorticks_off()
        if max(len(values) for values in sweep.values) <= _MOST_ANNOTATED:
            _annotate(axes, sweep, sweep.levels[level], norm)
    _heat_axes(panels, sweep)
    bar = figure.colorbar(image, ax=panels, label=SIGMA, pad=0.02, aspect=35)
    _plain_log(bar.ax.yaxis, everything)
    bar.ax.minorticks_off()
    return figure


def _heat_axes(panels: Any, sweep: Sweep) -> None:
    for axes in panels.flat:
        for axis, scale, i, room in ((axes.xaxis, axes.set_xscale, 0, 36), (axes.yaxis, axes.set_yscale, 1, 999)):
            if sweep.log[i]:
                scale("log")
                _plain_log(axis, sweep.values[i])
            if len(sweep.values[i]) <= _MOST_ANNOTATED:
                _ticks_at(axis, sweep.values[i], room)
        axes.tick_params(which="both", direction="out", top=False, right=False)
    for axes in panels[-1]:
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
    for (i, j), value in np.ndenumerate(std):
        colour = "black" if norm(value) > 0.55 else "white"
        x, y = float(sweep.values[0][i]), float(sweep.values[1][j])
        axes.text(x, y, f"{value:#.2g}", color=colour, ha="center", va="center", fontsize=6.5)


def _edges(values: Array, log: bool) -> Array:
    """Edges of the cells around `values`, halfway between neighbours (in log if `log`)."""
    x = np.log(values) if log else values
    alone = 1.0 if log else abs(float(x[0])) or 1.0
    half = 0.5 * float(x[1] - x[0] if len(x) > 1 else alone)
    edges = np.append(x - half, x[-1] + half)
    return np.exp(edges) if log else edges


def _plain_log(axis: Axis, values: Array) -> None:
    """Plain numbers on a logarithmic axis whose values are neither tiny nor huge."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    low, high = float(np.min(values)), float(np.max(values))
    if low < 1e-4 or high > 3e4:
        return
    subs = (1, 2, 5) if high > 20 * low else (1, 2, 3, 5)
    axis.set_major_locator(MaxNLocator(5) if high < 3 * low else LogLocator(subs=subs))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


@style()
def comparison_figure(comparison: Comparison) -> Figure:
    """sigma(sigma8) by level: one line of markers per configuration, with its expected count."""
    rows = comparison.rows
    figure = new_figure(COLUMN, 1.1 + 0.36 * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        ends = min(row.sigma8_std.values()), max(row.sigma8_std.values())
        axes.plot(ends, [place, place], color="#CCCCCC", lw=0.7, zorder=1)
    for level in rows[0].sigma8_std:
        colour, marker = LEVEL_STYLE[level]
        size, edge, width = (7.0, colour, 1.0) if marker == "|" else (4.8, "white", 0.4)
        values = [row.sigma8_std[level] for row in rows]
        axes.plot(values, range(len(rows)), marker, ms=size, color=colour, mec=edge, mew=width, label=level)
    labels = [f"{_short(row.label)}\n{row.expected_count:,.0f} clusters" for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xscale("log")
    _plain_log(axes.xaxis, np.array([list(row.sigma8_std.values()) for row in rows]))
    axes.set_xlabel(SIGMA)
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.2, handletextpad=0.2)
    return freeze(figure)


def _short(name: str, longest: int = 20) -> str:
    """A name without mathtext, cut if it is too long for a tick label."""
    return (name if len(name) <= longest else name[: longest - 1] + "…").replace("$", r"\$")


def sweep_table(sweep: Sweep) -> tuple[list[str], list[list[float]]]:
    """Header and rows: value of each key, expected count, sigma(sigma8) of each level."""
    keys = [f"{key} [{unit}]" if unit else key for key, unit in zip(sweep.keys, sweep.units, strict=True)]
    grid = np.meshgrid(*sweep.values, indexing="ij")
    columns = [*grid, sweep.expected_count, *sweep.levels.values()]
    header = [*keys, "expected_count", *(f"sigma8_std_{level}" for level in sweep.levels)]
    return header, np.stack([column.ravel() for column in columns], axis=1).tolist()


def comparison_table(comparison: Comparison) -> tuple[list[str], list[list[Any]]]:
    """Header and rows: configuration, title, expected count, sigma(sigma8) of each level."""
    levels = list(comparison.rows[0].sigma8_std)
    header = ["configuration", "title", "expected_count", *(f"sigma8_std_{level}" for level in levels)]
    named = zip(comparison.names, comparison.titles, comparison.rows, strict=True)
    return header, [[name, title, r.expected_count, *(r.sigma8_std[x] for x in levels)] for name, title, r in named]


def write_sweep(sweep: Sweep, out: Path) -> None:
    """Write sweep.json, sweep.csv and figures/sweep.pdf and .png under `out`."""
    _write(out, "sweep", sweep, sweep_table(sweep))
    save_figure(sweep_figure(sweep), out / "figures" / "sweep")


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write comparison.json, comparison.csv and figures/comparison.pdf and .png under `out`."""
    _write(out, "comparison", comparison, comparison_table(comparison))
    save_figure(comparison_figure(comparison), out / "figures" / "comparison")


def _write(out: Path, stem: str, record: Sweep | Comparison, table: tuple[Sequence[str], Sequence[list[Any]]]) -> None:
    """JSON and CSV of a record, each whole or not at all, with the digits that floats need."""
    prepare_output(out / "figures")
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([table[0], *table[1]])
    text = json.dumps(to_plain(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    for suffix, content in ((".json", text), (".csv", lines.getvalue())):
        path, draft = out / (stem + suffix), out / (stem + ".partial")
        try:
            draft.write_text(content, encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); choose another --out") from error
