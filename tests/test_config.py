"""Every wrong configuration ends in one message that names the key and the cure."""

import re
import tomllib
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from forecast.config.load import builtin_configs, find_config, load_config, parse_config
from forecast.core.errors import InputError
from forecast.model.forward import forward_model
from forecast.survey.flux_limit import FluxLimited
from forecast.survey.geometry import Box, LightCone
from forecast.survey.mass_cut import Sharp, Smoothed

NV22 = find_config("nv22").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["nv22", "nv22_smooth_small", "nv22_smooth_large", "cccp_lowz", "erosita"])
def test_built_in_configurations_load(name):
    config = load_config(name)
    assert config.title
    assert config.setup.parameters.names[0] == "sigma8"
    assert name in builtin_configs()


def test_values_become_package_units(nv22, cccp):
    assert nv22.setup.geometry == Box(352.0, 0.5, 0.07)
    assert isinstance(nv22.setup.selection, Sharp)
    assert nv22.setup.selection.log_break == pytest.approx(14.25)
    assert nv22.setup.relations.lx.log_norm == pytest.approx(1.74 * 14.4 - 24.81 + 44)
    assert nv22.setup.relations.mgas.log_norm == pytest.approx(1.16 * 14.4 - 3.32)
    assert isinstance(load_config("nv22_smooth_small").setup.selection, Smoothed)
    assert isinstance(cccp.setup.geometry, LightCone)
    assert isinstance(cccp.setup.selection, FluxLimited)
    assert cccp.setup.relations.lx.scatter == pytest.approx(0.396 / 2.302585, rel=1e-6)
    # ln LX = 47.392 + 1.61 ln M500 at 10^14.6 Msun
    assert cccp.setup.relations.lx.log_norm == pytest.approx(47.392 / 2.302585093 + 1.61 * 14.6, abs=1e-5)
    assert "density_contrast_6" in cccp.setup.parameters.names


def test_nv22_yx_scatters_by_009(nv22):
    line = nv22.setup.relations.at(nv22.setup.parameters.fiducial_values).yx
    assert line.scatter == pytest.approx(0.09, abs=0.001)


BROKEN = [
    ("zmn = 0.1\n[cosmology]", "[cosmology]", "unknown key 'zmn'"),
    ("sid = ", "side = ", "unknown key 'survey.sid'; did you mean 'side'"),
    ("min_mas = ", "min_mass = ", "unknown key 'selection.min_mas'; did you mean 'min_mass'"),
    ("slop = 1.74", "slope = 1.74", "unknown key 'relations.lx.slop'; did you mean 'slope'"),
    ("t_mgs = ", "t_mgas = ", "unknown key 'relations.correlation.t_mgs'; did you mean 't_mgas'"),
    ("fraction = 0.5\n", "fraction = 0.5\nz = 0.07\n", "missing key 'survey.z'"),
    ("", 'title = "NV22: half of a 352 Mpc/h box at z = 0.07"\n', "missing key 'title'"),
    ('side = "352 keV"', 'side = "352 Mpc/h"', "survey.side: unit 'keV' is not a unit of length"),
    ("side = 352", 'side = "352 Mpc/h"', "'survey.side': must be text in quotes"),
    ('side = "-352 Mpc/h"', 'side = "352 Mpc/h"', "volume must be positive"),
    ("fraction = 0.0", "fraction = 0.5", "volume must be positive"),
    ("fraction = nan", "fraction = 0.5", "'survey.fraction'"),
    ('geometry = "sphere"', 'geometry = "box"', "'survey.geometry' must be one of 'box', 'light_cone'"),
    ('kind = "sharpish"', 'kind = "sharp"', "'selection.kind' must be one of"),
    ('min_mass_mode = "free"', 'min_mass_mode = "fixed"', "'selection.min_mass_mode'"),
    ('min_mass = "15 log10 Msun/h"', 'min_mass = "13.6 log10 Msun/h"', "must be below"),
    ('min_mass = "13.6 Msun/h"', 'min_mass = "13.6 log10 Msun/h"', "is no cluster mass"),
    ("sigma8 = { fiducial = 0.95, flat", "sigma8 = { fiducial = 0.81, flat", "excludes the fiducial value 0.95"),
    ("sigma8 = { flat = [0.1, 0.9]", "sigma8 = { fiducial = 0.81, flat = [0.70, 0.92]", "range is 0.4 to 1.4"),
    ("sigma8 = 0.81", "sigma8 = { fiducial = 0.81, flat = [0.70, 0.92] }", "must be free"),
    ("norm_lxx = ", "norm_lx = ", "unknown parameter; did you mean 'norm_lx'"),
    ("norm_lx = { flat = [0.8, 1.3], gaussian = 0.1 }", "norm_lx = { flat = [0.8, 1.3] }", "exactly one of"),
    ("norm_lx = { flat = [1.3, 0.8] }", "norm_lx = { flat = [0.8, 1.3] }", "low < high"),
    ("norm_lx = { flat = [-1, 1.3] }", "norm_lx = { flat = [0.8, 1.3] }", "positive values only"),
    ('mass_function = "tinker18"', 'mass_function = "bocquet16_hydro"', "did you mean 'tinker08'"),
    ("scatter = -0.13", "scatter = 0.13", "between 0 and 2 dex"),
    ('scatter = "0.13 mag"', "scatter = 0.13", "expected dex"),
    ("Om0 = 2.72", "Om0 = 0.272", "Om0 = 2.72 is outside"),
    ("t_mgas = -0.999", "t_mgas = -0.45", "positive definite"),
    ("walkers = 2\nlevel", "level", "'sampler.walkers'"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "right", "message"), BROKEN, ids=[b[2] for b in BROKEN])
def test_broken_configurations(tmp_path, wrong, right, message):
    assert right in NV22
    path = tmp_path / "broken.toml"
    path.write_text(NV22.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_config(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("broken.toml: ")


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("zmin = 0.25", "zmin = 0.025", "zmin = 0.25 must be at least 0 and below zmax = 0.25"),
        ("zmin = 0.3", "zmin = 0.025", "below zmax"),
        ('area = "8.14 Mpc"', 'area = "8.14 sr"', "survey.area: unit 'Mpc' is not a unit of area"),
        ('area = "0 sr"', 'area = "8.14 sr"', "at most the whole sky"),
        ('flux_limit = "-1e-11 erg / (s cm2)"', 'flux_limit = "1.3e-11 erg / (s cm2)"', "must be positive"),
        ('flux_limit = "1.3e-11 erg / s"', 'flux_limit = "1.3e-11 erg / (s cm2)"', "not a unit of flux"),
        ("t_yx = 1.2", "t_yx = 0.62", "not those of any distribution"),
        ('level = "full+wl"', 'level = "unbinned"', "sampler: level 'full+wl' needs weak-lensing masses; add a"),
        ("Om0 = 0.3\nh = 0.72\n\n[catalogue.columns]", None, "missing key 'catalogue.cosmology.Om0'"),
        ("zz = ", "z = ", "catalogue.columns.zz"),
    ],
)
def test_broken_cone_configurations(tmp_path, wrong, right, message):
    text = find_config("cccp_lowz").read_text(encoding="utf-8")
    if right is None:
        right, wrong = wrong, wrong.replace("Om0 = 0.3\n", "")
    assert right in text
    path = tmp_path / "broken.toml"
    head, tail = text.split(right, 1) if right != "z = " else text.rsplit("\nz = ", 1)
    path.write_text(head + ("\n" if right == "z = " else "") + wrong + tail, encoding="utf-8")
    with pytest.raises(InputError) as error:
        forward_model(load_config(path).setup).expected_count(load_config(path).setup.parameters.fiducial[None])
    assert message in str(error.value)


def without_temperatures(cccp):
    content = cccp.model_dump(mode="json")
    content["relations"].pop("t")
    content["relations"]["correlation"]["t_yx"], content["errors"]["t"] = 0.0, 0.0
    for name in ("norm_t", "slope_t", "scatter_t"):
        content["parameters"].pop(name)
    return content


def test_what_needs_temperatures_says_so(cccp):
    content = without_temperatures(cccp)
    assert parse_config(content).setup.relations.names == ("lx", "yx")
    content["relations"]["correlation"]["t_yx"] = 0.5
    with pytest.raises(InputError, match=r"t_yx: needs both relations\.t and relations\.yx"):
        parse_config(content).setup  # noqa: B018
    content = without_temperatures(cccp)
    content["selection"]["k_correction"] = "bremsstrahlung"
    with pytest.raises(InputError, match=r"needs relations\.t"):
        forward_model(parse_config(content).setup).expected_count(
            forward_model(parse_config(content).setup).parameters.fiducial[None]
        )


def test_temperature_beside_a_yx_of_its_own(cccp):
    relations = cccp.setup.relations
    assert relations.names == ("lx", "t", "yx")
    assert relations.combination.tolist() == [0, 0, 1]
    np.testing.assert_allclose(
        relations.unit_residuals.total_covariance(np.array([14.6]))[0], [[1, 0, 0], [0, 1, 0.62], [0, 0.62, 1]]
    )
    # 5 keV belongs to 3.02e14 Msun/h (Vikhlinin et al. 2009a, table 3)
    log_mass = np.array([np.log10(3.02e14)])
    mean = relations.line("t", cccp.setup.parameters.fixed).mean(log_mass - relations.pivot, np.zeros(1))
    assert 10 ** float(np.ravel(mean)[0]) == pytest.approx(5.0, rel=1e-3)


def test_not_toml_and_no_file(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00 =")
    with pytest.raises(InputError, match="not a TOML file"):
        load_config(path)
    path.write_text("a = [1,")
    with pytest.raises(InputError, match="not a TOML file"):
        load_config(path)
    with pytest.raises(InputError, match="did you mean 'nv22'"):
        load_config("nv2")


def test_the_fingerprint_follows_the_numbers_only(nv22):
    content = tomllib.loads(NV22)
    assert parse_config(content).fingerprint() == nv22.fingerprint()
    content["title"] = "another"
    content["sampler"]["max_steps"] = 123
    assert parse_config(content).fingerprint() == nv22.fingerprint()
    content["relations"]["lx"]["slope"] = 1.75
    assert parse_config(content).fingerprint() != nv22.fingerprint()


def test_source_tree_and_installed_configurations():
    """The loader prefers the installed folder, and falls back to the source tree's."""
    for path in builtin_configs().values():
        assert path.is_file()
    assert set(builtin_configs()) >= {p.stem for p in (Path(__file__).parents[1] / "configs").glob("*.toml")}


def test_free_shape_parameters_take_their_fiducial_value_from_the_cosmology():
    text = NV22.replace("[parameters]", "[parameters]\nh = { gaussian = 0.02 }\nOm0 = { flat = [0.2, 0.4] }", 1)
    parameters = parse_config(tomllib.loads(text)).setup.parameters
    assert parameters.names[:2] == ("h", "Om0")
    assert tuple(parameters.fiducial[:2]) == (0.704, 0.272)
    assert parameters.free[0].prior.mean == 0.704


WORDED = [
    ("cosmology.h", True, "'cosmology.h': is a number, not true or false; got true"),
    ("survey.side", 2000, "'survey.side': must be text in quotes, as in \"352 Mpc/h\"; got 2000"),
    ("survey", 3, "'survey': must be a table, as under [survey]; got 3"),
    ("survey", {"side": "352 Mpc/h"}, "missing key 'survey.geometry'; one of 'box', 'light_cone'"),
    ("relations.t", "0.5 keV", "'relations.t': must be a table, as under [relations.t]; got '0.5 keV'"),
    ("parameters", 3, "'parameters': must be a table, as in sigma8 = { flat = [0.6, 1.0] }; got 3"),
    ("parameters.norm_t", [0.6, 0.9], "'parameters.norm_t': must be a number or a table, as in sigma8 = "
     "{ flat = [0.6, 1.0] }; got [0.6, 0.9]"),
    ("parameters.norm_t", True, "'parameters.norm_t': is a number, not true or false; got true"),
    ("parameters.norm_t", {"flat": [0.6]}, "'parameters.norm_t.flat': has too few values; write it as [0.6, 1.0]; "
     "got [0.6]"),
    ("parameters.norm_t", {"flat": [1, 2, 3]}, "has too many values; write it as [0.6, 1.0]; got [1, 2, 3]"),
    ("parameters.norm_t", {"ftal": [0.6, 0.9]}, "unknown key 'parameters.norm_t.ftal'; did you mean 'flat'?"),
    ("parameters.norm_t", {"flat": [0.6, 2], "gaussian": 1}, "'parameters.norm_t': give exactly one of "
     "flat = [low, high], gaussian = std, lognormal = std, value = fixed"),
    ("ladder.break_masses", "14", "'ladder.break_masses': must be a list in square brackets, as in "
     "[\"14.4 log10 Msun/h\"]; got '14'"),
    ("selection.slope", "x" * 999, "must be a number; got '" + "x" * 59 + " ..."),
    ("published", ["a"], "'published.0': must be a table, as under [[published]]; got 'a'"),
    ("catalogue.columns.z.name", 3, "'catalogue.columns.z.name': must be text in quotes; got 3"),
]  # fmt: skip


def edited(name, changes):
    """A shipped configuration with keys, written with dots, set to other values."""
    content = tomllib.loads(find_config(name).read_text(encoding="utf-8"))
    for key, value in changes.items():
        *tables, last = key.split(".")
        table = content
        for step in tables:
            table = table.setdefault(step, {})
        table[last] = value
    return content


@pytest.mark.parametrize(("key", "value", "message"), WORDED, ids=[w[0] for w in WORDED])
def test_errors_speak_of_the_file_not_of_pydantic(key, value, message):
    catalogue = {"catalogue": {"columns": {"z": {"name": "z"}}, "cosmology": {"Om0": 0.3, "h": 0.7}}}
    with pytest.raises(InputError) as error:
        parse_config(edited("nv22", catalogue | {key: value}))
    assert str(error.value).endswith(message)


ABSURD = [
    ("relations.lx.norm", "44.2 erg/s", "'44.2 erg/s' is no luminosity of a cluster (1e38 to 1e48 erg / s); "
     'if it is a log10, write "44.2 log10 erg/s"'),
    ("relations.lx.norm", "1e300 erg/s", "is no luminosity of a cluster (1e38 to 1e48 erg / s); check the unit"),
    ("relations.yx.norm", "-0.5 Msun keV", "relations.yx.norm: '-0.5 Msun keV' is no yx of a cluster (1e8 to 1e18"),
    ("relations.lx.slope", -1.6, "relations.lx: a scaling relation needs slope >= 0 and at most 10, got slope = -1.6"),
    ("relations.lx.slope", 1e6, "needs slope >= 0 and at most 10, got slope = 1e+06"),
    ("relations.lx.slope", 1e-9, "relations.lx: the slope must be at least 0.05, got 1e-09"),
    ("relations.lx.evolution", 1e3, "needs evolution between -20 and 20, got evolution = 1000"),
    ("relations.lx.h_exponent", 1e300, "'relations.lx.h_exponent': must be at most 10"),
    ("relations.lx.scatter", "a\nb", "relations.lx.scatter: got 'a b', expected dex as a number"),
    ("relations.z0", 1e300, "relations.z0: must lie between 0 and 3, got 1e+300"),
    ("relations.calibration.h", 72, "'relations.calibration.h': must be at most 1.1; got 72"),
    ("parameters.norm_lx", -1, "parameters.norm_lx: -1 is outside 1e-10 to 1e+10; 1 leaves the relation as it is"),
    ("parameters.scatter_lx", {"value": 0}, "parameters.scatter_lx: 0 is outside 0.02 to 30; 1 leaves"),
    ("parameters.evolution_lx", 1e3, "parameters.evolution_lx: 1000 is outside -30 to 30; 0 leaves"),
    ("parameters.slope_lx", {"lognormal": 2}, "the prior (0.00248 to 403) leaves 0.05 to 20; narrow it"),
    ("parameters.slope_lx", {"lognormal": 7e3}, "lognormal = 7000 is a factor of e^7000; 6% is 0.06"),
    ("parameters.norm_lx", {"flat": [1e-300, 1e300]}, "the prior (1e-300 to 1e+300) leaves 1e-10 to 1e+10; narrow it"),
    ("parameters.norm_lx", {"gaussian": 1e-12}, "a prior narrower than 1e-09 fixes the parameter; write { value"),
    ("parameters.norm_lx", {"fiducial": 0.0, "lognormal": 0.1}, "needs a fiducial value above 0, got 0; try gaussian"),
    ("survey.area", "1e-12 sr", "survey: area = 1e-12 sr is smaller than a cluster; give 1e-08 sr"),
    ("survey.zmax", 0.02501, "make a shell thinner than 0.0001; move zmin, zmax or redshift_edges apart"),
    ("selection.flux_limit", "1e300 erg / (s cm2)", "is no flux of a cluster; expected 1e-19 to 1e-07 erg / (s cm2)"),
    ("yx_error", 50, "'yx_error': must be at most 2; got 50"),
    ("errors.t", 1e3, "'errors.t': must be at most 2; got 1000.0"),
    ("errors.lx", 0.1, "unknown key 'errors.lx'; the error of L_X is that of the flux: write flux_error = 0.05 (dex)"),
    ("selection", {"kind": "flux_limited", "completeness": {"path": "none.ecsv"}},
     "none.ecsv: no such file or directory; check the path in selection.completeness.path"),
    ("emission", {"band_table": "none.ecsv"}, "directory; check the path in emission.band_table"),
    ("nv22: survey.side", "1e200 Mpc", "survey: give side between 1 and 20000 Mpc/h and fraction between 0.001 and"),
    ("nv22: survey.fraction", 1e-300, "survey: give side between 1 and 20000 Mpc/h and fraction between 0.001 and"),
    ("nv22: selection.slope", 1e7, "selection: slope must be positive and at most 20, got 10000000.0"),
    ("nv22_smooth_large: selection.smoothing", 5, "selection: smoothing must be positive and below 1 dex, got 5.0"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "message"), ABSURD)
def test_values_that_no_survey_has_are_refused_with_their_range(key, value, message):
    name, _, key = key.rpartition(": ")
    with pytest.raises(InputError) as error:
        parse_config(edited(name or "cccp_lowz", {key: value})).setup  # noqa: B018
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def numbers(table, path=()):
    """Where in a configuration numbers stand."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(value, dict | list):
            yield from numbers(value, (*path, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield *path, key


@pytest.mark.parametrize("name", ["nv22", "cccp_lowz", "erosita"])
def test_a_number_in_quotes_is_refused_with_the_cure(name):
    """pydantic would take it, and a comma or a unit beside it would be refused in other words."""
    text = builtin_configs()[name].read_text(encoding="utf-8")
    for *path, last in numbers(tomllib.loads(text)):
        content = tomllib.loads(text)
        table = reduce(lambda inside, key: inside[key], path, content)
        table[last] = str(table[last])
        with pytest.raises(InputError, match=f"is a number; write {re.escape(table[last])} without quotes"):
            parse_config(content)
