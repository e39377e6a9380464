"""Positions of clusters: however they are written, they are those that astropy's own parser makes of them."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table

from forecast.config.guess import guess_columns
from forecast.config.starters import fitted
from forecast.core.errors import InputError
from forecast.cosmology.background import Cosmology
from forecast.model.catalogue import read_catalogue
from forecast.model.catalogue_spec import CatalogueCosmology, CatalogueSpec
from forecast.reading.tables import Column

SAME = Cosmology(Om0=0.3, Ob0=0.045, h=0.72, ns=0.96)
PLACES = SkyCoord([10.46, 187.7059, 359.999], [-9.303, 12.3911, -0.0042], unit="deg")


def read(tmp_path, columns, frame="icrs", file="c.ecsv", **mapped):
    """The catalogue of three clusters with some columns of positions; `mapped`: ra and dec."""
    table = Table({"name": ["A1", "A2", "A3"], "z": [0.1, 0.2, 0.3], **columns})
    table.write(tmp_path / file, overwrite=True)
    named = {key: one if isinstance(one, Column) else Column(one) for key, one in mapped.items()}
    spec = CatalogueSpec(
        {"name": Column("name"), "z": Column("z"), **named}, CatalogueCosmology(Om0=0.3, h=0.72), frame=frame
    )
    return read_catalogue(tmp_path / file, spec, SAME)


def written(style, decimals=3):
    """Right ascensions and declinations as astropy writes them."""
    ra = PLACES.ra.to_string("hour", sep=style, precision=decimals, pad=True)
    sep = "dms" if style == "hms" else style
    return {"RA": list(ra), "DEC": list(PLACES.dec.to_string("deg", sep=sep, precision=decimals, alwayssign=True))}


def apart(catalogue, places=PLACES):
    """Largest distance from where they should be, arcsec."""
    found = SkyCoord(catalogue.ra, catalogue.dec, unit="deg")
    return float(found.separation(places).arcsec.max())


@pytest.mark.parametrize("style", [":", " ", "hms"])
@pytest.mark.parametrize("file", ["c.ecsv", "c.fits", "c.csv"])
def test_sexagesimal_text(tmp_path, style, file):
    catalogue = read(tmp_path, written(style), ra="RA", dec="DEC", file=file)
    assert apart(catalogue) < 0.02
    assert catalogue.dec[2] < 0  # "-00:00:15"


def test_numbers_in_several_units(tmp_path):
    degrees = {"RA": PLACES.ra.deg, "DEC": PLACES.dec.deg}
    assert apart(read(tmp_path, degrees, ra="RA", dec="DEC")) < 1e-6
    shifted = {"RA": PLACES.ra.wrap_at("180d").deg, "DEC": PLACES.dec.deg}
    assert apart(read(tmp_path, shifted, ra="RA", dec="DEC")) < 1e-6
    text = {"RA": [f" {x:.9f}" for x in PLACES.ra.deg], "DEC": [f"{x:.9f}" for x in PLACES.dec.deg]}
    assert apart(read(tmp_path, text, ra="RA", dec="DEC")) < 1e-3
    hours = {"RA": PLACES.ra.hour, "DEC": PLACES.dec.rad}
    mapped = {"ra": Column("RA", "hourangle"), "dec": Column("DEC", "rad")}
    assert apart(read(tmp_path, hours, **mapped)) < 1e-6
    table = Table({"RA": PLACES.ra.hour, "DEC": PLACES.dec.arcmin}, units={"RA": "hourangle", "DEC": "arcmin"})
    assert apart(read(tmp_path, dict(table.columns), ra="RA", dec="DEC")) < 1e-6


def test_columns_of_their_own_and_the_sign_of_zero(tmp_path):
    h, d = PLACES.ra.hms, PLACES.dec.signed_dms
    parts = {"RAh": h.h.astype(int), "RAm": h.m.astype(int), "RAs": h.s, "sign": ["-", "+", "−"]}
    parts |= {"DEd": d.d.astype(int), "DEm": d.m.astype(int), "DEs": d.s}
    assert apart(read(tmp_path, parts, ra="RAh,RAm,RAs", dec="sign,DEd,DEm,DEs")) < 1e-6
    with pytest.raises(InputError, match=r'lost its sign; name the column of signs first, dec = "SIGN,DEd,DEm,DEs"'):
        read(tmp_path, parts, ra="RAh,RAm,RAs", dec="DEd,DEm,DEs")
    text = parts | {"DEd": ["-9", "+12", "-00"]}
    assert apart(read(tmp_path, text, ra="RAh,RAm,RAs", dec="DEd,DEm,DEs")) < 1e-6


@pytest.mark.parametrize(("frame", "names"), [("galactic", ("l", "b")), ("fk5", ("ra", "dec")), ("fk4", ("ra", "dec"))])
def test_other_frames(tmp_path, frame, names):
    there = PLACES.transform_to(frame)
    columns = {"X": getattr(there, names[0]).deg, "Y": getattr(there, names[1]).deg}
    assert apart(read(tmp_path, columns, frame, ra="X", dec="Y")) < 1e-4


def test_what_is_unknown_stays_unknown(tmp_path):
    columns = {"RA": MaskedColumn(PLACES.ra.deg, mask=[0, 1, 0]), "DEC": [1.0, 2.0, np.nan]}
    catalogue = read(tmp_path, columns, ra="RA", dec="DEC")
    assert np.isnan(catalogue.ra).tolist() == np.isnan(catalogue.dec).tolist() == [False, True, True]
    text = {"RA": ["00:41:50", "", "--"], "DEC": ["-09:18:11", "n/a", "+01:02:03"]}
    catalogue = read(tmp_path, text, ra="RA", dec="DEC")
    assert np.isfinite(catalogue.dec).tolist() == [True, False, False]
    assert read(tmp_path, {}).ra is None
    assert catalogue.subset(np.array([True, False, True])).ra.shape == (2,)


@pytest.mark.parametrize(
    ("ra", "dec", "message"),
    [
        (
            [10, 20, 361],
            [0, 1, 2],
            r"column 'RA', row 3 \(A3\): got 361(.0)?, expected -180 to 360 degrees; correct it",
        ),
        ([30, 40, 50], [0, -91, 2], r"column 'DEC', row 2 \(A2\): got -91(.0)?, expected -90 to 90 degrees; correct"),
        (["00:10:00", "00:61:00", "00:00:00"], [1, 2, 3], r"row 2 \(A2\): got 00:61:00, whose minutes or seconds"),
        (["00:10:00", "26:00:00", "00:00:00"], [1, 2, 3], r"row 2 \(A2\): got 26:00:00, expected -180 to 360"),
        (["00:10:00", "here", "00:00:00"], [1, 2, 3], r"row 2 \(A2\): got here, which is no angle; write it like"),
        ([1.0, 12.0, 23.9], [1, 2, 3], r"without a unit, hours or degrees; write in \[catalogue.columns\] ra = \{"),
    ],
)
def test_impossible_positions_are_refused(tmp_path, ra, dec, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, {"RA": ra, "DEC": dec}, ra="RA", dec="DEC")
    assert "\n" not in str(caught.value)


def test_odd_mappings_are_refused(tmp_path):
    columns = {"RA": [30.0, 40.0, 50.0], "DEC": [1.0, 2.0, 3.0]}
    with pytest.raises(InputError, match=r"catalogue.columns.ra: needs 'dec'; map that column too"):
        read(tmp_path, columns, ra="RA")
    with pytest.raises(InputError, match="'keV' is no unit of an angle"):
        read(tmp_path, columns, ra=Column("RA", "keV"), dec="DEC")
    with pytest.raises(InputError, match=r'catalogue.columns.ra: got "RA,DEC"; write one column, or "RAh,RAm,RAs"'):
        read(tmp_path, columns, ra="RA,DEC", dec="DEC")


def test_positions_are_guessed_where_they_can_be_read(tmp_path):
    found = guess_columns(dict.fromkeys(["ID", "z", "RAJ2000", "DEJ2000", "e_RAJ2000", "lx"]))
    assert (found.columns["ra"], found.columns["dec"]) == ("RAJ2000", "DEJ2000")
    table = Table({"z": [0.1, 0.2], "ra": [1.0, 2.0], "dec": [1.0, 2.0], "lx": [1e44, 2e44]}, units={"lx": "erg/s"})
    table.write(tmp_path / "c.ecsv")
    starter = fitted(tmp_path / "c.ecsv", {})
    assert '"ra"' not in starter.text and any("hours or degrees" in doubt for doubt in starter.doubts)
    table["ra"].unit = "deg"
    table.write(tmp_path / "d.ecsv")
    assert 'ra = "ra"' in fitted(tmp_path / "d.ecsv", {}).text
