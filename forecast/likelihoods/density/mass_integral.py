"""Expected selected clusters near a mass: integrals of the mass distribution over narrow Gaussians.

What a single cluster's observables say of its mass is, at given parameters, a Gaussian; its density is
the abundance averaged over it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ...core.arrays import Array
from ...core.parameters import Values
from ...cosmology.rescaling import Background
from ...model.expansion import WIDEST_EXPANSION
from ...model.flux_limited import FluxLimitedModel
from ...model.forward import ForwardModel
from ...model.mass_selected import MASS_STEP, MassSelectedModel
from ...model.mixture import SQRT2PI
from ...model.population import Population
from ...model.resolution import SMOOTH
from ...survey.shells import Shells
from .averages import MARGIN, averaged, cubic_value, log_averaged
from .detectability import Unseen
from .gaussians import Gaussians, in_windows, over_nodes
from .redshift_nodes import Knots

_TINY = np.finfo(float).tiny
_STEEPEST = 1.2
"""Steepness up to which eight nodes are right to 1e-4."""
_HERMITE_X, _HERMITE_W = np.polynomial.hermite_e.hermegauss(8)
_HERMITE_W = _HERMITE_W / SQRT2PI


class MassIntegral(Protocol):
    """Average of a model's abundance over Gaussians in mass; one for each redshift branch."""

    branches: int
    log_mass: Array
    unseen: Unseen | None
    """Selection of clusters whose L_X is unknown; None where selection does not act on it."""

    def background(self, v: Values, branch: int, row: Array, column: Array) -> Background:
        """How clusters `column` look at parameter values number `row` of `v`; arrays of shape (n, 1)."""

    def table(self, theta: Array) -> Array:
        """What `log_mean` needs at parameter vectors (P, D)."""

    def log_mean(self, table: Array, branch: int, at: Gaussians) -> Array:
        """ln of the expected number per dex (and unit redshift) averaged over Gaussians, shape (n, J)."""

    def nodes(self, table: Array, branch: int, row: Array, column: Array) -> Array:
        """Expected number at each mass node for entries (n,), shape (n, M)."""


class SelectedInMass:
    """Mass-selected survey: every redshift node of its geometry is a branch, redshifts are no data.

    Parameters
    ----------
    model : MassSelectedModel
    z : ndarray, shape (Q,)
        Redshifts of the clusters, which are not looked at.
    """

    def __init__(self, model: MassSelectedModel, z: Array) -> None:
        if not model.setup.relations.unit_residuals.mass_dependent:
            model = MassSelectedModel(model.setup, MASS_STEP / 2)
        self._model, self.log_mass = model, model.population.log_mass
        self._step = float(self.log_mass[1] - self.log_mass[0])
        self.branches = len(model.population.shells.z)
        self._blur = model.selection.blur
        self.unseen: Unseen | None = None

    def background(self, v: Values, branch: int, row: Array, column: Array) -> Background:
        """How the branch looks."""
        z = np.full((len(column), 1), self._model.population.shells.z[branch])
        return self._model.setup.background(v, z, row[:, None])

    def table(self, theta: Array) -> Array:
        """Expected selected clusters on the mass nodes, (P, K, M)."""
        return self._model.selected(theta)[0]

    def log_mean(self, table: Array, branch: int, at: Gaussians) -> Array:
        """From a table of the averages where all clusters share a width, else cluster by cluster.

        Over less than the nodes resolve, where the abundance hardly varies, it is averaged over what they do.
        """
        if at.chance is not None:
            number = self.nodes(table, branch, at.row, at.column)
            return over_nodes(number, self.log_mass, at, np.maximum(at.widths, self._step / SMOOTH))
        width = np.maximum(np.hypot(at.width, self._blur), self._step / SMOOTH)
        if not at.shared:
            return self._each(table[:, branch], at, width)
        rows = at.rows
        averages = log_averaged(table[rows, branch, None], width[rows], self._step)
        components, nodes = averages.shape[1], averages.shape[-1]
        index = (at.row - rows.start)[:, None] * components + np.arange(components)
        position = (at.centre - self.log_mass[0]) / self._step + MARGIN
        return cubic_value(averages.reshape(-1, nodes), index, position)

    def _each(self, number: Array, at: Gaussians, width: Array) -> Array:
        value = np.empty(at.centre.shape)
        for j in range(at.centre.shape[1]):
            u = (at.centre[:, j, None] - self.log_mass) / width[:, j, None]
            kernel = np.exp(-0.5 * u * u)
            mean = np.einsum("nm,nm->n", kernel, number[at.row]) / (width[:, j] * SQRT2PI)
            value[:, j] = np.log(np.maximum(mean, _TINY))
        return value

    def nodes(self, table: Array, branch: int, row: Array, column: Array) -> Array:
        """Expected clusters at each mass node, displaced by the survey's own blur."""
        number = table[:, branch]
        if self._blur:
            blurred = averaged(number[:, None], np.full((len(number), 1), self._blur), self._step)[:, 0, 0]
            number = blurred[:, MARGIN:-MARGIN] * self._step
        return number[row]


class SelectedInFlux:
    """Flux-limited survey: redshifts are data, and so is selection, which acts on the measured L_X.

    Parameters
    ----------
    model : FluxLimitedModel
    z : ndarray, shape (Q,)
        Redshifts of the clusters.
    finer : int
        Mass nodes for each of the model's, where sums over them must resolve what T and Y_X say of M.
    """

    branches = 1

    def __init__(self, model: FluxLimitedModel, z: Array, finer: int = 2) -> None:
        self._model, setup = model, model.setup
        grid, self.log_mass = model.population, model.population.log_mass
        if setup.sums_over_masses:
            self.log_mass = np.linspace(grid.log_mass[0], grid.log_mass[-1], finer * (len(grid.log_mass) - 1) + 1)
        self._step = float(self.log_mass[1] - self.log_mass[0])
        if setup.geometry.spans_redshifts:
            edges = setup.redshift_law.edges(setup.geometry)
            self.knots = Knots.of(setup.geometry, edges, z)
            volume = setup.geometry.area * setup.cosmology.volume_element(self.knots.z)
            self._population = Population(setup, self.log_mass, Shells(self.knots.z, volume, self.knots.shell))
        else:
            self._population = Population(setup, self.log_mass, grid.shells)
            self.knots = Knots(grid.shells.z, grid.shells.index, np.zeros(len(z), dtype=int), np.ones((len(z), 1)))
        self._z = z
        _, self._sight, self._same_z = np.unique(z, return_index=True, return_inverse=True)
        self.unseen: Unseen | None = Unseen(model.selection, setup.cosmology, setup.relations, z)
        self._fixed = setup.background(model.parameters.fiducial_values, z[:, None], np.zeros((1, 1), dtype=int))

    def background(self, v: Values, branch: int, row: Array, column: Array) -> Background:
        """How each cluster looks."""
        setup = self._model.setup
        if setup.shapes is None:
            return Background(self._fixed.log_growth[column])
        return setup.background(v, self._z[column, None], row[:, None])

    def at_knots(self, v: Values) -> Background:
        """How clusters at the knots look; arrays of shape (P or 1, Z, 1)."""
        return self._population.background(v)

    def table(self, theta: Array) -> Array:
        """ln of the expected number per dex and unit redshift before selection, (P, Z, M)."""
        number = self._population.abundance(self._model.parameters.values(theta))
        return np.log(np.maximum(number, _TINY))

    def log_mean(self, table: Array, branch: int, at: Gaussians) -> Array:
        """Gauss-Hermite sum over a local cubic of ln abundance in mass, cubic in z^(1/3)."""
        wide = (at.widths.max(axis=1) > WIDEST_EXPANSION) | (at.steepness > _STEEPEST)
        many = wide & (at.crowd > table.shape[1]) & (at.shared and at.chance is None)
        value = np.empty(at.centre.shape)
        ways = ((many, self._from_averages), (wide & ~many, self._from_nodes), (~wide, self._expanded))
        for chosen, way in ways:
            if chosen.all():
                return way(table, at)
            if chosen.any():
                value[chosen] = way(table, at.part(chosen))
        return value

    def _expanded(self, table: Array, at: Gaussians) -> Array:
        """Of Gaussians so narrow that a local cubic is enough."""
        width = at.widths
        position = np.clip((at.centre - self.log_mass[0]) / self._step, 0.0, len(self.log_mass) - 1.0)
        cell = np.clip(position.astype(int), 2, len(self.log_mass) - 5)
        flat, first = table.ravel(), (at.row * table.shape[1] + self.knots.cell[at.column]) * table.shape[2]
        values = np.zeros((4, *cell.shape))
        for a in range(self.knots.weight.shape[1]):
            weight = self.knots.weight[at.column, a, None]
            start = (first + a * table.shape[2])[:, None] + cell
            for b, offset in enumerate((-2, 0, 2, 4)):
                values[b] += weight * np.take(flat, start + offset)
        before, here, after, beyond = values
        a1 = (-2 * before - 3 * here + 6 * after - beyond) / 6
        a2 = (before - 2 * here + after) / 2
        a3 = (beyond - before + 3 * (here - after)) / 6
        u, scale = 0.5 * (position - cell), 0.5 * width / self._step
        value = here + u * (a1 + u * (a2 + u * a3))
        slope, bend = (a1 + u * (2 * a2 + u * 3 * a3)) * scale, (a2 + 3 * a3 * u) * scale**2
        twist, total = a3 * scale**3, np.zeros(cell.shape)
        for x, w in zip(_HERMITE_X, _HERMITE_W, strict=True):
            term = w * np.exp(x * (slope + x * (bend + x * twist)))
            total += term if at.chance is None else term * at.chance.at(x * width)
        log_mean: Array = value + np.log(np.maximum(total, _TINY))
        return log_mean

    def _from_averages(self, table: Array, at: Gaussians) -> Array:
        """The same from averages over wide Gaussians at the knots: dearer than a few clusters, cheaper than many."""
        rows, place = np.unique(at.row, return_inverse=True)
        averages = log_averaged(np.exp(table[rows]) * self._step, at.width[rows], self._step)  # (p, J, Z, T)
        _, components, knots, nodes = averages.shape
        index = (place.reshape(-1, 1) * components + np.arange(components)) * knots
        position = (at.centre - self.log_mass[0]) / self._step + MARGIN
        value = np.zeros(at.centre.shape)
        for a in range(self.knots.weight.shape[1]):
            first = index + (self.knots.cell[at.column] + a)[:, None]
            value += self.knots.weight[at.column, a, None] * cubic_value(averages.reshape(-1, nodes), first, position)
        return value

    def _from_nodes(self, table: Array, at: Gaussians) -> Array:
        """The same, as a sum over the mass nodes, for Gaussians too wide for a local expansion."""
        number = self.nodes(table, 0, at.row, at.column)
        if at.chance is None:
            return over_nodes(number, self.log_mass, at, at.widths)
        return in_windows(number, self.log_mass, at, at.widths)

    def nodes(self, table: Array, branch: int, row: Array, column: Array) -> Array:
        """Expected clusters at each mass node at every cluster's redshift, which some may share."""
        if not len(row):
            return np.zeros((0, table.shape[2]))
        pair = row * len(self._sight) + self._same_z[column]
        low = int(pair.min())
        there = np.bincount(pair - low) > 0
        first = np.flatnonzero(there) + low
        row, column = first // len(self._sight), self._sight[first % len(self._sight)]
        log_number = np.zeros((len(row), table.shape[2]))
        for a in range(self.knots.weight.shape[1]):
            log_number += self.knots.weight[column, a, None] * table[row, self.knots.cell[column] + a]
        number: Array = (np.exp(log_number) * self._step)[(np.cumsum(there) - 1)[pair - low]]
        return number


INTEGRALS: dict[str, Callable[[Any, Array, int], MassIntegral]] = {
    "mass": lambda model, z, _: SelectedInMass(model, z),
    "flux": SelectedInFlux,
}
"""Mass integrals of a model, redshifts and mass nodes for each of the model's, by what selections act on."""
_FINER = 4


def mass_integral(model: ForwardModel, z: Array, *, lx_alone: bool = False) -> MassIntegral:
    """Mass integral of a model for clusters at redshifts (Q,).

    `lx_alone`: whether L_X is all that tells their masses, which the model's own nodes resolve.
    """
    finer = 2
    if model.setup.is_curved:
        finer = 1 if lx_alone and not model.setup.relations.unit_residuals.mass_dependent else _FINER
    return INTEGRALS[model.setup.selection.acts_on](model, z, finer)
