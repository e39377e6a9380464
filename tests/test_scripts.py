"""Scripts as people write them: work on processes needs no main guard, unless functions are the script's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = """
import math
from forecast.execution.processes import on_processes
print("begun")
print(sorted(on_processes(math.sqrt, [1.0, 4.0, 9.0], 2)))
"""
OWN = """
from forecast.execution.processes import on_processes
def double(x):
    return 2 * x
if __name__ == "__main__":
    print(sorted(on_processes(double, [1, 2, 3], 2)))
"""


def run(command, text=None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *command], input=text, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("from_file", [True, False], ids=["file", "standard input"])
def test_without_a_main_guard(tmp_path, from_file):
    (tmp_path / "mine.py").write_text(OURS)
    done = run([tmp_path / "mine.py"]) if from_file else run(["-"], OURS)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "begun\n[(0, 1.0), (1, 2.0), (2, 3.0)]\n"


def test_functions_of_the_script_itself_need_one(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    assert run([tmp_path / "mine.py"]).stdout == "[(0, 2), (1, 4), (2, 6)]\n"
    (tmp_path / "mine.py").write_text(OWN.replace('if __name__ == "__main__":', "if True:"))
    done = run([tmp_path / "mine.py"])
    assert done.returncode == 1 and "under if __name__ == '__main__'" in done.stderr


def test_a_full_disc_is_one_line():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    call = "import sys; sys.argv[1:] = ['configs']; from forecast.cli.app import main; main()"
    command = [sys.executable, "-c", call]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert (done.returncode, done.stderr) == (1, "failed: No space left on device\n")
