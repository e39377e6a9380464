"""Surveys that reach masses without a mass function, or without relations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from scipy.interpolate import CubicSpline

from forecast.core.errors import InputError
from forecast.cosmology.mass_function import MassFunction
from forecast.model.flux_limited import FluxLimitedModel
from forecast.model.forward import forward_model
from forecast.model.mass_range import MassRange, mass_concerns
from forecast.model.population import Population


@pytest.fixture(scope="module")
def cone(cccp):
    return replace(cccp.setup, parameters=cccp.setup.parameters.without(cccp.setup.parameters.contrasts))


def at_limit(setup, flux_limit):
    return replace(setup, selection=replace(setup.selection, flux_limit=flux_limit))


@pytest.mark.parametrize("limit", [1e-18, 1e-30])
def test_a_survey_below_the_mass_function_is_refused_and_the_cure_works(cone, limit):
    with pytest.raises(InputError, match=r"below 10\^11.5 Msun/h.* raise the flux limit to \"([^ ]*) erg") as error:
        forward_model(at_limit(cone, limit))
    cure = float(str(error.value).split('"')[1].split()[0])
    model = forward_model(at_limit(cone, cure))
    assert any("beyond the masses of the mass function" in words for words in mass_concerns(model))
    with pytest.raises(InputError):
        forward_model(at_limit(cone, cure / 3))


def test_deep_surveys_say_that_relations_are_not_calibrated_there(cone):
    assert mass_concerns(forward_model(cone)) == ()
    words = mass_concerns(forward_model(at_limit(cone, 1e-14)))
    assert any("below 10^13.5 Msun/h, where no relation is calibrated" in w for w in words)
    low = replace(cone, relations=replace(cone.relations, calibrated_masses=(11.6, 15.5)))
    assert not any("calibrated" in w for w in mass_concerns(forward_model(at_limit(low, 1e-14))))


def test_part_of_the_clusters_that_is_lost_grows_as_the_limit_falls(cone):
    """Deeper surveys see more clusters, and at last more of those that the grid does not hold."""
    models = [FluxLimitedModel(at_limit(cone, limit)) for limit in (1e-14, 1e-15, 1e-16, 1e-17)]
    lost = [MassRange.of(model).lost[0] for model in models]
    assert np.all(np.diff(lost) > 0)
    counts = [float(model.expected_count(model.parameters.fiducial[None])[0]) for model in models]
    assert np.all(np.diff(counts) > 0)


def test_no_detectable_mass_is_left_out_where_luminosities_evolve_fast(cone):
    """From z = 0.5 to 1.5 as E(z)^8: the farthest clusters are the least massive, more so in part of the prior."""
    fast = replace(cone.relations, lx=replace(cone.relations.lx, evolution=8.0))
    geometry = replace(cone.geometry, zmin=0.5, zmax=1.5, edges=())
    setup = at_limit(replace(cone, geometry=geometry, relations=fast), 3e-13)
    model, wider = FluxLimitedModel(setup), FluxLimitedModel(setup)
    theta = np.vstack([setup.parameters.fiducial, setup.parameters.draw(8, rng=np.random.default_rng(1))])
    theta[1, setup.parameters.names.index("evolution_lx")] = 1.0  # 2.4 of its errors
    grid = model.population.log_mass
    wider.population = Population.of(setup, np.r_[grid[0] - model.step * np.arange(13, 0, -1), grid])
    np.testing.assert_allclose(model.expected_count(theta), wider.expected_count(theta), rtol=1e-6)


@pytest.mark.parametrize("limit", [1e-1, 1e300])
def test_a_survey_without_clusters_is_refused(cone, limit):
    with pytest.raises(InputError, match="no cluster is expected at all; lower the flux limit"):
        forward_model(at_limit(cone, limit))


def test_relations_that_put_clusters_beyond_the_mass_function_are_refused(cone):
    lx = replace(cone.relations.lx, log_norm=cone.relations.lx.log_norm - 4)
    with pytest.raises(InputError, match=r"above 10\^15.9 Msun/h.* the normalisations of the relations"):
        forward_model(replace(cone, relations=replace(cone.relations, lx=lx)))


def test_a_minimum_mass_below_the_mass_function_is_refused(nv22):
    selection = replace(nv22.setup.selection, log_min=11.2, slope=0.4)
    with pytest.raises(InputError, match=r"raise selection\.min_mass"):
        forward_model(replace(nv22.setup, selection=selection))


@pytest.mark.parametrize("scatter", [0.02, 0.17])
def test_counts_resolve_whatever_scatter_lx_has(cone, scatter):
    """Against a cone on a fine grid of masses and redshifts."""
    relations = replace(cone.relations, lx=replace(cone.relations.lx, scatter=scatter))
    setup = replace(cone, relations=relations)
    model = forward_model(setup)
    z = np.linspace(np.cbrt(cone.geometry.zmin), np.cbrt(cone.geometry.zmax), 801) ** 3
    log_mass = np.arange(13.0, 15.9, 0.002)
    nodes = z[::40]
    table = np.log(MassFunction(setup.cosmology, setup.mass_function, nodes, log_mass)(0.81)[0])
    number = np.exp(CubicSpline(np.cbrt(nodes), table)(np.cbrt(z)))
    number *= (cone.geometry.area * setup.cosmology.volume_element(z))[:, None]
    limit = setup.selection.log_luminosity_limit(z, setup.cosmology, relations)
    growth = np.log10(setup.cosmology.efunc(z))
    mean = relations.lx.log_norm + relations.lx.slope * (log_mass - relations.pivot) + (1.85 * growth)[:, None]
    selected = number * special.ndtr((mean - limit[:, None]) / scatter)
    expected = np.trapezoid(selected.sum(axis=1) * 0.002, z)
    assert model.expected_count(model.parameters.fiducial[None])[0] == pytest.approx(expected, rel=1e-3)
    grid = np.linspace(model.yx_grid[0], model.yx_grid[-1], 60)
    density = model.yx_density(model.parameters.fiducial[None], grid)[0]
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(expected, rel=2e-3)


def test_a_scatter_that_no_grid_resolves_is_refused_with_one_that_is(cone):
    def with_scatter(value):
        return replace(cone, relations=replace(cone.relations, lx=replace(cone.relations.lx, scatter=value)))

    with pytest.raises(InputError, match=r"relations.lx.scatter: 0.001 dex .* give at least ([\d.]*) dex") as error:
        forward_model(with_scatter(0.001))
    forward_model(with_scatter(float(str(error.value).split("at least ")[1].split(" dex")[0])))


def test_a_flux_limit_needs_a_distance(nv22, cone):
    """A box at z = 0: every luminosity lies above the limit."""
    box = replace(nv22.setup.geometry, z=0.0)
    assert forward_model(replace(nv22.setup, geometry=box)).setup.geometry.z == 0
    with pytest.raises(InputError, match=r"survey\.z = 0: .* give z > 0, or geometry = \"light_cone\""):
        replace(cone, geometry=box)
    deep = replace(box, z=0.05)
    assert forward_model(replace(cone, geometry=deep)).expected_count(cone.parameters.fiducial[None])[0] > 0


def test_a_matter_density_outside_the_calibration_of_tinker08_is_named(cone):
    """500c is then more than 3,200 times the mean density."""
    cosmology, near = replace(cone.cosmology, Om0=0.15), replace(cone.geometry, zmin=0.005, edges=())
    with pytest.raises(InputError, match=r"cosmology\.Om0 = 0\.15: tinker08 is not calibrated"):
        replace(cone, cosmology=cosmology, geometry=near)
    other = forward_model(replace(cone, cosmology=cosmology, geometry=near, mass_function="bocquet16_hydro"))
    assert other.expected_count(cone.parameters.fiducial[None])[0] > 0
