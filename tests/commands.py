"""Commands run in this process: parsed, printed and ended as from a shell, without starting Python for each."""

from contextlib import chdir
from importlib import import_module
from types import SimpleNamespace

from typer.testing import CliRunner


def called(program, *arguments, cwd="."):
    """Exit code and what was printed; an error that the command let through is raised."""
    app = import_module(f"{program}.cli.app").app
    with chdir(cwd):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name=program)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)
