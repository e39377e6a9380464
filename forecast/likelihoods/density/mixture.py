"""Observables of clusters at given mass and parameters: mean relations, and mixtures of Gaussian residuals."""

from __future__ import annotations

import operator
from dataclasses import dataclass, fields

import numpy as np

from ...core.arrays import Array
from ...core.parameters import Values
from ...cosmology.rescaling import LENSING, Exponents
from ...model.forward import ForwardModel
from ...model.resolution import SMOOTH, WIDEST_STEP, require_width
from ...relations.bend import Bend
from .mass_integral import MassIntegral

_LOG_2PI = float(np.log(2 * np.pi))
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Linear:
    """Observables' relations at P parameter vectors, the weak-lensing mass last; E = D or D + 1."""

    slope: Array  # (P, E)
    norm: Array  # (P, E), at the pivot mass
    evolution: Array  # (P, E)
    scale: Array  # (P, E): unit residuals to dex
    bend: Bend  # (P, E)
    drift: Array  # (P, E): of the slope, with log10 E(z)/E(z0)
    exponents: Exponents  # (E,) each: dependence on the cosmology
    values: Values

    @classmethod
    def of(cls, model: ForwardModel, v: Values, size: int, lensing: bool) -> Linear:
        """Relations at parameter values `v` of `size` vectors."""
        relations = model.setup.relations
        lines = [relations.line(name, v) for name in relations.names]
        lines += [model.setup.lensing_line(v)] if lensing else []

        def stacked(part: str) -> Array:
            of_each = (operator.attrgetter(part)(line) for line in lines)
            return np.stack([np.broadcast_to(np.asarray(x, dtype=float), (size,)) for x in of_each], axis=-1)

        exponents = [relations.exponents(name) for name in relations.names] + [LENSING] * lensing
        slope, norm, evolution, scale = (stacked(part) for part in ("slope", "log_norm", "evolution", "scatter"))
        return cls(
            slope=slope,
            norm=norm,
            evolution=evolution,
            scale=scale,
            bend=Bend(**{f.name: stacked(f"bend.{f.name}") for f in fields(Bend)}),
            drift=stacked("drift"),
            exponents=Exponents.stacked(exponents),
            values=v,
        )


@dataclass(frozen=True)
class Residual:
    """Mixture of unit residuals of E observables on the mass nodes, or at one where they do not depend on mass.

    Parameters
    ----------
    weight : ndarray, shape (J,)
    mean : ndarray, shape (M or 1, J, E)
    covariance : ndarray, shape (M or 1, J, E, E)
    """

    weight: Array
    mean: Array
    covariance: Array

    @classmethod
    def of(cls, model: ForwardModel, log_mass: Array, lensing: bool) -> Residual:
        """Residuals of a model's observables, and, with `lensing`, of the weak-lensing mass."""
        unit = model.setup.relations.unit_residuals
        mean, covariance = unit.at(log_mass)
        coupling = model.setup.lensing_coupling if lensing else None
        if coupling is not None:
            mean, covariance = coupling.joined(log_mass)
        elif lensing:
            mean = np.concatenate([mean, np.zeros((*mean.shape[:-1], 1))], axis=-1)
            larger = np.zeros((*covariance.shape[:-2], mean.shape[-1], mean.shape[-1]))
            larger[..., :-1, :-1], larger[..., -1, -1] = covariance, 1.0
            covariance = larger
        return cls(unit.weight, mean, covariance)


@dataclass(frozen=True)
class Entries:
    """What is asked for: at which parameter vector, of which cluster, and its place in its group; (n,) each.

    `crowd`: how many clusters are asked for at that parameter vector.
    """

    row: Array
    column: Array
    place: Array
    crowd: Array

    def __getitem__(self, part: slice | Array) -> Entries:
        return Entries(self.row[part], self.column[part], self.place[part], self.crowd[part])


@dataclass(frozen=True)
class Shared:
    """What the groups of a `PointDensity` share; `residual` is that of all E observables."""

    model: ForwardModel
    integral: MassIntegral
    residual: Residual

    def require_resolved(self, told: Array) -> None:
        """Raise unless sums over mass nodes, where they are needed, resolve what observables `told`, (E,), say of mass.

        Where residuals depend on mass, what all of them would say.
        """
        setup, every = self.model.setup, [*self.model.setup.relations.names, "wl"]
        if not setup.sums_over_masses:
            return
        told = np.ones_like(told) if setup.relations.unit_residuals.mass_dependent else told
        if told.any():
            names = [name for name, one in zip(every, told, strict=False) if one]
            require_width(self.narrowest(told), self.step / SMOOTH, names)

    def stride(self, known: Array) -> int:
        """Every how many mass nodes resolve what observables `known`, (E,), say of mass."""
        if not self.model.setup.is_curved or not known.any():
            return 1
        return max(1, int(min(WIDEST_STEP, SMOOTH * self.narrowest(known)) / self.step + _ROUNDING))

    @property
    def step(self) -> float:
        """Spacing of the mass nodes, dex."""
        return float(self.integral.log_mass[1] - self.integral.log_mass[0])

    def narrowest(self, known: Array) -> float:
        """Least width of log10 M at given observables, without errors, in the prior, dex."""
        sample, relations = self.model.setup.parameters.sample(), self.model.setup.relations
        linear = Linear.of(
            self.model, self.model.parameters.values(sample), len(sample), len(known) > len(relations.names)
        )
        pull = (linear.slope / linear.scale)[:, known]
        inverse = np.linalg.inv(square_of(self.residual.covariance, known))
        strength = np.einsum("pd,mjde,pe->pmj", pull, inverse, pull, optimize=True)
        return float(strength.max() ** -0.5)

    def narrowest_scatter(self, known: int, variance: float) -> float:
        """Least scatter of an observable at given mass in the prior, with errors of a variance, dex^2; dex."""
        sample, lensing = self.model.setup.parameters.sample(), known >= len(self.model.setup.relations.names)
        linear = Linear.of(self.model, self.model.parameters.values(sample), len(sample), lensing)
        smallest = float(self.residual.covariance[..., known, known].min())
        return float(np.sqrt(smallest * linear.scale[:, known].min() ** 2 + variance))

    @property
    def pivot(self) -> float:
        """log10 of the relations' pivot mass."""
        return self.model.setup.relations.pivot

    def slope(self, linear: Linear, branch: int, of: Entries) -> Array:
        """Slopes of the observables at the clusters' redshifts, but for the curved part, (n, E)."""
        slope: Array = linear.slope[of.row]
        if not linear.drift.any():
            return slope
        background = self.integral.background(linear.values, branch, of.row, of.column)
        return np.asarray(slope + linear.drift[of.row] * background.log_growth)

    def at_pivot(self, linear: Linear, branch: int, of: Entries) -> Array:
        """Mean of the observables at the pivot mass, as measured, (n, E)."""
        background = self.integral.background(linear.values, branch, of.row, of.column)
        mean = linear.norm[of.row] + linear.evolution[of.row] * background.log_growth
        shifted: Array = mean + background.shift(linear.exponents)
        return shifted


@dataclass(frozen=True)
class Normal:
    """Gaussians of K known observables in J components: what they say of log M, (P or n, J) each.

    Parameters
    ----------
    precision : ndarray, shape (P or n, J, K, K)
    pull : ndarray, shape (P or n, J, K)
        Precision times the slopes.
    strength : ndarray, shape (P or n, J)
        Inverse variance of log M.
    log_norm : ndarray, shape (P or n, J)
        Log weight times normalisation.
    """

    precision: Array
    pull: Array
    strength: Array
    log_norm: Array

    @classmethod
    def of(cls, weight: Array, matrix: Array, slope: Array) -> Normal:
        """From covariances (.., J, K, K) and slopes (.., K)."""
        precision = np.linalg.inv(matrix)
        pull = np.einsum("pjde,pe->pjd", precision, slope)
        strength = np.einsum("pjd,pd->pj", pull, slope)
        log_norm = np.log(weight) - 0.5 * np.linalg.slogdet(matrix)[1] - 0.5 * np.log(strength)
        return cls(precision, pull, strength, log_norm - 0.5 * (slope.shape[1] - 1) * _LOG_2PI)


def square_of(matrix: Array, known: Array) -> Array:
    """Rows and columns of matrices (..., E, E) where `known`, in the order of memory that sums do not depend on."""
    return np.ascontiguousarray(matrix[..., known, :][..., known])


def outer(x: Array) -> Array:
    """Products of all pairs of the last axis, (..., E) -> (..., E, E)."""
    return x[..., :, None] * x[..., None, :]
