"""Tables in a file of any format astropy understands: which there are, which one is meant, what reading leaves out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..core.caution import Caution
from ..core.errors import InputError, nearest
from .public_tables import public_table
from .source import Source, opened
from .text_tables import read_text

_FITS, _HDF5, _PARQUET = b"SIMPLE  =", b"\x89HDF\r\n\x1a\n", b"PAR1"
_OF_FORMAT = {"catalogue": "set catalogue.format", "catalogue.join": "set format under its [[catalogue.join]]"}
"""Where the format of a file is written, by the table of the configuration that names it."""
_OF_PATH = {"catalogue": "of the catalogue", "catalogue.join": "under its [[catalogue.join]]"}
"""Where its path is written, likewise; elsewhere the table is the key."""
_FORMATS = ', for example to "ascii.ecsv", "fits", "votable", "ascii.csv" or "ascii.basic"'


@dataclass(frozen=True)
class Wanted:
    """What is looked for in a file.

    Parameters
    ----------
    columns : tuple of str
        Names of columns as configured; of an asymmetric error, "LOWER,UPPER".
    table : str, int or None
        Name or number of the table, where the file has several.
    format : str or None
        astropy's name of the file format; guessed from the file if None.
    section : str
        Table of the configuration that names the columns.
    public : str or None
        Public table that it is, whose columns may have other names.
    """

    columns: tuple[str, ...] = ()
    table: str | int | None = None
    format: str | None = None
    section: str = "catalogue"
    public: str | None = None


@dataclass(frozen=True)
class Reading:
    """A table that was read.

    Parameters
    ----------
    table : astropy.table.Table
    cautions : tuple of Caution
        Which table of several it is, and what reading left out.
    """

    table: Any
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One table of a file: its number (the HDU's in FITS, else from 1), name and columns, and how to read it."""

    number: int
    name: str
    columns: frozenset[str]
    read: Callable[[], Any]

    def lacks(self, names: Collection[str]) -> int:
        """How many of the wanted columns are not here; "LOWER,UPPER" are two unless there is one of that name."""
        each = [part for name in names for part in ([name] if name in self.columns else name.split(","))]
        return sum(part.strip() not in self.columns for part in each)

    def __str__(self) -> str:
        return f"{self.number} '{self.name}'" if self.name else str(self.number)


def read_table(path: Path, wanted: Wanted) -> Reading:
    """The table of a file that is meant; all that astropy may raise becomes one kind of error.

    Raises
    ------
    InputError
        If the file cannot be read, or holds several tables that could be meant.
    """
    source = opened(path, wanted.format, _OF_PATH.get(wanted.section, f"in {wanted.section}"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            reading = _read(source, wanted)
        except InputError:
            raise
        except Exception as error:
            broken = isinstance(error, TypeError | AttributeError | LookupError | AssertionError)
            reason = "damaged" if broken or not str(error).strip() else str(error).strip().splitlines()[0].rstrip(".")
            cure = f"{_OF_FORMAT[wanted.section]}{_FORMATS}" if wanted.section in _OF_FORMAT else "save it as ECSV"
            raise InputError(
                f"{path}: cannot be read as a table ({reason[:160]}); if the file is complete, {cure}"
            ) from error
    if any("truncated" in str(warning.message) for warning in caught):
        raise InputError(f"{path}: the file is truncated; get a complete copy")
    if wanted.public is None:
        return reading
    return replace(reading, table=public_table(wanted.public).named(reading.table))


def _read(source: Source, wanted: Wanted) -> Reading:
    """The table that is meant, of all in the file."""
    file = source.path.name
    entries = _entries(source, wanted.format)
    if not entries and wanted.table is not None:
        raise InputError(f"{file}: holds one table; remove {wanted.section}.table = {wanted.table!r}")
    if not entries:
        return _read_only(source, wanted)
    if len(entries) == 1 and wanted.table is None:
        return Reading(entries[0].read())
    entry, chosen = choose(file, entries, wanted)
    return Reading(entry.read(), (Caution("table", f"{file}: {chosen}"),) if chosen else ())


def choose(file: str, entries: Sequence[Entry], wanted: Wanted) -> tuple[Entry, str]:
    """The table that is meant and, where the columns decided, which one it is in words.

    That of the wanted name or number, else the only one that has every wanted column; where none has, the one
    that lacks fewest.

    Raises
    ------
    InputError
        If there is none of that name, or several have every wanted column.
    """
    if wanted.table is not None:
        return _named(file, entries, wanted), ""
    complete = [entry for entry in entries if not entry.lacks(wanted.columns)]
    if len(complete) > 1:
        listed = ", ".join(map(str, complete))
        name = complete[0].name
        word = f'"{name}"' if [entry.name for entry in complete].count(name) == 1 and name else complete[0].number
        cure = f"write for example table = {word} under [catalogue]"
        if wanted.section != "catalogue":
            cure = "keep the one that is meant in a file of its own"
        raise InputError(f"{file}: holds {len(complete)} tables with these columns ({listed}); {cure}")
    best = min(entries, key=lambda entry: entry.lacks(wanted.columns))
    return best, f"table {best} of {len(entries)} was read, the only one with these columns" if complete else ""


def _named(file: str, entries: Sequence[Entry], wanted: Wanted) -> Entry:
    """The table whose name or number is wanted; a name wins over a number written as text."""
    given = str(wanted.table)
    for match in (lambda e: e.name.lower() == given.lower(), lambda e: str(e.number) == given):
        found = [entry for entry in entries if match(entry)]
        if len(found) == 1:
            return found[0]
    listed = ", ".join(map(str, entries))
    hint = nearest(given, [entry.name for entry in entries if entry.name] or [str(e.number) for e in entries])
    raise InputError(f"{file}: {wanted.section}.table = {wanted.table!r} names no single table of {listed}; {hint}")


def _entries(source: Source, format: str | None) -> tuple[Entry, ...]:
    """Tables of a FITS, VOTable or HDF5 file; none of any other file."""
    if format == "fits" or source.head.startswith(_FITS) or (format is None and ".fit" in source.endings):
        return _fits_entries(source)
    if format == "hdf5" or source.head.startswith(_HDF5):
        return _hdf5_entries(source)
    if format == "votable" or (format is None and b"<votable" in source.head.lower()):
        return _votable_entries(source)
    return ()


def _fits_entries(source: Source) -> tuple[Entry, ...]:
    from astropy.io import fits

    with fits.open(source.stream()) as file:
        tables = ((i, hdu) for i, hdu in enumerate(file) if isinstance(hdu, fits.BinTableHDU | fits.TableHDU))
        found = [(i, hdu.name, tuple(hdu.columns.names)) for i, hdu in tables]
    return tuple(
        Entry(number, name, frozenset(columns), partial(_fits_table, source, number)) for number, name, columns in found
    )


def _fits_table(source: Source, number: int) -> Any:
    """One table of a FITS file; how its columns are to be displayed is left aside, for NaN breaks it.

    Raises
    ------
    InputError
        If two columns have one name.
    """
    from astropy.io import fits
    from astropy.table import Table

    with fits.open(source.stream(), memmap=False) as file:
        columns = file[number].columns
        for name in columns.names:
            if columns.names.count(name) > 1:
                raise InputError(
                    f"{source.path.name}: {columns.names.count(name)} columns are named '{name}'; rename one"
                )
            columns[name].disp = None
        return Table.read(file[number])


def _votable_entries(source: Source) -> tuple[Entry, ...]:
    from astropy.io import votable

    tables = list(votable.parse(source.stream()).iter_tables())
    columns = [frozenset(filter(None, (n for f in t.fields for n in (f.ID, f.name)))) for t in tables]
    return tuple(
        Entry(i, str(t.name or t.ID or ""), names, t.to_table)
        for i, (t, names) in enumerate(zip(tables, columns, strict=True), 1)
    )


def _hdf5_entries(source: Source) -> tuple[Entry, ...]:
    import h5py

    found: list[tuple[str, frozenset[str]]] = []
    with h5py.File(source.stream(), "r") as file:
        file.visititems(
            lambda name, item: (
                found.append((name, frozenset(item.dtype.names)))
                if getattr(getattr(item, "dtype", None), "names", None)
                else None
            )
        )

    return tuple(
        Entry(i, name, columns, partial(_hdf5_table, source, name)) for i, (name, columns) in enumerate(found, 1)
    )


def _hdf5_table(source: Source, name: str) -> Any:
    """One table of an HDF5 file."""
    import h5py
    from astropy.table import Table

    with h5py.File(source.stream(), "r") as file:
        return Table.read(file, format="hdf5", path=name)


def _read_only(source: Source, wanted: Wanted) -> Reading:
    """Table of a file that holds one."""
    from astropy.table import Table

    file, format = source.path.name, wanted.format
    if format is None and source.head.startswith(_PARQUET):
        return Reading(Table.read(source.stream(), format="parquet"))
    if format is None or format == "csv" or format.startswith("ascii"):
        return Reading(*read_text(source.content(), file, wanted.columns, format))
    return Reading(Table.read(source.path, format=format))
