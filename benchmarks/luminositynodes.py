"""ln L of many catalogues that list L_X and redshift alone, at parameter vectors that they share.

ln lambda(L_X, z) is smooth within a shell: values at nodes tell it everywhere, a catalogue is a weight on each node,
and 200 catalogues cost as much as one. Weights are those of a polynomial in z^(1/3) and of a cubic spline in log10 L_X.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.interpolate import BarycentricInterpolator, CubicSpline

from forecast.core.arrays import Array
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points, observable_errors
from forecast.model.flux_limited import FluxLimitedModel
from forecast.model.mocks import Mocks

_REDSHIFTS, _STEP, _BELOW, _BRIGHTEST, _AT_ONCE = 3, 0.35, 0.1, 46.0, 200
"""Nodes of a shell in redshift; their distance in log10 L_X, how far below the limit they begin, and where they end;
parameter vectors evaluated together."""


@dataclass(frozen=True)
class Shell:
    """Nodes in z^(1/3), (Z,), and in log10 of L_X over the limit, (U,), of one shell of redshifts."""

    cubic_root: Array
    above: Array

    def weights(self, z: Array, above: Array) -> Array:
        """Of n clusters on the nodes, (n, Z U)."""
        in_z = BarycentricInterpolator(self.cubic_root, np.eye(len(self.cubic_root)))(np.cbrt(z))
        in_lx = CubicSpline(self.above, np.eye(len(self.above)))(above)
        return np.asarray((in_z[:, :, None] * in_lx[:, None, :]).reshape(len(z), -1))


@dataclass(frozen=True)
class Nodes:
    """Of a flux-limited survey."""

    model: FluxLimitedModel

    @cached_property
    def shells(self) -> tuple[Shell, ...]:
        """From the nearest to the farthest."""
        found, chebyshev = [], 0.5 - 0.5 * np.cos(math.pi * (np.arange(_REDSHIFTS) + 0.5) / _REDSHIFTS)
        edges = np.cbrt(self.model.setup.geometry.redshift_edges)
        for near, far in pairwise(edges):
            root = near + (far - near) * chebyshev
            top = _BRIGHTEST - float(self.limit(root[:1] ** 3)[0])
            found.append(Shell(root, np.linspace(-_BELOW, top, math.ceil((top + _BELOW) / _STEP) + 1)))
        return tuple(found)

    def limit(self, z: Array) -> Array:
        """log10 of the limiting luminosity of clusters at the pivot, (n,)."""
        setup = self.model.setup
        pivot = np.full(len(z), setup.relations.pivot)
        return self.model.selection.log_luminosity_limit(z, pivot, setup.cosmology, setup.relations)

    @cached_property
    def density(self) -> PointDensity:
        """ln lambda of clusters at the nodes."""
        pairs = [np.meshgrid(one.cubic_root**3, one.above, indexing="ij") for one in self.shells]
        z = np.concatenate([np.ravel(redshift) for redshift, _ in pairs])
        log_lx = self.limit(z) + np.concatenate([np.ravel(above) for _, above in pairs])
        observables = np.full((len(z), len(self.model.setup.relations.names)), np.nan)
        observables[:, 0] = log_lx
        errors = observable_errors(self.model, z, log_lx)
        return PointDensity(self.model, Points.observed(z, observables, errors), lensing=False)

    def weights(self, mocks: Mocks) -> Array:
        """Of n catalogues on the nodes, (n, K)."""
        edges = self.model.setup.geometry.redshift_edges
        shell, above = np.searchsorted(edges[1:-1], mocks.z), mocks.log_lx - self.limit(mocks.z)
        parts = []
        for number, one in enumerate(self.shells):
            mine = shell == number
            total = np.zeros((len(mocks.size), len(one.cubic_root) * len(one.above)))
            if mine.any():
                np.add.at(total, mocks.row[mine], one.weights(mocks.z[mine], above[mine]))
            parts.append(total)
        return np.hstack(parts)

    def log_density(self, theta: Array) -> Array:
        """ln lambda at the nodes, (S, K), of parameter vectors (S, D)."""
        parts = [self.density.grid(theta[i : i + _AT_ONCE]) for i in range(0, len(theta), _AT_ONCE)]
        return np.concatenate(parts)

    def expected(self, theta: Array) -> Array:
        """Expected number of clusters, (S,)."""
        parts = [self.model.expected_count(theta[i : i + _AT_ONCE]) for i in range(0, len(theta), _AT_ONCE)]
        return np.concatenate(parts)
