"""Limits, worse luminosities, follow-up, evidence and uncertain redshifts at once, against sums over true values."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.api.keys import changed
from forecast.config.load import load_config
from forecast.cosmology.mass_function import MassFunction
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.density.split_normal import gaussians_of, split_normal
from forecast.model.forward import forward_model

FLUX_ERROR, Z, STEP, BRIGHTER, PART, NOISE = 0.05, 0.25, 0.002, 0.1, 0.8, 1 / 3
FOLLOWED = {"flux_limit": f"{3e-13 * 10**BRIGHTER} erg / (s cm2)", "fraction": PART, "zmax": 0.4}
STEEP = {"fluxes": [f"{x}e-13 erg / (s cm2)" for x in (3, 5, 10)], "values": [0.5, 0.2, 0.02]}
FIELDS = {
    "survey.area": "140 deg2", "survey.zmax": 0.5, "survey.shells": 1, "selection.flux_limit": "3e-13 erg / (s cm2)",
    "selection.flux_error": FLUX_ERROR, "sample_variance": False, "relations.correlation.lx_yx": 0.5,
}  # fmt: skip
KINDS = {
    "any": lambda flux: np.ones_like(flux),
    "followed": lambda flux: PART * (flux > BRIGHTER),
    "not followed": lambda flux: 1 - PART * (flux > BRIGHTER),
}


@pytest.fixture(scope="module")
def models():
    def model(**more):
        return forward_model(changed(load_config("erosita"), FIELDS | more).setup)

    return {"any": model(), "false": model(**{"selection.contamination": STEEP}), "followed": model(followup=FOLLOWED)}


def density(model, theta, cluster, chance):
    """lambda of a cluster at `Z`, a sum over masses, true L_X and the fluxes above the limit that the two fit.

    `cluster`: L_X over the limit with its error, and Y_X with its own, or an upper limit of it (error 0), or NaN.
    """
    setup, v, (lx, own, yx, error) = model.setup, model.parameters.values(theta[None]), cluster
    limit = model.selection.log_luminosity_limit(np.array([Z]), setup.cosmology, setup.relations)[0]
    mass, growth = np.linspace(12.5, 15.6, 156), np.log10(setup.cosmology.efunc(Z))
    number = MassFunction(setup.cosmology, setup.mass_function, np.array([Z]), mass)(v.sigma8)[0, 0]
    number = number * setup.geometry.area * setup.cosmology.volume_element(np.array([Z]))[0] * (mass[1] - mass[0])
    lines, (scatter_l, scatter_y) = setup.relations.at(v), setup.relations.scatters(v)[0]
    mean_l, mean_y = (x.mean((mass - setup.relations.pivot)[None], growth)[0] for x in (lines.lx, lines.yx))
    true, flux = lx + np.linspace(-0.6, 0.6, 301), STEP * (0.5 + np.arange(750))
    rest = np.sqrt(abs(own**2 - FLUX_ERROR**2))
    if own > FLUX_ERROR:  # what is listed is the flux and more
        fits = stats.norm.pdf(flux, true[:, None], FLUX_ERROR) * stats.norm.pdf(lx, flux, rest)
        measured = fits @ chance(flux) * STEP
    else:
        measured = stats.norm.pdf(lx, true, own) * (stats.norm.pdf(flux, lx, rest) @ chance(flux)) * STEP
    scaled = (limit + true - mean_l[:, None]) / scatter_l
    centre, width = mean_y[:, None] + 0.5 * scatter_y * scaled, scatter_y * np.sqrt(0.75)
    of_yx = np.ones_like(centre)
    if error > 0:
        of_yx = stats.norm.pdf(yx, centre, np.hypot(width, error))
    elif np.isfinite(yx):
        x, w = np.polynomial.hermite_e.hermegauss(40)
        below = stats.norm.cdf((1 - 10 ** (centre[..., None] + width * x - yx)) / NOISE)
        of_yx = below @ w / np.sqrt(2 * np.pi)
    joint = stats.norm.pdf(scaled) / scatter_l * of_yx * measured
    return float(np.sum(number[:, None] * joint) * (true[1] - true[0]))


def points_of(model, cluster):
    (lx, own, yx, error), setup = cluster, model.setup
    limit = model.selection.log_luminosity_limit(np.array([Z]), setup.cosmology, setup.relations)[0]
    listed, nothing = np.array([[limit + lx, yx if error > 0 else np.nan]]), np.full((1, 2), np.nan)
    limits, widths = nothing.copy(), nothing.copy()
    if error == 0 and np.isfinite(yx):
        limits[0, 1], widths[0, 1] = yx, NOISE
    return Points.observed(np.array([Z]), listed, np.array([[own, error]]), limits=(limits, widths))


CASES = {
    "L_X little worse than the flux": ("any", "any", (0.02, 0.07, 14.0, 0.03)),
    "worse, and a limit": ("any", "any", (0.02, 0.07, 13.8, 0.0)),
    "much worse, and a limit": ("any", "any", (-0.1, 0.15, 13.8, 0.0)),
    "worse, followed up": ("followed", "followed", (0.12, 0.1, 14.0, 0.03)),
    "worse, followed up, and a limit": ("followed", "followed", (0.12, 0.1, 13.8, 0.0)),
    "worse, not followed up": ("followed", "not followed", (0.12, 0.1, np.nan, 0.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_fluxes_that_a_worse_luminosity_leaves_open(models, case):
    which, kind, cluster = CASES[case]
    model = models[which]
    theta = model.parameters.draw(2, rng=np.random.default_rng(6))
    found = PointDensity(model, points_of(model, cluster), False).grid(theta)[:, 0]
    expected = np.log([density(model, at, cluster, KINDS[kind]) for at in theta])
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("cluster", [(0.02, 0.02, 14.0, 0.03), (0.02, 0.12, 14.0, 0.03), (0.1, 0.02, 13.8, 0.0)])
def test_contaminants_are_as_many_as_at_the_flux_that_selects(models, cluster):
    """Whose error is not that of a listed L_X; beside evidence against the cluster."""
    model, evidence = models["false"], -1.0
    theta = np.vstack([model.parameters.fiducial, model.parameters.draw(1, rng=np.random.default_rng(6))])
    known = replace(points_of(model, cluster), evidence=np.full(1, evidence))
    found = PointDensity(model, known, False).grid(theta)[:, 0]
    every, odds = KINDS["any"], model.setup.selection.contamination.odds
    false = density(model, theta[0], cluster, odds)
    expected = np.log([np.exp(evidence) * density(model, at, cluster, every) + false for at in theta])
    detected = 1.0  # a number that no parameter changes is left out where the flux's error is the larger
    if cluster[1] < FLUX_ERROR:
        detected = stats.norm.cdf(cluster[0] / np.sqrt(FLUX_ERROR**2 - cluster[1] ** 2))
    np.testing.assert_allclose(found, expected - np.log(detected), atol=2e-3)


@pytest.mark.parametrize("skew", [0.5, -0.5])
def test_y_x_holds_no_error_of_a_temperature_that_is_not_listed(cccp, skew):
    """Whatever error the configuration gives to temperatures: the average over the split normal law of Y_X alone."""
    plain = cccp.setup.parameters.without(cccp.setup.parameters.contrasts)
    model = forward_model(replace(cccp.setup, parameters=plain, errors=(0.0, 0.05, 0.0)))
    theta = model.parameters.draw(2, rng=np.random.default_rng(6))
    z, lx, yx, error, true = np.full(1, 0.08), 44.6, 14.9, 0.06, np.linspace(14.2, 15.6, 2802)
    listed, errors = np.array([[lx, np.nan, yx]]), np.array([[0.05, 0.05, error]])
    points = replace(Points.observed(z, listed, errors), skew=np.array([[0.0, 0.0, skew]]))
    found = PointDensity(model, points, False).grid(theta)[:, 0]
    exact = np.column_stack([np.full(2802, lx), np.full(2802, np.nan), true])
    known = Points.observed(np.full(2802, 0.08), exact, np.tile([0.05, 0.05, 0.0], (2802, 1)))
    law = split_normal(np.array(yx), true, np.array(error), np.array(skew))
    expected = np.log(np.exp(PointDensity(model, known, False).grid(theta)) @ law * (true[1] - true[0]))
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_it_is_the_measured_redshift_that_is_followed_up(models):
    """A cluster beyond zmax has no proxy for certain: it says what it would of a survey without a follow-up."""
    known = replace(Points.observed(np.array([0.405]), np.full((1, 2), np.nan)), z_error=np.array([0.01]))
    theta = models["any"].parameters.draw(2, rng=np.random.default_rng(6))
    with_it, without = (PointDensity(models[name], known, False).grid(theta) for name in ("followed", "any"))
    np.testing.assert_array_equal(with_it, without)


@pytest.mark.parametrize("skew", [0.6, -0.6])
def test_asymmetric_errors_of_a_luminosity_on_either_side_of_the_flux_s(models, skew):
    """Each Gaussian of their law holds the flux's error or is held by it, with the chance of its own detection."""
    model, own, (lx, yx) = forward_model(changed(load_config("erosita"), FIELDS).setup), 0.045, (0.03, 14.0)
    setup = replace(model.setup, selection=replace(model.setup.selection, flux_error=FLUX_ERROR))
    setup = replace(setup, relations=replace(setup.relations, lx=replace(setup.relations.lx, scatter=0.05)))
    model = forward_model(setup)
    theta = model.parameters.draw(2, rng=np.random.default_rng(6))
    points = points_of(model, (lx, own, yx, 0.03))
    found = PointDensity(model, replace(points, skew=np.array([[skew, 0.0]])), False).grid(theta)[:, 0]
    law, every = gaussians_of(skew), KINDS["any"]
    parts = list(zip(law.weight, lx + own * law.shift, own * law.width, strict=True))
    assert min(width for *_, width in parts) < FLUX_ERROR < max(width for *_, width in parts)
    each = [[w * density(model, at, (x, width, yx, 0.03), every) for w, x, width in parts] for at in theta]
    np.testing.assert_allclose(found, np.log(np.sum(each, axis=1)), atol=3e-3)


@pytest.mark.parametrize("own", [0.1, np.nan])
def test_lensing_masses_by_flux_where_a_luminosity_does_not_tell_it(models, own):
    """Clusters without one are fainter, or of those that had no luck; with one, they make up the rest."""
    lensing = {"scatter": "0.2 ln", "flux_limit": FOLLOWED["flux_limit"], "fraction": PART, "zmax": 0.4}
    model = forward_model(changed(load_config("erosita"), FIELDS | {"weak_lensing": lensing}).setup)
    theta = model.parameters.draw(2, rng=np.random.default_rng(6))
    points = points_of(model, (0.05, np.nan_to_num(own, nan=0.05), 14.0, 0.03))
    if np.isnan(own):
        points = replace(points, observables=points.observables * [[np.nan, 1.0]])
    without, every = PointDensity(model, points, True).grid(theta)[:, 0], PointDensity(model, points, False).grid(theta)
    if np.isfinite(own):
        cluster, chance = (0.05, own, 14.0, 0.03), KINDS["not followed"]
        expected = np.log([density(model, at, cluster, chance) for at in theta])
        np.testing.assert_allclose(without, expected, atol=2e-3)
    mwl = np.linspace(12.5, 16.0, 701)
    many = replace(points[np.zeros(len(mwl), dtype=int)], log_mwl=mwl)
    of_lensed = np.exp(PointDensity(model, many, True).grid(theta)).sum(axis=1) * (mwl[1] - mwl[0])
    np.testing.assert_allclose(np.exp(without) + of_lensed, np.exp(every[:, 0]), rtol=2e-3)
    far = replace(points, z=np.array([0.45]))
    np.testing.assert_array_equal(*(PointDensity(model, far, lensing).grid(theta) for lensing in (True, False)))
