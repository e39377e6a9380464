"""Exact posteriors of many catalogues at once, by level: moments of every parameter, and draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.rng import generator
from ..execution.executor import Executor
from ..likelihoods.level_name import LEVELS
from ..likelihoods.levels import CLUSTER_LEVELS, POINT_LEVELS
from ..likelihoods.many_data import log_likelihoods
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .autocorrelation import effective_draws, harmonic_mean
from .draws import WeightedDraws
from .group_chains import ChainsOf, ChainsPlan, GroupChains

SPARSE = 50.0
"""Effective number of weighted draws below which there are chains instead, where a level has them."""
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
        Effective number of draws, harmonic mean over catalogues: the mean squared error of `mean` is, in units of
        `std`, one over it. Of chains it is borne out by the scatter of several of each catalogue.
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
        Of the chains of a catalogue, all together, where there are chains; at most.
    kept : int
        States of the chains of a catalogue that `sample_posteriors` keeps, evenly spaced.
    enough : float
        Effective number of draws at which chains end before.
    """

    seed: int
    draws: int = 20_000
    steps: int = 3000
    kept: int = 300
    enough: float = float("inf")


@dataclass(frozen=True)
class Posteriors:
    """Draws from the posteriors of P catalogues, and their moments, from one run.

    The first and the second half of the draws are two independent samples of each posterior (other chains): what is
    estimated from both shows its own Monte Carlo error.

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

    Prior draws weighted by the likelihood, shared by all catalogues, where they are exact and far cheaper. Markov
    chains for the levels whose data are all observables of each cluster and, where fewer than `SPARSE` draws of
    `unbinned` are effective, for it too if they have more. Nothing is learnt from the truth.

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

    sigma8: Array | None = None
    progress: Callable[[int, int], None] | None = None
    executor: Executor = field(default_factory=Executor)

    def truths(self, size: int) -> Array:
        """True sigma8 of so many catalogues, NaN where not given."""
        return np.full(size, np.nan) if self.sigma8 is None else np.asarray(self.sigma8, dtype=float)


def _sampled(model: ForwardModel, level: str, mocks: Mocks, plan: MomentsPlan, how: How) -> Posteriors:
    if level not in LEVELS:
        raise InputError(f"level '{level}' is unknown; {nearest(level, LEVELS)}")
    if level in POINT_LEVELS:
        return by_chains(model, level, mocks, plan, how)
    weighted = by_weights(model, level, mocks, plan, how)
    if level in CLUSTER_LEVELS and weighted.moments.effective < SPARSE:
        return max(weighted, by_chains(model, level, mocks, plan, how), key=lambda found: found.moments.effective)
    return weighted


def by_weights(model: ForwardModel, level: str, mocks: Mocks, plan: MomentsPlan, how: How) -> Posteriors:
    """Posteriors from draws of the prior that all catalogues share, weighted by the likelihood."""
    theta = model.parameters.draw(plan.draws, rng=generator(plan.seed, f"moments {level}"))
    value, _ = log_likelihoods(model, level, mocks, theta, theta[: len(mocks.size)])
    weight = np.exp(value - value.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean, sigma8 = weight @ theta, theta[:, model.parameters.names.index("sigma8")]
    std = np.sqrt(np.maximum(weight @ theta**2 - mean**2, 0.0))
    truth = how.truths(len(mocks.size))
    cumulative = np.einsum("pd,pd->p", weight, (sigma8 < truth[:, None]).astype(float))
    effective = harmonic_mean(1.0 / np.einsum("pd,pd->p", weight, weight))
    moments = Moments(
        names=model.parameters.names, mean=mean, std=std, cumulative=_known(cumulative, truth), effective=effective
    )
    parts = np.array_split(np.arange(len(theta)), 2)
    halves = [weight[:, part] @ sigma8[part] / weight[:, part].sum(axis=1) for part in parts]
    shared = np.broadcast_to(theta, (len(weight), *theta.shape))
    return Posteriors(level=level, moments=moments, theta=shared, weight=weight, halves=np.array(halves))


def by_chains(model: ForwardModel, level: str, mocks: Mocks, plan: MomentsPlan, how: How) -> Posteriors:
    """Posteriors from several Markov chains for each catalogue, at a level of single clusters."""
    chains = ChainsOf(model.setup, level, mocks, ChainsPlan(plan.seed, plan.steps, plan.kept, plan.enough))
    found = how.executor.kept(chains_name(level), GroupChains, chains, chains.groups, progress=how.progress)
    mean, std, theta = (np.concatenate([getattr(f, name) for f in found]) for name in ("mean", "std", "theta"))
    trace, truth = np.concatenate([f.trace for f in found], axis=2), how.truths(len(mocks.size))
    below = _known((trace < truth).mean(axis=(0, 1)), truth)
    moments = Moments(
        names=model.parameters.names,
        mean=mean,
        std=std,
        cumulative=below,
        effective=harmonic_mean(effective_draws(trace)),
    )
    weight = np.full(theta.shape[:2], 1.0 / max(theta.shape[1], 1))
    halves = np.array([part.mean(axis=(0, 1)) for part in np.array_split(trace, 2, axis=1)])
    return Posteriors(level=level, moments=moments, theta=theta, weight=weight, halves=halves)


def _known(cumulative: Array, truth: Array) -> Array:
    """Probabilities below the truth, where that is known."""
    return np.where(np.isnan(truth), np.nan, cumulative)
