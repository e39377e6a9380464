"""Terse values: what the network computes, without arbitrary sign and scale; correlations and their errors."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from forecast.core.errors import InputError
from forecast.core.rng import generator
from mlcheck.accuracy.bootstrap import Ranking, Tally, estimates
from mlcheck.attribution.terse import OBSERVABLES, Terse, correlations, raw_terse, terse_values
from mlcheck.data.catalogues import Catalogues
from mlcheck.data.layout import Layout
from mlcheck.data.observables import observables_of
from mlcheck.networks.architectures import Architecture, build
from mlcheck.networks.history import History
from mlcheck.networks.laboratory import prepare
from mlcheck.networks.plan import TrainingPlan
from mlcheck.networks.saving import Trained
from mlcheck.report.plots.terse import terse_figure


def untrained(laboratory, prepared, **changed):
    network = build(Architecture.of("compact", **changed), prepared.scaler.layout, whitening=prepared.whitening)
    plan, history = TrainingPlan.of("compact"), History()
    return Trained(network, prepared.scaler, prepared.whitening, plan, history, laboratory.origin(1))


def numpy_encoder(network, whitening, x):
    """Whitening, two layers with exact Gaussian error linear units, and one linear layer."""
    x = (x.astype(float) - np.array(whitening.mean)) @ np.array(whitening.matrix)
    for name in ("encoder_1", "encoder_2", "terse"):
        weight, bias = (np.asarray(w, dtype=float) for w in network.model.get_layer(name).get_weights())
        x = x @ weight + bias
        x = x if name == "terse" else x * special.ndtr(x)
    return x


def test_terse_values_of_the_network_equal_the_layers_written_out(laboratory, prepared):
    trained, few = untrained(laboratory, prepared, terse=2), prepared.test.take(np.arange(70))
    main = prepared.scaler.features(few)[:, : len(prepared.scaler.layout.main)]
    expected = numpy_encoder(trained.network, prepared.whitening[0], main)
    found = raw_terse(trained, few)
    assert found.shape == (len(few.log_mass), 2)
    np.testing.assert_allclose(found, expected, atol=2e-4)  # whitening magnifies float32 rounding
    second = terse_values(trained, few, column=1)
    np.testing.assert_allclose(second.values, Terse.of(expected[:, 1], few.log_mass.astype(float)).values, atol=1e-3)
    with pytest.raises(InputError, match="terse value 2 is asked for, but the network has 2"):
        terse_values(trained, few, column=2)


def test_sign_and_scale_of_the_network_do_not_matter():
    rng = generator(1, "terse")
    mass = 14 + 0.3 * rng.standard_normal(500)
    raw = 2 * mass + rng.standard_normal(500)
    one, other = Terse.of(raw, mass), Terse.of(5 - 3 * raw, mass)
    np.testing.assert_allclose(one.values, other.values, atol=1e-12)
    assert abs(one.values.mean()) < 1e-12 and abs(one.values.std() - 1) < 1e-12
    assert np.corrcoef(one.values, mass)[0, 1] > 0.3
    np.testing.assert_allclose(other.again(5 - 3 * raw[:7]), one.values[:7])
    with pytest.raises(InputError, match="features are constant"):
        Terse.of(np.full(500, 0.3), mass)
    with pytest.raises(InputError, match="masses are unknown"):
        Terse.of(raw, np.full(500, np.nan))


@pytest.mark.parametrize("case", ["standard", "shuffled", "overspecialised"])
def test_observables_are_those_of_the_clusters_in_the_network_s_order(laboratory, case):
    chosen = laboratory.read(case).take(laboratory.split.test[::-1])
    found = observables_of(laboratory.source, chosen, ("log_t", "log_yx", "log_lx", "log_mgas"), seed=1)
    np.testing.assert_allclose(found["log_yx"], found["log_t"] + found["log_mgas"], atol=1e-5)
    own = {name: chosen.features[:, i] for i, name in enumerate(chosen.layout.names)}
    if case != "overspecialised":
        np.testing.assert_array_equal(found["log_t"], own["log_t"])
        np.testing.assert_array_equal(found["log_lx"], own["log_lx"])
        return
    shift = own["log_lx"] - found["log_lx"]
    theta = chosen.parameters
    expected = 1.5 * np.log10(theta["sigma8"] / 0.809) - np.log10(theta["norm_lx"])
    np.testing.assert_allclose(shift, expected[chosen.row], atol=1e-5)


def test_observables_refuse_other_catalogues(laboratory, prepared):
    few = prepared.test.take(np.arange(12))
    with pytest.raises(InputError, match="no column log_mass in this suite"):
        observables_of(laboratory.source, few, ("log_mass",), seed=1)
    with pytest.raises(InputError, match="are not from this suite"):
        observables_of(laboratory.source, replace(few, number=few.number + 10**6), ("log_t",), seed=1)
    with pytest.raises(InputError, match="give whole catalogues"):
        observables_of(laboratory.source, few.keep(np.arange(few.size.sum()) > 3), ("log_t",), seed=1)


def synthetic(rng, catalogues=300, mean=30):
    size = rng.poisson(mean, catalogues) + 2
    mass = 14 + 0.3 * rng.standard_normal(int(size.sum()))
    features = np.column_stack([mass, mass]).astype(np.float32)
    parameters = {"sigma8": rng.uniform(0.7, 0.92, catalogues)}
    layout = Layout("standard", ("log_t",), ("log_lx",))
    return Catalogues(layout, features, size, np.arange(catalogues), parameters, mass)


def test_correlations_equal_scipy_s_and_their_errors_the_gaussian_ones():
    rng = generator(2, "terse")
    catalogues = synthetic(rng)
    mass = catalogues.log_mass
    terse = (mass - 14) / 0.3 + rng.standard_normal(len(mass))
    noisy = np.round(mass + 0.2 * rng.standard_normal(len(mass)), 1)  # with ties
    table = correlations(terse, catalogues, {"log_mwl": noisy}, rng=rng)
    of = {(line.name, line.of): line for line in table}
    mean = np.array([part.mean() for part in np.split(terse, np.cumsum(catalogues.size)[:-1])])
    row = catalogues.row
    pairs = {
        ("log_m500", "clusters"): (terse, mass),
        ("log_mwl", "clusters"): (terse, noisy),
        ("sigma8", "clusters"): (terse, catalogues.sigma8[row]),
        ("size", "catalogues"): (mean, catalogues.size),
        ("sigma8", "catalogues"): (mean, catalogues.sigma8),
    }
    for key, (x, y) in pairs.items():
        assert of[key].pearson == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-10)
        assert of[key].spearman == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-10)
    line = of["log_m500", "clusters"]
    assert line.pearson_error == pytest.approx((1 - line.pearson**2) / np.sqrt(len(mass)), rel=0.36)  # 5 x 7%
    assert of["sigma8", "catalogues"].spearman_error == pytest.approx(1 / np.sqrt(300), rel=0.36)


def test_errors_know_that_clusters_of_a_catalogue_are_not_independent():
    rng = generator(3, "terse")
    row = np.repeat(np.arange(400), 25)
    values = rng.standard_normal(400)[row] + 0.5 * rng.standard_normal(len(row))

    def mean(weights):
        return (weights @ np.bincount(row, weights=values) / 25 / weights.sum(axis=1))[:, None]

    (found,) = estimates(mean, 400, rng=rng)
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(np.sqrt((1 + 0.25 / 25) / 400), rel=0.36)
    with pytest.raises(InputError, match="too few for a bootstrap"):
        estimates(mean, 5, rng=rng)


def test_weighted_ranks_and_quantiles_are_those_of_repeated_values():
    rng = generator(4, "terse")
    values, weight = rng.integers(0, 40, 200).astype(float), rng.integers(0, 4, 200)
    repeated = stats.rankdata(np.repeat(values, weight))
    np.testing.assert_allclose(np.repeat(Ranking.of(values).ranks(weight), weight), repeated)
    smooth, row = rng.standard_normal(40_000), np.repeat(np.arange(40), 1000)
    counts = rng.multinomial(40, np.full(40, 1 / 40))
    found = Tally.of(smooth, row, 40).quantiles(counts[None].astype(float), np.array([0.16, 0.5, 0.84]))[0]
    np.testing.assert_allclose(found, np.quantile(np.repeat(smooth, counts[row]), [0.16, 0.5, 0.84]), atol=0.003)


def test_figure_shows_every_quantity_with_its_correlation(laboratory, prepared):
    few = prepared.test.take(np.arange(40))
    terse = terse_values(untrained(laboratory, prepared), few).values
    observed = observables_of(laboratory.source, few, OBSERVABLES, seed=1)
    table = correlations(terse, few, observed, rng=generator(5, "terse"), replicates=20)
    figure = terse_figure(terse, few, observed, table)
    titles = [axes.get_title() for axes in figure.axes if axes.axison]
    assert len(titles) == 8 and all(title.startswith(r"$\rho = ") for title in titles)


def test_nv22_encoder_too(laboratory):
    prepared = prepare(laboratory, "standard", "nv22")
    network = build(Architecture.of("nv22"), prepared.scaler.layout)
    trained = Trained(network, prepared.scaler, None, TrainingPlan.of("nv22"), History(), laboratory.origin(1))
    few = prepared.test.take(np.arange(2))
    whole = raw_terse(trained, few)[:, 0]
    again = raw_terse(trained, few.take(np.array([1])))[:, 0]
    np.testing.assert_allclose(whole[few.size[0] :], again, atol=1e-6 * np.abs(whole).max())
