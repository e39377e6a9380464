"""The energy band of a column of luminosities or fluxes, by its name or by what a table says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..core.band import Band

KNOWN = tuple(
    Band(low, high)
    for low, high in ((0.1, 2.4), (0.5, 2.0), (0.2, 2.3), (0.5, 2.4), (0.2, 2.0), (0.3, 3.5), (0.5, 7.0), (2.0, 10.0))
)
"""Bands in which clusters are published; other numbers in a name are read as none."""
_IN_NAME = re.compile(r"(?<![\d.])(\d+[p.]\d+|\d{1,2})\s*(?:[-_\u2013]|to|_to_)?\s*(\d+[p.]\d+|\d{1,2})(?![\dp.])")
_IN_TEXT = re.compile(r"(?<![\d.])(\d*\.?\d+)\s*(?:-|\u2013|to)\s*(\d+\.?\d*)\s*keV", re.IGNORECASE)


def band_in_name(name: str) -> Band | None:
    """The band in a column's name, if it is one in which clusters are published.

    >>> str(band_in_name("lx_0p1_2p4")), str(band_in_name("L0124")), str(band_in_name("LX500_05_2"))
    ('0.1-2.4 keV', '0.1-2.4 keV', '0.5-2 keV')
    >>> band_in_name("L500"), band_in_name("Lbol")
    (None, None)
    """
    found = {band for start in range(len(name)) if (match := _IN_NAME.match(name, start)) and (band := _known(match))}
    return found.pop() if len(found) == 1 else None


def bands_in_text(texts: Iterable[str]) -> tuple[Band, ...]:
    """All bands that texts speak of, each once, in their order.

    >>> [str(band) for band in bands_in_text(["flux and luminosity 0.1-2.4 keV", "0.10 to 2.40 keV"])]
    ['0.1-2.4 keV']
    """
    pairs = [(float(low), float(high)) for text in texts for low, high in _IN_TEXT.findall(text)]
    return tuple(dict.fromkeys(Band(low, high) for low, high in pairs if 0 < low < high))


def guess_band(column: str, texts: Iterable[str] = ()) -> Band | None:
    """The band of a column: that in its name, else the only one that its table speaks of; None if none is told.

    Parameters
    ----------
    column : str
    texts : iterable of str
        Description of the column, and what the table says of itself.

    Examples
    --------
    >>> str(guess_band("lx", ["REFLEX: flux and luminosity 0.1-2.4 keV"])), guess_band("lx", ["0.5-2 keV, 2-10 keV"])
    ('0.1-2.4 keV', None)
    """
    named = band_in_name(column)
    told = bands_in_text(texts)
    return named if named is not None else told[0] if len(told) == 1 else None


def _known(match: re.Match[str]) -> Band | None:
    """The known band of two numbers; 01 is 0.1, and behind such a one 24 is 2.4."""
    first, second = match.groups()
    low, high = _energy(first), _energy(second)
    if len(second) == 2 and second.isdigit() and first.startswith("0"):
        high = float(second) / 10
    return next((band for band in KNOWN if (band.low, band.high) == (low, high)), None)


def _energy(text: str) -> float:
    """keV: 0p5, 0.5 and 05 are 0.5."""
    if text.isdigit():
        return float(text) / 10 if text.startswith("0") else float(text)
    return float(text.replace("p", "."))
