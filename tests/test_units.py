import math

import pytest

from forecast.core.errors import InputError
from forecast.core.units import parse, unit_factor


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("1e14 Msun", "mass", 0.7e14),
        ("1e14 Msun/h", "mass", 1e14),
        ("1e14 h^-1 Msun", "mass", 1e14),
        ("1e14 solMass", "mass", 0.7e14),
        ("14 log10 Msun/h", "mass", 1e14),
        ("10**14 Msun / h", "mass", 1e14),
        ("10^14 Msun", "mass", 0.7e14),
        ("352 Mpc/h", "length", 352.0),
        ("500 Mpc", "length", 350.0),
        ("0.352 Gpc/h", "length", 352.0),
        ("2.5 (Mpc/h)^3", "volume", 2.5),
        ("2.5 Mpc3", "volume", 2.5 * 0.343),
        ("1.3e-11 erg / (s cm2)", "flux", 1.3e-11),
        ("1.3e-14 W/m2", "flux", 1.3e-11),
        ("1.3e-11 erg/s/cm2", "flux", 1.3e-11),
        ("1e37 W", "luminosity", 1e44),
        ("44 log10 erg/s", "luminosity", 1e44),
        ("3e14 Msun keV", "yx", 2.1e14),
        ("3e14 Msun/h keV", "yx", 3e14),
        ("3 keV", "temperature", 3.0),
        ("3.4813556e7 K", "temperature", 3.0),
        ("41252.96125 deg2", "area", 4 * math.pi),
    ],
)
def test_values_with_units(text, kind, expected):
    assert parse(text, kind, h=0.7) == pytest.approx(expected, rel=1e-6)


def test_per_h_is_never_an_hour():
    # astropy reads "Msun/h" as solar masses per hour; here h is the Hubble parameter
    assert unit_factor("Msun/h", "mass", h=0.5) == 1.0
    assert unit_factor("Msun", "mass", h=0.5) == 0.5
    with pytest.raises(InputError, match="not a unit of mass"):
        parse("1e14 Msun/hour", "mass", h=0.7)
    with pytest.raises(InputError, match="has a factor of h"):
        parse("1e-13 erg/s/cm2/h", "flux", h=0.7)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("352", "length", "no unit"),
        ("Mpc/h", "length", "expected a number"),
        ("1e14 keV", "mass", "not a unit of mass"),
        ("1e14 Msunn", "mass", "not a unit of mass"),
        ("nan Msun", "mass", "expected a number"),
        ("400 log10 Msun", "mass", "finite"),
        (3.0, "mass", "expected a number"),
    ],
)
def test_wrong_units_name_the_cure(text, kind, message):
    with pytest.raises(InputError, match=message):
        parse(text, kind, h=0.7)


@pytest.mark.parametrize("unit", ["-1e14 Msun", "1e400 Msun", "-1e400 Msun", "1e-320 kg"])
def test_the_factor_of_a_unit_is_positive_and_finite(unit):
    with pytest.raises(InputError, match=f"unit '{unit}' must be positive and finite; write for example"):
        unit_factor(unit, "mass", h=0.7)
