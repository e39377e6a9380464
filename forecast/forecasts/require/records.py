"""What a survey needs for a given error, as records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...core.records import Provenance


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """How much of one thing reaches an error, all else as configured.

    Parameters
    ----------
    key, unit : str
        Of the configuration; the unit is empty for a plain number.
    configured, configured_std : float
        Its value, and the error with it.
    needed : float or None
        The value that reaches the error; None if none does.
    farthest, std, expected_count : float
        The value at which the search ended, the error there, and the clusters expected there.
    lensing_masses : float or None
        Clusters with a weak-lensing mass expected there; None where every one has one, or none.
    why : str
        Why no value reaches it; empty if one does.
    evaluations : int
        Surveys computed.
    factors, errors : tuple of float
        Values over the configured one, rising, at which surveys were computed, and the errors there; empty where the
        configured value is zero.
    """

    key: str
    unit: str
    configured: float
    configured_std: float
    needed: float | None
    farthest: float
    std: float
    expected_count: float
    lensing_masses: float | None = None
    why: str
    evaluations: int
    factors: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()

    @property
    def factor(self) -> float | None:
        """What is needed, or where the search ended, over what is configured; None of nothing."""
        if self.unit.startswith("log10 "):
            return float(10.0 ** (self.farthest - self.configured))
        return self.farthest / self.configured if self.configured else None


@dataclass(frozen=True)
class Requirements:
    """Requirements of several things, each alone, for the error `std` of the parameter `name` at a level.

    `Om0`: its fixed value where the parameter is sigma8; None where it is free.
    """

    name: str
    std: float
    level: str
    configured_std: float
    rows: tuple[Requirement, ...]
    provenance: Provenance | None = None
    Om0: float | None = None

    @property
    def least(self) -> tuple[Requirement, ...]:
        """What gets there, the smallest change first."""
        met = [row for row in self.rows if row.needed is not None]
        return tuple(sorted(met, key=lambda row: abs(math.log(row.factor)) if row.factor else math.inf))
