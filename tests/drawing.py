"""Work for the executor: quick to import, random, and deadly to workers if wished."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecast.core.errors import InputError
from forecast.core.rng import generator


@dataclass(frozen=True)
class Draw:
    values: np.ndarray
    place: int


@dataclass(frozen=True)
class Drawing:
    """A matrix from an item's own random numbers; an item may be deadly once, or always."""

    folder: str
    deadly: int = -1
    always: bool = False

    def __call__(self, item):
        mark = Path(self.folder, f"died-{item}")
        if item == self.deadly and (self.always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if item < 0:
            raise InputError(f"item {item} is negative; use another")
        x = generator(3, "executor", item).standard_normal((60, 60))
        return Draw(np.linalg.inv(x @ x.T + np.eye(60)), item)
