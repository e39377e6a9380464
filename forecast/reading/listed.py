"""What a table says of its columns: units, typical values, descriptions, and what stands in their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_IN_NAME = re.compile(r"^(?P<name>[^\[(]+?)[\s_]*[\[(](?P<unit>[^\])]+)[\])]\s*$")
_PER_H = re.compile(r"_m(?:_?sun|sol)_?(?:per_?)?h(?:_?inv)?$|_sol_?mass_?h(?:_?inv)?$", re.IGNORECASE)
_MARKUP = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Listed:
    """What a table says of its columns.

    Parameters
    ----------
    units : mapping of str to str or None
        Unit of every column, as the file gives it.
    medians : mapping of str to float
        Of columns of numbers.
    words : mapping of str to str
        Descriptions of columns.
    about : tuple of str
        What the table says of itself.
    """

    units: Mapping[str, str | None]
    medians: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    about: tuple[str, ...] = ()

    def plain(self, name: str) -> str:
        """A column's name without markup and without a unit in brackets."""
        bare = _MARKUP.sub("", name).strip()
        found = _IN_NAME.match(bare)
        return (found["name"] if found else bare).replace(" ", "_")

    def in_name(self, name: str) -> str:
        """The unit in a column's name; empty if there is none."""
        bare = _MARKUP.sub("", name).strip()
        found = _IN_NAME.match(bare)
        return found["unit"] if found else "Msun/h" if _PER_H.search(bare) else ""
