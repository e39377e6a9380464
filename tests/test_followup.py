"""Follow-up by flux and redshift: what is followed up and what is not, against mock clusters chosen by hand."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.checks.followed import which_followed
from forecast.checks.observed import catalogue_data
from forecast.config.load import parse_config
from forecast.core.errors import InputError
from forecast.influence.saliency import require_whole
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.followed import Proxied
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.fisher import fisher_matrices
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.many_data import log_likelihoods
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.cautions import of_followup
from forecast.survey.detection.contamination import Contamination
from forecast.survey.detection.curve import Detection
from forecast.survey.flux_limit import MPC_CM
from forecast.survey.followup import FollowUp

LIMIT = 2.2e-11
"""erg/s/cm2; clusters are detected from 1.3e-11 on."""
LUMINOUS = 1.5e44
"""erg/s."""


@pytest.fixture(scope="module")
def plain(cccp):
    """Without sample variance, at fiducial parameters that fifty clusters tell apart; L_X and Y_X go together."""
    setup = cccp.setup
    kept = {"sigma8", "norm_yx", "norm_lx"}
    parameters = setup.parameters.without([name for name in setup.parameters.names if name not in kept])
    return replace(setup, parameters=parameters, relations=replace(setup.relations, lx_yx=0.4))


@pytest.fixture(scope="module")
def surveys(plain):
    curve, _ = Detection.of_curve(np.array([0.0, 0.1, 0.3]), np.array([0.2, 0.6, 0.95]))
    false = Contamination((0.0, 0.4), (0.2, 0.02))
    gradual = replace(plain.selection, detection=curve, flux_error=0.06, contamination=false)
    return {
        "flux": replace(plain, followup=FollowUp(LIMIT)),
        "redshift": replace(plain, followup=FollowUp(zmax=0.06)),
        "luminosity": replace(plain, followup=FollowUp(fraction=0.6, luminosity=LUMINOUS)),
        "luminosity and flux": replace(plain, followup=FollowUp(LIMIT, fraction=0.6, luminosity=LUMINOUS)),
        "all of it": replace(plain, selection=gradual, followup=FollowUp(LIMIT, 0.1, 0.7)),
    }


def by_hand(setup, mocks, followup, rng):
    """Which clusters are above a flux, by distances of one's own."""
    cosmology, selection = setup.cosmology, setup.selection
    grid = np.linspace(0, 0.3, 3001)
    distance = np.concatenate([[0], np.cumsum(2997.92458 / cosmology.efunc(0.5 * (grid[1:] + grid[:-1])) * 1e-4)])
    d_l = np.interp(mocks.z, grid, distance) * (1 + mocks.z) / cosmology.h * MPC_CM
    flux = 10.0**mocks.log_lx / (4 * np.pi * d_l**2 * (1 + mocks.z) ** selection.k_slope)
    chosen = (flux > (followup.flux_limit or 0.0)) & (10.0**mocks.log_lx > (followup.luminosity or 0.0))
    chosen &= mocks.z <= (followup.zmax or 9.0)
    return chosen & (rng.random(len(mocks.z)) < followup.fraction)


@pytest.mark.parametrize("name", ["flux", "redshift", "luminosity", "luminosity and flux", "all of it"])
def test_followed_clusters_against_mocks_chosen_by_hand(surveys, name):
    setup = surveys[name]
    model, whole = forward_model(setup), forward_model(replace(setup, followup=None))
    at, copies = model.parameters.fiducial[None], 150
    mocks = draw_mocks(whole, np.repeat(at, copies, axis=0), rng=np.random.default_rng(3))
    chosen = by_hand(setup, mocks, setup.followup, np.random.default_rng(4))
    some = Proxied.of(model).model
    expected, found = float(some.expected_count(at)[0]), chosen.sum() / copies
    assert found == pytest.approx(expected, abs=5 * np.sqrt(expected / copies))
    rest = float(Proxied.of(model).rest(at, model.expected_count(at))[0])
    assert (~chosen).sum() / copies == pytest.approx(rest, abs=5 * np.sqrt(rest / copies))
    edges = np.linspace(14.0, 15.2, 7)
    fine = np.linspace(14.0, 15.2, 241)
    density = some.yx_density(at, fine, setup.yx_error)[0]
    each = np.array([np.trapezoid(density[40 * i : 40 * i + 41], fine[40 * i : 40 * i + 41]) for i in range(6)])
    number = np.histogram(mocks.log_yx[chosen], edges)[0] / copies
    assert np.all(np.abs(number - each) < 5 * np.sqrt(np.maximum(each, 0.05) / copies))
    drawn = draw_mocks(model, np.repeat(at, copies, axis=0), rng=np.random.default_rng(5))
    followed = np.isfinite(drawn.log_yx)
    assert followed.sum() / copies == pytest.approx(expected, abs=5 * np.sqrt(expected / copies))
    assert np.isfinite(drawn.log_lx).all() and np.isnan(drawn.observables[~followed, 1:]).all()
    assert np.isnan(drawn.median_yx).sum() == 0


def test_clusters_without_lx_are_told_by_whether_they_were_followed_up(surveys):
    """Followed: what lies above the limit of the follow-up; not: the rest; the two add up to all."""
    setup = surveys["all of it"]
    setup = replace(setup, selection=replace(setup.selection, contamination=None))
    model, whole = forward_model(setup), forward_model(replace(setup, followup=None))
    at, z, x = model.parameters.fiducial[None], np.array([0.08, 0.08, 0.2]), np.array([np.nan, 0.7, 14.4])
    points = Points.observed(z, np.array([x, [np.nan] * 3, [np.nan] * 3]))
    followed, not_followed, beyond = np.exp(PointDensity(model, points, False).grid(at)[0])
    axis = np.linspace(42.6, 45.4, 701)
    seen = Points.observed(np.full(701, 0.08), np.column_stack([axis, *np.repeat(x[1:, None], 701, axis=1)]))
    density = np.exp(PointDensity(whole, seen, False).grid(at)[0]) * (axis[1] - axis[0])
    limit = setup.selection.log_luminosity_limit(z[:1], setup.cosmology, setup.relations)
    true = axis[:, None] + 0.06 * np.random.default_rng(1).standard_normal((701, 4000)) - limit  # measured, over limit
    chance = 0.7 * setup.selection.detection(true) * (true > np.log10(LIMIT / setup.selection.flux_limit))
    assert followed == pytest.approx(float(density @ chance.mean(axis=1)), rel=0.02)
    every = np.exp(PointDensity(whole, points, False).grid(at)[0])
    part = Proxied.of(model).model
    assert not_followed == pytest.approx(every[1] - np.exp(PointDensity(part, points, False).grid(at)[0, 1]), rel=1e-3)
    assert 0.3 * every[1] < not_followed < 0.9 * every[1] and beyond == pytest.approx(every[2])


LEVELS = ["selfcal", "binned", "unbinned", "full"]


@pytest.mark.parametrize("level", LEVELS)
def test_likelihoods_of_many_mocks_are_those_of_each(surveys, level):
    model = forward_model(surveys["all of it"])
    mocks = draw_mocks(model, np.repeat(model.parameters.fiducial[None], 3, axis=0), rng=np.random.default_rng(6))
    draws = model.parameters.draw(4, rng=np.random.default_rng(7))
    many, own = log_likelihoods(model, level, mocks, draws, np.repeat(model.parameters.fiducial[None], 3, axis=0))
    for i in range(3):
        one = likelihood(level, model, Data.of_mock(model, mocks, i))
        value = one(np.vstack([draws, model.parameters.fiducial]))
        assert many[i] - own[i] == pytest.approx(value[:4] - value[4], abs=0.05)


def test_information_grows_with_the_level_and_with_the_follow_up(surveys, plain):
    levels = ("counts", *LEVELS)
    every = [f.information[0, 0] for f in fisher_matrices(levels, forward_model(plain))]
    some = [f.information[0, 0] for f in fisher_matrices(levels, forward_model(surveys["flux"]))]
    assert some[0] == pytest.approx(every[0])
    for found in (some, every):
        assert found[0] < found[1] < found[3] * 1.001 and found[2] < found[3] * 1.001 and found[3] < found[4]
    assert some[4] < every[4]


def test_a_follow_up_that_hangs_on_nothing_is_data_missing_at_random(plain):
    """A random half: the same likelihood as without the table, up to a constant."""
    model, bare = forward_model(replace(plain, followup=FollowUp(fraction=0.5))), forward_model(plain)
    mocks = draw_mocks(model, model.parameters.fiducial[None], rng=np.random.default_rng(8))
    data, theta = Data.of_mock(model, mocks), model.parameters.draw(5, rng=np.random.default_rng(9))
    for level in LEVELS:
        difference = likelihood(level, model, data)(theta) - likelihood(level, bare, data)(theta)
        assert np.ptp(difference) < 0.02, level


def test_truth_is_recovered_and_lost_if_the_follow_up_is_left_out(plain):
    """One free parameter and 120 mocks from its prior, of which the brighter ones have Y_X: ranks of the truth."""
    model, bare = forward_model(replace(plain, followup=FollowUp(LIMIT))), forward_model(plain)
    edges, truth = np.linspace(0.7, 1.4, 42), np.random.default_rng(7).uniform(0.7, 1.4, 120)
    index = model.parameters.names.index("norm_yx")
    at = np.repeat(model.parameters.fiducial[None], 120, axis=0)
    at[:, index] = truth
    mocks = draw_mocks(model, at, rng=np.random.default_rng(10))
    theta = np.repeat(model.parameters.fiducial[None], 41, axis=0)
    theta[:, index] = 0.5 * (edges[1:] + edges[:-1])
    off = {}
    for name, one in (("declared", model), ("not declared", bare)):
        value, _ = log_likelihoods(one, "unbinned", mocks, theta, at)
        weight = np.exp(value - value.max(axis=1, keepdims=True))
        ranks = [np.interp(t, edges, np.cumsum([0.0, *w]) / w.sum()) for t, w in zip(truth, weight, strict=True)]
        off[name] = (np.mean(ranks) - 0.5) * np.sqrt(12 * 120)
    assert abs(off["declared"]) < 4
    assert off["not declared"] < -6


def test_a_catalogue_whose_bright_clusters_have_proxies_is_doubted(plain):
    mocks = draw_mocks(
        forward_model(replace(plain, followup=FollowUp(LIMIT))), np.repeat(plain.parameters.fiducial[None], 2, axis=0),
        rng=np.random.default_rng(11),
    )  # fmt: skip
    catalogue = mocks.catalogue(0)
    caution = of_followup(which_followed(plain, catalogue))
    assert caution.kind == "followup" and "hangs on flux" in caution.text
    assert which_followed(replace(plain, followup=FollowUp(LIMIT)), catalogue) is None
    random = np.random.default_rng(12).permutation(catalogue.log_yx)
    assert of_followup(which_followed(plain, replace(catalogue, log_yx=random))) is None


def content(cccp, **followup):
    return {**cccp.model_dump(exclude_none=True, exclude={"format"}), "followup": followup}


@pytest.mark.parametrize(
    ("followup", "words"),
    [
        ({}, "followup: leaves no detected cluster out"),
        ({"flux_limit": "1e-12 erg/(s cm2)"}, "followup: leaves no detected cluster out"),
        ({"flux_limit": "3e-11"}, r"followup.flux_limit.*no unit"),
        ({"zmax": 0.01}, "followup.zmax = 0.01: the survey begins at z = 0.025"),
        ({"fraction": 1.5}, r"'followup.fraction'.*1.5"),
        ({"flux_limt": "3e-11 erg/(s cm2)"}, r"unknown key 'followup.flux_limt'; did you mean 'flux_limit'"),
    ],
)
def test_follow_ups_that_cannot_be_are_refused(cccp, followup, words):
    with pytest.raises(InputError, match=words):
        _ = parse_config(content(cccp, **followup)).setup


def test_contaminants_have_no_luminosities_to_follow_up(cccp):
    false = {"fluxes": ["1.3e-11 erg/(s cm2)", "1e-10 erg/(s cm2)"], "values": [0.2, 0.0]}
    table = content(cccp, luminosity="1.5e44 erg/s")
    table["selection"] = {**table["selection"], "contamination": false}
    with pytest.raises(InputError, match=r"followup.luminosity: goes with a survey without contaminants"):
        _ = parse_config(table).setup


def test_errors_by_flux_do_not_go_with_a_follow_up_by_luminosity(cccp):
    table = content(cccp, luminosity="1.5e44 erg/s")
    table |= {"errors": {"yx": {"at": "2e-11 erg/(s cm2)", "value": 0.05}}, "yx_error": 0.0}
    with pytest.raises(InputError, match=r"errors.yx: depends on flux, and followup.luminosity on luminosity"):
        _ = parse_config(table).setup
    table["followup"] = {"flux_limit": "3e-11 erg/(s cm2)"}
    assert parse_config(table).setup.yx_error_varies


def test_a_survey_in_mass_has_no_follow_up(nv22):
    with pytest.raises(InputError, match="followup: is by flux and redshift"):
        _ = parse_config(content(nv22, fraction=0.5)).setup


def test_proxies_beyond_the_follow_up_are_refused(cccp):
    config = parse_config(content(cccp, zmax=0.1))
    with pytest.raises(InputError, match="have a mass proxy, but lie beyond followup"):
        catalogue_data(config, forward_model(config.setup), None)


def test_a_gradual_detection_above_a_limit(plain):
    """Averaged over errors of the flux: the product of the curve and a step, and what it leaves of the curve."""
    curve, _ = Detection.of_curve(np.array([0.0, 0.1, 0.3]), np.array([0.2, 0.6, 0.95]))
    x, z = np.linspace(-0.5, 1.0, 31), np.linspace(-6, 6, 40001)
    kernel = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    for detection in (curve, Detection(width=(0.15,)), Detection()):
        selection = plain.selection.with_detection(detection)
        for over in (-0.1, 0.1, 0.22):
            followup = FollowUp(selection.flux_limit * 10.0**over, fraction=0.7)
            found = followup.of(selection).detection
            steps = [offset for offset, width in zip(found.offset, found.width, strict=True) if not width]
            assert len(steps) == len(set(steps)), "steps at one flux are one: contamination goes by it"
            for spread in (0.08, 0.17):
                flux = x[:, None] + spread * z
                exact = (0.7 * detection(flux) * (flux > over)) @ kernel
                assert found.smeared(x, np.array(spread)) == pytest.approx(exact, abs=3e-3)
                rest = followup.but(selection).detection.smeared(x, np.array(spread))
                assert rest == pytest.approx(detection(flux) @ kernel - exact, abs=3e-3)


def test_what_single_clusters_do_is_not_known_under_a_follow_up(surveys):
    model = forward_model(surveys["flux"])
    with pytest.raises(InputError, match="followup: what single clusters do"):
        require_whole(model, "unbinned")
