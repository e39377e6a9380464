"""What every cluster of many catalogues does to sigma8: saliency and leave-one-out, with Monte Carlo errors.

As `saliency`, which takes one catalogue at a time, from the draws of `moments.sample_posteriors`. Either half of the
draws gives an estimate of its own: the covariance of the two over clusters is free of Monte Carlo noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.errors import InputError
from ..likelihoods.data import Data
from ..likelihoods.level import Contribution
from ..likelihoods.levels import level_class
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..sampling.draws import WeightedDraws, systematic
from ..sampling.ensemble import Posteriors
from .saliency import leave_one_out, pareto_k, require_whole

Progress = Callable[[int, int], None]
_CLUSTERS = 20_000
"""Clusters whose densities are held at once."""
_KEPT = 1000
"""Draws of equal weight that stand for many weighted ones."""
_TINY = np.finfo(float).tiny
Parts = tuple[Array, Array, Array]
"""Saliency (3, E, n), shifts (3, n) and Pareto k (n,)."""


@dataclass(frozen=True)
class ClusterInfluence:
    """Saliency and leave-one-out shift of each of the n clusters of P catalogues, at one level.

    Parameters
    ----------
    level : str
    observables : tuple of str
        As in `saliency.Saliency`.
    saliency : ndarray, shape (3, n, E)
        d posterior mean of sigma8 / d log10 of each observable, per dex: from all draws, and from either half.
    shift : ndarray, shape (3, n)
        Posterior mean of sigma8 without the cluster minus with it; likewise.
    pareto_k : ndarray, shape (n,)
        Tail index of the weights behind `shift`; above 0.7 it is not to be trusted.
    """

    level: str
    observables: tuple[str, ...]
    saliency: Array
    shift: Array
    pareto_k: Array

    @property
    def saliency_error(self) -> Array:
        """Root mean square Monte Carlo error of `saliency` by observable, shape (E,)."""
        return half_difference(self.saliency)

    @property
    def shift_error(self) -> float:
        """Root mean square Monte Carlo error of `shift`."""
        return float(half_difference(self.shift))


def half_difference(values: Array) -> Array:
    """Root mean square over clusters of half the difference of two halves, (3, n, ...) -> (...)."""
    return np.asarray(np.sqrt(np.nanmean((values[1] - values[2]) ** 2, axis=0)) / 2)


def cluster_influence(
    model: ForwardModel, mocks: Mocks, posteriors: Posteriors, *, progress: Progress | None = None
) -> ClusterInfluence:
    """Saliency and leave-one-out shifts of every cluster, each catalogue by its own posterior.

    Parameters
    ----------
    model : ForwardModel
    mocks : Mocks
    posteriors : Posteriors
        Of the same catalogues. At `counts` and `selfcal` there are shifts alone, as the data are not the clusters'.
    progress : callable, optional
        Told how many catalogues are done, and of how many.

    Raises
    ------
    InputError
        If the posteriors are of other catalogues or of level `binned`, or hold no draws; as `require_whole`.
    """
    level, size = posteriors.level, len(mocks.size)
    if posteriors.weight.shape[0] != size or not posteriors.weight.shape[1]:
        raise InputError(f"{size} catalogues, but draws of {posteriors.weight.shape} posteriors; use sample_posteriors")
    one, parts = level_class(level), []
    if not one.smooth:
        raise InputError("counts in bins do not move with a cluster's Y_X; use 'unbinned'")
    require_whole(model, level)
    each = _of_points if one.of_clusters else _of_others
    for chosen in _groups(mocks.size if one.of_clusters else np.zeros(size, dtype=int)):
        parts.append(each(model, mocks.part(chosen.start, chosen.stop), _some(posteriors, chosen)))
        if progress is not None:
            progress(chosen.stop, size)
    saliency, shift, tails = (np.concatenate(x, axis=-1) for x in zip(*parts, strict=True))
    return ClusterInfluence(
        level=level,
        observables=one.observables(model),
        saliency=np.moveaxis(saliency, 1, 2),
        shift=shift,
        pareto_k=tails,
    )


def _groups(size: Array) -> Iterator[slice]:
    """Successive catalogues of about `_CLUSTERS` clusters."""
    group = np.cumsum(size) // _CLUSTERS
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(size)], strict=True):
        yield slice(int(start), int(stop))


def _some(posteriors: Posteriors, chosen: slice) -> Posteriors:
    return replace(posteriors, theta=posteriors.theta[chosen], weight=posteriors.weight[chosen])


def _threefold(weight: Array) -> Array:
    """Weights (P, S) of all draws, of the first half and of the second, shape (3, P, S)."""
    first = np.arange(weight.shape[1]) < weight.shape[1] // 2
    parts = np.stack([weight, weight * first, weight * ~first])
    shares: Array = parts / np.maximum(parts.sum(axis=2, keepdims=True), _TINY)
    return shares


def _enlarged(posteriors: Posteriors) -> Array:
    """Factors (3,) that make up for what halves lose: a sample's covariance is low by one over its effective size."""
    size = max(posteriors.moments.effective, 4.0)
    return np.array([1.0, *[(1 - 1 / size) / (1 - 2 / size)] * 2])


def _centred(posteriors: Posteriors) -> Array:
    """Weights of `_threefold` times sigma8 minus its mean, shape (3, P, S)."""
    weight, sigma8 = _threefold(posteriors.weight), posteriors.sigma8
    mean = (weight * sigma8).sum(axis=2, keepdims=True)
    centred: Array = _enlarged(posteriors)[:, None, None] * weight * (sigma8 - mean)
    return centred


def _of_points(model: ForwardModel, mocks: Mocks, posteriors: Posteriors) -> Parts:
    """What clusters do whose observables are all data: each catalogue has draws of its own."""
    one, row = level_class(posteriors.level), mocks.row
    terms, centred = one.terms(model, mocks), _centred(posteriors)
    assert terms is not None
    saliency = np.zeros((3, len(one.observables(model)), len(row)))
    log_density = np.empty((posteriors.weight.shape[1], len(row)))
    for s in range(len(log_density)):
        log_density[s], slope = terms(posteriors.theta[:, s])
        saliency += centred[:, None, row, s] * slope
    return saliency, _shifts(posteriors, row, -log_density), _tails(posteriors, row, -log_density)


def _shifts(posteriors: Posteriors, row: Array, log_ratio: Array) -> Array:
    """Shifts (3, n) of clusters whose removal multiplies the weights of draws by exp(`log_ratio`), (S, n)."""
    ratio, sigma8, found = np.exp(log_ratio - log_ratio.max(axis=0)).T, posteriors.sigma8, []
    for weight in _threefold(posteriors.weight):
        without = weight[row] * ratio
        mean = (without * sigma8[row]).sum(axis=1) / without.sum(axis=1)
        found.append(mean - (weight * sigma8).sum(axis=1)[row])
    shifts: Array = _enlarged(posteriors)[:, None] * np.array(found)
    return shifts


def _tails(posteriors: Posteriors, row: Array, log_ratio: Array) -> Array:
    """Pareto k (n,) of ratios (S, n), catalogue by catalogue."""
    found = np.empty(len(row))
    for i in np.unique(row):
        mine = row == i
        found[mine] = pareto_k(np.exp(log_ratio[:, mine] - log_ratio[:, mine].max(axis=0)))
    return found


def _of_others(model: ForwardModel, mocks: Mocks, posteriors: Posteriors) -> Parts:
    """The same at levels of numbers and mass proxies: draws are shared."""
    found = level_class(posteriors.level).contribution(model, posteriors.theta[0])
    return _of_catalogues(model, mocks, posteriors) if found is None else _of_yx(model, mocks, posteriors, found)


def _of_yx(model: ForwardModel, mocks: Mocks, posteriors: Posteriors, of: Contribution) -> Parts:
    """Draws matter through what a cluster contributes on a grid of Y_X alone."""
    grid, sigma8 = of.grid, posteriors.sigma8[0]
    ratio, weight = np.exp(of.value.min(axis=0) - of.value), _threefold(posteriors.weight)
    pull, factor = _centred(posteriors) @ of.value, _enlarged(posteriors)[:, None, None]
    gone = factor * ((weight * sigma8) @ ratio / (weight @ ratio) - (weight @ sigma8)[..., None])
    moved = len(level_class(posteriors.level).observables(model))
    saliency, shift = np.empty((3, moved, len(mocks.row))), np.empty((3, len(mocks.row)))
    tails = np.empty(len(mocks.row))
    for i in np.flatnonzero(mocks.size):
        mine, draws = mocks.row == i, systematic(posteriors.weight[i], _KEPT)
        at = mocks.log_yx[mine]
        saliency[:, :, mine] = CubicSpline(grid, pull[:, i], axis=1)(at, 1)[:, None]
        shift[:, mine] = CubicSpline(grid, gone[:, i], axis=1)(at)
        change = CubicSpline(grid, -of.value[draws], axis=1)(at)
        tails[mine] = pareto_k(np.exp(change - change.max(axis=0)))
    return saliency, shift, tails


def _of_catalogues(model: ForwardModel, mocks: Mocks, posteriors: Posteriors) -> Parts:
    """A cluster's part depends on the others: every catalogue by itself, with draws of equal weight."""
    weights = _threefold(posteriors.weight)
    shift, tails = np.empty((3, len(mocks.row))), np.empty(len(mocks.row))
    for i in np.flatnonzero(mocks.size):
        data, mine = Data.of_mock(model, mocks, int(i)), mocks.row == i
        for k, weight in enumerate(weights[:, i]):
            chosen = systematic(weight, _KEPT)
            equal = np.full(_KEPT, 1.0 / _KEPT)
            draws = WeightedDraws(posteriors.theta[i][chosen], equal, posteriors.sigma8[i][chosen])
            found = leave_one_out(model, posteriors.level, data, draws)
            shift[k, mine] = found.shift
            tails[mine] = found.pareto_k if k == 0 else tails[mine]
    return np.empty((3, 0, len(mocks.row))), shift, tails
