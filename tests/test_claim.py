"""Two runs never write into one folder; a killed one lets go."""

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from forecast.core.claim import claimed
from forecast.core.errors import InputError

HOLD = """
import sys, time
from pathlib import Path
from forecast.core.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout.readline().strip() == "held"
        yield process
        process.kill()


def test_another_run_is_refused_and_a_killed_one_lets_go(tmp_path, other):
    with (
        pytest.raises(
            InputError, match=rf"out: another run \(process {other.pid}\) is writing there; wait until it ends"
        ),
        claimed(tmp_path / "out"),
    ):
        pass
    other.send_signal(signal.SIGKILL)
    other.wait()
    with claimed(tmp_path / "out"):
        (tmp_path / "out" / "results.json").write_text("{}")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.json"]


def test_nothing_is_left_of_a_run_that_wrote_nothing(tmp_path):
    with pytest.raises(ValueError, match="stop"), claimed(tmp_path / "a" / "b"):
        raise ValueError("stop")
    assert not (tmp_path / "a").exists()


def test_a_file_where_the_folder_belongs(tmp_path):
    (tmp_path / "out").write_text("mine")
    message = r"out: cannot write there \(File exists\); choose another --out"
    with pytest.raises(InputError, match=message), claimed(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_text() == "mine"


def test_a_file_system_without_locks_is_no_hindrance(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("forecast.core.claim.fcntl.flock", unsupported)
    with claimed(tmp_path / "out"):
        (tmp_path / "out" / "results.json").write_text("{}")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.json"]
