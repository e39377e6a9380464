"""The report: one self-contained HTML page, figures inside, no script, nothing loaded from a network."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ..core.errors import InputError
from ..core.files import to_plain, write_whole
from ..core.observables import OBSERVABLES
from ..sampling.mcmc import TAU_FACTOR, ChainSummary
from .narrative import LEVEL_WORDS, intake_sentences, used_words
from .plots.style import LEVELS
from .results import Result

_KINDS = {
    "expected": "expected data (no noise)",
    "mock": "one mock catalogue",
    "catalogue": "an observed catalogue",
}
_OBSERVABLES = {name: one.symbol for name, one in OBSERVABLES.items()}
_SYMBOLS = {"norm": "b", "slope": "s", "scatter": "r", "evolution": "Δγ"}
_TYPESET = (
    (r"\b([LMY])_(X|gas|WL)\b", r"<i>\1</i><sub>\2</sub>"),
    (r"\bM(min|break)\b", r"<i>M</i><sub>\1</sub>"),
    (r"\bsigma8\b", "σ<sub>8</sub>"),
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
    """Plain words, escaped, with this package's symbols as HTML.

    >>> typeset("sigma8 & Y_X")
    Markup('σ<sub>8</sub> &amp; <i>Y</i><sub>X</sub>')
    """
    text = str(escape(words))
    for pattern, replacement in _TYPESET:
        text = re.sub(pattern, replacement, text)
    return Markup(text)


_SHAPES = {
    "Om0": "Ω<sub>m</sub>",
    "h": "<i>h</i>",
    "ns": "<i>n</i><sub>s</sub>",
    "S8": "<i>S</i><sub>8</sub> = <i>σ</i><sub>8</sub> (Ω<sub>m</sub>/0.3)<sup>0.5</sup>",
}


def symbol(name: str) -> Markup:
    """A parameter's symbol as HTML; unknown names as they are.

    >>> symbol("norm_yx")
    Markup('<i>b</i><sub>Y<sub>X</sub></sub>')
    """
    kind, _, observable = name.partition("_")
    if name == "sigma8":
        return typeset(name)
    if name in _SHAPES:
        return Markup(_SHAPES[name])
    if name.startswith("density_contrast"):
        place = name.removeprefix("density_contrast").strip("_") or "V"
        return Markup(f"<i>δ<sub>{place}</sub></i>/<i>σ<sub>{place}</sub></i>")  # a number or V
    if name == "norm_contamination":
        return Markup("<i>b</i><sub>cont</sub>")
    if kind not in _SYMBOLS or observable not in _OBSERVABLES:
        return escape(name)
    base, _, index = _OBSERVABLES[observable].partition("_")
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


def ordered_levels(tables: Iterable[Mapping[str, float]]) -> list[str]:
    """Levels that occur in any of the tables, in the order of what they add."""
    found = dict.fromkeys(level for table in tables for level in table)
    return [v for v in LEVELS if v in found] + [v for v in found if v not in LEVELS]


def probability(p_value: float) -> str:
    """A p-value; those of a finite number of draws are not quoted below 0.01."""
    return "< 0.01" if p_value < 0.01 else f"= {number(p_value, 2)}"


def write_report(result: Result, figures: Mapping[str, Path], path: Path) -> None:
    """Write the report of `result` to `path`; whole or not at all.

    Parameters
    ----------
    result : Result
        Its texts are data: whatever they contain comes out escaped.
    figures : mapping of str to Path
        PNG files among "ladder", "survival", "influence", "abundance", "corner", "map", "goodness" and "predictive".
    path : Path
        HTML file.

    Raises
    ------
    InputError
        If a figure cannot be read or the file cannot be written.
    """
    images = {name: data_uri(picture) for name, picture in figures.items()}
    text = (
        environment()
        .get_template("report.html")
        .render(
            result=result,
            images=images,
            headline=headline(result),
            short=[chain for chain in result.chains if not chain.converged],
            ladder_levels=ordered_levels(row.sigma8_std for row in result.ladder),
            shift_levels=ordered_levels(row.shift for row in result.systematics),
            level_words=LEVEL_WORDS,
            used_words=used_words,
            intake=() if result.intake is None else intake_sentences(result.intake),
            warnings=[caution for caution in result.warnings if caution.kind != "not_converged"],
            kinds=_KINDS,
            observables=_OBSERVABLES,
            needed=TAU_FACTOR,
            configuration=json.dumps(to_plain(result.provenance.config), indent=2, ensure_ascii=False),
        )
    )
    write_whole(path, text)


def headline(result: Result) -> Markup | None:
    """The result in one sentence: from the headline level's chain, else from its Fisher matrix."""
    chain, level = result.chain(result.headline), result.headline
    if chain is not None:
        return _chain_headline(result, chain, typeset(used_words(chain)))
    words = typeset(LEVEL_WORDS.get(level, level))
    std = result.ladder[0].sigma8_std.get(level) if result.ladder else None
    if std is None:
        return None
    start = Markup("From {} (level {}), the survey is expected to measure ").format(words, level)
    return start + Markup("<strong>σ<sub>8</sub> to ± {}</strong> (Fisher matrix).").format(number(std))


def _chain_headline(result: Result, chain: ChainSummary, words: Markup) -> Markup:
    sigma8 = chain.parameters["sigma8"]
    sentence = Markup("From {} (level {}): <strong>σ<sub>8</sub> = {} ± {}</strong>.").format(
        words, chain.level, number(sigma8["mean"]), number(sigma8["std"])
    )
    if not chain.converged:
        sentence += Markup(" This chain has <strong>not converged</strong>.")
    if result.data is not None and result.data.kind == "expected":
        sentence += " This is a forecast on expected data: the width is the result, not the central value."
    return sentence


def data_uri(picture: Path) -> str:
    """A PNG file as a data URI.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        content = picture.read_bytes()
    except OSError as error:
        raise InputError(f"{picture}: cannot be read ({error.strerror})") from error
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def environment(*packages: str) -> Environment:
    """Templates of `packages`, then this package's; what is put into them comes out escaped."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in (*packages, "forecast.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "number": number,
        "typeset": typeset,
        "symbol": symbol,
        "in_words": in_words,
        "probability": probability,
    }
    return found
