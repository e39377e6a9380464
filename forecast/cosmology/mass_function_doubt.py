"""How far a halo mass function may be off: n -> n (q0 + q1 log10(M/M*)), as Costanzi et al. (2019) let Tinker's be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.parameters import Values

PIVOT = 13.8
"""log10 of M*, Msun/h: that of Costanzi et al. (2019, MNRAS 488, 4779), whose masses are M200m; here it is of M500c."""


@dataclass(frozen=True)
class MassFunctionDoubt:
    """Amplitude q0 and slope q1, per dex, of the factor on a mass function; numbers, or arrays (P,)."""

    amplitude: Array | float = 1.0
    slope: Array | float = 0.0

    @classmethod
    def of(cls, v: Values) -> MassFunctionDoubt:
        """That of parameter values."""
        return cls(v.hmf_amplitude, v.hmf_slope)

    @property
    def is_any(self) -> bool:
        """Whether it changes anything."""
        return bool(np.any(np.not_equal(self.amplitude, 1.0)) or np.any(self.slope))

    def factor(self, log_mass: Array) -> Array:
        """On dn/dlog10 M at log10 masses, Msun/h, (M,); never negative; shape (P or 1, M)."""
        amplitude, slope = (np.reshape(x, (-1, 1)) for x in (self.amplitude, self.slope))
        return np.maximum(amplitude + slope * (log_mass - PIVOT), 0.0)
