import numpy as np
import pytest
from scipy import integrate, stats

from benchmarks.priors import frozen
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior

PRIORS = [
    Prior("flat", 0.8, 1.3, log=True),
    Prior("flat", 0.8, 1.3, log=True, widening=10),
    Prior("flat", 0.7, 0.92),
    Prior("flat", 0.7, 0.92, widening=2),
    Prior("gaussian", mean=0.0, std=1.0),
    Prior("gaussian", mean=1.0, std=0.2, log=True),
    Prior("gaussian", mean=1.0, std=0.2, log=True, widening=3),
    Prior("lognormal", mean=1.0, std=0.3, log=True),
    Prior("lognormal", mean=2.0, std=0.1, log=True, widening=4),
]


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_density_is_normalised_and_matches_draws(prior):
    low, high = prior.quantile(np.array([1e-12, 1 - 1e-12]))
    if prior.log:
        total = integrate.quad(
            lambda y: np.exp(prior.log_density(np.exp(y)) + y), np.log(low), np.log(high), limit=200
        )[0]
    else:
        total = integrate.quad(lambda x: np.exp(prior.log_density(x)), low, high, limit=200)[0]
    assert total == pytest.approx(1, abs=1e-5)
    draws = prior.quantile(np.random.default_rng(1).random(20_000))
    grid = np.geomspace(low, high, 20_001) if prior.log else np.linspace(low, high, 20_001)
    cdf = integrate.cumulative_trapezoid(np.exp(prior.log_density(grid)), grid, initial=0)
    assert stats.kstest(draws, lambda x: np.interp(x, grid, cdf)).pvalue > 1e-6


@pytest.mark.parametrize("prior", [p for p in PRIORS if p.widening == 1], ids=str)
def test_it_is_the_distribution_of_scipy(prior):
    given = frozen(prior)
    u = np.linspace(0.001, 0.999, 401)
    x = given.ppf(u)
    np.testing.assert_allclose(prior.quantile(u), x, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(prior.cumulative(x), given.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(prior.log_density(x), given.logpdf(x), rtol=1e-12, atol=1e-12)
    beyond = np.array([-0.1, 1.4]) if prior.kind == "flat" else np.array([-0.1]) if prior.log else np.array([])
    assert np.all(np.isneginf(prior.log_density(beyond)))


@pytest.mark.parametrize("prior", PRIORS[:5] + PRIORS[7:], ids=str)
def test_coordinate_moments_match_draws(prior):
    draws = prior.quantile(np.random.default_rng(2).random(200_000))
    y = np.log(draws) if prior.log else draws
    mean, std = prior.coordinate_moments
    assert y.std() == pytest.approx(std, rel=5 * 1.0 / np.sqrt(len(y)))
    assert y.mean() == pytest.approx(mean, abs=5 * std / np.sqrt(len(y)))


def test_widening_stretches_log_b_exactly():
    narrow = PRIORS[0]
    wide = PRIORS[1]
    u = np.linspace(0.01, 0.99, 21)
    centre = narrow.coordinate_moments[0]
    np.testing.assert_allclose(
        np.log(wide.quantile(u)) - centre, 10 * (np.log(narrow.quantile(u)) - centre), rtol=1e-12
    )


def test_prior_widths_of_nv22():
    """Of a uniform density, 0.22 / sqrt(12); of one uniform in ln b over 0.8-1.3, by its moments."""
    assert Prior("flat", 0.70, 0.92).coordinate_moments[1] == pytest.approx(0.0635, abs=1e-4)
    draws = PRIORS[0].quantile(np.linspace(0, 1, 100_001))
    assert draws.std() == pytest.approx(0.144, abs=1e-3)


def test_vector_and_names_round_trip(nv22):
    parameters = nv22.setup.parameters
    theta = parameters.draw(5, rng=np.random.default_rng(1))
    values = parameters.values(theta)
    np.testing.assert_array_equal(values.slope_lx, theta[:, parameters.names.index("slope_lx")])
    assert values.norm_yx == 1.0
    np.testing.assert_allclose(parameters.from_coordinates(parameters.to_coordinates(theta)), theta, rtol=1e-14)
    assert np.isfinite(parameters.log_prior(theta)).all()
    one_by_one = [p.prior.log_density(theta[:, i]) for i, p in enumerate(parameters.free)]
    np.testing.assert_allclose(parameters.log_prior(theta), np.sum(one_by_one, axis=0), rtol=1e-12)
    wide = parameters.widened(3.0)
    one_by_one = [p.prior.log_density(theta[:, i]) for i, p in enumerate(wide.free)]
    np.testing.assert_allclose(wide.log_prior(theta), np.sum(one_by_one, axis=0), rtol=1e-12)
    theta[0, 0] = 0.69
    assert parameters.log_prior(theta)[0] == -np.inf


def test_errors():
    with pytest.raises(InputError, match=r"excludes the fiducial value 0\.81"):
        Parameter("sigma8", 0.81, Prior("flat", 0.9, 1.0))
    with pytest.raises(InputError, match="did you mean 'sigma8'"):
        Parameter("sigma_8", 0.81, Prior("flat", 0.7, 1.0))
    with pytest.raises(InputError, match="low < high"):
        Prior("flat", 1.0, 0.5)
    with pytest.raises(InputError, match="std > 0"):
        Prior("gaussian", std=0.0)
    p = Parameter("sigma8", 0.81, Prior("flat", 0.7, 1.0))
    with pytest.raises(InputError, match="free twice"):
        ParameterSet((p, p))
