"""First steps: files to begin with, columns guessed from names and units, what a key means."""

import os
import re
import tomllib

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from forecast.checks.observed import open_catalogue
from forecast.cli.app import app
from forecast.config.guess import guess_columns
from forecast.config.load import builtin_configs, load_config, parse_config
from forecast.config.template import commented
from forecast.core.errors import InputError
from forecast.model.forward import forward_model

SURVEY = ("--area", "1000 deg2", "--flux-limit", "1e-12 erg/(s cm2)")


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("name", list(builtin_configs()))
def test_commented_files_hold_what_they_were_made_from(name):
    content = tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8"))
    text = commented(content)
    assert tomllib.loads(text) == content
    assert all(len(line) <= 120 for line in text.splitlines() if line.startswith("#"))


def test_a_survey_to_plan(tmp_path):
    out = tmp_path / "deep_survey.toml"
    done = run("init", "plan", "--area", "3000 deg2", "--flux-limit", "2e-14 erg/(s cm2)", "--zmax", 1.2, "--out", out)
    assert done.exit_code == 0, done.stderr
    assert f"forecast ladder {out}" in done.stdout
    config = load_config(out)
    assert (config.survey.area, config.selection.flux_limit) == ("3000 deg2", "2e-14 erg/(s cm2)")
    assert config.survey.zmax == 1.2 and config.title == "deep survey"
    assert config.relations == load_config("erosita").relations
    assert "# Sky area" in out.read_text()
    again = run("init", "plan", "--out", out)
    assert again.exit_code == 2 and "--force" in again.stderr
    assert run("init", "plan", "--out", out, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("--area", "3000 keV", "survey.area"), ("--zmin", 0.9, "zmin"), ("--flux-limit", "3", "selection.flux_limit")],
)
def test_wrong_values_write_nothing(tmp_path, option, value, message):
    done = run("init", "plan", option, value, "--out", tmp_path / "x.toml")
    assert done.exit_code == 2 and message in done.stderr
    assert not (tmp_path / "x.toml").exists()


def clusters(tmp_path, **columns):
    path = tmp_path / "mine.ecsv"
    Table({"Cluster": ["A1", "A2", "A3"], "z": [0.0412, 0.11, 0.2371], **columns}).write(path)
    return path


def test_a_fit_of_a_table(tmp_path):
    """Everything that the file says is used, what it does not say is written and named."""
    from astropy import units as u

    lx, yx = np.array([1e44, 2e44, 5e44]), np.array([1e14, 2e14, 6e14])
    bright = {"LX500": lx * u.erg / u.s, "E_LX500": lx / 10 * u.erg / u.s}
    path = clusters(tmp_path, **bright, Yx=yx, e_Yx_lo=yx / 9, e_Yx_up=yx / 8)
    out = tmp_path / "fit.toml"
    done = run("init", "fit", path, "--area", "1000 deg2", "--out", out)
    assert done.exit_code == 0, done.stderr
    content = tomllib.loads(out.read_text())
    assert content["catalogue"]["columns"] == {
        "name": "Cluster",
        "z": "z",
        "lx": "LX500",
        "lx_error": "E_LX500",
        "yx": {"name": "Yx", "unit": "Msun keV"},
        "yx_error": {"name": "e_Yx_lo,e_Yx_up", "unit": "Msun keV"},
    }
    assert (content["survey"]["zmin"], content["survey"]["zmax"]) == (0.041, 0.238)
    assert content["survey"]["area"] == "1000 deg2"
    assert "t" not in content["relations"] and "norm_t" not in content["parameters"]
    told = [line for line in done.stdout.splitlines() if line.startswith("  - ")]
    for words in ("Yx", "both fixed: sigma8 hangs on Om0", "zmin", "names no band", "relations: ", "parameters: "):
        assert any(words in line for line in told), words
    assert told[0].startswith("  - selection.flux_limit: FILL IN") and not any("survey.area" in line for line in told)
    assert not any("exact" in line for line in told)
    assert content["catalogue"]["cosmology"] == {key: content["cosmology"][key] for key in ("Om0", "h")}
    parse_config(content)


def test_what_only_the_user_knows_is_refused_until_it_is_filled_in(tmp_path):
    out = tmp_path / "fit.toml"
    done = run("init", "fit", clusters(tmp_path, lx=[1e44] * 3, yx=[1e14] * 3), "--out", out)
    told = [line for line in done.stdout.splitlines() if line.startswith("  - ")]
    assert [line.partition(":")[0] for line in told[:2]] == ["  - survey.area", "  - selection.flux_limit"]
    assert done.stdout.splitlines()[-2] == "Once you have filled in survey.area and selection.flux_limit:"
    for written, cure in (("FILL IN", "3000 deg2"), ("FILL IN", "1.3e-11 erg/(s cm2)")):
        with pytest.raises(InputError, match="got 'FILL IN', expected a number with a unit of"):
            load_config(out)
        out.write_text(out.read_text().replace(written, cure, 1))
    assert load_config(out).survey.area == "3000 deg2"


def test_a_survey_to_plan_says_what_it_assumes(tmp_path):
    done = run("init", "plan", "--area", "3000 deg2", "--zmin", 0.2, "--out", tmp_path / "p.toml")
    told = {line.split(":")[0].removeprefix("  - "): line for line in done.stdout.splitlines() if "  - " in line}
    own = ["selection.flux_limit", "survey.zmax"]
    kept = ["cosmology", "relations", "parameters", "mass_function", "selection.k_correction", "yx_error"]
    assert list(told) == own + kept
    assert (
        "3.35e-13" in told[own[0]] and "L_X to 8.5%, Y_X to 6%" in told["parameters"] and "0.1 dex" in told["yx_error"]
    )


def test_tables_without_a_proxy_or_redshifts(tmp_path):
    path = clusters(tmp_path, lx_0p1_2p4=[1.0, 2.0, 3.0])
    done = run("init", "fit", path, *SURVEY, "--band", "0.1-2.4 keV", "--out", tmp_path / "fit.toml")
    assert done.exit_code == 0 and "no column seems to hold Y_X" in done.stdout
    assert load_config(tmp_path / "fit.toml").sampler.level == "full"
    Table({"name": ["A", "B"], "flux": [1.0, 2.0]}).write(tmp_path / "blind.csv")
    done = run("init", "fit", tmp_path / "blind.csv", "--out", tmp_path / "x.toml")
    assert done.exit_code == 2 and "redshifts" in done.stderr and "name, flux" in done.stderr


def test_columns_by_name_and_unit():
    units = {"kT": "keV", "Mg500": "1e13 solMass", "M500": "1e14 solMass", "redshift": None, "Y": "arcmin2"}
    found = guess_columns(units)
    assert found.columns == {"z": "redshift", "t": "kT", "mgas": "Mg500", "m500": "M500"}
    assert guess_columns({"lx": "keV", "z": None}).columns == {"z": "z"}


def test_names_with_more_words_and_sides_that_may_be_bounds():
    names = ["REDSHIFT_BEST", "z_flag", "LUM_0520_R500", "KT_CORE_EXC", "KT_CORE_EXC_LO", "KT_CORE_EXC_HI"]
    units = dict.fromkeys(names) | {"LUM_0520_R500": "1e44 erg/s"} | dict.fromkeys(names[3:], "keV")
    found = guess_columns(units)
    assert found.columns == {"z": "REDSHIFT_BEST", "lx": "LUM_0520_R500", "t": "KT_CORE_EXC"}
    (doubt,) = found.doubts
    assert 't_error = "KT_CORE_EXC_LO,KT_CORE_EXC_HI"' in doubt and "or its bounds" in doubt
    errors = {f"e_{name}" if name[-3:] in ("_LO", "_HI") else name: unit for name, unit in units.items()}
    assert guess_columns(errors).columns["t_error"] == "e_KT_CORE_EXC_LO,e_KT_CORE_EXC_HI"


def test_sides_of_an_error_that_is_called_otherwise_are_one_pair():
    units = dict.fromkeys(["z", "YX500", "E_YX_UP", "E_YX_LO"]) | {"YX500": "1e14 solMass keV"}
    found = guess_columns(units)
    (doubt,) = (words for words in found.doubts if words.startswith("yx"))
    assert found.columns["yx_error"] == {"name": "E_YX_LO,E_YX_UP", "unit": "1e14 solMass keV"}
    assert "took 'E_YX_LO,E_YX_UP' for the errors of 'YX500'" in doubt
    several = guess_columns(units | {"E_YX_CORE": None})
    assert "yx_error" not in several.columns
    assert [doubt for doubt in several.doubts if 'yx_error = "E_YX_LO,E_YX_UP"' in doubt]


PAIRS = (
    "E_{}_LO E_{}_UP", "{}_ERR_LO {}_ERR_HI", "{}_elo {}_ehi", "{}_errm {}_errp", "errlo_{} errhi_{}",
    "err_lo_{} err_hi_{}", "{}_minus_err {}_plus_err", "{}_loerr {}_uperr", "lower_error_{} upper_error_{}",
    "{}_err- {}_err+", "e_{} E_{}", "e_{}_m e_{}_p", "{}_NEG_ERR {}_POS_ERR",
)  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS)
def test_errors_of_two_sides_in_any_spelling(pair):
    """Of the column's own name without a word; of another name of the same quantity with one."""
    for key, own, other in (
        ("yx", "YX500", "YX"),
        ("t", "TX", "kT"),
        ("lx", "LX_052", "LX"),
        ("mgas", "Mgas", "MG500"),
    ):
        units = {"z": None, own: None}
        lower, upper = pair.format(own, own).split()
        found = guess_columns(units | {upper: None, lower: None})
        assert found.columns[f"{key}_error"]["name"] == f"{lower},{upper}", found.columns
        assert not any(f"{key}_error: took" in doubt for doubt in found.doubts)
        lower, upper = pair.format(other, other).split()
        found = guess_columns(units | {upper: None, lower: None})
        assert found.columns[f"{key}_error"]["name"] == f"{lower},{upper}", found.columns
        assert any(doubt.startswith(f"{key}_error: took '{lower},{upper}'") for doubt in found.doubts)


def test_errors_of_other_bands_and_of_lensing_are_not_taken():
    found = guess_columns(dict.fromkeys(["z", "LX_052", "e_Lbol_bol", "e_lx_0124", "M500", "e_M500_WL"]))
    assert not {"lx_error", "m500_error"} & set(found.columns)


def test_a_proxy_without_errors_is_said_to_be_taken_as_exact():
    plain = ["z", "lx_052"]
    for name, key in (("YX500", "yx"), ("M500", "m500"), ("Mgas", "mgas")):
        (doubt,) = (d for d in guess_columns(dict.fromkeys([*plain, name])).doubts if "taken as exact" in d)
        assert doubt.startswith(f"{key}: no column") and "yx_error = 0.05" in doubt
        assert not any("exact" in d for d in guess_columns(dict.fromkeys([*plain, name, f"e_{name}"])).doubts)


@pytest.mark.parametrize(
    ("names", "best"),
    [
        ("CLNAME", "CLNAME"),
        ("CLUSTER", "CLUSTER"),
        ("ID NAME", "NAME"),
        ("SRC_ID ID_NAME", "ID_NAME"),
        ("cl_id", "cl_id"),
    ],
)
def test_names_of_clusters(names, best):
    assert guess_columns(dict.fromkeys(["z", *names.split()])).columns["name"] == best


@pytest.mark.parametrize(
    ("name", "band", "words"),
    [("LX_0524", "0.5-2.4 keV", ""), ("LX_0124", "0.1-2.4 keV", ""), ("L_bol", "None", "bolometric"),
     ("lx_210", "2-10 keV", ""), ("LX500", "None", "names no band"), ("LUM_0520_R500", "0.5-2 keV", ""),
     ("L_500_2000", "0.5-2 keV", "")],
)  # fmt: skip
def test_bands_in_names_of_luminosities(name, band, words):
    found = guess_columns({"z": None, name: "erg/s"})
    assert str(found.band) == band
    assert [words in doubt for doubt in found.doubts if doubt.startswith("lx:")] == [True] * bool(words)


FLUX = "erg / (s cm2)"


def test_the_band_of_a_column_is_told_by_it_then_by_its_table():
    def band(units, words=None, about=()):
        return str(guess_columns({"z": None, **units}, words=words, about=about).band)

    lx = {"lx": "erg/s"}
    assert band({"lx_0124": "erg/s"}, {"lx_0124": "0.5-2 keV"}) == "0.1-2.4 keV"
    assert band(lx, {"lx": "rest frame, 0.2 - 2.3 keV"}, ("Fluxes 0.5-2 keV",)) == "0.2-2.3 keV"
    assert band(lx, about=("REFLEX", "0.1-2.4 keV, S > 3e-12 in 0.1-2.4 keV")) == "0.1-2.4 keV"
    several = guess_columns({"z": None, **lx}, about=("0.1-2.4 keV", "0.5-2 keV"))
    assert several.band is None and "speaks of several (0.1-2.4 keV, 0.5-2 keV)" in several.doubts[0]
    fluxes = guess_columns({"z": None, "flux": FLUX, "e_flux": FLUX}, about=("0.1-2.4 keV",))
    assert (fluxes.columns["flux"], fluxes.columns["flux_error"], str(fluxes.band)) == ("flux", "e_flux", "0.1-2.4 keV")
    assert "made of the fluxes 'flux'" in fluxes.doubts[-1]
    assert "flux" not in guess_columns({"z": None, "flux": FLUX, **lx}).columns


@pytest.mark.parametrize(
    ("column", "told", "limit", "k_correction"),
    [("lx", "0.1-2.4 keV", None, "continuum"), ("lx", "0.1-2.4 keV", "0.5-2 keV", "power_law"),
     ("lx", "", "0.2-2.3 keV", "continuum"), ("lx", "0.5-2 keV", None, "power_law"),
     ("flux", "0.1-2.4 keV", "0.5-2 keV", "continuum"), ("flux", "0.5-2 keV", None, "power_law")],
)  # fmt: skip
def test_a_fit_of_a_table_in_another_band(tmp_path, column, told, limit, k_correction):
    """Luminosities are read as the limit's own factors and K-correction make them."""
    table = Table({"z": [0.05, 0.2], column: [1e44, 5e44] if column == "lx" else [2e-11, 3e-11]})
    table[column].unit, table.meta["comments"] = ("erg / s" if column == "lx" else FLUX), [told]
    table.write(tmp_path / "c.ecsv")
    out, given = tmp_path / "fit.toml", [] if limit is None else ["--band", limit]
    done = run("init", "fit", tmp_path / "c.ecsv", *SURVEY, *given, "--out", out)
    assert done.exit_code == 0, done.stderr
    undecided = told == "0.1-2.4 keV" and limit is None
    assert ("selection.band: FILL IN" in done.stdout) == ("Once you have filled in selection.band:" in done.stdout)
    assert ("selection.band: FILL IN" in done.stdout) == undecided
    if undecided:
        with pytest.raises(InputError, match=r"'selection\.band': expected a band such as"):
            load_config(out)
        out.write_text(out.read_text().replace("FILL IN", told))
    config = load_config(out)
    assert config.selection.k_correction == k_correction
    assert str(config.luminosities.selection.band) == (told or "0.5-2 keV")
    assert config.luminosities.from_flux == (column == "flux")
    assert str(config.setup.selection.in_flux.band) == (limit or told)
    converted = told == "0.1-2.4 keV" or limit == "0.2-2.3 keV"
    assert ("by the free-free emission of gas at the mean T" in done.stdout) == converted
    assert open_catalogue(config, None).size == 2


def test_bands_that_are_none_and_zeros_for_unknown_values(tmp_path):
    path = clusters(tmp_path, lx=[1e44] * 3, yx=[1e14, 0.0, 0.0], e_yx=[1e13] * 3)
    done = run("init", "fit", path, *SURVEY, "--band", "soft", "--out", tmp_path / "x.toml")
    assert done.exit_code == 2 and "--band: expected a band such as \"0.1-2.4 keV\", got 'soft'" in done.stderr
    done = run("init", "fit", path, *SURVEY, "--out", tmp_path / "x.toml")
    assert "yx: 'yx' is left out: 2 of its 3 values are 0 or less" in done.stdout
    assert set(load_config(tmp_path / "x.toml").catalogue.columns) == {"name", "z", "lx"}


def test_explain_doctor_and_show():
    done = run("explain", "flux_limit")
    assert done.exit_code == 0 and "selection.flux_limit" in done.stdout and "Example: flux_limit = " in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert run("explain", "flux_limt").exit_code == 2
    done = run("doctor")
    assert done.exit_code == 0 and re.search(r"numpy +\d", done.stdout) and "as it should" in done.stdout
    assert tomllib.loads(run("configs", "--show", "erosita").stdout)["survey"]["area"] == "12791 deg2"
    assert run("configs", "--show", "erositta").exit_code == 2


def test_units_that_the_values_tell():
    plain = {"z": None, "lx": None, "m500": None}
    for medians, lx, mass in (
        ({"lx": 2.4e44, "m500": 5.9e14}, "erg/s", "Msun"),
        ({"lx": 2.4, "m500": 5.9}, "1e44 erg/s", "1e14 Msun"),
        ({"lx": 44.3}, "log10 erg/s", "1e14 Msun"),
    ):
        columns = guess_columns(plain, medians).columns
        assert (columns["lx"]["unit"], columns["m500"]["unit"]) == (lx, mass)


@pytest.mark.parametrize(
    ("name", "key", "unit"),
    [("lx [W]", "lx", "W"), ("kT (keV)", "t", "keV"), ("L<sub>X</sub> [1e44 erg/s]", "lx", "1e44 erg/s")],
)
def test_units_in_names(name, key, unit):
    assert guess_columns({"z": None, name: None, "m500": "Msun"}).columns[key] == {"name": name, "unit": unit}


def test_better_names_are_preferred_and_what_is_left_out_is_said():
    names = ["z_phot", "z_spec", "z_type", "lx_0124", "lx_bol", "lx_052", "m500_wl", "M500"]
    found = guess_columns(dict.fromkeys(names))
    assert (found.columns["z"], found.columns["lx"]["name"]) == ("z_spec", "lx_052")
    assert found.columns["m500"]["name"] == "M500"
    assert any("weak-lensing" in doubt for doubt in found.doubts)
    (doubt,) = (d for d in guess_columns({"z": None, "flux": None}).doubts if d.startswith("lx:"))
    assert "'flux' reads like fluxes" in doubt


def test_a_lone_temperature_is_left_out_and_the_fit_is_read(tmp_path):
    table = Table({"name": ["a", "b"], "z": [0.05, 0.2], "lx": [1e44, 5e44], "kT": [5.0, 8.0]})
    table.meta["comments"] = ["Fluxes and luminosities 0.1-2.4 keV; H0 = 50, Einstein-de Sitter; 4.14 sr"]
    table["lx"].unit, table["kT"].unit = "erg / s", "keV"
    table.write(tmp_path / 'we ird"\\n.ecsv')
    (tmp_path / "sub").mkdir()
    band = ["--band", "0.1-2.4 keV"]
    done = run("init", "fit", tmp_path / 'we ird"\\n.ecsv', *SURVEY, *band, "--out", tmp_path / "sub" / "fit.toml")
    assert done.exit_code == 0 and "'kT' is left out" in done.stdout, done.stderr
    assert "luminosities are of 0.1-2.4 keV: converted" in done.stdout and "Einstein-de Sitter" in done.stdout
    config = load_config(tmp_path / "sub" / "fit.toml")
    assert "t" not in config.catalogue_spec.columns
    assert open_catalogue(config, None).size == 2


def test_relative_tables_are_found_from_the_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    clusters(tmp_path, lx=[1e44] * 3, m500=[5e14] * 3)
    assert run("init", "fit", "mine.ecsv", *SURVEY, "--out", "sub/fit.toml").exit_code == 0
    assert '"../mine.ecsv"' in (tmp_path / "sub" / "fit.toml").read_text()
    assert open_catalogue(load_config("sub/fit.toml"), None).size == 3


def test_files_that_would_be_lost_or_are_none(tmp_path):
    path = clusters(tmp_path, lx=[1e44] * 3)
    before = path.read_bytes()
    done = run("init", "fit", path, "--out", path, "--force")
    assert done.exit_code == 2 and "is the table itself" in done.stderr and path.read_bytes() == before
    done = run("init", "fit", path, "--out", tmp_path, "--force")
    assert done.exit_code == 2 and "is a folder; name a file in it" in done.stderr
    os.mkfifo(tmp_path / "pipe.csv")
    done = run("init", "fit", tmp_path / "pipe.csv", "--out", tmp_path / "x.toml")
    assert done.exit_code == 2 and "is a pipe or a device; save the table to a file first" in done.stderr
    assert run("explain", "").exit_code == 2


def test_rows_in_place_of_names_and_names_given_twice(tmp_path):
    (tmp_path / "bare.csv").write_text("A3571,0.0386,2.37e44\nA85,0.0557,4.8e44\n")
    done = run("init", "fit", tmp_path / "bare.csv", "--out", tmp_path / "x.toml")
    assert done.exit_code == 2 and "write a line of names above it" in done.stderr
    (tmp_path / "twice.csv").write_text("name,z,lx,lx\nA,0.1,1e44,2e44\nB,0.2,1e44,2e44\n")
    done = run("init", "fit", tmp_path / "twice.csv", "--out", tmp_path / "x.toml")
    assert "columns of one name are left out: lx" in done.stdout


def test_a_survey_to_plan_in_another_band(tmp_path):
    """The flux limit is of the band that is given, and as deep as that of 0.5-2 keV with the flux between them."""
    expected = {}
    for band in ("0.5-2 keV", "0.1-2.4 keV"):
        file = tmp_path / f"{band[2]}.toml"
        done = run("init", "plan", "--flux-limit", "2e-13 erg/(s cm2)", "--band", band, "--out", file)
        assert done.exit_code == 0, done.output
        config = load_config(str(file))
        assert str(config.setup.selection.in_flux.band) == band
        assert ("fluxes of 0.1-2.4 keV are converted" in done.output) == (band == "0.1-2.4 keV")
        model = forward_model(config.setup)
        expected[band] = float(model.expected_count(model.parameters.fiducial[None])[0])
    assert (
        1.4 < expected["0.1-2.4 keV"] / expected["0.5-2 keV"] < 2.6
    )  # 1.6 times the flux, counts as its power 1 to 1.5
    done = run("init", "plan", "--band", "0.1-2.4", "--out", tmp_path / "no.toml")
    assert done.exit_code == 2 and "--band: expected a band" in done.output


@pytest.mark.parametrize(
    ("meta", "written", "stated"),
    [
        ({"note": "luminosities for H0 = 50 km/s/Mpc and Omega_m=0.25"}, {"Om0": 0.25, "h": 0.5}, 2),
        ({"H0": 72.0, "OMEGA_M": 0.27}, {"Om0": 0.27, "h": 0.72}, 2),
        ({"note": "Omega_m = 0.3"}, {"Om0": 0.3, "h": 0.7}, 1),  # h is that of the survey
        ({"note": "H0 = 70 in table 1, H0 = 50 in table 2"}, {"Om0": 0.3, "h": 0.7}, 0),  # two are none
    ],
)
def test_the_cosmology_that_a_table_states_is_that_of_its_luminosities(tmp_path, meta, written, stated):
    file = clusters(tmp_path)
    table = Table.read(file)
    table.meta.update(meta)
    table.write(file, overwrite=True)
    given = ("--area", "3000 deg2", "--flux-limit", "2e-12 erg/(s cm2)", "--out", tmp_path / "fit.toml")
    done = run("init", "fit", file, *given)
    assert done.exit_code == 0, done.output
    content = tomllib.loads((tmp_path / "fit.toml").read_text(encoding="utf-8"))
    assert content["catalogue"]["cosmology"] == written
    assert done.output.count("as the file states") == stated
