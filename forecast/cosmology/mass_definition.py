"""Masses within other overdensities than 500 times the critical one: haloes are NFW, with a concentration relation.

A halo of concentration c has M_D = M_500c m(c) / m(c_500), m(x) = ln(1 + x) - x / (1 + x), where the mean density
within c_500 scale radii is 500 times the critical one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import RectBivariateSpline

from ..core.arrays import Array
from ..core.errors import InputError
from .background import Cosmology, base_concentration
from .expansion import Expansion
from .multiplicity import virial_overdensity

DEFINITIONS = ("500c", "200c", "200m", "vir")
CONCENTRATIONS = ("diemer19", "duffy08", "bhattacharya13", "dutton14", "child18", "diemer15", "ishiyama21")
"""Relations of colossus, between concentration, mass and redshift."""
CONCENTRATION_SCATTER = 0.16
"""Of log10 of concentration at fixed mass, dex (Diemer & Kravtsov 2015, ApJ 799, 108)."""
_LOW, _HIGH, _STEP, _REDSHIFTS = 12.0, 16.3, 0.2, 7
_FARTHEST, _ITERATIONS = 8.0, 12


def overdensity(definition: str, matter_density: Array) -> Array:
    """Above the critical density, at Omega_m(z)."""
    constant = {"500c": 500.0, "200c": 200.0}
    if definition in constant:
        return np.full(np.shape(matter_density), constant[definition])
    return 200.0 * np.asarray(matter_density) if definition == "200m" else virial_overdensity(matter_density)


def _enclosed(x: Array) -> Array:
    """Mass of an NFW halo within x scale radii, in units of its characteristic one."""
    return np.asarray(np.log1p(x) - x / (1.0 + x))


def log_mass_ratio(concentration: Array, density: Array) -> Array:
    """log10 M_500c / M_D of NFW haloes of concentrations c_D at overdensities D above the critical density.

    Arrays that broadcast; by bisection, to 1e-14.
    """
    concentration, density = np.broadcast_arrays(np.asarray(concentration, float), np.asarray(density, float))
    aim = 500.0 / density * _enclosed(concentration) / concentration**3  # of m(x) / x^3, which falls with x
    low, high = np.full(aim.shape, -_FARTHEST), np.full(aim.shape, _FARTHEST)
    for _ in range(52):
        middle = 0.5 * (low + high)
        x = np.exp(middle)
        within = _enclosed(x) > aim * x**3
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return np.asarray(np.log10(_enclosed(np.exp(low)) / _enclosed(concentration)))


@dataclass(frozen=True)
class MassDefinition:
    """Masses in one definition beside those in M500c, of haloes of median concentration.

    Parameters
    ----------
    name : str
        One of `DEFINITIONS`.
    concentration : str
        One of `CONCENTRATIONS`, at sigma8 = 0.8.
    cosmology : Cosmology
        Of the haloes.
    zmin, zmax : float
        Redshifts between which masses are asked for.

    Raises
    ------
    InputError
        If there are no concentrations there.
    """

    name: str
    concentration: str
    cosmology: Cosmology
    zmin: float
    zmax: float

    @cached_property
    def _z(self) -> Array:
        return np.linspace(self.zmin, self.zmax, _REDSHIFTS) if self.zmax > self.zmin else np.array([self.zmin])

    @cached_property
    def _log_mass(self) -> Array:
        return np.arange(_LOW, _HIGH, _STEP)

    @cached_property
    def _concentrations(self) -> Array:
        """At the nodes of redshift and mass, shape (K, M)."""
        of = self.name, self.concentration
        found = np.array([base_concentration(self.cosmology, 10.0**self._log_mass, float(z), of) for z in self._z])
        if found.min() <= 0:
            z = self._z[np.argmin(found.min(axis=1))]
            raise InputError(f"{self.concentration} has no concentrations at z = {z:.3g}; choose diemer19")
        return found

    @cached_property
    def _spline(self) -> RectBivariateSpline:
        """ln of concentration; the same at every redshift where there is one."""
        values, z = np.log(self._concentrations), self._z
        if len(z) == 1:
            values, z = np.repeat(values, 2, axis=0), z[0] + np.array([-0.5, 0.5])
        return RectBivariateSpline(z, self._log_mass, values, kx=min(3, len(z) - 1), ky=3)

    def to_500c(self, log_mass: Array, z: Array, *, log_c: float = 0.0) -> Array:
        """log10 M500c of masses, log10 Msun/h, (n,) at redshifts (n,); `log_c`: dex above the median concentration."""
        log_mass, z = np.broadcast_arrays(np.asarray(log_mass, float), np.asarray(z, float))
        if self.name == "500c":
            return np.array(log_mass)
        concentration = np.exp(self._spline.ev(z, log_mass))
        density = overdensity(self.name, Expansion.of(self.cosmology).matter_density(z))
        return np.asarray(log_mass + log_mass_ratio(concentration * 10.0**log_c, density))

    def stretch(self, log_mass: Array, z: Array) -> Array:
        """d log M500c / d log M there."""
        return (self.to_500c(log_mass + _STEP, z) - self.to_500c(log_mass - _STEP, z)) / (2 * _STEP)

    def from_500c(self, log_mass: Array, z: Array) -> Array:
        """log10 of masses in this definition, Msun/h, of log10 M500c, (n,) each."""
        found = np.array(log_mass, dtype=float)
        for _ in range(_ITERATIONS):
            found = found + (log_mass - self.to_500c(found, z))
        return found

    def scatter(self, log_mass: float, z: float) -> float:
        """What the scatter of concentrations adds to that of log10 of one mass at fixed other, dex."""
        above, below = (
            self.to_500c(np.array(log_mass), np.array(z), log_c=sign * CONCENTRATION_SCATTER) for sign in (1, -1)
        )
        return float(above - below) / 2
