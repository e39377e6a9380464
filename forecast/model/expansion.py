"""Averages of an abundance over Gaussians in mass, from local cubics of its logarithm."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from ..core.arrays import Array
from .mixture import SQRT2PI

WIDEST_EXPANSION = 0.07
"""Width in log10 M, dex, up to which ln abundance around a mass is a local cubic (to 0.3%)."""

_RULES = ((0.8, 5), (1.25, 8))
"""Change of a chance of selection over one scatter of Y_X, in its own widths, that so many nodes resolve to 1e-4."""

STEEPEST = _RULES[-1][0]


def sum_of_expansions(
    log_number: Array, position: Array, step: Array, chance: tuple[Array, Array], rule: tuple[Array, Array]
) -> Array:
    """Gauss-Hermite sum over the residual of Y_X of abundance times chance, with ln abundance a cubic about each mass.

    Parameters
    ----------
    log_number : ndarray, shape (P, K, M)
    position : ndarray, shape (P, K, Q)
        Mass of each Y_X, in grid cells; it moves by `step` cells with each unit of the residual.
    step : ndarray
    chance : tuple of ndarray
        Of selection: a normal integral up to the first plus the second times the residual.
    rule : tuple of ndarray
        Nodes and weights of the sum.
    """
    significance, tilt = chance
    cubic = local_cubic(log_number, position)
    total: Array
    total, number, above = np.zeros((3, *np.broadcast_shapes(significance.shape, position.shape)))
    for node, weight in zip(*rule, strict=True):
        t = step * node
        np.multiply(cubic[3], t, out=number)
        for coefficient in (cubic[2], cubic[1]):
            number += coefficient
            number *= t
        number += cubic[0]
        np.exp(number, out=number)
        np.add(significance, tilt * node, out=above)
        number *= special.ndtr(above, out=above)
        number *= weight
        total += number
    return total


@lru_cache(maxsize=len(_RULES))
def _hermite(number: int) -> tuple[Array, Array]:
    """Nodes and weights of the average over a standard normal number."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(number)
    return nodes, weights / SQRT2PI


def rule_for(steepness: float) -> tuple[Array, Array]:
    """Nodes and weights that resolve a chance of selection of this steepness."""
    return _hermite(next((number for limit, number in _RULES if steepness <= limit), _RULES[-1][1]))


def local_cubic(table: Array, position: Array, stride: int = 2) -> tuple[Array, Array, Array, Array]:
    """Cubic through four nodes of a uniform table around each position, expanded about it.

    Parameters
    ----------
    table : ndarray, shape (P, K, M)
    position : ndarray, shape (P, K, Q)
        In units of the grid spacing; clipped to the table.
    stride : int
        Distance of the four nodes, grid cells.

    Returns
    -------
    tuple of four ndarrays, shape (P, K, Q)
        Coefficients of 1, t, t^2, t^3, t in units of the grid spacing.
    """
    last = table.shape[-1] - 1
    position = np.clip(position, 0.0, float(last))
    cell = np.clip(position.astype(int), stride, last - 2 * stride)
    rows = np.arange(table.shape[0] * table.shape[1]).reshape(table.shape[:2])[..., None] * (last + 1)
    flat, index = table.ravel(), rows + cell
    before, here, after, beyond = (np.take(flat, index + k * stride) for k in (-1, 0, 1, 2))
    a1 = (-2 * before - 3 * here + 6 * after - beyond) / 6
    a2 = (before - 2 * here + after) / 2
    a3 = (beyond - before + 3 * (here - after)) / 6
    u = (position - cell) / stride
    value = here + u * (a1 + u * (a2 + u * a3))
    slope = (a1 + u * (2 * a2 + u * 3 * a3)) / stride
    return value, slope, (a2 + 3 * a3 * u) / stride**2, a3 / stride**3
