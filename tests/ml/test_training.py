"""Training: it learns, it resumes bit for bit, and what it writes is read back as it was."""

import json
import math
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from drawnsuite import relabelled
from stopping import start, wait_for

from forecast.config.load import load_config as load_survey
from forecast.core.errors import InputError, NumericalError
from mlcheck.accuracy.baselines import BASELINES, baseline
from mlcheck.accuracy.cases import run_case
from mlcheck.data.dataset import Simulator, Source
from mlcheck.networks.architectures import Architecture, build
from mlcheck.networks.engine import engine
from mlcheck.networks.history import History
from mlcheck.networks.laboratory import Laboratory, Request, prepare, train_members
from mlcheck.networks.plan import TrainingPlan
from mlcheck.networks.predict import predict
from mlcheck.networks.saving import load, load_all, save
from mlcheck.networks.training import Task, train


def task(prepared, tmp_path, epochs=4, *, preset="compact", **changed):
    settings = {"epochs": epochs, "batch": 64, "jit": False, **changed}
    if preset == "nv22":
        settings = {"select_from": 1, **settings}
    plan = TrainingPlan.of(preset, **settings)
    whitening = prepared.whitening if preset == "compact" else None
    network = build(Architecture.of(preset), prepared.scaler.layout, whitening=whitening)
    some = prepared.train.take(np.arange(320))
    return Task(network, plan, prepared.scaler, some, prepared.validate, "test", tmp_path / "state.npz")


def weights(task):
    return [np.asarray(w) for w in task.network.model.get_weights()]


class Stopped(Exception):
    pass


def stop_after(epochs):
    def report(name, done, total, _):
        if done == epochs:
            raise Stopped

    return report


def test_resumed_training_is_the_uninterrupted_one(prepared, tmp_path):
    whole = task(prepared, tmp_path / "a")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    history = train(whole)
    cut = task(prepared, tmp_path / "b")
    with pytest.raises(Stopped):
        train(cut, progress=stop_after(2))
    resumed = task(prepared, tmp_path / "b")
    assert train(resumed) == history
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history.validation[-1] < history.validation[0]
    assert history.stopped == "all 4 epochs done"


def test_a_checkpoint_of_another_training_is_refused(prepared, tmp_path):
    first = task(prepared, tmp_path)
    with pytest.raises(Stopped):
        train(first, progress=stop_after(1))
    with pytest.raises(InputError, match="belongs to another training"):
        train(replace(task(prepared, tmp_path), identity="other"))
    (tmp_path / "state.npz").write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        train(task(prepared, tmp_path))


@pytest.mark.slow
def test_early_stopping_and_selection(prepared, tmp_path):
    made = task(prepared, tmp_path, 30, patience=2, learning_rate=0.05)
    history = train(made)
    assert history.epochs < 30
    assert history.best == int(np.nanargmin(history.validation)) + 1
    assert "no smaller validation loss for 2 epochs" in history.stopped
    outputs = engine(made.network).outputs(prepared.scaler.features(prepared.validate), prepared.validate.size)
    target = prepared.scaler.target(prepared.validate.sigma8)
    loss = float(np.mean(np.asarray(made.network.head.loss(target, outputs))))
    assert loss == pytest.approx(history.validation[history.best - 1], abs=1e-5)


@pytest.mark.slow
def test_a_diverging_loss_is_an_error(prepared, tmp_path):
    with pytest.raises(NumericalError, match="the training loss is nan in epoch 1; lower learning_rate"):
        train(task(prepared, tmp_path, preset="nv22", epochs=1, learning_rate=1e9, clip=None))


@pytest.mark.slow
def test_published_network_learns(prepared, tmp_path):
    """A few steps of SGD on 64 catalogues lower the training loss; its few clusters are refused by name."""
    small = prepared.train.take(np.arange(64))
    made = replace(task(prepared, tmp_path, 3, preset="nv22", batch=32, learning_rate=0.01), train=small)
    history = train(made)
    assert history.train[-1] < history.train[0]
    few = small.keep(np.concatenate([np.arange(n) < 12 for n in small.size]))
    with pytest.raises(InputError, match=r"has 12 clusters, but the four poolings .* need at least 16"):
        train(replace(made, train=few))


def test_on_the_fly(prepared, source, tmp_path):
    made = task(prepared, tmp_path, 2, simulate=128)
    history = train(replace(made, drawer=Simulator(source, "standard", 1)))
    assert history.epochs == 2
    assert all(math.isfinite(x) for x in history.train)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"optimizer": "adam"}, "optimizer 'adam' is unknown"), ({"epochs": 0}, "epochs must be a whole number of"),
     ({"select_from": 99}, "select_from = 99 lies beyond the last epoch")],
)  # fmt: skip
def test_wrong_plans(wrong, words):
    with pytest.raises(InputError, match=words):
        TrainingPlan(**{"epochs": 10, **wrong})


@pytest.fixture(scope="module")
def trained(settings, suite, laboratory, prepared, tmp_path_factory):
    """Two small networks that know something."""
    folder = tmp_path_factory.mktemp("trained")
    request = Request(settings, suite, folder, "compact", members=2, epochs=8)
    return request, run_case(request, laboratory, prepared)


def test_a_network_beats_what_is_trivial(trained, laboratory, prepared):
    """Eight epochs on 960 catalogues: better than the N mapping by half, calibrated to 5 sigma."""
    found = trained[1].score
    train_mocks, test_mocks = (laboratory.mocks(i) for i in (laboratory.split.train, laboratory.split.test))
    truth = prepared.test.sigma8
    rows = {
        name: np.std(baseline(name, train_mocks, prepared.train.sigma8, test_mocks, seed=1) - truth)
        for name in BASELINES
    }
    assert found.scatter < 0.7 * rows["n-mapping"]
    assert rows["ridge"] < rows["linear"] < truth.std()
    assert found.scatter < 0.5 * truth.std()
    assert found.coverage_holds(5.0)


def test_models_are_read_back_as_they_were(trained, prepared):
    request, outcome = trained
    members = load_all(request.out)
    again = predict(members, prepared.test)
    np.testing.assert_allclose(again.mean, outcome.predictions.mean, atol=1e-7)
    assert [m.history for m in members] == [m.history for m in outcome.trained]
    assert members[0].origin == outcome.trained[0].origin
    assert members[0].plan == outcome.trained[0].plan
    low, high = again.interval(0.68)
    assert ((low < again.mean) & (again.mean < high)).all()
    np.testing.assert_allclose(again.cumulative(low), 0.16, atol=2e-3)


def test_a_network_trained_with_half_precision_works_in_single(trained, prepared, tmp_path):
    first = trained[1].trained[0]
    layout, weights = first.scaler.layout, first.network.model.get_weights()
    mixed = replace(first.network.architecture, precision="mixed_bfloat16")
    network = build(mixed, layout, bounded=first.scaler.bounded, whitening=first.whitening)
    network.model.set_weights(weights)
    rough = replace(first, network=network)
    save(rough, tmp_path / "member-1.keras")
    again = load(tmp_path / "member-1.keras")
    assert again.network.architecture == mixed
    test = prepared.test.take(np.arange(50))
    exactly = predict((first,), test).mean
    np.testing.assert_array_equal(predict((again,), test).mean, exactly)
    assert np.abs(predict((rough,), test).mean - exactly).max() > 1e-6


def test_keras_reads_the_same_file(trained, prepared):
    import mlcheck.networks.layers  # noqa: F401  (registers the layers)
    from mlcheck.networks.backend import keras

    request, outcome = trained
    model = keras.saving.load_model(request.out / "member-1.keras", compile=False)
    for a, b in zip(model.get_weights(), outcome.trained[0].network.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_finished_members_are_kept_and_others_refused(trained, laboratory, prepared):
    request, outcome = trained
    stamp = (request.out / "member-1.keras").stat().st_mtime_ns
    again = run_case(request, laboratory, prepared)
    np.testing.assert_array_equal(again.predictions.mean, outcome.predictions.mean)
    assert (request.out / "member-1.keras").stat().st_mtime_ns == stamp
    with pytest.raises(InputError, match=r"member-1\.keras: its training plan is another than asked for"):
        run_case(replace(request, epochs=3), laboratory, prepared)


def test_a_suite_of_other_content_is_another_one(trained, settings, suite, laboratory, prepared, tmp_path):
    """Labels permuted, manifest sealed anew: survey, seed and size are the same, and nothing of the old is used."""
    request, outcome = trained
    other = Laboratory(settings, relabelled(suite, tmp_path / "relabelled"))
    assert (other.source.digest, len(other.numbers)) == (laboratory.source.digest, len(laboratory.numbers))
    again = prepare(other, "standard", "compact")
    np.testing.assert_array_equal(again.train.features, prepared.train.features)
    with pytest.raises(InputError, match=r"member-1\.keras: its suite's content is another than asked for"):
        run_case(request, other, again)
    begun = replace(request, out=tmp_path / "begun", members=1, progress=stop_after(1))
    with pytest.raises(Stopped):
        train_members(begun, laboratory, prepared)
    with pytest.raises(InputError, match="belongs to another training"):
        train_members(begun, other, again)
    first = outcome.trained[0]
    assert first.origin.contents == first.reference.contents == laboratory.source.contents != other.source.contents
    mixed = replace(first, origin=other.origin(1))
    assert mixed.digest != first.digest
    for i, member in enumerate((first, mixed)):
        save(member, tmp_path / f"member-{i + 1}.keras")
    with pytest.raises(InputError, match=r"of another survey, case or training set than member-1\.keras"):
        load_all(tmp_path)


def test_damaged_and_foreign_files(trained, tmp_path):
    content = (trained[0].out / "member-1.keras").read_bytes()
    path = tmp_path / "model.keras"
    with pytest.raises(InputError, match="no such model"):
        load(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="truncated or damaged"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(InputError, match="not a model of mlcheck"):
        load(path)
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    altered = bytearray(parts["model.weights.h5"])
    altered[-1] ^= 1
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, bytes(altered) if name == "model.weights.h5" else part)
    with pytest.raises(InputError, match="its weights are not what was saved"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part[:-1] if name == "reference.npz" else part)
    with pytest.raises(InputError, match="its test of catalogues is not what was saved"):
        load(path)
    about = json.loads(parts["massanchor.json"])
    about["architecture"]["preset"] = "os.system"
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in {**parts, "massanchor.json": json.dumps(about).encode()}.items():
            archive.writestr(name, part)
    with pytest.raises(InputError, match=r"preset 'os\.system' is unknown"):
        load(path)
    about["format"] = 99
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in {**parts, "massanchor.json": json.dumps(about).encode()}.items():
            archive.writestr(name, part)
    with pytest.raises(InputError, match=r"a network of format 99, but .*upgrade massanchor, or train the model again"):
        load(path)


def test_a_suite_of_the_same_name_and_another_model(settings, suite, monkeypatch):
    """As when a table that the configuration reads has changed, or the package."""
    source = Source.open(suite)
    assert source.config.setup == load_survey("nv22").setup
    changed = Source(replace(source.suite, manifest=replace(source.suite.manifest, model="0" * 64)))
    with pytest.raises(InputError, match=r"suite 'nv22': its configuration makes another model .*--overwrite"):
        _ = changed.config
    monkeypatch.setattr("mlcheck.networks.laboratory.model_digest", lambda _: "0" * 64)
    with pytest.raises(InputError, match=r"made for another 'nv22' than this version has .*; make one with: forecast"):
        Laboratory(settings, suite)


def test_another_survey(settings, trained, other_suite):
    with pytest.raises(InputError, match="made for survey 'nv22_smooth_small', not for 'nv22'"):
        Laboratory(settings, other_suite)
    with pytest.raises(InputError, match="belongs to another survey than the model"):
        trained[1].trained[0].check_survey("another", "x")


COMMAND = [sys.executable, "-c", "from mlcheck.cli.app import main; main()", "train", "compact"]
COMMAND += ["--epochs", "6", "--quiet"]


@pytest.mark.slow
def test_training_goes_on_after_a_kill(suite, tmp_path):
    plain, killed = tmp_path / "plain", tmp_path / "killed"
    common = [*COMMAND, "--suite", str(suite), "--out"]
    subprocess.run([*common, str(plain)], check=True, capture_output=True)
    process, checkpoint = start(*common[1:], str(killed)), killed / "member-1.checkpoint.npz"
    wait_for(process, checkpoint.exists)
    process.kill()
    process.communicate()
    assert checkpoint.exists()
    assert not (killed / "member-1.keras").exists()
    subprocess.run([*common, str(killed)], check=True, capture_output=True)
    assert (plain / "predictions.csv").read_text() == (killed / "predictions.csv").read_text()
    assert not checkpoint.exists()


def test_history_counts_its_epochs():
    assert History(train=(1.0, 2.0)).epochs == 2
