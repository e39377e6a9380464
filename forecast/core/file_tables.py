"""Tables in a file of any format astropy understands: which there are, which one is meant, what reading leaves out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError, nearest

_CSV = {"format": "ascii.basic", "delimiter": ",", "guess": False, "encoding": "utf-8-sig"}
"""astropy's own CSV reader fills rows that are too short, so it would accept a truncated file."""
_HDF5, _FITS = b"\x89HDF\r\n\x1a\n", b"SIMPLE  ="
_COMMENTED = (".csv", ".ecsv")
"""Endings of files whose lines that begin with '#' no reader returns."""


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
    """

    columns: tuple[str, ...] = ()
    table: str | int | None = None
    format: str | None = None
    section: str = "catalogue"


@dataclass(frozen=True)
class Reading:
    """A table that was read.

    Parameters
    ----------
    table : astropy.table.Table
    commented : int
        Lines after the header that begin with '#', which readers leave out.
    chosen : str
        Which table of several it is, in words; empty if there was no choice.
    """

    table: Any
    commented: int = 0
    chosen: str = ""


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
    _check_file(path, wanted.format)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            entries = _entries(path, wanted.format)
            if len(entries) > 1 or (entries and wanted.table is not None):
                entry, chosen = choose(path.name, entries, wanted)
                reading = Reading(entry.read(), 0, chosen)
            elif wanted.table is not None:
                raise InputError(f"{path.name}: holds one table; remove {wanted.section}.table = {wanted.table!r}")
            else:
                reading = Reading(_read_only(path, wanted.format), _commented(path))
        except InputError:
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise InputError(
                f"{path}: cannot be read as a table ({reason[:160]}); if the file is complete, "
                'set catalogue.format, for example to "ascii.ecsv", "fits", "votable" or "ascii.csv"'
            ) from error
    if any("truncated" in str(warning.message) for warning in caught):
        raise InputError(f"{path}: the file is truncated; get a complete copy")
    return reading


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


def _entries(path: Path, format: str | None) -> tuple[Entry, ...]:
    """Tables of a FITS, VOTable or HDF5 file; none of any other file."""
    with path.open("rb") as stream:
        head = stream.read(len(_FITS))
    if format == "fits" or head.startswith(_FITS) or ".fit" in "".join(path.suffixes[-2:]).lower():
        return _fits_entries(path)
    if format == "hdf5" or head.startswith(_HDF5):
        return _hdf5_entries(path)
    if format == "votable" or (format is None and path.suffix.lower() in (".vot", ".votable", ".xml")):
        return _votable_entries(path)
    return ()


def _fits_entries(path: Path) -> tuple[Entry, ...]:
    from astropy.io import fits
    from astropy.table import Table

    with fits.open(path) as file:
        tables = ((i, hdu) for i, hdu in enumerate(file) if isinstance(hdu, fits.BinTableHDU | fits.TableHDU))
        found = [(i, hdu.name, frozenset(hdu.columns.names)) for i, hdu in tables]

    def reader(number: int) -> Callable[[], Any]:
        return lambda: Table.read(path, format="fits", hdu=number)

    return tuple(Entry(number, name, columns, reader(number)) for number, name, columns in found)


def _votable_entries(path: Path) -> tuple[Entry, ...]:
    from astropy.io import votable

    tables = list(votable.parse(str(path)).iter_tables())
    columns = [frozenset(filter(None, (n for f in t.fields for n in (f.ID, f.name)))) for t in tables]
    return tuple(
        Entry(i, str(t.name or t.ID or ""), names, t.to_table)
        for i, (t, names) in enumerate(zip(tables, columns, strict=True), 1)
    )


def _hdf5_entries(path: Path) -> tuple[Entry, ...]:
    import h5py
    from astropy.table import Table

    found: list[tuple[str, frozenset[str]]] = []
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: (
                found.append((name, frozenset(item.dtype.names)))
                if getattr(getattr(item, "dtype", None), "names", None)
                else None
            )
        )

    def reader(name: str) -> Callable[[], Any]:
        return lambda: Table.read(path, format="hdf5", path=name)

    return tuple(Entry(i, name, columns, reader(name)) for i, (name, columns) in enumerate(found, 1))


def _read_only(path: Path, format: str | None) -> Any:
    """Table of a file that holds one."""
    from astropy.table import Table

    csv = format in ("csv", "ascii.csv") or (format is None and path.suffix.lower() == ".csv")
    options = _CSV if csv else {} if format is None else {"format": format}
    return Table.read(path, **options)


def _commented(path: Path) -> int:
    """Lines after the header of a text table that begin with '#'."""
    if path.suffix.lower() not in _COMMENTED:
        return 0
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    comments = [line.startswith("#") for line in lines if line]
    header = comments.index(False) if False in comments else len(comments)
    return sum(comments[header:])


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
