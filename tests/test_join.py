"""Catalogues spread over several files: the same clusters as one table that was joined by hand."""

import tomllib

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from forecast.checks.observed import open_catalogue
from forecast.config.load import builtin_configs, parse_config
from forecast.config.reference import keys
from forecast.core.errors import InputError

NAMES = ["RXC J0041", "A 85", "Abell−3667", "ms0451"]
Z = np.array([0.3, 0.06, 0.056, 0.54])
LX, YX = np.array([5e44, 4e44, 7e44, 9e44]), np.array([3e14, 4e14, 6e14, 8e14])


def tables(folder, order=(2, 0, 3, 1), names=None, endings=("ecsv", "fits", "csv")):
    """Three files: redshifts, luminosities, Y_X; the second in another order."""
    order = list(order)
    other = NAMES if names is None else names
    first = Table({"NAME": NAMES, "Z": Z})
    second = Table({"ID": [other[i] for i in order], "LX": LX[order], "z": 9 * Z[order]}, units={"LX": "erg/s"})
    third = Table({"NAME": NAMES, "YX": YX, "E": 0.1 * YX}, units={"YX": "Msun keV", "E": "Msun keV"})
    for name, table, ending in zip("ABC", (first, second, third), endings, strict=True):
        if ending == "fits":
            table = Table({k: [x.replace("−", "-") for x in c] if c.dtype.kind == "U" else c for k, c in table.items()})
        table.write(folder / f"{name}.{ending}", overwrite=True)


def catalogue(folder, *joins, columns=None, **changed):
    """What a configuration in a folder makes of its tables."""
    content = tomllib.loads(builtin_configs()["cccp_lowz"].read_text(encoding="utf-8"))
    content["catalogue"] = {
        "path": "A.ecsv",
        "join": list(joins),
        "cosmology": {"Om0": 0.3, "h": 0.72},
        "columns": columns or {"name": "NAME", "z": "Z", "lx": "LX", "yx": "C.YX", "yx_error": "E"},
        **changed,
    }
    return open_catalogue(parse_config(content, folder=folder), None)


B, C = {"path": "B.fits", "on": "NAME", "key": "ID"}, {"path": "C.ecsv", "on": "A.NAME", "key": "NAME"}


def test_three_files_are_one_table(tmp_path):
    tables(tmp_path, endings=("ecsv", "fits", "ecsv"))
    found = catalogue(tmp_path, B, C)
    whole = Table({"NAME": NAMES, "Z": Z, "LX": LX, "YX": YX, "E": 0.1 * YX})
    for name, unit in (("LX", "erg/s"), ("YX", "Msun keV"), ("E", "Msun keV")):
        whole[name].unit = unit
    whole.write(tmp_path / "A.ecsv", overwrite=True)
    columns = {"name": "NAME", "z": "Z", "lx": "LX", "yx": "YX", "yx_error": "E"}
    alone = catalogue(tmp_path, columns=columns)
    assert found.name == alone.name and found.source == "A.ecsv" and found.remarks == ()
    for name in ("z", "log_lx", "log_yx", "log_yx_error"):
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))


@pytest.mark.parametrize(
    "names",
    [
        ["rxcj0041", "a85", "ABELL-3667", " MS0451 "],
        ["RXC  J0041", "A\t85", "Abell–3667", "Ms 0451"],
    ],
)
def test_names_are_compared_without_blanks_and_case(tmp_path, names):
    tables(tmp_path, names=names, endings=("ecsv", "ecsv", "ecsv"))
    found = catalogue(tmp_path, B | {"path": "B.ecsv"}, C)
    np.testing.assert_allclose(10 ** (found.log_lx - found.log_lx[0]), LX / LX[0], rtol=0.05)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([28993, 7, 15, 11248], ["28993", "7", "15", "11248"]),
        ([28993, 7, 15, 11248], [28993.0, 7.0, 15.0, 11248.0]),
        (["028993", "007", "15.0", " 11248"], [28993, 7, 15, 11248]),
        ([b"28993", b"7", b"15", b"11248"], [28993, 7, 15, 11248]),
    ],
)
def test_whole_numbers_are_compared_as_such(tmp_path, left, right):
    Table({"NAME": left, "Z": Z}).write(tmp_path / "A.fits")
    Table({"ID": right[::-1], "LX": LX[::-1]}, units={"LX": "erg/s"}).write(tmp_path / "B.fits")
    found = catalogue(tmp_path, B, columns={"z": "Z", "lx": "LX"}, path="A.fits")
    np.testing.assert_allclose(10 ** (found.log_lx - found.log_lx[0]), LX / LX[0], rtol=0.05)


def test_what_has_no_partner_is_said(tmp_path):
    tables(tmp_path, order=(1, 0), endings=("ecsv", "ecsv", "ecsv"))
    third = Table.read(tmp_path / "C.ecsv")
    third.add_row(["Coma", 1e14, 1e13])
    third["NAME"] = MaskedColumn(third["NAME"], mask=[0, 0, 0, 1, 0])
    third.write(tmp_path / "C.ecsv", overwrite=True)
    found = catalogue(tmp_path, B | {"path": "B.ecsv"}, C)
    assert np.isfinite(found.log_lx).tolist() == [True, True, False, False]
    assert np.isfinite(found.log_yx).tolist() == [True, True, True, False]
    assert [one.text for one in found.remarks] == [
        "2 of 4 clusters have no row in B.ecsv and have nothing of what B.ecsv lists",
        "1 of 4 clusters have no row in C.ecsv and have nothing of what C.ecsv lists",
        "2 of 5 rows of C.ecsv belong to no cluster and were left out",
    ]
    dropped = catalogue(tmp_path, B | {"path": "B.ecsv", "unmatched": "drop"}, C)
    assert dropped.name == ("RXC J0041", "A 85")
    assert "and were left out" in dropped.remarks[0].text


def test_a_column_of_several_tables_is_that_of_the_first_and_said(tmp_path):
    tables(tmp_path, endings=("ecsv", "ecsv", "ecsv"))
    table = Table.read(tmp_path / "B.ecsv")
    table.rename_column("z", "Z")
    table.write(tmp_path / "B.ecsv", overwrite=True)
    found = catalogue(tmp_path, B | {"path": "B.ecsv"}, C)
    np.testing.assert_array_equal(found.z, Z)
    (remark,) = found.remarks
    assert remark.text == "column 'Z' is that of A; for that of B write \"B.Z\""
    other = {"z": "other.Z", "lx": "LX"}
    with pytest.raises(InputError, match="expected a redshift above 0"):
        catalogue(tmp_path, B | {"path": "B.ecsv", "name": "other"}, columns=other)  # 4.86


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"on": "Nme"}, r"catalogue.join 'B': A.ecsv has no column on = 'Nme'; did you mean 'NAME'\?"),
        ({"key": "IDS"}, r"B.ecsv: has no column 'IDS' to join on; write key = \"COLUMN\"; did you mean 'ID'\?"),
        ({"key": "LX"}, r"no cluster of A.ecsv is in B.ecsv: 'NAME' is like 'RXC J0041', .* name other columns by on"),
        ({"name": "A"}, r"catalogue.join: 2 tables are called 'A'; give one a name of its own"),
        ({"path": "D.ecsv"}, r"D.ecsv: no such file or directory; check the path under its \[\[catalogue.join\]\]"),
        ({"unmatched": "ignore"}, r"'catalogue.join.0.unmatched': must be one of 'keep' or 'drop'"),
        ({"om": "NAME"}, r"unknown key 'catalogue.join.0.om'; known: .*key, name, on"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, changed, message):
    tables(tmp_path, endings=("ecsv", "ecsv", "ecsv"))
    with pytest.raises(InputError, match=message) as caught:
        catalogue(tmp_path, B | {"path": "B.ecsv"} | changed, columns={"z": "Z", "lx": "LX"})
    assert "\n" not in str(caught.value)


def test_keys_that_are_listed_twice_are_refused(tmp_path):
    tables(tmp_path, order=(0, 0, 1, 2), endings=("ecsv", "ecsv", "ecsv"))
    join = B | {"path": "B.ecsv"}
    with pytest.raises(InputError, match=r"B.ecsv: column 'ID' has 'RXC J0041' on 2 rows, and .* keep one of them"):
        catalogue(tmp_path, join, columns={"z": "Z", "lx": "LX"})
    Table({"NAME": ["a 85", "A85", "x"], "Z": Z[:3]}).write(tmp_path / "A.ecsv", overwrite=True)
    with pytest.raises(InputError, match=r"A.ecsv: column 'NAME' has 'a 85' on 2 rows"):
        catalogue(tmp_path, join, columns={"z": "Z", "lx": "LX"})


def test_copies_of_others_clusters_do_not_matter(tmp_path):
    tables(tmp_path, order=(0, 1, 2, 3, 3), endings=("ecsv", "ecsv", "ecsv"))
    Table({"NAME": NAMES[:3], "Z": Z[:3]}).write(tmp_path / "A.ecsv", overwrite=True)
    assert catalogue(tmp_path, B | {"path": "B.ecsv"}, columns={"z": "Z", "lx": "LX"}).size == 3


def test_every_key_of_a_join_is_explained():
    mine = [key for key in keys() if key.table == "catalogue.join"]
    assert {key.path.rpartition(".")[2] for key in mine} == {
        "path", "public", "on", "key", "name", "format", "table", "spelling", "unmatched"
    }  # fmt: skip
    assert all(key.meaning and key.example for key in mine)


def test_a_format_that_does_not_fit_is_that_of_the_joined_file(tmp_path):
    tables(tmp_path, endings=("ecsv", "ecsv", "ecsv"))
    with pytest.raises(InputError, match=r"B\.ecsv: cannot be read as a table .* under its \[\[catalogue\.join\]\]"):
        catalogue(tmp_path, B | {"path": "B.ecsv", "format": "votable"}, C)
    with pytest.raises(InputError, match=r"nowhere\.fits: .*check the path under its \[\[catalogue\.join\]\]$"):
        catalogue(tmp_path, B | {"path": "nowhere.fits"}, C)
