"""Published fits of the multiplicity function f(sigma), from which a mass function is made, for masses M500c.

All of them are f = norm sigma^-lead [(sigma/scale)^-slope + 1] exp(-cutoff / sigma^2 - second / sigma^2.13) with
coefficients that depend on redshift and matter density, so that one formula rescales each of them to any sigma8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError

SECOND_POWER = 2.130
"""Power of 1/sigma of the second cutoff, that of Watson et al. (2013)."""
DELTA_COLLAPSE = 3.0 / 20.0 * (12.0 * np.pi) ** (2.0 / 3.0)
"""Linear overdensity of spherical collapse in an Einstein-de Sitter universe, 1.686."""
_CRITICAL = 500.0
"""The overdensity of M500c above the critical density."""

_TINKER08 = np.array(  # Tinker et al. (2008), table 2: Delta_m, A0, a0, b0, c0
    [
        [200, 0.186, 1.47, 2.57, 1.19],
        [300, 0.200, 1.52, 2.25, 1.27],
        [400, 0.212, 1.56, 2.05, 1.34],
        [600, 0.218, 1.61, 1.87, 1.45],
        [800, 0.248, 1.87, 1.59, 1.58],
        [1200, 0.255, 2.13, 1.51, 1.80],
        [1600, 0.260, 2.30, 1.46, 1.97],
        [2400, 0.260, 2.53, 1.44, 2.24],
        [3200, 0.260, 2.66, 1.41, 2.44],
    ]
)
_BOCQUET16 = {  # Bocquet et al. (2016), table 2, M500c: A0, a0, b0, c0, Az, az, bz, cz
    True: (0.180, 2.29, 2.44, 1.97, 1.088, 0.150, -1.008, -0.322),
    False: (0.241, 2.18, 2.35, 2.02, 0.370, 0.251, -0.698, -0.310),
}


@dataclass(frozen=True)
class Multiplicity:
    """Coefficients of f(sigma); they broadcast against each other.

    Parameters
    ----------
    norm, slope, scale, cutoff, second : float or ndarray
    lead : float
    """

    norm: Array | float
    slope: Array | float
    scale: Array | float
    cutoff: Array | float
    lead: float = 0.0
    second: Array | float = 0.0

    def __call__(self, sigma: Array) -> Array:
        """f at rms density contrasts."""
        fall = np.exp(-self.cutoff / sigma**2 - self.second / sigma**SECOND_POWER)
        f: Array = self.norm * sigma**-self.lead * ((sigma / self.scale) ** -self.slope + 1.0) * fall
        return f

    @property
    def columns(self) -> Multiplicity:
        """The same with one more axis, for masses."""
        fields = self.norm, self.slope, self.scale, self.cutoff
        norm, slope, scale, cutoff = (np.asarray(x)[..., None] for x in fields)
        second = np.asarray(self.second)[..., None] if np.any(self.second) else 0.0
        return Multiplicity(norm, slope, scale, cutoff, lead=self.lead, second=second)


def tinker08_coefficients(delta_mean: float, z: float) -> tuple[float, float, float, float]:
    """A, a, b, c of Tinker et al. (2008), equations 5-8, at an overdensity above the mean density."""
    delta = round(delta_mean)
    if not _TINKER08[0, 0] <= delta <= _TINKER08[-1, 0]:
        raise InputError(f"tinker08 is calibrated for overdensities 200-3200 above the mean, not {delta}")
    A, a, b, c = _tinker08(np.asarray(float(delta)), z)
    return float(A), float(a), float(b), float(c)


def _tinker08(delta: Array, z: Array | float) -> tuple[Array, Array, Array, Array]:
    """The same for arrays of overdensities, not rounded; those beyond the calibration take its edge."""
    A0, a0, b0, c = (np.interp(delta, _TINKER08[:, 0], column) for column in _TINKER08.T[1:])
    alpha = 10.0 ** (-((0.75 / np.log10(delta / 75.0)) ** 1.2))
    return A0 * (1 + z) ** -0.14, a0 * (1 + z) ** -0.06, b0 * (1 + z) ** -alpha, c


def bocquet16_coefficients(hydro: bool, z: Array | float) -> tuple[Array, Array, Array, Array]:
    """A, a, b, c of Bocquet et al. (2016), equation 4 and table 2, for M500c."""
    *today, Az, az, bz, cz = _BOCQUET16[hydro]
    A, a, b, c = (value * (1 + z) ** power for value, power in zip(today, (Az, az, bz, cz), strict=True))
    return A, a, b, c


def watson13(matter_density: Array | float, z: Array | float) -> Multiplicity:
    """Watson et al. (2013), equations 14-19 for spherical overdensities; at z = 0 and above 6 fits of their own."""
    Om, z = np.broadcast_arrays(np.asarray(matter_density, dtype=float), np.asarray(z, dtype=float))
    evolving = (
        Om * (1.097 * (1.0 + z) ** -3.216 + 0.074),
        Om * (5.907 * (1.0 + z) ** -3.058 + 2.349),
        Om * (3.136 * (1.0 + z) ** -3.599 + 2.344),
        np.full(Om.shape, 1.318),
    )
    today, early = (0.194, 1.805, 2.267, 1.287), (0.563, 3.810, 0.874, 1.453)
    parts = zip(today, early, evolving, strict=True)
    A, alpha, beta, gamma = (np.where(z == 0, t, np.where(z > 6, e, x)) for t, e, x in parts)
    excess = _CRITICAL / Om / 178.0
    factor = np.exp(0.023 * (excess - 1.0)) * excess ** (-0.456 * Om - 0.139)
    return Multiplicity(A * factor, alpha, beta, gamma, second=0.072 * (excess - 1.0))


def despali16(matter_density: Array | float, z: Array | float) -> Multiplicity:
    """Despali et al. (2016), equation 12 for spherical overdensities: in units of the virial overdensity."""
    Om, _ = np.broadcast_arrays(np.asarray(matter_density, dtype=float), np.asarray(z, dtype=float))
    x = np.log10(_CRITICAL / virial_overdensity(Om))
    A = -0.1362 * x + 0.3292
    a = 0.4332 * x**2 + 0.2263 * x + 0.7665
    p = -0.1151 * x**2 + 0.2554 * x + 0.2488
    peak = a * (DELTA_COLLAPSE * Om**0.0055) ** 2
    return Multiplicity(2.0 * A * np.sqrt(peak / (2.0 * np.pi)), -2.0 * p, np.sqrt(peak), 0.5 * peak, lead=1.0)


def virial_overdensity(matter_density: Array | float) -> Array:
    """That of virialised spheres above the critical density, flat universe (Bryan & Norman 1998, equation 6)."""
    x = np.asarray(matter_density, dtype=float) - 1.0
    return np.asarray(18.0 * np.pi**2 + 82.0 * x - 39.0 * x**2)


def multiplicity(name: str, hydro: bool | None, matter_density: Array, z: Array) -> Multiplicity:
    """Of a model of colossus with its `hydro` switch, at Omega_m(z) and redshifts that broadcast."""
    if name == "tinker08":
        A, a, b, c = _tinker08(_CRITICAL / matter_density, z)
    elif name == "bocquet16":
        A, a, b, c = bocquet16_coefficients(bool(hydro), z)
    else:
        return {"watson13": watson13, "despali16": despali16}[name](matter_density, z)
    return Multiplicity(A, a, b, c)


def lowest_density(name: str) -> float:
    """Omega_m(z) below which a model of colossus is not calibrated for M500c."""
    return float(_CRITICAL / _TINKER08[-1, 0]) if name == "tinker08" else 0.0
