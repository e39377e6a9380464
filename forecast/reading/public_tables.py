"""Published tables of clusters: what those are that stay with their publishers, where to get them, and our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError, nearest


@dataclass(frozen=True)
class OtherNames:
    """What a column is called elsewhere.

    Parameters
    ----------
    names : tuple of str
    unit : str
        Of its numbers there, where the file does not say; empty: none.
    here : str
        Of its numbers in the table as configurations map it.
    """

    names: tuple[str, ...]
    unit: str = ""
    here: str = ""

    def column(self, table: Any) -> Any:
        """The column of a table that goes by one of the names, in the unit of configurations; None without one."""
        name = next((name for name in self.names if name in table.colnames), None)
        if name is None or not self.here:
            return None if name is None else table[name]
        from astropy import units
        from astropy.table import MaskedColumn

        written = units.Unit(str(table[name].unit or ""), parse_strict="silent")
        same = written.is_equivalent(units.Unit(self.here))
        factor = (written if same else units.Unit(self.unit)).to(units.Unit(self.here))
        values = np.ma.asarray(table[name])
        return MaskedColumn(values.data * factor, mask=np.ma.getmaskarray(values), unit=self.here)


@dataclass(frozen=True, kw_only=True)
class PublicTable:
    """One of them.

    Parameters
    ----------
    name : str
    title, reference : str
    where : str
        Where its publisher keeps it.
    columns : mapping
        What its columns are, as configurations map them.
    note : str
        What else to know; may be empty.
    shipped : bool
        Whether it comes with the package.
    called : mapping of str to OtherNames
        What its publisher's archive calls columns, by their names here.
    blank : mapping of str to float
        Numbers that stand for nothing in columns.
    """

    name: str
    title: str
    reference: str
    where: str
    columns: Mapping[str, str]
    note: str
    shipped: bool = False
    called: Mapping[str, OtherNames] = field(default_factory=dict)
    blank: Mapping[str, float] = field(default_factory=dict)

    def named(self, table: Any) -> Any:
        """A file's table with the names that configurations map, and nothing where a number stands for that."""
        table = table.copy(copy_data=False)
        for name, others in self.called.items():
            if name not in table.colnames and (column := others.column(table)) is not None:
                table[name] = column
        for name, value in self.blank.items():
            if name in table.colnames:
                table[name] = np.ma.masked_values(table[name], value, copy=True)
        return table


@cache
def public_tables() -> Mapping[str, PublicTable]:
    """All of them by name.

    >>> sorted(public_tables())
    ['bcs', 'cccp_lowz', 'efeds', 'reflex', 'wtg']
    """
    text = resources.files("forecast.data").joinpath("public_tables.json").read_text(encoding="utf-8")
    return {name: _table(name, **entry) for name, entry in json.loads(text).items()}


def _table(name: str, called: Mapping[str, Any] | None = None, **entry: Any) -> PublicTable:
    others = {key: OtherNames(tuple(one["names"]), *one.get("units", ())) for key, one in (called or {}).items()}
    return PublicTable(name=name, called=others, **entry)


def public_table(name: str) -> PublicTable:
    """One by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    known = public_tables()
    if name not in known:
        raise InputError(f"public table '{name}' is unknown; {nearest(name, known)}")
    return known[name]


def builtin_table(name: str) -> Path:
    """Path of a table that ships with the package.

    Raises
    ------
    InputError

    Examples
    --------
    >>> builtin_table("cccp_lowz").name
    'cccp_lowz.ecsv'
    """
    known = {path.stem: path for path in Path(str(resources.files("forecast.data"))).glob("*.ecsv")}
    if name not in known:
        raise InputError(f"catalogue.builtin = '{name}' is unknown; known: {', '.join(sorted(known))}")
    return known[name]
