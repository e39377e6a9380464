"""The look of every figure: one style, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from ...core.observables import OBSERVABLES
from ...likelihoods.level_name import Bound, LevelName

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
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


def layer_colours(labels: Sequence[str]) -> list[str]:
    """A colour for each label: the level's own, and for what is no level one that no other has, as far as there are.

    >>> layer_colours(["selfcal", "mine", "yours"])
    ['#0072B2', '#D55E00', '#009E73']
    """
    taken = {LEVEL_STYLE[label][0] for label in labels if label in LEVEL_STYLE}
    spare = (colour for colour in CYCLE if colour not in taken)
    return [LEVEL_STYLE[label][0] if label in LEVEL_STYLE else next(spare, "#000000") for label in labels]


_TICK_DIGITS = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5), (1, 1.5, 2, 3, 5, 7))
_LETTER, _EVEN = 0.06, 1.7
"""Width of a letter of a tick's label, inches; range, as a factor, below which ticks may be in even steps."""
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


def log_ticks(axes: Axes, low: float, high: float) -> None:
    """Logarithmic x axis from `low` to `high` with plain numbers, as many as fit beside each other."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.set_xlim(low, high)
    width, _ = axes.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    room = width * axes.get_position().width / float(np.log(high / low))
    fitting = [ticks for ticks in _tick_sets(low, high) if _apart(ticks, room)]
    axes.xaxis.set_major_locator(FixedLocator(max(fitting, key=len, default=[])))
    axes.xaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def plain_log(axis: Axis, values: Array) -> None:
    """Plain numbers on a logarithmic axis whose values are neither tiny nor huge."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    low, high = float(np.min(values)), float(np.max(values))
    if low < 1e-4 or high > 3e4:
        return
    subs = (1, 2, 5) if high > 20 * low else (1, 2, 3, 5)
    axis.set_major_locator(MaxNLocator(5) if high < 3 * low else LogLocator(subs=subs))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _tick_sets(low: float, high: float) -> Iterator[list[float]]:
    """Ticks inside of a range, the plainest first: round digits of some decades, or of all, then even steps."""
    from matplotlib.ticker import MaxNLocator

    decades = 10.0 ** np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 1)
    sets = [decades[::step] for step in (4, 3, 2)]
    sets += [np.sort(np.outer(decades, digits).ravel()) for digits in _TICK_DIGITS]
    if high < _EVEN * low:
        sets += [np.asarray(MaxNLocator(parts, steps=[1, 2, 5, 10]).tick_values(low, high)) for parts in (1, 2, 3)]
    for ticks in sets:
        yield [float(tick) for tick in ticks if low <= tick <= high]


def _apart(ticks: list[float], room: float) -> bool:
    """Whether labels of ticks do not touch; `room`: inches for a factor of e."""
    letters = max((len(f"{tick:g}") for tick in ticks), default=1)
    return bool(np.min(np.diff(np.log(ticks)), initial=np.inf) * room > _LETTER * (letters + 1.5))


LEVELS = tuple(LEVEL_STYLE)
"""Levels in the order of what they add."""

LABELS = {
    "mass": r"$\log_{10} M_{500{\rm c}}\ [h^{-1}\,M_\odot]$",
    "lx": r"$\log_{10} L_{\rm X}\ [{\rm erg\,s^{-1}}]$",
}
"""Axis labels of quantities that are no parameters."""
_UNITS = {"Msun/h": r"h^{-1}\,M_\odot", "keV": r"{\rm keV}", "erg/s": r"{\rm erg\,s^{-1}}"}


def proxy_label(unit: str = OBSERVABLES["yx"].unit) -> str:
    r"""Axis label of the mass proxy in its unit, which says whether it is Y_X.

    >>> print(proxy_label("keV Msun/h"))
    $\log_{10} Y_{\rm X}\ [{\rm keV}\,h^{-1}\,M_\odot]$
    >>> print(proxy_label("(keV)^-0.5 Msun/h"), proxy_label(""))
    $\log_{10}$ of the mass proxy $[{\rm keV}^{-0.5}\,h^{-1}\,M_\odot]$ $\log_{10}$ of the mass proxy
    """
    is_yx = sorted(unit.split()) == sorted(OBSERVABLES["yx"].unit.split())
    shown = r"\,".join(_unit_text(part) for part in unit.split())
    if is_yx:
        return rf"$\log_{{10}} Y_{{\rm X}}\ [{shown}]$"
    return r"$\log_{10}$ of the mass proxy" + (f" $[{shown}]$" if shown else "")


def _unit_text(part: str) -> str:
    """A unit, or a power of one, in mathtext."""
    base, _, power = part.partition("^")
    text = _UNITS.get(base.strip("()"), rf"{{\rm {base.strip('()')}}}")
    return f"{text}^{{{power}}}" if power else text


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
    words = re.sub(r"\bOm0\b", r"$\\Omega_{\\rm m}$", words)
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
