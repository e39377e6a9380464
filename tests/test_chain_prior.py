"""Chains of other experiments as priors: against the Gaussian that they were drawn from, in every format."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from forecast.config.chain_prior import FEWEST, ODD
from forecast.config.digest import model_digest
from forecast.config.load import builtin_configs, parse_config
from forecast.core.errors import InputError
from forecast.likelihoods.fisher import Fisher
from forecast.model.concerns import concerns
from forecast.model.forward import forward_model
from forecast.sampling.export import write_getdist
from forecast.sampling.mcmc import Chain

MEAN, STD = np.array([0.26, 70.0, 0.02]), np.array([0.01, 1.5, 0.08])
CORRELATION = np.array([[1.0, -0.8, 0.0], [-0.8, 1.0, 0.3], [0.0, 0.3, 1.0]])
SIZE = 20_000
COLUMNS = {"Om0": "omegam", "h": {"column": "H0", "factor": 0.01}, "norm_lx": "b"}


def draws(size=SIZE, seed=1):
    """Om0, H0 and ln b of a Gaussian, drawn twice as wide and weighted: (n, 3), and weights (n,)."""
    rng = np.random.default_rng(seed)
    z = 1.5 * rng.standard_normal((size, 3))
    weight = np.exp(-0.5 * np.sum(z**2, axis=1) * (1 - 1 / 1.5**2))
    values = MEAN + STD * (z @ np.linalg.cholesky(CORRELATION).T)
    values[:, 2] = np.exp(values[:, 2])
    return values, weight


def getdist(folder, values, weight, *, parts=1):
    table = np.column_stack([weight, np.zeros(len(weight)), values[:, 0], np.ones(len(weight)), values[:, 1:]])
    for i, part in enumerate(np.array_split(table, parts)):
        np.savetxt(folder / (f"base_{i + 1}.txt" if parts > 1 else "base.txt"), part)
    names = "omegam \\Omega_m\ntau* \\tau\nH0* H_0\nb\tb_L\n"
    (folder / "base.paramnames").write_text(names, encoding="utf-8")


def header(folder, values, weight, *, comma):
    names, table = ["b", "weight", "omegam", "H0"], np.column_stack([values[:, 2], weight, values[:, :2]])
    first = ",".join(names) if comma else "# " + "  ".join(names)
    name = "base.csv" if comma else "cobaya.txt"
    np.savetxt(folder / name, table, delimiter="," if comma else " ", header=first, comments="")


def content(path, **parameters):
    found = tomllib.loads(builtin_configs()["erosita"].read_text(encoding="utf-8"))
    found["parameters"] = {k: v for k, v in found["parameters"].items() if k not in COLUMNS}
    return found | {"prior_chain": [{"path": str(path), "parameters": COLUMNS | parameters}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("chains")
    values, weight = draws()
    getdist(found, values, weight)
    (found / "parts").mkdir()
    getdist(found / "parts", values, weight, parts=3)
    header(found, values, weight, comma=True)
    header(found, values, weight, comma=False)
    return found


@pytest.mark.parametrize(
    "name", ["base", "base.txt", "base.paramnames", "parts/base", "parts/base_2.txt", "base.csv", "cobaya.txt"]
)
def test_every_format_gives_the_gaussian_of_the_draws(folder, name):
    parameters = parse_config(content(folder / name)).setup.parameters
    index = [parameters.names.index(n) for n in COLUMNS]
    tied = parameters.prior.ties[0]
    mean, std = tied.moments
    np.testing.assert_allclose(mean, MEAN * [1, 0.01, 1], atol=np.max(5 * std / np.sqrt(SIZE / 4)))
    np.testing.assert_allclose(std, STD * [1, 0.01, 1], rtol=5 / np.sqrt(SIZE / 2))
    np.testing.assert_allclose(parameters.prior.correlation[np.ix_(index, index)], CORRELATION, atol=0.05)
    values, weight = draws()
    y = values * [1, 0.01, 1]
    y[:, 2] = np.log(y[:, 2])
    covariance = np.cov(y.T, aweights=weight, ddof=0)
    np.testing.assert_allclose(tied.correlation * np.outer(std, std), covariance, rtol=1e-8, atol=1e-12)
    assert parameters.doubts == ()


def test_fiducial_values_are_those_of_the_cosmology_and_else_the_means(folder):
    config = parse_config(content(folder / "base"))
    fiducial = {p.name: p.fiducial for p in config.setup.parameters.free}
    assert (fiducial["Om0"], fiducial["h"]) == (config.cosmology.Om0, config.cosmology.h)
    assert np.log(fiducial["norm_lx"]) == pytest.approx(0.02, abs=5 * 0.08 / np.sqrt(SIZE / 4))
    assert "base" in config.chain_priors[0].words
    assert "effective draws" in config.chain_priors[0].words


def test_the_digest_is_of_what_was_derived(folder, tmp_path):
    setup = parse_config(content(folder / "base")).setup
    assert model_digest(setup) == model_digest(parse_config(content(folder / "parts" / "base")).setup)
    getdist(tmp_path, *draws(seed=2))
    assert model_digest(setup) != model_digest(parse_config(content(tmp_path / "base")).setup)


def test_it_is_information(folder):
    """sigma(sigma8) with the chain's joint prior, and with the same widths and no correlations, against inverses."""
    parameters = parse_config(content(folder / "base")).setup.parameters
    size = len(parameters.names)
    root = np.random.default_rng(3).standard_normal((size, size))
    information = root @ root.T * 100
    covariance = parameters.prior.correlation * np.outer(parameters.prior_std, parameters.prior_std)
    expected = np.linalg.inv(information + np.linalg.inv(covariance))
    np.testing.assert_allclose(Fisher(parameters, information).covariance, expected, rtol=1e-8)
    assert Fisher(replace(parameters, ties=()), information).std() != Fisher(parameters, information).std()


def test_a_chain_that_this_package_wrote_is_a_prior(tmp_path, folder):
    parameters = parse_config(content(folder / "base")).setup.parameters
    theta = parameters.draw(40_000, rng=np.random.default_rng(4)).reshape(400, 100, -1)
    chain = Chain(parameters.names, theta, np.zeros((400, 100)), tau=np.ones(1), burn=0, acceptance=1.0)
    write_getdist(chain, parameters, tmp_path / "own")
    again = content(tmp_path / "own")
    again["prior_chain"][0]["parameters"] = {name: name for name in COLUMNS}
    found = parse_config(again).setup.parameters.prior.ties[0]
    np.testing.assert_allclose(found.moments[1], parameters.prior.ties[0].moments[1], rtol=5 / np.sqrt(2 * 40_000))
    np.testing.assert_allclose(found.correlation, parameters.prior.ties[0].correlation, atol=5 / np.sqrt(40_000))


def spoilt(tmp_path, change):
    values, weight = draws()
    values[:, 2] = np.exp(change(np.log(values[:, 2]) - 0.02) + 0.02)
    getdist(tmp_path, values, weight)
    return content(tmp_path / "base")


def test_a_chain_that_is_no_gaussian_is_doubted_in_the_first_lines(tmp_path):
    """ln b = x + x^2 / 0.4 has a skewness of 1.1 (x of width 0.08): over the limit, which is said."""
    setup = parse_config(spoilt(tmp_path, lambda x: x + x**2 / 0.4)).setup
    (doubt,) = setup.parameters.doubts
    assert "base" in doubt
    assert "norm_lx (+1." in doubt
    assert "Om0" not in doubt
    assert concerns(forward_model(setup))[0].text == doubt
    assert setup.parameters.widened(2.0).without(["Om0"]).doubts == (doubt,)
    assert ODD == (0.5, 1.0)


def test_a_chain_far_from_a_gaussian_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no Gaussian stands for norm_lx \(\+6\.") as error:
        _ = parse_config(spoilt(tmp_path, lambda x: np.exp(x / 0.08) / 20)).setup
    assert "\n" not in str(error.value)


FAULTS = [
    ("nowhere", {}, "prior_chain: no file '.*nowhere', and no 'nowhere.paramnames'"),
    ("base", {"ns": "n_s"}, "has no column 'n_s'"),
    ("base.csv", {"ns": "omega"}, "did you mean 'omegam'"),
    ("base", {"h": "H0"}, "h: mean 69.* is outside .*factor = 0.01"),
    ("base", {"sigma8": "omegam"}, "multiply the chain in afterwards"),
    ("base", {"slope_lx": "omegam"}, "slope_lx: has another prior already"),
    ("base", {"norm_l": "b"}, "did you mean 'norm_lx'"),
    ("base", {"ns": {"column": "tau", "factor": -1}}, "above 0"),
    ("base", {"ns": "tau"}, "ns does not vary; fix it"),
    ("few.csv", {}, "effective draws are too few for a prior"),
    ("nameless.csv", {}, "the first line must name the columns"),
    ("broken.csv", {}, "cannot be read as columns of numbers"),
    ("negative.csv", {}, "weights must be at least 0"),
]


@pytest.mark.parametrize(("name", "parameters", "words"), FAULTS, ids=[words for *_, words in FAULTS])
def test_bad_input_is_one_line(folder, name, parameters, words):
    first, *rows = (folder / "base.csv").read_text(encoding="utf-8").splitlines()
    files = {
        "few.csv": [first, *rows[:150]],
        "nameless.csv": rows,
        "broken.csv": [first, *rows[:500], "1,2,x,3"],
        "negative.csv": [first, *rows[:500], "1,-2,0.3,70"],
    }
    for file, lines in files.items():
        (folder / file).write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=words) as error:
        _ = parse_config(content(folder / name, **parameters)).setup
    assert "\n" not in str(error.value)
    assert FEWEST == 200
