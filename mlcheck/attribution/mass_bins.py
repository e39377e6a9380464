"""What single clusters do, in bins of true mass: percentile bands, and sums over a catalogue's clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.influence.by_mass import average_by

QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
"""The median, and the edges of the middle 68% and 95%."""


@dataclass(frozen=True)
class Clusters:
    """Values of n clusters from K networks, with what bins them.

    Parameters
    ----------
    members : ndarray, shape (K, n, ...)
    log_mass : ndarray, shape (n,)
        True log10 M500c, Msun/h.
    row : ndarray of int, shape (n,)
        Catalogue of each cluster, 0 to P - 1.
    """

    members: Array
    log_mass: Array
    row: Array

    @property
    def values(self) -> Array:
        """Mean of the networks, (n, ...)."""
        mean: Array = np.mean(self.members, axis=0, dtype=float)
        return mean


@dataclass(frozen=True)
class Bands:
    """Values of clusters in B bins of true mass.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        log10 M500c, Msun/h.
    centre, number : ndarray, shape (B,)
        Mean log mass of a bin's clusters, and their number.
    quantiles : ndarray, shape (5, B, ...)
        At `QUANTILES`, over clusters, of the networks' mean.
    mean, error : ndarray, shape (B, ...)
        Mean over clusters, and its standard error from the scatter between catalogues.
    seeds : ndarray, shape (B, ...)
        Standard deviation of `mean` between networks of different seeds; NaN with one network.
    """

    edges: Array
    centre: Array
    number: Array
    quantiles: Array
    mean: Array
    error: Array
    seeds: Array


@dataclass(frozen=True)
class Totals:
    """Values summed over each catalogue's clusters of a mass bin, averaged over catalogues.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        log10 M500c, Msun/h.
    mean, error : ndarray, shape (B, ...)
        Mean over catalogues, those without a cluster in the bin included, and its standard error.
    scatter : ndarray, shape (B, ...)
        Standard deviation between catalogues.
    seeds : ndarray, shape (B, ...)
        Standard deviation of `mean` between networks of different seeds; NaN with one network.
    """

    edges: Array
    mean: Array
    error: Array
    scatter: Array
    seeds: Array


def mass_edges(log_mass: Array, width: float = 0.1, least: int = 100) -> Array:
    """Edges of bins at multiples of `width`, dex, that hold all clusters; the outermost have `least` or more.

    Raises
    ------
    InputError
        If masses are unknown.
    """
    if not np.isfinite(log_mass).all():
        raise InputError("bins of true mass need true masses, which real catalogues do not have; use mock catalogues")
    steps = np.arange(np.floor(log_mass.min() / width), np.floor(log_mass.max() / width) + 2)
    edges = width * steps
    while len(edges) > 2 and np.count_nonzero(log_mass < edges[1]) < least:
        edges = np.delete(edges, 1)
    while len(edges) > 2 and np.count_nonzero(log_mass >= edges[-2]) < least:
        edges = np.delete(edges, -2)
    return edges


def bands(clusters: Clusters, edges: Array) -> Bands:
    """Percentiles, means and errors in bins of true mass, `edges` (B + 1,)."""
    values, place = clusters.values, np.digitize(clusters.log_mass, edges) - 1
    size = len(edges) - 1
    quantiles = np.full((len(QUANTILES), size, *values.shape[1:]), np.nan)
    for b in range(size):
        if (place == b).any():
            quantiles[:, b] = np.quantile(values[place == b], QUANTILES, axis=0)
    mean, error = average_by(values, clusters.log_mass, edges, clusters.row)
    own = [average_by(member, clusters.log_mass, edges)[0] for member in clusters.members]
    centre = average_by(np.asarray(clusters.log_mass, dtype=float), clusters.log_mass, edges)[0]
    number = np.bincount(place[(place >= 0) & (place < size)], minlength=size)
    return Bands(
        edges=edges, centre=centre, number=number, quantiles=quantiles, mean=mean, error=error, seeds=_between(own)
    )


def totals(clusters: Clusters, edges: Array, catalogues: int) -> Totals:
    """Sums over clusters of a catalogue and mass bin, over `catalogues` catalogues: all clusters move together."""
    total = _sums(clusters, clusters.values, edges, catalogues)
    scatter = total.std(axis=0, ddof=1) if catalogues > 1 else np.full(total.shape[1:], np.nan)
    own = [_sums(clusters, member, edges, catalogues).mean(axis=0) for member in clusters.members]
    return Totals(
        edges=edges, mean=total.mean(axis=0), error=scatter / np.sqrt(catalogues), scatter=scatter, seeds=_between(own)
    )


def _sums(clusters: Clusters, values: Array, edges: Array, catalogues: int) -> Array:
    """Sums of values (n, ...) over each catalogue's clusters of a mass bin, (P, B, ...)."""
    place, size = np.digitize(clusters.log_mass, edges) - 1, len(edges) - 1
    inside = (place >= 0) & (place < size)
    found = np.zeros((catalogues * size, *values.shape[1:]))
    np.add.at(found, clusters.row[inside] * size + place[inside], values[inside])
    return found.reshape(catalogues, size, *values.shape[1:])


def _between(means: list[Array]) -> Array:
    """Standard deviation between networks; NaN of one."""
    return np.std(means, axis=0, ddof=1) if len(means) > 1 else np.full_like(means[0], np.nan)
