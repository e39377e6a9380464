"""Sums of Gaussians for many parameter vectors at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.arrays import Array

CHUNK = 50_000
"""Elements per temporary array: what stays in the processor's cache."""

SQRT2PI = math.sqrt(2 * math.pi)


def columns(x: Any, ndim: int) -> Array:
    """Shape a per-parameter-vector quantity for broadcasting: (P,) -> (P, 1, ...)."""
    return np.reshape(np.asarray(x, dtype=float), (-1,) + (1,) * (ndim - 1))


def sum_of(parts: Iterable[Array]) -> Array:
    """Sum of arrays of one shape, in place."""
    first, *others = parts
    for other in others:
        first += other
    return first


def mixture(x: Array, mean: Array, weight: Array, scatter: Array, error: Array | float = 0.0) -> Array:
    """Sum of Gaussians: x (Q,), mean and weight (P, J), scatter (P, J or 1), error (Q,) -> density (P, Q)."""
    out = np.empty((len(weight), len(x)))
    mean, scatter = (np.broadcast_to(a, (len(weight), a.shape[1])) for a in (mean, scatter))
    error = np.broadcast_to(error, (len(x),)) if np.ndim(error) else np.reshape(error, (1,))
    rows = max(1, 8 * CHUNK // max(1, len(x) * weight.shape[1]))
    for start in range(0, len(weight), rows):
        part = slice(start, start + rows)
        width = np.hypot(scatter[part, None, :], error[:, None])  # (rows, Q or 1, J or 1)
        u = x[None, :, None] - mean[part, None, :]
        u /= width
        u *= u
        u *= -0.5
        np.exp(u, out=u)
        if width.shape[2] == 1:
            out[part] = np.matmul(u, weight[part, :, None])[..., 0] / (width[..., 0] * SQRT2PI)
        else:
            u /= width
            out[part] = np.matmul(u, weight[part, :, None])[..., 0] / SQRT2PI
    return out
