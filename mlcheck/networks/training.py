"""Training from start to the selected weights: resumable after every epoch, the same numbers every time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError, NumericalError
from forecast.core.rng import generator

from ..data.batches import epoch_batches
from ..data.catalogues import Catalogues
from ..data.scaler import Scaler
from .architectures import Network
from .checkpoint import Checkpoint, State
from .engine import Engine, engine, to_numpy
from .history import History
from .plan import TrainingPlan

Progress = Callable[[str, int, int, float], None]
WORTHWHILE = 1000
"""Steps that repay their compilation."""


class Drawer(Protocol):
    """Draws training catalogues on the fly."""

    def draw(self, size: int, epoch: int) -> Catalogues:
        """`size` catalogues of an epoch."""


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
    kept = None if task.checkpoint is None else Checkpoint(task.checkpoint, task.identity, plan)
    state = (kept and kept.state(start)) or State(History(), start, start)
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
        if kept is not None and (epoch % plan.checkpoint_every == 0 or history.stopped):
            kept.save(replace(state, current=machine.state()))
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
