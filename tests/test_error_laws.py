"""Measurement errors that depend on the flux, in forecasts, Fisher matrices and mock catalogues."""

import numpy as np
import pytest

from forecast.api.keys import changed
from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.likelihoods import expected_points
from forecast.likelihoods.data import Data
from forecast.likelihoods.derivatives import derivatives
from forecast.likelihoods.fisher import fisher_matrices
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.error_law import BY_FLUX, ErrorLaw

LIMIT = 1e-13
FIELDS = {
    "survey.area": "300 deg2", "survey.shells": 1, "sample_variance": False, "selection.flux_error": 0.05,
    "selection.flux_limit": f"{LIMIT} erg / (s cm2)", "relations.correlation.lx_yx": 0.5, "parameters.slope_lx": 1.63,
    "parameters.scatter_lx": 1.0, "parameters.evolution_lx": 1.85, "parameters.slope_yx": 1.75,
    "parameters.scatter_yx": 1.0, "parameters.evolution_yx": 0.4,
}  # fmt: skip
LAW = {"at": f"{LIMIT} erg / (s cm2)", "value": 0.25, "slope": -0.5, "floor": 0.02}


@pytest.fixture(scope="module")
def base():
    config = load_config("erosita")
    selection = {"flux_limit": FIELDS["selection.flux_limit"]}
    return changed(config, {**FIELDS, "yx_error": 0.0}), selection


def of_law(base, law, **more):
    return changed(base[0], {"errors.yx": law, **more})


@pytest.fixture(scope="module")
def model(base):
    return forward_model(of_law(base, LAW).setup)


def test_a_law_is_a_power_or_a_table_and_a_floor():
    flux = np.array([-13.5, -13.0, -12.0, -9.0])
    power = ErrorLaw((-13.0,), (0.2,), -0.5, 0.05)
    np.testing.assert_allclose(power.of(flux), np.hypot(0.2 * 10 ** (-0.5 * (flux + 13)), 0.05))
    table = ErrorLaw((-13.0, -12.0), (0.2, 0.1))
    np.testing.assert_allclose(table.of(flux), [0.2, 0.2, 0.1, 0.1])


@pytest.mark.parametrize("law", [{"fluxes": ["1e-13 erg/(s cm2)", "1e-12 erg/(s cm2)"], "values": [0.1, 0.1]},
                                 {"at": "1e-13 erg/(s cm2)", "value": 0.1, "slope": 0.0}])  # fmt: skip
def test_the_same_error_at_every_flux_is_a_number(base, law):
    assert of_law(base, law).setup == of_law(base, 0.1).setup


def test_the_density_of_y_x_is_that_of_mocks_with_errors_of_their_own(base, model):
    """Errors put by hand on mocks without any, and those that are drawn, against the sum over cells of flux."""
    size, rng, at = 250, np.random.default_rng(3), model.parameters.fiducial[None]
    many = np.repeat(at, size, axis=0)
    plain, drawn = draw_mocks(forward_model(of_law(base, 0.0).setup), many, rng=rng), draw_mocks(model, many, rng=rng)
    setup = model.setup
    limit = setup.selection.log_luminosity_limit(plain.z, setup.cosmology, setup.relations)
    sigma = np.hypot(0.25 * 10 ** (-0.5 * (plain.log_lx - limit)), 0.02)
    by_hand = plain.log_yx + sigma * rng.standard_normal(len(sigma))
    bright = plain.log_lx - limit > 0.5
    edges = np.quantile(by_hand, np.linspace(0, 1, 21))
    edges[[0, -1]] += np.array([-1, 1])
    grid = np.linspace(edges[0], edges[-1], 3000)
    density = model.yx_density(at, grid, BY_FLUX)[0] * size
    cumulative = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
    expected = np.diff(np.interp(edges, grid, cumulative))
    for values in (by_hand, drawn.log_yx):
        found = np.histogram(values, edges)[0]
        assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected))
        assert np.sum((found - expected) ** 2 / expected) < 60  # of 20 bins: p = 1e-5
    assert 0 < bright.mean() < 0.4


def test_many_values_of_y_x_are_interpolated_between_the_nodes(model, monkeypatch):
    """A table of the density, found once for all values, against the sum over cells at each, few at a time."""
    theta = model.parameters.draw(3, rng=np.random.default_rng(5))
    grid, asked = model.yx_grid, []
    values = np.linspace(grid[0] - 0.1, grid[-1] + 0.1, 3 * len(grid))
    few = np.array_split(values, 8)
    one_by_one = np.concatenate([model.yx_density(theta, part, BY_FLUX) for part in few], axis=1)
    found = model.yx_density(theta, values, BY_FLUX)
    np.testing.assert_allclose(found, one_by_one, rtol=2e-3, atol=1e-5 * one_by_one.max())
    monkeypatch.setattr(model.flux_table, "_function", asked.append)
    np.testing.assert_array_equal(model.yx_density(theta, values, BY_FLUX), found)
    assert not asked


@pytest.mark.parametrize("level", ["unbinned", "full"])
def test_scores_of_mocks_vanish_and_vary_as_information_says(model, level, monkeypatch):
    monkeypatch.setattr(expected_points, "EXPECTED_POINTS", 1000)
    at, p, size = model.parameters.fiducial, model.parameters, 80
    mocks = draw_mocks(model, np.repeat(at[None], size, axis=0), rng=np.random.default_rng(7))
    information = next(fisher_matrices((level,), model)).information
    each = [likelihood(level, model, Data.of_mock(model, mocks, i)) for i in range(size if level == "full" else 12)]
    scores = np.array([derivatives(one, p, at) for one in each]) / np.sqrt(np.diag(information))
    assert np.all(np.abs(scores.mean(axis=0)) < 5 / np.sqrt(len(each)))
    assert np.all(np.abs(scores.var(axis=0) - 1) < 5 * np.sqrt(2 / len(each)) + 0.15)


def test_information_lies_between_that_of_the_largest_and_the_smallest_error(base, monkeypatch):
    monkeypatch.setattr(expected_points, "EXPECTED_POINTS", 600)
    levels, errors = ("selfcal", "binned", "unbinned", "full"), (0.02, LAW, 0.251)
    stds = [[f.std() for f in fisher_matrices(levels, forward_model(of_law(base, x).setup))] for x in errors]
    assert np.all(np.diff(stds, axis=0) > 0)


def test_errors_of_clusters_are_those_at_their_fluxes(model):
    """Measured ones; where L_X is unknown, at the limit."""
    setup, z = model.setup, np.array([0.2, 0.5, 0.3])
    limit = setup.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)
    errors = setup.errors_of(z, limit + np.array([0.0, 1.0, np.nan]))
    law = np.hypot([0.25, 0.25 / np.sqrt(10), 0.25], 0.02)
    np.testing.assert_allclose(errors, np.column_stack([np.zeros(3), law]))


@pytest.mark.parametrize(
    ("law", "words"),
    [
        ({"at": "1e-13 erg/(s cm2)"}, "give fluxes"),
        ({"fluxes": ["1e-13 erg/(s cm2)"], "values": [0.1, 0.2]}, "one for each"),
        (
            {"fluxes": ["1e-13 erg/(s cm2)", "1e-12 erg/(s cm2)"], "values": [0.1, 0.2], "slope": -0.5},
            "slope goes with",
        ),
        ({"fluxes": ["1e-12 erg/(s cm2)", "1e-13 erg/(s cm2)"], "values": [0.1, 0.2]}, "increase"),
        ({"at": "1e-13 keV", "value": 0.1}, "errors.yx"),
    ],
)
def test_laws_that_are_none_are_refused(base, law, words):
    with pytest.raises(InputError, match=words):
        _ = of_law(base, law).setup


def test_a_law_and_a_number_for_the_same_proxy_are_refused(base, nv22):
    with pytest.raises(InputError, match="leave yx_error out"):
        _ = of_law(base, LAW, yx_error=0.3).setup
    with pytest.raises(InputError, match="measures no flux"):
        _ = changed(nv22, {"errors.t": LAW}).setup


def test_redshift_errors_follow_up_and_contaminants_beside_a_law(base):
    """Numbers and proxies of the clusters and contaminants of mocks that were followed up."""
    steep = {"fluxes": [f"{x}e-13 erg / (s cm2)" for x in (1, 2, 4)], "values": [0.5, 0.2, 0.02]}
    followup = {"zmax": 0.3, "flux_limit": "1.5e-13 erg/(s cm2)", "fraction": 0.7}
    more = {"errors.z": 0.01, "selection.contamination": steep, "followup": followup, "survey.area": "1000 deg2"}
    model, size = forward_model(of_law(base, LAW, **more).setup), 20
    at = model.parameters.fiducial[None]
    mocks = draw_mocks(model, np.repeat(at, size, axis=0), rng=np.random.default_rng(11))
    known, followed = mocks.with_yx, model.followed
    for found, of in ((mocks, model), (known, followed)):
        expected = size * of.expected_count(at)[0]
        assert abs(len(found.z) - expected) < 5 * np.sqrt(expected)
    assert known.z.max() < 0.3 < mocks.z.max()
    edges = np.quantile(known.log_yx, np.linspace(0, 1, 11))
    edges[[0, -1]] += np.array([-1, 1])
    grid = np.linspace(edges[0], edges[-1], 800)
    density = followed.yx_density(at, grid, BY_FLUX)[0] * size
    cumulative = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
    expected = np.diff(np.interp(edges, grid, cumulative))
    assert np.all(np.abs(np.histogram(known.log_yx, edges)[0] - expected) < 5 * np.sqrt(expected))


@pytest.mark.parametrize("law", [{"at": "1e-10 erg/(s cm2)", "value": 0.1, "slope": -3.0},
                                 {"at": "1e-12 erg/(s cm2)", "value": 0.7, "slope": -0.5}])  # fmt: skip
def test_an_error_that_no_number_may_be_at_the_flux_limit_is_refused(base, law):
    """0.1 x 1000^3 and 0.7 x 10^0.5 dex, of at most 2; the cure is followed."""
    with pytest.raises(InputError, match=r"errors.yx: (1e\+08|2.21) dex at the flux limit, 1e-13 erg/s/cm2"):
        _ = of_law(base, law).setup
    assert of_law(base, law | {"slope": -0.4, "at": "1e-12 erg/(s cm2)"}).setup.yx_error_varies


def test_two_numbers_for_the_error_of_y_x_are_refused_unless_they_agree(base):
    for yx_error in (0.05, 0.2):
        with pytest.raises(InputError, match=rf"yx_error = {yx_error:g} dex, but \[errors\] make it 0.1 dex; leave"):
            _ = changed(base[0], {"errors.yx": 0.1, "yx_error": yx_error}).setup
    assert changed(base[0], {"errors.yx": 0.1, "yx_error": 0.1}).setup == of_law(base, 0.1).setup
