"""Independent tasks side by side in threads: numpy lets go of the interpreter while it computes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")
Check = Callable[[], None]
"""Raises KeyboardInterrupt where a task must stop because another failed or Ctrl-C was pressed."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(tasks: Sequence[Callable[[Check], T]]) -> list[T]:
    """Results of tasks, in their order; if one fails, the others stop at their next check.

    Parameters
    ----------
    tasks : sequence of callables
        Each is given a `Check`, to be called often.
    """
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    with threadpool_limits(1), ThreadPoolExecutor(max(1, min(len(tasks), cores()))) as pool:
        futures: list[Future[T]] = [pool.submit(task, check) for task in tasks]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            if not all(future.done() and future.exception() is None for future in futures):
                stop.set()
                for future in futures:
                    future.cancel()
        failed = [error for future in futures if not future.cancelled() and (error := future.exception()) is not None]
        for error in sorted(failed, key=lambda error: isinstance(error, KeyboardInterrupt)):
            raise error
        return [future.result() for future in futures]
