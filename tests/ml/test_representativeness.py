"""Is a catalogue like the training ones? Parts against brute force, false alarms and power against fresh catalogues."""

import json
from dataclasses import replace

import numpy as np
import pytest

from forecast.config import load_config
from forecast.errors import InputError
from forecast.files import json_text
from forecast.rng import generator
from mlcheck.draws import changed, draw
from mlcheck.neighbours import Space, Summariser, kth_distance
from mlcheck.reference import Reference
from mlcheck.representativeness import TESTS, judge, judge_suite
from mlcheck.reweighting import effective_size, neighbour_weights, reweigh, score_near


@pytest.fixture(scope="module")
def nv22():
    return load_config("nv22")


@pytest.fixture(scope="module")
def training(nv22):
    return draw(nv22, "standard", 1500, name="training", seed=1).catalogues


@pytest.fixture(scope="module")
def reference(nv22, training):
    held_out = draw(nv22, "standard", 500, name="held out", seed=2).catalogues
    return Reference.of(training, held_out, rng=generator(1, "reference"))


@pytest.fixture(scope="module")
def fresh(nv22):
    return draw(nv22, "standard", 500, name="fresh", seed=3).catalogues


def with_scatter(config, name, factor):
    relations = config.model_dump(mode="json", exclude_unset=True)["relations"]
    scatter = relations[name]["scatter"] * factor
    return changed(config, relations={**relations, name: {**relations[name], "scatter": scatter}})


def with_break(config, words):
    selection = config.model_dump(mode="json", exclude_unset=True)["selection"]
    return changed(config, selection={**selection, "break_mass": words})


def test_summaries_by_hand(training):
    summariser = Summariser.of(training)
    found, pairs = summariser.distributions(training), summariser.correlations(training)
    assert found.shape == (len(training), len(summariser.names))
    assert pairs.shape == (len(training), len(summariser.pairs))
    i, number = 7, len(training.layout.names)
    mine = training.features[training.row == i].astype(float)
    at = dict(zip(summariser.names, found[i], strict=True))
    assert at["ln N"] == pytest.approx(np.log(len(mine)))
    assert at["mean log_lx"] == pytest.approx(mine[:, number - 2].mean())
    t = mine[:, 0] - mine[:, 0].mean()
    assert at["84% point of log_t about its mean"] == pytest.approx(np.quantile(t, 0.84))
    parts = np.split(training.features[:, 0].astype(float), np.cumsum(training.size)[:-1])
    usual = np.var(np.concatenate([part - part.mean() for part in parts]))
    assert at["ln scatter of log_t"] == pytest.approx(0.5 * np.log((t @ t / usual + 1) / (len(t) + 1)))
    shift = np.diff(pairs[i] / np.sqrt(len(mine)) + summariser.typical)
    other = mine[:, 1:3] - mine[:, 1:3].mean(axis=0)
    scale = summariser.inner.scale[:3]
    unit = np.column_stack([t, other]) / scale
    r = (
        unit[:, :1].T
        @ unit[:, 1:]
        / np.sqrt((unit[:, :1] ** 2).sum() + 1)
        / np.sqrt((unit[:, 1:] ** 2).sum(axis=0) + 1)
    )
    assert shift[0] == pytest.approx(np.diff(np.arctanh(0.9999 * r[0]))[0])


def test_space_whitens_and_names_what_is_off():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((4000, 3)) @ np.array([[1.0, 0.9, 0.0], [0.0, 0.4, 0.2], [0.0, 0.0, 2.0]]) + 5
    space = Space.of(values)
    assert np.cov(space.white(values), rowvar=False) == pytest.approx(np.eye(3), abs=1e-3)
    assert space.plain(space.white(values)) == pytest.approx(values)
    design = np.column_stack([np.ones(len(values)), values[:, [0, 2]]])
    rest = values[:, 1] - design @ np.linalg.lstsq(design, values[:, 1], rcond=None)[0]
    assert space.deviations(values)[:, 1] == pytest.approx(rest / rest.std(), abs=2e-3)


def test_distances_by_brute_force():
    rng = np.random.default_rng(2)
    points, training = rng.standard_normal((20, 4)), rng.standard_normal((60, 4))
    table = np.sort(np.linalg.norm(points[:, None] - training[None], axis=2), axis=1)
    assert kth_distance(points, training, 5) == pytest.approx(table[:, 4])
    table = np.sort(np.linalg.norm(training[:, None] - training[None], axis=2), axis=1)
    assert kth_distance(training, training, 5, own=True) == pytest.approx(table[:, 5])


def test_weights_are_the_ratio_of_densities():
    rng = np.random.default_rng(3)
    training, target = rng.standard_normal((8000, 1)), 0.6 + 0.7 * rng.standard_normal((2000, 1))
    weight = neighbour_weights(training, target, 80)
    assert weight.sum() == pytest.approx(1.0)
    mean = weight @ training[:, 0]
    assert mean == pytest.approx(0.6, abs=5 * 0.7 / np.sqrt(2000))
    assert np.sqrt(weight @ (training[:, 0] - mean) ** 2) == pytest.approx(0.7, abs=5 * 0.7 / np.sqrt(2 * 2000))
    ratio = np.exp(-0.5 * ((training[:, 0] - 0.6) / 0.7) ** 2 + 0.5 * training[:, 0] ** 2)
    assert effective_size(weight) == pytest.approx(effective_size(ratio), rel=0.1)
    assert effective_size(np.ones(7)) == pytest.approx(7)
    assert effective_size(np.zeros(3)) == 0


def test_weights_without_overlap():
    rng = np.random.default_rng(4)
    training, target = rng.standard_normal((500, 2)), 50 + rng.standard_normal((40, 2))
    found = reweigh(Space.of(training), training, target, ("a", "b"), outside=1.0)
    assert found.effective == 0
    assert np.isnan(found.after)
    assert "no weights can mend that" in found.words
    inside = reweigh(Space.of(training), training, 0.3 + rng.standard_normal((40, 2)), ("a", "b"), outside=0.0)
    assert inside.effective > 100
    assert inside.after < inside.before


def test_culling_keeps_the_nearest():
    distance = np.arange(200.0)[::-1]
    truth = np.linspace(0.7, 0.9, 200)
    found = truth + np.where(np.arange(200) >= 100, 0.01, -0.02) + 0.001 * (-1.0) ** np.arange(200)
    near = score_near("network", distance, 0.5, found, truth, posterior=(np.full(200, 0.02), np.full(200, 0.5)))
    assert near.catalogues == 100
    assert near.bias == pytest.approx(0.01)


def test_false_alarms(reference, fresh):
    p = reference.p_values(reference.statistics(fresh))
    size, null = len(fresh), len(reference.null)
    for level in (0.01, 0.05):
        spread = np.sqrt(level * (1 - level) * (1 / size + 1 / null))
        assert np.all((p <= level).mean(axis=0) < level + 5 * spread)
    middle = (p[:, :3] <= 0.5).mean(axis=0)
    assert middle == pytest.approx(0.5, abs=5 * np.sqrt(0.25 * (1 / size + 1 / null)))
    assert judge_suite(reference, fresh).verdict == "inside"


def test_p_values_are_ranks(reference):
    small = replace(reference, null=np.column_stack([np.arange(99.0)] * 3))
    p = small.p_values(np.array([[98.5, 50.0, 50.0], [-1.0, -1.0, -1.0], [97.5, 98.5, 98.5]]))
    assert p[0, 1:] == pytest.approx([0.01, 0.5, 0.5])
    assert p[1] == pytest.approx(1.0)
    assert p[2, 1:] == pytest.approx([0.02, 0.01, 0.01])
    assert p[:, 0] == pytest.approx([0.01, 1.0, 0.01])


SHIFTS = {
    "library tng": (lambda c: changed(c, library={"name": "tng"}, relations=plain(c)), "correlations", 0.9),
    "library flamingo": (lambda c: changed(c, library={"name": "flamingo"}, relations=plain(c)), "correlations", 0.9),
    "wrong break": (lambda c: with_break(c, "14.4 log10 Msun/h"), "distributions", 0.1),
    "scatter of gas masses doubled": (lambda c: with_scatter(c, "mgas", 2.0), "correlations", 0.3),
}


def plain(config):
    relations = config.model_dump(mode="json", exclude_unset=True)["relations"]
    laws = {n: {k: v for k, v in relations[n].items() if k != "scatter"} for n in ("lx", "t", "mgas")}
    return {**{k: v for k, v in relations.items() if k != "correlation"}, **laws}


@pytest.mark.parametrize("what", SHIFTS)
def test_shifted_suites_are_seen(nv22, reference, what):
    change, worst, power = SHIFTS[what]
    suite = draw(change(nv22), "standard", 200, name=what, seed=4).catalogues
    found = judge_suite(reference, suite)
    assert found.verdict == "outside"
    assert found.beyond_5 > power
    assert max(found.by_test, key=found.by_test.get) == worst
    assert "not like training data" in found.words


def test_a_truncated_and_a_misread_catalogue_are_refused(reference, fresh):
    one = fresh.take(np.array([int(np.argmax(fresh.size > 100))]))
    honest = judge(reference, one)
    assert honest.verdict == "inside"
    assert [test.test for test in honest.tests] == list(TESTS)
    assert json.loads(json_text(honest))["tests"][0]["p"] == honest.tests[0].p
    column = one.layout.names.index("log_lx")
    bright = judge(reference, one.keep(one.features[:, column] > np.median(one.features[:, column])))
    assert bright.verdict == "outside"
    features = one.features.copy()
    features[:, 0] += 1.0
    hot = judge(reference, replace(one, features=features))
    assert hot.verdict == "outside"
    assert hot.tests[2].culprit == "log_t"
    assert hot.tests[2].value > 0.5
    assert "log_t" in hot.words


def test_bad_input(reference, training, fresh):
    with pytest.raises(InputError, match="too few for p values of 1%"):
        Reference.of(training.take(np.arange(50)), fresh, rng=generator(1, "x"))
    with pytest.raises(InputError, match="one catalogue is judged at a time, got 500"):
        judge(reference, fresh)
    with pytest.raises(InputError, match="cannot be told with 500 held-out"):
        judge(reference, fresh.take(np.array([0])), false_alarm=0.001)
    cccp = draw(load_config("cccp_lowz"), "standard", 3, name="cccp", seed=1).catalogues
    with pytest.raises(InputError, match="take catalogues of the same survey and case"):
        judge(reference, cccp.take(np.array([0])))
