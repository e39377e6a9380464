"""A survey with the follow-up of another paper as mass anchor: names joined, tables given, what levels make of them."""

import json

import numpy as np
import pytest
from astropy.table import Table
from scipy import stats
from standin import survey_table
from typer.testing import CliRunner

from benchmarks.anchored import USES, Anchored, Scores
from forecast.checks.observed import catalogue_data
from forecast.cli.app import app
from forecast.config.load import load_config, parse_config
from forecast.config.public import given_tables, with_tables
from forecast.config.surveys import load_surveys
from forecast.core.errors import InputError
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.several.together import Together

LEVELS = ("counts", "selfcal", "unbinned", "full", "full+wl")


@pytest.fixture(scope="module")
def mock():
    """A mock sky of the survey: its model and clusters, with names as two papers spell them."""
    config = load_config("bcs_wtg")
    model = forward_model(config.setup)
    mocks = draw_mocks(model, model.parameters.fiducial[None], rng=np.random.default_rng(3))
    size = len(mocks.z)
    kinds = [("A{0}", "A{0}"), ("Z{0}", "Zw{0}"), ("RXJ{0:04d}.5+3015", "RX_J{0:04d}.5+3015")]
    names, theirs = ([kinds[i % 3][side].format(i + 100) for i in range(size)] for side in (0, 1))
    return config, model, mocks, names, theirs


def tables(folder, mock, *, archive=False):
    """The survey's table, as in the package's files or with the names and units of the archive; and the follow-up's."""
    config, _, mocks, names, theirs = mock
    log_t = np.where(np.isfinite(mocks.log_yx), mocks.observables[:, mocks.names.index("t")], np.nan)
    flux = survey_table(config, mocks, log_t)["flux"]
    if archive:
        survey = Table({"Name": names, "z": mocks.z, "FX": flux / 1e-12}, units={"FX": "fW / m2"})
        survey.write(folder / "bcs.vot", format="votable")
    else:
        Table({"name": names, "z": mocks.z, "flux": flux}).write(folder / "bcs.ecsv")
    followed = np.flatnonzero(np.isfinite(mocks.log_yx))[::-1]
    t = 10.0 ** mocks.observables[followed, mocks.names.index("t")]
    gas = 10.0 ** mocks.log_yx[followed] / 0.7 / t / 1e14
    mass = np.where(np.arange(len(followed)) < 5, 10.0 ** mocks.log_mass[followed] / 0.7 / 1e15, 0.0)
    error = np.where(mass > 0, 0.3 * mass, 0.0)
    own = {"name": [theirs[i] for i in followed], "z": mocks.z[followed], "mgas": gas, "e_mgas": 0.1 * gas}
    Table(own | {"tx": t, "e_tx": 0.05 * t, "m500_wl": mass, "ep": error, "em": -0.8 * error}).write(
        folder / "wtg.ecsv"
    )
    return {"bcs": folder / ("bcs.vot" if archive else "bcs.ecsv"), "wtg": folder / "wtg.ecsv"}


def read(config, files):
    (given,) = with_tables({"bcs_wtg": config}, files).values()
    return catalogue_data(given, forward_model(given.setup), None)


@pytest.mark.parametrize("archive", [False, True])
def test_the_follow_up_is_joined_by_names_that_are_spelt_differently(mock, tmp_path, archive):
    config, model, mocks, names, _ = mock
    catalogue, data = read(config, tables(tmp_path, mock, archive=archive))
    place = [names.index(name) for name in catalogue.name]
    assert len(place) > 0.97 * len(names)  # but those within rounding of the limit
    followed = np.isfinite(mocks.log_yx[place])
    np.testing.assert_array_equal(np.isfinite(catalogue.log_yx), followed)
    np.testing.assert_allclose(catalogue.log_yx[followed], mocks.log_yx[place][followed], atol=1e-6)
    assert np.isfinite(catalogue.log_mwl).sum() == 5  # masses of 0 are none
    np.testing.assert_allclose(catalogue.log_mwl_skew[np.isfinite(catalogue.log_mwl)], 0.2 / 1.8, atol=1e-6)
    np.testing.assert_allclose(catalogue.log_lx, mocks.log_lx[place], atol=1e-4)
    assert any("have no row in wtg.ecsv" in remark.text for remark in catalogue.remarks)
    theta = model.parameters.draw(2, rng=np.random.default_rng(1))
    for level in LEVELS:
        assert np.isfinite(likelihood(level, model, data)(np.vstack([model.parameters.fiducial, theta]))).any(), level


def test_proxies_below_the_follow_up_count_at_full_alone(mock, tmp_path):
    config, *_ = mock
    files = tables(tmp_path, mock)
    raised = config.model_copy(update={"followup": config.followup.model_copy(update={"luminosity": "6e44 erg/s"})})
    raised.__dict__.pop("setup", None)
    catalogue, data = read(raised, files)
    assert 0 < data.number_with_yx < np.isfinite(catalogue.log_yx).sum()
    assert np.isfinite(data.points.observables[:, 2]).sum() == np.isfinite(catalogue.log_yx).sum()
    assert any("levels of the proxy alone leave them out" in remark.text for remark in catalogue.remarks)


def test_a_temperature_alone_is_a_datum(mock, tmp_path):
    """Without gas masses the same temperatures still move the likelihood of level full, as a relation of T says."""
    config, *_ = mock
    files = tables(tmp_path, mock)
    content = json.loads(config.model_dump_json())
    for key in ("mgas", "mgas_error", "mwl", "mwl_error"):
        del content["catalogue"]["columns"][key]
    alone = parse_config(content)
    catalogue, data = read(alone, files)
    model = forward_model(alone.setup)
    assert not np.isfinite(catalogue.log_yx).any() and np.isfinite(catalogue.log_t).sum() > 20
    theta = np.repeat(model.parameters.fiducial[None], 2, axis=0)
    theta[1, model.parameters.names.index("norm_t")] *= 1.3
    value = likelihood("full", model, data)(theta)
    assert value[0] > value[1] + 20


def test_tables_are_given_by_name(mock, tmp_path):
    config, *_ = mock
    files = tables(tmp_path, mock)
    own, named = given_tables([f"wtg={files['wtg']}", str(files["bcs"])])
    assert own == files["bcs"] and named == {"wtg": files["wtg"]}
    with pytest.raises(InputError, match=r"a=b.csv and c.csv are two; give each with the name of its table"):
        given_tables(["a=b.csv", "c.csv"])
    with pytest.raises(InputError, match=r"--catalogue wtg=FILE: given twice"):
        given_tables(["wtg=a", "wtg=b"])
    with pytest.raises(InputError, match=r"--catalogue efeds=FILE: bcs_wtg read no table .*; they read bcs, wtg"):
        with_tables({"bcs_wtg": config}, {"efeds": tmp_path})
    with pytest.raises(InputError, match=r"'forecast data wtg' says where .* --catalogue wtg=FILE"):
        read(config, {"bcs": files["bcs"]})


def test_lensing_masses_of_one_survey_are_enough(mock, tmp_path):
    """Together they have the level that one has alone, and the other adds what it has: the likelihoods add up."""
    together = Together.of(load_surveys(["bcs_wtg", "reflex"], ["mass_scale"]), cut=True)
    joint = together.joint
    assert together.levels((), quick=False) == ("full+wl",) and joint.levels[-1] == "full+wl"
    _, mine = read(mock[0], tables(tmp_path, mock))
    other = Data.of_mock(
        joint.models["reflex"],
        draw_mocks(
            joint.models["reflex"], joint.models["reflex"].parameters.fiducial[None], rng=np.random.default_rng(1)
        ),
    )
    posterior = joint.posterior("full+wl", {"bcs_wtg": mine, "reflex": other})
    assert "norm_wl.reflex" not in posterior.parameters.names and "norm_wl.bcs_wtg" in posterior.parameters.names
    theta = posterior.parameters.fiducial[None]
    parts = [
        likelihood(level, joint.model_at(name, "full+wl"), data)(
            joint.model_at(name, "full+wl").parameters.fiducial[None]
        )
        for name, level, data in (("bcs_wtg", "full+wl", mine), ("reflex", "full", other))
    ]
    assert posterior.likelihood(theta) == pytest.approx(sum(parts))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "bcs_wtg"), "BCS is its publisher's|the table of BCS"),
        (("fit", "bcs_wtg", "reflex", "--catalogue", "bcs.ecsv"), "write its table's name too"),
        (("fit", "bcs_wtg", "bcs", "--catalogue", "bcs=bcs.ecsv"), "bcs"),
    ],
)
def test_what_is_missing_is_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert any(part in done.stderr for part in message.split("|")), done.stderr


def test_weighted_draws_know_that_priors_are_correlated(mock, tmp_path):
    """Two normal scores of correlation 0.83 beside independent ones; the others' are independent."""
    posterior = Scores(Anchored(USES[-1]), tables(tmp_path, mock))
    names, rng = list(posterior.free), np.random.default_rng(8)
    at = rng.standard_normal((6, len(names)))
    two = at[:, [names.index("norm_t"), names.index("norm_yx")]]
    expected = stats.multivariate_normal(cov=[[1, 0.83], [0.83, 1]]).logpdf(two) - stats.norm.logpdf(two).sum(axis=1)
    off = posterior.tied(at) - expected
    np.testing.assert_allclose(off, off[0], atol=1e-9)
    prior = posterior.chart.log_prior(at)
    inside = np.isfinite(prior)
    theta = posterior.chart.parameters(at[inside])
    off = posterior(at[inside]) - prior[inside] - posterior.log_likelihood(theta) - expected[inside]
    assert len(off) > 1 and np.ptp(off) < 1e-6
