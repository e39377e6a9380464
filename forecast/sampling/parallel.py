"""Chains of several levels: side by side in processes of their own where that saves time, the same either way.

Not by an `Executor`: its workers say nothing until an item is done, and an item of theirs that died is begun anew in
silence. A chain lasts minutes and tells how long it is block by block, and what was written before a process was killed
is gone on from by the next command, which the one error says.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from threadpoolctl import threadpool_limits

from ..core.errors import MassanchorError
from ..core.rng import generator
from ..execution.memory import keep_freed_memory
from ..execution.processes import cores, discreet_children, follow_parent
from ..likelihoods.data import Data
from ..likelihoods.levels import at_level, level_class, likelihood
from ..likelihoods.posterior import Posterior
from ..model.forward import forward_model
from ..model.setup import Setup
from .mcmc import Chain, ChainPlan, is_finished, run_chain

Progress = Callable[[ChainPlan, int, float], None]
"""Told a chain's plan, its steps and its length in autocorrelation times."""
WORTHWHILE = 20.0
"""Seconds of sampling that must be saved before processes are started."""
_TYPICAL_STEPS, _POLL = 1000, 0.5


class Walk(Protocol):
    """A chain to be made; it goes to other processes as it is."""

    @property
    def plan(self) -> ChainPlan:
        """Its level names the likelihood."""

    @property
    def posterior(self) -> Posterior:
        """What is sampled."""


@dataclass(frozen=True)
class Sampling:
    """One chain to be made.

    Parameters
    ----------
    setup : Setup
    data : Data
    plan : ChainPlan
        Its level names the likelihood.
    """

    setup: Setup
    data: Data
    plan: ChainPlan

    @property
    def posterior(self) -> Posterior:
        """Posterior of the level."""
        model, level = forward_model(self.setup), self.plan.level
        used = self.data.rounded() if level_class(level).whole else self.data
        return Posterior(likelihood(level, at_level(model, level), used))


def sample_all(samplings: Sequence[Walk], progress: Progress | None = None) -> list[tuple[Posterior, Chain]]:
    """All that `sampled` gives."""
    return list(sampled(samplings, progress))


def sampled(
    samplings: Sequence[Walk], progress: Progress | None = None
) -> Generator[tuple[Posterior, Chain], None, None]:
    """Posteriors and chains, in order, each as soon as it is there; every chain is stored as it grows, and resumed.

    While one is looked at, processes go on with the others; to close the generator ends them.

    Raises
    ------
    InputError
        If a stored chain belongs to another configuration, data set or seed.
    """
    posteriors = [sampling.posterior for sampling in samplings]
    missing = [i for i, sampling in enumerate(samplings) if not is_finished(sampling.plan)]
    apart: AbstractContextManager[Callable[[int], None]] = nullcontext(_nothing_to_wait_for)
    if min(len(missing), cores()) > 1:
        seconds = {i: _seconds(posteriors[i]) for i in missing}
        if sum(seconds.values()) - max(seconds.values()) > WORTHWHILE:
            order = sorted(missing, key=lambda i: (i != 0, -seconds[i]))
            apart = _apart({i: samplings[i] for i in order}, progress)
    with apart as ready:
        for i, (posterior, sampling) in enumerate(zip(posteriors, samplings, strict=True)):
            ready(i)
            report = None if progress is None else _reporter(progress, sampling.plan)
            yield posterior, run_chain(posterior, sampling.plan, progress=report)


def _nothing_to_wait_for(index: int) -> None:
    """A chain that is made here is there when it is made."""


def _reporter(progress: Progress, plan: ChainPlan) -> Callable[[int, float], None]:
    return lambda steps, lengths: progress(plan, steps, lengths)


def _seconds(posterior: Posterior) -> float:
    """Roughly how long a chain lasts."""
    theta = posterior.parameters.draw(32, rng=generator(0, "timing"))
    posterior(theta)
    start = time.perf_counter()
    posterior(theta)
    return 2 * _TYPICAL_STEPS * (time.perf_counter() - start)


@contextmanager
def _apart(samplings: Mapping[int, Walk], progress: Progress | None) -> Iterator[Callable[[int], None]]:
    """Make chains' files in processes, begun in order; what is given waits for one, and fails if any has failed."""
    context = multiprocessing.get_context("spawn")
    with discreet_children():
        queue: Any = context.SimpleQueue()  # what a process has put is there when its work is done
        pool = ProcessPoolExecutor(min(len(samplings), cores()), context, initializer=_adopt, initargs=(queue,))
        futures = {i: pool.submit(_work, i, sampling) for i, sampling in samplings.items()}

    def ready(index: int) -> None:
        while index in futures and not futures[index].done():
            wait([futures[index]], timeout=_POLL)
            _relay(queue, samplings, progress)
            for future in futures.values():
                if future.done():
                    future.result()
        if index in futures:
            futures[index].result()
        _relay(queue, samplings, progress)

    try:
        yield ready
    except BrokenProcessPool as error:
        raise MassanchorError(
            "a sampling process was killed (out of memory?); the same command goes on from the last finished block"
        ) from error
    finally:
        if not all(future.done() for future in futures.values()):
            for process in list(pool._processes.values()):
                process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        queue.close()


def _relay(queue: Any, samplings: Mapping[int, Walk], progress: Progress | None) -> None:
    while not queue.empty():
        index, steps, lengths = queue.get()
        if progress is not None:
            progress(samplings[index].plan, steps, lengths)


class _Link:
    """A process's way to tell the one that started it."""

    queue: Any = None


def _adopt(queue: Any) -> None:
    """Begin a process: it does not outlive the one that started it, whatever ended that."""
    _Link.queue = queue
    follow_parent()
    keep_freed_memory()


def _work(index: int, sampling: Walk) -> None:
    def report(steps: int, lengths: float) -> None:
        _Link.queue.put((index, steps, lengths))

    with threadpool_limits(1):
        run_chain(sampling.posterior, sampling.plan, progress=report)
