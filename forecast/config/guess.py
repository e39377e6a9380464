"""What the columns of a table of clusters may mean, guessed from their names and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import InputError
from ..core.units import KINDS, LOG_UNIT, unit_factor
from ..reading.tables import QUANTITY_KINDS

_NAMES = {
    "name": r"(?:name|cluster|object|id|detuid|designation)",
    "z": r"(?:z|redshift|z_?(?:best|spec|phot|cl|lambda)|best_z|zsp)",
    "lx": r"(?:l_?x|l_?x?_?500|l_?x?_?(?:0p?5|01|05)_?2.*|lx_?.*|l500_?.*|lum.*)",
    "t": r"(?:t_?x|k?t|k?t_?x?_?500.*|temp.*|kt_?.*)",
    "mgas": r"(?:m_?g(?:as)?(?:_?500)?.*)",
    "yx": r"(?:y_?x(?:_?500)?.*)",
    "m500": r"(?:m_?500(?:c)?(?:_?.*)?)",
}
_ERROR = re.compile(
    r"^(?:e|err|error|sig|sigma|d)_(?P<prefixed>.+)$|^(?P<suffixed>.+?)_(?:e|err|error|sig|sigma|unc)$", re.IGNORECASE
)
_SIDES = (("_lo", "_up"), ("_l", "_u"), ("_low", "_high"), ("_minus", "_plus"), ("_m", "_p"), ("_lower", "_upper"))
_BAND, _RIGHT_BAND = re.compile(r"\d.*_\d|bol|cex", re.IGNORECASE), re.compile(r"(?:0p?5|05|500)_2(?![\dp])")
_COMMON = {"luminosity": "1e44 erg/s", "temperature": "keV", "mass": "1e14 Msun", "yx": "1e14 Msun keV"}
"""Units that are written where a table gives none."""


@dataclass
class Guess:
    """What columns seem to mean.

    Parameters
    ----------
    columns : dict
        As under [catalogue.columns].
    doubts : list of str
        What could not be told, and what was written instead.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def guess_columns(units: Mapping[str, str | None]) -> Guess:
    """Meaning of columns by their names and units, as a file gives them.

    Parameters
    ----------
    units : mapping of str to str or None
        Unit of every column.
    """
    found = Guess()
    errors = {name: of for name in units if (of := _error_of(name)) is not None}
    plain = [name for name in units if name not in errors]
    for key, pattern in _NAMES.items():
        candidates = [n for n in plain if re.fullmatch(pattern, n, re.IGNORECASE) and _fits(key, units[n])]
        candidates = [n for n in candidates if n not in {_name(c) for c in found.columns.values()}]
        if not candidates:
            continue
        best = min(candidates, key=lambda n: (len(n), plain.index(n)))
        if len(candidates) > 1:
            found.doubts.append(f"{key}: took '{best}' of {', '.join(candidates)}")
        _add(found, key, best, units[best])
        if key == "lx" and _BAND.search(best) and not _RIGHT_BAND.search(best):
            found.doubts.append(f"lx: '{best}' reads like another band than 0.5-2 keV; convert it first")
        _add_error(found, key, best, (units, errors))
    return found


def _add(found: Guess, key: str, name: str, unit: str | None) -> None:
    """Write a column, with a unit where the file has none."""
    if key not in QUANTITY_KINDS or unit:
        found.columns[key] = name
        return
    written = _COMMON[QUANTITY_KINDS[key]]
    found.columns[key] = {"name": name, "unit": written}
    found.doubts.append(f"{key}: the file gives '{name}' no unit; wrote \"{written}\", check it")


def _add_error(found: Guess, key: str, of: str, about: tuple[Mapping[str, str | None], Mapping[str, str]]) -> None:
    """Write the error of a column: one column, or a lower and an upper one."""
    units, errors = about
    if key not in QUANTITY_KINDS:
        return
    mine = [name for name, base in errors.items() if base.lower() == of.lower()]
    pairs = [(a, b) for a in errors for b in errors for low, up in _SIDES if _is_pair(a, b, of, (low, up))]
    if pairs:
        name, unit = ",".join(pairs[0]), units[pairs[0][0]]
    elif mine:
        name, unit = mine[0], units[mine[0]]
    else:
        return
    column = found.columns[key]
    same = column["unit"] if isinstance(column, dict) else None
    found.columns[f"{key}_error"] = name if unit else {"name": name, "unit": same or (units[of] or "dex")}


def _is_pair(lower: str, upper: str, of: str, sides: tuple[str, str]) -> bool:
    """Whether two columns are the lower and the upper error of another."""
    pair = (lower.lower(), upper.lower())
    stems = tuple(name.removesuffix(side) for name, side in zip(pair, sides, strict=True))
    ends = pair[0].endswith(sides[0]) and pair[1].endswith(sides[1])
    return ends and stems[0] == stems[1] and (_error_of(stems[0]) or "") == of.lower()


def _error_of(name: str) -> str | None:
    """Column of which `name` may be the error; None if it is none's."""
    match = _ERROR.match(name)
    if match is None:
        return None
    return match["prefixed"] or match["suffixed"]


def _fits(key: str, unit: str | None) -> bool:
    """Whether a unit may be that of a quantity."""
    if key not in QUANTITY_KINDS:
        return not unit
    if not unit:
        return True
    kind = KINDS[QUANTITY_KINDS[key]]
    try:
        unit_factor(LOG_UNIT.sub("", unit), kind.name, 0.7)
    except InputError:
        return False
    return True


def _name(column: Any) -> str:
    return str(column["name"] if isinstance(column, dict) else column)


def has_proxy(columns: Mapping[str, Any]) -> bool:
    """Whether columns hold a mass proxy, or what one is made of."""
    return "yx" in columns or "m500" in columns or {"mgas", "t"} <= set(columns)
