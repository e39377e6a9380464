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
from forecast.likelihoods.level import TINY
from forecast.model.flux_limited import FluxLimitedModel
from forecast.model.mixture import SQRT2PI
from forecast.model.mocks import Mocks
from forecast.model.population import Population
from forecast.survey.shells import Shells

_REDSHIFTS, _STEP, _BELOW, _BRIGHTEST, _AT_ONCE = 12, 0.3, 0.1, 46.0, 100
"""Nodes of a shell in redshift, enough for kinks of tinker08's coefficients; their distance in log10 L_X, how far below
the limit they begin, and where they end; parameter vectors evaluated together."""


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
        """log10 of the limiting luminosity, (n,)."""
        setup = self.model.setup
        return self.model.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)

    @cached_property
    def population(self) -> Population:
        """Clusters before selection, per unit redshift, at the nodes' redshifts."""
        setup = self.model.setup
        z = np.concatenate([one.cubic_root**3 for one in self.shells])
        number = np.repeat(np.arange(len(self.shells)), _REDSHIFTS)
        volume = setup.geometry.area * setup.cosmology.volume_element(z)
        return Population(setup, self.model.population.log_mass, Shells(z, volume, number))

    def mock_weights(self, mocks: Mocks) -> Array:
        """Of n catalogues on the nodes, (n, K)."""
        return self.weights(mocks.z, mocks.log_lx, mocks.row, len(mocks.size))

    def weights(self, z: Array, log_lx: Array, row: Array, size: int) -> Array:
        """Of clusters of `size` catalogues, that of each in `row`, on the nodes, (size, K)."""
        edges = self.model.setup.geometry.redshift_edges
        shell, above = np.searchsorted(edges[1:-1], z), log_lx - self.limit(z)
        parts = []
        for number, one in enumerate(self.shells):
            mine = shell == number
            total = np.zeros((size, len(one.cubic_root) * len(one.above)))
            if mine.any():
                np.add.at(total, row[mine], one.weights(z[mine], above[mine]))
            parts.append(total)
        return np.hstack(parts)

    def log_density(self, theta: Array) -> Array:
        """ln lambda at the nodes, (S, K), of parameter vectors (S, D)."""
        return np.concatenate([self._log_density(theta[i : i + _AT_ONCE]) for i in range(0, len(theta), _AT_ONCE)])

    def _log_density(self, theta: Array) -> Array:
        """Sums over masses of what shines so bright."""
        setup, population = self.model.setup, self.population
        v = self.model.parameters.values(theta)
        number = population.abundance(v) * self.model.step
        line = self.model.selection.observed(setup.relations.at(v)).lx
        mean = population.mean_observable(line, "lx", population.background(v))
        (part,) = (
            one.blurred(self.model.selection.flux_error) for one in setup.relations.components(v, population.log_mass)
        )
        scatter, found = part.lx_scatter[:, None], []
        for i, one in enumerate(self.shells):
            for k in range(i * _REDSHIFTS, (i + 1) * _REDSHIFTS):
                log_lx = one.above + float(self.limit(population.shells.z[k : k + 1])[0])
                away = (log_lx[:, None] - (mean[:, k] + part.lx_shift)[:, None, :]) / scatter
                density = np.einsum("sum,sm->su", np.exp(-0.5 * away**2), number[:, k] / (part.lx_scatter * SQRT2PI))
                found.append(np.log(np.maximum(density, TINY)))
        return np.hstack(found)

    def expected(self, theta: Array) -> Array:
        """Expected number of clusters, (S,)."""
        parts = [self.model.expected_count(theta[i : i + _AT_ONCE]) for i in range(0, len(theta), _AT_ONCE)]
        return np.concatenate(parts)
