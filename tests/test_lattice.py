"""Tables of clusters of which one observable is known, against the same clusters one by one."""

from dataclasses import replace

import numpy as np
import pytest
from test_curvature import curved

from forecast.config.load import load_config
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.point_process import Full
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks

FEW, VECTORS = 100, 3


def straight():
    """`erosita` with Om0 free, and sample variance."""
    setup = load_config("erosita").setup
    return replace(setup, parameters=setup.parameters.with_free(Parameter("Om0", 0.3, Prior("flat", 0.2, 0.4))))


def with_lx_alone(model, size):
    """Clusters of a survey of which L_X is known."""
    fiducial = model.parameters.fiducial[None]
    catalogues = 1 + int(2 * size / model.expected_count(fiducial)[0])
    mocks = draw_mocks(model, np.repeat(fiducial, catalogues, axis=0), rng=np.random.default_rng(1))
    points = Points.of_mocks(model, mocks)[:size]
    assert len(points.z) == size
    lx = np.arange(points.error.shape[1]) == 0
    return replace(points, observables=np.where(lx, points.observables, np.nan), error=np.where(lx, points.error, 0.0))


@pytest.fixture(scope="module", params=["curved", "straight"])
def survey(request):
    """A model, clusters of which there are enough for a table, and parameter vectors."""
    setup, size = (curved(), 160) if request.param == "curved" else (straight(), 1_050)
    model = forward_model(setup)
    theta = model.parameters.draw(VECTORS, rng=np.random.default_rng(2))
    return model, with_lx_alone(model, size), theta


def one_by_one(density, theta, size):
    """ln lambda of so few clusters at a time that no table is made for them."""
    parts = []
    for start in range(0, size, FEW):
        column = np.arange(start, min(start + FEW, size))
        row = np.repeat(np.arange(len(theta)), len(column))
        parts.append(density(theta, row, np.tile(column, len(theta))).reshape(len(theta), -1))
    return np.concatenate(parts, axis=1)


def test_a_table_gives_what_clusters_do_one_by_one(survey):
    model, points, theta = survey
    density = PointDensity(model, points, lensing=False)
    found, expected = density.grid(theta), one_by_one(density, theta, len(points.z))
    assert np.any(found != expected)  # two ways, not one
    np.testing.assert_allclose(found, expected, atol=5e-5)
    np.testing.assert_allclose(found.sum(axis=1), expected.sum(axis=1), atol=1e-6 * len(points.z))


def test_a_sum_over_clusters_is_one_over_the_table_and_the_rest(survey):
    """Some have another error, and some Y_X too."""
    model, points, theta = survey
    size = len(points.z)
    more, error = with_lx_alone(model, size), points.error.copy()
    more = replace(more, error=np.where(np.arange(size)[:, None] < 3, 0.13, 1.0) * error)
    density = PointDensity(model, Points.joined([points, more[:3]]), lensing=False)
    weight = np.linspace(0.5, 2.0, size + 3)
    np.testing.assert_allclose(density.total(theta, weight), density.grid(theta) @ weight, rtol=1e-12)


def test_the_likelihood_is_that_of_clusters_one_by_one(survey):
    model, points, theta = survey
    size = len(points.z)
    likelihood = Full(model, Data.observed(size, np.empty(0), points=points))
    value = one_by_one(PointDensity(model, points, lensing=False), theta, size).sum(axis=1)
    found = likelihood(theta) + model.expected_count(theta)
    assert np.ptp(found - value) < 1e-7 * size


def test_a_free_chance_of_detection_is_part_of_the_sum():
    """It is asked of every cluster, whichever way its density comes about."""
    setup = curved()
    detection = replace(setup.selection.in_flux.detection, width=(0.05,))
    setup = replace(setup, selection=setup.selection.in_flux.with_detection(detection))
    known = forward_model(setup)
    free = Parameter("detection_midpoint", 1.0, Prior("lognormal", std=0.2))
    model = forward_model(replace(setup, parameters=setup.parameters.with_free(free)))
    points, theta = with_lx_alone(known, 160), model.parameters.draw(VECTORS, rng=np.random.default_rng(2))
    density, weight = PointDensity(model, points, lensing=False), np.linspace(0.5, 2.0, 160)
    found = density.total(theta, weight)
    np.testing.assert_allclose(found, one_by_one(density, theta, 160) @ weight, atol=1e-3)
    without = PointDensity(known, points, lensing=False).total(theta[:, : len(setup.parameters.names)], weight)
    assert np.all(np.abs(found - without) > 0.1)


def test_a_slope_that_drifts_takes_clusters_one_by_one():
    """A table has one kernel for all redshifts."""
    setup = curved()
    drift = Parameter("drift_lx", 0.0, Prior("gaussian", mean=0.0, std=0.2))
    model = forward_model(replace(setup, parameters=setup.parameters.with_free(drift)))
    points, theta = with_lx_alone(model, 160), model.parameters.draw(VECTORS, rng=np.random.default_rng(2))
    density, weight = PointDensity(model, points, lensing=False), np.ones(160)
    np.testing.assert_allclose(density.total(theta, weight), one_by_one(density, theta, 160) @ weight, rtol=1e-12)
