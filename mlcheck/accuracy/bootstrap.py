"""Bootstrap over whole catalogues: clusters of one catalogue share its parameters and are not independent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from .halves import Estimate

REPLICATES = 100
"""Give errors to 7%."""
_FEWEST = 10


def replicate_weights(catalogues: int, replicates: int, *, rng: np.random.Generator) -> Array:
    """How often each catalogue is drawn, shape (replicates, catalogues).

    Raises
    ------
    InputError
        If there are too few catalogues to resample.
    """
    if catalogues < _FEWEST:
        raise InputError(f"{catalogues} catalogues are too few for a bootstrap; give at least {_FEWEST}")
    return rng.multinomial(catalogues, np.full(catalogues, 1 / catalogues), size=replicates).astype(float)


def estimates(
    compute: Callable[[Array], Array], catalogues: int, *, rng: np.random.Generator, replicates: int = REPLICATES
) -> tuple[Estimate, ...]:
    """Numbers with errors from resampled catalogues.

    Parameters
    ----------
    compute : callable
        From weights of catalogues, shape (R, P), to numbers, shape (R, K).
    catalogues : int
        P.
    rng : numpy.random.Generator
    replicates : int

    Raises
    ------
    InputError
        If there are too few catalogues to resample.
    """
    weights = replicate_weights(catalogues, replicates, rng=rng)
    value, spread = compute(np.ones((1, catalogues)))[0], np.std(compute(weights), axis=0, ddof=1)
    return tuple(Estimate(float(v), float(e)) for v, e in zip(value, spread, strict=True))


def correlation_with(first: Array, others: Array, weight: Array) -> Array:
    """Weighted Pearson correlations (K,) of `first` (n,) with the columns of `others` (n, K)."""
    total = weight.sum()
    x, y = first - weight @ first / total, others - weight @ others / total
    correlation: Array = (weight * x) @ y / np.sqrt((weight @ x**2) * (weight @ y**2))
    return correlation


@dataclass(frozen=True)
class Ranking:
    """Values sorted once, so that ranks under any weights are cheap.

    Parameters
    ----------
    place : ndarray of int, shape (n,)
        Of each value among the distinct ones, ascending.
    """

    place: Array

    @classmethod
    def of(cls, values: Array) -> Ranking:
        """Ranking of values (n,)."""
        return cls(np.unique(values, return_inverse=True)[1])

    def ranks(self, weight: Array) -> Array:
        """Mean rank (n,) of each value where value i is there `weight[i]` times; ties share theirs."""
        count = np.bincount(self.place, weights=weight)
        return (np.cumsum(count) - 0.5 * count + 0.5)[self.place]


@dataclass(frozen=True)
class Tally:
    """Counts of each catalogue's values in narrow bins, from which quantiles of resampled catalogues follow.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        At equal numbers of values.
    counts : ndarray, shape (P, B)
    """

    edges: Array
    counts: Array

    @classmethod
    def of(cls, values: Array, row: Array, catalogues: int, bins: int = 500) -> Tally:
        """Of values (n,) in catalogues `row` (n,)."""
        edges = np.quantile(values, np.linspace(0, 1, bins + 1))
        at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
        counts = np.bincount(row * bins + at, minlength=catalogues * bins).reshape(catalogues, bins)
        return cls(edges, counts.astype(float))

    def quantiles(self, weights: Array, probabilities: Array) -> Array:
        """Quantiles (R, Q) where catalogues have weights (R, P)."""
        below = np.cumsum(weights @ self.counts, axis=1)
        share = np.concatenate([np.zeros((len(below), 1)), below / below[:, -1:]], axis=1)
        return np.array([np.interp(probabilities, one, self.edges) for one in share])
