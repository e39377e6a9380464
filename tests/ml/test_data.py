"""Data sets: what the network sees is what the suite holds."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.core.errors import InputError
from forecast.survey.lensing_sample import LensingSample
from mlcheck.data.batches import epoch_batches, evaluation_batches
from mlcheck.data.catalogues import REFERENCE_SIGMA8, Prescription, assemble
from mlcheck.data.dataset import Simulator, Split
from mlcheck.data.layout import layout_in
from mlcheck.data.scaler import Scaler


def test_features_are_the_suites(source):
    catalogues = source.read("standard", seed=1)
    clusters, table = source.suite.clusters(0), source.suite.catalogues(0)
    size = table["size"][0]
    np.testing.assert_array_equal(catalogues.size[: len(table["size"])], table["size"])
    np.testing.assert_array_equal(catalogues.main[:size, 0], clusters["log_t"][:size])
    np.testing.assert_array_equal(catalogues.supplementary[:size, 1], clusters["log_mwl"][:size])
    np.testing.assert_array_equal(catalogues.sigma8[: len(table["size"])], table["sigma8"])
    lx = catalogues.supplementary[:, 0]
    assert all((np.diff(lx[a : a + n]) <= 0).all() for a, n in zip(catalogues.first, catalogues.size, strict=True))


def test_shuffling_keeps_catalogues_and_depends_on_their_number_alone(source):
    standard, shuffled = (source.read(case, seed=1) for case in ("standard", "shuffled"))
    assert not np.array_equal(standard.features, shuffled.features)
    for i in (0, 7):
        a, b = (np.sort(c.take(np.array([i])).features, axis=0) for c in (standard, shuffled))
        np.testing.assert_array_equal(a, b)
    again = source.read("shuffled", seed=1).take(np.array([7]))
    np.testing.assert_array_equal(again.features, shuffled.take(np.array([7])).features)


def test_other_cases(source):
    ones = source.read("ones", seed=1)
    assert (ones.features == 1).all()
    assert source.read("no-wl", seed=1).supplementary.shape[1] == 1
    prescription = Prescription(log_lx=2.0, log_t=0.5, log_mgas=1.0)
    scaled = source.read("overspecialised", seed=1, prescription=prescription)
    clusters, table = source.suite.clusters(0), source.suite.catalogues(0)
    shift = 0.5 * np.log10(table["sigma8"][0] / REFERENCE_SIGMA8) - np.log10(table["norm_t"][0])
    np.testing.assert_allclose(scaled.features[0, 1], clusters["log_t"][0] + shift, rtol=1e-6)
    np.testing.assert_allclose(scaled.features[:, 3], scaled.features[:, 1] + scaled.features[:, 2], rtol=1e-6)


def test_split_is_by_catalogue_and_follows_the_seed():
    split = Split.of(1000, 3)
    assert [len(split.train), len(split.validate), len(split.test)] == [800, 100, 100]
    assert sorted(np.concatenate([split.train, split.validate, split.test])) == list(range(1000))
    np.testing.assert_array_equal(split.test, Split.of(1000, 3).test)
    assert not np.array_equal(split.test, Split.of(1000, 4).test)
    with pytest.raises(InputError, match="3 catalogues are too few"):
        Split.of(3, 1)


def test_scaling_by_quantity_on_training_catalogues_alone(source, prepared):
    scaler, train = prepared.scaler, prepared.train
    scaled = scaler.features(train)
    groups = np.array(train.layout.groups)
    for group in set(groups):
        values = scaled[:, groups == group]
        assert values.min() == pytest.approx(0, abs=1e-6)
        assert values.max() == pytest.approx(1, abs=1e-6)
        assert len({scaler.low[i] for i in np.flatnonzero(groups == group)}) == 1
    assert scaler.sigma8 == (0.70, 0.92)
    assert scaler.bounded
    assert scaler.target(np.array([0.81]))[0] == pytest.approx(0.5)
    assert Scaler.from_dict(scaler.to_dict()) == scaler
    other = Scaler.fit(source.read("standard", seed=1), source.model.parameters)
    assert other != scaler


def test_values_that_are_not_finite(prepared):
    test = prepared.test.take(np.array([3]))
    features = test.features.copy()
    features[4, 2] = np.nan
    with pytest.raises(InputError, match=r"log_mgas_r2 of cluster 5 is nan; every cluster needs a finite value"):
        replace(test, features=features)


def test_a_catalogue_without_clusters(prepared):
    layout = prepared.test.layout
    nothing = {name: np.empty(0) for name in (*layout.names, "log_lx")}
    with pytest.raises(InputError, match="not a single cluster"):
        assemble(layout, nothing, {"size": np.array([0]), "catalogue": np.array([0])}, (), seed=1)


@pytest.mark.parametrize("spread", [None, 1, 3])
def test_an_epoch_holds_every_catalogue_once(spread):
    size = np.random.default_rng(1).integers(20, 300, 517)
    seen, padded = [], 0
    for batches in epoch_batches(size, 32, rng=np.random.default_rng(2), spread=spread):
        assert batches.index.shape[1] == 32
        seen.append(batches.index[batches.weight > 0])
        assert (size[batches.index] <= batches.length).all()
        padded += batches.length * batches.index.size
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(517))
    if spread is None:
        assert padded < 1.35 * size.sum()
    seen = np.concatenate([b.index[b.weight > 0] for b in evaluation_batches(size, 64)])
    np.testing.assert_array_equal(np.sort(seen), np.arange(517))


def test_successive_batches_are_of_one_length():
    """The fewer changes of length in an epoch, the longer the calls on an accelerator."""
    size = np.random.default_rng(1).integers(20, 300, 4968)
    epochs = {n: list(epoch_batches(size, 32, rng=np.random.default_rng(2), successive=n)) for n in (1, 8, 1000)}
    lengths = {n: [b.length for b in epoch] for n, epoch in epochs.items()}
    assert len(lengths[1]) > 100 > 50 > len(lengths[8]) > len(lengths[1000]) == len(set(lengths[1])) == 10
    for epoch in epochs.values():
        seen = np.concatenate([b.index[b.weight > 0] for b in epoch])
        np.testing.assert_array_equal(np.sort(seen), np.arange(4968))


def test_simulation_on_the_fly(source):
    simulator = Simulator(source, "standard", 4)
    a, again, b = simulator.draw(50, 1), simulator.draw(50, 1), simulator.draw(50, 2)
    np.testing.assert_array_equal(a.features, again.features)
    assert not np.array_equal(a.sigma8, b.sigma8)
    assert a.layout == source.layout("standard")


def test_mocks_of_a_suite_are_its_clusters(source):
    mocks = source.mocks(np.array([300, 2, 5]))
    table = source.suite.catalogues(names=["catalogue", "size"])
    np.testing.assert_array_equal(mocks.size, table["size"][[2, 5, 300]])
    np.testing.assert_array_equal(np.bincount(mocks.row), mocks.size)
    catalogues = source.read("standard", seed=1).take(np.array([2]))
    np.testing.assert_allclose(mocks.log_lx[: mocks.size[0]], catalogues.supplementary[:, 0])


def test_lensing_masses_of_some_clusters_are_no_feature(nv22):
    columns = ("log_lx", "log_t", "log_mgas", "log_mwl")
    setup = replace(nv22.setup, lensing_sample=LensingSample(fraction=0.5))
    with pytest.raises(InputError, match=r"case 'standard' shows weak-lensing masses, .*; give --case no-wl"):
        layout_in(setup, columns, "standard")
    assert layout_in(setup, columns, "no-wl").supplementary == ("log_lx",)
    assert layout_in(nv22.setup, columns, "standard").supplementary == ("log_lx", "log_mwl")
