"""Oracle: a brute-force simulation of boxes and light cones, written here from the equations."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.cosmology.mass_function import MassFunction
from forecast.forecasts.ladder import cone_variant, with_sample_variance
from forecast.model.forward import forward_model
from forecast.survey import geometry as survey
from forecast.survey.flux_limit import FluxLimited
from forecast.survey.geometry import LightCone
from forecast.survey.mass_cut import Smoothed


def draw_masses(cosmology, model, sigma8, z, volume, rng):
    """Masses above 10^12.3 in `volume` at one redshift, by inverting the cumulative mass function."""
    grid = np.linspace(12.3, 15.9, 1801)
    density = MassFunction(cosmology, model, [z], grid)(sigma8)[0, 0] * volume
    cumulative = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
    n = rng.poisson(cumulative[-1])
    return np.interp(rng.random(n) * cumulative[-1], cumulative, grid)


def simulate_box(setup, theta, copies, rng):
    """log M, log YX of clusters selected by Sharp in `copies` boxes; parameters by name."""
    v = setup.parameters.values(theta)
    r, sharp = setup.relations, setup.selection
    m = draw_masses(setup.cosmology, setup.mass_function, float(v.sigma8[0]), 0.07, copies * 0.5 * 352**3, rng)
    alpha = r.lx.slope
    shift = [
        14.4 + (alpha * (x - 14.4) - np.log10(v.norm_lx[0])) / (alpha * v.slope_lx[0])
        for x in (sharp.log_break, sharp.log_min)
    ]
    mbreak, mmin = shift[0], shift[1] if sharp.min_mass_mode == "follows_lx" else sharp.log_min
    keep = (m > mmin) & (rng.random(len(m)) < 10 ** (2.4 * np.minimum(m - mbreak, 0)))
    m = m[keep]
    st, sg = r.t.scatter * v.scatter_t[0], r.mgas.scatter * v.scatter_mgas[0]
    dt, dg = rng.multivariate_normal([0, 0], [[st**2, r.t_mgas * st * sg], [r.t_mgas * st * sg, sg**2]], len(m)).T
    t = r.t.log_norm + np.log10(v.norm_t[0]) + r.t.slope * (m - 14.4) + dt
    g = r.mgas.log_norm + np.log10(v.norm_mgas[0]) + r.mgas.slope * (m - 14.4) + dg
    return m, t + g


def check_distribution(values, density, grid, expected, copies):
    """Number within 5 sigma of expected, shape by Kolmogorov-Smirnov."""
    assert abs(len(values) - copies * expected) < 5 * np.sqrt(copies * expected)
    cdf = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
    assert stats.kstest(values, lambda x: np.interp(x, grid, cdf / cdf[-1])).pvalue > 1e-6


@pytest.mark.parametrize("mode", ["fixed", "follows_lx"])
def test_box_against_brute_force(nv22, mode):
    setup = replace(nv22.setup, selection=nv22.setup.selection.with_min_mass(mode))
    model, copies = forward_model(setup), 1000
    theta = setup.parameters.draw(1, rng=np.random.default_rng(5))
    mass, yx = simulate_box(setup, theta, copies, np.random.default_rng(6))
    count = model.expected_count(theta)[0]
    grid = np.linspace(12.8, 15.9, 4001)
    check_distribution(mass, model.mass_density(theta, grid)[0], grid, count, copies)
    grid = np.linspace(yx.min() - 0.2, yx.max() + 0.2, 2001)
    check_distribution(yx, model.yx_density(theta, grid)[0], grid, count, copies)


def simulate_cone(setup, copies, rng):
    """log M, log LX, log YX, log growth of a flux-limited cone at fiducial parameters, cluster by cluster."""
    r, c, geometry = setup.relations, setup.cosmology, setup.geometry
    edges = np.linspace(geometry.zmin, geometry.zmax, 61)
    z, m = [], []
    for low, high in itertools.pairwise(edges):
        middle = 0.5 * (low + high)
        volume = copies * c.comoving_volume(geometry.area, low, high)
        masses = draw_masses(c, setup.mass_function, setup.parameters.fiducial_values.sigma8, middle, volume, rng)
        radius = np.cbrt(rng.uniform(*(c.comoving_distance(np.array([low, high])) ** 3), len(masses)))
        table = np.linspace(low, high, 50)
        z.append(np.interp(radius, c.comoving_distance(table), table))
        m.append(masses)
    z, m = np.concatenate(z), np.concatenate(m)
    sigma = np.array([r.lx.scatter, r.t.scatter, r.mgas.scatter])
    rho = np.array([[1, r.lx_t, r.lx_mgas], [r.lx_t, 1, r.t_mgas], [r.lx_mgas, r.t_mgas, 1]])
    d = rng.multivariate_normal(np.zeros(3), rho * np.outer(sigma, sigma), len(m))
    growth = np.log10(c.efunc(z) / c.efunc(0.07))
    lx, t, g = (
        law.log_norm + law.slope * (m - 14.4) + law.evolution * growth + d[:, i]
        for i, law in enumerate((r.lx, r.t, r.mgas))
    )
    lx = lx + setup.selection.flux_error * rng.standard_normal(len(lx))  # what is measured, and selected on
    distance = c.luminosity_distance(z) / c.h * 3.0856775814913673e24
    flux = 10**lx / (4 * np.pi * distance**2 * (1 + z) ** setup.selection.k_slope)
    seen = flux > setup.selection.flux_limit
    return m[seen], lx[seen], (t + g)[seen], growth[seen]


@pytest.mark.parametrize("flux_error", [0.0, 0.15])
def test_flux_limited_cone_against_brute_force(nv22, flux_error):
    setup = cone_variant(nv22.setup)
    setup = replace(setup, selection=replace(setup.selection, flux_error=flux_error))
    model, copies = forward_model(setup), 100
    mass, lx, yx, _ = simulate_cone(setup, copies, np.random.default_rng(7))
    theta = setup.parameters.fiducial[None]
    count = model.expected_count(theta)[0]
    for values, density in ((mass, model.mass_density), (lx, model.lx_density), (yx, model.yx_density)):
        grid = np.linspace(values.min() - 0.1, values.max() + 0.1, 3001)
        check_distribution(values, density(theta, grid)[0], grid, count, copies)


def test_malmquist_bias_of_correlated_residuals(nv22):
    """Selected clusters have a higher Y_X than the relation at their mass, if residuals correlate."""
    setup = cone_variant(nv22.setup)
    mass, _, yx, growth = simulate_cone(setup, 150, np.random.default_rng(8))
    line = setup.relations.at(setup.parameters.fiducial_values).yx
    residual = yx - (line.log_norm + line.slope * (mass - 14.4) + line.evolution * growth)
    assert residual[mass < 14].mean() > 5 * residual.std() / np.sqrt((mass < 14).sum())
    independent = replace(setup.relations, lx_t=0.0, lx_mgas=0.0)
    other = forward_model(replace(setup, relations=independent))
    grid = np.linspace(yx.min() - 0.1, yx.max() + 0.1, 2001)
    density = other.yx_density(setup.parameters.fiducial[None], grid)[0]
    cdf = np.cumsum(density) / density.sum()
    assert stats.kstest(yx, lambda x: np.interp(x, grid, cdf)).pvalue < 1e-6  # ignoring it is detectable


def test_effective_volume_slope_of_a_euclidean_cone(nv22, monkeypatch):
    """As zmin -> 0 the selected volume goes as M^(1.5 alpha_L) well below the break (NV22 2.1.1)."""
    monkeypatch.setattr(survey, "CONE_NODES", 200)  # resolve the few clusters at z < 0.01
    setup = cone_variant(nv22.setup)
    geometry = LightCone(setup.geometry.area, 0.0, setup.geometry.zmax)
    relations = replace(setup.relations, lx=replace(setup.relations.lx, evolution=0.0))
    euclid = replace(setup, geometry=geometry, relations=relations, selection=replace(setup.selection, k_slope=0.0))
    model = forward_model(euclid)
    theta = setup.parameters.fiducial[None]
    m = np.array([12.5, 12.6])
    visible = model.mass_density(theta, m)[0]
    unselected = MassFunction(setup.cosmology, setup.mass_function, [0.0], m)(0.81)[0, 0]
    slope = np.diff(np.log10(visible / unselected))[0] / 0.1
    assert slope == pytest.approx(1.5 * 1.74, rel=0.05)
    # with zmin > 0 it is steeper: without scatter 1.5 alpha_L z^3 / (z^3 - zmin^3) at the limiting z
    far = cone_variant(replace(nv22.setup, selection=nv22.setup.selection.with_break(14.4)))
    m = np.array([13.55, 13.65])
    visible = forward_model(far).mass_density(theta, m)[0]
    unselected = MassFunction(setup.cosmology, setup.mass_function, [0.0], m)(0.81)[0, 0]
    reach = 0.07 * 10 ** (0.5 * 1.74 * (13.6 - 14.4))
    steeper = 1.5 * 1.74 * reach**3 / (reach**3 - 0.01**3)
    assert 1.2 * 1.5 * 1.74 < np.diff(np.log10(visible / unselected))[0] / 0.1 < steeper


def test_densities_integrate_to_the_count(nv22, cccp):
    rng = np.random.default_rng(1)
    for setup in (nv22.setup, replace(nv22.setup, selection=Smoothed(nv22.setup.selection)), cccp.setup):
        model = forward_model(setup)
        theta = setup.parameters.draw(6, rng=rng)
        count = model.expected_count(theta)
        mass = np.linspace(12.0, 15.9, 20_001)
        np.testing.assert_allclose(np.trapezoid(model.mass_density(theta, mass), mass), count, rtol=2e-3)
        yx = np.linspace(model.yx_grid[0] - 0.5, model.yx_grid[-1] + 0.5, 500)
        np.testing.assert_allclose(np.trapezoid(model.yx_density(theta, yx), yx), count, rtol=2e-4)
        lx = np.linspace(39.5, 47, 2001)
        np.testing.assert_allclose(np.trapezoid(model.lx_density(theta, lx), lx), count, rtol=5e-3)


def test_measurement_errors_broaden_and_keep_the_count(nv22, cccp):
    for setup in (nv22.setup, cccp.setup):
        model, theta = forward_model(setup), setup.parameters.fiducial[None]
        grid = np.linspace(model.yx_grid[0] - 1, model.yx_grid[-1] + 1, 1500)
        sharp, blurred = model.yx_density(theta, grid)[0], model.yx_density(theta, grid, 0.1)[0]
        step = grid[1] - grid[0]
        kernel = np.exp(-0.5 * (step * np.arange(-300, 301) / 0.1) ** 2)
        np.testing.assert_allclose(
            blurred, np.convolve(sharp, kernel / kernel.sum(), "same"), atol=2e-4 * blurred.max()
        )


def test_sample_variance_keeps_the_mean_and_has_the_right_rms(nv22):
    setup = with_sample_variance(nv22.setup, True)
    model = forward_model(setup)
    g = np.random.default_rng(3).standard_normal(20_000)
    theta = np.repeat(setup.parameters.fiducial[None], len(g), axis=0)
    theta[:, -1] = g
    count = model.expected_count(theta)
    plain = forward_model(nv22.setup).expected_count(nv22.setup.parameters.fiducial[None])[0]
    assert count.mean() == pytest.approx(plain, abs=5 * count.std() / np.sqrt(len(g)))
    assert count.std() / count.mean() == pytest.approx(0.107, abs=0.01)  # b = 3.3, sigma_V = 0.032


def test_redshift_quadrature_has_converged(cccp, monkeypatch):
    theta = cccp.setup.parameters.draw(20, rng=np.random.default_rng(2))
    grid = np.linspace(13.0, 15.2, 30)
    coarse_model = forward_model(cccp.setup)
    coarse = coarse_model.expected_count(theta), coarse_model.yx_density(theta, grid)
    monkeypatch.setattr(survey, "CONE_NODES", 60)
    fine_model = forward_model(cccp.setup)
    fine = fine_model.expected_count(theta), fine_model.yx_density(theta, grid)
    np.testing.assert_allclose(coarse[0], fine[0], rtol=1e-4)
    np.testing.assert_allclose(coarse[1], fine[1], rtol=3e-4, atol=1e-6)


def test_a_batch_equals_its_members(nv22, cccp):
    for setup in (nv22.setup, cccp.setup):
        model = forward_model(setup)
        theta = setup.parameters.draw(70, rng=np.random.default_rng(4))
        grid = model.yx_grid[::9]
        together = model.yx_density(theta, grid)
        for i in (0, 33, 69):
            np.testing.assert_allclose(together[i], model.yx_density(theta[i : i + 1], grid)[0], rtol=1e-10)


@pytest.mark.parametrize(
    ("sigma8", "k_correction", "count"),
    [(0.80, "none", 44), (0.85, "none", 68), (0.80, "power_law", 47), (0.85, "power_law", 73)],
)
def test_expected_number_of_cccp_clusters(cccp, sigma8, k_correction, count):
    """Om = 0.25, h = 0.72, tinker08, z < 0.25 (docs/model.md); the reference numbers are rounded."""
    plain = with_sample_variance(cccp.setup, False)
    setup = replace(plain, selection=FluxLimited(1.3e-11, k_correction))
    theta = setup.parameters.fiducial[None].copy()
    theta[0, setup.parameters.names.index("sigma8")] = sigma8
    assert forward_model(setup).expected_count(theta)[0] == pytest.approx(count, abs=0.5 + 0.01 * count)
