"""Does a terse value carry sigma8 at fixed mass? Size, power, and the traps that give false alarms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.core.rng import generator
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from mlcheck.attribution.terse import terse_values
from mlcheck.data.catalogues import Catalogues
from mlcheck.data.dataset import Simulator
from mlcheck.data.layout import Layout
from mlcheck.networks.architectures import Architecture, build
from mlcheck.networks.laboratory import prepare
from mlcheck.networks.plan import TrainingPlan
from mlcheck.networks.saving import Trained
from mlcheck.networks.training import Task, train
from mlcheck.report.plots.terse import leak_figure
from mlcheck.trust.conditions import conditions_of, design
from mlcheck.trust.label_leakage import LeakPlan, Sums, leak, network_leak

QUICK = LeakPlan(permutations=199, false_alarms=0.05)


def universe(rng, catalogues=80, *, planted=0.0, matter=0.0, redshift=0.0):
    """Catalogues and terse values, curved in log M and in one normalisation, with that of L_X in the selection.

    sigma8 changes the number and the slope of the mass function. `planted` adds sigma8 itself (standardised, times the
    values' own scatter), `matter` a second parameter of the mass function, `redshift` a dependence on redshift, whose
    distribution depends on sigma8.
    """
    sigma8 = rng.uniform(0.7, 0.92, catalogues)
    norm_t, norm_lx = np.exp(rng.uniform(-0.25, 0.25, (2, catalogues)))
    om = rng.uniform(0.2, 0.4, catalogues)
    growth = sigma8 / 0.81 * (om / 0.3) ** (0.5 if matter else 0.0)
    size = rng.poisson(90 * (np.exp(8 - 8 / growth**2) if matter else growth**4)) + 2
    row = np.repeat(np.arange(catalogues), size)
    mass = 13.6 + rng.exponential(0.28 * growth[row] ** 2)
    z = np.clip(0.3 + 0.5 * (sigma8[row] - 0.81) + 0.1 * rng.standard_normal(len(row)), 0.01, None)
    kept = rng.random(len(row)) < np.minimum(1, norm_lx[row] * 10 ** (1.5 * (mass - 14.3)))
    kept |= np.arange(len(row)) == np.searchsorted(row, row)  # no empty catalogue
    row, mass, z = row[kept], mass[kept], z[kept]
    log_t = mass - 14 + np.log(norm_t[row]) + 0.1 * rng.standard_normal(len(row))
    values = np.tanh(1.5 * log_t) + matter * (om - 0.3)[row] + redshift * (z - 0.3)
    values += planted * 0.05 * ((sigma8 - 0.81) / 0.0635)[row]
    parameters = {"sigma8": sigma8, "norm_t": norm_t, "norm_lx": norm_lx}
    parameters |= {"Om0": om} if matter else {}
    layout = Layout("standard", ("log_t", "z") if redshift else ("log_t",), ("log_lx",))
    features = np.column_stack([log_t, z, mass] if redshift else [log_t, mass]).astype(np.float32)
    size = np.bincount(row, minlength=catalogues)
    return values, Catalogues(layout, features, size, np.arange(catalogues), parameters, mass)


def within_binomial(alarms, trials, rate, sigma=5.0):
    tail = stats.norm.sf(sigma)
    low, high = stats.binom.ppf([tail, 1 - tail], trials, rate)
    return low <= alarms <= high


def alarms(trials, plan=QUICK, seed=1, **changed):
    found = 0
    for i in range(trials):
        rng = generator(seed, "leak", i)
        values, catalogues = universe(rng, **changed)
        found += leak(values, catalogues, plan, rng=rng).caught
    return found


@pytest.mark.parametrize("nuisances", [True, False])
def test_false_alarms_are_as_rare_as_stated(nuisances):
    found = alarms(250, replace(QUICK, nuisances=nuisances))
    assert within_binomial(found, 250, QUICK.false_alarms), found


def test_bins_in_mass_and_permuted_clusters_would_give_false_alarms():
    bins, single = 0, 0
    for i in range(40):
        rng = generator(2, "leak", i)
        values, catalogues = universe(rng)
        edges = np.quantile(catalogues.log_mass, [0.2, 0.4, 0.6, 0.8])
        sums = Sums.of(values, catalogues, np.eye(5)[np.digitize(catalogues.log_mass, edges)])
        sigma8 = (catalogues.sigma8 - catalogues.sigma8.mean()) / catalogues.sigma8.std()
        null = sums.statistic(rng.permuted(np.tile(sigma8, (199, 1)), axis=1))
        bins += sums.statistic(sigma8[None])[0] > np.sort(null)[-10]
        plain = leak(values, catalogues, replace(QUICK, nuisances=False), rng=rng)
        single += abs(plain.correlation) * np.sqrt(plain.clusters) > 1.96  # the null of permuted clusters
    assert bins > 20 and single > 20


def test_a_leak_is_caught_and_its_size_is_found():
    assert alarms(40, planted=0.3) > 35
    values, catalogues = universe(generator(3, "leak"), 400, planted=0.3)
    found = leak(values, catalogues, rng=generator(3, "permutations"))
    assert found.caught and found.p_value == 0.001 and found.statistic > 2 * found.threshold
    assert "carries sigma8 at fixed log_m500, norm_t, norm_lx" in found.verdict
    assert found.correlation > 5 * found.correlation_error
    assert np.corrcoef(found.sigma8, found.residual)[0, 1] > 0.5


@pytest.mark.parametrize(("changed", "condition"), [({"matter": 3.0}, "Om0"), ({"redshift": 1.0}, "z")])
def test_what_moves_the_mass_function_and_the_observables_must_be_held_fixed(changed, condition):
    """Where clusters of one mass come from a range of redshifts, or Om varies too, honest values follow sigma8."""
    held, free = 0, 0
    for i in range(60):
        rng = generator(4, "leak", i)
        values, catalogues = universe(rng, 300, **changed)
        assert condition in conditions_of(catalogues)
        held += leak(values, catalogues, QUICK, rng=rng).caught
        narrow = replace(catalogues, parameters={n: x for n, x in catalogues.parameters.items() if n != "Om0"})
        if condition == "z":
            layout = Layout("standard", ("log_t",), ("log_lx",))
            narrow = replace(catalogues, layout=layout, features=catalogues.features[:, [0, 2]])
        free += leak(values, narrow, QUICK, rng=rng).caught
    assert within_binomial(held, 60, QUICK.false_alarms, sigma=4), held
    assert not within_binomial(free, 60, QUICK.false_alarms, sigma=4), free


def survey(name):
    """NV22's with Mmin following L_X, or a flux-limited cone in which L_X decides which clusters are seen."""
    setup = load_config("nv22" if name == "follows_lx" else "cccp_lowz").setup
    if name == "follows_lx":
        setup = replace(setup, selection=replace(setup.selection, min_mass_mode="follows_lx"))
    return forward_model(setup)


@pytest.mark.parametrize("name", ["follows_lx", "flux_limited"])
def test_selection_by_luminosity_makes_no_leak(name):
    model, caught, trials = survey(name), 0, 60
    for i in range(trials):
        rng = generator(12, name, i)
        theta = model.parameters.draw(100, rng=rng)
        mocks = draw_mocks(model, theta, rng=rng)
        filled = mocks.size > 0
        parameters = dict(zip(model.parameters.names, theta[filled].T, strict=True))
        features = np.column_stack([mocks.log_lx, mocks.log_yx, mocks.z]).astype(np.float32)
        layout = Layout("standard", ("log_lx", "log_yx", "z"), ())
        if name == "follows_lx":  # all at one redshift
            layout, features = Layout("standard", ("log_lx", "log_yx"), ()), features[:, :2]
        size = mocks.size[filled]
        catalogues = Catalogues(layout, features, size, np.arange(len(size)), parameters, mocks.log_mass)
        values = np.tanh(2 * (mocks.log_lx - 44)) + 0.5 * (mocks.log_yx - 13.5) ** 2
        caught += leak(values, catalogues, QUICK, rng=rng).caught
    assert within_binomial(caught, trials, QUICK.false_alarms, sigma=4), caught


def brute_force(values, catalogues, matrix, sigma8):
    """Statistic and partial correlation from residuals of ordinary least squares over all clusters."""
    row, mass = catalogues.row, catalogues.log_mass
    s = sigma8[row]

    def free(x):
        return x - matrix @ np.linalg.lstsq(matrix, x, rcond=None)[0]

    r = free(values)
    directions = [free(s), free(s**2), free(s * (mass - mass.mean()))]
    scores = np.array([[np.sum((r * d)[row == i]) for d in directions] for i in range(len(catalogues))])
    total = scores.sum(axis=0)
    return total @ np.linalg.solve(scores.T @ scores, total), np.corrcoef(r, directions[0])[0, 1]


def test_statistic_and_partial_correlation_are_those_of_least_squares_over_all_clusters():
    values, catalogues = universe(generator(5, "leak"), 60, planted=0.1)
    matrix = design(conditions_of(catalogues), catalogues, 4)
    sums = Sums.of(values, catalogues, matrix)
    sigma8 = (catalogues.sigma8 - catalogues.sigma8.mean()) / catalogues.sigma8.std()
    shuffled = generator(5, "order").permutation(sigma8)
    found = sums.statistic(np.stack([sigma8, shuffled]))
    expected = [brute_force(values, catalogues, matrix, x) for x in (sigma8, shuffled)]
    np.testing.assert_allclose(found, [x[0] for x in expected], rtol=1e-6)
    value, error = sums.correlation(sigma8)
    assert value == pytest.approx(expected[0][1], abs=1e-9)
    repeats = [
        Sums.of(v, c, design(conditions_of(c), c, 4)).correlation((c.sigma8 - c.sigma8.mean()) / c.sigma8.std())
        for v, c in (universe(generator(6, "leak", i), 60, planted=0.1) for i in range(200))
    ]
    spread = np.std([x[0] for x in repeats])
    assert np.mean([x[1] for x in repeats]) == pytest.approx(spread, rel=0.25)  # 5 x 5%
    assert 0.25 * spread < error < 4 * spread


def test_threshold_and_p_value_agree_and_scale_does_not_matter():
    caught = []
    for i in range(30):
        values, catalogues = universe(generator(7, "leak", i), planted=0.05)
        found = leak(values, catalogues, QUICK, rng=generator(7, "permutations", i))
        assert found.caught == (found.p_value <= QUICK.false_alarms + 1e-12)
        assert found.p_value == (1 + np.sum(found.null >= found.statistic)) / 200
        caught.append(found.caught)
        again = leak(7 - 40 * values, catalogues, QUICK, rng=generator(7, "permutations", i))
        assert again.statistic == pytest.approx(found.statistic, rel=1e-6)
        assert again.correlation == pytest.approx(-found.correlation, rel=1e-6)
    assert 0 < sum(caught) < 30


def test_wrong_input_is_refused():
    rng = generator(8, "leak")
    values, catalogues = universe(rng)
    with pytest.raises(
        InputError, match=r"99 permutations cannot give a false-alarm rate of 0\.001; take at least 999"
    ):
        LeakPlan(99, 0.001)
    with pytest.raises(InputError, match="at least 50 catalogues of different sigma8, got 20"):
        leak(values, catalogues.take(np.arange(20)), rng=rng)
    with pytest.raises(InputError, match="needs simulated catalogues"):
        leak(values, replace(catalogues, log_mass=np.full(len(values), np.nan)), rng=rng)
    with pytest.raises(InputError, match="needs simulated catalogues"):
        leak(values, replace(catalogues, parameters={}), rng=rng)


def alike(catalogues):
    """Catalogues that are padded to one length: steps are compiled once."""
    return catalogues.take(np.flatnonzero((catalogues.size > 96) & (catalogues.size <= 128)))


def briefly_trained(laboratory, prepared, seed, folder):
    plan = TrainingPlan.of("compact", epochs=6, batch=32, jit=False, seed=seed)
    network = build(Architecture.of("compact", seed=seed), prepared.scaler.layout, whitening=prepared.whitening)
    parts = (prepared.scaler, alike(prepared.train), alike(prepared.validate), "test", folder / f"{seed}.npz")
    history = train(Task(network, plan, *parts))
    return Trained(network, prepared.scaler, prepared.whitening, plan, history, laboratory.origin(seed))


@pytest.fixture(scope="module")
def honest(laboratory, prepared, tmp_path_factory):
    return briefly_trained(laboratory, prepared, 1, tmp_path_factory.mktemp("honest"))


def test_an_honest_network_passes_and_raises_few_false_alarms_on_fresh_suites(laboratory, prepared, honest):
    found = network_leak(honest, prepared.test, rng=generator(9, "leak"))
    assert not found.caught and "does not detectably carry" in found.verdict
    simulator, plan, caught = Simulator(laboratory.source, "standard", 77), LeakPlan(99, 0.10), 0
    for i in range(60):
        catalogues = simulator.draw(60, i)
        caught += network_leak(honest, catalogues, plan, rng=generator(9, "fresh", i)).caught
    assert within_binomial(caught, 60, plan.false_alarms, sigma=stats.norm.isf(0.005)), caught


@pytest.mark.slow
def test_overspecialised_networks_of_five_seeds_are_caught(laboratory, tmp_path):
    prepared = prepare(laboratory, "overspecialised", "compact")
    for seed in range(1, 6):
        trained = briefly_trained(laboratory, prepared, seed, tmp_path)
        found = network_leak(trained, prepared.test, rng=generator(10, "leak", seed))
        assert found.caught, found.verdict
    axes = leak_figure(found, "overspecialised").axes
    assert "overspecialised" in axes[0].get_title(loc="left") and axes[1].get_xscale() in ("log", "linear")


def test_features_that_bypass_the_terse_value_can_be_tested_too(laboratory):
    honest = laboratory.read("standard").take(laboratory.split.test)
    cheat = laboratory.read("overspecialised").take(laboratory.split.test)
    for catalogues, caught in ((honest, False), (cheat, True)):
        log_lx = catalogues.features[:, catalogues.layout.names.index("log_lx")]
        assert leak(log_lx, catalogues, rng=generator(11, "leak")).caught == caught


def test_terse_values_of_a_large_and_a_small_set_agree(honest, prepared):
    few = prepared.test.take(np.arange(60))
    whole, part = terse_values(honest, prepared.test), terse_values(honest, few)
    first = whole.values[: len(part.values)] * whole.scale + whole.mean
    np.testing.assert_allclose(first, part.values * part.scale + part.mean, atol=1e-4 * abs(whole.scale))
