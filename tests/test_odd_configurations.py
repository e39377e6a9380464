"""Configurations as people write them: every key with every wrong kind of value, other encodings, other places."""

import math
import os
import re
import tomllib

import pytest

from forecast.config.load import builtin_configs, load_config, parse_config
from forecast.config.reference import keys
from forecast.core.errors import InputError
from forecast.core.units import parse

WRONG = [True, {}, {"x": 1}, [], ["x"], [[1]], "x", "", -1e300, 1e300, 0, -1, math.nan, math.inf]
PYDANTIC = re.compile(r"Input should|function-|valid |type=|input_|union|validator|\[<|object at", re.IGNORECASE)


def edited(name, changes):
    content = tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8"))
    for key, value in changes.items():
        *tables, last = key.split(".")
        table = content
        for step in tables:
            table = table.setdefault(step, {})
            if not isinstance(table, dict):
                return None
        table[last] = value
    return content


def written(path, name, *changes):
    text = builtin_configs()[name].read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["cccp_lowz", "nv22"])
def test_wrong_values_of_every_key_are_refused_in_the_words_of_the_file(name):
    refused = 0
    for key in keys():
        for value in WRONG:
            content = edited(name, {key.path.replace("NAME", "sigma8"): value})
            if content is None:
                continue
            try:
                _ = parse_config(content).setup
            except InputError as error:
                refused += 1
                assert not PYDANTIC.search(str(error)), (key.path, value, str(error))
                assert len(str(error)) < 900
    assert refused > 500


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_of_editors(tmp_path, encoding):
    path = written(tmp_path / "nv22.toml", "nv22", ('title = "', 'title = "Überblick '))
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    config = load_config(path)
    assert config.title.startswith("Überblick") and config.setup == load_config("nv22").setup


@pytest.mark.parametrize(
    "text", ["41253 deg2", "41252.96 deg2", "41253 sq deg", "41253 square degrees", "12.566371 sr"]
)
def test_the_whole_sky_as_people_round_it(text):
    area = parse_config(edited("cccp_lowz", {"survey.area": text})).setup.geometry.area
    assert area == pytest.approx(4 * math.pi, rel=1e-5) and area <= 4 * math.pi


@pytest.mark.parametrize("text", ["50000 deg2", "-3 deg2", "0 sr", "1e300 deg2"])
def test_areas_are_reported_in_the_unit_they_were_given_in(text):
    with pytest.raises(InputError, match=rf"survey.area: got '{text}', .* the whole sky, 41253 deg2 \(12.566 sr\)"):
        _ = parse_config(edited("cccp_lowz", {"survey.area": text})).setup


def test_square_degrees_in_words():
    assert parse("3000 sq. deg", "area", 0.7) == parse("3000 square degrees", "area", 0.7)
    assert parse("3000 sq deg", "area", 0.7) == parse("3000 deg2", "area", 0.7)


def test_a_gaussian_prior_is_given_by_its_width():
    with pytest.raises(
        InputError, match=r"gaussian': is a standard deviation; write fiducial = 0.8 beside it, and 0.02"
    ):
        parse_config(edited("nv22", {"parameters.norm_t": {"gaussian": [0.8, 0.02]}}))
    cured = edited("nv22", {"parameters.norm_t": {"fiducial": 0.8, "gaussian": 0.02}})
    assert parse_config(cured).setup.parameters.fiducial[2] == 0.8


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("Norm_LX", "norm_lx"), ("Omega_m", "Om0"), ("H0", "h"), ("sigma_8", "sigma8"), ("norm_l", "norm_lx")],
)
def test_names_of_parameters_that_others_use(typed, meant):
    with pytest.raises(InputError, match=f"parameters.{typed}: unknown parameter; did you mean '{meant}'?"):
        _ = parse_config(edited("nv22", {f"parameters.{typed}": {"flat": [0.8, 1.2]}})).setup


AREAS = """# %ECSV 1.0
# ---
# datatype:
# - {name: flux_limit, unit: erg / (s cm2), datatype: float64}
# - {name: area, unit: sr, datatype: float64}
flux_limit area
1e-12 1.0
1.3e-11 7.14
"""
LIMIT = 'flux_limit = "1.3e-11 erg / (s cm2)"'


def test_relative_paths_begin_at_the_configuration(tmp_path, monkeypatch):
    path = written(tmp_path / "surveys" / "mine.toml", "cccp_lowz", (LIMIT, 'area_table = "areas/depth.ecsv"'))
    (tmp_path / "surveys" / "areas").mkdir()
    (tmp_path / "surveys" / "areas" / "depth.ecsv").write_text(AREAS)
    (tmp_path / "elsewhere").mkdir()
    fingerprints = set()
    for folder in (tmp_path, tmp_path / "surveys", tmp_path / "elsewhere"):
        monkeypatch.chdir(folder)
        config = load_config(os.path.relpath(path))
        assert config.setup.selection is not None
        fingerprints.add(config.fingerprint())
        assert parse_config(config.model_dump(mode="json")).setup == config.setup
    assert len(fingerprints) == 1
    (tmp_path / "surveys" / "areas" / "depth.ecsv").write_text(AREAS.replace("7.14", "7.1"))
    assert load_config(path).fingerprint() not in fingerprints


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "depth.ecsv").write_text(AREAS)
    path = written(tmp_path / "mine.toml", "cccp_lowz", (LIMIT, 'area_table = "~/depth.ecsv"'))
    assert load_config("~/mine.toml").setup == load_config(path).setup


def test_a_file_that_is_not_there_is_named_with_its_folder(tmp_path):
    path = written(tmp_path / "mine.toml", "cccp_lowz", (LIMIT, 'area_table = "depth.ecsv"'))
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "depth.ecsv"))):
        load_config(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (LIMIT, 'area_table = "C:\\Users\\depth.ecsv"', "write paths with / or in single quotes"),
        (LIMIT, 'area_table = "https://example.org/depth.ecsv"', "is an address; download the file and give its path"),
    ],
)
def test_paths_of_other_systems(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        load_config(written(tmp_path / "mine.toml", "cccp_lowz", (old, new)))


def test_a_width_in_per_cent_is_none():
    with pytest.raises(InputError, match=r"lognormal = 6 is a factor of e\^6; 6% is 0.06"):
        parse_config(edited("nv22", {"parameters.norm_t": {"lognormal": 6}}))
