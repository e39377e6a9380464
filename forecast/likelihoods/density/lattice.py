"""ln lambda of many clusters of which one observable is known, with equal errors, interpolated in one table.

Such clusters differ in two numbers alone, redshift and that observable, and ln lambda is as smooth in both as scatter
and abundance are. A table is made for each parameter vector, on nodes that are the same for all, and so is what a
cluster takes from it: ln L of a whole catalogue is one weighted sum over the table, however many clusters there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.arrays import Array
from ...core.chunks import Remembered
from ...model.mixture import SQRT2PI
from ...model.resolution import SMOOTH
from .mass_integral import SelectedInFlux
from .mixture import Entries, Linear, Shared
from .redshift_nodes import lagrange_weights

_TINY = np.finfo(float).tiny
_WIDEST, _RESOLVED = 0.06, 0.5
"""Largest spacing of the nodes, dex, and in units of the narrowest scatter."""
_THROUGH, _BEFORE = 6, 2
"""Nodes through which a polynomial goes, right to 1e-8 at these spacings, and how many of them lie a cell before."""
_ROWS = 32
"""Parameter vectors at once."""
_FEWEST, _FEWEST_STRAIGHT = 150, 1_000
"""Clusters of a parameter vector from which on a table is cheaper than one after the other, of curved relations and of
straight ones."""


@dataclass(frozen=True)
class Lattice:
    """Nodes in redshift and in one observable, for clusters of equal errors.

    Parameters
    ----------
    shared : Shared
    integral : SelectedInFlux
        That of `shared`.
    known : int
        Number of the observable.
    data : ndarray, shape (G,)
        Its values.
    column : ndarray of int, shape (G,)
        The clusters' numbers among all.
    variance : float
        Of their errors, dex^2.
    stride : int
        Every how many mass nodes resolve what the observable says of mass.
    """

    shared: Shared
    integral: SelectedInFlux
    known: int
    data: Array
    column: Array
    variance: float
    stride: int

    @classmethod
    def of(cls, shared: Shared, known: Array, data: Array, errors: Array, column: Array) -> Lattice | None:
        """That of a group's clusters `column` (G,), see `Group`; None where there is none, or it is not worthwhile."""
        integral = shared.integral
        if not isinstance(integral, SelectedInFlux) or known.sum() != 1 or len(data) < _fewest(shared):
            return None
        if _drifts(shared):  # one kernel serves all redshifts
            return None
        if np.any(errors != errors[0]) or shared.step > SMOOTH * shared.narrowest(known):
            return None
        which = int(np.flatnonzero(known)[0])
        return cls(
            shared=shared,
            integral=integral,
            known=which,
            data=data[:, 0],
            column=column,
            variance=float(errors[0, 0, 0]),
            stride=shared.stride(known),
        )

    def reaches(self, crowd: Array) -> Array:
        """Whether a table is the cheaper way for entries in such crowds, (n,), see `Entries`."""
        return np.asarray(crowd >= _fewest(self.shared))

    @cached_property
    def nodes(self) -> Array:
        """Values of the observable, uniformly spaced, (N,)."""
        step = min(_WIDEST, _RESOLVED * self.shared.narrowest_scatter(self.known, self.variance))
        low, high = float(self.data.min()), float(self.data.max())
        return low + step * np.arange(-_BEFORE, math.ceil((high - low) / step) + _BEFORE + 2)

    @cached_property
    def _places(self) -> tuple[Array, Array]:
        """Which entries of a flat table (Z, N) each cluster is interpolated in, and their weights; (G, K) each."""
        knots = self.integral.knots
        cell, weight = _around((self.data - self.nodes[0]) / (self.nodes[1] - self.nodes[0]))
        knot = knots.cell[self.column, None] + np.arange(knots.weight.shape[1])
        place = knot[:, :, None] * len(self.nodes) + cell[:, None, None] + np.arange(_THROUGH)
        of_each = knots.weight[self.column][:, :, None] * weight[:, None, :]
        return place.reshape(len(cell), -1), of_each.reshape(len(cell), -1)

    def table(self, linear: Linear, log_number: Array) -> Array:
        """ln lambda on the nodes, (P, Z N), from ln of the abundance on nodes in redshift and mass, (P, Z, M)."""
        size = len(log_number)
        at_pivot = np.broadcast_to(self._at_pivot(linear), (size, log_number.shape[1]))
        parts = np.array_split(np.arange(size), math.ceil(size / _ROWS))
        return np.concatenate([self._rows(linear, at_pivot, log_number, rows) for rows in parts])

    def _at_pivot(self, linear: Linear) -> Array:
        """Mean of the observable at the pivot mass and the knots, as measured, (P or 1, Z)."""
        background = self.integral.at_knots(linear.values)
        mean = linear.norm[:, None] + linear.evolution[:, None] * background.log_growth
        shifted: Array = mean + background.shift(linear.exponents)
        return shifted[..., self.known]

    def _rows(self, linear: Linear, at_pivot: Array, log_number: Array, rows: Array) -> Array:
        """The same of some parameter vectors, (p,): first on nodes about each redshift's mean at the pivot."""
        step, most = float(self.nodes[1] - self.nodes[0]), at_pivot[rows].max(axis=1, keepdims=True)
        shift = (most - at_pivot[rows]) / step
        whole = np.floor(shift).astype(int)
        common = len(self.nodes) + int(whole.max()) + _THROUGH - 1
        values = self.nodes[0] - most + step * np.arange(-_BEFORE, common - _BEFORE)
        number = np.exp(log_number[rows, :, :: self.stride])
        density = number @ self._kernel(linear, values, rows)
        log_density = np.log(np.maximum(density, _TINY))
        weight = lagrange_weights(_BEFORE + shift - whole, _THROUGH)
        place = whole[..., None] + np.arange(len(self.nodes))
        table = sum(weight[:, :, k, None] * np.take_along_axis(log_density, place + k, axis=2) for k in range(_THROUGH))
        return np.asarray(table).reshape(len(rows), -1)

    def _kernel(self, linear: Linear, values: Array, rows: Array) -> Array:
        """Density at values (p, C), over the mean at the pivot mass, of clusters at the mass nodes, (p, M, C)."""
        shared, one = self.shared, self.known
        relative, thinned = (x[:: self.stride] for x in (shared.integral.log_mass - shared.pivot, shared.residual.mean))
        slope, scale = linear.slope[rows, one, None], linear.scale[rows, one, None]
        bend = linear.bend.shaped(lambda x: x[rows, one, None])
        mean = slope * relative + bend.at(relative)
        spread = shared.residual.covariance[:: self.stride, :, one, one]
        kernel = np.zeros((len(rows), len(relative), values.shape[1]))
        for j, weight in enumerate(shared.residual.weight):
            width = np.sqrt(spread[:, j] * scale**2 + self.variance)[..., None]
            away = values[:, None] - (mean + thinned[:, j, one] * scale)[..., None]
            kernel += weight * np.exp(-0.5 * (away / width) ** 2) / (SQRT2PI * width)
        return kernel * (shared.step * self.stride)

    def __call__(self, table: Array, of: Entries) -> Array:
        """ln lambda of entries, (n,)."""
        start, flat, value = of.row * table.shape[1], table.ravel(), np.zeros(len(of.row))
        for place, weight in zip(*(x.T for x in self._places), strict=True):
            value += weight[of.place] * np.take(flat, start + place[of.place])
        return value

    @cached_property
    def summing(self) -> Remembered:
        """Of weights (G,), what tables are multiplied with to sum ln lambda of all clusters; (Z N,)."""
        return Remembered(self._summing)

    def _summing(self, weight: Array) -> Array:
        place, of_each = self._places
        size = len(self.integral.knots.z) * len(self.nodes)
        return np.bincount(place.ravel(), (weight[:, None] * of_each).ravel(), size)


def _drifts(shared: Shared) -> bool:
    """Whether slopes may change with redshift."""
    parameters = shared.model.parameters
    return "drift_lx" in parameters.names or bool(np.any(parameters.fixed.drift_lx))


def _fewest(shared: Shared) -> int:
    return _FEWEST if shared.model.setup.sums_over_masses else _FEWEST_STRAIGHT


def _around(position: Array) -> tuple[Array, Array]:
    """First of the nodes about positions in units of the spacing (n,), and their weights, (n, `_THROUGH`)."""
    first = np.floor(position).astype(int) - _BEFORE
    return first, lagrange_weights(position - first, _THROUGH)
