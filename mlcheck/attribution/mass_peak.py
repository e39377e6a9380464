"""Where in mass clusters' values sit: averages in bins of mass, and the position of their peak with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from .versus_exact import Clusters

SMALLEST = 10
"""Clusters below which a bin has no average."""
CURVES = ("mean", "total")


@dataclass(frozen=True)
class MassCurve:
    """Values of clusters averaged in bins of mass.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        log10 M500c, Msun/h.
    number : ndarray, shape (B,)
        Clusters per catalogue.
    mean, error : ndarray, shape (B,)
        Per cluster, and the standard error over catalogues; NaN where there are few.
    total, total_error : ndarray, shape (B,)
        Sum over clusters, per catalogue and dex of mass.
    samples : ndarray, shape (R, 2, B)
        Bootstrap samples of `mean` and `total`.
    """

    edges: Array
    number: Array
    mean: Array
    error: Array
    total: Array
    total_error: Array
    samples: Array

    @property
    def centre(self) -> Array:
        """Middle of the bins."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])


def mass_curve(
    values: Array, clusters: Clusters, edges: Array, *, rng: np.random.Generator, draws: int = 500
) -> MassCurve:
    """Average values (n,) in bins of mass, with errors by bootstrap over catalogues."""
    place, bins = np.digitize(clusters.log_mass, edges) - 1, len(edges) - 1
    inside = (place >= 0) & (place < bins)
    _, row = np.unique(clusters.catalogue, return_inverse=True)
    size = int(row.max()) + 1
    index = row[inside] * bins + place[inside]
    number, total = (
        np.bincount(index, weights=w, minlength=size * bins).reshape(size, bins)
        for w in (np.ones(int(inside.sum())), values[inside])
    )
    times = np.concatenate([np.ones((1, size)), rng.multinomial(size, np.full(size, 1 / size), size=draws)])
    counts, sums = times @ number, times @ total
    mean = np.where(number.sum(axis=0) >= SMALLEST, sums / np.maximum(counts, 1), np.nan)
    summed = sums / size / np.diff(edges)
    samples = np.stack([mean, summed], axis=1)
    (error, total_error), best = samples[1:].std(axis=0), samples[0]
    return MassCurve(
        edges=edges,
        number=number.sum(axis=0) / size,
        mean=best[0],
        error=error,
        total=best[1],
        total_error=total_error,
        samples=samples[1:],
    )


@dataclass(frozen=True)
class Peak:
    """Where in mass a curve is farthest from zero.

    Parameters
    ----------
    log_mass : float
        log10 M500c, Msun/h: vertex of the parabola through the highest bin and its neighbours.
    low, high : float
        16 and 84% of bootstrap samples over catalogues.
    at_edge : float
        Share of the samples whose highest bin is the lowest in mass: no peak, but a rise toward the smallest mass.
    height : float
        Of the curve in its highest bin, with its sign.
    p_value : float
        Chance that bins differ as much from one value for all masses (largest deviation in standard errors), from
        masses permuted among the clusters of each catalogue.
    seeds : float
        Standard deviation of the position over the members of an ensemble; NaN for one.
    """

    log_mass: float
    low: float
    high: float
    at_edge: float
    height: float
    p_value: float
    seeds: float = float("nan")


def mass_peak(
    values: Array, clusters: Clusters, edges: Array, *, of: str = "mean", rng: np.random.Generator, draws: int = 300
) -> Peak:
    """Position in mass of the largest absolute value of a `mass_curve`.

    Parameters
    ----------
    values : ndarray, shape (n,) or (K, n)
        For the members of an ensemble the peak is that of their mean.
    clusters : Clusters
    edges : ndarray, shape (B + 1,)
        Of bins of equal width, Msun/h dex.
    of : {"mean", "total"}
        Per cluster, or summed over the clusters.
    rng : numpy.random.Generator
    draws : int
        Bootstrap samples and permutations.

    Raises
    ------
    InputError
        If `of` is unknown, or no bin has enough clusters.
    """
    if of not in CURVES:
        raise InputError(f"of '{of}' is unknown; known: {', '.join(CURVES)}")
    members, which = np.atleast_2d(values), CURVES.index(of)
    mean = members.mean(axis=0)
    curve = mass_curve(mean, clusters, edges, rng=rng, draws=draws)
    if not np.isfinite(curve.mean).any():
        raise InputError(f"no bin of mass has {SMALLEST} clusters; use wider bins or more catalogues")
    samples, best = curve.samples[:, which], (curve.mean, curve.total)[which]
    low, high = np.quantile([_vertex(sample, curve.centre) for sample in samples], [0.16, 0.84])
    first = int(np.flatnonzero(np.isfinite(best))[0])
    edge = np.mean([int(np.nanargmax(np.abs(sample))) == first for sample in samples])
    found = Peak(
        log_mass=_vertex(best, curve.centre),
        low=float(low),
        high=float(high),
        at_edge=float(edge),
        height=float(best[np.nanargmax(np.abs(best))]),
        p_value=_chance(mean, clusters, curve, draws, rng),
    )
    if len(members) == 1:
        return found
    curves = [mass_curve(m, clusters, edges, rng=rng, draws=1) for m in members]
    places = [_vertex((c.mean, c.total)[which], c.centre) for c in curves]
    return replace(found, seeds=float(np.std(places, ddof=1)))


def _chance(values: Array, clusters: Clusters, curve: MassCurve, draws: int, rng: np.random.Generator) -> float:
    """Chance of as large a deviation from one value for all masses, in the curve's own errors."""

    def largest(mean: Array) -> float:
        level = np.nansum(mean * curve.number) / curve.number[np.isfinite(mean)].sum()
        return float(np.nanmax(np.abs(mean - level) / np.maximum(curve.error, 1e-300)))

    shuffled = (clusters.permuted(values, rng=rng) for _ in range(draws))
    null = np.array([largest(mass_curve(v, clusters, curve.edges, rng=rng, draws=1).mean) for v in shuffled])
    return float((1 + np.sum(null >= largest(curve.mean))) / (1 + draws))


def _vertex(best: Array, centre: Array) -> float:
    """Vertex of the parabola through the bin farthest from zero and its neighbours; that bin where it has but one."""
    height = np.abs(best)
    i = int(np.nanargmax(height))
    if i in (0, len(height) - 1) or not np.isfinite(height[i - 1 : i + 2]).all():
        return float(centre[i])
    below, top, above = height[i - 1 : i + 2]
    return float(centre[i] + 0.5 * (centre[1] - centre[0]) * (below - above) / min(below - 2 * top + above, -1e-300))
