"""Tables of clusters as files: opening one of any format, and its cells as numbers in physical units.

Every error names the file and, where there is one, the column, the row and the cluster. Values that are
masked, NaN or empty are unknown and become NaN; anything unphysical is an error.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError, nearest
from .units import KINDS, LN10, unit_factor

Array = np.ndarray

MAX_Z = 3.0
"""Largest redshift accepted; the mass functions are not calibrated beyond."""
QUANTITY_KINDS = {"lx": "luminosity", "yx": "yx", "t": "temperature", "mgas": "mass", "m500": "mass"}
"""Kind of unit of every quantity that a column may hold; see `forecast.units.KINDS`."""
_PLAUSIBLE = {"luminosity": (38.0, 48.0), "yx": (8.0, 18.0), "temperature": (-2.0, 2.5), "mass": (8.0, 17.0)}
"""log10 ranges in erg/s, Msun keV, keV, Msun that no cluster leaves, but a wrong unit does."""
_LOG = re.compile(r"^\s*(?:log(?:10)?|dex)\b\s*", re.IGNORECASE)
_CSV = {"format": "ascii.basic", "delimiter": ",", "guess": False, "encoding": "utf-8-sig"}
"""astropy's own CSV reader fills rows that are too short, so it would accept a truncated file."""


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
    path: Path, columns: Mapping[str, Column], h: float, format: str | None = None, section: str = "catalogue"
) -> TableFile:
    """Open a table of at least 2 clusters in any format astropy understands.

    Parameters
    ----------
    path : Path
    columns : mapping of str to Column
        Columns by what they hold: name, z, a key of `QUANTITY_KINDS`, or such a key with ``_error``.
    h : float
        H0 / (100 km/s/Mpc) that resolves factors of h in units.
    format : str, optional
        astropy's name of the file format; guessed from the file if None.
    section : str
        Table of the configuration that names the columns.

    Raises
    ------
    InputError
        If the file cannot be read or has fewer than 2 rows.
    """
    table = _load(path, format)
    if len(table) < 2:
        rows = "no rows" if len(table) == 0 else "1 row"
        raise InputError(f"{path.name}: has {rows}, but a {section} needs at least 2 clusters")
    return TableFile(path.name, table, columns, h, section)


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
        Columns by what they hold, as in `open_table`.
    h : float
        H0 / (100 km/s/Mpc) that resolves factors of h in units.
    section : str
        Table of the configuration that names the columns.
    """

    file: str
    table: Any
    columns: Mapping[str, Column]
    h: float
    section: str = "catalogue"

    def redshifts(self) -> Array:
        """Redshifts, all of them known.

        Returns
        -------
        ndarray, shape (N,)

        Raises
        ------
        InputError
            If one is missing or not within 0 to `MAX_Z`.
        """
        name = self.columns["z"].name
        z = self._numbers(name)
        self._require(name, ~np.isnan(z), "but every cluster needs a redshift; fill it in or drop the row")
        cure = f"expected a redshift above 0 and up to {MAX_Z:g}; correct it or drop the row"
        self._require(name, (z > 0) & (z <= MAX_Z), cure)
        return z

    def names(self) -> tuple[str, ...]:
        """Names exactly as in the file; 'row 3' where there is none; length N."""
        texts = [""] * len(self.table)
        if "name" in self.columns:
            data, mask = self._cells(self.columns["name"].name)
            texts = ["" if hidden else _text(cell) for cell, hidden in zip(data, mask, strict=True)]
        return tuple(text or f"row {i}" for i, text in enumerate(texts, 1))

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
        name = self.columns[key].name
        unit, values = self._unit(key, name), self._numbers(name)
        if not _LOG.match(unit):
            self._require(name, ~(values <= 0), "but it must be positive; leave it empty if it is unknown")
            values = np.log10(values)
        log_value = values + math.log10(self._factor(key, name, unit))
        low, high = _PLAUSIBLE[QUANTITY_KINDS[key]]
        sane = ~((log_value < low) | (log_value > high))
        self._require(name, sane, f"which in '{unit}' is no {QUANTITY_KINDS[key]} of a cluster; check the unit")
        return log_value, self._error(key, log_value)

    def _error(self, key: str, log_value: Array) -> Array:
        """Error of a quantity in dex: log10(e) err / value, mean of lower and upper; 0 where unknown."""
        column = self.columns.get(f"{key}_error")
        if column is None:
            return np.zeros(log_value.size)
        pair = column.name not in self.table.colnames and "," in column.name
        names = [name.strip() for name in column.name.split(",")] if pair else [column.name]
        if len(names) > 2:
            cure = 'write "COLUMN" or "LOWER,UPPER"'
            raise InputError(f'{self.section}.columns.{key}_error: got "{column.name}"; {cure}')
        sides = np.array([self._side(key, name, log_value, pair and name == names[0]) for name in names])
        known = (sides > 0).sum(axis=0)
        return np.where(known > 0, sides.sum(axis=0) / np.maximum(known, 1), 0.0)

    def _side(self, key: str, name: str, log_value: Array, lower: bool) -> Array:
        """One error column in dex, 0 where unknown; a `lower` one may be all negative."""
        unit, values = self._unit(f"{key}_error", name), self._numbers(name)
        if lower and not (values > 0).any():
            values = -values
        self._require(name, ~(values < 0), "but an error cannot be negative; leave it empty if it is unknown")
        if not _LOG.match(unit):
            values = values * self._factor(key, name, unit) / (LN10 * 10.0**log_value)
        return np.where(values > 0, values, 0.0)

    def _factor(self, key: str, name: str, unit: str) -> float:
        """Factor from `unit`, or from the unit behind its 'log10', to physical units without h."""
        kind = QUANTITY_KINDS[key]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return unit_factor(_LOG.sub("", unit), kind, self.h) * self.h ** KINDS[kind].h_power
        except InputError as error:
            raise InputError(f"{self.file}: column '{name}': {error}") from error

    def _unit(self, key: str, name: str) -> str:
        """Unit of a column: the configuration's, else the file's."""
        unit = self.columns[key].unit
        if unit is None:  # astropy takes "Msun/h keV" for Msun / (h keV)
            unit = str(getattr(self._column(name), "unit", None) or "").replace("/ (h keV)", "keV / h")
        if not unit.strip():
            example = KINDS[QUANTITY_KINDS[key.removesuffix("_error")]].unit
            raise InputError(
                f"{self.file}: column '{name}' has no unit; write in [{self.section}.columns] "
                f'{key} = {{ name = "{self.columns[key].name}", unit = "{example}" }}'
            )
        return unit

    def _column(self, name: str) -> Any:
        """A column of the table, which must be there."""
        if name not in self.table.colnames:
            raise InputError(f"{self.file}: has no column '{name}'; {nearest(name, self.table.colnames)}")
        return self.table[name]

    def _cells(self, name: str) -> tuple[Array, Array]:
        """Values and mask of a column with one value per cluster, shape (N,) each."""
        column = self._column(name)
        data = np.asarray(column)
        if data.ndim != 1 or data.dtype.kind not in "iufSUO":
            raise InputError(f"{self.file}: column '{name}' is not one number or text a row; name another")
        return data, np.broadcast_to(getattr(column, "mask", False), data.shape)

    def _numbers(self, name: str) -> Array:
        """Values of a column as native float64, finite or NaN where masked or empty; shape (N,)."""
        data, mask = self._cells(name)
        if data.dtype.kind in "SUO":
            parsed = [0.0 if hidden else _number(cell) for cell, hidden in zip(data, mask, strict=True)]
            self._require(name, np.array([p is not None for p in parsed]), "which is not a number; correct it")
            data = np.array(parsed)
        values = np.where(mask, np.nan, data.astype(float))
        self._require(name, ~np.isinf(values), "expected a finite number; leave it empty if it is unknown")
        return values

    def _require(self, name: str, good: Array, expected: str) -> None:
        """Raise for the first row that is not `good`; `good` has shape (N,)."""
        if good.all():
            return
        row = int(np.argmin(good))
        cluster = f" ({self.names()[row]})" if "name" in self.columns else ""
        value = _text(self.table[name][row])
        raise InputError(f"{self.file}: column '{name}', row {row + 1}{cluster}: got {value}, {expected}")


def _load(path: Path, format: str | None) -> Any:
    """Table of a file; all that astropy may raise becomes one kind of error."""
    from astropy.table import Table

    _check_file(path, format)
    csv = format in ("csv", "ascii.csv") or (format is None and path.suffix.lower() == ".csv")
    options = _CSV if csv else {} if format is None else {"format": format}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            table = Table.read(path, **options)
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise InputError(
                f"{path}: cannot be read as a table ({reason[:160]}); if the file is complete, "
                'set catalogue.format, for example to "ascii.ecsv", "fits", "votable" or "ascii.csv"'
            ) from error
    if any("truncated" in str(warning.message) for warning in caught):
        raise InputError(f"{path}: the file is truncated; get a complete copy")
    return table


def _check_file(path: Path, format: str | None) -> None:
    """Raise if there is no file, nothing in it, or a web page where a table was meant."""
    try:
        with path.open("rb") as stream:
            head = stream.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        raise InputError(f"{path}: {reason}; check the path of the catalogue") from error
    if not head:
        raise InputError(f"{path}: the file is empty; a catalogue needs at least 2 clusters")
    if head.startswith((b"<!doctype html", b"<html")) and "html" not in (format or ""):
        raise InputError(f"{path}: this is a web page (HTML), not a table; download the table itself")


def _text(cell: Any) -> str:
    """A cell as text; byte strings are decoded."""
    return cell.decode("utf-8", errors="replace") if isinstance(cell, bytes) else str(cell)


def _number(cell: Any) -> float | None:
    """A cell of text as a number: NaN if empty, None if it is no number."""
    text = _text(cell).strip()
    try:
        return float(text) if text else math.nan
    except ValueError:
        return None
