"""How much of one thing gets to an error: ladders at what is found, and volumes known from linear algebra."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forecast.cli.app import app
from forecast.config.load import load_config, parse_config
from forecast.core.errors import InputError
from forecast.forecasts.axes import content_of, parse_axes
from forecast.forecasts.ladder import sigma8_std
from forecast.forecasts.planning import VolumeCurve
from forecast.forecasts.require.records import Requirement, Requirements
from forecast.forecasts.require.search import compute_requirements, default_keys
from forecast.report.requirements import best_help, requirement_lines, requirement_table


@pytest.mark.parametrize(("target", "easier"), [(0.02, False), (0.03, True)])
def test_the_volume_is_that_of_linear_algebra(nv22, target, easier):
    """Information in every Y_X is proportional to the volume, which is all that the fraction changes."""
    (row,) = compute_requirements(nv22, f"sigma8={target}", ["survey.fraction"], "unbinned").rows
    copies = VolumeCurve(nv22.setup).equivalent_volume("unbinned", target)
    assert row.needed == pytest.approx(0.5 * copies, rel=0.01)
    assert row.std == pytest.approx(target, rel=0.002)
    assert (row.needed < 0.5) == easier
    assert row.evaluations <= 8


def test_a_ladder_at_what_is_found_has_the_error(cccp):
    content = content_of(cccp) | {"sample_variance": False}
    config = parse_config(content)
    keys = ["selection.flux_limit", "parameters.norm_yx.lognormal"]
    found = compute_requirements(config, "sigma8=0.025", keys, "counts")
    assert [row.key for row in found.rows] == keys
    for row in found.rows:
        if row.needed is None:
            continue
        other = content_of(config)
        if row.unit:
            other["selection"]["flux_limit"] = f"{row.needed} {row.unit}"
        else:
            other["parameters"]["norm_yx"]["lognormal"] = row.needed
        count, std = sigma8_std(parse_config(other).setup)
        assert std["counts"] == pytest.approx(0.025, rel=0.01)
        assert row.expected_count == pytest.approx(count, rel=1e-6)
    assert found.rows[0].needed is not None
    assert found.rows[1].needed is None and found.rows[1].why == "it changes nothing"  # N knows nothing of Y_X


def test_where_priors_limit_a_survey_no_volume_does(nv22):
    """N alone leaves the prior conditional on it, whatever the volume."""
    (row,) = compute_requirements(nv22, "sigma8=0.02", ["survey.fraction"], "counts").rows
    assert row.needed is None
    assert row.std == pytest.approx(VolumeCurve(nv22.setup).std("counts", 1e6), rel=0.02)
    assert "norm_lx" in row.why


def test_the_end_of_what_a_key_may_be_is_sought(nv22):
    content = content_of(load_config("erosita")) | {"sample_variance": False}
    content["survey"] |= {"shells": 1}
    (row,) = compute_requirements(parse_config(content), "sigma8=0.001", ["survey.area"], "counts").rows
    assert row.needed is None
    assert 38_000 < row.farthest <= 41_253 and "at most the whole sky" in row.why


@pytest.mark.parametrize(
    ("target", "keys", "level", "message"),
    [
        ("sigma8", (), None, "write NAME=ERROR"),
        ("sigma8=0", (), None, "positive error"),
        ("sigma8=1..2", (), None, "NAME=ERROR"),
        ("sigam8=0.1", (), None, "did you mean 'sigma8'"),
        ("sigma8=0.02", ("survey.fracton",), None, "--by survey.fracton: unknown key; did you mean 'survey.fraction'"),
        ("sigma8=0.02", ("selection.k_slope",), None, "which this survey has not"),
        ("sigma8=0.02", (), "unbined", "did you mean 'unbinned'"),
    ],
)
def test_what_is_wrong_is_named(nv22, target, keys, level, message):
    with pytest.raises(InputError, match=message):
        compute_requirements(nv22, target, keys, level)


def test_from_zero_as_much_as_is_wanted(nv22):
    """A ladder at the error of Y_X that is found has the error of sigma8 that is wanted."""
    (row,) = compute_requirements(nv22, "sigma8=0.026", ["yx_error"], "unbinned").rows
    assert row.configured == 0.0 and row.needed > 0.1
    content = content_of(nv22) | {"yx_error": row.needed}
    assert sigma8_std(parse_config(content).setup)[1]["unbinned"] == pytest.approx(0.026, rel=0.005)


@pytest.mark.parametrize(
    ("target", "key", "why"),
    [
        ("sigma8=0.02", "yx_error", "more of it makes the error larger, and less than nothing there is not"),
        ("sigma8=0.05", "relations.mgas.evolution", "it changes nothing"),
    ],
)
def test_from_zero_it_is_said_why_nothing_does(nv22, target, key, why):
    (row,) = compute_requirements(nv22, target, [key], "unbinned").rows
    assert row.needed is None and row.why == why
    assert row.configured == row.farthest == 0.0 and row.std == row.configured_std


def test_a_negative_value_is_no_amount(cccp):
    with pytest.raises(InputError, match=r"sweep --vary selection\.k_slope=-1\.14:0:5") as refused:
        compute_requirements(cccp, "sigma8=0.02", ["selection.k_slope"])
    option = str(refused.value).partition("--vary ")[2]
    assert len(parse_axes([option], cccp)[0].values) == 5


REFUSALS = {
    "no target": ["require", "nv22"],
    "target": ["require", "nv22", "sigma8"],
    "parameter": ["require", "nv22", "sigma9=0.1"],
    "key": ["require", "nv22", "sigma8=0.02", "--by", "survey.fracton"],
    "second key": ["require", "nv22", "sigma8=0.02", "--by", "survey.fraction", "yx_eror"],
    "key without --by": ["require", "nv22", "sigma8=0.02", "yx_error"],
    "level": ["require", "nv22", "sigma8=0.02", "--level", "unbined"],
    "option": ["require", "nv22", "sigma8=0.02", "--bye", "yx_error"],
    "survey": ["require", "nv23", "sigma8=0.02"],
    "seed": ["require", "nv22", "sigma8=0.02", "--seed", "x"],
}


@pytest.mark.parametrize("what", REFUSALS)
def test_every_refusal_is_one_line(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, REFUSALS[what], prog_name="forecast")
    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_keys_after_one_option(tmp_path):
    arguments = [
        "require",
        "nv22",
        "sigma8=0.03",
        "--level",
        "counts",
        "--by",
        "survey.fraction,survey.side",
        "yx_error",
    ]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path), "--format", "csv"])
    assert done.exit_code == 0, done.stderr
    assert [line.partition(",")[0] for line in done.stdout.split()[1:]][-1] == "yx_error"
    assert len(json.loads((tmp_path / "results.json").read_text())["rows"]) == 3


def test_what_can_be_bought(nv22):
    assert default_keys(nv22) == ("survey.fraction", "prior_width", "weak_lensing.scatter")
    assert default_keys(load_config("erosita")) == (
        "survey.area",
        "selection.flux_limit",
        "parameters.norm_lx.lognormal",
        "parameters.norm_yx.lognormal",
        "yx_error",
    )


def test_the_command_writes_a_survey_that_has_the_error(tmp_path):
    out = tmp_path / "o"
    arguments = ["require", "nv22", "sigma8=0.03", "--level", "counts", "--by", "survey.fraction", "--out", str(out)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    saved = json.loads((out / "results.json").read_text())
    assert saved["provenance"]["seed"] == 1 and saved["provenance"]["config"]["survey"]["fraction"] == 0.5
    assert done.stdout.splitlines()[-1] == f"Next: forecast ladder {out / 'survey.fraction.toml'}"
    assert sigma8_std(load_config(out / "survey.fraction.toml").setup)[1]["counts"] == pytest.approx(0.03, rel=0.01)
    assert {path.name for path in (out / "figures").iterdir()} == {"require.pdf", "require.png"}
    (row,) = saved["rows"]
    assert (
        row["factors"] == sorted(row["factors"]) and 1.0 in row["factors"] and len(row["factors"]) == len(row["errors"])
    )
    here = row["errors"][row["factors"].index(1.0)]
    assert here == pytest.approx(row["configured_std"]) == pytest.approx(saved["configured_std"])
    assert saved["Om0"] == 0.272 and "level counts, Om0 = 0.272 fixed: sigma8 is now known" in done.stdout
    assert f"Best single help: volume {row['needed'] / 0.5:.3g} times larger." in done.stdout


def one(key, **changes):
    known = {"unit": "", "configured": 0.1, "configured_std": 0.02, "needed": 0.05, "farthest": 0.05, "std": 0.015}
    return Requirement(**(known | {"key": key, "expected_count": 1.0, "why": "", "evaluations": 1} | changes))


def test_what_helps_most_is_said_with_factors():
    """The least change first; nothing that never does; what comes closest where nothing gets there."""
    area = one("survey.area", configured=1000.0, needed=5000.0, farthest=5000.0)
    norm, never = (
        one("parameters.norm_yx.lognormal", needed=0.04, farthest=0.04),
        one("yx_error", needed=None, std=0.018),
    )
    mass = one("selection.min_mass", unit="log10 Msun/h", configured=14.0, needed=13.7, farthest=13.7)
    found = Requirements("sigma8", 0.015, "full", 0.02, (area, never, norm, mass))
    assert best_help(found) == (
        "Best single help: selection.min_mass 2 times smaller; instead of it normalisation of Y_X 2.5 times better "
        "known; or area 5 times larger."
    )
    assert best_help(replace(found, rows=(never,))) == (
        "Nothing alone gets there; error of Y_X 2 times smaller comes closest, to 0.018."
    )
    less = replace(found, std=0.03, rows=(one("survey.area", needed=0.05),))
    assert best_help(less) == "More than is wanted: enough is area 2 times smaller."
    idle = replace(found, std=0.03, rows=(one("survey.area", needed=None, std=0.021, why="so"),))
    wanting = "forecast require x.toml {} --level full".format
    assert best_help(idle) == "More than is wanted, whatever value any of them alone has."
    assert [requirement_table(x)[1][0][2] for x in (idle, replace(idle, std=0.01))] == ["any", "never"]
    assert "survey.area: any; at 0.05 the error is 0.021; so" in requirement_lines(idle, "x.toml", Path("out"), wanting)
    *_, following = requirement_lines(replace(idle, std=0.01), "x.toml", Path("out"), wanting)
    assert following == "Next: forecast require x.toml sigma8=0.0214 --level full"
    assert best_help(replace(found, std=0.02)) == "The error of sigma8 is what is wanted."
    zero = replace(found, rows=(one("selection.flux_error", configured=0.0, unit="dex"),))
    assert best_help(zero) == "Best single help: selection.flux_error of 0.05 dex."
    words = list(requirement_lines(found, "x.toml", Path("out"), wanting))
    assert words[1] == best_help(found) and words[-1] == "Next: forecast ladder out/selection.min_mass.toml"
