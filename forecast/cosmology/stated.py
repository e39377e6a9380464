"""The cosmology that a table states of itself, in words or in cards of its header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .background import LIMITS

_VALUE = r"\s*[=:]\s*['\"]?(\d*\.?\d+)(?![\d.]*\s*[*x]?\s*h)"
_OMEGA = re.compile(rf"(?:\bom(?:ega)?[_ ]?\{{?(?:0|m0?|matter)\}}?|Ω_?[m0]){_VALUE}", re.IGNORECASE)
_H0, _H = re.compile(rf"\bh_?0{_VALUE}", re.IGNORECASE), re.compile(rf"(?<![\w^])h{_VALUE}")


def stated_cosmology(meta: Mapping[str, Any]) -> dict[str, float]:
    """Om0 and h that a table's metadata state, each as far as they do, and but one value of it.

    Examples
    --------
    >>> stated_cosmology({"comments": ["flat LCDM with H0 = 70 km/s/Mpc, Omega_M = 0.3"]})
    {'Om0': 0.3, 'h': 0.7}
    >>> stated_cosmology({"H0": 72.0}), stated_cosmology({"note": "H0 = 100 h; h = 0.5 in table 1, h = 0.7 in table 2"})
    ({'h': 0.72}, {})
    """
    words = " ; ".join(_cards(meta))
    found = {
        "Om0": {float(x) for x in _OMEGA.findall(words)},
        "h": {float(x) / 100 for x in _H0.findall(words)} | {float(x) for x in _H.findall(words)},
    }
    alone = {key: min(values) for key, values in found.items() if len(values) == 1}
    return {key: value for key, value in alone.items() if LIMITS[key][0] <= value <= LIMITS[key][1]}


def _cards(value: Any, key: str = "") -> Iterator[str]:
    """Texts in nested tables and lists, and numbers with their keys."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _cards(item, str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _cards(item, key)
    else:
        yield f"{key} = {value}"
