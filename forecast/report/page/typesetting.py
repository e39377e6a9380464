"""Words, symbols and numbers as HTML: whatever comes from outside is escaped here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from ...core.digits import error_text, measured_text, value_text
from ...core.names import bare, owner
from ...core.observables import OBSERVABLES

SYMBOLS = {name: one.symbol for name, one in OBSERVABLES.items()}
"""Observables as people write them."""
_WHOLE = ((r"(?<=\d) ± ", "&nbsp;± "), (r"± (?=\d)", "±&nbsp;"), (r" (=|&lt;) (?=[−\d])", r"&nbsp;\1&nbsp;"))
"""What no line break parts: a symbol, its value, the sign of its error, and the error."""
_SYMBOLS = {"norm": "b", "slope": "s", "scatter": "r", "evolution": "Δγ", "curvature": "Δc"}
_SYMBOLS |= {"lowslope": "s<sup>&lt;</sup>", "break": "Δm", "drift": "ṡ"}
_TYPESET = (
    (r"\b([LMY])_(X|gas|WL)\b", r"<i>\1</i><sub>\2</sub>"),
    (r"\bM(min|break)\b", r"<i>M</i><sub>\1</sub>"),
    (r"\bsigma8\b", "σ<sub>8</sub>"),
    (r"(?<![.\w])S8\b", "<i>S</i><sub>8</sub>"),
    (r"(?<![.\w])Om0?\b", "Ω<sub>m</sub>"),
    (r"\bsigma\(", "σ("),
    (r"\bw(0|a)\b", r"<i>w</i><sub>\1</sub>"),
    (r"\bn_s\b", "<i>n</i><sub>s</sub>"),
    (r"\bLambdaCDM\b", "ΛCDM"),
    (r"(?<=\d)e\+?(-?)0*(?=\d)(\d+)\b", r" × 10^\1\2"),
    (r"\^(\d+(?:\.\d+)?)", r"<sup>\1</sup>"),
    (r"\^-(\d+(?:\.\d+)?)", r"<sup>−\1</sup>"),
    (r"\b(cm|deg)2\b", r"\1<sup>2</sup>"),
    (r" x (?=\d)", " × "),
    (r"\bMsun/h\b", "<i>h</i><sup>−1</sup> M<sub>⊙</sub>"),
)


def typeset(words: str) -> Markup:
    """Plain words, escaped, with this package's symbols as HTML; what is HTML already stays as it is.

    >>> typeset("sigma8 & Y_X")
    Markup('σ<sub>8</sub> &amp; <i>Y</i><sub>X</sub>')
    >>> typeset("0.8 ± 0.1")
    Markup('0.8&nbsp;±&nbsp;0.1')
    """
    text = str(escape(words))
    for pattern, replacement in _WHOLE if isinstance(words, Markup) else (*_TYPESET, *_WHOLE):
        text = re.sub(pattern, replacement, text)
    return Markup(text)


def plain(words: str) -> Markup:
    """Words that are shown as they are, without symbols."""
    return escape(words)


def error(value: float) -> str:
    """An error with two digits.

    >>> error(0.02), error(0.0123)
    ('± 0.020', '± 0.012')
    """
    return f"± {spread(value)}"


def spread(value: float | None) -> str:
    """An error with two digits, without a sign; a dash for what is missing or not finite.

    >>> spread(0.02), spread(None)
    ('0.020', '–')
    """
    return "–" if value is None or not math.isfinite(value) else error_text(value)


def beside(value: float | None, error: float | None, sign: bool = False) -> str:
    """A value to the decimal place of an error that stands beside it.

    >>> beside(0.81234, 0.0287), beside(-0.0123, 0.0287, sign=True), beside(None, 0.1)
    ('0.812', '−0.012', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return value_text(value, error, sign=sign).replace("-", "−")


_SHAPES = {
    "Om0": "Ω<sub>m</sub>",
    "h": "<i>h</i>",
    "ns": "<i>n</i><sub>s</sub>",
    "w0": "<i>w</i><sub>0</sub>",
    "wa": "<i>w</i><sub>a</sub>",
    "S8": "<i>S</i><sub>8</sub> = <i>σ</i><sub>8</sub> (Ω<sub>m</sub>/0.3)<sup>0.5</sup>",
}
_NUISANCES = {
    "mass_scale": "<i>b<sub>M</sub></i>",
    "norm_contamination": "<i>b</i><sub>cont</sub>",
    "hmf_amplitude": "<i>q</i><sub>0</sub>",
    "hmf_slope": "<i>q</i><sub>1</sub>",
}


def symbol(name: str) -> Markup:
    """A parameter's symbol as HTML; unknown names as they are.

    >>> symbol("norm_yx")
    Markup('<i>b</i><sub>Y<sub>X</sub></sub>')
    >>> symbol("mass_scale.bcs")
    Markup('<i>b<sub>M</sub></i> (bcs)')
    """
    if owner(name):
        return Markup("{} ({})").format(symbol(bare(name)), owner(name))
    kind, _, observable = name.partition("_")
    if name == "sigma8":
        return typeset(name)
    if name in _SHAPES:
        return Markup(_SHAPES[name])
    if name.startswith("density_contrast"):
        place = name.removeprefix("density_contrast").strip("_") or "V"
        return Markup(f"<i>δ<sub>{place}</sub></i>/<i>σ<sub>{place}</sub></i>")  # a number or V
    if name in _NUISANCES:
        return Markup(_NUISANCES[name])
    if kind == "detection":
        return Markup("<i>d</i><sub>{}</sub>").format(observable)
    if kind not in _SYMBOLS or observable not in SYMBOLS:
        return escape(name)
    base, _, index = SYMBOLS[observable].partition("_")
    index = f"<sub>{index}</sub>" if index else ""
    return Markup(f"<i>{_SYMBOLS[kind]}</i><sub>{base}{index}</sub>")  # constants of this module only


def number(value: float | None, digits: int = 4, sign: bool = False) -> str:
    """A number with a true minus sign; a dash for what is missing or not finite.

    >>> number(-0.01234), number(0.5, 2, sign=True), number(float("nan"))
    ('−0.0123', '+0.50', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def in_words(items: Iterable[str]) -> str:
    """Join words.

    >>> in_words(["counts", "selfcal", "unbinned"])
    'counts, selfcal and unbinned'
    """
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def rounded(value: float, error: float, sign: bool = False) -> str:
    """A value and its error with two digits of the error; without a finite error, the value alone.

    >>> rounded(0.81234, 0.02871), rounded(0.302, 0.000951), rounded(0.8, float("nan"))
    ('0.812 ± 0.029', '0.30200 ± 0.00095', '0.8')
    """
    if not math.isfinite(value):
        return "–"
    return measured_text(value, error, sign=sign).replace("-", "−")
