"""Gas profiles of clusters: mass within seven radii and density slope at them, given core brightness.

A Gaussian model of 31 observed profiles (REXCESS: Croston et al. 2008, A&A 487, 431), shipped as
``data/profiles.json``. Its coordinates are the logarithms of seven shell masses, so that the mass within
a radius always increases and is exactly the cluster's own gas mass at R500.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError

RADII = 0.1 * 14.0 ** (np.arange(7) / 6)
"""Radii of the features in R500, log-spaced from 0.1 to 1.4 (NV22, section 2.2)."""
GAS_PER_ELECTRON = 1.17
"""Gas mass per electron in proton masses, of an ionised plasma with 0.3 solar abundances."""
FRACTION_KEPT = 0.99
"""Least fraction of the variance of standardised coordinates that the kept components hold."""
CORE_RANGE = 3.0
"""Core residual, in standard deviations of the fitted sample, up to which it shapes a profile."""
_INNER, _STEPS = 1e-4, 6000
_PROTON_KPC3 = 1.67262192e-27 / 1.98840987e30 * 3.0856775814913673e21**3
"""Proton mass, in Msun kpc^-3 per cm^-3."""
_BANDWIDTH, _OUTER = 0.3, 0.6
"""In ln r: kernel of the local fits of the slope; range inside the last point that gives the outer slope."""


@dataclass(frozen=True)
class DensityProfile:
    """Electron density of one cluster.

    Parameters
    ----------
    radius : ndarray, shape (K,)
        In R500, increasing.
    density, error : ndarray, shape (K,)
        cm^-3.
    """

    radius: Array
    density: Array
    error: Array

    def __post_init__(self) -> None:
        if np.any(np.diff(self.radius) <= 0) or np.min(self.density) <= 0 or np.min(self.error) <= 0:
            raise InputError("a density profile needs increasing radii, and positive densities and errors")

    @property
    def outer_slope(self) -> float:
        """d ln rho / d ln r of a power law through the last 0.6 in ln r, with which it is continued."""
        x = np.log(self.radius)
        last = x > x[-1] - _OUTER
        weight = self.density[last] / self.error[last]
        return float(np.polyfit(x[last], np.log(self.density[last]), 1, w=weight)[0])

    def ends_before(self, radius: Array) -> Array:
        """Whether the profile must be extrapolated to `radius`, shape (R,), in R500."""
        beyond: Array = np.asarray(radius) > self.radius[-1]
        return beyond

    def mass(self, radius: Array) -> Array:
        """Integral of 4 pi r^2 n_e out to `radius` (R,), in cm^-3 R500^3; power laws between points, flat inside."""
        x = np.log(self.radius)
        grid = np.linspace(np.log(_INNER), np.log(np.max(radius)), _STEPS)
        log_density = np.interp(grid, x, np.log(self.density))
        log_density += self.outer_slope * np.maximum(grid - x[-1], 0.0)
        shell = 4 * np.pi * np.exp(3 * grid + log_density)
        within = np.append(0.0, np.cumsum(0.5 * (shell[1:] + shell[:-1]) * np.diff(grid)))
        mass: Array = np.interp(np.log(radius), grid, within)
        return mass

    def slope(self, radius: Array) -> Array:
        """d ln rho / d ln r at `radius` (R,): local quadratic fits; beyond the last point the outer slope."""
        x, y = np.log(self.radius), np.log(self.density)
        offset = x - np.log(radius)[:, None]
        root = np.exp(-0.25 * (offset / _BANDWIDTH) ** 2) * self.density / self.error
        design = root[..., None] * np.stack([np.ones_like(offset), offset, offset**2], axis=-1)
        fit = np.linalg.pinv(design) @ (root * y)[..., None]
        return np.where(self.ends_before(radius), self.outer_slope, fit[:, 1, 0])


def gas_mass(profile: DensityProfile, r500: float) -> float:
    """Gas mass within R500 (given in kpc), Msun."""
    return float(GAS_PER_ELECTRON * _PROTON_KPC3 * r500**3 * profile.mass(np.ones(1))[0])


def shell_coordinates(mass: Array, mass500: Array) -> Array:
    """Coordinates (n, 7) of masses within `RADII`, shape (n, 7), and within R500, shape (n,).

    ln of the six shells out to 0.9 R500 over the shell from there to R500, and ln of the mass between R500
    and 1.4 R500 over the mass within R500.
    """
    inner = np.diff(mass[:, :6], prepend=0.0)
    outermost = (mass500 - mass[:, 5])[:, None]
    beyond = (mass[:, 6:] - mass500[:, None]) / mass500[:, None]
    coordinates: Array = np.log(np.concatenate([inner / outermost, beyond], axis=1))
    return coordinates


def log_mass_within(coordinates: Array) -> Array:
    """log10 of the masses within `RADII` over that within R500, shape (n, 7); inverse of `shell_coordinates`."""
    shells = np.exp(coordinates)
    total = 1.0 + shells[:, :6].sum(axis=1)
    within = np.empty_like(shells)
    np.cumsum(shells[:, :6], axis=1, out=within[:, :6])
    within[:, :6] /= total[:, None]
    within[:, 6] = 1.0 + shells[:, 6]
    return np.log10(within, out=within)


@dataclass(frozen=True)
class GasProfiles:
    """Gaussian model of profiles at a given core residual c: mean + core_slope c + factor z, z standard normal.

    Parameters
    ----------
    mean, core_slope : ndarray, shape (14,)
        Seven `shell_coordinates`, then seven slopes d ln rho / d ln r at `RADII`; `core_slope` per dex.
    factor : ndarray, shape (14, K)
    core_limit : float
        dex; a core residual beyond it shapes a profile as this one does.
    extrapolated : ndarray, shape (7,)
        Fraction of the fitted profiles that were extrapolated to each radius: features to be flagged
        wherever they are interpreted.
    extrapolated_r500 : float
        The same at R500, where every mass is normalised.
    description : str
    references : tuple of str
    """

    mean: Array
    core_slope: Array
    factor: Array
    core_limit: float
    extrapolated: Array
    extrapolated_r500: float
    description: str
    references: tuple[str, ...]

    def draw(self, log_mgas500: Array, core_residual: Array, *, rng: np.random.Generator) -> tuple[Array, Array]:
        """One profile for each cluster.

        Parameters
        ----------
        log_mgas500 : ndarray, shape (n,)
            log10 of the gas mass within R500, Msun/h (or any other unit, which the result then has).
        core_residual : ndarray, shape (n,)
            Core brightness less its mean, dex.
        rng : numpy.random.Generator

        Returns
        -------
        log_mgas : ndarray, shape (n, 7)
            log10 of the gas mass within `RADII`, Msun/h; increases with radius.
        slope : ndarray, shape (n, 7)
            d ln rho / d ln r at `RADII`.
        """
        core = np.clip(core_residual, -self.core_limit, self.core_limit)
        features = (self.factor @ rng.standard_normal((self.factor.shape[1], len(core)))).T
        features += np.outer(self.core_slope, core).T
        features += self.mean
        log_mgas = log_mass_within(features[:, :7])
        log_mgas += np.asarray(log_mgas500)[:, None]
        return log_mgas, features[:, 7:]


def fit_profiles(profiles: list[DensityProfile], core_residual: Array) -> dict[str, Any]:
    """Fields of `GasProfiles` fitted to profiles and their core residuals, shape (n,), dex.

    What core brightness leaves is kept in the principal components that hold `FRACTION_KEPT` of the
    standardised variance, then rescaled to the full scatter of every coordinate: a covariance of 14
    coordinates from some 31 profiles has noise in all others.
    """
    mass = np.array([profile.mass(np.append(RADII, 1.0)) for profile in profiles])
    slope = np.array([profile.slope(RADII) for profile in profiles])
    features = np.concatenate([shell_coordinates(mass[:, :7], mass[:, 7]), slope], axis=1)
    mean, centred = features.mean(axis=0), core_residual - core_residual.mean()
    core_slope = centred @ (features - mean) / (centred @ centred)
    rest = features - mean - centred[:, None] * core_slope
    return {
        "mean": mean,
        "core_slope": core_slope,
        "factor": principal_factor(rest.T @ rest / (len(profiles) - 2)),
        "core_limit": CORE_RANGE * float(centred.std(ddof=1)),
        "extrapolated": np.mean([profile.ends_before(RADII) for profile in profiles], axis=0),
        "extrapolated_r500": float(np.mean([profile.ends_before(np.ones(1)) for profile in profiles])),
    }


def principal_factor(covariance: Array) -> Array:
    """Factor F (D, K) with F F^T close to `covariance` (D, D) and of the same diagonal, K as small as allowed."""
    scatter = np.sqrt(np.diag(covariance))
    value, vector = np.linalg.eigh(covariance / np.outer(scatter, scatter))
    value, vector = value[::-1], vector[:, ::-1]
    kept = 1 + int(np.searchsorted(np.cumsum(value) / value.sum(), FRACTION_KEPT))
    factor = vector[:, :kept] * np.sqrt(value[:kept])
    factor *= np.sign(factor[np.abs(factor).argmax(axis=0), np.arange(kept)])
    scaled: Array = factor * (scatter / np.linalg.norm(factor, axis=1))[:, None]
    return scaled


def load_profiles() -> GasProfiles:
    """The model that ships with the package.

    >>> load_profiles().extrapolated.round(2)
    array([0.  , 0.  , 0.  , 0.  , 0.  , 0.13, 0.97])
    """
    text = resources.files("forecast.data").joinpath("profiles.json").read_text(encoding="utf-8")
    record = json.loads(text)
    arrays = {key: np.array(record[key]) for key in ("mean", "core_slope", "factor", "extrapolated")}
    return GasProfiles(**(record | arrays | {"references": tuple(record["references"])}))
