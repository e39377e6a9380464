"""Work shared by the workers of a running Dask cluster."""

from __future__ import annotations

import contextlib
import logging
import pickle
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from importlib import import_module
from itertools import islice
from typing import Any

from ..core.errors import InputError, MassanchorError
from .processes import done_by_one_thread
from .versions import versions

_NOISY = ("distributed", "asyncio", "tornado")
_SCHEDULER_TIMEOUT, _WORKER_TIMEOUT, _IN_FLIGHT = 10, 60, 16


def distributed_package() -> Any:
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
            "--scheduler spreads work by Dask; pip install 'massanchor[scale]', or use --workers"
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's warnings and logs off the user's terminal."""
    distributed_package()
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
def _client(address: str) -> Iterator[Any]:
    """Client of a running scheduler."""
    distributed = distributed_package()
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


def on_cluster(function: Callable[[Any], Any], items: Sequence[Any], address: str) -> Generator[tuple[int, Any]]:
    """Places and results of items, as they are done by the workers of a cluster.

    A few items for each worker are in flight at a time; those of a worker that dies are done by another.

    Parameters
    ----------
    function : callable
        It and the items must be picklable.
    items : sequence
    address : str
        Of the scheduler.

    Raises
    ------
    InputError
        If no scheduler answers, no worker comes, or workers have other versions of the software.
    MassanchorError
        If several workers died of one item.
    """
    with _client(address) as client, _translated():
        yield from _spread(client, function, items)


def _spread(client: Any, function: Callable[[Any], Any], items: Sequence[Any]) -> Generator[tuple[int, Any]]:
    shared = client.submit(pickle.loads, pickle.dumps(function), pure=False)
    waiting, places, here = iter(enumerate(items)), {}, versions()

    def submit(count: int) -> list[Any]:
        futures = []
        for place, item in islice(waiting, max(count, 0)):
            futures.append(client.submit(_work, shared, item, here, pure=False))
            places[futures[-1].key] = place
        return futures

    _wait_for_workers(client)
    running = distributed_package().as_completed(submit(_room(client)), loop=client.loop, with_results=True)
    for future, result in running:
        running.update(submit(_room(client) - running.count()))
        yield places.pop(future.key), result


def _work(function: Callable[[Any], Any], item: Any, expected: dict[str, str]) -> Any:
    """One item, on a worker with the versions of the process that asks for it."""
    mine = versions()
    if mine != expected:
        raise InputError(f"a worker runs {mine}, this process {expected}; install the same versions")
    return done_by_one_thread(function, item)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Dask's errors in the user's words."""
    try:
        yield
    except distributed_package().KilledWorker as error:
        raise MassanchorError(
            "workers died doing the same part, probably out of memory; use smaller parts, or workers with more "
            "memory; what is finished is kept"
        ) from error
    except (ImportError, RuntimeError) as error:
        if not isinstance(error.__cause__ or error, ImportError):
            raise
        raise InputError(
            f"the Dask cluster cannot import what it needs ({error.__cause__ or error}); install the same "
            "massanchor[scale] for its scheduler and its workers"
        ) from error


def _room(client: Any) -> int:
    """Items in flight at a time: so many that no thread waits, so few that they do not pile up."""
    threads: int = sum(client.nthreads().values())
    return max(_IN_FLIGHT, 2 * threads)


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
