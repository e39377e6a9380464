"""Sweeps and comparisons: the numbers of the ladder, units kept, errors that name the value, files that return."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from forecast.config.load import load_config, parse_config
from forecast.core.errors import InputError, NumericalError
from forecast.core.files import to_plain
from forecast.core.records import Provenance
from forecast.forecasts.axes import Axis, content_of, parse_axes, parse_vary, split_quantity
from forecast.forecasts.joint import with_free_density
from forecast.forecasts.ladder import LadderRow, sigma8_std
from forecast.forecasts.many_surveys import NamedSetup, density_words
from forecast.forecasts.planning import VolumeCurve, priced_comparison, priced_sweep
from forecast.forecasts.sweep import compute_comparison, compute_sweep, varied_setup
from forecast.forecasts.sweep_records import Comparison, Sweep
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.report.planning_files import write_comparison, write_sweep
from forecast.report.plots.style import LEVEL_STYLE
from forecast.report.plots.sweep import PANELS, comparison_figure, sweep_figure
from forecast.report.sweep_pages import comparison_page
from forecast.report.sweep_tables import comparison_file_table, comparison_table, sweep_file_table, sweep_table
from forecast.survey.geometry import Replicated


@pytest.fixture(scope="module")
def erosita():
    return load_config("erosita")


@pytest.fixture(scope="module")
def volumes(nv22):
    return compute_sweep(nv22, ["volume=log:0.5:50:3"])


def sweep_of(*axes):
    """A sweep with made-up numbers over (key, values, unit, log)."""
    shape = tuple(len(values) for _, values, _, _ in axes)
    grid = 1.0 + np.arange(math.prod(shape)).reshape(shape) / math.prod(shape)
    levels = {level: 0.06 * grid / (i + 1) for i, level in enumerate(LEVEL_STYLE)}
    keys, values, units, log = zip(*axes, strict=True)
    arrays = tuple(np.array(v) if isinstance(v[0], str) else np.array(v, dtype=float) for v in values)
    return Sweep(keys, arrays, levels, 100 * grid, units, log)


def comparison():
    rows = [
        LadderRow(name, "as configured", 1.0, 1234.5, {level: 0.06 / (i + 1) for i, level in enumerate(LEVEL_STYLE)})
        for name in ("one", "a name of dollars $ that is much too long")
    ]
    return Comparison(tuple(row.label for row in rows), ("Survey one", "Survey, two"), tuple(rows))


def test_a_volume_sweep_is_the_ladder_of_larger_surveys(nv22, volumes):
    assert volumes.values[0].tolist() == [0.5, 5.0, 50.0]
    for i, factor in enumerate(volumes.values[0]):
        geometry = replace(nv22.setup.geometry, fraction=0.5 * factor)
        count, std = sigma8_std(replace(nv22.setup, geometry=geometry))
        assert volumes.expected_count[i] == count
        assert {level: values[i] for level, values in volumes.levels.items()} == std


def test_more_volume_helps_every_level_and_leaves_the_prior(volumes):
    assert np.all(np.diff(volumes.levels["unbinned"]) < 0)
    assert np.all(np.diff(volumes.levels["counts"]) < 0)
    assert np.ptp(volumes.levels["prior"]) == 0
    # the prior is negligible with all nuisances known and 50 volumes: sigma falls as 1/sqrt(V)
    known = volumes.levels["known"]
    assert known[1] / known[2] == pytest.approx(math.sqrt(10), rel=0.02)


def test_prior_width_stretches_the_normalisations(nv22):
    sweep = compute_sweep(nv22, ["prior_width=1:10:2"])
    for i, factor in enumerate((1.0, 10.0)):
        wide = replace(nv22.setup, parameters=nv22.setup.parameters.widened(factor))
        assert {level: values[i] for level, values in sweep.levels.items()} == sigma8_std(wide)[1]


def test_a_dotted_key_is_that_key_of_the_configuration(nv22):
    sweep = compute_sweep(nv22, ["yx_error=0:0.2:2"])
    for i, error in enumerate((0.0, 0.2)):
        assert sweep.levels["unbinned"][i] == sigma8_std(nv22.setup.with_yx_error(error))[1]["unbinned"]
    assert sweep.levels["unbinned"][1] > sweep.levels["unbinned"][0]
    assert sweep.levels["counts"][1] == sweep.levels["counts"][0]


@pytest.mark.parametrize(
    ("name", "vary", "read", "values"),
    [
        ("erosita", "selection.flux_limit=log:3e-14:3e-13:2", lambda s: s.selection.flux_limit, [3e-14, 3e-13]),
        ("erosita", "survey.area=1000:2000:2", lambda s: s.geometry.area * (180 / math.pi) ** 2, [1000, 2000]),
        ("erosita", "survey.area=1 sr:2 sr:2", lambda s: s.geometry.area, [1, 2]),
        ("erosita", "survey.zmax=0.5:0.8:2", lambda s: s.geometry.zmax, [0.5, 0.8]),
        ("nv22", "selection.break_mass=14:14.5:2", lambda s: s.selection.log_break, [14, 14.5]),
        ("nv22", "selection.break_mass=1e14 Msun/h:2e14:2", lambda s: 10**s.selection.log_break, [1e14, 2e14]),
        ("nv22", "relations.lx.scatter=0.1:0.2:2", lambda s: s.relations.lx.scatter, [0.1, 0.2]),
        ("cccp_lowz", "relations.lx.scatter=0.1:0.2:2", lambda s: s.relations.lx.scatter * math.log(10), [0.1, 0.2]),
        ("cccp_lowz", "parameters.norm_yx.lognormal=0.1:0.2:2", lambda s: prior(s, "norm_yx").std, [0.1, 0.2]),
    ],
)
def test_the_number_changes_and_its_unit_stays(name, vary, read, values):
    config = load_config(name)
    axes = parse_axes([vary], config)
    setups = [varied_setup(config, axes, (value,))[1] for value in axes[0].values]
    assert [read(setup) for setup in setups] == pytest.approx(values, rel=1e-9, abs=0)


def prior(setup, name):
    return setup.parameters.free[setup.parameters.names.index(name)].prior


def test_units_in_the_record(nv22, erosita):
    assert parse_axes(["selection.flux_limit=1e-13:1e-12:2"], erosita)[0].unit == "erg / (s cm2)"
    assert parse_axes(["selection.break_mass=14:15:2"], nv22)[0].unit == "log10 Msun/h"
    assert parse_axes(["selection.break_mass=10**14 Msun:10**15 Msun:2"], nv22)[0].unit == "log10 Msun"
    assert parse_axes(["survey.fraction=0.5:1:2"], nv22)[0].unit == ""
    assert split_quantity("10**(14.4) Msun") == (14.4, "log10 Msun")


@pytest.mark.parametrize("name", ["nv22", "nv22_smooth_small", "cccp_lowz", "erosita"])
def test_the_content_of_a_configuration_gives_it_back(name):
    config = load_config(name)
    assert parse_config(content_of(config)) == config


def test_parse_vary():
    assert parse_vary("survey.fraction=0.1:1:10").values == tuple(i / 10 for i in range(1, 11))
    assert parse_vary(" volume = log:1:1e4:5 ") == Axis("volume", (1.0, 10.0, 100.0, 1e3, 1e4), "", True)
    assert parse_vary("yx_error=0.2:0.5:1").values == (0.2,)
    assert parse_vary("survey.z=1:0:3").values == (1.0, 0.5, 0.0)


def test_two_keys_and_progress(nv22):
    seen = []
    sweep = compute_sweep(nv22, ["survey.fraction=0.5:1:3", "prior_width=1:10:2"], lambda *n: seen.append(n))
    assert seen == [(i, 6) for i in range(7)]
    assert sweep.keys == ("survey.fraction", "prior_width")
    assert sweep.expected_count.shape == (3, 2)
    assert {level: std.shape for level, std in sweep.levels.items()} == dict.fromkeys(sweep.levels, (3, 2))
    assert np.all(np.diff(sweep.levels["unbinned"], axis=0) < 0)
    assert np.all(np.diff(sweep.levels["unbinned"], axis=1) > 0)
    header, rows = sweep_file_table(sweep)
    assert header[:3] == ["survey.fraction", "prior_width", "expected_count"]
    assert [row[:2] for row in rows] == [[0.5, 1], [0.5, 10], [0.75, 1], [0.75, 10], [1, 1], [1, 10]]
    assert [row[header.index("sigma8_std_known")] for row in rows] == sweep.levels["known"].ravel().tolist()


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        (["volume"], "--vary 'volume': write KEY=START:STOP:N or KEY=log:START:STOP:N, for example survey.fraction"),
        (["volume=1:2"], "write KEY=START:STOP:N"),
        (["volume=1:2:3:4"], "write KEY=START:STOP:N"),
        (["volume=1:2:2.5"], "N is '2.5', which is no whole number; write KEY=START:STOP:N"),
        (["volume=one:2:3"], "START is 'one', which is no finite number; write KEY=START:STOP:N"),
        (["volume=1:1e999:3"], "STOP is '1e999', which is no finite number; write KEY=START:STOP:N"),
        (["volume=log:nan:2:3"], "START is 'nan', which is no finite number"),
        (["volume=1:-inf:3"], "STOP is '-inf', which is no finite number"),
        (["volume=1,nan"], "--vary volume: is a number, got 'nan'"),
        (["=1:2:3"], "write KEY=START:STOP:N"),
        (["survey.fractoin=0.1:1:3"], "--vary survey.fractoin: unknown key; did you mean 'survey.fraction'?"),
        (["fraction=0.1:1:3"], "did you mean 'survey.fraction'?"),
        (["volumes=1:2:3"], "did you mean 'volume'?"),
        (
            ["survey.area=1:2:3"],
            '--vary survey.area: belongs to geometry = "light_cone", which this survey has not',
        ),
        (["parameters.sigma8=0.7:0.8:3"], "did you mean 'parameters.sigma8.fiducial'?"),
        (["proxy="], "write KEY=START:STOP:N"),
        (["proxy=yx,,mgas"], "write KEY=START:STOP:N"),
        (["proxy=yx, "], "or KEY=CHOICE,CHOICE,..., for example proxy=yx,mgas"),
        (["proxy=yx,mgas,yx"], "'yx' is given twice"),
        (["volume=1,two"], "--vary volume: is a number, got 'two'; write KEY=START:STOP:N or KEY=log:START:STOP:N"),
        (["selection.break_mass=low,high"], "--vary selection.break_mass: is a number, got 'low'"),
        (["selection.break_mass=14 log10 Msun,1e14 Msun"], "values in 'Msun' and in 'log10 Msun'; use one unit"),
        (["volume=1,1"], "'1' is given twice"),
        (["library.nam=tng"], "--vary library.nam: unknown key; did you mean 'library.name'?"),
        (["sampler.level=counts,binned"], "--vary sampler.level: sigma(sigma8) does not depend on it"),
        (["parameters.norm_lx.flat=a,b"], "is [0.8, 1.3] in this configuration, not a choice"),
        (["proxy=yx,cnn_3d"], "proxy = cnn_3d: proxy 'cnn_3d' is unknown; did you mean 'cnn_"),
        (["library.name=tng,illustris"], "library.name = illustris: library.name: library.name = 'illustris' is"),
        (["mass_function=tinker8"], "mass_function = tinker8: mass_function = 'tinker8' is unknown; did you mean"),
        (["selection.min_mass_mode=fixed,free"], "'selection.min_mass_mode': must be one of 'fixed' or 'follows_lx'"),
        (["sample_variance=yes,no"], "sample_variance = yes: is true or false, got 'yes'"),
        (["survey.geometry=1:2:3"], "--vary survey.geometry: is 'box' in this configuration, not a number;"),
        (["sample_variance=0:1:2"], "is False in this configuration, not a number"),
        (["parameters.norm_lx.flat=1:2:3"], "is [0.8, 1.3] in this configuration, not a number; vary prior_width"),
        (["parameters.norm_lx.lognormal=1:2:3"], "is not set in this configuration"),
        (["sampler.walkers=10:20:3"], "--vary sampler.walkers: sigma(sigma8) does not depend on it"),
        (["volume=1:2:0"], "N = 0 is outside 1 to 200"),
        (["volume=1:2:-3"], "N = -3 is outside 1 to 200"),
        (["volume=1:2:201"], "N = 201 is outside 1 to 200"),
        (["volume=2:2:3"], "START equals STOP; set N = 1 or move STOP"),
        (["volume=log:0:2:3"], "logarithmic values must be positive; leave out 'log:'"),
        (["volume=1:2:21", "prior_width=1:2:20"], "420 surveys are more than 400; choose a smaller N"),
        (["volume=1:2:2", "volume=3:4:2"], "--vary volume: given twice"),
        (["volume=1:2:2"] * 3, "give it once or twice, got 3"),
        ([], "give it once or twice, got 0"),
        (["yx_error=0 dex:1 dex:2"], "--vary yx_error: is a plain number; leave out the unit 'dex'"),
        (["selection.break_mass=14 Msun:1 keV:2"], "START is in 'Msun' but STOP in 'keV'; use one unit"),
        (["selection.break_mass=1 s:2 s:2"], "selection.break_mass = 1 s: selection.break_mass: unit 's' is not"),
        (["survey.fraction=1:-1:3"], "survey.fraction = 0: survey: the volume must be positive"),
        (["yx_error=-0.1:0.1:3"], "yx_error = -0.1: 'yx_error': must be at least 0"),
        (["volume=1:2:2", "prior_width=0:1:2"], "volume = 1, prior_width = 0: widening must be positive"),
        (["parameters.sigma8.fiducial=0.81:0.99:3"], "parameters.sigma8.fiducial = 0.99: parameters.sigma8: the prior"),
    ],
)
def test_errors_name_the_culprit_and_the_cure(nv22, vary, message):
    with pytest.raises(InputError) as error:
        compute_sweep(nv22, vary)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_last_survey_is_checked_before_the_first_is_computed(nv22):
    with pytest.raises(InputError, match=r"survey\.z = 4: "):
        compute_sweep(nv22, ["survey.z=0.07:4:2"], lambda done, total: pytest.fail("computed"))


def test_a_cone_cannot_exceed_the_sky(erosita):
    with pytest.raises(InputError, match=r"volume = 4: the sky has 4 pi sr.* up to 3\.225, or vary survey\.zmax"):
        compute_sweep(erosita, ["volume=1:4:2"])
    axes = parse_axes(["volume=1:3:2"], erosita)
    assert varied_setup(erosita, axes, (3.0,))[1].geometry.area == pytest.approx(3 * erosita.setup.geometry.area)


def test_no_prior_to_widen(nv22):
    content = content_of(nv22)
    content["parameters"] = {k: v for k, v in content["parameters"].items() if not k.startswith("norm_")}
    with pytest.raises(InputError, match=r"prior_width = 1: no normalisation is free.*free norm_lx"):
        compute_sweep(parse_config(content), ["prior_width=1:2:2"])


@pytest.mark.parametrize("problem", [NumericalError("not finite"), np.linalg.LinAlgError("Singular matrix")])
def test_a_survey_that_cannot_be_computed_is_named(nv22, monkeypatch, problem):
    def fail(setup, quick=False):
        raise problem

    monkeypatch.setattr("forecast.forecasts.many_surveys.sigma8_std", fail)
    with pytest.raises(NumericalError, match=f"^volume = 2: {problem}"):
        compute_sweep(nv22, ["volume=2:3:2"])


def test_comparison(nv22):
    small = load_config("nv22_smooth_small")
    seen = []
    found = compute_comparison({"nv22": nv22, "small": small}, lambda *n: seen.append(n))
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert any(found.notes[0] in str(section) for section in comparison_page(found).sections)
    assert found.names == ("nv22", "small")
    assert found.titles == (nv22.title, small.title)
    for row, config in zip(found.rows, (nv22, small), strict=True):
        assert (row.expected_count, row.sigma8_std) == sigma8_std(config.setup)
    assert "Om0 = 0.272, fixed" in found.notes[0]
    with pytest.raises(InputError, match="two or more different configurations, got nv22"):
        compute_comparison({"nv22": nv22})


def test_a_table_of_surveys_says_to_which_density_of_matter_it_belongs(nv22, cccp, erosita):
    free = with_free_density(erosita.setup)[0]
    named = {"a": nv22.setup, "b": nv22.setup, "c": cccp.setup, "d": free}
    surveys = [NamedSetup(*one) for one in named.items()]
    assert density_words(surveys[:2]) == ("sigma8 is that of Om0 = 0.272, fixed (free: forecast joint).",)
    assert density_words(surveys) == ("Om0 is 0.272, fixed, in a and 1 more; 0.25, fixed, in c; free in d.",)
    assert density_words(surveys[3:]) == ()


def test_choices_are_those_of_the_configuration(nv22):
    sweep = compute_sweep(nv22, ["selection.min_mass_mode=fixed,follows_lx"])
    assert sweep.values[0].tolist() == ["fixed", "follows_lx"]
    assert sweep.named == (True,)
    follows = replace(nv22.setup.selection, min_mass_mode="follows_lx")
    for i, selection in enumerate((nv22.setup.selection, follows)):
        assert {n: v[i] for n, v in sweep.levels.items()} == sigma8_std(replace(nv22.setup, selection=selection))[1]


def setups_of(config, *vary):
    (axis,) = axes = parse_axes(vary, config)
    return [varied_setup(config, axes, (value,))[1] for value in axis.values]


def test_a_mass_function_and_a_switch(nv22, cccp):
    names = ["tinker08", "bocquet16_dm"]
    assert [s.mass_function for s in setups_of(nv22, "mass_function=tinker08,bocquet16_dm")] == names
    on, off = setups_of(cccp, "sample_variance=true,false")
    assert (len(on.parameters.contrasts), len(off.parameters.contrasts)) == (6, 0)
    assert off.parameters == on.parameters.without(on.parameters.contrasts)


def test_a_proxy_comes_with_its_errors_and_priors(nv22):
    yx, mgas, network = setups_of(nv22, "proxy=yx,mgas,cnn_2d")
    assert yx == nv22.setup
    assert mgas.relations.proxy == (("mgas", 1.0),)
    assert network.relations.names == ("lx", "yx")
    assert {"norm_yx", "scatter_yx"} <= set(network.parameters.names)
    assert not {"norm_t", "norm_mgas", "scatter_mgas"} & set(network.parameters.names)
    assert prior(network, "norm_yx").std == 0.10
    sweep = compute_sweep(nv22, ["proxy=mgas,cnn_2d"])
    assert sweep.levels["counts"] == pytest.approx([sigma8_std(nv22.setup)[1]["counts"]] * 2, rel=1e-9)
    assert len(sweep.notes) == 2
    assert sweep.notes[1].startswith("proxy: cnn_2d with published error models")


def test_a_proxy_that_the_survey_lacks_is_named_with_the_cure(nv22, cccp):
    with pytest.raises(InputError, match=r"^proxy = lx_core_excised: .* needs 'core', .* choose a \[library\]"):
        compute_sweep(nv22, ["proxy=yx,lx_core_excised"], lambda *_: pytest.fail("computed"))
    with pytest.raises(InputError, match=r"^proxy = mgas: .* needs 'mgas'.*give relations.t and relations.mgas"):
        compute_sweep(cccp, ["proxy=mgas"])
    axes = parse_axes(["library.name=tng", "proxy=lx_core_excised"], nv22)
    assert varied_setup(nv22, axes, ("tng", "lx_core_excised"))[1].relations.proxy == (("lx", 1.0), ("core", -1.0))


@pytest.mark.parametrize("name", ["nv22", "cccp_lowz"])
def test_a_library_brings_its_own_scatter(name):
    from forecast.relations.library import load_library

    config, names = load_config(name), ("magneticum", "nv22_table2")
    for library, setup in zip(names, setups_of(config, f"library.name={','.join(names)}"), strict=True):
        relations, known = setup.relations, load_library(library).residuals
        covariance = known.total_covariance(np.array([relations.pivot]))[0]
        assert relations.lx.scatter == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-6)
        if relations.yx is not None:
            expected = covariance[1:3, 1:3].sum()
            assert relations.yx.scatter == pytest.approx(math.sqrt(expected), rel=1e-6)
        else:
            assert relations.mgas.scatter == pytest.approx(math.sqrt(covariance[2, 2]), rel=1e-6)
    axes = parse_axes(["library.name=tng"], config)
    again = parse_config(content_of(config) | {"library": {"name": "tng"}} | without_scatter(config)).setup.relations
    found = varied_setup(config, axes, ("tng",))[1].relations
    for law in ("lx", "t", "mgas", "yx", "core"):
        assert getattr(found, law) == getattr(again, law)
    assert np.array_equal(found.residuals.covariance, again.residuals.covariance)


def without_scatter(config):
    """The relations of a configuration as a user would write them for a library."""
    relations = content_of(config)["relations"]
    given = [law for law in ("lx", "t", "mgas", "yx") if relations[law]]
    laws = {law: {k: x for k, x in relations[law].items() if k != "scatter"} for law in given}
    return {"relations": {"pivot": relations["pivot"], "z0": relations["z0"], **laws}}


@pytest.fixture(scope="module")
def curves(nv22, cccp):
    return {"nv22": VolumeCurve(nv22.setup), "cccp_lowz": VolumeCurve(cccp.setup)}


@pytest.mark.parametrize("name", ["nv22", "cccp_lowz"])
@pytest.mark.parametrize("level", ["counts", "selfcal", "unbinned"])
def test_the_equivalent_volume_of_copies_is_their_number(curves, name, level):
    setup = curves[name].setup
    assert curves[name].equivalent_volume(level, curves[name].std(level, 1.0)) == 1
    for copies in (0.37, 2.0, 30.0) if name == "nv22" or level != "selfcal" else (2.0,):
        copied = forward_model(replace(setup, geometry=Replicated(setup.geometry, copies)))
        found = curves[name].equivalent_volume(level, fisher_matrix(level, copied).std())
        # the median is of a whole number of clusters, at least 19 here; without sample variance the rest is exact
        assert found == pytest.approx(copies, rel=1e-6 if name == "nv22" and level != "selfcal" else 0.03)


def test_the_information_of_points_grows_with_the_volume(curves):
    curve = curves["nv22"]
    information = fisher_matrix("full", forward_model(curve.setup)).information
    prior_precision = np.diag(1 / curve.setup.parameters.prior_std**2)
    i = curve.setup.parameters.names.index("sigma8")
    expected = math.sqrt(np.linalg.inv(5 * information + prior_precision)[i, i])
    assert curve.std("full", 5.0) == pytest.approx(expected, rel=1e-9)


def test_the_volume_never_replaces_a_prior(curves):
    """N is one number: known exactly, it leaves the prior conditional on it (linear algebra by hand)."""
    curve = curves["nv22"]
    parameters, model = curve.setup.parameters, forward_model(curve.setup)
    step, at = 1e-4, parameters.to_coordinates(parameters.fiducial)
    rows = [parameters.from_coordinates(at + sign * step * np.eye(len(at))) for sign in (1, -1)]
    slope = np.subtract(*(np.log(model.expected_count(theta)) for theta in rows)) / (2 * step)
    covariance = np.diag(parameters.prior_std**2)
    left = covariance - np.outer(covariance @ slope, covariance @ slope) / (slope @ covariance @ slope)
    i = parameters.names.index("sigma8")
    asymptote = math.sqrt(left[i, i])
    assert curve.std("counts", 1e6) == pytest.approx(asymptote, rel=1e-4)
    assert curve.equivalent_volume("counts", 0.999 * asymptote) == math.inf
    assert 10 < curve.equivalent_volume("counts", 1.001 * asymptote) < 1e6
    assert curve.equivalent_volume("counts", 1.01 * parameters.prior_std[i]) == 0


def test_prices_of_a_sweep(nv22, volumes):
    tighter = priced_sweep(compute_sweep(nv22, ["prior_width=0.3:1:2"]), nv22, "counts")
    assert tighter.price.equivalent_volume["counts"].tolist()[0] == "never"
    assert tighter.price.equivalent_volume["counts"][1] == 1
    assert tighter.price.ratio["counts"][1] == 1
    found = priced_sweep(volumes, nv22)
    assert found.price.equivalent_volume["known"].astype(float) == pytest.approx([0.5, 5, 50], rel=1e-4)
    own = sigma8_std(nv22.setup)[1]["unbinned"]
    assert found.price.ratio["unbinned"] == pytest.approx(volumes.levels["unbinned"] / own)
    header, rows = sweep_table(found)
    levels = ["sigma8_std_selfcal", "sigma8_std_unbinned", "sigma8_std_full+wl"]
    assert header == ["volume", "expected_count", *levels, "ratio", "volume"]
    assert [str(row[-1]) for row in rows] == ["0.500", "5.00", "50.0"]
    header, rows = sweep_file_table(tighter)
    assert rows[0][header.index("equivalent_volume_counts")] == "never"
    assert "sigma8_ratio_prior" not in header
    assert json.loads(json.dumps(to_plain(tighter)))["price"]["equivalent_volume"]["counts"] == ["never", 1.0]
    with pytest.raises(InputError, match="level 'prior' has no price"):
        priced_sweep(volumes, nv22, "prior")


def test_prices_of_a_comparison(nv22):
    follows = content_of(nv22)
    follows["selection"]["min_mass_mode"] = "follows_lx"
    del follows["weak_lensing"], follows["parameters"]["scatter_wl"]
    configs = {"follows": parse_config(follows), "nv22": nv22}
    found = priced_comparison(compute_comparison(configs), configs, "first", "unbinned")
    assert found.price.reference == "follows"
    assert found.price.ratio["unbinned"][0] == 1
    assert found.price.ratio["unbinned"][1] < 1
    assert found.price.equivalent_volume["unbinned"][1] > 1
    best = priced_comparison(found, configs, "best", "unbinned")
    assert best.price.reference == "nv22"
    assert best.price.equivalent_volume["unbinned"][0] < 1
    volume = best.price.equivalent_volume["unbinned"][0]
    assert [str(row[-1]) for row in comparison_table(best)[1]] == [f"{volume:#.3g}", "1.00"]
    header, rows = comparison_file_table(best)
    assert rows[0][header.index("sigma8_std_full+wl")] == ""  # this survey has no weak-lensing masses
    assert rows[0][header.index("equivalent_volume_full+wl")] == ""
    assert rows[1][header.index("equivalent_volume_full+wl")] == 1
    assert isinstance(comparison_figure(best), Figure)


def test_every_column_of_panels_has_labels_below():
    """Five panels in two columns: the second ends a row earlier."""
    sweep = sweep_of(("proxy", ["yx", "mgas"], "", False), ("volume", [1, 10], "", True))
    fewer = {level: std for level, std in sweep.levels.items() if level != "full+wl"}
    panels = [axes for axes in sweep_figure(replace(sweep, levels=fewer)).axes if axes.axison]
    assert [axes.get_title() for axes in panels] == [level for level in PANELS if level != "full+wl"]
    assert [bool(axes.get_xlabel()) for axes in panels] == [False, False, False, True, True]
    assert [axes.xaxis.get_tick_params()["labelbottom"] for axes in panels[-2:]] == [True, True]


def test_figures_of_choices():
    names = ("proxy", ["yx", "mgas", "cnn_2d"], "", False)
    (axes,) = sweep_figure(sweep_of(names)).axes
    assert [label.get_text().split("\n")[0] for label in axes.get_yticklabels()] == names[1]
    for keys in ((names, ("volume", [1, 10], "", True)), (("volume", [1, 10], "", True), names)):
        sweep = sweep_of(*keys)
        panels = [axes for axes in sweep_figure(sweep).axes if axes.lines]
        assert [axes.get_title() for axes in panels] == list(PANELS)
        lines = {line.get_label(): line.get_ydata() for line in panels[0].lines}
        assert list(lines) == names[1]
        choice = np.moveaxis(sweep.levels[PANELS[0]], sweep.named.index(True), 0)[1]
        assert np.array_equal(lines["mgas"], choice)
    heat = sweep_of(names, ("library.name", ["tng", "flamingo"], "", False))
    first = sweep_figure(heat).axes[0]
    assert np.array_equal(first.collections[0].get_array(), heat.levels[PANELS[0]].T)
    assert [label.get_text() for label in first.get_yticklabels()] == ["tng", "flamingo"]


CURVES = sweep_of(("selection.flux_limit", [1e-14, 1e-13, 1e-12], "erg / (s cm2)", True))
HEAT = sweep_of(("volume", [1, 10, 100], "", True), ("selection.break_mass", [14, 14.5], "log10 Msun/h", False))


@pytest.mark.parametrize(
    ("sweep", "x", "y"),
    [
        (CURVES, "selection.flux_limit [erg / (s cm2)]", r"$\sigma(\sigma_8)$"),
        (sweep_of(("volume", [2], "", False)), "factor on the survey volume", r"$\sigma(\sigma_8)$"),
        (sweep_of(("survey.z", [0.2, 0.1, 0.0], "", False)), "survey.z", r"$\sigma(\sigma_8)$"),
    ],
)
def test_curves(sweep, x, y):
    figure = sweep_figure(sweep)
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == (x, y)
    assert [line.get_label() for line in axes.lines] == list(sweep.levels)
    assert axes.get_xscale() == ("log" if sweep.log[0] else "linear")
    for line in axes.lines:
        assert np.array_equal(line.get_ydata(), sweep.levels[line.get_label()])
    assert min(axes.lines, key=lambda line: line.get_linewidth()).get_label() == "prior"


@pytest.mark.parametrize("size", [1, 8, 9])
def test_heat_maps(size):
    values = np.linspace(1, 2, size)
    sweep = sweep_of(("volume", values, "", False), ("selection.break_mass", [14, 14.5, 15], "log10 Msun/h", False))
    figure = sweep_figure(sweep)
    *panels, bar = figure.axes
    assert [axes.get_title() for axes in panels] == list(PANELS)
    assert bar.get_ylabel() == r"$\sigma(\sigma_8)$"
    assert panels[-2].get_xlabel() == "factor on the survey volume"
    assert panels[0].get_ylabel().startswith("selection.break_mass [")
    limits = {axes.collections[0].get_clim() for axes in panels}
    assert len(limits) == 1
    for axes, level in zip(panels, PANELS, strict=True):
        assert np.array_equal(axes.collections[0].get_array(), sweep.levels[level].T)
        assert len(axes.texts) == (3 * size if size <= 8 else 0)


def test_equal_numbers_make_a_figure():
    sweep = replace(HEAT, levels=dict.fromkeys(HEAT.levels, np.full((3, 2), 0.05)))
    assert isinstance(sweep_figure(sweep), Figure)


def test_comparison_figure():
    (axes,) = comparison_figure(comparison()).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "one\n1,234 clusters"
    assert labels[1].startswith(r"a name of dollars \$")
    assert axes.get_xlabel() == r"$\sigma(\sigma_8)$"
    assert [line.get_label() for line in axes.lines if not line.get_label().startswith("_")] == list(LEVEL_STYLE)


@pytest.mark.parametrize(
    ("record", "write", "stem"),
    [(CURVES, write_sweep, "sweep"), (HEAT, write_sweep, "sweep"), (comparison(), write_comparison, "comparison")],
    ids=["curves", "heat", "comparison"],
)
def test_files_repeat(record, write, stem, tmp_path):
    write(record, tmp_path / "a")
    write(record, tmp_path / "b")
    names = [f"{stem}.json", f"{stem}.csv", f"figures/{stem}.pdf", f"figures/{stem}.png", "report.html"]
    found = {str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("*") if p.is_file()}
    assert found == set(names)
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_sweep_returns_from_its_files(nv22, volumes, tmp_path):
    write_sweep(replace(volumes, provenance=Provenance("sweep", "nv22", content_of(nv22), 3)), tmp_path)
    saved = json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))
    assert saved["keys"] == ["volume"]
    assert saved["values"] == [volumes.values[0].tolist()]
    assert saved["levels"] == {level: std.tolist() for level, std in volumes.levels.items()}
    assert saved["expected_count"] == volumes.expected_count.tolist()
    assert (saved["provenance"]["command"], saved["provenance"]["seed"]) == ("sweep", 3)
    assert parse_config(saved["provenance"]["config"]) == nv22
    with (tmp_path / "sweep.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert (header, [[float(x) for x in row] for row in rows]) == sweep_file_table(volumes)


def test_a_comparison_returns_from_its_files(tmp_path):
    write_comparison(comparison(), tmp_path)
    saved = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert saved["titles"] == ["Survey one", "Survey, two"]
    assert saved["rows"][0]["sigma8_std"] == comparison().rows[0].sigma8_std
    with (tmp_path / "comparison.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    expected_header, expected = comparison_file_table(comparison())
    assert header == expected_header
    assert [[name, title, *map(float, numbers)] for name, title, *numbers in rows] == expected


def test_units_in_the_csv_header():
    assert sweep_table(CURVES)[0][0] == "selection.flux_limit [erg / (s cm2)]"


def test_an_output_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another --out"):
        write_sweep(CURVES, tmp_path / "file")


def test_doubts_about_a_survey_are_those_of_the_ladder(nv22, tmp_path):
    """Masses without relations and surveys that see nothing are named in sweeps and comparisons too."""
    content = load_config("erosita").model_dump(mode="json")
    content["selection"]["flux_limit"] = "1e-15 erg / (s cm2)"
    content["survey"] |= {"shells": 1, "zmin": 0.1, "zmax": 0.15}
    content["sample_variance"] = False
    deep = parse_config(content)
    tiny = parse_config({**content, "survey": {**content["survey"], "area": "0.001 deg2"}})
    comparison = compute_comparison({"nv22": nv22, "deep": deep, "tiny": tiny})
    kinds = [(caution.kind, caution.text.split(":")[0]) for caution in comparison.warnings]
    assert ("masses", "deep and 1 more") in kinds and ("number", "tiny") in kinds
    assert not any(name == "nv22" for _, name in kinds)
    assert "no relation is calibrated" in next(c.text for c in comparison.warnings if c.kind == "masses")
    sweep = compute_sweep(deep, ["survey.area=0.001:0.002:2"])
    assert "masses" in {caution.kind for caution in sweep.warnings}


@pytest.mark.parametrize(
    ("text", "values", "unit"),
    [
        ("volume=1,2,10", (1.0, 2.0, 10.0), ""),
        ("selection.break_mass=14 log10 Msun,14.4", (14.0, 14.4), "log10 Msun"),
        ("survey.side=300,352 Mpc/h,700 Mpc/h", (300.0, 352.0, 700.0), "Mpc/h"),
        ("yx_error=0,0.1", (0.0, 0.1), ""),
    ],
)
def test_numbers_may_be_listed(nv22, text, values, unit):
    (axis,) = parse_axes([text], nv22)
    assert axis.values == values and axis.unit == unit and not axis.named
