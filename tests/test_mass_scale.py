"""One mass scale for all relations: against the normalisations that it stands for, and independent Fisher numbers."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from forecast.cli.fit_checks import mass_scale_shifts
from forecast.config.load import builtin_configs, load_config, parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import NORMALISATIONS, Parameter, ParameterSet, Values
from forecast.core.priors import Prior
from forecast.forecasts.proxy_comparison import _norm_prior, acting
from forecast.likelihoods.data import Data
from forecast.likelihoods.fisher import fisher_matrices, fisher_matrix
from forecast.likelihoods.levels import at_level, levels_of, likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.cautions import of_mass_scale
from forecast.sampling.mcmc import Chain

SCALE = {"lognormal": 0.09}


def content(name="cccp_lowz", *, without=(), relations=(), **parameters):
    """Tables of a built-in configuration, with other parameters."""
    found = tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8"))
    found["relations"] |= dict(relations)
    found["parameters"] = {k: v for k, v in found["parameters"].items() if k not in without} | parameters
    return found


def setup(name="cccp_lowz", **changes):
    return parse_config(content(name, **changes)).setup


NORMS = {f"norm_{name}": {"lognormal": 0.1} for name in ("lx", "t", "mgas", "yx")}
CASES = {
    "Y_X of its own": setup(mass_scale=SCALE),
    "L_X alone": setup(mass_scale=SCALE, relations={"share_mass_scale": ["lx"]}.items()),
    "M_gas T": setup("nv22", mass_scale=SCALE, without=NORMS, slope_yx={"lognormal": 0.2}, **NORMS),
    "follows L_X": setup("nv22_follows_lx", mass_scale=SCALE, without=NORMS, slope_t={"lognormal": 0.2}, **NORMS),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_a_factor_on_each_normalisation_to_the_power_of_the_slope(case):
    """With the slope that each parameter vector gives a relation; that of the mass proxy, slope_yx included."""
    model = forward_model(CASES[case])
    names, relations = list(model.parameters.names), model.setup.relations
    scaled = model.parameters.draw(6, rng=np.random.default_rng(1))
    scaled[:, names.index("mass_scale")] = [0.7, 0.85, 0.95, 1.05, 1.2, 1.4]
    moved, b = scaled.copy(), scaled[:, names.index("mass_scale")]
    moved[:, names.index("mass_scale")] = 1.0
    total = 0.0
    for name in relations.on_mass_scale:
        slope = relations.line(name, model.parameters.values(moved)).slope
        total = total + (slope if name in ("t", "mgas") else 0.0)
        moved[:, names.index(f"norm_{name}")] *= b**slope
    if "slope_yx" in names and relations.yx is None:
        moved[:, names.index("norm_yx")] *= b ** (total * (moved[:, names.index("slope_yx")] - 1))
    mocks = [draw_mocks(model, theta[:2], rng=np.random.default_rng(2)) for theta in (scaled, moved)]
    np.testing.assert_allclose(mocks[0].observables, mocks[1].observables, rtol=1e-9)
    np.testing.assert_allclose(mocks[0].log_yx, mocks[1].log_yx, rtol=1e-9)
    data = Data.of_mock(model, draw_mocks(model, model.parameters.fiducial[None], rng=np.random.default_rng(3)))
    for level in levels_of(model.setup):
        target = likelihood(level, model, data)
        np.testing.assert_allclose(target(scaled), target(moved), rtol=1e-8, err_msg=level)


def test_a_relation_sees_the_mass_times_the_scale():
    relations, b, log_mass = setup(mass_scale=SCALE).relations, 1.3, np.linspace(-1, 1, 5)
    for name in relations.names:
        true, calibrated = (relations.line(name, Values(slope_yx=1.1, mass_scale=scale)) for scale in (b, 1.0))
        np.testing.assert_allclose(true.mean(log_mass, 0.1), calibrated.mean(log_mass + np.log10(b), 0.1), rtol=1e-12)


@pytest.mark.parametrize(
    ("without", "expected"), [(("norm_lx", "norm_t", "norm_yx"), (0.032, 0.030, 0.030)), ((), (0.036, 0.032, 0.031))]
)
def test_it_gives_the_fisher_numbers_of_independent_code(without, expected):
    model = forward_model(setup(without=without, mass_scale=SCALE))
    found = [one.std() for one in fisher_matrices(("counts", "selfcal", "unbinned"), model)]
    np.testing.assert_allclose(found, expected, atol=0.0007)


def test_the_shipped_survey_with_a_mass_scale_is_the_one_without_and_as_sure_as_documented():
    shipped, plain = (tomllib.loads(builtin_configs()[f"cccp_lowz{end}"].read_text()) for end in ("_mass_scale", ""))
    assert shipped["parameters"].pop("mass_scale") == SCALE
    assert plain["parameters"].pop("norm_yx") == {"lognormal": 0.06}
    assert shipped["relations"].pop("share_mass_scale") == ["lx", "t", "yx"]
    for key in ("title", "description"):
        assert shipped.pop(key) != plain.pop(key)
    assert shipped == plain
    model = forward_model(load_config("cccp_lowz_mass_scale").setup)
    found = [one.std() for one in fisher_matrices(("counts", "selfcal", "unbinned"), model)]
    np.testing.assert_allclose(found, (0.0357, 0.0321, 0.0312), atol=0.0001)


def test_a_level_that_does_not_see_it_leaves_it_out():
    model = forward_model(setup(mass_scale=SCALE, relations={"share_mass_scale": ["t"]}.items()))
    assert "mass_scale" not in at_level(model, "unbinned").parameters.names
    assert "mass_scale" in at_level(model, "full").parameters.names


def test_what_shares_it_is_chosen_and_a_proxy_of_other_masses_does_not():
    assert setup().relations.on_mass_scale == ()
    assert setup(mass_scale=SCALE).relations.on_mass_scale == ("lx", "t", "yx")
    assert setup(mass_scale=1.1).relations.on_mass_scale == ("lx", "t", "yx")
    temperature = ("norm_t", "slope_t", "scatter_t")
    network = parse_config({**content(mass_scale=SCALE, without=temperature), "errors": {}, "proxy": "cnn_1d"}).setup
    assert network.relations.on_mass_scale == ("lx",)
    assert "mass_scale" not in acting(network)
    assert "mass_scale" in acting(setup(mass_scale=SCALE))


def test_it_counts_in_what_the_proxy_comparison_calls_the_normalisations_prior():
    one = setup("nv22", without=NORMS, mass_scale=SCALE)
    assert _norm_prior(one) == pytest.approx(0.09)
    subset = setup("nv22", without=NORMS, mass_scale=SCALE, relations={"share_mass_scale": ["mgas"]}.items())
    assert _norm_prior(subset) == pytest.approx(0.09 * 1.16 / (1.16 + 0.61))


def test_it_is_widened_with_the_normalisations():
    wide = setup(mass_scale=SCALE).parameters.widened(5.0)
    widening = {p.name: p.prior.widening for p in wide.free}
    assert {name for name, factor in widening.items() if factor == 5} == {
        name for name in wide.names if name.startswith(NORMALISATIONS)
    }
    assert widening["mass_scale"] == 5


def test_a_wider_prior_of_it_never_makes_sigma8_better_known():
    base = setup(without=("norm_yx",), mass_scale=SCALE)
    widths = [base.parameters.without(["mass_scale"]), *(base.parameters.widened(k, ("mass_scale",)) for k in (1, 3))]
    found = [fisher_matrix("unbinned", forward_model(replace(base, parameters=one))).std() for one in widths]
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"relations": {"share_mass_scale": ["lx"]}.items()}, "there is no parameter mass_scale; write"),
        ({"relations": {"share_mass_scale": ["mgas"]}.items(), "mass_scale": SCALE}, "no relation of 'mgas'"),
        ({"relations": {"share_mass_scale": []}.items(), "mass_scale": SCALE}, "no relation shares the mass scale"),
        ({"relations": {"share_mass_scale": ["core"]}.items(), "mass_scale": SCALE}, "share_mass_scale"),
        ({"mass_scale": {"flat": [0.01, 1.0]}}, "leaves 0.1 to 10"),
    ],
)
def test_bad_input_is_one_line(changes, words):
    with pytest.raises(InputError, match=words) as error:
        _ = setup(**changes)
    assert "\n" not in str(error.value)


def chain_of(samples):
    zeros = np.zeros(samples.shape[:2])
    return Chain(("sigma8", "mass_scale"), samples, zeros, tau=np.ones(2), burn=100, acceptance=0.5)


PARAMETERS = ParameterSet(
    (
        Parameter("sigma8", 0.8, Prior("flat", 0.5, 1.2)),
        Parameter("mass_scale", 1.0, Prior("lognormal", mean=1.0, std=0.09, log=True)),
    )
)


@pytest.mark.parametrize(("shift", "told"), [(0.5, 0), (-2.0, 1)])
def test_the_shift_and_the_answer_without_it_are_those_of_a_gaussian(shift, told):
    """ln b ~ N(shift sigma, 0.05), sigma8 = 0.8 + 0.3 ln b + N(0, 0.01): without the shift 0.8 +- 0.01."""
    rng, size = np.random.default_rng(4), (500, 64)
    log_scale = shift * 0.09 + 0.05 * rng.standard_normal(size)
    sigma8 = 0.8 + 0.3 * log_scale + 0.01 * rng.standard_normal(size)
    steps = np.stack([sigma8, np.exp(log_scale)], axis=-1)
    steps[:100] = 1.0
    (found,) = mass_scale_shifts(PARAMETERS, {"counts": chain_of(steps)})
    n = 400 * 64
    assert found.shift == pytest.approx(shift, abs=5 * 0.05 / 0.09 / np.sqrt(n))
    assert found.sigma8 == pytest.approx(0.8, abs=5 * 0.01 * (1 + abs(shift) * 0.09 / 0.05) / np.sqrt(n))
    assert found.error == pytest.approx(0.01, rel=5 / np.sqrt(2 * n))
    assert found.spread == pytest.approx(0.05, rel=5 / np.sqrt(2 * n))
    cautions = of_mass_scale([found])
    assert len(cautions) == told
    assert f"sigma8 would be {found.sigma8:.4f}" in found.words
    assert all(one.text == found.words for one in cautions)


def test_nothing_is_said_where_it_is_not_free():
    without = Chain(("sigma8",), np.ones((9, 4, 1)), np.zeros((9, 4)), tau=np.ones(1), burn=1, acceptance=0.5)
    assert mass_scale_shifts(PARAMETERS, {"counts": without}) == []
    assert load_config("cccp_lowz").setup.parameters.fiducial_values.mass_scale == 1.0
