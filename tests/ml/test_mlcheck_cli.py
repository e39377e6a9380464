"""The command mlcheck as a newcomer meets it, wrong input included."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from astropy.table import Table, vstack
from commands import called
from drawnsuite import draw_suite

from mlcheck.networks.saving import load_all, save

mlcheck = partial(called, "mlcheck")


@pytest.fixture(scope="module")
def model(suite, tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    done = mlcheck("train", "compact", "--suite", suite, "--epochs", 3, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_help_and_configs():
    shown = mlcheck("--help").stdout
    for name in ("describe", "train", "predict", "cases", "configs"):
        assert name in shown
    assert "nv22_encoder" in mlcheck("configs").stdout


def test_nothing_is_printed_that_is_not_the_users():
    """TensorFlow's libraries greet on the terminal; the command keeps that off it."""
    script = "import sys; from mlcheck.cli.app import main; sys.argv = ['mlcheck', 'describe', 'compact']; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "27,149" in done.stdout


def test_describe():
    shown = mlcheck("describe", "nv22").stdout
    assert "10,472,834" in shown
    assert "encoder_2048" in shown
    content = json.loads(mlcheck("describe", "compact", "--json").stdout)
    assert content["parameters"] == sum(row["parameters"] for row in content["layers"])
    wrong = mlcheck("describe", "nv23")
    assert wrong.returncode == 2
    assert "preset 'nv23' is unknown; did you mean 'nv22'" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_training_leaves_results(model):
    out, printed = model
    results = json.loads((out / "results.json").read_text())
    assert results["test"]["scatter"] == printed["scatter"]
    assert results["provenance"]["seed"] == 1
    assert results["provenance"]["training"][0]["stopped"] == "all 3 epochs done"
    for name in ("learning_curve", "predictions"):
        for suffix in ("pdf", "png"):
            assert (out / "figures" / f"{name}.{suffix}").stat().st_size > 3000
    rows = list(csv.DictReader((out / "predictions.csv").read_text().splitlines()))
    assert len(rows) == printed["catalogues"]
    error = np.array([float(r["sigma8_mean"]) - float(r["sigma8_true"]) for r in rows])
    assert error.std(ddof=1) == pytest.approx(printed["scatter"])


def test_predict_a_suite_and_a_table(model, suite, source, tmp_path):
    done = mlcheck("predict", model[0], suite, "--out", tmp_path / "suite", "--json")
    found = json.loads(done.stdout)
    refused = sum(found["refused"])
    assert done.returncode == (2 if refused else 0)
    assert refused <= 8  # of 1,200, of which 1.2 are expected: 8 and more have a chance of 4e-5
    assert not refused or f"{refused} of 1,200 catalogues refused" in done.stderr
    clusters, size = source.suite.clusters(0), int(source.suite.catalogues(0)["size"][0])
    table = Table({name: values[:size] for name, values in clusters.items()})
    for name in ("one.ecsv", "one.fits", "one.csv"):
        table.write(tmp_path / name)
        one = mlcheck("predict", model[0] / "member-1.keras", tmp_path / name, "--out", tmp_path / "o", "--json")
        assert one.returncode == 0, one.stderr
        assert json.loads(one.stdout)["sigma8"][0] == pytest.approx(found["sigma8"][0], abs=1e-5)


def bad(tmp_path, source, change):
    clusters = source.suite.clusters(0)
    table = Table({name: values[:60] for name, values in clusters.items()})
    change(table)
    path = tmp_path / "bad.ecsv"
    table.write(path, overwrite=True)
    return path


CHANGES = {
    "a feature is missing": (lambda t: t.rename_column("log_t", "log_temp"), "no column 'log_t'"),
    "NaN": (lambda t: t["log_lx"].__setitem__(3, np.nan), "log_lx of cluster"),
    "empty": (lambda t: t.remove_rows(slice(None)), "no clusters in it"),
    "one cluster": (lambda t: t.remove_rows(slice(1, None)), "it has 1 clusters"),
    "wrong unit": (lambda t: t.__setitem__("log_mwl", t["log_mwl"] + 30), "check the unit of log_mwl"),
    "no numbers": (lambda t: t.__setitem__("catalogue", np.full(len(t), 0.5)), "must hold whole numbers"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_bad_tables(model, source, tmp_path, what):
    change, words = CHANGES[what]
    done = mlcheck("predict", model[0], bad(tmp_path, source, change), "--out", tmp_path / "o")
    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_each_catalogue_of_a_table_is_judged_on_its_own(model, source, tmp_path):
    """Of six catalogues two are unlike the training ones: four answers, exit code 2; the numbers only with --force."""
    clusters, size = source.suite.clusters(0), source.suite.catalogues(0)["size"]
    table = Table({name: values[: size[:6].sum()] for name, values in clusters.items()})
    table["log_t"][table["catalogue"] == 2] += 1.0
    again = np.flatnonzero(table["catalogue"] == 4)[:3]
    vstack([table, table[again]]).write(tmp_path / "six.ecsv")
    arguments = ("predict", model[0], tmp_path / "six.ecsv", "--out", tmp_path / "o")
    done, told = mlcheck(*arguments, "--json"), mlcheck(*arguments)
    assert done.returncode == told.returncode == 2
    content = json.loads(done.stdout)
    assert content["catalogue"] == list(range(6))
    assert content["clusters"] == [*size[:4].tolist(), int(size[4]) + 3, int(size[5])]
    assert [i for i in range(6) if content["refused"][i]] == [2, 4]
    assert [i for i in range(6) if not content["trusted"][i]] == [2, 4]
    assert [i for i in range(6) if content["sigma8"][i] is None] == [2, 4]
    assert content["verdicts"][0] == "inside" and content["p"][2] < 1e-3
    assert content["provenance"]["suite_contents"] == source.contents
    assert "2 of 6 catalogues refused (2, 4)" in done.stderr
    assert "check the unit of log_t" in done.stderr and "--force" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "3 of its" in told.stdout and "remove the copies" in told.stdout
    rows = list(csv.DictReader((tmp_path / "o" / "predictions.csv").read_text().splitlines()))
    assert [row["sigma8_mean"] == "" for row in rows] == content["refused"]
    assert [row["trusted"] == "True" for row in rows] == content["trusted"]
    forced, shown = mlcheck(*arguments, "--force", "--json"), mlcheck(*arguments, "--force")
    assert forced.returncode == shown.returncode == 0
    found = json.loads(forced.stdout)
    assert found["trusted"] == content["trusted"] and not any(found["refused"])
    assert all(0.7 < sigma8 < 0.92 for sigma8 in found["sigma8"])
    assert shown.stdout.count("NOT TO BE TRUSTED: ") == 2
    assert "doubtful" not in shown.stdout.splitlines()[0]


def test_a_network_of_an_earlier_version_answers_only_if_forced(model, suite, tmp_path):
    """It cannot tell what it was trained on."""
    (member,) = load_all(model[0])
    save(replace(member, reference=None), tmp_path / "member-1.keras")
    arguments = ("predict", tmp_path, suite, "--out", tmp_path / "o")
    done = mlcheck(*arguments)
    assert done.returncode == 2
    assert "cannot tell which catalogues are like its training ones; train it again" in done.stderr
    shown = mlcheck(*arguments, "--force")
    assert shown.returncode == 0
    assert shown.stdout.count("NOT TO BE TRUSTED") == 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("train", "both.toml", "--suite", "x"),
            "is a configuration of surveys, not of a network; name one of a network",
        ),
        (("cases", "one.toml", "--suite", "x"), "one.toml: is a configuration of surveys, not of a network"),
        (("predict", "both.toml", "x"), "both.toml: is a configuration, not a model; 'mlcheck train' writes one"),
        (("apply", "both.toml"), "both.toml: is a configuration, not a model"),
        (("report", "both.toml", "--suite", "x"), "error: invalid value for 'RUN'"),
    ],
)
def test_configurations_of_surveys_where_none_is_meant(tmp_path, arguments, words):
    (tmp_path / "both.toml").write_text('surveys = ["nv22", "erosita"]', encoding="utf-8")
    (tmp_path / "one.toml").write_text('[survey]\ngeometry = "box"', encoding="utf-8")
    done = called("mlcheck", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1


def test_other_bad_input(model, suite, other_suite, tmp_path):
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE  =")
    (tmp_path / "typo.toml").write_text('title = "x"\nsurvey = "nv22"\n[training]\nepoch = 3\n')
    out, few = ("--out", tmp_path / "out"), draw_suite(tmp_path / "few", "nv22", 60, 5)
    cases = [
        (("predict", tmp_path / "none.keras", suite, *out), "no such model"),
        (("predict", model[0], tmp_path / "none.ecsv", *out), "no such catalogue"),
        (("predict", model[0], tmp_path / "broken.fits", *out), "not a readable table"),
        (("predict", model[0], tmp_path, *out), "neither a suite"),
        (("predict", model[0], other_suite, *out), "belongs to another survey"),
        (("train", "compact", "--suite", few, *out), "48 training catalogues are too few to tell later"),
        (("train", "compact", "--suite", tmp_path / "none", *out), "no suite there"),
        (("train", "compact", "--suite", other_suite, *out), "made for survey 'nv22_smooth_small'"),
        (("train", "compact", "--suite", suite, "--case", "standart", *out), "did you mean 'standard'"),
        (("train", "compakt", "--suite", suite, *out), "did you mean 'compact'"),
        (("train", tmp_path / "typo.toml", "--suite", suite, *out), "'training.epoch'; did you mean 'epochs'"),
        (("train", "compact", "--suite", suite, "--epochs", 5, "--out", model[0]), "its training plan is another"),
    ]
    for arguments, words in cases:
        done = mlcheck(*arguments)
        assert done.returncode == 2, (arguments, done.stdout, done.stderr)
        assert words in done.stderr, (arguments, done.stderr)
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_cases(suite, tmp_path):
    done = mlcheck(
        "cases", "compact", "--suite", suite, "--only", "standard,ones", "--epochs", 2, "--exact", 10,
        "--out", tmp_path / "cases", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = {s["name"]: s for s in json.loads(done.stdout)["scores"]}
    assert scores["standard"]["published"] == 0.0212
    assert scores["full+wl"]["catalogues"] == 10
    assert scores["selfcal"]["catalogues"] == scores["standard"]["catalogues"]
    assert scores["standard"]["scatter"] < scores["ones"]["scatter"]
    assert np.isfinite(scores["standard"]["distance"])
    assert (tmp_path / "cases" / "standard" / "member-1.keras").exists()
