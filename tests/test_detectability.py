"""Clusters whose L_X is unknown were selected by it all the same."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.derivatives import derivatives
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.relations.residuals import Residuals
from forecast.survey.detection.contamination import Contamination
from forecast.survey.detection.curve import Detection
from forecast.survey.geometry import LightCone


def with_tails(relations, *, mass_dependent=False):
    """Two Gaussians of unequal mean and covariance, L_X correlated with everything else."""
    size = len(relations.names)
    shift = np.linspace(0.4, -0.2, size)
    spread = np.stack([0.6 * np.eye(size) + 0.3, 1.2 * np.eye(size) - 0.2])
    weight, mean = np.array([0.75, 0.25]), np.stack([-0.25 * shift, 0.75 * shift])
    growth = np.array([0.8, 1.0, 1.3]) if mass_dependent else np.ones(1)
    nodes = np.array([13.5, 14.3, 15.0]) if mass_dependent else np.zeros(1)
    residuals = Residuals(
        relations.names, weight, mean * growth[:, None, None], spread * growth[:, None, None, None] ** 2, nodes
    )
    return replace(relations, residuals=residuals)


@pytest.fixture(scope="module")
def surveys(cccp):
    plain = replace(cccp.setup, parameters=cccp.setup.parameters.without(cccp.setup.parameters.contrasts))
    limit = plain.selection
    curve, _ = Detection.of_curve(np.array([0.0, 0.1, 0.25, 0.5]), np.array([0.1, 0.4, 0.8, 0.95]))
    false = Contamination((0.0, 0.4), (0.3, 0.05))
    selections = {
        "limit": limit,
        "flux error": replace(limit, flux_error=0.08),
        "completeness": replace(limit, detection=curve, flux_error=0.04),
        "contamination": replace(limit, contamination=false),
        "all of it": replace(limit, detection=curve, flux_error=0.06, contamination=false),
    }
    found = {name: replace(plain, selection=selection) for name, selection in selections.items()}
    found["tails"] = replace(found["completeness"], relations=with_tails(plain.relations))
    found["mass-dependent"] = replace(found["completeness"], relations=with_tails(plain.relations, mass_dependent=True))
    return found


NAMES = ["limit", "flux error", "completeness", "contamination", "all of it", "tails", "mass-dependent"]


def drawn(model, copies, seed):
    theta = np.repeat(model.parameters.fiducial[None], copies, axis=0)
    return draw_mocks(model, theta, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("known", [(1, 2), (2,)], ids=["T and Y_X", "Y_X"])
def test_density_without_lx_is_the_integral_over_what_is_detected(surveys, name, known):
    setup = surveys[name]
    model = forward_model(setup)
    x = Points.of_mocks(model, drawn(model, 1, 3))[:3]
    columns = np.isin(np.arange(3), known)
    x = replace(x, observables=np.where(columns, x.observables, np.nan))
    theta = np.vstack([model.parameters.fiducial, model.parameters.draw(1, rng=np.random.default_rng(4))])
    found = np.exp(PointDensity(model, x, False).grid(theta))
    offset = 0.001 * (np.arange(-600, 3000) + 0.5)  # log10 of L_X over the limit, which lies between nodes
    for q, z in enumerate(x.z):
        limit = setup.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)
        observables = np.repeat(x.observables[q : q + 1], len(offset), axis=0)
        observables[:, 0] = limit + offset
        error = np.repeat(x.error[q : q + 1], len(offset), axis=0)
        seen = PointDensity(model, Points.observed(np.full(len(offset), z), observables, error), False)
        chance = setup.selection.detection(offset)
        expected = (np.exp(seen.grid(theta)) * chance).sum(axis=1) * 0.001
        rough = 4e-3 if setup.selection.contamination is not None else 1e-3  # odds are a sum of ramps
        np.testing.assert_allclose(found[:, q], expected, rtol=rough)


@pytest.mark.parametrize("name", ["limit", "completeness", "tails", "mass-dependent"])
def test_density_of_clusters_of_which_only_the_redshift_is_known(surveys, name):
    """Nothing but z: the expected number per unit redshift, from a survey of a thin shell."""
    setup = surveys[name]
    model, z, dz = forward_model(setup), 0.08, 1e-3
    points = Points.observed(np.array([z]), np.full((1, 3), np.nan))
    theta = np.vstack([model.parameters.fiducial, model.parameters.draw(2, rng=np.random.default_rng(1))])
    shell = forward_model(replace(setup, geometry=LightCone(setup.geometry.area, z - dz, z + dz)))
    expected = shell.expected_count(theta) / (2 * dz)
    np.testing.assert_allclose(np.exp(PointDensity(model, points, False).grid(theta))[:, 0], expected, rtol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_densities_with_missing_lx_integrate_to_the_count(surveys, name):
    """Lambda(b) = E_a[sum_i lambda_b(x_i) / lambda_a(x_i)] over mocks drawn at a, half of them without L_X."""
    model, copies, rng = forward_model(surveys[name]), 250, np.random.default_rng(5)
    mocks = drawn(model, copies, 5)
    points, at = Points.of_mocks(model, mocks), model.parameters.fiducial
    lost = rng.random(len(points.z)) < 0.5
    points = replace(points, observables=np.where(lost[:, None] & (np.arange(3) == 0), np.nan, points.observables))
    shift = np.zeros_like(at)
    for parameter, step in (("sigma8", 0.015), ("norm_lx", 0.05), ("scatter_lx", -0.05), ("norm_yx", 0.02)):
        shift[model.parameters.names.index(parameter)] = step
    ratio = np.exp(np.diff(PointDensity(model, points, False).grid(np.stack([at, at + shift])), axis=0)[0])
    sums = np.bincount(mocks.row, weights=ratio, minlength=copies)
    expected = model.expected_count((at + shift)[None])[0]
    assert abs(sums.mean() - expected) < 5 * sums.std() / np.sqrt(copies)
    assert sums.std() / np.sqrt(copies) < 0.02 * expected


def test_estimate_hardly_moves_if_half_of_lx_is_lost(surveys):
    """At the truth the score of a thousand clusters is zero within its own scatter, in every parameter."""
    setup = surveys["limit"]
    setup = replace(setup, selection=replace(setup.selection, flux_limit=1.7e-12))
    model = forward_model(setup)
    points, rng = Points.of_mocks(model, drawn(model, 1, 8)), np.random.default_rng(2)
    assert 800 < len(points.z) < 1300
    lost = rng.random(len(points.z)) < 0.5
    points = replace(points, observables=np.where(lost[:, None] & (np.arange(3) == 0), np.nan, points.observables))
    at = model.parameters.fiducial
    each = derivatives(PointDensity(model, points, False).grid, model.parameters, at)
    score = each.sum(axis=1) - derivatives(model.expected_count, model.parameters, at)
    chi2 = score @ np.linalg.solve(each @ each.T, score)
    assert stats.chi2(len(at)).sf(chi2) > 1e-4
    unselected = score[model.parameters.names.index("norm_lx")] / np.sqrt((each[0] ** 2).sum())
    assert abs(unselected) < 5


def test_sigma8_of_the_real_clusters_survives_the_loss_of_lx(surveys, cccp):
    """Posterior means by importance sampling from one Gaussian: 0.81 with L_X of every cluster and of none."""
    from forecast.checks.observed import catalogue_data

    setup = surveys["limit"]
    model = forward_model(setup)
    _, data = catalogue_data(cccp, model, None)
    points = data.points
    lost = replace(data, points=replace(points, observables=np.where(np.arange(3) == 0, np.nan, points.observables)))
    target, parameters = likelihood("full", model, lost), model.parameters
    at, width = parameters.fiducial.copy(), parameters.prior_std
    for _ in range(6):  # Newton steps to the maximum, with the outer products of the clusters' scores
        each = derivatives(PointDensity(model, lost.points, False).grid, parameters, at)
        score = each.sum(axis=1) - derivatives(model.expected_count, parameters, at)
        coordinates = parameters.to_coordinates(at)
        score -= (coordinates - parameters.to_coordinates(parameters.fiducial)) / width**2
        covariance = np.linalg.inv(each @ each.T + np.diag(1 / width**2))
        at = parameters.from_coordinates(coordinates + covariance @ score)
    sigma8, norm = (parameters.names.index(n) for n in ("sigma8", "norm_lx"))
    assert np.isfinite(target(at[None])).all()
    assert at[sigma8] == pytest.approx(0.81, abs=0.01)
    assert at[norm] == pytest.approx(0.97, abs=0.05)


def test_errors_of_t_and_of_yx_share_the_measured_t(nv22, cccp):
    error = np.array([[0.1, 0.02, 0.05], [0.0, 0.06, 0.05], [0.0, 0.0, 0.03]])
    covariance = cccp.setup.relations.error_covariance(error)
    rng = np.random.default_rng(3)
    t = 0.02 * rng.standard_normal(200_000)
    yx = t + np.sqrt(0.05**2 - 0.02**2) * rng.standard_normal(200_000)
    sampled = np.cov(t, yx)
    np.testing.assert_allclose(covariance[0, 1:, 1:], sampled, rtol=0.02)
    assert covariance[1, 1, 2] == pytest.approx(0.06 * 0.05)  # fully correlated, still a covariance
    assert np.linalg.eigvalsh(covariance).min() > -1e-15
    np.testing.assert_array_equal(covariance[2], np.diag(error[2] ** 2))
    np.testing.assert_array_equal(nv22.setup.relations.error_covariance(error)[0], np.diag(error[0] ** 2))
