"""Positions on the sky: columns of right ascension and declination as degrees of the ICRS, however they are written."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from .cells import UNKNOWN, number_of, text_of, unit_text
from .tables import TableFile

FRAMES = ("icrs", "fk5", "fk4", "galactic")
"""Frames in which positions may be given, as astropy calls them; fk5 is that of J2000, fk4 that of B1950."""
POSITION = ("ra", "dec")
"""Keys of positions."""
RANGES = {"ra": (-180.0, 360.0), "dec": (-90.0, 90.0)}
"""Degrees."""
_HOURS, _DEGREES = 15.0, 1.0
_UNITS = {"h:m:s": _HOURS, "hourangle": _HOURS, "h": _HOURS, "hr": _HOURS, "hour": _HOURS, "d:m:s": _DEGREES}
"""Degrees in units that astropy does not take for angles, or writes otherwise."""
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<whole>\d+)(?P<mark>\s*[:hd°\s]\s*)(?P<minutes>\d+(?:\.\d*)?)"
    r"(?:\s*[:m'′\s]\s*(?P<seconds>\d+(?:\.\d*)?))?\s*[sm\"″'′]*"
)
DESIGNATION = "designation"
"""Unit of a column of names that hold positions, J hhmm.m+ddmm as the IAU recommends."""
_DESIGNATION = re.compile(r"J\s*(?P<h>\d\d)(?P<m>\d\d(?:\.\d+)?)\s*(?P<sign>[+-])(?P<d>\d\d)(?P<dm>\d\d(?:\.\d+)?)")
_DASHES = str.maketrans("−–—", "---")


@dataclass(frozen=True)
class Positions:
    """Places of N clusters on the sky.

    Parameters
    ----------
    ra, dec : ndarray, shape (N,)
        Degrees, ICRS; NaN where unknown.
    """

    ra: Array
    dec: Array


@dataclass(frozen=True)
class Parts:
    """Angles in parts: degrees per unit with the sign, whole units, minutes and seconds, shape (N,) each."""

    unit: Array
    whole: Array
    minutes: Array
    seconds: Array

    @property
    def possible(self) -> Array:
        """Which are angles, or unknown; bool, shape (N,)."""
        below = [~((part < 0) | (part >= 60)) for part in (self.minutes, self.seconds)]
        return np.logical_and(*below)

    @property
    def value(self) -> Array:
        """Degrees, shape (N,)."""
        return self.unit * (self.whole + self.minutes / 60 + self.seconds / 3600)


def sky_positions(table: TableFile, frame: str = "icrs") -> Positions | None:
    """Positions of the clusters of a table; None if it maps no columns of them.

    Numbers are in the unit of the file or the configuration; without one they are degrees, where they cannot be
    hours. Text such as ``12:34:56.7`` or ``12h34m56s`` is hours of right ascension and degrees of declination, or as
    the unit says; columns of hours, minutes and seconds are named one after the other, with commas. Names such as
    ``RXCJ0003.8+0203`` hold positions to a minute, in the unit ``designation``.

    Parameters
    ----------
    table : TableFile
    frame : str
        One of `FRAMES`; longitudes and latitudes of the galactic one are mapped as ra and dec.

    Raises
    ------
    InputError
        If a position cannot be one, naming its row, or it cannot be told whether hours or degrees are meant.
    """
    if "ra" not in table.columns or "dec" not in table.columns:
        return None
    ra, dec = (_degrees(table, key, frame) for key in POSITION)
    for key, values in (("ra", ra), ("dec", dec)):
        low, high = RANGES[key]
        cure = f"expected {low:g} to {high:g} degrees; correct it or its unit, or leave it empty if it is unknown"
        _require(table, key, ~((values < low) | (values > high)), cure)
    ra, dec = (np.where(np.isnan(ra + dec), np.nan, values) for values in (ra, dec))
    return to_icrs(ra, dec, frame)


def to_icrs(longitude: Array, latitude: Array, frame: str) -> Positions:
    """Positions of a frame, degrees, shape (N,) each, in the ICRS."""
    if frame == "icrs":
        return Positions(np.mod(longitude, 360.0), latitude)
    from astropy.coordinates import SkyCoord

    known, ra, dec = np.isfinite(longitude), longitude.copy(), latitude.copy()
    if known.any():
        found = SkyCoord(longitude[known], latitude[known], unit="deg", frame=frame).icrs
        ra[known], dec[known] = found.ra.deg, found.dec.deg
    return Positions(ra, dec)


def _degrees(table: TableFile, key: str, frame: str) -> Array:
    """One coordinate in degrees, NaN where unknown; shape (N,)."""
    name = table.columns[key].name
    usual = _HOURS if key == "ra" and frame != "galactic" else _DEGREES
    if name not in table.table.colnames and "," in name:
        return _value(table, key, _of_columns(table, key, usual))
    cells, mask = table._cells(name)
    if _written_unit(table, key) == DESIGNATION:
        named = ("" if hidden else text_of(cell).translate(_DASHES) for cell, hidden in zip(cells, mask, strict=True))
        return _value(table, key, Parts(*np.array([_of_name(one, key) for one in named]).T))
    if cells.dtype.kind not in "SUO" or _all_numbers(cells, mask):
        numbers = table.numbers(name)
        return numbers * _factor(table, key, numbers)
    written = _written_unit(table, key)
    unit = _in_degrees(written) if written else usual
    parsed = [_of_text("" if hidden else cell, unit) for cell, hidden in zip(cells, mask, strict=True)]
    cure = 'write it like "12:34:56.7", "12h34m56.7s" or as a number'
    _require(table, key, np.array([one is not None for one in parsed]), f"which is no angle; {cure}")
    return _value(table, key, Parts(*np.array([one for one in parsed if one is not None]).T))


def _all_numbers(cells: Array, mask: Array) -> bool:
    """Whether text is that of plain numbers."""
    return all(hidden or number_of(cell) is not None for cell, hidden in zip(cells, mask, strict=True))


def _value(table: TableFile, key: str, parts: Parts) -> Array:
    """Degrees from parts, which are possible."""
    _require(table, key, parts.possible, "whose minutes or seconds are not within 0 to 60; correct it")
    return parts.value


def _of_text(cell: Any, unit: float) -> tuple[float, float, float, float] | None:
    """`Parts` of an angle written as text, in a unit unless it says hours or degrees itself; None if it is no angle."""
    text = text_of(cell).strip().lower().translate(_DASHES)
    if text in UNKNOWN:
        return 1.0, math.nan, math.nan, math.nan
    found = _SEXAGESIMAL.fullmatch(text)
    if found is None:
        return None
    sign = -1.0 if found["sign"] == "-" else 1.0
    own = {"h": _HOURS, "d": _DEGREES, "°": _DEGREES}.get(found["mark"].strip(), unit)
    return sign * own, float(found["whole"]), float(found["minutes"]), float(found["seconds"] or 0.0)


def _of_name(name: str, key: str) -> tuple[float, float, float, float]:
    """`Parts` of the position in a cluster's name, to the minutes that it holds; unknown in one without.

    >>> _of_name("RXCJ0003.8+0203", "ra"), _of_name("RXCJ0003.8-0203", "dec"), _of_name("A85", "ra")[0]
    ((15.0, 0.0, 3.8, 0.0), (-1.0, 2.0, 3.0, 0.0), 1.0)
    """
    found = _DESIGNATION.search(name)
    if found is None:
        return 1.0, math.nan, math.nan, math.nan
    if key == "ra":
        return _HOURS, float(found["h"]), float(found["m"]), 0.0
    return -1.0 if found["sign"] == "-" else 1.0, float(found["d"]), float(found["dm"]), 0.0


def _of_columns(table: TableFile, key: str, unit: float) -> Parts:
    """Angles whose hours or degrees, minutes and seconds are columns, after one of signs if there is one."""
    names = [part.strip() for part in table.columns[key].name.split(",")]
    if len(names) not in (3, 4) or (len(names) == 4 and key == "ra"):
        wanted = '"RAh,RAm,RAs"' if key == "ra" else '"DE-,DEd,DEm,DEs"'
        raise InputError(f'{table.section}.columns.{key}: got "{",".join(names)}"; write one column, or {wanted}')
    whole, minutes, seconds = (table.numbers(name) for name in names[-3:])
    negative = np.signbit(whole)
    if len(names) == 4:
        cells, mask = table._cells(names[0])
        signs = ["" if hidden else text_of(c).strip().translate(_DASHES) for c, hidden in zip(cells, mask, strict=True)]
        negative = negative | np.array([sign.startswith("-") for sign in signs])
    elif key == "dec" and table.table[names[0]].dtype.kind in "iu" and (whole == 0).any():
        raise InputError(
            f"{table.file}: column '{names[0]}' holds whole numbers, among them 0, which has lost its sign; name the "
            f'column of signs first, dec = "SIGN,{",".join(names)}"'
        )
    return Parts(np.where(negative, -unit, unit), np.abs(whole), minutes, seconds)


def _written_unit(table: TableFile, key: str) -> str:
    """Unit of a coordinate: the configuration's, else the file's."""
    column = table.columns[key]
    return (column.unit or unit_text(getattr(table.table[column.name], "unit", None))).strip().strip("\"'")


def _factor(table: TableFile, key: str, numbers: Array) -> float:
    """Degrees per unit of a column of numbers."""
    unit = _written_unit(table, key)
    if unit:
        try:
            return _in_degrees(unit)
        except InputError as error:
            raise InputError(f"{table.file}: column '{table.columns[key].name}': {error}") from None
    known = numbers[np.isfinite(numbers)]
    if key == "ra" and len(known) and known.min() >= 0 and known.max() <= 24:
        name = table.columns[key].name
        raise InputError(
            f"{table.file}: column '{name}' runs from {known.min():g} to {known.max():g} without a unit, hours or "
            f'degrees; write in [{table.section}.columns] ra = {{ name = "{name}", unit = "deg" }} or "hourangle"'
        )
    return _DEGREES


def _in_degrees(unit: str) -> float:
    """Degrees in a unit of angle.

    Raises
    ------
    InputError
        If it is none.
    """
    if unit.lower() in _UNITS:
        return _UNITS[unit.lower()]
    from astropy import units

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(units.Unit(unit).to(units.deg))
    except (ValueError, TypeError, units.UnitConversionError):
        raise InputError(f'{unit!r} is no unit of an angle; write "deg" or "hourangle"') from None


def is_angle(unit: str) -> bool:
    """Whether a unit is one of angles."""
    try:
        return _in_degrees(unit.strip().strip("\"'")) > 0
    except InputError:
        return False


def _require(table: TableFile, key: str, good: Array, expected: str) -> None:
    """Raise for the first row whose coordinate is not `good`; `good` has shape (N,)."""
    name = table.columns[key].name
    table._require(name if name in table.table.colnames else name.split(",")[-1].strip(), good, expected)
