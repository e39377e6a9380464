"""Levels `full` and `full+wl`: a Poisson point process of every cluster's redshift and observables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.chunks import in_parts
from ..core.errors import InputError
from ..core.units import LN10
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .data import Data
from .density.point_density import PointDensity
from .density.points import Points
from .expectation import Expectation
from .level import TINY, ClusterTerms, Level
from .level_name import LevelName
from .paired import Paired, PairedPoints

_STEP = 0.1
"""Step of the derivatives, in units of each observable's scatter."""
_ENTRIES = 40_000
"""Clusters times parameter vectors evaluated at once."""


class PointProcess(Level):
    """-Lambda + sum ln lambda(x_i, z_i) - ln N!; clusters that are no points each contribute ln Lambda.

    Raises
    ------
    InputError
        If the data have no single clusters.
    """

    of_clusters = True
    fewer = LevelName.UNBINNED

    def __init__(self, model: ForwardModel, data: Data) -> None:
        super().__init__(model, data)
        if data.points is None:
            raise InputError(f"level '{self.name}' needs the observables of single clusters; these data have none")
        self._points = data.points
        self._density = PointDensity(model, data.points, self.lensing)

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        theta, size, weight = np.atleast_2d(theta), self._data.size, self._points.weight
        count = self._model.expected_count(theta)
        value: Array = -count - special.gammaln(size + 1)
        value += special.xlogy(max(size - weight.sum(), 0.0), np.maximum(count, TINY))
        if len(weight):
            value += self._density.total(theta, weight)
        return value

    @classmethod
    def of_many(cls, model: ForwardModel, mocks: Mocks, theta: Array) -> Array:
        """Log likelihoods, shape (n, S)."""
        density = PointDensity(model, Points.of_mocks(model, mocks), cls.lensing)
        starts = np.cumsum(mocks.size) - mocks.size
        total = np.zeros((len(theta), len(mocks.size)))
        if len(mocks.row):
            some = mocks.size > 0
            rows = max(1, _ENTRIES // len(mocks.row))
            total[:, some] = in_parts(lambda part: np.add.reduceat(density.grid(part), starts[some], 1), theta, rows)
        return total.T - in_parts(model.expected_count, theta)

    @classmethod
    def information(cls, expected: Expectation) -> Array:
        """Information of every Y_X, and what all other data of the clusters add to it."""
        return expected.information_of_clusters(lensing=cls.lensing)

    def without_each(self, theta: Array) -> Array:
        """-ln lambda of each cluster, shape (S, Q)."""
        return -in_parts(self._density.grid, theta, max(1, _ENTRIES // max(1, len(self._points.z))))

    @classmethod
    def needed(cls, names: Sequence[str]) -> tuple[str, ...]:
        """The relations' observables, and weak-lensing masses ("wl")."""
        return (*names, *["wl"] * cls.lensing)

    @classmethod
    def number_with(cls, data: Data, observable: str, names: Sequence[str]) -> float:
        """Number of clusters that have an observable."""
        points = data.points
        if points is None:
            return 0.0
        values = points.log_mwl if observable == "wl" else points.observables[:, list(names).index(observable)]
        return float(points.weight[np.isfinite(values)].sum())

    @classmethod
    def observables(cls, model: ForwardModel) -> tuple[str, ...]:
        """The relations' observables, and the weak-lensing mass ("mwl")."""
        return (*model.setup.relations.names, *["mwl"] * cls.lensing)

    @classmethod
    def mass_slopes(cls, model: ForwardModel) -> Array:
        """d log10 of each observable by d log10 M at the fiducial parameters, shape (E,)."""
        relations, v = model.setup.relations, model.parameters.fiducial_values
        slopes = [float(relations.line(name, v).slope) for name in relations.names]
        return np.array([*slopes, *[float(np.asarray(v.slope_wl))] * cls.lensing])

    @classmethod
    def _steps(cls, model: ForwardModel) -> Array:
        """Steps of the derivatives by each observable, shape (E,), dex."""
        scatter = model.setup.relations.scatters(model.parameters.fiducial_values)[0]
        return _STEP * np.array([*scatter, *[(model.setup.weak_lensing or 0.0) / LN10] * cls.lensing])

    def pull(self, theta: Array, weight: Array) -> Array:
        """Weighted sum of d ln lambda / d log10 of every observable, shape (Q, E), per dex; NaN where unknown."""
        steps, points = self._steps(self._model), self._points
        joined = _moved(points, steps)
        density, total = PointDensity(self._model, joined, self.lensing), np.zeros(len(joined.z))
        rows = max(1, _ENTRIES // max(1, len(joined.z)))
        for start in range(0, len(theta), rows):
            total += weight[start : start + rows] @ density.grid(theta[start : start + rows])
        return _slopes(points, total, steps).T

    @classmethod
    def terms(cls, model: ForwardModel, mocks: Mocks) -> ClusterTerms:
        """What every cluster of mock catalogues contributes, each catalogue at a parameter vector of its own."""
        return _Terms(model, mocks, cls._steps(model), lensing=cls.lensing)

    @classmethod
    def paired(cls, model: ForwardModel, mocks: Mocks, among: Mocks | None = None) -> Paired:
        """Likelihoods of mock catalogues, some of those `among` which they are, each at parameters of its own."""
        return PairedPoints(model, mocks, lensing=cls.lensing)


class Full(PointProcess):
    """Redshift and X-ray observables of every cluster."""

    name = LevelName.FULL


class FullWithLensing(PointProcess):
    """Weak-lensing masses too."""

    name: ClassVar[LevelName] = LevelName.FULL_WL
    lensing = True
    fewer = LevelName.FULL


class _Terms:
    """ln lambda of clusters and its derivatives by their observables, each at its catalogue's parameter vector.

    Parameters
    ----------
    model : ForwardModel
    mocks : Mocks
    steps : ndarray, shape (E,)
        Of the derivatives, dex.
    lensing : bool
        Whether weak-lensing masses are among the data.
    """

    def __init__(self, model: ForwardModel, mocks: Mocks, steps: Array, *, lensing: bool) -> None:
        self._points, self._steps = Points.of_mocks(model, mocks), steps
        rows = np.tile(mocks.row, 1 + 2 * len(steps))
        self._order = np.argsort(rows, kind="stable")
        joined = Points.joined([self._points, _moved(self._points, steps)])
        self._density, self._rows = PointDensity(model, joined[self._order], lensing), rows[self._order]

    def __call__(self, theta: Array) -> tuple[Array, Array]:
        """ln lambda (Q,), and its derivatives (E, Q), NaN where unknown, for `theta` of shape (n, D)."""
        value = np.empty(len(self._order))
        value[self._order] = self._density(theta, self._rows, np.arange(len(self._order)))
        here, moved = np.split(value, [len(self._points.z)])
        return here, _slopes(self._points, moved, self._steps)


def _moved(points: Points, steps: Array) -> Points:
    """All Q clusters 2E times: with each observable, the weak-lensing mass last, larger by its step, then smaller."""
    versions = []
    for i, step in [(i, sign * step) for sign in (1, -1) for i, step in enumerate(steps)]:
        if i == points.observables.shape[1]:
            versions.append(replace(points, log_mwl=points.log_mwl + step))
        else:
            chosen = np.arange(points.observables.shape[1]) == i
            versions.append(replace(points, observables=points.observables + step * chosen))
    return Points.joined(versions)


def _slopes(points: Points, moved: Array, steps: Array) -> Array:
    """Derivatives, (E, Q), from values (2EQ,) at points `_moved`; NaN where an observable is unknown."""
    above, below = moved.reshape(2, len(steps), len(points.z))
    known = np.column_stack([points.observables, points.log_mwl])[:, : len(steps)].T
    return np.where(np.isnan(known), np.nan, (above - below) / (2 * steps[:, None]))
