"""One observable's scaling relation, as configured and at given parameter values."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError

LARGEST_Z0, FLATTEST, STEEPEST, FASTEST = 3.0, 0.05, 10.0, 20.0
"""Largest reference redshift; exponents of mass, least and largest, and of E(z), far from those of any observable."""


@dataclass(frozen=True)
class PowerLaw:
    """One observable's mean relation and intrinsic scatter.

    Parameters
    ----------
    log_norm : float
        log10 of the observable (package units) at the pivot mass and the reference redshift.
    slope : float
        Exponent of M500c.
    evolution : float
        Exponent gamma of E(z)/E(z0).
    scatter : float
        Standard deviation of log10 of the observable at the pivot mass, in dex.
    hubble : float
        Power of h of the normalisation at fixed mass in Msun/h, beyond that of L_X h^2, M_gas h^2.5 and T.
    """

    log_norm: float
    slope: float
    evolution: float
    scatter: float
    hubble: float = 0.0

    def __post_init__(self) -> None:
        for name, good, needed in (
            ("slope", 0 <= self.slope <= STEEPEST, f"slope >= 0 and at most {STEEPEST:g}"),
            ("scatter", self.scatter > 0, "scatter > 0 dex"),
            ("evolution", abs(self.evolution) <= FASTEST, f"evolution between {-FASTEST:g} and {FASTEST:g}"),
        ):
            if not good:
                raise InputError(f"a scaling relation needs {needed}, got {name} = {getattr(self, name):g}")

    @property
    def is_mass(self) -> bool:
        """Whether the observable is a mass, measured as distance: of slope 1, without evolution."""
        return (self.slope, self.evolution) == (1.0, 0.0)


@dataclass(frozen=True)
class Line:
    """A relation at given parameter values; every field broadcasts to shape (P,)."""

    log_norm: Array
    slope: Array
    evolution: Array
    scatter: Array

    def mean(self, log_mass: Array, log_growth: Array) -> Array:
        """Mean log10 of the observable; `log_mass` relative to the pivot, shape (P or 1, ...).

        `log_growth` is log10 E(z)/E(z0) and broadcasts against `log_mass`.
        """

        def column(x: Array) -> Array:
            return np.reshape(x, (-1,) + (1,) * (np.ndim(log_mass) - 1))

        mean: Array = column(self.slope) * log_mass + (column(self.log_norm) + column(self.evolution) * log_growth)
        return mean


@dataclass(frozen=True)
class Lines:
    """Mean L_X and Y_X relations at given parameter values; `scatter` is that at the pivot."""

    lx: Line
    yx: Line


@dataclass(frozen=True)
class Component:
    """One Gaussian of the mixture of residuals of (L_X, Y_X); arrays broadcast to (P, M), dex.

    M is that of the masses asked for, or 1 where the residuals do not depend on mass.
    """

    weight: float
    lx_shift: Array
    yx_shift: Array
    lx_scatter: Array
    yx_scatter: Array
    correlation: Array

    def blurred(self, error: float) -> Component:
        """The same with an independent error of log10 L_X, dex."""
        if not error:
            return self
        scatter = np.hypot(self.lx_scatter, error)
        correlation = self.correlation * self.lx_scatter / scatter
        return replace(self, lx_scatter=scatter, correlation=correlation)
