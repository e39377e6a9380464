"""What goes with every step of a chain: errors kept away from emcee, and how often it is told how long it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..core.arrays import Array
from ..likelihoods.posterior import Posterior

EVERY = 1.0
"""Least seconds between steps that are told of inside of a block."""
_NOWHERE = -1e300


class Guard:
    """Keeps an error, or Ctrl-C, away from emcee, which would print the walkers and a traceback."""

    def __init__(self, posterior: Posterior) -> None:
        self._posterior = posterior
        self._error: BaseException | None = None

    def __call__(self, theta: Array) -> Array:
        """Log posterior; the steps after an error has been kept are thrown away."""
        try:
            return self._posterior(theta)
        except BaseException as error:
            self._error = error
            return np.full(len(theta), _NOWHERE)

    def check(self) -> None:
        """Raise what was kept."""
        if self._error is not None:
            raise self._error


@dataclass
class Pace:
    """Tells the number of steps and the length in autocorrelation times of the last block's end.

    Parameters
    ----------
    progress : callable or None
        Who is told.
    clock : callable
        Seconds.
    """

    progress: Callable[[int, float], None] | None
    clock: Callable[[], float] = time.monotonic
    _lengths: float = math.nan
    _told: float = field(default=-math.inf, repr=False)

    def tell(self, steps: int, lengths: float) -> None:
        """Tell it now."""
        self._lengths, self._told = lengths, self.clock()
        if self.progress is not None:
            self.progress(steps, lengths)

    def step(self, steps: int) -> None:
        """Tell it unless that was done lately."""
        if self.clock() - self._told >= EVERY:
            self.tell(steps, self._lengths)
