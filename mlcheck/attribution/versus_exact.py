"""A network's saliency and leave-one-out beside the exact ones, cluster by cluster, on the same catalogues.

The network's gradients are by feature, the exact ones by observable: moving a cluster's log M_gas as a whole moves all
bins of its profile together, so that their gradients add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from ..accuracy.halves import Estimate, Sums, correlation, slope
from ..data.layout import Layout, group_of

_FEATURES = {
    "lx": ("log_lx",),
    "t": ("log_t", "log_y500"),
    "mgas": ("log_mgas", "log_y500"),
    "mwl": ("log_mwl",),
    "yx": ("log_yx",),
    "core": (),
}
"""Groups of features that an observable moves; no network sees the core brightness."""


def seen(layout: Layout, observables: tuple[str, ...]) -> list[int]:
    """Places of the observables that a network sees."""
    groups = {group_of(name) for name in layout.names}
    return [i for i, name in enumerate(observables) if groups & set(_FEATURES[name])]


def on_common_ground(layout: Layout, gradient: Array, observables: tuple[str, ...]) -> Array:
    """d sigma8 / d log10 of whole observables from gradients by feature, shape (..., n, E), per dex.

    Parameters
    ----------
    layout : Layout
    gradient : ndarray, shape (..., n, F + S)
        d sigma8 / d feature, in the order of `Layout.names`; for an ensemble with an axis of members first.
    observables : tuple of str
        Of the exact saliency (`ClusterInfluence.observables`); columns a network does not see are 0.

    Raises
    ------
    InputError
        If the gradient has other columns than the layout.
    """
    if gradient.shape[-1] != len(layout.names):
        raise InputError(f"gradients by {gradient.shape[-1]} features, but the layout has {len(layout.names)}")
    groups = [group_of(name) for name in layout.names]
    chosen = np.array([[group in _FEATURES[name] for group in groups] for name in observables], dtype=float)
    return np.asarray(gradient @ chosen.reshape(len(observables), len(groups)).T)


@dataclass(frozen=True)
class Clusters:
    """Where compared clusters belong.

    Parameters
    ----------
    catalogue : ndarray of int, shape (n,)
    log_mass : ndarray, shape (n,)
        True log10 M500c, Msun/h.
    """

    catalogue: Array
    log_mass: Array

    def groups(self) -> list[Array]:
        """Rows of each catalogue's clusters."""
        order = np.argsort(self.catalogue, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.catalogue[order])) + 1)

    def permuted(self, values: Array, *, rng: np.random.Generator) -> Array:
        """`values` (..., n) at random among the clusters of each catalogue."""
        order = np.argsort(self.catalogue + rng.random(len(self.catalogue)))
        found = np.empty_like(values)
        found[..., np.argsort(self.catalogue, kind="stable")] = values[..., order]
        return found


@dataclass(frozen=True)
class Agreement:
    """How a network's values follow the exact ones over clusters.

    Parameters
    ----------
    name : str
        The observable, or "leave-one-out".
    clusters, catalogues : int
    correlation : Estimate
        Between clusters, cleared of the exact values' Monte Carlo noise; errors by catalogue.
    slope : Estimate
        Of the network's values on the exact ones, likewise; 1 if they are the same.
    null : tuple of float
        Mean and the 99% point of the correlation if clusters are permuted within catalogues.
    p_value : float
        Chance of the correlation under that null; NaN, as the rest, where the exact values are nothing but noise.
    at_mass : Estimate
        Correlation of what is left after straight lines in bins of mass are taken away.
    reliability : float
        Share of the exact values' variance that is not Monte Carlo noise.
    """

    name: str
    clusters: int
    catalogues: int
    correlation: Estimate
    slope: Estimate
    null: tuple[float, float]
    p_value: float
    at_mass: Estimate
    reliability: float


def agreement(
    name: str, network: Array, exact: Array, clusters: Clusters, *, rng: np.random.Generator, draws: int = 300
) -> Agreement:
    """Correlation and slope of a network's values against exact ones.

    Parameters
    ----------
    name : str
    network : ndarray, shape (n,)
    exact : ndarray, shape (3, n) or (2, n)
        From either half of the draws, as `ClusterInfluence` has them; of three rows the first is left out.
    clusters : Clusters
    rng : numpy.random.Generator
    draws : int
        Bootstrap samples of catalogues, and permutations.
    """
    halves = exact[-2:]
    sums = Sums.of(network, halves, clusters.catalogue)
    found = float(correlation(sums.total)[0])
    shuffled = (clusters.permuted(network, rng=rng) for _ in range(draws))
    null = np.array([correlation(Sums.of(v, halves, clusters.catalogue).total)[0] for v in shuffled])
    seen = bool(np.isfinite(found))  # else the exact values are noise
    left = Sums.of(
        without_mass(network, clusters.log_mass), without_mass(halves, clusters.log_mass), clusters.catalogue
    )
    variances = float(halves.var(axis=1).mean())
    common = float(np.cov(halves, bias=True)[0, 1])
    return Agreement(
        name=name,
        clusters=len(network),
        catalogues=len(sums.table),
        correlation=sums.estimate(correlation, draws, rng=rng),
        slope=sums.estimate(slope, draws, rng=rng),
        null=(float(np.mean(null)), float(np.quantile(null, 0.99))) if seen else (float("nan"), float("nan")),
        p_value=float((1 + np.sum(null >= found)) / (1 + len(null))) if seen else float("nan"),
        at_mass=left.estimate(correlation, draws, rng=rng),
        reliability=2 * common / (common + variances) if variances > 0 else float("nan"),
    )


def without_mass(values: Array, log_mass: Array, bins: int = 20) -> Array:
    """`values` (..., n) minus a straight line in each of `bins` bins of equal numbers of clusters in mass."""
    size = len(log_mass)
    rank = np.empty(size, dtype=int)
    rank[np.argsort(log_mass, kind="stable")] = np.arange(size)
    place = rank * min(bins, size) // size
    number = np.bincount(place)

    def centred(x: Array) -> Array:
        centred: Array = x - (np.bincount(place, weights=x) / number)[place]
        return centred

    mass, found = centred(log_mass), []
    square = np.maximum(np.bincount(place, weights=mass**2), 1e-300)
    for row in values.reshape(-1, size):
        left = centred(row)
        found.append(left - (np.bincount(place, weights=left * mass) / square)[place] * mass)
    return np.array(found).reshape(values.shape)
