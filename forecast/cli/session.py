"""Around every command: its configuration and job, progress, and errors as exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .progress import progress_bar as progress_bar
from .progress import voice

if TYPE_CHECKING:
    from ..config.load import Config
    from ..core.records import Job

EXIT_DONE, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_NOT_CONVERGED, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


@contextmanager
def task(
    name: str, command: str, out: Path | None, seed: int, silent: bool, options: dict[str, Any]
) -> Iterator[tuple[Config, Job]]:
    """Load the configuration, show progress, and turn errors into exit codes."""
    with exit_codes(), voice(silent) as speaking:
        from ..config.load import load_config
        from ..core.records import Job

        settings = load_config(name)
        _check_level(options.get("level"), settings)
        stem = Path(name).stem
        folder = out if out is not None else Path("out") / f"{stem}-{command}"
        heard: dict[str, Any] = {"progress": speaking.progress, "tell": speaking.tell, "given": name}
        with held(folder):
            yield settings, Job(name=stem, out=folder, seed=seed, **heard, **options)


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Keep other commands out of an output folder."""
    from ..core.claim import claimed

    with claimed(out):
        yield


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
