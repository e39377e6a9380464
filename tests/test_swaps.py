"""Shifts by other assumptions in units of the forecast's errors, with priors as given and wider."""

import json
from dataclasses import replace

import pytest
from pages import run

from forecast.core.files import to_plain
from forecast.core.records import Job
from forecast.forecasts.ladder import Ladder
from forecast.forecasts.swaps import SystematicRow
from forecast.report.console import Screen, print_tables
from forecast.report.forecast_sections import systematics_section
from forecast.survey.geometry import Replicated


@pytest.fixture(scope="module")
def follows(nv22):
    return replace(nv22.setup, selection=nv22.setup.selection.with_min_mass("follows_lx"))


@pytest.mark.parametrize(("volume", "shift", "error"), [(10.0, -0.020, 0.050), (100.0, -0.051, 0.025)])
def test_what_another_mass_function_does_to_a_large_survey(follows, volume, shift, error):
    """Figures of an independent calculation: every Y_X, normalisation priors ten times wider."""
    large = replace(follows, geometry=Replicated(follows.geometry, volume))
    *_, row = Ladder(large, quick=True).shifts(("tinker08",), (1.0, 10.0))
    assert row.widening == 10 and row.label.endswith("norm. priors x 10")
    assert row.error["unbinned"] == pytest.approx(error, rel=0.03)
    assert row.shift["unbinned"] == pytest.approx(shift, rel=0.07)
    assert row.in_errors["unbinned"] == row.shift["unbinned"] / row.error["unbinned"]


def test_wider_priors_are_those_of_a_survey_that_has_them(follows):
    wide = replace(follows, parameters=follows.parameters.widened(10.0))
    (alone,) = Ladder(wide, quick=True).shifts(("tinker08",))
    _, row = Ladder(follows, quick=True).shifts(("tinker08",), (1.0, 10.0))
    for level in row.shift:
        assert row.shift[level] == pytest.approx(alone.shift[level], abs=2e-4)
        assert row.error[level] == pytest.approx(alone.error[level], rel=2e-3)


def test_a_row_says_how_many_errors_a_shift_is():
    row = SystematicRow("data follow tinker08", {"counts": 0.01, "unbinned": -0.02}, error={"unbinned": 0.02})
    assert row.in_errors == {"unbinned": -1.0}
    assert json.loads(json.dumps(to_plain(row)))["in_errors"] == {"unbinned": -1.0}


def test_pages_and_consoles_flag_more_than_half_an_error(capsys, tmp_path):
    error = {"selfcal": 0.02}
    shifts = {"far": 0.011, "near": 0.009}
    rows = tuple(SystematicRow(name, {"selfcal": x}, widening=10.0, error=error) for name, x in shifts.items())
    result = replace(run(), systematics=rows)
    assert str(systematics_section(result)).count("class='doubt'") == 1
    print_tables(result, Job("mine", tmp_path, 1), Screen("text"))
    told = capsys.readouterr().out
    assert "+0.011 (+0.55)!" in told and "+0.009 (+0.45)\n" in told and "!: a shift of more than half" in told
