"""Losses of a training, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class History:
    """Losses by epoch, each a tuple of floats; validation is NaN where it was not evaluated.

    Parameters
    ----------
    train, validation : tuple of float
        Mean training loss during the epoch, validation loss after it.
    mse : tuple of float
        Mean squared error of scaled sigma8 on the validation set (NV22 figure 7).
    best : int
        Epoch, from 1, whose weights are selected; 0 before the first.
    stopped : str
        Why training ended, "" while it has not.
    """

    train: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()
    mse: tuple[float, ...] = ()
    best: int = 0
    stopped: str = ""

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.train)
