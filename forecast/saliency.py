"""Statistical saliency and leave-one-out: what each datum does to the posterior mean of sigma8.

The derivative of a posterior mean with respect to a datum x is the posterior covariance of the
parameter with d ln L / dx. They are what a network's saliency will be held against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .errors import InputError
from .likelihood import Data, likelihood
from .model import ForwardModel

Array = np.ndarray
_STEP = 0.01
"""Step of derivatives with respect to log10 Y_X, dex."""
_CHUNK = 64
PARETO_LIMIT = 0.7
"""Pareto k above which a leave-one-out shift by reweighting is not to be trusted (Vehtari et al. 2024)."""


@dataclass(frozen=True)
class WeightedDraws:
    """Draws that represent a posterior.

    Parameters
    ----------
    theta : ndarray, shape (S, D)
    weight : ndarray, shape (S,)
        Normalised to one; equal for a chain.
    sigma8 : ndarray, shape (S,)
    """

    theta: Array
    weight: Array
    sigma8: Array

    @property
    def mean(self) -> float:
        """Posterior mean of sigma8."""
        return float(self.weight @ self.sigma8)

    @property
    def effective_size(self) -> float:
        """Kish effective sample size."""
        return float(1.0 / (self.weight @ self.weight))

    def covariance(self, values: Array) -> Array:
        """Posterior covariance of sigma8 with `values`, shape (S, ...) -> (...)."""
        centred = self.weight * (self.sigma8 - self.mean)
        return np.tensordot(centred, values, axes=1)

    def equal(self, values: Array) -> Array:
        """`values` at draws of equal weight (systematic resampling), shape (S,)."""
        places = (np.arange(len(self.weight)) + 0.5) / len(self.weight)
        return values[np.minimum(np.searchsorted(np.cumsum(self.weight), places), len(values) - 1)]

    def reweighted_mean(self, log_ratio: Array) -> float:
        """Posterior mean of sigma8 after multiplying the likelihood by exp(`log_ratio`)."""
        weight = self.weight * np.exp(log_ratio - log_ratio[self.weight > 0].max())
        return float(weight @ self.sigma8 / weight.sum())


def from_chain(model: ForwardModel, samples: Array) -> WeightedDraws:
    """Equal-weight draws from a chain's samples, shape (S, D)."""
    sigma8 = samples[:, model.parameters.names.index("sigma8")]
    return WeightedDraws(samples, np.full(len(samples), 1.0 / len(samples)), sigma8)


def from_prior(model: ForwardModel, level: str, data: Data, size: int, *, rng: np.random.Generator) -> WeightedDraws:
    """`size` prior draws weighted by one level's likelihood; see their effective size."""
    theta = model.parameters.draw(size, rng=rng)
    value = _in_chunks(likelihood(level, model, data), theta)
    weight = np.exp(value - value.max())
    return WeightedDraws(theta, weight / weight.sum(), theta[:, model.parameters.names.index("sigma8")])


def _in_chunks(function: object, theta: Array) -> Array:
    assert callable(function)
    parts = np.array_split(theta, max(1, len(theta) // _CHUNK))
    return np.concatenate([function(part) for part in parts])


@dataclass(frozen=True)
class Saliency:
    """Response of the posterior mean of sigma8 to the data of one level.

    Parameters
    ----------
    level : str
    per_cluster : ndarray, shape (Q,)
        d sigma8 / d log10 Y_X of each cluster, per dex (empty for `counts` and `selfcal`).
    median : float
        d sigma8 / d median log10 Y_X, per dex (`selfcal`; NaN elsewhere).
    count : float
        Change of sigma8 for one cluster more at unchanged Y_X (NaN for `unbinned` and `binned`).
    effective_size : float
        Of the draws.
    """

    level: str
    per_cluster: Array
    median: float
    count: float
    effective_size: float


def saliency(model: ForwardModel, level: str, data: Data, draws: WeightedDraws) -> Saliency:
    """Saliency of one level of the ladder.

    Parameters
    ----------
    model : ForwardModel
    level : {"counts", "selfcal", "unbinned"}
    data : Data
    draws : WeightedDraws
        From that level's posterior.

    Raises
    ------
    InputError
        For `binned`, whose likelihood is not differentiable in Y_X.
    """
    if level == "binned":
        raise InputError("saliency of 'binned' is not defined: counts in bins do not move with Y_X; use 'unbinned'")
    empty, nan = np.empty(0), float("nan")
    if level == "unbinned":
        above, below = (_log_density(model, draws.theta, data, shift) for shift in (_STEP, -_STEP))
        slope = draws.covariance((above - below) / (2 * _STEP))
        return Saliency(level, slope, nan, nan, draws.effective_size)
    more = Data(data.size + 1, data.log_yx, data.error, data.weight, data.median)
    now = _in_chunks(likelihood(level, model, data), draws.theta)
    if level == "counts":
        gain = draws.reweighted_mean(_in_chunks(likelihood(level, model, more), draws.theta) - now) - draws.mean
        return Saliency(level, empty, nan, gain, draws.effective_size)
    moved = [
        _in_chunks(likelihood(level, model, _with_median(data, data.median + s)), draws.theta) for s in (_STEP, -_STEP)
    ]
    pull = float(draws.covariance((moved[0] - moved[1]) / (2 * _STEP)))
    count = _in_chunks(likelihood("counts", model, more), draws.theta)
    count -= _in_chunks(likelihood("counts", model, data), draws.theta)
    return Saliency(level, empty, pull, draws.reweighted_mean(count) - draws.mean, draws.effective_size)


def _with_median(data: Data, median: float) -> Data:
    return Data(data.size, data.log_yx, data.error, data.weight, median)


def _log_density(model: ForwardModel, theta: Array, data: Data, shift: float = 0.0) -> Array:
    """ln lambda of every datum, moved by `shift` dex, shape (S, Q)."""
    return _in_chunks(
        lambda part: np.log(np.maximum(model.yx_density(part, data.log_yx + shift, data.error), 1e-300)), theta
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

    `unbinned`: weights 1/lambda(y_i | theta), as for any point process. `counts` and `selfcal`: the
    full likelihood ratio with N - 1 clusters and the median of those that remain.

    Parameters
    ----------
    model, level, data, draws
        As for `saliency`; every datum of unit weight.
    """
    if level == "unbinned":
        log_ratios = -_log_density(model, draws.theta, data)
    else:
        log_ratios = _ratios_without_each(model, level, data, draws.theta)
    shift = [draws.reweighted_mean(ratio) - draws.mean for ratio in log_ratios.T]
    tails = [pareto_k(draws.equal(np.exp(r - r.max()))) for r in log_ratios.T]
    return LeaveOneOut(level, np.array(shift), np.array(tails))


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


def pareto_k(weight: Array) -> float:
    """Tail index of the largest weights, a generalised Pareto fit (Vehtari et al. 2024)."""
    weight = np.sort(weight[weight > 0])
    tail = int(min(0.2 * len(weight), 3 * np.sqrt(len(weight))))
    if tail < 10 or weight[-1] == weight[-tail - 1]:
        return float("-inf")
    excess = (weight[-tail:] - weight[-tail - 1]) / weight[-1]
    return float(stats.genpareto.fit(excess, floc=0)[0])


def average_by(values: Array, at: Array, edges: Array) -> tuple[Array, Array]:
    """Mean of `values` in bins of `at` and its standard error, each of shape (B,); NaN where empty.

    `at` is the clusters' true log10 mass, or their redshift.
    """
    place = np.digitize(at, edges) - 1
    mean, error = np.full(len(edges) - 1, np.nan), np.full(len(edges) - 1, np.nan)
    for b in range(len(edges) - 1):
        inside = values[place == b]
        if len(inside):
            mean[b] = inside.mean()
            error[b] = inside.std(ddof=1) / np.sqrt(len(inside)) if len(inside) > 1 else np.nan
    return mean, error
