"""The built-in ROSAT surveys, on stand-ins for their tables: the same columns, clusters of mock catalogues."""

import numpy as np
import pytest
from astropy.table import Table
from standin import survey_table

from benchmarks.anchored import USES, Anchored
from benchmarks.skyvariants import PARTS
from forecast.checks.observed import catalogue_data, open_catalogue, require_levels
from forecast.cli.level_choice import configured
from forecast.cli.pipelines import published_words
from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.reading.positions import sky_positions
from forecast.reading.tables import Column, open_table

LIMITS = {"reflex": (3e-12, 0.02, 0.45), "bcs": (4.4e-12, 0.02, 0.3)}


@pytest.fixture(scope="module", params=LIMITS)
def survey(request):
    config = load_config(request.param)
    return request.param, config, forward_model(config.setup)


def standin(path, config, model, seed=1, **more):
    """A mock catalogue with the columns of the published table, and rows of `more`; its log10 L_X too."""
    mocks = draw_mocks(model, model.parameters.fiducial[None], rng=np.random.default_rng(seed))
    flux = survey_table(config, mocks)["flux"]
    names = [f"RXCJ{i // 60 % 4:02d}{i % 60:02d}.5-{30 + i // 240:d}00" for i in range(len(flux))]
    table = {"name": names, "z": mocks.z, "flux": flux} | {k: np.zeros(len(flux)) for k in ("flux_error", "lx", "nh")}
    for name, values in more.items():
        table[name] = np.concatenate([table[name], values])
    size = max(map(len, table.values()))
    table = {k: np.concatenate([v, np.full(size - len(v), v[-1])]) for k, v in table.items()}
    Table(table).write(path)
    return mocks.log_lx


def test_luminosities_come_from_fluxes_of_the_band(survey, tmp_path):
    """Of each cluster, by the temperature of the mass of which its luminosity is typical; and so is the limit."""
    name, config, model = survey
    log_lx = standin(tmp_path / "t.ecsv", config, model)
    catalogue = open_catalogue(config, tmp_path / "t.ecsv")
    assert LIMITS[name][0] == config.setup.selection.flux_limit
    assert catalogue.size == len(log_lx)
    np.testing.assert_allclose(catalogue.log_lx, log_lx, atol=1e-4)


@pytest.mark.parametrize("unit", [None, "fW / m2", "mW / m2"])
def test_columns_are_read_as_the_archive_calls_them(survey, tmp_path, unit):
    """In 1e-12 erg/s/cm2, which it writes as fW/m2, or without a unit; or in erg/s/cm2 where the file says so."""
    name, config, model = survey
    standin(tmp_path / "t.ecsv", config, model)
    own = open_catalogue(config, tmp_path / "t.ecsv")
    table = Table.read(tmp_path / "t.ecsv")
    called = {"reflex": ("RXC", "Flux"), "bcs": ("Name", "FX")}[name]
    table.rename_columns(["name", "flux"], called)
    table[called[0]] = [cluster.removeprefix("RXC") for cluster in table[called[0]]]
    table[called[1]] = table[called[1]] / (1.0 if unit == "mW / m2" else 1e-12)
    table[called[1]].unit = unit
    table.write(tmp_path / "archive.ecsv")
    archived = open_catalogue(config, tmp_path / "archive.ecsv")
    np.testing.assert_allclose(archived.log_lx, own.log_lx, rtol=1e-12)
    if name == "reflex":
        np.testing.assert_array_equal(archived.ra, own.ra)


def test_what_is_no_part_of_the_survey_is_left_out_and_counted(survey, tmp_path):
    name, config, model = survey
    flux, zmin, zmax = LIMITS[name]
    kept = len(standin(tmp_path / "t.ecsv", config, model))
    of_all = open_catalogue(config, tmp_path / "t.ecsv").size
    more = {"z": [zmin / 2, zmax + 0.1, 0.1, 0.1], "flux": [9 * flux, 9 * flux, 0.5 * flux, 0.9 * flux]}
    standin(tmp_path / "more.ecsv", config, model, **more)
    catalogue = open_catalogue(config, tmp_path / "more.ecsv")
    assert catalogue.size == of_all
    words = next(r.text for r in catalogue.remarks if r.kind == "rows_left_out")
    assert f"of {kept + 4} clusters were left out: 2 outside the redshifts" in words
    assert f"{kept - of_all + 2} below the flux limit" in words
    refusing = config.model_copy(update={"catalogue": config.catalogue.model_copy(update={"outside": "refuse"})})
    with pytest.raises(InputError, match="lie outside the survey's"):
        catalogue_data(refusing, model, tmp_path / "more.ecsv")


def test_luminosities_alone_measure_the_cosmology(survey, tmp_path):
    """Each parameter moved by several of its errors is less likely than the truth of a mock catalogue."""
    _, config, model = survey
    standin(tmp_path / "t.ecsv", config, model)
    _, data = catalogue_data(config, model, tmp_path / "t.ecsv")
    target, truth = likelihood("full", model, data), model.parameters.fiducial
    names, moved = model.parameters.names, np.tile(truth, (7, 1))
    for row, (name, step) in enumerate([("sigma8", 0.1), ("Om0", 0.1), ("norm_lx", 0.5)]):
        moved[2 * row + 1, names.index(name)] += step
        moved[2 * row + 2, names.index(name)] -= step
    value = target(moved)
    assert np.isfinite(value).all()
    assert np.all(value[1:] < value[0] - 3)


def test_no_level_is_sampled_that_the_table_has_no_data_for(survey, tmp_path):
    _, config, model = survey
    standin(tmp_path / "t.ecsv", config, model)
    fitted = (model, *catalogue_data(config, model, tmp_path / "t.ecsv"))
    require_levels(config, configured(config), fitted)
    with pytest.raises(InputError, match=r"needs Y_X.* run with --level full"):
        require_levels(config, ("counts", "selfcal"), fitted)


def test_published_numbers_are_told_with_the_errors_they_have(survey):
    assert published_words(survey[1])[1].endswith("Om = 0.29 +- 0.04: 0.77 ± 0.07, as published.")
    assert published_words(load_config("cccp_lowz"))[0].endswith("± 0.013 (stat) ± 0.024 (sys), as published.")


def test_variants_of_the_benchmark_are_configurations(tmp_path):
    files = {name: tmp_path / f"{name}.ecsv" for name in (*LIMITS, "wtg")}
    for variant in (
        *(v for part in PARTS.values() for v in part()),
        *(Anchored(use, 3.0, ("bcs_wtg", "reflex")) for use in USES),
    ):
        for name in variant.surveys:
            config = variant.config(name, files)
            followed = name == "bcs_wtg"
            assert bool(config.catalogue.join) == (followed and (variant.use.gas or variant.use.lensing))
            assert (config.setup.weak_lensing is not None) == (followed and variant.use.lensing)


def test_names_hold_positions(tmp_path):
    table = Table({"name": ["RXCJ0003.8+0203", "RXC J2359.9-8959", "A85", "RXJ1234.5\u22120012"]})
    table.write(tmp_path / "t.ecsv")
    columns = {key: Column("name", "designation") for key in ("ra", "dec")}
    positions = sky_positions(open_table(tmp_path / "t.ecsv", columns, 0.7))
    np.testing.assert_allclose(positions.ra, [0.95, 359.975, np.nan, 188.625])
    np.testing.assert_allclose(positions.dec, [2.05, -89 - 59 / 60, np.nan, -0.2])


def test_areas_are_those_of_the_papers():
    for name, area, coverage in (("reflex", 4.24, 0.95), ("bcs", 4.14, 0.9)):
        assert load_config(name).setup.geometry.area == pytest.approx(area * coverage, rel=0.005)
