"""Suites of mock catalogues from start to files: what each shard holds, who draws it, what is finished.

A shard's content depends on the configuration, the seed and the shard's number alone. It is finished when
the manifest names it; then it is never drawn again unless its files are damaged.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config.load import Config
from ..core.arrays import Array
from ..core.errors import InputError
from ..core.executor import cores, local_client, remote_client
from ..core.files import PARTIAL, prepare_output, to_plain, write_whole
from ..core.parameters import ParameterSet
from ..core.records import Job
from ..model.forward import forward_model
from ..model.setup import Setup, prior_sample
from ..relations.gas_profiles import load_profiles
from .columns import DrawnShard, Maker, Recipe, suite_columns
from .dask import spread
from .manifest import MANIFEST, Manifest, model_digest
from .shards import TABLES, Shard, read_checked, shard_path, software

GRID_STEPS = {"sigma8": 0.01, "norm_lx": 0.1, "norm_t": 0.1, "norm_mgas": 0.1}
"""Spacing of NV22's grid (section 2.2); 23 x 6^3 = 4,968 catalogues over its flat priors."""
DRAWS = 4968
MAX_SHARDS = 5000
_USUAL_SHARDS, _USUAL_SIZE, _CLUSTERS_PER_SHARD = 2000, 128, 250_000
_CLUSTERS_PER_WORKER = 3_000_000
_SCRATCH = ".massanchor-workers"


@dataclass(frozen=True)
class SuitePlan:
    """Which catalogues to draw, and who draws them.

    Parameters
    ----------
    grid : bool
        sigma8 and the normalisations on NV22's grid; all other parameters from the prior.
    draws : int or None
        Number of catalogues, every parameter from the prior; by default as many as on NV22's grid.
    shard_size : int or None
        Catalogues in a shard; by default 128, fewer where they are large.
    workers : int or None
        Local processes, 1: this one alone. By default one for every three million clusters, which take as
        long to draw as processes to start, and at most one for each processor core.
    scheduler : str or None
        Address of a running Dask scheduler, whose workers then do the work.
    """

    grid: bool = False
    draws: int | None = None
    shard_size: int | None = None
    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        for name, option in (("draws", "--draws"), ("shard_size", "--shard-size"), ("workers", "--workers")):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{option} must be at least 1, got {value}")
        if self.grid and self.draws is not None:
            raise InputError("--grid and --draws exclude each other; choose one")
        if self.scheduler is not None and self.workers is not None:
            raise InputError("--scheduler uses the workers of that cluster; leave out --workers")


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


def grid_axes(parameters: ParameterSet) -> dict[str, Array]:
    """Values of sigma8 and of the normalisations on NV22's grid, over their flat priors.

    Raises
    ------
    InputError
        If one of them is not free, has no flat prior, or a prior that is no multiple of the step.
    """
    axes, free = {}, {p.name: p.prior for p in parameters.free}
    for name, step in GRID_STEPS.items():
        cure = f"write parameters.{name} = {{ flat = [LOW, HIGH] }} in the configuration, or use --draws"
        if name not in free:
            raise InputError(f"--grid needs sigma8, norm_lx, norm_t and norm_mgas free; {name} is not; {cure}")
        prior = free[name]
        if prior.kind != "flat" or prior.widening != 1:
            raise InputError(f"--grid needs flat priors; that of {name} is {prior.kind}; {cure}")
        steps = (prior.high - prior.low) / step
        if abs(steps - round(steps)) > 1e-6:
            raise InputError(
                f"--grid: the prior of {name}, {prior.low:g} to {prior.high:g}, is no multiple of {step:g} wide; {cure}"
            )
        axes[name] = np.round(prior.low + step * np.arange(round(steps) + 1), 9)
    return axes


def _mean_count(setup: Setup) -> float:
    """Expected number of clusters in a catalogue, averaged over the prior."""
    return float(forward_model(setup).expected_count(prior_sample(setup)).mean())


def _shard_size(setup: Setup, catalogues: int) -> int:
    """Catalogues in a shard: 128, fewer if that is more than 250,000 clusters, more for very many catalogues."""
    size = max(1, min(_USUAL_SIZE, int(_CLUSTERS_PER_SHARD / max(_mean_count(setup), 1.0))))
    return max(size, math.ceil(catalogues / _USUAL_SHARDS))


def build_recipe(setup: Setup, seed: int, plan: SuitePlan) -> Recipe:
    """Resolve a plan.

    Raises
    ------
    InputError
        If the configuration has no grid, or there would be too many shards.
    """
    axes = grid_axes(setup.parameters) if plan.grid else {}
    catalogues = math.prod(len(values) for values in axes.values()) if axes else plan.draws or DRAWS
    size = plan.shard_size or _shard_size(setup, catalogues)
    if catalogues > MAX_SHARDS * size:
        least = math.ceil(catalogues / MAX_SHARDS)
        raise InputError(f"--shard-size {size} makes more than {MAX_SHARDS} shards; use at least {least}")
    return Recipe(setup, seed, catalogues, size, axes)


def describe(recipe: Recipe, config: Config, name: str) -> Manifest:
    """Manifest of a suite of which nothing is finished yet."""
    setup, profiles = recipe.setup, load_profiles()
    free = {p.name: {"fiducial": p.fiducial, "prior": p.prior} for p in setup.parameters.free}
    fixed = {key: value for key, value in to_plain(setup.parameters.fixed).items() if key not in free}
    plan = {
        "kind": "grid" if recipe.axes else "draws",
        "catalogues": recipe.catalogues,
        "shard_size": recipe.shard_size,
        "axes": recipe.axes,
    }
    return Manifest(
        name=name,
        configuration=to_plain(config.model_dump(mode="json")),
        model=model_digest(setup),
        seed=recipe.seed,
        plan=to_plain(plan),
        parameters=to_plain({"free": free, "fixed": fixed}),
        columns=to_plain(suite_columns(setup, profiles)),
        software=software(),
    )


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
        with contextlib.closing(_draw(recipe, todo, plan, job.out)) as drawn:
            for each in drawn:
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
    return SuiteSummary(folder, catalogues, clusters, len(shards), size, len(shards) - kept, kept, replaced)


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
    shutil.rmtree(out / _SCRATCH, ignore_errors=True)


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


def _draw(recipe: Recipe, todo: Sequence[int], plan: SuitePlan, out: Path) -> Generator[DrawnShard]:
    """Draw shards, here or on Dask's workers, in whatever order they are finished."""
    if not todo:
        return
    if plan.scheduler is not None:
        opened = remote_client(plan.scheduler)
    elif (workers := min(plan.workers or _worth(recipe, len(todo)), len(todo))) > 1:
        opened = local_client(workers, out / _SCRATCH)
    else:
        maker = Maker.of(recipe)
        yield from (maker.draw(number) for number in todo)
        return
    with opened as client:
        yield from spread(client, recipe, todo)


def _worth(recipe: Recipe, shards: int) -> int:
    """Number of local processes that save time."""
    clusters = _mean_count(recipe.setup) * recipe.shard_size * shards
    return 1 if clusters < 2 * _CLUSTERS_PER_WORKER else min(cores(), int(clusters / _CLUSTERS_PER_WORKER))
