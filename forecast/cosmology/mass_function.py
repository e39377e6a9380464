"""Halo mass function, tabulated once per cosmology shape and rescaled exactly to any sigma8.

At fixed (Om0, Ob0, h, ns) sigma(M) is proportional to sigma8, so that for fits of the form of `multiplicity`
everything but powers of sigma8 can be tabulated. Bocquet et al. (2016) multiply by a conversion from M200m to M500c
that depends on mass, not on sigma: it is taken once, at the base sigma8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.units import LN10
from .background import BASE_SIGMA8, Cosmology, base_mass_function, base_sigma, overdensity_mean
from .dark_energy import relative_density
from .multiplicity import (
    DELTA_COLLAPSE,
    SECOND_POWER,
    Multiplicity,
    lowest_density,
    multiplicity,
    tinker08_coefficients,
)
from .parameter_grid import CRITICAL_DENSITY, Shape, ShapeGrid, lagrangian_radius

MODELS = {
    "tinker08": ("tinker08", None),
    "bocquet16_hydro": ("bocquet16", True),
    "bocquet16_dm": ("bocquet16", False),
    "despali16": ("despali16", None),
    "watson13": ("watson13", None),
}
"""Names of the mass functions: colossus's model and its `hydro` switch."""

ORDINARY = ("tinker08", "bocquet16_hydro", "bocquet16_dm", "despali16")
"""Those that differ from each other by what the field disagrees about; watson13, linear in Omega_m(z), is
10% below them at Om0 = 0.27 and up to half above at 0.3."""


def matter_density_range(model: str, z: float, w0: float = -1.0, wa: float = 0.0) -> tuple[float, float]:
    """Om0 for which a mass function is calibrated at redshift `z` and above; radiation neglected."""
    lowest = lowest_density(MODELS[model][0]) if model in MODELS else 0.0
    matter = (1.0 - lowest) * (1.0 + z) ** 3 / float(relative_density(z, w0, wa))
    return lowest / (lowest + matter), 1.0


def measured_density(model: str) -> float | None:
    """Om0 of the simulations of a mass function whose coefficients are linear in Omega_m(z); None of others."""
    return 0.27 if model == "watson13" else None


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
    """dn/dlog10M = prefactor s^-lead [power s^-slope + 1] exp(-cutoff/s^2 - second/s^2.13), s = sigma8 / base sigma8.

    Parameters
    ----------
    prefactor, power, cutoff, second : ndarray, shape (K, M)
    slope : ndarray, shape (K, 1)
    lead : float
    peak_height : ndarray, shape (K, M)
        delta_c / sigma(M) at the base sigma8.
    """

    prefactor: Array
    power: Array
    slope: Array
    cutoff: Array
    second: Array
    peak_height: Array
    lead: float

    @classmethod
    @lru_cache(maxsize=64)
    def at(cls, cosmology: Cosmology, model: str, z: bytes, log_mass: bytes) -> _Table:
        """At redshifts (K,) and masses (K, M), given as the bytes of their arrays, by which a table is found again."""
        redshifts = np.frombuffer(z)
        masses = np.frombuffer(log_mass).reshape(len(redshifts), -1)
        rows = [cls._row(cosmology, model, z, 10.0**log_mass) for z, log_mass in zip(redshifts, masses, strict=True)]
        sigma, prefactor = (np.array([row[i] for row in rows]) for i in range(2))
        fits = [row[2] for row in rows]
        return cls(
            prefactor=prefactor,
            power=np.array([(s / f.scale) ** -f.slope for s, f in zip(sigma, fits, strict=True)]),
            slope=np.array([f.slope for f in fits])[:, None],
            cutoff=np.array([f.cutoff / s**2 for s, f in zip(sigma, fits, strict=True)]),
            second=np.array([f.second / s**SECOND_POWER for s, f in zip(sigma, fits, strict=True)]),
            peak_height=DELTA_COLLAPSE / sigma,
            lead=fits[0].lead,
        )

    @staticmethod
    def _row(cosmology: Cosmology, model: str, z: float, mass: Array) -> tuple[Array, Array, Multiplicity]:
        """sigma(M), prefactor and coefficients at one redshift."""
        name, hydro = MODELS[model]
        sigma = base_sigma(cosmology, mass, z)
        f, dndlnm = base_mass_function(cosmology, mass, z, name, hydro)
        delta = overdensity_mean(cosmology, z)
        if name == "tinker08":
            fit = Multiplicity(*tinker08_coefficients(delta, z))
        else:
            fit = multiplicity(name, hydro, np.asarray(500.0 / delta), np.asarray(z))
        conversion = f / fit(sigma)
        return sigma, LN10 * dndlnm / f * fit.norm * sigma**-fit.lead * conversion, fit


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
        exponent = table.cutoff * -(s**-2.0)
        if table.second.any():
            exponent -= table.second * s**-SECOND_POWER
        density *= np.exp(exponent)
        density *= table.prefactor
        if table.lead:
            density *= s**-table.lead
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
    """dn/dlog10 M500c on a fixed grid of redshifts and masses, for any sigma8, Om0, h, n_s, w0 and wa.

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

    def _fit(self, shape: Shape) -> Multiplicity:
        """Coefficients; each broadcasts to shape (P, K, 1)."""
        return multiplicity(*MODELS[self.model], shape.expansion.matter_density(self.z), self.z[None]).columns

    def __call__(self, sigma8: Array | float, shape: Shape) -> Array:
        """dn/dlog10 M in (Mpc/h)^-3; shape (P, K, M) for `sigma8` of shape (P,) or a scalar."""
        log_sigma, slope = (shape.basis @ table for table in self._sigma)
        fit, log_sigma = self._fit(shape), log_sigma[:, None, :]
        amplitude = self._amplitude(np.asarray(sigma8), shape)[:, :, None]
        density = log_sigma + np.log(amplitude / fit.scale)
        density *= -fit.slope
        np.exp(density, out=density)
        density += 1.0
        exponent = np.exp(-2.0 * log_sigma) * (-fit.cutoff / amplitude**2)
        if np.any(fit.second):
            exponent -= np.exp(-SECOND_POWER * log_sigma) * (fit.second / amplitude**SECOND_POWER)
        density *= np.exp(exponent, out=exponent)
        density *= (shape.Om0[:, None] * slope)[:, None, :]
        density *= fit.norm
        if fit.lead:
            density *= np.exp(-fit.lead * log_sigma) / amplitude**fit.lead
        if MODELS[self.model][1] is not None:
            Om0, physical = shape.Om0[:, None, None], self.log_mass - np.log10(shape.h)[:, None, None]
            density *= bocquet16_conversion(Om0, self.z[:, None], physical)
        return density

    def bias(self, sigma8: Array | float, shape: Shape) -> Array:
        """Linear halo bias b(M) of Tinker et al. (2010); shape (P, K, M)."""
        log_sigma = (shape.basis @ self._sigma[0])[:, None, :]
        nu = DELTA_COLLAPSE / self._amplitude(np.asarray(sigma8), shape)[:, :, None]
        return tinker10_bias(nu, (500.0 / shape.expansion.matter_density(self.z))[..., None], -log_sigma)
