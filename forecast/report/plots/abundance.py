"""Expected clusters by mass (NV22 figures 1 and 17)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...forecasts.abundance import Abundance
from .style import COLUMN, CYCLE, LABELS, canvas, finished, style


@style()
def abundance_figure(abundance: Abundance, axes: Axes | None = None) -> Figure:
    """Expected clusters per dex of true mass; dotted without selection, solid with it (NV22 figure 1).

    Parameters
    ----------
    abundance : Abundance
        Curve labels may contain mathtext.
    axes : Axes, optional
        To draw on; by default those of a new figure.
    """
    given, axes = axes, canvas(axes, COLUMN, 2.7)
    colours = {c.label: CYCLE[i % len(CYCLE)] for i, c in enumerate(abundance.selected)}
    for curve in abundance.unselected:
        axes.plot(abundance.log_mass, curve.values, ":", color=colours.get(curve.label, "#888888"))
    for curve in abundance.selected:
        axes.plot(abundance.log_mass, curve.values, color=colours[curve.label], label=curve.label)
    axes.plot([], [], ":", color="#555555", label="no selection")
    axes.set_yscale("log")
    _abundance_limits(axes, abundance)
    axes.set_xlabel(LABELS["mass"])
    axes.set_ylabel("expected clusters per dex")
    axes.legend(loc="upper right")
    return finished(axes, given)


def _abundance_limits(axes: Axes, abundance: Abundance, floor: float = 0.1) -> None:
    """Show masses at which at least `floor` clusters per dex are expected, and what lies above `floor`."""
    values = np.array([c.values for c in abundance.selected])
    seen = (values >= floor).any(axis=0)
    if not seen.any():
        return
    x = abundance.log_mass[seen]
    axes.set_xlim(max(x[0] - 0.2, abundance.log_mass[0]), min(x[-1] + 0.1, abundance.log_mass[-1]))
    inside = (abundance.log_mass >= axes.get_xlim()[0]) & (abundance.log_mass <= axes.get_xlim()[1])
    everything = [c.values[inside] for c in (*abundance.selected, *abundance.unselected)]
    axes.set_ylim(floor, 2 * float(np.nanmax(everything)))
