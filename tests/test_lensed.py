"""Weak-lensing masses against predicted ones: uniform on mocks, the density by Monte Carlo, faults are named."""

from dataclasses import replace

import numpy as np
import pytest
from pages import run
from scipy import stats

from forecast.checks.lensed import (
    STATISTICS,
    _below,
    beyond,
    lensed_fit,
    predicted_densities,
    predicted_nodes,
    two_sided,
)
from forecast.cli.fit_checks import lensing_masses
from forecast.config.load import load_config
from forecast.likelihoods.density.points import Points
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.doubts import of_lensed
from forecast.report.plots.lensed import lensed_figure
from forecast.report.result_page import result_page
from forecast.report.results import summary_json
from forecast.sampling.mcmc import Chain


@pytest.fixture(scope="module")
def model():
    return forward_model(load_config("nv22").setup)


@pytest.fixture(scope="module")
def theta(model):
    return model.parameters.fiducial[None]


@pytest.fixture(scope="module")
def points(model, theta):
    """A mock catalogue of which every third cluster has no lensing mass."""
    every = Points.of_mocks(model, draw_mocks(model, theta, rng=np.random.default_rng(1)))
    return replace(every, log_mwl=np.where(np.arange(len(every.z)) % 3 == 0, np.nan, every.log_mwl))


def test_places_in_predictions_are_uniform_for_mocks_of_the_model(model, theta):
    """Those of three mock catalogues at their true parameters, whichever clusters are looked at."""
    mocks = draw_mocks(model, np.repeat(theta, 3, axis=0), rng=np.random.default_rng(2))
    some = Points.of_mocks(model, mocks)
    some = some[np.flatnonzero(some.observables[:, 0] > np.median(some.observables[:, 0]))]
    nodes = predicted_nodes(model, some, theta)
    place = _below(nodes, predicted_densities(model, some, nodes, theta), some.log_mwl)[0]
    assert stats.kstest(place, "uniform").pvalue > 1e-4
    assert stats.kstest(np.abs(place - 0.5), "uniform", args=(0, 0.5)).pvalue > 1e-4


def test_the_predicted_density_is_that_of_mocks_with_the_same_observables(model, theta):
    """Mean and width of masses in 300 catalogues of clusters that look alike, against those predicted."""
    mocks = draw_mocks(model, np.repeat(theta, 300, axis=0), rng=np.random.default_rng(3))
    centre = np.median(mocks.observables, axis=0)
    near = np.all(np.abs(mocks.observables - centre) < np.array([0.10, 0.03, 0.06]), axis=1)
    like = Points.of_mocks(model, mocks)[np.flatnonzero(near)[:150]]
    nodes = predicted_nodes(model, like, theta)
    density = predicted_densities(model, like, nodes, theta)[0]
    share = density / density.sum(axis=1, keepdims=True)
    mean = (share * nodes).sum(axis=1)
    width = np.sqrt((share * (nodes - mean[:, None]) ** 2).sum(axis=1))
    scores = (like.log_mwl - mean) / width
    assert abs(scores.mean()) < 5 / np.sqrt(len(scores))
    assert abs(scores.std() - 1) < 5 / np.sqrt(2 * len(scores))


def test_laws_of_the_statistics_are_those_of_normal_scores():
    rng, predicted = np.random.default_rng(4), np.linspace(13.5, 15.0, 25)
    p = two_sided(beyond(rng.standard_normal((4000, 25)), predicted))
    for column in p.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    trend = 0.9 * (predicted - predicted.mean()) / predicted.std() + rng.standard_normal((500, 25))
    assert (two_sided(beyond(trend, predicted)).argmin(axis=1) == STATISTICS.index("trend with mass")).mean() > 0.8


def test_a_good_catalogue_passes_and_faults_are_named(model, theta, points):
    def fit(changed):
        return lensed_fit(model, changed, "full", theta, rng=np.random.default_rng(5))

    number = int(np.isfinite(points.log_mwl).sum())
    good = fit(points)
    assert good.joint > 0.01 and of_lensed(good) is None
    assert len(good.log_mwl) == number and abs(good.offset) < 5 * good.width.mean() / np.sqrt(number)
    in_msun = fit(replace(points, log_mwl=points.log_mwl - np.log10(0.7)))
    assert in_msun.worst == "offset" and in_msun.offset - good.offset == pytest.approx(0.155, abs=1e-3)
    caution = of_lensed(in_msun)
    assert caution.kind == "lensed" and "dex above" in caution.text and "Msun or Msun/h" in caution.text
    mean = np.nanmean(points.log_mwl)
    wide = np.where(np.arange(len(points.z)) % 2, 0.2, -0.2)
    assert fit(replace(points, log_mwl=points.log_mwl + wide)).worst == "spread"
    one = points.log_mwl.copy()
    one[1] = mean + 3
    assert fit(replace(points, log_mwl=one)).worst == "outlier"
    few = replace(points, log_mwl=np.where(np.arange(len(points.z)) < 4, points.log_mwl, np.nan))
    assert lensed_fit(model, few, "full", theta, rng=np.random.default_rng(5)) is None
    assert len(lensed_figure(good).axes) == 1


def test_levels_without_lensing_predict_it_with_the_priors_of_its_bias(model, theta):
    """Of a catalogue, after a fit: the chain's parameters, and draws from the priors of all that it lacks."""
    mocks = draw_mocks(model, theta, rng=np.random.default_rng(7))
    catalogue = replace(
        mocks.catalogue(),
        log_t=mocks.observables[:, 1],
        log_t_error=np.zeros(len(mocks.z)),
        log_mwl=mocks.log_mwl,
        log_mwl_error=np.full(len(mocks.z), 0.05),
    )
    names = ("sigma8", "norm_lx")
    at = [model.parameters.names.index(name) for name in names]
    steps = np.tile(theta[0, at], (100, 32, 1))
    chain = Chain(names, steps, np.zeros((100, 32)), tau=np.ones(2), burn=10, acceptance=0.5)
    fit = lensing_masses((model, catalogue), "counts", chain, 3)
    known = lensed_fit(model, Points.of_mocks(model, mocks), "full", theta, rng=np.random.default_rng(5))
    assert fit.level == "counts" and len(fit.log_mwl) == len(mocks.z)
    assert fit.width.mean() > 1.05 * known.width.mean()
    assert lensing_masses((model, replace(catalogue, log_mwl=None, log_mwl_error=None)), "counts", chain, 3) is None
    result = replace(run(), lensed=fit)
    assert "lensed" in {block.name for s in result_page(result).sections for block in s.blocks if hasattr(block, "alt")}
    assert any(check.question.startswith("Lensing masses") for check in result_page(result).checks)
    assert summary_json(result)["lensed"]["joint"] == fit.joint
