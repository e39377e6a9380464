"""Chance of detection of clusters whose measured fluxes scatter about what is expected, for very many of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from ...core.arrays import Array
from .curve import Detection

Chance = Callable[[Array], Array]
"""Of detection at expected fluxes over the reference flux, log10, in units of their scatter."""
_FEW = 3
"""Parts of a chance up to which each is evaluated at every flux."""
_COARSE, _FINER, _REACH = 0.25, 4, 5.0
"""Spacing of nodes in units of the scatter between which cubics are right to 1e-4, number of those in its place on
which linear interpolation is right to 1e-4, and widths beyond which nothing changes."""
_NARROW = 1.3
"""Ratio of spreads up to which a parabola between them is right to 2e-4."""
_STEP = _COARSE / _FINER
_T = np.arange(_FINER) / _FINER
_CUBICS = np.stack(
    [
        -_T * (_T - 1) * (_T - 2) / 6,
        (_T + 1) * (_T - 1) * (_T - 2) / 2,
        -(_T + 1) * _T * (_T - 2) / 2,
        (_T + 1) * _T * (_T - 1) / 6,
    ]
)
"""Weights of four nodes at the finer ones after the second, (4, n)."""


def smeared(detection: Detection, spread: Array) -> Chance:
    """Chance against significance, (P, K, Q), of a `spread` in dex, (P, 1, 1), or of one that broadcasts.

    Parameters
    ----------
    detection : Detection
        Weights that broadcast to (P, K, 1), offsets and widths to (P, 1, 1).
    spread : ndarray
    """
    if np.shape(spread)[-1:] != (1,) and np.all(spread == spread[..., :1]):
        spread = spread[..., :1]
    if len(detection.offset) > _FEW and np.ndim(spread) == 3 and spread.shape[1] == 1:
        if spread.shape[2] == 1:
            return _tabulated(detection, spread)
        low, high = spread.min(axis=2, keepdims=True), spread.max(axis=2, keepdims=True)
        if float((high / low).max()) < _NARROW:
            return _between(detection, (low, high), spread)
    return lambda significance: detection.smeared(significance * spread, spread)


def _between(detection: Detection, ends: tuple[Array, Array], spread: Array) -> Chance:
    """The same of spreads (P, 1, Q) between two (P, 1, 1): at given fluxes a parabola in the log of the spread."""
    low, ratio = ends[0], ends[1] / ends[0]
    t = np.log(spread / low) / np.maximum(np.log(ratio), np.finfo(float).tiny)
    weights = (2 * (t - 0.5) * (t - 1), -4 * t * (t - 1), 2 * t * (t - 0.5))
    nodes = [low * ratio**place for place in (0.0, 0.5, 1.0)]
    each = [(weight, spread / node, _tabulated(detection, node)) for weight, node in zip(weights, nodes, strict=True)]
    return lambda significance: np.sum(
        [weight * chance(significance * scale) for weight, scale, chance in each], axis=0
    )


def _tabulated(detection: Detection, spread: Array) -> Chance:
    """The same from a table, one row for each parameter vector and redshift."""
    width = spread[..., 0]  # (P, 1)
    offset, own = (np.concatenate(_columns(x), axis=1) for x in (detection.offset, detection.width))
    middle, blur = offset / width, np.hypot(width, own) / width  # (P, I) each, in units of the scatter
    low, high = float((middle - _REACH * blur).min()), float((middle + _REACH * blur).max())
    nodes = np.arange(low - _COARSE, high + 2 * _COARSE, _COARSE)
    rise = (nodes[:, None] - middle[:, None, :]) / blur[:, None, :]  # (P, N, I)
    special.ndtr(rise, out=rise)
    weight = np.stack(np.broadcast_arrays(*(np.reshape(x, _full(x)) for x in detection.weight)), axis=-1)[..., 0, :]
    coarse = np.matmul(weight, np.swapaxes(rise, 1, 2))  # (P, K, N)
    return _Lookup(_finer(coarse), low)


def _finer(coarse: Array) -> Array:
    """A table with more nodes, from the second to the last but one, and never below zero."""
    size = coarse.shape[2] - 3
    fine = np.empty((*coarse.shape[:2], size * _FINER))
    nodes, term = [coarse[..., i : i + size] for i in range(len(_CUBICS))], np.empty((*coarse.shape[:2], size))
    fine[..., ::_FINER] = nodes[1]
    for k, weight in list(enumerate(_CUBICS.T))[1:]:
        part = weight[1] * nodes[1]
        for i in (0, 2, 3):
            part += np.multiply(nodes[i], weight[i], out=term)
        fine[..., k::_FINER] = part
    return np.maximum(fine, 0.0, out=fine)


def _full(x: Array | float) -> tuple[int, ...]:
    """Shape of a weight with all three axes."""
    shape = np.shape(x)
    return (1,) * (3 - len(shape)) + shape


def _columns(values: tuple[float, ...]) -> list[Array]:
    """Offsets or widths as columns (P or 1, 1) that broadcast."""
    columns = [np.reshape(x, (-1, 1)) for x in values]
    size = max(len(x) for x in columns)
    return [np.broadcast_to(x, (size, 1)) for x in columns]


class _Lookup:
    """Linear interpolation in a table (P, K, N) that begins at `low`."""

    def __init__(self, table: Array, low: float) -> None:
        self._table, self._low = table, low

    def __call__(self, significance: Array) -> Array:
        shape = np.broadcast_shapes((*self._table.shape[:2], 1), significance.shape)
        last = self._table.shape[2] - 1
        position = (significance - self._low) / _STEP
        position = np.clip(position, 0.0, last - 1e-9, out=position)
        cell = position.astype(np.intp)
        position -= cell
        first = np.arange(self._table.shape[0] * self._table.shape[1]).reshape(*self._table.shape[:2], 1) * (last + 1)
        cell = np.broadcast_to(cell + first, shape)
        flat = self._table.ravel()
        here, rise = np.take(flat, cell), np.take(flat, cell + 1)
        rise -= here
        rise *= position
        here += rise
        return here
