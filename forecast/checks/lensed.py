"""Weak-lensing masses against those that a posterior predicts of clusters with the same redshift and observables.

Given parameters, clusters are independent, and where the M_WL of each lies in its own predicted distribution is
uniform, whoever chose which clusters have one, as long as M_WL itself had no say. Of normal scores of these places
the laws of mean, spread, slope and largest are known, so that no replica need be drawn (Gelman, Meng & Stern 1996:
a posterior predictive p-value is the mean over the posterior of that at given parameters).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..likelihoods.density.point_density import PointDensity
from ..likelihoods.density.points import Points
from ..model.forward import ForwardModel

DRAWS = 60
"""Posterior draws over which p-values are averaged."""
FEWEST = 3
"""Lensing masses below which nothing can be said of their spread."""
_COARSE = np.arange(11.5, 17.5, 0.1)
_NODES, _REACH = 31, 7.0
_REPLICAS = 4000
_FARTHEST = 1e-12
STATISTICS = ("offset", "spread", "trend with mass", "outlier")


@dataclass(frozen=True)
class LensedFit:
    """Weak-lensing masses against predicted ones.

    Parameters
    ----------
    level : str
        Of the posterior.
    log_mwl, predicted, width : ndarray, shape (n,)
        log10 of the measured masses, mean and standard deviation of those predicted (Msun/h).
    names : tuple of str
        `STATISTICS` of what is measured against what is predicted.
    p_values : ndarray, shape (4,)
        Two-sided, the last one-sided.
    joint : float
        Chance that the smallest of the four is as small, if the model is right.
    """

    level: str
    log_mwl: Array
    predicted: Array
    width: Array
    names: tuple[str, ...]
    p_values: Array
    joint: float

    @property
    def worst(self) -> str:
        """The statistic of the smallest p-value."""
        return self.names[int(np.argmin(self.p_values))]

    @property
    def offset(self) -> float:
        """Mean of measured less predicted, dex, each weighed with the inverse variance of its prediction."""
        return float(np.average(self.log_mwl - self.predicted, weights=self.width**-2.0))


def lensed_fit(
    model: ForwardModel, points: Points, level: str, theta: Array, *, rng: np.random.Generator
) -> LensedFit | None:
    """Compare weak-lensing masses with those predicted at posterior draws `theta`, (P, D), of a level.

    Parameters
    ----------
    model : ForwardModel
    points : Points
        Clusters, some of which have a lensing mass.
    level : str
    theta : ndarray, shape (P, D)
        Parameters that the level knows nothing of are draws from their priors.
    rng : numpy.random.Generator

    Returns
    -------
    LensedFit or None
        None where fewer than `FEWEST` clusters have a lensing mass, or the survey has none.
    """
    mine = points[np.flatnonzero(np.isfinite(points.log_mwl))]
    if model.setup.weak_lensing is None or len(mine.z) < FEWEST:
        return None
    theta = theta[rng.permutation(len(theta))[:DRAWS]]
    nodes = predicted_nodes(model, mine, theta)
    density = predicted_densities(model, mine, nodes, theta)
    place = _below(nodes, density, mine.log_mwl)
    scores = special.ndtri(np.clip(place, _FARTHEST, 1 - _FARTHEST))
    mean = density.mean(axis=0)
    share = mean / mean.sum(axis=1, keepdims=True)
    predicted = (share * nodes).sum(axis=1)
    width = np.sqrt((share * (nodes - predicted[:, None]) ** 2).sum(axis=1))
    p_values = two_sided(beyond(scores, predicted).mean(axis=0))
    own = two_sided(beyond(rng.standard_normal((_REPLICAS, len(predicted))), predicted))
    joint = float(np.mean(own.min(axis=1) <= p_values.min()))
    return LensedFit(
        level=level,
        log_mwl=mine.log_mwl,
        predicted=predicted,
        width=width,
        names=STATISTICS,
        p_values=p_values,
        joint=joint,
    )


def predicted_nodes(model: ForwardModel, points: Points, theta: Array) -> Array:
    """Values of log10 M_WL at which a cluster's predicted density is evaluated, shape (n, G)."""
    coarse = np.tile(_COARSE, (len(points.z), 1))
    density = predicted_densities(model, points, coarse, theta[:: max(1, len(theta) // 4)]).mean(axis=0)
    share = density / density.sum(axis=1, keepdims=True)
    mean = (share * _COARSE).sum(axis=1, keepdims=True)
    width = np.sqrt((share * (_COARSE - mean) ** 2).sum(axis=1, keepdims=True))
    return np.asarray(mean + width * np.linspace(-_REACH, _REACH, _NODES))


def predicted_densities(model: ForwardModel, points: Points, nodes: Array, theta: Array) -> Array:
    """Density of log10 M_WL of each cluster given all else that is known of it, at nodes (n, G); shape (P, n, G).

    Normalised by the trapezoidal rule on the nodes.
    """
    number, size = nodes.shape
    every = replace(points[np.repeat(np.arange(number), size)], log_mwl=nodes.ravel())
    log_density = PointDensity(model, every, True).grid(theta).reshape(len(theta), number, size)
    density = np.exp(log_density - log_density.max(axis=2, keepdims=True))
    step = np.diff(nodes, axis=1)
    total = (0.5 * (density[..., 1:] + density[..., :-1]) * step).sum(axis=2, keepdims=True)
    return np.asarray(density / total)


def _below(nodes: Array, density: Array, values: Array) -> Array:
    """Probability below the value of each cluster, (n,), in densities (P, n, G) at nodes (n, G); shape (P, n)."""
    columns = []
    for x, each, value in zip(nodes, np.moveaxis(density, 1, 0), values, strict=True):
        whole = CubicSpline(x, each, axis=1).antiderivative()
        ends = whole(x[-1]) - whole(x[0])
        columns.append((whole(np.clip(value, x[0], x[-1])) - whole(x[0])) / ends)
    return np.stack(columns, axis=1)


def beyond(scores: Array, predicted: Array) -> Array:
    """Chance of more than each of `STATISTICS`, (P, 4), of scores (P, n) that are standard normal if all is right."""
    number, offset = scores.shape[1], scores.mean(axis=1, keepdims=True)
    lever = predicted - predicted.mean()
    lever = lever / max(float(np.linalg.norm(lever)), 1e-12)
    above = (
        special.ndtr(-offset[:, 0] * np.sqrt(number)),
        special.chdtrc(number - 1, ((scores - offset) ** 2).sum(axis=1)),
        special.ndtr(-(scores @ lever)),
        -np.expm1(number * np.log1p(-2 * special.ndtr(-np.abs(scores).max(axis=1)))),
    )
    return np.stack(above, axis=1)


def two_sided(above: Array) -> Array:
    """p-values of chances (..., 4): of an outlier one-sided."""
    both = 2 * np.minimum(above, 1 - above)
    return np.concatenate([both[..., :-1], above[..., -1:]], axis=-1)
