"""Types of arrays."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
"""Numbers; shapes are said where an array is used."""
