"""Cells of a table as text and numbers."""

from __future__ import annotations

import math
from typing import Any

UNKNOWN = frozenset({"", "nan", "na", "n/a", "null", "none", "-", "--", "---", "...", "…"})
"""How tables of text write that nothing is known; in lower case."""


def unit_text(written: Any) -> str:
    """A column's unit as text; astropy takes "Msun/h keV" for Msun / (h keV)."""
    return str(written or "").replace("/ (h keV)", "keV / h")


def is_pure(unit: str) -> bool:
    """Whether a unit is none, that of astropy's redshifts, or none that astropy knows.

    >>> is_pure(""), is_pure("---"), is_pure("redshift"), is_pure("km/s"), is_pure("%")
    (True, True, True, False, False)
    """
    from astropy import units

    try:
        return unit == "redshift" or bool(units.Unit(unit) == units.dimensionless_unscaled)
    except ValueError:
        return True


def text_of(cell: Any) -> str:
    """A cell as text; byte strings are decoded."""
    return cell.decode("utf-8", errors="replace") if isinstance(cell, bytes) else str(cell)


def number_of(cell: Any) -> float | None:
    """A cell of text as a number: NaN if it says that nothing is known, None if it is no number."""
    text = text_of(cell).strip()
    try:
        return math.nan if text.lower() in UNKNOWN else float(text)
    except ValueError:
        return None


def has_decimal_comma(cell: Any) -> bool:
    """Whether a cell is a number whose decimals are behind a comma."""
    whole, comma, decimals = text_of(cell).partition(",")
    return bool(comma) and "," not in decimals and number_of(f"{whole}.{decimals}") is not None
