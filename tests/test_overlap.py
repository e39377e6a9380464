"""Surveys that are taken to be independent: skies and clusters in common are found; halves make a whole."""

import tomllib

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from forecast.checks.overlap import independent
from forecast.cli.app import app
from forecast.config.load import builtin_configs, find_config, parse_config
from forecast.config.survey_builders import DEG2
from forecast.core.errors import InputError
from forecast.forecasts.joint import compute_joint
from forecast.several.contours import compute_joint_surveys


def survey(dec=None, folder=None, places=None, variance=False, **changed):
    """CCCP's survey of a box in declination, if it is declared, and a catalogue at some places."""
    content = tomllib.loads(builtin_configs()["cccp_lowz"].read_text(encoding="utf-8"))
    content.pop("catalogue")
    content["sample_variance"] = variance
    for key in [key for key in content["parameters"] if key.endswith("_t")]:
        del content["parameters"][key]
    if dec is not None:
        del content["survey"]["area"]
        content["survey"] |= {"footprint": {"boxes": [{"dec": dec}]}}
    if places is not None:
        file = f"{len(list(folder.iterdir()))}.ecsv"
        Table(dict(zip(("ra", "dec", "z"), places, strict=True))).write(folder / file)
        columns = {"z": "z", "ra": "ra", "dec": "dec"}
        content["catalogue"] = {"path": file, "columns": columns, "cosmology": {"Om0": 0.3, "h": 0.72}}
    for key, value in changed.items():
        content["parameters"][key] = value
    return parse_config(content, folder=folder) if folder else parse_config(content)


def test_skies_that_overlap_are_refused_or_cut():
    south, north = survey([-90, 2.5]), survey([0, 90])
    strip = 2 * np.pi * np.sin(np.radians(2.5))
    with pytest.raises(InputError, match=r"north: its footprint overlaps south's in 899.7 deg2, .* give --cut-overlap"):
        independent({"south": south, "north": north})
    assert strip * DEG2 == pytest.approx(899.7, abs=0.05)
    apart = independent({"south": south, "north": north}, cut=True)
    assert apart.setups["south"] == south.setup
    assert apart.setups["north"].geometry.area == pytest.approx(2 * np.pi - strip, rel=1e-12)
    assert apart.notes == ("north: 4.4% of its sky is left to south.",)
    three = {"south": south, "north": north, "all": survey([-90, 90])}
    with pytest.raises(InputError, match="all: nothing of its footprint is left without that of the others"):
        independent(three, cut=True)
    assert independent({"a": survey([-90, 0]), "b": north}).notes == ()
    content = north.model_dump(mode="json")
    content["survey"] |= {"zmin": 0.3, "zmax": 0.8, "redshift_edges": None}
    assert independent({"south": south, "deep": parse_config(content)}).notes == ()


def test_clusters_in_common_are_refused(tmp_path):
    ra, z = np.linspace(0, 350, 40), np.full(40, 0.1)
    one = survey(folder=tmp_path, places=(ra, np.full(40, 1.0), z))
    other = survey(folder=tmp_path, places=(ra, np.where(ra < 200, 30.0, 1.01), z + 0.002))
    with pytest.raises(
        InputError, match=rf"b: its catalogue shares {(ra >= 200).sum()} clusters with a's, such as row"
    ):
        independent({"a": one, "b": other})
    far = survey(folder=tmp_path, places=(ra, np.full(40, 30.0), z))
    (note,) = independent({"a": one, "b": far}).notes
    assert "their catalogues share no cluster, but no [survey.footprint] of a and b says" in note
    (note,) = independent({"a": survey(), "b": survey([0, 90])}).notes
    assert note == "a and b are taken to be independent: no [survey.footprint] of a says whether they share sky."


def test_halves_make_a_whole():
    halves = {"a": survey([-90, 0]), "b": survey([0, 90])}
    common = [name for name in halves["a"].setup.parameters.names if name != "sigma8"]
    halves = independent(halves).setups
    both, whole = compute_joint_surveys(halves, common), compute_joint(survey([-90, 90]))
    assert both.expected_count == pytest.approx(whole.expected_count, rel=1e-9)
    found = {level.level: level for level in both.levels}
    for level in whole.levels:
        if level.level in ("prior", "counts", "unbinned"):
            np.testing.assert_allclose(found[level.level].covariance, level.covariance, rtol=1e-6)
    alone = {level.level: level for level in compute_joint_surveys(halves).levels}  # each with its own calibration
    assert alone["unbinned"].std[1] < 0.99 * found["unbinned"].std[1]


@pytest.mark.parametrize(
    ("changed", "shared", "message"),
    [
        (
            {"h": {"fiducial": 0.7, "gaussian": 0.05}},
            (),
            "h: is free in b but not in a; free it in both or in",
        ),
        (
            {"sigma8": {"fiducial": 0.75, "flat": [0.5, 1.1]}},
            (),
            r"sigma8: is shared, and its prior is 'flat, 0.5 to 1.2' in a but 'flat, 0.5 to 1.1' in b; write the same",
        ),
        ({}, ("norm_zz",), "shared parameter norm_zz: is free in no survey; "),
        (
            {"variance": True},
            ("density_contrast_1",),
            "shared parameter density_contrast_1: other parts of the sky",
        ),
    ],
)
def test_what_is_shared_must_be_the_same(changed, shared, message):
    with pytest.raises(InputError, match=message):
        first = survey([-90, 0], variance="variance" in changed)
        compute_joint_surveys({"a": first.setup, "b": survey([0, 90], **changed).setup}, shared)


def test_a_joint_forecast_from_the_command_line(tmp_path):
    """Skies that overlap, and surveys given twice, are one line and exit code 2."""
    for name, dec in (("south", [-90, 2.5]), ("north", [0, 90])):
        text = find_config("cccp_lowz").read_text(encoding="utf-8").replace("sample_variance = true", "")
        footprint = f"[survey.footprint]\nboxes = [{{ dec = {dec} }}]\n[selection]"
        text = text.replace("[selection]", footprint).replace('area = "8.14 sr"', "")
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    south, north = (str(tmp_path / f"{name}.toml") for name in ("south", "north"))
    for given, message in (([south, north], "give --cut-overlap"), ([south, south], "is given 2 times")):
        printed = CliRunner().invoke(app, ["joint", *given, "--out", str(tmp_path / "out")])
        assert printed.exit_code == 2
        assert message in printed.output and printed.output.count("\n") == 1
