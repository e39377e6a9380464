"""What is usual of the features of catalogues, and what is most unusual of others: means, shapes, single clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from forecast.core.arrays import Array

from ..data.catalogues import Catalogues
from .law import HALVED, Law, Sample
from .summaries import Summariser, halves
from .tails import GroupedTails

RARE = 0.001
"""Share of training clusters that are called unusual."""
PRECISION = 0.01
"""Step to which features are rounded, dex: neither training nor later catalogues are looked at more closely, for what
a table of three digits does is no harm."""
_FOLDS = 5
_CLUSTERS = 400_000
"""At most, that tell what is usual of single clusters."""


@dataclass(frozen=True)
class Reading:
    """What one test says of P catalogues.

    Parameters
    ----------
    surprise : ndarray, shape (P,)
        The larger, the rarer.
    culprit : ndarray of int, shape (P,)
        What is most unusual: a summary, a feature, or a cluster's row times the number of features, plus the feature.
    deviation : ndarray, shape (P,)
        How far it is from what all else predicts, in its own unit; for ties the value that is tied.
    sigma : ndarray, shape (P,)
        The same in standard deviations.
    count : ndarray of int, shape (P,)
        Clusters that are alone rarer than `RARE`, or that are tied.
    """

    surprise: Array
    culprit: Array
    deviation: Array
    sigma: Array
    count: Array


@dataclass(frozen=True)
class Deviations:
    """Of P catalogues from what is usual.

    Parameters
    ----------
    sigma : ndarray, shape (P, K)
        Of every summary from what N and the others predict, in standard deviations.
    unit : ndarray, shape (P, K)
        These standard deviations.
    distance : ndarray, shape (P,)
        Of all of them together; see `Law.distances`.
    """

    sigma: Array
    unit: Array
    distance: Array

    @classmethod
    def of(cls, law: Law, values: Array, size: Array) -> Deviations:
        """Of summaries (P, K) of catalogues of `size` clusters, (P,)."""
        return cls(law.deviations(values, size), law.residual(size), law.distances(values, size))

    def take(self, index: Array) -> Deviations:
        """Of some of the catalogues."""
        return Deviations(self.sigma[index], self.unit[index], self.distance[index])

    @property
    def squares(self) -> Array:
        """Of the summaries, and at the end the distance, (P, K + 1): what their tails are made of."""
        return np.column_stack([self.sigma**2, self.distance])

    def reading(self, tails: GroupedTails, part: slice) -> Reading:
        """Of the test that looks at part of the squares; where the distance is rarest, the largest is to blame."""
        surprise, worst = tails.rarest(self.squares[:, part])
        largest = np.abs(self.sigma[:, part]).argmax(axis=1)
        worst = part.start + np.where(part.start + worst == self.sigma.shape[1], largest, worst)
        each = np.arange(len(worst))
        sigma = self.sigma[each, worst]
        return Reading(
            surprise=surprise,
            culprit=worst,
            deviation=sigma * self.unit[each, worst],
            sigma=sigma,
            count=np.zeros(len(worst), dtype=int),
        )


Record = TypeVar("Record", Deviations, Reading)


@dataclass(frozen=True)
class Norms:
    """What is usual of the features; see `learn`.

    Parameters
    ----------
    summariser : Summariser
    law : Law
    means, shapes : GroupedTails
        Of the squared deviations of the F means, and of all other summaries and the distance.
    clusters : GroupedTails
        Of the squared deviations of single clusters, F of them.
    """

    summariser: Summariser
    law: Law
    means: GroupedTails
    shapes: GroupedTails
    clusters: GroupedTails

    def readings(self, catalogues: Catalogues) -> dict[str, Reading]:
        """The tests of means, of shapes and of single clusters."""
        catalogues = rounded(catalogues)
        found = Deviations.of(self.law, self.summariser.summaries(catalogues), catalogues.size)
        means, shapes = _parts_of(self.summariser)
        return {
            "means": found.reading(self.means, means),
            "shapes": found.reading(self.shapes, shapes),
            "clusters": _of_clusters(self.summariser, self.clusters, catalogues),
        }


def learn(training: Catalogues, *, rng: np.random.Generator) -> tuple[Norms, dict[str, Reading]]:
    """What is usual, and what the tests say of the training catalogues as if each were fresh.

    Nothing is held out: a fifth of the catalogues at a time is judged by what the others teach.

    Raises
    ------
    InputError
        As `Law.of`.
    """
    training, order = rounded(training), rng.permutation(len(training))
    some = training.take(order[: max(1, int(np.searchsorted(training.size[order].cumsum(), _CLUSTERS)))])
    summariser = Summariser.of(some)
    alone = GroupedTails.of(summariser.deviations(some) ** 2, some.layout.groups)
    sample = _sample(summariser, training, rng)
    folds = np.array_split(rng.permutation(len(training)), _FOLDS)
    found = _joined([_deviations(sample, fold) for fold in folds], np.concatenate(folds))
    readings, tails = {}, []
    for name, part in zip(("means", "shapes"), _parts_of(summariser), strict=True):
        labels = (*summariser.groups, ("distance",))[part]
        each = [
            found.take(fold).reading(GroupedTails.of(np.delete(found.squares[:, part], fold, axis=0), labels), part)
            for fold in folds
        ]
        readings[name] = _joined(each, np.concatenate(folds))
        tails.append(GroupedTails.of(found.squares[:, part], labels))
    single = [_of_clusters(summariser, alone, part) for part in training.pieces()]
    readings["clusters"] = _joined(single, np.arange(len(training)))
    return Norms(summariser=summariser, law=Law.of(sample), means=tails[0], shapes=tails[1], clusters=alone), readings


def rounded(catalogues: Catalogues) -> Catalogues:
    """With features to `PRECISION`; constants stay what they are."""
    return replace(catalogues, features=np.round(catalogues.features / PRECISION) * PRECISION)


def _parts_of(summariser: Summariser) -> tuple[slice, slice]:
    """Of `Deviations.squares`: the means, and the shapes."""
    number = len(summariser.features)
    return slice(0, number), slice(number, None)


def _deviations(sample: Sample, fold: Array) -> Deviations:
    """Of the catalogues of a fold, by the law of the others."""
    return Deviations.of(Law.of(sample.without(fold)), sample.values[fold], sample.size[fold])


def _joined(parts: Sequence[Record], order: Array) -> Record:
    """Records of parts of the catalogues as one, in the order of the catalogues."""
    back, kind = np.argsort(order), type(parts[0])
    return kind(*(np.concatenate([getattr(part, f.name) for part in parts])[back] for f in fields(kind)))


def _of_clusters(summariser: Summariser, tails: GroupedTails, catalogues: Catalogues) -> Reading:
    """The test of single clusters: the rarest of each catalogue."""
    deviation, number = summariser.deviations(catalogues), len(summariser.features)
    surprise, worst = tails.rarest(deviation**2)
    row = np.lexsort((surprise, catalogues.row))[catalogues.first + catalogues.size - 1]
    count = np.bincount(catalogues.row[surprise > -np.log(RARE)], minlength=len(catalogues))
    worst = worst[row]
    sigma = deviation[row, worst]
    unit = summariser.inner.residual[worst]
    return Reading(
        surprise=surprise[row] - np.log(catalogues.size),
        culprit=row * number + worst,
        deviation=sigma * unit,
        sigma=sigma,
        count=count,
    )


def _sample(summariser: Summariser, training: Catalogues, rng: np.random.Generator) -> Sample:
    """Summaries of the training catalogues and of their halves."""
    values, noise = [], []
    for piece in training.pieces():
        values.append(summariser.summaries(piece))
        difference, large = np.zeros_like(values[-1]), np.flatnonzero(piece.size >= HALVED)
        if len(large):
            first, second = halves(piece.take(large), rng=rng)
            root = np.sqrt(1 / (1 / first.size + 1 / second.size))[:, None]
            difference[large] = root * (summariser.summaries(first) - summariser.summaries(second))
        noise.append(difference)
    return Sample(np.concatenate(values), training.size, np.concatenate(noise))
