"""Bins of log10 Y_X and expected counts in them, and forward models of bins in redshift and layers of the sky."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.arrays import Array
from ..model.forward import ForwardModel, forward_model
from ..model.setup import Setup
from ..survey.detection.layers import in_layers
from ..survey.redshift_bins import in_bins


@dataclass(frozen=True)
class YxBins:
    """Uniform bins aligned to multiples of their width; the first and the last one are open.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        log10 Y_X, Msun/h keV.
    """

    edges: Array

    @classmethod
    def of(cls, model: ForwardModel) -> YxBins:
        """Bins of the model's `yx_bin` that hold all its selected clusters."""
        width, grid = model.setup.yx_bin, model.yx_grid
        low, high = np.floor(grid[0] / width), np.ceil(grid[-1] / width)
        return cls(width * np.arange(low, high + 1))

    @cached_property
    def _rule(self) -> tuple[Array, Array]:
        """Gauss-Legendre rule on [0, 1]: four nodes, or one every 0.025 dex in wide bins."""
        width = float(self.edges[1] - self.edges[0])
        nodes, weights = np.polynomial.legendre.leggauss(max(4, int(np.ceil(width / 0.025))))
        return 0.5 * (1 + nodes), 0.5 * weights

    @cached_property
    def nodes(self) -> Array:
        """Quadrature nodes of all bins, n a bin, shape (B n,)."""
        nodes: Array = (self.edges[:-1, None] + np.diff(self.edges)[:, None] * self._rule[0]).ravel()
        return nodes

    @cached_property
    def weights(self) -> Array:
        """Quadrature weights of the nodes, dex, shape (B n,)."""
        return (np.diff(self.edges)[:, None] * self._rule[1]).ravel()

    def expected(self, model: ForwardModel, theta: Array, error: float = 0.0) -> Array:
        """Expected clusters in each bin, shape (P, B); `error` of log10 Y_X in dex."""
        return self.summed(model.yx_density(theta, self.nodes, error))

    def summed(self, density: Array) -> Array:
        """Expected clusters in each bin, (P, B), from densities at the nodes, (P, B n)."""
        expected: Array = (density * self.weights).reshape(len(density), len(self.edges) - 1, -1).sum(axis=-1)
        return expected

    def count(self, log_yx: Array, weight: Array) -> Array:
        """Weighted number of values in each bin, shape (B,); those beyond are in the open bins."""
        inside = np.clip(log_yx, self.edges[0], np.nextafter(self.edges[-1], -np.inf))
        return np.histogram(inside, self.edges, weights=weight)[0]


def members(setup: Setup, z: Array, layer: Array | None) -> list[Array]:
    """For each part of a survey whose data are kept apart, which clusters lie in it: bool, (n,) each.

    Parameters
    ----------
    setup : Setup
    z, layer : ndarray, shape (n,)
        Redshifts, and numbers of layers of the sky.

    Raises
    ------
    InputError
        If it is not known.
    """
    every = [np.ones(len(z), dtype=bool)]
    layers = in_layers(setup.selection.in_flux, layer) if setup.binned_by_layer else every
    shells = in_bins(setup.geometry, z) if setup.binned_in_redshift else every
    return [shell & mine for shell in shells for mine in layers]


def bin_models(model: ForwardModel) -> tuple[ForwardModel, ...]:
    """Forward models of a survey's bins and layers, with its parameters; none if its data are not kept apart."""
    bins = model.setup.bins
    return () if len(bins) == 1 else tuple(forward_model(setup) for setup in bins)
