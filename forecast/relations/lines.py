"""One observable's scaling relation, as configured and at given parameter values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import Values
from .bend import Bend

LARGEST_Z0, FLATTEST, STEEPEST, FASTEST, STRONGEST = 3.0, 0.05, 10.0, 20.0, 1.0
"""Largest reference redshift; exponents of mass, least and largest, and of E(z), and curvatures, far from those of any
observable."""
NARROWEST = 0.05
"""Width of a break, dex, that is as good as none: less than masses at one luminosity scatter."""
FARTHEST = 0.3
"""log10 of E(z)/E(z0) up to which slopes that change with redshift are looked at: z = 1.1."""
STRAIGHT = Bend()


@dataclass(frozen=True)
class Below:
    """Factor on the slope below a break, dex by which the break is shifted, and the slope above it; (P,) each."""

    factor: Array
    shift: Array
    slope: Array


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
    curvature : float
        Of log10 of the observable in log10 M about the pivot, per dex^2: the slope grows by twice that in each dex
        (see `bend`).
    break_mass : float or None
        log10, over the pivot, of the mass below which there is another slope; None if there is none.
    slope_below : float
        That slope.
    break_width : float
        Of the passage, dex.
    """

    log_norm: float
    slope: float
    evolution: float
    scatter: float
    hubble: float = 0.0
    curvature: float = 0.0
    break_mass: float | None = None
    slope_below: float = 0.0
    break_width: float = 0.1

    def __post_init__(self) -> None:
        for name, good, needed in (
            ("slope", 0 <= self.slope <= STEEPEST, f"slope >= 0 and at most {STEEPEST:g}"),
            ("scatter", self.scatter > 0, "scatter > 0 dex"),
            ("evolution", abs(self.evolution) <= FASTEST, f"evolution between {-FASTEST:g} and {FASTEST:g}"),
            ("slope_below", 0 <= self.slope_below <= STEEPEST, f"slope_below >= 0 and at most {STEEPEST:g}"),
            ("break_width", self.break_width >= NARROWEST, f"break_width of at least {NARROWEST:g} dex"),
            ("curvature", abs(self.curvature) <= STRONGEST, f"curvature between {-STRONGEST:g} and {STRONGEST:g}"),
        ):
            if not good:
                raise InputError(f"a scaling relation needs {needed}, got {name} = {getattr(self, name):g}")

    @property
    def is_mass(self) -> bool:
        """Whether the observable is a mass, measured as distance: of slope 1, without evolution."""
        return (self.slope, self.evolution) == (1.0, 0.0)

    @property
    def is_straight(self) -> bool:
        """Whether it is a power law of mass."""
        return not self.curvature and self.break_mass is None

    def relative_mass(self, excess: Array) -> Array:
        """log10 M over the pivot of clusters this much above the normalisation, dex."""
        return self.bend().mass_at(excess, self.slope)

    def bend(self, curvature: float | Array = 0.0, about: float | Array = 0.0, *, below: Below | None = None) -> Bend:
        """Its curved part with `curvature` more, about another mass; `below`: with what is changed below the break."""
        curvature = self.curvature + np.asarray(curvature)
        if self.break_mass is None:
            return Bend(curvature, about)
        of = Below(np.asarray(1.0), np.asarray(0.0), np.asarray(self.slope)) if below is None else below
        step, start = self.slope_below * of.factor - of.slope, self.break_mass + of.shift
        return Bend(curvature, about, step=step, start=start, width=self.break_width)


@dataclass(frozen=True)
class Line:
    """A relation at given parameter values; every field broadcasts to shape (P,)."""

    log_norm: Array
    slope: Array
    evolution: Array
    scatter: Array
    bend: Bend = STRAIGHT
    drift: Array | float = 0.0

    def mean(self, log_mass: Array, log_growth: Array) -> Array:
        """Mean log10 of the observable; `log_mass` relative to the pivot, shape (P or 1, ...).

        `log_growth` is log10 E(z)/E(z0) and broadcasts against `log_mass`.
        """

        norm = _column(self.log_norm, log_mass) + _column(self.evolution, log_mass) * log_growth
        mean: Array = self.rise(log_mass) + norm
        return mean + self.drifted(log_mass) * log_growth if self.drifts else mean

    def drifted(self, log_mass: Array) -> Array:
        """What is added to the mean with each unit of `log_growth`, as its slope changes."""
        return np.asarray(_column(self.drift, log_mass) * log_mass)

    @property
    def drifts(self) -> bool:
        """Whether any slope changes with redshift."""
        return bool(np.any(self.drift))

    def rise(self, log_mass: Array) -> Array:
        """Mean log10 of the observable minus that at the pivot; `log_mass` relative to it, shape (P or 1, ...)."""
        straight = _column(self.slope, log_mass) * log_mass
        return straight + self._bend_at(log_mass).at(log_mass) if self.is_curved else straight

    def tangent(self, log_mass: Array) -> Array:
        """Change of it by log10 M."""
        slope = _column(self.slope, log_mass)
        return slope + self._bend_at(log_mass).slope(log_mass) if self.is_curved else slope

    def second(self, log_mass: Array) -> Array:
        """Coefficient of the square of a small change of log10 M."""
        return self._bend_at(log_mass).second(log_mass)

    def mass_at(self, log_value: Array, log_growth: Array) -> Array:
        """log10 M over the pivot at which the mean is such a value, (P or 1, ...) each; where that rises everywhere."""
        slope, evolution, log_norm = (_column(x, log_value) for x in (self.slope, self.evolution, self.log_norm))
        excess, drift = log_value - log_norm - evolution * log_growth, _column(self.drift, log_value)
        return self._bend_at(log_value).mass_at(excess, slope + drift * log_growth)

    def _bend_at(self, log_mass: Array) -> Bend:
        return self.bend.shaped(lambda x: _column(x, log_mass))

    @property
    def is_curved(self) -> bool:
        """Whether any of the relations is."""
        return self.bend.is_any

    @property
    def steepest(self) -> Array:
        """Largest slope at any mass, shape (P,)."""
        return self.slopes[1]

    @property
    def slopes(self) -> tuple[Array, Array]:
        """Least and largest slope at any mass and redshift, shape (P,)."""
        least, largest = self.bend.range(self.slope)
        return least - FARTHEST * np.abs(self.drift), largest + FARTHEST * np.abs(self.drift)


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


def _column(x: Array | float, log_mass: Array) -> Array:
    """A field of P relations that broadcasts against masses (P or 1, ...)."""
    return np.reshape(x, (-1,) + (1,) * (np.ndim(log_mass) - 1))


_NEUTRAL: Mapping[str, float] = {"norm": 1.0, "slope": 1.0, "scatter": 1.0, "evolution": 0.0, "curvature": 0.0} | {
    "lowslope": 1.0,
    "break": 0.0,
    "drift": 0.0,
}


def factor(v: Values, kind: str, name: str) -> float | Array:
    """Value of a parameter such as norm_lx; what changes nothing where there is no such parameter."""
    value: float | Array = getattr(v, f"{kind}_{name}", _NEUTRAL[kind])
    return value
