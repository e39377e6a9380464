"""Statistical saliency and leave-one-out: what each datum does to the posterior mean of sigma8.

The derivative of a posterior mean with respect to a datum x is the posterior covariance of the
parameter with d ln L / dx, at fixed selection: inside the flux limit. They are what a network's
saliency will be held against.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..likelihoods.bins import YxBins
from ..likelihoods.levels import POINT_LEVELS, Data, likelihood
from ..model.forward import ForwardModel
from ..sampling.draws import WeightedDraws, _in_chunks
from .point_saliency import observables_of, point_log_density, point_saliency

_STEP = 0.01
"""Step of derivatives with respect to log10 Y_X, dex."""
_TINY, _SHORTEST_TAIL = 1e-300, 10
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
    if level == "binned":
        raise InputError("saliency of 'binned' is not defined: counts in bins do not move with Y_X; use 'unbinned'")
    target, per_cluster, pull, count = likelihood(level, model, data), np.empty((0, 0)), float("nan"), float("nan")
    if level == "unbinned":
        above, below = (_log_density(model, draws.theta, data, shift) for shift in (_STEP, -_STEP))
        per_cluster = draws.covariance((above - below) / (2 * _STEP))[:, None]
    elif data.points is not None and level in POINT_LEVELS:
        per_cluster = point_saliency(model, level, data.points, (draws.theta, draws.centred))
    else:
        more = likelihood("counts", model, replace(data, size=data.size + 1))
        gain = _in_chunks(more, draws.theta) - _in_chunks(likelihood("counts", model, data), draws.theta)
        count = float(draws.reweighted_mean(gain)) - draws.mean
    if target.name == "selfcal":
        moved = (likelihood(level, model, replace(data, median=data.median + s)) for s in (_STEP, -_STEP))
        above, below = (_in_chunks(each, draws.theta) for each in moved)
        pull = float(draws.covariance((above - below) / (2 * _STEP)))
    return Saliency(level, observables_of(model, level), per_cluster, pull, count, draws.effective_size)


def _log_density(model: ForwardModel, theta: Array, data: Data, shift: float = 0.0) -> Array:
    """ln lambda of every Y_X, moved by `shift` dex, shape (S, Q)."""
    return _in_chunks(
        lambda part: np.log(np.maximum(model.yx_density(part, data.log_yx + shift, data.error), _TINY)), theta
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
    log_ratios = _without_each(model, level, data, draws.theta)
    equal = draws.equal(log_ratios)
    tails = pareto_k(np.exp(equal - equal.max(axis=0)))
    return LeaveOneOut(level, draws.reweighted_mean(log_ratios) - draws.mean, np.atleast_1d(tails))


def _without_each(model: ForwardModel, level: str, data: Data, theta: Array) -> Array:
    """ln L without each cluster minus ln L with it, up to a constant, shape (S, Q)."""
    likelihood(level, model, data)  # refuses missing data
    if level == "unbinned":
        return -_log_density(model, theta, data)
    if level == "binned":
        bins = YxBins.of(model)
        expected = _in_chunks(lambda part: bins.expected(model, part, data.rms_error), theta)
        place = np.searchsorted(bins.edges, data.log_yx, side="right") - 1
        return -np.log(np.maximum(expected, _TINY))[:, np.clip(place, 0, expected.shape[1] - 1)]
    if data.points is not None and level in POINT_LEVELS:
        return -point_log_density(model, level, data.points, theta)
    return _ratios_without_each(model, level, data, theta)


def _ratios_without_each(model: ForwardModel, level: str, data: Data, theta: Array) -> Array:
    """ln L without each cluster minus ln L with it, shape (S, Q); equal medians are computed once."""
    now = _in_chunks(likelihood(level, model, data), theta)
    ratios: dict[float, Array] = {}
    columns = []
    for i in range(len(data.log_yx)):
        kept = np.arange(len(data.log_yx)) != i
        rest = Data.observed(int(data.size) - 1, data.log_yx[kept], data.error[kept])
        key = rest.median if level == "selfcal" else 0.0
        if key not in ratios:
            ratios[key] = _in_chunks(likelihood(level, model, rest), theta) - now
        columns.append(ratios[key])
    return np.stack(columns, axis=1)


def pareto_k(weight: Array) -> Array:
    """Tail index of the largest weights (S, ...), shape (...): a generalised Pareto fit; -inf if they do not vary.

    Zhang & Stephens (2009), with the weak prior of Vehtari et al. (2024, arXiv:1507.02646, appendix C).
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
