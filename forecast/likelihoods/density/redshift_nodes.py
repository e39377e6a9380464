"""Nodes in redshift: knots to interpolate between, and Gauss rules of the laws of single redshifts, cut at edges.

On every stretch between edges a rule of n nodes is right for polynomials of degree 2 n - 1 times the law of the
redshift (Golub & Welsch 1969). The smallest n is taken that is right for what observables may make of the redshift:
Gaussians in ln z of the width that the cluster's errors and the scatters leave open whatever its mass, tilted to either
side, times a volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...core.arrays import Array
from ...survey.shells import Geometry

_DENSE, _MOST = 48, 12
"""Legendre nodes of a stretch that stand for its integral; largest rule."""
_PRECISION = 1e-5
_SIDES, _POWERS = (-1.0, 0.0, 1.0), (0.0, 3.0)
_SHARP = 1.5
"""Errors, in units of the redshifts that observables tell, beyond which it is they that nodes must resolve."""
_RESOLVED = 0.9
"""Nodes are as far apart then as this part of what observables, and the law, tell of redshift, both at once."""
_TINY = np.finfo(float).tiny
_KNOTS = 96
"""Knots of all shells at least: coefficients of tinker08 have kinks in redshift that move with the matter density."""


@dataclass(frozen=True)
class Measured:
    """Measured redshifts of Q clusters and how sharply their observables depend on the true ones.

    Parameters
    ----------
    z, error : ndarray, shape (Q,)
    change : ndarray, shape (Q,)
        Change by redshift, in units of scatters and errors, of what the observables say whatever the mass.
    tilt : ndarray, shape (Q,)
        Largest change of ln density by redshift.
    """

    z: Array
    error: Array
    change: Array
    tilt: Array

    def __getitem__(self, part: Array) -> Measured:
        return Measured(self.z[part], self.error[part], self.change[part], self.tilt[part])


@dataclass(frozen=True)
class Stretches:
    """Redshifts between edges that clusters may have: S stretches, those of a cluster side by side.

    Parameters
    ----------
    cluster : ndarray of int, shape (S,)
    low, high : ndarray, shape (S,)
    """

    cluster: Array
    low: Array
    high: Array

    @classmethod
    def between(cls, edges: Array, low: Array, high: Array) -> Stretches:
        """Of clusters from `low` to `high`, (Q,), the parts within each pair of edges."""
        starts, ends = np.maximum(low[:, None], edges[:-1]), np.minimum(high[:, None], edges[1:])
        cluster, shell = np.nonzero(starts < ends)
        return cls(cluster, starts[cluster, shell], ends[cluster, shell])

    def legendre(self, number: int) -> tuple[Array, Array]:
        """Nodes and weights, (S, n) each."""
        x, w = np.polynomial.legendre.leggauss(number)
        middle, half = 0.5 * (self.low + self.high)[:, None], 0.5 * (self.high - self.low)[:, None]
        return middle + half * x, half * w


def redshift_nodes(
    measured: Measured, stretches: Stretches, log_density: Callable[[Array, Array], Array]
) -> tuple[Array, Array, Array]:
    """Cluster, redshift and log weight of every node, (n,) each; nodes of a cluster are side by side.

    Parameters
    ----------
    measured : Measured
    stretches : Stretches
    log_density : callable
        ln of the density of the measured redshifts of clusters (S, 1) at true ones (S, N).
    """
    at, weight = stretches.legendre(_DENSE)
    mine = measured[stretches.cluster]
    weight = weight * np.exp(log_density(stretches.cluster[:, None], at))
    test = _tests(mine, at)
    exact = np.einsum("sm,ksm->ks", weight, test)
    whole = np.array([np.bincount(stretches.cluster, x, len(measured.z)) for x in exact])[:, stretches.cluster]
    found: list[tuple[Array, Array, Array]] = []
    sharp = mine.change * mine.error > _SHARP
    left, jacobi, total = np.flatnonzero(~sharp), _jacobi(at, weight), weight.sum(axis=1)
    for n in range(1, _MOST + 1):
        z, w = _rule(jacobi[left], total[left], n)
        error = np.abs(np.einsum("sn,ksn->ks", w, _tests(mine[left], z)) - exact[:, left])
        good = np.all(error <= _PRECISION * np.maximum(whole[:, left], _TINY), axis=0)
        found.append((left[good], z[good], w[good]))
        left = left[~good]
    for s in [*left, *np.flatnonzero(sharp)]:
        one = Stretches(*(x[[s]] for x in (stretches.cluster, stretches.low, stretches.high)))
        step = _RESOLVED / float(np.hypot(1 / mine.error[s], mine.change[s]))
        z, w = one.legendre(4 + int(np.ceil((one.high[0] - one.low[0]) / step)))
        found.append((np.array([s]), z, w * np.exp(log_density(one.cluster[:, None], z))))
    stretch = np.concatenate([np.repeat(s, z.shape[1]) for s, z, _ in found])
    order = np.argsort(stretch, kind="stable")
    z, w = (np.concatenate([np.ravel(part[i]) for part in found])[order] for i in (1, 2))
    return stretches.cluster[stretch[order]], z, np.log(np.maximum(w, _TINY))


def _tests(measured: Measured, at: Array) -> Array:
    """What observables and volumes may make of redshifts (S, N), (K, S, N)."""
    growth = np.log(np.maximum(at, _TINY) / measured.z[:, None])
    told, tilt = ((x * measured.z)[:, None] * growth for x in (measured.change, measured.tilt))
    return np.array([np.exp(p * growth - 0.5 * told**2 + side * tilt) for side in _SIDES for p in _POWERS])


def _jacobi(at: Array, weight: Array) -> Array:
    """Matrices (S, n, n) of the recurrence of polynomials orthogonal under weights (S, M) at nodes (S, M): Lanczos."""
    scale = np.ptp(at, axis=1, keepdims=True)
    x = (at - at[:, :1]) / scale
    known = [np.sqrt(weight / weight.sum(axis=1, keepdims=True))]
    matrix = np.zeros((len(at), _MOST, _MOST))
    for i in range(_MOST):
        following = x * known[i]
        for _ in range(2):  # once more, against rounding
            for k, one in enumerate(known):
                part = np.einsum("sm,sm->s", following, one)
                following = following - part[:, None] * one
                matrix[:, i, k] += part
        size = np.linalg.norm(following, axis=1, keepdims=True)
        if i + 1 < _MOST:
            known.append(following / np.maximum(size, _TINY))
    diagonal, below = np.eye(_MOST) * matrix, np.eye(_MOST, k=-1) * matrix
    matrix = diagonal + below + np.swapaxes(below, 1, 2)
    return np.asarray(matrix * scale[..., None] + at[:, :1, None] * np.eye(_MOST))


def _rule(jacobi: Array, total: Array, n: int) -> tuple[Array, Array]:
    """Nodes and weights (S, n) from the recurrences and the sums of the weights."""
    z, vector = np.linalg.eigh(jacobi[:, :n, :n])
    return z, total[:, None] * vector[:, 0, :] ** 2


@dataclass(frozen=True)
class Knots:
    """Knots in redshift, and what clusters (Q,) take from them.

    Parameters
    ----------
    z : ndarray, shape (Z,)
    shell : ndarray of int, shape (Z,)
        The shell of each.
    cell : ndarray of int, shape (Q,)
        First of the knots about each cluster.
    weight : ndarray, shape (Q, 4) or (Q, 1)
        Of that knot and the following ones.
    """

    z: Array
    shell: Array
    cell: Array
    weight: Array

    @classmethod
    def of(cls, geometry: Geometry, edges: Sequence[float], z: Array) -> Knots:
        """Uniform in z^(1/3) in each shell, for cubics none of which crosses its edges, where numbers may jump.

        Parameters
        ----------
        geometry : Geometry
        edges : sequence of float
            Of true redshifts.
        z : ndarray, shape (Q,)
        """
        size = max(8, math.ceil(_KNOTS / geometry.shell_count))
        knots = [np.linspace(max(np.cbrt(low), 0.02), np.cbrt(high), size) for low, high in pairwise(edges)]
        mine = np.searchsorted(edges[1:-1], z)
        cell, weight = np.zeros(len(z), dtype=int), np.zeros((len(z), 4))
        for i, knot in enumerate(knots):
            inside = mine == i
            first, weight[inside] = _lagrange(knot, np.cbrt(z[inside]))
            cell[inside] = first + i * size
        shell = np.repeat([part.number for part in geometry.parts], size)
        return cls(np.concatenate(knots) ** 3, shell, cell, weight)


def _lagrange(knots: Array, x: Array) -> tuple[Array, Array]:
    """First of four uniform knots around each x, and the cubic's weights on them, (Q,) and (Q, 4)."""
    position = (x - knots[0]) / (knots[1] - knots[0])
    cell = np.clip(np.floor(position).astype(int) - 1, 0, len(knots) - 4)
    return cell, lagrange_weights(position - cell, 4)


def lagrange_weights(t: Array, size: int) -> Array:
    """Weights of uniform nodes at 0, 1, ... in the polynomial through so many of them at `t`, (..., n)."""
    others = [[m for m in range(size) if m != k] for k in range(size)]
    weights = [math.prod(((t - m) / (k - m) for m in rest), start=np.ones_like(t)) for k, rest in enumerate(others)]
    return np.stack(weights, axis=-1)
