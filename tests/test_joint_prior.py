"""Correlated and cut priors, against scipy.stats and brute force."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from forecast.api.posterior import Posterior as ApiPosterior
from forecast.config.digest import model_digest
from forecast.config.load import builtin_configs, load_config, parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.core.ties import Tie
from forecast.likelihoods.data import Data
from forecast.likelihoods.fisher import Fisher, fisher_matrix
from forecast.likelihoods.levels import at_level, likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.model.forward import forward_model
from forecast.report.narrative import parameter_rows
from forecast.sampling.mcmc import ChainPlan, run_chain
from forecast.sampling.proposal import Guide, Proposal, from_scores, to_scores
from forecast.suite.plan import SuitePlan, build_recipe

CORRELATION = np.array([[1.0, -0.6, 0.3], [-0.6, 1.0, 0.2], [0.3, 0.2, 1.0]])
SIGMA = np.array([0.1, 0.4, 0.2])
MEAN = np.array([np.log(1.1), -0.1, 0.0])
FREE = (
    Parameter("norm_lx", 1.1, Prior("lognormal", mean=1.1, std=0.1, log=True)),
    Parameter("sigma8", 0.81, Prior("flat", 0.6, 1.0)),
    Parameter("evolution_lx", -0.1, Prior("gaussian", mean=-0.1, std=0.4)),
    Parameter("slope_lx", 1.0, Prior("lognormal", mean=1.0, std=0.2, log=True)),
)
TIE = Tie(("norm_lx", "evolution_lx", "slope_lx"), tuple(map(tuple, CORRELATION.tolist())))
TIED = ParameterSet(FREE, ties=(TIE,))
PLACES = [0, 2, 3]


def joint(scale=1.0):
    """Of the natural coordinates, by scipy.stats."""
    return stats.multivariate_normal(MEAN, CORRELATION * np.outer(SIGMA * scale, SIGMA * scale))


def test_the_density_is_the_multivariate_normal_of_natural_coordinates():
    theta = TIED.draw(200, rng=np.random.default_rng(1))
    expected = joint().logpdf(TIED.to_coordinates(theta)[:, PLACES]) - np.log(theta[:, 0] * theta[:, 3]) - np.log(0.4)
    np.testing.assert_allclose(TIED.log_prior(theta), expected, rtol=1e-10)
    outside = np.array([[1.1, 0.5, 0.0, 1.0], [-1.0, 0.8, 0.0, 1.0], [0.0, 0.8, 0.0, -2.0]])
    assert np.all(np.isneginf(TIED.log_prior(outside)))


def test_draws_have_its_moments():
    x = TIED.to_coordinates(TIED.draw(100_000, rng=np.random.default_rng(2)))
    found = np.corrcoef(x[:, PLACES].T)
    np.testing.assert_allclose(found, CORRELATION, atol=5 * np.max(1 - CORRELATION**2) / np.sqrt(len(x)))
    np.testing.assert_allclose(x[:, PLACES].std(axis=0), SIGMA, rtol=5 / np.sqrt(2 * len(x)))
    np.testing.assert_allclose(x[:, PLACES].mean(axis=0), MEAN, atol=5 * 0.4 / np.sqrt(len(x)))
    assert stats.kstest(x[:, 1], stats.uniform(0.6, 0.4).cdf).pvalue > 1e-6


def test_the_transform_gives_each_parameter_given_those_before_it():
    """Against conditional normal distributions; its inverse, and the ends of the unit cube, which samplers may ask."""
    u = np.random.default_rng(3).random((50, 4))
    x = TIED.to_coordinates(TIED.quantile(u))[:, PLACES]
    covariance = CORRELATION * np.outer(SIGMA, SIGMA)
    for k in range(3):
        gain = np.linalg.solve(covariance[:k, :k], covariance[:k, k]) if k else np.zeros(0)
        mean = MEAN[k] + (x[:, :k] - MEAN[:k]) @ gain
        std = np.sqrt(covariance[k, k] - gain @ covariance[:k, k])
        np.testing.assert_allclose(x[:, k], stats.norm(mean, std).ppf(u[:, PLACES[k]]), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(TIED.prior.cumulative(TIED.quantile(u)), u, atol=1e-10)
    assert np.all(np.isfinite(TIED.quantile(np.array([[0.0, 0.0, 1.0, 0.0], [1.0] * 4]))))


def test_scores_are_standard_normal_and_the_proposal_knows_their_density():
    theta = TIED.draw(20_000, rng=np.random.default_rng(4))
    scores = to_scores(TIED, theta)
    np.testing.assert_allclose(np.cov(scores.T), np.eye(4), atol=5 * np.sqrt(2 / len(theta)))
    np.testing.assert_allclose(from_scores(TIED, scores), theta, rtol=1e-6)
    guide = Guide(TIED, Proposal(np.zeros(4), np.eye(4), 1e7))
    ratio = guide.log_density(theta[:50]) - TIED.log_prior(theta[:50])
    np.testing.assert_allclose(ratio, ratio[0], atol=1e-5)


def test_widening_keeps_correlations_and_leaving_out_is_marginalising():
    wide = TIED.widened(3.0, ("norm_", "evolution_", "slope_"))
    theta = wide.draw(100, rng=np.random.default_rng(5))
    expected = (
        joint(3.0).logpdf(wide.to_coordinates(theta)[:, PLACES]) - np.log(theta[:, 0] * theta[:, 3]) - np.log(0.4)
    )
    np.testing.assert_allclose(wide.log_prior(theta), expected, rtol=1e-10)
    left = TIED.without(["evolution_lx"])
    covariance = np.linalg.inv(left.prior_precision(["norm_lx", "slope_lx"]))
    np.testing.assert_allclose(covariance, (CORRELATION * np.outer(SIGMA, SIGMA))[np.ix_([0, 2], [0, 2])])
    assert TIED.without(["evolution_lx", "slope_lx"]).ties == ()


def test_fisher_adds_the_inverse_covariance():
    information = np.diag([30.0, 900.0, 5.0, 12.0]) + 3.0
    covariance = np.eye(4) * TIED.prior_std**2
    covariance[np.ix_(PLACES, PLACES)] = CORRELATION * np.outer(SIGMA, SIGMA)
    expected = np.linalg.inv(information + np.linalg.inv(covariance))
    np.testing.assert_allclose(Fisher(TIED, information).covariance, expected, rtol=1e-10)


def content(name="nv22", *, tie=None, **parameters):
    found = tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8"))
    found["parameters"] |= parameters
    return found | ({} if tie is None else {"prior_correlation": tie})


WIDTHS = {"norm_lx": {"lognormal": 0.1}, "slope_lx": {"lognormal": 0.1}}


def pair(correlation, **parameters):
    return {"parameters": ["norm_lx", "slope_lx"], "correlation": correlation, **parameters}


def test_a_chain_of_the_posterior_is_that_of_weighted_draws(tmp_path):
    """Moves of the sampler included: posterior mean, width and correlation by importance sampling."""
    model = forward_model(parse_config(content("nv22_follows_lx", tie=[pair(-0.8)], **WIDTHS)).setup)
    model = at_level(model, "counts")
    posterior = Posterior(likelihood("counts", model, Data.expected(model)))
    theta = model.parameters.draw(40_000, rng=np.random.default_rng(6))
    weight = np.exp(posterior.likelihood(theta) - posterior.likelihood(theta).max())
    plan = ChainPlan("counts", seed=1, walkers=64, block=250, max_steps=1500, path=tmp_path / "c.h5", fingerprint="x")
    chain = run_chain(posterior, plan)
    assert chain.converged
    names = [model.parameters.names.index(name) for name in ("sigma8", "norm_lx", "slope_lx")]
    mean, covariance = np.average(theta[:, names], axis=0, weights=weight), np.cov(theta[:, names].T, aweights=weight)
    size = 1 / (1 / chain.effective_size + np.sum(weight**2) / weight.sum() ** 2)
    drawn, std = chain.samples[:, names], np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=np.max(5 * std / np.sqrt(size)))
    np.testing.assert_allclose(drawn.std(axis=0), std, rtol=5 / np.sqrt(size))
    found, expected = np.corrcoef(drawn.T)[1, 2], covariance[1, 2] / (std[1] * std[2])
    assert expected < -0.5
    assert found == pytest.approx(expected, abs=5 / np.sqrt(size))


@pytest.mark.parametrize("level", ["counts", "unbinned"])
def test_more_prior_information_never_makes_sigma8_less_known(level):
    """Any narrower prior, in the sense of matrices: every width by a factor, or one parameter given the others."""
    setup = parse_config(content(tie=[pair(0.7)], **WIDTHS)).setup
    information = fisher_matrix(level, forward_model(setup)).information
    looser = setup.parameters.widened(2.0)
    cut = replace(setup.parameters.free[1], prior=replace(setup.parameters.free[1].prior, between=(0.9, 1.1)))
    tighter = ParameterSet((setup.parameters.free[0], cut, *setup.parameters.free[2:]), setup.parameters.fixed)
    free = replace(setup.parameters, ties=())
    found = [Fisher(one, information).std() for one in (looser, setup.parameters)]
    assert found[0] > found[1]
    assert Fisher(free, information).std() > Fisher(tighter, information).std()
    gain = np.linalg.inv(setup.parameters.prior.correlation) / np.outer(free.prior_std, free.prior_std)
    assert np.all(np.linalg.eigvalsh(gain) > 0)


def test_configurations_say_it_and_it_changes_the_digest_alone():
    plain = parse_config(content(**WIDTHS)).setup
    same = parse_config(content(tie=[pair(0.0)], **WIDTHS)).setup
    tied = parse_config(content(tie=[pair([[1.0, -0.5], [-0.5, 1.0]])], **WIDTHS)).setup
    assert tied == parse_config(content(tie=[pair(-0.5)], **WIDTHS)).setup
    assert len({model_digest(one) for one in (plain, same, tied)}) == 3
    assert plain.parameters.ties == ()
    assert "correlated with slope_lx (-0.50)" in next(
        row.prior for row in parameter_rows(tied.parameters) if row.name == "norm_lx"
    )
    assert load_config("nv22").setup.parameters.ties == ()


def test_a_suite_draws_correlated_parameters_and_its_grid_does_not_mind(tmp_path):
    ties = [{"parameters": ["slope_lx", "scatter_lx"], "correlation": 0.9}]
    widths = {"slope_lx": {"lognormal": 0.1}, "scatter_lx": {"lognormal": 0.1}}
    setup = parse_config(content(tie=ties, **widths)).setup
    for grid in (False, True):
        recipe = build_recipe(setup, 1, SuitePlan(grid=grid, shard_size=4968))
        theta = np.log(recipe.parameters(0)[:, [recipe.setup.parameters.names.index(n) for n in widths]])
        assert np.corrcoef(theta.T)[0, 1] == pytest.approx(0.9, abs=5 * 0.19 / np.sqrt(len(theta)))


def test_the_transform_for_nested_sampling_is_that_of_the_prior():
    setup = parse_config(content(tie=[pair(-0.8)], **WIDTHS)).setup
    model = forward_model(setup)
    posterior = ApiPosterior("counts", Posterior(likelihood("counts", model, Data.expected(model))))
    u = np.random.default_rng(7).random((4, len(posterior.names)))
    np.testing.assert_array_equal(posterior.prior_transform(u), setup.parameters.quantile(u))


FAULTS = [
    ({"tie": [pair(1.2)]}, "not those of any distribution"),
    ({"tie": [pair([[1.0, 0.5], [0.4, 1.0]])]}, "symmetric, with ones"),
    ({"tie": [pair([[1.0, 0.5, 0.1], [0.5, 1.0, 0.1]])]}, "matrix of 2 rows of 2 numbers"),
    ({"tie": [pair(0.5), pair(0.5)]}, "norm_lx is tied twice"),
    ({"tie": [{"parameters": ["norm_lx"], "correlation": [[1.0]]}]}, "two parameters or more"),
    ({"tie": [{"parameters": ["norm_lx", "slope_lx", "scatter_lx"], "correlation": 0.5}]}, "give a matrix"),
    ({"tie": [{"parameters": ["norm_lx", "sigma8"], "correlation": 0.5}]}, "the prior of sigma8 is flat"),
    ({"tie": [{"parameters": ["norm_lx", "slope_t"], "correlation": 0.5}]}, "slope_t is not free"),
    ({"tie": [{"parameters": ["norm_lx", "slope_l"], "correlation": 0.5}]}, "did you mean 'slope_lx'"),
    ({"tie": [pair(0.5)], "norm_lx": {"gaussian": 0.1}}, "norm_lx is gaussian; give it a lognormal"),
    ({"tie": [pair(0.5)], "norm_lx": {"lognormal": 0.1, "between": [0.9, 1.1]}}, "norm_lx is cut"),
    ({"norm_lx": {"flat": [0.9, 1.1], "between": [0.9, 1.1]}}, "between cuts a gaussian or lognormal prior"),
    ({"norm_lx": {"lognormal": 0.1, "between": [1.1, 0.9]}}, "needs low < high"),
    ({"norm_lx": {"lognormal": 0.1, "between": [1.1, 1.9]}}, "excludes the prior's own centre"),
    ({"norm_lx": {"lognormal": 0.1, "between": [-0.1, 1.9]}}, "positive values only"),
    ({"norm_lx": {"value": 1.0, "between": [0.9, 1.1]}}, "between cuts a gaussian or lognormal prior"),
]


@pytest.mark.parametrize(("changes", "words"), FAULTS, ids=[words for _, words in FAULTS])
def test_bad_input_is_one_line(changes, words):
    with pytest.raises(InputError, match=words) as error:
        _ = parse_config(content(**(WIDTHS | changes))).setup
    assert "\n" not in str(error.value)


CUT = [
    Prior("gaussian", mean=0.3, std=0.5, between=(0.0, 1.5)),
    Prior("gaussian", mean=1.0, std=0.3, log=True, between=(0.5, 1.2)),
    Prior("gaussian", mean=1.0, std=0.1, log=True, between=(0.0, 1.1)),
    Prior("lognormal", mean=1.2, std=0.3, log=True, between=(1.0, 2.0)),
    Prior("lognormal", mean=1.2, std=0.3, log=True, between=(0.0, 1.3)),
    Prior("lognormal", mean=1.2, std=0.3, log=True, between=(1.0, 2.0), widening=2.0),
]


def scipys(prior):
    """The uncut distribution, of x or ln x, between the ends; and how x becomes its coordinate."""
    low, high = prior.between
    if prior.kind == "gaussian":
        a, b = (np.array([low, high]) - prior.mean) / prior.std
        return stats.truncnorm(a, b, loc=prior.mean, scale=prior.std), lambda x: x
    a, b = (np.log(np.maximum([low, high], 1e-300)) - np.log(prior.mean)) / prior.std
    return stats.truncnorm(a, b, loc=np.log(prior.mean), scale=prior.std), np.log


@pytest.mark.parametrize("prior", [p for p in CUT if p.widening == 1], ids=str)
def test_a_cut_prior_is_that_of_scipy(prior):
    given, coordinate = scipys(prior)
    u = np.linspace(0.001, 0.999, 201)
    x = prior.quantile(u)
    jacobian = np.log(x) if coordinate is np.log else 0.0
    np.testing.assert_allclose(coordinate(x), given.ppf(u), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(prior.cumulative(x), u, atol=1e-12)
    np.testing.assert_allclose(prior.log_density(x), given.logpdf(coordinate(x)) - jacobian, rtol=1e-9, atol=1e-12)
    low, high = prior.bounds
    assert (low, high) == pytest.approx(prior.between)
    assert np.all(np.isneginf(prior.log_density(np.array([low - 0.01, high + 0.01]))))


@pytest.mark.parametrize("prior", CUT, ids=str)
def test_a_cut_prior_is_normalised_and_its_width_is_that_of_draws(prior):
    low, high = prior.bounds
    start = max(low, 1e-3) if prior.log else low
    total = integrate.quad(lambda x: np.exp(prior.log_density(x)), start, high, limit=200)[0]
    assert total == pytest.approx(1, abs=1e-6)
    draws = prior.quantile(np.random.default_rng(8).random(100_000))
    y = np.log(draws) if prior.log else draws
    mean, std = prior.coordinate_moments
    assert y.mean() == pytest.approx(mean, abs=5 * std / np.sqrt(len(y)))
    assert y.std() == pytest.approx(std, rel=5 / np.sqrt(len(y)))


def test_widening_stretches_a_cut_prior_with_its_ends():
    prior = CUT[3]
    wide, u = replace(prior, widening=4.0), np.linspace(0.01, 0.99, 25)
    centre = prior.coordinate_moments[0]
    np.testing.assert_allclose(np.log(wide.quantile(u)) - centre, 4 * (np.log(prior.quantile(u)) - centre), atol=1e-12)
    np.testing.assert_allclose(np.log(wide.bounds) - centre, 4 * (np.log(prior.bounds) - centre), atol=1e-12)


def test_ends_far_away_change_nothing():
    plain = Prior("lognormal", mean=1.2, std=0.1, log=True)
    cut = replace(plain, between=(0.1, 12.0))
    u = np.linspace(0.001, 0.999, 25)
    np.testing.assert_allclose(cut.quantile(u), plain.quantile(u), rtol=1e-12)
    np.testing.assert_allclose(cut.log_density(u + 0.7), plain.log_density(u + 0.7), rtol=1e-12)
    assert cut.coordinate_moments == pytest.approx(plain.coordinate_moments, rel=1e-9)
