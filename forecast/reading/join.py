"""A catalogue spread over several files: rows of other tables beside those of the first, found by a key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.errors import InputError, nearest
from .cells import is_pure, text_of, unit_text
from .file_tables import Reading, Wanted, read_table
from .name_keys import cells_of, keys_of
from .public_tables import public_table
from .tables import Column, TableFile, open_table

_SHOWN = 3


@dataclass(frozen=True)
class Join:
    """Another table whose columns belong to the same clusters.

    Parameters
    ----------
    path : Path or None
        None: not given yet, of a public table.
    on : str
        Column of the tables before it that names each cluster: ``"COLUMN"``, or ``"ALIAS.COLUMN"``.
    key : str
        Column of this table with the same names or numbers.
    alias : str
        What the table is called in ``"ALIAS.COLUMN"``.
    table, format : optional
        As in `Wanted`.
    unmatched : {"keep", "drop"}
        What becomes of clusters that this table does not list: its columns are unknown, or they are left out.
    public : str or None
        Public table that it is.
    spelling : {"exact", "clusters"}
        Whether names are compared as they are, or as names of clusters that are spelt in several ways.
    """

    path: Path | None
    on: str
    key: str
    alias: str
    table: str | int | None = None
    format: str | None = None
    unmatched: Literal["keep", "drop"] = "keep"
    public: str | None = None
    spelling: Literal["exact", "clusters"] = "exact"

    @property
    def file(self) -> Path:
        """Its file.

        Raises
        ------
        InputError
            If it is a public table that was not given.
        """
        if self.path is None:
            raise InputError(
                f"{self.place}: the table of {public_table(str(self.public)).title.split(',')[0].split(':')[0]} is its "
                f"publisher's: 'forecast data {self.public}' says where to get it; then give it with --catalogue "
                f"{self.public}=FILE, or as path under its [[catalogue.join]]"
            )
        return self.path

    @property
    def place(self) -> str:
        """Where the configuration speaks of it."""
        return f"catalogue.join '{self.alias}'"


@dataclass(frozen=True)
class Origin:
    """Where a catalogue is read from.

    Parameters
    ----------
    path : Path
        Of the first table.
    table, format : optional
        As in `Wanted`.
    joins : tuple of Join
        Other tables, in order.
    public : str or None
        Public table that the first one is.
    """

    path: Path
    table: str | int | None = None
    format: str | None = None
    joins: tuple[Join, ...] = ()
    public: str | None = None

    @property
    def alias(self) -> str:
        """What the first table is called in ``"ALIAS.COLUMN"``."""
        return alias_of(self.path)


def alias_of(path: Path) -> str:
    """What a table is called that is given no name: its file, without endings."""
    return path.name.partition(".")[0]


def open_joined(origin: Origin, columns: Mapping[str, Column], h: float) -> TableFile:
    """Open a table of clusters with the columns of others beside its own.

    A column is looked for in the first table, then in the others in their order; ``"ALIAS.COLUMN"`` is that of one
    table alone. Keys are compared without blanks and in lower case; whole numbers as such, however written.

    Raises
    ------
    InputError
        If a file cannot be read, lacks its key, no row has a partner, or one has several; or redshifts have a unit.
    """
    if not origin.joins:
        return _of_redshifts(_first(origin, columns, h))
    _refuse_equal_aliases(origin)
    names = [part for column in columns.values() for part in (column.name, *map(str.strip, column.name.split(",")))]
    others = [_read(join, names) for join in origin.joins]
    opened = _first(origin, _of_first(origin, names, others), h)
    table, cautions = opened.table.copy(copy_data=False), list(opened.reading.cautions)
    for name in opened.table.colnames:
        table[f"{origin.alias}.{name}"] = opened.table[name]
    for join, other in zip(origin.joins, others, strict=True):
        table, words = _joined(table, other.table, join, opened.file)
        cautions += [*other.cautions, *(Caution("rows_left_out", said) for said in words)]
    cautions += _in_several(origin, [opened.table, *(other.table for other in others)], dict.fromkeys(names))
    if len(table) < 2:
        cure = 'write unmatched = "keep" under [[catalogue.join]]'
        raise InputError(f"{opened.file}: {len(table)} clusters are left of {len(opened.table)}; {cure}")
    file = " with ".join([opened.file, *(join.file.name for join in origin.joins)])
    joined = replace(opened, file=file, table=table, columns=columns, reading=Reading(table, tuple(cautions)))
    return _of_redshifts(joined)


def _first(origin: Origin, columns: Mapping[str, Column], h: float) -> TableFile:
    """The first table."""
    return open_table(origin.path, columns, h, origin.format, table=origin.table, public=origin.public)


def _of_redshifts(opened: TableFile) -> TableFile:
    """The same, whose redshifts and their errors have no unit: velocities and per cent are none."""
    for name in (opened.columns[key].name for key in ("z", "z_error") if key in opened.columns):
        unit = unit_text(opened.table[name].unit) if name in opened.table.colnames else ""
        if not is_pure(unit):
            raise InputError(f"{opened.file}: column '{name}' is in '{unit}', but redshifts have no unit; convert it")
    return opened


def _refuse_equal_aliases(origin: Origin) -> None:
    """Raise if two tables have one name."""
    number = Counter([origin.alias, *(join.alias for join in origin.joins)])
    for alias, times in number.items():
        if times > 1:
            raise InputError(
                f"catalogue.join: {times} tables are called '{alias}'; give one a name of its own, name = ..."
            )


def _read(join: Join, names: Iterable[str]) -> Reading:
    """Another table, which has its key and the columns that are surely its own."""
    own = [name.removeprefix(f"{join.alias}.") for name in names if name.startswith(f"{join.alias}.")]
    wanted = Wanted((join.key, *own), join.table, join.format, "catalogue.join", public=join.public)
    reading = read_table(join.file, wanted)
    if join.key not in reading.table.colnames:
        hint = nearest(join.key, reading.table.colnames)
        raise InputError(f"{join.file.name}: has no column '{join.key}' to join on; write key = \"COLUMN\"; {hint}")
    return reading


def _of_first(origin: Origin, names: Iterable[str], others: Iterable[Reading]) -> dict[str, Column]:
    """Columns that the first table must have: those that it alone may have, and the first key."""
    elsewhere = {name for other in others for name in other.table.colnames}
    elsewhere |= {name for name in names for join in origin.joins if name.startswith(f"{join.alias}.")}
    wanted = [name.removeprefix(f"{origin.alias}.") for name in (*names, origin.joins[0].on) if name not in elsewhere]
    single = dict.fromkeys(name for name in wanted if "," not in name)
    return {name: Column(name) for name in single}


def _joined(table: Any, other: Any, join: Join, file: str) -> tuple[Any, list[str]]:
    """A table with the columns of another beside its own, and what found no partner, in words."""
    if join.on not in table.colnames:
        raise InputError(f"{join.place}: {file} has no column on = '{join.on}'; {nearest(join.on, table.colnames)}")
    mine, theirs = (keys_of(column, join.spelling) for column in (table[join.on], other[join.key]))
    wanted = set(mine) - {None}
    _refuse_repeated(mine, table[join.on], f"{file}: column '{join.on}'", join)
    used = [key if key in wanted else None for key in theirs]
    _refuse_repeated(used, other[join.key], f"{join.file.name}: column '{join.key}'", join)
    row = {key: i for i, key in enumerate(used) if key is not None}
    if not row:
        raise InputError(
            f"{join.place}: no cluster of {file} is in {join.file.name}: '{join.on}' is like {_some(table[join.on])}, "
            f"'{join.key}' like {_some(other[join.key])}; name other columns by on and key"
        )
    place = np.array([row.get(key, -1) if key is not None else -1 for key in mine])
    words = _joined_words(join, table[join.on], place)
    words += _unmatched_words(join, place, rows=len(other), used=len(row))
    if join.unmatched == "drop":
        table, place = table[place >= 0], place[place >= 0]
    for name in other.colnames:
        column = _placed(other[name], place)
        if column is not None:
            for called in (f"{join.alias}.{name}", *([] if name in table.colnames else [name])):
                table[called] = column
    return table, words


def _refuse_repeated(keys: Sequence[str | None], column: Any, where: str, join: Join) -> None:
    """Raise if a key is on several rows."""
    number = Counter(key for key in keys if key is not None)
    for key, times in number.items():
        if times > 1:
            written = text_of(column[keys.index(key)]).strip()
            raise InputError(
                f"{where} has '{written}' on {times} rows, and {join.place} cannot tell which is meant; keep one of "
                "them, or name other columns by on and key"
            )


def _some(column: Any) -> str:
    """The first few cells, for a message."""
    return ", ".join(f"'{text_of(cell).strip()}'" for cell in column[:_SHOWN])


def _joined_words(join: Join, names: Any, place: Array) -> list[str]:
    """Which clusters are the other table's, where names are compared that are not spelt alike."""
    if join.spelling == "exact":
        return []
    found = np.flatnonzero(place >= 0)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [f"{len(found)} clusters are those of {join.file.name} by name: {_some(names[found])}{more}"]


def _unmatched_words(join: Join, place: Array, *, rows: int, used: int) -> list[str]:
    """What found no partner: clusters of the first table, rows of the other."""
    lacking = int((place < 0).sum())
    what = "were left out" if join.unmatched == "drop" else f"have nothing of what {join.file.name} lists"
    words = [f"{lacking} of {len(place)} clusters have no row in {join.file.name} and {what}"] if lacking else []
    if used < rows:
        words.append(f"{rows - used} of {rows} rows of {join.file.name} belong to no cluster and were left out")
    return words


def _placed(column: Any, place: Array) -> Any:
    """A column with its cells where they belong, unknown at a place of -1; None if it is not one cell a row."""
    from astropy.table import MaskedColumn

    if not hasattr(column, "dtype") or np.shape(column) not in ((len(column),), (len(column), 1)):
        return None
    data, mask = cells_of(column)
    return MaskedColumn(data[place], mask=mask[place] | (place < 0), unit=getattr(column, "unit", None))


def _in_several(origin: Origin, tables: Sequence[Any], names: Iterable[str]) -> list[Caution]:
    """Of which table a column is that several have; keys are the same in all."""
    aliases, keys = [origin.alias, *(join.alias for join in origin.joins)], {j.on for j in origin.joins}
    keys |= {join.key for join in origin.joins}
    found = []
    for name in names:
        having = [alias for alias, table in zip(aliases, tables, strict=True) if name in table.colnames]
        if len(having) > 1 and name not in keys:
            words = f"column '{name}' is that of {having[0]}; for that of {having[1]} write \"{having[1]}.{name}\""
            found.append(Caution("table", words))
    return found
