"""Joint forecasts: ellipses against samples, derived errors against samples, figure and files."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from forecast.cli.planning_pipelines import run_joint
from forecast.config.load import parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.core.records import Job
from forecast.forecasts.joint import FREED, compute_joint, density_prior, joint_level, with_free_density
from forecast.likelihoods.fisher import Fisher, fisher_matrix
from forecast.model.forward import forward_model
from forecast.report.planning_files import joint_table, write_joint
from forecast.report.plots.joint import PROBABILITIES, ellipse, joint_figure

SAMPLES = 400_000
COVARIANCE = np.array([[2e-3, -3e-3], [-3e-3, 8e-3]])


@pytest.fixture(scope="module")
def forecast(nv22):
    return compute_joint(nv22)


@pytest.mark.parametrize("probability", PROBABILITIES)
def test_an_ellipse_holds_its_share_of_samples_and_their_area(probability):
    rng, centre = np.random.default_rng(1), np.array([0.3, 0.8])
    outline = ellipse(COVARIANCE, centre, probability, 2001)
    x, y = (outline - centre).T
    area = 0.5 * abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    samples = rng.multivariate_normal(centre, COVARIANCE, SAMPLES)
    edge = (outline - centre) @ np.linalg.inv(COVARIANCE)
    radius = np.sum(edge * (outline - centre), axis=1)
    assert np.ptp(radius) < 1e-9 * radius[0]
    shift = samples - centre
    inside = np.sum((shift @ np.linalg.inv(COVARIANCE)) * shift, axis=1) < radius[0]
    error = math.sqrt(probability * (1 - probability) / SAMPLES)
    assert abs(inside.mean() - probability) < 5 * error
    box = np.ptp(outline, axis=0)
    points = outline.min(axis=0) + rng.random((SAMPLES, 2)) * box - centre
    share = np.mean(np.sum((points @ np.linalg.inv(COVARIANCE)) * points, axis=1) < radius[0])
    assert abs(share * np.prod(box) - area) < 5 * np.prod(box) * math.sqrt(share * (1 - share) / SAMPLES) + 1e-5 * area


def test_derived_errors_are_those_of_samples():
    priors = (("sigma8", 0.8, 0.1), ("Om0", 0.25, 0.05))
    free = [Parameter(name, x, Prior("gaussian", mean=x, std=s)) for name, x, s in priors]
    truth = np.array([[1.6e-5, -3e-6], [-3e-6, 2e-6]])  # narrow: ln is linear over it
    information = np.linalg.inv(truth) - np.diag([1 / 0.1**2, 1 / 0.05**2])
    found = joint_level("counts", Fisher(ParameterSet(tuple(free)), information))
    assert found.covariance == pytest.approx(truth[::-1, ::-1], rel=1e-9)
    assert found.std == pytest.approx((math.sqrt(2e-6), 4e-3))
    sigma8, Om0 = np.random.default_rng(2).multivariate_normal([0.8, 0.25], truth, SAMPLES).T
    tolerance = 5 / math.sqrt(2 * SAMPLES) + 2e-3
    assert np.std(sigma8 * (Om0 / 0.3) ** 0.5) == pytest.approx(found.s8_std, rel=tolerance)
    combined = sigma8 * (Om0 / 0.3) ** found.power
    assert np.std(combined) == pytest.approx(found.combined_std, rel=tolerance)
    assert np.mean(combined) == pytest.approx(found.combined, rel=1e-3)
    assert abs(np.corrcoef(combined, Om0)[0, 1]) < 5 / math.sqrt(SAMPLES) + 2e-3


def test_near_surveys_free_the_density_from_where_their_mass_function_is_calibrated(cccp):
    """Of tinker08 that is 500/3200 in units of the mean density, at the lowest redshift."""
    near = replace(cccp.setup, geometry=replace(cccp.setup.geometry, zmin=0.005))
    setup, notes = with_free_density(near)
    lowest = near.matter_densities[0]
    assert 0.15 < lowest < 500 / 3200 and setup.parameters.free[-1].prior.bounds == (0.16, 0.45)
    assert "flat prior, 0.16 to 0.45" in notes[0]
    assert setup.shapes is not None
    assert density_prior([cccp.setup, near]).low == 0.16


def test_a_fixed_density_is_freed_with_a_stated_prior(nv22, forecast):
    setup, notes = with_free_density(nv22.setup)
    freed = setup.parameters.free[-1]
    assert (freed.name, freed.fiducial, freed.prior) == ("Om0", 0.272, FREED)
    assert "flat prior, 0.15 to 0.45" in notes[0]
    assert forecast.bounds == ((0.15, 0.45), (0.70, 0.92))
    assert (forecast.Om0, forecast.sigma8) == (0.272, 0.81)
    prior = forecast.levels[0]
    assert prior.std == pytest.approx((0.3 / math.sqrt(12), 0.22 / math.sqrt(12)))
    names = ["prior", "counts", "selfcal", "binned", "unbinned", "full", "full+wl"]
    assert [level.level for level in forecast.levels] == names


def test_a_level_is_its_fisher_matrix(nv22, forecast):
    setup, _ = with_free_density(nv22.setup)
    fisher = fisher_matrix("unbinned", forward_model(setup))
    level = next(level for level in forecast.levels if level.level == "unbinned")
    assert level.std == (fisher.std("Om0"), fisher.std("sigma8"))
    assert level.combined_std < level.s8_std < math.hypot(*level.std)
    known = fisher_matrix("unbinned", forward_model(nv22.setup))
    assert level.std[1] > known.std()  # Om0 free can only widen


def test_a_free_density_and_a_configured_h_keep_their_priors(nv22):
    content = nv22.model_dump(mode="json")
    content["parameters"] |= {"Om0": {"gaussian": 0.02}, "h": {"gaussian": 0.01}}
    setup = parse_config(content).setup
    same, notes = with_free_density(setup)
    assert same is setup
    assert notes == ("ns fixed at the configured values.",)


def test_a_density_outside_the_prior(nv22):
    cosmology = replace(nv22.setup.cosmology, Om0=0.5)
    with pytest.raises(InputError, match=r"parameters\.Om0: the prior \(0\.15 to 0\.45\) excludes"):
        with_free_density(replace(nv22.setup, cosmology=cosmology))


def test_figure(forecast):
    figure = joint_figure(forecast)
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.split(":")[0] for text in words] == [level.level for level in forecast.levels]
    assert f"{forecast.levels[1].s8:.3f}" in words[1]
    assert f"{forecast.levels[1].power:.2f}" in words[1]
    for level in forecast.levels:
        reach = math.sqrt(-2 * math.log(0.05)) * level.std[0]
        assert any(np.ptp(line.get_xdata()) == pytest.approx(2 * reach, rel=1e-3) for line in axes.lines)
    straight = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert [x[0] for x in straight if x[0] == x[1]] == [0.15, 0.45]


def test_files_return_and_repeat(nv22, forecast, tmp_path, monkeypatch):
    monkeypatch.setattr("forecast.cli.planning_pipelines.compute_joint", lambda config, progress, quick: forecast)
    run_joint(nv22, Job("nv22", tmp_path / "a"))
    write_joint(forecast, tmp_path / "b")
    saved = json.loads((tmp_path / "a" / "joint.json").read_text(encoding="utf-8"))
    assert saved["levels"][1]["covariance"] == forecast.levels[1].covariance.tolist()
    assert saved["provenance"]["command"] == "joint"
    with (tmp_path / "a" / "joint.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    expected, values = joint_table(forecast)
    assert header == expected
    assert [[row[0], *map(float, row[1:])] for row in rows] == values
    for name in ("joint.csv", "figures/joint.pdf", "figures/joint.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
