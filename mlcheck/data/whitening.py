"""Matrices that take a set of features to uncorrelated ones of unit variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array


@dataclass(frozen=True)
class Whitening:
    """Mean (F,) and matrix (F, F) that whiten scaled features."""

    mean: tuple[float, ...]
    matrix: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, scaled: Array, floor: float = 1e-4) -> Whitening:
        """Of training clusters' scaled features, shape (n, F); directions below `floor` of the largest are damped."""
        mean = scaled.mean(axis=0, dtype=float)
        covariance = np.atleast_2d(np.cov(scaled - mean, rowvar=False, dtype=float))
        values, vectors = np.linalg.eigh(covariance)
        largest = max(float(values[-1]), 1e-12)
        vectors = vectors * np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(len(values))])
        matrix = vectors / np.sqrt(np.maximum(values, floor**2 * largest))
        return cls(tuple(mean.tolist()), tuple(tuple(row) for row in matrix.tolist()))

    @property
    def lists(self) -> tuple[list[float], list[list[float]]]:
        """Mean and matrix as lists."""
        return list(self.mean), [list(row) for row in self.matrix]


Whitenings = tuple[Whitening, Whitening | None]
"""Of the main and of the supplementary features, if there are any."""
