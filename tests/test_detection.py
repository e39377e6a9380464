"""Chances of detection that depend on redshift or on free parameters: tables, midpoints, widths, ceilings, floors."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from scipy import interpolate, special
from test_survey_effects import GHOSTS, check_model, erosita_with, simulate_at_redshifts, with_selection

from forecast.core.errors import InputError
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.forecasts.ladder import cone_variant, variants
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.detection.curve import Detection
from forecast.survey.detection.distortion import Distortion
from forecast.survey.detection.smeared import smeared
from forecast.survey.detection.table import of_table
from forecast.survey.error_law import flux_cells
from forecast.survey.followup import above

LIMIT = 8.493551999229013e-12
FLUX, Z = LIMIT * 10 ** np.linspace(-0.3, 0.7, 41), np.array([0.0, 0.025, 0.05, 0.08])
GRID = np.round(special.ndtr((np.log10(FLUX / LIMIT) - 0.1) / 0.15)[:, None] * [0.9, 0.5, 0.8, 0.4], 6)
GRID[0] = 0.0
ROWS = tuple(np.ravel(x) for x in (*np.meshgrid(FLUX, Z, indexing="ij"), GRID))
TABLE, REFERENCE = of_table(*ROWS)
FLOORED = Detection((0.75, 0.15), (0.0, -0.3), (0.2, 0.0), floor=True)
NAMES = ("detection_midpoint", "detection_width", "detection_ceiling", "detection_floor")
MOVED = {"detection_midpoint": 1.2, "detection_width": 0.6, "detection_ceiling": 0.9, "detection_floor": 1.5}


@pytest.fixture(scope="module")
def cone(nv22):
    """Setup of a flux-limited cone of the NV22 survey's volume."""
    return cone_variant(nv22.setup)


def with_table(cone, **changes):
    return with_selection(cone, detection=TABLE, flux_limit=10**REFERENCE, **changes)


def with_free(setup, names=NAMES, std=0.1):
    """The same with parameters of the chance of detection, free."""
    parameters = setup.parameters
    for name in names:
        prior = Prior("lognormal", mean=1.0, std=std, log=True, between=(0.5, 1.1))
        parameters = parameters.with_free(Parameter(name, 1.0, prior))
    return replace(setup, parameters=parameters)


def written(flux, z, chance, path):
    """A table as surveys publish it."""
    Table({"flux": flux * u.Unit("erg / (s cm2)"), "z": z, "chance": chance}).write(path)
    return str(path)


def test_table_in_flux_and_redshift_against_a_simulated_cone(cone):
    """A coin for each cluster, of the table interpolated by other code; counts, L_X, Y_X, masses."""
    setup, copies, rng = with_table(cone, flux_error=0.1), 60, np.random.default_rng(1)
    z, mass, lx, yx, flux = simulate_at_redshifts(setup, copies, rng)
    look_up = interpolate.RegularGridInterpolator((np.log10(FLUX) - REFERENCE, Z), GRID)
    inside = flux > 0
    chance = np.zeros(len(z))
    chance[inside] = look_up(np.column_stack([np.minimum(flux[inside], np.log10(FLUX[-1] / FLUX[0])), z[inside]]))
    seen = rng.random(len(z)) < chance
    check_model(setup, (lx[seen], yx[seen]), mass[seen], copies)


@pytest.mark.parametrize("detection", ["table", "floor"])
def test_mocks_are_drawn_from_the_densities(cone, detection):
    """At parameters of the chance of detection that are not the fiducial ones: number, redshift, L_X, Y_X."""
    setup = with_table(cone, flux_error=0.1) if detection == "table" else with_selection(cone, detection=FLOORED)
    names = ("detection_midpoint", "detection_ceiling") if detection == "table" else NAMES
    setup, copies = with_free(setup, names), 60
    model = forward_model(setup)
    theta = model.parameters.fiducial.copy()
    for name in names:
        theta[model.parameters.names.index(name)] = MOVED[name]
    mocks = draw_mocks(model, np.repeat(theta[None], copies, axis=0), rng=np.random.default_rng(2))
    fixed = replace(setup.parameters.without(setup.parameters.names), free=())
    at = replace(setup, parameters=replace(fixed, fixed=replace(fixed.fixed, **{n: MOVED[n] for n in names})))
    check_model(at, (mocks.log_lx, mocks.log_yx), mocks.log_mass, copies)


def test_free_chance_of_detection_against_a_simulated_cone(cone):
    """C = floor + (ceiling - floor) Phi[(x - midpoint) / width] above the flux of the floor, with a coin."""
    fixed = {name: MOVED[name] for name in NAMES}
    setup = with_selection(cone, detection=FLOORED)
    parameters = setup.parameters.without(setup.parameters.names)
    setup = replace(setup, parameters=replace(parameters, fixed=replace(parameters.fixed, **fixed)))
    rng, copies = np.random.default_rng(3), 40
    _, mass, lx, yx, flux = simulate_at_redshifts(setup, copies, rng)
    top, floor = 0.9 * 0.9, 0.15 * 1.5
    chance = (top - floor) * special.ndtr((flux - np.log10(1.2)) / (0.2 * 0.6)) + floor * (flux > -0.3)
    seen = rng.random(len(mass)) < chance
    check_model(setup, (lx[seen], yx[seen]), mass[seen], copies)


@pytest.mark.parametrize("known", [(0, 1, 2), (1, 2), (2,)], ids=["all", "T and Y_X", "Y_X"])
def test_density_of_single_clusters_is_that_of_all_times_the_chance(cone, known):
    """Against the integral, over measured L_X, of the density without selection times the chance at each."""
    setup = with_free(with_table(cone, flux_error=0.08), ("detection_midpoint", "detection_ceiling"))
    model = forward_model(setup)
    plain = forward_model(replace(setup, parameters=setup.parameters.without(NAMES)))
    mocks = draw_mocks(model, model.parameters.fiducial[None], rng=np.random.default_rng(3))
    x = Points.of_mocks(model, mocks)[:3]
    hidden = replace(x, observables=np.where(np.isin(np.arange(3), known), x.observables, np.nan))
    theta = model.parameters.draw(2, rng=np.random.default_rng(4))
    theta[:, -2:] = [[1.0, 1.0], [0.8, 0.9]]
    found = np.exp(PointDensity(model, hidden, False).grid(theta))
    for q, z in enumerate(x.z):
        limit = setup.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)
        step = 0.001
        offset = step * (np.arange(-600, 3000) + 0.5)
        if 0 in known:
            step, offset = 1.0, x.observables[q : q + 1, 0] - limit
        observables = np.repeat(hidden.observables[q : q + 1], len(offset), axis=0)
        observables[:, 0] = limit + offset
        error = np.repeat(x.error[q : q + 1], len(offset), axis=0)
        seen = PointDensity(plain, Points.observed(np.full(len(offset), z), observables, error), False)
        density = np.exp(seen.grid(theta[:, :-2]))
        for p, (midpoint, ceiling) in enumerate(theta[:, -2:]):
            chance = ceiling * TABLE.at(z)(offset - np.log10(midpoint))
            assert found[p, q] == pytest.approx((density[p] * chance).sum() * step, rel=1e-3)


def test_a_ladder_says_what_an_uncertain_chance_of_detection_costs(cone):
    setup = with_free(with_selection(cone, detection=Detection((0.9,), (0.0,), (0.12,))), NAMES[:3], std=0.2)
    known = next(v.setup for v in variants(setup, ()) if v.label == "detection known")
    assert not set(NAMES) & set(known.parameters.names)
    free, fixed = (fisher_matrix("counts", forward_model(s)).std() for s in (setup, known))
    assert fixed < 0.97 * free
    assert "detection known" not in [v.label for v in variants(known, ())]


def test_many_parts_are_looked_up_as_they_are_summed():
    rng = np.random.default_rng(5)
    weight = tuple(rng.random((1, 6, 1)) for _ in range(9))
    detection = Detection(weight, tuple(np.linspace(0, 1.3, 9)), (0.0, *[0.04] * 8))
    spread, significance = np.array([0.12, 0.2])[:, None, None], np.tile(np.linspace(-12, 25, 1000), (2, 6, 1))
    total = float(max(np.sum(weight, axis=0).ravel()))
    exact = detection.smeared(significance * spread, spread)
    np.testing.assert_allclose(smeared(detection, spread)(significance), exact, atol=2e-4 * total)
    spreads = spread * np.linspace(1.0, 1.25, 1000)
    exact = detection.smeared(significance * spreads, spreads)
    np.testing.assert_allclose(smeared(detection, spreads)(significance), exact, atol=3e-4 * total)


@pytest.mark.parametrize("z", [0.01, 0.04])
def test_cuts_and_products_of_a_table_are_those_at_each_redshift(cone, z):
    """Follow-up above a flux, cells of flux that add up to the whole, and the odds of contaminants."""
    x, limit = np.linspace(-0.2, 1.3, 200), 0.42
    whole = TABLE.at(z)(x)
    some = above(TABLE, limit, 0.7).at(z)(x)
    np.testing.assert_allclose(some, np.where(x > limit, 0.7 * whole, 0.0), atol=2e-3)
    cells = flux_cells(with_table(cone).selection)
    np.testing.assert_allclose(sum(cell.selection.detection.at(z)(x) for cell in cells), whole, atol=1e-9)
    odds = GHOSTS.odds(x)
    np.testing.assert_allclose(GHOSTS.detection(TABLE).at(z)(x), whole * odds, atol=5e-3)


def test_contaminants_of_layers_of_one_depth_are_those_of_one():
    """Sharp limits that coincide add up."""
    x = np.linspace(-0.1, 1.1, 300)
    halves = GHOSTS.detection(Detection((0.5, 0.5), (0.0, 0.0), (0.0, 0.0)))
    np.testing.assert_allclose(halves(x), GHOSTS.detection(Detection())(x), rtol=1e-12)


def test_no_distortion_is_the_chance_itself():
    """Of every kind, redshift dependence included."""
    for detection in (TABLE, FLOORED):
        same = Distortion(midpoint=0.0, width=1.0, ceiling=1.0, floor=1.0).of(detection)
        x = np.linspace(-0.5, 1.0, 50)
        np.testing.assert_allclose(same.at(0.03)(x), detection.at(0.03)(x), rtol=1e-12)


def test_configured_table(tmp_path):
    """Any order of rows, and the chances in the table at its own fluxes up to its ramps."""
    shuffled = np.random.default_rng(6).permutation(len(ROWS[0]))
    flux, z, chance = (x[shuffled] for x in ROWS)
    path = written(flux / 50, 10 * z, chance, tmp_path / "chance.ecsv")
    selection = erosita_with(selection={"flux_limit": None, "completeness_table": path}).selection
    assert selection.flux_limit == pytest.approx(FLUX[0] / 50)
    at = np.log10(FLUX / FLUX[0])
    np.testing.assert_allclose(selection.detection.at(0.5)(at), GRID[:, 2], atol=0.01)
    np.testing.assert_allclose(selection.detection.at(0.375)(at), GRID[:, 1:3].mean(axis=1), atol=0.01)


def change(**columns):
    """Rows of the table, those of some columns changed."""
    return [columns.get(name, lambda x: x)(x.copy()) for name, x in zip(("flux", "z", "chance"), ROWS, strict=True)]


def at(index, value):
    def changed(x):
        x[index] = value
        return x

    return changed


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([x[1:] for x in ROWS], "is no grid: 163 rows of 41 fluxes and 4 redshifts, none at flux .* give every flux"),
        ([np.append(x, x[5]) for x in ROWS], "two chances at flux .* leave one of them out"),
        (change(chance=at(30, 90.0)), "chance 90 at flux .* per cents are divided by 100"),
        (change(chance=at(80, 0.0)), "chance falls from .* smooth the table"),
        (
            change(chance=lambda x: np.maximum(x, 0.3)),
            "begins at flux .* with a chance of 0.3 .* add a fainter flux with chance 0",
        ),
        (change(chance=lambda x: np.where(np.arange(len(x)) % 4 == 1, 0.0, x)), "detects nothing at z = 0.025"),
        ([x[:1] for x in ROWS], "needs two or more fluxes and redshifts"),
    ],
)
def test_tables_that_are_none(rows, message):
    with pytest.raises(InputError, match=message):
        of_table(*rows)


def test_tables_that_do_not_reach_the_survey(tmp_path):
    path = written(*ROWS, tmp_path / "chance.ecsv")
    with pytest.raises(InputError, match=r"from z = 0 to 0\.08, the survey from 0\.1 to 0\.8; add the chances"):
        erosita_with(selection={"flux_limit": None, "completeness_table": path})


FREE = {"lognormal": 0.1, "between": [0.5, 1.0]}
FLOOR = {"floor": 0.02, "floor_flux": "1e-13 erg/(s cm2)"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"selection": {"floor": 0.02}}, "floor and floor_flux go together"),
        ({"selection": {"floor": 0.5, "ceiling": 0.4, "floor_flux": "1e-13 erg/(s cm2)"}}, "must be below ceiling"),
        ({"selection": {"floor": 0.1, "floor_flux": "1e-12 erg/(s cm2)"}}, "is not below the limit .* fainter flux"),
        ({"parameters": {"detection_width": FREE}}, "the limit is sharp; give selection.completeness_width"),
        ({"parameters": {"detection_floor": FREE}}, "there is no floor; give selection.floor"),
        ({"parameters": {"detection_ceiling": {"lognormal": 0.1}}}, r"above 1 .* write between = \[0\.5, 1\]"),
        ({"parameters": {"detection_ceiling": {"value": 1.2}}}, "above 1; give value = 1 or less"),
        (
            {"selection": FLOOR, "parameters": {"detection_floor": {"lognormal": 0.5}}},
            r"write between = \[0\.21, 50\]",
        ),
        (
            {"selection": FLOOR | {"ceiling": 0.9}, "parameters": {"detection_floor": {"flat": [0.1, 49]}}},
            r"a floor of up to 0\.98 meets a ceiling of down to 0\.9",
        ),
        (
            {"selection": FLOOR, "parameters": {"detection_ceiling": {"flat": [0.01, 1.0]}}},
            r"detection_ceiling: a floor of up to 0\.02 meets a ceiling of down to 0\.01",
        ),
        (
            {"parameters": {"detection_midpoint": FREE}, "followup": {"fraction": 0.5}},
            r"\[followup\] cuts at fluxes that must be known",
        ),
    ],
)
def test_chances_of_detection_that_make_no_sense(changes, message):
    with pytest.raises(InputError, match=message):
        erosita_with(**changes)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ({"completeness_width": 0.1}, "rises over 0.35 dex in flux to 100%"),
        (
            {"completeness": {"fluxes": ["1e-13 erg/(s cm2)", "1e-12 erg/(s cm2)"], "values": [0, 0.9]}},
            "rises over 1.00 dex in flux to 90%",
        ),
        (FLOOR | {"ceiling": 0.95}, "is 95% above the limit, and is 0.02 below, down to 1e-13 erg/s/cm2"),
    ],
)
def test_the_report_says_how_detection_rises(selection, words):
    limit = {"flux_limit": None} if "completeness" in selection else {}
    assert f"The chance of detection {words}:" in erosita_with(selection=selection | limit).selection.words
