"""Networks from Python: trained on a survey's suite, kept, opened, asked, judged; wrong input as from the commands."""

import re

import numpy as np
import pytest

import mlcheck.report.build
from forecast import load_survey
from mlcheck import InputError, describe_network, load_network, open_suite, train
from mlcheck.apply.inputs import read_inputs
from mlcheck.domain.out_of_distribution import judge
from mlcheck.evidence.findings import judge as verdict_of
from mlcheck.networks.predict import predict
from mlcheck.report.trust_tests import representativeness, seeds

CUSTOM = {"network": {"preset": "compact", "width": 16}, "training": {"batch": 64}}


@pytest.fixture(scope="module")
def survey():
    """Small catalogues, of a survey that no file holds."""
    return load_survey("nv22").with_(fraction=0.15)


@pytest.fixture(scope="module")
def suite(survey, tmp_path_factory):
    return survey.suite(tmp_path_factory.mktemp("api") / "small", 600, seed=2).folder


@pytest.fixture(scope="module")
def network(suite):
    return train(open_suite(suite), CUSTOM, epochs=2, out=suite.parent / "net")


@pytest.fixture(scope="module")
def answers(network, suite):
    return network.predict(suite)


def test_a_network_is_trained_kept_and_opened(suite, network, answers, tmp_path):
    assert [len(each["validation"]) for each in network.losses] == [2]
    assert sum(row["parameters"] for row in network.layers()) == network.parameters < 5000
    network.save(tmp_path)
    again = load_network(tmp_path)
    assert again.members[0].digest == network.members[0].digest
    table = table_of(open_suite(suite), 3)
    assert again.predict(table).mean[0] == pytest.approx(answers.mean[3], rel=1e-5)
    assert (again.survey, again.case, again.features) == ("small", "standard", network.features)
    with pytest.raises(InputError, match="holds networks already"):
        network.save(tmp_path)


def test_the_same_call_goes_on(suite, network):
    """A kept network is not trained twice; a folder of another one is refused."""
    again = train(suite, CUSTOM, epochs=2, out=suite.parent / "net")
    assert again.members[0].digest == network.members[0].digest
    with pytest.raises(InputError, match="choose another --out"):
        train(suite, CUSTOM, epochs=1, out=suite.parent / "net")


def test_answers_are_the_commands(suite, network, answers):
    """Every catalogue tested, and then what the networks say."""
    catalogues = read_inputs(suite, network.members[0])
    found = predict(network.members, catalogues, check=False)
    np.testing.assert_array_equal(answers.mean[answers.trusted], found.mean[answers.trusted])
    assert np.isnan(answers.mean[answers.refused]).all()
    np.testing.assert_array_equal(answers.truth, catalogues.sigma8)
    judged = network.judge(suite)
    assert [v.p for v in judge(network.members[0].reference, catalogues)] == list(judged.p)
    assert judged.verdict == judged.suite.verdict == "inside"
    assert len(judged) == len(answers) == len(catalogues) > 590


def table_of(suite, number):
    whole = suite.clusters(0)
    return {name: values[whole["catalogue"] == number] for name, values in whole.items() if name != "catalogue"}


def test_a_table_in_memory(suite, network):
    table = table_of(open_suite(suite), 3)
    one = network.predict(table)
    assert repr(one) == f"<sigma8 = {one.mean[0]:.4f} ± {one.std[0]:.4f}>"
    bright = {**table, "log_lx": table["log_lx"] + 3}
    refused = network.predict(bright)
    assert refused.refused.all() and np.isnan(refused.mean).all()
    assert "no answer" in repr(refused) and network.judge(bright).verdict == "outside"
    with pytest.raises(InputError, match="unlike the training ones"):
        refused.check()
    forced = network.predict(bright, force=True)
    assert np.isfinite(forced.mean).all() and not forced.trusted.any()
    assert "NOT TO BE TRUSTED" in repr(forced)


def test_scores_beside_the_exact_posterior(suite, network):
    scores = network.test(suite, ["counts", "selfcal"], exact=12, steps=250)
    error = scores.predictions.mean - scores.truth
    assert scores.score.scatter == pytest.approx(error.std(ddof=1))
    assert scores.score.counterpart == "selfcal" and list(scores.exact) == ["counts", "selfcal"]
    assert scores.exact["counts"].std.mean() > scores.exact["selfcal"].std.mean()
    assert len(scores.plot().axes) == len(scores.plot_agreement("selfcal").axes) == 2


def test_a_report(suite, network, tmp_path, monkeypatch):
    """The commands' report as a record; two of its parts, for the whole takes minutes."""
    monkeypatch.setattr(mlcheck.report.build, "PARTS", (representativeness, seeds))
    found = network.report(suite, tmp_path, quick=True)
    assert found.page.is_file() and "<table>" in found._repr_html_()
    assert found.verdict == verdict_of(found.findings) and found.grade in repr(found)
    assert [finding.outcome for finding in found.findings if finding.key == "seeds"] == ["not tested"]
    assert found[found.findings[0].key] is found.findings[0]
    with pytest.raises(InputError, match="test 'leek' is unknown"):
        _ = found["leek"]


def test_another_survey_s_suite_is_refused(survey, network, tmp_path):
    other = survey.with_(fraction=0.2).suite(tmp_path / "suite", 20, seed=2)
    for call in (network.predict, network.test):
        with pytest.raises(InputError, match="another survey"):
            call(other)
    assert not network.predict(other, force=True).trusted.any()
    with pytest.raises(InputError, match="too few to tell later"):
        train(other, epochs=1)


def test_how_they_look(suite, network, answers):
    shown = [network, answers, network.judge(table_of(open_suite(suite), 3)), open_suite(suite)]
    assert all(repr(one).startswith("<") and len(repr(one)) < 250 for one in shown)
    assert all("<table>" in one._repr_html_() for one in shown[:3])
    assert "epochs" in network._repr_html_()


WRONG = {
    "no suite": (lambda s, n: train("nowhere"), "nowhere: no suite there"),
    "a number for a suite": (lambda s, n: train(3), "open_suite"),
    "an unknown network": (lambda s, n: train(s, "compakt"), "did you mean 'compact'"),
    "a number for a network": (lambda s, n: train(s, 3), "try 'compact'"),
    "an unknown setting": (lambda s, n: train(s, {"network": {"widht": 3}}), "did you mean 'width'"),
    "an unknown table": (lambda s, n: train(s, {"netwrok": {}}), "did you mean 'network'"),
    "an unknown preset": (lambda s, n: train(s, {"network": {"preset": "nv21"}}), "did you mean 'nv22'"),
    "a wrong value": (lambda s, n: train(s, {"training": {"batch": 0}}), "batch must be a whole number of at least 1"),
    "an unknown case": (lambda s, n: train(s, case="standart"), "did you mean 'standard'"),
    "no epochs": (lambda s, n: train(s, epochs=0), "epochs must be a whole number of at least 1"),
    "a seed": (lambda s, n: train(s, seed="one"), "seed must be a whole number"),
    "members": (lambda s, n: train(s, members=0), "members must be a whole number"),
    "no model": (lambda s, n: load_network("nowhere.keras"), "no such model"),
    "an empty folder": (lambda s, n: load_network("."), "no model there"),
    "a number for a model": (lambda s, n: load_network(3), "give the path"),
    "a preset to describe": (lambda s, n: describe_network("nv21"), "did you mean 'nv22'"),
    "a case to describe": (lambda s, n: describe_network("nv22", "no_wl"), "did you mean 'no-wl'"),
    "no catalogue": (lambda s, n: n.predict("nowhere.fits"), "no such catalogue"),
    "nothing": (lambda s, n: n.predict(None), "nothing to judge"),
    "a number for a catalogue": (lambda s, n: n.judge(3), "give a path"),
    "a column": (lambda s, n: n.predict({"log_lx": [44.0]}), "no column 'log_"),
    "a level": (lambda s, n: n.test(s, ["cuonts"]), "level 'cuonts' is unknown; did you mean 'counts'"),
    "few exact ones": (lambda s, n: n.test(s, ["counts"], exact=1), "exact must be a whole number of at least 10"),
    "a report's suite": (lambda s, n: n.report("nowhere", "out"), "no suite there"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input(suite, network, tmp_path, monkeypatch, what):
    call, message = WRONG[what]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        call(suite, network)
    assert type(caught.value) is InputError
    assert re.search(message, str(caught.value)), str(caught.value)
    assert not list(tmp_path.iterdir())


def test_public_names():
    assert mlcheck.__all__ == sorted(mlcheck.__all__) == dir(mlcheck)
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        _ = mlcheck.tarin
