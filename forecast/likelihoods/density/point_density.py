"""Expected density of clusters with given redshifts and observables, ln lambda, at any parameters.

lambda(x, z) = int dlogM n(M, z) S(M) sum_j w_j N(x; mean(M, z) + mu_j, C_j + errors)

over the observables x that were measured. Where residuals do not depend on mass each term is a Gaussian in log M.
Selection on flux acts on the measured L_X. Where that is among the data, the chance of its detection is a number
that no parameter but its own changes, and is left out where none of these is free. Where it is not, the integral over
it runs over what is detected: each term is multiplied by the chance that a cluster of mass M with these other
observables was detected. So it is by the chance of upper limits (`edges`, `censored`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from ...model.forward import ForwardModel
from .asymmetric import Stand
from .censored import limits_of
from .cluster_group import Beyond, Group
from .detectability import Listed, followup_kinds, layer_kinds, lensing_kinds, odds_of_contaminants, unseen_of
from .lattice import Lattice
from .mass_integral import MassIntegral, mass_integral
from .mixture import Entries, Linear, Residual, Shared, square_of
from .points import Points

_TINY = np.finfo(float).tiny
_MANY = 200
"""Clusters of equal errors that are looked at apart from others."""
_ENTRIES = 40_000
"""Clusters times components evaluated at once: what stays in the processor's cache."""


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
        self._stand = Stand.of(model, points, lensing=lensing)
        self._false, listed = _Contaminants.of(model, points, lensing), points
        points, errors = self._stand.points, self._stand.covariance
        data = points.values(lensing=lensing)
        marks = np.column_stack([~np.isnan(data), points.limit_marks(lensing=lensing)])
        told = np.asarray(marks.reshape(len(data), 2, marks.shape[1] // 2).any(axis=(0, 1)))
        integral = mass_integral(model, points.z, lx_alone=not told[1:].any())
        self._shared = Shared(model, integral, Residual.of(model, integral.log_mass, lensing))
        self._shared.require_resolved(told)
        self._evidence = listed.evidence if listed.evidence.any() else None
        self.undetected = _undetected(integral, listed)
        self._detected = Listed.of(model.setup, listed, self.undetected)
        kinds = followup_kinds(model.setup, listed, self.undetected)
        lensed = lensing_kinds(model.setup, listed, self.undetected & lensing)
        seen = np.column_stack([self.undetected, kinds, lensed, layer_kinds(model.setup, listed, self.undetected)])
        seen = np.column_stack([np.repeat(seen, self._stand.number, axis=0), _common(np.isfinite(data), errors)])
        patterns, pattern = np.unique(np.hstack([marks, seen]), axis=0, return_inverse=True)
        self._pattern, self._place = pattern.ravel(), np.zeros(len(points.z), dtype=int)
        self._groups: list[Group] = []
        self._lattices: list[Lattice | None] = []
        parts = zip(*np.split(patterns[:, :-5], 2, axis=1), patterns[:, -5:], strict=True)
        for i, (values, edges, (undetected, *kind, _)) in enumerate(parts):
            mine, known = np.flatnonzero(self._pattern == i), values.astype(bool)
            self._place[mine] = np.arange(len(mine))
            unseen = unseen_of(integral.unseen, model.setup, kind) if undetected else None
            beyond, own = Beyond(unseen, limits_of(points[mine], edges)), square_of(errors[mine], known)
            self._groups.append(Group(self._shared, known, data[mine][:, known], own, beyond))
            plain = beyond == Beyond(None) and known.any()
            self._lattices.append(Lattice.of(self._shared, known, data[mine][:, known], own, mine) if plain else None)

    def __call__(self, theta: Array, row: Array, column: Array) -> Array:
        """ln lambda of clusters `column` at parameter vectors theta[row]; all of shape (n,)."""
        if self._stand.trivial:
            value = self._of_entries(theta, row, column)
        else:
            entries = np.repeat(row, self._stand.number[column])
            value = self._stand.summed(self._of_entries(theta, entries, self._stand.entries(column)), column)
        if self._detected is not None:
            value = value + self._detected(self._model.parameters.values(theta), row, column)
        if self._false is None:
            return value
        if self._evidence is not None:
            value = value + self._evidence[column]
        return np.logaddexp(value, self._false(theta, row, column))

    def _of_entries(self, theta: Array, row: Array, column: Array) -> Array:
        """The same of clusters, without contaminants, or of entries that stand for them."""
        theta = np.atleast_2d(theta)
        entries = Entries(row, column, self._place[column], np.bincount(row, minlength=len(theta))[row])
        return self._densities(*self._tables(theta), entries)

    def _tables(self, theta: Array) -> tuple[Linear, Array]:
        """Relations at parameter vectors, and the integral's table."""
        linear = Linear.of(self._model, self._model.parameters.values(theta), len(theta), self._lensing)
        return linear, self._shared.integral.table(theta)

    def _densities(self, linear: Linear, table: Array, of: Entries) -> Array:
        """ln lambda of entries, those interpolated first whose clusters are many."""
        value, left = np.empty(len(of.row)), None
        for i, lattice in enumerate(self._lattices):
            if lattice is not None:
                mine = (self._pattern[of.column] == i) & lattice.reaches(of.crowd)
                left = ~mine if left is None else left & ~mine
                if mine.any():
                    value[mine] = lattice(lattice.table(linear, table), of[mine])
        for part, group in self._parts(of.column, left):
            value[part] = group(linear, table, of[part])
        return value

    def _parts(self, column: Array, left: Array | None) -> Iterator[tuple[slice | Array, Group]]:
        """Entries of clusters of which the same is known, a few at a time; of those `left`, (n,), if not of all."""
        for i, group in enumerate(self._groups):
            chunk = max(1, _ENTRIES // (group.nodes * len(self._shared.residual.weight)))
            if len(self._groups) == 1 and left is None:
                yield from ((slice(k, k + chunk), group) for k in range(0, len(column), chunk))
            else:
                chosen = self._pattern[column] == i
                mine = np.flatnonzero(chosen if left is None else chosen & left)
                yield from ((mine[k : k + chunk], group) for k in range(0, len(mine), chunk))

    def total(self, theta: Array, weight: Array) -> Array:
        """Sum of ln lambda of all clusters, with weights (Q,), at every parameter vector (P, D); shape (P,)."""
        if not self._stand.trivial or self._false is not None or not any(self._lattices):
            return np.asarray(self.grid(theta) @ weight)
        theta = np.atleast_2d(theta)
        (linear, table), value, left = self._tables(theta), np.zeros(len(theta)), np.ones(self._size, dtype=bool)
        for i, lattice in enumerate(self._lattices):
            if lattice is not None:
                mine = self._pattern == i
                value += lattice.table(linear, table) @ lattice.summing(weight[mine])
                left[mine] = False
        if left.any():
            some, size = np.flatnonzero(left), np.repeat(len(left), len(theta) * left.sum())
            row, column = np.repeat(np.arange(len(theta)), len(some)), np.tile(some, len(theta))
            rest = self._densities(linear, table, Entries(row, column, self._place[column], size))
            value += rest.reshape(len(theta), -1) @ weight[some]
        if self._detected is not None:
            row, column = self._every(len(theta))
            seen = self._detected(self._model.parameters.values(theta), row, column)
            value += seen.reshape(len(theta), -1) @ weight
        return value

    def grid(self, theta: Array) -> Array:
        """ln lambda of every cluster at every parameter vector (P, D), shape (P, Q)."""
        return self(theta, *self._every(len(theta))).reshape(len(theta), self._size)

    def _every(self, size: int) -> tuple[Array, Array]:
        """Numbers of parameter vectors and of clusters, every one with every one."""
        return np.repeat(np.arange(size), self._size), np.tile(np.arange(self._size), size)


def _common(known: Array, errors: Array) -> Array:
    """Which errors of what is known (n, E), (n, E, E), many clusters have in common, (n,): 0 for those of no others.

    Clusters of equal errors are cheap together; one of another error is no reason to forgo that.
    """
    own = np.where(known[:, :, None] & known[:, None, :], errors, -1.0).reshape(len(errors), errors.shape[1] ** 2)
    if np.all(own == own[:1]):
        return np.zeros(len(own), dtype=int)
    _, kind, number = np.unique(own, axis=0, return_inverse=True, return_counts=True)
    return np.where(number >= _MANY, 1 + np.arange(len(number)), 0)[kind.ravel()]


def _undetected(integral: MassIntegral, points: Points) -> Array:
    """Whether clusters may have been missed at their listed L_X, or have none, bool of shape (Q,).

    Of asymmetric errors of L_X the larger one decides.
    """
    unseen, known = integral.unseen, np.isfinite(points.observables[:, 0])
    if unseen is None:
        return np.zeros(len(known), dtype=bool)
    return np.asarray(~known | unseen.apart(points.error[:, 0] * (1 + np.abs(points.skew[:, 0]))))


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
        contaminants, selection = getattr(model, "contaminants", None), model.setup.selection.in_flux
        if contaminants is None or selection is None:
            return None
        setup, log_lx = model.setup, points.observables[:, 0]
        known = PointDensity(contaminants.model, points, lensing)
        density = known.grid(contaminants.fiducial)[0]
        limit = selection.log_luminosity_limit(points.z, setup.cosmology, setup.relations)
        odds = odds_of_contaminants(selection, points.z, log_lx - limit, points.error[:, 0])
        odds = np.where(known.undetected, 1.0, odds)
        return cls(density + np.log(np.maximum(odds, _TINY)), contaminants.factor)

    def __call__(self, theta: Array, row: Array, column: Array) -> Array:
        """ln of the expected density of contaminants like clusters `column`, at theta[row]; (n,)."""
        return self.log_density[column] + np.log(self.factor(theta))[row]
