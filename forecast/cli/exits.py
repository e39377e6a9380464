"""Exit codes, and errors as one line on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

EXIT_DONE, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_NOT_CONVERGED, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


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
    """Say what happened, and end with an exit code."""
    typer.echo(message, err=True)
    raise typer.Exit(code)
