"""Selection in mass: two sketches of a flux limit (NV22)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.units import LN10
from ..relations.lines import Line
from ..relations.power_laws import Relations
from .selection import MinMassMode, Shifted

STEEPEST = 20.0
"""Largest exponent of mass of a chance of selection that the mass grid resolves: to 3% of those below the break."""
_SHIFT = 0.2
"""Move of the break, dex, that a check should find out."""


class InMass:
    """Answers of every selection that acts on mass."""

    acts_on: ClassVar[Literal["mass"]] = "mass"
    in_flux: ClassVar[None] = None
    flux_error: ClassVar[float] = 0.0
    contamination: ClassVar[None] = None


@dataclass(frozen=True)
class Sharp(InMass):
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
    min_mass_mode: MinMassMode = "fixed"
    blur: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if not self.log_min < self.log_break:
            raise InputError(
                f"selection: min_mass (10^{self.log_min:.2f} Msun/h) must be below "
                f"break_mass (10^{self.log_break:.2f} Msun/h)"
            )
        if not 0 < self.slope <= STEEPEST:
            raise InputError(f"selection: slope must be positive and at most {STEEPEST:g}, got {self.slope}")

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

    def lowest(self, lx: Line, relations: Relations) -> Array:
        """log10 of Mmin, Msun/h."""
        return self.limits(lx, relations)[0]

    def weights(self, grid: Array, lx: Line, relations: Relations) -> Array:
        """Quadrature weights, in dex, of the integral of S(M) f over log10 M; shape (P or 1, M)."""
        lower, upper = (np.atleast_1d(x) for x in self.limits(lx, relations))
        return sharp_weights(self, grid, (lower, upper))

    def chance(self, log_mass: Array, row: Array, lx: Line, relations: Relations) -> Array:
        """S(M) of n clusters, each at the relation number `row`, shape (n,)."""
        lower, upper = self.limits(lx, relations)
        ramp = 10.0 ** (self.slope * np.minimum(log_mass - upper[row], 0.0))
        return np.where(log_mass > lower[row], ramp, 0.0)

    @property
    def in_mass(self) -> Sharp:
        """The selection itself."""
        return self

    def with_break(self, log_break: float) -> Sharp:
        """The same with another break mass, log10 Msun/h."""
        return replace(self, log_break=log_break)

    def with_min_mass(self, mode: MinMassMode) -> Sharp:
        """The same with an Mmin of another kind."""
        return replace(self, min_mass_mode=mode)

    def shifted(self) -> Shifted:
        """The same with a larger break mass."""
        return Shifted(f"Mbreak + {_SHIFT:g} dex", self.with_break(self.log_break + _SHIFT))

    @property
    def words(self) -> str:
        """The selection in a sentence."""
        floor = (
            "fixed in true mass (an absolute mass standard that no survey has)"
            if self.min_mass_mode == "fixed"
            else "following the luminosity relation"
        )
        return (
            f"Selection in mass: complete above Mbreak = 10^{self.log_break:.2f} Msun/h, (M/Mbreak)^{self.slope:g} "
            f"below it, cut at Mmin = 10^{self.log_min:.2f} Msun/h, {floor}; Mbreak follows the luminosity relation."
        )


@dataclass(frozen=True)
class Smoothed(InMass):
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

    @property
    def log_break(self) -> float:
        """log10 of the fiducial break mass, Msun/h."""
        return self.sharp.log_break

    @property
    def min_mass_mode(self) -> MinMassMode:
        """What Mmin follows."""
        return self.sharp.min_mass_mode

    def lowest(self, lx: Line, relations: Relations) -> Array:
        """log10 of Mmin, Msun/h."""
        return self.sharp.lowest(lx, relations)

    def weights(self, grid: Array, lx: Line, relations: Relations) -> Array:
        """Quadrature weights, in dex, before the abundance is smoothed; shape (P or 1, M)."""
        return self.sharp.weights(grid, lx, relations)

    def probability(self, log_mass: Array, lx: Line, relations: Relations) -> Array:
        """S(M) before the abundance is smoothed, shape (P, Q) for `log_mass` of shape (Q,)."""
        return self.sharp.probability(log_mass, lx, relations)

    def chance(self, log_mass: Array, row: Array, lx: Line, relations: Relations) -> Array:
        """S(M) of n clusters, each at the relation number `row`, before they are displaced, shape (n,)."""
        return self.sharp.chance(log_mass, row, lx, relations)

    @property
    def in_mass(self) -> Smoothed:
        """The selection itself."""
        return self

    def with_break(self, log_break: float) -> Smoothed:
        """The same with another break mass, log10 Msun/h."""
        return replace(self, sharp=self.sharp.with_break(log_break))

    def with_min_mass(self, mode: MinMassMode) -> Smoothed:
        """The same with an Mmin of another kind."""
        return replace(self, sharp=self.sharp.with_min_mass(mode))

    def shifted(self) -> Shifted:
        """The same with a larger break mass."""
        return replace(self.sharp.shifted(), selection=self.with_break(self.log_break + _SHIFT))

    @property
    def words(self) -> str:
        """The selection in two sentences."""
        return f"{self.sharp.words} The selected abundance is smoothed by {self.width:g} dex in mass."


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
    weights: Array = (np.arange(len(grid)) >= cell[:, None] + 2).astype(float)
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
    weights: Array = step * (ramp * (above_min - above_break) + above_break)
    return weights
