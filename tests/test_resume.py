"""Commands that are killed in mid work: run again, they compute what is missing and write what they would have."""

import signal

import pytest
from stopping import start, wait_for
from test_executor import files
from typer.testing import CliRunner

from forecast.cli.app import app
from forecast.execution.store import Store

COMMANDS = {
    "check": ("check", "nv22", "--mocks", "200", "--draws", "2000", "--level", "counts", "--no-predictive"),
    "sweep": ("sweep", "nv22", "--vary", "yx_error=0:0.2:4"),
    "compare": ("compare", "nv22", "nv22_follows_lx", "nv22_smooth_small"),
}
KEPT = {"check": "check", "sweep": "survey", "compare": "survey"}
"""How the steps are named."""


@pytest.fixture
def made(monkeypatch):
    """Names of the steps that this process makes and keeps."""
    names, put = [], Store.put

    def recorded(store, name, record, *, of=None):
        names.append(name)
        put(store, name, record, of=of)

    monkeypatch.setattr(Store, "put", recorded)
    return names


def finished(arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_goes_on_where_it_was_and_writes_the_same(name, tmp_path, made):
    command = [*COMMANDS[name], "--workers", "1", "--quiet", "--out"]
    finished([*command, str(tmp_path / "undisturbed")])
    every = set(made)
    process = start("-c", "from forecast.cli.app import main; main()", *command, str(tmp_path / "killed"))
    steps = tmp_path / "killed" / "steps"
    wait_for(process, lambda: list(steps.glob(f"{KEPT[name]}-*.npz")))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {path.stem for path in steps.glob("*.npz")}
    assert 0 < len(kept) < len(every)
    assert not files(tmp_path / "killed")
    made.clear()
    finished([*command, str(tmp_path / "killed")])
    assert sorted(made) == sorted(every - kept)
    assert files(tmp_path / "killed") == files(tmp_path / "undisturbed")
    assert not steps.exists()
