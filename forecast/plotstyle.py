"""The look of every figure: one style, colours that colour-blind readers can tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN = 3.4
"""Width of one journal column, inches."""
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
CYCLE = (BLUE, VERMILLION, GREEN, ORANGE, "#CC79A7", "#56B4E9", "#000000")  # Okabe & Ito (2008)
LEVEL_STYLE = {
    "prior": ("#888888", "|"),
    "counts": (ORANGE, "o"),
    "selfcal": (BLUE, "s"),
    "binned": ("#CC79A7", "v"),
    "unbinned": (GREEN, "D"),
    "full": ("#56B4E9", "P"),
    "full+wl": (VERMILLION, "X"),
    "known": ("#000000", "^"),
}
"""Colour and marker of each level."""
_RC: dict[Any, Any] = {
    "font.size": 8,
    **dict.fromkeys(("axes.labelsize", "axes.titlesize"), 8),
    **dict.fromkeys(("legend.fontsize", "xtick.labelsize", "ytick.labelsize"), 7.5),
    **dict.fromkeys(("xtick.direction", "ytick.direction"), "in"),
    **dict.fromkeys(("xtick.top", "ytick.right", "xtick.minor.visible", "ytick.minor.visible"), True),
    **{"axes.linewidth": 0.6, "lines.linewidth": 1.1, "axes.formatter.useoffset": False},
    **{"legend.frameon": False, "legend.handlelength": 1.4},
    **{"figure.dpi": 200, "savefig.dpi": 200, "pdf.fonttype": 42},
}


@contextmanager
def style() -> Iterator[None]:
    """The package's style on top of matplotlib's own, whatever the user's matplotlibrc says."""
    import matplotlib.style

    with matplotlib.style.context(["default", _RC]):
        yield


def new_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """Empty figure of a size in inches, outside pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)  # type: ignore[arg-type]
    FigureCanvasAgg(figure)
    return figure


def freeze(figure: Figure) -> Figure:
    """Lay out once, so that saving again gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure
