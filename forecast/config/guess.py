"""What the columns of a table of clusters may mean, guessed from their names and units."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import InputError
from ..core.units import KINDS, LOG_UNIT, unit_factor
from ..reading.limits import LIMITED
from ..reading.plausibility import USUAL
from ..reading.positions import POSITION, is_angle
from ..reading.tables import QUANTITY_KINDS
from .band import OWN, band_of
from .error_columns import ErrorName, error_name, sides_of, whole_errors

_OF_POSITION = r"(?:_?(?:j2000|icrs|deg|x|x?ray|cl|corr|opt|bcg))?"
_NAMES = {
    "name": r"(?:(?:id|cl|cluster|obj|object|src|source|target|main|alt)?_?name(?:_.*)?|cl(?:uster)?|object|target"
    r"|(?:(?:cl|cluster|obj|object|src|source)_?)?id|detuid|designation|mcxc|psz2?|rxc)",
    "ra": rf"_?(?:ra|right_?ascension){_OF_POSITION}",
    "dec": rf"_?(?:dec?|declination){_OF_POSITION}",
    "z": r"(?!.*(?:flag|type|ref|sou?rce|qual|method))"
    r"(?:(?:z|redshift)(?:_.*)?|z(?:best|spec|phot|cl|lambda|sp)|best_z)",
    "lx": r"(?:l_?x|l_?x?_?500|l_?x?_?(?:0p?5|01|05)_?2.*|lx_?.*|l500_?.*|l_?(?:bol|0[._p]?\d|[15]00_2).*|lum.*)",
    "t": r"(?:t_?x|k?t|k?t_?x?_?500.*|temp.*|kt_?.*)",
    "mgas": r"(?:m_?g(?:as)?(?:_?500)?.*)",
    "yx": r"(?:y_?x(?:_?500)?.*)",
    "mwl": r"(?:m(?:ass)?_?(?:500c?)?_?(?:wl|lens).*)",
    "m500": r"(?:m_?500(?:c)?(?:_?.*)?)",
}
_LIMIT = re.compile(
    r"^(?:l|lim|limit|ul)_(?P<prefixed>.+)$|^(?P<suffixed>.+?)_(?:l|ul|lim|limit|upper|upper_?lim(?:it)?|uplim)$",
    re.IGNORECASE,
)
_PROXIES = ("yx", "mgas", "m500")
_PREFERRED = {
    "name": (r".*name.*", r"(?!.*id$).*"),
    "z": (r"z|redshift", r".*spec.*|zsp", r".*best.*|z_?cl", r"(?!.*(?:phot|lambda)).*"),
}
"""Patterns of better names before worse ones."""
_IN_NAME = re.compile(r"^(?P<name>[^\[(]+?)[\s_]*[\[(](?P<unit>[^\])]+)[\])]\s*$")
_PER_H = re.compile(r"_m(?:_?sun|sol)_?(?:per_?)?h(?:_?inv)?$|_sol_?mass_?h(?:_?inv)?$", re.IGNORECASE)
_MARKUP = re.compile(r"<[^>]*>")
_LENSING, _FLUX = (
    re.compile(r"wl|lens", re.IGNORECASE),
    re.compile(r"^(?!f_?cont)(?:f|flux)(?:_?x)?(?:_.*)?$", re.IGNORECASE),
)
_COMMON = {
    "luminosity": ("erg/s", "1e44 erg/s", "log10 erg/s"),
    "temperature": ("keV",),
    "mass": ("Msun", "1e14 Msun", "log10 Msun"),
    "yx": ("Msun keV", "1e14 Msun keV", "log10 Msun keV"),
}
"""Units of columns to which a table gives none: the first with which their values are those of clusters."""


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


@dataclass(frozen=True)
class Listed:
    """What a table says of its columns.

    Parameters
    ----------
    units : mapping of str to str or None
        Unit of every column, as the file gives it.
    medians : mapping of str to float
        Of columns of numbers.
    """

    units: Mapping[str, str | None]
    medians: Mapping[str, float] = field(default_factory=dict)

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


def guess_columns(units: Mapping[str, str | None], medians: Mapping[str, float] | None = None) -> Guess:
    """Meaning of columns by their names, units and typical values, as a file gives them.

    Parameters
    ----------
    units : mapping of str to str or None
        Unit of every column.
    medians : mapping of str to float, optional
        Of columns of numbers: what unit those have that the file gives none.
    """
    found, listed = Guess(), Listed(units, medians or {})
    errors = _errors(units, listed)
    limits = {
        name: of for name in units if name not in errors and (of := _limit_of(listed.plain(name), units)) is not None
    }
    plain = [name for name in units if name not in errors and name not in limits]
    for key, pattern in _NAMES.items():
        free = [n for n in plain if n not in {_name(c) for c in found.columns.values()} and _fits(key, units[n])]
        candidates = [n for n in free if re.fullmatch(pattern, listed.plain(n), re.IGNORECASE)]
        if key == "m500":
            _leave_out_lensing(found, candidates)
        if key == "mwl" and candidates:
            found.doubts.append("mwl: weak-lensing masses are taken as M500c, with their own errors beside the scatter")
        if not candidates:
            continue
        best = min(candidates, key=lambda n: (_rank(key, listed.plain(n)), len(n), plain.index(n)))
        sides = sides_of(best, plain)
        others = [name for name in candidates if name not in sides]
        if len(others) > 1:
            found.doubts.append(f"{key}: took '{best}' of {', '.join(others)}")
        _add(found, key, best, listed)
        if key == "lx":
            _doubt_band(found, best, listed)
        if key in QUANTITY_KINDS and (own := whole_errors(errors, [listed.plain(best).lower()])):
            _write_error(found, key, own[0], listed)
        _add_limit(found, key, best, limits)
        if sides and key in QUANTITY_KINDS and f"{key}_error" not in found.columns:
            cure = f'write {key}_error = "{",".join(sides)}" under [catalogue.columns]'
            found.doubts.append(f"{key}: {' and '.join(sides)} may be its errors, or its bounds; if errors, {cure}")
    _miss_luminosities(found, [listed.plain(name) for name in plain])
    _take_errors(found, errors, listed)
    return found


def _errors(units: Mapping[str, str | None], listed: Listed) -> dict[str, ErrorName]:
    """Columns of errors, and what they are errors of."""
    others = {listed.plain(name).lower() for name in units}
    found = {}
    for name in units:
        plain = listed.plain(name)
        glued = ErrorName(plain[1:]) if plain[:1] in "edED" and plain[1:].lower() in others else None
        if (one := error_name(plain) or glued) is not None:
            found[name] = one
    return found


def _rank(key: str, name: str) -> int:
    """How good a name is among those that may be meant: 0 is best."""
    if key == "lx":
        band = band_of(name)
        return 0 if band == OWN else 2 if band else 1
    patterns = _PREFERRED.get(key, ())
    return next((i for i, p in enumerate(patterns) if re.fullmatch(p, name, re.IGNORECASE)), len(patterns))


def _leave_out_lensing(found: Guess, candidates: list[str]) -> None:
    """Weak-lensing masses are not made from Y_X."""
    for name in [name for name in candidates if _LENSING.search(name)]:
        candidates.remove(name)
        found.doubts.append(f"'{name}' reads like weak-lensing masses, which are not made from Y_X; left out")


def _miss_luminosities(found: Guess, names: list[str]) -> None:
    """Say that there is no L_X, and what there may be instead."""
    if "lx" in found.columns:
        return
    fluxes = [name for name in names if _FLUX.fullmatch(name)]
    instead = f"; '{fluxes[0]}' reads like fluxes: make L_X of them" if fluxes else ""
    found.doubts.append(f"lx: no column seems to hold L_X of 0.5-2 keV{instead}")


def _doubt_band(found: Guess, name: str, listed: Listed) -> None:
    """Say what band luminosities seem to be of, where it is not that of the model."""
    band = band_of(listed.plain(name))
    if not band:
        found.doubts.append(f"lx: '{name}' names no band; it is taken for rest-frame {OWN}, check it")
    elif band != OWN:
        found.doubts.append(f"lx: '{name}' reads like another band ({band}) than {OWN}; convert it first")


def _take_errors(found: Guess, errors: Mapping[str, ErrorName], listed: Listed) -> None:
    """Errors of a quantity whose column is called otherwise: taken if there is one choice, else named."""
    others = {listed.plain(name).lower() for name in listed.units}
    left = {one.of.lower() for one in errors.values()} - others
    for key in (key for key in QUANTITY_KINDS if key in found.columns and f"{key}_error" not in found.columns):
        of = _name(found.columns[key])
        mine = [stem for stem in sorted(left) if _may_be_of(key, stem, listed.plain(of))]
        left -= set(mine)
        choices = whole_errors(errors, mine)
        if len(choices) == 1:
            _write_error(found, key, choices[0], listed)
            found.doubts.append(f"{key}_error: took '{choices[0]}' for the errors of '{of}', check it")
            continue
        for choice in choices:
            cure = f'if so, write {key}_error = "{choice}" under [catalogue.columns]'
            found.doubts.append(f"{key}: '{choice}' reads like its error; {cure}")
        if key in _PROXIES and not choices:
            cure = "write yx_error = 0.05 (dex; yours) at the top of the file, or map a column of errors"
            found.doubts.append(f"{key}: no column seems to hold errors of '{of}'; each is taken as exact: {cure}")


def _may_be_of(key: str, stem: str, name: str) -> bool:
    """Whether what errors are of may be what a column of another name holds."""
    if not re.fullmatch(_NAMES[key], stem, re.IGNORECASE) or (key == "m500" and _LENSING.search(stem)):
        return False
    return key != "lx" or band_of(stem) in ("", band_of(name))


def _add(found: Guess, key: str, name: str, listed: Listed) -> None:
    """Write a column, with a unit where the file has none."""
    unit, in_name = listed.units[name], listed.in_name(name)
    if key not in QUANTITY_KINDS or unit:
        found.columns[key] = name
        return
    if in_name and _fits(key, in_name):
        found.columns[key] = {"name": name, "unit": in_name}
        found.doubts.append(f"{key}: took the unit \"{in_name}\" from the name '{name}'")
        return
    written = _likely_unit(QUANTITY_KINDS[key], listed.medians.get(name))
    found.columns[key] = {"name": name, "unit": written}
    found.doubts.append(f"{key}: the file gives '{name}' no unit; wrote \"{written}\", check it")


def _likely_unit(kind: str, median: float | None) -> str:
    """The unit in which a median is that of clusters; the last but one if none is."""
    if median is not None and median > 0:
        for unit in _COMMON[kind]:
            is_log = bool(LOG_UNIT.match(unit))
            value = median if is_log else math.log10(median * unit_factor(unit, kind, 1.0))
            if USUAL[kind][0] <= value <= USUAL[kind][1]:
                return unit
    return _COMMON[kind][min(1, len(_COMMON[kind]) - 1)]


def _write_error(found: Guess, key: str, name: str, listed: Listed) -> None:
    """Write the error of a column: one column, or "LOWER,UPPER"; its unit is that of the column where it has none."""
    column, unit = found.columns[key], listed.units[name if name in listed.units else name.split(",")[0]]
    same = column["unit"] if isinstance(column, dict) else listed.units[column]
    found.columns[f"{key}_error"] = name if unit else {"name": name, "unit": same or "dex"}


def _add_limit(found: Guess, key: str, of: str, limits: Mapping[str, str]) -> None:
    """Write the column that flags upper limits of another, or holds them."""
    mine = [name for name, base in limits.items() if base.lower() == of.lower()]
    if key in LIMITED and mine:
        found.columns[f"{key}_limit"] = mine[0]
        found.doubts.append(f"{key}_limit: '{mine[0]}' reads like upper limits; wrote a confidence of 0.9987, check it")


def _limit_of(name: str, units: Mapping[str, str | None]) -> str | None:
    """Column of whose limits `name` may tell, if there is such a column; None if of none."""
    match = _LIMIT.match(name)
    of = None if match is None else match["prefixed"] or match["suffixed"]
    return of if of is not None and of.lower() in {other.lower() for other in units} else None


def _fits(key: str, unit: str | None) -> bool:
    """Whether a unit may be that of a quantity."""
    if key in POSITION:
        return not unit or is_angle(unit)
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
