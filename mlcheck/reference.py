"""A training distribution of catalogues and of clusters, and how far held-out catalogues of the same kind lie out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.errors import InputError

from .catalogues import Catalogues
from .neighbours import Space, Summariser, kth_distance

Array = np.ndarray
NEIGHBOUR = 5
CLUSTER_QUANTILE = 0.99
"""Of held-out clusters' distances from training clusters: those beyond are outside."""
FEWEST = 200
"""Catalogues that p values of 1% need."""
MOST_CLUSTERS, MOST_HELD_OUT = 10_000, 1000
_LEARNT = 2000


@dataclass(frozen=True)
class Cloud:
    """Training points, and how far apart they are.

    Parameters
    ----------
    names : tuple of str
        Of the K coordinates.
    space : Space
    points : ndarray, shape (n, K)
        In the space.
    usual : ndarray, shape (3,)
        Polynomial in ln N: mean ln distance of catalogues of N clusters from their nearest ones.
    """

    names: tuple[str, ...]
    space: Space
    points: Array
    usual: Array

    @classmethod
    def of(cls, names: tuple[str, ...], values: Array, size: Array, *, rng: np.random.Generator) -> Cloud:
        """Of summaries (n, K) of training catalogues of `size` clusters, (n,)."""
        space = Space.of(values)
        points, some = space.white(values), _some(np.arange(len(values)), _LEARNT, rng)
        distance = kth_distance(points[some], points, NEIGHBOUR, own=True)
        return cls(names, space, points, np.polyfit(np.log(size[some]), np.log(np.maximum(distance, 1e-12)), 2))

    def excess(self, values: Array, size: Array) -> Array:
        """ln distance of catalogues from training ones, less that usual for their numbers of clusters, (P,)."""
        distance = kth_distance(self.space.white(values), self.points, NEIGHBOUR)
        return np.asarray(np.log(np.maximum(distance, 1e-12)) - np.polyval(self.usual, np.log(size)))


@dataclass(frozen=True)
class Reference:
    """Training catalogues and held-out ones, as the tests of `representativeness` need them; see `Reference.of`.

    Parameters
    ----------
    summariser : Summariser
    clouds : tuple of two Cloud
        Training catalogues by the distributions of their features, and by the correlations of these.
    clusters : Space
    members : ndarray, shape (m, F)
        Training clusters in it.
    sizes : tuple of two ints
        Smallest and largest training catalogue.
    limit : float
        Distance from training clusters beyond which a cluster is outside.
    null : ndarray, shape (M, 3)
        Statistics of held-out catalogues.
    """

    summariser: Summariser
    clouds: tuple[Cloud, Cloud]
    clusters: Space
    members: Array
    sizes: tuple[int, int]
    limit: float
    null: Array

    @classmethod
    def of(cls, training: Catalogues, held_out: Catalogues, *, rng: np.random.Generator) -> Reference:
        """Learn the training distribution, and how far held-out catalogues lie from it.

        Parameters
        ----------
        training, held_out : Catalogues
            Of one layout and one distribution; none in both.
        rng : numpy.random.Generator
            Which of very many clusters and catalogues are used.

        Raises
        ------
        InputError
            If there are too few catalogues for p values of 1%.
        """
        if min(len(held_out), len(training)) < FEWEST:
            raise InputError(
                f"{len(training)} training and {len(held_out)} held-out catalogues are too few for p values of 1%; "
                f"at least {FEWEST} of each are needed: draw more"
            )
        summariser, features = Summariser.of(training), training.features.astype(float)
        parts = (
            (summariser.names, summariser.distributions(training)),
            (summariser.pairs, summariser.correlations(training)),
        )
        first, second = (Cloud.of(names, values, training.size, rng=rng) for names, values in parts)
        clusters = Space.of(features)
        members = clusters.white(_some(features, MOST_CLUSTERS, rng))
        kept = held_out.take(np.sort(_some(np.arange(len(held_out)), MOST_HELD_OUT, rng)))
        distance = kth_distance(clusters.white(kept.features.astype(float)), members, NEIGHBOUR)
        limit = float(np.quantile(distance, CLUSTER_QUANTILE))
        sizes = (int(training.size.min()), int(training.size.max()))
        found = cls(summariser, (first, second), clusters, members, sizes, limit, np.empty((0, 3)))
        null = np.column_stack([found.excesses(kept), found.outside(kept, distance)])
        return cls(summariser, (first, second), clusters, members, sizes, limit, null)

    def summaries(self, catalogues: Catalogues) -> tuple[Array, Array]:
        """Coordinates of P catalogues in the two clouds, (P, K) each."""
        return self.summariser.distributions(catalogues), self.summariser.correlations(catalogues)

    def excesses(self, catalogues: Catalogues) -> Array:
        """ln distance of P catalogues from the two clouds, over what is usual, (P, 2)."""
        size, parts = np.clip(catalogues.size, *self.sizes), self.summaries(catalogues)
        return np.column_stack([cloud.excess(values, size) for cloud, values in zip(self.clouds, parts, strict=True)])

    def distances(self, catalogues: Catalogues) -> Array:
        """Of all clusters from the training clusters, shape (n,)."""
        return kth_distance(self.clusters.white(catalogues.features.astype(float)), self.members, NEIGHBOUR)

    def outside(self, catalogues: Catalogues, distances: Array) -> Array:
        """Share of the clusters of P catalogues that lie outside, (P,)."""
        count = np.bincount(catalogues.row, weights=distances > self.limit, minlength=len(catalogues))
        return np.asarray(count / catalogues.size)

    def statistics(self, catalogues: Catalogues) -> Array:
        """`excesses` and `outside` of P catalogues, shape (P, 3)."""
        return np.column_stack([self.excesses(catalogues), self.outside(catalogues, self.distances(catalogues))])

    def p_values(self, statistics: Array) -> Array:
        """Overall, and of each test, shape (P, 4), of `statistics` (P, 3).

        Rank among held-out catalogues, the catalogue itself among them. The overall one ranks the smallest of the
        three p values among those of held-out catalogues, so that three tests cost no false alarms.
        """
        size = len(self.null)
        own = np.column_stack([_beyond(column, column) for column in self.null.T]) / size
        each = np.column_stack([_beyond(n, s) + 1 for n, s in zip(self.null.T, statistics.T, strict=True)])
        least = each.min(axis=1) / (size + 1)
        overall = 1 + size - _beyond(own.min(axis=1), np.nextafter(least + 1e-12, 1.0))
        return np.column_stack([overall, each]) / (size + 1)


def _beyond(null: Array, at: Array) -> Array:
    """How many of `null` (M,) are at least `at` (P,), shape (P,)."""
    return len(null) - np.searchsorted(np.sort(null), at, side="left")


def _some(values: Array, most: int, rng: np.random.Generator) -> Array:
    """At most `most` of the rows, at random."""
    return values if len(values) <= most else values[rng.choice(len(values), most, replace=False)]
