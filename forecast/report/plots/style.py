"""The look of every figure: one style, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import InputError
from ...likelihoods.level_name import Bound, LevelName

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 3.4
"""Width of one journal column, inches."""
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
CYCLE = (BLUE, VERMILLION, GREEN, ORANGE, "#CC79A7", "#56B4E9", "#000000")  # Okabe & Ito (2008)
LEVEL_STYLE: dict[str, tuple[str, str]] = {
    Bound.PRIOR: ("#888888", "|"),
    LevelName.COUNTS: (ORANGE, "o"),
    LevelName.SELFCAL: (BLUE, "s"),
    LevelName.BINNED: ("#CC79A7", "v"),
    LevelName.UNBINNED: (GREEN, "D"),
    LevelName.FULL: ("#56B4E9", "P"),
    LevelName.FULL_WL: (VERMILLION, "X"),
    Bound.KNOWN: ("#000000", "^"),
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


def canvas(axes: Axes | None, width: float, height: float) -> Axes:
    """The axes that a caller gave, or those of a new figure of a size in inches."""
    return new_figure(width, height).subplots() if axes is None else axes


def legend(drawn: Axes, given: Axes | None, **look: Any) -> None:
    """Above a figure of our own; inside axes that a caller gave."""
    if given is None:
        drawn.figure.legend(loc="outside upper center", **look)
    else:
        drawn.legend(**{key: value for key, value in look.items() if key != "ncols"})


def finished(drawn: Axes, given: Axes | None) -> Figure:
    """The figure of axes: laid out once if it is ours, left to the caller if it is not."""
    figure: Any = drawn.figure
    return freeze(figure) if given is None else figure


LEVELS = tuple(LEVEL_STYLE)
"""Levels in the order of what they add."""

LABELS = {
    "mass": r"$\log_{10} M_{500{\rm c}}\ [h^{-1}\,M_\odot]$",
    "yx": r"$\log_{10} Y_{\rm X}\ [h^{-1}\,M_\odot\,{\rm keV}]$",
    "lx": r"$\log_{10} L_{\rm X}\ [{\rm erg\,s^{-1}}]$",
}
"""Axis labels of quantities that are no parameters."""


def mathtext(words: str) -> str:
    r"""Plain words with symbols set in mathtext; a dollar sign stays a dollar sign.

    >>> print(mathtext("Mmin follows L_X"))
    $M_{\rm min}$ follows $L_{\rm X}$
    """
    words = words.replace("$", r"\$")
    words = re.sub(r"\b([LY])_X\b", r"$\1_{\\rm X}$", words)
    words = re.sub(r"\bM(min|break)\b", r"$M_{\\rm \1}$", words)
    words = re.sub(r"\b10\^(\d+(?:\.\d+)?)", r"$10^{\1}$", words)
    words = words.replace("Msun/h", r"$h^{-1}\,M_\odot$")
    return words.replace("sigma8", r"$\sigma_8$")


@style()
def save_figure(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write `stem`.pdf and `stem`.png (200 dpi) with reproducible bytes, and return their paths.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    pdf, png = (stem.with_name(stem.name + suffix) for suffix in (".pdf", ".png"))
    for path, metadata in ((pdf, {"CreationDate": None}), (png, {"Software": None})):
        try:
            figure.savefig(path, metadata=metadata)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{path}: cannot be written ({reason}); choose another --out") from error
    return pdf, png
