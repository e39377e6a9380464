"""The energy band of a column of luminosities or fluxes, by its name or by what a table says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..core.band import Band

KNOWN = tuple(
    Band(low, high)
    for low, high in (
        (0.1, 2.4), (0.5, 2.0), (0.2, 2.3), (0.5, 2.4), (0.2, 2.0), (0.3, 3.5), (0.5, 7.0), (0.3, 7.0), (0.3, 10.0),
        (0.5, 10.0), (2.0, 10.0),
    )
)  # fmt: skip
"""Bands in which clusters are published; other numbers in a name are read as none."""
_PAIR = re.compile(r"(?<![\d.])(\d+[p.]\d+|\d{1,2})\s*(?:[-_\u2013]|to|_to_)?\s*(\d+[p.]\d+|\d{1,2})(?![\dp.])")
_DIGITS = re.compile(r"(?<!\d)(0_\d)_(\d(?:_\d)?)(?![\d_])")
"""Decimal points as underscores: 0_1_2_4."""
_HARD = re.compile(r"(?<!\d)(2)_?(10)(?!\d)")
_IN_EV = re.compile(r"(?<!\d)(\d{3,4})_(\d{4,5})(?!\d)")
_IN_TEXT = re.compile(r"(?<![\d.])(\d*\.?\d+)\s*(?:-|\u2013|to)\s*(\d+\.?\d*)\s*keV", re.IGNORECASE)
_WORDS = (("bol", "bolometric"), ("hard", "hard"), ("broad", "broad"), ("cex", "core-excised"), ("exc", "core-excised"))


def band_in_name(name: str) -> Band | None:
    """The band in a column's name, if it is one in which clusters are published.

    >>> str(band_in_name("lx_0p1_2p4")), str(band_in_name("L0124")), str(band_in_name("LX500_05_2"))
    ('0.1-2.4 keV', '0.1-2.4 keV', '0.5-2 keV')
    >>> str(band_in_name("LX_0524")), str(band_in_name("LUM_0520_R500")), str(band_in_name("L_500_2000"))
    ('0.5-2.4 keV', '0.5-2 keV', '0.5-2 keV')
    >>> band_in_name("L500"), band_in_name("Lbol"), band_in_name("lx_0p15_1_R500")
    (None, None, None)
    """
    found = {band for low, high in _pairs(name) for band in KNOWN if (band.low, band.high) == (low, high)}
    return found.pop() if len(found) == 1 else None


def words_in_name(name: str) -> str:
    """What else than a band a column's name says of its luminosities; empty if nothing.

    >>> words_in_name("Lbol"), words_in_name("LX_CEX_0520"), words_in_name("LX500")
    ('bolometric', 'core-excised', '')
    """
    return next((words for part, words in _WORDS if part in name.lower()), "")


def bands_in_text(texts: Iterable[str]) -> tuple[Band, ...]:
    """All bands that texts speak of, each once, in their order.

    >>> [str(band) for band in bands_in_text(["flux and luminosity 0.1-2.4 keV", "0.10 to 2.40 keV"])]
    ['0.1-2.4 keV']
    """
    pairs = [(float(low), float(high)) for text in texts for low, high in _IN_TEXT.findall(text)]
    return tuple(dict.fromkeys(Band(low, high) for low, high in pairs if 0 < low < high))


def guess_band(column: str, *said: Iterable[str]) -> Band | None:
    """The band of a column: that in its name, else the only one of the first texts that speak of any; else None.

    Parameters
    ----------
    column : str
    *said : iterables of str
        Description of the column; what the table says of itself.

    Examples
    --------
    >>> str(guess_band("lx", ["REFLEX: flux and luminosity 0.1-2.4 keV"])), guess_band("lx", ["0.5-2 keV, 2-10 keV"])
    ('0.1-2.4 keV', None)
    """
    named = band_in_name(column)
    if named is not None:
        return named
    told = next(filter(None, map(bands_in_text, said)), ())
    return told[0] if len(told) == 1 else None


def _pairs(name: str) -> Iterator[tuple[float, float]]:
    """Lower and upper energies, keV, as which parts of a name can be read; 01 is 0.1, and behind it 24 is 2.4."""
    for start in range(len(name)):
        if match := _PAIR.match(name, start):
            first, second = match.groups()
            yield _energy(first), _energy(second)
            if first.isdigit() and first.startswith("0") and len(second) == 2 and second.isdigit():
                yield _energy(first), float(second) / 10
    for match in _DIGITS.finditer(name):
        yield _energy(match[1].replace("_", ".")), _energy(match[2].replace("_", "."))
    for match in _HARD.finditer(name):
        yield float(match[1]), float(match[2])
    for match in _IN_EV.finditer(name):
        yield float(match[1]) / 1000, float(match[2]) / 1000


def _energy(text: str) -> float:
    """keV: 0p5, 0.5 and 05 are 0.5."""
    if text.isdigit():
        return float(text) / 10 if text.startswith("0") else float(text)
    return float(text.replace("p", "."))
