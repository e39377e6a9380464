"""ln lambda of clusters of which the same observables are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from ...core.arrays import Array
from ...core.parameters import Values
from .censored import CensoredChance, Limits, Luminosity, Regressions
from .detectability import Chance, Regression, Unseen
from .gaussians import Gaussians
from .mixture import Entries, Linear, Normal, Shared, outer, square_of

_LOG_2PI = float(np.log(2 * np.pi))
_TINY = np.finfo(float).tiny
_NODES_A_CLUSTER = 60
_ITERATIONS = 5


@dataclass(frozen=True)
class Beyond:
    """What is known of a group's clusters beyond values.

    Parameters
    ----------
    unseen : Unseen or None
        Selection on the flux where it is unknown; None where a listed L_X says that they are detected, or
        selection does not act on it.
    limits : Limits or None
        Of observables whose values are unknown.
    """

    unseen: Unseen | None
    limits: Limits | None = None


class Group:
    """Clusters of which the same observables are known.

    Parameters
    ----------
    shared : Shared
    known : ndarray of bool, shape (E,)
    data : ndarray, shape (G, K)
        The known observables of the group's clusters.
    errors : ndarray, shape (G, K, K)
        Covariance of their errors.
    beyond : Beyond
    """

    def __init__(self, shared: Shared, known: Array, data: Array, errors: Array, beyond: Beyond) -> None:
        self._shared, self._known, self._data, self._errors = shared, known, data, errors
        self._first, self._kind = _kinds(errors)
        self._unseen, self._limits = beyond.unseen, beyond.limits
        self._by_chance = self._limits is not None or self._unseen is not None
        self._stride = shared.stride(known)
        self._by_nodes = shared.model.setup.sums_over_masses or not known.any()

    @property
    def nodes(self) -> int:
        """Mass nodes at which each cluster is evaluated, about."""
        return _NODES_A_CLUSTER if self._by_nodes else 1

    def __call__(self, linear: Linear, table: Array, of: Entries) -> Array:
        """ln lambda of every entry, (n,)."""
        one = self._by_mass if self._by_nodes else self._at_once
        branches = range(self._shared.integral.branches)
        log_density: Array = np.logaddexp.reduce([one(linear, table, of, branch) for branch in branches], axis=0)
        return log_density

    def _at_once(self, linear: Linear, table: Array, of: Entries, branch: int) -> Array:
        """Residuals that do not depend on mass: each component is a Gaussian in log M."""
        shared, known = self._shared, self._known
        alike = self._alike(linear, of)
        rows, at = alike.row, alike.at
        covariance = (shared.residual.covariance[0] * outer(linear.scale)[:, None])[rows]
        slope = np.ascontiguousarray(linear.slope[:, known])[rows]
        normal = Normal.of(
            shared.residual.weight, square_of(covariance, known) + self._errors[alike.place][:, None], slope
        )
        mean = shared.residual.mean[0] * linear.scale[:, None, :]
        mean = shared.at_pivot(linear, branch, of)[:, None, :] + mean[of.row]
        y = np.ascontiguousarray(self._data[of.place][:, None, :] - mean[..., known])
        toward, strength = np.einsum("njd,njd->nj", normal.pull[at], y), normal.strength[at]
        square = np.einsum("njd,njde,nje->nj", y, normal.precision[at], y, optimize=["einsum_path", (0, 1), (0, 1)])
        relative = toward / strength
        chance = None
        if self._by_chance:
            slopes = linear.slope[of.row][:, None, :]
            mean = mean + slopes * relative[..., None]
            regression = self._regression((covariance, normal.precision), alike.place)
            chance = self._chance(regression[at], (mean, slopes), of, linear.values)
        width, shared_width = 1 / np.sqrt(normal.strength), len(self._first) == 1
        about = (of.row, of.column, shared.pivot + relative, width if shared_width else width[at])
        gaussians = Gaussians(*about, shared_width, of.crowd, chance)
        number = shared.integral.log_mean(table, branch, gaussians)
        log_density: Array = special.logsumexp(
            normal.log_norm[at] - 0.5 * (square - toward**2 / strength) + number, axis=1
        )
        return log_density

    def _alike(self, linear: Linear, of: Entries) -> _Alike:
        """Which entries share parameters and errors, and so what their observables say of mass beside the values."""
        kinds, kind = len(self._first), self._kind[of.place]
        if kinds == 1:
            rows = np.arange(len(linear.slope))
            return _Alike(rows, np.zeros(len(rows), dtype=int), of.row)
        if kinds == len(self._kind):
            return _Alike(of.row, of.place, np.arange(len(of.row)))
        pair = of.row * kinds + kind
        pair -= pair.min()
        there = np.bincount(pair) > 0
        first = np.flatnonzero(there) + int((of.row * kinds + kind).min())
        return _Alike(first // kinds, self._first[first % kinds], (np.cumsum(there) - 1)[pair])

    def _in_common(self, place: Array) -> Array:
        """Variance that the errors of a listed L_X and of the flux have in common, (n,), dex^2."""
        if self._unseen is None or not self._known[0]:
            return np.zeros(len(place))
        return np.asarray(np.minimum(self._errors[place, 0, 0], self._unseen.selection.flux_error**2))

    def _regression(self, matrices: tuple[Array, Array], place: Array) -> Regression | Regressions:
        """What has limits, or was detected unseen, on the known observables of clusters at places (n,).

        `matrices`: covariance of all observables, (n, ..., J, E, E), and precision of the known ones.
        """
        in_common = self._in_common(place).reshape(len(place), *([1] * (matrices[0].ndim - 3)))
        if self._limits is not None:
            return self._limits.regressions(matrices, self._known, self._unseen, in_common)
        return Regression.of(*matrices, self._known, in_common)

    def _chance(
        self, regression: Regression | Regressions, line: tuple[Array, Array], of: Entries, values: Values
    ) -> Chance | CensoredChance:
        """Chance of detection and of limits at and about masses (n, ...).

        `line`: means of the observables there, (n, ..., E), and their slopes.
        """
        mean, slope = line
        data = self._data[of.place].reshape(len(of.place), *([1] * (mean.ndim - 2)), -1)
        if isinstance(regression, Regressions):
            assert self._limits is not None
            given = regression.at(mean, slope, data)
            return self._limits.chance(given, of.place, self._luminosity(of, mean.ndim - 1, values))
        assert self._unseen is not None
        log_lx = mean[..., 0] + np.einsum("...k,...k->...", regression.gain, data - mean[..., self._known])
        tilt = slope[..., 0] - np.einsum("...k,...k->...", regression.gain, slope[..., self._known])
        excess = self._unseen.excess(log_lx, of.column)
        detection = self._unseen.detection(values, of.row, of.column, excess.ndim)
        return Chance(excess, tilt, self._unseen.measured(regression.variance), detection)

    def _luminosity(self, of: Entries, ndim: int, values: Values) -> Luminosity:
        """By which L_X clusters were detected, if their flux is unknown, arrays of `ndim` axes."""
        threshold, unseen = np.zeros((len(of.row),) + (1,) * (ndim - 1)), self._unseen
        if unseen is None:
            return Luminosity(threshold, None, None, 0.0)
        detection = unseen.detection(values, of.row, of.column, ndim)
        error = 0.0 if self._known[0] else unseen.selection.flux_error
        return Luminosity(-unseen.excess(threshold, of.column), detection, None, error)

    def _by_mass(self, linear: Linear, table: Array, of: Entries, branch: int) -> Array:
        """Residuals or slopes that depend on mass, or nothing known of it: a sum over the mass nodes within reach."""
        shared, known, at = self._shared, self._known, of.row[:, None]
        residual, log_mass, pivot = shared.residual, shared.integral.log_mass, shared.pivot
        at_pivot = shared.at_pivot(linear, branch, of)
        slope = shared.slope(linear, branch, of)  # (n, E)
        node = self._window(linear, (at_pivot, slope), of)  # (n, K)
        inside = (node >= 0) & (node < len(log_mass))
        node = np.clip(node, 0, len(log_mass) - 1)
        place = node if len(residual.mean) > 1 else np.zeros_like(at)
        covariance = residual.covariance * outer(linear.scale)[:, None, None]  # (P, M, J, E, E)
        matrix = square_of(covariance, known)
        if len(self._first) == 1:
            precision, log_det = (x[at, place] for x in _inverse(matrix + self._errors[:1, None, None]))
        else:
            precision, log_det = _inverse(matrix[at, place] + self._errors[of.place][:, None, None])
        relative = (log_mass[node] - pivot)[..., None, None]
        slope, bend = slope[:, None, None, :], linear.bend.shaped(lambda x: x[of.row][:, None, None, :])
        mean = (residual.mean * linear.scale[:, None, None, :])[at, place]  # (n, K, J, E)
        mean = at_pivot[:, None, None, :] + mean + slope * relative + bend.at(relative)
        r = self._data[of.place][:, None, None, :] - mean[..., known]
        square = np.einsum("nkjd,nkjde,nkje->nkj", r, precision, r, optimize=["einsum_path", (0, 1), (0, 1)])
        each = np.log(residual.weight) - 0.5 * (square + log_det + r.shape[-1] * _LOG_2PI)
        if self._by_chance:
            regression = self._regression((covariance[at, place], precision), of.place)
            tangent = slope + bend.slope(relative)
            chance = self._chance(regression, (mean, tangent), of, linear.values)
            each = each + np.log(np.maximum(chance.at(np.zeros(1)), _TINY))
        number = np.take_along_axis(shared.integral.nodes(table, branch, of.row, of.column), node, axis=1)
        terms = special.logsumexp(each, axis=2) + np.log(np.maximum(number * self._stride, _TINY))
        log_density: Array = special.logsumexp(np.where(inside, terms, -np.inf), axis=1)
        return log_density

    def _window(self, linear: Linear, line: tuple[Array, Array], of: Entries) -> Array:
        """Mass nodes within eight widths of each cluster's best mass, shape (n, K); some may lie off the grid.

        `line`: means of the observables at the pivot mass, and slopes, (n, E) each.
        """
        shared, known, grid = self._shared, self._known, self._shared.integral.log_mass
        if not known.any():
            return np.broadcast_to(np.arange(len(grid)), (len(of.row), len(grid)))
        at_pivot, slopes = line
        slope, bend = slopes[:, known], linear.bend.shaped(lambda x: x[of.row][:, known])
        step = grid[1] - grid[0]
        spread, scale = square_of(shared.residual.covariance.mean(axis=1), known), linear.scale[of.row][:, known]
        y, errors = self._data[of.place] - at_pivot[:, known], self._errors[of.place]
        node = np.full(len(of.row), int(np.argmin(np.abs(grid - shared.pivot))))
        for _ in range(_ITERATIONS if bend.is_any else 2):
            relative = grid[node, None] - shared.pivot
            tangent = slope + bend.slope(relative)
            matrix = spread[node if len(spread) > 1 else 0] * outer(scale) + errors
            pull = np.linalg.solve(matrix, tangent[..., None])[..., 0]
            strength = np.einsum("nd,nd->n", pull, tangent)
            straight = y - bend.at(relative) + bend.slope(relative) * relative  # as if it went on along the tangent
            centre = shared.pivot + np.einsum("nd,nd->n", pull, straight) / strength
            node = np.clip(np.rint((centre - grid[0]) / step).astype(int), 0, len(grid) - 1)
        reach = min(int(np.ceil(8 * float(np.max(1 / np.sqrt(strength))) / step)), len(grid))
        return node[:, None] + np.arange(-reach, reach + 1, self._stride)


@dataclass(frozen=True)
class _Alike:
    """Entries that share parameters and errors.

    Parameters
    ----------
    row, place : ndarray of int, shape (U,)
        Parameter vector, and place of one of the clusters, of each kind.
    at : ndarray of int, shape (n,)
        Kind of each entry.
    """

    row: Array
    place: Array
    at: Array


def _kinds(errors: Array) -> tuple[Array, Array]:
    """Places of the first of each kind of errors (G, K, K), and the kind of all, (G,)."""
    if not errors.size or np.all(errors == errors[0]):
        return np.zeros(1, dtype=int), np.zeros(len(errors), dtype=int)
    _, first, kind = np.unique(errors.reshape(len(errors), -1), axis=0, return_index=True, return_inverse=True)
    return first, kind.ravel()


def _inverse(matrix: Array) -> tuple[Array, Array]:
    """Inverses of matrices and the logs of their determinants."""
    return np.linalg.inv(matrix), np.linalg.slogdet(matrix)[1]
