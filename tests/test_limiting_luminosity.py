"""A flux limit whose factors depend on temperature: one limit for numbers, densities, mocks and what is listed."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.config.load import parse_config
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.luminosity import Luminosities

ASKED = ("norm_lx", "sigma8", "mass_scale")


@pytest.fixture(scope="module")
def soft(cccp):
    """About 300 clusters limited by fluxes of 0.1-2.4 keV, with luminosities of 0.5-2 keV."""
    content = cccp.model_dump(mode="json", exclude_none=True)
    content["selection"] |= {"band": "0.1-2.4 keV", "flux_limit": "6e-12 erg / (s cm2)", "k_correction": "continuum"}
    content["survey"] |= {"shells": 1}
    content["sample_variance"] = False
    content["relations"]["share_mass_scale"] = ["lx", "t", "yx"]
    content["parameters"]["mass_scale"] = {"lognormal": 0.09}
    del content["parameters"]["norm_yx"]
    del content["catalogue"]
    return parse_config(content)


@pytest.fixture(scope="module")
def model(soft):
    return forward_model(soft.setup)


def test_densities_above_the_limit_add_up_to_the_expected_number(model):
    """ln lambda of redshifts and luminosities at level full, which leaves the chance of detection out."""
    setup = model.setup
    (low, high), theta = setup.geometry.redshift_edges, model.parameters.draw(2, rng=np.random.default_rng(1))
    node, weight = np.polynomial.legendre.leggauss(16)
    root, half = (np.cbrt(low) + np.cbrt(high)) / 2, (np.cbrt(high) - np.cbrt(low)) / 2
    z = (root + half * node) ** 3
    in_z, above = 3 * z ** (2 / 3) * half * weight, 1.25 * (1 + node)  # up to 2.5 dex above the limit
    limit = setup.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)
    log_lx = (limit[:, None] + above).ravel()
    nothing = np.full(len(log_lx), np.nan)
    points = Points.observed(np.repeat(z, 16), np.column_stack([log_lx, nothing, nothing]))
    density = np.exp(PointDensity(model, points, False).grid(theta))
    found = density @ np.outer(in_z, 1.25 * weight).ravel()
    np.testing.assert_allclose(found, model.expected_count(theta), rtol=1e-3)


def test_the_score_at_the_truth_is_zero_on_average(model):
    """Of ln L = sum ln lambda - N at level full: no bias of the limit's making."""
    size, truth = 100, model.parameters.fiducial
    steps = {name: 0.01 * np.eye(len(truth))[model.parameters.names.index(name)] for name in ASKED}
    theta = np.array([truth + sign * step for step in steps.values() for sign in (1, -1)])
    mocks = draw_mocks(model, np.repeat(truth[None], size, axis=0), rng=np.random.default_rng(7))
    each = PointDensity(model, Points.of_mocks(model, mocks), False).grid(theta)
    log_like = np.array([np.bincount(mocks.row, x, size) for x in each]) - model.expected_count(theta)[:, None]
    score = (log_like[::2] - log_like[1::2]) / 0.02
    assert (np.abs(score.mean(axis=1)) < 5 * score.std(axis=1) / np.sqrt(size)).all()


@pytest.mark.parametrize("curvature", [0.0, 0.15])
def test_a_cluster_of_the_limiting_flux_is_listed_at_the_limit(soft, curvature):
    """And one of the least luminosity at that, as a catalogue's reader converts both."""
    setup = soft.setup
    relations = replace(setup.relations, lx=replace(setup.relations.lx, curvature=curvature))
    selection, z, unknown = setup.selection, np.array([0.03, 0.1, 0.25, 0.8, 1.5]), np.full(5, np.nan)
    of_flux = Luminosities(selection, relations, setup.cosmology, from_flux=True)
    listed = np.full(5, np.log10(selection.flux_limit))
    limit = selection.log_luminosity_limit(z, setup.cosmology, relations)
    np.testing.assert_allclose(listed + of_flux.shift(z, listed, unknown), limit, atol=1e-6)
    least = np.full(5, 44.0)
    converted = least + replace(of_flux, from_flux=False).shift(z, least, unknown)
    bright = selection.above(1e44).log_luminosity_limit(z, setup.cosmology, relations)
    np.testing.assert_allclose(bright, np.maximum(limit, converted), atol=1e-6)
    assert 0 < (bright > limit).sum() < 5
    np.testing.assert_allclose(replace(setup, relations=relations).sky(z, limit).log_flux, listed, atol=1e-6)
