"""A flat universe as a frozen value. The only module that touches colossus and its global state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import RLock
from typing import Any

import numpy as np

from ..core.errors import InputError
from .dark_energy import EARLY, is_constant
from .growth import growth

BASE_SIGMA8 = 0.8
"""sigma8 at which shapes are tabulated; sigma(M) at any other value is exactly proportional to it."""

HUBBLE_DISTANCE = 2997.92458
"""c / (100 km/s/Mpc), in Mpc/h."""

TCMB = 2.7255
"""Temperature of the microwave background, K; colossus's value."""

_LOCK = RLock()
_MAX_REDSHIFT = 6.0
_MAX_RADIUS = 800.0
LIMITS = {
    "Om0": (0.1, 0.6),
    "Ob0": (0.005, 0.1),
    "h": (0.4, 1.1),
    "ns": (0.7, 1.3),
    "w0": (-2.5, EARLY),
    "wa": (-3.0, 2.2),
}
"""Range of each parameter in which the mass functions may be asked for; w0 + wa is at most `EARLY`."""
_TABLE_RADII = 10.0 ** (4.0 - 16.0 ** (np.arange(13, -1, -1) / 18.0))
"""Radii, Mpc/h, of the upper part of the table from which colossus interpolates sigma(R)."""


@dataclass(frozen=True)
class Cosmology:
    """Shape and expansion of a flat universe; sigma8 is not part of it, it is a free parameter.

    Parameters
    ----------
    Om0, Ob0 : float
        Matter and baryon density today, in units of the critical density.
    h : float
        H0 / (100 km/s/Mpc).
    ns : float
        Slope of the primordial power spectrum.
    w0, wa : float
        Equation of state of dark energy, w0 + wa (1 - a); by default that of a cosmological constant.

    Raises
    ------
    InputError
        If a value lies outside the range in which the mass functions are calibrated.
    """

    Om0: float
    Ob0: float
    h: float
    ns: float
    w0: float = -1.0
    wa: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"cosmology: {name} = {value} is outside {low} to {high}")
        if self.Ob0 >= self.Om0:
            raise InputError(f"cosmology: Ob0 = {self.Ob0} must be below Om0 = {self.Om0}")
        if self.w0 + self.wa > EARLY + 1e-9:
            raise InputError(
                f"cosmology: w0 + wa = {self.w0 + self.wa:.4g} is above {EARLY}: dark energy would shape the young "
                f"universe, which the transfer function leaves out; give wa <= {EARLY - self.w0:.4g}, or a smaller w0"
            )

    def varied(self, **shape: float) -> Cosmology:
        """The same with other values of Om0, h, ns, w0 or wa, at constant baryon density Ob0 h^2.

        Primordial deuterium and the CMB measure Ob0 h^2, not Ob0.
        """
        h = shape.get("h", self.h)
        return replace(self, Ob0=self.Ob0 * (self.h / h) ** 2, **shape)

    def efunc(self, z: np.ndarray | float) -> np.ndarray:
        """Expansion rate E(z) = H(z)/H0; dimensionless, shape of `z`."""
        return np.asarray(_base(self).Ez(np.asarray(z, dtype=float)))

    def comoving_distance(self, z: np.ndarray | float) -> np.ndarray:
        """Comoving distance in Mpc/h; shape of `z`."""
        return np.asarray(_distance_spline(self)(np.asarray(z, dtype=float)))

    def luminosity_distance(self, z: np.ndarray | float) -> np.ndarray:
        """Luminosity distance in (physical) Mpc/h; shape of `z`."""
        distance: np.ndarray = (1.0 + np.asarray(z, dtype=float)) * self.comoving_distance(z)
        return distance

    def comoving_volume(self, area: float, zmin: float, zmax: float) -> float:
        """Comoving volume in (Mpc/h)^3 of `area` steradian between two redshifts."""
        near, far = self.comoving_distance(np.array([zmin, zmax]))
        return float(area / 3.0 * (far**3 - near**3))

    def volume_element(self, z: np.ndarray) -> np.ndarray:
        """dV/dz per steradian in (Mpc/h)^3; shape of `z`."""
        element: np.ndarray = HUBBLE_DISTANCE * self.comoving_distance(z) ** 2 / self.efunc(z)
        return element


@lru_cache(maxsize=64)
def _base(cosmology: Cosmology) -> Any:
    """Colossus object of this shape at `BASE_SIGMA8`; nothing is written to disk."""
    return _colossus(cosmology)


def _colossus(cosmology: Cosmology) -> Any:
    from colossus.cosmology import cosmology as colossus

    constant = is_constant(cosmology.w0, cosmology.wa)
    base = colossus.Cosmology(
        name="massanchor",
        flat=True,
        H0=100.0 * cosmology.h,
        Om0=cosmology.Om0,
        Ob0=cosmology.Ob0,
        sigma8=BASE_SIGMA8,
        ns=cosmology.ns,
        persistence="",
        **({} if constant else {"de_model": "w0wa", "w0": cosmology.w0, "wa": cosmology.wa}),
    )
    if not constant:  # its own is right to 2e-5 only
        base.growthFactor = _growth_factor(cosmology, base.growthFactor)
    return base


def _growth_factor(cosmology: Cosmology, own: Callable[..., Any]) -> Callable[..., Any]:
    """What takes the place of colossus's `own` growth factor, which still answers for derivatives and the inverse."""

    def growth_factor(z: Any, derivative: int = 0, inverse: bool = False) -> Any:
        if derivative or inverse:
            return own(z, derivative=derivative, inverse=inverse)
        return growth(z, cosmology.Om0, cosmology.w0, cosmology.wa)

    return growth_factor


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
    inside = min(radius, _MAX_RADIUS)
    falloff: float = (radius / inside) ** (-0.5 * (3.0 + cosmology.ns))
    return float(_base(cosmology).sigma(inside, z)) * falloff


@lru_cache(maxsize=1)
def _windows() -> tuple[np.ndarray, np.ndarray]:
    """Wavenumbers, h/Mpc, and squared top-hat windows at `_TABLE_RADII` and 8 Mpc/h, shape (k, R)."""
    k = np.exp(np.arange(np.log(1e-6), np.log(1e4), 0.01))
    x = k[:, None] * np.append(_TABLE_RADII, 8.0)
    window = np.where(x < 0.03, 1 - x**2 / 10, 3 * (np.sin(x) - x * np.cos(x)) / x**3)
    return k, window**2


@lru_cache(maxsize=4096)
def _sigma_spline(cosmology: Cosmology) -> Any:
    """log10 sigma today at `BASE_SIGMA8` as a spline in log10 R, through the nodes that colossus takes."""
    from colossus.cosmology import power_spectrum
    from scipy.interpolate import InterpolatedUnivariateSpline

    k, window = _windows()
    transfer = power_spectrum.modelEisenstein98(k, cosmology.h, cosmology.Om0, cosmology.Ob0, TCMB)
    variance = (k ** (3.0 + cosmology.ns) * transfer**2) @ window
    sigma = BASE_SIGMA8 * np.sqrt(variance[:-1] / variance[-1])
    return InterpolatedUnivariateSpline(np.log10(_TABLE_RADII), np.log10(sigma))


def smooth_log_sigma(cosmology: Cosmology, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln sigma and d ln sigma / d ln R of top-hat spheres today, at `BASE_SIGMA8`; radius in Mpc/h.

    As `base_sigma`, but hundreds of times faster and smooth in the shape: colossus integrates each
    radius to 3e-3, which shows as noise of typically 5e-5, at times 2e-3, between cosmologies. Beyond 800
    Mpc/h a power law, as in `base_sigma_radius`.
    """
    spline, inside = _sigma_spline(cosmology), np.minimum(radius, _MAX_RADIUS)
    beyond = -0.5 * (3.0 + cosmology.ns) * np.log(radius / inside)
    return np.log(10.0) * spline(np.log10(inside)) + beyond, spline(np.log10(inside), 1)


def base_mass_function(
    cosmology: Cosmology, mass: np.ndarray, z: float, model: str, hydro: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """f(sigma) and dn/dlnM, (Mpc/h)^-3, of colossus for M500c at `BASE_SIGMA8`; mass in Msun/h."""
    from colossus.lss import mass_function

    keywords = {} if hydro is None else {"hydro": hydro}
    with _current(cosmology):
        f, dndlnm = (
            mass_function.massFunction(mass, z, q_in="M", q_out=quantity, mdef="500c", model=model, **keywords)
            for quantity in ("f", "dndlnM")
        )
    return np.asarray(f), np.asarray(dndlnm)


def overdensity_mean(cosmology: Cosmology, z: float) -> float:
    """The 500c overdensity in units of the mean matter density at `z`."""
    base = _base(cosmology)
    return float(500.0 / base.Om(z))


def base_power(cosmology: Cosmology, k: np.ndarray, z: np.ndarray | float = 0.0) -> np.ndarray:
    """Linear matter power spectrum, (Mpc/h)^3, at `BASE_SIGMA8`; k in h/Mpc and z broadcast."""
    base = _base(cosmology)
    growth = base.growthFactor(np.asarray(z, dtype=float)) / base.growthFactor(0.0)
    return np.asarray(base.matterPowerSpectrum(np.asarray(k, dtype=float), 0.0) * growth**2)


def base_concentration(cosmology: Cosmology, mass: np.ndarray, z: float, of: tuple[str, str]) -> np.ndarray:
    """Concentrations of haloes at `BASE_SIGMA8`, not above zero where there are none; mass in Msun/h.

    `of`: definition of the masses, and colossus's model.
    """
    from colossus.halo import concentration

    definition, model = of
    with _current(cosmology):
        found, _ = concentration.concentration(mass, definition, z, model=model, range_return=True, range_warning=False)
    return np.asarray(np.nan_to_num(found))
