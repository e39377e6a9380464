"""Published tables of clusters that stay with their publishers: what they are, and where to get them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ..core.errors import InputError, nearest


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
    """

    name: str
    title: str
    reference: str
    where: str
    columns: Mapping[str, str]
    note: str
    shipped: bool = False


@cache
def public_tables() -> Mapping[str, PublicTable]:
    """All of them by name.

    >>> sorted(public_tables())
    ['bcs', 'cccp_lowz', 'efeds', 'reflex', 'wtg']
    """
    text = resources.files("forecast.data").joinpath("public_tables.json").read_text(encoding="utf-8")
    return {name: PublicTable(name=name, **entry) for name, entry in json.loads(text).items()}


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
