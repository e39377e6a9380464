"""Errors that name the culprit and the cure. The command line turns them into exit codes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_OTHER_WORDS = {
    **dict.fromkeys(("omegam", "omegamatter", "omega0", "om", "omm", "omegam0"), "Om0"),
    **dict.fromkeys(("omegab", "omegabaryon", "ob", "omb", "omegab0"), "Ob0"),
    **dict.fromkeys(("h0", "hubble", "littleh", "h100"), "h"),
    **dict.fromkeys(("spectralindex", "nspec"), "ns"),
    **dict.fromkeys(("w", "wde"), "w0"),
}
"""What others call the cosmological parameters, in lower case and without underscores."""
_SHORT = 3
"""Most letters of a word that resembles others by chance."""


class MassanchorError(Exception):
    """Base class of every error raised on purpose by this package; its message is one printable line."""

    def __init__(self, message: object = "") -> None:
        words = " ".join(str(message).split())
        super().__init__("".join(c if c.isprintable() else "?" for c in words))


class InputError(MassanchorError, ValueError):
    """Something the user gave is wrong: a key, a unit, a value, a file. Exit code 2."""


class NumericalError(MassanchorError, ArithmeticError):
    """A calculation left its domain (NaN likelihood, singular matrix)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a clause that names the known word closest to `name`, or the list of known ones.

    Case does not count; of words equally close, the one that begins alike. Short words must be closer than long ones.

    >>> nearest("sigam8", ["sigma8", "norm_lx"]), nearest("Norm_L", ["norm_wl", "norm_lx", "norm_t"])
    ("did you mean 'sigma8'?", "did you mean 'norm_lx'?")
    >>> nearest("Ob0", ["Om0", "h"])
    'known: h, Om0'
    """
    known = sorted(known, key=str.lower)
    folded = name.lower()
    meant = _OTHER_WORDS.get(folded.replace("_", ""))
    if meant in known:
        return f"did you mean '{meant}'?"
    close = [(*_likeness(folded, word.lower()), word) for word in known]
    best = max(close, key=lambda found: found[:3], default=(0.0, 0, 0, ""))
    enough = 0.5 if len(name) > _SHORT else 0.7
    return f"did you mean '{best[3]}'?" if best[0] >= enough else "known: " + ", ".join(known)


def _likeness(mine: str, theirs: str) -> tuple[float, int, int]:
    """Share of letters that match, how many of the first are the same, and how much longer one is, negative."""
    different = (i for i, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b)
    alike = next(different, min(len(mine), len(theirs)))
    return difflib.SequenceMatcher(None, theirs, mine).ratio(), alike, -abs(len(mine) - len(theirs))
