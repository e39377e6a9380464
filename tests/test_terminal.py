"""What people see: help that fits, tables in other forms, ASCII terminals, closed pipes, completion."""

import csv
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from forecast.cli.app import app
from forecast.cli.completion import complete_config
from forecast.core.signs import PLAIN
from mlcheck.cli.app import app as mlcheck_app

CALL = "import sys; from forecast.cli.app import main; sys.argv[0] = 'forecast'; main()"
COMMANDS = [[info.name or info.callback.__name__] for info in app.registered_commands] + [
    ["init", "plan"],
    ["init", "fit"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_a_terminal_and_has_an_example(command):
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, [*command, "--help"])
    assert done.exit_code == 0
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert f"Example: forecast {' '.join(command)}" in done.stdout


def test_the_summaries_of_commands_are_whole():
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["--help"])
    assert not [line for line in done.stdout.splitlines()[1:] if line.endswith("...")]
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_names_of_configurations_complete(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nv22_mine.toml").write_text("")
    (tmp_path / "nv22_more").mkdir()
    assert complete_config("nv22_m") == ["nv22_magneticum", "nv22_mine.toml", "nv22_more/"]
    assert complete_config("x") == []


APPS = {"forecast": app, "mlcheck": mlcheck_app}


def completed(program, *words):
    """What bash is told that the last of some words may become."""
    variables = {"COMP_WORDS": " ".join((program, *words)), "COMP_CWORD": str(len(words))}
    variables[f"_{program.upper()}_COMPLETE"] = "complete_bash"
    done = CliRunner(env=variables).invoke(APPS[program], [], prog_name=program)
    assert done.exit_code == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("forecast", "ladder", "nv22_s"), ["nv22_smooth_large", "nv22_smooth_small"]),
        (("forecast", "ladder", "nv22", "ero"), ["erosita", "erosita_w"]),
        (("forecast", "data", "re"), ["reflex"]),
        (("forecast", "run", "nv22", "--level", "un"), ["unbinned"]),
        (("forecast", "fit", "nv22", "--level", "a"), ["all"]),
        (("forecast", "saliency", "nv22", "--level", "f"), ["full", "full+wl"]),
        (("forecast", "explain", "selection.flux_l"), ["selection.flux_limit", "selection.flux_limits"]),
        (("forecast", "sweep", "erosita", "--vary", "survey.a"), ["survey.area="]),
        (("forecast", "sweep", "nv22", "--vary", "survey.a"), []),
        (("forecast", "require", "nv22", "sig"), ["sigma8="]),
        (("forecast", "require", "nv22", "sigma8=0.02", "--by", "survey.f"), ["survey.fraction"]),
        (("forecast", "compare", "nv22", "cccp"), ["cccp_lowz", "cccp_lowz_mass_scale"]),
        (("forecast", "configs", "--show", "e"), ["erosita", "erosita_w"]),
        (("mlcheck", "train", "cc"), ["cccp"]),
        (("mlcheck", "train", "compact", "--survey", "nv22_f"), ["nv22_follows_lx"]),
        (("mlcheck", "train", "compact", "--case", "no"), ["no-wl"]),
        (("mlcheck", "apply", "net", "--config", "ero"), ["erosita", "erosita_w"]),
    ],
    ids=" ".join,
)
def test_the_shell_completes(words, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert completed(*words) == found


@pytest.mark.parametrize("program", ["forecast", "mlcheck"])
def test_completion_can_be_shown_for_a_shell(program):
    module = f"{program}.cli.app"
    code = f"import sys; from {module} import main; sys.argv = ['{program}', '--show-completion', 'bash']; main()"
    done = python(code, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert f"_{program.upper()}_COMPLETE=complete_bash" in done.stdout, done.stderr


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, check=False
    )


def test_an_ascii_terminal_shows_every_sign():
    code = "from forecast.cli.streams import prepare_streams; prepare_streams(); print('0.1 ± 0.2 of σ₈ … é')"
    done = python(code, PYTHONIOENCODING="ascii")
    assert (done.stdout, done.stderr) == ("0.1 +- 0.2 of sigma8 ... ?\n", "")
    assert all(sign.isascii() for sign in PLAIN.values())


def test_the_backend_of_a_notebook_does_not_matter():
    code = "from forecast.cli.streams import prepare_streams; prepare_streams(); import corner; print('drawn')"
    done = python(code, MPLBACKEND="module://no_such_notebook.backend_inline")
    assert done.stdout == "drawn\n", done.stderr


def test_a_closed_pipe_ends_quietly():
    command = f'"{sys.executable}" -c "{CALL}" explain survey | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 1 and done.stderr == ""


@pytest.mark.parametrize("form", ["csv", "latex"])
def test_tables_in_other_forms_hold_nothing_else(tmp_path, form):
    arguments = ["require", "nv22", "sigma8=0.03", "--level", "counts", "--by", "survey.fraction", "--format", form]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.rstrip().splitlines()
    if form == "csv":
        header, row = csv.reader(lines)
        assert header[:3] == ["alone", "now", "needed"] and len(row) == len(header)
        assert float(row[2]) > float(row[1]) == 0.5
    else:
        assert lines[0].startswith(r"\begin{tabular}{l") and lines[-1] == r"\end{tabular}"
        assert r"\%" not in lines[0] and all(line.endswith(r"\\") for line in lines[2:-1] if line != r"\hline")
