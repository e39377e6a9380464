"""Keras' `fit` beside the training engine of mlcheck: ``python -m benchmarks.keras_fit``; CPU, a few minutes.

The same networks, weights, optimizers, batches and order of batches go through both. Measured: CPU seconds for a
catalogue after an epoch that compiles, how far the weights are apart after it, and whether a `fit` that is killed by
SIGKILL ends, resumed with `BackupAndRestore`, with the weights of one that is not. Writes results/keras_fit.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlcheck.data.batches import epoch_batches
from mlcheck.networks.architectures import Architecture, Network, build
from mlcheck.networks.backend import keras
from mlcheck.networks.engine import engine, to_numpy
from mlcheck.networks.plan import TrainingPlan

from .throughput import LAYOUT, SIZES

RESULTS = Path(__file__).parent / "results" / "keras_fit.md"
KILLED = ("undisturbed", "after a backup", "between its two files")
"""When a `fit` is killed."""


@dataclass(frozen=True)
class Trial:
    """A network, and catalogues of random numbers for it.

    Parameters
    ----------
    preset, precision : str
    catalogues : int
    """

    preset: str
    precision: str
    catalogues: int

    @property
    def plan(self) -> TrainingPlan:
        return TrainingPlan.of(self.preset, epochs=4, select_from=1)

    @property
    def size(self) -> np.ndarray:
        return np.random.default_rng(3).integers(SIZES[0], SIZES[1] + 1, self.catalogues)

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(2)
        features = rng.random((int(self.size.sum()), len(LAYOUT.names)), dtype=np.float32)
        return features, self.size, rng.random(self.catalogues, dtype=np.float32)

    def network(self) -> Network:
        return build(Architecture.of(self.preset, precision=self.precision), LAYOUT)


class Padded(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of a trial as `fit` takes them: padded on the processor, one array of inputs for each batch."""

    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self.trial, self.epoch = trial, 0
        self.features, self.size, self.target = trial.data
        self.first = np.cumsum(self.size) - self.size
        self.begin(0)

    def begin(self, epoch: int) -> None:
        plan, rng = self.trial.plan, np.random.default_rng(epoch)
        groups = epoch_batches(self.size, plan.batch, rng=rng, spread=plan.spread, successive=plan.successive)
        self.batches = [
            (index, weight, group.length)
            for group in groups
            for index, weight in zip(group.index, group.weight, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, i: int) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
        index, weight, length = self.batches[i]
        count, row, main = self.size[index].astype(np.int32), np.arange(length), len(LAYOUT.main)
        inside = row < count[:, None]
        x = np.where(inside[..., None], self.features[np.where(inside, self.first[index][:, None] + row, 0)], 0)
        return (x[..., :main], x[..., main:], count), self.target[index], weight


class NextEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Batches of the epoch that begins, whether or not it is the first of this process."""

    def __init__(self, data: Padded) -> None:
        super().__init__()
        self.data = data

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.data.begin(epoch)


class HeadLoss(keras.losses.Loss):  # type: ignore[misc]
    """Loss of a network's head, averaged over the catalogues that do not only fill a batch up."""

    def __init__(self, network: Network) -> None:
        super().__init__(reduction="mean_with_sample_weight")
        self.head = network.head

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.head.loss(y_true, y_pred)


def compiled(trial: Trial, jit: bool) -> Network:
    network = trial.network()
    optimizer = trial.plan.build_optimizer(trial.catalogues)
    network.model.compile(optimizer, loss=HeadLoss(network), jit_compile=jit)
    return network


def by_fit(trial: Trial, jit: bool) -> tuple[Network, Callable[[int], None]]:
    network, data = compiled(trial, jit), Padded(trial)

    def epoch(number: int) -> None:
        data.begin(number)
        network.model.fit(data, epochs=1, verbose=0, shuffle=False)

    return network, epoch


def by_engine(trial: Trial, jit: bool) -> tuple[Network, Callable[[int], None]]:
    network, plan = trial.network(), trial.plan
    machine = engine(network, plan.build_optimizer(trial.catalogues), jit=jit)
    machine.load(*trial.data)

    def epoch(number: int) -> None:
        rng = np.random.default_rng(number)
        batches = epoch_batches(machine.sizes, plan.batch, rng=rng, spread=plan.spread, successive=plan.successive)
        for losses in [machine.train(group) for group in batches]:
            to_numpy(losses)

    return network, epoch


@dataclass(frozen=True)
class Rates:
    """Of `fit` and of the engine: CPU seconds of the first epoch, catalogues per CPU second in the best later one.

    Parameters
    ----------
    first, rate : tuple of float
    apart : float
        Largest difference of their weights after the first epoch.
    """

    first: tuple[float, float]
    rate: tuple[float, float]
    apart: float


def rates(trial: Trial, repeats: int = 3) -> Rates:
    """Both in turns, so that what else the machine does falls on either."""
    (fitted, by_keras), (own, by_us) = by_fit(trial, False), by_engine(trial, False)
    first = cpu(by_keras, 0), cpu(by_us, 0)
    pairs = zip(fitted.model.get_weights(), own.model.get_weights(), strict=True)
    apart = max(float(np.abs(a - b).max()) for a, b in pairs)
    later = np.array([[cpu(by_keras, epoch), cpu(by_us, epoch)] for epoch in range(1, repeats + 1)])
    fastest = trial.catalogues / later.min(axis=0)
    return Rates(first, (float(fastest[0]), float(fastest[1])), apart)


def cpu(epoch: Callable[[int], None], number: int) -> float:
    """CPU seconds of an epoch."""
    start = time.process_time()
    epoch(number)
    return time.process_time() - start


class Kill(keras.callbacks.Callback):  # type: ignore[misc]
    """End this process in the second epoch, like a scheduler that runs out of time."""

    def __init__(self, when: str, backup: Path) -> None:
        super().__init__()
        self.when, self.backup = when, backup

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1 and self.when != KILLED[0]:
            if self.when == KILLED[2]:  # weights of this epoch written, its number not yet
                (self.backup / "training_metadata.json").write_text('{"epoch": 1, "batch": 0}', encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)


def child(preset: str, when: str, folder: Path) -> None:
    """Four epochs by `fit`, killed in the second if told so and not yet; the weights are written at the end."""
    trial, backup = Trial(preset, "float32", 32 if preset == "nv22" else 256), folder / "backup"
    network, data = compiled(trial, False), Padded(trial)
    callbacks: list[Any] = [NextEpoch(data), keras.callbacks.BackupAndRestore(str(backup))]
    if not backup.exists():
        callbacks.append(Kill(when, backup))
    network.model.fit(data, epochs=4, verbose=0, shuffle=False, callbacks=callbacks)
    np.savez(folder / "weights.npz", *network.model.get_weights())


def final_weights(preset: str, when: str) -> list[np.ndarray]:
    """Weights of a `fit` that is started until it ends."""
    with tempfile.TemporaryDirectory() as name:
        folder, command = Path(name), [sys.executable, "-m", "benchmarks.keras_fit", "--child", preset, when, name]
        while not (folder / "weights.npz").exists():
            done = subprocess.run(command, check=False).returncode
            assert done in (0, -signal.SIGKILL)
        with np.load(folder / "weights.npz") as file:
            return [file[key] for key in file.files]


def markdown() -> str:
    lines = [
        "# Keras' fit beside the training engine",
        "\n`python -m benchmarks.keras_fit`: TensorFlow on a CPU, random catalogues of "
        f"{SIZES[0]} to {SIZES[1]} clusters in batches padded to multiples of 32; CPU seconds of the whole process, "
        "steps not compiled by XLA.\n",
        "| network | precision | first epoch, fit / engine | catalogues per CPU second, fit / engine | weights apart |",
        "|---|---|---|---|---|",
    ]
    for trial in (
        Trial("compact", "float32", 4096),
        Trial("compact", "mixed_bfloat16", 4096),
        Trial("nv22", "float32", 64),
        Trial("nv22", "mixed_bfloat16", 64),
    ):
        found = rates(trial)
        keras_first, our_first = found.first
        theirs, ours = found.rate
        lines.append(
            f"| {trial.preset} | {trial.precision} | {keras_first:.1f} / {our_first:.1f} s | {theirs:.0f} / {ours:.0f} "
            f"({ours / theirs:.2f} times) | {found.apart:.1e} |"
        )
        print(lines[-1], flush=True)
    lines += ["\nA fit of four epochs, killed in the second and started again:\n"]
    lines += ["| network | killed | weights at the end |", "|---|---|---|"]
    for preset in ("compact", "nv22"):
        whole = final_weights(preset, KILLED[0])
        for when in KILLED:
            found = final_weights(preset, when)
            apart = max(float(np.abs(a - b).max()) for a, b in zip(whole, found, strict=True))
            lines.append(f"| {preset} | {when} | {'the same bits' if apart == 0 else f'apart by {apart:.1e}'} |")
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=3, metavar=("PRESET", "WHEN", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], given.child[1], Path(given.child[2]))
    else:
        RESULTS.write_text(markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
