"""Tables of text as people have them: any ending, separator, encoding and header give the same clusters."""

import bz2
import gzip
import lzma

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from forecast.config.quantities import read_columns
from forecast.core.errors import InputError, nearest
from forecast.core.units import unit_factor
from forecast.reading.tables import Column, open_table

COLUMNS = {"name": Column("name"), "z": Column("z"), "lx": Column("lx", "erg/s")}
NAMES = ["name", "z", "lx"]
ROWS = [["A1", "0.05", "1e44"], ["Zw 3", "0.1", "2e44"], ["0012", "0.2", "5e44"]]


def text(separator=",", begin="", header=None, rows=ROWS):
    quoted = [[f'"{cell}"' if separator == " " and " " in cell else cell for cell in row] for row in rows]
    return begin + separator.join(header or NAMES) + "\n" + "".join(separator.join(row) + "\n" for row in quoted)


def read(tmp_path, content, file="c.txt", columns=COLUMNS, **options):
    (tmp_path / file).write_bytes(content.encode() if isinstance(content, str) else content)
    return open_table(tmp_path / file, columns, 0.7, **options)


def assert_the_clusters(table):
    assert table.names() == ("A1", "Zw 3", "0012")
    assert table.redshifts() == pytest.approx([0.05, 0.1, 0.2])
    assert table.quantity("lx")[0] == pytest.approx(np.log10([1e44, 2e44, 5e44]))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", ", ", " ; "])
@pytest.mark.parametrize("begin", ["", "# ", "#", "# made in 2024\n#a, b\n", "# made, in, 2024\n\n# "])
@pytest.mark.parametrize("file", ["c.csv", "c.txt", "c.dat", "c.tsv", "c"])
def test_separators_and_headers(tmp_path, separator, begin, file):
    table = read(tmp_path, text(separator, begin), file)
    assert_the_clusters(table)
    assert table.reading.cautions == ()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed(tmp_path, pack):
    packed = pack(text().encode())
    assert_the_clusters(read(tmp_path, packed, "c.csv.gz"))
    with pytest.raises(InputError, match=r"c.csv.gz: the file is truncated; get a complete copy"):
        read(tmp_path, packed[:-12], "c.csv.gz")
    Table({"z": [0.1, 0.2]}).write(tmp_path / "c.fits")
    table = read(tmp_path, pack((tmp_path / "c.fits").read_bytes()), "c.packed", {"z": Column("z")})
    assert table.redshifts() == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings(tmp_path, encoding):
    table = read(tmp_path, text(";").replace("A1", "Überhaufen").encode(encoding))
    assert table.names()[0] == "Überhaufen"
    kinds = [caution.kind for caution in table.reading.cautions]
    assert kinds == (["encoding"] if encoding == "latin-1" else [])


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings(tmp_path, ending):
    assert_the_clusters(read(tmp_path, text().replace("\n", ending)))


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_tables_of_vizier_have_units_and_a_ruler(tmp_path, separator):
    ruled = [["", "", "10-7W"], ["----", "---", "-----"], *ROWS]
    table = read(tmp_path, text(separator, "#\n#  VizieR\n", rows=ruled), columns={**COLUMNS, "lx": Column("lx")})
    assert_the_clusters(table)
    assert unit_factor("10-7W", "luminosity", 0.7) == pytest.approx(1.0)


@pytest.mark.parametrize("format", ["ascii.ecsv", "ascii.ipac", "ascii.rst", "ascii.mrt", "ascii.latex"])
def test_formats_that_declare_themselves(tmp_path, format):
    rows = Table({"name": ["A1", "B2"], "z": [0.05, 0.1], "lx": [1e44, 2e44]})
    rows.write(tmp_path / "c.txt", format=format)
    table = open_table(tmp_path / "c.txt", COLUMNS, 0.7)
    assert table.names() == ("A1", "B2") and table.redshifts() == pytest.approx([0.05, 0.1])


@pytest.mark.parametrize("token", ["", "nan", "NaN", "NA", "n/a", "null", "None", "-", "--", "---", "..."])
def test_words_for_unknown(tmp_path, token):
    log_lx, _ = read(tmp_path, text().replace("2e44", token)).quantity("lx")
    assert np.isnan(log_lx[1]) and np.isfinite(log_lx[[0, 2]]).all()


@pytest.mark.parametrize("file", ["c.csv", "c.txt"])
def test_rows_left_out_are_said(tmp_path, file):
    table = read(tmp_path, text().replace("Zw", "#Zw"), file)
    assert table.names() == ("A1", "0012")
    assert [caution.kind for caution in table.reading.cautions] == ["rows_left_out"]


@pytest.mark.parametrize("format", [None, "csv", "ascii.csv", "ascii.fast_csv"])
def test_short_rows_are_refused_whatever_the_format(tmp_path, format):
    with pytest.raises(InputError, match="line 4 has 2 cells, the header 3; if the file is not truncated"):
        read(tmp_path, text().replace(",5e44", ""), format=format)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (text(header=["A0", "0.03", "3e44"]), "first line holds numbers, not names of columns; write a line of names"),
        (text(" ").replace('"Zw 3"', "Zw 3"), "line 3 has 4 cells, the header 3; .*put text with separators in quotes"),
        (text(";").replace("0.05", "0,05"), r"column 'z', row 1 \(A1\): got 0,05, .*write decimals with a point"),
        (text(header=["name", "z", "LX"]), "has no column 'lx'; did you mean 'LX'"),
        (text(header=["name", "lx", "lx"]), "2 columns are named 'lx'; rename one"),
        (b"PK\x03\x04" + bytes(100), "an archive or a spreadsheet; unpack it, or save the sheet as CSV"),
        (b'{"z": [0.1]}', "this is JSON; save the table as CSV"),
        (b"%PDF-1.7", "this is a PDF; download the table itself"),
        (b"# only\n# comments\n", "cannot be read as a table .only comments"),
    ],
)
def test_cures(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        table = read(tmp_path, content)
        table.redshifts(), table.quantity("lx")


def test_fits_columns_of_one_value_a_row(tmp_path):
    Table({"name": [["a"], ["b"]], "z": [[0.1], [0.2]], "lx": [[1e44], [2e44]]}).write(tmp_path / "c.fits")
    table = open_table(tmp_path / "c.fits", COLUMNS, 0.7)
    assert table.names() == ("a", "b") and table.quantity("lx")[0] == pytest.approx(np.log10([1e44, 2e44]))


def test_fits_columns_of_one_name(tmp_path):
    Table({"z": [0.1, 0.2], "zz": [0.1, 0.2]}).write(tmp_path / "c.fits")
    content = (tmp_path / "c.fits").read_bytes()
    with pytest.raises(InputError, match=r"c\.fits: 2 columns are named 'z'; rename one"):
        read(tmp_path, content.replace(b"'zz      '", b"'z       '"), "c.fits", {"z": Column("z")})


def test_nan_in_a_fits_column_to_be_displayed_as_integers(tmp_path):
    columns = [fits.Column("z", "D", array=[0.1, 0.2]), fits.Column("lx", "D", array=[1e44, np.nan], disp="I8")]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "c.fits")
    log_lx, _ = open_table(tmp_path / "c.fits", {k: COLUMNS[k] for k in ("z", "lx")}, 0.7).quantity("lx")
    assert np.isnan(log_lx).tolist() == [False, True]


@pytest.mark.parametrize("unit", ["dex(erg/s)", "log(erg/s)", "[erg/s]", "log10(erg/s)", "[10-7W]"])
def test_units_of_log10s(tmp_path, unit):
    logs = text(rows=[["a", "0.1", "44.0"], ["b", "0.2", "44.5"]])
    table = read(tmp_path, logs, columns={**COLUMNS, "lx": Column("lx", unit)})
    assert table.quantity("lx")[0] == pytest.approx([44.0, 44.5])
    table = read(tmp_path, text(), columns={**COLUMNS, "lx": Column("lx", unit)})
    with pytest.raises(InputError, match="looks like the value itself, not its log10"):
        table.quantity("lx")


def bracketed(tmp_path, values, unit=None):
    """Temperatures and errors in a table whose units stand in brackets."""
    rows = "".join(f"{0.1 + i / 100}\t{value}\t0.1\n" for i, value in enumerate(values))
    (tmp_path / "c.tsv").write_text(f"z\tt\te\n \t[keV]\t[keV]\n---\t---\t---\n{rows}")
    columns = {"z": Column("z"), "t": Column("t", unit), "t_error": Column("e")}
    return open_table(tmp_path / "c.tsv", columns, 0.7).quantity("t")


def test_brackets_that_may_stand_for_log10s_or_not_are_refused(tmp_path):
    values = [0.8, 1.2, 1.4]
    with pytest.raises(InputError, match=r'may stand for log10s.*write unit = "log10 keV" or unit = "keV"'):
        bracketed(tmp_path, values)
    logs, dex = bracketed(tmp_path, values, "log10 keV")
    assert logs == pytest.approx(values) and dex == pytest.approx([0.1] * 3)
    logs, dex = bracketed(tmp_path, values, "keV")
    assert logs == pytest.approx(np.log10(values))
    assert dex == pytest.approx(0.1 / (np.log(10) * np.array(values)))


def test_a_completeness_table_with_text_in_it(tmp_path):
    (tmp_path / "area.csv").write_text("flux,value\n1e-13,0.5\nfaint,0.7\n")
    with pytest.raises(InputError, match=r"has no unit"):
        read_columns(str(tmp_path / "area.csv"), "survey.area_table", {"flux": "flux", "value": ""}, 0.7)
    (tmp_path / "area.ecsv").write_text(
        "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: flux, unit: erg / (s cm2), datatype: string}\n"
        "# - {name: value, datatype: float64}\nflux value\n1e-13 0.5\nfaint 0.7\n"
    )
    with pytest.raises(InputError, match="column 'flux', row 2: got faint, which is not a number; correct it"):
        read_columns(str(tmp_path / "area.ecsv"), "survey.area_table", {"flux": "flux", "value": ""}, 0.7)


@pytest.mark.parametrize(
    ("typed", "known", "meant"),
    [
        ("Norm_LX", ["norm_t", "norm_lx", "norm_wl"], "norm_lx"),
        ("norm_l", ["norm_t", "norm_wl", "norm_lx"], "norm_lx"),
        ("LX", ["lx", "yx"], "lx"),
        ("sigam8", ["sigma8", "slope_lx"], "sigma8"),
    ],
)
def test_suggestions(typed, known, meant):
    assert nearest(typed, known) == f"did you mean '{meant}'?"


@pytest.mark.parametrize(("typed", "known"), [("Ob0", ["Om0", "h"]), ("lx", ["yx", "t"])])
def test_short_words_are_not_taken_for_others(typed, known):
    assert nearest(typed, known).startswith("known: ")
