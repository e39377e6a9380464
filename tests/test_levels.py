"""The contract of a level: one data set and many, one cluster and all, say the same of the parameters."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from forecast.core.errors import InputError
from forecast.forecasts.variant_name import VariantName
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.level_name import LEVELS
from forecast.likelihoods.levels import CLUSTER_LEVELS, at_level, cluster_level, level_class, levels_of, likelihood
from forecast.likelihoods.many_data import log_likelihoods
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.geometry import Box


@pytest.fixture(scope="module")
def lensed(nv22):
    """A survey that expects 8 clusters, with weak-lensing masses."""
    return forward_model(replace(nv22.setup, geometry=Box(352, 0.03, 0.07), weak_lensing=0.2))


@pytest.fixture(scope="module")
def catalogues(lensed):
    """True parameters, and a mock catalogue at each; one is empty."""
    true = lensed.parameters.draw(5, rng=np.random.default_rng(2))
    mocks = draw_mocks(lensed, true, rng=np.random.default_rng(3))
    return true, mocks.kept(mocks.row != 2)


def draws_of(model, size=60):
    return model.parameters.from_coordinates(
        model.parameters.to_coordinates(model.parameters.fiducial)
        + 0.3
        * np.random.default_rng(1).standard_normal((size, len(model.parameters.free)))
        * model.parameters.prior_std
    )


def without(data, i):
    kept = np.arange(len(data.log_yx)) != i
    return Data.observed(int(data.size) - 1, data.log_yx[kept], data.error[kept], data.points[kept])


def centred(values):
    return values - values.mean(axis=0)


def test_names_are_strings_with_words():
    assert json.dumps([*LEVELS, VariantName.CONE]) == json.dumps([str(name) for name in (*LEVELS, VariantName.CONE)])
    assert [level_class(str(name)).name for name in LEVELS] == [
        "counts",
        "selfcal",
        "binned",
        "unbinned",
        "full",
        "full+wl",
    ]
    assert len({name.label for name in LEVELS}) == len(LEVELS)
    assert f"{LEVELS[-1]}" == LEVELS[-1].value == "full+wl"


@pytest.mark.parametrize("level", LEVELS)
def test_many_data_sets_as_one(lensed, catalogues, level):
    (true, mocks), theta = catalogues, draws_of(lensed)
    value, own = log_likelihoods(lensed, level, mocks, theta, true)
    assert value.shape == (5, len(theta))
    for i in range(5):
        public = likelihood(level, lensed, Data.of_mock(lensed, mocks, i))
        np.testing.assert_allclose(value[i] - own[i], public(theta) - public(true[i : i + 1]), atol=2e-3)


@pytest.mark.parametrize("level", LEVELS)
def test_what_a_cluster_contributes(lensed, catalogues, level):
    """ln L without it minus ln L with it, from whole likelihoods."""
    mocks, theta, one = catalogues[1], draws_of(lensed, 12), level_class(level)
    data = Data.of_mock(lensed, mocks, int(np.argmax(mocks.size)))
    found = one(lensed, data).without_each(theta)
    assert found.shape == (len(theta), data.size)
    whole = likelihood(level, lensed, data)(theta)
    for i in range(int(data.size)):
        expected = likelihood(level, lensed, without(data, i))(theta) - whole
        np.testing.assert_allclose(centred(found[:, i]), centred(expected), atol=1e-8)
    table = one.contribution(lensed, theta)
    if table is not None:
        at = CubicSpline(table.grid, table.value, axis=1)(data.log_yx)
        np.testing.assert_allclose(centred(at), -centred(found), atol=1e-5)


@pytest.mark.parametrize("level", CLUSTER_LEVELS)
def test_catalogues_at_parameters_of_their_own(lensed, catalogues, level):
    (_, mocks), one = catalogues, cluster_level(level)
    theta = draws_of(lensed, 2 * 5).reshape(2, 5, -1)
    change = np.diff([one.paired(lensed, mocks)(each) for each in theta], axis=0)[0]
    for i in range(5):
        public = likelihood(level, lensed, Data.of_mock(lensed, mocks, i))
        assert change[i] == pytest.approx(float(np.diff(public(theta[:, i]))[0]), abs=1e-4)


@pytest.mark.parametrize("level", [level for level in LEVELS if level_class(level).of_clusters])
def test_terms_of_single_clusters(lensed, catalogues, level):
    """ln lambda of each cluster and its derivatives, against likelihoods of that cluster alone, moved."""
    (_, mocks), one, theta = catalogues, level_class(level), draws_of(lensed, 5)
    value, slope = one.terms(lensed, mocks)(theta)
    points, step = Points.of_mocks(lensed, mocks), 1e-3
    assert slope.shape == (len(one.observables(lensed)), len(mocks.row))

    def alone(points, at):
        return likelihood(level, lensed, Data(1.0, points=points))(at) + lensed.expected_count(at)

    for i in (0, len(mocks.row) - 1):
        at, mine = theta[mocks.row[i]][None], points[[i]]
        assert value[i] == pytest.approx(alone(mine, at)[0], rel=1e-6)
        up, down = (replace(mine, observables=mine.observables + s * np.array([0, 1, 0])) for s in (step, -step))
        assert slope[1, i] == pytest.approx((alone(up, at) - alone(down, at))[0] / (2 * step), rel=1e-3)


def test_levels_of_a_setup_and_what_they_see(cccp, lensed):
    assert levels_of(lensed.setup) == LEVELS
    assert levels_of(cccp.setup) == LEVELS[:-1]
    assert "norm_wl" not in at_level(lensed, "unbinned").parameters.names
    with pytest.raises(InputError, match="level 'ful' is unknown; did you mean 'full'"):
        level_class("ful")
    with pytest.raises(InputError, match="'binned' has no saliency of single clusters; did you mean 'unbinned'"):
        cluster_level("binned")
