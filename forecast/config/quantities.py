"""Numbers with units, curves and columns of tables as configurations give them; errors name the key."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.units import KINDS, LN10, parse, unit_factor
from ..reading.plausibility import RANGES
from ..reading.tables import Column, open_table
from .schema.survey import CurveConfig

Value = TypeVar("Value")

FLUXES = (1e-19, 1e-7)
"""Fluxes, erg/s/cm2, between which those of all clusters lie."""
LUMINOSITIES = (1e38, 1e48)
"""Luminosities, erg/s, likewise."""


def named(path: str, action: Callable[[], Value]) -> Value:
    """Call `action`, putting the configuration key in front of its error."""
    try:
        return action()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_log_mass(text: str, path: str, h: float) -> float:
    """log10 of a mass given with its unit, Msun/h."""
    mass = named(path, lambda: parse(text, "mass", h))
    if not 1e11 < mass < 1e16:
        raise InputError(f"{path}: '{text}' = {mass:.3g} Msun/h is no cluster mass; expected 1e11 to 1e16 Msun/h")
    return math.log10(mass)


def read_norm(text: str, kind: str, path: str, h: float) -> float:
    """The normalisation of a relation, which is the value of a cluster; one that reads like a log10 is named."""
    norm, (low, high) = named(path, lambda: parse(text, kind, h)), RANGES[kind]
    if norm > 0 and low <= math.log10(norm) <= high:
        return norm
    number, _, unit = text.strip().partition(" ")
    cure = f'if it is a log10, write "{number} log10 {unit}"' if low <= norm <= high else "check the unit"
    raise InputError(f"{path}: '{text}' is no {kind} of a cluster (1e{low:g} to 1e{high:g} {KINDS[kind].unit}); {cure}")


def read_quantities(texts: tuple[str, ...], kind: str, path: str, h: float) -> Array:
    """Positive values given with their units, shape (n,)."""
    values = np.array([named(path, partial(parse, t, kind, h)) for t in texts])
    if np.any(values <= 0):
        raise InputError(f"{path}: must be positive, got {texts[int(np.argmin(values))]!r}")
    least, most = {"flux": FLUXES, "luminosity": LUMINOSITIES}.get(kind, (0.0, math.inf))
    for text, value in zip(texts, values, strict=True):
        if not least < value < most:
            expected = f"expected {least:g} to {most:g} {KINDS[kind].unit}"
            raise InputError(f"{path}: '{text}' is no {kind} of a cluster; {expected}")
    return values


def read_curve(c: CurveConfig, path: str, h: float) -> tuple[Array, Array]:
    """log10 of fluxes (erg/s/cm2), and values, shape (n,) each."""
    if c.fluxes is not None and c.values is not None:
        return np.log10(read_quantities(c.fluxes, "flux", f"{path}.fluxes", h)), np.array(c.values)
    fluxes, values = read_columns(str(c.path), f"{path}.path", {"flux": "flux", "value": ""}, h)
    return np.log10(fluxes), values


def read_columns(file: str, path: str, kinds: dict[str, str], h: float) -> list[Array]:
    """Columns of a table file by name, each with the kind of its unit, in package units; the first positive."""
    opened, columns = open_table(Path(file), {name: Column(name) for name in kinds}, h, section=path), []
    table = opened.table
    for name, kind in kinds.items():
        if name not in table.colnames:
            raise InputError(f"{path}: {file} has no column '{name}'; {nearest(name, table.colnames)}")
        unit = str(table[name].unit or "")
        if kind and not unit:
            raise InputError(f"{path}: column '{name}' of {file} has no unit; write one into the file")
        factor = named(path, partial(unit_factor, unit, kind, h)) if kind else 1.0
        columns.append(opened.numbers(name) * factor)
    if not np.all(np.isfinite(columns)) or np.any(columns[0] <= 0):
        raise InputError(f"{path}: {file} has values that are missing or fluxes that are not positive")
    return columns


def read_scatter(value: float | str, path: str, default: str = "dex", what: str = "scatter") -> float:
    """Scatter in dex from a number in unit `default`, or from "0.396 ln"."""
    units = {"dex": 1.0, "ln": 1.0 / LN10}
    words = value.split() if isinstance(value, str) else [str(value), default]
    try:
        number = float(words[0]) * units[words[1]]
    except (ValueError, IndexError, KeyError):
        raise InputError(f"{path}: got '{value}', expected {default} as a number, or '0.13 dex' or '0.3 ln'") from None
    if not 0 < number < 2:
        raise InputError(f"{path}: {what} must be between 0 and 2 dex, got {number:g}")
    return number
