"""Surveys whose data are kept apart by redshift, and shells, sky coverage and contamination at every level."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.checks.sbc import CalibrationPlan, calibrate
from forecast.config.load import load_config, parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, contrast_names
from forecast.core.priors import Prior
from forecast.forecasts.ladder import cone_variant, sigma8_std, variants
from forecast.influence.by_mass import InfluencePlan, build_influence
from forecast.likelihoods.bins import bin_models
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.derivatives import derivatives
from forecast.likelihoods.fisher import fisher_matrix
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.mean_density import at_mean_density
from forecast.model.simulate import draw_mocks
from forecast.report.narrative import parameter_rows, survey_sentences
from forecast.survey.detection.contamination import Contamination
from forecast.survey.detection.curve import Detection
from forecast.survey.geometry import Box, Replicated
from forecast.survey.redshift_bins import Product, bin_numbers, in_bins

LEVELS = ("counts", "selfcal", "binned", "unbinned")


def divided(setup, *edges, binned=True, variance=False):
    """A survey divided at redshifts `edges`."""
    parameters = setup.parameters
    for name in contrast_names(len(edges) + 1) if variance else ():
        parameters = parameters.with_free(Parameter(name, 0.0, Prior("gaussian", mean=0.0, std=1.0)))
    geometry = replace(setup.geometry, edges=edges)
    return replace(setup, geometry=geometry, parameters=parameters, binned_in_redshift=binned)


@pytest.fixture(scope="module")
def cone(nv22):
    setup = cone_variant(nv22.setup)
    fixed = [n for n in setup.parameters.names if n not in ("sigma8", "norm_lx", "norm_mgas", "scatter_lx")]
    return replace(setup, parameters=setup.parameters.without(fixed), weak_lensing=None)


@pytest.fixture(scope="module")
def model(cone):
    """Three bins, each with a density contrast."""
    return forward_model(divided(cone, 0.04, 0.055, variance=True))


def test_bins_of_redshifts(cone):
    geometry = divided(cone, 0.04, 0.055).geometry
    z = np.array([0.01, 0.039, 0.04, 0.05, 0.06, 0.07])
    assert bin_numbers(geometry, z).tolist() == [0, 0, 1, 1, 2, 2]
    assert bin_numbers(Replicated(geometry, 3.0), z).tolist() == [0, 0, 1, 1, 2, 2]
    assert [mine.tolist() for mine in in_bins(geometry, z[1:3])] == [[True, False], [False, True], [False, False]]
    with pytest.raises(InputError, match=r"redshift of 0\.08 lies outside the survey's 0\.01 to 0\.07"):
        bin_numbers(geometry, np.array([0.05, 0.08]))
    with pytest.raises(InputError, match="only light cones"):
        bin_numbers(Box(352, 0.5, 0.07), z)
    with pytest.raises(InputError, match="needs bins"):
        divided(cone)


def test_a_likelihood_is_the_product_over_bins(model):
    mocks = draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(1))
    data, theta = Data.of_mock(model, mocks), model.parameters.draw(5, rng=np.random.default_rng(2))
    sizes = [part.size for part in data.bins]
    assert sum(sizes) == data.size == len(mocks.z)
    expected = np.array([m.expected_count(theta) for m in bin_models(model)])
    by_hand = sum(stats.poisson.logpmf(n, mu) for n, mu in zip(sizes, expected, strict=True))
    counts = likelihood("counts", model, data)
    assert isinstance(counts, Product)
    assert (counts.name, counts.parameters) == ("counts", model.parameters)
    np.testing.assert_allclose(counts(theta), by_hand, rtol=1e-10)
    for level in LEVELS[1:]:
        parts = [likelihood(level, m, d) for m, d in zip(bin_models(model), data.bins, strict=True)]
        np.testing.assert_allclose(likelihood(level, model, data)(theta), sum(p(theta) for p in parts))
    with pytest.raises(InputError, match="3 redshift bins needs the data of each, got 0"):
        likelihood("counts", model, replace(data, bins=()))


def test_clusters_without_yx_count_in_their_bin(model):
    z, yx = np.array([0.02, 0.03, 0.05, 0.06]), np.array([14.0, np.nan, 14.2, np.nan])
    data = Data.of_clusters(model, z, (yx, np.zeros(4)), None)
    assert [(part.size, part.number_with_yx) for part in data.bins] == [(2, 1), (1, 1), (1, 0)]
    assert (data.size, data.number_with_yx) == (4, 2)
    assert data.rounded().bins[0].size == 2
    assert np.isfinite(likelihood("unbinned", model, data)(model.parameters.fiducial[None])).all()


@pytest.mark.parametrize("level", ["counts", "binned", "unbinned"])
def test_expected_data_are_most_likely_at_their_own_parameters(model, level):
    """Gradients of the log likelihood over the square root of the information vanish."""
    at = at_mean_density(model)
    score = derivatives(likelihood(level, model, Data.expected(model)), model.parameters, at)
    width = np.sqrt(np.diag(fisher_matrix(level, model).information) + 1 / model.parameters.prior_std**2)
    np.testing.assert_allclose(score / width, 0, atol=0.02)


def test_bins_never_lose_information(cone):
    plain = forward_model(cone)
    binned = forward_model(divided(cone, 0.04, 0.055))
    for level in ("counts", "unbinned"):
        one, many = (fisher_matrix(level, m).information for m in (plain, binned))
        gain = (many - one) * np.outer(cone.parameters.prior_std, cone.parameters.prior_std)
        assert np.linalg.eigvalsh(gain).min() > -1e-3 * np.trace(gain)
        assert np.trace(gain) > 0.02 * np.trace(one * np.outer(cone.parameters.prior_std, cone.parameters.prior_std))
    for level in LEVELS:
        assert fisher_matrix(level, binned).std() <= fisher_matrix(level, plain).std() * 1.002


def test_a_bin_that_is_the_whole_survey_changes_nothing(cone):
    whole, almost = forward_model(cone), forward_model(divided(cone, 0.0102))
    for level in ("counts", "binned", "unbinned"):
        one, other = (fisher_matrix(level, m).std() for m in (whole, almost))
        assert other == pytest.approx(one, rel=2e-3)


@pytest.mark.parametrize("level", ["counts", "selfcal"])
def test_posteriors_of_bins_are_calibrated(cone, level):
    setup = divided(replace(cone, geometry=replace(cone.geometry, nodes=4)), 0.05, variance=True)
    check = calibrate(forward_model(setup), level, CalibrationPlan(mocks=500, draws=1200, seed=31, groups=2))
    assert check.status == "calibrated", check.p_values
    assert min(check.p_values.values()) > 1e-4


def test_wrong_bins_are_noticed(cone):
    """Mocks whose luminosity relation evolves look fine as a whole but not bin by bin."""
    setup = divided(replace(cone, geometry=replace(cone.geometry, nodes=4)), 0.05)
    lx = replace(setup.relations.lx, evolution=setup.relations.lx.evolution + 18)
    truth = forward_model(replace(setup, relations=replace(setup.relations, lx=lx)))
    plan = CalibrationPlan(mocks=200, draws=1000, seed=32, groups=2)
    check = calibrate(forward_model(setup), "counts", plan, truth=truth)
    assert check.p_value < 1e-3


@pytest.mark.parametrize("lensing", [False, True])
def test_scores_of_single_clusters_vanish_on_average(cone, lensing):
    """Level full with shells, parts of the sky, completeness and contamination: over mocks, 5 sigma."""
    detection = Detection.of_tiles(np.array([0.0, 0.3]), np.array([1.0, 1.0]), 0.1)[0]
    ghosts = Contamination((0.0, 0.4, 1.0), (0.3, 0.1, 0.0))
    setup = divided(cone, 0.05, binned=False, variance=True)
    selection = replace(setup.selection, detection=detection, contamination=ghosts, flux_error=0.05)
    free = Parameter("norm_contamination", 1.0, Prior("lognormal", mean=1.0, std=0.3))
    parameters = setup.parameters.with_free(free)
    weak_lensing = 0.2 if lensing else None
    model = forward_model(replace(setup, selection=selection, parameters=parameters, weak_lensing=weak_lensing))
    copies, at = 40, model.parameters.fiducial.copy()
    at[model.parameters.names.index("density_contrast_1")] = 1.0
    at[model.parameters.names.index("norm_contamination")] = 1.5
    mocks = draw_mocks(model, np.repeat(at[None], copies, axis=0), rng=np.random.default_rng(3))
    density = PointDensity(model, Points.of_mocks(model, mocks), lensing)
    scores = derivatives(density.grid, model.parameters, at)
    growth = derivatives(model.expected_count, model.parameters, at)
    error = np.sqrt((scores**2).sum(axis=1))
    pull = (scores.sum(axis=1) - copies * growth) / error
    assert np.abs(pull).max() < 5, dict(zip(model.parameters.names, pull, strict=True))
    assert (error > 0).all()


def test_without_its_bins_a_density_of_shells_would_be_wrong(model):
    """Each cluster's density follows the contrast of its own shell."""
    z = np.array([0.03, 0.05, 0.065])
    points = Points.observed(z, np.tile([44.3, 0.5, 13.4], (3, 1)))
    theta = np.repeat(model.parameters.fiducial[None], 2, axis=0)
    first = model.parameters.names.index("density_contrast_1")
    theta[1, first] = 1.0
    change = np.diff(PointDensity(model, points, False).grid(theta), axis=0)[0]
    assert change[0] > 0.1
    assert abs(change[2]) < 0.3 * change[0]


def test_configured_bins_from_configuration_to_words():
    content = load_config("erosita").model_dump(mode="json")
    del content["survey"]["shells"]
    content["survey"] |= {"redshift_edges": [0.1, 0.3, 0.8], "binned_in_redshift": True}
    flux = "erg / (s cm2)"
    curve = {"fluxes": [f"3e-13 {flux}", f"1e-12 {flux}"], "values": [0.2, 0.0]}
    content["selection"] |= {"completeness_width": 0.1, "contamination": curve}
    content["parameters"]["norm_contamination"] = {"lognormal": 0.3}
    setup = parse_config(content).setup
    assert setup.binned_in_redshift
    words = " ".join(survey_sentences(setup))
    assert "kept apart by redshift bin" in words
    assert "Up to 20% of the detections" in words
    assert "chance of detection" in words
    assert [row.name for row in parameter_rows(setup.parameters)][-2:] == ["density_contrast_1", "density_contrast_2"]
    switched = next(v for v in variants(setup, ()) if v.label == "no sample variance").setup
    assert switched.parameters.contrasts == ()
    content["survey"] |= {"redshift_edges": None}
    with pytest.raises(InputError, match="needs bins"):
        _ = parse_config(content).setup


def test_the_ladder_of_bins(cone):
    _, plain = sigma8_std(cone)
    count, binned = sigma8_std(divided(cone, 0.04, 0.055, variance=True))
    assert count == pytest.approx(129, rel=0.02)
    assert binned["counts"] < plain["prior"]
    assert binned["known"] > plain["known"]  # sample variance


def test_single_clusters_of_bins_are_refused_where_only_the_bin_knows_them(cone):
    model = forward_model(divided(cone, 0.05))
    with pytest.raises(InputError, match=r"survey.binned_in_redshift: .*level 'unbinned' .* set it to false"):
        build_influence(model, "as configured", InfluencePlan(mocks=2), rng=np.random.default_rng(1))
