"""rms density contrast of survey volumes, against Monte Carlo pairs, spheres and cylinders."""

import math

import numpy as np
import pytest
from scipy import special
from scipy.interpolate import CubicSpline

from forecast.cosmology.background import BASE_SIGMA8, Cosmology, base_power, base_sigma_radius
from forecast.survey.geometry import Box, LightCone, Replicated
from forecast.survey.sample_variance import (
    cap_multipoles,
    cone_covariance,
    contrast_root,
    cuboid_variance,
    growth,
    rms_contrast,
    spherical_bessel,
    square_window,
)
from forecast.survey.shells import shell_edges

COSMOLOGY = Cosmology(0.272, 0.046, 0.704, 0.963)
PAIRS = 600_000


@pytest.fixture(scope="module")
def correlation():
    """Linear correlation function today at the base sigma8, as a function of separation in Mpc/h."""
    k = np.linspace(1e-5, 12.0, 60_001)
    weight = k**2 / (2 * np.pi**2) * base_power(COSMOLOGY, k) * np.exp(-((0.15 * k) ** 2)) * (k[1] - k[0])
    r = np.concatenate([[0.0], np.geomspace(0.1, 1500, 250)])
    table = CubicSpline(np.log1p(r), [weight @ np.sinc(k * x / np.pi) for x in r])
    return lambda x: table(np.log1p(x))


def mean_over_pairs(correlation, draw, other=None):
    """Mean of the correlation function over random pairs of weighted points, and its error."""
    (a, u), (b, v) = draw(PAIRS), (other or draw)(PAIRS)
    value = correlation(np.sqrt(((a - b) ** 2).sum(axis=1))) * u * v
    return value.mean(), value.std() / math.sqrt(PAIRS)


def cone_points(cone, rng):
    """Draws uniform in the volume of a polar cap, weighted by the growth over its average."""
    near, far = COSMOLOGY.comoving_distance(np.array([cone.zmin, cone.zmax]))
    z = np.linspace(cone.zmin, cone.zmax, 500)
    volume, distance = COSMOLOGY.volume_element(z), COSMOLOGY.comoving_distance(z)
    average = np.average(growth(COSMOLOGY, z), weights=volume)

    def draw(n):
        r = np.cbrt(near**3 + rng.random(n) * (far**3 - near**3))
        mu, phi = 1 - rng.random(n) * cone.area / (2 * np.pi), 2 * np.pi * rng.random(n)
        s = np.sqrt(1 - mu**2)
        point = r[:, None] * np.stack([s * np.cos(phi), s * np.sin(phi), mu], axis=1)
        return point, growth(COSMOLOGY, np.interp(r, distance, z)) / average

    return draw


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.1])
def test_cuboids_are_the_mean_correlation_of_their_pairs(correlation, fraction):
    rng = np.random.default_rng(1)
    sides = np.array([352, 352, 352 * fraction])
    mean, error = mean_over_pairs(correlation, lambda n: (rng.random((n, 3)) * sides, np.ones(n)))
    assert cuboid_variance(352, 352 * fraction, COSMOLOGY) == pytest.approx(mean, abs=5 * error)
    assert error < 0.03 * mean


@pytest.mark.parametrize(
    "cone",
    [
        LightCone(0.9, 0.01, 0.07),
        LightCone(0.3, 0.1, 0.12),
        LightCone(math.radians(1.0) ** 2, 0.1, 0.5),
        LightCone(4 * math.pi, 0.0, 0.05),
        LightCone(3.0 * math.pi, 0.03, 0.05),
    ],
)
def test_cones_are_the_mean_correlation_of_their_pairs(correlation, cone):
    mean, error = mean_over_pairs(correlation, cone_points(cone, np.random.default_rng(2)))
    assert cone_covariance(cone, COSMOLOGY)[0, 0] == pytest.approx(mean, abs=5 * error)
    assert error < 0.04 * mean


def test_shells_next_to_each_other_are_correlated(correlation):
    """Thin shells positively, thick ones negatively, where the correlation function is negative."""
    for edges, sign in (((0.1, 0.104, 0.108, 0.112), 1), ((0.1, 0.2, 0.4, 0.5), -1)):
        cone = LightCone(1.0, edges[0], edges[-1], edges[1:-1])
        covariance = cone_covariance(cone, COSMOLOGY)
        assert covariance[1, 0] == covariance[0, 1]
        assert covariance[0, 1] * sign > 0
        for i, j in ((0, 0), (0, 1), (0, 2)):
            rng = np.random.default_rng(4)
            one, other = (cone_points(cone.parts[n], rng) for n in (i, j))
            mean, error = mean_over_pairs(correlation, one, other)
            assert covariance[i, j] == pytest.approx(mean, abs=5 * error + 2e-3 * abs(mean))


def test_shells_make_up_the_whole():
    """The variance of the volume's mean contrast does not depend on its division into shells."""
    cone = LightCone(3.9, 0.1, 0.8)
    whole = cone_covariance(cone, COSMOLOGY)[0, 0]
    for number in (2, 6):
        edges = shell_edges(0.1, 0.8, number, COSMOLOGY)
        divided = LightCone(3.9, 0.1, 0.8, edges)
        shells = divided.shells(COSMOLOGY)
        weight = np.bincount(shells.index, shells.volume * growth(COSMOLOGY, shells.z))
        weight /= weight.sum()
        covariance = cone_covariance(divided, COSMOLOGY)
        assert weight @ covariance @ weight == pytest.approx(whole, rel=2e-3)
        root = contrast_root(divided, COSMOLOGY)
        np.testing.assert_allclose(root @ root.T * BASE_SIGMA8**2, covariance, rtol=1e-10, atol=1e-12)
        np.testing.assert_array_equal(contrast_root(divided.parts[1], COSMOLOGY), root)
        assert rms_contrast(divided, np.zeros(1), COSMOLOGY)[0] * BASE_SIGMA8 == pytest.approx(np.sqrt(whole))


def test_spherical_bessel_functions():
    x = np.geomspace(1e-3, 500, 3000)
    for order, values in enumerate(spherical_bessel(x, 300)):
        exact = special.spherical_jn(order, x)
        tolerance = {2: 0.06, 3: 0.02, 4: 0.006, 5: 0.002}.get(order, 1e-3)  # near zero they are set to zero
        np.testing.assert_allclose(values, exact, atol=tolerance * np.abs(exact).max(), rtol=0)
        far = x > max(order, 1)
        np.testing.assert_allclose(values[far], exact[far], atol=1e-9)


def test_half_a_magneticum_box():
    """Reference numbers (docs/model.md): 0.032 as a sphere of the same volume; the slab is 2% smoother."""
    contrast = 0.81 * rms_contrast(Box(352, 0.5, 0.07), np.array([0.07]), COSMOLOGY)[0]
    radius = (3 * 0.5 * 352**3 / (4 * math.pi)) ** (1 / 3)
    sphere = 0.81 / BASE_SIGMA8 * base_sigma_radius(COSMOLOGY, radius, 0.07)
    assert sphere == pytest.approx(0.0317, abs=1e-4)
    assert contrast == pytest.approx(0.0310, abs=1e-4)


def test_the_whole_sky_is_a_sphere():
    """Growth tilts the weight of a small sphere by less than 1e-3."""
    cone = LightCone(4 * math.pi, 0.0, 0.03)
    k = np.geomspace(1e-5, 10, 100_000)
    x = k * float(COSMOLOGY.comoving_distance(0.03))
    window = (3 * special.spherical_jn(1, x) / x) ** 2
    sphere = np.trapezoid(k**3 * base_power(COSMOLOGY, k) * window / (2 * np.pi**2), np.log(k))
    assert cone_covariance(cone, COSMOLOGY)[0, 0] == pytest.approx(sphere, rel=2e-3)


def test_a_far_small_shell_is_a_flat_cylinder():
    """Window of a cylinder: 2 J1(x)/x across, sinc along the line of sight."""
    cone = LightCone(math.pi * 0.03**2, 0.45, 0.55)
    near, far = COSMOLOGY.comoving_distance(np.array([0.45, 0.55]))
    radius, height = 0.03 * 0.5 * (near + far), far - near
    across = np.geomspace(1e-3 / radius, 100 / radius, 700)
    along = np.linspace(0, 60 / height, 2000)
    k = np.hypot(across[:, None], along)
    x = across * radius
    window = (2 * special.j1(x) / x)[:, None] ** 2 * np.sinc(along * height / (2 * np.pi)) ** 2
    value = across[:, None] * base_power(COSMOLOGY, k) * window / (2 * np.pi**2)
    flat = np.trapezoid(np.trapezoid(value, along, axis=1) * across, np.log(across))
    assert cone_covariance(cone, COSMOLOGY)[0, 0] == pytest.approx(flat, rel=0.02)


def test_cap_multipoles_obey_parseval():
    """The sum of (2 l + 1) K_l^2 is the sky's area over the cap's; the first K_l by quadrature."""
    for area in (0.1, 3.9, 8.14, 12.0):
        cap = cap_multipoles(area)
        order = np.arange(len(cap))
        assert ((2 * order + 1) * cap**2).sum() == pytest.approx(4 * math.pi / area, rel=0.03)
        mu = np.linspace(1 - area / (2 * math.pi), 1, 20_001)
        for n in (0, 1, 5):
            assert cap[n] == pytest.approx(np.trapezoid(special.eval_legendre(n, mu), mu) / np.ptp(mu), abs=1e-7)
    assert (cap_multipoles(4 * math.pi) == [1.0]).all()


def test_window_of_a_square():
    """Against a brute-force average over directions, across the seam to its envelope."""
    phi = (np.arange(20_000) + 0.5) * (np.pi / 2 / 20_000)
    for x in (0.0, 1.0, 7.3, 59.0):
        brute = np.mean((np.sinc(x * np.cos(phi) / np.pi) * np.sinc(x * np.sin(phi) / np.pi)) ** 2)
        assert square_window(np.array([x]))[0] == pytest.approx(brute, rel=1e-4, abs=1e-9)
    x = np.linspace(45, 59.9, 1000)
    assert square_window(x).mean() == pytest.approx((x**-3.0).mean(), rel=0.05)


def test_independent_copies_average_down():
    box, z = Box(352, 0.5, 0.07), np.array([0.07, 0.3])
    one, many = (rms_contrast(g, z, COSMOLOGY) for g in (box, Replicated(box, 100.0)))
    np.testing.assert_allclose(many, one / 10)


def test_contrast_follows_the_growth_of_structure():
    cone, z = LightCone(0.9, 0.01, 0.07), np.array([0.0, 0.07, 1.0])
    contrast = rms_contrast(cone, z, COSMOLOGY)
    ratio = [base_sigma_radius(COSMOLOGY, 8.0, float(x)) for x in z]
    np.testing.assert_allclose(contrast / contrast[0], np.array(ratio) / ratio[0], rtol=1e-4)


def test_a_shape_without_a_window_is_refused():
    class Torus:
        pass

    with pytest.raises(TypeError, match="no rms contrast for a Torus"):
        rms_contrast(Torus(), np.array([0.1]), COSMOLOGY)
