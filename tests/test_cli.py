"""The commands as a newcomer runs them, with right and with wrong input."""

import csv
import json
import re
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest
from commands import called
from markupsafe import Markup

from forecast.config.load import find_config

CCCP = find_config("cccp_lowz").read_text(encoding="utf-8")


def forecast(*arguments, cwd):
    return called("forecast", *arguments, cwd=cwd)


def started(*arguments, cwd):
    """The same in a process of its own, as a newcomer has it."""
    code = "import sys; from forecast.cli.app import main; sys.argv[0] = 'forecast'; main()"
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


def fails(process, message, code=2):
    assert process.returncode == code, process.stderr
    assert "Traceback" not in process.stderr
    assert message in process.stderr
    assert process.stdout == ""


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """A configuration whose commands take seconds."""
    text = find_config("nv22").read_text(encoding="utf-8")
    text = text.replace("quick_steps = 3500", "quick_steps = 40\nblock = 20\nwalkers = 32").replace(
        "mocks = 5000", "mocks = 500"
    )
    text = text.replace("widening = [1.0, 10.0]", 'widening = [1.0]\nmass_functions = ["tinker08", "bocquet16_dm"]')
    path = tmp_path_factory.mktemp("config") / "fast.toml"
    path.write_text(text.replace("min_mocks = 10", "min_mocks = 3"), encoding="utf-8")
    return path


def test_help_and_version(tmp_path):
    out = started("--help", cwd=tmp_path)
    assert out.returncode == 0
    for command in ("run", "fit", "map", "ladder", "configs"):
        assert command in out.stdout
    assert re.match(r"massanchor \d", started("--version", cwd=tmp_path).stdout)


def test_configs(tmp_path):
    listed = json.loads(forecast("configs", "--json", cwd=tmp_path).stdout)
    assert {"nv22", "nv22_smooth_small", "nv22_smooth_large", "cccp_lowz", "erosita"} <= set(listed)
    assert "nv22" in forecast("configs", cwd=tmp_path).stdout


def test_ladder_json(tmp_path):
    out = forecast("ladder", "nv22", "--json", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    result = json.loads(out.stdout)
    assert set(result["levels"]) == {"prior", "counts", "selfcal", "binned", "unbinned", "full", "full+wl", "known"}
    assert result["levels"]["prior"]["sigma8_std"] == pytest.approx(0.0635, abs=1e-4)
    assert result["levels"]["selfcal"]["sigma8_std"] == pytest.approx(0.028, rel=0.1)
    assert (tmp_path / "out" / "nv22-ladder" / "report.html").is_file()


RUN = ("--max-steps", 40, "--out", "o")


@pytest.fixture(scope="module")
def first_run(fast, tmp_path_factory):
    cwd = tmp_path_factory.mktemp("run")
    return cwd, forecast("run", fast, *RUN, "--json", "--seed", 4, cwd=cwd)


def test_run_writes_everything(first_run):
    """What has not converged is exit code 3, and written all the same."""
    cwd, out = first_run
    assert out.returncode == 3, out.stderr
    assert "NOT CONVERGED: counts" in out.stderr
    result = json.loads(out.stdout)
    assert result["converged"] is False
    assert result["n_clusters"] == pytest.approx(124.2, abs=0.1)
    assert set(result["parameters"]["sigma8"]) >= {"mean", "std", "q16", "q50", "q84"}
    saved = json.loads((cwd / "o" / "results.json").read_text(encoding="utf-8"))
    assert saved["provenance"]["seed"] == 4
    assert saved["provenance"]["config"]["survey"]["fraction"] == 0.5
    assert saved["provenance"]["version"]
    assert saved["converged"] is False
    for name in ("ladder", "abundance", "corner", "map"):
        assert (cwd / "o" / "figures" / f"{name}.pdf").stat().st_size > 5000
    html = (cwd / "o" / "report.html").read_text(encoding="utf-8")
    assert "autocorrelation" in html


@pytest.mark.slow
def test_same_seed_same_numbers(first_run, fast, tmp_path):
    again = forecast("run", fast, *RUN, "--json", "--seed", 4, cwd=tmp_path)
    assert again.stdout == first_run[1].stdout
    other = forecast("run", fast, *RUN[:2], "--json", "--out", "p", "--seed", 5, "--level", "counts", cwd=tmp_path)
    assert json.loads(other.stdout)["parameters"] != json.loads(again.stdout)["chains"]["counts"]["parameters"]


def test_resume_with_another_configuration_is_refused(first_run, fast, tmp_path):
    cwd, _ = first_run
    changed = tmp_path / "changed.toml"
    changed.write_text(fast.read_text().replace("slope = 1.74", "slope = 1.75"), encoding="utf-8")
    before = (cwd / "o" / "chain_selfcal.h5").read_bytes()
    fails(forecast("run", changed, *RUN, "--seed", 4, cwd=cwd), "another configuration")
    fails(forecast("run", fast, *RUN, "--seed", 5, cwd=cwd), "another configuration")
    assert (cwd / "o" / "chain_selfcal.h5").read_bytes() == before


@pytest.mark.slow
def test_run_on_a_mock(fast, tmp_path):
    out = forecast("run", fast, "--quick", "--mock", 7, "--level", "counts", "--json", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    n = json.loads(out.stdout)["n_clusters"]
    assert n == round(n)
    assert abs(n - 124.2) < 5 * np.sqrt(124.2)


@pytest.mark.slow
def test_map_json(fast, tmp_path):
    out = forecast("map", fast, "--json", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    assert 0.01 < json.loads(out.stdout)["map"]["median_std"] < 0.06


def test_saliency_json(tmp_path):
    out = forecast("saliency", "nv22", "--mocks", 3, "--steps", 1500, "--json", "--out", "o", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    curves = {c["selection"]: c for c in json.loads(out.stdout)["influence"]}
    assert set(curves) == {"as configured", "Mmin follows L_X", "flux-limited cone"}
    by_mass = curves["as configured"]["by_mass"]["saliency"]
    assert next(iter(by_mass.values()))[0] < 0  # Mmin fixed in mass acts as a standard
    assert (tmp_path / "o" / "figures" / "influence.png").is_file()


def test_sweep_and_compare(tmp_path):
    out = forecast("sweep", "nv22", "--vary", "volume=log:1:10:2", "--json", "--out", "s", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    result = json.loads(out.stdout)
    assert result["levels"]["unbinned"][1] < result["levels"]["unbinned"][0]
    assert result["provenance"]["seed"] == 1
    assert (tmp_path / "s" / "figures" / "sweep.png").is_file()
    out = forecast("compare", "nv22", "nv22_smooth_small", "--out", "c", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    assert "nv22_smooth_small" in out.stdout
    assert (tmp_path / "c" / "comparison.csv").is_file()
    assert all("Methods, for a paper" in (tmp_path / x / "report.html").read_text(encoding="utf-8") for x in "sc")
    fails(forecast("sweep", "nv22", "--vary", "survey.fracton=1:2:3", cwd=tmp_path), "did you mean")
    fails(forecast("compare", "nv22", "nv23", cwd=tmp_path), "did you mean")


@pytest.mark.slow
def test_check(tmp_path):
    arguments = ("--mocks", 200, "--draws", 1000, "--level", "counts", "--out", "c")
    out = forecast("check", "nv22", *arguments, "--json", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    found = json.loads(out.stdout)
    assert found["levels"]["counts"]["status"] == "calibrated"
    assert found["predictive"]["counts"]["status"] == "calibrated"
    assert len(found["predictive"]["counts"]["power"]) == 3
    assert (tmp_path / "c" / "figures" / "predictive.png").is_file()
    assert json.loads((tmp_path / "c" / "check.json").read_text())["provenance"]["seed"] == 1
    assert (tmp_path / "c" / "figures" / "check.pdf").is_file()
    assert "Talts2018" in (tmp_path / "c" / "report.html").read_text(encoding="utf-8")
    fails(forecast("check", "nv22", "--level", "count", cwd=tmp_path), "did you mean 'counts'")


def cccp_rows():
    from astropy.table import Table

    table = Table.read(resources.files("forecast") / "data" / "cccp_lowz.ecsv")
    return table.colnames, [list(row) for row in table]


@pytest.fixture(scope="module")
def csv_config(tmp_path_factory):
    """The CCCP configuration for a CSV file, with units in the configuration."""
    text = CCCP.replace('lx = "lx_0p5_2"', 'lx = { name = "lx_0p5_2", unit = "erg/s" }')
    text = text.replace('t = "tx"', 't = { name = "tx", unit = "keV" }')
    text = text.replace('t_error = "e_tx"', 't_error = { name = "e_tx", unit = "keV" }')
    text = text.replace('m500 = "m500_yx"', 'm500 = { name = "m500_yx", unit = "Msun" }')
    text = text.replace('m500_error = "e_m500_yx"', 'm500_error = { name = "e_m500_yx", unit = "Msun" }')
    text = text.replace('level = "unbinned"', 'level = "unbinned"\nquick_steps = 20\nblock = 20\nwalkers = 32')
    text = text.replace("sample_variance = true", "sample_variance = false")
    text = text.replace("norm_yx = { lognormal = 0.06 }", "mass_scale = { lognormal = 0.09 }")
    text = text.replace("widening = [1.0, 5.0]", 'widening = [1.0]\nmass_functions = ["tinker08", "bocquet16_dm"]')
    path = tmp_path_factory.mktemp("cccp") / "cccp.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write_csv(path, change=lambda names, rows: (names, rows)):
    names, rows = change(*cccp_rows())
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])
    return path


def flawed(names, rows):
    """Two clusters twice, one of them commented out elsewhere, five without Y_X, a name that is HTML."""
    m500, lx = names.index("m500_yx"), names.index("lx_0p5_2")
    rows = [[*row] for row in [*rows, *rows[:2], ["#" + rows[7][0], *rows[7][1:]]]]
    for row in rows[20:25]:
        row[m500] = ""
    rows[3] = ["<b>A496</b>", *rows[3][1:lx], 1e42, *rows[3][lx + 1 :]]
    return names, rows


def test_fit_of_a_users_csv_file(csv_config, tmp_path):
    path = write_csv(tmp_path / "mine.csv", flawed)
    arguments = ("--catalogue", path, "--quick", "--level", "unbinned", "--out", "o")
    out = forecast("fit", csv_config, *arguments, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    told, printed = " ".join(out.stderr.split()), " ".join(out.stdout.split())
    assert told.startswith("mine.csv: 51 clusters observed, ")
    assert "5 of 51 have no Y_X. Below the flux limit: 1, 1 of them by more than their errors." in told
    saved = json.loads((tmp_path / "o" / "results.json").read_text(encoding="utf-8"))
    kinds = {warning["kind"] for warning in saved["warnings"]}
    assert kinds >= {"listed_twice", "below_limit", "rows_left_out", "not_converged", "goodness"}
    for text in ("listed more than once, and counted so: A3571, A2199; drop the copies", "<b>A496</b>; check the limi"):
        assert text in told
        assert 0 < printed.index(text) < printed.index("sigma8, MCMC")
    assert "level unbinned: N and the Y_X of 46 of 51 clusters" in printed
    assert "Mass scale, level unbinned: ln b_M is " in printed
    assert any("unmoved, sigma8 would be" in note for note in saved["notes"])
    assert saved["intake"]["size"] == 51
    assert saved["intake"]["twice"] == ["A3571", "A2199"]
    html = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert "<b>A496" not in html
    places = [html.index(t) for t in ("51 clusters observed", "&lt;b&gt;A496&lt;/b&gt;", 'class="headline"')]
    assert places == sorted(places)
    assert "of 46 of 51 clusters (level unbinned)" in Markup(html).striptags()
    assert 0.7 < saved["chains"][0]["parameters"]["sigma8"]["mean"] < 0.95
    assert [check["observable"] for check in saved["goodness"]] == ["lx"]
    assert (tmp_path / "o" / "figures" / "goodness.png").is_file()


def test_levels_without_data_are_refused(csv_config, tmp_path):
    def change(names, rows):
        return names, [[*row[: names.index("m500_yx")], "", ""] for row in rows]

    path = write_csv(tmp_path / "bare.csv", change)
    for arguments in ((), ("--level", "unbinned")):
        out = forecast("fit", csv_config, "--catalogue", path, "--quick", *arguments, cwd=tmp_path)
        fails(out, "needs Y_X, but column 'm500_yx' holds no value for any of the 49 clusters; map another column")
        assert "or run with --level full" in out.stderr


def set_cell(row, column, value):
    def change(names, rows):
        rows[row][names.index(column)] = value
        return names, rows

    return change


def drop(column):
    def change(names, rows):
        i = names.index(column)
        return [n for n in names if n != column], [r[:i] + r[i + 1 :] for r in rows]

    return change


BAD_CATALOGUES = {
    "missing column": (drop("m500_yx"), "m500_yx"),
    "NaN redshift": (set_cell(3, "z", "nan"), "z"),
    "zero rows": (lambda names, rows: (names, []), "no rows"),
    "one row": (lambda names, rows: (names, rows[:1]), "at least 2"),
    "negative mass": (set_cell(2, "m500_yx", -1e14), "m500_yx"),
    "zero luminosity": (set_cell(2, "lx_0p5_2", 0.0), "lx_0p5_2"),
    "beyond the survey": (set_cell(5, "z", 0.9), "outside the survey's"),
}


@pytest.mark.parametrize("name", list(BAD_CATALOGUES))
def test_bad_catalogues(csv_config, tmp_path, name):
    change, message = BAD_CATALOGUES[name]
    path = write_csv(tmp_path / "bad.csv", change)
    fails(forecast("fit", csv_config, "--catalogue", path, "--quick", cwd=tmp_path), message)
    assert path.is_file()


def test_a_file_that_is_no_table(csv_config, tmp_path):
    path = tmp_path / "photo.csv"
    path.write_bytes(bytes(range(256)) * 40)
    fails(forecast("fit", csv_config, "--catalogue", path, cwd=tmp_path), "photo.csv")
    fails(forecast("fit", csv_config, "--catalogue", tmp_path / "nowhere.csv", cwd=tmp_path), "nowhere.csv")


def test_negative_yx(tmp_path):
    text = CCCP.replace('m500 = "m500_yx"\nm500_error = "e_m500_yx"', 'yx = { name = "yx", unit = "Msun keV" }')
    config = tmp_path / "yx.toml"
    text = text.replace('lx = "lx_0p5_2"', 'lx = { name = "lx_0p5_2", unit = "erg/s" }')
    config.write_text(text.replace('t = "tx"\nt_error = "e_tx"\n', ""), encoding="utf-8")

    def change(names, rows):
        return [*names, "yx"], [[*r, "-1e14" if i == 4 else "3e14"] for i, r in enumerate(rows)]

    fails(forecast("fit", config, "--catalogue", write_csv(tmp_path / "bad.csv", change), cwd=tmp_path), "yx")


def test_wrong_unit_of_yx_is_noticed(tmp_path):
    text = CCCP.replace('m500 = "m500_yx"\nm500_error = "e_m500_yx"', 'yx = { name = "yx", unit = "Msun keV" }')
    config = tmp_path / "yx.toml"
    config.write_text(text.replace('lx = "lx_0p5_2"', 'lx = { name = "lx_0p5_2", unit = "erg/s" }'), encoding="utf-8")

    def change(names, rows):
        return [*names, "yx"], [[*r, "3.1"] for r in rows]  # in 1e14 Msun keV, and not said so

    fails(forecast("fit", config, "--catalogue", write_csv(tmp_path / "bad.csv", change), cwd=tmp_path), "unit")


def test_an_output_folder_that_cannot_be_written(fast, tmp_path):
    (tmp_path / "file").write_text("in the way")
    fails(forecast("run", fast, "--quick", "--out", "file/inside", cwd=tmp_path), "cannot write there")
    fails(forecast("map", fast, "--out", "file", cwd=tmp_path), "cannot write there")


def test_wrong_arguments(fast, tmp_path):
    fails(forecast("run", "nv23", cwd=tmp_path), "did you mean 'nv22'")
    fails(forecast("run", fast, "--level", "selfcall", cwd=tmp_path), "did you mean 'selfcal'")
    fails(forecast("fit", "nv22", cwd=tmp_path), "[catalogue]")
    assert forecast("run", fast, "--sed", 3, cwd=tmp_path).returncode == 2
