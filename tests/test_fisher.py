"""Oracles: the reference numbers of docs/model.md, and Monte-Carlo Fisher matrices."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy import optimize

from forecast import load_survey
from forecast.config.load import load_config
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.forecasts.joint import compute_joint
from forecast.forecasts.ladder import (
    Ladder,
    build_ladder,
    density_note,
    free_density,
    sigma8_std,
    variants,
    with_sample_variance,
)
from forecast.forecasts.peak import peak
from forecast.likelihoods.data import Data
from forecast.likelihoods.derivatives import derivatives
from forecast.likelihoods.fisher import fisher_matrix
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.relations.lines import PowerLaw
from forecast.survey.geometry import Replicated


@pytest.fixture(scope="module")
def five_parameters(nv22):
    """sigma8, log b_L, s_L, log b_YX, scatter of log YX = 0.09: the prototype's setting."""
    relations = nv22.setup.relations
    yx = PowerLaw(relations.t.log_norm + relations.mgas.log_norm, 1.77, 0.667, 0.09)
    b_yx = np.sqrt(2) * Prior("flat", 0.8, 1.3, log=True).coordinate_moments[1]
    parameters = ParameterSet(
        (
            Parameter("sigma8", 0.81, Prior("flat", 0.70, 0.92)),
            Parameter("norm_lx", 1.0, Prior("flat", 0.8, 1.3, log=True)),
            Parameter("slope_lx", 1.0, Prior("flat", 0.7, 1.3)),
            Parameter("norm_yx", 1.0, Prior("lognormal", mean=1.0, std=b_yx, log=True)),
            Parameter("scatter_yx", 1.0, Prior("flat", 0.7, 1.3)),
        )
    )
    return replace(
        nv22.setup, relations=replace(relations, t=None, mgas=None, lx_t=0, lx_mgas=0, t_mgas=0, yx=yx),
        parameters=parameters,
    )  # fmt: skip


PROTOTYPE = {"prior": 0.0635, "counts": 0.033, "selfcal": 0.028, "unbinned": 0.024, "known": 0.017}


@pytest.mark.parametrize("parameters", ["five", "all"])
def test_nv22_ladder_against_the_prototype(nv22, five_parameters, parameters):
    count, std = sigma8_std(five_parameters if parameters == "five" else nv22.setup)
    assert count == pytest.approx(124, rel=0.005)
    for level, expected in PROTOTYPE.items():
        assert std[level] == pytest.approx(expected, rel=0.10), level


def test_what_mmin_decides(nv22):
    """Reference numbers (docs/model.md): unbinned level, normalisation priors as given and ten times wider."""
    rows = {(r.selection, r.widening): r for r in build_ladder(nv22.setup, (1.0, 10.0))}
    expected = {
        ("as configured", 1): 0.024,
        ("as configured", 10): 0.030,
        ("Mmin follows L_X", 1): 0.0265,
        ("Mmin follows L_X", 10): 0.060,
        ("flux-limited cone", 1): 0.0274,
        ("flux-limited cone", 10): 0.060,
    }
    for key, value in expected.items():
        assert rows[key].sigma8_std["unbinned"] == pytest.approx(value, rel=0.10), key
    assert rows["with sample variance", 1].sigma8_std["counts"] > rows["as configured", 1].sigma8_std["counts"]


def test_what_survives_wide_priors_in_a_large_survey(nv22):
    """Reference numbers: priors x 10 and volume x 100, unbinned: 0.0043 with Mmin fixed, 0.025 where it follows L_X."""
    rows = {r.selection: r for r in Ladder(nv22.setup).survival((10.0,), (100.0,))}
    assert rows["as configured"].sigma8_std["unbinned"] == pytest.approx(0.0043, rel=0.1)
    assert rows["Mmin follows L_X"].sigma8_std["unbinned"] == pytest.approx(0.025, rel=0.1)
    assert 0.02 < rows["flux-limited cone"].sigma8_std["unbinned"] < 0.033
    for row in rows.values():  # N and the median alone learn next to nothing, whatever the volume
        assert row.sigma8_std["selfcal"] > 0.95 * row.sigma8_std["prior"]


def test_replicated_surveys_scale_the_count(nv22, cccp):
    from forecast.model.simulate import draw_mocks

    for setup in (nv22.setup, cccp.setup):
        setup = with_sample_variance(setup, False)
        theta = setup.parameters.fiducial[None]
        one = forward_model(setup).expected_count(theta)[0]
        many = replace(setup, geometry=Replicated(setup.geometry, 30))
        model = forward_model(with_sample_variance(many, False))
        theta = model.parameters.fiducial[None]
        assert model.expected_count(theta)[0] == pytest.approx(30 * one, rel=2e-3)
        drawn = draw_mocks(model, np.repeat(theta, 20, 0), rng=np.random.default_rng(1)).size.mean()
        assert drawn == pytest.approx(30 * one, abs=5 * np.sqrt(30 * one / 20) + 3e-3 * 30 * one)


def test_more_data_never_hurts(nv22, cccp):
    for setup in (nv22.setup, cccp.setup):
        _, std = sigma8_std(setup)
        values = [std[level] for level in ("prior", "counts", "selfcal", "unbinned", "known")]
        assert values == sorted(values, reverse=True)


def monte_carlo_fisher(setup, rng, size):
    """Fisher matrix of every Y_X from the scores of simulated catalogues, written from scratch.

    Masses are drawn by inverting the sharp-selected mass function on a fine grid; the score of a
    catalogue is a finite difference of its own -Lambda + sum ln lambda with a histogram-free lambda.
    """
    from forecast.cosmology.mass_function import MassFunction

    grid = np.arange(13.0, 15.9, 0.002)
    table = MassFunction(setup.cosmology, setup.mass_function, [0.07], grid)
    names, start = setup.parameters.names, setup.parameters.to_coordinates(setup.parameters.fiducial)
    volume = setup.geometry.shells(setup.cosmology).total_volume

    def pieces(coordinates):
        v = dict(zip(names, setup.parameters.from_coordinates(coordinates), strict=True))
        r, sharp = setup.relations, setup.selection
        alpha = r.lx.slope
        mbreak, mmin = (
            14.4 + (alpha * (x - 14.4) - np.log10(v["norm_lx"])) / (alpha * v["slope_lx"])
            for x in (sharp.log_break, sharp.log_min)
        )
        if sharp.min_mass_mode == "fixed":
            mmin = sharp.log_min
        # exact cell fraction above Mmin, so that the cut moves smoothly
        fraction = np.clip((grid + 0.001 - mmin) / 0.002, 0, 1)
        number = table(v["sigma8"])[0, 0] * volume * 0.002 * fraction * 10 ** (2.4 * np.minimum(grid - mbreak, 0))
        st, sg = r.t.scatter * v["scatter_t"], r.mgas.scatter * v["scatter_mgas"]
        scatter = np.sqrt(st**2 + sg**2 + 2 * r.t_mgas * st * sg)
        norm = r.t.log_norm + r.mgas.log_norm + np.log10(v["norm_t"] * v["norm_mgas"])
        return number, norm + (r.t.slope + r.mgas.slope) * (grid - 14.4), scatter

    number, mean, scatter = pieces(start)
    y_grid = np.linspace(mean[number > 0].min() - 0.6, mean.max(), 700)

    def log_density(coordinates):
        n, mu, s = pieces(coordinates)
        u = (y_grid[:, None] - mu) / s
        return np.log(np.exp(-0.5 * u**2) @ n / (s * np.sqrt(2 * np.pi)) + 1e-300), n.sum()

    steps = 0.02 * np.minimum(setup.parameters.prior_std, 1)
    slopes, counts = [], []
    for i, step in enumerate(steps):
        e = np.eye(len(steps))[i] * step
        (up, n_up), (down, n_down) = log_density(start + e), log_density(start - e)
        slopes.append((up - down) / (2 * step))
        counts.append((n_up - n_down) / (2 * step))
    sizes = rng.poisson(number.sum(), size)
    picked = rng.choice(len(grid), sizes.sum(), p=number / number.sum())
    y = mean[picked] + scatter * rng.standard_normal(len(picked))
    owner = np.repeat(np.arange(size), sizes)
    scores = np.stack(
        [np.bincount(owner, np.interp(y, y_grid, d), minlength=size) - c for d, c in zip(slopes, counts, strict=True)]
    )
    return scores @ scores.T / size


@pytest.mark.parametrize("seed", [1, 2])
def test_two_random_configurations_against_monte_carlo(nv22, seed):
    rng = np.random.default_rng(seed)
    theta = nv22.setup.parameters.draw(1, rng=rng)[0]
    sharp = replace(
        nv22.setup.selection, log_break=rng.uniform(14.1, 14.4), log_min=rng.uniform(13.5, 13.8),
        min_mass_mode=rng.choice(["fixed", "follows_lx"]),
    )  # fmt: skip
    free = tuple(replace(p, fiducial=float(x)) for p, x in zip(nv22.setup.parameters.free, theta, strict=True))
    setup = replace(nv22.setup, selection=sharp, parameters=ParameterSet(free))
    ours = fisher_matrix("unbinned", forward_model(setup))
    size = 20_000
    theirs = monte_carlo_fisher(setup, rng, size)
    scale = setup.parameters.prior_std
    std = np.sqrt(np.linalg.inv(theirs * np.outer(scale, scale) + np.eye(len(scale)))[0, 0]) * scale[0]
    # the relative error of a variance of `size` scores is sqrt(2/size) = 1%
    assert ours.std() == pytest.approx(std, rel=5 * np.sqrt(2 / size))


def test_derivatives_of_a_known_function(nv22):
    parameters = nv22.setup.parameters
    at = parameters.fiducial * 1.02

    def function(theta):
        coordinates = parameters.to_coordinates(theta)
        return np.stack([np.sin(coordinates).sum(axis=1), (coordinates**3).sum(axis=1)], axis=1)

    slope = derivatives(function, parameters, at)
    x = parameters.to_coordinates(at)
    np.testing.assert_allclose(slope[:, 0], np.cos(x), rtol=1e-6)
    np.testing.assert_allclose(slope[:, 1], 3 * x**2, atol=1e-8)


def test_derivatives_do_not_depend_on_the_step(nv22_model, monkeypatch):
    from forecast.likelihoods import derivatives as module

    base = fisher_matrix("unbinned", nv22_model).std()
    monkeypatch.setattr(module, "_STEP", 0.03)
    assert fisher_matrix("unbinned", nv22_model).std() == pytest.approx(base, rel=1e-3)


def test_systematic_shift_is_the_shift_of_a_refit(nv22):
    """Tinker against Bocquet moves sigma8 by 0.005-0.014, by level (docs/model.md)."""
    told = []
    rows = list(Ladder(nv22.setup).shifts(("tinker08", "bocquet16_hydro"), heard=lambda *done: told.append(done)))
    assert len(rows) == 1
    total = 2 * len(rows[0].shift)  # a peak of each level, of the survey's own data and of the other mass function's
    assert told == [(done, total) for done in range(total + 1)]
    for level in ("counts", "selfcal", "unbinned"):
        assert 0.004 < rows[0].shift[level] < 0.015
    # the counts level by hand: sigma8 alone free, the shift is where the expected counts agree
    alone = replace(nv22.setup, parameters=nv22.setup.parameters.without(nv22.setup.parameters.names[1:]))
    shift = next(Ladder(alone).shifts(("tinker08",))).shift["counts"]
    ours, theirs = forward_model(alone), forward_model(replace(alone, mass_function="tinker08"))
    target = theirs.expected_count(np.array([[0.81]]))[0]
    grid = np.linspace(0.81, 0.84, 301)
    match = np.interp(target, ours.expected_count(grid[:, None]), grid) - 0.81
    assert shift == pytest.approx(match, rel=0.1)  # the prior pulls it back a little


def test_shifts_of_many_sigma_are_those_of_another_optimiser(nv22):
    """In 30,000 volumes another mass function is many sigma away: scipy's simplex finds the same peak."""
    parameters = nv22.setup.parameters
    names = ("sigma8", "norm_lx", "norm_mgas")
    kept = parameters.without([n for n in parameters.names if n not in names])
    setup = replace(nv22.setup, parameters=kept, geometry=Replicated(nv22.setup.geometry, 30_000.0))
    model, width, start = forward_model(setup), kept.prior_std, kept.to_coordinates(kept.fiducial)
    target = likelihood("unbinned", model, Data.expected(forward_model(replace(setup, mass_function="tinker08"))))

    def depth(x):
        return 0.5 * np.sum(x**2) - target(kept.from_coordinates(start + x * width)[None])[0]

    best = np.zeros(len(names))
    for _ in range(3):
        best = optimize.minimize(depth, best, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-7}).x
    expected, fisher = kept.from_coordinates(start + best * width)[0], fisher_matrix("unbinned", model)
    assert abs(expected - kept.fiducial[0]) > 5 * fisher.std()
    found = peak(fisher, target, lambda theta: fisher_matrix("unbinned", model, at=theta))
    assert found[0] == pytest.approx(expected, abs=0.02 * fisher.std())


def test_wide_priors_do_not_widen_the_steps_of_derivatives(monkeypatch):
    """Residuals of a simulation are narrower than a prior ten times wider: what they say is that of small steps."""
    from forecast.likelihoods import derivatives as module

    setup = load_config("nv22_magneticum").setup
    wide = forward_model(replace(setup, parameters=setup.parameters.widened(10.0)))
    base = fisher_matrix("full", wide).std()
    monkeypatch.setattr(module, "_STEP", 0.03)
    assert fisher_matrix("full", wide).std() == pytest.approx(base, rel=1e-3)


@pytest.mark.parametrize("name", ["nv22_smooth_small", "nv22_smooth_large"])
def test_appendix_a_surveys(name):
    rows = build_ladder(load_config(name).setup, (1.0,))
    assert rows[0].sigma8_std["unbinned"] < rows[0].sigma8_std["selfcal"] < 0.035


def counts_matrix_by_hand(setup, step=1e-3):
    """Information of N in all parameters and Om0: derivatives of surveys of other cosmologies whose Om0 is fixed."""
    model, fiducial = forward_model(setup), setup.parameters.fiducial
    log = np.array([p.log for p in setup.parameters.free])
    gradient = []
    for i in range(len(fiducial)):
        ends = np.array([fiducial, fiducial])
        ends[:, i] = fiducial[i] * np.exp([-step, step]) if log[i] else fiducial[i] + np.array([-step, step])
        low, high = model.expected_count(ends)
        gradient.append((high - low) / (2 * step))
    low, high = (
        forward_model(replace(setup, cosmology=replace(setup.cosmology, Om0=setup.cosmology.Om0 + shift)))
        .expected_count(fiducial[None])
        .item()
        for shift in (-step, step)
    )
    gradient.append((high - low) / (2 * step))
    return np.outer(gradient, gradient) / model.expected_count(fiducial[None]).item()


def test_the_row_with_free_density_against_surveys_of_other_densities(nv22):
    own, row = islice(Ladder(nv22.setup, quick=True).rows((1.0,)), 2)
    assert (own.label, row.label) == ("as configured", "Om0 free, 0.15 to 0.45")
    priors = np.diag(np.append(nv22.setup.parameters.prior_std, 0.3 / np.sqrt(12)) ** -2)
    covariance = np.linalg.inv(counts_matrix_by_hand(nv22.setup) + priors)
    names, at = nv22.setup.parameters.names, nv22.setup.parameters.fiducial
    i = names.index("sigma8")
    assert row.sigma8_std["counts"] == pytest.approx(np.sqrt(covariance[i, i]), rel=2e-3)
    gradient = np.zeros(len(covariance))
    density = nv22.setup.cosmology.Om0
    gradient[i], gradient[-1] = np.sqrt(density / 0.3), 0.5 * at[i] / np.sqrt(density * 0.3)
    assert row.s8_std["counts"] == pytest.approx(np.sqrt(gradient @ covariance @ gradient), rel=2e-3)


def test_the_row_with_free_density_is_the_survey_that_frees_it(cccp):
    own, row = islice(Ladder(cccp.setup, quick=True).rows((1.0,)), 2)
    by_hand = load_survey("cccp_lowz").with_({"parameters.Om0": {"flat": [0.15, 0.45]}})
    _, expected = sigma8_std(by_hand.setup, quick=True)
    assert row.sigma8_std == pytest.approx(expected, rel=1e-5)
    assert not own.s8_std
    joint = {level.level: level.s8_std for level in compute_joint(by_hand.config, quick=True).levels}
    assert joint == pytest.approx({level: row.s8_std[level] for level in joint}, rel=1e-5)
    assert row.sigma8_std["known"] > 2 * own.sigma8_std["known"]  # Om0 is no nuisance


def test_no_row_with_free_density_where_it_is_free_or_outside(nv22):
    free = load_survey("nv22").with_({"parameters.Om0": {"flat": [0.2, 0.4]}}).setup
    assert "Om0 free" not in " ".join(variant.label for variant in variants(free, ())) and density_note(free) == ""
    assert next(Ladder(free, quick=True).rows((1.0,))).s8_std
    dense = replace(nv22.setup, cosmology=replace(nv22.setup.cosmology, Om0=0.5))
    assert free_density(dense) is None and "0.5 is outside of its prior, 0.15 to 0.45" in density_note(dense)
