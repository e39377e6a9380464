"""Exact posteriors of many catalogues at once, by level: moments of every parameter, and draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.rng import generator
from ..execution.executor import Executor
from ..likelihoods.level_name import LEVELS
from ..likelihoods.levels import POINT_LEVELS
from ..likelihoods.many_data import log_likelihoods
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .draws import WeightedDraws
from .group_chains import ChainsOf, ChainsPlan, GroupChains, groups_of
from .pairwise import correlation_length

_NEGLIGIBLE = 1e-6
"""Weight of a draw, in units of the largest, below which it is left out."""


@dataclass(frozen=True)
class Moments:
    """Posterior of P catalogues.

    Parameters
    ----------
    names : tuple of str
        The free parameters.
    mean, std : ndarray, shape (P, D)
    cumulative : ndarray, shape (P,)
        Posterior probability below the true sigma8; NaN where the truth is not given.
    effective : float
        Median effective number of draws: `mean` is uncertain by `std` over its root.
    """

    names: tuple[str, ...]
    mean: Array
    std: Array
    cumulative: Array
    effective: float

    def of(self, name: str) -> tuple[Array, Array]:
        """Mean and width of one parameter, (P,) each."""
        i = self.names.index(name)
        return self.mean[:, i], self.std[:, i]


@dataclass(frozen=True)
class MomentsPlan:
    """How precisely posteriors are sampled.

    Parameters
    ----------
    seed : int
    draws : int
        Prior draws that all catalogues share, weighted by the likelihood.
    steps : int
        Of every chain, at the levels of single clusters.
    kept : int
        States of every chain that `sample_posteriors` keeps, evenly spaced.
    """

    seed: int
    draws: int = 20_000
    steps: int = 3000
    kept: int = 300


@dataclass(frozen=True)
class Posteriors:
    """Draws from the posteriors of P catalogues, and their moments, from one run.

    The first and the second half of the draws are two independent samples of each posterior (of a chain, but for
    its memory): what is estimated from both shows its own Monte Carlo error.

    Parameters
    ----------
    level : str
    moments : Moments
    theta : ndarray, shape (P, S, D)
        States of chains, or prior draws that all catalogues share.
    weight : ndarray, shape (P, S)
        Normalised to one for each catalogue.
    halves : ndarray, shape (2, P)
        Posterior means of sigma8 from either half of all that was sampled.
    """

    level: str
    moments: Moments
    theta: Array
    weight: Array
    halves: Array

    @property
    def sigma8(self) -> Array:
        """sigma8 of the draws, shape (P, S)."""
        return self.theta[:, :, self.moments.names.index("sigma8")]

    @property
    def mean(self) -> Array:
        """Posterior means of sigma8, shape (P,)."""
        return self.moments.of("sigma8")[0]

    @property
    def error(self) -> float:
        """Root mean square Monte Carlo error of `mean`, from the difference of the halves."""
        return float(np.sqrt(np.mean((self.halves[0] - self.halves[1]) ** 2)) / 2)

    def of(self, index: int) -> WeightedDraws:
        """Draws of one catalogue, those of no weight left out."""
        weight = self.weight[index]
        some = weight > _NEGLIGIBLE * weight.max()
        return WeightedDraws(self.theta[index][some], weight[some] / weight[some].sum(), self.sigma8[index][some])


def posterior_moments(
    model: ForwardModel,
    level: str,
    mocks: Mocks,
    plan: MomentsPlan,
    *,
    sigma8: Array | None = None,
    progress: Callable[[int, int], None] | None = None,
    executor: Executor | None = None,
) -> Moments:
    """Posterior moments of catalogues of one survey, each by itself, with the survey's own priors.

    Prior draws weighted by the likelihood, shared by all catalogues; Markov chains for the levels of single
    clusters, as `rankchain` proposes them (from a regression on summaries of the data, never from the truth).

    Parameters
    ----------
    model : ForwardModel
    level : str
    mocks : Mocks
        The catalogues, P of them.
    plan : MomentsPlan
    sigma8 : ndarray, shape (P,), optional
        True values, for `Moments.cumulative` alone.
    progress : callable, optional
        Told how many groups of catalogues are done, and of how many.
    executor : Executor, optional
        Who walks chains, and keeps those that are finished.

    Raises
    ------
    InputError
        If the level is unknown.
    """
    return _sampled(model, level, mocks, replace(plan, kept=0), How(sigma8, progress, executor or Executor())).moments


def sample_posteriors(
    model: ForwardModel,
    level: str,
    mocks: Mocks,
    plan: MomentsPlan,
    *,
    sigma8: Array | None = None,
    progress: Callable[[int, int], None] | None = None,
    executor: Executor | None = None,
) -> Posteriors:
    """Draws from the posteriors of catalogues, with the moments of `posterior_moments`, which says the rest.

    Raises
    ------
    InputError
        If the level is unknown, or fewer than two states of chains are to be kept.
    """
    if plan.kept < 2:
        raise InputError(f"kept must be at least 2, got {plan.kept}: half of the draws tell the other's error")
    return _sampled(model, level, mocks, plan, How(sigma8, progress, executor or Executor()))


def chains_name(level: str) -> str:
    """Name under which finished groups of chains are kept."""
    return f"chains-{level}"


@dataclass(frozen=True)
class How:
    """What posteriors do not depend on: true sigma8 (P,) or None, who is told of progress, who does the work."""

    sigma8: Array | None
    progress: Callable[[int, int], None] | None
    executor: Executor


def _sampled(model: ForwardModel, level: str, mocks: Mocks, plan: MomentsPlan, how: How) -> Posteriors:
    if level not in LEVELS:
        raise InputError(f"level '{level}' is unknown; {nearest(level, LEVELS)}")
    truth = np.full(len(mocks.size), np.nan) if how.sigma8 is None else np.asarray(how.sigma8, dtype=float)
    if level in POINT_LEVELS:
        return _by_chains(model, level, mocks, truth, ChainsPlan(plan.seed, plan.steps, plan.kept), how)
    rng = generator(plan.seed, f"moments {level}")
    theta = model.parameters.draw(plan.draws, rng=rng)
    value, _ = log_likelihoods(model, level, mocks, theta, theta[: len(mocks.size)])
    weight = np.exp(value - value.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean, sigma8 = weight @ theta, theta[:, model.parameters.names.index("sigma8")]
    std = np.sqrt(np.maximum(weight @ theta**2 - mean**2, 0.0))
    cumulative = np.einsum("pd,pd->p", weight, (sigma8 < truth[:, None]).astype(float))
    effective = float(np.median(1.0 / np.einsum("pd,pd->p", weight, weight)))
    moments = Moments(model.parameters.names, mean, std, _known(cumulative, truth), effective)
    parts = np.array_split(np.arange(len(theta)), 2)
    halves = [weight[:, part] @ sigma8[part] / weight[:, part].sum(axis=1) for part in parts]
    shared = np.broadcast_to(theta, (len(weight), *theta.shape))
    return Posteriors(level, moments, shared, weight, np.array(halves))


def _known(cumulative: Array, truth: Array) -> Array:
    """Probabilities below the truth, where that is known."""
    return np.where(np.isnan(truth), np.nan, cumulative)


def _by_chains(model: ForwardModel, level: str, mocks: Mocks, truth: Array, plan: ChainsPlan, how: How) -> Posteriors:
    """Posteriors from one chain for each catalogue."""
    chains, parameters = ChainsOf(model.setup, level, mocks, plan), model.parameters
    found = how.executor.kept(chains_name(level), GroupChains, chains, groups_of(mocks), progress=how.progress)
    mean, std, theta = (np.concatenate([getattr(f, name) for f in found]) for name in ("mean", "std", "theta"))
    trace = np.concatenate([f.trace for f in found], axis=1)
    below = _known((trace < truth).mean(axis=0), truth)
    moments = Moments(parameters.names, mean, std, below, len(trace) / correlation_length(trace))
    weight = np.full(theta.shape[:2], 1.0 / max(theta.shape[1], 1))
    halves = np.array([part.mean(axis=0) for part in np.array_split(trace, 2)])
    return Posteriors(level, moments, theta, weight, halves)
