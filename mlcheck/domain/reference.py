"""What a network's training catalogues were like, learnt once and saved with it, and how rare others would be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from ..data.catalogues import Catalogues
from .norms import Norms, Reading, learn
from .tails import Tails
from .ties import crowds, twins

TESTS = ("number", "means", "shapes", "clusters", "ties")
FEWEST = 200
"""Training catalogues, twice the number of summaries if that is more, without which nothing rare can be told."""


@dataclass(frozen=True)
class Examination:
    """All tests of P catalogues.

    Parameters
    ----------
    readings : dict of str to Reading
        By test.
    surprise : dict of str to ndarray, shape (P,)
        -ln p of each test.
    overall : ndarray, shape (P,)
        -ln p of the rarest of them, that it was looked for included.
    """

    readings: dict[str, Reading]
    surprise: dict[str, Array]
    overall: Array


@dataclass(frozen=True)
class Reference:
    """The training catalogues of a network, as the tests of `representativeness` need them; see `Reference.of`.

    Parameters
    ----------
    contents : str
        Digest of the suite that they come from.
    names : tuple of str
        Features.
    training : int
        Catalogues.
    sizes : tuple of two ints
        Clusters of the smallest and the largest.
    number : Tails
        Of ln N and of -ln N.
    norms : Norms or None
        What is usual of the features; None where all of them are constants.
    tests : Tails
        Of the surprises of all tests but ties.
    overall : Tails
        Of the largest of their -ln p.
    """

    contents: str
    names: tuple[str, ...]
    training: int
    sizes: tuple[int, int]
    number: Tails
    norms: Norms | None
    tests: Tails
    overall: Tails

    @classmethod
    def of(cls, training: Catalogues, contents: str, *, rng: np.random.Generator) -> Reference:
        """Learn from training catalogues what is usual, and how rare the unusual is.

        Parameters
        ----------
        training : Catalogues
        contents : str
            Digest of the suite.
        rng : numpy.random.Generator

        Raises
        ------
        InputError
            If there are too few catalogues.
        """
        names = training.layout.names
        varying = bool(np.ptp(training.features, axis=0).max() > 0)
        least = max(FEWEST, len(names) * (len(names) + 9) * varying)
        if len(training) < least:
            raise InputError(
                f"{len(training)} training catalogues are too few to tell later whether another is like them; at least "
                f"{least} are needed: draw a suite of {math.ceil(1.26 * least):,}"
            )
        counts = Tails.of(_counts(training.size))
        norms, readings = learn(training, rng=rng) if varying else (None, {})
        readings = {"number": _of_number(counts, training.size), **readings}
        surprise = np.column_stack([reading.surprise for reading in readings.values()])
        tests = Tails.of(surprise)
        overall = Tails.of(tests.surprise(surprise).max(axis=1)[:, None])
        sizes = (int(training.size.min()), int(training.size.max()))
        return cls(
            contents=contents,
            names=names,
            training=len(training),
            sizes=sizes,
            number=counts,
            norms=norms,
            tests=tests,
            overall=overall,
        )

    def examine(self, catalogues: Catalogues) -> Examination:
        """Make all tests.

        Raises
        ------
        InputError
            If the features are others.
        """
        if catalogues.layout.names != self.names:
            raise InputError(
                f"the training data have features {', '.join(self.names)}, the catalogue has "
                f"{', '.join(catalogues.layout.names)}; take catalogues of the same survey and case"
            )
        readings = {"number": _of_number(self.number, catalogues.size)}
        if self.norms is not None:
            readings |= self.norms.readings(catalogues)
        found = self.tests.surprise(np.column_stack([reading.surprise for reading in readings.values()]))
        surprise = dict(zip(readings, found.T, strict=True))
        overall = self.overall.surprise(found.max(axis=1)[:, None])[:, 0]
        if self.norms is not None:
            readings["ties"] = _of_ties(catalogues)
            surprise["ties"] = readings["ties"].surprise
            overall = np.maximum(overall, surprise["ties"])
        return Examination(readings, surprise, overall)


def _counts(size: Array) -> Array:
    counts: Array = np.log(size)[:, None] * np.array([1.0, -1.0])
    return counts


def _of_number(tails: Tails, size: Array) -> Reading:
    surprise, zero = tails.surprise(_counts(size)), np.zeros(len(size))
    return Reading(
        surprise=surprise.max(axis=1),
        culprit=surprise.argmax(axis=1),
        deviation=zero,
        sigma=zero,
        count=zero.astype(int),
    )


def _of_ties(catalogues: Catalogues) -> Reading:
    """Twins, which cannot be and are said to be of feature -1, or else the most crowded value of any feature."""
    number, every = len(catalogues.layout.names), np.arange(len(catalogues))
    each = [crowds(catalogues, column) for column in range(number)]
    surprise = np.column_stack([crowd.surprise for crowd in each])
    worst = surprise.argmax(axis=1)
    value, count = (np.column_stack([getattr(crowd, name) for crowd in each]) for name in ("value", "count"))
    doubled = np.bincount(catalogues.row[twins(catalogues)], minlength=len(catalogues))
    return Reading(
        surprise=np.where(doubled > 0, np.inf, np.maximum(surprise[every, worst] - np.log(number), 0.0)),
        culprit=np.where(doubled > 0, -1, worst),
        deviation=value[every, worst],
        sigma=np.zeros(len(every)),
        count=np.where(doubled > 0, doubled, count[every, worst]),
    )
