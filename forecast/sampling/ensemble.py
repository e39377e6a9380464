"""Exact posteriors of many catalogues at once, by level: moments of every parameter, and draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.rng import generator
from ..likelihoods.level_name import LEVELS
from ..likelihoods.levels import POINT_LEVELS
from ..likelihoods.many_data import log_likelihoods
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .draws import WeightedDraws
from .pairwise import Lessons, PairwisePosterior, correlation_length, walk
from .proposal import from_scores

BURN = 0.2
"""Share of a chain that is left out."""
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
        Told how many steps of the chains are done, and of how many.

    Raises
    ------
    InputError
        If the level is unknown.
    """
    return _sampled(model, level, mocks, plan, (sigma8, progress), 0).moments


def sample_posteriors(
    model: ForwardModel,
    level: str,
    mocks: Mocks,
    plan: MomentsPlan,
    *,
    sigma8: Array | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Posteriors:
    """Draws from the posteriors of catalogues, with the moments of `posterior_moments`, which says the rest.

    Raises
    ------
    InputError
        If the level is unknown, or fewer than two states of chains are to be kept.
    """
    if plan.kept < 2:
        raise InputError(f"kept must be at least 2, got {plan.kept}: half of the draws tell the other's error")
    return _sampled(model, level, mocks, plan, (sigma8, progress), plan.kept)


def _sampled(
    model: ForwardModel,
    level: str,
    mocks: Mocks,
    plan: MomentsPlan,
    how: tuple[Array | None, Callable[[int, int], None] | None],
    kept: int,
) -> Posteriors:
    """Posteriors; of chains `kept` states; `how`: true sigma8, progress."""
    if level not in LEVELS:
        raise InputError(f"level '{level}' is unknown; {nearest(level, LEVELS)}")
    truth = np.full(len(mocks.size), np.nan) if how[0] is None else np.asarray(how[0], dtype=float)
    rng = generator(plan.seed, f"moments {level}")
    if level in POINT_LEVELS:
        return _by_chains(model, level, mocks, truth, (plan.steps, kept), (rng, how[1]))
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


def _by_chains(
    model: ForwardModel,
    level: str,
    mocks: Mocks,
    truth: Array,
    plan: tuple[int, int],
    how: tuple[np.random.Generator, Callable[[int, int], None] | None],
) -> Posteriors:
    """Posteriors from one chain for each catalogue; `plan`: steps, states to keep; `how`: randomness, progress."""
    (steps, kept), (rng, progress), parameters = plan, how, model.parameters
    lessons, target = Lessons.drawn(model, rng=rng), PairwisePosterior(model, mocks, lensing=level == "full+wl")
    proposal = lessons.proposal(target, mocks)
    burn, index = round(BURN * steps), parameters.names.index("sigma8")
    total, square = np.zeros((2, *proposal.mean.shape))
    trace, states = np.empty((steps - burn, len(truth))), []
    wanted = np.unique(np.linspace(0, steps - burn - 1, kept).astype(int)) if kept else np.empty(0, dtype=int)
    chain = walk(target, parameters, proposal, proposal.mean, rng=rng)
    for step, (scores, _) in enumerate(islice(chain, steps)):
        if step >= burn:
            theta = from_scores(parameters, scores)
            total, square = total + theta, square + theta**2
            trace[step - burn] = theta[:, index]
            if step - burn in wanted:
                states.append(theta)
        if progress is not None and step % 50 == 49:
            progress(step + 1, steps)
    mean = total / len(trace)
    std = np.sqrt(np.maximum(square / len(trace) - mean**2, 0.0))
    below = _known((trace < truth).mean(axis=0), truth)
    moments = Moments(parameters.names, mean, std, below, len(trace) / correlation_length(trace))
    drawn = np.stack(states, axis=1) if states else np.empty((len(truth), 0, mean.shape[1]))
    weight = np.full(drawn.shape[:2], 1.0 / max(drawn.shape[1], 1))
    halves = np.array([part.mean(axis=0) for part in np.array_split(trace, 2)])
    return Posteriors(level, moments, drawn, weight, halves)
