"""Oracles: direct integration for the edge weights, a simulated cone for the flux limit."""

import math

import numpy as np
import pytest
from scipy import integrate

from forecast.core.errors import InputError
from forecast.cosmology.background import Cosmology
from forecast.relations.lines import Line, PowerLaw
from forecast.relations.power_laws import Relations
from forecast.survey.flux_limit import FluxLimited, bremsstrahlung_k
from forecast.survey.geometry import Box, LightCone
from forecast.survey.mass_cut import Sharp, Smoothed, sharp_weights, upper_weights

COSMOLOGY = Cosmology(0.272, 0.046, 0.704, 0.963)
RELATIONS = Relations(
    14.4, 0.07, PowerLaw(44.246, 1.74, 1.85, 0.13), PowerLaw(0.534, 0.61, 0.667, 0.03), PowerLaw(13.384, 1.16, 0, 0.1)
)


def test_upper_weights_are_exact_for_lines_at_any_edge_and_never_negative():
    grid = np.linspace(0, 10, 101)
    edges = np.array([0.5, 0.55, 0.561, 3.14159, 5.0])
    weights = 0.1 * upper_weights(grid, edges)
    assert (weights >= 0).all()
    line = np.polynomial.Polynomial([1, 2])
    tail = 0.1 * upper_weights(grid, np.full(len(edges), 6.0)) @ line(grid)
    np.testing.assert_allclose(weights @ line(grid) - tail, line.integ()(6.0) - line.integ()(edges), rtol=1e-12)


def test_weights_move_smoothly_with_the_edge():
    grid = np.linspace(13, 16, 241)
    f = np.exp(-4.0 * (grid - 13.5))
    edges = np.linspace(13.6, 13.7, 401)
    integral = upper_weights(grid, edges) @ f * (grid[1] - grid[0])
    slope = np.gradient(integral, edges)
    np.testing.assert_allclose(slope[2:-2], -np.exp(-4.0 * (edges - 13.5))[2:-2], rtol=1e-3)


def test_sharp_selection_integrates_to_the_right_count():
    sharp = Sharp(14.25, 13.6)
    grid = np.arange(13.4, 15.9, 0.0125)
    for lower, upper in [(13.6, 14.25), (13.611, 14.333), (13.65, 13.65)]:
        weights = sharp_weights(sharp, grid, (np.array([lower]), np.array([upper])))[0]
        number = weights @ np.exp(-(10 ** (grid - 14.2)) - 3 * (grid - 14.2))

        def integrand(m, upper=upper):
            return min(1, 10 ** (2.4 * (m - upper))) * math.exp(-(10 ** (m - 14.2)) - 3 * (m - 14.2))

        exact = integrate.quad(integrand, lower, 15.9, points=[upper], limit=200, epsabs=0, epsrel=1e-11)[0]
        assert number == pytest.approx(exact, rel=4e-4)


def test_break_follows_the_luminosity_relation():
    # log Mbreak' = log Mp + [alpha (log Mbreak - log Mp) - log b] / (alpha s)
    sharp = Sharp(14.25, 13.6, min_mass_mode="follows_lx")
    b, s = np.array([0.8, 1.3]), np.array([0.9, 1.2])
    lx = Line(44.246 + np.log10(b), 1.74 * s, np.array(1.85), np.array(0.13))
    lower, upper = sharp.limits(lx, RELATIONS)
    np.testing.assert_allclose(upper, 14.4 + (1.74 * (14.25 - 14.4) - np.log10(b)) / (1.74 * s), rtol=1e-12)
    np.testing.assert_allclose(lower, 14.4 + (1.74 * (13.6 - 14.4) - np.log10(b)) / (1.74 * s), rtol=1e-12)
    fixed, _ = Sharp(14.25, 13.6).limits(lx, RELATIONS)
    np.testing.assert_array_equal(fixed, 13.6)
    # a cluster at the moved break has the luminosity of the fiducial break
    luminosity = lx.log_norm + lx.slope * (upper - 14.4)
    np.testing.assert_allclose(luminosity, 44.246 + 1.74 * (14.25 - 14.4), rtol=1e-12)


def test_a_break_far_below_the_grid_gives_every_mass_full_weight():
    grid = np.linspace(13, 16, 301)
    below = np.full(1, -300.0)
    weights = sharp_weights(Sharp(14.25, 13.6, slope=20.0), grid, (below, below + 1))
    np.testing.assert_array_equal(weights[0, 2:], grid[1] - grid[0])


def test_every_probability_is_one():
    lx = Line(np.array([44.246]), np.array([1.74]), np.array([1.85]), np.array([0.13]))
    m = np.linspace(13, 16, 301)
    p = Sharp(14.25, 13.6).probability(m, lx, RELATIONS)
    assert p.min() >= 0 and p.max() == 1
    assert (np.diff(p[0][m > 13.61]) >= 0).all()


def test_k_corrections():
    z = np.array([0.0, 0.1, 0.2])
    base = FluxLimited(1e-12, "none").log_luminosity_limit(z[1:], COSMOLOGY, RELATIONS)
    power = FluxLimited(1e-12, "power_law").log_luminosity_limit(z[1:], COSMOLOGY, RELATIONS)
    np.testing.assert_allclose(power - base, -0.57 * np.log10(1 + z[1:]), rtol=1e-12)
    # L = 4 pi D_L^2 f by hand
    distance = COSMOLOGY.luminosity_distance(z[1:]) / 0.704 * 3.0857e24
    np.testing.assert_allclose(base, np.log10(4 * np.pi * distance**2 * 1e-12), rtol=1e-6)

    def band(low, high, t):
        return integrate.quad(lambda e: e**-0.4 * math.exp(-e / t), low, high)[0]

    for t in (0.06, 1.0, 5.0, 12.0):
        expected = [band(0.5, 2, t) / band(0.5 * (1 + x), 2 * (1 + x), t) for x in z]
        np.testing.assert_allclose(bremsstrahlung_k(z, np.array(t)), expected, rtol=1e-9)
        assert expected[0] == 1


def test_gas_of_any_temperature_has_a_k_correction():
    k = bremsstrahlung_k(np.array([[0.05], [3.0]]), np.array([1e-300, 1e-3, 0.1, 1e3, 1e12]))
    assert np.isfinite(k).all()
    # photons of 0.5 (1 + z) keV and more are rarer by exp(-z 0.5 keV / T) in a gas as cool as 0.1 keV
    assert k[1, 2] == pytest.approx(math.exp(15) * 4**0.4, rel=0.1)


def test_equivalent_cone_has_the_boxs_volume():
    box = Box(352, 0.5, 0.07)
    cone = box.cone(COSMOLOGY, 0.01)
    volume = cone.shells(COSMOLOGY).total_volume
    assert volume == pytest.approx(0.5 * 352**3, rel=1e-6)
    assert COSMOLOGY.comoving_volume(cone.area, cone.zmin, cone.zmax) == pytest.approx(volume, rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box(352, 0.0, 0.07), "volume must be positive"),
        (lambda: Box(-352, 0.5, 0.07), "volume must be positive"),
        (lambda: LightCone(1.0, 0.2, 0.2), "below zmax"),
        (lambda: LightCone(13.0, 0.1, 0.2), "outside 0 to 4 pi"),
        (lambda: LightCone(1.0, 0.1, 5.0), "beyond 3"),
        (lambda: Sharp(13.5, 13.6), "must be below"),
        (lambda: Sharp(14.5, 13.6, slope=-1), "slope must be positive"),
        (lambda: Smoothed(Sharp(14.5, 13.6), 0.0), "smoothing must be positive"),
        (lambda: FluxLimited(0.0), "flux_limit must be positive"),
        (lambda: Relations(14.4, 0.07, PowerLaw(44, 1.7, 1, 0.1)), "give either relations.yx"),
        (lambda: PowerLaw(44, -1, 1, 0.1), "slope >= 0"),
    ],
)
def test_impossible_surveys_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
