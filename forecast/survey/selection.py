"""Survey selection: two sketches in mass (NV22), and the physical one, a limit in X-ray flux."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.units import LN10
from ..cosmology.background import Cosmology
from ..relations.power_laws import Line, Lines, Relations
from .completeness import SHARP, Contamination, Detection

MPC_CM = 3.0856775814913673e24
COOLEST = 0.02
"""Temperature, keV, below which no gas shines between 0.5 and 2 keV, at any redshift."""
STEEPEST = 20.0
"""Largest exponent of mass of a chance of selection that the mass grid resolves: to 3% of those below the break."""


@dataclass(frozen=True)
class Sharp:
    """Volume-limited above a break mass, flux-limited below it, cut at a minimum mass (NV22 2.1.1).

    S(M) = min(1, (M/Mbreak)^A) for M > Mmin. Both masses follow the luminosity relation at fixed
    flux limit, Mmin only where `min_mass_mode` says so.

    Parameters
    ----------
    log_break, log_min : float
        log10 of the masses in Msun/h for the fiducial luminosity relation.
    slope : float
        A; 2.4 in NV22.
    min_mass_mode : {"fixed", "follows_lx"}
        ``fixed`` makes Mmin an absolute mass standard, which no survey has.
    """

    log_break: float
    log_min: float
    slope: float = 2.4
    min_mass_mode: Literal["fixed", "follows_lx"] = "fixed"

    def __post_init__(self) -> None:
        if not self.log_min < self.log_break:
            raise InputError(
                f"selection: min_mass (10^{self.log_min:.2f} Msun/h) must be below "
                f"break_mass (10^{self.log_break:.2f} Msun/h)"
            )
        if not 0 < self.slope <= STEEPEST:
            raise InputError(f"selection: slope must be positive and at most {STEEPEST:g}, got {self.slope}")

    @property
    def blur(self) -> float:
        """Gaussian displacement in log10 M of the selected abundance, dex."""
        return 0.0

    def limits(self, lx: Line, relations: Relations) -> tuple[Array, Array]:
        """log10 of Mmin and Mbreak, Msun/h, each of the shape of the relation's parameters.

        At fixed flux limit: log M' = pivot + [alpha_L (log M - pivot) - log b_L] / (alpha_L s_L).
        """

        def moved(log_mass: float) -> Array:
            luminosity = relations.lx.log_norm + relations.lx.slope * (log_mass - relations.pivot)
            return relations.pivot + (luminosity - lx.log_norm) / lx.slope

        upper = moved(self.log_break)
        lower = moved(self.log_min) if self.min_mass_mode == "follows_lx" else np.full_like(upper, self.log_min)
        return lower, np.maximum(upper, lower)

    def probability(self, log_mass: Array, lx: Line, relations: Relations) -> Array:
        """S(M), shape (P, Q) for `log_mass` of shape (Q,)."""
        lower, upper = (np.reshape(x, (-1, 1)) for x in self.limits(lx, relations))
        return np.where(log_mass > lower, 10.0 ** (self.slope * np.minimum(log_mass - upper, 0.0)), 0.0)


@dataclass(frozen=True)
class Smoothed:
    """The abundance of `Sharp` convolved with a Gaussian in log M (NV22 appendix A).

    It acts on the abundance and can exceed the unselected one at high mass: it is no probability.

    Parameters
    ----------
    sharp : Sharp
    width : float
        Standard deviation in log10 M, dex; 0.076 in NV22.
    """

    sharp: Sharp
    width: float = 0.076

    def __post_init__(self) -> None:
        if not 0 < self.width < 1:
            raise InputError(f"selection: smoothing must be positive and below 1 dex, got {self.width} dex")

    @property
    def blur(self) -> float:
        """Gaussian displacement in log10 M of the selected abundance, dex."""
        return self.width


KCorrection = Literal["none", "power_law", "bremsstrahlung"]


@dataclass(frozen=True)
class FluxLimited:
    """Clusters above an X-ray flux; luminosity scatters log-normally at fixed mass.

    Parameters
    ----------
    flux_limit : float
        0.5-2 keV, erg/s/cm2; the reference flux of `detection` and `contamination`.
    k_correction : {"none", "power_law", "bremsstrahlung"}
        LX / (4 pi D_L^2 f): 1; (1+z)^k_slope; or thermal bremsstrahlung at T(M, z).
    k_slope : float
        -0.57 follows from the table of Vikhlinin et al. (2009a).
    flux_error : float
        Log-normal error of the measured flux, dex: the limit acts on what is measured.
    detection : Detection
        Chance of detection against measured flux; by default one above the limit and zero below.
    contamination : Contamination or None
        Detections that are no clusters.
    """

    flux_limit: float
    k_correction: KCorrection = "power_law"
    k_slope: float = -0.57
    flux_error: float = 0.0
    detection: Detection = SHARP
    contamination: Contamination | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.flux_error < 1:
            raise InputError(f"selection: flux_error must be between 0 and 1 dex, got {self.flux_error:g}")
        if not self.flux_limit > 0:
            raise InputError(f"selection: flux_limit must be positive, got {self.flux_limit:g}")

    def observed(self, lines: Lines) -> Lines:
        """Relations of the *measured* L_X: more scatter, and less of it correlated with Y_X."""
        if not self.flux_error:
            return lines
        return Lines(replace(lines.lx, scatter=np.hypot(lines.lx.scatter, self.flux_error)), lines.yx)

    def log_luminosity_limit(self, z: Array, log_mass: Array, cosmology: Cosmology, relations: Relations) -> Array:
        """log10 of the luminosity, erg/s, that has the limiting flux: L_lim = 4 pi D_L^2 f_lim K(z, T).

        `z` and `log_mass` (log10 Msun/h) broadcast; the result has their common shape.
        """
        distance = cosmology.luminosity_distance(z) / cosmology.h * MPC_CM
        euclidean = np.log10(4 * math.pi * self.flux_limit) + 2 * np.log10(distance) + 0.0 * log_mass
        if self.k_correction == "bremsstrahlung":
            if relations.t is None:
                raise InputError("selection.k_correction = 'bremsstrahlung' needs relations.t; use 'power_law'")
            growth = np.log10(cosmology.efunc(z) / cosmology.efunc(relations.z0))
            t = relations.t
            log_t = t.log_norm + t.slope * (log_mass - relations.pivot) + t.evolution * growth
            return euclidean + np.log10(bremsstrahlung_k(z, 10.0**log_t))
        slope = self.k_slope if self.k_correction == "power_law" else 0.0
        return euclidean + slope * np.log10(1 + z)


def bremsstrahlung_k(z: Array, temperature: Array) -> Array:
    """Rest-frame over observed 0.5-2 keV luminosity of thermal bremsstrahlung at `temperature` keV.

    Spectrum E^-0.4 exp(-E/T) in energy (Gaunt factor E^-0.4), no lines. Gas cooler than `COOLEST` counts as that.
    """

    temperature = np.maximum(temperature, COOLEST)

    def band(low: Array, high: Array) -> Array:
        return special.gammaincc(0.6, low / temperature) - special.gammaincc(0.6, high / temperature)

    return band(np.asarray(0.5), np.asarray(2.0)) / band(0.5 * (1 + z), 2.0 * (1 + z))


Selection = Sharp | Smoothed | FluxLimited


def upper_weights(grid: Array, edge: Array) -> Array:
    """Quadrature weights of the integral from `edge` to the end of a uniform grid, in cells.

    The integral of the piecewise linear interpolant: continuously differentiable in `edge`, so that a
    sharp cut moves smoothly with the parameters, and never negative, so that no density is. The
    integrand must have vanished at the last node. NV22 counts are right to 2e-4.

    Parameters
    ----------
    grid : ndarray, shape (M,)
        Uniform nodes.
    edge : ndarray, shape (P,)
        Clipped to the inside of the grid.

    Returns
    -------
    ndarray, shape (P, M)
    """
    position = np.clip((edge - grid[0]) / (grid[1] - grid[0]), 0.0, len(grid) - 2.0)
    cell = np.floor(position).astype(int)
    t = position - cell
    weights = (np.arange(len(grid)) >= cell[:, None] + 2).astype(float)
    rows = np.arange(len(cell))
    weights[rows, cell] = 0.5 * (1 - t) ** 2
    weights[rows, cell + 1] = 1 - 0.5 * t**2
    return weights


def sharp_weights(sharp: Sharp, grid: Array, limits: tuple[Array, Array]) -> Array:
    """Quadrature weights, in dex, of the integral of S(M) f over log10 M; shape (P, M)."""
    lower, upper = limits
    above_min, above_break = upper_weights(grid, lower), upper_weights(grid, upper)
    step = grid[1] - grid[0]
    ramp = np.exp((LN10 * sharp.slope) * np.minimum(grid - upper[:, None], step))  # beyond it has no weight
    return step * (ramp * (above_min - above_break) + above_break)
