"""Arguments of the command line as they are meant."""

from __future__ import annotations

import sys
from pathlib import Path


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
