"""Suites of mock catalogues from start to files: what each shard holds, who draws it, what is finished.

A shard's content depends on the configuration, the seed and the shard's number alone. It is finished when
the manifest names it; then it is never drawn again unless its files are damaged.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.load import Config
from ..core.errors import InputError
from ..core.files import PARTIAL, prepare_output, write_whole
from ..core.records import Job
from ..execution.executor import Executor
from .columns import DrawnShard, Maker
from .manifest import MANIFEST, Manifest
from .plan import SuitePlan, build_recipe, describe
from .shards import TABLES, Shard, read_checked, shard_path


@dataclass(frozen=True)
class SuiteSummary:
    """What a run left behind.

    Parameters
    ----------
    folder : Path
    catalogues, clusters, shards, bytes : int
        Of the whole suite.
    drawn, kept, replaced : int
        Shards drawn now, found finished, and found damaged (and so among those drawn now).
    """

    folder: Path
    catalogues: int
    clusters: int
    shards: int
    bytes: int
    drawn: int
    kept: int
    replaced: int


def run_suite(config: Config, job: Job, plan: SuitePlan) -> SuiteSummary:
    """Draw the catalogues of a suite that are not in `job.out` yet.

    Returns
    -------
    SuiteSummary

    Raises
    ------
    InputError
        If `job.out` holds another suite, or the plan does not fit the configuration.
    """
    recipe = build_recipe(config.setup, job.seed, plan)
    new = describe(recipe, config, job.name)
    prepare_output(job.out)
    with _only_writer(job.out):
        manifest = _begin(job, new)
        found = {shard.number: shard for shard in manifest.shards}
        damaged = _damaged(job, manifest)
        finished = {number: shard for number, shard in found.items() if number not in damaged}
        todo = [number for number in range(manifest.shard_count) if number not in finished]
        manifest.with_shards(finished).save(job.out)
        kept = len(finished)
        executor = Executor.chosen(plan.workers, plan.scheduler)
        with contextlib.closing(executor.map(Maker.of(recipe).draw, todo)) as drawn:
            for _, each in drawn:
                finished[each.shard.number] = _store(job.out, each)
                manifest.with_shards(finished).save(job.out)
                _report(job, "drawing catalogues", sum(s.catalogues for s in finished.values()), recipe.catalogues)
        _remove_leftovers(job.out)
    return _summary(job.out, tuple(finished.values()), kept, len(damaged))


def _report(job: Job, task: str, done: int, total: int) -> None:
    if job.progress is not None:
        job.progress(task, done, total, math.nan)


def _summary(folder: Path, shards: Sequence[Shard], kept: int, replaced: int) -> SuiteSummary:
    size = sum(file.size for shard in shards for file in shard.files.values())
    catalogues, clusters = sum(s.catalogues for s in shards), sum(s.clusters for s in shards)
    return SuiteSummary(
        folder=folder,
        catalogues=catalogues,
        clusters=clusters,
        shards=len(shards),
        bytes=size,
        drawn=len(shards) - kept,
        kept=kept,
        replaced=replaced,
    )


def _begin(job: Job, new: Manifest) -> Manifest:
    """Manifest of the suite in the output folder: the one to be finished, or a new one.

    Raises
    ------
    InputError
        If another suite is there, or shards without a manifest.
    """
    out = job.out
    if job.overwrite:
        _discard(out)
    for table in TABLES:
        prepare_output(out / table)
    _remove_leftovers(out)
    if (out / MANIFEST).exists():
        manifest = Manifest.load(out)
        differences = manifest.differences(new)
        if differences:
            words = "; ".join(sorted(differences, key=len)[:4])
            raise InputError(f"{out}: holds another suite: {words}; choose another --out, or --overwrite it")
        return manifest
    if _shard_files(out):
        raise InputError(f"{out}: holds shards without a {MANIFEST}; choose another --out, or --overwrite them")
    new.save(out)
    return new


def _discard(out: Path) -> None:
    """Remove a suite's own files, the manifest first; nothing else."""
    (out / MANIFEST).unlink(missing_ok=True)
    for path in _shard_files(out):
        path.unlink()


def _shard_files(out: Path) -> list[Path]:
    """Every shard file in a folder, whatever suite it belongs to."""
    return [path for table in TABLES for path in (out / table).glob("[0-9]" * 5 + ".parquet")]


def _remove_leftovers(out: Path) -> None:
    """Remove what a killed run was writing."""
    for folder in (out, *(out / table for table in TABLES)):
        for path in folder.glob(f".*{PARTIAL}"):
            path.unlink(missing_ok=True)


def _damaged(job: Job, manifest: Manifest) -> set[int]:
    """Numbers of the finished shards whose files are missing or altered."""
    damaged = set()
    for i, shard in enumerate(manifest.shards):
        if any(read_checked(job.out, table, shard) is None for table in TABLES):
            damaged.add(shard.number)
        _report(job, "checking finished shards", i + 1, len(manifest.shards))
    return damaged


def _store(out: Path, drawn: DrawnShard) -> Shard:
    """Write a shard's files."""
    for table in TABLES:
        write_whole(shard_path(out, table, drawn.shard.number), drawn.content[table])
    return drawn.shard


@contextlib.contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Keep a second process from writing to the folder; a killed process keeps nobody out."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise InputError(
            f"{folder}: another 'forecast suite' is writing there; wait for it, or choose another --out"
        ) from None
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        os.close(handle)
