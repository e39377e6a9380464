"""Spreading shards over processes: Dask's workers, on this machine or on a running cluster.

Nothing here decides what is in a shard: that a worker dies, or another draws a shard, leaves no trace.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import warnings
from collections.abc import Generator, Iterator, Sequence
from importlib import import_module
from itertools import islice
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from .errors import InputError, MassanchorError
from .features import DrawnShard, Maker, Recipe
from .shards import software

_TRIM = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
"""Dask sets it so low that memory goes to the system and back for every array: a third more time to draw."""
_NOISY = ("distributed", "asyncio", "tornado")
_IN_FLIGHT = 16
_SCHEDULER_TIMEOUT, _WORKER_TIMEOUT = 10, 60


def _distributed() -> Any:
    """Dask's distributed package.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module("distributed")
    except ImportError:
        raise InputError(
            "work is spread over processes by Dask; pip install 'massanchor[scale]', or use --workers 1"
        ) from None


def cores() -> int:
    """Processor cores that this process may use, limits of its container included."""
    return int(import_module("joblib").cpu_count())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's warnings and logs off the user's terminal."""
    _distributed()
    loggers = [logging.getLogger(n) for n in (*logging.root.manager.loggerDict, "asyncio") if n.startswith(_NOISY)]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextlib.contextmanager
def discreet_children() -> Iterator[None]:
    """Start processes that print no warnings and leave Ctrl-C to this one: they inherit both."""
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


@contextlib.contextmanager
def local_client(workers: int, scratch: Path) -> Iterator[Any]:
    """Client of a cluster of local processes with one thread each; nothing of it stays."""
    distributed = _distributed()
    options = {"host": "127.0.0.1", "dashboard_address": None, "memory_limit": 0, "local_directory": str(scratch)}
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        try:
            with discreet_children(), import_module("dask").config.set({_TRIM: None}):
                cluster = distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, silence_logs=logging.CRITICAL, **options
                )
        except (RuntimeError, OSError) as error:
            raise MassanchorError(
                f"local processes did not start ({error}); use --workers 1, and in a script of your own call "
                "run_suite under if __name__ == '__main__'"
            ) from error
        stack.enter_context(cluster)
        yield stack.enter_context(distributed.Client(cluster, set_as_default=False))


@contextlib.contextmanager
def remote_client(address: str) -> Iterator[Any]:
    """Client of a running scheduler."""
    distributed = _distributed()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        try:
            distributed.comm.get_address_host_port(address)
            client = distributed.Client(address, timeout=_SCHEDULER_TIMEOUT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers ({error}); give its address as in tcp://host:8786"
            ) from None
        yield stack.enter_context(client)


def spread(client: Any, recipe: Recipe, todo: Sequence[int]) -> Generator[DrawnShard]:
    """Draw shards on the workers of a cluster.

    A few shards for each worker are in flight at a time; those of a worker that dies are drawn by another.
    """
    distributed, versions, waiting = _distributed(), software(), iter(todo)
    maker = client.submit(Maker.of, recipe, pure=False)

    def submit(count: int) -> list[Any]:
        return [client.submit(Maker.draw, maker, number, pure=False) for number in islice(waiting, max(count, 0))]

    try:
        _wait_for_workers(client)
        running = distributed.as_completed(submit(_room(client)), loop=client.loop, with_results=True)
        for _, drawn in running:
            if drawn.software != versions:
                raise InputError(f"a worker runs {drawn.software}, this process {versions}; install the same versions")
            running.update(submit(_room(client) - running.count()))
            yield drawn
    except distributed.KilledWorker as error:
        raise MassanchorError(
            "workers died drawing the same shard, probably out of memory; use fewer --workers or a smaller "
            "--shard-size; finished shards are kept"
        ) from error
    except (ImportError, RuntimeError) as error:
        if not isinstance(error.__cause__ or error, ImportError):
            raise
        raise InputError(
            f"the Dask cluster cannot import what it needs ({error.__cause__ or error}); install the same "
            "massanchor[scale] for its scheduler and its workers"
        ) from error


def _room(client: Any) -> int:
    """Shards in flight at a time: so many that no thread waits, so few that they do not pile up."""
    return max(_IN_FLIGHT, 2 * sum(client.nthreads().values()))


def _wait_for_workers(client: Any) -> None:
    """Wait until a cluster has a worker.

    Raises
    ------
    InputError
        If none comes.
    """
    try:
        client.wait_for_workers(1, timeout=_WORKER_TIMEOUT)
    except TimeoutError:
        raise InputError("the Dask cluster has no workers; start some (dask worker ADDRESS)") from None
