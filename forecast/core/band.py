"""Energy bands of X-ray fluxes and luminosities."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InputError

_WRITTEN = re.compile(r"^\s*(\d*\.?\d+)\s*(?:-|\u2013|to)\s*(\d+\.?\d*|\.\d+)\s*keV\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Band:
    """Photon energies between two limits, keV.

    Parameters
    ----------
    low, high : float
        Limits, keV; of fluxes in the observed frame, of luminosities in the clusters' rest frame.

    Raises
    ------
    InputError
        Unless 0 < low < high.

    Examples
    --------
    >>> str(Band.parse("0.10 - 2.4 keV")), Band.parse("0.5-2.0 keV") == SOFT
    ('0.1-2.4 keV', True)
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise InputError(f"a band runs from a lower to a higher energy above 0, got '{self}'")

    @classmethod
    def parse(cls, text: str) -> Band:
        """The band that is written as "0.1-2.4 keV"."""
        found = _WRITTEN.match(text)
        if found is None:
            raise InputError(f"expected a band such as \"0.1-2.4 keV\", got '{text}'")
        return cls(float(found[1]), float(found[2]))

    def within(self, other: Band) -> bool:
        """Whether all of it lies within another band."""
        return other.low <= self.low and self.high <= other.high

    def __str__(self) -> str:
        return f"{self.low:g}-{self.high:g} keV"


SOFT = Band(0.5, 2.0)
"""In which fluxes and luminosities are where nothing else is said."""
