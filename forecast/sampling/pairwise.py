"""Ranks of true parameters in Markov chains: exact calibration tests where prior draws are too sparse.

Run a reversible chain from the truth k steps one way and L - k the other, with k uniform from 0 to L:
truth and states are exchangeable if the posterior is right, so that the rank of the truth is uniform
for any L and any mixing (Besag & Clifford 1989; Gandy & Scott 2020, arXiv:2001.06465). The length buys
power only. Proposals come from a regression of the parameters on summaries of the data, trained on
mocks of their own: what a kernel knows of the data does not spoil exactness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Protocol

import numpy as np
from scipy import linalg

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..likelihoods.density.point_density import PointDensity
from ..likelihoods.density.points import Points
from ..likelihoods.fisher import Fisher
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..model.simulate import draw_mocks
from .proposal import from_scores

TRAINING = 3000
"""Mock catalogues from which proposals are learnt."""
_FRESH, _BOLD_SHARE, _STRETCH, _FREEDOM = 0.5, 2 / 3, 1.1, 5.0
"""How much of a remembering step is new, the share of bold ones, the width of the former, the freedom of the latter."""
_RIDGE = 1e-3
_NEWTON, _DIFFERENCE, _EDGE = 8, 0.02, 2.5


class Target(Protocol):
    """ln L of n catalogues, each at a parameter vector of its own."""

    def __call__(self, theta: Array) -> Array:
        """ln L up to a term of the data, shape (n,), for `theta` of shape (n, D)."""

    def expansion(self, parameters: ParameterSet, scores: Array) -> tuple[Array, Array]:
        """Gradient (n, D) of the log posterior, and its curvature (n, D, D) with opposite sign, in scores."""


class PairwisePosterior:
    """ln L of n mock catalogues, each at a parameter vector of its own.

    Parameters
    ----------
    model : ForwardModel
    mocks : Mocks
    lensing : bool
        Whether weak-lensing masses are among the data.
    """

    def __init__(self, model: ForwardModel, mocks: Mocks, *, lensing: bool) -> None:
        self._model, self._row, self._size = model, mocks.row, len(mocks.size)
        self._density = PointDensity(model, Points.of_mocks(model, mocks), lensing)
        self._column = np.arange(len(mocks.row))

    def __call__(self, theta: Array) -> Array:
        """ln L up to a term of the data, shape (n,), for `theta` of shape (n, D)."""
        return self._sums(self._density(theta, self._row, self._column)) - self._model.expected_count(theta)

    def _sums(self, values: Array) -> Array:
        """Sum over the clusters of each catalogue, shape (n,)."""
        return np.bincount(self._row, weights=values, minlength=self._size)

    def expansion(self, parameters: ParameterSet, scores: Array) -> tuple[Array, Array]:
        """Gradient (n, D) of the log posterior, and its curvature (n, D, D) with opposite sign, in scores (n, D).

        The curvature is the sum over clusters of the products of d ln lambda, which estimates Fisher's.
        """
        size = scores.shape[1]
        each, slope = np.empty((len(self._row), size)), np.empty_like(scores)
        for d in range(size):
            step = _DIFFERENCE * np.eye(size)[d]
            up, down = (from_scores(parameters, scores + sign * step) for sign in (1, -1))
            each[:, d] = self._density(up, self._row, self._column) - self._density(down, self._row, self._column)
            slope[:, d] = self._model.expected_count(down) - self._model.expected_count(up)
        each, slope = each / (2 * _DIFFERENCE), slope / (2 * _DIFFERENCE)
        slope += np.stack([self._sums(column) for column in each.T], axis=1) - scores
        products = np.zeros((self._size, size, size))
        np.add.at(products, self._row, each[:, :, None] * each[:, None, :])
        return slope, products + np.eye(size)


def summaries(mocks: Mocks, names: Sequence[str] = ()) -> Array:
    """Count, means and covariances of every catalogue's observables, and their products, shape (P, F).

    `names`: the observables to use; all by default.
    """
    chosen = [mocks.names.index(name) for name in names or mocks.names]
    data = np.column_stack([mocks.z, mocks.observables[:, chosen], mocks.log_mwl])
    data = data[:, np.all(np.isfinite(data), axis=0)] if len(data) else data[:, :1]
    data = data[:, np.ptp(data, axis=0) > 0] if len(data) else data
    row, size = mocks.row, mocks.size
    number = np.maximum(size, 1)[:, None]

    def total(values: Array) -> Array:
        out = np.zeros((len(size), values.shape[1]))
        np.add.at(out, row, values)
        return out

    mean = total(data) / number
    centred = data - mean[row]
    upper = np.triu_indices(data.shape[1])
    spread = total(centred[:, upper[0]] * centred[:, upper[1]]) / number
    first = np.column_stack([np.log(size + 1.0), mean])
    pairs = np.triu_indices(first.shape[1])
    standard = (first - first.mean(axis=0)) / np.maximum(first.std(axis=0), 1e-12)
    return np.column_stack([first, spread, standard[:, pairs[0]] * standard[:, pairs[1]]])


def regression(scores: Array, training: Array, features: Array) -> Array:
    """Ridge regression of scores (T, D) on features (T, F), applied to features (n, F); shape (n, D)."""
    centre, scale = training.mean(axis=0), np.maximum(training.std(axis=0), 1e-12)
    x = np.column_stack([np.ones(len(training)), (training - centre) / scale])
    weights = linalg.solve(x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1]), x.T @ scores, assume_a="pos")
    at = np.clip((features - centre) / scale, -6, 6)
    return np.asarray(np.column_stack([np.ones(len(features)), at]) @ weights)


def fisher_expansion(target: Target, fisher: Fisher, scores: Array) -> tuple[Array, Array]:
    """Gradient and curvature as `PairwisePosterior.expansion`, with a Fisher matrix for the curvature."""
    parameters, size = fisher.parameters, scores.shape[1]
    gradient, growth = np.empty_like(scores), np.empty_like(scores)
    for d in range(size):
        step = _DIFFERENCE * np.eye(size)[d]
        up, down = (from_scores(parameters, scores + sign * step) for sign in (1, -1))
        gradient[:, d] = (target(up) - target(down)) / (2 * _DIFFERENCE)
        growth[:, d] = (parameters.to_coordinates(up) - parameters.to_coordinates(down))[:, d] / (2 * _DIFFERENCE)
    information = fisher.information * growth[:, :, None] * growth[:, None, :]
    return gradient - scores, information + np.eye(size)


@dataclass(frozen=True)
class Proposal:
    """One Gaussian in prior scores z for each catalogue, from its data alone.

    Parameters
    ----------
    mean : ndarray, shape (n, D)
    factor : ndarray, shape (n, D, D)
        Lower Cholesky factors of the covariances.
    """

    mean: Array
    factor: Array

    @classmethod
    def laplace(cls, target: Target, parameters: ParameterSet, start: Array) -> Proposal:
        """Newton steps from `start`, shape (n, D), with the target's own expansion."""
        at = np.clip(start, -_EDGE, _EDGE)
        height = target(from_scores(parameters, at)) - 0.5 * (at**2).sum(axis=1)
        for _ in range(_NEWTON):
            slope, curvature = target.expansion(parameters, at)
            step = np.linalg.solve(curvature, slope[..., None])[..., 0]
            for scale in (1.0, 0.3):
                new = np.clip(at + scale * np.clip(step, -1, 1), -_EDGE, _EDGE)
                raised = target(from_scores(parameters, new)) - 0.5 * (new**2).sum(axis=1)
                better = raised > height
                at, height = np.where(better[:, None], new, at), np.where(better, raised, height)
        return cls(at, np.linalg.cholesky(np.linalg.inv(target.expansion(parameters, at)[1])))

    def step(self, scores: Array, bold: Array, normal: Array, stretch: Array) -> Array:
        """New scores (n, D): those of `bold` (n,) chains anew from a Student t, the others' half remembered.

        Standard normal numbers (n, D), and ones distributed as chi-squared over its degrees of freedom, (n,).
        Either way a step and its reverse are as probable as `log_density` says.
        """
        wild = np.where(bold, 1 / np.sqrt(stretch), _STRETCH * _FRESH)[:, None]
        memory = np.where(bold, 0.0, np.sqrt(1 - _FRESH**2))[:, None]
        proposed: Array = (
            self.mean + memory * (scores - self.mean) + wild * np.einsum("nij,nj->ni", self.factor, normal)
        )
        return proposed

    def log_density(self, scores: Array) -> Array:
        """ln density of both kinds of step, up to constants, shape (n, 2): remembering, and bold."""
        white = np.linalg.solve(self.factor, (scores - self.mean)[..., None])[..., 0]
        square, size = (white**2).sum(axis=1), scores.shape[1]
        heavy = -0.5 * (_FREEDOM + size) * np.log1p(square / _FREEDOM)
        return np.stack([-0.5 * square / _STRETCH**2, heavy], axis=1)


@dataclass(frozen=True)
class Lessons:
    """What summaries of mock catalogues say of their parameters: where a chain may begin, from the data alone.

    Parameters
    ----------
    model : ForwardModel
    scores : ndarray, shape (T, D)
        Prior scores of the mocks' parameters.
    features : ndarray, shape (T, F)
        Their `summaries`.
    """

    model: ForwardModel
    scores: Array
    features: Array

    @classmethod
    def drawn(cls, model: ForwardModel, *, rng: np.random.Generator, scores: Array | None = None) -> Lessons:
        """Lessons from one mock at each of `scores`, by default `TRAINING` drawn from the prior."""
        if scores is None:
            scores = rng.standard_normal((TRAINING, len(model.parameters.free)))
        return cls(model, scores, summaries(draw_mocks(model, from_scores(model.parameters, scores), rng=rng)))

    def proposal(self, target: Target, mocks: Mocks) -> Proposal:
        """Proposal for each of the catalogues of `mocks`, whose likelihoods are `target`."""
        features = summaries(mocks, self.model.setup.relations.names)
        return Proposal.laplace(target, self.model.parameters, regression(self.scores, self.features, features))


@dataclass(frozen=True)
class Ranks:
    """Ranks of the truth: weight below it by quantity (Q, n), and the effective length of the chains."""

    rank: Array
    effective_size: float


def rank_truths(
    models: tuple[ForwardModel, ForwardModel], size: int, steps: int, *, lensing: bool, rng: np.random.Generator
) -> Ranks:
    """Ranks of `size` truths drawn from the prior in chains of `steps` steps.

    Parameters
    ----------
    models : tuple of ForwardModel
        The one whose posterior is tested, and the one that draws the mocks.
    size, steps : int
    lensing : bool
    rng : numpy.random.Generator
        Quantities are the free parameters, in order, then the log likelihood.
    """
    model, source = models
    parameters = model.parameters
    scores, training = rng.standard_normal((2, max(size, TRAINING), len(parameters.free)))
    truth = scores[:size]
    lessons = Lessons.drawn(model, rng=rng, scores=training[:TRAINING])
    mocks = draw_mocks(source, from_scores(source.parameters, truth), rng=rng)
    target = PairwisePosterior(model, mocks, lensing=lensing)
    return _ranks(target, parameters, truth, lessons.proposal(target, mocks), steps, rng)


def walk(
    target: Target,
    parameters: ParameterSet,
    proposal: Proposal,
    start: Array,
    *,
    rng: np.random.Generator,
    turn: Array | None = None,
) -> Iterator[tuple[Array, Array]]:
    """States of Metropolis chains, one for each catalogue: scores (n, D) and ln L (n,), without end.

    Before step `turn` (n,) a chain goes back to its start.
    """
    origin = start.copy(), target(from_scores(parameters, start)), proposal.log_density(start)
    at, value, density = (x.copy() for x in origin)
    for step in count():
        if turn is not None:
            turned = turn == step
            at[turned], value[turned], density[turned] = (x[turned] for x in origin)
        bold = rng.random(len(at)) < _BOLD_SHARE
        stretch = rng.chisquare(_FREEDOM, size=len(at)) / _FREEDOM
        new = proposal.step(at, bold, rng.standard_normal(at.shape), stretch)
        new_value, new_density = target(from_scores(parameters, new)), proposal.log_density(new)
        toward, back = (d[np.arange(len(at)), bold.astype(int)] for d in (new_density, density))
        gain = new_value - value - 0.5 * ((new**2).sum(axis=1) - (at**2).sum(axis=1)) - (toward - back)
        kept = np.log(rng.random(len(at))) < gain
        at[kept], value[kept], density[kept] = new[kept], new_value[kept], new_density[kept]
        yield at, value


def _ranks(
    target: PairwisePosterior,
    parameters: ParameterSet,
    truth: Array,
    proposal: Proposal,
    steps: int,
    rng: np.random.Generator,
) -> Ranks:
    turn = rng.integers(0, steps + 1, size=len(truth))
    goal = np.column_stack([truth, target(from_scores(parameters, truth))])
    below, equal = np.zeros((2, *goal.shape))
    trace = np.empty((steps, len(truth)))
    chain = walk(target, parameters, proposal, truth, rng=rng, turn=turn)
    for step, (at, value) in enumerate(islice(chain, steps)):
        state = np.column_stack([at, value])
        below += state < goal
        equal += state == goal
        trace[step] = at[:, parameters.names.index("sigma8")]
    rank = (below + rng.random((len(truth), 1)) * (1 + equal)) / (steps + 1)
    return Ranks(rank.T, steps / correlation_length(trace, turn))


def correlation_length(trace: Array, turn: Array | None = None) -> float:
    """Integrated autocorrelation length of traces (steps, n); before `turn` (n,) they run backwards."""
    ordered = trace.T
    if turn is not None:
        ordered = np.stack([np.concatenate([t[:k][::-1], t[k:]]) for t, k in zip(ordered, turn, strict=True)])
    centred = ordered - ordered.mean(axis=1, keepdims=True)
    power = (np.abs(np.fft.rfft(centred, 2 * len(trace), axis=1)) ** 2).mean(axis=0)
    correlation = np.fft.irfft(power)[: len(trace)] / np.arange(len(trace), 0, -1)
    length = 1 + 2 * np.cumsum(correlation[1:] / correlation[0])
    window = np.flatnonzero(np.arange(1, len(trace)) >= 5 * length)
    return float(max(1.0, length[window[0]] if len(window) else length[-1]))
