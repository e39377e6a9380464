"""Cells of a table as text and numbers."""

from __future__ import annotations

import math
from typing import Any


def unit_text(written: Any) -> str:
    """A column's unit as text; astropy takes "Msun/h keV" for Msun / (h keV)."""
    return str(written or "").replace("/ (h keV)", "keV / h")


def text_of(cell: Any) -> str:
    """A cell as text; byte strings are decoded."""
    return cell.decode("utf-8", errors="replace") if isinstance(cell, bytes) else str(cell)


def number_of(cell: Any) -> float | None:
    """A cell of text as a number: NaN if empty, None if it is no number."""
    text = text_of(cell).strip()
    try:
        return float(text) if text else math.nan
    except ValueError:
        return None
