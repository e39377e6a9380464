"""Amplitude and slope of the mass function as nuisances, against sums written here, and the truth of mocks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from test_mass_scale import content

from forecast.checks.sbc import CalibrationPlan, calibrate
from forecast.config.load import parse_config
from forecast.core.errors import InputError
from forecast.cosmology.mass_function import MassFunction
from forecast.cosmology.mass_function_doubt import PIVOT, MassFunctionDoubt
from forecast.likelihoods.data import Data
from forecast.likelihoods.level_name import LEVELS
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.narrative import parameter_rows
from forecast.several.union import Union

FREE = {"hmf_amplitude": {"fiducial": 1.008, "gaussian": 0.05}, "hmf_slope": {"fiducial": 0.037, "gaussian": 0.05}}
TRUE = {"hmf_amplitude": 0.9, "hmf_slope": 0.2}


def setup_of(name, **parameters):
    tables = content(name, **(FREE | parameters))
    return parse_config(tables | {"sample_variance": False}).setup


def at(model, **values):
    theta = model.parameters.fiducial.copy()
    for name, value in values.items():
        theta[model.parameters.names.index(name)] = value
    return theta[None]


@pytest.fixture(scope="module")
def box():
    return forward_model(setup_of("nv22"))


@pytest.fixture(scope="module")
def cone():
    return forward_model(setup_of("cccp_lowz"))


def factor(log_mass):
    return TRUE["hmf_amplitude"] + TRUE["hmf_slope"] * (log_mass - 13.8)


def test_a_survey_limited_in_mass_is_a_sum(box):
    """NV22's sharp selection S = (M/Mbreak)^2.4 above Mmin, half of a (352 Mpc/h)^3 box."""
    log_mass = np.arange(13.6, 15.9, 0.0005) + 0.00025
    number = MassFunction(box.setup.cosmology, "bocquet16_hydro", [0.07], log_mass)(0.81)[0, 0] * factor(log_mass)
    detected = np.minimum(1.0, 10 ** (2.4 * (log_mass - 14.25)))
    expected = 0.5 * 352**3 * np.sum(number * detected) * 0.0005
    assert box.expected_count(at(box, **TRUE))[0] == pytest.approx(expected, rel=2e-3)


def test_a_survey_limited_in_flux_is_a_sum(cone):
    setup = cone.setup
    z_edges = np.linspace(setup.geometry.redshift_edges[0], setup.geometry.redshift_edges[-1], 121)
    z = 0.5 * (z_edges[1:] + z_edges[:-1])
    log_mass = np.arange(12.5, 15.9, 0.01)
    sigma8 = setup.parameters.fiducial_values.sigma8
    number = MassFunction(setup.cosmology, setup.mass_function, z, log_mass)(sigma8)[0] * factor(log_mass)
    volume = setup.geometry.area * setup.cosmology.volume_element(z) * (z_edges[1] - z_edges[0])
    lx = setup.relations.lx
    mean = lx.log_norm + lx.slope * (log_mass - setup.relations.pivot)
    mean = mean + lx.evolution * np.log10(setup.cosmology.efunc(z))[:, None]
    limit = setup.selection.log_luminosity_limit(z[:, None], setup.cosmology, setup.relations)
    expected = 0.01 * np.sum(number * volume[:, None] * special.ndtr((mean - limit) / lx.scatter))
    assert cone.expected_count(at(cone, **TRUE))[0] == pytest.approx(expected, rel=3e-3)


@pytest.mark.parametrize("survey", ["box", "cone"])
def test_mocks_are_drawn_with_it(survey, request):
    """Numbers below and above a mass are Poisson about those without it, times the factor, by 5 sigma."""
    model = request.getfixturevalue(survey)
    plain, changed = (
        draw_mocks(model, np.repeat(at(model, **values), 400, axis=0), rng=np.random.default_rng(seed))
        for seed, values in ((1, {"hmf_amplitude": 1.0, "hmf_slope": 0.0}), (2, TRUE))
    )
    for low, high in ((13.0, 14.3), (14.3, 14.7), (14.7, 15.5)):
        inside = plain.log_mass[(plain.log_mass > low) & (plain.log_mass < high)]
        found = np.sum((changed.log_mass > low) & (changed.log_mass < high))
        weight = factor(inside)
        assert abs(found - weight.sum()) < 5 * np.sqrt(weight.sum() + (weight**2).sum())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("survey", ["box", "cone"])
def test_an_amplitude_is_a_factor_on_a_poisson_process_at_every_level(survey, level, request):
    """ln L(q) - ln L(1) = N ln q - (q - 1) Lambda, whatever the data are beside N."""
    model = request.getfixturevalue(survey)
    if level == "full+wl":
        model = forward_model(replace(model.setup, weak_lensing=0.2))
    mocks = draw_mocks(model, at(model, **TRUE), rng=np.random.default_rng(3))
    data = Data.of_mock(model, mocks)
    one, two = (at(model, hmf_slope=0.0, hmf_amplitude=q) for q in (1.0, 0.8))
    value = likelihood(level, model, data)(np.vstack([one, two]))
    expected = int(mocks.size[0]) * np.log(0.8) + 0.2 * model.expected_count(one)[0]
    assert value[1] - value[0] == pytest.approx(expected, abs=2e-3)


def test_it_is_never_negative_and_neutral_by_default():
    log_mass = np.linspace(11.5, 15.9, 12)
    many = MassFunctionDoubt(np.array([1.0, 0.5]), np.array([0.0, -0.4])).factor(log_mass)
    assert many.shape == (2, 12) and (many[0] == 1).all() and many.min() == 0
    assert not MassFunctionDoubt().is_any and MassFunctionDoubt(slope=np.array([0.0, 0.1])).is_any
    assert MassFunctionDoubt(1.1, 0.3).factor(np.array([PIVOT])) == pytest.approx(1.1)


def test_surveys_have_it_in_common_and_reports_say_its_pivot():
    sets = {name: setup_of(name).parameters for name in ("nv22", "nv22_follows_lx")}
    assert {"hmf_amplitude", "hmf_slope"} <= set(Union.of(sets).shared)
    words = {row.name: row.meaning for row in parameter_rows(sets["nv22"])}
    assert "10^13.8 Msun/h" in words["hmf_amplitude"] and "10^13.8 Msun/h" in words["hmf_slope"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"hmf_slope": {"gaussian": 0.2}}, "hmf_slope: the prior .* leaves -0.4 to 0.4; narrow it"),
        ({"hmf_slope": 0.5}, "hmf_slope: 0.5 is outside -0.4 to 0.4; 0 leaves the mass function as it is"),
        ({"hmf_amplitude": 0.0}, "hmf_amplitude: 0 is outside 0.1 to 10; 1 leaves the mass function as it is"),
        ({"hmf_amplitud": 1.0}, "hmf_amplitud: unknown parameter; did you mean 'hmf_amplitude'"),
    ],
)
def test_what_is_refused(parameters, words):
    with pytest.raises(InputError, match=words):
        setup_of("nv22", **parameters)


@pytest.mark.parametrize("level", ["counts", "unbinned"])
def test_posteriors_are_calibrated_with_it_free(level):
    wide = {"hmf_amplitude": {"gaussian": 0.1}, "hmf_slope": {"gaussian": 0.1}}
    check = calibrate(forward_model(setup_of("nv22", **wide)), level, CalibrationPlan(mocks=200, draws=2000, seed=4))
    assert check.status == "calibrated", check.p_values
    assert min(check.p_values.values()) > 1e-4
