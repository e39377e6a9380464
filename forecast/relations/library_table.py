"""Libraries of residuals from tables of clusters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..cosmology.background import Cosmology
from ..reading.tables import Column, TableFile, open_table
from .library import MIN_CLUSTERS, NAMES, OBSERVABLES, Library, Sample, fit_library

EVOLUTION = {"lx": 1.85, "t": 2 / 3, "mgas": 0.0}
"""Exponents of E(z) taken out where redshifts differ; those of the package's relations."""

_KEYS = ("name", "z", "m500", *OBSERVABLES, "gas_fraction", "lx_core_excised")


def library_from_table(
    path: Path,
    columns: Mapping[str, Column] | None = None,
    *,
    cosmology: Cosmology,
    select: Mapping[str, float] | None = None,
    format: str | None = None,
) -> Library:
    """Library of a user's table; arguments and errors as in `sample_from_table`."""
    sample = sample_from_table(path, columns, cosmology=cosmology, select=select, format=format)
    return fit_library(sample, Path(path).stem, (f"table {Path(path).name}",))


def sample_from_table(
    path: Path,
    columns: Mapping[str, Column] | None = None,
    *,
    cosmology: Cosmology,
    select: Mapping[str, float] | None = None,
    format: str | None = None,
) -> Sample:
    """Clusters of a table, every one of them complete: ECSV, FITS, VOTable, CSV and others.

    Parameters
    ----------
    path : Path
    columns : mapping of str to Column, optional
        Columns by what they hold: m500, lx, t, and mgas or gas_fraction; also lx_core_excised (L_X in
        0.15-1 R500, which with lx gives core brightness), z (where redshifts differ, E(z) is taken out)
        and name. Default: those columns that have these names.
    cosmology : Cosmology
        Of the table; resolves factors of h in units, and E(z).
    select : mapping of str to float, optional
        Only rows in which these columns have these values, such as one snapshot of a simulation.
    format : str, optional
        astropy's name of the file format; guessed from the file if None.

    Raises
    ------
    InputError
        If a column, a unit or a value is missing, a value is not positive, or fewer than `MIN_CLUSTERS`
        clusters remain; the message names file, column and row.
    """
    table = open_table(Path(path), {}, cosmology.h, format)
    table = replace(table, columns=_mapping(table, columns))
    return _sample(table, cosmology, _rows(table, select or {}))


def _mapping(table: TableFile, columns: Mapping[str, Column] | None) -> dict[str, Column]:
    """Columns by what they hold, all that are needed among them."""
    if columns is None:
        columns = {key: Column(key) for key in _KEYS if key in table.table.colnames}
    for key in columns:
        if key not in _KEYS:
            raise InputError(f"library.columns.{key}: unknown quantity; {nearest(key, _KEYS)}")
    if "mgas" in columns and "gas_fraction" in columns:
        raise InputError("library.columns: give mgas or gas_fraction, not both")
    gas = "gas_fraction" if "gas_fraction" in columns else "mgas"
    for key in ("m500", "lx", "t", gas):
        if key not in columns:
            raise InputError(f'library.columns.{key}: missing; name the column of {table.file}, {key} = "COLUMN"')
    return dict(columns)


def _rows(table: TableFile, select: Mapping[str, float]) -> Array:
    """Indices of the rows that have the selected values."""
    keep = np.ones(len(table.table), dtype=bool)
    for name, value in select.items():
        if name not in table.table.colnames:
            raise InputError(f"{table.file}: has no column '{name}'; {nearest(name, table.table.colnames)}")
        keep &= np.ma.filled(np.ma.asarray(table.table[name]) == value, False)
    if keep.sum() < MIN_CLUSTERS:
        chosen = f" with {dict(select)}" if select else ""
        raise InputError(f"{table.file}: {keep.sum()} rows{chosen}, but a library needs at least {MIN_CLUSTERS}")
    return np.flatnonzero(keep)


def _sample(table: TableFile, cosmology: Cosmology, rows: Array) -> Sample:
    """Clusters of the rows with these indices; E(z) removed where redshifts differ."""
    log_mass = _complete(table, "m500", rows)
    values = {key: _complete(table, key, rows) for key in ("lx", "t")}
    own = "mgas" in table.columns
    log_mgas = _complete(table, "mgas", rows) if own else log_mass + _complete(table, "gas_fraction", rows)
    values["mgas"] = log_mgas + math.log10(cosmology.h)
    log_growth = _log_growth(table, cosmology, rows)
    values = {key: value - EVOLUTION[key] * log_growth for key, value in values.items()}
    if "lx_core_excised" in table.columns:
        values["core"] = _complete(table, "lx", rows) - _complete(table, "lx_core_excised", rows)
    names = NAMES if "core" in values else OBSERVABLES
    return Sample(names, log_mass + math.log10(cosmology.h), np.column_stack([values[key] for key in names]))


def _log_growth(table: TableFile, cosmology: Cosmology, rows: Array) -> Array:
    """log10 E(z) of the given rows; 0 where no redshift is known or all are the same."""
    if "z" not in table.columns:
        return np.zeros(len(rows))
    name = table.columns["z"].name
    if name in table.table.colnames and np.all(table.table[name][rows] == table.table[name][rows[0]]):
        return np.zeros(len(rows))
    log_growth: Array = np.log10(cosmology.efunc(table.redshifts()[rows]))
    return log_growth


def _complete(table: TableFile, key: str, rows: Array) -> Array:
    """log10 of a quantity for the given rows, all of them known; physical units without h."""
    column = table.columns[key]
    held, source, offset = key, column, 0.0
    if key == "lx_core_excised":
        held = "lx"
    elif key == "gas_fraction":  # passes the checks of a mass
        held, source, offset = "mgas", replace(column, unit="1e13 Msun"), 13.0
    values = replace(table, columns={**table.columns, held: source}).quantity(held)[0] - offset
    unknown = rows[np.isnan(values[rows])]
    if len(unknown):
        cluster = f" ({table.names()[unknown[0]]})" if "name" in table.columns else ""
        raise InputError(
            f"{table.file}: column '{column.name}', row {unknown[0] + 1}{cluster}: is empty, but every cluster "
            f"of a library needs its {key}; fill it in or drop the row"
        )
    return values[rows]
