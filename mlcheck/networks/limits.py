"""What settings of networks and of their training may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from forecast.core.errors import InputError


@dataclass(frozen=True)
class Limit:
    """Smallest and largest value of a number, and whether it must be whole; None where it may be left out."""

    low: float
    high: float = math.inf
    whole: bool = True
    optional: bool = False
    above: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        least = f"above {self.low:g}" if self.above else f"of at least {self.low:g}"
        most = f" and at most {self.high:g}" if self.high < math.inf else ""
        return f"{kind} {least}{most}"

    def allows(self, value: object) -> bool:
        """Whether a value is within the limits."""
        if value is None:
            return self.optional
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        return (self.low < value if self.above else self.low <= value) and value <= self.high and math.isfinite(value)


def check(record: object, limits: Mapping[str, Limit]) -> None:
    """Raise for the first setting of a record that is outside its limits.

    Raises
    ------
    InputError

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> check(SimpleNamespace(width=-5), {"width": Limit(1)})
    Traceback (most recent call last):
    ...
    forecast.core.errors.InputError: width must be a whole number of at least 1, got -5
    """
    for name, limit in limits.items():
        value = getattr(record, name)
        if not limit.allows(value):
            raise InputError(f"{name} must be {limit}, got {value}")
