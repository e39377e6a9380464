"""Flat LambdaCDM as a frozen value. The only module that touches colossus and its global state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock
from typing import Any

import numpy as np

from .errors import InputError

BASE_SIGMA8 = 0.8
"""sigma8 at which shapes are tabulated; sigma(M) at any other value is exactly proportional to it."""

HUBBLE_DISTANCE = 2997.92458
"""c / (100 km/s/Mpc), in Mpc/h."""

_LOCK = RLock()
_MAX_REDSHIFT = 6.0
_LIMITS = {"Om0": (0.1, 0.6), "Ob0": (0.005, 0.1), "h": (0.4, 1.1), "ns": (0.7, 1.3)}


@dataclass(frozen=True)
class Cosmology:
    """Shape of a flat LambdaCDM model; sigma8 is not part of it, it is a free parameter.

    Parameters
    ----------
    Om0, Ob0 : float
        Matter and baryon density today, in units of the critical density.
    h : float
        H0 / (100 km/s/Mpc).
    ns : float
        Slope of the primordial power spectrum.

    Raises
    ------
    InputError
        If a value lies outside the range in which the mass functions are calibrated.
    """

    Om0: float
    Ob0: float
    h: float
    ns: float

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"cosmology: {name} = {value} is outside {low} to {high}")
        if self.Ob0 >= self.Om0:
            raise InputError(f"cosmology: Ob0 = {self.Ob0} must be below Om0 = {self.Om0}")

    def efunc(self, z: np.ndarray | float) -> np.ndarray:
        """Expansion rate E(z) = H(z)/H0; dimensionless, shape of `z`."""
        return np.asarray(_base(self).Ez(np.asarray(z, dtype=float)))

    def comoving_distance(self, z: np.ndarray | float) -> np.ndarray:
        """Comoving distance in Mpc/h; shape of `z`."""
        return np.asarray(_distance_spline(self)(np.asarray(z, dtype=float)))

    def luminosity_distance(self, z: np.ndarray | float) -> np.ndarray:
        """Luminosity distance in (physical) Mpc/h; shape of `z`."""
        return (1.0 + np.asarray(z, dtype=float)) * self.comoving_distance(z)

    def comoving_volume(self, area: float, zmin: float, zmax: float) -> float:
        """Comoving volume in (Mpc/h)^3 of `area` steradian between two redshifts."""
        near, far = self.comoving_distance(np.array([zmin, zmax]))
        return float(area / 3.0 * (far**3 - near**3))

    def volume_element(self, z: np.ndarray) -> np.ndarray:
        """dV/dz per steradian in (Mpc/h)^3; shape of `z`."""
        return HUBBLE_DISTANCE * self.comoving_distance(z) ** 2 / self.efunc(z)


@lru_cache(maxsize=64)
def _base(cosmology: Cosmology) -> Any:
    """Colossus object of this shape at `BASE_SIGMA8`; nothing is written to disk."""
    from colossus.cosmology import cosmology as colossus

    return colossus.Cosmology(
        name="massanchor",
        flat=True,
        H0=100.0 * cosmology.h,
        Om0=cosmology.Om0,
        Ob0=cosmology.Ob0,
        sigma8=BASE_SIGMA8,
        ns=cosmology.ns,
        persistence="",
    )


@lru_cache(maxsize=64)
def _distance_spline(cosmology: Cosmology) -> Any:
    """Comoving distance, Mpc/h, as the integral of a cubic spline of c/H(z)."""
    from scipy.interpolate import CubicSpline

    z = np.expm1(np.linspace(0.0, np.log1p(_MAX_REDSHIFT), 600))
    return CubicSpline(z, HUBBLE_DISTANCE / cosmology.efunc(z), extrapolate=False).antiderivative()


@contextmanager
def _current(cosmology: Cosmology) -> Iterator[Any]:
    """Make `cosmology` colossus's current one for the duration, then put back what was there."""
    from colossus.cosmology import cosmology as colossus

    base = _base(cosmology)
    with _LOCK:
        before = colossus.current_cosmo
        colossus.setCurrent(base)
        try:
            yield base
        finally:
            colossus.current_cosmo = before


def base_sigma(cosmology: Cosmology, mass: np.ndarray, z: float) -> np.ndarray:
    """sigma(M, z) at `BASE_SIGMA8`; mass in Msun/h, shape of `mass`."""
    from colossus.lss import peaks

    with _current(cosmology) as base:
        return np.asarray(base.sigma(peaks.lagrangianR(mass), z))


def base_sigma_radius(cosmology: Cosmology, radius: float, z: float) -> float:
    """rms linear density contrast in a top-hat sphere of `radius` Mpc/h at `BASE_SIGMA8`.

    Beyond 800 Mpc/h, where P(k) ~ k^n_s, it falls as radius^-(3 + n_s)/2.
    """
    inside = min(radius, 800.0)
    falloff = (radius / inside) ** (-0.5 * (3.0 + cosmology.ns))
    return float(_base(cosmology).sigma(inside, z)) * falloff


def base_mass_function(
    cosmology: Cosmology, mass: np.ndarray, z: float, model: str, hydro: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """f(sigma) and dn/dlnM, (Mpc/h)^-3, of colossus for M500c at `BASE_SIGMA8`; mass in Msun/h."""
    from colossus.lss import mass_function

    keywords = {} if hydro is None else {"hydro": hydro}
    with _current(cosmology):
        f, dndlnm = (
            mass_function.massFunction(
                mass, z, q_in="M", q_out=quantity, mdef="500c", model=model, **keywords
            )
            for quantity in ("f", "dndlnM")
        )
    return np.asarray(f), np.asarray(dndlnm)


def overdensity_mean(cosmology: Cosmology, z: float) -> float:
    """The 500c overdensity in units of the mean matter density at `z`."""
    base = _base(cosmology)
    return float(500.0 / base.Om(z))
