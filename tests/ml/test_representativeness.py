"""Are catalogues like the training ones? False alarms and power against fresh catalogues; what is said of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.core.files import json_text
from forecast.core.rng import generator
from forecast.execution.packing import packed, unpacked
from mlcheck.data.catalogues import assemble
from mlcheck.data.draws import changed, draw
from mlcheck.domain.out_of_distribution import FALSE_ALARM, judge, judge_suite, require
from mlcheck.domain.reference import TESTS, Reference


@pytest.fixture(scope="module")
def nv22():
    return load_config("nv22")


@pytest.fixture(scope="module")
def training(nv22):
    return draw(nv22, "standard", 1500, name="training", seed=1).catalogues


@pytest.fixture(scope="module")
def reference(training):
    return Reference.of(training, "a suite", rng=generator(1, "reference"))


@pytest.fixture(scope="module")
def fresh(nv22):
    return draw(nv22, "standard", 1000, name="fresh", seed=3).catalogues


@pytest.fixture(scope="module")
def some(fresh):
    return fresh.take(np.arange(60))


def with_scatter(config, name, factor):
    relations = config.model_dump(mode="json", exclude_unset=True)["relations"]
    scatter = relations[name]["scatter"] * factor
    return changed(config, relations={**relations, name: {**relations[name], "scatter": scatter}})


def with_break(config, words):
    selection = config.model_dump(mode="json", exclude_unset=True)["selection"]
    return changed(config, selection={**selection, "break_mass": words})


def column(catalogues, name, change):
    features, at = catalogues.features.copy(), catalogues.layout.names.index(name)
    features[:, at] = change(features[:, at])
    return replace(catalogues, features=features)


def repeated(catalogues, times):
    """Clusters, by row, so many times."""
    size = np.bincount(catalogues.row, weights=times, minlength=len(catalogues)).astype(int)
    features, mass = (np.repeat(x, times, axis=0) for x in (catalogues.features, catalogues.log_mass))
    return replace(catalogues, features=features, log_mass=mass, size=size)


def permuted(catalogues):
    rng, features = np.random.default_rng(9), catalogues.features.copy()
    for at in range(features.shape[1]):
        features[:, at] = features[np.lexsort((rng.random(len(features)), catalogues.row)), at]
    return replace(catalogues, features=features)


def once_more(catalogues):
    times = np.ones(len(catalogues.features), dtype=int)
    times[catalogues.first + 3] = 2
    return repeated(catalogues, times)


CORRUPTIONS = {
    "every column permuted": (permuted, "clusters", "check that every row is one cluster", 0.99),
    "M_WL in Msun": (lambda c: column(c, "log_mwl", lambda x: x - np.log10(0.704)), "means", "unit of log_mwl", 0.5),
    "every cluster twice": (lambda c: repeated(c, np.full(len(c.features), 2)), "ties", "remove the copies", 1.0),
    "one cluster twice": (once_more, "ties", "clusters equals another one in every feature", 1.0),
    "constant M_WL": (lambda c: column(c, "log_mwl", lambda x: 0 * x + 14.1), "ties", "log_mwl is 14.1 for", 1.0),
    "T in K": (lambda c: column(c, "log_t", lambda x: x + 7.06), "means", "check the unit of log_t", 1.0),
    "five clusters": (lambda c: c.keep(np.arange(len(c.features)) - c.first[c.row] < 5), "number", "it has 5", 1.0),
}


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_corrupted_catalogues_are_refused_and_the_reason_named(reference, some, what):
    spoil, test, words, power = CORRUPTIONS[what]
    found = [each for each in judge(reference, spoil(some)) if each.verdict == "outside"]
    assert len(found) >= power * len(some)
    right = [each for each in found if each.worst.test == test]
    assert len(right) > 0.8 * len(found)
    assert all(words in each.words and "\n" not in each.words for each in right)


def test_honest_catalogues_are_hardly_ever_refused(reference, fresh):
    """At any level no more than so many fresh catalogues, and where the null is sampled, no fewer."""
    found = reference.examine(fresh)
    for surprise in (found.overall, *found.surprise.values()):
        for level in (FALSE_ALARM, 0.01, 0.05):
            error = np.sqrt(level * (1 - level) * (1 / len(fresh) + 1 / reference.training))
            assert np.mean(surprise >= -np.log(level)) < level + 5 * error
    error = np.sqrt(0.25 / len(fresh) + 0.25 / reference.training)
    assert np.mean(found.overall >= np.log(2)) == pytest.approx(0.5, abs=5 * error)
    refused = np.sum(found.overall >= -np.log(FALSE_ALARM))
    assert binom.sf(refused - 1, len(fresh), FALSE_ALARM) > 1e-3
    assert judge_suite(reference, fresh.take(np.arange(300))).verdict == "inside"


def test_what_does_no_harm_is_not_refused(reference, some):
    """Any order of the clusters, and numbers rounded to three digits, as published tables have them."""
    names, rng = some.layout.names, np.random.default_rng(2)
    before = judge(reference, some)
    order = np.lexsort((rng.random(len(some.features)), some.row))
    for each in (order, np.lexsort((some.log_mass, some.row))):
        mixed = {name: some.features[each, i] for i, name in enumerate(names)}
        table = {"size": some.size, "catalogue": some.number}
        again = assemble(some.layout, mixed, table, (), seed=1)
        np.testing.assert_array_equal(again.features, some.features)
        shuffled = replace(some, features=some.features[each])
        assert [v.p for v in judge(reference, shuffled)] == pytest.approx([v.p for v in before], rel=1e-3, abs=1e-9)
    logarithm = np.array([name.startswith("log_") for name in names])
    linear = np.where(logarithm, 10.0 ** some.features.astype(float), some.features)
    digits = 10.0 ** (np.floor(np.log10(np.abs(linear))) - 2)
    rounded = np.round(linear / digits) * digits
    features = np.where(logarithm, np.log10(np.where(logarithm, rounded, 1.0)), rounded).astype(np.float32)
    after = judge(reference, replace(some, features=features))
    assert [v.verdict for v in after].count("outside") == 0


def test_a_reference_is_read_back_as_it_was(reference, some):
    again = unpacked(Reference, packed(reference))
    assert again.contents == "a suite"
    np.testing.assert_array_equal(again.examine(some).overall, reference.examine(some).overall)
    honest = judge(reference, some)[0]
    assert [test.test for test in honest.tests] == list(TESTS)
    assert json.loads(json_text(honest))["tests"][0]["p"] == honest.tests[0].p


def test_each_catalogue_is_judged_on_its_own(reference, some):
    odd = column(some, "log_t", lambda x: x + np.where(some.row == 5, 1.0, 0.0))
    before, after = judge(reference, some), judge(reference, odd)
    assert [i for i in range(len(some)) if after[i].verdict == "outside"] == [5]
    alone = judge(reference, odd.take(np.array([5])))[0]
    assert alone.words == after[5].words
    assert [v.p for v in before[:5]] == pytest.approx([v.p for v in after[:5]])


def test_where_only_the_number_is_left(training):
    ones = replace(training, features=np.ones_like(training.features))
    reference = Reference.of(ones, "a suite", rng=generator(1, "reference"))
    assert [test.test for test in judge(reference, ones.take(np.array([0])))[0].tests] == ["number"]
    few = ones.keep(np.arange(len(ones.features)) - ones.first[ones.row] < 4)
    assert all(each.verdict == "outside" for each in judge(reference, few.take(np.arange(5))))
    assert unpacked(Reference, packed(reference)).norms is None


SHIFTS = {
    "library tng": (lambda c: changed(c, library={"name": "tng"}, relations=plain(c)), "shapes", 0.9),
    "library flamingo": (lambda c: changed(c, library={"name": "flamingo"}, relations=plain(c)), "shapes", 0.9),
    "wrong break": (lambda c: with_break(c, "14.4 log10 Msun/h"), "means", 0.1),
    "scatter of gas masses doubled": (lambda c: with_scatter(c, "mgas", 2.0), "shapes", 0.3),
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


def test_bad_input(reference, training, fresh):
    with pytest.raises(InputError, match=r"300 training catalogues are too few .* at least 442 .* a suite of 557"):
        Reference.of(training.take(np.arange(300)), "a suite", rng=generator(1, "x"))
    cccp = draw(load_config("cccp_lowz"), "standard", 3, name="cccp", seed=1).catalogues
    with pytest.raises(InputError, match="take catalogues of the same survey and case"):
        judge(reference, cccp.take(np.array([0])))
    with pytest.raises(InputError, match=r"of an earlier version, cannot tell .* train it again, or --force"):
        require(None, fresh)
    three = fresh.take(np.arange(3))
    hot = column(three, "log_t", lambda x: x + np.where(three.row == 2, 7.0, 0.0))
    with pytest.raises(InputError, match=r"catalogue 2: The catalogue is unlike .* the unit of log_t.* --force"):
        require(reference, hot)
