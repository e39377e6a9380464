"""Networks that are the exact posterior mean plus noise must pass; those that ignore the number of clusters fail."""

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from forecast.sampling.ensemble import MomentsPlan, sample_posteriors
from mlcheck.trust.count_response import Shift, cluster_order, response, surprise, thin


@pytest.fixture(scope="module")
def tested(laboratory):
    index = laboratory.split.test
    return laboratory.mocks(index), {c: laboratory.read(c).take(index) for c in ("standard", "shuffled", "ones")}


def test_every_case_finds_its_clusters(tested):
    mocks, cases = tested
    for name, catalogues in cases.items():
        order = cluster_order(catalogues, mocks)
        np.testing.assert_array_equal(np.sort(order), np.arange(len(order)))
        np.testing.assert_array_equal(mocks.row[order], catalogues.row)
        if name != "ones":
            for column, values in (("log_lx", mocks.log_lx), ("log_t", mocks.observables[:, 1])):
                ours = catalogues.features[:, catalogues.layout.names.index(column)]
                np.testing.assert_array_equal(ours, values[order].astype(np.float32))
    with pytest.raises(InputError, match="not the clusters of these catalogues"):
        cluster_order(cases["standard"], mocks.kept(np.arange(len(mocks.row)) > 0))


def test_the_same_clusters_are_kept_everywhere(tested):
    mocks, cases = tested
    thinned = {c: thin(catalogues, mocks, rng=np.random.default_rng(3)) for c, catalogues in cases.items()}
    size = thinned["standard"].mocks.size
    np.testing.assert_allclose(thinned["standard"].kept, size / mocks.size)
    share = thinned["standard"].kept
    assert (np.abs(share - 0.7) <= 0.1 + 0.5 / mocks.size).all()
    assert share.std() == pytest.approx(0.2 / np.sqrt(12), rel=5 / np.sqrt(2 * len(share)))
    for each in thinned.values():
        np.testing.assert_array_equal(each.catalogues.size, size)
        cluster_order(each.catalogues, each.mocks)
    kept = np.isin(mocks.log_yx, thinned["ones"].mocks.log_yx)
    assert np.corrcoef(kept, mocks.log_mass)[0, 1] == pytest.approx(0, abs=5 / np.sqrt(len(kept)))


@pytest.fixture(scope="module")
def posteriors(laboratory, tested):
    """Exact posteriors of whole and thinned catalogues, from two seeds: what is tested, and who plays the network."""
    mocks, cases = tested
    thinned = thin(cases["standard"], mocks, rng=np.random.default_rng(4))
    model = laboratory.source.model
    found = [
        [sample_posteriors(model, "unbinned", m, MomentsPlan(seed, draws=4000)) for m in (mocks, thinned.mocks)]
        for seed in (1, 2)
    ]
    return model, thinned, found


def test_the_exact_mean_with_noise_passes(posteriors):
    model, thinned, (exact, network) = posteriors
    rng = np.random.default_rng(5)
    chance = surprise(model, thinned.mocks, exact[1])
    noise = 0.004 * rng.standard_normal((2, len(chance)))
    mine = Shift(network[0].mean + noise[0], network[1].mean + noise[1])
    theirs = Shift(exact[0].halves, exact[1].halves)
    found = response("unbinned", mine, theirs, chance > 0.01, rng=rng)
    assert found.passes
    assert not found.still
    assert found.exact.value < -0.01
    assert found.catalogues + found.left_out == len(chance)
    assert abs(found.natural.deviation(1.0)) < 5
    deaf = Shift(mine.before, mine.before + noise[1])
    for wrong, still in ((deaf, True), (Shift(mine.before, mine.before + 0.7 * mine.change), False)):
        found = response("unbinned", wrong, theirs, chance > 0.01, rng=rng)
        assert not found.passes
        assert found.still is still


def test_surprise_is_the_chance_of_so_few_clusters(laboratory, tested, posteriors):
    """By Poisson draws from the posterior; thinning makes it smaller."""
    model, thinned, (exact, _) = posteriors
    chance, rng = surprise(model, thinned.mocks, exact[1]), np.random.default_rng(6)
    i = int(np.argsort(chance)[len(chance) // 2])
    draws = exact[1].of(i)
    theta = draws.theta[rng.choice(len(draws.theta), size=20_000, p=draws.weight)]
    fewer = rng.poisson(model.expected_count(theta)) <= thinned.mocks.size[i]
    assert fewer.mean() == pytest.approx(chance[i], abs=5 * np.sqrt(chance[i] / len(fewer)) + 1e-3)
    assert np.median(chance) < np.median(surprise(model, tested[0], exact[0]))


def synthetic(rng, size, slope=1.0, monte_carlo=0.006):
    """Shifts of exact means with Monte Carlo noise as large as their spread, and a network's with its own errors."""
    before = rng.uniform(0.72, 0.90, size)
    after = before - 0.02 + 0.006 * rng.standard_normal(size)
    errors = 0.005 * rng.standard_normal((2, size))
    network = Shift(before + errors[0], before + slope * (after - before) + errors[1])
    noise = monte_carlo * rng.standard_normal((2, 2, size))
    return network, Shift(before + noise[0], after + noise[1])


def test_false_alarms_are_as_claimed():
    rng, runs, alarms, slopes = np.random.default_rng(7), 150, 0, []
    for _ in range(runs):
        found = response("full", *synthetic(rng, 80), np.ones(80, dtype=bool), false_alarm=0.05, rng=rng)
        alarms += not found.passes
        slopes.append((found.slope.value - 1) / found.slope.error)
    assert alarms <= stats.binom.ppf(0.999, runs, 0.05)
    assert np.mean(slopes) == pytest.approx(0, abs=5 / np.sqrt(runs))
    assert np.std(slopes) == pytest.approx(1, abs=0.3)


def test_members_and_natural_slope():
    rng = np.random.default_rng(8)
    network, exact = synthetic(rng, 400, slope=0.9, monte_carlo=0.003)
    members = Shift(*(x + 0.001 * rng.standard_normal((3, 400)) for x in (network.before, network.after)))
    allowed = np.arange(400) > 20
    found = response("full", members, exact, allowed, rng=rng)
    assert (found.catalogues, found.left_out) == (379, 21)
    assert abs(found.slope.deviation(0.9)) < 5
    assert abs(found.natural.deviation(1.0)) < 5
    assert not found.passes
    assert 0 < found.seeds < 0.02
    difference = (members.change.mean(axis=0) - exact.change.mean(axis=0))[allowed]
    assert found.excess.value == pytest.approx(difference.mean())
    assert abs(found.excess.deviation(0.002)) < 5
    expected = np.hypot(0.005 * np.sqrt(2), 0.1 * 0.021)
    assert found.residual == pytest.approx(expected, rel=5 / np.sqrt(2 * 379))
    with pytest.raises(InputError, match="only 9 thinned catalogues can be compared"):
        response("full", network, exact, np.arange(400) < 9, rng=rng)


def test_noise_that_all_catalogues_share():
    """Exact shifts off by one factor in either half: no bootstrap over catalogues sees it."""
    rng = np.random.default_rng(10)
    network, exact = synthetic(rng, 300, monte_carlo=0.001)
    factor = np.array([[1.03], [0.97]])
    wrong = Shift(exact.before, exact.before + factor * exact.change)
    every = np.ones(300, dtype=bool)
    found = [response("counts", network, e, every, rng=rng) for e in (exact, wrong)]
    assert response("full", network, wrong, every, rng=rng).monte_carlo == 0
    assert found[0].monte_carlo < 0.01
    assert found[1].monte_carlo == pytest.approx(0.03, abs=0.01)
    assert found[1].threshold > 0.08
