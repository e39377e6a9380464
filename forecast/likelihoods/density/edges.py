"""Upper limits as data: the chance that a measurement stayed below its limit, a smooth edge in what was measured.

A linear measurement X + e of a quantity X with Gaussian noise e of width sigma was not significant: it fell below
X_lim, and that was published. Its chance at a true X is Phi[(X_lim - X) / sigma]. Where sigma is not published, the
limit of one-sided confidence c is z_c times it, Phi(z_c) = c: what a measurement that found nothing leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import special

from ...core.arrays import Array
from ...core.units import LN10

NARROW = 0.15
"""Width, in units of the limit, below which an edge is a sum of normal integrals in log10 X, right to 5e-4."""
_PARTS, _DENSE, _FEW, _MANY = 10, 0.25, 12, 24
_FAR = 20.0


def chance_of_limit(log_true: Array, limit: Array, width: Array) -> Array:
    """Chance of a limit at log10 of the true value; all broadcast.

    Parameters
    ----------
    log_true : ndarray
    limit : ndarray
        log10 of the limit.
    width : ndarray
        Noise of the measurement in units of the limit.
    """
    over = np.exp(LN10 * np.minimum(log_true - limit, _FAR))
    chance: Array = special.ndtr((1 - over) / width)
    return chance


def width_of_confidence(confidence: float) -> float:
    """Noise in units of the limit of a one-sided confidence, of a measurement that found nothing.

    >>> round(1 / width_of_confidence(0.99865), 2)
    3.0
    """
    return 1.0 / float(special.ndtri(confidence))


@dataclass(frozen=True)
class Edges:
    """Limits of one observable, one for each of n clusters: all wide, or all narrower than `NARROW`.

    Parameters
    ----------
    limit : ndarray, shape (n,)
        log10.
    width : ndarray, shape (n,)
        Noise in units of the limit.
    """

    limit: Array
    width: Array

    def part(self, chosen: Array) -> Edges:
        """Those of some clusters."""
        return Edges(self.limit[chosen], self.width[chosen])

    def at(self, log_true: Array) -> Array:
        """Chance of each limit at log10 of true values (n, ...)."""
        return chance_of_limit(log_true, *(_column(x, log_true) for x in (self.limit, self.width)))

    def averaged(self, mean: Array, spread: Array) -> Array:
        """Chance of each limit where log10 of true values is a Gaussian; `mean` and `spread` broadcast to (n, ...)."""
        if len(self.width) and self.width.max() < NARROW:
            return self._of_parts(mean, spread)
        few = not len(self.width) or self.width.min() >= _DENSE
        nodes, weights = hermite(_FEW if few else _MANY)
        total: Array = np.zeros(np.broadcast_shapes(mean.shape, spread.shape))
        for x, w in zip(nodes, weights, strict=True):
            total += w * self.at(mean + x * spread)
        return total

    def _of_parts(self, mean: Array, spread: Array) -> Array:
        total: Array = np.zeros(np.broadcast_shapes(mean.shape, spread.shape))
        for weight, offset, width in zip(*self._parts, strict=True):
            a, o, s = (_column(x, total) for x in (weight, self.limit + offset, width))
            total += a * special.ndtr((o - mean) / np.hypot(s, spread))
        return np.maximum(total, 0.0)

    @cached_property
    def _parts(self) -> tuple[Array, Array, Array]:
        """Weights, offsets from the limit and widths of normal integrals that make the edges, (K, n) each."""
        known, place = np.unique(self.width, return_inverse=True)
        each = np.array([_normal_integrals(float(w)) for w in known])  # (W, 3, K)
        weight, offset, width = np.moveaxis(each[place.ravel()], 0, 2)
        return weight, offset, width

    @property
    def scale(self) -> Array:
        """Width of each edge in log10 X, dex, where it is steep, (n,)."""
        return np.asarray(self.width / (1 + self.width) / LN10)


@lru_cache(maxsize=8)
def hermite(size: int) -> tuple[Array, Array]:
    """Nodes and weights of averages over a normal number."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(size)
    return nodes, weights / weights.sum()


def _normal_integrals(width: float) -> tuple[Array, Array, Array]:
    """Weights, offsets and widths, dex, of normal integrals that make a narrow edge: least squares."""
    low, high = np.log10(1 + 3 * width * np.array([-1.0, 1.0]))
    offset = np.linspace(low, high, _PARTS)
    spread = np.full(_PARTS, offset[1] - offset[0])
    u = np.linspace(low - 6 * spread[0], high + 6 * spread[0], 400)
    parts = special.ndtr((offset - u[:, None]) / spread)
    weight = np.linalg.lstsq(parts, chance_of_limit(u, np.array(0.0), np.array(width)), rcond=1e-8)[0]
    return weight, offset, spread


def _column(x: Array, like: Array) -> Array:
    """Numbers of clusters, (n,), shaped to broadcast against (n, ...)."""
    return np.reshape(x, (-1,) + (1,) * (np.ndim(like) - 1))
