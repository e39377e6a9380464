"""Around every command: its configuration and job, progress, and errors as exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ..config.load import Config
    from ..core.records import Job

EXIT_DONE, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_NOT_CONVERGED, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


@contextmanager
def task(
    name: str, command: str, out: Path | None, seed: int, silent: bool, options: dict[str, Any]
) -> Iterator[tuple[Config, Job]]:
    """Load the configuration, show progress, and turn errors into exit codes."""
    with exit_codes():
        from ..config.load import load_config
        from ..core.records import Job

        settings = load_config(name)
        _check_level(options.get("level"), settings)
        stem = Path(name).stem
        with progress_bar(silent) as report:
            folder = out if out is not None else Path("out") / f"{stem}-{command}"
            tell = None if silent else partial(typer.echo, err=True)
            yield settings, Job(name=stem, out=folder, seed=seed, progress=report, tell=tell, **options)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into one line on standard error and an exit code."""
    from ..core.errors import InputError, MassanchorError

    try:
        yield
    except InputError as error:
        fail(f"error: {error}", EXIT_BAD_INPUT)
    except MassanchorError as error:
        fail(f"failed: {error}", EXIT_FAILED)
    except KeyboardInterrupt:
        fail("interrupted; what is finished is kept, and the same command goes on from there", EXIT_INTERRUPTED)


def _check_level(level: str | None, settings: Config) -> None:
    from ..core.errors import InputError, nearest
    from ..likelihoods.level_name import LEVELS
    from ..likelihoods.levels import levels_of

    if level is not None and level not in LEVELS:
        raise InputError(f"--level {level}: unknown level; {nearest(level, LEVELS)}")
    if level is not None and level not in levels_of(settings.setup):
        raise InputError(f"--level {level}: needs weak-lensing masses; add a [weak_lensing] table with their scatter")


def fail(message: str, code: int) -> None:
    """Print one line on standard error and exit."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def progress_bar(silent: bool) -> Iterator[Callable[[str, int, int, float], None] | None]:
    """Progress bar on standard error; nothing at all if `silent` or not a terminal."""
    if silent or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[lengths]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def report(task: str, done: int, total: int, lengths: float) -> None:
            if task not in tasks:
                tasks[task] = bar.add_task(task, total=total, lengths="")
            words = f"{lengths:.0f} of 50 tau" if lengths == lengths else ""
            bar.update(tasks[task], completed=done, lengths=words)

        yield report
