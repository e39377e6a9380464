"""Layers of the sky: a chance of detection each, shared density contrasts, and data that are kept apart by them."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from scipy import stats
from test_detection import ROWS, TABLE, written
from test_intake import clusters
from test_survey_effects import check, check_model, erosita_with, in_shells, simulate_at_redshifts, with_selection

from forecast.checks.observed import catalogue_data
from forecast.checks.reach import faint_clusters
from forecast.config.load import load_config, parse_config
from forecast.core.errors import InputError
from forecast.forecasts.ladder import cone_variant
from forecast.likelihoods.bins import bin_models, members
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.fisher import fisher_matrix
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.detection.curve import Detection
from forecast.survey.detection.layers import Layer

LAYERS = (Layer("deep", 0.3, np.log10(0.6)), Layer("wide", 0.7, np.log10(1.5)))
ERF = Detection((0.9,), (0.1,), (0.12,))


@pytest.fixture(scope="module")
def cone(nv22):
    """Setup of a flux-limited cone with four free parameters."""
    setup = cone_variant(nv22.setup)
    fixed = [n for n in setup.parameters.names if n not in ("sigma8", "norm_lx", "norm_mgas", "scatter_lx")]
    return replace(setup, parameters=setup.parameters.without(fixed), weak_lensing=None)


def layered(cone, detection=ERF, **changes):
    """The same on a sky of two layers, told apart."""
    setup = with_selection(cone, detection=detection, flux_error=0.06)
    return replace(setup, selection=setup.selection.with_layers(LAYERS), binned_by_layer=True, **changes)


@pytest.mark.parametrize("detection", [ERF, TABLE], ids=["curve", "table"])
def test_layers_against_a_simulated_cone(cone, detection):
    """Each cluster falls into a layer by area, and its coin is that of the flux there; all together, and by layer."""
    setup, copies, rng = layered(cone, detection), 40, np.random.default_rng(1)
    z, mass, lx, yx, flux = simulate_at_redshifts(setup, copies, rng)
    layer = (rng.random(len(z)) > 0.3).astype(int)
    relative = flux - np.log10([0.6, 1.5])[layer]
    seen = rng.random(len(z)) < detection.at(z)(relative)
    check_model(setup, (lx[seen], yx[seen]), mass[seen], copies)
    for i, model in enumerate(bin_models(forward_model(setup))):
        mine, grid = yx[seen & (layer == i)], np.linspace(yx[seen].min() - 0.2, yx[seen].max() + 0.2, 301)
        theta = setup.parameters.fiducial[None]
        check(mine, model.yx_density(theta, grid)[0], grid, model.expected_count(theta)[0], copies)


def test_mocks_say_in_which_layer_clusters_lie(cone):
    """Their numbers and fluxes by layer, in shells whose density contrasts all layers share."""
    setup = in_shells(layered(cone), 2)
    model, copies = forward_model(replace(setup, binned_in_redshift=True)), 60
    theta = model.parameters.fiducial.copy()
    theta[model.parameters.names.index("density_contrast_1")] = 1.5
    mocks = draw_mocks(model, np.repeat(theta[None], copies, axis=0), rng=np.random.default_rng(2))
    sizes = [int(mine.sum()) for mine in members(model.setup, mocks.z, mocks.layer)]
    expected = np.array([one.expected_count(theta[None])[0] for one in bin_models(model)])
    assert len(sizes) == 4
    assert sum(sizes) == len(mocks.z)
    np.testing.assert_allclose(sizes, copies * expected, atol=5 * np.sqrt(copies * expected.max()))
    assert expected.sum() == pytest.approx(model.expected_count(theta[None])[0], rel=1e-3)
    for i, one in enumerate(bin_models(model)[:2]):
        mine = members(model.setup, mocks.z, mocks.layer)[i]
        grid = np.linspace(mocks.log_lx.min() - 0.2, mocks.log_lx.max() + 0.2, 301)
        check(mocks.log_lx[mine], one.lx_density(theta[None], grid)[0], grid, expected[i], copies)


def test_likelihoods_are_products_over_layers(cone):
    model = forward_model(layered(cone))
    mocks = draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(3))
    data, theta = Data.of_mock(model, mocks), model.parameters.draw(4, rng=np.random.default_rng(4))
    sizes = [part.size for part in data.bins]
    by_hand = [one.expected_count(theta) for one in bin_models(model)]
    expected = sum(stats.poisson.logpmf(n, mu) for n, mu in zip(sizes, by_hand, strict=True))
    np.testing.assert_allclose(likelihood("counts", model, data)(theta), expected, rtol=1e-10)
    mean = forward_model(replace(model.setup, binned_by_layer=False))
    assert fisher_matrix("unbinned", model).std() < fisher_matrix("unbinned", mean).std() * 1.001


def test_single_clusters_without_lx_are_those_of_their_layer(cone):
    """Their density is that of a survey whose chance of detection is the layer's, times its share of the area."""
    setup = layered(cone)
    model = forward_model(setup)
    mocks = draw_mocks(model, model.parameters.fiducial[None], rng=np.random.default_rng(5))
    points = Points.of_mocks(model, mocks)
    points = replace(points, observables=np.where(np.arange(3) == 0, np.nan, points.observables))
    theta = model.parameters.draw(2, rng=np.random.default_rng(6))
    found = PointDensity(model, points, False).grid(theta)
    for number, layer in enumerate(LAYERS):
        mine = mocks.layer == number
        alone = with_selection(cone, detection=Detection((0.9,), (0.1 + layer.log_factor,), (0.12,)), flux_error=0.06)
        expected = PointDensity(forward_model(alone), points[mine], False).grid(theta) + np.log(layer.share)
        np.testing.assert_allclose(found[:, mine], expected, rtol=1e-6)
    unsaid = replace(points, layer=np.full(len(points.z), -1))
    with pytest.raises(InputError, match="do not say in which layer they lie; set it to false"):
        PointDensity(model, unsaid, False)


FLUX = "erg / (s cm2)"
DEEP = {"name": "deep", "area": "2791 deg2", "flux_limit": f"2e-13 {FLUX}"}
WIDE = {"name": "wide", "area": "10000 deg2", "flux_factor": 1.1}


def test_configured_layers(tmp_path):
    setup = erosita_with(survey={"layers": [DEEP, WIDE], "binned_by_layer": True})
    assert [x.share for x in setup.selection.layers] == pytest.approx([2791 / 12791, 10000 / 12791])
    assert setup.selection.detection.offset == pytest.approx([np.log10(2 / 3.35), np.log10(1.1)])
    assert "deep (22%, fluxes x 0.597)" in setup.selection.words
    assert len(setup.bins) == 2
    content = load_config("erosita").model_dump(mode="json")
    content["survey"] |= {"layers": [DEEP, WIDE], "binned_by_layer": True}
    content["catalogue"] = {"columns": {"z": "z", "lx": "lx", "layer": "part"}, "cosmology": {"Om0": 0.29, "h": 0.68}}
    config, path = parse_config(content), tmp_path / "clusters.ecsv"
    table = Table({"z": [0.2, 0.3, 0.4], "lx": [2e44, 5e44, 9e44], "part": ["wide", "deep", "wide"]})
    table["lx"].unit = "erg/s"
    table.write(path)
    _, data = catalogue_data(config, forward_model(config.setup), path)
    assert [part.size for part in data.bins] == [1, 2]
    assert data.points.layer.tolist() == [1, 0, 1]
    table["part"][1] = "deap"
    table.write(path, overwrite=True)
    with pytest.raises(InputError, match=r"columns\.layer: row 2 has 'deap'; .*'deep'"):
        catalogue_data(config, forward_model(config.setup), path)
    table["part"][1] = ""
    table.write(path, overwrite=True)
    with pytest.raises(InputError, match=r"columns\.layer: row 2 names none; known: deep, wide; correct it"):
        catalogue_data(config, forward_model(config.setup), path)
    content["survey"]["binned_by_layer"] = False
    told, _ = catalogue_data(parse_config(content), forward_model(parse_config(content).setup), path)
    assert "not used: catalogue.columns.layer; layers are kept apart with" in told.remarks[-1].text
    content["survey"]["binned_by_layer"] = True
    del content["catalogue"]["columns"]["layer"]
    config = parse_config(content)
    with pytest.raises(InputError, match='names no layers; map their column, layer = "COLUMN"'):
        catalogue_data(config, forward_model(config.setup), path)


def test_a_cluster_is_held_against_the_limit_of_its_own_layer(cone):
    """One of which the measured flux is between the limits of two layers lies above that of one alone."""
    setup = layered(cone, Detection((1.0,), (0.0,), (0.0,)))
    z = np.full(4, 0.2)
    limit = setup.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)
    off = np.log10([0.5, 1.0, 1.0, 2.0])
    listed = clusters(z=z, log_lx=limit + off, log_lx_error=np.full(4, 0.01))
    told = replace(listed, layer=np.array(["deep", "deep", "wide", "wide"]))
    assert faint_clusters(setup, told)[1].tolist() == [True, False, True, False]
    assert faint_clusters(replace(setup, binned_by_layer=False), told)[0].tolist() == [True, False, False, False]


def in_survey(*layers, **changes):
    return {"survey": {"layers": list(layers), **changes}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (in_survey(DEEP), "one layer is the whole sky; give two or more"),
        (in_survey(DEEP, DEEP), "two layers are called 'deep'; give each a name of its own"),
        (in_survey(DEEP, WIDE | {"area": "9000 deg2"}), r"survey\.layers: the areas add up to .* list every part"),
        (in_survey(DEEP, WIDE | {"flux_limit": f"1e-13 {FLUX}"}), "give either flux_limit = .* or flux_factor"),
        (in_survey(binned_by_layer=True), r"needs layers; give two or more \[\[survey\.layers\]\], or take it out"),
        (
            in_survey(DEEP, WIDE) | {"selection": {"floor": 0.1, "floor_flux": f"1e-14 {FLUX}"}},
            "need one chance of detection that each moves in flux; .* without floor",
        ),
    ],
)
def test_layers_that_are_none(changes, message):
    with pytest.raises(InputError, match=message):
        erosita_with(**changes)


def test_limits_of_layers_of_a_whole_curve(tmp_path):
    path = written(ROWS[0] / 50, 12 * ROWS[1], ROWS[2], tmp_path / "chance.ecsv")
    changes = in_survey(DEEP, WIDE) | {"selection": {"flux_limit": None, "completeness_table": path}}
    with pytest.raises(InputError, match=r"layers\.0\.flux_limit: .* give flux_factor instead"):
        erosita_with(**changes)
