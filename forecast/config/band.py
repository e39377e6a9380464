"""The energy band that a column of luminosities names."""

from __future__ import annotations

import re

OWN = "0.5-2 keV"
"""The band of the model's luminosities."""
_DECIMAL = re.compile(r"(\d)[.p](\d+)(?:_?(?:to|-)?_?)(\d{1,2})(?:[.p](\d+))?(?!\d)")
_CODE = re.compile(r"(?<!\d)0_?(\d)_?(\d)(?:_?(\d))?(?!\d)")
_IN_EV = re.compile(r"(?<!\d)([1-5])00_(\d{1,2})([0-9])00(?!\d)")
_HARD = re.compile(r"(?<!\d)2_?10(?!\d)")
_WORDS = (("bol", "bolometric"), ("hard", "hard"), ("broad", "broad"), ("cex", "core-excised"), ("exc", "core-excised"))


def band_of(name: str) -> str:
    """Band in a column's name, in words; empty if it names none.

    >>> band_of("LX_0524"), band_of("LUM_0520_R500"), band_of("lx_0p1_2p4"), band_of("LX500")
    ('0.5-2.4 keV', '0.5-2 keV', '0.1-2.4 keV', '')
    """
    for pattern in (_DECIMAL, _IN_EV, _CODE):
        if found := pattern.search(name):
            if pattern is _DECIMAL:
                low, high = f"{found[1]}.{found[2]}", f"{found[3]}.{found[4] or 0}"
            elif pattern is _IN_EV:
                low, high = f"0.{found[1]}", f"{found[2]}.{found[3]}"
            else:
                low, high = f"0.{found[1]}", f"{found[2]}.{found[3] or 0}"
            return f"{float(low):g}-{float(high):g} keV"
    if _HARD.search(name):
        return "2-10 keV"
    return next((words for part, words in _WORDS if part in name.lower()), "")
