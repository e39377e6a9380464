"""How summaries of catalogues are distributed at a given number of clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from forecast.core.arrays import Array
from forecast.core.errors import InputError

HALVED = 8
"""Clusters of the smallest catalogues whose halves tell what the draw of clusters does to summaries."""
_DEGREE, _RIDGE = 3, 1e-6


@dataclass(frozen=True)
class Sample:
    """Summaries of P catalogues, to learn a law from.

    Parameters
    ----------
    values : ndarray, shape (P, K)
    size : ndarray of int, shape (P,)
        Clusters.
    noise : ndarray, shape (P, K)
        Of each catalogue the difference of its halves' summaries, times the root of the reduced size
        1 / (1/n1 + 1/n2); not looked at in catalogues of fewer than `HALVED` clusters.
    """

    values: Array
    size: Array
    noise: Array

    def without(self, index: Array) -> Sample:
        """Without some of the catalogues."""
        values, noise = (np.delete(x, index, axis=0) for x in (self.values, self.noise))
        return Sample(values, np.delete(self.size, index), noise)


@dataclass(frozen=True)
class Law:
    """K summaries of catalogues of N clusters: mean cubic in ln N, covariance A + B / N.

    A is the spread from one universe and one set of relations to the next, B / N that of the clusters drawn. In the
    directions that make B the identity, A is diagonal.

    Parameters
    ----------
    sizes : tuple of two ints
        Smallest and largest N; means beyond are those there.
    coefficients : ndarray, shape (4, K)
        Of the mean.
    scale : ndarray, shape (K,)
        Standard deviation about it.
    directions : ndarray, shape (K, K)
        Columns, for summaries in units of `scale`.
    intrinsic : ndarray, shape (K,)
        Diagonal of A there.
    """

    sizes: tuple[int, int]
    coefficients: Array
    scale: Array
    directions: Array
    intrinsic: Array

    @classmethod
    def of(cls, sample: Sample) -> Law:
        """Learn from catalogues, each weighted by its clusters; the covariance of their noise is B.

        Raises
        ------
        InputError
            If no catalogue has `HALVED` clusters.
        """
        values, size = sample.values, sample.size
        large = size >= HALVED
        if not large.any():
            raise InputError(
                f"not one catalogue has {HALVED} clusters: they are too small to tell later whether another is like "
                "them; draw a larger survey"
            )
        ends, root = (int(size.min()), int(size.max())), np.sqrt(size)[:, None]
        terms = _powers(size, ends)
        coefficients = np.linalg.lstsq(terms * root, values * root, rcond=None)[0]
        difference = (values - terms @ coefficients) * root
        scale = np.sqrt(np.sum(difference**2, axis=0) / size.sum())
        scale = np.where(scale > 1e-9, scale, 1.0)
        difference, drawn = difference / scale, sample.noise[large] / scale * root[large]
        sampling = drawn.T @ drawn / size[large].sum()
        sampling += _RIDGE * np.trace(sampling) / len(sampling) * np.eye(len(sampling))
        between = (difference.T @ difference - len(size) * sampling) / size.sum()
        intrinsic, directions = eigh(between, sampling)
        return cls(
            sizes=ends,
            coefficients=coefficients,
            scale=scale,
            directions=directions,
            intrinsic=np.maximum(intrinsic, 0.0),
        )

    def distances(self, values: Array, size: Array) -> Array:
        """ln of the mean square of whitened differences from the mean at N, shape (P,)."""
        along, precision = self._along(values, size)
        return np.asarray(np.log(np.maximum(np.mean(along**2 * precision, axis=1), 1e-12)))

    def deviations(self, values: Array, size: Array) -> Array:
        """How far every summary is from what N and the others predict, in standard deviations, (P, K)."""
        residual = self.residual(size)
        along, precision = self._along(values, size)
        return np.asarray((along * precision) @ self.directions.T * residual / self.scale)

    def residual(self, size: Array) -> Array:
        """Standard deviation of every summary about what N and the others predict, (P, K)."""
        precision = 1 / (self.intrinsic + 1 / size[:, None])
        return np.asarray(self.scale / np.sqrt(precision @ (self.directions.T**2)))

    def _along(self, values: Array, size: Array) -> tuple[Array, Array]:
        """Differences from the mean along the directions, and the inverse of their variances, (P, K) each."""
        difference = (values - _powers(size, self.sizes) @ self.coefficients) / self.scale
        return difference @ self.directions, 1 / (self.intrinsic + 1 / size[:, None])


def _powers(size: Array, ends: tuple[int, int]) -> Array:
    """Powers of ln N within `ends`, (P, 4)."""
    return np.vander(np.log(np.clip(size, *ends)) - np.log(max(ends[1], 2)), _DEGREE + 1)
