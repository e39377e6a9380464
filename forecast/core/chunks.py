"""Functions of many rows, evaluated for some at a time, or remembered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import Array

_ROWS, _CHUNK = 500, 64
LARGEST = 2**20
"""Elements of an array beyond which it is not kept."""


class Remembered:
    """A function of rows (S, D) that keeps what it gave last: several parts of a likelihood ask for the same.

    Parameters
    ----------
    function : callable
        Its array nobody may write into; a large one is not kept.
    """

    def __init__(self, function: Callable[[Array], Array]) -> None:
        self._function, self._asked = function, b""
        self._given: Array | None = None

    def __call__(self, theta: Array) -> Array:
        """What the function gives at `theta`."""
        asked = repr(theta.shape).encode() + theta.tobytes()
        if self._given is None or asked != self._asked:
            given = self._function(theta)
            given.setflags(write=False)
            if given.size > LARGEST:
                return given
            self._asked, self._given = asked, given
        return self._given


def in_parts(function: Callable[[Array], Array], theta: Array, rows: int = _ROWS) -> Array:
    """`function` of rows (S, ...), at most `rows` at once, joined along the first axis."""
    return np.concatenate([function(theta[start : start + rows]) for start in range(0, len(theta), rows)])


def in_chunks(function: Callable[[Array], Array], theta: Array) -> Array:
    """`function` of rows (S, ...) in about equal chunks of 64 to 127, joined along the first axis."""
    return np.concatenate([function(part) for part in np.array_split(theta, max(1, len(theta) // _CHUNK))])
