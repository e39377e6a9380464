"""Errors that name the culprit and the cure. The command line turns them into exit codes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MassanchorError(Exception):
    """Base class of every error raised on purpose by this package; its message is one line, whatever it quotes."""

    def __init__(self, message: object = "") -> None:
        super().__init__(" ".join(str(message).split()))


class InputError(MassanchorError, ValueError):
    """Something the user gave is wrong: a key, a unit, a value, a file. Exit code 2."""


class NumericalError(MassanchorError, ArithmeticError):
    """A calculation left its domain (NaN likelihood, singular matrix)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a clause that names the known word closest to `name`, or the list of known ones.

    >>> nearest("sigam8", ["sigma8", "norm_lx"])
    "did you mean 'sigma8'?"
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else "known: " + ", ".join(known)
