"""Measurement errors as real catalogues have them, against dense sums over masses and true values."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from astropy.table import Table
from scipy import stats
from scipy.interpolate import CubicSpline

from forecast.api.keys import changed
from forecast.checks.intake import RedshiftErrors
from forecast.checks.observed import catalogue_data, open_catalogue
from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.cosmology.mass_function import MassFunction
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.observed_yx import ErrorTrend
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.density.split_normal import gaussians_of, moments, smeared_gaussians, split_normal
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.cautions import of_redshift_errors

FIELDS = {"survey.area": "140 deg2", "survey.zmax": 0.5, "survey.shells": 1, "selection.flux_error": 0.06}


def survey(**more):
    """A few bright clusters at moderate redshift; `more` by the names of keys with "__" for the point."""
    changes = FIELDS | {"selection.flux_limit": "3e-13 erg / (s cm2)", "sample_variance": False}
    return changed(load_config("erosita"), changes | {key.replace("__", "."): x for key, x in more.items()}).setup


def without_errors(model, theta, y):
    """Expected clusters per dex of true Y_X, (Q,), at one parameter vector: a dense sum over masses and redshifts."""
    population, relations, v = model.population, model.setup.relations, model.parameters.values(theta[None])
    fine = np.linspace(population.log_mass[0], population.log_mass[-1], 2 * len(population.log_mass))
    number = CubicSpline(population.log_mass, np.log(population.abundance(v)[0]), axis=1)(fine)
    scatter, step = relations.scatters(v)[0], fine[1] - fine[0]
    lines, rho = relations.at(v), relations.lx_yx
    total = np.zeros(len(y))
    for k, z in enumerate(population.shells.z):
        growth = np.log10(model.setup.cosmology.efunc(z))
        means = [line.mean((fine - relations.pivot)[None], growth)[0] for line in (lines.lx, lines.yx)]
        limit = model.selection.log_luminosity_limit(z, model.setup.cosmology, relations)
        t = (y[:, None] - means[1]) / scatter[1]
        lx = means[0] + rho * scatter[0] * t
        spread = np.hypot(scatter[0] * np.sqrt(1 - rho**2), model.selection.flux_error)
        chance = stats.norm.cdf((lx - limit) / spread)
        total += (np.exp(number[k]) * chance * stats.norm.pdf(t) / scatter[1]).sum(axis=1) * step
    return total


TRUE = np.linspace(11.5, 17.0, 551)


@pytest.mark.parametrize("scatter", ["0.05 dex", "0.18 dex"], ids=["narrow", "wide"])
def test_large_errors_of_every_size_average_the_density_of_true_values(scatter):
    model = forward_model(survey(relations__yx__scatter=scatter))
    theta = model.parameters.draw(2, rng=np.random.default_rng(3))
    y = np.array([13.2, 13.6, 13.9, 14.2, 14.7, 15.2])
    error = np.array([0.31, 0.02, 0.1, 0.24, 0.15, 0.06])
    found = model.yx_density(theta, y, error)
    for i, at in enumerate(theta):
        density = without_errors(model, at, TRUE)
        expected = np.trapezoid(density[:, None] * stats.norm.pdf(y, TRUE[:, None], error), TRUE, axis=0)
        np.testing.assert_allclose(found[i], expected, rtol=1e-4)


def test_a_wide_scatter_and_no_errors_is_the_sum_over_masses():
    model = forward_model(survey(relations__yx__scatter="0.18 dex"))
    theta = model.parameters.draw(2, rng=np.random.default_rng(4))
    y = np.linspace(13.0, 15.3, 12)
    for i, found in enumerate(model.yx_density(theta, y)):
        np.testing.assert_allclose(found, without_errors(model, theta[i], y), rtol=3e-4)
    assert model.yx_density(theta, np.empty(0)).shape == (2, 0)


def test_a_wide_scatter_that_is_tied_to_luminosity_is_summed_over_masses_too():
    setup = survey(relations__yx__scatter="0.25 dex", relations__correlation__lx_yx=0.8)
    setup = replace(setup, selection=replace(setup.selection, flux_error=0.0))
    model = forward_model(setup)
    theta, y = model.parameters.fiducial, np.linspace(13.2, 15.2, 5)
    np.testing.assert_allclose(model.yx_density(theta[None], y)[0], without_errors(model, theta, y), rtol=1e-3)


def law(observed, true, lower, upper):
    """Density of a measured value about the truth: half Gaussians that meet."""
    side = np.where(true > observed, upper, lower)
    return np.sqrt(2 / np.pi) / (lower + upper) * np.exp(-0.5 * ((true - observed) / side) ** 2)


def test_split_normal_is_a_density_of_either_argument():
    x = np.linspace(-4, 4, 8001)
    for density in (split_normal(x, 0.3, 0.2, 0.6), split_normal(0.3, x, 0.2, 0.6)):
        assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(split_normal(0.0, x, 0.2, 0.6), law(0.0, x, 0.08, 0.32), rtol=1e-10)
    x = 4 * x
    density = split_normal(0.0, x, 1.0, 0.6)
    mean = np.trapezoid(x * density, x)
    centred = [np.trapezoid((x - mean) ** k * density, x) for k in (2, 3)]
    np.testing.assert_allclose([mean, *centred], moments(0.6), rtol=1e-5)


@pytest.mark.parametrize(("skew", "allowed"), [(0.005, 0.01), (0.06, 0.01), (-0.3, 0.01), (0.45, 0.0102), (0.6, 0.023)])
def test_six_gaussians_stand_for_a_split_normal_within_four_widths(skew, allowed):
    u, mixture = np.linspace(-4, 4, 801), gaussians_of(skew)
    x = u * np.where(u > 0, 1 + skew, 1 - skew)
    density = (mixture.weight * stats.norm.pdf(x[:, None], mixture.shift, mixture.width)).sum(axis=1)
    assert np.abs(np.log(density / law(0.0, x, 1 - skew, 1 + skew))).max() < allowed


@pytest.mark.parametrize(("skew", "scatter", "most"), [(0.33, 0.5, 5), (-0.45, 0.8, 4), (0.2, 1.1, 3), (0.6, 3.0, 3)])
def test_fewer_gaussians_stand_for_a_split_normal_that_a_scatter_smears(skew, scatter, most):
    """Against the average of the law over normal numbers, on a fine grid of these."""
    u, mixture, (t, weight) = np.linspace(-4, 4, 201), smeared_gaussians(skew, scatter), normal_grid()
    x = u * np.where(u > 0, np.hypot(1 + skew, scatter), np.hypot(1 - skew, scatter))
    found = (mixture.weight * stats.norm.pdf(x[:, None], mixture.shift, np.hypot(mixture.width, scatter))).sum(axis=1)
    expected = law(0.0, x[:, None] + scatter * t, 1 - skew, 1 + skew) @ weight
    assert len(mixture.weight) <= most and np.abs(np.log(found / expected)).max() < 0.005


def normal_grid():
    """Standard normal numbers and their weights."""
    t = np.linspace(-9, 9, 6001)
    weight = np.exp(-0.5 * t**2)
    return t, weight / weight.sum()


@pytest.fixture(scope="module")
def cone():
    return forward_model(survey())


SIDES = np.array([[0.3, 0.5], [0.05, 0.02], [0.1, 0.3], [0.02, 0.05]])


def asymmetric_data(y, sides, points=None):
    error = sides.mean(axis=1)
    return Data.observed(len(y), y, error, points, skew=(sides[:, 1] - sides[:, 0]) / (2 * error))


def test_unbinned_with_asymmetric_errors_integrates_over_true_values(cone):
    y, theta = np.array([13.4, 13.8, 14.1, 14.6]), cone.parameters.draw(2, rng=np.random.default_rng(5))
    found = likelihood("unbinned", cone, asymmetric_data(y, SIDES))(theta)
    true = np.linspace(11.5, 17.0, 1101)
    for i, at in enumerate(theta):
        density = without_errors(cone, at, true)
        terms = np.trapezoid(density[:, None] * law(y, true[:, None], *SIDES.T), true, axis=0)
        expected = np.log(terms).sum() - cone.expected_count(theta)[i] - np.log(24)
        assert found[i] == pytest.approx(expected, abs=1e-3)


def test_the_median_of_one_cluster_and_its_bin_have_its_own_asymmetric_error(cone):
    data, theta = asymmetric_data(np.array([13.9]), SIDES[:1]), cone.parameters.fiducial[None]
    every, median = (likelihood(level, cone, data)(theta)[0] for level in ("unbinned", "selfcal"))
    assert median == pytest.approx(every, abs=2e-3)
    width = cone.setup.yx_bin
    inside = np.floor(13.9 / width) * width + width * (np.arange(20) + 0.5) / 20
    moved = [np.exp(likelihood("unbinned", cone, asymmetric_data(np.array([y]), SIDES[:1]))(theta)[0]) for y in inside]
    binned = likelihood("binned", cone, data)(theta)[0]
    assert binned == pytest.approx(np.log(np.mean(moved) * width), abs=3e-3)


def test_the_median_of_two_clusters_is_of_one_or_the_other_error(cone):
    theta, y = cone.parameters.fiducial[None], np.array([13.6, 14.0])
    both = asymmetric_data(y, SIDES[:2]).asymmetric(cone).of_any(y)(theta)
    each = [asymmetric_data(y, SIDES[[i, i]]).asymmetric(cone)(theta, y) for i in (0, 1)]
    np.testing.assert_allclose(both, np.mean(each, axis=0), rtol=2e-4)


@pytest.mark.parametrize("unknown", [None, 0, 1, 2])
def test_full_with_asymmetric_errors_integrates_over_true_values(cccp_model, unknown):
    """Temperatures are part of Y_X = M_gas T, and so are their errors, where they are listed."""
    model, theta = cccp_model, cccp_model.parameters.draw(2, rng=np.random.default_rng(7))
    mocks = draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(8))
    point = replace(Points.of_mocks(model, mocks)[3:4], error=np.zeros((1, 3)))
    if unknown is not None:
        point = replace(point, observables=np.where(np.arange(3) == unknown, np.nan, point.observables))
    error, skew = np.array([0.1, 0.12, 0.2]), np.array([0.3, 0.5, 0.4])
    seen = replace(point, error=error[None], skew=skew[None])
    rest = np.sqrt(0.2**2 - 0.12**2)
    sides = [(0.1, 0.3), (0.12, 0.5), (rest, (0.2 * 0.4 - 0.12 * 0.5) / rest) if unknown != 1 else (0.2, 0.4)]
    nodes = [np.linspace(-4.5 * e * (1 - q), 4.5 * e * (1 + q), 25) for e, q in sides]
    weights = [law(0.0, x, e * (1 - q), e * (1 + q)) * (x[1] - x[0]) for x, (e, q) in zip(nodes, sides, strict=True)]
    lx, t, own = (x.ravel() for x in np.meshgrid(*nodes, indexing="ij"))
    weight = np.einsum("i,j,k->ijk", *weights).ravel()
    many = point[np.zeros(len(lx), dtype=int)]
    many = replace(many, observables=many.observables + np.column_stack([lx, t, own + t * (unknown != 1)]))
    expected = np.log(np.exp(PointDensity(model, many, False).grid(theta)) @ weight)
    np.testing.assert_allclose(PointDensity(model, seen, False).grid(theta)[:, 0], expected, atol=0.01)


def test_clusters_with_symmetric_errors_beside_asymmetric_ones_keep_their_density(cccp_model):
    mocks = draw_mocks(cccp_model, cccp_model.parameters.fiducial, rng=np.random.default_rng(9))
    points, theta = Points.of_mocks(cccp_model, mocks)[:6], cccp_model.parameters.draw(3, rng=np.random.default_rng(1))
    points = replace(points, error=np.tile([0.05, 0.1, 0.2], (6, 1)))
    mixed = replace(points, skew=np.where(np.arange(6)[:, None] % 2, 0.4, np.zeros((6, 3))))
    before, after = (PointDensity(cccp_model, p, False).grid(theta) for p in (points, mixed))
    np.testing.assert_allclose(after[:, ::2], before[:, ::2], rtol=1e-12)
    assert np.abs(after - before)[:, 1::2].min() > 1e-3


CLUSTERS = """z,lx,t,t_lo,t_up,mgas,m_lo,m_up
0.2,8e44,6.0,1.0,2.0,8e13,4e12,4e12
0.3,1.2e45,7.0,,0.5,9e13,3e12,9e12
"""
COLUMNS = {"z": "z", "lx": {"name": "lx", "unit": "erg/s"}} | {
    f"{key}{end}": {"name": name, "unit": unit}
    for key, unit, pair in (("t", "keV", "t_lo,t_up"), ("mgas", "Msun", "m_lo,m_up"))
    for end, name in (("", key), ("_error", pair))
}


def test_lower_and_upper_errors_of_a_table_reach_the_likelihoods(tmp_path):
    (tmp_path / "clusters.csv").write_text(CLUSTERS)
    table = {"path": str(tmp_path / "clusters.csv"), "cosmology": {"Om0": 0.3, "h": 0.7}, "columns": COLUMNS}
    config = changed(load_config("erosita"), {"catalogue": table})
    catalogue, data = catalogue_data(config, forward_model(config.setup), None)
    t, gas = np.array([[1.0, 2.0], [0.5, 0.5]]) / [[6.0], [7.0]], np.array([[0.05, 0.05], [1 / 30, 0.1]])
    lower, upper = np.hypot(t, gas).T
    np.testing.assert_allclose(data.skew, (upper - lower) / (upper + lower), rtol=1e-12)
    np.testing.assert_allclose(catalogue.skew("t"), [1 / 3, 0.0], rtol=1e-12)
    np.testing.assert_allclose(catalogue.subset(np.array([1])).skew("mgas"), [0.5], rtol=1e-12)
    assert catalogue.skew("lx").tolist() == [0.0, 0.0]
    assert data.points.skew.shape == data.points.error.shape


def density_of_pair(model, theta, z, pair, errors):
    """lambda of a listed (L_X, Y_X) up to a factor: integrals over mass, true luminosity and the flux that selects.

    `errors`: of L_X, of Y_X and of the flux, of which the smaller of the first and the last is part of the larger.
    """
    setup, v = model.setup, model.parameters.values(theta[None])
    limit = model.selection.log_luminosity_limit(np.array([z]), setup.cosmology, setup.relations)[0]
    mass, growth = np.linspace(12.5, 15.6, 156), np.log10(setup.cosmology.efunc(z))
    number = MassFunction(setup.cosmology, setup.mass_function, np.array([z]), mass)(v.sigma8)[0, 0]
    lines, (scatter_l, scatter_y) = setup.relations.at(v), setup.relations.scatters(v)[0]
    mean_l, mean_y = (x.mean((mass - setup.relations.pivot)[None], growth)[0] for x in (lines.lx, lines.yx))
    lx, flux = np.linspace(pair[0] - 2.5, pair[0] + 2.5, 501), limit + np.linspace(0.0, 2.0, 801)
    rest = np.sqrt(max(errors[0] ** 2 - errors[2] ** 2, 1e-12))
    measured = stats.norm.pdf(pair[0], lx, errors[0])
    if errors[0] > errors[2]:
        both = stats.norm.pdf(flux, lx[:, None], errors[2]) * stats.norm.pdf(pair[0], flux, rest)
        measured = np.trapezoid(both, flux, axis=1)
    expected_y = mean_y[:, None] + setup.relations.lx_yx * scatter_y * (lx - mean_l[:, None]) / scatter_l
    width = np.hypot(scatter_y * np.sqrt(1 - setup.relations.lx_yx**2), errors[1])
    joint = stats.norm.pdf(lx, mean_l[:, None], scatter_l) * stats.norm.pdf(pair[1], expected_y, width)
    return np.sum(number[:, None] * joint * measured)


@pytest.mark.parametrize("own", [0.25, 0.1, 0.02])
def test_a_luminosity_measured_worse_than_the_flux_leaves_detection_open(own):
    """Beside an integral over masses, true luminosities and the fluxes that selected; up to one number for all."""
    setup = survey(selection__flux_error=0.05, relations__correlation__lx_yx=0.5)
    model, z, y = forward_model(setup), 0.25, np.array([13.8, 14.2, 14.0])
    theta = model.parameters.draw(3, rng=np.random.default_rng(6))
    limit = model.selection.log_luminosity_limit(np.array([z]), setup.cosmology, setup.relations)[0]
    lx = limit + np.array([0.05, -0.1, 0.3])
    points = Points.observed(np.full(3, z), np.column_stack([lx, y]), np.tile([own, 0.08], (3, 1)))
    found = PointDensity(model, points, False).grid(theta)
    errors = (own, 0.08, 0.05)
    expected = np.log([[density_of_pair(model, at, z, x, errors) for x in zip(lx, y, strict=True)] for at in theta])
    np.testing.assert_allclose(found - expected, np.full((3, 3), (found - expected)[0, 0]), atol=1e-3)


def relisted(model, z, at, observables):
    """Observables (n, 2) of clusters at redshifts `z`, L_X and Y_X, as listed for redshifts `at`: the same fluxes."""
    c = model.setup.cosmology
    cosmology = FlatLambdaCDM(H0=100 * c.h, Om0=c.Om0, Ob0=c.Ob0)
    luminosity = np.log10(cosmology.luminosity_distance(at) / cosmology.luminosity_distance(z)).value
    stretch = np.log10((1 + at) / (1 + z))
    powers = model.setup.relations.exponents("yx")
    expansion = np.log10(cosmology.efunc(at) / cosmology.efunc(z))
    yx = powers.distance * (luminosity - stretch) - powers.expansion * expansion
    return observables + np.column_stack([2 * luminosity + model.selection.k_slope * stretch, yx])


def test_an_uncertain_redshift_is_integrated_over_at_fixed_flux():
    """Within the survey's limits, 0.1 to 0.5, also of clusters beside them."""
    model = forward_model(survey(survey__shells=2, yx_error=0.1))
    theta = model.parameters.draw(2, rng=np.random.default_rng(6))
    z, error = np.array([0.25, 0.13, 0.47, 0.2, 0.4]), np.array([0.02, 0.03, 0.05, 0.012, 0.004])
    listed = np.array([[44.7, 13.9], [44.2, 13.5], [45.1, 14.4], [44.6, 14.0], [44.9, 14.3]])
    points = replace(Points.observed(z, listed, np.full((5, 2), 0.08)), z_error=error)
    found = PointDensity(model, points, False).grid(theta)
    for i in range(5):
        at = np.linspace(max(0.1, z[i] - 6 * error[i]) + 1e-9, min(0.5, z[i] + 6 * error[i]) - 1e-9, 1201)
        moved = relisted(model, np.full(len(at), z[i]), at, listed[i])
        known = Points.observed(at, moved, np.full((len(at), 2), 0.08))
        density = np.exp(PointDensity(model, known, False).grid(theta))
        expected = np.log(np.trapezoid(density * stats.norm.pdf(z[i], at, error[i]), at, axis=1))
        np.testing.assert_allclose(found[:, i], expected, atol=2e-3)


def test_uncertain_redshifts_leave_the_score_of_mocks_at_zero():
    """E[d ln L / d theta] = 0 at the truth where L_X follows from a measured redshift; not if it is believed.

    Photometric ones, of a deep survey; clusters that they move beyond its limits, of true redshifts, stay.
    """
    setup = survey(survey__area="40000 deg2", survey__zmin=0.3, survey__zmax=0.6, yx_error=0.05)
    others = [name for name in setup.parameters.names if name not in ("sigma8", "evolution_lx")]
    model = forward_model(replace(setup, parameters=setup.parameters.without(others)))
    truth, rng = model.parameters.fiducial, np.random.default_rng(12)
    mocks = draw_mocks(model, truth, rng=rng)
    points = Points.of_mocks(model, mocks)[np.sort(rng.permutation(len(mocks.z))[:6000])]
    error = 0.05 * (1 + points.z)
    seen = np.maximum(points.z + error * rng.standard_normal(len(error)), 0.02)
    points = replace(points, z=seen, observables=relisted(model, points.z, seen, points.observables), z_error=error)
    sides = np.concatenate([truth + 0.01 * np.eye(2), truth - 0.01 * np.eye(2)])
    count = np.log(model.expected_count(sides)).reshape(2, 2)

    def significance(points):
        above, below = np.split(PointDensity(model, points, False).grid(sides), 2)
        score = above - below - (count[0] - count[1])[:, None]
        return np.abs(score.mean(axis=1)) / score.std(axis=1) * np.sqrt(len(points.z))

    assert (significance(points) < 5).all()
    believed = points[(seen > 0.3) & (seen < 0.6)]
    assert significance(replace(believed, z_error=np.zeros(len(believed.z)))).max() > 5


@pytest.mark.parametrize(("name", "unit"), [("z", "km/s"), ("dz", "%")])
def test_redshifts_have_no_unit(tmp_path, name, unit):
    """0.5 per cent would be an error of 0.5."""
    rows = Table({"z": [0.2, 0.3], "dz": [0.1, 0.1], "lx": [8e44, 1e45], "yx": [5e14, 6e14]})
    rows["lx"].unit, rows["yx"].unit = "erg/s", "Msun keV"
    columns = {"z": "z", "z_error": "dz", "lx": "lx", "yx": "yx"}
    content = {"path": str(tmp_path / "t.ecsv"), "cosmology": {"Om0": 0.3, "h": 0.7}, "columns": columns}
    config = changed(load_config("erosita"), {"catalogue": content})
    rows.write(tmp_path / "t.ecsv")
    assert open_catalogue(config, None).size == 2
    rows[name].unit = unit
    rows.write(tmp_path / "t.ecsv", overwrite=True)
    with pytest.raises(InputError, match=f"column '{name}' is in '.*', but redshifts have no unit"):
        open_catalogue(config, None)


def test_errors_of_redshifts_are_read_and_add_to_those_of_the_median(tmp_path):
    rows = ["z,dz,lx,yx", "0.2,0.01,8e44,5e14", "0.3,,1.2e45,6e14"]
    (tmp_path / "clusters.csv").write_text("\n".join(rows))
    columns = {"z": "z", "z_error": "dz", "lx": COLUMNS["lx"], "yx": {"name": "yx", "unit": "Msun keV"}}
    table = {"path": str(tmp_path / "clusters.csv"), "cosmology": {"Om0": 0.3, "h": 0.7}, "columns": columns}
    config = changed(load_config("erosita"), {"catalogue": table})
    model = forward_model(config.setup)
    catalogue, data = catalogue_data(config, model, None)
    assert catalogue.z_error.tolist() == data.points.z_error.tolist() == [0.01, 0.0]
    z = np.full(2, 0.2)
    low, high = relisted(model, z, np.array([0.19, 0.21]), np.zeros((2, 2)))[:, 1]
    own = config.setup.yx_error
    np.testing.assert_allclose(data.error, [np.hypot(own, 0.5 * (high - low)), own], rtol=1e-3)
    errors = RedshiftErrors.of(replace(config.setup, binned_in_redshift=True), catalogue)
    assert errors.used and of_redshift_errors(replace(errors, rms=0.001)) is None
    assert "in the bin of their measured redshift" in of_redshift_errors(errors).text
    assert "redshifts are no data" in of_redshift_errors(replace(errors, used=False)).text
    known = changed(config, {"errors.z": 0.008})
    model, assumed = forward_model(known.setup), known.setup.redshift_law
    of_law = catalogue_data(known, model, None)[1]
    np.testing.assert_allclose(of_law.points.z_error, [0.01, 0.008 * 1.3])
    np.testing.assert_allclose(of_law.error[1], own)
    assert own < of_law.error[0] < data.error[0]
    assert of_redshift_errors(RedshiftErrors.of(known.setup, catalogue)) is None
    other = replace(known.setup, redshift_law=replace(assumed, error=0.03))
    assert "set errors.z = 0.0083" in of_redshift_errors(RedshiftErrors.of(other, catalogue)).text
    rows[1] = rows[1].replace("0.01", "0.5")
    (tmp_path / "clusters.csv").write_text("\n".join(rows))
    with pytest.raises(InputError, match=r"column 'dz', row 1: got 0.5, but an error of a redshift lies between"):
        catalogue_data(config, model, None)


def errors_of_the_truth(size, power, rng):
    """Values measured with errors that go with the true value as a power of it, and the errors as they are listed."""
    true = 14 + 0.4 * rng.standard_normal(size)
    measured = true + 0.1 * 10 ** (power * (true - 14)) * rng.standard_normal(size)
    return measured, 0.1 * 10 ** (power * (measured - 14)) * rng.choice([0.7, 1.4], size)


def test_errors_have_a_trend_only_where_it_is_certain():
    rng = np.random.default_rng(3)
    y, error = errors_of_the_truth(200, -0.4, rng)
    trend = ErrorTrend.of(y, error)
    assert trend.slope == pytest.approx(-0.4, abs=5 * 0.15 / 0.4 / np.sqrt(200))
    assert trend.factor(13.5, 14.0) == pytest.approx(10 ** (-0.5 * trend.slope))
    assert trend.factor(30.0, 14.0) == pytest.approx(10 ** (trend.slope * (y.max() - 14)))
    flat = [ErrorTrend.of(*errors_of_the_truth(100, 0.0, rng)).slope == 0 for _ in range(200)]
    assert np.mean(flat) == pytest.approx(0.95, abs=5 * np.sqrt(0.05 * 0.95 / 200))
    assert ErrorTrend.of(y[:5], error[:5]) == ErrorTrend.of(y, np.full(200, 0.1)) == ErrorTrend()


@pytest.mark.parametrize("smaller", [1.0, 20.0])
def test_errors_that_go_with_the_proxy_are_those_of_the_true_value(cone, smaller):
    """Density of a measured value: that of true ones times a Gaussian about each, of the error that it has there."""
    y, error = errors_of_the_truth(40, -0.4, np.random.default_rng(4))
    error /= smaller
    data, theta = Data.observed(40, y, error), cone.parameters.draw(2, rng=np.random.default_rng(5))
    trend, true = ErrorTrend.of(y, error), np.linspace(11.5, 17.0, 8001)
    assert trend.slope < -0.2
    found = data.asymmetric(cone)(theta, y)
    width = error * 10 ** (trend.slope * (np.clip(true[:, None], y.min(), y.max()) - y))
    for mine, at in zip(found, theta, strict=True):
        density = np.exp(CubicSpline(TRUE, np.log(without_errors(cone, at, TRUE)))(true))
        expected = np.trapezoid(density[:, None] * stats.norm.pdf(y, true[:, None], width), true, axis=0)
        np.testing.assert_allclose(mine, expected, rtol=3e-3)


@pytest.mark.parametrize("level", ["selfcal", "binned", "unbinned"])
def test_errors_that_go_with_the_proxy_leave_scores_at_zero(level):
    """Errors of the size of the scatter, larger for fainter clusters; without their trend norm_yx is pulled."""
    model = forward_model(survey(survey__area="3000 deg2"))
    at, names = model.parameters.fiducial, model.parameters.names
    moved = at + np.diag(0.02 * np.abs(at))[[names.index("norm_yx")]] * np.array([[1.0], [-1.0]])
    rng, scores = np.random.default_rng(6), []
    for _ in range(60):
        true = draw_mocks(model, at, rng=rng).log_yx
        measured = true + 0.15 * 10 ** (-0.4 * (true - 14.2)) * rng.standard_normal(len(true))
        data = Data.observed(len(true), measured, 0.15 * 10 ** (-0.4 * (measured - 14.2)))
        up, down = likelihood(level, model, data)(moved)
        scores.append(up - down)
    pull = np.mean(scores) / (np.std(scores) / np.sqrt(len(scores)))
    assert abs(pull) < 5
