"""Tables of clusters as files: opening one of any format, and its cells as numbers in physical units.

Errors name file, column, row and cluster. What is masked, NaN or empty is unknown: NaN; the unphysical is an error.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.units import KINDS, LN10, LOG_UNIT, bare_unit, contradiction, unit_factor
from .cells import has_decimal_comma, number_of, text_of, unit_text
from .file_tables import Reading, Wanted, read_table
from .plausibility import Check, Values, all_negative, are_bounds, looks_like_log, side_checks, size_check, value_check

MIN_Z, MAX_Z = 1e-4, 3.0
"""Smallest redshift accepted, within the Local Group, and largest; the mass functions are not calibrated beyond."""
QUANTITY_KINDS = {"lx": "luminosity", "flux": "flux", "yx": "yx", "t": "temperature"}
QUANTITY_KINDS |= dict.fromkeys(("mgas", "m500", "mwl"), "mass")
"""Kind of unit of every quantity that a column may hold; see `forecast.core.units.KINDS`."""


@dataclass(frozen=True)
class Column:
    """A column of the file.

    Parameters
    ----------
    name : str
        Name in the file. For an error, ``"lower,upper"`` names the two columns of an asymmetric one.
    unit : str, optional
        Overrides the file's unit; ``"log10 erg/s"`` means that the column is a log10, and ``"dex"``
        that an error is one of the log10.
    """

    name: str
    unit: str | None = None


def open_table(
    path: Path,
    columns: Mapping[str, Column],
    h: float,
    format: str | None = None,
    section: str = "catalogue",
    table: str | int | None = None,
    public: str | None = None,
) -> TableFile:
    """Open a table of at least 2 clusters; `format` to `public` as in `Wanted`, the rest as in `TableFile`.

    Raises
    ------
    InputError
        If the file is unreadable, has under 2 rows, or several tables that could be meant.
    """
    reading = read_table(path, Wanted(tuple(c.name for c in columns.values()), table, format, section, public=public))
    if (rows := len(reading.table)) < 2:
        least = "a catalogue needs at least 2 clusters" if section == "catalogue" else f"{section} needs at least 2"
        raise InputError(f"{path.name}: has {'1 row' if rows else 'no rows'}, but {least}")
    return TableFile(file=path.name, table=reading.table, columns=columns, h=h, section=section, reading=reading)


@dataclass(frozen=True)
class TableFile:
    """An opened table whose errors name file, column, row and cluster.

    Parameters
    ----------
    file : str
        Name of the file.
    table : astropy.table.Table
        N rows, one a cluster.
    columns : mapping of str to Column
        Columns by what they hold: name, z, a key of `QUANTITY_KINDS`, or such a key with ``_error``.
    h : float
        H0 / (100 km/s/Mpc) that resolves factors of h in units.
    section : str
        Table of the configuration that names the columns.
    reading : Reading
        What reading the file left out, and which of its tables this is.
    """

    file: str
    table: Any
    columns: Mapping[str, Column]
    h: float
    section: str
    reading: Reading

    def redshifts(self) -> Array:
        """Redshifts, all of them known, shape (N,).

        Raises
        ------
        InputError
            If one is missing or not within 0 to `MAX_Z`.
        """
        name = self.columns["z"].name
        z = self.numbers(name)
        self._require(name, ~np.isnan(z), "but every cluster needs a redshift; fill it in or drop the row")
        cure = f"expected a redshift above 0 and up to {MAX_Z:g}; correct it or drop the row"
        self._require(name, (z > 0) & (z <= MAX_Z), cure)
        self._require(name, z >= MIN_Z, f"below {MIN_Z:g}, where there is no cluster; correct it or drop the row")
        return z

    def names(self) -> tuple[str, ...]:
        """Names exactly as in the file; 'row 3' where there is none; length N."""
        if "name" not in self.columns:
            return tuple(f"row {i}" for i in range(1, len(self.table) + 1))
        return tuple(text or f"row {i}" for i, text in enumerate(self.texts("name"), 1))

    def texts(self, key: str) -> tuple[str, ...]:
        """Cells of a column as text, empty where there is nothing; length N."""
        data, mask = self._cells(self.columns[key].name)
        return tuple("" if hidden else text_of(cell) for cell, hidden in zip(data, mask, strict=True))

    def quantity(self, key: str) -> tuple[Array, Array]:
        """log10 of a quantity in erg/s, keV, Msun or Msun keV (physical, no h), and its error.

        Parameters
        ----------
        key : str
            One of `QUANTITY_KINDS`.

        Returns
        -------
        log_value : ndarray, shape (N,)
            NaN where unknown; all are without a column.
        error : ndarray, shape (N,)
            In dex; 0 where unknown.

        Raises
        ------
        InputError
            If a column or its unit is missing, or a value cannot be one of a cluster.
        """
        if key not in self.columns:
            return np.full(len(self.table), np.nan), np.zeros(len(self.table))
        self._check(self.columns[key].name, value_check(values := self._values(key)))
        return values.log, self._error(key, values)[0]

    def skew(self, key: str) -> Array:
        """(upper - lower) / (upper + lower) of a quantity's errors, (N,); 0 where one of them is unknown."""
        return self._error(key, self._values(key))[1] if key in self.columns else np.zeros(len(self.table))

    def doubts(self, key: str) -> tuple[str, ...]:
        """What is odd about a quantity's column but not impossible, in words."""
        if key not in self.columns or not looks_like_log(values := self._values(key)):
            return ()
        span = f"from {np.nanmin(values.raw):g} to {np.nanmax(values.raw):g} in '{values.unit}'"
        return (f"column '{self.columns[key].name}' of {self.file} runs {span}, as log10s would; check its unit",)

    def _values(self, key: str) -> Values:
        """A quantity's column, as in the file and as log10 in physical units."""
        name = self.columns[key].name
        unit, raw = self._unit(key, name), self.numbers(name)
        values = raw
        if not LOG_UNIT.match(unit):
            self._require(name, ~(raw <= 0), "but it must be positive; leave it empty if it is unknown")
            values = np.log10(raw)
        return Values(QUANTITY_KINDS[key], unit, raw, values + math.log10(self._factor(key, name, unit)))

    def _error(self, key: str, values: Values) -> tuple[Array, Array]:
        """Error in dex: log10(e) err / value, mean of lower and upper, 0 where unknown; and how much they differ."""
        if (column := self.columns.get(f"{key}_error")) is None:
            return np.zeros(values.log.size), np.zeros(values.log.size)
        pair = column.name not in self.table.colnames and "," in column.name
        names = [name.strip() for name in column.name.split(",")] if pair else [column.name]
        if len(names) > 2:
            raise InputError(
                f'{self.section}.columns.{key}_error: got "{column.name}"; write "COLUMN" or "LOWER,UPPER"'
            )
        if pair:
            self._refuse_bounds(key, values, (names[0], names[1]))
        sides = np.array([self._side(key, name, values, pair and name == names[0]) for name in names])
        known, total = (sides > 0).sum(axis=0), sides.sum(axis=0)
        mean = total / np.maximum(known, 1)
        is_log = values.error_is_log(self._unit(f"{key}_error", names[-1]))
        self._check(names[-1], size_check(self.numbers(names[-1]), mean, log=is_log))
        return mean, np.where(known == 2, sides[-1] - sides[0], 0.0) / np.where(known == 2, total, 1.0)

    def _refuse_bounds(self, key: str, values: Values, names: tuple[str, str]) -> None:
        """Raise if a pair of columns holds bounds where errors are meant."""
        unit = self._unit(f"{key}_error", names[0])
        low, high = (self.numbers(name) for name in names)
        log, value = values.error_is_log(unit), values.raw
        if not log:
            factor, value = self._factor(key, names[0], unit), 10.0**values.log
            low, high = factor * low, factor * high
        if are_bounds(value, low, high, log=log):
            column, (one, two) = self.columns[key].name, names
            raise InputError(
                f"{self.file}: columns '{one}' and '{two}' lie below and above '{column}' in every row, so they are "
                "its bounds, not its errors; map their distances from it, in Python "
                f"t['{one}'] = t['{column}'] - t['{one}']; t['{two}'] = t['{two}'] - t['{column}']"
            )

    def _side(self, key: str, name: str, values: Values, lower: bool) -> Array:
        """One error column in dex, 0 where unknown; a `lower` one may be all negative."""
        unit, raw = self._unit(f"{key}_error", name), self.numbers(name)
        if lower and all_negative(raw):
            raw = -raw
        log = values.error_is_log(unit)
        dex = raw if log else raw * self._factor(key, name, unit) / (LN10 * 10.0**values.log)
        for check in side_checks(raw, dex, name):
            self._check(name, check)
        return np.where(dex > 0, dex, 0.0)

    def _factor(self, key: str, name: str, unit: str) -> float:
        """Factor from `unit`, or from the unit behind its 'log10', to physical units without h."""
        kind = QUANTITY_KINDS[key]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return unit_factor(bare_unit(unit), kind, self.h) * self.h ** KINDS[kind].h_power
        except InputError as error:
            raise InputError(f"{self.file}: column '{name}': {error}") from error

    def _unit(self, key: str, name: str) -> str:
        """Unit of a column: the configuration's, which must not contradict the file's, else the file's."""
        unit, written = self.columns[key].unit, getattr(self._column(name), "unit", None)
        if unit is None:
            unit = unit_text(written)
        elif unit_text(written).strip():
            self._compare_units(key, name, unit, written)
        if not unit.strip():
            example = KINDS[QUANTITY_KINDS[key.removesuffix("_error")]].unit
            raise InputError(
                f"{self.file}: column '{name}' has no unit; write in [{self.section}.columns] "
                f'{key} = {{ name = "{self.columns[key].name}", unit = "{example}" }}'
            )
        return unit

    def _compare_units(self, key: str, name: str, unit: str, written: Any) -> None:
        """Raise if the unit configured for a column contradicts the file's, unless astropy cannot read that."""
        quantity = key.removesuffix("_error")
        if bare_unit(unit):
            self._factor(quantity, name, unit)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fault = contradiction(unit, unit_text(written), QUANTITY_KINDS[quantity], self.h)
        if fault.startswith("no unit") and type(written).__name__ == "UnrecognizedUnit":
            return
        if fault:
            raise InputError(
                f"{self.file}: column '{name}': the file says '{unit_text(written)}', the configuration '{unit}' "
                f"({fault}); if the file is right, remove unit from {self.section}.columns.{key}; if not, correct the "
                f"file, in Python t['{name}'].unit = '{bare_unit(unit)}'"
            )

    def _column(self, name: str) -> Any:
        """A column of the table, which must be there."""
        if name not in self.table.colnames:
            raise InputError(f"{self.file}: has no column '{name}'; {nearest(name, self.table.colnames)}")
        return self.table[name]

    def _cells(self, name: str) -> tuple[Array, Array]:
        """Values and mask of a column with one value per cluster, shape (N,) each."""
        column = self._column(name)
        data, mask = np.asarray(column), getattr(column, "mask", False)
        if data.shape == (len(self.table), 1):
            data, mask = data[:, 0], np.reshape(mask, -1)
        if data.ndim != 1 or data.dtype.kind not in "iufSUO":
            raise InputError(f"{self.file}: column '{name}' is not one number or text a row; name another")
        return data, np.broadcast_to(mask, data.shape)

    def numbers(self, name: str) -> Array:
        """Values of a column as native float64, finite or NaN where masked or empty; shape (N,)."""
        data, mask = self._cells(name)
        if data.dtype.kind in "SUO":
            parsed = [0.0 if hidden else number_of(cell) for cell, hidden in zip(data, mask, strict=True)]
            cure = "write decimals with a point" if any(map(has_decimal_comma, data)) else "correct it"
            self._require(name, np.array([p is not None for p in parsed]), f"which is not a number; {cure}")
            data = np.array(parsed)
        values = np.where(mask, np.nan, data.astype(float))
        self._require(name, ~np.isinf(values), "expected a finite number; leave it empty if it is unknown")
        return values

    def _check(self, name: str, check: Check) -> None:
        """Raise for the first row that fails a check."""
        self._require(name, check.good, check.fault)

    def _require(self, name: str, good: Array, expected: str) -> None:
        """Raise for the first row that is not `good`; `good` has shape (N,)."""
        if good.all():
            return
        row = int(np.argmin(good))
        cluster = f" ({self.names()[row]})" if "name" in self.columns else ""
        value = text_of(self.table[name][row])
        raise InputError(f"{self.file}: column '{name}', row {row + 1}{cluster}: got {value}, {expected}")
