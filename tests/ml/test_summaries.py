"""Summaries of catalogues, and how they are distributed: against numbers by hand, brute force and known laws."""

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from forecast.core.rng import generator
from mlcheck.data.catalogues import Catalogues
from mlcheck.data.layout import Layout
from mlcheck.domain.law import Law, Sample
from mlcheck.domain.summaries import Cloud, Space, Summariser, halves
from mlcheck.domain.tails import GroupedTails, Tails
from mlcheck.domain.ties import crowds, twins


@pytest.fixture(scope="module")
def training(prepared):
    return prepared.train.take(np.arange(400))


def columns(*parts):
    """Catalogues of one feature each, given by their values."""
    size = np.array([len(part) for part in parts])
    features = np.concatenate(parts).astype(np.float32)[:, None]
    layout = Layout("standard", ("log_t",), ())
    return Catalogues(layout, features, size, np.arange(len(parts)), {}, np.full(size.sum(), np.nan))


def test_summaries_by_hand(training):
    summariser = Summariser.of(training)
    found, names = summariser.summaries(training), summariser.names
    assert found.shape == (len(training), len(names)) == (len(training), len(summariser.groups))
    i, features = 7, training.layout.names
    mine = training.features[training.row == i].astype(float)
    at = dict(zip(names, found[i], strict=True))
    assert at["mean log_lx"] == pytest.approx(mine[:, features.index("log_lx")].mean())
    t = mine[:, 0] - mine[:, 0].mean()
    assert at["84% point of log_t about its mean"] == pytest.approx(np.quantile(t, 0.84))
    parts = np.split(training.features[:, 0].astype(float), np.cumsum(training.size)[:-1])
    usual = np.var(np.concatenate([part - part.mean() for part in parts]))
    assert at["ln scatter of log_t"] == pytest.approx(0.5 * np.log((t @ t / usual + 1) / (len(t) + 1)))
    unit = (mine[:, :2] - mine[:, :2].mean(axis=0)) / summariser.inner.scale[:2]
    r = unit[:, 0] @ unit[:, 1] / np.sqrt((unit[:, 0] @ unit[:, 0] + 1) * (unit[:, 1] @ unit[:, 1] + 1))
    assert at["correlation of log_t and log_mgas_r1"] == pytest.approx(np.arctanh(0.9999 * r))
    groups = dict(zip(names, summariser.groups, strict=True))
    assert groups["mean log_mgas_r1"] == groups["mean log_mgas_r7"] != groups["mean log_lx"]
    assert groups["correlation of log_t and log_mgas_r2"] == groups["correlation of log_t and log_mgas_r3"]


def test_single_clusters_deviate_from_what_their_own_catalogue_predicts(training):
    summariser = Summariser.of(training)
    found = summariser.deviations(training)
    assert found.std(axis=0) == pytest.approx(1, abs=0.02)  # the mean holds the cluster itself: undone
    assert (summariser.deviations(training.keep(np.isin(np.arange(len(found)), training.first))) == 0).all()


def test_space_whitens_and_names_what_is_off():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((4000, 3)) @ np.array([[1.0, 0.9, 0.0], [0.0, 0.4, 0.2], [0.0, 0.0, 2.0]]) + 5
    space = Space.of(values)
    assert np.cov(space.white(values), rowvar=False) == pytest.approx(np.eye(3), abs=1e-3)
    design = np.column_stack([np.ones(len(values)), values[:, [0, 2]]])
    rest = values[:, 1] - design @ np.linalg.lstsq(design, values[:, 1], rcond=None)[0]
    assert space.deviations(values)[:, 1] == pytest.approx(rest / rest.std(), abs=2e-3)
    assert space.residual[1] == pytest.approx(rest.std(), rel=2e-3)


def test_cloud_is_white(training):
    white = Cloud.of(training).white(training)
    assert np.allclose(white.mean(axis=0), 0, atol=1e-8)
    variance = np.cov(white, rowvar=False)
    assert np.allclose(variance, np.diag(np.diag(variance)), atol=1e-2)
    assert np.diag(variance)[5:] == pytest.approx(1, abs=1e-2)  # directions of hardly any spread are damped
    assert (np.diag(variance) < 1.01).all()


def test_halves_hold_every_cluster_once(training):
    first, second = halves(training, rng=generator(1, "halves"))
    np.testing.assert_array_equal(first.size + second.size, training.size)
    assert np.abs(first.size - second.size).max() == 1
    both = np.concatenate([first.take(np.array([3])).features, second.take(np.array([3])).features])
    mine = training.take(np.array([3])).features
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(mine, axis=0))


def drawn_by_law(rng, number=6000):
    """Summaries of a known law: mean linear in ln N, covariance A + B / N; and differences of halves."""
    size = rng.integers(8, 300, number)
    a, b = np.array([[0.04, 0.03], [0.03, 0.05]]), np.array([[2.0, -0.5], [-0.5, 1.0]])
    between = rng.multivariate_normal(np.zeros(2), a, number)
    within, noise = (rng.multivariate_normal(np.zeros(2), b, number) for _ in range(2))
    values = np.log(size)[:, None] * np.array([1.0, -2.0]) + between + within / np.sqrt(size)[:, None]
    return values, size, noise, a, b


def test_law_learns_what_it_was_drawn_from():
    values, size, noise, a, b = drawn_by_law(np.random.default_rng(3))
    law = Law.of(Sample(values, size, noise))
    at, clusters = np.array([[5.0, -9.0], [4.0, -8.5]]), np.array([100, 20])
    for i, n in enumerate(clusters):
        precision = np.linalg.inv(a + b / n)
        difference = at[i] - np.log(n) * np.array([1.0, -2.0])
        exact = precision @ difference / np.sqrt(np.diag(precision))
        assert law.deviations(at, clusters)[i] == pytest.approx(exact, rel=0.05, abs=0.1)
        assert law.residual(clusters)[i] == pytest.approx(1 / np.sqrt(np.diag(precision)), rel=0.05)
        assert np.exp(law.distances(at, clusters)[i]) == pytest.approx(difference @ precision @ difference / 2, rel=0.1)
    again = drawn_by_law(np.random.default_rng(4))
    sigma = law.deviations(*again[:2])
    for few in (size < 60, size > 200):
        assert np.std(sigma[few]) == pytest.approx(1, abs=0.05)


def test_law_of_tiny_catalogues():
    with pytest.raises(InputError, match="not one catalogue has 8 clusters"):
        Law.of(Sample(np.zeros((5, 2)), np.array([1, 2, 3, 7, 7]), np.zeros((5, 2))))


def test_tails_of_known_distributions():
    """Chances of fresh values, far beyond most of the sample, are right within the errors of the fit, or too large."""
    rng = np.random.default_rng(5)
    sample = np.column_stack([rng.exponential(1, 20_000), rng.standard_normal(20_000) ** 2, rng.random(20_000)])
    tails = Tails.of(sample)
    at = np.array([[1.0, 1.0, 0.5], [9.2, 15.1, 0.9999]])
    exact = np.array([[1.0, -stats.chi2.logsf(1.0, 1), np.log(2)], [9.2, -stats.chi2.logsf(15.1, 1), 9.2]])
    found = tails.surprise(at)
    assert found[0] == pytest.approx(exact[0], abs=0.05)
    assert found[1, :2] == pytest.approx(exact[1, :2], rel=0.12)
    assert (found[1] < 1.03 * exact[1]).all()
    assert tails.surprise(np.array([[-1.0, -1.0, -1.0]])) == pytest.approx(0)
    assert np.isfinite(tails.surprise(np.array([[1e12, 1e30, 1e12]]))).all()


def test_groups_count_once():
    """Ten copies of one number are as rare as the number."""
    rng = np.random.default_rng(6)
    one = rng.standard_normal((20_000, 1)) ** 2
    copies = GroupedTails.of(np.tile(one, 10), ["a"] * 10)
    apart = GroupedTails.of(rng.standard_normal((20_000, 10)) ** 2, range(10))
    value = np.full((1, 10), 0.1)
    value[0, 4] = 9.0
    alone = -stats.chi2.logsf(9.0, 1)
    assert apart.rarest(value)[0] == pytest.approx(alone, rel=0.1)
    assert apart.rarest(value)[1] == 4
    assert copies.rarest(np.full((1, 10), 9.0))[0] == pytest.approx(alone, rel=0.1)


def test_twins_by_brute_force():
    rng = np.random.default_rng(7)
    features = rng.integers(0, 3, (60, 3)).astype(np.float32)
    size = np.array([20, 25, 15])
    layout = Layout("standard", ("log_t", "log_yx"), ("log_lx",))
    made = Catalogues(layout, features, size, np.arange(3), {}, np.zeros(60))
    seen, expected = set(), 0
    for row, values in zip(made.row, features, strict=True):
        expected += (row, *values) in seen
        seen.add((row, *values))
    assert twins(made).sum() == expected > 0
    assert not twins(columns(rng.standard_normal(300))).any()


def test_crowds_tell_fillers_from_rounding():
    rng = np.random.default_rng(8)
    values = 0.5 + 0.15 * rng.standard_normal(114)
    filled, imputed = values.copy(), values.copy()
    filled[:20], imputed[:20] = -9.0, values.mean()
    two_digits = np.log10(np.array([float(f"{x:.2g}") for x in 10**values]))
    found = crowds(columns(values, filled, imputed, two_digits, np.full(6, 3.0), np.full(3, 3.0)), 0)
    np.testing.assert_array_equal(found.count[[1, 2, 4, 5]], [20, 20, 6, 3])
    assert found.value[1] == -9.0
    alarm = found.surprise > -np.log(1e-3)
    np.testing.assert_array_equal(alarm, [False, True, True, False, True, False])
    assert found.surprise[4] == pytest.approx(-np.log(stats.binom.sf(5, 6, 0.2)))
