"""Statistical saliency and leave-one-out: what each datum does to the posterior mean of sigma8.

The derivative of a posterior mean with respect to a datum x is the posterior covariance of the
parameter with d ln L / dx, at fixed selection: inside the flux limit. They are what a network's
saliency will be held against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..likelihoods.data import Data
from ..likelihoods.levels import level_class, require_data
from ..model.forward import ForwardModel
from ..sampling.draws import WeightedDraws

_SHORTEST_TAIL = 10
PARETO_LIMIT = 0.7
"""Pareto k above which a leave-one-out shift by reweighting is not to be trusted (Vehtari et al. 2024)."""


@dataclass(frozen=True)
class Saliency:
    """Response of the posterior mean of sigma8 to the data of one level.

    Parameters
    ----------
    level : str
    observables : tuple of str
        What is known of single clusters: "yx" (the mass proxy) for `unbinned`; the relations'
        observables for `full`, and "mwl" for `full+wl`; empty for `counts` and `selfcal`.
    per_cluster : ndarray, shape (Q, E)
        d sigma8 / d log10 of each observable of each cluster, per dex; NaN where it was not measured.
    median : float
        d sigma8 / d median log10 Y_X, per dex (`selfcal`; NaN elsewhere).
    count : float
        Change of sigma8 for one cluster more at unchanged Y_X (`counts` and `selfcal`; NaN elsewhere).
    effective_size : float
        Of the draws.
    """

    level: str
    observables: tuple[str, ...]
    per_cluster: Array
    median: float
    count: float
    effective_size: float


def require_whole(model: ForwardModel, level: str) -> None:
    """Refuse numbers and mass proxies that are kept apart by redshift, and proxies that not all clusters can have.

    A cluster's part is that of its bin alone, or hangs on whether it was followed up.

    Raises
    ------
    InputError
    """
    key = "binned_by_layer" if model.setup.binned_by_layer else "binned_in_redshift"
    if len(model.setup.bins) > 1 and not level_class(level).of_clusters:
        raise InputError(
            f"survey.{key}: what single clusters do at level '{level}' is not known bin by bin; set it to false, or "
            "take level full, which knows the bin of each"
        )
    if model.setup.followup is not None:
        raise InputError(
            "followup: what single clusters do is known for surveys in which all have a mass proxy; take [followup] out"
        )


def saliency(model: ForwardModel, level: str, data: Data, draws: WeightedDraws) -> Saliency:
    """Saliency of one level of the ladder.

    Parameters
    ----------
    model : ForwardModel
    level : {"counts", "selfcal", "unbinned", "full", "full+wl"}
    data : Data
        Every datum of unit weight.
    draws : WeightedDraws
        From that level's posterior.

    Raises
    ------
    InputError
        For `binned`, whose likelihood is not differentiable in Y_X, or if the level's data are missing.
    """
    one = level_class(level)
    if not one.smooth:
        raise InputError(f"saliency of '{level}' is not defined: counts in bins do not move with Y_X; use 'unbinned'")
    require_data(level, model.setup, data)
    target = one(model, data)
    per_cluster = target.pull(draws.theta, draws.centred)
    more, slope = target.one_more(draws.theta), target.median_slope(draws.theta)
    count = float("nan") if more is None else float(draws.reweighted_mean(more)) - draws.mean
    median = float("nan") if slope is None else float(draws.covariance(slope))
    return Saliency(
        level=level,
        observables=one.observables(model),
        per_cluster=per_cluster,
        median=median,
        count=count,
        effective_size=draws.effective_size,
    )


@dataclass(frozen=True)
class LeaveOneOut:
    """Shift of the posterior mean of sigma8 when each cluster is removed.

    Parameters
    ----------
    level : str
    shift : ndarray, shape (Q,)
        Mean without the cluster minus mean with it.
    pareto_k : ndarray, shape (Q,)
        Tail index of the weights; above `PARETO_LIMIT` the shift needs a chain of its own.
    """

    level: str
    shift: Array
    pareto_k: Array


def leave_one_out(model: ForwardModel, level: str, data: Data, draws: WeightedDraws) -> LeaveOneOut:
    """Leave-one-out shifts by reweighting.

    Weights are 1/lambda(x_i | theta) for the point processes `unbinned`, `full` and `full+wl`, and for
    `binned` one over the expected count of the cluster's bin; for `counts` and `selfcal` the full
    likelihood ratio with N - 1 clusters and the median of those that remain.

    Parameters
    ----------
    model, level, data, draws
        As for `saliency`.
    """
    require_data(level, model.setup, data)
    log_ratios = level_class(level)(model, data).without_each(draws.theta)
    equal = draws.equal(log_ratios)
    tails = pareto_k(np.exp(equal - equal.max(axis=0)))
    return LeaveOneOut(level, draws.reweighted_mean(log_ratios) - draws.mean, np.atleast_1d(tails))


def pareto_k(weight: Array) -> Array:
    """Tail index of the largest weights (S, ...), shape (...): a generalised Pareto fit; -inf if they do not vary.

    Zhang & Stephens (2009), with the weak prior of Vehtari et al. (2024, arXiv:1507.02646, appendix C). ArviZ's
    `psislw` (arviz-stats 0.8) finds the same to rounding; it needs NumPy 2, and goes column by column, in five times
    the time.
    """
    size = int(min(0.2 * len(weight), 3 * np.sqrt(len(weight))))
    if size < _SHORTEST_TAIL:
        return np.full(weight.shape[1:], -np.inf)
    top = np.sort(weight, axis=0)[-size - 1 :]
    excess, quartile = top[1:] - top[0], int(size / 4 + 0.5) - 1
    flat = ~(excess[quartile] > 0)
    excess = np.where(flat, np.arange(1.0, size + 1).reshape(-1, *[1] * flat.ndim), excess)
    number = 30 + int(np.sqrt(size))
    trial = 1 - np.sqrt(number / (np.arange(number) + 0.5)).reshape(-1, *[1] * flat.ndim)
    trial = trial / (3 * excess[quartile]) + 1 / excess[-1]
    k = np.log1p(-trial[:, None] * excess).mean(axis=1)
    height = size * (np.log(-trial / k) - k - 1)
    share = np.exp(height - height.max(axis=0))
    best = (share * trial).sum(axis=0) / share.sum(axis=0)
    k = np.log1p(-best * excess).mean(axis=0)
    return np.where(flat, -np.inf, (size * k + 5.0) / (size + 10.0))
