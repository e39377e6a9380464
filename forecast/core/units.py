"""Units, stated once.

Inside the package: masses in Msun/h (M500c), lengths in comoving Mpc/h, temperatures in keV,
luminosities in erg/s (rest frame, in the band of relations.lx), gas masses in Msun/h, Y_X = M_gas T in Msun/h keV,
fluxes in erg/s/cm2, areas in steradian, redshifts and scatters (dex) as plain numbers. Everything
a user writes carries its unit and is converted here, at the edge.

``Msun/h`` and ``Mpc/h`` are parsed by this module: astropy would read the ``/h`` as *per hour*.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from .errors import InputError

LN10 = math.log(10.0)


@dataclass(frozen=True)
class Kind:
    """A kind of quantity: its internal unit (astropy spelling), the power of h that goes with it."""

    name: str
    unit: str
    h_power: int
    example: str


KINDS = {
    k.name: k
    for k in (
        Kind("mass", "solMass", -1, "14.4 log10 Msun/h"),
        Kind("length", "Mpc", -1, "352 Mpc/h"),
        Kind("volume", "Mpc3", -3, "2.2e7 (Mpc/h)^3"),
        Kind("luminosity", "erg / s", 0, "1.76e44 erg/s"),
        Kind("flux", "erg / (s cm2)", 0, "1.3e-11 erg / (s cm2)"),
        Kind("temperature", "keV", 0, "3.4 keV"),
        Kind("yx", "solMass keV", -1, "8.2e13 Msun/h keV"),
        Kind("area", "sr", 0, "8.14 sr"),
    )
}

_NUMBER = re.compile(
    r"^\s*(?:10\s*(?:\*\*|\^)\s*\(?\s*(?P<exponent>[-+]?\d+(?:\.\d*)?)\s*\)?"
    r"|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))\s*(?P<unit>.*)$",
    re.DOTALL,
)
_LOG = re.compile(r"^\s*log(?:10)?\b\s*", re.IGNORECASE)
LOG_UNIT = re.compile(r"^\s*(?:(?:log(?:10)?|dex)\b\s*|(?=\[.+\]\s*$))", re.IGNORECASE)
"""Beginning of the unit of a column that holds log10s, or errors of them; VizieR writes such a unit in brackets."""
_CUBED = re.compile(r"\(\s*(?P<base>[A-Za-z]+)\s*/\s*h\s*\)\s*(?:\*\*|\^)?\s*(?P<power>\d)")
_PER_H = re.compile(r"/\s*h(?![A-Za-z])\s*(?:(?:\*\*|\^)?\s*(?P<power>\d))?")
_H_TOKEN = re.compile(r"(?<![A-Za-z])h\s*(?:\*\*|\^)?\s*\(?(?P<power>-\d|\d)?\)?(?![A-Za-z\d])")


def _split_h(unit: str) -> tuple[str, int]:
    """Take every factor of h out of `unit`; return the rest and the power of h."""
    power = 0
    cubed = _CUBED.search(unit)
    if cubed:
        exponent = int(cubed["power"])
        unit = unit[: cubed.start()] + f"{cubed['base']}{exponent}" + unit[cubed.end() :]
        power -= exponent
    for pattern, sign in ((_PER_H, -1), (_H_TOKEN, 1)):
        for match in pattern.finditer(unit):
            power += sign * int(match["power"] or 1)
        unit = pattern.sub(" ", unit)
    return " ".join(unit.split()), power


def unit_factor(unit: str, kind: str, h: float) -> float:
    """Factor that turns a number in `unit` into the package's internal unit for `kind`.

    Parameters
    ----------
    unit : str
        For example ``"Msun/h"``, ``"1e14 solMass"``, ``"erg / (s cm2)"``.
    kind : str
        One of `KINDS`.
    h : float
        Hubble parameter H0 / (100 km/s/Mpc) with which factors of h are resolved.

    Raises
    ------
    InputError
        If the unit is unknown (``/h`` is never an hour), of another dimension, or not positive and finite.

    Examples
    --------
    >>> unit_factor("Msun", "mass", h=0.7)
    0.7
    >>> unit_factor("Mpc/h", "length", h=0.7)
    1.0
    """
    from astropy import units as u

    target = KINDS[kind]
    rest, power = _split_h(unit)
    rest = re.sub(r"\bMsun\b", "solMass", rest)
    rest = re.sub(r"\b(?:sq\.?|square) ?deg(?:rees?)?\b", "deg2", rest)
    if "(" not in rest and rest.count("/") > 1:  # erg/s/cm2
        numerator, *denominators = rest.split("/")
        rest = f"{numerator} / ({' '.join(denominators)})"
    try:
        if not rest:
            raise ValueError("no unit")
        factor = float(_astropy_unit(rest).to(u.Unit(target.unit), equivalencies=u.temperature_energy()))
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise InputError(f"unit '{unit}' is not a unit of {kind}; write for example '{target.example}'") from error
    if power and not target.h_power:
        raise InputError(f"unit '{unit}' has a factor of h, but {kind} has none here; write '{target.example}'")
    factor *= h ** (power - target.h_power)
    if not 0 < factor < math.inf:
        raise InputError(f"unit '{unit}' must be positive and finite; write for example '{target.example}'")
    return factor


def _astropy_unit(text: str) -> Any:
    """A unit as astropy writes it, or as the tables of the CDS do, such as 10-7W."""
    from astropy import units as u

    try:
        return u.Unit(text)
    except ValueError:
        return u.Unit(text, format="cds")


def bare_unit(unit: str) -> str:
    """The unit behind a 'log10' or 'dex'.

    >>> bare_unit("dex(erg / s)"), bare_unit("log10 keV"), bare_unit("[10-7W]"), bare_unit("keV")
    ('erg / s', 'keV', '10-7W', 'keV')
    """
    bare = LOG_UNIT.sub("", unit).strip()
    return bare[1:-1] if LOG_UNIT.match(unit) and bare[:1] + bare[-1:] in ("()", "[]") else bare


def contradiction(configured: str, written: str, kind: str, h: float) -> str:
    """How the unit written in a file contradicts the one configured, in words; empty if it does not.

    A column of log10s may bear the unit of the quantity in its file; one of the quantity no log10's, unless that is
    told by brackets only, which some write about any unit.

    Raises
    ------
    InputError
        If the configured unit is none of this kind.

    Examples
    --------
    >>> contradiction("erg/s", "erg s-1", "luminosity", 0.7), contradiction("log10 Msun", "Msun", "mass", 0.7)
    ('', '')
    >>> contradiction("Msun", "Msun/h", "mass", 0.5)
    'a factor of 2'
    """
    if LOG_UNIT.match(written) and not LOG_UNIT.match(configured) and not written.lstrip().startswith("["):
        return "a log10"
    mine, theirs = bare_unit(configured), bare_unit(written)
    if not (mine and theirs):
        return ""
    factor = unit_factor(mine, kind, h)
    try:
        ratio = unit_factor(theirs, kind, h) / factor
    except InputError:
        return f"no unit of {kind}"
    return "" if abs(ratio - 1) < 1e-3 else f"a factor of {ratio:.4g}"


def _power_of_ten(exponent: str | float) -> float:
    return 10.0 ** float(exponent) if abs(float(exponent)) < 300 else math.inf


def parse(text: str, kind: str, h: float) -> float:
    """Read a value with its unit, ``"3e-13 erg / (s cm2)"``, into the internal unit of `kind`.

    Accepts ``"10**14.4 Msun"`` and ``"14.4 log10 Msun/h"`` too. See `unit_factor` for the arguments.

    Raises
    ------
    InputError
        If the text is no number with a unit of this kind.

    Examples
    --------
    >>> round(math.log10(parse("14.4 log10 Msun", "mass", h=0.704)), 4)
    14.2476
    """
    example = KINDS[kind].example
    match = _NUMBER.match(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"got {text!r}, expected a number with a unit of {kind}, as in '{example}'")
    unit = match["unit"].strip()
    value = _power_of_ten(match["exponent"]) if match["exponent"] else float(match["number"])
    if _LOG.match(unit):
        value, unit = _power_of_ten(value), _LOG.sub("", unit)
    if not unit:
        raise InputError(f"'{text}' has no unit; write it as in '{example}'")
    result = value * unit_factor(unit, kind, h)
    if not math.isfinite(result):
        raise InputError(f"'{text}' is not a finite {kind}")
    return result


def h_power(text: str, kind: str) -> float:
    """Power of h in the package's value of a text with a unit, as read by `parse`.

    Examples
    --------
    >>> h_power("14.6 log10 Msun", "mass"), h_power("14.6 log10 Msun/h", "mass")
    (1.0, 0.0)
    """
    return round(math.log2(parse(text, kind, h=2.0) / parse(text, kind, h=1.0)), 9)
