"""A network on real clusters, end to end; wrong input included."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from forecast.checks.observed import open_catalogue
from forecast.config.load import load_config as load_survey
from forecast.core.records import Job
from forecast.reading.public_tables import builtin_table
from forecast.suite.plan import SuitePlan
from forecast.suite.writer import run_suite
from mlcheck.apply import real_clusters
from mlcheck.apply.real_clusters import ApplyPlan, apply_network, real_catalogue
from mlcheck.cli.app import app
from mlcheck.cli.apply_command import first_words
from mlcheck.data.dataset import Source
from mlcheck.data.noise import Noise
from mlcheck.networks.config import load_config
from mlcheck.networks.laboratory import Laboratory, Request, prepare, train_members
from mlcheck.networks.saving import load_all

SURVEY = "cccp_lowz"


@pytest.fixture(scope="module")
def cone(tmp_path_factory):
    out = tmp_path_factory.mktemp("cone") / "suite"
    run_suite(load_survey(SURVEY), Job(SURVEY, out, 5), SuitePlan(draws=600, workers=1))
    return out


@pytest.fixture(scope="module")
def folder(cone, tmp_path_factory):
    settings, out = load_config("cccp"), tmp_path_factory.mktemp("cone") / "net"
    laboratory = Laboratory(settings, cone)
    request = Request(settings, cone, out, "compact", epochs=6)
    train_members(request, laboratory, prepare(laboratory, "standard", "compact"))
    return out


def plan(out, levels=("counts",), **changed):
    return ApplyPlan(Job(SURVEY, out, 1, max_steps=300), 250, levels=levels, **changed)


def table_with(path, change):
    table = Table.read(builtin_table(SURVEY))
    change(table)
    table.write(path, overwrite=True)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["apply", *map(str, arguments)])


def test_real_clusters_are_seen_as_the_fit_sees_them(folder):
    config = load_survey(SURVEY)
    catalogue = open_catalogue(config, None)
    layout = load_all(folder)[0].scaler.layout
    assert layout.names == ("log_t", "log_yx", "z", "log_lx")
    seen, order = real_catalogue(catalogue, layout), np.argsort(-catalogue.log_lx)
    wanted = np.column_stack([catalogue.log_t, catalogue.log_yx, catalogue.z, catalogue.log_lx])[order]
    assert seen.features == pytest.approx(wanted, rel=1e-6)


def test_mocks_get_the_errors_of_real_clusters(cone, folder):
    config = load_survey(SURVEY)
    noise, errors = Noise.of_survey(config), open_catalogue(config, None).log_yx_error
    assert noise.rms == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert load_all(folder)[0].origin.noise == noise.errors
    plain = Source.open(cone).read("standard", seed=1)
    added = (Laboratory(load_config("cccp"), cone).read("standard").features - plain.features).astype(float)
    assert not added[:, [0, 2, 3]].any()
    size, fourth = len(added), 3 * np.mean(errors**4)
    spread = np.sqrt((fourth - noise.rms**4) / size)
    assert np.mean(added[:, 1] ** 2) == pytest.approx(noise.rms**2, abs=5 * spread)


@pytest.fixture(scope="module")
def applied(folder, tmp_path_factory):
    """What the command found, how it ended, and where it wrote."""
    out, found = tmp_path_factory.mktemp("applied"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real_clusters, "ApplyPlan", lambda job, mocks, force: plan(out, force=force))
        patch.setattr(real_clusters, "apply_network", lambda *given: found.append(apply_network(*given)) or found[0])
        done = run(folder, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    return found[0], done, out


def test_network_beside_the_exact_posterior(applied):
    found, _, _ = applied
    assert found.representativeness.verdict == "inside"
    assert found.clusters == 49
    network, counts = found.answers
    assert network.method, counts.method == ("network", "counts")
    assert np.trapezoid(network.density, network.sigma8) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(counts.density, counts.sigma8) == pytest.approx(1, abs=0.02)
    assert abs(network.mean - counts.mean) < 3 * counts.std
    assert found.near.catalogues >= 20
    assert len(found.notes) == 1  # about errors: temperatures are a feature
    value = load_survey(SURVEY).published[0]
    assert abs(counts.mean - value.value) < np.hypot(value.stat, value.sys)
    assert counts.mean == pytest.approx(0.803, abs=0.01)
    assert counts.std == pytest.approx(0.027, abs=0.006)


def overluminous(table):
    table["lx_0p5_2"] = table["lx_0p5_2"] * 12


def test_an_unknown_kind_of_catalogue_is_refused(folder, tmp_path):
    path, out = table_with(tmp_path / "bright.ecsv", overluminous), tmp_path / "out"
    done = run(folder, "--catalogue", path, "--config", SURVEY, "--mocks", 250, "--out", out, "--quiet")
    assert done.exit_code == 2
    assert "unlike the training ones" in done.stderr
    assert "log_lx" in done.stderr and "--force" in done.stderr
    content = json.loads((out / "results.json").read_text())
    assert content["refused"]
    assert content["answers"] == []
    assert content["representativeness"]["verdict"] == "outside"
    forced = apply_network(load_all(folder), load_survey(SURVEY), path, plan(tmp_path / "f", (), force=True))
    assert forced.representativeness.verdict == "outside"
    assert [a.method for a in forced.answers] == ["network"]
    assert content["trusted"] is forced.trusted is False
    assert first_words(forced)[0] == "The network's answer is NOT TO BE TRUSTED; it is shown because of --force."


def test_command(folder, applied):
    _, done, out = applied
    content = json.loads(done.stdout)
    assert content == json.loads((out / "results.json").read_text())
    assert content["provenance"]["survey"] == SURVEY
    assert content["provenance"]["suite_seed"] == 5
    assert not content["refused"]
    assert content["trusted"]
    assert content["provenance"]["suite_contents"] == load_all(folder)[0].reference.contents
    for suffix in ("pdf", "png"):
        assert (out / "figures" / f"posterior.{suffix}").stat().st_size > 3000


BAD = {
    "a column is missing": (lambda t: t.remove_column("m500_yx"), "no column 'm500_yx'"),
    "no temperatures": (lambda t: t.remove_column("tx"), "no column 'tx'"),
    "a cluster without temperature": (lambda t: t["tx"].__setitem__(3, np.nan), "A496 has no log_t"),
    "no luminosities": (lambda t: t.remove_column("lx_0p5_2"), "no column 'lx_0p5_2'"),
    "NaN": (lambda t: t["m500_yx"].__setitem__(3, np.nan), "A496 has no log_yx"),
    "one cluster": (lambda t: t.remove_rows(slice(1, None)), "at least 2 clusters"),
    "negative flux": (
        lambda t: t.add_column(np.where(np.arange(49) == 2, -6e-11, 2e-11), name="flux"),
        "flux is -6e-11 in row 3",
    ),
    "negative luminosity": (lambda t: t["lx_0p5_2"].__setitem__(2, -1e44), "must be positive"),
    "beyond the survey": (lambda t: t["z"].__setitem__(0, 0.6), "outside the survey's"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_catalogues(folder, tmp_path, what):
    change, words = BAD[what]
    done = run(folder, "--catalogue", table_with(tmp_path / "bad.ecsv", change), "--out", tmp_path / "o", "--quiet")
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_other_bad_input(folder, tmp_path):
    (tmp_path / "broken").mkdir()
    whole = (folder / "member-1.keras").read_bytes()
    (tmp_path / "broken" / "member-1.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.ecsv").write_text("")
    cases = [
        ((tmp_path / "broken",), "truncated or damaged"),
        ((tmp_path / "none.keras",), "no such model"),
        ((folder, "--config", "nv22"), "belongs to another survey"),
        ((folder, "--config", "cccp_low"), "did you mean 'cccp_lowz'"),
        ((folder, "--catalogue", tmp_path / "none.ecsv"), "no such file"),
        ((folder, "--catalogue", tmp_path / "empty.ecsv"), "empty"),
    ]
    for arguments, words in cases:
        done = run(*arguments, "--out", tmp_path / "o", "--quiet")
        assert done.exit_code == 2, (arguments, done.output)
        assert words in done.stderr, (arguments, done.stderr)


def test_models_that_cannot_be_applied(folder, tmp_path):
    (member,) = load_all(folder)
    other = replace(member, origin=replace(member.origin, model="another"))
    with pytest.raises(Exception, match="belongs to another survey"):
        apply_network((other,), load_survey(SURVEY), None, plan(tmp_path))
    old = replace(member, reference=None)
    with pytest.raises(Exception, match=r"cannot tell which catalogues .* train it again, or --force"):
        apply_network((old,), load_survey(SURVEY), None, plan(tmp_path))
    forced = apply_network((old,), load_survey(SURVEY), None, plan(tmp_path, (), force=True))
    assert not forced.trusted
    assert "cannot tell" in first_words(forced)[1]
