"""Gas profiles: equal to the observed ones they come from, exact masses at R500, and fast."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from published import SHARED_DATA
from scipy import integrate

from forecast.core.errors import InputError
from forecast.relations.gas_profiles import (
    RADII,
    DensityProfile,
    gas_mass,
    load_profiles,
    log_mass_within,
    principal_factor,
    shell_coordinates,
)
from forecast.relations.library_fit import rexcess, rexcess_core, rexcess_profiles, shipped_profiles, to_text

needs_data = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="published tables are not here")


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
def observed():
    """Profiles of REXCESS, and their core residuals."""
    _, core = rexcess_core(SHARED_DATA)
    return rexcess_profiles(SHARED_DATA), core - core.mean()


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


def test_half_a_million_profiles_take_less_than_a_second(gas):
    rng = np.random.default_rng(4)
    core, log_mgas500 = rng.normal(0, 0.1, 500_000), np.full(500_000, 13.4)
    start = time.process_time()
    gas.draw(log_mgas500, core, rng=rng)
    assert time.process_time() - start < 1


@needs_data
def test_gas_masses_agree_with_published_yx(observed):
    table = rexcess(SHARED_DATA)
    mass = np.array([gas_mass(p, r) for p, r in zip(observed[0], table.table["r500"], strict=True)])
    ratio = mass * 10 ** (table.quantity("t")[0] - table.quantity("yx")[0])
    # published Y_X has the hotter T within 0.15-0.75 R500, the table T within 0.15-1 R500
    assert 0.94 < ratio.mean() < 1.01
    assert ratio.std() < 0.05


@needs_data
def test_draws_have_mean_scatter_and_core_correlation_of_the_observed(gas, observed):
    profiles, core = observed
    mass = np.array([p.mass(np.append(RADII, 1.0)) for p in profiles])
    real = np.concatenate([np.log10(mass[:, :7] / mass[:, 7:]), np.array([p.slope(RADII) for p in profiles])], axis=1)
    n, rng = 200_000, np.random.default_rng(5)
    drawn_core = rng.normal(0, core.std(ddof=1), n)
    drawn = np.concatenate(gas.draw(np.zeros(n), drawn_core, rng=rng), axis=1)
    spread = real.std(axis=0, ddof=1)
    # sampling errors of 31 clusters: 1/sqrt(31) in the mean, 1/sqrt(60) in the scatter, (1-r^2)/sqrt(30) in r
    assert np.all(np.abs(drawn.mean(axis=0) - real.mean(axis=0)) < 0.3 * spread / np.sqrt(31))
    assert np.all(np.abs(drawn.std(axis=0) / spread - 1) < 0.5 / np.sqrt(60))
    correlation = np.array([np.corrcoef(core, x)[0, 1] for x in real.T])
    own = np.array([np.corrcoef(drawn_core, x)[0, 1] for x in drawn.T])
    assert np.all(np.abs(own - correlation) < 0.5 * (1 - correlation**2) / np.sqrt(30))
    assert correlation[0] > 0.9 and correlation[7] < -0.85
    assert np.abs(np.corrcoef(real.T) - np.corrcoef(drawn.T)).max() < 0.05


@needs_data
def test_extrapolated_radii_are_flagged(gas, observed):
    last = np.array([profile.radius[-1] for profile in observed[0]])
    np.testing.assert_allclose(gas.extrapolated, (last[:, None] < RADII).mean(axis=0), atol=1e-6)
    assert gas.extrapolated_r500 == pytest.approx(11 / 31, abs=1e-6)
    assert gas.extrapolated[6] == pytest.approx(30 / 31, abs=1e-6)


@needs_data
def test_the_shipped_profiles_regenerate_to_the_byte():
    shipped = Path(__file__).parents[1] / "forecast" / "data" / "profiles.json"
    assert to_text(shipped_profiles(SHARED_DATA)) == shipped.read_text(encoding="utf-8")
