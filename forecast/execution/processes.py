"""Processes of this machine that share work: one that dies is replaced, and its item is done again."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from threadpoolctl import threadpool_limits

from ..core.errors import MassanchorError
from .memory import keep_freed_memory

ATTEMPTS = 3
"""Workers that may die of one item before it is given up."""
_READY, _DONE, _FAILED = "ready", "done", "failed"
_MAIN = b"__main__"


def cores() -> int:
    """Processor cores that this process may use, limits of its container included."""
    return int(import_module("joblib").cpu_count())


def done_by_one_thread(function: Callable[[Any], Any], item: Any) -> Any:
    """`function` of `item` with one thread of BLAS, so that results are the same bits wherever it is done."""
    with threadpool_limits(1):
        return function(item)


def on_processes(function: Callable[[Any], Any], items: Sequence[Any], count: int) -> Generator[tuple[int, Any]]:
    """Places and results of items, as they are done by `count` processes.

    Parameters
    ----------
    function : callable
        It and the items must be picklable.
    items : sequence
    count : int

    Raises
    ------
    MassanchorError
        If processes do not start, or `ATTEMPTS` of them died of one item.
    """
    with contextlib.closing(_Crew(pickle.dumps(function), items)) as crew:
        for _ in range(min(count, len(items))):
            crew.hire()
        while crew.workers:
            yield from crew.results()


@dataclass(frozen=True, eq=False)
class _Worker:
    """A process and the pipe to it."""

    process: Any
    pipe: Connection

    def give(self, parcel: bytes) -> None:
        """Send it something; if it has died, its pipe says so when next read."""
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(parcel)

    def answer(self) -> tuple[str, Any] | None:
        """What it says; None if it has died."""
        try:
            kind, content = pickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            return None
        return kind, content


@dataclass
class _Crew:
    """Workers by their pipes, the places of the items that they do, and of those that nobody does yet."""

    parcel: bytes
    items: Sequence[Any]
    workers: dict[Connection, _Worker] = field(default_factory=dict)
    doing: dict[_Worker, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waiting, self.deaths = deque(range(len(self.items))), Counter[int]()
        self.dismissed: list[Any] = []

    def hire(self) -> None:
        """Start one more process."""
        context = multiprocessing.get_context("spawn")
        with discreet_children(with_main=_MAIN in self.parcel or any(_MAIN in pickle.dumps(i) for i in self.items[:1])):
            mine, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
        theirs.close()
        self.workers[mine] = _Worker(process, mine)

    def results(self) -> Iterator[tuple[int, Any]]:
        """Wait for workers to say something: the places and results of what they finished."""
        for pipe in wait(list(self.workers)):
            assert isinstance(pipe, Connection)
            worker = self.workers[pipe]
            answer, place = worker.answer(), self.doing.pop(worker, None)
            if answer is None:
                self._replace(worker, place)
                continue
            kind, content = answer
            if kind == _FAILED:
                raise content
            if kind == _READY:
                worker.give(self.parcel)
            self._employ(worker)
            if kind == _DONE:
                assert place is not None
                yield place, content

    def _employ(self, worker: _Worker) -> None:
        """Give a worker the next item, or let it go."""
        if self.waiting:
            self.doing[worker] = self.waiting.popleft()
            worker.give(pickle.dumps(self.items[self.doing[worker]]))
        else:
            self._dismiss(worker)

    def _replace(self, worker: _Worker, place: int | None) -> None:
        """Another worker for one that died, and its item for whoever is free."""
        self._dismiss(worker)
        if place is None:
            raise MassanchorError(
                "local processes did not start; use --workers 1, and where they do functions of your own script, "
                "call this under if __name__ == '__main__'"
            )
        self.deaths[place] += 1
        if self.deaths[place] >= ATTEMPTS:
            raise MassanchorError(
                f"{ATTEMPTS} workers died doing the same part, probably out of memory; use fewer --workers, or smaller "
                "parts; what is finished is kept"
            )
        self.waiting.appendleft(place)
        self.hire()

    def _dismiss(self, worker: _Worker) -> None:
        """Let a worker go: without its pipe it ends."""
        self.dismissed.append(worker.process)
        del self.workers[worker.pipe]
        worker.pipe.close()

    def close(self) -> None:
        """End every process, whatever it does."""
        for worker in list(self.workers.values()):
            worker.process.terminate()
            self._dismiss(worker)
        for process in self.dismissed:
            process.join()


@contextlib.contextmanager
def discreet_children(with_main: bool = False) -> Iterator[None]:
    """Start processes that print no warnings and leave Ctrl-C to this one: they inherit both.

    Without what they need from there they do not run the user's script either, which may have no main guard.
    """
    with contextlib.nullcontext() if with_main else _without_main(), _quietly():
        yield


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide from new processes which script this one runs."""
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    main.__spec__ = None
    if "__file__" in hidden:
        del main.__file__
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    mask = None
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # it would lift the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def follow_parent() -> None:
    """End this process when the one that started it ends, whatever ended that."""
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _serve(pipe: Connection) -> None:
    """A worker's life: take the function, then item by item."""
    follow_parent()
    keep_freed_memory()
    with contextlib.suppress(EOFError, OSError):
        _say(pipe, _READY, None)
        parcel = pipe.recv_bytes()
        try:
            function = pickle.loads(parcel)
            while True:
                _say(pipe, _DONE, done_by_one_thread(function, pickle.loads(pipe.recv_bytes())))
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:
            _say(pipe, _FAILED, _portable(error))


def _say(pipe: Connection, kind: str, content: Any) -> None:
    pipe.send_bytes(pickle.dumps((kind, content)))


def _portable(error: Exception) -> Exception:
    """An error that can be sent, with where it happened as a note."""
    note = "in a worker:\n" + "".join(traceback.format_exception(error))
    try:
        sent: Exception = pickle.loads(pickle.dumps(error))
    except Exception:  # its class does not survive the way
        sent = RuntimeError(repr(error))
    sent.add_note(note)
    return sent
