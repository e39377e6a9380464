"""How far a command is: a bar with the time left on a terminal, elsewhere a line every half minute."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ..core.records import Progress

EVERY = 30.0
"""Seconds between lines where there is no terminal."""


@dataclass(frozen=True)
class Voice:
    """How a command tells how far it is, and sentences; None: it does not."""

    progress: Progress | None = None
    tell: Callable[[str], None] | None = None


@contextmanager
def progress_bar(silent: bool) -> Iterator[Progress | None]:
    """What commands tell how far they are, shown on standard error; None if `silent`."""
    with voice(silent) as speaking:
        yield speaking.progress


@contextmanager
def voice(silent: bool) -> Iterator[Voice]:
    """What commands tell, on standard error: sentences stand above the bar of a terminal."""
    if silent:
        yield Voice()
    elif sys.stderr.isatty():
        with _bar() as speaking:
            yield speaking
    else:
        lines, done = Lines(tell=_echo), threading.Event()
        thread = threading.Thread(target=lines.repeat, args=(done,), daemon=True)
        thread.start()
        try:
            yield Voice(lines.report, _echo)
        finally:
            done.set()


def _echo(words: str) -> None:
    typer.echo(words, err=True)


@dataclass
class Lines:
    """The latest of what was told, as lines.

    Parameters
    ----------
    clock : callable
        Seconds.
    tell : callable, optional
        Told of every task as it begins, and how far it is every half minute.
    """

    clock: Callable[[], float] = time.monotonic
    tell: Callable[[str], None] | None = None
    _now: tuple[str, int, int, float] | None = None
    _began: dict[str, tuple[float, int]] = field(default_factory=dict)

    def report(self, task: str, done: int, total: int, lengths: float) -> None:
        """Hear how far a task is."""
        begins = task not in self._began
        self._began.setdefault(task, (self.clock(), done))
        self._now = (task, done, total, lengths)
        if begins and self.tell is not None:
            self.tell(f"{task}{_resumed(done, total)}")

    def repeat(self, stop: threading.Event) -> None:
        """Say it every half minute until `stop`."""
        while not stop.wait(EVERY):
            words = self.words()
            if words and self.tell is not None:
                self.tell(words)

    def words(self) -> str:
        """How far it is, and how long that takes yet; empty if nothing was told."""
        if self._now is None:
            return ""
        task, done, total, lengths = self._now
        start, first = self._began[task]
        if not total:
            return f"{task}: {self.clock() - start:.0f} s" + (f", {done} done" if done else "")
        end = expected_end(done, total, lengths)
        known = f"{done} steps, {lengths:.0f} of {_enough():.0f} tau" if end < total else f"{done} of {total}"
        sure = "at most" if lengths == lengths and end == total else "about"
        each = (self.clock() - start) / (done - first) if done > first else math.nan
        return f"{task}: {known}" + (f", {sure} {_duration(each * (end - done))} left" if each == each else "")


def expected_end(done: int, total: int, lengths: float) -> int:
    """Where a task ends after `total` parts at most: a chain of some autocorrelation times at as many as are enough.

    >>> expected_end(500, 8000, 10.0), expected_end(500, 1000, 10.0), expected_end(3, 9, math.nan)
    (2500, 1000, 9)
    """
    return min(total, max(done, math.ceil(done * _enough() / lengths))) if lengths > 0 else total


def _enough() -> float:
    """Autocorrelation times at which chains end."""
    from ..sampling.mcmc import TAU_FACTOR

    return TAU_FACTOR


def _resumed(done: int, total: int) -> str:
    """How a task begins of which some is done.

    >>> _resumed(0, 9), _resumed(5, 9), _resumed(500, 10)
    (' ...', ': resuming from 5 of 9', ': 500 are there already, and 10 were asked for')
    """
    if not done or not total:
        return " ..."
    if done >= total:
        return f": {done} are there already, and {total} were asked for"
    return f": resuming from {done} of {total}"


def _duration(seconds: float) -> str:
    """Seconds, or minutes where they are many.

    >>> _duration(42.3), _duration(600.0)
    ('42 s', '10 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{math.ceil(seconds / 60)} min"


@contextmanager
def _bar() -> Iterator[Voice]:
    """Bars of a terminal; a task whose length is unknown pulses."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[words]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=console, transient=True) as bar:

        def report(task: str, done: int, total: int, lengths: float) -> None:
            if task not in tasks:
                for other in tasks.values():
                    bar.update(other, visible=False)
                tasks[task] = bar.add_task(task, total=total or None, words="")
            words = f"{done}/{total}" if total else str(done or "")
            words += f", {lengths:.0f} of {_enough():.0f} tau" if lengths > 0 else ""
            end = expected_end(done, total, lengths)
            bar.update(tasks[task], completed=done, total=end or None, words=words, visible=True)

        report("starting", 0, 0, math.nan)
        yield Voice(report, lambda words: bar.console.print(words, markup=False, highlight=False))
