"""What networks say of a user's catalogues, each after the test of whether it is like the training ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from ..data.catalogues import Catalogues
from ..domain.out_of_distribution import CURE, FALSE_ALARM, RETRAIN, UNTESTED, Representativeness, judge
from ..networks.predict import Predictions, predict
from ..networks.saving import Trained

_LISTED = 10


@dataclass(frozen=True)
class Judged:
    """P catalogues with their answers.

    Parameters
    ----------
    catalogues : Catalogues
    verdicts : tuple of Representativeness
        One for each catalogue; none where the network's file has no test.
    reasons : tuple of str
        Why the answer may not be believed; "" where it may.
    answered : ndarray of int, shape (Q,)
        Catalogues that have an answer.
    predictions : Predictions or None
        Of those; None if there are none.
    """

    catalogues: Catalogues
    verdicts: tuple[Representativeness, ...]
    reasons: tuple[str, ...]
    answered: Array
    predictions: Predictions | None

    @property
    def trusted(self) -> Array:
        """Which answers may be believed, (P,) of bool."""
        return np.array([not reason for reason in self.reasons])

    @property
    def refused(self) -> Array:
        """Which catalogues have no answer, (P,) of bool."""
        found = np.ones(len(self.catalogues), dtype=bool)
        found[self.answered] = False
        return found

    def filled(self, name: str) -> Array:
        """A property of the predictions, (..., P), NaN where there is no answer."""
        values = np.empty((0,)) if self.predictions is None else getattr(self.predictions, name)
        found = np.full((*values.shape[:-1], len(self.catalogues)), np.nan)
        found[..., self.answered] = values
        return found

    def check(self, what: str) -> None:
        """Tell of catalogues that were refused, once all else is told.

        Raises
        ------
        InputError
            Naming them, what is unusual about the first, and what to do.
        """
        refused = np.flatnonzero(self.refused)
        if not len(refused):
            return
        first, total = self.reasons[refused[0]], len(self.catalogues)
        if total == 1:
            raise InputError(f"{what}: {first} {CURE}")
        numbers = ", ".join(str(self.catalogues.number[i]) for i in refused[:_LISTED])
        more = ", ..." if len(refused) > _LISTED else ""
        raise InputError(
            f"{what}: {len(refused):,} of {total:,} catalogues refused ({numbers}{more}); of as many like the training "
            f"ones {FALSE_ALARM * total:.2g} would be. Catalogue {self.catalogues.number[refused[0]]}: {first} {CURE}"
        )


def predict_judged(
    members: Sequence[Trained], catalogues: Catalogues, *, force: bool = False, foreign: bool = False
) -> Judged:
    """Test every catalogue on its own; predictions of those that pass, or with `force` of all that can be computed.

    Parameters
    ----------
    members : sequence of Trained
        Of one survey, case and training set.
    catalogues : Catalogues
    force : bool
    foreign : bool
        The catalogues belong to another survey: no answer is to be believed.

    Raises
    ------
    InputError
        If the features are not the networks', or their file has no test and `force` is not set.
    """
    first = members[0]
    first.scaler.check_layout(catalogues)
    if first.reference is None and not force:
        raise InputError(f"{UNTESTED}; {RETRAIN}")
    verdicts = () if first.reference is None else judge(first.reference, catalogues)
    reasons = [v.words if v.verdict == "outside" else "" for v in verdicts] or [f"{UNTESTED}."] * len(catalogues)
    if foreign:
        reasons = [reason or f"It is of another survey than '{first.origin.survey}'." for reason in reasons]
    large = catalogues.size >= first.network.smallest
    for i in np.flatnonzero(~large):
        reasons[i] = f"It has {catalogues.size[i]} clusters, the network needs {first.network.smallest}."
    answered = np.flatnonzero(large & (force | np.array([not reason for reason in reasons])))
    found = predict(members, catalogues.take(answered), check=False) if len(answered) else None
    return Judged(
        catalogues=catalogues, verdicts=verdicts, reasons=tuple(reasons), answered=answered, predictions=found
    )
