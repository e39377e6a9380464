"""Planted agreements, disagreements and peaks over clusters of synthetic catalogues."""

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from mlcheck.attribution.mass_peak import mass_curve, mass_peak
from mlcheck.attribution.versus_exact import Clusters, agreement, on_common_ground, seen, without_mass
from mlcheck.data.layout import layout_of

EDGES = np.linspace(13.6, 14.8, 13)


def survey(rng, catalogues=60, each=100):
    """Catalogues whose clusters thin out toward high mass, in no order."""
    row = rng.permutation(np.repeat(np.arange(catalogues), each))
    return Clusters(row, np.minimum(13.6 + rng.exponential(0.3, len(row)), 14.79))


def bump(log_mass):
    return np.exp(-0.5 * ((log_mass - 14.25) / 0.12) ** 2)


def test_a_cluster_is_moved_as_a_whole(source):
    """A linear network of the suite's features, moved by hand."""
    layout, rng = source.layout("standard"), np.random.default_rng(1)
    weight = rng.standard_normal(len(layout.names))
    found = on_common_ground(layout, np.tile(weight, (3, 5, 1)), ("lx", "t", "mgas", "mwl"))
    assert found.shape == (3, 5, 4)
    for i, stem in enumerate(("log_lx", "log_t", "log_mgas", "log_mwl")):
        moved = np.array([0.1 if name.startswith(stem) else 0.0 for name in layout.names])
        assert moved.sum() == pytest.approx(0.7 if stem == "log_mgas" else 0.1)
        np.testing.assert_allclose(found[..., i], weight @ moved / 0.1)


def test_features_that_are_not_there():
    layout = layout_of(("log_lx", "log_t", "log_mgas", "log_mwl", "log_yx"), "no-wl")
    found = on_common_ground(layout, np.ones((4, 3)), ("lx", "t", "mgas", "mwl"))
    np.testing.assert_array_equal(found, np.tile([1.0, 1.0, 1.0, 0.0], (4, 1)))
    whole = layout_of(("log_lx", "log_t", "log_mgas", "log_mwl"), "overspecialised")
    np.testing.assert_array_equal(on_common_ground(whole, np.ones((1, 5)), ("t", "mgas")), [[2.0, 2.0]])
    library = ("lx", "t", "mgas", "core")  # observables of a survey with a library: no network sees the core brightness
    np.testing.assert_array_equal(on_common_ground(whole, np.ones((1, 5)), library)[:, 3], 0)
    assert seen(layout, ("lx", "t", "mgas", "core", "mwl")) == [0, 1, 2]  # without weak lensing
    with pytest.raises(InputError, match="gradients by 2 features, but the layout has 3"):
        on_common_ground(layout, np.ones((4, 2)), ("lx",))


def test_planted_agreement():
    rng = np.random.default_rng(2)
    clusters = survey(rng)
    size = len(clusters.log_mass)
    truth = rng.standard_normal(size) + 2 * bump(clusters.log_mass)
    halves = truth + 1.5 * rng.standard_normal((2, size))
    network = 0.7 * truth + 0.3 * rng.standard_normal(size)
    found = agreement("t", network, np.concatenate([halves.mean(axis=0)[None], halves]), clusters, rng=rng)
    assert (found.clusters, found.catalogues) == (size, 60)
    assert abs(found.slope.deviation(0.7)) < 5
    assert abs(found.correlation.deviation(np.corrcoef(network, truth)[0, 1])) < 5
    assert found.at_mass.value == pytest.approx(0.7 / np.hypot(0.7, 0.3), abs=5 * found.at_mass.error + 0.01)
    assert found.reliability == pytest.approx(truth.var() / (truth.var() + 1.5**2 / 2), abs=0.05)
    assert found.p_value == pytest.approx(1 / 301)
    assert found.null[1] < 0.1 < found.correlation.value


def test_what_only_catalogues_share_is_no_agreement():
    """Values that follow their catalogue, and at random its clusters: false alarms as claimed."""
    rng, runs, alarms, high = np.random.default_rng(3), 100, 0, 0
    for _ in range(runs):
        clusters = survey(rng, 15, 20)
        common = rng.standard_normal(15)[clusters.catalogue]
        exact = common + rng.standard_normal(300) + 0.5 * rng.standard_normal((2, 300))
        found = agreement("lx", common + rng.standard_normal(300), exact, clusters, rng=rng, draws=59)
        alarms += found.p_value <= 0.05
        high += found.correlation.value > 0.2
    assert alarms <= stats.binom.ppf(0.999, runs, 0.05)
    assert high > runs / 2


def test_what_follows_mass_alone_agrees_no_further():
    rng = np.random.default_rng(4)
    clusters = survey(rng)
    size = len(clusters.log_mass)
    network, exact = (bump(clusters.log_mass) + 0.1 * rng.standard_normal(size) for _ in range(2))
    found = agreement("t", network, exact + 0.1 * rng.standard_normal((2, size)), clusters, rng=rng)
    assert found.correlation.value > 0.8
    assert abs(found.at_mass.deviation(0.0)) < 5
    assert found.at_mass.error < 0.05
    exact = bump(clusters.log_mass)
    left = without_mass(np.stack([exact, network]), clusters.log_mass)
    assert left.shape == (2, size)
    assert left[0].std() < 0.05 * exact.std()


def test_position_of_a_peak():
    rng = np.random.default_rng(5)
    clusters = survey(rng)
    values = -0.02 * bump(clusters.log_mass) + 0.01 * rng.standard_normal((3, len(clusters.log_mass)))
    found = mass_peak(values, clusters, EDGES, rng=rng)
    assert found.log_mass == pytest.approx(14.25, abs=5 * (found.high - found.low) / 2 + 0.02)
    assert found.high - found.low < 0.1
    assert found.at_edge == 0
    assert found.height == pytest.approx(-0.02, rel=0.15)
    assert found.p_value == pytest.approx(1 / 301)
    assert 0 < found.seeds < 0.1
    rising = mass_peak(14.8 - clusters.log_mass, clusters, EDGES, rng=rng, draws=100)
    assert rising.at_edge == 1
    assert rising.log_mass == pytest.approx(13.65)
    summed = mass_peak(np.ones(len(clusters.log_mass)), clusters, EDGES, rng=rng, of="total", draws=50)
    assert summed.log_mass == pytest.approx(13.65)  # where the clusters are


def test_no_peak():
    rng, runs, alarms = np.random.default_rng(6), 60, 0
    for _ in range(runs):
        clusters = survey(rng, 20, 40)
        values = 1 + rng.standard_normal(len(clusters.log_mass)) + rng.standard_normal(20)[clusters.catalogue]
        alarms += mass_peak(values, clusters, EDGES[::3], rng=rng, draws=59).p_value <= 0.05
    assert alarms <= stats.binom.ppf(0.999, runs, 0.05)


def test_curves_by_hand():
    clusters = Clusters(np.repeat([0, 1], 40), np.tile(np.repeat([13.75, 14.25], 20), 2))
    values = np.concatenate([np.full(20, 1.0), np.full(20, 3.0), np.full(20, 2.0), np.full(20, 5.0)])
    curve = mass_curve(values, clusters, np.array([13.5, 14.0, 14.5, 15.0]), rng=np.random.default_rng(1))
    np.testing.assert_allclose(curve.mean, [1.5, 4.0, np.nan])
    np.testing.assert_allclose(curve.total, [60.0, 160.0, 0.0])
    np.testing.assert_array_equal(curve.number, [20, 20, 0])
    assert curve.error[1] == pytest.approx(1 / np.sqrt(2), rel=0.15)
    for words, change in (("of 'sum' is unknown", {"of": "sum"}), ("no bin of mass has 10 clusters", {})):
        with pytest.raises(InputError, match=words):
            mass_peak(values, clusters, np.array([15.0, 15.5, 16.0]), rng=np.random.default_rng(1), **change)
