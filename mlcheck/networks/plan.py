"""How a network is trained: the settings, and the optimizer that follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from forecast.core.errors import InputError, nearest

from .limits import Limit, check

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "cosine")
_LIMITS = {
    **dict.fromkeys(("epochs", "batch", "successive", "select_from", "validate_every", "checkpoint_every"), Limit(1)),
    **dict.fromkeys(("spread", "patience"), Limit(1, optional=True)),
    "simulate": Limit(10, optional=True),
    "learning_rate": Limit(0, whole=False, above=True),
    "weight_decay": Limit(0, 1, whole=False),
    "clip": Limit(0, whole=False, above=True, optional=True),
}


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained; the defaults are those of the compact preset.

    Parameters
    ----------
    epochs, batch : int
    optimizer : str
        "sgd" or "adamw".
    learning_rate : float
        Of the first step.
    schedule : str
        "constant", or "cosine" down to zero at the last step.
    weight_decay : float
        Of AdamW.
    clip : float or None
        Largest norm of a gradient.
    spread : int or None
        Batches filled from one random draw sorted by length; None sorts the whole epoch (NV22's batches of one
        length).
    successive : int
        Batches of similar length that follow one another: on an accelerator they are one call.
    select_from : int
        First epoch (from 1) of those among which the smallest validation loss selects the weights.
    select_by : str
        "loss", or "mse" of scaled sigma8 (NV22 section 3.3).
    patience : int or None
        Epochs without a smaller validation loss after which training stops; None trains all.
    simulate : int or None
        Catalogues drawn anew for every epoch instead of a fixed training set.
    validate_every, checkpoint_every : int
        Epochs.
    jit : bool
        Compile steps on TensorFlow, where there are enough of them to repay it.
    seed : int
    """

    epochs: int = 40
    batch: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    weight_decay: float = 1e-4
    clip: float | None = 1.0
    spread: int | None = 4
    successive: int = 1
    select_from: int = 1
    select_by: str = "loss"
    patience: int | None = None
    simulate: int | None = None
    validate_every: int = 1
    checkpoint_every: int = 1
    jit: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("select_by", ("loss", "mse"))):
            if getattr(self, name) not in known:
                raise InputError(f"{name} '{getattr(self, name)}' is unknown; {nearest(getattr(self, name), known)}")
        check(self, _LIMITS)
        if self.select_from > self.epochs:
            raise InputError(f"select_from = {self.select_from} lies beyond the last epoch, {self.epochs}")

    @classmethod
    def of(cls, preset: str, **changed: Any) -> TrainingPlan:
        """A preset's own plan; NV22's is that of its section 3.3."""
        published = {
            "epochs": 5000, "batch": 32, "optimizer": "sgd", "learning_rate": 1e-3, "schedule": "constant",
            "weight_decay": 0.0, "clip": None, "spread": None, "select_from": 2000, "select_by": "mse", "jit": False,
            "checkpoint_every": 10,
        }  # fmt: skip
        epochs = None if "select_from" in changed else changed.pop("epochs", None)
        plan = cls(**{**(published if preset == "nv22" else {}), **changed})
        return plan if epochs is None else plan.shortened(epochs)

    def shortened(self, epochs: int) -> TrainingPlan:
        """The same in another number of epochs; weights are selected from the like share of them."""
        return replace(self, epochs=epochs, select_from=max(1, round(self.select_from * epochs / self.epochs)))

    def steps(self, catalogues: int) -> int:
        """Steps of the whole training."""
        return self.epochs * math.ceil(catalogues / self.batch)

    def build_optimizer(self, catalogues: int) -> Any:
        """Keras optimizer for so many training catalogues."""
        from .backend import keras

        rate: Any = self.learning_rate
        if self.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, self.steps(catalogues))
        if self.optimizer == "sgd":
            return keras.optimizers.SGD(learning_rate=rate, clipnorm=self.clip)
        return keras.optimizers.AdamW(learning_rate=rate, weight_decay=self.weight_decay, clipnorm=self.clip)
