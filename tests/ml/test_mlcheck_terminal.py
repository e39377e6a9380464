"""mlcheck on a terminal: help that fits, an example each, completion, tables in other forms."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from mlcheck.cli.app import app
from mlcheck.cli.options import complete_case, complete_network, complete_preset
from mlcheck.report.plots.trained import prediction_figure

COMMANDS = [info.name or info.callback.__name__ for info in app.registered_commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal_and_has_an_example(command):
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert f"Example: mlcheck {command}" in done.stdout


def test_the_summaries_of_commands_are_whole():
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["--help"])
    assert len(COMMANDS) == 7 and all(f"  {command}" in done.stdout for command in COMMANDS)
    assert not [line for line in done.stdout.splitlines()[1:] if line.endswith("...") or len(line) > 80]


def test_names_complete(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nv22_mine.toml").write_text("")
    assert complete_network("nv22_") == ["nv22_brief", "nv22_encoder", "nv22_mine.toml"]
    assert complete_preset("c") == ["compact"]
    assert complete_case("s") == ["standard", "shuffled"]
    assert complete_case("ones,no") == ["ones,no-wl"]


def test_a_table_in_other_forms():
    done = CliRunner().invoke(app, ["describe", "compact", "--format", "csv"])
    assert done.exit_code == 0, done.stderr
    header, *layers, total = csv.reader(done.stdout.strip().splitlines())
    assert header == ["layer", "shape", "parameters"]
    assert float(total[-1]) == sum(float(row[-1]) for row in layers) == 27149


def test_the_picture_of_a_few_predictions_leaves_cells_without_any_out():
    truth = np.array([0.7, 0.71, 0.9])
    _, bottom = prediction_figure(truth + 0.01, np.full(3, 0.02), truth, "three").axes
    points = bottom.containers[0].lines[0].get_xydata()
    assert len(points) == 2 and points[:, 1] == pytest.approx([0.01, 0.01])
