"""Observables in cosmologies other than the one in which they were measured."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from aperture import inferred_log_yx

from forecast.config.load import find_config, parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.cosmology.background import Cosmology
from forecast.cosmology.expansion import Expansion
from forecast.cosmology.rescaling import Background, Ratio, gas_exponents
from forecast.model.forward import forward_model

REFERENCE = Cosmology(0.3, 0.045, 0.7, 0.96)


def table(**relations):
    content = tomllib.loads(find_config("cccp_lowz").read_text(encoding="utf-8"))
    content["sample_variance"] = False
    del content["relations"]["calibration"]  # each test says what it needs of it
    for name in ("lx", "yx"):
        del content["relations"][name]["h_exponent"]
    for name, keys in relations.items():
        content["relations"][name] = content["relations"].get(name, {}) | keys
    return content


@pytest.mark.parametrize("z", [0.1, 0.8])
@pytest.mark.parametrize("true", [(0.24, 0.7), (0.36, 0.64)])
def test_yx_within_an_inferred_r500_against_iteration(z, true):
    """Step by step: mass from Y_X, radius from mass, angle from radius, gas within that angle, Y_X again."""
    slope, evolution = 1.75, 0.7
    log_mass = 14.5 + np.array([-0.4, 0.0, 0.4])
    found = inferred_log_yx(z, log_mass, (14.2, slope, evolution), true, (0.3, 0.7))
    expansion = Expansion(np.array(true[0]), np.array(true[1]))
    background = Background.of(expansion, Expansion.of(REFERENCE), np.array(z), 0.0, 0.0)
    relation = 14.2 + np.log10(0.7) + slope * (log_mass + np.log10(true[1]) - 14.5 - np.log10(0.7))  # Msun/h
    expected = relation + evolution * background.log_growth + background.shift(gas_exponents(slope, evolution))
    np.testing.assert_allclose(found + np.log10(0.7), expected, atol=1e-4)
    fixed = relation + evolution * background.log_growth - 2.5 * background.seen.distance
    assert (np.abs(fixed - expected) > (0.01 if z > 0.5 else 0.0015)).all()  # what a fixed angle would give


def test_power_of_distance_is_about_1_7_and_not_2_5():
    assert gas_exponents(1.754, 0.702).distance == pytest.approx(1.684, abs=0.002)


@pytest.mark.parametrize("how", ["configured", "free parameter"])
def test_counts_of_a_survey_hardly_depend_on_h(how):
    """Published relation: -0.39 ln(h/0.72) at fixed M/Msun (Vikhlinin et al. 2009a); norms held fixed give 40 to 71."""
    values, found = (0.66, 0.72, 0.80), []
    for h in values:
        content = table(calibration={"Om0": 0.3, "h": 0.72}, lx={"h_exponent": -0.39})
        if how == "configured":
            content["cosmology"] |= {"h": h, "Ob0": 0.045 * (0.72 / h) ** 2}
        setup = parse_config(content).setup
        free = setup.parameters
        if how != "configured":
            free = free.with_free(Parameter("h", h, Prior("gaussian", mean=h, std=0.02)))
        model = forward_model(replace(setup, parameters=free))
        found.append(float(model.expected_count(free.fiducial[None])[0]))
    np.testing.assert_allclose(found, [53.0, 51.7, 50.3], atol=0.1)


def test_the_exponent_that_follows_is_the_published_one():
    """L_X h^2 against M h is h^(1.61 - 2) at fixed M/Msun; Y_X h^2.5 would be h^-0.75, the paper has h^-0.88."""
    default = parse_config(table()).setup.relations
    published = parse_config(table(lx={"h_exponent": -0.39}, yx={"h_exponent": -0.5 / 0.57})).setup.relations
    assert default.lx.hubble == default.yx.hubble == 0
    assert published.lx.hubble == pytest.approx(0, abs=1e-12)
    assert published.yx.hubble == pytest.approx(-1.63 + 1.5, abs=2e-3)


def test_a_relation_is_moved_from_the_cosmology_of_its_calibration():
    """The same relation, calibrated at h = 0.72 and used at 0.66: each norm at the pivot as written."""
    there = parse_config(table(calibration={"Om0": 0.3, "h": 0.72}))
    content = table(calibration={"Om0": 0.3, "h": 0.72})
    content["cosmology"]["h"] = 0.66
    here, there = parse_config(content).setup.relations, there.setup.relations
    shift = np.log10(0.66 / 0.72)
    assert here.lx.log_norm - there.lx.log_norm == pytest.approx((1.61 - 2) * shift)
    assert here.t.log_norm - there.t.log_norm == pytest.approx(0.653595 * shift)
    # Y_X in Msun/h: (1.754 - 2.5) h powers at fixed M/Msun, and one for the unit
    assert here.yx.log_norm - there.yx.log_norm == pytest.approx((1.754386 - 2.5 + 1) * shift)


def test_calibration_at_a_redshift_moves_with_the_distance_to_it():
    """Calibrators at z: their L_X goes as D^2, their masses as D."""
    content = table(calibration={"Om0": 0.4, "h": 0.72, "z": 0.5})
    moved, plain = parse_config(content).setup, parse_config(table()).setup
    ratio = np.log10(
        Expansion(np.array(0.25), np.array(0.72)).comoving_distance(np.array(0.5))
        / Expansion(np.array(0.4), np.array(0.72)).comoving_distance(np.array(0.5))
    )
    assert moved.relations.lx.log_norm - plain.relations.lx.log_norm == pytest.approx((2 - 1.61) * ratio, rel=1e-6)
    assert moved.relations.t.log_norm - plain.relations.t.log_norm == pytest.approx(-0.653595 * ratio, rel=1e-6)


def test_free_matter_density_at_the_redshift_of_calibration_leaves_only_the_mass():
    """What the calibrators show at their own redshift is what they were calibrated on, up to their distances."""
    true, reference = Expansion(np.array([0.22]), np.array([0.7])), Expansion.of(REFERENCE)
    of = replace(gas_exponents(1.75, 0.7), slope=1.75)
    at = Background.of(true, reference, np.array(0.4), 0.0, 0.4)
    ratio = Ratio.of(true, reference, 0.4)
    np.testing.assert_allclose(at.shift(of), -1.75 * ratio.distance, rtol=1e-12)
    local = Background.of(true, reference, np.array(1e-6), 0.0, 0.0)
    np.testing.assert_allclose(local.shift(of), 0.0, atol=1e-5)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"calibration": {"Om0": 0.3}}, "missing key 'relations.calibration.h'"),
        (
            {"calibration": {"Om0": 0.3, "h": 72.0}},
            "relations.calibration.h.: must be at most 1.1",
        ),
        ({"calibration": {"Om0": 0.3, "h": 0.72, "z": 5}}, "relations.calibration.z"),
        ({"aperture": "r200"}, "relations.aperture"),
    ],
)
def test_wrong_calibrations_are_named(keys, message):
    content = table()
    content["relations"] |= keys
    with pytest.raises(InputError, match=message):
        _ = parse_config(content).setup
