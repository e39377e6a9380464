"""Where an interrupted training goes on: every number of it, in one file that is whole or not there."""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.core.files import json_text, write_whole

from .history import History
from .plan import TrainingPlan


@dataclass(frozen=True)
class State:
    """A training after an epoch.

    Parameters
    ----------
    history : History
    current, best : list of ndarray
        As `Engine.state` gives them: now, and after the selected epoch.
    """

    history: History
    current: list[Array]
    best: list[Array]


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training.

    Parameters
    ----------
    path : Path
    identity : str
        What the training depends on beside the plan: a file of another one is refused.
    plan : TrainingPlan
    """

    path: Path
    identity: str
    plan: TrainingPlan

    def save(self, state: State) -> None:
        """Write a state, whole or not at all."""
        arrays = {f"current_{i}": x for i, x in enumerate(state.current)}
        arrays |= {f"best_{i}": x for i, x in enumerate(state.best)}
        about = {"identity": self.identity, "plan": asdict(self.plan), "history": asdict(state.history)}
        content = io.BytesIO()
        np.savez(content, about=np.frombuffer(json_text(about).encode(), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
        write_whole(self.path, content.getvalue())

    def state(self, start: list[Array]) -> State | None:
        """What an earlier, interrupted training left, or None; `start` is the state of one that has not begun.

        Raises
        ------
        InputError
            If the file cannot be read, or is of another training.
        """
        if not self.path.exists():
            return None
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as file:
                about = json.loads(bytes(file["about"]))
                current, best = ([file[f"{kind}_{i}"] for i in range(len(start))] for kind in ("current", "best"))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{self.path}: not a readable checkpoint ({error}); --overwrite it") from error
        same = [x.shape for x in current] == [x.shape for x in start]
        if about["identity"] != self.identity or about["plan"] != json.loads(json_text(asdict(self.plan))) or not same:
            raise InputError(
                f"{self.path}: belongs to another training (suite, case, network, plan or seed); choose another "
                "--out, or --overwrite it"
            )
        given = about["history"]
        numbers = {n: tuple(math.nan if x is None else x for x in given[n]) for n in ("train", "validation", "mse")}
        return State(History(**numbers, best=given["best"], stopped=given["stopped"]), current, best)
