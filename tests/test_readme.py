"""The README's recipes print what it says, in a blank folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
CALL = "import sys; from forecast.cli.app import main; sys.argv[0] = 'forecast'; main()"


def recipes():
    """Commands and the lines that they print, by block."""
    text = README.read_text(encoding="utf-8")
    for block in re.findall(r"```console\n(.*?)```", text[text.index("## Recipes") :], re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.strip().splitlines()
            yield command, [line for line in lines if line != "..."]


@pytest.mark.slow
def test_recipes_print_what_the_readme_says(tmp_path):
    found = list(recipes())
    assert len(found) >= 4
    for command, lines in found:
        program, *arguments = shlex.split(command)
        assert program == "forecast"
        done = subprocess.run(
            [sys.executable, "-c", CALL, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        for line in lines:
            assert line in done.stdout, f"{command}\n{done.stdout}"


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").split()) <= 700
