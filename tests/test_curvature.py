"""A curved L_X-M relation in a flux-limited survey, against sums written here and a cone of clusters drawn here."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from test_mass_scale import content

from forecast.config.load import parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, Values
from forecast.core.priors import Prior
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.model.population import Population
from forecast.model.simulate import draw_mocks
from forecast.relations.lines import PowerLaw

CURVATURE, RHO, SCALE, LIMIT = -0.15, 0.4, 1.1, 1.3e-11
FREE = {"curvature_lx": {"gaussian": 0.07}, "mass_scale": {"lognormal": 0.09}}


def curved(**parameters):
    tables = content(without=("norm_lx", "norm_yx"), **FREE, **parameters) | {"sample_variance": False}
    tables["relations"]["correlation"]["lx_yx"] = RHO
    tables["relations"]["lx"] = {**tables["relations"]["lx"], "curvature": CURVATURE}
    return replace(parse_config(tables).setup, errors=())


@pytest.fixture(scope="module")
def model():
    return forward_model(curved())


@pytest.fixture(scope="module")
def theta(model):
    found = np.tile(model.parameters.fiducial, (3, 1))
    names = model.parameters.names
    found[:, names.index("curvature_lx")] = [-0.1, 0.0, 0.15]
    found[:, names.index("mass_scale")] = [1.0, SCALE, 1 / SCALE]
    return found


class Oracle:
    """Clusters of the survey on a fine grid of redshift and mass, with relations written out."""

    def __init__(self, model, theta):
        setup, self.theta = model.setup, theta
        self.log_mass = np.arange(12.2, 15.9, 0.005)
        self.z = model.population.shells.z
        self.number = Population(setup, self.log_mass, model.population.shells).abundance(
            model.parameters.values(theta)
        )[0]
        values = dict(zip(model.parameters.names, theta, strict=True))
        x = self.log_mass - setup.relations.pivot + np.log10(values["mass_scale"])
        growth = np.log10(setup.cosmology.efunc(self.z))[:, None]
        lx, yx = setup.relations.lx, setup.relations.yx
        inner = np.clip(x, -1.5, 1.5)  # beyond which it is straight
        bent = (CURVATURE + values["curvature_lx"]) * (2 * x - inner) * inner
        self.lx = lx.log_norm + lx.slope * x + bent + lx.evolution * growth
        self.yx = yx.log_norm + yx.slope * x + yx.evolution * growth
        self.limit = setup.selection.log_luminosity_limit(self.z[:, None], setup.cosmology, setup.relations)
        self.scatter = lx.scatter, yx.scatter

    def total(self, chance):
        return float((self.number * chance).sum() * 0.005)

    def count(self):
        return self.total(special.ndtr((self.lx - self.limit) / self.scatter[0]))

    def yx_density(self, log_yx):
        t = (log_yx - self.yx) / self.scatter[1]
        mean = self.lx + RHO * self.scatter[0] * t
        chance = special.ndtr((mean - self.limit) / (self.scatter[0] * np.sqrt(1 - RHO**2)))
        return self.total(chance * np.exp(-0.5 * t**2) / (np.sqrt(2 * np.pi) * self.scatter[1]))


def test_counts_and_yx_densities_are_sums_over_a_fine_grid(model, theta):
    log_yx = np.linspace(13.9, 15.3, 8)
    found, count = model.yx_density(theta, log_yx), model.expected_count(theta)
    for row, one in enumerate(theta):
        oracle = Oracle(model, one)
        assert count[row] == pytest.approx(oracle.count(), rel=1e-3)
        expected = [oracle.yx_density(y) for y in log_yx]
        np.testing.assert_allclose(found[row], expected, rtol=4e-3, atol=1e-4 * max(expected))


def test_densities_of_single_clusters_are_sums_over_a_fine_grid(model, theta):
    """Of L_X; of L_X and Y_X; and of Y_X alone, whose cluster was detected at an unknown L_X."""
    setup, lx, yx = model.setup, model.setup.relations.lx, model.setup.relations.yx
    z, observed = np.full(3, 0.08), np.full((3, 3), np.nan)
    observed[[0, 1], 0], observed[[1, 2], 2] = 44.9, 14.8
    points = Points.of_mocks(model, draw_mocks(model, theta[:1], rng=np.random.default_rng(1)))[:3]
    points = replace(points, z=z, observables=observed, error=np.zeros((3, 3)))
    found = PointDensity(model, points, lensing=False).grid(theta)
    for row, one in enumerate(theta):
        at = replace(model.population.shells, z=z[:1], volume=np.array([1.0]), index=np.zeros(1, dtype=int))
        grid = Oracle(model, one)
        number = Population(setup, grid.log_mass, at).mass_function(0.81)[0]
        number = number * setup.geometry.area * setup.cosmology.volume_element(z[0])
        shift = np.log10(setup.cosmology.efunc(z[0]) / setup.cosmology.efunc(grid.z[0]))
        off, y = 44.9 - grid.lx[0] - lx.evolution * shift, 14.8 - grid.yx[0] - yx.evolution * shift
        a, b = off / lx.scatter, y / yx.scatter
        normal = {0: np.exp(-0.5 * a**2) / lx.scatter, 2: np.exp(-0.5 * b**2) / yx.scatter}
        both = np.exp(-0.5 * (a**2 - 2 * RHO * a * b + b**2) / (1 - RHO**2))
        limit = float(setup.selection.log_luminosity_limit(z[0], setup.cosmology, setup.relations))
        above = (44.9 - off + RHO * lx.scatter * b - limit) / (lx.scatter * np.sqrt(1 - RHO**2))
        root = np.sqrt(2 * np.pi)
        each = [normal[0] / root, both / (2 * np.pi * lx.scatter * yx.scatter * np.sqrt(1 - RHO**2)),
                normal[2] / root * special.ndtr(above)]  # fmt: skip
        expected = [np.log(np.sum(number * one) * 0.005) for one in each]
        np.testing.assert_allclose(found[row], expected, atol=2e-3)


def test_mock_catalogues_are_those_of_a_cone_drawn_here(model, theta):
    """Number, mean and spread of L_X, and mean of Y_X, of detected clusters."""
    rng, one = np.random.default_rng(5), theta[1]
    oracle = Oracle(model, one)
    near = (oracle.lx - oracle.limit > -6 * oracle.scatter[0]).ravel()
    drawn = rng.poisson(100 * 0.005 * oracle.number.ravel()[near])
    normal = rng.standard_normal((2, drawn.sum()))
    lx = np.repeat(oracle.lx.ravel()[near], drawn) + oracle.scatter[0] * normal[0]
    yx = np.repeat(oracle.yx.ravel()[near], drawn)
    yx = yx + oracle.scatter[1] * (RHO * normal[0] + np.sqrt(1 - RHO**2) * normal[1])
    limit = np.repeat(np.broadcast_to(oracle.limit, oracle.lx.shape).ravel()[near], drawn)
    lx, yx = lx[lx > limit], yx[lx > limit]
    mocks = draw_mocks(model, np.tile(one, (100, 1)), rng=np.random.default_rng(6))
    size = [len(lx), len(mocks.log_lx)]
    assert abs(size[0] - size[1]) < 5 * np.sqrt(sum(size))
    for mine, theirs in ((lx, mocks.log_lx), (yx, mocks.log_yx)):
        error = np.std(mine) * np.sqrt(sum(1 / n for n in size))
        assert abs(mine.mean() - theirs.mean()) < 5 * error
        assert abs(mine.std() - theirs.std()) < 5 * error


def test_mocks_follow_the_density_of_luminosities(model, theta):
    """Counts of L_X in bins of expected data: also where a curve makes many of one luminosity."""
    edges = np.linspace(43.2, 45.6, 13)
    fine = np.linspace(edges[0], edges[-1], 241)
    density = model.lx_density(theta[:1], fine)[0]
    cumulative = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(fine))])
    expected = 300 * np.diff(np.interp(edges, fine, cumulative))
    mocks = draw_mocks(model, np.tile(theta[0], (300, 1)), rng=np.random.default_rng(7))
    found = np.histogram(mocks.log_lx, edges)[0]
    assert np.sum((found - expected) ** 2 / np.maximum(expected, 1)) < 12 + 5 * np.sqrt(24)


def test_fisher_matrix_of_counts_is_that_of_finite_differences():
    setup = curved()
    model, names = forward_model(setup), setup.parameters.names
    step, i, j = 1e-4, names.index("sigma8"), names.index("curvature_lx")
    moved = np.tile(model.parameters.fiducial, (4, 1))
    moved[0, i] += step
    moved[1, i] -= step
    moved[2, j] += step
    moved[3, j] -= step
    n, fiducial = model.expected_count(moved), model.expected_count(model.parameters.fiducial[None])[0]
    by = np.array([n[0] - n[1], n[2] - n[3]]) / (2 * step)
    found = fisher_matrix("counts", model).information
    np.testing.assert_allclose(found[np.ix_([i, j], [i, j])], np.outer(by, by) / fiducial, rtol=2e-3)


def test_a_scale_of_masses_moves_a_curve_along():
    relations, b, log_mass = curved().relations, 1.3, np.linspace(-1, 1, 5)
    v = Values(slope_lx=1.1, curvature_lx=0.3)
    moved, still = relations.line("lx", replace(v, mass_scale=b)), relations.line("lx", v)
    np.testing.assert_allclose(moved.mean(log_mass, 0.1), still.mean(log_mass + np.log10(b), 0.1), rtol=1e-12)


@pytest.mark.parametrize("curvature", [-0.3, 0.0, 0.2])
def test_a_mass_has_the_luminosity_that_it_is_found_from(curvature):
    law, x = PowerLaw(44.0, 1.6, 1.0, 0.17, curvature=curvature), np.array([-2.5, -1.5, -1.0, 0.0, 0.8, 1.5, 2.2])
    inner = np.clip(x, -1.5, 1.5)
    luminosity = 1.6 * x + curvature * (2 * x - inner) * inner
    np.testing.assert_allclose(law.relative_mass(luminosity), x, rtol=1e-12, atol=1e-12)


def test_the_curvature_is_in_the_units_of_the_documentation():
    """log10 L_X = norm + slope x + curvature x^2, x = log10 M over the pivot, out to 1.5 dex."""
    tables = content()
    tables["relations"]["lx"] = {**tables["relations"]["lx"], "curvature": 0.2}
    line = parse_config(tables).setup.relations.line("lx", Values())
    expected = float(line.log_norm) + np.array([-1.61 + 0.2, -2 * 1.61 + 0.2 * (1.5**2 + 0.5 * 3)])
    np.testing.assert_allclose(line.mean(np.array([[-1.0, -2.0]]), 0.0)[0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"curvature_lx": {"gaussian": 0.3}}, "narrower prior"),
        ({"curvature_lx": 0.5}, "does not rise with mass"),
        ({"curvature_lx": 3.0}, "outside -1 to 1; 0 leaves"),
    ],
)
def test_a_relation_that_falls_with_mass_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        forward_model(parse_config(content(**change)).setup)


def test_what_no_formula_knows_of_is_refused():
    box = parse_config(content("nv22")).setup
    free = Parameter("curvature_lx", 0.0, Prior("gaussian", mean=0.0, std=0.1))
    with pytest.raises(InputError, match="limited in flux"):
        replace(box, parameters=box.parameters.with_free(free))
    setup = curved()
    with pytest.raises(InputError, match="nearby clusters"):
        replace(setup, relations=replace(setup.relations, calibrated_at=0.2))
    with pytest.raises(InputError, match=r"relations.t.curvature"):
        replace(setup, relations=replace(setup.relations, t=replace(setup.relations.t, curvature=0.1)))
