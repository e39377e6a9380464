"""Processes that share work: Dask's workers, on this machine or on a running cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import warnings
from collections.abc import Iterator
from importlib import import_module
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from .errors import InputError, MassanchorError

_TRIM = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
"""Dask sets it so low that memory goes to the system and back for every array: a third more time to draw."""
_NOISY = ("distributed", "asyncio", "tornado")
_SCHEDULER_TIMEOUT = 10


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
            "work is spread over processes by Dask; pip install 'massanchor[scale]', or use --workers 1"
        ) from None


def cores() -> int:
    """Processor cores that this process may use, limits of its container included."""
    return int(import_module("joblib").cpu_count())


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
    distributed = distributed_package()
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
