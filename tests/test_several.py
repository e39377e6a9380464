"""Several surveys as one posterior: products of likelihoods, priors that count once, and what is refused."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from commands import called
from scipy import stats

from forecast import load_survey
from forecast import load_surveys as load_surveys_of_api
from forecast.checks.observed import open_catalogue
from forecast.config.load import builtin_configs, parse_config
from forecast.config.surveys import load_surveys
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.core.records import Job
from forecast.core.ties import Tie
from forecast.forecasts.survey_information import SurveyInformation
from forecast.likelihoods.data import Data
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling.mcmc import Chain, run_chain
from forecast.sampling.moved import moved_by, moved_words
from forecast.several.alike import shared_of_unlike
from forecast.several.chains import Walks
from forecast.several.contours import compute_joint_surveys
from forecast.several.joint_setup import JointSetup
from forecast.several.ladder import JointLadder
from forecast.several.together import Together
from forecast.several.union import Union

PARAMETERS = {
    "sigma8": {"fiducial": 0.81, "flat": [0.6, 1.0]},
    "norm_lx": {"lognormal": 0.2},
    "scatter_lx": {"lognormal": 0.3},
}


def box(side=352.0, parameters=PARAMETERS, **changed):
    """NV22's box, which selects by L_X, with few free parameters."""
    content = tomllib.loads(builtin_configs()["nv22_follows_lx"].read_text(encoding="utf-8"))
    content["survey"]["side"] = f"{side} Mpc/h"
    return parse_config(content | {"parameters": parameters} | changed)


@pytest.fixture(scope="module")
def pair():
    """Two boxes that share a normalisation."""
    return JointSetup.of({"one": box().setup, "two": box(300.0).setup}, ["norm_lx"])


def gaussian(name, width, log=True):
    prior = Prior("lognormal", mean=1.0, std=width, log=True) if log else Prior("gaussian", mean=0.0, std=width)
    return Parameter(name, 1.0 if log else 0.0, prior)


def tied(names, matrix, *more):
    """Parameters, some of which are tied."""
    widths = {"norm_lx": 0.1, "slope_lx": 0.07, "norm_t": 0.05, "norm_mgas": 0.2}
    free = [*(gaussian(name, widths[name]) for name in names), *more]
    return ParameterSet(tuple(free), ties=(Tie(tuple(names), tuple(map(tuple, matrix))),))


def correlation(a, b, c):
    return [[1, a, b], [a, 1, c], [b, c, 1]]


def test_the_joint_prior_is_that_of_what_is_shared_times_each_survey_s_own_given_it():
    sigma8 = Parameter("sigma8", 0.8, Prior("flat", low=0.6, high=1.0))
    sets = {
        "a": tied(("norm_lx", "slope_lx", "norm_t"), correlation(0.4, 0.6, 0.1), sigma8),
        "b": tied(("slope_lx", "norm_lx", "norm_mgas"), correlation(0.4, -0.3, 0.5), sigma8),
        "c": tied(("norm_lx", "slope_lx"), [[1, 0.4], [0.4, 1]], sigma8, gaussian("norm_t", 0.3)),
    }
    union = Union.of(sets, ("norm_lx", "slope_lx"))
    assert union.parameters.names == ("norm_lx", "slope_lx", "sigma8", "norm_t.a", "norm_mgas.b", "norm_t.c")
    theta = union.parameters.draw(200, rng=np.random.default_rng(1))
    each = [p.log_prior(theta[:, union.places(name, p.names)]) for name, p in sets.items()]
    common = sets["a"].without(["norm_t"])
    shared = common.log_prior(theta[:, union.places("a", common.names)])
    np.testing.assert_allclose(union.parameters.log_prior(theta), sum(each) - 2 * shared, rtol=1e-10)
    names = ("norm_lx", "slope_lx", "norm_t.a", "norm_mgas.b")
    logs = np.log(union.parameters.draw(100_000, rng=np.random.default_rng(2)))
    found = np.corrcoef(logs[:, [union.parameters.names.index(name) for name in names]].T)
    np.testing.assert_allclose(found[:3, :3], correlation(0.4, 0.6, 0.1), atol=5 / np.sqrt(100_000))
    assert [tie.names for tie in union.parameters.ties] == [names]


def test_log_likelihoods_add_up(pair):
    data = {
        name: Data.of_mock(model, draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(3)))
        for name, model in pair.models.items()
    }
    assert pair.union.parameters.names == ("sigma8", "norm_lx", "scatter_lx.one", "scatter_lx.two")
    posterior = pair.posterior("selfcal", data)
    theta = pair.union.parameters.draw(20, rng=np.random.default_rng(4))
    alone = [JointSetup.of({"x": setup}).posterior("selfcal", {"x": data[n]}) for n, setup in pair.setups.items()]
    mine = [theta[:, [0, 1, 2]], theta[:, [0, 1, 3]]]
    each = [one.likelihood(x) for one, x in zip(alone, mine, strict=True)]
    np.testing.assert_allclose(posterior.likelihood(theta), each[0] + each[1], rtol=1e-12)
    outside = theta[:1].copy()
    outside[0, 0] = 1.2
    assert posterior(outside)[0] == -np.inf


def grid_moments(models, sizes, own=17):
    """Mean and width of sigma8 from the direct product of two Poisson likelihoods on a grid of all four parameters."""
    sigma8, norm = np.linspace(0.6, 1.0, 61), np.exp(0.2 * np.linspace(-4, 4, 33))
    steps = np.linspace(-4, 4, own)
    scatter, weight = np.exp(0.3 * steps), np.exp(-0.5 * steps**2)
    at = np.stack([x.ravel() for x in np.meshgrid(sigma8, norm, scatter, indexing="ij")], axis=1)
    product = np.exp(-0.5 * np.linspace(-4, 4, 33) ** 2) * np.ones((61, 1))
    for model, size in zip(models, sizes, strict=True):
        expected = model.expected_count(at).reshape(61, 33, own)
        product = product * (stats.poisson.pmf(size, expected) * weight).sum(axis=2)
    density = product.sum(axis=1) / product.sum()
    mean = density @ sigma8
    return mean, np.sqrt(density @ (sigma8 - mean) ** 2)


def test_the_posterior_is_the_product_on_a_grid(pair):
    models, sizes = list(pair.models.values()), (150, 60)
    data = {name: Data.observed(size, np.empty(0)) for name, size in zip(pair.setups, sizes, strict=True)}
    posterior = pair.posterior("counts", data)
    theta = posterior.parameters.draw(20_000, rng=np.random.default_rng(5))
    weight = np.exp(posterior.likelihood(theta) - posterior.likelihood(theta).max())
    weight /= weight.sum()
    mean = weight @ theta[:, 0]
    width, effective = np.sqrt(weight @ (theta[:, 0] - mean) ** 2), 1 / (weight**2).sum()
    wanted, spread = grid_moments(models, sizes)
    assert effective > 1000
    assert mean == pytest.approx(wanted, abs=5 * spread / np.sqrt(effective))
    assert width == pytest.approx(spread, rel=5 / np.sqrt(2 * effective))
    apart = JointSetup.of(pair.setups)  # each with a normalisation of its own
    assert apart.union.parameters.names[1:] == ("norm_lx.one", "scatter_lx.one", "norm_lx.two", "scatter_lx.two")


def test_posteriors_are_calibrated(pair):
    """Ranks of the truth among posterior draws are uniform: 150 pairs of mock surveys from the joint prior."""
    mocks, draws = 150, 1000
    truth = pair.union.parameters.draw(mocks, rng=np.random.default_rng(6))
    theta = pair.union.parameters.draw(draws, rng=np.random.default_rng(7))
    rng, places = (
        np.random.default_rng(8),
        {n: pair.union.places(n, m.parameters.names) for n, m in pair.models.items()},
    )
    sizes = {n: rng.poisson(m.expected_count(truth[:, places[n]])) for n, m in pair.models.items()}
    below = []
    for i in range(mocks):
        value = pair.posterior("counts", {n: Data.observed(int(x[i]), np.empty(0)) for n, x in sizes.items()})
        weight = np.exp((log := value.likelihood(theta)) - log.max())
        below.append(weight @ (theta < truth[i]) / weight.sum())
    for name, ranks in zip(pair.union.parameters.names, np.array(below).T, strict=True):
        assert stats.kstest(ranks, "uniform").pvalue > 1e-4, name


def test_information_adds_up(pair):
    """Two surveys that share everything are one of both: prior once, information twice."""
    setup = box().setup
    twice = JointSetup.of({"a": setup, "b": setup}, ["norm_lx", "scatter_lx"])
    one, (both,) = fisher_matrix("counts", forward_model(setup)), twice.fishers(["counts"])
    assert both.parameters.names == one.parameters.names
    np.testing.assert_allclose(both.information, 2 * one.information, rtol=1e-12)
    ladder = JointLadder(pair, quick=True)
    together, *alone = ladder.in_order(list(ladder.rows()))[:3]
    assert [row.label for row in (together, *alone)] == ["one + two", "one", "two"] and not together.s8_std
    assert together.expected_count == pytest.approx(sum(row.expected_count for row in alone))
    wanted = SurveyInformation.of(pair.setups["one"], ("counts", "unbinned")).std()
    assert alone[0].sigma8_std["counts"] == pytest.approx(wanted["counts"])
    known = (sum(row.sigma8_std["known"] ** -2 for row in alone) - 12 / 0.4**2) ** -0.5
    assert together.sigma8_std["known"] == pytest.approx(known, rel=1e-6)
    assert together.sigma8_std["counts"] < min(row.sigma8_std["counts"] for row in alone)


def test_the_ladder_with_Om0_free_is_that_of_joint_contours(pair):
    """Where a configuration frees Om0 itself, its rows are those, and there are no others."""
    ladder = JointLadder(pair, quick=True)
    *_, freed, one, two = ladder.in_order(list(ladder.rows()))
    assert ladder.number == 6 and ladder.note.startswith("Om0 free, 0.15 to 0.45: with a flat prior")
    assert [row.label for row in (freed, one, two)] == [
        f"{name}, Om0 free, 0.15 to 0.45" for name in ("one + two", "one", "two")
    ]
    wanted = compute_joint_surveys(pair.setups, ["norm_lx"], quick=True)
    for level in wanted.levels:
        assert freed.sigma8_std[level.level] == pytest.approx(level.std[1], rel=1e-9)
        assert freed.s8_std[level.level] == pytest.approx(level.s8_std, rel=1e-9)
    assert all(freed.s8_std["counts"] < row.s8_std["counts"] for row in (one, two))
    own = PARAMETERS | {"Om0": {"flat": [0.15, 0.45]}}
    setups = {name: box(side, own).setup for name, side in (("one", 352.0), ("two", 300.0))}
    configured = JointLadder(JointSetup.of(setups, ["norm_lx"]), quick=True)
    assert configured.number == 3 and configured.note == ""
    assert list(configured.rows())[-1].s8_std == pytest.approx(freed.s8_std, rel=1e-9)


def test_how_far_normalisations_moved():
    own, flat = replace(gaussian("norm_lx", 0.1), name="norm_lx.b"), Prior("flat", low=0.6, high=1.0)
    parameters = ParameterSet((own, gaussian("slope_lx", 0.1), Parameter("sigma8", 0.8, flat)))
    x = np.array([0.9, 1.1]) * np.exp(0.2)
    steps = np.stack([x, np.array([2.0, 2.5]), np.array([0.7, 0.9])], axis=-1)[None]
    chain = Chain(parameters.names, steps, np.zeros((1, 2)), np.ones(3), burn=0, acceptance=0.3)
    logs = np.log(x)
    (found,) = moved_by(chain, parameters)
    assert found.name == "norm_lx.b"
    assert (found.shift, found.width) == pytest.approx((logs.mean() / 0.1, logs.std() / 0.1))
    assert moved_words("full", (found,)).startswith("Normalisations at level full from their priors' means, in widths")
    assert moved_words("full", ()) == ""


@pytest.mark.parametrize(
    ("changed", "shared", "message"),
    [
        (
            {"norm_lx": {"lognormal": 0.1}},
            ["norm_lx"],
            "norm_lx: is shared, and its prior is 'log-normal about 1, 20%' in one but 'log-normal about 1, 10%'",
        ),
        ({"norm_t": {"lognormal": 0.1}}, ["norm_t"], "norm_t: is free in two but not in one; free it there, or do not"),
        ({"Om0": {"flat": [0.2, 0.4]}}, [], "Om0: is free in two but not in one; free it in both or in neither"),
        ({}, ["norm_l"], "shared parameter norm_l: is free in no survey; did you mean 'norm_lx'"),
    ],
)
def test_what_is_shared_must_be_the_same(changed, shared, message):
    with pytest.raises(InputError, match=message):
        JointSetup.of({"one": box().setup, "two": box(parameters=PARAMETERS | changed).setup}, shared)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "mass_function",
            "tinker08",
            "mass_function: bocquet16_hydro in one but tinker08 in two; set it alike in both",
        ),
        ("sample_variance", True, "sample_variance: is on in two but off in one"),
        (
            "cosmology",
            {"Om0": 0.3, "Ob0": 0.045, "h": 0.7, "ns": 0.96},
            "cosmology: .* in one but .* in two; give both",
        ),
    ],
)
def test_surveys_are_of_one_universe(key, value, message):
    setups = {"one": box().setup, "two": box(**{key: value}).setup}
    if key == "sample_variance" and setups["one"].parameters.contrasts:
        setups["one"] = box(sample_variance=False).setup
    with pytest.raises(InputError, match=message):
        JointSetup.of(setups)


def steeper(setup):
    """The same with another L_X-M relation."""
    relations = setup.relations
    return replace(setup, relations=replace(relations, lx=replace(relations.lx, slope=1.1 * relations.lx.slope)))


def test_one_factor_on_two_relations_is_doubted(pair):
    assert shared_of_unlike(pair.setups, pair.nuisances) == ()
    setups = {**pair.setups, "two": steeper(pair.setups["two"])}
    (words,) = JointSetup.of(setups, ["norm_lx"]).doubts
    assert words.startswith("norm_lx is shared, but [relations.lx], its pivot or z0 are not the same in one and two")
    assert JointSetup.of(setups).doubts == ()


def test_one_relation_that_counts_twice_is_doubted(pair):
    """Two surveys of one calibration whose errors would average out."""
    (words,) = JointSetup.of(pair.setups).doubts
    names = words.partition(":")[0].split(", ")
    assert "norm_lx" in names and not {"sigma8", *pair.union.parameters.contrasts} & {*names}
    assert words.endswith(f"give --shared {','.join(names)}")
    assert JointSetup.of(pair.setups, names).doubts == ()
    fishers = [next(JointSetup.of(pair.setups, some).fishers(["counts"])).std("sigma8") for some in ((), names)]
    assert fishers[0] < fishers[1]


def test_correlations_of_what_is_shared_must_be_the_same():
    sets = {name: tied(("norm_lx", "slope_lx"), [[1, r], [r, 1]]) for name, r in (("a", 0.4), ("b", 0.1))}
    with pytest.raises(
        InputError, match=r"norm_lx and slope_lx are shared, and their priors correlate by 0.4 in a but"
    ):
        Union.of(sets, ("norm_lx", "slope_lx"))


CONE = """
title = "Half a sky"
mass_function = "tinker08"
cosmology = {{ Om0 = 0.25, Ob0 = 0.045, h = 0.72, ns = 0.95 }}

[survey]
geometry = "light_cone"
zmin = 0.025
zmax = 0.25
footprint = {{ boxes = [{{ dec = {dec} }}] }}

[selection]
kind = "flux_limited"
flux_limit = "{flux} erg / (s cm2)"

[relations]
pivot = "14.6 log10 Msun"
z0 = 0.0
lx = {{ norm = "44.08808 log10 erg/s", slope = 1.61, evolution = 1.85, scatter = "0.396 ln" }}
yx = {{ norm = "14.3195 log10 Msun keV", slope = 1.754, evolution = 0.7, scatter = "0.12 ln" }}

[parameters]
sigma8 = {{ fiducial = 0.81, flat = [0.6, 1.1] }}
norm_lx = {{ lognormal = 0.1 }}
norm_yx = {{ lognormal = 0.1 }}

[sampler]
level = "counts"
levels = ["counts"]
quick_steps = 40
block = 20
walkers = 16

[catalogue]
path = "{name}.ecsv"
cosmology = {{ Om0 = 0.25, h = 0.72 }}

[catalogue.columns]
z = "z"
ra = "ra"
dec = "dec"
lx = {{ name = "lx", unit = "erg/s" }}
yx = {{ name = "yx", unit = "Msun/h keV" }}
"""


def cone(folder, name, dec, flux=2e-11, positions=True):
    """Files of a survey of some declinations, with a mock catalogue spread over them."""
    text = CONE.format(name=name, dec=dec, flux=flux)
    text = text if positions else text.replace('ra = "ra"', "").replace('dec = "dec"', "")
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    model = forward_model(parse_config(tomllib.loads(text), folder=folder).setup)
    mock, rng = draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(1)), np.random.default_rng(2)
    sine = rng.uniform(*np.sin(np.radians(dec)), len(mock.z))
    places = {"ra": rng.uniform(0, 360, len(mock.z)), "dec": np.degrees(np.arcsin(sine))}
    columns = {"z": mock.z, **places, "lx": 10**mock.log_lx, "yx": 10**mock.log_yx}
    Table(columns).write(folder / f"{name}.ecsv")


@pytest.fixture(scope="module")
def skies(tmp_path_factory):
    """Two halves of the sky, one that overlaps with the first, and a file that lists them."""
    folder = tmp_path_factory.mktemp("skies")
    for name, dec in (("north", [0, 90]), ("south", [-90, 0]), ("more", [-90, 30])):
        cone(folder, name, dec)
    listed = 'surveys = ["north.toml", "south.toml"]\n[shared]\nparameters = ["norm_lx"]\n'
    (folder / "both.toml").write_text(listed, encoding="utf-8")
    return folder


def forecast(*arguments, cwd):
    return called("forecast", *arguments, cwd=cwd)


def test_a_fit_of_several_surveys(skies):
    """The answer with each survey's beside it, and everything in the files."""
    given = "north.toml south.toml --shared norm_lx"
    done = forecast("fit", *given.split(), "--quick", "--alone", "--out", "a", cwd=skies)
    assert done.returncode == 0, done.stderr
    assert "counts (" in done.stderr and "counts (south alone) (" in done.stderr  # not converged
    for words in ("Normalisations at level counts", "Shared, with priors that", "counts (north alone)"):
        assert words in done.stdout
    assert f"\nNext: forecast fit {given} --alone --out a\n" in done.stdout
    doubt = "no Y_X has an error"
    assert done.stderr.count(f"north, south: {doubt}") == done.stdout.count(doubt) == done.stderr.count(doubt) == 1
    found = json.loads((skies / "a/results.json").read_text(encoding="utf-8"))
    assert list(found["provenance"]["config"]["surveys"]) == ["north", "south"]
    assert found["data"]["n_clusters"] == sum(one["data"]["n_clusters"] for one in found["surveys"])
    for one in found["surveys"]:
        assert one["alone"]["steps"] == 40 and one["predictive"] and len(one["goodness"]) == 2
    names = [line.split()[0] for line in (skies / "a/getdist/counts.paramnames").read_text().splitlines()]
    assert names == ["sigma8", "norm_lx", "norm_yx.north", "norm_yx.south"]
    page = (skies / "a/report.html").read_text(encoding="utf-8")
    assert "The ladder of these surveys was left out; --ladder adds it." in done.stdout and not found["ladder"]
    assert {path.stem for path in (skies / "a/figures").glob("abundance*.png")} == {
        "abundance_north",
        "abundance_south",
    }
    for words in (
        "Expected abundance: north",
        "Observed against predicted: north",
        "describe the catalogue? south",
        "(south)",
        "north.ecsv",
    ):
        assert words in page


def test_the_ladder_of_several_surveys_follows_their_fit(skies):
    given = ("north.toml", "south.toml", "--shared", "norm_lx", "--quick", "--ladder", "--out", "b")
    done = forecast("fit", *given, cwd=skies)
    assert done.returncode == 0, done.stderr
    rows = json.loads((skies / "b/results.json").read_text(encoding="utf-8"))["ladder"]
    alone = forecast("ladder", "north.toml", "south.toml", "--shared", "norm_lx", "--quick", "--json", cwd=skies)
    assert rows == json.loads(alone.stdout)["rows"] and rows[0]["label"] == "north + south"
    page = (skies / "b/report.html").read_text(encoding="utf-8")
    assert "What each datum adds" in page and "Yet to come" not in page and (skies / "b/figures/ladder.png").exists()
    assert "Fisher, Om0 = 0.25 unless free" in done.stdout


def test_a_chain_of_several_surveys_goes_on_as_if_it_had_not_stopped(pair, tmp_path):
    """The same steps, whether in one go or in two; other things shared are another chain."""
    configs, steps = {"one": box(), "two": box(300.0)}, []
    data = {name: Data.observed(100, np.empty(0)) for name in configs}
    for folder, lengths in (("a", (100,)), ("b", (40, 100))):
        (tmp_path / folder).mkdir()
        for length in lengths:
            walk = Walks(pair, configs, data, Job("x", tmp_path / folder, max_steps=length)).together("counts")
            chain = run_chain(walk.posterior, replace(walk.plan, block=20))
        steps.append(chain.steps)
    np.testing.assert_array_equal(*steps)
    other = Walks(JointSetup.of(pair.setups), configs, data, Job("x", tmp_path / "a")).together("counts").plan
    assert other.fingerprint != walk.plan.fingerprint


def test_a_ladder_of_several_surveys(skies):
    ladder = forecast("ladder", "both.toml", "--quick", "--json", cwd=skies)
    rows = json.loads(ladder.stdout)["rows"]
    assert [row["label"] for row in rows[:3]] == ["north + south", "north", "south"]
    assert [bool(row["s8_std"]) for row in rows] == [False] * 3 + [True] * 3
    assert rows[0]["sigma8_std"]["unbinned"] < rows[1]["sigma8_std"]["unbinned"]
    assert (skies / "out/both-ladder/report.html").exists()


def test_sky_that_is_cut_takes_its_clusters_with_it(skies, tmp_path):
    together = Together.of(load_surveys([str(skies / f"{name}.toml") for name in ("north", "more")]), cut=True)
    config, sky = together.configs["more"], together.apart.left["more"]
    whole, left = open_catalogue(config, None), open_catalogue(config, None, sky)
    assert left.size == (whole.dec < 0).sum() < whole.size
    assert together.joint.setups["more"].geometry.area == pytest.approx(2 * np.pi)
    cone(tmp_path, "more", [-90, 30], positions=False)
    refused = forecast("fit", "north.toml", tmp_path / "more.toml", "--cut-overlap", cwd=skies)
    assert refused.returncode == 2
    assert "only positions tell which of its clusters are there; give it first, so that the others" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("fit", "north.toml", "north.toml"),
            "north.toml: is given 2 times; its clusters are one survey's, give it once",
        ),
        (("fit", "north.toml", "nort.toml"), "configuration 'nort.toml' is neither a file nor a built-in one"),
        (
            ("fit", "north.toml", "more.toml"),
            "leave that out of more by exclude under [survey.footprint], or give --cut",
        ),
        (("fit", "north.toml", "both.toml"), "both.toml: lists surveys itself; give that file alone, or name its"),
        (
            ("ladder", "north.toml", "--shared", "norm_lx"),
            "--shared: is about several surveys; name another beside north",
        ),
        (
            ("run", "both.toml"),
            "lists several surveys, which fit, ladder and joint take; give one of them here (north.toml, south.toml)",
        ),
        (("compare", "both.toml", "north.toml"), "both.toml: lists surveys itself; name its surveys here, each by"),
        (("require", "both.toml", "sigma8=0.01"), "both.toml: lists several surveys, which fit"),
        (("require", "north.toml", "nv22", "sigma8=0.01"), "nv22: require takes one survey; fit, ladder and joint"),
        (("check", "north.toml", "south.toml"), "south.toml: check takes one survey; fit, ladder and joint take"),
        (("suite", "north.toml", "south"), "unexpected extra argument"),
        (("explain", "both.toml"), "is called 'both.toml'; 'forecast init plan' writes the common ones"),
        (("init", "fit", "both.toml", "--out", "x.toml"), "both.toml: this is a configuration, not a table"),
        (("configs", "--show"), "error: option '--show' requires an argument; '"),
        (
            ("fit", "both.toml", "--catalogue", "north.ecsv"),
            "--catalogue: is the table of one survey; name each in its",
        ),
        (
            ("fit", "both.toml", "--level", "full+wl"),
            "--level full+wl: not every survey has it; give one of counts, selfcal",
        ),
        (("ladder", "both.toml", "--mcmc"), "--mcmc: samples expected data of one survey; leave it out"),
        (("fit", "bad.toml"), "bad.toml: surveys: 'suth.toml' is neither a file beside it nor built in; did you mean"),
        (("fit", "odd.toml"), "odd.toml: unknown key 'share'; did you mean 'shared'?"),
        (
            ("fit", "north.toml", "copy.toml"),
            "copy: is the survey of north, with its catalogue; its clusters count once",
        ),
    ],
)
def test_bad_input_is_one_line(skies, arguments, message):
    (skies / "bad.toml").write_text('surveys = ["north.toml", "suth.toml"]', encoding="utf-8")
    (skies / "odd.toml").write_text('surveys = ["north.toml", "south.toml"]\nshare = 1', encoding="utf-8")
    (skies / "copy.toml").write_bytes((skies / "north.toml").read_bytes())
    done = forecast(*arguments, cwd=skies)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_file_lists_surveys_with_what_they_share(skies):
    """It is the same as their names, to the chain that goes on."""
    found = load_surveys([str(skies / "both.toml")], ["norm_yx"])
    assert (list(found.configs), found.shared) == (["north", "south"], ("norm_lx", "norm_yx"))
    named = load_surveys([str(skies / f"{name}.toml") for name in found.configs], found.shared)
    job, data = Job("x", skies), {name: Data.observed(9, np.empty(0)) for name in found.configs}
    walks = [Walks(Together.of(one).joint, one.configs, data, job) for one in (found, named)]
    assert walks[0].together("counts").plan == walks[1].together("counts").plan


def test_surveys_in_python(pair):
    """The posterior, the Fisher matrix and the chain are those of the commands; what is wrong is one line."""
    one, two = load_survey(box().model_dump()), load_survey(box(300.0).model_dump())
    both = load_surveys_of_api({"one": one, "two": two}, shared=["norm_lx"])
    assert both.parameters == pair.union.parameters.names
    data = {"one": one.mock(seed=1), "two": two.mock(seed=2)}
    theta = pair.union.parameters.draw(5, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(both.posterior("selfcal", data)(theta), pair.posterior("selfcal", data)(theta))
    assert both.fisher("counts").std("norm_lx") == next(pair.fishers(["counts"])).std("norm_lx")
    assert both.sample("counts", data, seed=1, max_steps=20).names == both.parameters
    for given, message in (
        ({"one": one}, "surveys: one is a survey, not several; give two at least"),
        ({"a b": one, "two": two}, "survey 'a b': its name ends those of parameters; call it a_b"),
        ({"one": one, "two": "nv22"}, "survey 'two' is of type str; give what load_survey returns"),
    ):
        with pytest.raises(InputError, match=message):
            load_surveys_of_api(given)
    with pytest.raises(InputError, match="data: there are none of two; give a dictionary of data by survey"):
        both.posterior("counts", {"one": data["one"]})
    listed = [load_survey("cccp_lowz"), load_survey("cccp_lowz").with_(zmax=0.2)]
    with pytest.raises(InputError, match="b: reads the catalogue of a, whose clusters would count twice; declare both"):
        load_surveys_of_api(dict(zip("ab", listed, strict=True)))
