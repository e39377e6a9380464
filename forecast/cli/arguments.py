"""Arguments of the command line as they are meant."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from .session import EXIT_BAD_INPUT, EXIT_FAILED, fail

_REFUSED: type[Exception] = typer.BadParameter.__bases__[0]
"""What the library that reads arguments raises when it cannot."""


_TOO_MANY = re.compile(r"Got unexpected extra arguments? \(|Got unexpected extra argument\(s\) \(")


class Commands(TyperGroup):
    """Commands that refuse arguments in one line."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        """Read the arguments before a command."""
        with _one_line():
            return super().make_context(*given, **more)

    def invoke(self, context: Any) -> Any:
        """Read those of a command, and run it."""
        with _one_line():
            return super().invoke(context)


@contextmanager
def _one_line() -> Iterator[None]:
    """What is wrong with arguments, and where to read how they are meant, in one line; help is shown as it is."""
    try:
        yield
    except _REFUSED as error:
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        words = getattr(error, "format_message", error.__str__)()
        command = Path(sys.argv[0]).name if context is None else context.command_path
        if _TOO_MANY.match(words):
            refuse_more_surveys(command.split()[-1], _TOO_MANY.sub("", words).rstrip(").").split())
        fail(f"error: {_begun(words)}; '{command} --help' says what is meant", EXIT_BAD_INPUT)


def refuse_more_surveys(command: str, words: Iterable[str]) -> None:
    """End a command that takes one survey where another is given, a file or a built-in one."""
    from ..config.load import builtin_configs

    for word in words:
        if word in builtin_configs() or (word.endswith(".toml") and Path(word).is_file()):
            cure = "fit, ladder and joint take several together, compare puts them side by side"
            fail(f"error: {word}: {command} takes one survey; {cure}", EXIT_BAD_INPUT)


_OF_ONE_RUN = ("quick", "max_steps", "overwrite", "quiet", "as_json", "form")
"""Options that are about a run, not about what is computed."""


def again(context: typer.Context, **other: str) -> str:
    """The command as it was typed, but for what is about one run alone, and `other` arguments in place of some."""
    words, options = ["forecast", str(context.info_name)], list[str]()
    for parameter in context.command.params:
        name = str(parameter.name)
        if parameter.param_type_name == "argument":
            words += _listed(other.get(name, context.params[name]))
        elif name not in _OF_ONE_RUN and getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE":
            options += _option(parameter, context.params[name])
    return shlex.join([*words, *options])


def _listed(value: Any) -> list[str]:
    """One value, several, or none, as words."""
    return [str(one) for one in (value if isinstance(value, list | tuple) else [value]) if one is not None]


def _option(parameter: Any, value: Any) -> list[str]:
    """An option and its values, as words."""
    if isinstance(value, bool):
        return [parameter.opts[0] if value else parameter.secondary_opts[0]]
    return [word for one in _listed(value) for word in (parameter.opts[0], one)]


def _begun(sentence: str) -> str:
    """A sentence as part of a line: without its capital and its full stop.

    >>> _begun("Missing option '--suite'.")
    "missing option '--suite'"
    """
    line = " ".join(sentence.split()).rstrip(".")
    return line[:1].lower() + line[1:]


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
