"""Gas profiles: equal to the observed ones they come from, exact masses at R500, and fast."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from scipy import integrate

from forecast.core.errors import InputError
from forecast.relations.gas_profiles import (
    RADII,
    DensityProfile,
    GasProfiles,
    gas_mass,
    load_profiles,
    log_mass_within,
    principal_factor,
    shell_coordinates,
)
from forecast.relations.library_fit import rexcess, rexcess_core, rexcess_profiles, shipped_profiles


def beta_model(radius):
    """n_e = 0.01 (1 + (r / 0.2)^2)^-1, cm^-3."""
    return 0.01 / (1 + (radius / 0.2) ** 2)


def beta_profile(last):
    radius = np.geomspace(0.005, last, 90)
    return DensityProfile(radius, beta_model(radius), 0.03 * beta_model(radius))


@pytest.fixture(scope="module")
def gas():
    return load_profiles()


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return standin.write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def observed(tables):
    """Profiles of the stand-in's clusters, and their core residuals."""
    _, core = rexcess_core(tables)
    return rexcess_profiles(tables), core - core.mean()


@pytest.fixture(scope="module")
def fitted(tables):
    content = shipped_profiles(tables)
    return GasProfiles(**content)


def test_radii():
    np.testing.assert_allclose(RADII[[0, 6]], [0.1, 1.4])
    np.testing.assert_allclose(np.diff(np.log(RADII)), np.log(14) / 6)


def test_mass_and_slope_of_a_beta_model():
    profile = beta_profile(2.0)
    for radius, mass in zip(RADII, profile.mass(RADII), strict=True):
        exact, _ = integrate.quad(lambda r: 4 * np.pi * r**2 * beta_model(r), 0, radius)
        assert mass == pytest.approx(exact, rel=1e-3)
    exact = -2 * (RADII / 0.2) ** 2 / (1 + (RADII / 0.2) ** 2)
    np.testing.assert_allclose(profile.slope(RADII), exact, atol=0.06)
    assert not profile.ends_before(RADII).any()


def test_a_short_profile_is_continued_with_its_outer_slope():
    profile = beta_profile(0.8)
    assert profile.ends_before(RADII).tolist() == [False] * 5 + [True] * 2
    slope = profile.outer_slope
    np.testing.assert_allclose(profile.slope(RADII)[5:], slope)
    assert -1.9 < slope < -1.7
    beyond, _ = integrate.quad(lambda r: 4 * np.pi * r**2 * beta_model(0.8) * (r / 0.8) ** slope, 0.8, 1.4)
    inside, whole = profile.mass(np.array([0.8, 1.4]))
    assert whole - inside == pytest.approx(beyond, rel=2e-3)


def test_bad_profiles_are_refused():
    good = beta_profile(1.0)
    for bad in ({"radius": good.radius[::-1]}, {"density": -good.density}, {"error": 0 * good.error}):
        with pytest.raises(InputError, match="increasing radii, and positive densities"):
            replace(good, **bad)


def test_shell_coordinates_have_an_inverse():
    mass = np.array([beta_profile(last).mass(np.append(RADII, 1.0)) for last in (0.7, 1.0, 2.0)])
    again = log_mass_within(shell_coordinates(mass[:, :7], mass[:, 7]))
    np.testing.assert_allclose(again, np.log10(mass[:, :7] / mass[:, 7:]), atol=1e-12)


def test_a_principal_factor_keeps_the_diagonal_and_most_of_the_rest():
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(6, 3))
    covariance = mixing @ mixing.T + 1e-6 * np.eye(6)
    factor = principal_factor(covariance)
    assert factor.shape[1] <= 3
    np.testing.assert_allclose(np.diag(factor @ factor.T), np.diag(covariance), rtol=1e-12)
    scale = np.sqrt(np.diag(covariance))
    assert np.abs((factor @ factor.T - covariance) / np.outer(scale, scale)).max() < 0.03


def test_drawn_masses_increase_and_are_exact_at_r500(gas):
    rng = np.random.default_rng(2)
    n = 200_000
    core, log_mgas500 = rng.normal(0, 0.3, n), rng.uniform(12, 14.5, n)  # core: three times as wide as observed
    log_mgas, slope = gas.draw(log_mgas500, core, rng=rng)
    assert log_mgas.shape == slope.shape == (n, 7)
    assert np.all(np.diff(log_mgas, axis=1) > 0)
    assert np.all(log_mgas[:, 5] < log_mgas500) and np.all(log_mgas[:, 6] > log_mgas500)
    shifted, same = gas.draw(log_mgas500 + 1, core, rng=np.random.default_rng(3))
    first, _ = gas.draw(log_mgas500, core, rng=np.random.default_rng(3))
    np.testing.assert_allclose(shifted - first, 1, atol=1e-12)
    assert np.isfinite(same).all() and same.min() > -6 and same.max() < 2


def test_a_core_residual_beyond_the_observed_ones_shapes_a_profile_no_further(gas):
    at_limit, beyond = (
        gas.draw(np.zeros(10), np.full(10, core), rng=np.random.default_rng(1))[0]
        for core in (gas.core_limit, 3 * gas.core_limit)
    )
    np.testing.assert_array_equal(at_limit, beyond)


def test_gas_masses_are_those_of_the_models(tables, observed):
    """Y_X of the stand-in is T times the gas mass by the closed form."""
    table = rexcess(tables).table
    mass = np.array([gas_mass(p, r) for p, r in zip(observed[0], table["r500"], strict=True)])
    ratio = mass * table["t2"] / table["yx"]
    ends_inside = standin.last_radii() < 1
    np.testing.assert_allclose(ratio[~ends_inside], 1, atol=1.5e-3)
    np.testing.assert_allclose(ratio[ends_inside], 1, atol=1e-2)  # continued with a power law
    assert ends_inside.sum() == 12


def test_draws_have_mean_scatter_and_core_dependence_of_the_observed(fitted, observed):
    profiles, core = observed
    within = np.array([m.mass(RADII) / m.mass(1.0) for m in standin.observed_models()])
    real = np.concatenate([np.log10(within), np.array([p.slope(RADII) for p in profiles])], axis=1)
    n, rng = 200_000, np.random.default_rng(5)
    drawn_core = rng.normal(0, core.std(ddof=1), n)
    drawn = np.concatenate(fitted.draw(np.zeros(n), drawn_core, rng=rng), axis=1)
    spread, kept = real.std(axis=0, ddof=1), [0, 1, 2, 3, 7, 8, 9, 10]  # observed by all, not at the edge
    # sampling errors of 31 clusters: 1/sqrt(31) in the mean, 1/sqrt(60) in the scatter
    assert np.all(np.abs(drawn.mean(axis=0) - real.mean(axis=0))[kept] < 0.5 * spread[kept] / np.sqrt(31))
    assert np.all(np.abs(drawn.std(axis=0) / spread - 1)[kept] < 1 / np.sqrt(60))
    own = np.array([np.corrcoef(drawn_core, x)[0, 1] for x in drawn.T])
    assert own[0] > 0.9 and own[7] < -0.9  # a bright core is a small one


def test_extrapolated_radii_are_flagged(fitted):
    np.testing.assert_allclose(fitted.extrapolated, (standin.last_radii()[:, None] < RADII).mean(axis=0))
    assert fitted.extrapolated_r500 == pytest.approx((standin.last_radii() < 1).mean())
