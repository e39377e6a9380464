"""Around every command: its configuration and job, progress, and errors as exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .level_choice import chosen_levels
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
        levels = chosen_levels(options.pop("level", None), settings)
        stem = Path(name).stem
        folder = out if out is not None else Path("out") / f"{stem}-{command}"
        heard: dict[str, Any] = {"progress": speaking.progress, "tell": speaking.tell, "given": name}
        with held(folder):
            yield settings, Job(name=stem, out=folder, seed=seed, levels=levels, **heard, **options)


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


def fail(message: str, code: int) -> None:
    """Print one line on standard error and exit."""
    typer.echo(message, err=True)
    raise typer.Exit(code)
