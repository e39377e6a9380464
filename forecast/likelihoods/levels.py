"""The information ladder: likelihoods of more and more detailed data, each normalised over all data.

All are functions of one forward model and are vectorised over parameter vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.errors import InputError, NumericalError, nearest
from ..core.parameters import ParameterSet
from ..model.catalogue import Catalogue
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import at_mean_density
from ..model.mocks import Mocks
from ..model.setup import Setup
from ..model.yx_distribution import TabulatedDistribution, log_median_density
from ..survey.redshift_bins import Product, in_bins
from .available import POINT_LEVELS, Share, needed, require
from .bins import YxBins
from .fisher import bin_models, expected_points
from .point_process import PointProcess
from .points import Points, observable_errors

LEVELS = ("counts", "selfcal", "binned", "unbinned", "full", "full+wl")
"""Levels of the ladder, from the least data to the most."""
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Data:
    """What a survey observed, or is expected to.

    Parameters
    ----------
    size : float
        Number of selected clusters; not an integer only for expected data.
    log_yx : ndarray, shape (Q,)
        log10 Y_X, Msun/h keV, of the clusters that have one (nodes of a quadrature for expected data).
    error : ndarray, shape (Q,)
        Measurement error of log10 Y_X, dex.
    weight : ndarray, shape (Q,)
        Number of clusters each entry stands for: 1 for real data.
    median : float
        Median of log10 Y_X; NaN if no cluster has one.
    points : Points or None
        Redshift and observables of every cluster, for the levels ``full`` and ``full+wl``.
    bins : tuple of Data
        The same by redshift bin, for a survey whose data are binned in redshift.
    """

    size: float
    log_yx: Array = field(default_factory=lambda: np.empty(0))
    error: Array = field(default_factory=lambda: np.empty(0))
    weight: Array = field(default_factory=lambda: np.empty(0))
    median: float = float("nan")
    points: Points | None = None
    bins: tuple[Data, ...] = ()

    @classmethod
    def observed(cls, size: int, log_yx: Array, error: Array | None = None, points: Points | None = None) -> Data:
        """Data of `size` clusters of which those in `log_yx` have a Y_X."""
        log_yx = np.asarray(log_yx, dtype=float)
        if len(log_yx) > size:
            raise InputError(f"{len(log_yx)} values of Y_X for {size} clusters")
        if not np.all(np.isfinite(log_yx)):
            raise InputError("log10 Y_X must be finite; leave clusters without Y_X out, they still count in N")
        error = np.zeros_like(log_yx) if error is None else np.asarray(error, dtype=float)
        median = float(np.median(log_yx)) if len(log_yx) else float("nan")
        return cls(size, log_yx, error, np.ones_like(log_yx), median, points)

    @classmethod
    def of_mock(cls, model: ForwardModel, mocks: Mocks, index: int = 0) -> Data:
        """Data of one mock catalogue."""
        mine = mocks.row == index
        log_yx, error = mocks.log_yx[mine], np.full(int(mine.sum()), model.setup.yx_error)
        return cls.of_clusters(model, mocks.z[mine], (log_yx, error), Points.of_mocks(model, mocks)[mine])

    @classmethod
    def of_clusters(cls, model: ForwardModel, z: Array, yx: tuple[Array, Array], points: Points | None) -> Data:
        """Data of clusters at redshifts (n,): log10 Y_X, NaN where unknown, and its error, (n,) each."""

        def some(mine: Array) -> Data:
            known = mine & np.isfinite(yx[0])
            return cls.observed(int(mine.sum()), yx[0][known], yx[1][known])

        whole = replace(some(np.ones(len(z), dtype=bool)), points=points)
        if len(model.setup.bins) == 1:
            return whole
        return replace(whole, bins=tuple(some(mine) for mine in in_bins(model.setup.geometry, z)))

    @classmethod
    def expected(cls, model: ForwardModel, theta: Array | None = None, *, points: bool = False) -> Data:
        """Asimov data of `model` at `theta`, (D,) (default: fiducial, mean density); `points`: single clusters too."""
        theta = at_mean_density(model) if theta is None else theta
        error = model.setup.yx_error
        bins, grid = YxBins.of(model), model.yx_grid
        nodes, weight = bins.nodes, model.yx_density(theta[None], bins.nodes, error)[0] * bins.weights
        table = TabulatedDistribution.from_density(grid, model.yx_density(theta[None], grid, error))
        keep = weight > 1e-9 * weight.sum()
        return cls(
            float(model.expected_count(theta[None])[0]),
            nodes[keep],
            np.full(int(keep.sum()), error),
            weight[keep],
            table.quantile(0.5),
            expected_points(model, theta) if points else None,
            tuple(cls.expected(part, theta) for part in bin_models(model)),
        )

    @property
    def number_with_yx(self) -> float:
        """Number of clusters with a Y_X."""
        return float(self.weight.sum())

    @property
    def rms_error(self) -> float:
        """Root mean square error of log10 Y_X, dex; 0 if no cluster has a Y_X."""
        return float(np.sqrt(np.average(self.error**2, weights=self.weight))) if len(self.error) else 0.0

    def shares(self, level: str, names: Sequence[str]) -> tuple[Share, ...]:
        """How many clusters have each observable that a level needs, in a survey with relations of `names`."""
        if level in POINT_LEVELS and self.points is None:
            return ()
        return tuple(Share(name, self._number_with(name, level, names), self.size) for name in needed(level, names))

    def _number_with(self, name: str, level: str, names: Sequence[str]) -> float:
        """Number of clusters with an observable of a level."""
        if level not in POINT_LEVELS or self.points is None:
            return self.number_with_yx
        points = self.points
        values = points.log_mwl if name == "wl" else points.observables[:, list(names).index(name)]
        return float(points.weight[np.isfinite(values)].sum())

    def rounded(self) -> Data:
        """The same with a whole number of clusters: counts and medians need one."""
        return replace(self, size=float(round(self.size)), bins=tuple(part.rounded() for part in self.bins))


class Likelihood(Protocol):
    """One level of the ladder, bound to a forward model and data."""

    name: str
    parameters: ParameterSet

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,), of parameter vectors `theta`, shape (P, D)."""


def log_poisson(size: float, expected: Array) -> Array:
    """Log Poisson probability of `size` events, N ln(mu) - mu - ln N!; shape of `expected`.

    Where nothing is expected, events are all but impossible.
    """
    return special.xlogy(size, np.maximum(expected, _TINY)) - expected - special.gammaln(size + 1)


class Counts:
    """Poisson likelihood of the number of clusters.

    Parameters
    ----------
    model : ForwardModel
    data : Data
    """

    name = "counts"

    def __init__(self, model: ForwardModel, data: Data) -> None:
        self.parameters, self._model, self._size = model.parameters, model, data.size

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        return log_poisson(self._size, self._model.expected_count(theta))


class SelfCal:
    """Number of clusters and their median Y_X: Poisson times the density of an order statistic.

    Parameters
    ----------
    model : ForwardModel
    data : Data
        Errors of Y_X enter as their rms.
    """

    name = "selfcal"

    def __init__(self, model: ForwardModel, data: Data) -> None:
        self.parameters, self._model = model.parameters, model
        self._size, self._median = data.size, data.median
        self._with_yx = round(data.number_with_yx)
        self._error = data.rms_error

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        if not self._with_yx:
            return log_poisson(self._size, self._model.expected_count(theta))
        one = self._model.yx_distribution(theta, self._median, self._with_yx, self._error)
        return log_poisson(self._size, one.count) + log_median_density(one, self._median, self._with_yx)


class Binned:
    """Poisson counts in bins of Y_X. Clusters without Y_X each contribute ln Lambda.

    Parameters
    ----------
    model : ForwardModel
    data : Data
        Errors of Y_X enter as their rms.
    """

    name = "binned"

    def __init__(self, model: ForwardModel, data: Data) -> None:
        self.parameters, self._model, self._bins = model.parameters, model, YxBins.of(model)
        self._counts = self._bins.count(data.log_yx, data.weight)
        self._without = max(data.size - data.number_with_yx, 0.0)
        self._error = data.rms_error

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        expected = np.maximum(self._bins.expected(self._model, theta, self._error), _TINY)
        count = self._model.expected_count(theta)
        value = special.xlogy(self._counts, expected).sum(axis=1) - count
        value -= special.gammaln(self._counts + 1).sum() + special.gammaln(self._without + 1)
        return value + special.xlogy(self._without, np.maximum(count, _TINY))


class Unbinned:
    """Poisson point process of every Y_X: -Lambda + sum ln lambda(y_i) - ln N!.

    Clusters without Y_X each contribute ln Lambda: their Y_X is marginalised over.

    Parameters
    ----------
    model : ForwardModel
    data : Data
    """

    name = "unbinned"

    def __init__(self, model: ForwardModel, data: Data) -> None:
        self.parameters, self._model, self._data = model.parameters, model, data
        grid = model.yx_grid
        inside = len(data.log_yx) and grid[0] <= data.log_yx.min() and data.log_yx.max() <= grid[-1]
        same_error = len(set(np.round(data.error, 12))) <= 1
        self._tabulate = bool(len(data.log_yx) > len(grid) and inside and same_error)

    def _log_density(self, theta: Array) -> Array:
        """ln lambda at every datum, shape (P, Q)."""
        data = self._data
        if self._tabulate:
            grid = self._model.yx_grid
            density = self._model.yx_density(theta, grid, float(data.error[0]))
            table = TabulatedDistribution.from_density(grid, density)
            return np.asarray(table.log_density(data.log_yx))
        return np.log(np.maximum(self._model.yx_density(theta, data.log_yx, data.error), _TINY))

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        data = self._data
        count = self._model.expected_count(theta)
        value = -count - special.gammaln(data.size + 1)
        value += special.xlogy(max(data.size - data.number_with_yx, 0.0), np.maximum(count, _TINY))
        if len(data.log_yx):
            value += self._log_density(theta) @ data.weight
        return value


_CLASSES: dict[str, type[Counts] | type[SelfCal] | type[Binned] | type[Unbinned]] = {
    "counts": Counts,
    "selfcal": SelfCal,
    "binned": Binned,
    "unbinned": Unbinned,
}


def levels_of(setup: Setup) -> tuple[str, ...]:
    """Levels for which a setup has data: `full+wl` needs weak-lensing masses."""
    return LEVELS if setup.weak_lensing is not None else LEVELS[:-1]


def at_level(model: ForwardModel, level: str) -> ForwardModel:
    """The model with parameters that no datum of a level depends on fixed."""
    relations = model.setup.relations
    idle = [] if level == "full+wl" else ["norm_wl", "scatter_wl"]
    if level not in POINT_LEVELS:
        unused = [n for n, c in zip(relations.names, relations.combination, strict=True) if not c and n != "lx"]
        idle += [f"{kind}_{name}" for kind in ("norm", "slope", "scatter", "evolution") for name in unused]
    if not set(idle) & set(model.parameters.names):
        return model
    return forward_model(replace(model.setup, parameters=model.parameters.without(idle)))


def catalogue_points(model: ForwardModel, catalogue: Catalogue) -> Points:
    """Single clusters of a catalogue; observables that it does not list are unknown.

    Errors are each cluster's own; where one is unknown, the setup's.
    """
    names, unknown = model.setup.relations.names, np.full(catalogue.size, np.nan)
    listed = [catalogue.observables.get(name, (unknown, unknown)) for name in names]
    values, errors = (np.column_stack(column) for column in zip(*listed, strict=True))
    return Points.observed(catalogue.z, values, np.where(errors > 0, errors, observable_errors(model)))


def require_data(level: str, setup: Setup, data: Data) -> None:
    """Refuse a level of which `data` hold nothing.

    Raises
    ------
    InputError
        If no cluster has one of its observables; where a setup has no weak lensing at all, `PointDensity` says so.
    """
    if level != "full+wl" or setup.weak_lensing is not None:
        require(level, data.shares(level, setup.relations.names))


def likelihood(level: str, model: ForwardModel, data: Data) -> Likelihood:
    """Likelihood of one level.

    Raises
    ------
    InputError
        If the level is unknown, or needs data that are not there.
    """
    if level in LEVELS:
        require_data(level, model.setup, data)
    if level in _CLASSES:
        parts = bin_models(model)
        if not parts:
            return _CLASSES[level](model, data)
        if len(data.bins) != len(parts):
            raise InputError(f"a survey of {len(parts)} redshift bins needs the data of each, got {len(data.bins)}")
        factors = [_CLASSES[level](part, mine) for part, mine in zip(parts, data.bins, strict=True)]
        return Product(factors, level, model.parameters)
    if level not in LEVELS:
        raise InputError(f"level '{level}' is unknown; {nearest(level, LEVELS)}")
    if data.points is None:
        raise InputError(f"level '{level}' needs the observables of single clusters; these data have none")
    return PointProcess(model, data.points, data.size, lensing=level == "full+wl")


@dataclass(frozen=True)
class Posterior:
    """Log posterior density, up to the evidence: -inf outside the prior, never for a NaN.

    Parameters
    ----------
    likelihood : Likelihood
    """

    likelihood: Likelihood

    @property
    def parameters(self) -> ParameterSet:
        """Free parameters."""
        return self.likelihood.parameters

    def __call__(self, theta: Array) -> Array:
        """Log posterior, shape (P,), of parameter vectors `theta`, shape (P, D).

        Raises
        ------
        NumericalError
            If the likelihood is NaN anywhere inside the prior.
        """
        value = self.parameters.log_prior(theta)
        inside = np.isfinite(value)
        if inside.any():
            value[inside] += self.likelihood(theta[inside])
        if np.isnan(value).any():
            culprit = dict(zip(self.parameters.names, theta[np.isnan(value)][0], strict=True))
            raise NumericalError(f"the {self.likelihood.name} likelihood is NaN at {culprit}")
        return value
