"""Exact posterior mean and width of every parameter for many catalogues at once, by level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from .calibration import log_likelihoods
from .errors import InputError, nearest
from .guide import from_scores
from .likelihood import LEVELS, POINT_LEVELS
from .mock import Mocks
from .model import ForwardModel
from .rankchain import Lessons, PairwisePosterior, correlation_length, walk
from .rng import generator

Array = np.ndarray
BURN = 0.2
"""Share of a chain that is left out."""


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
    """

    seed: int
    draws: int = 20_000
    steps: int = 3000


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
    if level not in LEVELS:
        raise InputError(f"level '{level}' is unknown; {nearest(level, LEVELS)}")
    truth = np.full(len(mocks.size), np.nan) if sigma8 is None else np.asarray(sigma8, dtype=float)
    rng = generator(plan.seed, f"moments {level}")
    if level in POINT_LEVELS:
        return _by_chains(model, mocks, truth, plan.steps, (level == "full+wl", rng, progress))
    theta = model.parameters.draw(plan.draws, rng=rng)
    value, _ = log_likelihoods(model, level, mocks, theta, theta[: len(mocks.size)])
    weight = np.exp(value - value.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean = weight @ theta
    std = np.sqrt(np.maximum(weight @ theta**2 - mean**2, 0.0))
    below = theta[:, model.parameters.names.index("sigma8")] < truth[:, None]
    effective = float(np.median(1.0 / np.einsum("pd,pd->p", weight, weight)))
    return Moments(
        model.parameters.names, mean, std, _known(np.einsum("pd,pd->p", weight, below.astype(float)), truth), effective
    )


def _known(cumulative: Array, truth: Array) -> Array:
    """Probabilities below the truth, where that is known."""
    return np.where(np.isnan(truth), np.nan, cumulative)


def _by_chains(
    model: ForwardModel,
    mocks: Mocks,
    truth: Array,
    steps: int,
    how: tuple[bool, np.random.Generator, Callable[[int, int], None] | None],
) -> Moments:
    """Moments from one chain for each catalogue; `how`: with weak lensing or not, randomness, progress."""
    (lensing, rng, progress), parameters = how, model.parameters
    lessons, target = Lessons.drawn(model, rng=rng), PairwisePosterior(model, mocks, lensing=lensing)
    proposal = lessons.proposal(target, mocks)
    burn, index = round(BURN * steps), parameters.names.index("sigma8")
    total, square = np.zeros((2, *proposal.mean.shape))
    below, trace = np.zeros(len(truth)), np.empty((steps - burn, len(truth)))
    chain = walk(target, parameters, proposal, proposal.mean, rng=rng)
    for step, (scores, _) in enumerate(islice(chain, steps)):
        if step >= burn:
            theta = from_scores(parameters, scores)
            total, square = total + theta, square + theta**2
            trace[step - burn] = theta[:, index]
            below += theta[:, index] < truth
        if progress is not None and step % 50 == 49:
            progress(step + 1, steps)
    kept = steps - burn
    mean = total / kept
    std = np.sqrt(np.maximum(square / kept - mean**2, 0.0))
    return Moments(parameters.names, mean, std, _known(below / kept, truth), kept / correlation_length(trace))
