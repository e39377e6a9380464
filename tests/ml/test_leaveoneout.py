"""Leave-one-out: all at once equals one by one, and NV22's pairing of rows is told apart."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.core.errors import InputError
from mlcheck.attribution.leave_one_out import LeaveOneOut, distributions, leave_one_out, pooling_artefact
from mlcheck.attribution.mass_bins import Clusters, mass_edges
from mlcheck.data.catalogues import Catalogues
from mlcheck.data.layout import Layout
from mlcheck.data.scaler import Scaler
from mlcheck.networks.architectures import Architecture, build
from mlcheck.networks.plan import TrainingPlan
from mlcheck.networks.predict import predict
from mlcheck.networks.saving import Trained
from mlcheck.report.plots.interpretation import leave_one_out_figure

LAYOUT = Layout("standard", ("log_t", "log_mgas"), ("log_lx",))


def mocks(size, seed=1):
    rng, size = np.random.default_rng(seed), np.array(size)
    features, mass = rng.random((size.sum(), 3)), rng.uniform(13.6, 15.0, size.sum())
    return Catalogues(LAYOUT, features, size, np.arange(len(size)), {"sigma8": np.full(len(size), 0.8)}, mass)


def trained(preset, seed, **changed):
    network = build(Architecture.of(preset, seed=seed, precision="float64", **changed), LAYOUT)
    scaler = Scaler(LAYOUT, (0.0,) * 3, (1.0,) * 3, (0.7, 0.92), True)
    return Trained(network, scaler, None, TrainingPlan.of(preset, jit=False), None, None)


@pytest.fixture(scope="module")
def members():
    return [trained("compact", seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def found(members):
    return leave_one_out(members, mocks([12, 1 + 32, 9, 20]))


def one_by_one(members, catalogues, row):
    """Prediction of the catalogue of cluster `row` without it."""
    kept = np.arange(len(catalogues.row)) != row
    return predict(members, catalogues.keep(kept), check=False).mean[catalogues.row[row]]


def test_all_at_once_equals_one_by_one(members, found):
    catalogues, seen = mocks([12, 1 + 32, 9, 20]), []
    base = predict(members, catalogues, check=False).mean
    np.testing.assert_allclose(found.prediction, base, atol=1e-9)
    rows = [0, 11, 12, 44, 50, 73]
    expected = [one_by_one(members, catalogues, row) - base[catalogues.row[row]] for row in rows]
    np.testing.assert_allclose(found.shift[rows], expected, rtol=0, atol=1e-9)
    assert found.shift.std() > 1e-5
    assert not found.reordering.any()
    leave_one_out(members, catalogues, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)


def test_sets_of_rows_too_large_for_the_memory_are_divided(members, found, monkeypatch):
    monkeypatch.setattr("mlcheck.attribution.leave_one_out._ROWS", 200)
    np.testing.assert_allclose(leave_one_out(members, mocks([12, 1 + 32, 9, 20])).shift, found.shift, atol=1e-12)


def test_pairing_of_rows_is_told_apart():
    """NV22's network: moving a cluster to the end shifts the pairs behind it; taking it from the end does not."""
    one, catalogues, rows = trained("nv22", 1), mocks([18, 21]), [0, 7, 17, 25, 38]
    found, versions = leave_one_out([one], catalogues), []
    for row in rows:
        at = catalogues.row[row]
        mine, place = catalogues.take([at]), row - catalogues.first[at]
        others = np.delete(np.arange(mine.size[0]), place)
        moved = replace(mine, features=mine.features[[*others, place]])
        last = np.arange(mine.size[0]) < mine.size[0] - 1
        versions += [mine, moved, moved.keep(last), mine.keep(np.isin(np.arange(mine.size[0]), others))]
    predicted = predict([one], Catalogues.joined(versions), check=False).mean.reshape(len(rows), 4)
    whole, moved, from_end, without = predicted.T
    np.testing.assert_allclose(found.reordering[rows], moved - whole, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.removal[rows], from_end - moved, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.shift[rows], without - whole, rtol=0, atol=1e-9)
    assert found.reordering[[17, 38]] == pytest.approx(0, abs=1e-12)
    artefact = pooling_artefact(found)
    assert artefact.reordering > 0.01 * artefact.total
    assert artefact.share == pytest.approx(np.mean(found.reordering**2) / np.mean(found.shift**2))
    assert abs(artefact.correlation) <= 1


def test_no_artefact_without_order(found):
    artefact = pooling_artefact(found)
    assert artefact.total == artefact.removal == pytest.approx(0.5 * np.ptp(np.quantile(found.shift, [0.16, 0.84])))
    assert artefact.reordering == artefact.share == 0
    assert np.isnan(artefact.correlation)


def test_distributions():
    rng, number = np.random.default_rng(5), 4000
    row, mass = np.repeat(np.arange(40), 100), rng.uniform(13.6, 15.0, number)
    shift = rng.normal(-0.5, 1.0, (1, number))
    rows = distributions(LeaveOneOut(np.zeros(40), Clusters(shift, mass, row), np.zeros(number)), (-np.inf, 14.4, 15.5))
    assert [found.benchmark for found in rows] == [-np.inf, 14.4]
    above = mass > 14.4
    assert rows[1].number == above.sum()
    assert rows[1].lowered == (shift[0, above] < 0).mean()
    np.testing.assert_allclose(np.interp(0.5, rows[1].probability, rows[1].shift), np.median(shift[0, above]))
    expected = np.sqrt(rows[0].lowered * (1 - rows[0].lowered) / number)
    assert rows[0].lowered_error == pytest.approx(expected, rel=5 / np.sqrt(2 * 39))


def test_figure_shows_the_numbers(found):
    bands = found.by_mass(mass_edges(found.clusters.log_mass, 0.2, least=3))
    top, bottom = leave_one_out_figure(bands, distributions(found)).axes
    np.testing.assert_allclose(top.lines[0].get_ydata(), 1e3 * bands.quantiles[2])
    assert len(bottom.figure.legends[0].get_texts()) == 5
    assert top.get_xlabel()
    assert bottom.get_xlabel()


def test_too_small_catalogues():
    with pytest.raises(InputError, match=r"catalogue 1 has 16 clusters; without one of them .*nv22"):
        leave_one_out([trained("nv22", 1)], mocks([20, 16]))
    with pytest.raises(InputError, match="catalogue 0 has 1 clusters"):
        leave_one_out([trained("compact", 1)], mocks([1, 16]))
