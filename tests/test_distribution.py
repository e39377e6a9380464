"""Oracle: medians of simulated catalogues, and dense quadrature."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from forecast.model.yx_distribution import (
    LocalDistribution,
    TabulatedDistribution,
    draw_medians,
    log_median_density,
    reaching,
)

COMPONENTS = (np.array([13.2, 13.6, 14.3]), np.array([0.5, 0.3, 0.2]), 0.12)


def mixture(y):
    mean, weight, scatter = COMPONENTS
    return (weight * stats.norm.pdf(np.asarray(y)[..., None], mean, scatter)).sum(axis=-1)


def draw(shape, rng):
    mean, weight, scatter = COMPONENTS
    return rng.choice(mean, size=shape, p=weight) + scatter * rng.standard_normal(shape)


def distribution(y, size):
    mean, weight, scatter = COMPONENTS
    if size >= LocalDistribution.MIN_SIZE:
        return LocalDistribution.from_mixtures(y, [(mean[None], 100 * weight[None], np.array([[scatter]]))])
    grid = np.linspace(12.3, 15.2, 120)
    return TabulatedDistribution.from_density(grid, 100 * mixture(grid)[None])


def median_density(y, size):
    return float(np.exp(log_median_density(distribution(y, size), y, size))[0])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 20, 21, 29, 30, 31, 124, 125, 2000])
def test_median_density_against_simulated_catalogues(size):
    catalogues = 100_000 if size < 200 else 4000
    rng = np.random.default_rng(size)
    medians = np.concatenate([np.median(draw((chunk, size), rng), axis=1) for chunk in np.full(10, catalogues // 10)])
    width = medians.std()
    grid = np.linspace(medians.min() - width, medians.max() + width, 801)
    density = np.array([median_density(y, size) for y in grid])
    cdf = integrate.cumulative_simpson(density, x=grid, initial=0)
    assert cdf[-1] == pytest.approx(1, abs=2e-3)
    assert stats.kstest(medians, lambda y: np.interp(y, grid, cdf / cdf[-1])).pvalue > 1e-6


def test_the_odd_formula_is_wrong_for_few_even_clusters():
    """Why the even case needs its own density."""
    rng = np.random.default_rng(1)
    medians = np.median(draw((100_000, 4), rng), axis=1)
    grid = np.linspace(12.5, 15, 801)
    p, F = mixture(grid), integrate.cumulative_simpson(mixture(grid), x=grid, initial=0)
    naive = (F * (1 - F)).clip(0) ** 1.5 * p
    cdf = integrate.cumulative_simpson(naive, x=grid, initial=0)
    assert stats.kstest(medians, lambda y: np.interp(y, grid, cdf / cdf[-1])).pvalue < 1e-6


@pytest.mark.parametrize("size", [2, 30, 124])
def test_even_density_against_dense_quadrature(size):
    from scipy.special import gammaln

    n = size // 2
    for y in (13.3, 13.45, 13.6):
        mean, weight, scatter = COMPONENTS

        def cdf(x, mean=mean, weight=weight, scatter=scatter):
            return (weight * stats.norm.cdf(np.asarray(x)[..., None], mean, scatter)).sum(axis=-1)

        t = np.linspace(0, 1.5, 400_001)
        integrand = (cdf(y - t) * (1 - cdf(y + t))) ** (n - 1) * mixture(y - t) * mixture(y + t)
        exact = 2 * np.exp(gammaln(size + 1) - 2 * gammaln(n)) * integrate.simpson(integrand, x=t)
        assert median_density(y, size) == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("size", [5, 12])
@pytest.mark.parametrize("sigmas", [-7.9, -5, 5, 7.9, 9])
def test_medians_far_out_on_either_side(size, sigmas):
    """Beyond the nodes too, and where 1 - F is lost in rounding; against quadrature with scipy's tails."""
    nodes = np.linspace(-8, 8, 321)
    grid = reaching(nodes, sigmas)
    assert grid[0] < min(-8, sigmas - 0.3) + 1e-9 and grid[-1] > max(8, sigmas + 0.3) - 1e-9
    np.testing.assert_allclose(np.diff(grid), 0.05)
    table = TabulatedDistribution.from_density(grid, 100 * stats.norm.pdf(grid)[None])
    found = log_median_density(table, sigmas, size)[0]
    n, side = size // 2, abs(sigmas)
    norm = special.gammaln(size + 1) - 2 * special.gammaln(n + size % 2)
    if size % 2:
        expected = norm + n * (stats.norm.logcdf(side) + stats.norm.logsf(side)) + stats.norm.logpdf(side)
    else:
        t = np.linspace(0, side, 100_001)
        log = (n - 1) * (stats.norm.logcdf(side - t) + stats.norm.logsf(side + t))
        log += stats.norm.logpdf(side - t) + stats.norm.logpdf(side + t)
        expected = norm + np.log(2 * integrate.simpson(np.exp(log - log.max()), x=t)) + log.max()
    assert found == pytest.approx(expected, rel=0.02)


def test_part_of_a_table_has_its_values():
    grid = np.linspace(12.3, 15.2, 120)
    table = TabulatedDistribution.from_density(grid, np.outer([1.0, 2.0, 3.0], mixture(grid)))
    part, y = table.part(np.array([2, 0]), 30, 60), np.linspace(grid[30], grid[60], 50)
    for name in ("pdf", "cdf", "sf"):
        np.testing.assert_allclose(getattr(part, name)(y), getattr(table, name)(y)[[2, 0]], rtol=1e-12)
    np.testing.assert_allclose(table.sf(y), 1 - table.cdf(y), atol=1e-12)


def test_densities_that_vanish_have_finite_logarithms():
    grid = np.linspace(0, 40, 200)
    table = TabulatedDistribution.from_density(grid, np.stack([stats.norm.pdf(grid, 1.0, 0.2), np.zeros(200)]))
    for size in (1, 2, 4, 9):
        assert np.isfinite(log_median_density(table, 20.0, size)).all()


def test_local_expansion_equals_the_mixture():
    local = distribution(13.4, 124)
    y = 13.4 + np.linspace(-0.05, 0.05, 11)
    np.testing.assert_allclose(local.pdf(y)[0], mixture(y), rtol=2e-3)
    exact = [integrate.quad(mixture, 12, x)[0] for x in y]
    np.testing.assert_allclose(local.cdf(y)[0], exact, rtol=1e-4)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 400, 401])
def test_drawn_medians_are_medians_of_draws(size):
    """Against medians of clusters drawn one by one (Kolmogorov-Smirnov)."""
    grid, copies = np.linspace(-1.0, 1.0, 80), 4000
    shape = np.exp(-0.5 * (grid / 0.25) ** 2) * (1.2 + np.sin(3 * grid))
    table = TabulatedDistribution.from_density(grid, np.repeat(shape[None], copies, axis=0))
    rng = np.random.default_rng(6)
    found = draw_medians(table, np.full(copies, size), rng=rng)
    if size == 0:
        assert np.isnan(found).all()
        return
    fine = np.linspace(-1, 1, 200_001)
    cdf = np.cumsum(np.exp(-0.5 * (fine / 0.25) ** 2) * (1.2 + np.sin(3 * fine)))
    expected = np.median(np.interp(rng.random((copies, size)), cdf / cdf[-1], fine), axis=1)
    assert stats.ks_2samp(found, expected).pvalue > 1e-4
