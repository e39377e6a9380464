"""Weak lensing as configurations, catalogues, ladders and requirements have it."""

import copy
import re
import tomllib
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from forecast.api.keys import changed
from forecast.checks.observed import catalogue_data, require_levels
from forecast.checks.offsets import offsets
from forecast.cli.app import app
from forecast.cli.fit_checks import with_cautions
from forecast.config.explain import shown
from forecast.config.load import builtin_configs, load_config, parse_config
from forecast.config.reference import explain_key
from forecast.core.errors import InputError
from forecast.core.records import Job, Provenance
from forecast.core.units import LN10
from forecast.forecasts.lensing_bias import LensingRow, expected_lensing, lensing_rows
from forecast.forecasts.require.search import compute_requirements, default_keys
from forecast.likelihoods.density.point_density import PointDensity
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.cautions import of_offsets
from forecast.report.console import Screen, print_tables
from forecast.report.forecast_sections import lensing_section
from forecast.report.narrative import survey_sentences
from forecast.report.results import Result, summary_json
from forecast.survey.lensing_sample import EVERY_CLUSTER, LensingSample

SHIPPED = {name: tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8")) for name in ("nv22", "cccp_lowz")}

SURVEY = ("--area", "1000 deg2", "--flux-limit", "1e-12 erg/(s cm2)")


def survey(name="nv22", parameters=None, **lensing):
    content = copy.deepcopy(SHIPPED[name])
    content["weak_lensing"] = {"scatter": "0.2 ln"} | lensing
    content["parameters"] |= parameters or {}
    return parse_config(content)


def test_the_table_becomes_physics():
    table = {"mass": ["14.0 log10 Msun/h", "15.0 log10 Msun/h"], "value": [0.3, 0.2]}
    setup = survey(correlation={"lx": 0.2}, error=table, fraction=0.5, flux_limit="1e-12 erg/s/cm2", zmin=0.05).setup
    assert setup.weak_lensing == pytest.approx(0.2) and setup.lensing_correlation == (("lx", 0.2),)
    assert setup.lensing_sample.error.at == pytest.approx((14.0, 15.0))
    assert np.multiply(setup.lensing_sample.error.values, LN10) == pytest.approx([0.3, 0.2])
    assert replace(setup.lensing_sample, error=EVERY_CLUSTER.error) == LensingSample(
        fraction=0.5, flux_limit=pytest.approx(1e-12), zmin=0.05
    )
    for error, dex in ((0.3, 0.3 / LN10), ("0.13 dex", 0.13), ("0.3 ln", 0.3 / LN10)):
        assert survey(error=error).setup.lensing_sample.error.values == pytest.approx((dex,))
    assert survey().setup == load_config("nv22").setup


@pytest.mark.parametrize(
    ("lensing", "message"),
    [
        ({"scater": 1}, "unknown key 'weak_lensing.scater'"),
        ({"correlation": {"lx": 1.2}}, "'weak_lensing.correlation.lx': must be at most 1; got 1.2"),
        ({"correlation": {"yx": 0.2}}, "weak_lensing.correlation: yx: there is no relation of 'yx'"),
        ({"correlation": {"lx": 0.9, "mgas": -0.6}}, r"correlation: no distribution .* multiply each by 0"),
        ({"error": "0.3"}, "weak_lensing.error.: is a number; write 0.3 without quotes"),
        ({"error": -0.3}, "weak_lensing.error: an error must be between 0 and 2 dex"),
        ({"error": {"z": [0.1, 0.2], "value": [0.1]}}, r"weak_lensing.error': give z = \[...\] or mass"),
        ({"error": {"z": [0.2, 0.1], "value": [0.1, 0.2]}}, "weak_lensing.error: z must increase"),
        ({"error": {"z": [0.1, 0.2], "value": [0.1, 9.0]}}, "'weak_lensing.error.value.1': must be at most 2.3"),
        ({"error": {"mass": ["14", "15"], "value": [0.1, 0.2]}}, "weak_lensing.error.mass: '14' has"),
        ({"fraction": 0.0}, "'weak_lensing.fraction': must be above 0; got 0"),
        ({"fraction": 40}, "'weak_lensing.fraction': must be at most 1; got 40"),
        ({"flux_limit": "1 erg/s/cm2"}, "weak_lensing.flux_limit: '1 erg/s/cm2' is no flux of a cluster"),
        ({"flux_limit": 1e-12}, "'weak_lensing.flux_limit': must be text in quotes"),
        ({"zmin": -0.1}, "'weak_lensing.zmin': must be at least 0"),
        ({"zmin": 0.3, "zmax": 0.2}, "weak_lensing: zmin, zmax must increase from 0, got 0.3 and 0.2"),
        ({"zmin": 0.3}, "weak_lensing: no cluster at redshifts 0.07 to 0.07 is within its zmin and zmax"),
    ],
)
def test_bad_tables_are_refused_in_one_line(lensing, message):
    with pytest.raises(InputError, match=message) as caught:
        _ = survey(**lensing).setup
    assert "\n" not in str(caught.value) and shown(lensing)


def test_a_flux_limit_needs_a_distance():
    content = copy.deepcopy(SHIPPED["nv22"]) | {"weak_lensing": {"scatter": 0.2, "flux_limit": "1e-12 erg/s/cm2"}}
    content["survey"] = {"geometry": "box", "side": "352 Mpc/h", "z": 0.0}
    with pytest.raises(InputError, match=r"weak_lensing.flux_limit: a box at z = 0 has no distance.*fraction instead"):
        _ = parse_config(content).setup


def test_lensing_masses_in_words():
    assert survey_sentences(survey().setup)[-1] == "Weak-lensing masses scatter by 0.2 in ln M at fixed mass."
    setup = survey(
        correlation={"lx": 0.2},
        error={"z": [0, 1], "value": [0.2, 0.4]},
        fraction=0.25,
        zmax=0.5,
        flux_limit="1e-12 erg/s/cm2",
    ).setup
    assert survey_sentences(setup)[-1] == (
        "Weak-lensing masses scatter by 0.2 in ln M at fixed mass, correlated +0.2 with that of L_X; each is measured "
        "to 0.2 to 0.4 beside that. In forecasts and mock catalogues 0.25 of the clusters with flux above 1e-12 "
        "erg/s/cm2, z < 0.5 have one."
    )


def test_every_key_is_explained():
    for key in ("fraction", "error", "correlation", "flux_limit", "zmin", "zmax", "correlation.lx", "error.z"):
        (found,) = (one for one in explain_key(f"weak_lensing.{key}") if one.path == f"weak_lensing.{key}")
        assert found.meaning and found.example and found.default


def test_no_bias_is_assumed_without_a_word():
    (caution,) = survey("cccp_lowz").cautions
    assert caution.kind == "lensing" and "norm_wl = { lognormal = 0.05 }" in caution.text
    for stated in ({"value": 1.0}, {"lognormal": 0.05}):
        assert not survey("cccp_lowz", {"norm_wl": stated}).cautions
    for name, path in builtin_configs().items():
        assert not load_config(path).cautions, name


def clusters(tmp_path, **columns):
    """A file of five clusters at h = 0.7, Om = 0.3, and the survey of 49 clusters that reads it."""
    table = Table({"z": [0.05, 0.08, 0.1, 0.15, 0.2], "lx": [1e44, 2e44, 3e44, 9e44, 2e45]})
    table["lx"].unit = "erg/s"
    for name, values in columns.items():
        table[name] = values
        table[name].unit = "1e14 Msun"
    table.write(tmp_path / "mine.ecsv")
    content = copy.deepcopy(SHIPPED["cccp_lowz"])
    columns = {"z": "z", "lx": "lx"} | ({"mwl": "m", "mwl_error": "lo,up"} if columns else {})
    reference = {"Om0": 0.3, "h": 0.7}
    content["catalogue"] = {"path": str(tmp_path / "mine.ecsv"), "cosmology": reference, "columns": columns}
    content["weak_lensing"] = {"scatter": 0.2, "error": {"z": [0.05, 0.25], "value": [0.3, 0.5]}}
    return content


def test_lensing_masses_of_a_file_reach_the_likelihood(tmp_path):
    mass, low, up = [6.0, 8.0, np.nan, 9.0, 12.0], [1.5, 1.0, np.nan, np.nan, 3.0], [2.0, 1.0, np.nan, np.nan, 5.0]
    config = parse_config(clusters(tmp_path, m=mass, lo=low, up=up) | {"sample_variance": False})
    model = forward_model(config.setup)
    catalogue, data = catalogue_data(config, model, None)
    z = np.array([0.05, 0.08, 0.1, 0.15, 0.2])
    efunc = {om: np.sqrt(om * (1 + z) ** 3 + 1 - om) for om in (0.25, 0.3)}
    expected = np.log10(np.array(mass) * 1e14 * 0.7 * efunc[0.3] / efunc[0.25])
    np.testing.assert_allclose(data.points.log_mwl, expected, atol=1e-4)
    own = np.array([1.75 / 6, 1 / 8, 0, np.interp(0.15, [0.05, 0.25], [0.3, 0.5]), 4 / 12]) / LN10
    np.testing.assert_allclose(data.points.log_mwl_error[[0, 1, 3, 4]], own[[0, 1, 3, 4]], rtol=1e-6)
    require_levels(config, ["full+wl"], (model, catalogue, data))
    theta = model.parameters.fiducial[None]
    full, lensed = (PointDensity(model, data.points, lensing).grid(theta)[0] for lensing in (False, True))
    assert np.all((full == lensed) == np.isnan(mass))


def test_files_without_lensing_masses_and_columns_without_a_scatter(tmp_path):
    content = clusters(tmp_path) | {"sample_variance": False}
    config = parse_config(content)
    model = forward_model(config.setup)
    catalogue, data = catalogue_data(config, model, None)
    with pytest.raises(InputError, match=r"level 'full\+wl' needs M_WL, but no column of it is mapped.*mwl = {"):
        require_levels(config, ["full+wl"], (model, catalogue, data))
    del content["weak_lensing"]
    content["catalogue"]["columns"]["mwl"] = "m"
    with pytest.raises(InputError, match=r"catalogue.columns.mwl: .* need a \[weak_lensing\] table"):
        _ = parse_config(content).catalogue_spec


def test_a_fit_to_begin_with_uses_lensing_masses(tmp_path):
    rows = {"z": [0.05, 0.1, 0.2], "lx": [1e44, 3e44, 2e45], "yx": [1e14, 4e14, 9e14], "M500_WL": [3e14, 5e14, 9e14]}
    units = {"lx": "erg/s", "yx": "Msun keV", "M500_WL": "Msun", "e_M500_WL": "Msun"}
    table = Table(rows | {"e_M500_WL": [1e14, 1e14, 2e14]}, units=units)
    table.write(tmp_path / "t.ecsv")
    given = ["init", "fit", str(tmp_path / "t.ecsv"), *SURVEY]
    done = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "f.toml")])
    assert done.exit_code == 0 and "bias known to 5%" in done.stdout, done.output
    config = load_config(tmp_path / "f.toml")
    assert config.catalogue_spec.columns["mwl_error"].name == "e_M500_WL"
    assert "full+wl" in config.sampler.levels and not config.cautions


@pytest.mark.parametrize(
    ("name", "widening", "scatter", "expected"),
    [
        ("nv22_follows_lx", 10.0, 0.2, [0.0177, 0.0188, 0.0233, 0.0322]),
        ("nv22", 1.0, 0.2, [0.0174, 0.0181, 0.0195, 0.0206]),
        ("nv22_follows_lx", 10.0, 0.4, [None, None, 0.025, None]),
    ],
)
def test_bias_priors_against_an_independent_prototype(name, widening, scatter, expected):
    setup = replace(load_config(name).setup, weak_lensing=scatter)
    (row,) = lensing_rows(setup, (widening,), (0.0, 0.02, 0.05, 0.1))
    for found, known in zip(row.sigma8_std, expected, strict=True):
        assert known is None or found == pytest.approx(known, rel=0.02)


def test_what_lensing_masses_can_be_bought():
    config = survey(fraction=0.2, error=0.3)
    assert default_keys(config)[-3:] == ("weak_lensing.scatter", "weak_lensing.error", "weak_lensing.fraction")
    (row,) = compute_requirements(config, "sigma8=0.0195", ["weak_lensing.fraction"]).rows
    assert 0.2 < row.needed < 1 and row.std == pytest.approx(0.0195, rel=2e-3)
    assert row.lensing_masses == pytest.approx(row.needed * row.expected_count)


def test_how_many_are_within_limits(cccp):
    setup = replace(cccp.setup, weak_lensing=0.2, lensing_sample=LensingSample(fraction=0.5, flux_limit=2e-11))
    model = forward_model(replace(setup, parameters=setup.parameters.without(setup.parameters.contrasts)))
    theta = np.repeat(model.parameters.fiducial[None], 200, axis=0)
    number = np.isfinite(draw_mocks(model, theta, rng=np.random.default_rng(2)).log_mwl).sum() / 200
    assert expected_lensing(model) == pytest.approx(number, abs=5 * np.sqrt(number / 200))
    assert expected_lensing(forward_model(cccp.setup)) is None


def test_the_bias_of_lensing_masses_on_page_console_and_in_json():
    row = LensingRow("norm. priors x 10", 10.0, (0.0, 0.05), (0.0177, 0.0233))
    caution = survey("cccp_lowz").cautions[0]
    about = Provenance("ladder", "mine", {}, 1), "Mine", "", ()
    result = Result(*about, survey=(), parameters=(), expected_count=124.0, lensing=(row,), warnings=(caution,))
    _, table = lensing_section(result).blocks
    assert table.header == ("Priors", "0%", "5%") and [str(cell) for cell in table.rows[0][1:]] == ["0.018", "0.023"]
    assert not lensing_section(replace(result, lensing=())).blocks
    assert summary_json(result)["lensing"][0]["sigma8_std"] == [0.0177, 0.0233]
    assert with_cautions(result, load_config("nv22").setup.parameters, {}).warnings == (caution,)
    screen = StringIO()
    with redirect_stdout(screen):
        print_tables(result, Job("mine", Path("out"), 1), Screen("text"))
    assert "warning: level full+wl takes" in screen.getvalue()
    assert re.search(r"full\+wl, bias of M_WL known to +0% +5%\nnorm. priors x 10 +0.018 +0.023", screen.getvalue())


def test_lensing_masses_in_another_unit_do_not_fit_the_luminosities():
    setup = survey("cccp_lowz", {"norm_wl": {"lognormal": 0.05}}, fraction=0.6).setup
    model = forward_model(replace(setup, parameters=setup.parameters.without(setup.parameters.contrasts)))
    mocks = draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(5))
    catalogue = mocks.catalogue()
    for factor, doubtful in ((1.0, False), (0.72, True)):
        found = offsets(
            model, replace(catalogue, log_mwl=mocks.log_mwl + np.log10(factor)), rng=np.random.default_rng(6)
        )
        (lensing,) = (one for one in found if one.name == "wl")
        assert lensing.dex == pytest.approx(np.log10(factor), abs=0.06)
        cautions = [caution.text for caution in of_offsets([lensing])]
        assert ["factor h^1 would do it" in text for text in cautions] == [True] * doubtful


def test_keys_of_the_survey_go_before_those_of_its_lensing_masses(nv22):
    config = changed(nv22, {"fraction": 0.25, "weak_lensing.fraction": 0.5, "zmax": 0.1})
    assert (config.survey.fraction, config.weak_lensing.fraction, config.weak_lensing.zmax) == (0.25, 0.5, 0.1)
