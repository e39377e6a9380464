"""MCMC with emcee: vectorised, checked for convergence, written in blocks that survive `kill -9`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import ParameterSet
from ..core.rng import generator, legacy_state, stream
from ..likelihoods.available import Share
from ..likelihoods.posterior import Posterior
from .autocorrelation import autocorrelation_time
from .chain_file import Block, append_block, load_block
from .proposal import Guide
from .stepping import Guard, Pace

TAU_FACTOR = 50.0
"""A chain has converged when it is this many autocorrelation times long, after burn-in."""
BURN_FACTOR = 5.0
LEARNING = (500, 1000)
"""Steps from the second half of which the guide is learnt, and learnt anew; the first are part of the burn-in."""
GUIDED = 500
"""Fewest steps after them."""


@dataclass(frozen=True)
class ChainPlan:
    """What to sample and where to keep it.

    Parameters
    ----------
    level : str
        Name of the random stream.
    seed : int
    walkers, block, max_steps : int
        The chain is written, and its convergence judged, every `block` steps.
    path : Path
        HDF5 file in emcee's own format.
    fingerprint : str
        Digest of configuration and data; another one's chain is never resumed.
    """

    level: str
    seed: int
    walkers: int
    block: int
    max_steps: int
    path: Path
    fingerprint: str


@dataclass(frozen=True)
class Chain:
    """Samples of a posterior and what is known of their convergence.

    Parameters
    ----------
    names : tuple of str
    steps : ndarray, shape (S, W, D)
        Every step of every walker, burn-in included.
    log_posterior : ndarray, shape (S, W)
    tau : ndarray, shape (D,)
        Integrated autocorrelation time of each parameter after burn-in, steps.
    burn : int
        Steps discarded as burn-in.
    acceptance : float
        Mean acceptance fraction.
    """

    names: tuple[str, ...]
    steps: Array = field(repr=False)
    log_posterior: Array = field(repr=False)
    tau: Array
    burn: int
    acceptance: float

    @property
    def lengths_in_tau(self) -> float:
        """Length after burn-in over the longest autocorrelation time."""
        return (len(self.steps) - self.burn) / float(np.max(self.tau))

    @property
    def converged(self) -> bool:
        """Whether the chain is guided, and at least `TAU_FACTOR` autocorrelation times long."""
        return bool(self.lengths_in_tau >= TAU_FACTOR) and len(self.steps) >= LEARNING[0] + GUIDED

    @property
    def samples(self) -> Array:
        """Samples after burn-in, all walkers, thinned by half the autocorrelation time; (n, D)."""
        thin = max(1, int(np.max(self.tau) / 2))
        return self.steps[self.burn :: thin].reshape(-1, self.steps.shape[-1])

    @property
    def effective_size(self) -> float:
        """Number of independent samples: steps after burn-in times walkers over tau."""
        return (len(self.steps) - self.burn) * int(self.steps.shape[1]) / float(np.max(self.tau))

    def part(self, names: Sequence[str], called: Sequence[str]) -> Chain:
        """Marginal chain of some parameters, under other names."""
        places = [self.names.index(name) for name in names]
        return replace(self, names=tuple(called), steps=self.steps[..., places], tau=self.tau[places])

    def summary(self, name: str) -> dict[str, float]:
        """Mean, standard deviation, 16th, 50th and 84th percentile of one parameter."""
        return self.summary_of(self.steps[self.burn :, :, self.names.index(name)])

    def summary_of(self, x: Array) -> dict[str, float]:
        """The same of a function of the parameters at every step after burn-in, shape (S, W)."""
        q16, q50, q84 = np.percentile(x, [16, 50, 84])
        error = float(x.std() / np.sqrt(self.effective_size))
        values = {"mean": x.mean(), "std": x.std(), "q16": q16, "q50": q50, "q84": q84, "mcse": error}
        return {key: float(value) for key, value in values.items()}


def _assess(steps: Array) -> tuple[Array, int]:
    """Autocorrelation time and burn-in, which begins with the last or the first guide, whichever gives more draws."""
    starts = [start for start in LEARNING if len(steps) >= start + GUIDED] or [0]
    return max((_assess_from(steps, start) for start in starts), key=lambda x: (len(steps) - x[1]) / float(x[0].max()))


def _assess_from(steps: Array, start: int) -> tuple[Array, int]:
    """The same after `start` steps: five autocorrelation times, at least a tenth and at most half the rest."""
    size = len(steps) - start
    tau = autocorrelation_time(steps[start + size // 4 :])
    burn = start + int(np.clip(BURN_FACTOR * tau.max(), size // 10, size // 2))
    return autocorrelation_time(steps[burn:]), burn


def _so_far(names: tuple[str, ...], steps: Array, log_posterior: Array) -> Chain:
    """A chain of so many steps, judged; acceptance is not known."""
    tau, burn = _assess(steps) if len(steps) else (np.full(steps.shape[2], np.inf), 0)
    return Chain(names=names, steps=steps, log_posterior=log_posterior, tau=tau, burn=burn, acceptance=0.0)


def starting_points(posterior: Posterior, walkers: int, *, rng: np.random.Generator) -> Array:
    """Walkers drawn from the prior and resampled by the posterior, shape (W, D).

    A tempered importance resampling without replacement: overdispersed, but where the mass is.
    """
    draws = posterior.parameters.draw(max(2000, 20 * walkers), rng=rng)
    value = np.concatenate([posterior(part) for part in np.array_split(draws, max(1, len(draws) // 64))])
    if np.isfinite(value).sum() < walkers:
        raise InputError(
            "the posterior vanishes almost everywhere in the prior: the data lie outside the model's "
            "range; check the units, the flux limit and the reference cosmology"
        )
    order = np.sort(value[np.isfinite(value)])[::-1]
    temperature = max(1.0, float(order[0] - order[4 * walkers]) / 6.0) if len(order) > 4 * walkers else 1.0
    gumbel = value / temperature + rng.gumbel(size=len(value))
    return draws[np.argsort(-gumbel)[:walkers]]


def _moves(parameters: ParameterSet, steps: Array) -> list[tuple[Any, float]]:
    """Differential evolution and stretch moves (benchmarks/moves.py); after learning, guided ones for half of them.

    emcee's snooker move is left out: with 3.1.6 it does not leave the posterior invariant (a fifth of
    snooker moves makes NV22's selfcal posterior 12% too narrow; tests/test_inference.py).
    """
    import emcee

    local = [(emcee.moves.DEMove(), 0.8), (emcee.moves.StretchMove(), 0.2)]
    last = max((learnt for learnt in LEARNING if learnt <= len(steps)), default=0)
    if not last:
        return local
    seen = steps[last // 2 : last].reshape(-1, steps.shape[2])
    guided = emcee.moves.MHMove(Guide.learnt(parameters, seen))
    return [(guided, 0.5), *((move, 0.5 * share) for move, share in local)]


def _beginning(posterior: Posterior, plan: ChainPlan) -> Any:
    """Walkers where a chain starts, with the state of its random numbers."""
    import emcee

    rng = generator(plan.seed, f"start-{plan.level}")
    state = emcee.State(starting_points(posterior, plan.walkers, rng=rng))
    state.random_state = legacy_state(stream(plan.seed, f"chain-{plan.level}"))
    return state


def run_chain(posterior: Posterior, plan: ChainPlan, *, progress: Callable[[int, float], None] | None = None) -> Chain:
    """Sample `posterior` until it has converged or `plan.max_steps` are done; resume where possible.

    Parameters
    ----------
    posterior : Posterior
    plan : ChainPlan
    progress : callable, optional
        Called with the number of steps and the length in autocorrelation times at the last block's end, NaN before the
        first: as the chain begins, after each block, and at most every second.

    Raises
    ------
    InputError
        If `plan.path` holds the chain of another configuration, data set or seed, or is no chain.
    """
    stored = load_steps(plan) if plan.path.exists() else None
    pace = Pace(progress)
    pace.tell(0 if stored is None else len(stored[0]), 0.0)
    import emcee

    if stored is None:
        state = _beginning(posterior, plan)
        steps = np.empty((0, *state.coords.shape))
        log_posterior, accepted = np.empty((0, plan.walkers)), np.zeros(plan.walkers)
    else:
        steps, log_posterior, accepted, random_state = stored
        state = emcee.State(steps[-1], log_prob=log_posterior[-1], random_state=random_state)
    chain = _so_far(posterior.parameters.names, steps, log_posterior)
    while len(chain.steps) < plan.max_steps and not chain.converged:
        guard, done = Guard(posterior), len(chain.steps)
        moves = _moves(posterior.parameters, chain.steps)
        sampler = emcee.EnsembleSampler(plan.walkers, steps.shape[2], guard, vectorize=True, moves=moves)
        count = min([plan.block, plan.max_steps - done, *(learnt - done for learnt in LEARNING if learnt > done)])
        for further, latest in enumerate(sampler.sample(state, iterations=count, skip_initial_state_check=True), 1):
            guard.check()
            state = latest
            pace.step(done + further)
        accepted = accepted + sampler.backend.accepted
        steps = np.concatenate([chain.steps, sampler.get_chain()])
        log_posterior = np.concatenate([chain.log_posterior, sampler.get_log_prob()])
        block = sampler.get_chain(), sampler.get_log_prob(), accepted, state.random_state
        append_block(plan.path, _identity(plan), block)
        chain = _so_far(chain.names, steps, log_posterior)
        pace.tell(len(steps), chain.lengths_in_tau)
    acceptance = float(accepted.mean() / max(1, len(chain.steps)))
    return replace(chain, acceptance=acceptance)


def is_finished(plan: ChainPlan) -> bool:
    """Whether the chain stored for a plan needs no more steps.

    Raises
    ------
    InputError
        As `load_steps`.
    """
    if not plan.path.exists():
        return False
    steps = load_steps(plan)[0]
    return len(steps) >= plan.max_steps or _so_far((), steps, steps[..., 0]).converged


def _identity(plan: ChainPlan) -> str:
    text = f"{plan.fingerprint}/{plan.level}/{plan.seed}/{plan.walkers}/{plan.block}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_steps(plan: ChainPlan) -> Block:
    """Steps, log posterior, accepted counts and random state stored at `plan.path`.

    Raises
    ------
    InputError
        If the file is no chain, or that of another configuration, data set or seed.
    """
    return load_block(plan.path, _identity(plan))


@dataclass(frozen=True)
class ChainSummary:
    """Posterior summaries of one level and the state of its chain.

    Parameters
    ----------
    level : str
    parameters : dict of str to dict
        mean, std, q16, q50, q84 and mcse (Monte-Carlo standard error) of each parameter, and what
        `informed.Lesson` says of it.
    converged : bool
    steps, burn, walkers : int
    tau : dict of str to float
        Integrated autocorrelation time, steps.
    lengths_in_tau, effective_size, acceptance : float
    shares : tuple of Share
        How many clusters have the observables that the level uses.
    """

    level: str
    parameters: dict[str, dict[str, float]]
    converged: bool
    steps: int
    burn: int
    walkers: int
    tau: dict[str, float]
    lengths_in_tau: float
    effective_size: float
    acceptance: float
    shares: tuple[Share, ...] = ()
