"""Input that nothing takes, that contradicts the survey's own settings, or of which there is none."""

import numpy as np
import pytest
from astropy.table import Table

from forecast.api.survey import load_survey
from forecast.checks.intake import Measured, take_in
from forecast.checks.observed import catalogue_data
from forecast.config.guess import guess_columns
from forecast.config.load import load_config, parse_config
from forecast.config.starters import fitted
from forecast.core.errors import InputError
from forecast.core.rng import generator
from forecast.likelihoods.available import Share, partial_words
from forecast.model.forward import forward_model
from forecast.report.cautions import before_fit, of_errors
from forecast.survey.richness import richness_evidence


def changed(**changes):
    """The shipped catalogue's configuration with other keys, an empty value for none."""
    content = load_config("cccp_lowz").model_dump(mode="json", exclude_unset=True)
    for path, value in changes.items():
        table = content
        *folders, key = path.split("__")
        for folder in folders:
            table = table.setdefault(folder, {})
        table.pop(key, None)
        if value is not None:
            table[key] = value
    return parse_config(content)


def remarks(config):
    """Texts of the cautions of a catalogue, and itself."""
    catalogue, _ = catalogue_data(config, forward_model(config.setup), None)
    return [caution.text for caution in catalogue.remarks], catalogue


def test_a_follow_up_of_nobody_is_said_and_compared_with_nothing():
    config = changed(followup={"flux_limit": "5e-8 erg/(s cm2)"})
    model = forward_model(config.setup)
    words, catalogue = remarks(config)
    assert sum("below followup.flux_limit" in text for text in words) == 1
    intake = take_in(model, model, catalogue, rng=generator(1, "intake"))
    assert all(np.isfinite([one.dex, one.sigma]).all() for one in intake.offsets)
    assert before_fit(intake)


def test_proxies_of_clusters_that_were_followed_up_are_not_doubted():
    words, _ = remarks(changed(followup={"flux_limit": "1.6e-11 erg/(s cm2)"}))
    faint = next(text for text in words if "below followup.flux_limit" in text)
    known, _ = remarks(changed(followup={"fraction": 0.9}))
    assert not known and "more" in faint


def test_lensing_masses_outside_the_limits_of_the_survey_are_named():
    mwl = {"name": "m500_yx", "unit": "Msun"}
    lensing = {"scatter": "0.2 ln", "error": 0.3, "zmin": 0.05}
    words, catalogue = remarks(changed(weak_lensing=lensing, catalogue__columns__mwl=mwl))
    (text,) = [text for text in words if "have a lensing mass" in text]
    outside = [name for name, z in zip(catalogue.name, catalogue.z, strict=True) if z < 0.05]
    assert text.startswith(", ".join(outside[:3])) and f"and {len(outside) - 3} more" in text


def test_columns_that_nothing_takes_are_named():
    assert remarks(load_config("cccp_lowz"))[0] == []
    fixed = {f"parameters__{kind}_t": None for kind in ("norm", "slope", "scatter")}
    config = changed(relations__t=None, relations__correlation=None, errors=None, **fixed)
    (text,) = remarks(config)[0]
    assert text.startswith("not used: catalogue.columns.t; Y_X comes from m500")


def test_no_contamination_at_any_flux_is_none():
    none = {"fluxes": ["1e-11 erg/(s cm2)", "1e-10 erg/(s cm2)"], "values": [0.0, 0.0]}
    with_none, without = load_survey("cccp_lowz").with_({"selection.contamination": none}), load_survey("cccp_lowz")
    assert with_none.expected_count() == without.expected_count()
    assert np.array_equal(with_none.model.yx_grid, without.model.yx_grid)
    with pytest.raises(InputError, match="no detection is anything but a cluster"):
        _ = changed(selection__contamination=none, parameters__norm_contamination={"lognormal": 0.1}).setup


def test_errors_of_lensing_masses_are_called_as_in_the_file():
    (caution,) = of_errors([Measured(name="wl", known=9, median=14.0, error=1.3, vague=1.0)])
    assert caution.text.endswith("the unit of mwl_error")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prior_chain": [{"path": "chain.txt", "parameters": {}}]}, "has too few values; got a table of nothing"),
        (
            {"prior_correlation": [{"parameters": ["norm_lx", "density_contrast_1"], "correlation": 0.5}]},
            "'density_contrast_1' is unknown",
        ),
    ],
)
def test_priors_that_cannot_be_are_refused_in_words(changes, words):
    with pytest.raises(InputError, match=words):
        _ = changed(**changes).setup


def test_what_is_no_f_cont_is_refused():
    with pytest.raises(InputError, match="f_cont up to 30 is none"):
        richness_evidence(np.array([5.0, 12.0, 30.0, 3.0]), 0.1)


def test_one_pixel_is_no_catalogue(tmp_path):
    (tmp_path / "pixels.csv").write_text("PIXEL\n3\n")
    healpix = {"path": str(tmp_path / "pixels.csv"), "column": "PIXEL", "nside": 1, "order": "ring"}
    with pytest.raises(InputError, match=r"has 1 row, but survey\.footprint\.healpix needs at least 2"):
        _ = changed(survey__area=None, survey__footprint={"healpix": healpix}).setup


def test_units_and_errors_that_only_names_tell():
    names = ["z", "m500_msun_h", "lx_0p1_2p4", "e_lx", "e_tx_core"]
    found = guess_columns(dict.fromkeys(names), {"m500_msun_h": 3e14})
    assert found.columns["m500"] == {"name": "m500_msun_h", "unit": "Msun/h"}
    assert found.columns["lx_error"]["name"] == "e_lx"
    assert "lx_error: took 'e_lx' for the errors of 'lx_0p1_2p4', check it" in found.doubts


def test_a_starter_maps_no_column_that_nothing_takes(tmp_path):
    t, mass = [4.0] * 3, [3e14, 4e14, 5e14]
    columns = {"z": [0.1, 0.2, 0.3], "lx": [1e44] * 3, "yx": mass, "mgas": mass, "mgas_err": mass, "t": t}
    units = {"lx": "erg/s", "yx": "Msun keV", "mgas": "Msun", "mgas_err": "Msun", "t": "keV"}
    Table(columns, units=units).write(tmp_path / "clusters.ecsv")
    starter = fitted(tmp_path / "clusters.ecsv", {"area": "1000 deg2", "flux_limit": "1e-12 erg/(s cm2)"})
    assert "mgas: 'mgas' is left out: Y_X has a column of its own" in starter.doubts
    (tmp_path / "fit.toml").write_text(starter.text)
    assert set(load_config(tmp_path / "fit.toml").catalogue_spec.columns) == {"z", "lx", "t", "yx"}


def test_a_key_that_only_samples_of_a_survey_have_must_be_told_apart():
    lensing = {"scatter": "0.2 ln", "fraction": 0.7, "zmax": 0.2}
    both = load_survey("cccp_lowz").with_({"followup": {"fraction": 0.8}, "weak_lensing": lensing})
    with pytest.raises(
        InputError, match=r"several keys end with 'fraction': followup\.fraction, weak_lensing\.fraction"
    ):
        both.with_(fraction=0.2)
    assert both.with_(zmax=0.24).settings["survey"]["zmax"] == 0.24


def test_numbers_of_clusters_are_whole_or_have_three_digits():
    expected, real = Share("yx", 31.3521, 39.1897), Share("yx", 999_999.0, 1_234_567.0)
    assert partial_words([expected], "N and the ") == "N and the Y_X of 31.4 of 39.2 clusters"
    assert partial_words([real], "") == "the redshift of every cluster, and Y_X of 999999 of 1234567 clusters"
    lx, t, yx = Share("lx", 7, 7), Share("t", 0, 7), Share("yx", 0, 7)
    assert partial_words([lx, t, yx], "") == "the redshift, L_X of every cluster, no T, no Y_X"
    ends = "of every cluster, and Y_X of 999999 of 1234567 clusters, no T"
    assert partial_words([t, real], "") == f"the redshift {ends}"


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        (None, "no Y_X has an error: each is taken as exact"),
        ([1e13, np.nan, 1e14], "1 of 3 Y_X have no error: they are taken as exact"),
        ([1e13, 2e13, 1e14], ""),
    ],
)
def test_mass_proxies_without_errors_are_said_to_be_taken_as_exact(tmp_path, errors, words):
    rows, units = {"z": [0.05, 0.1, 0.2], "lx": [1e44, 3e44, 2e45]}, {"lx": "erg/s", "yx": "Msun keV"}
    rows |= {"yx": [1e14, 4e14, 9e14]} | ({} if errors is None else {"e_yx": errors})
    Table(rows, units=units).write(tmp_path / "c.ecsv")
    columns = {"z": "z", "lx": "lx", "yx": "yx"}
    columns |= {} if errors is None else {"yx_error": {"name": "e_yx", "unit": "Msun keV"}}
    catalogue = {"path": str(tmp_path / "c.ecsv"), "columns": columns, "cosmology": {"Om0": 0.3, "h": 0.72}}
    for error, said in ((None, words), (0.05, "")):
        config = changed(catalogue=catalogue, yx_error=error)
        remarks = catalogue_data(config, forward_model(config.setup), None)[0].remarks
        found = [remark.text for remark in remarks if "exact" in remark.text]
        assert [said in text and "write yx_error = 0.05" in text for text in found] == [True] * bool(said)
