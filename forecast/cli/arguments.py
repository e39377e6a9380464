"""Arguments of the command line as they are meant."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from .session import EXIT_FAILED


def start(app: Callable[[list[str]], object]) -> None:
    """Run a command line; what the system refuses, such as room on a full disc, is one line too."""
    try:
        app(given())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still to be printed has nowhere to go
        print(f"failed: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        raise SystemExit(EXIT_FAILED) from None


def given() -> list[str]:
    """Arguments of this command."""
    return [at_home(argument) for argument in sys.argv[1:]]


def at_home(argument: str) -> str:
    """An argument whose path begins at home; shells leave that to the command in ``--out=~/x``.

    >>> at_home("--quick"), at_home("--out=x"), at_home("--out=~/x") == f"--out={Path.home()}/x"
    ('--quick', '--out=x', True)
    """
    option, equals, path = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    return f"{option}{equals}{Path(path).expanduser()}" if path == "~" or path.startswith("~/") else argument
