"""Numbers that describe catalogues: means, scatters, tails and correlations of the features of their clusters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecast.core.arrays import Array

from ..data.catalogues import Catalogues
from ..data.layout import group_of
from ..data.whitening import Whitening

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

    def deviations(self, values: Array) -> Array:
        """How far every coordinate of points (n, K) is from what the others predict, in standard deviations, (n, K).

        Linear prediction with the training points' covariance C: (C^-1 d)_j / sqrt((C^-1)_jj) for a difference d
        from their mean.
        """
        precision = self.matrix @ self.matrix.T
        return np.asarray(((values - self.mean) / self.scale) @ precision / np.sqrt(np.diag(precision)))

    @property
    def residual(self) -> Array:
        """Standard deviation of every coordinate about what the others predict, 1 / sqrt((C^-1)_jj), (K,)."""
        return np.asarray(self.scale / np.sqrt(np.diag(self.matrix @ self.matrix.T)))


@dataclass(frozen=True)
class Summariser:
    """Turns catalogues into summaries: K = 5 F + F (F - 1) / 2 numbers for F features.

    Parameters
    ----------
    features : tuple of str
        Of the clusters, F of them.
    inner : Space
        Of training clusters about the means of their own catalogues.
    """

    features: tuple[str, ...]
    inner: Space

    @classmethod
    def of(cls, training: Catalogues) -> Summariser:
        """Learn from training catalogues what scatters are usual."""
        return cls(training.layout.names, Space.of(_centred(training)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of `summaries`: the F means come first, the correlations last."""
        kinds = ("mean {}", "ln scatter of {}", "ln scatter of {} at fixed other features")
        tails = tuple(f"{q:.0%} point of {{}} about its mean" for q in TAILS)
        names = self.features
        pairs = (f"correlation of {names[i]} and {names[j]}" for i, j in zip(*self._places, strict=True))
        return (*(kind.format(name) for kind in (*kinds, *tails) for name in names), *pairs)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """What the columns of `summaries` are about: columns of one kind and of the same quantities are alike."""
        about = [group_of(name) for name in self.features]
        kinds = ("mean", "scatter", "rest", *(f"{q:g}" for q in TAILS))
        pairs = (tuple(sorted((about[i], about[j]))) for i, j in zip(*self._places, strict=True))
        return (*((kind, name) for kind in kinds for name in about), *(("correlation", *pair) for pair in pairs))

    @property
    def _places(self) -> tuple[Array, Array]:
        return np.triu_indices(len(self.features), 1)

    def summaries(self, catalogues: Catalogues) -> Array:
        """Of every feature mean, ln scatter, ln scatter about what the others predict, tails; correlations: (P, K).

        Scatters count one cluster as training clusters are on average, so that single clusters have one too;
        correlations likewise, as Fisher's z.
        """
        centred = _centred(catalogues)
        mean = totals(catalogues.features.astype(float), catalogues) / catalogues.size[:, None]
        parts = ((centred / self.inner.scale) ** 2, self.inner.deviations(centred + self.inner.mean) ** 2)
        size = catalogues.size[:, None] + 1
        scatter, rest = (0.5 * np.log((totals(part, catalogues) + 1) / size) for part in parts)
        tails = np.stack([_quantiles(column, catalogues) for column in centred.T], axis=-1)
        return np.column_stack([mean, scatter, rest, *tails, self._fisher(centred / self.inner.scale, catalogues)])

    def _fisher(self, unit: Array, catalogues: Catalogues) -> Array:
        square = totals(unit**2, catalogues) + 1
        first, second = self._places
        ends = zip(catalogues.first, catalogues.first + catalogues.size, strict=True)
        product = np.array([(unit[a:b].T @ unit[a:b])[first, second] for a, b in ends])
        transformed: Array = np.arctanh(0.9999 * product / np.sqrt(square[:, first] * square[:, second]))
        return transformed

    def deviations(self, catalogues: Catalogues) -> Array:
        """How far every feature of every cluster is from what its others predict, in its own catalogue, (n, F).

        In standard deviations of training clusters. The mean of a catalogue of N clusters holds the cluster itself:
        differences from it are sqrt(1 - 1/N) too small, and zero for a single cluster.
        """
        size = catalogues.size.astype(float)
        scale = np.sqrt(size / np.maximum(size - 1, 1))[catalogues.row][:, None]
        deviations: Array = scale * self.inner.deviations(_centred(catalogues) + self.inner.mean)
        return deviations


@dataclass(frozen=True)
class Cloud:
    """Training catalogues as points: ln N, and all summaries but the correlations, whitened.

    Parameters
    ----------
    summariser : Summariser
    space : Space
    """

    summariser: Summariser
    space: Space

    @classmethod
    def of(cls, training: Catalogues) -> Cloud:
        """Of training catalogues."""
        found = cls(Summariser.of(training), Space(np.empty(0), np.empty(0), np.empty((0, 0))))
        return replace(found, space=Space.of(found.coordinates(training)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the coordinates."""
        return ("ln N", *self.summariser.names[: self._kept])

    @property
    def _kept(self) -> int:
        return (3 + len(TAILS)) * len(self.summariser.features)

    def coordinates(self, catalogues: Catalogues) -> Array:
        """Of P catalogues, not yet whitened, (P, K)."""
        return np.column_stack([np.log(catalogues.size), self.summariser.summaries(catalogues)[:, : self._kept]])

    def white(self, catalogues: Catalogues) -> Array:
        """Whitened coordinates of P catalogues, (P, K)."""
        return self.space.white(self.coordinates(catalogues))


def halves(catalogues: Catalogues, *, rng: np.random.Generator) -> tuple[Catalogues, Catalogues]:
    """Every catalogue divided at random into two of as many clusters; those of odd N differ by one."""
    order = np.lexsort((rng.random(len(catalogues.features)), catalogues.row))
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order)) - catalogues.first[catalogues.row]
    first = rank < (catalogues.size // 2)[catalogues.row]
    return catalogues.keep(first), catalogues.keep(~first)


def totals(values: Array, catalogues: Catalogues) -> Array:
    """Sums over the clusters of each catalogue, (P, K), of values (n, K)."""
    return np.add.reduceat(values, catalogues.first, axis=0)


def _centred(catalogues: Catalogues) -> Array:
    """Features less their mean in each catalogue, (n, F)."""
    values = catalogues.features.astype(float)
    return values - (totals(values, catalogues) / catalogues.size[:, None])[catalogues.row]


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
