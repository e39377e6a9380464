"""Masses in 200c, 200m and vir against colossus by direct calls, and haloes drawn here."""

import numpy as np
import pytest
from colossus.cosmology import cosmology as colossus
from colossus.halo import concentration, mass_defs
from test_mass_scale import content

from forecast.config.load import parse_config
from forecast.core.errors import InputError
from forecast.cosmology.background import Cosmology
from forecast.cosmology.mass_definition import CONCENTRATIONS, MassDefinition, log_mass_ratio, overdensity
from forecast.cosmology.parameter_grid import Expansion
from forecast.model.catalogue import read_catalogue

COSMOLOGY = Cosmology(0.3, 0.046, 0.7, 0.96)
LOG_MASS, REDSHIFTS = np.array([13.6, 14.25, 14.83, 15.3]), np.array([0.07, 0.33, 0.61])


@pytest.fixture
def current():
    before = colossus.current_cosmo
    colossus.setCosmology("oracle", flat=True, H0=70.0, Om0=0.3, Ob0=0.046, sigma8=0.8, ns=0.96, persistence="")
    yield
    colossus.current_cosmo = before


def of(name, model="diemer19", z=(0.02, 0.8)):
    return MassDefinition(name, model, COSMOLOGY, *z)


@pytest.mark.parametrize("name", ["200c", "200m", "vir"])
@pytest.mark.parametrize("model", ["diemer19", "duffy08"])
def test_masses_are_those_of_colossus(current, name, model):
    for z in REDSHIFTS:
        masses = 10**LOG_MASS
        c = concentration.concentration(masses, name, z, model=model, range_warning=False, range_return=True)[0]
        theirs, _, _ = mass_defs.changeMassDefinition(masses, c, z, name, "500c")
        ours = of(name, model).to_500c(LOG_MASS, np.full(4, z))
        np.testing.assert_allclose(ours, np.log10(theirs), atol=2e-4)
        np.testing.assert_allclose(of(name, model).from_500c(ours, np.full(4, z)), LOG_MASS, atol=1e-10)


@pytest.mark.parametrize("model", ["diemer19", "bhattacharya13"])
def test_masses_beside_dark_energy_that_is_no_constant_are_those_of_colossus(model):
    cosmology, dark = Cosmology(0.3, 0.046, 0.7, 0.96, -0.8, 0.3), {"de_model": "w0wa", "w0": -0.8, "wa": 0.3}
    before = colossus.current_cosmo
    shape = {"flat": True, "H0": 70.0, "Om0": 0.3, "Ob0": 0.046, "sigma8": 0.8, "ns": 0.96, "persistence": ""}
    colossus.setCosmology("oracle", **shape, **dark)
    c = concentration.concentration(10**LOG_MASS, "200c", 0.33, model=model, range_warning=False, range_return=True)[0]
    theirs = mass_defs.changeMassDefinition(10**LOG_MASS, c, 0.33, "200c", "500c")[0]
    colossus.current_cosmo = before
    ours = MassDefinition("200c", model, cosmology, 0.02, 0.8).to_500c(LOG_MASS, np.full(4, 0.33))
    np.testing.assert_allclose(ours, np.log10(theirs), atol=2e-4)


@pytest.mark.parametrize("name", ["200c", "200m", "vir"])
def test_a_ratio_is_that_of_enclosed_masses(name):
    """An NFW profile integrated here: the mean density within r500 is 500 times the critical one."""
    density = float(overdensity(name, Expansion.of(COSMOLOGY).matter_density(np.array(0.2))))
    x = np.linspace(1e-6, 5.0, 400_001)
    mass = np.concatenate([[0], np.cumsum((x / (1 + x) ** 2)[1:] * np.diff(x))])
    mean = density * (mass / np.interp(5.0, x, mass)) * (5.0 / np.maximum(x, 1e-3)) ** 3
    inside = x > 0.1
    r500 = np.interp(-500.0, -mean[inside], x[inside])
    expected = np.log10(np.interp(r500, x, mass) / mass[-1])
    assert log_mass_ratio(np.array(5.0), np.array(density)) == pytest.approx(expected, abs=2e-5)


def test_the_scatter_of_concentrations_is_that_of_haloes_drawn_here(current):
    rng, z, name = np.random.default_rng(1), 0.3, "200c"
    median = concentration.concentration(np.array([10**14.6]), name, z, model="diemer19")[0]
    drawn = median * 10 ** (0.16 * rng.standard_normal(4000))
    masses, _, _ = mass_defs.changeMassDefinition(np.full(4000, 10**14.6), drawn, z, name, "500c")
    assert of(name).scatter(14.6, z) == pytest.approx(np.std(np.log10(masses)), rel=0.06)


def test_every_model_has_concentrations_and_500c_is_left_alone():
    for model in CONCENTRATIONS:
        ratio = of("200c", model, (0.3, 0.3)).to_500c(np.array([14.5]), np.array([0.3]))[0] - 14.5
        assert -0.2 < ratio < -0.1
    assert of("500c").to_500c(np.array([14.123]), np.array([0.3]))[0] == 14.123


def tables(**relations):
    found = content("cccp_lowz")
    found["relations"] |= relations
    return found


@pytest.mark.parametrize("name", ["200c", "200m"])
def test_relations_of_another_mass_are_those_of_m500c(name):
    """L_X of M500c through the relation as converted, and through M_D of each mass and redshift."""
    given = {"mass_definition": name, "concentration": "duffy08"}
    plain, config = parse_config(tables()).setup, parse_config(tables(**given))
    setup = config.setup
    edges = setup.geometry.redshift_edges
    definition = MassDefinition(name, "duffy08", setup.cosmology, 0.0, edges[-1])
    z, u = np.linspace(edges[0], edges[-1], 5)[:, None], np.linspace(-0.5, 0.5, 9)
    log_mass = setup.relations.pivot + u + 0 * z
    growth = np.log10(setup.cosmology.efunc(z))
    for law, own in ((setup.relations.lx, plain.relations.lx), (setup.relations.yx, plain.relations.yx)):
        there = definition.from_500c(log_mass, z + 0 * u)
        expected = own.log_norm + own.slope * (there - plain.relations.pivot) + own.evolution * growth
        ours = law.log_norm + law.slope * (log_mass - setup.relations.pivot) + law.evolution * growth
        np.testing.assert_allclose(ours, expected, atol=0.03 * own.slope)
        assert abs(ours - expected).mean() < 0.005 * own.slope
    (words,) = [c.text for c in config.cautions if c.kind == "masses"]
    assert f"M{name}" in words and "concentrations scatter by 0.16 dex" in words
    stated = parse_config(tables(calibrated_masses=["14.0 log10 Msun/h", "15.0 log10 Msun/h"], **given)).setup
    moved = definition.to_500c(np.array([14.0, 15.0]), np.zeros(2))
    assert stated.relations.calibrated_masses == pytest.approx(tuple(moved), abs=0.01)
    assert setup.relations.calibrated_masses == plain.relations.calibrated_masses
    assert parse_config(tables()).cautions == () and plain.relations.pivot > setup.relations.pivot


def lensed(path, name):
    rows = [f"{i} 0.{i} 1e45 5.0 {mass:.6e} 0.3e14" for i, mass in zip(range(1, 4), 10 ** LOG_MASS[:3], strict=False)]
    path.write_text("id z lx t m m_error\n" + "\n".join(rows), encoding="utf-8")
    found = content("cccp_lowz")
    found["survey"] |= {"zmax": 0.35}
    found["weak_lensing"] = {"scatter": 0.2, "mass_definition": name} | (
        {} if name == "500c" else {"concentration": "duffy08"}
    )
    columns = {"name": "id", "z": "z", "lx": {"name": "lx", "unit": "erg/s"}, "mwl": {"name": "m", "unit": "Msun"}}
    columns["mwl_error"] = {"name": "m_error", "unit": "Msun"}
    found["catalogue"] = {"path": str(path), "columns": columns, "cosmology": {"Om0": 0.25, "h": 0.72}}
    config = parse_config(found)
    return config, read_catalogue(path, config.catalogue_spec, config.setup.cosmology, luminosities=config.luminosities)


def test_lensing_masses_of_a_table_become_m500c(tmp_path):
    (_, plain), (config, found) = (lensed(tmp_path / "a.txt", name) for name in ("500c", "200c"))
    before = colossus.current_cosmo
    c = config.setup.cosmology
    colossus.setCosmology("own", flat=True, H0=72.0, Om0=c.Om0, Ob0=c.Ob0, sigma8=0.8, ns=c.ns, persistence="")
    try:
        for i, z in enumerate(found.z):
            mass = 10 ** plain.log_mwl[i]
            c200 = concentration.concentration(mass, "200c", z, model="duffy08")
            expected, _, _ = mass_defs.changeMassDefinition(mass, c200, z, "200c", "500c")
            assert found.log_mwl[i] == pytest.approx(float(np.log10(expected)), abs=2e-4)
    finally:
        colossus.current_cosmo = before
    np.testing.assert_allclose(found.log_mwl_error, plain.log_mwl_error, rtol=0.05)
    (words,) = [c.text for c in config.cautions if "M200c" in c.text]
    assert "duffy08" in words and "weak_lensing.scatter must hold it" in words


@pytest.mark.parametrize(
    ("relations", "words"),
    [
        ({"mass_definition": "200"}, "relations.mass_definition"),
        ({"concentration": "duffy08"}, 'add mass_definition = "200c", or drop it'),
        ({"mass_definition": "200c", "concentration": "duffy8"}, "relations.concentration"),
    ],
)
def test_what_is_refused(relations, words):
    with pytest.raises(InputError, match=words):
        parse_config(tables(**relations))


def test_a_relation_that_would_be_no_power_law_is_refused_and_the_cure_works():
    wide = tables(mass_definition="200m", concentration="diemer19")
    wide["survey"] |= {"zmax": 1.2}
    with pytest.raises(InputError, match=r"narrow survey.zmin and zmax, or choose another relations.concentration"):
        parse_config(wide).setup  # noqa: B018
    assert parse_config(tables(mass_definition="200m", concentration="duffy08")).setup.relations.lx.evolution < 1.85
