"""Which data each level of the ladder needs, and whether a survey's clusters have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..core.errors import InputError

WORDS = {"lx": "L_X", "t": "T", "mgas": "M_gas", "yx": "Y_X", "core": "core brightness", "wl": "M_WL"}
"""Observables for people."""
PROXY_LEVELS, POINT_LEVELS = ("selfcal", "binned", "unbinned"), ("full", "full+wl")
"""Levels whose data are mass proxies (called Y_X, whatever it is), and every cluster's own observables."""


@dataclass(frozen=True)
class Share:
    """How many of a survey's clusters have an observable.

    Parameters
    ----------
    observable : str
    known, size : float
        Not integers for expected data.
    """

    observable: str
    known: float
    size: float

    @property
    def absent(self) -> bool:
        """Whether there are clusters, and not one has it."""
        return self.size > 0 and not self.known > 0

    @property
    def partial(self) -> bool:
        """Whether some clusters, or all, lack it; numbers of expected data are whole up to quadrature."""
        counted = self.known == round(self.known) and self.size == round(self.size)
        return self.known < (1.0 if counted else 0.99) * self.size


def needed(level: str, names: Sequence[str]) -> tuple[str, ...]:
    """Observables whose values a level uses, in a survey with relations of `names`."""
    if level in POINT_LEVELS:
        return (*names, "wl") if level == "full+wl" else tuple(names)
    return ("yx",) if level in PROXY_LEVELS else ()


def absent(shares: Iterable[Share]) -> tuple[str, ...]:
    """Observables that no cluster has and without which a level is another one.

    Weak-lensing masses, and of X-ray observables the only one, or all of them: single clusters tell something with
    any of theirs.
    """
    listed = list(shares)
    gone = [share.observable for share in listed if share.absent]
    known = [share.observable for share in listed if not share.absent and share.observable != "wl"]
    return tuple(name for name in gone if name == "wl" or not known)


def require(level: str, shares: Sequence[Share]) -> None:
    """Refuse a level whose likelihood would differ by a constant from that of fewer data.

    Raises
    ------
    InputError
        If no cluster has one of its observables.
    """
    missing = absent(shares)
    if missing:
        size = next(share.size for share in shares if share.absent)
        other = "full" if missing == ("wl",) else "counts" if level in PROXY_LEVELS else "unbinned"
        raise InputError(
            f"level '{level}' needs {', '.join(WORDS[name] for name in missing)}, which none of the {size:g} clusters "
            f"has; add the data, or use a level that does without, such as '{other}'"
        )


def level_words(level: str, shares: Sequence[Share], whole: str) -> str:
    """What a level used, in words: `whole` where every cluster has all of it, else how many have what."""
    partial = [share for share in shares if share.partial]
    if not partial:
        return whole
    each = ", ".join(f"{WORDS[s.observable]} of {s.known:g} of {s.size:g} clusters" for s in partial)
    if level in PROXY_LEVELS:
        start = {"selfcal": "N and the median of the ", "binned": "N in bins of the ", "unbinned": "N and the "}[level]
        return start + each
    complete = [WORDS[s.observable] for s in shares if not s.partial]
    return f"{', '.join(['the redshift', *complete])} of every cluster, and {each}"
