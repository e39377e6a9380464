"""Mass proxies side by side: figure and files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...core.units import LN10
from ...forecasts.proxy_comparison import COMMON_PRIOR, LOOSE_PRIOR
from ...forecasts.proxy_records import ProxyComparison, ProxyRow
from ...forecasts.variant_name import VariantName
from ...likelihoods.level_name import LevelName
from .style import COLUMN, LEVEL_STYLE, freeze, mathtext, new_figure, style


@style()
def proxy_figure(comparison: ProxyComparison) -> Figure:
    """sigma(sigma8) by proxy: filled for the common normalisation prior, open for the loose one."""
    tables = [table for table in (comparison.rows, comparison.follows_lx) if table]
    figure = new_figure(COLUMN, 0.9 + (0.35 + 0.31 * len(tables[0])) * len(tables))
    panels = figure.subplots(len(tables), sharex=True, squeeze=False)[:, 0]
    for axes, rows in zip(panels, tables, strict=True):
        _draw_rows(axes, rows)
    if len(tables) > 1:
        panels[0].set_title(VariantName.CONFIGURED)
        panels[1].set_title(mathtext(VariantName.FOLLOWS_LX))
    panels[-1].set_xlabel(r"$\sigma(\sigma_8)$")
    handles, labels = panels[0].get_legend_handles_labels()
    title = "level, and how well the proxy's normalisation is known"
    figure.legend(handles, labels, title=title, loc="outside upper center", ncols=3, columnspacing=1.2)
    return freeze(figure)


def _draw_rows(axes: Axes, rows: Sequence[ProxyRow]) -> None:
    """One line of markers a proxy; the dashed line is what counts alone give."""
    axes.axvline(
        rows[0].common[LevelName.COUNTS],
        color=LEVEL_STYLE[LevelName.COUNTS][0],
        ls="--",
        lw=0.9,
        label=LevelName.COUNTS,
    )
    axes.plot([], [], " ", label=" ")  # one blank, so that each level fills a column of the legend
    for level, shift in ((LevelName.SELFCAL, -0.14), (LevelName.UNBINNED, 0.14)):
        colour, marker = LEVEL_STYLE[level]
        places = np.arange(len(rows)) + shift
        near, far = ([getattr(row, kind)[level] for row in rows] for kind in ("common", "loose"))
        axes.hlines(places, near, far, color=colour, lw=0.8)
        for values, fill, prior in ((near, colour, COMMON_PRIOR), (far, "white", LOOSE_PRIOR)):
            label = f"{level}, {prior:.0%}"
            axes.plot(values, places, marker, ms=4.0, color=colour, mfc=fill, mew=0.8, label=label)
    labels = [f"{row.name.replace('_', ' ')}\n{100 * LN10 * row.scatter:.0f}% in mass" for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
