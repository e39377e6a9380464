"""One function of many items, done where the user wants it: here, in processes of this machine, on a cluster.

Every item brings its own seed, and is done with one thread of BLAS: numbers do not depend on the place.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..core.errors import InputError
from .cluster import on_cluster
from .processes import cores, done_by_one_thread, on_processes
from .store import Store

Item = TypeVar("Item")
Result = TypeVar("Result")
WORTHWHILE = 20.0
"""Seconds that must be saved before processes are started unasked."""


@dataclass(frozen=True)
class Executor:
    """Who does a piece of work, and where what is finished is kept.

    Parameters
    ----------
    workers : int or None
        Local processes; 1: this one alone; None: as many as save time, found from how long the first items last.
    scheduler : str or None
        Address of a running Dask scheduler, whose workers then do the work.
    store : Store or None
        Where finished items are kept.
    """

    workers: int | None = 1
    scheduler: str | None = None
    store: Store | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise InputError(f"--workers must be at least 1, got {self.workers}")

    @classmethod
    def chosen(cls, workers: int | None, scheduler: str | None) -> Executor:
        """As the options of a command say.

        Raises
        ------
        InputError
            If they contradict each other.
        """
        if workers is not None and scheduler is not None:
            raise InputError("--scheduler uses the workers of that cluster; leave out --workers")
        return cls(workers, scheduler)

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Generator[tuple[int, Result]]:
        """Places and results of items, in whatever order they are finished; to be closed by who stops before the end.

        Parameters
        ----------
        function : callable
            It and the items must be picklable where other processes do the work.
        items : sequence

        Raises
        ------
        InputError, MassanchorError
            As `on_cluster` and `on_processes`, and what `function` raises.
        """
        if self.scheduler is not None and items:
            yield from on_cluster(function, items, self.scheduler)
            return
        most, first = min(self.workers or cores(), len(items)), 0
        if self.workers is None or most <= 1:
            for place, result in _here(function, items, most):
                first = place + 1
                yield place, result
        if first < len(items):
            for place, result in on_processes(function, items[first:], most):
                yield first + place, result

    def kept(
        self,
        name: str,
        kind: type[Result],
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        progress: Callable[[int, int], None] | None = None,
        heard: Callable[[Item, Result], None] | None = None,
    ) -> list[Result]:
        """Results in the order of their items: those of an interrupted run, and the others computed and kept.

        Parameters
        ----------
        name : str
            File name of the results, whose identity are the contents of `function` and of the item.
        kind : type
            What the results are; see `Store.get`.
        function : callable
            A frozen dataclass that holds all that results depend on beside the item.
        items : sequence
        progress : callable, optional
            Told how many items are done, and of how many, before the first is and after each.
        heard : callable, optional
            Given each item and its result, as soon as it is there.
        """
        found: dict[int, Result] = {}

        def tell() -> None:
            if progress is not None:
                progress(len(found), len(items))

        def keep(place: int, result: Result) -> None:
            found[place] = result
            if heard is not None:
                heard(items[place], result)

        for place, item in enumerate(items):
            record = None if self.store is None else self.store.find(f"{name}-{place:04d}", kind, of=[function, item])
            if record is not None:
                keep(place, record)
        tell()
        todo = [place for place in range(len(items)) if place not in found]
        with contextlib.closing(self.map(function, [items[place] for place in todo])) as results:
            for index, result in results:
                place = todo[index]
                keep(place, result)
                if self.store is not None:
                    self.store.put(f"{name}-{place:04d}", result, of=[function, items[place]])
                tell()
        return [found[place] for place in range(len(items))]


def _here(function: Callable[[Any], Any], items: Sequence[Any], processes: int) -> Generator[tuple[int, Any]]:
    """Do items one after the other, until so many processes would do the rest much sooner."""
    spent = 0.0
    for place, item in enumerate(items):
        left = len(items) - place
        if place and spent / place * left * (1 - 1 / min(processes, left)) > WORTHWHILE:
            return
        start = time.perf_counter()
        result = done_by_one_thread(function, item)
        spent += time.perf_counter() - start
        yield place, result
