"""Figure of a network applied to real clusters: its posterior beside the exact ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from forecast.likelihoods.level_name import LevelName
from forecast.report.plots.style import COLUMN, LEVEL_STYLE, freeze, new_figure, style

from .real_clusters import Application

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS: dict[str, str] = {
    LevelName.COUNTS: "N",
    LevelName.SELFCAL: "N, median $Y_X$",
    LevelName.UNBINNED: "every $Y_X$",
    LevelName.FULL: "all of each cluster",
}
_DASHES: dict[str, str] = {
    LevelName.COUNTS: ":",
    LevelName.SELFCAL: "-.",
    LevelName.UNBINNED: "--",
    LevelName.FULL: "-",
}


@style()
def posterior_figure(found: Application, published: Sequence[tuple[str, float, float]] = ()) -> Figure:
    """Densities of sigma8: the network's filled, the exact ones as lines; published values as points with errors.

    Parameters
    ----------
    found : Application
        Not refused.
    published : sequence of tuple
        Label, value and error.
    """
    figure = new_figure(COLUMN, 0.85 * COLUMN)
    axes = figure.subplots()
    network, exact = found.answers[0], found.answers[1:]
    axes.fill_between(network.sigma8, network.density, color="#CC79A7", alpha=0.35, lw=0)
    name = "network" if found.trusted else "network, not to be trusted"
    axes.plot(network.sigma8, network.density, color="#CC79A7", label=_label(name, network.mean, network.std))
    for answer in exact:
        colour, dash = LEVEL_STYLE[answer.method][0], _DASHES.get(answer.method, "-")
        label = _label(LABELS.get(answer.method, answer.method), answer.mean, answer.std)
        axes.plot(answer.sigma8, answer.density, color=colour, ls=dash, label=label)
    low = min(a.mean - 4.5 * a.std for a in found.answers)
    high = max(a.mean + 4.5 * a.std for a in found.answers)
    top = max(float(np.max(a.density)) for a in found.answers)
    for i, (label, value, error) in enumerate(published):
        axes.errorbar(value, (1.08 + 0.07 * i) * top, xerr=error, fmt="o", ms=3, color="black", lw=0.9, label=label)
    axes.set(xlim=(low, high), ylim=(0, (1.75 + 0.1 * len(published)) * top))
    axes.set_xlabel(r"$\sigma_8$")
    axes.set_ylabel("posterior density")
    axes.set_title(f"{found.clusters} clusters of {found.source}", loc="left")
    axes.legend(loc="upper left", fontsize=6.5, labelspacing=0.25)
    return freeze(figure)


def _label(name: str, mean: float, std: float) -> str:
    return f"{name}: {mean:.3f} ± {std:.3f}"
