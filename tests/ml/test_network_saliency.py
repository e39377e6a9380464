"""Saliency in physical units, along directions, and by true mass."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.core.errors import InputError
from mlcheck.attribution.directions import along, by_quantity, typical
from mlcheck.attribution.mass_bins import QUANTILES, Clusters, bands, mass_edges, totals
from mlcheck.attribution.saliency import by_feature, by_radius, end_saliency, terse_saliency
from mlcheck.data.catalogues import Catalogues
from mlcheck.data.layout import Layout
from mlcheck.data.scaler import Scaler
from mlcheck.networks.architectures import Architecture, build
from mlcheck.networks.plan import TrainingPlan
from mlcheck.networks.predict import predict
from mlcheck.networks.saving import Trained
from mlcheck.report.plots.interpretation import map_figure, mass_figure, radial_figure, totals_figure

MAIN = ("log_t", *(f"log_mgas_r{i}" for i in range(1, 8)), *(f"slope_r{i}" for i in range(1, 8)))
LAYOUT = Layout("standard", MAIN, ("log_lx", "log_mwl"))
LOW = np.array([0.0, *[12.0] * 7, *[-4.0] * 7, 43.0, 13.4])
HIGH = np.array([1.5, *[15.0] * 7, *[1.0] * 7, 46.0, 15.6])
SIZE = np.array([40, 25, 60])


def mocks(seed=1, layout=LAYOUT):
    rng, number = np.random.default_rng(seed), SIZE.sum()
    mass = rng.uniform(13.6, 15.0, number)
    features = LOW + (HIGH - LOW) * (0.3 + 0.3 * (mass[:, None] - 13.6) + 0.1 * rng.standard_normal((number, 17)))
    truth = {"sigma8": rng.uniform(0.7, 0.92, len(SIZE))}
    return Catalogues(layout, features, SIZE, np.arange(len(SIZE)), truth, mass)


def trained(seed, **changed):
    architecture = Architecture.of("compact", seed=seed, precision="float64", **changed)
    scaler = Scaler(LAYOUT, tuple(LOW), tuple(HIGH), (0.7, 0.92), True)
    plan = TrainingPlan.of("compact", jit=False)
    return Trained(build(architecture, LAYOUT), scaler, None, plan, None, None)


@pytest.fixture(scope="module")
def members():
    return [trained(seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def terse(members):
    return terse_saliency(members, mocks())


@pytest.fixture(scope="module")
def end(members):
    return end_saliency(members, mocks())


def test_end_saliency_is_the_slope_of_the_ensemble_prediction(members, end):
    """In physical units, against what `predict` says of altered catalogues; scaled features are of single precision."""
    catalogues, rng, step = mocks(), np.random.default_rng(2), 0.02 * (HIGH - LOW)
    rows, versions = rng.integers(0, SIZE.sum(), 17), []
    for column, row in enumerate(rows):
        for sign in (1, -1):
            features = catalogues.features.copy()
            features[row, column] += sign * step[column]
            versions.append(replace(catalogues, features=features).take([catalogues.row[row]]))
    predicted = predict(members, Catalogues.joined(versions), check=False).mean.reshape(17, 2)
    expected, found = (predicted[:, 0] - predicted[:, 1]) / (2 * step), end.values[rows, np.arange(17)]
    deviation = np.abs(found - expected) / np.abs(expected)
    assert np.median(deviation) < 1e-3
    assert end.names == LAYOUT.names


def test_normalised_terse_saliency_knows_neither_sign_nor_scale(members):
    one, catalogues = trained(1), mocks()
    plain, raw = terse_saliency([one], catalogues), terse_saliency([one], catalogues, normalised=False)
    layer = one.network.model.get_layer("terse")
    kernel, bias = (np.asarray(v.value) for v in layer.variables)
    layer.set_weights([-3 * kernel, bias + 1])
    np.testing.assert_allclose(terse_saliency([one], catalogues).values, plain.values, rtol=1e-5)
    changed = terse_saliency([one], catalogues, normalised=False).values
    np.testing.assert_allclose(changed, -3 * raw.values, rtol=1e-5)
    growth = along(plain, {"log_t": 0.45, "log_mgas": 0.9, "slope": 1.5}).values
    assert growth.mean() > 0


def test_unit_of_terse_saliency(members):
    """A cluster's terse value, moved by one feature, in units of the scatter of all."""
    catalogues, found = mocks(), terse_saliency(members[:1], mocks()).values
    scaled = np.repeat(members[0].scaler.features(catalogues)[:, :15].astype(float)[None], 3, axis=0)
    scaled[1, :, 4] += 1e-4
    scaled[2, :, 4] -= 1e-4
    value = np.asarray(members[0].network.terse()(scaled))[..., 0]
    sign = np.sign(np.corrcoef(value[0], catalogues.log_mass)[0, 1])
    expected = sign * (value[1] - value[2]) / 2e-4 / value[0].std() / (HIGH - LOW)[4]
    np.testing.assert_allclose(found[:, 4], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_directions(terse, end):
    assert by_quantity(end).names == ("log_t", "log_mgas", "slope", "log_lx", "log_mwl")
    values = end.values
    np.testing.assert_allclose(by_quantity(end).values[:, 1], values[:, 1:8].sum(axis=1), rtol=1e-4, atol=1e-9)
    slopes = {"log_t": 0.61, "log_mgas": 1.16, "log_lx": 1.74, "log_mwl": 1.0}
    together = 0.61 * values[:, 0] + 1.16 * values[:, 1:8].sum(axis=1) + 1.74 * values[:, 15] + values[:, 16]
    np.testing.assert_allclose(along(end, slopes).values[:, 0], together, rtol=1e-4, atol=1e-8)
    catalogues = mocks()
    mass = catalogues.log_mass
    rest = catalogues.main - np.array([np.polyval(np.polyfit(mass, x, 2), mass) for x in catalogues.main.T]).T
    for j in (0, 5):
        others = np.array([np.polyfit(rest[:, j], x, 1)[0] for x in rest.T])
        np.testing.assert_allclose(typical(terse, catalogues).values[:, j], terse.values @ others, rtol=1e-3, atol=1e-4)


def test_profiles(terse, end):
    edges = mass_edges(mocks().log_mass, 0.2, least=5)
    found = by_radius(terse, "log_mgas", edges)
    np.testing.assert_allclose(found.radius[[0, -1]], [0.1, 1.4])
    assert (np.diff(found.extrapolated) >= 0).all()
    assert found.extrapolated[-1] > 0.9
    np.testing.assert_array_equal(found.bands.quantiles, terse.by_mass(edges).quantiles[..., 1:8])
    features = by_feature(end)
    np.testing.assert_allclose(features.mean, end.values.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(features.seeds, end.clusters.members.mean(axis=1).std(axis=0, ddof=1), rtol=1e-3)
    np.testing.assert_allclose(features.quantiles[2], np.median(end.values, axis=0))
    with pytest.raises(InputError, match="do not see a profile 'log_lx'"):
        by_radius(end, "log_lx", edges)
    with pytest.raises(InputError, match="no saliency of 'log_mgas_r8'; did you mean 'log_mgas_r"):
        end.columns(["log_mgas_r8"])


def test_bands_and_totals_count_every_cluster_once():
    rng, number, catalogues = np.random.default_rng(3), 3000, 50
    mass, row = rng.uniform(13.6, 14.8, number), np.sort(rng.integers(0, catalogues, number))
    members = rng.standard_normal((2, number)) + mass
    edges = mass_edges(mass, 0.1, least=20)
    assert edges[0] <= mass.min()
    assert edges[-1] >= mass.max()
    found, summed = bands(Clusters(members, mass, row), edges), totals(Clusters(members, mass, row), edges, catalogues)
    assert found.number.sum() == number
    for b in (0, 5):
        own = (mass >= edges[b]) & (mass < edges[b + 1])
        values = members.mean(axis=0)[own]
        np.testing.assert_allclose(found.quantiles[:, b], np.quantile(values, QUANTILES))
        assert found.mean[b] == pytest.approx(values.mean())
        assert found.centre[b] == pytest.approx(mass[own].mean())
        assert found.seeds[b] == pytest.approx(members[:, own].mean(axis=1).std(ddof=1))
        each = np.array([values[row[own] == i].sum() for i in range(catalogues)])
        assert summed.mean[b] == pytest.approx(each.mean())
        assert summed.error[b] == pytest.approx(each.std(ddof=1) / np.sqrt(catalogues))
        assert summed.scatter[b] == pytest.approx(each.std(ddof=1))
    assert summed.mean.sum() == pytest.approx(members.mean(axis=0).sum() / catalogues)
    assert np.isnan(bands(Clusters(members[:1], mass, row), edges).seeds).all()


def test_edges():
    mass = np.array([13.65] * 200 + [13.75] * 200 + [14.95])
    np.testing.assert_allclose(mass_edges(mass), [13.6, 13.7, 15.0])
    with pytest.raises(InputError, match="true masses"):
        mass_edges(np.array([14.0, np.nan]))


def test_refusals(members):
    catalogues = mocks()
    unknown = replace(catalogues, log_mass=np.full(SIZE.sum(), np.nan))
    with pytest.raises(InputError, match="needs true masses"):
        terse_saliency(members, unknown)
    assert np.isfinite(terse_saliency(members[:1], unknown, normalised=False).values).all()
    with pytest.raises(InputError, match="3 terse values per cluster"):
        terse_saliency([trained(1, terse=3)], catalogues)
    with pytest.raises(InputError, match="the same for all clusters"):
        terse_saliency(members, replace(catalogues, features=np.ones((SIZE.sum(), 17))))
    other = Layout("no-wl", MAIN, ("log_lx",))
    with pytest.raises(InputError, match="was trained on features"):
        end_saliency(members, replace(catalogues, layout=other, features=catalogues.features[:, :16]))


def test_figures_show_the_numbers(terse, end):
    catalogues, edges = mocks(), mass_edges(mocks().log_mass, 0.2, least=5)
    profile = by_radius(terse, "log_mgas", edges)
    figure = radial_figure([profile, by_radius(terse, "slope", edges)])
    assert len(figure.axes) == 3
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), profile.bands.quantiles[2, 0])
    assert "dex" in figure.axes[0].get_ylabel()
    assert "dex" not in figure.axes[1].get_ylabel()
    one = end.columns(["log_mgas_r5"]).by_mass(edges)
    (axes,) = mass_figure({"standard": one, "again": one}, "sigma8", "log_mgas_r5", log_break=14.25).axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 1e3 * one.quantiles[2, :, 0])
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["break", "standard", "again"]
    figure = map_figure(terse, catalogues, [0, 2])
    assert figure.axes[0].images[0].get_array().shape == (40, 15)
    assert figure.axes[1].images[0].get_array().shape == (60, 15)
    quantities = by_quantity(end)
    each = {name: quantities.columns([name]).totals(edges) for name in quantities.names}
    lacking = {name: found for name, found in each.items() if name != "log_t"}
    figure = totals_figure({"standard": each, "no-t": lacking}, quantities.names)
    assert len(figure.axes) == 5
    assert figure.axes[-1].get_xlabel()
    for j, (name, axes) in enumerate(zip(quantities.names, figure.axes, strict=True)):
        shown = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == len(edges) - 1]
        assert len(shown) == (2 if name == "log_t" else 4)
        for values in shown:
            np.testing.assert_allclose(values, quantities.totals(edges).mean[:, j] / np.diff(edges))
