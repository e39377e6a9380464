"""Averages of tabulated numbers over Gaussians, and cubics through tables."""

from __future__ import annotations

import numpy as np

from ...core.arrays import Array
from ...model.mixture import SQRT2PI

_TINY = np.finfo(float).tiny
MARGIN = 80
"""Cells by which tables reach beyond the mass grid."""
_NEGLIGIBLE = 1e-16
"""Smallest average, in units of the largest, that is told from none."""


def averaged(number: Array, width: Array, step: float) -> Array:
    """Averages of numbers (P, Z, M) over Gaussians of widths (P, J), on nodes 80 cells beyond; (P, J, Z, T).

    Gaussians are cut at eight widths.
    """
    nodes = number.shape[-1] + 2 * MARGIN
    averages = np.zeros((*width.shape, number.shape[1], nodes))
    for p, j in np.ndindex(*width.shape):
        reach = min(int(8 * width[p, j] / step), nodes - 1)
        u = step * np.arange(-reach, reach + 1) / width[p, j]
        kernel = np.exp(-0.5 * u * u) / (SQRT2PI * width[p, j])
        skipped = max(reach - MARGIN, 0)
        for z, values in enumerate(number[p]):
            mine = np.convolve(values, kernel)[skipped : skipped + nodes]
            start = max(MARGIN - reach, 0)
            averages[p, j, z, start : start + len(mine)] = mine
    return averages


def log_averaged(number: Array, width: Array, step: float) -> Array:
    """ln of `averaged`, bounded far outside the abundance."""
    averages = averaged(number, width, step)
    log_averages: Array = np.log(
        np.maximum(averages, np.maximum(_NEGLIGIBLE * averages.max(axis=-1, keepdims=True), _TINY))
    )
    return log_averages


def cubic_value(table: Array, index: Array, position: Array) -> Array:
    """Cubic through four nodes of uniform tables (R, T) at positions in units of the spacing."""
    last = table.shape[1] - 1
    position = np.clip(position, 1.0, last - 1.0)
    cell = np.minimum(position.astype(int), last - 2)
    u = position - cell
    flat, start = table.ravel(), index * (last + 1) + cell
    before, here, after, beyond = (np.take(flat, start + k) for k in (-1, 0, 1, 2))
    a1 = (-2 * before - 3 * here + 6 * after - beyond) / 6
    a2 = (before - 2 * here + after) / 2
    a3 = (beyond - before + 3 * (here - after)) / 6
    value: Array = here + u * (a1 + u * (a2 + u * a3))
    return value
