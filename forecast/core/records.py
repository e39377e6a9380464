"""What a user asked for, and where numbers come from."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Provenance:
    """Where numbers come from.

    Parameters
    ----------
    command : str
        "run", "fit", "map" or "ladder".
    config_name : str
    config : dict
        The whole configuration, defaults included.
    seed : int
    version : str
        Of massanchor.
    libraries : dict
        Versions of Python and of the numerical libraries.
    """

    command: str
    config_name: str
    config: dict[str, Any]
    seed: int
    version: str = field(default_factory=lambda: metadata.version("massanchor"))
    libraries: dict[str, str] = field(
        default_factory=lambda: {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("numpy", "scipy", "emcee", "colossus")},
        }
    )


Progress = Callable[[str, int, int, float], None]
"""Called with a task's name, steps done, steps at most (0: unknown), and a chain's length in tau.

That is 0 where it is not known yet, and NaN where the task is no chain.
"""


@dataclass(frozen=True)
class Job:
    """What the user asked for beside the configuration.

    Parameters
    ----------
    name : str
        Of the configuration.
    out : Path
        Output folder.
    seed : int
    quick : bool
        Cut chains at the configuration's `quick_steps`.
    levels : tuple of str
        Work on these levels alone; empty: those that the configuration and the command mean.
    mock : int or None
        Seed of a mock catalogue to fit instead of expected data.
    overwrite : bool
        Discard chains of an earlier run.
    max_steps : int or None
        Longest chain.
    progress : callable or None
    tell : callable or None
        Given sentences before the work begins.
    given : str
        The configuration as it was named on the command line.
    again : str
        The command as it was typed, but for what is about one run alone.
    """

    name: str
    out: Path
    seed: int = 1
    quick: bool = False
    levels: tuple[str, ...] = ()
    mock: int | None = None
    overwrite: bool = False
    max_steps: int | None = None
    progress: Progress | None = None
    tell: Callable[[str], None] | None = None
    given: str = ""
    again: str = ""

    def say(self, words: str) -> None:
        """Tell whoever listens."""
        if self.tell is not None:
            self.tell(words)

    def begin(self, task: str) -> None:
        """Tell that a task begins of which it is not known how long it is."""
        self._count(task, 0, 0)

    def following(self, items: Iterable[Item], task: str, total: int = 0) -> Iterator[Item]:
        """The same items, while a task counts them; `total`: how many they are, if that is known."""
        self._count(task, 0, total)
        for done, item in enumerate(items, start=1):
            self._count(task, done, total)
            yield item

    def _count(self, task: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(task, done, total, math.nan)

    def counted(self, task: str) -> Callable[[int, int], None] | None:
        """Progress of a task that counts its parts."""
        report = self.progress
        return None if report is None else lambda done, total: report(task, done, total, math.nan)
