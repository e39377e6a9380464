"""Whatever is typed wrong in Python is an `InputError` that says what to type, never another exception."""

import re

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from forecast import InputError, Samples, load_survey, open_suite, plot_contours, plot_corner
from forecast.cli.app import app
from forecast.reading.public_tables import builtin_table


@pytest.fixture(scope="module")
def survey():
    return load_survey("nv22")


@pytest.fixture(scope="module")
def posterior(survey):
    return survey.posterior("counts")


TABLE = Table.read(builtin_table("cccp_lowz"))
OPENING = {
    "an unknown name": ("nv23", "did you mean 'nv22'"),
    "a number": (3, "try load_survey"),
    "nothing": (None, "try load_survey"),
    "a folder": ("tests", "neither a file nor a built-in"),
    "an unknown key": ({"title": "x", "survay": {}}, "did you mean 'survey'"),
    "an empty dictionary": ({}, "missing"),
}
CHANGES = {
    "an unknown key": ({"fracton": 1}, "no key 'fracton'; did you mean 'fraction'"),
    "an unknown dotted key": ({"survey.aera": 1}, "no key 'survey.aera'"),
    "an ambiguous key": (
        {"slope": 1.7},
        r"several keys end with 'slope': .*relations.lx.slope.* write one of them out",
    ),
    "a key of other surveys": ({"area": "3000 deg2"}, "survey.area is a key where geometry = .light_cone.*'survey': {"),
    "a key of a table left out": ({"library.name": "tng"}, r"in table \[library\], which this survey leaves out"),
    "no unit": ({"side": 400}, "'survey.side'"),
    "another unit": ({"side": "400 keV"}, "survey.side"),
    "an unknown unit": ({"side": "400 Mpcs"}, "survey.side"),
    "text for a number": ({"fraction": "half"}, "survey.fraction"),
    "a type": ({"fraction": [1]}, "survey.fraction"),
    "an object": ({"fraction": object()}, "survey.fraction"),
    "no number": ({"fraction": float("nan")}, "fraction"),
    "a negative one": ({"fraction": -1}, "fraction"),
    "a prior beside the fiducial value": ({"sigma8": {"flat": [0.9, 1.0]}}, "sigma8"),
    "an unknown parameter": ({"parameters.sigma9": 1.0}, "sigma9"),
    "an unknown prior": ({"norm_lx": {"lognormall": 0.1}}, "lognormal"),
    "an unknown mass function": ({"mass_function": "tinker80"}, "did you mean 'tinker08'"),
    "a key that is no text": ({3: 1}, "no key '3'"),
    "no volume": ({"volume": 0}, "volume must be positive"),
    "a volume in words": ({"volume": "double"}, "volume must be a finite number"),
    "a width of nothing": ({"prior_width": {"norm_x": 2}}, "did you mean 'norm_lx'"),
    "no dictionary": (3, "dictionary"),
}
CALLS = {
    "a level": (lambda s: s.fisher("selfcall"), "level 'selfcall' is unknown; did you mean 'selfcal'"),
    "no level": (lambda s: s.fisher(None), "level 'None' is unknown"),
    "a level in a list": (lambda s: s.fisher(["counts"]), "is unknown"),
    "a level without data": (
        lambda s: load_survey("cccp_lowz").fisher("full+wl"),
        "needs weak-lensing masses.*weak_lensing={'scatter': 0.2}",
    ),
    "a parameter of a Fisher matrix": (lambda s: s.fisher("counts").std("Sigma8"), "did you mean 'sigma8'"),
    "a pair of it": (lambda s: s.fisher("counts").correlation("sigma8", "norm"), "is not free"),
    "S8 without density": (lambda s: s.fisher("counts").s8(), "Om0"),
    "a parameter": (lambda s: s.expected_count(sigma_8=0.8), "did you mean 'sigma8'"),
    "a value": (lambda s: s.expected_count(sigma8="high"), "sigma8 must be a finite number, got 'high'"),
    "no value": (lambda s: s.expected_count(sigma8=-1.0), "sigma8 = -1 lies outside its prior, 0.7 to 0.92"),
    "a value outside": (lambda s: s.mock(seed=1, norm_lx=2.0), r"widen it: survey.with_\(norm_lx="),
    "a negative value": (lambda s: s.with_(norm_lx={"lognormal": 0.1}).mock(seed=1, norm_lx=-1.0), "norm_lx = -1 lies"),
    "masses": (lambda s: s.abundance([14.0]), "log_mass must ascend"),
    "masses in words": (lambda s: s.abundance("all"), "log_mass must be numbers"),
    "a seed": (lambda s: s.mock(seed=-1), "seed must be a whole number of at least 0, got -1"),
    "a seed in words": (lambda s: s.mock(seed="one"), "seed must be a whole number"),
    "a parameter of mocks": (lambda s: s.mock_catalogue(seed=1, sigma9=0.8), "did you mean 'sigma8'"),
    "a number of mocks": (lambda s: s.mock_surveys(0, seed=1), "number must be a whole number"),
    "too many mocks": (lambda s: s.with_(volume=1000).mock_surveys(100, seed=1), "draw at most 3"),
    "few mocks for a map": (lambda s: s.sigma8_map(5, seed=1), "mocks must be a whole number of at least 100"),
    "a sweep over nothing": (lambda s: s.sweep("survey.fracton=1:2:2"), "did you mean 'survey.fraction'"),
    "no sweep": (lambda s: s.sweep(), "give it once or twice"),
    "a sweep of a number": (lambda s: s.sweep(3), "write 'survey.area"),
    "a sweep of a variant": (lambda s: s.with_(volume=2).sweep("volume=1:2:2"), "take the survey that this one"),
    "widths": (lambda s: s.survival(["wide"]), "a factor must be a finite number"),
    "influence on counts": (lambda s: s.influence("counts", seed=1), "no saliency of single clusters"),
    "no catalogue": (lambda s: s.data("clusters.fits"), "catalogue"),
    "a catalogue of numbers": (lambda s: load_survey("cccp_lowz").data(3), "give a path"),
    "columns of different lengths": (lambda s: load_survey("cccp_lowz").data({"z": [1], "x": [1, 2]}), "make no table"),
    "a table of other columns": (lambda s: load_survey("cccp_lowz").data({"z": [0.1, 0.2]}), "no column"),
    "columns without units": (lambda s: load_survey("cccp_lowz").data(TABLE.to_pandas()), "has no unit; write"),
    "a missing file": (lambda s: load_survey("cccp_lowz").data("missing.ecsv"), r"missing\.ecsv"),
    "data": (lambda s: s.posterior("counts", 49), r"survey.mock\(seed=1\)"),
    "data of a file": (lambda s: s.sample("counts", "clusters.fits", seed=1), r"survey.mock\(seed=1\)"),
    "steps": (lambda s: s.sample("counts", seed=1, max_steps=0), "max_steps must be a whole number of at least 10"),
    "a variant's suite": (lambda s: s.with_(volume=2).suite("out", 10, seed=1), "take the survey that this one"),
    "draws": (lambda s: s.suite("out", 0, seed=1), "draws must be a whole number"),
    "a folder of a suite": (lambda s: s.suite(3, 10, seed=1), "the suite's folder is a path, got 3"),
    "a file of a chain": (lambda s: s.sample("counts", seed=1, out=3), "out is a path, got 3"),
    "no suite": (lambda s: open_suite(None), "opened by its folder"),
    "a width in no list": (lambda s: s.survival(3.0), "factors on priors are a list"),
    "a width of nought": (lambda s: s.survival([0.0]), "a factor must be positive"),
    "no width": (lambda s: s.survival([]), "at least one factor"),
    "no axes": (lambda s: plot_contours(s.fisher("counts"), axes=3), "those of matplotlib"),
    "no pair": (lambda s: plot_contours(s.fisher("counts"), None), "a list, got None"),
    "a probability": (lambda s: plot_contours(s.fisher("counts"), probabilities=0.68), "a list, got 0.68"),
    "a number for a parameter": (lambda s: s.fisher("counts").std(8), "parameter '8' is not free"),
    "an array for a level": (lambda s: s.fisher(np.ones(2)), "is unknown"),
    "a suite": (lambda s: open_suite("nowhere"), "no suite there"),
    "nothing to draw": (lambda s: plot_contours([1]), "Survey.fisher or Survey.sample"),
    "one parameter": (lambda s: plot_contours(s.fisher("counts"), "sigma8"), "two parameters"),
    "the same twice": (lambda s: plot_contours(s.fisher("counts"), ("sigma8", "sigma8")), "twice"),
    "an unknown one": (lambda s: plot_contours(s.fisher("counts"), ("sigma8", "b")), "is not free"),
    "percent": (lambda s: plot_contours(s.fisher("counts"), probabilities=[68]), "between 0 and 1"),
    "a corner of a matrix": (lambda s: plot_corner(s.fisher("counts")), "use plot_contours"),
    "no axes for panels": (lambda s: s.sigma8_map(200, seed=1).plot([None]), "give two axes"),
}
VECTORS = {
    "length": (lambda p: p([0.8, 1.0]), r"parameter vectors have 8 values .* shape \(2,\)"),
    "words": (lambda p: p("abc"), "parameter vectors must be numbers"),
    "three dimensions": (lambda p: p.log_prior(np.zeros((1, 1, 8))), r"shape \(1, 1, 8\)"),
    "probabilities": (lambda p: p.prior_transform([1.5] * 8), "between 0 and 1"),
    "no number": (lambda p: p.prior_transform([np.nan] * 8), "between 0 and 1"),
    "a generator": (lambda p: p.draw_prior(3, rng=1), r"numpy.random.default_rng\(1\)"),
    "a size": (lambda p: p.draw_prior(-3, rng=np.random.default_rng(1)), "size must be a whole number"),
    "weights": (lambda p: p.samples(np.zeros((3, 8)), [1, 1]), "one weight for each draw"),
    "logarithms of weights": (lambda p: p.samples(np.zeros((2, 8)), [-3, -4]), r"take exp\(log weights\)"),
    "columns": (lambda p: Samples(["a", "b"], np.zeros((3, 3))), "one column for each of a, b"),
    "no draws": (lambda p: Samples(["a"], np.zeros((0, 1))), "one row for each draw"),
    "a column": (lambda p: Samples(["sigma8"], [[0.8]])["sigma9"], "did you mean 'sigma8'"),
    "a summary": (lambda p: Samples(["sigma8"], [[0.8]]).summary("sigma9"), "did you mean 'sigma8'"),
    "no chain": (lambda p: Samples(["sigma8"], [[0.8]]).save("out/x"), "to_getdist"),
    "names": (lambda p: Samples("sigma8", [[0.8]]), "names of parameters are a list"),
    "bounds": (lambda p: Samples(["sigma8"], [[0.8]], bounds=[0.7]), r"bounds are \(low, high\)"),
    "one draw": (
        lambda p: plot_contours(Samples(["a", "b"], [[1.0, 2.0]]), ("a", "b")),
        "1.0 effective draws, too few",
    ),
    "a constant": (lambda p: plot_contours(Samples(["a", "b"], np.ones((50, 2))), ("a", "b")), "a does not vary"),
    "no truths": (lambda p: plot_corner(Samples(["a"], [[1.0]]), truths=3), "a dictionary of values"),
    "truths": (lambda p: plot_corner(Samples(["a", "b"], np.ones((9, 2))), truths={"a": 1}), "truths lack b"),
}


def refused(call, message):
    """An `InputError` itself, of one line that matches."""
    with pytest.raises(InputError) as caught:
        call()
    assert type(caught.value) is InputError
    assert re.search(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize("what", OPENING)
def test_opening(what):
    source, message = OPENING[what]
    refused(lambda: load_survey(source), message)


@pytest.mark.parametrize("what", CHANGES)
def test_changes(survey, what):
    """Refused where they are typed, not when the survey is first used."""
    change, message = CHANGES[what]
    refused(lambda: survey.with_(change), message)


@pytest.mark.parametrize("what", CALLS)
def test_calls(survey, tmp_path, monkeypatch, what):
    call, message = CALLS[what]
    monkeypatch.chdir(tmp_path)
    refused(lambda: call(survey), message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", VECTORS)
def test_vectors(posterior, what):
    call, message = VECTORS[what]
    refused(lambda: call(posterior), message)


def test_words_are_those_of_the_commands(survey, tmp_path):
    """What Python says of an unknown survey and of unknown keys is what the command prints."""
    file = tmp_path / "mine.toml"
    file.write_text('title = "mine"\nsurvay = 1\n')
    for arguments, call in (
        (["ladder", "nv23"], lambda: load_survey("nv23")),
        (["ladder", str(file)], lambda: load_survey(file)),
        (["sweep", "nv22", "--vary", "volume=0:1"], lambda: survey.sweep("volume=0:1")),
        (["sweep", "nv22", "--vary", "fracton=1:2:2"], lambda: survey.sweep("fracton=1:2:2")),
    ):
        printed = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
        assert printed.exit_code == 2
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) in " ".join(printed.stderr.split()), printed.stderr
