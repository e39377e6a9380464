"""Upper limits in tables of clusters: by a flag, by a negative error, or in a column of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.units import LN10
from .cells import text_of
from .tables import Column, TableFile

LIMITED = ("lx", "t", "mgas", "yx")
"""Quantities that may have limits."""
_YES = {"<", "<=", "1", "1.0", "true", "t", "y", "yes", "u", "ul", "upper", "limit", "upper limit"}
_NO = {"", "=", "0", "0.0", "false", "f", "n", "no", "none", "nan", "-", "--", "value", "detection"}


@dataclass(frozen=True)
class UpperLimits:
    """Upper limits of one quantity of N clusters.

    Parameters
    ----------
    limit : ndarray, shape (N,)
        log10 of the limit; NaN where there is none.
    width : ndarray, shape (N,)
        Noise of the measurement that was not significant, in units of the limit; NaN where there is none.
    """

    limit: Array
    width: Array

    def __getitem__(self, part: Array) -> UpperLimits:
        return UpperLimits(self.limit[part], self.width[part])

    def moved(self, shift: Array | float) -> UpperLimits:
        """The same with all limits larger by `shift`, dex."""
        return replace(self, limit=self.limit + shift)

    @property
    def known(self) -> Array:
        """Which clusters have one; bool, shape (N,)."""
        return np.isfinite(self.limit)


def split_limits(table: TableFile, key: str, confidence: float) -> tuple[TableFile, UpperLimits]:
    """A table without the cells that hold limits of a quantity, and those limits, as `TableFile.quantity` reads values.

    The noise behind a limit is the error of its row; where that is unknown, the limit over the z of its confidence.

    Parameters
    ----------
    table : TableFile
        With a column ``KEY_limit``: a flag, the column of errors of the quantity, negative where its value is a limit,
        or a column of limits.
    key : str
        One of `LIMITED`.
    confidence : float
        One-sided, 0.5 to 1.

    Raises
    ------
    InputError
        If the column is missing or unclear, every value is flagged, or a cluster has a value and a limit.
    """
    column = table.columns[f"{key}_limit"]
    errors = _error_columns(table, key)
    if column.name not in table.table.colnames:
        raise InputError(f"{table.file}: has no column '{column.name}'; {nearest(column.name, table.table.colnames)}")
    flagged = table.numbers(column.name) < 0 if column.name in errors else _flags(table, column.name)
    if flagged is None:
        return _of_column(table, key, column, confidence)
    if column.unit is not None:
        raise InputError(f"{table.section}.columns.{key}_limit: a flag has no unit, got '{column.unit}'; remove it")
    if flagged.all():
        fault = f"column '{column.name}' says that every {key} is an upper limit"
        raise InputError(f"{table.file}: {fault}; drop {table.section}.columns.{key}_limit, or name another column")
    name = table.columns[key].name
    hidden = {name: ~flagged} | {error: ~flagged | ~_positive(table, error) for error in errors}
    limits = _limits(_masked(table, hidden), key, confidence)
    return _masked(table, dict.fromkeys((name, *errors), flagged)), limits


def _of_column(table: TableFile, key: str, column: Column, confidence: float) -> tuple[TableFile, UpperLimits]:
    """The same where limits have a column of their own."""
    written = getattr(table.table[column.name], "unit", None)
    unit = column.unit or (None if written is not None and str(written).strip() else table.columns[key].unit)
    columns = {k: v for k, v in table.columns.items() if k in ("name", "z")} | {key: Column(column.name, unit)}
    limits = _limits(replace(table, columns=columns), key, confidence)
    both = np.flatnonzero(limits.known & np.isfinite(table.quantity(key)[0]))
    if len(both):
        where = f"{table.file}: column '{column.name}', row {both[0] + 1} ({table.names()[both[0]]})"
        raise InputError(f"{where}: a limit beside a value in '{table.columns[key].name}'; leave one of the two empty")
    return table, limits


def _limits(table: TableFile, key: str, confidence: float) -> UpperLimits:
    """Limits in a table that holds nothing else in a quantity's column."""
    limit, error = table.quantity(key)
    width = np.where(error > 0, LN10 * error, 1.0 / float(special.ndtri(confidence)))
    return UpperLimits(limit, np.where(np.isfinite(limit), width, np.nan))


def _error_columns(table: TableFile, key: str) -> tuple[str, ...]:
    """Names of the columns of errors of a quantity."""
    column = table.columns.get(f"{key}_error")
    if column is None:
        return ()
    names = [column.name] if column.name in table.table.colnames else column.name.split(",")
    return tuple(found for name in names if (found := name.strip()) in table.table.colnames)


def _positive(table: TableFile, name: str) -> Array:
    return np.asarray(table.numbers(name) > 0)


def _flags(table: TableFile, name: str) -> Array | None:
    """Which rows a column flags; None if it holds numbers that are no flags."""
    data = np.asarray(table.table[name]).reshape(len(table.table), -1)[:, 0]
    mask = np.reshape(np.broadcast_to(getattr(table.table[name], "mask", False), data.shape), -1)
    words = ["" if hidden else text_of(cell).strip().lower() for cell, hidden in zip(data, mask, strict=True)]
    if all(_is_number(word) for word in words if word not in _NO) and not set(words) <= _YES | _NO:
        return None
    for row, word in enumerate(words):
        if word not in _YES | _NO:
            lower = "a lower limit; leave its value empty" if word in (">", ">=") else "neither a flag nor a number"
            raise InputError(f"{table.file}: column '{name}', row {row + 1}: got '{word}', {lower} (a flag is < or 1)")
    return np.array([word in _YES for word in words])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _masked(table: TableFile, hidden: dict[str, Array]) -> TableFile:
    """The table with some cells of some columns unknown."""
    copy: Any = type(table.table)(table.table, masked=True, copy=True)
    for name, rows in hidden.items():
        mask = np.array(copy[name].mask)
        mask[rows] = True
        copy[name].mask = mask
    return replace(table, table=copy)
