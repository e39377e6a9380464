"""Arguments that people type in Python, checked where they enter: a wrong one is an `InputError` with its cure."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest


def one_of(value: Any, known: Collection[str], what: str) -> str:
    """A known word.

    >>> one_of("counts", ["counts", "selfcal"], "level")
    'counts'
    """
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{what} '{value}' is unknown; {nearest(str(value), known)}")
    return str(value)


def number(value: Any, what: str) -> float:
    """A finite number."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if isinstance(value, str) or not math.isfinite(found):
        raise InputError(f"{what} must be a finite number, got {value!r}")
    return found


def positive(value: Any, what: str) -> float:
    """A finite number above zero."""
    found = number(value, what)
    if not found > 0:
        raise InputError(f"{what} must be positive, got {found:g}")
    return found


def whole(value: Any, what: str, least: int = 0) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{what} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def several(value: Any, what: str) -> tuple[Any, ...]:
    """Things in an order; a text is one thing.

    >>> several([0.68, 0.95], "probabilities")
    (0.68, 0.95)
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InputError(f"{what} are a list, got {value!r}")
    return tuple(value)


def path(value: Any, what: str) -> Path:
    """A path, given as text or as a path."""
    if isinstance(value, bytes) or not isinstance(value, str | os.PathLike):
        raise InputError(f"{what} is a path, got {value!r}")
    return Path(value)


def axes_of(value: Any) -> None:
    """Refuse what is no matplotlib axes; None is none at all."""
    if value is not None and not hasattr(value, "get_figure"):
        raise InputError(f"axes are those of matplotlib, got {type(value).__name__}; give axes, or none")


def instance(value: Any, kind: type, what: str, cure: str) -> None:
    """Refuse what is not of a kind."""
    if not isinstance(value, kind):
        raise InputError(f"{what} is of type {type(value).__name__}; {cure}")


def array(value: Any, what: str) -> Array:
    """An array of numbers."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be numbers: {error}") from error


def vectors(value: Any, names: Sequence[str], what: str) -> tuple[Array, bool]:
    """Vectors of one value for each name, (D,) or (P, D), as rows; and whether there was one."""
    rows = array(value, what)
    if rows.ndim not in (1, 2) or rows.shape[-1] != len(names):
        raise InputError(f"{what} have {len(names)} values ({', '.join(names)}); got an array of shape {rows.shape}")
    return np.atleast_2d(rows), rows.ndim == 1
