"""Shards of a suite drawn on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import islice
from typing import Any

from ..core.errors import InputError, MassanchorError
from ..core.executor import distributed_package
from .columns import DrawnShard, Maker, Recipe
from .shards import software

_IN_FLIGHT, _WORKER_TIMEOUT = 16, 60


def spread(client: Any, recipe: Recipe, todo: Sequence[int]) -> Generator[DrawnShard]:
    """Draw shards on the workers of a cluster.

    A few shards for each worker are in flight at a time; those of a worker that dies are drawn by another.
    """
    distributed, versions, waiting = distributed_package(), software(), iter(todo)
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
