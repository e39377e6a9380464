"""Halo mass function, tabulated once per cosmology shape and rescaled exactly to any sigma8.

At fixed (Om0, Ob0, h, ns) sigma(M) is proportional to sigma8, so that for a fit of the form
f(sigma) = A [(sigma/b)^-a + 1] exp(-c/sigma^2), the form of Tinker et al. (2008) and Bocquet et al.
(2016), everything but two powers of sigma8 can be tabulated. Bocquet et al. multiply by a conversion
from M200m to M500c that depends on mass, not on sigma: it is taken once, at the base sigma8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.units import LN10
from .background import BASE_SIGMA8, Cosmology, base_mass_function, base_sigma, overdensity_mean
from .parameter_grid import CRITICAL_DENSITY, Shape, ShapeGrid, lagrangian_radius

MODELS = {
    "tinker08": ("tinker08", None),
    "bocquet16_hydro": ("bocquet16", True),
    "bocquet16_dm": ("bocquet16", False),
}
"""Names of the mass functions: colossus's model and its `hydro` switch."""

DELTA_COLLAPSE = 3.0 / 20.0 * (12.0 * np.pi) ** (2.0 / 3.0)
"""Linear overdensity of spherical collapse in an Einstein-de Sitter universe, 1.686."""

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


def matter_density_range(model: str, z: float) -> tuple[float, float]:
    """Om0 for which a mass function is calibrated at redshift `z` and above; radiation neglected."""
    if MODELS.get(model) != ("tinker08", None):
        return 0.0, 1.0
    lowest = 500.0 / _TINKER08[-1, 0]
    return lowest / (lowest + (1.0 - lowest) * (1.0 + z) ** 3), 1.0


def bocquet16_coefficients(hydro: bool, z: Any) -> tuple[Any, Any, Any, Any]:
    """A, a, b, c of Bocquet et al. (2016), equation 4 and table 2, for M500c."""
    *today, Az, az, bz, cz = _BOCQUET16[hydro]
    A, a, b, c = (value * (1 + z) ** power for value, power in zip(today, (Az, az, bz, cz), strict=True))
    return A, a, b, c


def bocquet16_conversion(Om0: Array, z: Array, log_mass: Array) -> Array:
    """M500c/M200m of Bocquet et al. (2016), equation 7 and table 3; `log_mass` is log10 of M500c/Msun."""
    alpha2 = -0.365 + 0.254 / Om0
    alpha = (0.880 + 0.329 * Om0) * ((1.00 + 4.31e-2 / Om0) * z + alpha2) / (z + alpha2)
    return alpha + (-1.7e-2 + 3.74e-3 * Om0) * LN10 * log_mass


def tinker10_bias(nu: Array, delta_mean: Array, log_rise: Array | None = None) -> Array:
    """Linear bias at peak heights `nu`, times exp(`log_rise`), of Tinker et al. (2010), equation 6 and table 2."""
    y = np.log10(delta_mean)
    damping = np.exp(-((4.0 / y) ** 4))
    A, a = 1.0 + 0.24 * y * damping, 0.44 * y - 0.88
    C = 0.019 + 0.107 * y + 0.19 * damping
    power = nu**a if log_rise is None else np.exp(a * (np.log(nu) + log_rise))
    below = power + DELTA_COLLAPSE**a
    power *= A
    power /= below
    bias: Array = 1.0 - power
    for factor, exponent in ((0.183, 1.5), (C, 2.4)):
        rise = 1.0 if log_rise is None else np.exp(exponent * log_rise)
        bias += factor * nu**exponent * rise
    return bias


def _check_known(model: str) -> None:
    if model not in MODELS:
        raise InputError(f"mass function '{model}' is unknown; {nearest(model, MODELS)}")


@dataclass(frozen=True)
class _Table:
    """dn/dlog10M = prefactor [power s^-slope + 1] exp(-cutoff/s^2) with s = sigma8 / base sigma8.

    Parameters
    ----------
    prefactor, power, cutoff : ndarray, shape (K, M)
    slope : ndarray, shape (K, 1)
    peak_height : ndarray, shape (K, M)
        delta_c / sigma(M) at the base sigma8.
    """

    prefactor: Array
    power: Array
    slope: Array
    cutoff: Array
    peak_height: Array

    @classmethod
    @lru_cache(maxsize=64)
    def at(cls, cosmology: Cosmology, model: str, z: bytes, log_mass: bytes) -> _Table:
        """At redshifts (K,) and masses (K, M), given as the bytes of their arrays, by which a table is found again."""
        redshifts = np.frombuffer(z)
        masses = np.frombuffer(log_mass).reshape(len(redshifts), -1)
        rows = [cls._row(cosmology, model, z, 10.0**log_mass) for z, log_mass in zip(redshifts, masses, strict=True)]
        prefactor, power, slope, cutoff, sigma = (np.array(column) for column in zip(*rows, strict=True))
        height = DELTA_COLLAPSE / sigma
        return cls(prefactor=prefactor, power=power, slope=slope[:, None], cutoff=cutoff, peak_height=height)

    @staticmethod
    def _row(cosmology: Cosmology, model: str, z: float, mass: Array) -> tuple[Array, Array, float, Array, Array]:
        """Prefactor, power, slope, cutoff and sigma(M) at one redshift."""
        name, hydro = MODELS[model]
        sigma = base_sigma(cosmology, mass, z)
        f, dndlnm = base_mass_function(cosmology, mass, z, name, hydro)
        if hydro is None:
            A, a, b, c = tinker08_coefficients(overdensity_mean(cosmology, z), z)
        else:
            A, a, b, c = bocquet16_coefficients(hydro, z)
        power, cutoff = (sigma / b) ** -a, c / sigma**2
        conversion = f / (A * (power + 1.0) * np.exp(-cutoff))
        return LN10 * dndlnm / f * A * conversion, power, a, cutoff, sigma


@dataclass(frozen=True)
class MassFunction:
    """dn/dlog10 M500c on a fixed grid of redshifts and masses, for any sigma8.

    Parameters
    ----------
    cosmology : Cosmology
    model : str
        One of `MODELS`.
    z : ndarray, shape (K,)
        Redshifts.
    log_mass : ndarray, shape (K, M) or (M,)
        log10 of M500c in Msun/h at each redshift.

    Raises
    ------
    InputError
        If the model is unknown.
    """

    cosmology: Cosmology
    model: str
    z: np.ndarray = field(repr=False)
    log_mass: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        _check_known(self.model)
        z = np.atleast_1d(np.asarray(self.z, dtype=float))
        log_mass = np.asarray(self.log_mass, dtype=float)
        object.__setattr__(self, "z", z)
        object.__setattr__(self, "log_mass", np.broadcast_to(log_mass, (len(z), log_mass.shape[-1])))

    @cached_property
    def _table(self) -> _Table:
        """Factors of the sigma8-rescaled mass function; models of one cosmology on one grid have them in common."""
        return _Table.at(self.cosmology, self.model, self.z.tobytes(), self.log_mass.tobytes())

    def __call__(self, sigma8: np.ndarray | float) -> np.ndarray:
        """dn/dlog10 M in (Mpc/h)^-3; shape (P, K, M) for `sigma8` of shape (P,)."""
        table = self._table
        s = np.atleast_1d(np.asarray(sigma8, dtype=float))[:, None, None] / BASE_SIGMA8
        density: np.ndarray = table.power * s**-table.slope
        density += 1.0
        density *= np.exp(table.cutoff * -(s**-2.0))
        density *= table.prefactor
        return density

    @cached_property
    def _overdensity(self) -> Array:
        """Overdensity above the mean at each redshift, shape (K, 1)."""
        return np.array([overdensity_mean(self.cosmology, z) for z in self.z])[:, None]

    def bias(self, sigma8: np.ndarray | float) -> np.ndarray:
        """Linear halo bias b(M) of Tinker et al. (2010); shape (P, K, M)."""
        nu = self._table.peak_height * (BASE_SIGMA8 / np.atleast_1d(np.asarray(sigma8))[:, None, None])
        return tinker10_bias(nu, self._overdensity)


@dataclass(frozen=True)
class ShapedMassFunction:
    """dn/dlog10 M500c on a fixed grid of redshifts and masses, for any sigma8, Om0, h and n_s.

    Tinker et al.'s coefficients vary continuously with the overdensity, which colossus rounds to an
    integer: up to 1e-3 in dn/dlog10M at the highest masses.

    Parameters
    ----------
    grid : ShapeGrid
    model : str
        One of `MODELS`.
    z : ndarray, shape (K,)
        Redshifts.
    log_mass : ndarray, shape (M,)
        log10 of M500c in Msun/h.
    """

    grid: ShapeGrid
    model: str
    z: Array = field(repr=False)
    log_mass: Array = field(repr=False)

    def __post_init__(self) -> None:
        _check_known(self.model)

    @cached_property
    def _sigma(self) -> tuple[Array, Array]:
        """Tables of ln sigma and of -dlnsigma/dlnM (divided by M) at z = 0 and the base sigma8."""
        log_sigma, slope = self.grid.log_sigma(lambda c: lagrangian_radius(self.log_mass, c.Om0))
        return log_sigma, slope * (-LN10 * CRITICAL_DENSITY / 3.0) / 10.0**self.log_mass

    def _amplitude(self, sigma8: Array, shape: Shape) -> Array:
        """sigma8/0.8 D(z), shape (P, K)."""
        return np.reshape(sigma8, (-1, 1)) / BASE_SIGMA8 * shape.growth(self.z)

    def _coefficients(self, shape: Shape) -> tuple[Array, Array, Array, Array]:
        """A, a, b, c; each broadcasts to shape (P, K, 1)."""
        hydro = MODELS[self.model][1]
        if hydro is None:
            coefficients = _tinker08(500.0 / shape.expansion.matter_density(self.z), self.z)
        else:
            coefficients = bocquet16_coefficients(hydro, self.z[None])
        A, a, b, c = (x[..., None] for x in coefficients)
        return A, a, b, c

    def __call__(self, sigma8: Array | float, shape: Shape) -> Array:
        """dn/dlog10 M in (Mpc/h)^-3; shape (P, K, M) for `sigma8` of shape (P,) or a scalar."""
        log_sigma, slope = (shape.basis @ table for table in self._sigma)
        A, a, b, c = self._coefficients(shape)
        amplitude = self._amplitude(np.asarray(sigma8), shape)[:, :, None]
        density = log_sigma[:, None, :] + np.log(amplitude / b)
        density *= -a
        np.exp(density, out=density)
        density += 1.0
        cutoff = np.exp(-2.0 * log_sigma)[:, None, :] * (-c / amplitude**2)
        density *= np.exp(cutoff, out=cutoff)
        density *= (shape.Om0[:, None] * slope)[:, None, :]
        density *= A
        if MODELS[self.model][1] is not None:
            Om0, physical = shape.Om0[:, None, None], self.log_mass - np.log10(shape.h)[:, None, None]
            density *= bocquet16_conversion(Om0, self.z[:, None], physical)
        return density

    def bias(self, sigma8: Array | float, shape: Shape) -> Array:
        """Linear halo bias b(M) of Tinker et al. (2010); shape (P, K, M)."""
        log_sigma = (shape.basis @ self._sigma[0])[:, None, :]
        nu = DELTA_COLLAPSE / self._amplitude(np.asarray(sigma8), shape)[:, :, None]
        return tinker10_bias(nu, (500.0 / shape.expansion.matter_density(self.z))[..., None], -log_sigma)
