"""What the columns of a table of clusters may mean, guessed from their names and units."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.band import SOFT, Band
from ..core.errors import InputError
from ..core.units import KINDS, LOG_UNIT, unit_factor
from ..reading.band_names import band_in_name, guess_band, words_in_name
from ..reading.error_columns import ErrorName, error_name, sides_of, whole_errors
from ..reading.limits import LIMITED
from ..reading.listed import Listed
from ..reading.plausibility import USUAL
from ..reading.positions import POSITION, is_angle
from ..reading.tables import QUANTITY_KINDS
from .bands import band_doubts, band_rank

_OF_POSITION = r"(?:_?(?:j2000|icrs|deg|x|x?ray|cl|corr|opt|bcg))?"
_NAMES = {
    "name": r"(?:(?:id|cl|cluster|obj|object|src|source|target|main|alt)?_?name(?:_.*)?|cl(?:uster)?|object|target"
    r"|(?:(?:cl|cluster|obj|object|src|source)_?)?id|detuid|designation|mcxc|psz2?|rxc)",
    "ra": rf"_?(?:ra|right_?ascension){_OF_POSITION}",
    "dec": rf"_?(?:dec?|declination){_OF_POSITION}",
    "z": r"(?!.*(?:flag|type|ref|sou?rce|qual|method))"
    r"(?:(?:z|redshift)(?:_.*)?|z(?:best|spec|phot|cl|lambda|sp)|best_z)",
    "lx": r"(?:l_?x|l_?x?_?500|l_?x?_?(?:0p?5|01|05)_?2.*|lx_?.*|l500_?.*|l_?(?:bol|0[._p]?\d|[15]00_2).*|lum.*)",
    "flux": r"(?!f_?cont)(?:f|flux)(?:_?x)?(?:_.*)?",
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
_LENSING = re.compile(r"wl|lens", re.IGNORECASE)
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
    band : Band or None
        Of the luminosities, or of the fluxes of which they are made, as far as the table tells it.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    band: Band | None = None

    def leave_out(self, key: str, why: str) -> None:
        """Take out a quantity with its errors and limits, and say why."""
        name = _name(self.columns.pop(key))
        for part in ("error", "limit"):
            self.columns.pop(f"{key}_{part}", None)
        self.doubts[:] = [doubt for doubt in self.doubts if not re.match(rf"{key}\b|{key}_", doubt)]
        self.doubts.append(f"{key}: '{name}' is left out: {why}")


def guess_columns(
    units: Mapping[str, str | None],
    medians: Mapping[str, float] | None = None,
    words: Mapping[str, str] | None = None,
    about: tuple[str, ...] = (),
) -> Guess:
    """Meaning of columns by what a table says of them; see `forecast.reading.listed.Listed`."""
    found, listed = Guess(), Listed(units, medians or {}, words or {}, about)
    errors = _errors(units, listed)
    limits = {
        name: of for name in units if name not in errors and (of := _limit_of(listed.plain(name), units)) is not None
    }
    plain = [name for name in units if name not in errors and name not in limits]
    for key, pattern in _NAMES.items():
        if key == "flux" and "lx" in found.columns:
            continue
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
        if key in ("lx", "flux"):
            _tell_band(found, best, listed)
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
    if key in ("lx", "flux"):
        return band_rank(name)
    patterns = _PREFERRED.get(key, ())
    return next((i for i, p in enumerate(patterns) if re.fullmatch(p, name, re.IGNORECASE)), len(patterns))


def _leave_out_lensing(found: Guess, candidates: list[str]) -> None:
    """Weak-lensing masses are not made from Y_X."""
    for name in [name for name in candidates if _LENSING.search(name)]:
        candidates.remove(name)
        found.doubts.append(f"'{name}' reads like weak-lensing masses, which are not made from Y_X; left out")


def _miss_luminosities(found: Guess, names: list[str]) -> None:
    """Say that there is no L_X, and what there is instead."""
    if "lx" in found.columns:
        return
    if "flux" in found.columns:
        name = _name(found.columns["flux"])
        found.doubts.append(f"lx: no column seems to hold L_X; made of the fluxes '{name}' in the survey's cosmology")
        return
    fluxes = [name for name in names if re.fullmatch(_NAMES["flux"], name, re.IGNORECASE)]
    cure = 'map it with its unit, flux = { name = "%s", unit = "erg/(s cm2)" }, under [catalogue.columns]'
    instead = f"; '{fluxes[0]}' reads like fluxes: {cure % fluxes[0]}" if fluxes else ""
    found.doubts.append(f"lx: no column seems to hold L_X of {SOFT}{instead}")


def _tell_band(found: Guess, name: str, listed: Listed) -> None:
    """Take the band of luminosities or fluxes from the table, and say what is doubtful about it."""
    plain, words = listed.plain(name), (listed.words.get(name, ""),)
    found.band = None if words_in_name(plain) else guess_band(plain, words, listed.about)
    found.doubts += band_doubts(plain, found.band, (*words, *listed.about))


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
    if key not in ("lx", "flux"):
        return True
    return not _band_words(stem) or _band_words(stem) == _band_words(name)


def _band_words(name: str) -> str:
    """What a name says of bands; empty if nothing."""
    return words_in_name(name) or str(band_in_name(name) or "")


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
    """Whether a unit may be that of a quantity; fluxes need one."""
    if key in POSITION:
        return not unit or is_angle(unit)
    if key not in QUANTITY_KINDS:
        return not unit
    if not unit:
        return key != "flux"
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
