"""Several tables in one file: the one that fits is taken, the one that is named, or none."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import Resource, TableElement, VOTableFile
from astropy.table import Table

from forecast.config.load import load_config, parse_config
from forecast.core.errors import InputError
from forecast.cosmology.background import Cosmology
from forecast.model.catalogue import read_catalogue
from forecast.model.catalogue_spec import CatalogueCosmology, CatalogueSpec
from forecast.reading.file_tables import Wanted, read_table
from forecast.reading.tables import Column

SPEC = CatalogueSpec(
    {"z": Column("z"), "lx": Column("lx", "erg/s"), "lx_error": Column("lo,up", "erg/s")},
    CatalogueCosmology(Om0=0.3, h=0.7),
)
MODEL = Cosmology(Om0=0.3, Ob0=0.045, h=0.7, ns=0.96)


def clusters(rows, shift=0.0):
    z = 0.05 + shift + 0.01 * np.arange(rows)
    return Table({"z": z, "lx": np.full(rows, 1e44), "lo": np.full(rows, 1e43), "up": np.full(rows, 2e43)})


def fluxes(rows):
    return Table({"ID": np.arange(rows), "flux": np.full(rows, 1e-12)})


def write_fits(path, tables):
    units = fits.HDUList([fits.PrimaryHDU(), *(fits.table_to_hdu(table) for table in tables.values())])
    for hdu, name in zip(units[1:], tables, strict=True):
        hdu.name = name
    units.writeto(path)


def write_votable(path, tables):
    file, resource = VOTableFile(), Resource()
    file.resources.append(resource)
    for name, table in tables.items():
        element = from_table(table).get_first_table()
        element.name = name
        resource.tables.append(element)
    assert isinstance(resource.tables[0], TableElement)
    file.to_xml(str(path))


def write_hdf5(path, tables):
    for name, table in tables.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table.write(path, path=name, append=True, format="hdf5")


WRITERS = {"c.fits": write_fits, "c.vot": write_votable, "c.h5": write_hdf5}


@pytest.fixture(params=WRITERS)
def file(request, tmp_path):
    """A file of the tables it is called with."""

    def make(**tables):
        WRITERS[request.param](tmp_path / request.param, tables)
        return tmp_path / request.param

    return make


def named(table):
    return CatalogueSpec(SPEC.columns, SPEC.cosmology, table=table)


def test_the_only_table_with_the_columns_is_taken_and_said(file):
    path = file(EVENTS=fluxes(9), SOURCES=clusters(4))
    catalogue = read_catalogue(path, SPEC, MODEL)
    assert catalogue.size == 4
    (caution,) = catalogue.remarks
    assert caution.kind == "table"
    assert caution.text == f"{path.name}: table 2 'SOURCES' of 2 was read, the only one with these columns"


def test_a_file_of_one_table_says_nothing(file):
    assert read_catalogue(file(SOURCES=clusters(4)), SPEC, MODEL).remarks == ()


def test_two_tables_that_fit_are_refused_and_the_cure_works(file):
    path = file(DEEP=clusters(4), WIDE=clusters(5, 0.1))
    message = rf"{path.name}: holds 2 tables with these columns \(1 'DEEP', 2 'WIDE'\); write for .* table = \"DEEP\""
    with pytest.raises(InputError, match=message):
        read_catalogue(path, SPEC, MODEL)
    for table, size in (("DEEP", 4), ("wide", 5), (1, 4), (2, 5), ("2", 5)):
        catalogue = read_catalogue(path, named(table), MODEL)
        assert catalogue.size == size and catalogue.remarks == ()
    with pytest.raises(InputError, match=r"catalogue.table = 'WIDER' names no single table of .*did you mean 'WIDE'\?"):
        read_catalogue(path, named("WIDER"), MODEL)
    with pytest.raises(InputError, match="names no single table"):
        read_catalogue(path, named(3), MODEL)


def test_tables_without_a_name_go_by_number(tmp_path):
    write_fits(tmp_path / "c.fits", {"": clusters(4)})
    with fits.open(tmp_path / "c.fits", mode="append") as units:
        units.append(fits.table_to_hdu(clusters(5)))
    with pytest.raises(InputError, match=r"\(1, 2\); write for example table = 1 under \[catalogue\]"):
        read_catalogue(tmp_path / "c.fits", SPEC, MODEL)
    assert read_catalogue(tmp_path / "c.fits", named(2), MODEL).size == 5


def test_where_none_fits_the_nearest_one_names_what_is_missing(file):
    short = clusters(4)
    short.remove_column("up")
    with pytest.raises(InputError, match=r"has no column 'lo,up'|has no column 'up'"):
        read_catalogue(file(EVENTS=fluxes(9), SOURCES=short), SPEC, MODEL)


def test_a_choice_where_there_is_none(tmp_path):
    clusters(4).write(tmp_path / "c.ecsv")
    with pytest.raises(InputError, match=r"c.ecsv: holds one table; remove catalogue.table = 'X'"):
        read_catalogue(tmp_path / "c.ecsv", named("X"), MODEL)


def test_other_sections_have_no_key_to_choose(tmp_path):
    write_fits(tmp_path / "c.fits", {"A": clusters(4), "B": clusters(4)})
    with pytest.raises(InputError, match="keep the one that is meant in a file of its own"):
        read_table(tmp_path / "c.fits", Wanted(section="library"))


def test_the_key_of_a_configuration():
    content = load_config("cccp_lowz").model_dump(mode="json")
    for table in ("DEEP", 2):
        content["catalogue"]["table"] = table
        assert parse_config(content).catalogue_spec.table == table
    content["catalogue"]["table"] = 1.5
    with pytest.raises(InputError, match=r"catalogue\.table"):
        parse_config(content)
