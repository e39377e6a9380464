"""Which data each level of the ladder needs, and whether a survey's clusters have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..core.errors import InputError
from ..core.observables import WORDS


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


def absent(shares: Iterable[Share]) -> tuple[str, ...]:
    """Observables that no cluster has and without which a level is another one.

    Weak-lensing masses, and of X-ray observables the only one, or all of them: single clusters tell something with
    any of theirs.
    """
    listed = list(shares)
    gone = [share.observable for share in listed if share.absent]
    known = [share.observable for share in listed if not share.absent and share.observable != "wl"]
    return tuple(name for name in gone if name == "wl" or not known)


def require(level: str, shares: Sequence[Share], fewer: str) -> None:
    """Refuse a level whose likelihood would differ by a constant from that of fewer data.

    Raises
    ------
    InputError
        If no cluster has one of its observables; advises the level `fewer` instead.
    """
    missing = absent(shares)
    if missing:
        size = next(share.size for share in shares if share.absent)
        raise InputError(
            f"level '{level}' needs {', '.join(WORDS[name] for name in missing)}, which none of the {size:g} clusters "
            f"has; add the data, or use a level that does without, such as '{fewer}'"
        )


def _number(count: float) -> str:
    """A number of clusters; of expected ones three digits."""
    return f"{count:.0f}" if float(count).is_integer() or count >= 1000 else f"{count:.3g}"


def partial_words(shares: Sequence[Share], start: str) -> str:
    """How many clusters have which observables, in words.

    `start`: how the sentence begins if it is on mass proxies alone; if empty, on all that is known of clusters.
    """
    each = ", ".join(
        f"{WORDS[s.observable]} of {_number(s.known)} of {_number(s.size)} clusters"
        for s in shares
        if s.partial and s.known
    )
    if start:
        return start + each
    complete = ", ".join(["the redshift", *(WORDS[s.observable] for s in shares if not s.partial)])
    absent = " and ".join(WORDS[s.observable] for s in shares if not s.known)
    return f"{complete} of every cluster{each and ', and '}{each}{absent and ', without '}{absent}"
