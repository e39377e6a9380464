"""A mass proxy that the package has never seen: one line of the registry, and everything works."""

import math
from dataclasses import replace

import numpy as np
import pytest
from pages import sigma8_map

from forecast.checks.observed import as_modelled
from forecast.config.load import parse_config
from forecast.core.errors import InputError
from forecast.forecasts.proxy_comparison import compute_proxies
from forecast.likelihoods.data import Data
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.catalogue import Catalogue
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.relations.gas_profiles import load_profiles
from forecast.relations.mass_proxy import PROXIES, ErrorModel, MassProxy, with_proxy
from forecast.report.narrative import survey_sentences
from forecast.report.plots.sigma8_map import map_figure
from forecast.report.plots.style import proxy_label
from forecast.report.results import DataSummary
from forecast.suite.columns import cluster_columns

NEW = MassProxy("cool_gas", "gas mass over the square root of temperature", (("mgas", 1.0), ("t", -0.5)))


@pytest.fixture
def survey(nv22, monkeypatch):
    """The survey of NV22 with the new proxy, as a file would ask for it."""
    monkeypatch.setitem(PROXIES, NEW.name, NEW)
    return parse_config(nv22.model_dump(mode="json") | {"proxy": "cool_gas"}).setup


def test_it_is_drawn_as_it_is_made_of_observables(survey):
    model = forward_model(survey)
    theta = np.repeat(survey.parameters.fiducial[None], 50, axis=0)
    mocks = draw_mocks(model, theta, rng=np.random.default_rng(1))
    t, gas = (mocks.observables[:, survey.relations.names.index(name)] for name in ("t", "mgas"))
    np.testing.assert_allclose(mocks.log_yx, gas - 0.5 * t, atol=1e-9)
    grid = model.yx_grid
    density = model.yx_density(theta[:1], grid)[0]
    assert np.trapezoid(density, grid) == pytest.approx(model.expected_count(theta[:1])[0], rel=1e-3)
    for cut in (13.0, 13.3):
        expected = 50 * np.trapezoid(np.where(grid > cut, density, 0.0), grid)
        assert abs((mocks.log_yx > cut).sum() - expected) < 5 * math.sqrt(expected)


def test_every_level_uses_it(survey, nv22):
    model = forward_model(survey)
    widths = [fisher_matrix(level, model).std() for level in ("prior", "counts", "unbinned")]
    assert widths[0] > widths[1] > widths[2] > 0
    assert widths[2] != pytest.approx(fisher_matrix("unbinned", forward_model(nv22.setup)).std(), rel=1e-4)


def test_reports_and_suites_say_what_it_is(survey, nv22):
    (words,) = (words for words in survey_sentences(survey) if words.startswith("Mass proxy"))
    assert words == "Mass proxy, called Y_X in all that follows: made of T and M_gas ((keV)^-0.5 Msun/h)."
    assert not [words for words in survey_sentences(nv22.setup) if words.startswith("Mass proxy")]
    model = forward_model(survey)
    summary = DataSummary.of("expected", "", Data.expected(model), survey.relations)
    assert summary.proxy_unit == "(keV)^-0.5 Msun/h"
    (column,) = (c for c in cluster_columns(survey, load_profiles()) if c.name == "log_yx")
    assert column.unit == "log10 (keV)^-0.5 Msun/h"
    dynamical = with_proxy(nv22.setup.relations, "cnn_1d")
    assert (dynamical.proxy_words, dynamical.proxy_unit) == ("a mass", "Msun/h")


def test_axes_have_the_unit_of_the_proxy(survey, nv22):
    """Not that of Y_X whatever the proxy is; Y_X itself has it in any order."""
    labels = [proxy_label(relations.proxy_unit) for relations in (survey.relations, nv22.setup.relations)]
    assert "keV}^{-0.5}" in labels[0] and "mass proxy" in labels[0] and "Y_" not in labels[0]
    assert r"Y_{\rm X}\ [" in labels[1] and r"{\rm keV}" in labels[1] and r"M_\odot" in labels[1]
    figure = map_figure(replace(sigma8_map(), proxy_unit=survey.relations.proxy_unit))
    assert [axes.get_ylabel() for axes in figure.axes[:2]] == ["median " + labels[0]] * 2


def test_real_clusters_have_it_if_they_have_what_it_is_made_of(survey):
    two = np.array([0.5, np.nan])
    catalogue = Catalogue(
        name=("a", "b"),
        z=np.full(2, 0.07),
        log_lx=np.full(2, 44.0),
        log_yx=np.full(2, 13.9),
        log_yx_error=np.zeros(2),
        source="",
        log_t=two,
        log_mgas=np.full(2, 13.4),
    )
    found = as_modelled(forward_model(survey), catalogue)
    assert found.log_yx[0] == pytest.approx(13.4 - 0.25)
    assert np.isnan(found.log_yx[1])


def test_it_is_compared_with_the_known_ones(nv22, monkeypatch):
    mine = MassProxy.published("from my network", ErrorModel("mine", bias=0.0, scatter=0.05))
    monkeypatch.setattr("forecast.forecasts.proxy_comparison.PROXIES", {"yx": PROXIES["yx"]})
    rows = {row.name: row for row in compute_proxies(nv22, [NEW, mine]).rows}
    assert set(rows) == {"yx", "cool_gas", "mine"}
    assert rows["cool_gas"].description == NEW.words
    assert {"norm_mgas", "norm_t"} <= set(rows["cool_gas"].parameters)
    assert rows["mine"].scatter == pytest.approx(0.05)


def test_a_survey_without_its_observables_is_refused(survey, nv22):
    lacking = replace(NEW, made_of=(("core", 1.0),))
    with pytest.raises(InputError, match="proxy 'cool_gas' needs 'core'"):
        with_proxy(nv22.setup.relations, lacking)
    with pytest.raises(InputError, match="give either"):
        MassProxy("nothing", "")
