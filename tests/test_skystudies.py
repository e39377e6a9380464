"""Tools of the studies of ROSAT skies, against exact numbers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks.charts import Chart
from benchmarks.shareddraws import FREEDOM, Component, Plan, effective, shared_draws, softened
from benchmarks.skies import Luminosities
from benchmarks.skycone import AT_ONCE, SURVEYS, abundance, emitted
from benchmarks.skymocks import Sky
from benchmarks.skyvariants import planted
from forecast.core.band import SOFT, Band
from forecast.likelihoods.data import Data
from forecast.likelihoods.density import redshift_nodes
from forecast.likelihoods.point_process import Full
from forecast.sampling.proposal import Proposal
from forecast.survey.emission import log_continuum


@pytest.fixture(scope="module")
def sky():
    return Sky("bcs", straight=True)


def test_gaussian_posteriors_that_share_their_draws():
    """Means, widths and evidence of data x_m ~ N(a, 0.3^2 + ...) in five dimensions, against the formulae."""
    size, noise, rng = 5, 0.3, np.random.default_rng(1)
    data = rng.standard_normal((6, size))

    def target(at):
        prior = stats.norm.logpdf(at).sum(axis=1)
        return stats.norm.logpdf(at[:, None], data, noise).sum(axis=2) + prior[:, None]

    first = [Component(Proposal(np.zeros(size), np.eye(size), FREEDOM), 2000)]
    pool, weight = shared_draws(target, first, Plan(each=300, enough=1000.0), rng)
    assert effective(weight).min() > 1000
    shrunk = 1 / (1 + noise**2)
    errors = noise * np.sqrt(shrunk / effective(weight))[:, None]
    assert np.all(np.abs(weight.T @ pool.at - shrunk * data) < 5 * errors)
    np.testing.assert_allclose(weight.T @ pool.at**2 - (weight.T @ pool.at) ** 2, shrunk * noise**2, rtol=0.2)
    exact = stats.norm.logpdf(data, 0, np.hypot(1, noise)).sum(axis=1)
    np.testing.assert_allclose(pool.log_evidence, exact, atol=5 / np.sqrt(effective(weight).min()))


def test_weights_are_softened_as_far_as_wanted():
    log_weight = -np.linspace(0, 300, 500)
    weight = softened(log_weight, 60.0)
    assert 1 / (weight @ weight) == pytest.approx(60, rel=1e-3)
    np.testing.assert_allclose(np.diff(np.log(weight), 2), 0, atol=1e-9)  # a power of what they were


def test_densities_of_a_chart_are_those_of_the_priors(sky):
    """ln of the prior of parameters, and their derivatives by the coordinates, from differences."""
    free, step = sky.model.parameters.free, 1e-5
    chart, at = Chart(free), np.random.default_rng(2).uniform(-0.8, 0.8, (4, len(free)))
    theta = chart.parameters(at)
    np.testing.assert_allclose(chart.coordinates(theta), at, atol=1e-9)
    slope = (chart.parameters(at + step) - chart.parameters(at - step)) / (2 * step)
    of_parameters = np.column_stack([p.prior.log_density(theta[:, i]) for i, p in enumerate(free)])
    normal = [not p.name.startswith("density_contrast") for p in free]
    expected = (of_parameters + np.log(slope))[:, normal].sum(axis=1)
    rest = stats.norm.logpdf(at[:, np.invert(normal)]).sum(axis=1)
    np.testing.assert_allclose(chart.log_prior(at), expected + rest, atol=0.01)  # ends of the priors are far
    at[0, 0] = 40.0
    assert np.isneginf(chart.log_prior(at)[0])


def test_nodes_tell_likelihoods_of_catalogues(sky):
    """To 0.2 where ln L varies by 80 or more: farther than posteriors reach."""
    rng = np.random.default_rng(3)
    parameters = sky.model.parameters
    mocks = sky.mocks(np.repeat(parameters.fiducial[None], 3, axis=0), rng)
    theta = sky.chart.parameters(0.15 * rng.standard_normal((8, len(parameters.names))))
    nodal = sky.nodes.mock_weights(mocks) @ sky.nodes.log_density(theta).T - sky.nodes.expected(theta)
    exact = Full.of_many(sky.model, mocks, theta)
    assert np.ptp(exact, axis=1).min() > 50
    offset = nodal - exact
    assert np.abs(offset - offset.mean(axis=1, keepdims=True)).max() < 0.2


def test_luminosities_alone_are_a_density(sky):
    """Of catalogues of one cluster: they add up to what is expected, whatever the redshift."""
    parameters, model = sky.model.parameters, sky.model
    theta, grid = parameters.fiducial[None], np.linspace(41.5, 46.0, 400)
    empty = sky.mocks(theta, np.random.default_rng(4)).part(0, 1)
    points = Data.of_mock(model, empty).points
    values = []
    for log_lx in grid[::8]:
        observables = np.where(np.arange(points.observables.shape[1]) == 0, log_lx, np.nan)[None]
        one = replace(points[:1], observables=observables)
        values.append(np.exp(Luminosities(model, Data(size=1, points=one))(theta)[0]))
    expected = model.expected_count(theta)[0]
    assert np.trapezoid(values, grid[::8]) * np.exp(expected) == pytest.approx(expected, rel=0.01)


def test_the_cone_has_the_package_s_emission_but_not_its_code():
    t = np.array([3.5, 6.0, 12.0])
    wide, band = Band(0.1, 2.4), 10 ** (log_continuum(Band(0.1, 2.4), np.log10(t)) - log_continuum(SOFT, np.log10(t)))
    own = emitted(t, np.full(3, wide.low), np.full(3, wide.high)) / emitted(t, np.full(3, 0.5), np.full(3, 2.0))
    np.testing.assert_allclose(own, band, rtol=0.003)
    assert 5e-7 < float(abundance(np.array([3e14]), np.array([0.1]))[0]) < 1e-5
    area = SURVEYS["reflex"].area("reflex", AT_ONCE // 10, np.random.default_rng(5))
    assert area == pytest.approx(4.24 * 0.95, rel=0.02)


def test_faults_are_planted_where_goodness_of_fit_looks():
    limits = {one.config("reflex", {}).setup.selection.flux_limit for one in planted()}
    assert limits == {2.1e-12, 2.55e-12, 3e-12}


@pytest.mark.parametrize("name", ["reflex", "bcs"])
def test_scores_of_nodes_are_those_of_the_likelihood(name):
    """That of Om0 too, which moves kinks of tinker08's coefficients: 0.3 is some 0.2 of the error of sigma8."""
    sky, rng = Sky(name), np.random.default_rng(6)
    truth = np.repeat(sky.model.parameters.fiducial[None], 8, axis=0)
    mocks, step = sky.mocks(truth, rng), 0.02
    at = sky.chart.coordinates(truth)[0]
    theta = sky.chart.parameters(np.array([at, at]) + np.outer([step, -step], np.eye(len(at))[1]))
    nodal = sky.nodes.mock_weights(mocks) @ sky.nodes.log_density(theta).T - sky.nodes.expected(theta)
    exact = Full.of_many(sky.model, mocks, theta)
    off = np.diff(nodal - exact, axis=1)[:, 0] / (2 * step)
    assert sky.model.parameters.names[1] == "Om0" and abs(off.mean()) < 0.3


def test_kinks_of_the_mass_function_are_resolved(monkeypatch):
    """ln L between parameters an error or so apart, beside that of 480 knots; 48 are off by 0.0034."""
    sky, rng = Sky("reflex"), np.random.default_rng(7)
    fiducial = sky.model.parameters.fiducial[None]
    mocks = sky.mocks(np.repeat(fiducial, 5, axis=0), rng)
    theta = sky.chart.parameters(sky.chart.coordinates(fiducial) + 0.15 * rng.standard_normal((20, fiducial.shape[1])))
    own = Full.of_many(sky.model, mocks, theta)
    monkeypatch.setattr(redshift_nodes, "_KNOTS", 480)
    off = own - Full.of_many(sky.model, mocks, theta)
    assert off.std(axis=1).mean() < 0.002
