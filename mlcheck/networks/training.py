"""Training from start to the selected weights: resumable after every epoch, the same numbers every time."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError, NumericalError, nearest
from forecast.core.files import json_text, write_whole
from forecast.core.rng import generator

from ..data.batches import epoch_batches
from ..data.catalogues import Catalogues
from ..data.scaler import Scaler
from .architectures import Network
from .engine import Engine, engine, to_numpy
from .limits import Limit, check

Progress = Callable[[str, int, int, float], None]
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "cosine")
WORTHWHILE = 1000
"""Steps that repay their compilation."""
_LIMITS = {
    **dict.fromkeys(("epochs", "batch", "successive", "select_from", "validate_every", "checkpoint_every"), Limit(1)),
    **dict.fromkeys(("spread", "patience"), Limit(1, optional=True)),
    "simulate": Limit(10, optional=True),
    "learning_rate": Limit(0, 1, whole=False, above=True),
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


class Drawer(Protocol):
    """Draws training catalogues on the fly."""

    def draw(self, size: int, epoch: int) -> Catalogues:
        """`size` catalogues of an epoch."""


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


@dataclass(frozen=True)
class Task:
    """One network to be trained.

    Parameters
    ----------
    network : Network
    plan : TrainingPlan
    scaler : Scaler
    train, validate : Catalogues
    identity : str
        What the training depends on, in one word: a checkpoint of another is refused.
    checkpoint : Path or None
        File that training resumes from.
    drawer : Drawer or None
        For `plan.simulate`.
    """

    network: Network
    plan: TrainingPlan
    scaler: Scaler
    train: Catalogues
    validate: Catalogues
    identity: str = ""
    checkpoint: Path | None = None
    drawer: Drawer | None = field(default=None, compare=False)


@dataclass(frozen=True)
class _State:
    history: History
    current: list[Array]
    best: list[Array]


def train(task: Task, *, name: str = "training", progress: Progress | None = None) -> History:
    """Train a network in place and leave it with the selected weights.

    Parameters
    ----------
    task : Task
    name : str
        Of the progress bar.
    progress : callable, optional
        Told the name, epochs done and in all, and NaN.

    Raises
    ------
    InputError
        If a catalogue has too few clusters for the network, or the checkpoint belongs to another training.
    NumericalError
        If the loss is not finite.
    """
    plan, network = task.plan, task.network
    check_sizes(network, task.train, task.validate)
    count = plan.simulate or len(task.train)
    machine = engine(network, plan.build_optimizer(count), jit=plan.jit and plan.steps(count) >= WORTHWHILE)
    start = machine.state()
    state = _resume(task, start) or _State(History(), start, start)
    machine.restore(state.current)
    if plan.simulate is None:
        _load(machine, task.scaler, task.train)
    validation = task.scaler.features(task.validate), task.validate.size, task.scaler.target(task.validate.sigma8)
    while not state.history.stopped:
        epoch = state.history.epochs + 1
        if plan.simulate is not None:
            assert task.drawer is not None
            _load(machine, task.scaler, task.drawer.draw(plan.simulate, epoch))
        loss = _epoch(task, machine, epoch)
        history = _after(task, machine, state.history, loss, validation)
        if history.best == epoch:
            state = replace(state, best=machine.state())
        state = replace(state, history=history)
        if task.checkpoint is not None and (epoch % plan.checkpoint_every == 0 or history.stopped):
            _save(task, replace(state, current=machine.state()))
        if progress is not None:
            progress(name, epoch, plan.epochs, math.nan)
    machine.restore(state.best)
    return state.history


def check_sizes(network: Network, *sets: Catalogues) -> None:
    """Refuse catalogues that are too small for a network.

    Raises
    ------
    InputError
    """
    for catalogues in sets:
        small = np.flatnonzero(catalogues.size < network.smallest)
        if len(small):
            i = int(small[0])
            raise InputError(
                f"catalogue {catalogues.number[i]} has {catalogues.size[i]} clusters, but the four poolings of preset "
                f"'nv22' need at least {network.smallest}; use --preset compact, or a survey of more clusters"
            )


def _load(machine: Engine, scaler: Scaler, catalogues: Catalogues) -> None:
    machine.load(scaler.features(catalogues), catalogues.size, scaler.target(catalogues.sigma8))


def _epoch(task: Task, machine: Engine, epoch: int) -> float:
    """Train for one epoch; the mean loss."""
    plan = task.plan
    rng = generator(plan.seed, "epoch", epoch)
    losses, weights = [], []
    for batches in epoch_batches(machine.sizes, plan.batch, rng=rng, spread=plan.spread, successive=plan.successive):
        losses.append(machine.train(batches))
        weights.append(batches.weight.sum(axis=1))
    loss = float(np.average(np.concatenate([to_numpy(some) for some in losses]), weights=np.concatenate(weights)))
    if not math.isfinite(loss):
        raise NumericalError(f"the training loss is {loss} in epoch {epoch}; lower learning_rate, or set clip")
    return loss


def _after(
    task: Task, machine: Engine, history: History, loss: float, validation: tuple[Array, Array, Array]
) -> History:
    """Validate, select, and decide whether to go on."""
    plan = task.plan
    epoch = history.epochs + 1
    value = mse = math.nan
    if epoch % plan.validate_every == 0 or epoch == plan.epochs:
        outputs = machine.outputs(*validation[:2])
        value = float(np.mean(to_numpy(task.network.head.loss(validation[2], outputs))))
        mse = float(np.mean((task.network.head.centre(outputs) - validation[2]) ** 2))
    history = replace(
        history, train=(*history.train, loss), validation=(*history.validation, value), mse=(*history.mse, mse)
    )
    measure = history.validation if plan.select_by == "loss" else history.mse
    eligible = [measure[i] if i + 1 >= plan.select_from else math.nan for i in range(epoch)]
    better = math.isfinite(eligible[-1]) and (not history.best or eligible[-1] < eligible[history.best - 1])
    if better:
        history = replace(history, best=epoch)
    if plan.patience is not None and history.best and epoch - history.best >= plan.patience:
        history = replace(history, stopped=f"no smaller validation {plan.select_by} for {plan.patience} epochs")
    if epoch == plan.epochs:
        history = replace(history, stopped=f"all {plan.epochs} epochs done")
    return history


def _save(task: Task, state: _State) -> None:
    """Write a checkpoint, whole or not at all."""
    assert task.checkpoint is not None
    arrays = {f"current_{i}": x for i, x in enumerate(state.current)}
    arrays |= {f"best_{i}": x for i, x in enumerate(state.best)}
    about = {"identity": task.identity, "plan": asdict(task.plan), "history": asdict(state.history)}
    content = io.BytesIO()
    np.savez(content, about=np.frombuffer(json_text(about).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    write_whole(task.checkpoint, content.getvalue())


def _resume(task: Task, start: list[Array]) -> _State | None:
    """What an earlier, interrupted training left."""
    if task.checkpoint is None or not task.checkpoint.exists():
        return None
    try:
        with np.load(io.BytesIO(task.checkpoint.read_bytes()), allow_pickle=False) as file:
            about = json.loads(bytes(file["about"]))
            current, best = ([file[f"{kind}_{i}"] for i in range(len(start))] for kind in ("current", "best"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{task.checkpoint}: not a readable checkpoint ({error}); --overwrite it") from error
    same = [x.shape for x in current] == [x.shape for x in start]
    if about["identity"] != task.identity or about["plan"] != json.loads(json_text(asdict(task.plan))) or not same:
        raise InputError(
            f"{task.checkpoint}: belongs to another training (suite, case, network, plan or seed); choose another "
            "--out, or --overwrite it"
        )
    given = about["history"]
    numbers = {n: tuple(math.nan if x is None else x for x in given[n]) for n in ("train", "validation", "mse")}
    return _State(History(**numbers, best=given["best"], stopped=given["stopped"]), current, best)
