"""Catalogues: all formats give the same clusters, conversions by hand, bad input an error with its cure."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy import units
from astropy.cosmology import FlatLambdaCDM
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from forecast.core.errors import InputError
from forecast.cosmology.background import Cosmology
from forecast.model.catalogue import read_catalogue
from forecast.model.catalogue_spec import CatalogueCosmology, CatalogueSpec, MassRelation
from forecast.reading.public_tables import builtin_table
from forecast.reading.tables import Column

REFERENCE = CatalogueCosmology(Om0=0.3, h=0.72)
SAME = Cosmology(Om0=0.3, Ob0=0.045, h=0.72, ns=0.96)
WMAP7 = Cosmology(Om0=0.272, Ob0=0.046, h=0.704, ns=0.963)
RELATION = MassRelation(mass_norm=5.77e14 * 0.72**0.5, yx_norm=3e14, slope=0.57, evolution=-0.4)
CCCP = CatalogueSpec(
    {
        "name": Column("name"),
        "z": Column("z"),
        "lx": Column("lx_0p5_2"),
        "m500": Column("m500_yx"),
        "m500_error": Column("e_m500_yx"),
    },
    REFERENCE,
    RELATION,
)
YX = CatalogueSpec(
    {
        "name": Column("name"),
        "z": Column("z"),
        "lx": Column("lx", "erg/s"),
        "yx": Column("yx", "Msun keV"),
        "yx_error": Column("e_yx", "Msun keV"),
    },
    REFERENCE,
)


def sample(**columns):
    """Three clusters; `columns` replace or add."""
    table = Table(
        {
            "name": ["A1", "A<script>2", "Ü 3"],
            "z": [0.05, 0.1, 0.2],
            "lx": [1e44, 2e44, 5e44],
            "yx": [1e14, 3e14, 9e14],
            "e_yx": [1e13, 0.0, 4e13],
        }
    )
    for name, values in columns.items():
        table[name] = values
    return table


def write(table, path, **options):
    """Write without astropy's remarks on units, which are the writer's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write(path, overwrite=True, **options)
    return path


def read(tmp_path, table, spec=YX, model=SAME):
    return read_catalogue(write(table, tmp_path / "clusters.ecsv"), spec, model)


def with_column(key, name, unit=None, base=YX):
    return replace(base, columns={**base.columns, key: Column(name, unit)})


def only(**columns):
    return CatalogueSpec({"z": Column("z"), **columns}, REFERENCE, RELATION)


def hubble(z, om=0.3):
    return np.sqrt(om * (1 + z) ** 3 + 1 - om)


# --- the built-in table


def test_builtin_table_has_the_published_clusters():
    catalogue = read_catalogue(builtin_table("cccp_lowz"), CCCP, SAME)
    assert catalogue.size == 49 and catalogue.has_yx.all()
    assert catalogue.source == "cccp_lowz.ecsv"
    assert catalogue.name[0] == "A3571" and catalogue.name[-1] == "A3376"
    assert np.isfinite(catalogue.log_lx).all() and (catalogue.log_yx_error > 0).all()


def test_a_wider_table_in_another_order_is_the_same_catalogue(tmp_path):
    """Columns that the configuration does not name change nothing, whatever they hold."""
    table = Table.read(builtin_table("cccp_lowz"))
    wide = table[table.colnames[::-1]]
    wide["flux_0p5_2"], wide["merger"], wide["m500_tx"] = np.nan, True, -1e14
    ours, other = read_catalogue(builtin_table("cccp_lowz"), CCCP, SAME), read(tmp_path, wide, CCCP)
    assert other.name == ours.name
    for key in ("z", "log_lx", "log_yx", "log_yx_error"):
        np.testing.assert_array_equal(getattr(other, key), getattr(ours, key))


def test_builtin_table_unknown():
    with pytest.raises(InputError, match="'cccp' is unknown; known: cccp_lowz"):
        builtin_table("cccp")
    with pytest.raises(InputError, match="unknown"):
        builtin_table("../data/cccp_lowz")


def test_luminosities_exceed_the_relation_by_the_malmquist_bias():
    table = Table.read(builtin_table("cccp_lowz"))
    relation = 47.392 + 1.61 * np.log(table["m500_yx"]) + 1.850 * np.log(hubble(table["z"]))
    residual = np.asarray(np.log(table["lx_0p5_2"]) - relation)
    error = residual.std(ddof=1) / math.sqrt(residual.size)
    assert residual.mean() == pytest.approx(0.22, abs=0.07)
    assert abs(residual.mean() - 1.5 * 0.396**2) < 2 * error


# --- formats


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("c.ecsv", {}),
        ("c.fits", {}),
        ("c.vot", {"format": "votable"}),
        ("c.csv", {}),
        ("C.CSV", {"format": "ascii.csv"}),
        ("c.h5", {"format": "hdf5"}),
    ],
)
def test_formats_agree(tmp_path, file, options):
    table = sample(name=["A1", "A<script>2", "B 3"])
    path = write(table, tmp_path / file, **options)
    catalogue = read_catalogue(path, YX, SAME)
    assert catalogue.name == ("A1", "A<script>2", "B 3")
    np.testing.assert_array_equal(catalogue.z, [0.05, 0.1, 0.2])
    np.testing.assert_allclose(catalogue.log_lx, np.log10([1e44, 2e44, 5e44]), rtol=1e-14)
    np.testing.assert_allclose(catalogue.log_yx, np.log10(np.array([1e14, 3e14, 9e14]) * 0.72), rtol=1e-14)
    expected = np.array([0.1, 0, 4 / 90]) / math.log(10)
    np.testing.assert_allclose(catalogue.log_yx_error, expected, rtol=1e-12)
    for values in (catalogue.z, catalogue.log_lx, catalogue.log_yx, catalogue.log_yx_error):
        assert values.dtype == np.float64 and values.dtype.isnative


@pytest.mark.parametrize("file", ["m.fits", "m.vot", "m.ecsv"])
def test_units_of_the_file_are_used(tmp_path, file):
    table = Table.read(builtin_table("cccp_lowz"))
    table.meta.clear()
    path = write(table, tmp_path / file, **({"format": "votable"} if file == "m.vot" else {}))
    got, expected = (read_catalogue(p, CCCP, WMAP7) for p in (path, builtin_table("cccp_lowz")))
    np.testing.assert_allclose(got.log_yx, expected.log_yx, rtol=1e-13)
    np.testing.assert_allclose(got.log_lx, expected.log_lx, rtol=1e-13)


def test_format_can_be_named(tmp_path):
    path = write(sample(), tmp_path / "clusters.txt", format="ascii.fixed_width")
    with pytest.raises(InputError, match=r"clusters.txt: cannot be read as a table .*catalogue.format"):
        read_catalogue(path, YX, SAME)
    assert read_catalogue(path, replace(YX, format="ascii.fixed_width"), SAME).size == 3


def test_big_endian_columns_and_byte_strings(tmp_path):
    columns = [
        fits.Column("name", "8A", array=np.array([b"A1", b"B<2>", b""])),
        fits.Column("z", "E", array=np.array([0.05, 0.1, 0.2], dtype=">f4")),
        fits.Column("lx", "J", array=np.array([1, 2, 5], dtype=">i4")),
        fits.Column("yx", "D", array=np.array([1e14, np.nan, 9e14], dtype=">f8"), unit="solMass keV"),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "c.fits")
    assert Table.read(tmp_path / "c.fits")["yx"].dtype.byteorder == ">"
    columns = {"name": Column("name"), "z": Column("z"), "lx": Column("lx", "1e44 erg/s"), "yx": Column("yx")}
    catalogue = read_catalogue(tmp_path / "c.fits", CatalogueSpec(columns, REFERENCE), SAME)
    assert catalogue.name == ("A1", "B<2>", "row 3") and all(type(name) is str for name in catalogue.name)
    assert catalogue.log_yx.dtype.isnative and catalogue.z.dtype == np.float64
    np.testing.assert_allclose(catalogue.log_lx, np.log10([1e44, 2e44, 5e44]), rtol=1e-14)
    np.testing.assert_array_equal(catalogue.has_yx, [True, False, True])


@pytest.mark.parametrize("file", ["c.ecsv", "c.fits", "c.vot", "c.csv"])
def test_masked_values_are_unknown(tmp_path, file):
    hidden = [False, True, False]
    table = sample(
        lx=MaskedColumn([1e44, 2e44, 5e44], mask=hidden),
        yx=MaskedColumn([1e14, 3e14, 9e14], mask=[True, False, False]),
        e_yx=MaskedColumn([1e13, 3e13, 4e13], mask=hidden),
        name=["A1", "A2", "A3"],
    )
    path = write(table, tmp_path / file, **({"format": "votable"} if file.endswith("vot") else {}))
    catalogue = read_catalogue(path, YX, WMAP7)
    np.testing.assert_array_equal(np.isnan(catalogue.log_lx), hidden)
    np.testing.assert_array_equal(catalogue.has_yx, [False, True, True])
    np.testing.assert_allclose(catalogue.log_yx_error, [0, 0, 4 / 90 / math.log(10)], rtol=1e-12)
    assert catalogue.size == 3


def test_subset():
    catalogue = read_catalogue(builtin_table("cccp_lowz"), CCCP, SAME)
    near = catalogue.subset(catalogue.z < 0.05)
    assert 0 < near.size < 49 and near.z.max() < 0.05 and near.source == catalogue.source
    assert near.name == tuple(n for n, z in zip(catalogue.name, catalogue.z, strict=True) if z < 0.05)
    assert catalogue.subset(np.array([3, 1])).name == (catalogue.name[3], catalogue.name[1])


def test_names_and_luminosities_are_optional(tmp_path):
    catalogue = read(tmp_path, sample(), only())
    assert catalogue.name == ("row 1", "row 2", "row 3")
    assert np.isnan(catalogue.log_lx).all() and not catalogue.has_yx.any()
    np.testing.assert_array_equal(catalogue.log_yx_error, 0.0)


def test_names_come_through_unchanged(tmp_path):
    names = ["<script>alert(1)</script>", 'Ü 3 & "x"', "=1+1"]
    assert read(tmp_path, sample(name=names)).name == tuple(names)
    assert read(tmp_path, sample(name=[85, 86, 87])).name == ("85", "86", "87")


def test_csv_of_a_spreadsheet(tmp_path):
    (tmp_path / "c.csv").write_text('\ufeffname,z,lx\n"A, 1", 0.1 ,1e44\nA2,0.2,\n', encoding="utf-8")
    columns = {"name": Column("name"), "z": Column("z"), "lx": Column("lx", "erg/s")}
    catalogue = read_catalogue(tmp_path / "c.csv", CatalogueSpec(columns, REFERENCE), SAME)
    assert catalogue.name == ("A, 1", "A2")
    np.testing.assert_array_equal(np.isnan(catalogue.log_lx), [False, True])


# --- units


@pytest.mark.parametrize(
    ("values", "unit", "factor"),
    [
        ([1e14, 3e14, 9e14], "Msun keV", 0.72),
        ([1e14, 3e14, 9e14], "solMass keV / h", 1.0),
        ([1, 3, 9], "1e14 Msun/h keV", 1.0),
        ([14, 14 + math.log10(3), 14 + 2 * math.log10(3)], "log10 Msun keV", 0.72),
        ([14, 14 + math.log10(3), 14 + 2 * math.log10(3)], "log10(Msun/h keV)", 1.0),
        ([14, 14 + math.log10(3), 14 + 2 * math.log10(3)], "dex(Msun keV)", 0.72),
    ],
)
@pytest.mark.parametrize("where", ["configuration", "file"])
def test_units_of_yx(tmp_path, values, unit, factor, where):
    table = sample(yx=values)
    if where == "file":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table["yx"].unit = unit
    spec = only(yx=Column("yx", unit if where == "configuration" else None))
    log_yx = read(tmp_path, table, spec).log_yx
    np.testing.assert_allclose(log_yx, np.log10(np.array([1e14, 3e14, 9e14]) * factor), rtol=1e-12)


@pytest.mark.parametrize("file", ["c.ecsv", "c.fits", "c.vot"])
def test_msun_per_h_kev_in_a_file(tmp_path, file):
    """astropy reads it as Msun / (h keV), with h an hour."""
    table = sample(name=["a", "b", "c"])
    table["yx"].unit = "Msun/h keV"
    path = write(table, tmp_path / file, **({"format": "votable"} if file == "c.vot" else {}))
    log_yx = read_catalogue(path, only(yx=Column("yx")), SAME).log_yx
    np.testing.assert_allclose(log_yx, np.log10([1e14, 3e14, 9e14]))


@pytest.mark.parametrize(
    ("key", "written", "configured", "fault"),
    [
        ("yx", "Mpc", "Msun/h keV", "no unit of yx"),
        ("yx", "Msun keV", "Msun/h keV", "a factor of 0.72"),
        ("yx", "Msun / h keV", "Msun keV", "a factor of 1.389"),
        ("lx", "1e44 erg/s", "erg/s", r"a factor of 1e\+44"),
        ("lx", "dex(erg / s)", "erg/s", "a log10"),
        ("yx_error", "keV", "Msun keV", "no unit of yx"),
        ("yx_error", "dex", "Msun keV", "a log10"),
    ],
)
@pytest.mark.parametrize("file", ["c.fits", "c.ecsv", "c.vot"])
def test_a_unit_that_contradicts_the_files(tmp_path, file, key, written, configured, fault):
    file = "c.ecsv" if "dex" in written else file  # FITS knows no such unit
    column = {"yx_error": "e_yx"}.get(key, key)
    table = sample(name=["a", "b", "c"])
    table[column].unit = written
    path = write(table, tmp_path / file, **({"format": "votable"} if file == "c.vot" else {}))
    message = rf"{file}: column '{column}': the file says '.*', the configuration '{configured}' \({fault}\); .*"
    with pytest.raises(InputError, match=message + rf"remove unit from catalogue\.columns\.{key}"):
        read_catalogue(path, with_column(key, column, configured), SAME)


@pytest.mark.parametrize(
    ("written", "configured"),
    [
        ("erg / s", "erg/s"),
        ("1e-7 W", None),
        ("J/s", "1e7 erg/s"),
        ("parsecs per fortnight", "erg/s"),
        ("", "erg/s"),
    ],
)
def test_units_that_say_the_same(tmp_path, written, configured):
    """Spelt differently, unknown to astropy, or none."""
    table = sample(lx=[1e37, 2e37, 5e37] if written == "J/s" else [1e44, 2e44, 5e44])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table["lx"].unit = units.Unit(written, parse_strict="silent")
    spec = with_column("lx", "lx", configured)
    np.testing.assert_allclose(read(tmp_path, table, spec).log_lx, np.log10([1e44, 2e44, 5e44]))


def test_a_log10_column_may_bear_the_bare_unit_in_its_file(tmp_path):
    table = sample(lx=[44.0, 44.3, 44.7], e_lx=[0.02, 0.0, 0.03])
    table["lx"].unit = table["e_lx"].unit = "erg/s"
    columns = {"lx": Column("lx", "log10 erg/s"), "lx_error": Column("e_lx", "dex")}
    catalogue = read(tmp_path, table, only(**columns))
    np.testing.assert_allclose(catalogue.log_lx, [44.0, 44.3, 44.7])
    np.testing.assert_array_equal(catalogue.log_lx_error, [0.02, 0.0, 0.03])


def test_mass_in_msun_over_h_is_larger_by_h(tmp_path):
    table = sample(m=[2e14, 4e14, 8e14])
    physical = read(tmp_path, table, only(m500=Column("m", "Msun")))
    reduced = read(tmp_path, table, only(m500=Column("m", "Msun/h")))
    difference = reduced.log_yx - physical.log_yx
    np.testing.assert_allclose(difference, -math.log10(0.72) / 0.57, rtol=1e-10)


# --- errors


def test_asymmetric_errors_are_averaged_in_dex(tmp_path):
    table = sample(low=[-1e13, -2e13, 0.0], up=[3e13, 0.0, 0.0])
    spec = only(yx=Column("yx", "Msun keV"), yx_error=Column("low,up", "Msun keV"))
    expected = np.array([2e13 / 1e14, 2e13 / 3e14, 0.0]) / math.log(10)
    np.testing.assert_allclose(read(tmp_path, table, spec).log_yx_error, expected, rtol=1e-12)
    table["low"] = -table["low"]
    np.testing.assert_allclose(read(tmp_path, table, spec).log_yx_error, expected, rtol=1e-12)


def test_a_name_with_a_comma_is_a_column_if_the_file_has_it(tmp_path):
    table = sample()
    table.rename_column("e_yx", "e,yx")
    spec = with_column("yx_error", "e,yx", "Msun keV")
    assert read(tmp_path, table, spec).log_yx_error[0] == pytest.approx(0.1 / math.log(10))


@pytest.mark.parametrize("unit", ["dex", "log10 Msun keV"])
def test_errors_of_a_log10_column(tmp_path, unit):
    table = sample(yx=[14.0, 14.5, 15.0], e_yx=[0.03, 0.0, 0.05])
    spec = only(yx=Column("yx", "log10 Msun keV"), yx_error=Column("e_yx", unit))
    np.testing.assert_allclose(read(tmp_path, table, spec).log_yx_error, [0.03, 0.0, 0.05])


def test_errors_of_gas_mass_and_temperature_add_in_quadrature(tmp_path):
    table = sample(mg=[2e13, 4e13, 8e13], e_mg=[2e12, 4e12, 0], t=[4e3, 6e3, 8e3], e_t=[4e2, 0, 0])
    spec = only(
        mgas=Column("mg", "Msun"),
        mgas_error=Column("e_mg", "Msun"),
        t=Column("t", "eV"),
        t_error=Column("e_t", "eV"),
    )
    catalogue = read(tmp_path, table, spec)
    np.testing.assert_allclose(catalogue.log_yx, np.log10(np.array([8e13, 24e13, 64e13]) * 0.72), rtol=1e-12)
    expected = np.array([math.sqrt(2) * 0.1, 0.1, 0.0]) / math.log(10)
    np.testing.assert_allclose(catalogue.log_yx_error, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "errors", "unit"),
    [
        ([1e44, 2e44, 5e44], [5e42, np.nan, 5e43], "erg/s"),
        ([1.0, 2.0, 5.0], [0.05, 0.0, 0.5], "1e44 erg/s"),
        ([44.0, 44.3, 44.7], [0.0217147, 0.0, 0.0434294], "dex"),
    ],
)
def test_errors_of_luminosities(tmp_path, values, errors, unit):
    table = sample(lx=values, e_lx=errors)
    spec = only(lx=Column("lx", "log10 erg/s" if unit == "dex" else unit), lx_error=Column("e_lx", unit))
    catalogue = read(tmp_path, table, spec)
    expected = np.array([0.05, 0.0, 0.1]) / math.log(10)
    np.testing.assert_allclose(catalogue.log_lx_error, expected, atol=1e-7)
    assert catalogue.observables["lx"] == (catalogue.log_lx, catalogue.log_lx_error)
    pair = replace(spec, columns={**spec.columns, "lx_error": Column("e_lx,up", unit)})
    table["up"] = np.array(table["e_lx"]) * 3
    np.testing.assert_allclose(read(tmp_path, table, pair).log_lx_error, 2 * expected, atol=2e-7)
    assert read(tmp_path, table, only(lx=spec.columns["lx"])).log_lx_error is None


def test_gas_masses_are_listed_and_rescaled(tmp_path):
    table = sample(mg=[2e13, np.nan, 8e13], e_mg=[2e12, 4e12, 0.0], t=[4.0, 6.0, 8.0])
    columns = {"mgas": Column("mg", "Msun"), "mgas_error": Column("e_mg", "Msun"), "t": Column("t", "keV")}
    same, moved = (read(tmp_path, table, only(**columns), model) for model in (SAME, WMAP7))
    assert set(same.observables) == {"lx", "t", "mgas", "yx"}
    np.testing.assert_allclose(same.log_mgas, np.log10(np.array([2e13, np.nan, 8e13]) * 0.72))
    np.testing.assert_allclose(same.log_mgas_error, [0.1 / math.log(10), 0.0, 0.0])
    z = np.array([0.05, 0.1, 0.2])
    model, reference = FlatLambdaCDM(H0=70.4, Om0=0.272), FlatLambdaCDM(H0=72, Om0=0.3)
    ratio = model.luminosity_distance(z).value / reference.luminosity_distance(z).value
    factor = ratio**2.5 * 0.704 / 0.72
    np.testing.assert_allclose((moved.log_mgas - same.log_mgas)[[0, 2]], np.log10(factor[[0, 2]]), rtol=2e-3)
    np.testing.assert_allclose(moved.log_yx, moved.log_mgas + np.log10([4, 6, 8]))
    half = moved.subset(np.array([True, False, True]))
    assert half.observables["mgas"][0].tolist() == moved.log_mgas[[0, 2]].tolist()


BAD_ERRORS = [
    ("e_yx", [1e13, -1.0, 4e13], "row 2 .*got -1.0, but an error cannot be negative; if it stands for 'unknown'"),
    ("e_yx", [-99.0, -99.0, 4e13], r"in Python, t\['e_yx'\]\[t\['e_yx'\] < 0\] = numpy.nan"),
    ("e_yx", [1e13, 1e16, 4e13], "row 2 .*got 1e.16, which as an error is above 20 times the value: no meas"),
    ("e_yx", [1e13, 0.05, 4e13], "row 2 .*got 0.05, which as an error is below 1e-06 dex: no measurement's; check its"),
    ("e_yx", [1e13, 999.0, 4e13], "row 2 .*leave the cell empty where it stands for 'unknown'"),
]


def test_errors_of_temperatures_that_are_none(tmp_path):
    spec = only(t=Column("t", "keV"), t_error=Column("e", "keV"), mgas=Column("yx", "0.1 Msun"))
    with pytest.raises(InputError, match=r"row 3.*got 99.0, as 99 and 999 stand for 'unknown' in tables; leave"):
        read(tmp_path, sample(t=[4.0, 5.0, 8.0], e=[0.3, 0.2, 99.0]), spec)
    hopeless = read(tmp_path, sample(t=[4.0, 5.0, 0.47], e=[0.3, 0.2, 5.46]), spec)
    assert hopeless.log_t_error[2] == pytest.approx(5.46 / 0.47 / math.log(10))
    dex = replace(spec, columns={**spec.columns, "t_error": Column("e", "dex")})
    with pytest.raises(InputError, match=r"row 3.*got 1.1, which as an error is above 1 dex"):
        read(tmp_path, sample(t=[4.0, 5.0, 8.0], e=[0.03, 0.02, 1.1]), dex)


@pytest.mark.parametrize(("column", "values", "message"), BAD_ERRORS)
def test_errors_that_are_none(tmp_path, column, values, message):
    with pytest.raises(InputError, match=f"clusters.ecsv: column '{column}', row .*{message.removeprefix('row 2 ')}"):
        read(tmp_path, sample(**{column: values}))


def test_lower_errors_below_zero_and_minus_one_for_unknown(tmp_path):
    pair = {"yx": Column("yx", "Msun keV"), "yx_error": Column("low,up", "Msun keV")}
    with pytest.raises(InputError, match=r"column 'low', row 2.*leave the cell empty where it stands for 'unknown'"):
        read(tmp_path, sample(low=[-1e13, -1.0, -4e13], up=[1e13, 3e13, 4e13]), only(**pair))
    hot = {"t": Column("t", "keV"), "t_error": Column("low,up", "keV"), "mgas": Column("yx", "0.1 Msun")}
    table = sample(t=[4.0, 5.0, 8.0], low=[-0.2, -1.0, -0.4], up=[0.2, 1.0, 0.4])
    np.testing.assert_allclose(read(tmp_path, table, only(**hot)).log_t_error, [0.0217, 0.0869, 0.0217], atol=1e-4)
    table["low"] = [-1.0, -1.0, -1.0]
    with pytest.raises(InputError, match=r"column 'low', row 1: got -1.0, .* t\['low'\]\[t\['low'\] < 0\]"):
        read(tmp_path, table, only(**hot))


@pytest.mark.parametrize("unit", ["keV", "dex"])
def test_bounds_are_no_errors(tmp_path, unit):
    t = np.array([4.0, 5.0, 8.0])
    table = sample(low=0.9 * t, up=1.2 * t, t=t)
    value = Column("t", "keV")
    if unit == "dex":
        for name in ("low", "up", "t"):
            table[name] = np.log10(table[name])
        value = Column("t", "log10 keV")
    spec = only(t=value, t_error=Column("low,up", unit), mgas=Column("yx", "0.1 Msun"))
    message = "columns 'low' and 'up' lie below and above 't' in every row, so they are its bounds, not its errors"
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, table, spec)
    names = {"t": table}
    exec(str(error.value).split("in Python ")[1], {}, names)  # the cure, as typed
    catalogue = read(tmp_path, names["t"], spec)
    expected = (0.3 / 2 / math.log(10)) if unit == "keV" else np.log10(1.2 / 0.9) / 2
    np.testing.assert_allclose(catalogue.log_t_error, expected, rtol=1e-9)


def test_bad_measurements_are_no_bounds(tmp_path):
    """Errors as eFEDS has them: above the value where hardly anything was measured."""
    table = sample(t=[5.1, 3.4, 2.4], low=[3.4, 1.8, 0.4], up=[13.4, 9.1, 1.1])
    spec = only(t=Column("t", "keV"), t_error=Column("low,up", "keV"), mgas=Column("yx", "0.1 Msun"))
    assert read(tmp_path, table, spec).log_t_error[0] == pytest.approx(8.4 / 5.1 / math.log(10))


def test_clusters_without_yx_have_no_error(tmp_path):
    assert read(tmp_path, sample(yx=[np.nan, 3e14, 9e14])).log_yx_error[0] == 0.0
    spec = only(yx=Column("yx", "log10 Msun keV"), yx_error=Column("e_yx", "dex"))
    catalogue = read(tmp_path, sample(yx=[np.nan, 14.5, 15.0], e_yx=[0.03, 0.04, 0.05]), spec)
    np.testing.assert_array_equal(catalogue.log_yx_error, [0.0, 0.04, 0.05])


# --- Y_X from M500, precedence, reference cosmology


def test_yx_from_m500_by_hand(tmp_path):
    mass, z = np.array([2e14, 5e14, 1e15]), np.array([0.05, 0.1, 0.2])
    table = sample(m=mass, e_m=0.1 * mass)
    spec = only(m500=Column("m", "Msun"), m500_error=Column("e_m", "Msun"))
    catalogue = read(tmp_path, table, spec)
    yx = 3e14 * (mass / (5.77e14 * 0.72**0.5) * hubble(z) ** 0.4) ** (1 / 0.57)
    np.testing.assert_allclose(10**catalogue.log_yx, yx * 0.72, rtol=1e-4)
    np.testing.assert_allclose(catalogue.log_yx_error, 0.1 / math.log(10) / 0.57, rtol=1e-12)


def test_cccp_temperatures_agree_with_yx():
    """Y_X / T is a gas mass, so about 0.1 to 0.15 of M500 at these masses."""
    path = builtin_table("cccp_lowz")
    catalogue, table = read_catalogue(path, CCCP, SAME), Table.read(path)
    fraction = 10**catalogue.log_yx / 0.72 / table["tx"] / table["m500_yx"]
    assert 0.09 < np.median(fraction) < 0.15


def test_precedence_of_yx(tmp_path):
    table = sample(mg=[1e13] * 3, t=[5.0] * 3, m=[1e14] * 3)
    mapped = {
        "yx": Column("yx", "Msun keV"),
        "mgas": Column("mg", "Msun"),
        "t": Column("t", "keV"),
        "m500": Column("m", "Msun"),
    }
    first = read(tmp_path, table, only(**mapped))
    assert first.log_yx[1] == pytest.approx(math.log10(3e14 * 0.72))
    del mapped["yx"]
    assert read(tmp_path, table, only(**mapped)).log_yx[1] == pytest.approx(math.log10(5e13 * 0.72))
    assert replace(only(**mapped), mass_relation=None).yx_source == "mgas"


def test_rescaling_to_the_model_cosmology(tmp_path):
    z = np.array([0.05, 0.1, 0.2])
    model, reference = FlatLambdaCDM(H0=70.4, Om0=0.272), FlatLambdaCDM(H0=72, Om0=0.3)
    ratio = model.luminosity_distance(z).value / reference.luminosity_distance(z).value
    catalogue = read(tmp_path, sample(), model=WMAP7)
    np.testing.assert_allclose(10**catalogue.log_lx, np.array([1e44, 2e44, 5e44]) * ratio**2, rtol=1e-3)
    yx = np.array([1e14, 3e14, 9e14]) * ratio**2.5 * 0.704
    np.testing.assert_allclose(10**catalogue.log_yx, yx, rtol=1e-3)
    assert (ratio > 1.02).all()


def test_rescaling_resolves_h_of_each_side(tmp_path):
    """A unit with h is the catalogue's h going in, and the model's h coming out."""
    model = replace(SAME, h=0.6)
    spec = only(yx=Column("yx", "Msun/h keV"), mgas=Column("yx", "Msun"), t=Column("z", "keV"))
    catalogue = read(tmp_path, sample(), spec, model)
    expected = np.array([1e14, 3e14, 9e14]) / 0.72 * (0.72 / 0.6) ** 2.5 * 0.6
    np.testing.assert_allclose(10**catalogue.log_yx, expected, rtol=2e-4)


def test_rescaling_m500_inverts_in_the_catalogue_cosmology(tmp_path):
    spec = only(m500=Column("m", "Msun"))
    table = sample(m=[2e14, 5e14, 1e15])
    same, other = (read(tmp_path, table, spec, cosmology) for cosmology in (SAME, WMAP7))
    z = np.array([0.05, 0.1, 0.2])
    model, reference = FlatLambdaCDM(H0=70.4, Om0=0.272), FlatLambdaCDM(H0=72, Om0=0.3)
    ratio = model.angular_diameter_distance(z).value / reference.angular_diameter_distance(z).value
    np.testing.assert_allclose(10 ** (other.log_yx - same.log_yx), ratio**2.5 * 0.704 / 0.72, rtol=1e-3)


# --- bad files


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none.fits: no such file or directory; check the path of the catalogue"):
        read_catalogue(tmp_path / "none.fits", YX, SAME)
    with pytest.raises(InputError, match="is a directory; check the path"):
        read_catalogue(tmp_path, YX, SAME)


JUNK = np.random.default_rng(1).integers(0, 256, 6000, dtype=np.uint8).tobytes()
PAGE = b"\n<!DOCTYPE html>\n<html><body><h1>404 not found</h1></body></html>\n"


@pytest.mark.parametrize("file", ["c.fits", "c.csv", "c.ecsv", "c.vot", "c.txt", "c.h5", "c"])
@pytest.mark.parametrize(
    ("content", "message"),
    [(JUNK, "cannot be read as a table"), (PAGE, r"web page \(HTML\)"), (b"", "the file is empty")],
    ids=["junk", "html", "empty"],
)
def test_not_a_table(tmp_path, file, content, message):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=rf"{file}: .*{message}"):
        read_catalogue(tmp_path / file, YX, SAME)


@pytest.mark.parametrize("file", ["c.fits", "c.csv", "c.ecsv", "c.vot", "c.h5"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.97])
def test_truncated(tmp_path, file, kept):
    rng = np.random.default_rng(2)
    powers = {"z": -1, "lx": 44, "yx": 14, "e_yx": 13}
    table = Table({name: 10 ** (power + rng.random(3000)) for name, power in powers.items()})
    table["name"] = "A1"
    options = {"format": "votable"} if file == "c.vot" else {"format": "hdf5"} if file == "c.h5" else {}
    whole = write(table, tmp_path / file, **options).read_bytes()
    cut = int(kept * len(whole))
    if file in ("c.csv", "c.ecsv"):  # inside a row, where it shows
        cut = whole.rindex(b",", 0, cut) if file == "c.csv" else whole.rindex(b" ", 0, cut)
    (tmp_path / file).write_bytes(whole[:cut])
    with pytest.raises(InputError, match=r"truncated|cannot be read as a table"):
        read_catalogue(tmp_path / file, YX, SAME)


def test_truncated_after_the_last_row(tmp_path):
    path = write(sample(name=["a", "b", "c"]), tmp_path / "c.fits")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"c.fits: the file is truncated; get a complete copy"):
        read_catalogue(path, YX, SAME)


def test_unknown_format(tmp_path):
    path = write(sample(), tmp_path / "c.ecsv")
    with pytest.raises(InputError, match="No reader defined for format 'fitz'"):
        read_catalogue(path, replace(YX, format="fitz"), SAME)


@pytest.mark.parametrize(("rows", "message"), [(0, "has no rows"), (1, "has 1 row")])
@pytest.mark.parametrize("file", ["c.ecsv", "c.fits", "c.csv"])
def test_too_few_rows(tmp_path, file, rows, message):
    path = write(sample(name=["a", "b", "c"])[:rows], tmp_path / file)
    with pytest.raises(InputError, match=f"{file}: {message}, but a catalogue needs at least 2 clusters"):
        read_catalogue(path, YX, SAME)


@pytest.mark.parametrize("key", ["name", "z", "lx", "yx", "yx_error"])
def test_missing_column(tmp_path, key):
    unit = None if key in ("name", "z") else "erg/s" if key == "lx" else "Msun keV"
    spec = with_column(key, "e_yz", unit)
    with pytest.raises(InputError, match=r"clusters.ecsv: has no column 'e_yz'; did you mean 'e_yx'\?"):
        read(tmp_path, sample(), spec)


def test_missing_unit(tmp_path):
    message = r"column 'lx' has no unit; .* lx = { name = \"lx\", unit = \"erg / s\" }"
    with pytest.raises(InputError, match=message):
        read(tmp_path, sample(), with_column("lx", "lx"))
    with pytest.raises(InputError, match=r"column 'e_yx' has no unit; .* yx_error = { name = \"e_yx\""):
        read(tmp_path, sample(), with_column("yx_error", "e_yx"))


@pytest.mark.parametrize("unit", ["furlong", "Mpc", "erg/s/h", "log10", "ln erg/s", "-1 erg/s"])
def test_wrong_unit(tmp_path, unit):
    with pytest.raises(InputError, match=r"clusters.ecsv: column 'lx': unit .*erg/s"):
        read(tmp_path, sample(), with_column("lx", "lx", unit))


# --- bad values


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("z", [0.05, np.nan, 0.2], r"column 'z', row 2 \(A<script>2\): got nan, but every cluster needs"),
        ("z", MaskedColumn([0.05, 0.1, 0.2], mask=[0, 0, 1]), r"row 3 \(Ü 3\): got --, but every"),
        ("z", [0.0, 0.1, 0.2], r"row 1 \(A1\): got 0.0, expected a redshift above 0"),
        ("z", [0.05, -0.1, 0.2], "row 2 .*got -0.1, expected a redshift above 0"),
        ("z", [0.05, 5e-324, 0.2], "row 2 .*got 5e-324, below 0.0001, where there is no cluster; correct it or drop"),
        ("z", [15000.0, 30000.0, 60000.0], "got 15000.0, expected a redshift above 0 and up to 3"),
        ("z", ["0.05", "abc", "0.2"], "row 2 .*got abc, which is not a number"),
        ("z", ["0.05", "", "0.2"], "row 2 .*every cluster needs a redshift"),
        ("z", [0.05, np.inf, 0.2], "row 2 .*got inf, expected a finite number"),
        ("z", [True, False, True], "column 'z' is not one number or text a row"),
        ("z", [[0.1, 0.2], [0.1, 0.2], [0.1, 0.2]], "column 'z' is not one number or text a row"),
        ("lx", [1e44, 0.0, 5e44], "column 'lx', row 2 .*got 0.0, but it must be positive; leave it empty"),
        ("lx", [1e44, -2e44, 5e44], "row 2 .*must be positive"),
        ("lx", [1e44, np.inf, 5e44], "row 2 .*got inf, expected a finite number"),
        ("lx", [1.0, 2.0, 5.0], "row 1 .*got 1.0, which in 'erg/s' is no luminosity of a cluster; check"),
        ("lx", ["1e44", "faint", "5e44"], "row 2 .*got faint, which is not a number"),
        ("yx", [1e14, 3e14, 0.0], r"column 'yx', row 3 \(Ü 3\): got 0.0, but it must be positive"),
        ("yx", [1e14, 3e14, -9e14], "row 3 .*must be positive"),
        ("yx", [1e14, 3e14, -np.inf], "row 3 .*got -inf, expected a finite number"),
        ("e_yx", [1e13, -1e13, 1e13], "column 'e_yx', row 2 .*, but an error cannot be negative"),
        ("e_yx", [1e13, np.inf, 1e13], "column 'e_yx', row 2 .*finite"),
        ("name", [1 + 1j, 2, 3], "column 'name' is not one number or text a row"),
    ],
)
def test_bad_values(tmp_path, column, values, message):
    with pytest.raises(InputError, match=f"clusters.ecsv: .*{message}"):
        read(tmp_path, sample(**{column: values}))


@pytest.mark.parametrize(
    ("key", "unit", "partner"), [("t", "keV", "mgas"), ("mgas", "Msun", "t"), ("m500", "Msun", None)]
)
@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_bad_ingredients_of_yx(tmp_path, key, unit, partner, bad):
    good = {"t": Column("good_t", "keV"), "mgas": Column("good_m", "Msun")}
    table = sample(good_t=[3.0] * 3, good_m=[1e13] * 3, x=[1.0, bad, 1.0])
    columns = {key: Column("x", unit)} | ({partner: good[partner]} if partner else {})
    if key != "t":
        table["x"] *= 1e14
    with pytest.raises(InputError, match=r"clusters.ecsv: column 'x', row 2: got .*must be positive"):
        read(tmp_path, table, only(**columns))


def test_bad_values_of_log10_columns(tmp_path):
    spec = only(lx=Column("x", "log10 erg/s"))
    with pytest.raises(InputError, match="row 2: got -inf, expected a finite number"):
        read(tmp_path, sample(x=[44.0, -np.inf, 44.0]), spec)
    with pytest.raises(InputError, match=r"row 1: got 1e.44, which in 'log10 erg/s' is no luminosity"):
        read(tmp_path, sample(x=[1e44, 2e44, 3e44]), spec)


@pytest.mark.parametrize(
    ("unit", "values", "cure"),
    [
        ("erg/s", [44.0, 44.3, 44.7], 'looks like a log10: write unit = "log10 erg/s"'),
        ("dex(erg/s)", [1e44, 3e44, 2e44], 'looks like the value itself, not its log10: write unit = "erg/s"'),
        ("1e44 erg/s", [44.0, 44.3, 44.7], 'looks like a log10: write unit = "log10 erg / s"'),
        ("erg/s", [0.5, 1.3, 2.0], "is no luminosity of a cluster; check the unit"),
        ("erg/s", [1.0, 2.0, 3.0], "is no luminosity of a cluster; check the unit"),
    ],
)
def test_log10s_and_values_in_each_others_place(tmp_path, unit, values, cure):
    table = sample(x=values)
    with pytest.raises(InputError, match=f"column 'x', row 1: got .*{cure}"):
        read(tmp_path, table, only(lx=Column("x", unit)))
    if "write unit" in cure:
        assert np.isfinite(read(tmp_path, table, only(lx=Column("x", cure.split('"')[1]))).log_lx).all()


def test_a_temperature_that_could_be_either_is_taken_at_its_word(tmp_path):
    table = sample(t=[0.6, 0.7, 0.9])
    spec = only(t=Column("t", "keV"), mgas=Column("yx", "0.1 Msun"))
    np.testing.assert_allclose(read(tmp_path, table, spec).log_t, np.log10([0.6, 0.7, 0.9]))
    with pytest.raises(InputError, match=r"got 2.3, which in 'log10 keV' is no temperature .* write unit = \"keV\""):
        read(tmp_path, sample(t=[2.3, 4.0, 5.0]), with_column("t", "t", "log10 keV", base=spec))


def test_scaled_values_that_read_like_log10s_are_doubted(tmp_path):
    rows = Table({"z": [0.1] * 6, "yx": [14.0, 14.2, 14.3, 14.5, 14.7, 15.0]})
    catalogue = read(tmp_path, rows, only(yx=Column("yx", "1e14 Msun keV")))
    assert [caution.kind for caution in catalogue.remarks] == ["unit"]
    text = "column 'yx' of clusters.ecsv runs from 14 to 15 in '1e14 Msun keV', as log10s would; check its unit"
    assert catalogue.remarks[0].text == text
    rows["yx"] = [1.0, 2.0, 3.0, 7.0, 9.0, 14.0]
    assert read(tmp_path, rows, only(yx=Column("yx", "1e14 Msun keV"))).remarks == ()


@pytest.mark.parametrize("file", ["c.csv", "c.ecsv"])
def test_rows_left_out_are_said(tmp_path, file):
    path = write(sample(name=["A1", "#2", "A3"]), tmp_path / file)
    catalogue = read_catalogue(path, YX, SAME)
    assert catalogue.name == ("A1", "A3")
    text = f"{file}: 1 line after the header begin with '#' and were left out, clusters or not"
    assert [(caution.kind, caution.text) for caution in catalogue.remarks] == [("rows_left_out", text)]


def test_asymmetric_errors_of_mixed_sign(tmp_path):
    spec = only(yx=Column("yx", "Msun keV"), yx_error=Column("low, up", "Msun keV"))
    with pytest.raises(InputError, match=r"column 'low', row 3: .*cannot be negative"):
        read(tmp_path, sample(low=[1e13, 1e13, -1e13], up=[1e13] * 3), spec)
    with pytest.raises(InputError, match=r"column 'up', row 1: .*cannot be negative"):
        read(tmp_path, sample(low=[1e13] * 3, up=[-1e13] * 3), spec)
    with pytest.raises(InputError, match='yx_error: got "a,b,c"; write "COLUMN" or "LOWER,UPPER"'):
        read(tmp_path, sample(), with_column("yx_error", "a,b,c", "Msun keV"))


# --- bad specifications


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "catalogue.columns.z: missing"),
        ({"z": "z", "redshfit": "z"}, r"catalogue.columns.redshfit: unknown quantity"),
        ({"z": "z", "m_500": "m"}, r"catalogue.columns.m_500: unknown quantity; did you mean 'm500'\?"),
        ({"z": "z", "lx_error": "e"}, "catalogue.columns.lx_error: needs 'lx'"),
        ({"z": "z", "mgas": "m"}, "catalogue.columns.mgas: needs 't'"),
        ({"z": "z", "yx_error": "e"}, "catalogue.columns.yx_error: needs 'yx'"),
        ({"z": "z", "m500": "m"}, r"catalogue.columns.m500: .*add \[catalogue.mass_relation\]"),
    ],
)
def test_bad_columns(columns, message):
    with pytest.raises(InputError, match=message):
        CatalogueSpec({key: Column(name) for key, name in columns.items()}, REFERENCE)


def test_redshift_has_no_unit():
    with pytest.raises(InputError, match=r"catalogue.columns.z: has no unit, got 'km/s'; remove it"):
        CatalogueSpec({"z": Column("cz", "km/s")}, REFERENCE)


def test_bad_reference_cosmology_and_relation():
    with pytest.raises(InputError, match=r"catalogue.cosmology: h = 72 is outside 0.4 to 1.1"):
        CatalogueCosmology(Om0=0.3, h=72)
    with pytest.raises(InputError, match=r"catalogue.mass_relation.slope: must be positive, got 0.0"):
        replace(RELATION, slope=0.0)
    with pytest.raises(InputError, match=r"catalogue.mass_relation.mass_norm: must be positive, got nan"):
        replace(RELATION, mass_norm=math.nan)
