"""Expected density of clusters with given redshifts and observables, ln lambda, at any parameters.

lambda(x, z) = int dlogM n(M, z) S(M) sum_j w_j N(x; mean(M, z) + mu_j, C_j + errors)

over the observables x that were measured. Where residuals do not depend on mass each term is a Gaussian in log M.
Selection on flux acts on the measured L_X. Where that is among the data, the chance of its detection is a number
that no parameter changes, and is left out. Where it is not, the integral over it runs over what is detected: each
term is multiplied by the chance that a cluster of mass M with these other observables was detected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import Values
from ..core.units import LN10
from ..cosmology.rescaling import Exponents
from ..model.forward import ForwardModel
from ..model.resolution import SMOOTH, require_width
from ..model.setup import prior_sample
from .detectability import Chance, Regression
from .mass_integral import Gaussians, MassIntegral, mass_integral
from .points import Points

_LOG_2PI = float(np.log(2 * np.pi))
_TINY = np.finfo(float).tiny
_NODES_A_CLUSTER = 60
_ENTRIES = 40_000
"""Clusters times components evaluated at once: what stays in the processor's cache."""


@dataclass(frozen=True)
class _Linear:
    """Observables' relations at P parameter vectors, the weak-lensing mass last; E = D or D + 1."""

    slope: Array  # (P, E)
    norm: Array  # (P, E), at the pivot mass
    evolution: Array  # (P, E)
    scale: Array  # (P, E): unit residuals to dex
    exponents: Exponents  # (E,) each: dependence on the cosmology
    values: Values

    @classmethod
    def of(cls, model: ForwardModel, v: Values, size: int, lensing: bool) -> _Linear:
        """Relations at parameter values `v` of `size` vectors."""
        relations = model.setup.relations

        def columns(part: str) -> list[Array]:
            parts = (getattr(relations.line(name, v), part) for name in relations.names)
            return [np.broadcast_to(np.asarray(x, dtype=float), (size,)) for x in parts]

        slope, norm, evolution, scale = (columns(p) for p in ("slope", "log_norm", "evolution", "scatter"))
        if lensing:
            assert model.setup.weak_lensing is not None
            slope.append(np.ones(size))
            norm.append(np.broadcast_to(relations.pivot + np.log10(v.norm_wl), (size,)))
            evolution.append(np.zeros(size))
            scale.append(np.broadcast_to(model.setup.weak_lensing / LN10 * np.asarray(v.scatter_wl), (size,)))
        exponents = [relations.exponents(name) for name in relations.names] + [Exponents()] * lensing
        slopes, norms, evolutions, scales = (np.stack(x, axis=-1) for x in (slope, norm, evolution, scale))
        return cls(slopes, norms, evolutions, scales, Exponents.stacked(exponents), v)


@dataclass(frozen=True)
class _Residual:
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
    def of(cls, model: ForwardModel, log_mass: Array, lensing: bool) -> _Residual:
        """Residuals of a model's observables, and, with `lensing`, of the weak-lensing mass."""
        unit = model.setup.relations.unit_residuals
        mean, covariance = unit.at(log_mass)
        if lensing:
            mean = np.concatenate([mean, np.zeros((*mean.shape[:-1], 1))], axis=-1)
            larger = np.zeros((*covariance.shape[:-2], mean.shape[-1], mean.shape[-1]))
            larger[..., :-1, :-1], larger[..., -1, -1] = covariance, 1.0
            covariance = larger
        return cls(unit.weight, mean, covariance)


class PointDensity:
    """ln lambda of given clusters at any parameters.

    Parameters
    ----------
    model : ForwardModel
    points : Points
    lensing : bool
        Whether weak-lensing masses are among the data.

    Raises
    ------
    InputError
        If the setup has no weak lensing but `lensing` is asked for.
    """

    def __init__(self, model: ForwardModel, points: Points, lensing: bool) -> None:
        if lensing and model.setup.weak_lensing is None:
            raise InputError("level 'full+wl' needs weak-lensing masses; add a [weak_lensing] table with their scatter")
        self._model, self._lensing, self._size = model, lensing, len(points.z)
        integral = mass_integral(model, points.z)
        self._shared = _Shared(model, integral, _Residual.of(model, integral.log_mass, lensing))
        self._shared.require_resolved(lensing)
        data, errors = points.observables, model.setup.relations.error_covariance(points.error)
        if lensing:
            data, errors = np.column_stack([data, points.log_mwl]), np.pad(errors, ((0, 0), (0, 1), (0, 1)))
        patterns, pattern = np.unique(~np.isnan(data), axis=0, return_inverse=True)
        self._pattern, self._place = pattern.ravel(), np.zeros(self._size, dtype=int)
        self._groups = []
        for i, known in enumerate(patterns):
            mine = np.flatnonzero(self._pattern == i)
            self._place[mine] = np.arange(len(mine))
            group = _Group(self._shared, known, data[mine][:, known], _square(errors[mine], known))
            self._groups.append(group)
        self._false = _Contaminants.of(model, points, lensing)

    def __call__(self, theta: Array, row: Array, column: Array) -> Array:
        """ln lambda of clusters `column` at parameter vectors theta[row]; all of shape (n,)."""
        theta = np.atleast_2d(theta)
        linear = _Linear.of(self._model, self._model.parameters.values(theta), len(theta), self._lensing)
        table, value = self._shared.integral.table(theta), np.empty(len(row))
        for part, group in self._parts(column):
            entries = _Entries(row[part], column[part], self._place[column[part]])
            value[part] = group(linear, table, entries)
        return value if self._false is None else np.logaddexp(value, self._false(theta, row, column))

    def _parts(self, column: Array) -> Iterator[tuple[slice | Array, _Group]]:
        """Entries of clusters of which the same is known, a few at a time."""
        for i, group in enumerate(self._groups):
            chunk = max(1, _ENTRIES // (group.nodes * len(self._shared.residual.weight)))
            if len(self._groups) == 1:
                yield from ((slice(k, k + chunk), group) for k in range(0, len(column), chunk))
            else:
                mine = np.flatnonzero(self._pattern[column] == i)
                yield from ((mine[k : k + chunk], group) for k in range(0, len(mine), chunk))

    def grid(self, theta: Array) -> Array:
        """ln lambda of every cluster at every parameter vector (P, D), shape (P, Q)."""
        size = len(theta)
        row, column = np.repeat(np.arange(size), self._size), np.tile(np.arange(self._size), size)
        return self(theta, row, column).reshape(size, self._size)


@dataclass(frozen=True)
class _Entries:
    """What is asked for: at which parameter vector, of which cluster, and its place in its group; (n,) each."""

    row: Array
    column: Array
    place: Array


@dataclass(frozen=True)
class _Shared:
    """What the groups of a `PointDensity` share; `residual` is that of all E observables."""

    model: ForwardModel
    integral: MassIntegral
    residual: _Residual

    def require_resolved(self, lensing: bool) -> None:
        """Raise unless sums over mass nodes, where residuals need them, resolve what all observables say of mass."""
        model, covariance = self.model, self.residual.covariance
        if not model.setup.relations.unit_residuals.mass_dependent:
            return
        sample = prior_sample(model.setup)
        linear = _Linear.of(model, model.parameters.values(sample), len(sample), lensing)
        pull = linear.slope / linear.scale
        strength = np.einsum("pd,mjde,pe->pmj", pull, np.linalg.inv(covariance), pull, optimize=True)
        step = float(self.integral.log_mass[1] - self.integral.log_mass[0])
        names = [*model.setup.relations.names, *(["wl"] if lensing else [])]
        require_width(float(strength.max()) ** -0.5, step / SMOOTH, names)

    @property
    def pivot(self) -> float:
        """log10 of the relations' pivot mass."""
        return self.model.setup.relations.pivot

    def at_pivot(self, linear: _Linear, branch: int, of: _Entries) -> Array:
        """Mean of the observables at the pivot mass, as measured, (n, E)."""
        background = self.integral.background(linear.values, branch, of.row, of.column)
        mean = linear.norm[of.row] + linear.evolution[of.row] * background.log_growth
        return mean + background.shift(linear.exponents)


@dataclass(frozen=True)
class _Normal:
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
    def of(cls, weight: Array, matrix: Array, slope: Array) -> _Normal:
        """From covariances (.., J, K, K) and slopes (.., K)."""
        precision = np.linalg.inv(matrix)
        pull = np.einsum("pjde,pe->pjd", precision, slope)
        strength = np.einsum("pjd,pd->pj", pull, slope)
        log_norm = np.log(weight) - 0.5 * np.linalg.slogdet(matrix)[1] - 0.5 * np.log(strength)
        return cls(precision, pull, strength, log_norm - 0.5 * (slope.shape[1] - 1) * _LOG_2PI)


class _Group:
    """Clusters of which the same observables are known.

    Parameters
    ----------
    shared : _Shared
    known : ndarray of bool, shape (E,)
    data : ndarray, shape (G, K)
        The known observables of the group's clusters.
    errors : ndarray, shape (G, K, K)
        Covariance of their errors.
    """

    def __init__(self, shared: _Shared, known: Array, data: Array, errors: Array) -> None:
        self._shared, self._known, self._data, self._errors = shared, known, data, errors
        self._same_error = bool(np.all(errors == errors[0]))
        self._unseen = None if known[0] else shared.integral.unseen
        self._by_nodes = shared.model.setup.relations.unit_residuals.mass_dependent or not known.any()

    @property
    def nodes(self) -> int:
        """Mass nodes at which each cluster is evaluated, about."""
        return _NODES_A_CLUSTER if self._by_nodes else 1

    def __call__(self, linear: _Linear, table: Array, of: _Entries) -> Array:
        """ln lambda of every entry, (n,)."""
        one = self._by_mass if self._by_nodes else self._at_once
        branches = range(self._shared.integral.branches)
        return np.logaddexp.reduce([one(linear, table, of, branch) for branch in branches], axis=0)

    def _at_once(self, linear: _Linear, table: Array, of: _Entries, branch: int) -> Array:
        """Residuals that do not depend on mass: each component is a Gaussian in log M."""
        shared, known = self._shared, self._known
        covariance = shared.residual.covariance[0] * _outer(linear.scale)[:, None]
        matrix, slope, at = _square(covariance, known), np.ascontiguousarray(linear.slope[:, known]), of.row
        if not self._same_error:
            matrix, slope, at = matrix[of.row], slope[of.row], np.arange(len(of.row))
        errors = self._errors[:1] if self._same_error else self._errors[of.place]
        normal = _Normal.of(shared.residual.weight, matrix + errors[:, None], slope)
        mean = shared.residual.mean[0] * linear.scale[:, None, :]
        mean = shared.at_pivot(linear, branch, of)[:, None, :] + mean[of.row]
        y = np.ascontiguousarray(self._data[of.place][:, None, :] - mean[..., known])
        toward, strength = np.einsum("njd,njd->nj", normal.pull[at], y), normal.strength[at]
        square = np.einsum("njd,njde,nje->nj", y, normal.precision[at], y, optimize=["einsum_path", (0, 1), (0, 1)])
        relative = toward / strength
        chance = None
        if self._unseen is not None:
            regression = Regression.of(covariance[of.row], normal.precision[at], known)
            mean = mean + linear.slope[of.row][:, None, :] * relative[..., None]
            chance = self._chance(regression, mean, linear.slope[of.row][:, None, :], of, shared.pivot + relative)
        gaussians = Gaussians(of.row, of.column, shared.pivot + relative, 1 / np.sqrt(normal.strength), chance)
        number = shared.integral.log_mean(table, branch, gaussians)
        return special.logsumexp(normal.log_norm[at] - 0.5 * (square - toward**2 / strength) + number, axis=1)

    def _chance(self, regression: Regression, mean: Array, slope: Array, of: _Entries, log_mass: Array) -> Chance:
        """Chance of detection at and about masses (n, ...), where observables have means (n, ..., E)."""
        assert self._unseen is not None
        data = self._data[of.place].reshape(len(of.place), *([1] * (mean.ndim - 2)), -1)
        log_lx = mean[..., 0] + np.einsum("...k,...k->...", regression.gain, data - mean[..., self._known])
        tilt = slope[..., 0] - np.einsum("...k,...k->...", regression.gain, slope[..., self._known])
        excess = self._unseen.excess(log_lx, of.column, log_mass)
        return Chance(excess, tilt, self._unseen.measured(regression.variance), self._unseen.selection)

    def _by_mass(self, linear: _Linear, table: Array, of: _Entries, branch: int) -> Array:
        """Residuals that depend on mass, or nothing known of it: a sum over the mass nodes within reach."""
        shared, known, at = self._shared, self._known, of.row[:, None]
        residual, log_mass, pivot = shared.residual, shared.integral.log_mass, shared.pivot
        at_pivot = shared.at_pivot(linear, branch, of)
        node = self._window(linear, at_pivot, of)  # (n, K)
        inside = (node >= 0) & (node < len(log_mass))
        node = np.clip(node, 0, len(log_mass) - 1)
        place = node if len(residual.mean) > 1 else np.zeros_like(node)
        covariance = residual.covariance * _outer(linear.scale)[:, None, None]  # (P, M, J, E, E)
        matrix = _square(covariance, known)
        if self._same_error:
            precision, log_det = (x[at, place] for x in _inverse(matrix + self._errors[:1, None, None]))
        else:
            precision, log_det = _inverse(matrix[at, place] + self._errors[of.place][:, None, None])
        slope = linear.slope[of.row][:, None, None, :]
        mean = (residual.mean * linear.scale[:, None, None, :])[at, place]  # (n, K, J, E)
        mean = at_pivot[:, None, None, :] + mean + slope * (log_mass[node] - pivot)[..., None, None]
        r = self._data[of.place][:, None, None, :] - mean[..., known]
        square = np.einsum("nkjd,nkjde,nkje->nkj", r, precision, r, optimize=["einsum_path", (0, 1), (0, 1)])
        each = np.log(residual.weight) - 0.5 * (square + log_det + r.shape[-1] * _LOG_2PI)
        if self._unseen is not None:
            regression = Regression.of(covariance[at, place], precision, known)
            chance = self._chance(regression, mean, slope, of, log_mass[node][..., None])
            each = each + np.log(np.maximum(chance.at(np.zeros(1)), _TINY))
        number = np.take_along_axis(shared.integral.nodes(table, branch, of.row, of.column), node, axis=1)
        terms = special.logsumexp(each, axis=2) + np.log(np.maximum(number, _TINY))
        return special.logsumexp(np.where(inside, terms, -np.inf), axis=1)

    def _window(self, linear: _Linear, at_pivot: Array, of: _Entries) -> Array:
        """Mass nodes within eight widths of each cluster's best mass, shape (n, K); some may lie off the grid."""
        shared, known, grid = self._shared, self._known, self._shared.integral.log_mass
        if not known.any():
            return np.broadcast_to(np.arange(len(grid)), (len(of.row), len(grid)))
        slope, step = linear.slope[of.row][:, known], grid[1] - grid[0]
        spread, scale = _square(shared.residual.covariance.mean(axis=1), known), linear.scale[of.row][:, known]
        y, errors = self._data[of.place] - at_pivot[:, known], self._errors[of.place]
        node = np.full(len(of.row), int(np.argmin(np.abs(grid - shared.pivot))))
        for _ in range(2):
            matrix = spread[node if len(spread) > 1 else 0] * _outer(scale) + errors
            pull = np.linalg.solve(matrix, slope[..., None])[..., 0]
            strength = np.einsum("nd,nd->n", pull, slope)
            centre = shared.pivot + np.einsum("nd,nd->n", pull, y) / strength
            node = np.clip(np.rint((centre - grid[0]) / step).astype(int), 0, len(grid) - 1)
        reach = min(int(np.ceil(8 * float(np.max(1 / np.sqrt(strength))) / step)), len(grid))
        return node[:, None] + np.arange(-reach, reach + 1)


def _square(matrix: Array, known: Array) -> Array:
    """Rows and columns of matrices (..., E, E) where `known`, in the order of memory that sums do not depend on."""
    return np.ascontiguousarray(matrix[..., known, :][..., known])


def _outer(x: Array) -> Array:
    """Products of all pairs of the last axis, (..., E) -> (..., E, E)."""
    return x[..., :, None] * x[..., None, :]


def _inverse(matrix: Array) -> tuple[Array, Array]:
    """Inverses of matrices and the logs of their determinants."""
    return np.linalg.inv(matrix), np.linalg.slogdet(matrix)[1]


@dataclass(frozen=True)
class _Contaminants:
    """Detections that are no clusters, as `fluxlimited.Contaminants`: the fiducial model's clusters times the odds."""

    log_density: Array  # (Q,) at the fiducial parameters, odds included
    factor: Callable[[Array], Array]

    @classmethod
    def of(cls, model: ForwardModel, points: Points, lensing: bool) -> _Contaminants | None:
        """Contaminants of a model, if it has any.

        The odds of one whose L_X is known are those at its flux; of another one they are part of its chance of
        detection.
        """
        contaminants = getattr(model, "contaminants", None)
        selection, contamination = model.setup.selection.in_flux, model.setup.selection.contamination
        if contaminants is None or selection is None or contamination is None:
            return None
        setup, log_lx = model.setup, points.observables[:, 0]
        density = PointDensity(contaminants.model, points, lensing).grid(contaminants.fiducial)[0]
        limit = selection.log_luminosity_limit(
            points.z, np.full(len(log_lx), setup.relations.pivot), setup.cosmology, setup.relations
        )
        odds = contamination.odds(log_lx - limit)
        return cls(density + np.log(np.where(np.isnan(odds), 1.0, np.maximum(odds, _TINY))), contaminants.factor)

    def __call__(self, theta: Array, row: Array, column: Array) -> Array:
        """ln of the expected density of contaminants like clusters `column`, at theta[row]; (n,)."""
        return self.log_density[column] + np.log(self.factor(theta))[row]
