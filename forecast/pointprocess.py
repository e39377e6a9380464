"""Levels `full` and `full+wl`: a Poisson point process of every cluster's redshift and observables.

Selection acts on observed quantities (flux) or on mass; either way the expected density of a selected
cluster with redshift z and observables x is

lambda(x, z) = int dlogM n(M, z) S(M) sum_j w_j N(x; mean(M, z) + mu_j, C_j + errors),

and where residuals do not depend on mass each term is a Gaussian in log M.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special

from .errors import InputError
from .massintegral import Gaussians, mass_integral
from .mock import Mocks
from .model import ForwardModel
from .parameters import ParameterSet, Values
from .units import LN10

Array = np.ndarray
_UNKNOWN = 1e3
"""Error, dex, that stands for an observable that was not measured."""
_LOG_2PI = float(np.log(2 * np.pi))
_NODES_A_CLUSTER = 60
_ENTRIES = 40_000
"""Clusters times components evaluated at once: what stays in the processor's cache."""


@dataclass(frozen=True)
class Points:
    """What was measured of single clusters.

    Parameters
    ----------
    z : ndarray, shape (Q,)
    observables : ndarray, shape (Q, D)
        log10 of the relations' observables, package units; NaN where unknown.
    error : ndarray, shape (Q, D)
        Measurement errors, dex.
    log_mwl : ndarray, shape (Q,)
        log10 of weak-lensing masses, Msun/h; NaN where unknown.
    weight : ndarray, shape (Q,)
        Number of clusters each entry stands for: 1 for real data.
    """

    z: Array
    observables: Array
    error: Array
    log_mwl: Array
    weight: Array

    @classmethod
    def observed(cls, z: Array, observables: Array, error: Array | None = None, log_mwl: Array | None = None) -> Points:
        """Points of real clusters.

        Raises
        ------
        InputError
            If a value is infinite, an error negative or NaN, or shapes disagree.
        """
        observables = np.asarray(observables, dtype=float)
        error = np.zeros_like(observables) if error is None else np.asarray(error, dtype=float)
        log_mwl = np.full(len(observables), np.nan) if log_mwl is None else np.asarray(log_mwl, dtype=float)
        if not len(z) == len(observables) == len(log_mwl) or error.shape != observables.shape:
            raise InputError("points: redshifts, observables, errors and weak-lensing masses differ in length")
        if np.isinf(observables).any() or np.isinf(log_mwl).any() or not np.all(error >= 0):
            raise InputError("points: observables must be finite or NaN (unknown), and errors not negative")
        return cls(np.asarray(z, dtype=float), observables, error, log_mwl, np.ones(len(observables)))

    @classmethod
    def of_mocks(cls, model: ForwardModel, mocks: Mocks) -> Points:
        """Points of all clusters of mock catalogues, with the errors of the setup.

        Raises
        ------
        InputError
            If the mocks lack an observable of the model.
        """
        names = model.setup.relations.names
        missing = [name for name in names if name not in mocks.names]
        if missing:
            raise InputError(f"the mocks have {', '.join(mocks.names)}, but the model needs '{missing[0]}' too")
        observables = mocks.observables[:, [mocks.names.index(name) for name in names]]
        error = np.broadcast_to(observable_errors(model), observables.shape)
        return cls(mocks.z, observables, error, mocks.log_mwl, np.ones(len(mocks.z)))

    def __getitem__(self, part: slice | Array) -> Points:
        return Points(*(getattr(self, n)[part] for n in ("z", "observables", "error", "log_mwl", "weight")))

    def without_weak_lensing(self) -> Points:
        """The same with weak-lensing masses unknown."""
        return replace(self, log_mwl=np.full(len(self.z), np.nan))


def observable_errors(model: ForwardModel) -> Array:
    """Measurement errors of log10 of the observables in a setup, shape (D,), dex; L_X has the flux's."""
    setup = model.setup
    errors = np.array(setup.errors or np.zeros(len(setup.relations.names)))
    errors[0] = np.hypot(errors[0], getattr(setup.selection, "flux_error", 0.0))
    return errors


@dataclass(frozen=True)
class _Linear:
    """Observables' relations at P parameter vectors, the weak-lensing mass last; E = D or D + 1."""

    slope: Array  # (P, E)
    norm: Array  # (P, E), at the pivot mass
    evolution: Array  # (P, E)
    scale: Array  # (P, E): unit residuals to dex
    powers: tuple[Array, Array]  # (E,) each: dependence on distance and h
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
        each = [model.setup.distance_powers(name) for name in relations.names]
        distance, unit = np.array(each + [(0.0, 0.0)] * lensing).T
        slopes, norms, evolutions, scales = (np.stack(x, axis=-1) for x in (slope, norm, evolution, scale))
        return cls(slopes, norms, evolutions, scales, (distance, unit), v)


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
        self._model, self._lensing = model, lensing
        self._integral = mass_integral(model, points.z)
        data, error = points.observables, points.error
        if lensing:
            data = np.column_stack([data, points.log_mwl])
            error = np.column_stack([error, np.zeros(len(data))])
        unknown = np.isnan(data)
        self._data = np.where(unknown, 0.0, data)
        self._error = np.where(unknown, _UNKNOWN, error)
        self._offset = unknown.sum(axis=1) * (np.log(_UNKNOWN) + 0.5 * _LOG_2PI)
        self._same_error = len(data) == 0 or bool(np.all(self._error == self._error[0]))
        self._false = _Contaminants.of(model, points, lensing)

    @cached_property
    def _residuals(self) -> tuple[Array, Array, Array]:
        """Weights (J,), means (M, J, E) and covariances (M, J, E, E) of unit residuals, lensing last."""
        unit = self._model.setup.relations.unit_residuals
        mean, covariance = unit.at(self._integral.log_mass)
        if self._lensing:
            mean = np.concatenate([mean, np.zeros((*mean.shape[:-1], 1))], axis=-1)
            larger = np.zeros((*covariance.shape[:-2], mean.shape[-1], mean.shape[-1]))
            larger[..., :-1, :-1], larger[..., -1, -1] = covariance, 1.0
            covariance = larger
        return unit.weight, mean, covariance

    def __call__(self, theta: Array, row: Array, column: Array) -> Array:
        """ln lambda of clusters `column` at parameter vectors theta[row]; all of shape (n,)."""
        theta = np.atleast_2d(theta)
        v = self._model.parameters.values(theta)
        linear = _Linear.of(self._model, v, len(theta), self._lensing)
        table = self._integral.table(theta)
        evaluate = self._by_mass if self._model.setup.relations.unit_residuals.mass_dependent else self._at_once
        nodes = _NODES_A_CLUSTER if evaluate == self._by_mass else 1
        chunk = max(1, _ENTRIES // (nodes * len(self._residuals[0])))
        parts = [
            evaluate(linear, table, row[i : i + chunk], column[i : i + chunk]) for i in range(0, len(row), chunk)
        ]
        value = np.concatenate(parts) + self._offset[column] if parts else np.empty(0)
        return value if self._false is None else np.logaddexp(value, self._false(theta, row, column))

    def grid(self, theta: Array) -> Array:
        """ln lambda of every cluster at every parameter vector (P, D), shape (P, Q)."""
        size, number = len(theta), len(self._data)
        row, column = np.repeat(np.arange(size), number), np.tile(np.arange(number), size)
        return self(theta, row, column).reshape(size, number)

    def _offsets(self, linear: _Linear, branch: int, row: Array, column: Array) -> Array:
        """Observables minus their mean at the pivot mass, (n, E)."""
        background = self._integral.background(linear.values, branch, row, column)
        mean = linear.norm[row] + linear.evolution[row] * background.log_growth
        return self._data[column] - (mean + background.shift(linear.powers))

    def _covariance(self, linear: _Linear, covariance: Array, row: Array, column: Array) -> Array:
        """Covariances with errors: (P, J, E, E) where all clusters have the same ones, else (n, J, E, E)."""
        intrinsic = covariance * (linear.scale[:, None, :, None] * linear.scale[:, None, None, :])
        if self._same_error:
            errors = self._error[:1]
        else:
            intrinsic, errors = intrinsic[row], self._error[column]
        return intrinsic + (errors**2)[:, None, None, :] * np.eye(errors.shape[1])

    def _at_once(self, linear: _Linear, table: Array, row: Array, column: Array) -> Array:
        """Residuals that do not depend on mass: each component is a Gaussian in log M."""
        weight, mean, covariance = self._residuals
        matrix = self._covariance(linear, covariance, row, column)
        precision = np.linalg.inv(matrix)
        slope = linear.slope if self._same_error else linear.slope[row]
        pull = np.einsum("pjde,pe->pjd", precision, slope)
        strength = np.einsum("pjd,pd->pj", pull, slope)
        log_norm = np.log(weight) - 0.5 * np.linalg.slogdet(matrix)[1] - 0.5 * np.log(strength)
        log_norm = log_norm - 0.5 * (slope.shape[1] - 1) * _LOG_2PI
        width = 1 / np.sqrt(strength)
        at = row if self._same_error else np.arange(len(row))
        shift = mean[0] * linear.scale[:, None, :]
        total = np.full(len(row), -np.inf)
        for branch in range(self._integral.branches):
            y = self._offsets(linear, branch, row, column)[:, None, :] - shift[row]
            toward = np.einsum("njd,njd->nj", pull[at], y)
            square = np.einsum("njd,njde,nje->nj", y, precision[at], y, optimize=["einsum_path", (0, 1), (0, 1)])
            centre = self._model.setup.relations.pivot + toward / strength[at]
            mean_number = self._integral.log_mean(table, branch, Gaussians(row, column, centre, width))
            each = log_norm[at] - 0.5 * (square - toward**2 / strength[at]) + mean_number
            total = np.logaddexp(total, special.logsumexp(each, axis=1))
        return total

    def _by_mass(self, linear: _Linear, table: Array, row: Array, column: Array) -> Array:
        """Residuals that depend on mass: a sum over the mass nodes within reach of each cluster."""
        weight, mean, covariance = self._residuals
        means = mean * linear.scale[:, None, None, :]  # (P, M, J, E)
        scale = linear.scale[:, None, None, :, None] * linear.scale[:, None, None, None, :]
        error = self._error[:1] if self._same_error else self._error
        matrix = covariance * scale + _diagonal(error[:1] if self._same_error else np.zeros((1, error.shape[1])))
        precision, log_det = np.linalg.inv(matrix), np.linalg.slogdet(matrix)[1]
        total = np.full(len(row), -np.inf)
        for branch in range(self._integral.branches):
            y = self._offsets(linear, branch, row, column)
            node = self._window(linear, covariance, (y, row, column))  # (n, K)
            inside = (node >= 0) & (node < len(self._integral.log_mass))
            node, at = np.clip(node, 0, len(self._integral.log_mass) - 1), row[:, None]
            number = np.take_along_axis(self._integral.nodes(table, branch, row, column), node, axis=1)
            relative = self._integral.log_mass[node] - self._model.setup.relations.pivot
            r = (y[:, None, :] - linear.slope[row][:, None, :] * relative[..., None])[:, :, None, :] - means[at, node]
            if self._same_error:
                inverse, log_volume = precision[at, node], log_det[at, node]
            else:
                own = matrix[at, node] + _diagonal(error[column])[:, None]
                inverse, log_volume = np.linalg.inv(own), np.linalg.slogdet(own)[1]
            square = np.einsum("nkjd,nkjde,nkje->nkj", r, inverse, r, optimize=["einsum_path", (0, 1), (0, 1)])
            each = np.log(weight) - 0.5 * (square + log_volume + r.shape[-1] * _LOG_2PI)
            terms = special.logsumexp(each, axis=2) + np.log(np.maximum(number, np.finfo(float).tiny))
            total = np.logaddexp(total, special.logsumexp(np.where(inside, terms, -np.inf), axis=1))
        return total

    def _window(self, linear: _Linear, covariance: Array, data: tuple[Array, Array, Array]) -> Array:
        """Mass nodes within eight widths of each cluster's best mass, shape (n, K); some may lie off the grid."""
        (y, row, column), grid = data, self._integral.log_mass
        pivot, slope = self._model.setup.relations.pivot, linear.slope[row]
        spread = covariance.mean(axis=1)
        node = np.full(len(row), int(np.argmin(np.abs(grid - pivot))))
        for _ in range(2):
            scale = linear.scale[row]
            matrix = spread[node] * scale[:, :, None] * scale[:, None, :] + _diagonal(self._error[column])[:, 0]
            pull = np.linalg.solve(matrix, slope[..., None])[..., 0]
            strength = np.einsum("nd,nd->n", pull, slope)
            centre = pivot + np.einsum("nd,nd->n", pull, y) / strength
            node = np.clip(np.rint((centre - grid[0]) / (grid[1] - grid[0])).astype(int), 0, len(grid) - 1)
        reach = min(int(np.ceil(8 * float(np.max(1 / np.sqrt(strength))) / (grid[1] - grid[0]))), len(grid))
        return node[:, None] + np.arange(-reach, reach + 1)


def _diagonal(error: Array) -> Array:
    """Covariance of independent errors (n, E), shape (n, 1, E, E)."""
    return (error**2)[:, None, None, :] * np.eye(error.shape[1])


@dataclass(frozen=True)
class _Contaminants:
    """Detections that are no clusters, as `fluxlimited.Contaminants`: the fiducial model's clusters times the odds."""

    log_density: Array  # (Q,) at the fiducial parameters, odds included
    factor: Callable[[Array], Array]

    @classmethod
    def of(cls, model: ForwardModel, points: Points, lensing: bool) -> _Contaminants | None:
        """Contaminants of a model, if it has any."""
        contaminants = getattr(model, "contaminants", None)
        if contaminants is None:
            return None
        setup = model.setup
        log_lx = points.observables[:, 0]
        if np.isnan(log_lx).any():
            raise InputError("contamination depends on flux: every cluster needs an L_X at the levels 'full'")
        known = PointDensity(contaminants.model, points, lensing).grid(contaminants.fiducial)[0]
        limit = setup.selection.log_luminosity_limit(  # type: ignore[union-attr]
            points.z, np.full(len(log_lx), setup.relations.pivot), setup.cosmology, setup.relations
        )
        odds = setup.selection.contamination.odds(log_lx - limit)  # type: ignore[union-attr]
        return cls(known + np.log(np.maximum(odds, np.finfo(float).tiny)), contaminants.factor)

    def __call__(self, theta: Array, row: Array, column: Array) -> Array:
        """ln of the expected density of contaminants like clusters `column`, at theta[row]; (n,)."""
        return self.log_density[column] + np.log(self.factor(theta))[row]


class PointProcess:
    """Poisson point process of every cluster: -Lambda + sum ln lambda(x_i, z_i) - ln N!.

    Parameters
    ----------
    model : ForwardModel
    points : Points
    size : float
        Number of clusters, at least the points' weight; the rest each contribute ln Lambda.
    lensing : bool
        Whether weak-lensing masses are among the data.
    """

    def __init__(self, model: ForwardModel, points: Points, size: float, *, lensing: bool) -> None:
        self.name = "full+wl" if lensing else "full"
        self.parameters: ParameterSet = model.parameters
        self._model, self._weight, self._size = model, points.weight, size
        self._density = PointDensity(model, points, lensing)

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        theta = np.atleast_2d(theta)
        count = self._model.expected_count(theta)
        value = -count - special.gammaln(self._size + 1)
        value += special.xlogy(max(self._size - self._weight.sum(), 0.0), count)
        if len(self._weight):
            value += self._density.grid(theta) @ self._weight
        return value
