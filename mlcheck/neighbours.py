"""Catalogues and clusters as points: summaries, whitened spaces, distances to the nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .catalogues import Catalogues
from .presets import Whitening

Array = np.ndarray
TAILS = (0.16, 0.84)


@dataclass(frozen=True)
class Space:
    """Coordinates in which training points have mean zero and unit covariance.

    Parameters
    ----------
    mean, scale : ndarray, shape (K,)
    matrix : ndarray, shape (K, K)
        (x - mean) / scale, times it, is white.
    """

    mean: Array
    scale: Array
    matrix: Array

    @classmethod
    def of(cls, values: Array) -> Space:
        """Of training points, shape (n, K)."""
        mean, scale = values.mean(axis=0), values.std(axis=0)
        scale = np.where(scale > 1e-9, scale, 1.0)
        return cls(mean, scale, np.array(Whitening.of((values - mean) / scale).matrix))

    def white(self, values: Array) -> Array:
        """Points (n, K) in the space, (n, K)."""
        return np.asarray(((values - self.mean) / self.scale) @ self.matrix)

    def plain(self, white: Array) -> Array:
        """What `white` made of points, undone, (n, K)."""
        return np.asarray(white @ np.linalg.inv(self.matrix) * self.scale + self.mean)

    def deviations(self, values: Array) -> Array:
        """How far every coordinate of points (n, K) is from what the others predict, in standard deviations, (n, K).

        Linear prediction with the training points' covariance C: (C^-1 d)_j / sqrt((C^-1)_jj) for a difference d
        from their mean.
        """
        precision = self.matrix @ self.matrix.T
        return np.asarray(((values - self.mean) / self.scale) @ precision / np.sqrt(np.diag(precision)))


def kth_distance(points: Array, training: Array, neighbour: int, *, own: bool = False) -> Array:
    """Distance of points (n, K) to their `neighbour`-th nearest of training points (m, K), shape (n,).

    `own`: the points are among the training points, and are not their own neighbours.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=neighbour + int(own), algorithm="brute").fit(training)
    return np.asarray(search.kneighbors(points)[0][:, -1])


@dataclass(frozen=True)
class Summariser:
    """Numbers that describe catalogues.

    Parameters
    ----------
    features : tuple of str
        Of the clusters, F of them.
    inner : Space
        Of training clusters about the means of their own catalogues.
    typical : ndarray, shape (F (F - 1) / 2,)
        Fisher's z of the correlations of two features, in training catalogues.
    """

    features: tuple[str, ...]
    inner: Space
    typical: Array

    @classmethod
    def of(cls, training: Catalogues) -> Summariser:
        """Learn from training catalogues what scatters and correlations are usual."""
        first = cls(training.layout.names, Space.of(_centred(training)), np.zeros(1))
        z = first._fisher(training)
        return cls(first.features, first.inner, np.average(z, axis=0, weights=training.size))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of `distributions`."""
        kinds = ("mean {}", "ln scatter of {}", "ln scatter of {} at fixed other features")
        tails = tuple(f"{q:.0%} point of {{}} about its mean" for q in TAILS)
        return ("ln N", *(kind.format(name) for kind in (*kinds, *tails) for name in self.features))

    @property
    def pairs(self) -> tuple[str, ...]:
        """Names of the columns of `correlations`."""
        names = self.features
        return tuple(f"correlation of {names[i]} and {names[j]}" for i, j in zip(*self._places, strict=True))

    @property
    def _places(self) -> tuple[Array, Array]:
        return np.triu_indices(len(self.features), 1)

    def distributions(self, catalogues: Catalogues) -> Array:
        """ln N; of every feature mean, ln scatter, ln scatter about what the others predict, and tails: (P, 1 + 5 F).

        Scatters count one cluster as training clusters are on average, so that single clusters have one too.
        """
        centred, size = _centred(catalogues), catalogues.size[:, None]
        mean = totals(catalogues.features.astype(float), catalogues) / size
        parts = ((centred / self.inner.scale) ** 2, self.inner.deviations(centred + self.inner.mean) ** 2)
        scatter, rest = (0.5 * np.log((totals(part, catalogues) + 1) / (size + 1)) for part in parts)
        tails = np.stack([_quantiles(column, catalogues) for column in centred.T], axis=-1)
        return np.column_stack([np.log(catalogues.size), mean, scatter, rest, *tails])

    def correlations(self, catalogues: Catalogues) -> Array:
        """Fisher's z of the correlation of every pair of features, less the usual one, times root N: (P, pairs)."""
        return np.sqrt(catalogues.size)[:, None] * (self._fisher(catalogues) - self.typical)

    def _fisher(self, catalogues: Catalogues) -> Array:
        unit = _centred(catalogues) / self.inner.scale
        square = totals(unit**2, catalogues) + 1
        first, second = self._places
        ends = zip(catalogues.first, catalogues.first + catalogues.size, strict=True)
        product = np.array([(unit[a:b].T @ unit[a:b])[first, second] for a, b in ends])
        return np.arctanh(0.9999 * product / np.sqrt(square[:, first] * square[:, second]))


def _centred(catalogues: Catalogues) -> Array:
    """Features less their mean in each catalogue, (n, F)."""
    values = catalogues.features.astype(float)
    return values - (totals(values, catalogues) / catalogues.size[:, None])[catalogues.row]


def totals(values: Array, catalogues: Catalogues) -> Array:
    """Sums over the clusters of each catalogue, (P, K), of values (n, K)."""
    return np.add.reduceat(values, catalogues.first, axis=0)


def _quantiles(values: Array, catalogues: Catalogues) -> Array:
    """Quantiles at `TAILS` of `values` (n,) in each catalogue, interpolated linearly, (2, P)."""
    size, row = catalogues.size, catalogues.row
    table = np.full((len(size), int(size.max())), np.inf)
    table[row, np.arange(len(row)) - catalogues.first[row]] = values
    table.sort(axis=1)
    place = np.array(TAILS)[:, None] * (size - 1)
    below = np.floor(place).astype(int)
    each = np.arange(len(size))
    low, high = table[each, below], table[each, np.minimum(below + 1, size - 1)]
    return np.asarray(low + (place - below) * (high - low))
