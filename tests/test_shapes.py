"""Free Om0, h and n_s. Oracles: full colossus recomputes, astropy distances, brute-force integrals."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from aperture import inferred_log_yx
from astropy.cosmology import FlatLambdaCDM
from bruteforce import brute_force
from colossus.cosmology import cosmology as colossus
from colossus.lss import bias, mass_function
from scipy import stats
from scipy.interpolate import CubicSpline

from forecast.config.load import find_config, parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, Values
from forecast.core.priors import Prior
from forecast.cosmology.background import Cosmology, smooth_log_sigma
from forecast.cosmology.expansion import Expansion
from forecast.cosmology.mass_function import MODELS, MassFunction, ShapedMassFunction
from forecast.cosmology.parameter_grid import SHAPE_NAMES, ShapeGrid, lagrangian_radius
from forecast.cosmology.rescaling import Ratio
from forecast.forecasts.ladder import cone_variant, with_sample_variance
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.geometry import LightCone
from forecast.survey.sample_variance import contrast_root

REFERENCE = Cosmology(0.272, 0.046, 0.704, 0.963)
RANGES = {"Om0": (0.16, 0.45), "h": (0.6, 0.8), "ns": (0.9, 1.02)}
LOG_MASS = np.linspace(13, 15.5, 60)


def flat(low, high):
    return Prior("flat", low=low, high=high)


def gaussian(mean, std):
    return Prior("gaussian", mean=mean, std=std)


def freed(setup, **priors):
    """The setup with shape parameters free at the configured values."""
    parameters = setup.parameters
    for name, prior in priors.items():
        parameters = parameters.with_free(Parameter(name, getattr(setup.cosmology, name), prior))
    return replace(setup, parameters=parameters)


def moved(model, **values):
    """The fiducial parameter vector with some values changed, shape (1, D)."""
    theta = model.parameters.fiducial.copy()
    for name, value in values.items():
        theta[model.parameters.names.index(name)] = value
    return theta[None]


@pytest.fixture
def converged(monkeypatch):
    """Colossus with integrals and tables so fine that its own noise is below 1e-4 in sigma.

    As it comes it integrates sigma(R) to 3e-3, interpolates growth to 4e-5 and rounds the overdensity.
    """

    def recompute(cosmology, sigma8):
        full = colossus.setCosmology(
            "oracle", flat=True, H0=100 * cosmology.h, Om0=cosmology.Om0, Ob0=cosmology.Ob0,
            sigma8=sigma8, ns=cosmology.ns, persistence="",
        )  # fmt: skip
        full.accuracy_sigma, full.k_Pk_Nbins = 1e-4, [10, 60, 240, 40, 10]
        full.growthFactor = lambda z: full._growthFactorExact(np.atleast_1d(z))[0]
        return full

    before = colossus.current_cosmo
    monkeypatch.setattr(mass_function, "round", lambda x: x, raising=False)
    yield recompute
    colossus.current_cosmo = before


def full_mass_function(model, z):
    name, hydro = MODELS[model]
    options = {} if hydro is None else {"hydro": hydro}
    masses = 10**LOG_MASS
    density = mass_function.massFunction(masses, z, q_in="M", q_out="dndlnM", mdef="500c", model=name, **options)
    return np.log(10) * density


def random_shapes(size, seed, names=tuple(RANGES)):
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(*RANGES[name], size) for name in names}


@pytest.mark.parametrize("names", [("Om0",), ("h",), ("ns",), tuple(RANGES)])
def test_interpolation_error(names):
    """1e-5 in ln sigma would be 2e-4 in dn/dlogM at 10^15.5; it is below 1e-6."""
    grid = ShapeGrid.over(REFERENCE, {name: RANGES[name] for name in names})
    assert len(grid.nodes) <= (20 if len(names) == 1 else 400)
    shape = grid.shape(**random_shapes(100, 1, names))
    tables = grid.log_sigma(lambda cosmology: lagrangian_radius(LOG_MASS, cosmology.Om0))
    exact = [
        smooth_log_sigma(REFERENCE.varied(Om0=Om0, h=h, ns=ns), lagrangian_radius(LOG_MASS, Om0))
        for Om0, h, ns in zip(shape.Om0, shape.h, shape.ns, strict=True)
    ]
    value, slope = np.stack([e[0] for e in exact]), np.stack([e[1] for e in exact])
    np.testing.assert_allclose(shape.basis @ tables[0], value, atol=1e-6)
    np.testing.assert_allclose(shape.basis @ tables[1], slope, atol=3e-5)


@pytest.mark.parametrize("model", list(MODELS))
def test_equals_converged_colossus_at_random_shapes(converged, model):
    z, size = np.array([0.05, 0.5]), 4
    grid, values = ShapeGrid.over(REFERENCE, RANGES), random_shapes(size, 2)
    sigma8 = np.random.default_rng(3).uniform(0.7, 0.95, size)
    shape = grid.shape(**values)
    ours = ShapedMassFunction(grid, model, z, LOG_MASS)(sigma8, shape)
    assert ours.shape == (size, 2, len(LOG_MASS))
    for i in range(size):
        converged(REFERENCE.varied(**{name: x[i] for name, x in values.items()}), sigma8[i])
        for k, redshift in enumerate(z):
            np.testing.assert_allclose(ours[i, k], full_mass_function(model, redshift), rtol=1e-3)


@pytest.mark.parametrize("model", list(MODELS))
def test_agrees_with_the_mass_function_of_one_cosmology(model):
    """Up to colossus's noise, its interpolated growth and its rounded overdensity."""
    z = np.array([0.03, 0.4])
    grid = ShapeGrid.over(REFERENCE, RANGES)
    ours = ShapedMassFunction(grid, model, z, LOG_MASS)(0.8, grid.shape())
    theirs = MassFunction(REFERENCE, model, z, LOG_MASS)(0.8)
    np.testing.assert_allclose(ours, theirs, rtol=4e-3)
    low = LOG_MASS < 14.5
    np.testing.assert_allclose(ours[..., low], theirs[..., low], rtol=1e-3)


def test_bias_equals_colossus(converged):
    grid, values = ShapeGrid.over(REFERENCE, RANGES), random_shapes(2, 5)
    ours = ShapedMassFunction(grid, "tinker08", np.array([0.3]), LOG_MASS).bias(0.85, grid.shape(**values))
    for i in range(2):
        converged(REFERENCE.varied(**{name: x[i] for name, x in values.items()}), 0.85)
        theirs = bias.haloBias(10**LOG_MASS, 0.3, "500c", model="tinker10")
        np.testing.assert_allclose(ours[i, 0], theirs, rtol=3e-4)


def test_expansion_against_astropy_and_colossus():
    z = np.array([0.003, 0.07, 0.4, 1.3, 2.9])
    Om0, h = np.array([0.17, 0.3, 0.44]), np.array([0.6, 0.7, 0.8])
    ours = Expansion(Om0[:, None], h[:, None])
    one = Expansion(np.repeat(Om0, len(z)), np.repeat(h, len(z)))
    np.testing.assert_allclose(one.comoving_distance(np.tile(z, 3)), ours.comoving_distance(z).ravel(), rtol=1e-14)
    for i in range(3):
        oracle = FlatLambdaCDM(H0=100 * h[i], Om0=Om0[i], Tcmb0=2.7255, Neff=3.046)
        np.testing.assert_allclose(ours.efunc(z)[i], oracle.efunc(z), rtol=1e-5)
        distance = oracle.luminosity_distance(z).value
        np.testing.assert_allclose(ours.luminosity_distance(z)[i] / h[i], distance, rtol=1e-5)
        volume = oracle.differential_comoving_volume(z).value * h[i] ** 3
        np.testing.assert_allclose(ours.volume_element(z)[i], volume, rtol=2e-5)
        full = colossus.Cosmology(
            name="x", flat=True, H0=100 * h[i], Om0=Om0[i], Ob0=0.045, sigma8=0.8, ns=0.96, persistence=""
        )
        np.testing.assert_allclose(ours.efunc(z)[i], full.Ez(z), rtol=1e-12)
        np.testing.assert_allclose(ours.matter_density(z)[i], full.Om(z), rtol=1e-12)
        np.testing.assert_allclose(ours.growth(z)[i], full._growthFactorExact(z), rtol=1e-10)


def test_fixed_parameters_cost_nothing_and_values_beyond_the_range_take_its_edge():
    grid = ShapeGrid.over(REFERENCE, {"h": (0.65, 0.75), "ns": (0.9, 0.9)})
    assert {node.Om0 for node in grid.nodes} == {0.272}
    assert {node.ns for node in grid.nodes} == {0.9}
    assert all(node.Ob0 * node.h**2 == pytest.approx(0.046 * 0.704**2, rel=1e-12) for node in grid.nodes)
    beyond, edge = grid.shape(h=0.9), grid.shape(h=0.75)
    np.testing.assert_array_equal(beyond.basis, edge.basis)
    assert grid.shape().ns[0] == 0.9  # a parameter fixed away from the reference


def test_priors_must_stay_where_the_mass_function_is_calibrated(cccp, nv22):
    with pytest.raises(InputError, match=r"parameters.Om0: the prior \(0.12 to 0.4\) leaves .* 0.146.* to 0.6"):
        forward_model(freed(cccp.setup, Om0=flat(0.12, 0.4)))
    with pytest.raises(InputError, match=r"parameters.h: .* narrow it"):
        forward_model(freed(cccp.setup, h=gaussian(0.72, 0.2)))
    assert freed(nv22.setup, Om0=flat(0.12, 0.4)).shapes is not None  # bocquet16 has no such limit
    wide = freed(cccp.setup, Om0=gaussian(0.25, 0.033)).shapes
    assert wide.low[0] == pytest.approx(0.1466, abs=2e-4)
    with pytest.raises(InputError, match="did you mean 'tinker08'"):
        ShapedMassFunction(wide, "tinker8", np.array([0.1]), LOG_MASS)


def test_configuration_frees_shape_parameters(cccp):
    text = find_config("cccp_lowz").read_text(encoding="utf-8")
    lines = "[parameters]\nOm0 = { fiducial = 0.25, flat = [0.15, 0.45] }\nh = { fiducial = 0.72, gaussian = 0.02 }\n"
    setup = parse_config(tomllib.loads(text.replace("[parameters]", lines, 1))).setup
    assert setup.parameters.names[:3] == ("Om0", "h", "sigma8")
    assert setup.shapes.low[0] < 0.15 < 0.45 < setup.shapes.high[0]
    assert setup.shapes.low[2] == setup.shapes.high[2] == 0.95
    assert cccp.setup.shapes is None


@pytest.mark.parametrize(("survey", "level"), [("cccp", "counts"), ("cccp", "unbinned"), ("nv22", "selfcal")])
def test_vanishing_priors_give_the_fixed_shape(request, survey, level):
    setup, model = request.getfixturevalue(survey).setup, request.getfixturevalue(f"{survey}_model")
    c = setup.cosmology
    narrow = freed(setup, Om0=gaussian(c.Om0, 1e-5), h=gaussian(c.h, 1e-5), ns=gaussian(c.ns, 1e-5))
    free = fisher_matrix(level, forward_model(narrow))
    assert free.std("sigma8") == pytest.approx(fisher_matrix(level, model).std("sigma8"), rel=1e-3)
    wide = freed(setup, Om0=flat(0.17, 0.45))
    assert fisher_matrix(level, forward_model(wide)).std("sigma8") > 1.5 * free.std("sigma8")


def test_fixing_a_free_shape_at_its_fiducial_value_is_the_configured_model(cccp):
    free = freed(cccp.setup, Om0=flat(0.17, 0.45))
    fixed = replace(free, parameters=free.parameters.without(["Om0"]))
    assert fixed.shapes is None
    theta = cccp.setup.parameters.fiducial[None]
    expected = forward_model(cccp.setup).expected_count(theta)
    np.testing.assert_array_equal(forward_model(fixed).expected_count(theta), expected)


CENTRE = {"Om0": 0.34, "h": 0.66, "ns": 0.98}


DARK = {"w0": -0.7, "wa": -0.6}


@pytest.fixture(scope="module")
def cone(cccp):
    """The light cone of CCCP with free shape parameters, as deep as 0.25, without sample variance."""
    setup = with_sample_variance(cccp.setup, False)
    yx = replace(setup.relations.yx, hubble=0.0)  # Y_X h^2.5 against M h, and no published power
    setup = replace(setup, relations=replace(setup.relations, yx=yx))
    priors = {"Om0": flat(0.17, 0.45), "h": gaussian(0.72, 0.04), "ns": gaussian(0.95, 0.02)}
    return forward_model(freed(setup, **priors))


@pytest.fixture(scope="module")
def dark_cone(cone):
    """The same with free dark energy."""
    return forward_model(freed(cone.setup, w0=flat(-1.4, -0.5), wa=flat(-1.0, 0.1)))


@pytest.mark.parametrize("name", ["cone", "dark_cone"])
def test_flux_limited_survey_at_another_shape_equals_brute_force(request, name):
    """Count, and mean measured Y_X: M_gas from angles and fluxes, within R500 as the reference cosmology has it."""
    cone, sigma8 = request.getfixturevalue(name), 0.84
    setup, dark = cone.setup, DARK if name == "dark_cone" else {}
    number, log_mass, growth, z = brute_force(setup, sigma8, **CENTRE, **dark)
    theta = moved(cone, sigma8=sigma8, **CENTRE, **dark)
    assert cone.expected_count(theta)[0] == pytest.approx(number.sum(), rel=3e-3)
    yx, c, h = setup.relations.yx, setup.cosmology, CENTRE["h"]
    norm = yx.log_norm - np.log10(c.h) + yx.slope * (14.5 + np.log10(c.h) - setup.relations.pivot)  # Msun keV
    relation = (norm, yx.slope, yx.evolution)
    masses = log_mass - np.log10(h)
    true = (CENTRE["Om0"], h, *dark.values())
    measured = [inferred_log_yx(x, masses, relation, true, (c.Om0, c.h)) for x in z[::10]]
    measured = CubicSpline(z[::10], measured)(z) + np.log10(c.h)
    grid = np.linspace(12.5, 16.5, 801)
    density = cone.yx_density(theta, grid)[0]
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(number.sum(), rel=3e-3)
    assert np.average(grid, weights=density) == pytest.approx(np.average(measured, weights=number), abs=1e-3)
    naive = yx.log_norm + yx.slope * (log_mass - setup.relations.pivot) + yx.evolution * growth[:, None]
    assert abs(np.average(naive - measured, weights=number)) > 0.005  # what ignoring the reference would miss


def test_a_box_has_no_distances(nv22):
    """Only the mass function changes, and with it nothing but the abundance."""
    model = forward_model(freed(nv22.setup, Om0=flat(0.17, 0.45), h=gaussian(0.704, 0.04)))
    theta = moved(model, Om0=0.33, h=0.68)
    shape = model.setup.shape(model.parameters.values(theta))
    background = model.population.background(model.parameters.values(theta))
    assert background.seen == Ratio()
    assert background.log_h == 0
    density = model.population.shaped_mass_function(0.81, shape) * nv22.setup.geometry.shells(REFERENCE).volume[0]
    np.testing.assert_allclose(model.population.abundance(model.parameters.values(theta)), density, rtol=1e-12)


def test_sample_variance_at_another_shape(nv22):
    """Contrast of the survey's volume at the true shape; 1% of it is enough."""
    setup = freed(with_sample_variance(nv22.setup, True), Om0=flat(0.17, 0.45), h=gaussian(0.704, 0.04))
    model = forward_model(setup)
    theta = moved(model, Om0=0.33, h=0.68, density_contrast=1.3)
    v, plain = model.parameters.values(theta), model.parameters.values(moved(model, Om0=0.33, h=0.68))
    population, shape = model.population, setup.shape(v)
    root = contrast_root(setup.geometry, setup.cosmology.varied(Om0=0.33, h=0.68))[0, 0]
    sigma = 0.81 * root * shape.expansion.growth(population.shells.z)[0, 0]
    b = population.shaped_mass_function.bias(0.81, shape)
    factor = population.abundance(v) / population.abundance(plain)
    np.testing.assert_allclose(np.log(factor), 1.3 * b * sigma, rtol=0.01)


@pytest.mark.parametrize("name", ["cone", "deep", "sharp"])
def test_mocks_at_another_shape_follow_the_model(cone, nv22, name):
    priors = {"Om0": flat(0.17, 0.45), "h": gaussian(0.704, 0.04), "ns": gaussian(0.963, 0.02)}
    model, size = cone, 500
    if name == "deep":
        variant = cone_variant(nv22.setup)
        selection = replace(variant.selection, flux_limit=3e-13)
        variant = replace(variant, geometry=LightCone(0.3, 0.1, 0.8), selection=selection)
        model, size = forward_model(freed(variant, **priors)), 100
    elif name == "sharp":
        model, size = forward_model(freed(nv22.setup, **priors)), 100
    theta = np.repeat(moved(model, **CENTRE), size, axis=0)
    other = moved(model, Om0=0.2)
    mocks = draw_mocks(model, np.vstack([theta, other]), rng=np.random.default_rng(8))
    count = model.expected_count(theta[:1])[0]
    assert mocks.size[:-1].mean() == pytest.approx(count, abs=5 * np.sqrt(count / size) + 1e-3 * count)
    assert abs(model.expected_count(other)[0] / count - 1) > 0.1
    assert abs(mocks.size[-1] - model.expected_count(other)[0]) < 5 * np.sqrt(model.expected_count(other)[0]) + 1
    mine = mocks.row < size
    for values, density in ((mocks.log_yx, model.yx_density), (mocks.log_lx, model.lx_density)):
        values = values[mine]
        grid = np.linspace(values.min() - 0.1, values.max() + 0.1, 1501)
        cdf = np.cumsum(density(theta[:1], grid)[0])
        result = stats.kstest(values, lambda x, g=grid, c=cdf: np.interp(x, g, c / c[-1]))
        assert result.pvalue > 1e-6


def test_direction_of_the_degeneracy_is_the_published_one(cone):
    """sigma8 (Om0/0.25)^0.47 of Vikhlinin et al. (2009b): the power that leaves the least scatter.

    Their sample has distant clusters too; the error of the power allowed here is a tenth of it.
    """
    parameters = cone.setup.parameters.without(SHAPE_NAMES)
    setup = freed(replace(cone.setup, parameters=parameters), Om0=flat(0.15, 0.45))
    fisher = fisher_matrix("counts", forward_model(setup))
    at = [fisher.parameters.names.index(name) for name in ("sigma8", "Om0")]
    relative = fisher.covariance[np.ix_(at, at)] / np.outer([0.81, 0.25], [0.81, 0.25])
    assert -relative[0, 1] / relative[1, 1] == pytest.approx(0.47, abs=0.047)


def test_values_default_to_the_configured_cosmology():
    assert {getattr(Values(), name) for name in SHAPE_NAMES} == {None}


def test_a_shape_fixed_away_from_the_reference_equals_the_free_one_there(cone):
    """The reference cosmology of the observables stays the configured one."""
    parameters = cone.setup.parameters
    fixed = replace(parameters.without(SHAPE_NAMES), fixed=Values(**CENTRE))
    theta = moved(cone, **CENTRE)
    keep = [name not in SHAPE_NAMES for name in parameters.names]
    found = forward_model(replace(cone.setup, parameters=fixed)).expected_count(np.repeat(theta[:, keep], 3, axis=0))
    np.testing.assert_allclose(found, np.repeat(cone.expected_count(theta), 3), rtol=1e-5)


@pytest.mark.parametrize("name", ["cccp", "nv22"])
def test_level_full_at_another_shape_follows_the_mocks(request, cone, nv22, name):
    """Summed over clusters drawn at one shape, lambda(other)/lambda(one) expects the count of the other."""
    priors = {"Om0": flat(0.17, 0.45), "h": gaussian(0.704, 0.04), "ns": gaussian(0.963, 0.02)}
    model = cone if name == "cccp" else forward_model(freed(nv22.setup, **priors))
    one, other = moved(model, **CENTRE), moved(model, Om0=0.31, h=0.69, ns=0.97, sigma8=0.8)
    size = 400
    mocks = draw_mocks(model, np.repeat(one, size, axis=0), rng=np.random.default_rng(31))
    log_ratio = np.diff(PointDensity(model, Points.of_mocks(model, mocks), False).grid(np.vstack([one, other])), axis=0)
    total = np.bincount(mocks.row, np.exp(log_ratio[0]), minlength=size)
    expected = model.expected_count(other)[0]
    assert abs(expected / model.expected_count(one)[0] - 1) > 0.05
    error = total.std() / np.sqrt(size)
    assert error < 0.03 * expected
    assert total.mean() == pytest.approx(expected, abs=5 * error)
