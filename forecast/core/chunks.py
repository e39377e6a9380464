"""Functions of many rows, evaluated for some at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import Array

_ROWS, _CHUNK = 500, 64


def in_parts(function: Callable[[Array], Array], theta: Array, rows: int = _ROWS) -> Array:
    """`function` of rows (S, ...), at most `rows` at once, joined along the first axis."""
    return np.concatenate([function(theta[start : start + rows]) for start in range(0, len(theta), rows)])


def in_chunks(function: Callable[[Array], Array], theta: Array) -> Array:
    """`function` of rows (S, ...) in about equal chunks of 64 to 127, joined along the first axis."""
    return np.concatenate([function(part) for part in np.array_split(theta, max(1, len(theta) // _CHUNK))])
