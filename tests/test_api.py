"""The public objects: surveys opened, changed and sampled from Python, with the commands' errors."""

from dataclasses import fields

import numpy as np
import pytest
from astropy import units
from astropy.table import Table, vstack

import forecast
from forecast import CatalogueWarning, Data, InputError, load_survey
from forecast.api.catalogue import SERIOUS
from forecast.config.load import load_config
from forecast.forecasts.ladder import cone_variant
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.model.mean_density import expected_number
from forecast.reading.public_tables import builtin_table
from forecast.sampling.identity import chain_digest


@pytest.fixture(scope="module")
def survey():
    return load_survey("nv22")


def test_a_survey_is_its_configuration(survey):
    model = forward_model(load_config("nv22").setup)
    assert survey.expected_count() == pytest.approx(model.expected_count(model.parameters.fiducial[None])[0])
    for level in ("prior", "counts", "selfcal", "full+wl"):
        assert survey.fisher(level).std("sigma8") == fisher_matrix(level, model).std("sigma8")
    again = load_survey(survey.settings)
    assert again.expected_count() == survey.expected_count()


def test_changes_are_those_of_a_file(survey):
    """By the last part of a key or the whole one, with units; the survey itself stays."""
    half = survey.with_(fraction=np.float32(0.25))
    assert half.expected_count() == pytest.approx(survey.expected_count() / 2)
    other = survey.with_({"relations.lx.slope": 1.7}, side="400 Mpc/h", norm_lx={"lognormal": 0.1})
    assert other.config.relations.lx.slope == 1.7
    assert other.expected_count() == pytest.approx(survey.expected_count() * (400 / 352) ** 3)
    assert other.fisher("counts").std() < survey.fisher("counts").std()
    assert survey.with_(slope_t={"lognormal": 0.1}).parameters[-1] == "slope_t"
    fixed = survey.with_(norm_lx=1.0)
    assert "norm_lx" in survey.parameters and "norm_lx" not in fixed.parameters
    assert survey.config == load_config("nv22")
    cone = load_survey("cccp_lowz")
    quantity = cone.with_(area=1000 * units.deg**2).expected_count()
    assert quantity == pytest.approx(cone.with_({"survey.area": "1000 deg2"}).expected_count(), rel=1e-12)


def test_factors_are_those_of_a_sweep(survey):
    """The same surveys, one made by hand and one by `forecast sweep`; a variant is the ladder's."""
    swept = survey.sweep("prior_width=5:5:1")
    assert survey.with_(prior_width=5).fisher("selfcal").std() == swept.levels["selfcal"][0]
    assert survey.with_(volume=2).expected_count() == pytest.approx(2 * survey.expected_count())
    one = survey.with_(prior_width={"norm_lx": 5}).fisher("counts").std()
    assert survey.fisher("counts").std() < one <= survey.with_(prior_width=5).fisher("counts").std() * (1 + 1e-9)
    cone = survey.variants()["flux-limited cone"]
    model = forward_model(cone_variant(survey.setup))
    assert cone.fisher("counts").std() == fisher_matrix("counts", model).std()
    assert cone.with_(volume=1.5).expected_count() == pytest.approx(1.5 * cone.expected_count())


def test_counts_are_those_of_the_commands():
    """With sample variance free: the mean over density contrasts, not the median volume."""
    survey = load_survey("cccp_lowz")
    assert survey.expected_count() == expected_number(survey.model)
    contrast = survey.model.parameters.contrasts[0]
    assert survey.expected_count(**{contrast: 1.0}) > survey.expected_count(**{contrast: 0.0})


def test_abundance_adds_up(survey):
    masses = np.linspace(13.5, 16.0, 2501)
    number = np.trapezoid(survey.abundance(masses), masses)
    assert number == pytest.approx(survey.expected_count(), rel=1e-3)
    everything = survey.abundance(masses, selected=False, sigma8=0.85)
    assert np.all(everything >= 0.999 * survey.abundance(masses, sigma8=0.85))


def test_a_posterior_for_any_sampler(survey):
    """Vectorised or one vector at a time; the prior transform is the prior's; importance sampling finds the width."""
    posterior = survey.posterior("counts")
    rng = np.random.default_rng(1)
    theta = posterior.prior_transform(rng.random((4000, len(posterior.names))))
    value = posterior(theta)
    np.testing.assert_allclose(value, posterior.log_prior(theta) + posterior.log_likelihood(theta))
    assert posterior(theta[0]) == pytest.approx(value[0], rel=1e-12)
    assert posterior(posterior.fiducial * 100) == -np.inf
    low, high = np.array(posterior.bounds).T
    assert np.all((theta >= low) & (theta <= high))
    weight = np.exp(posterior.log_likelihood(theta) - posterior.log_likelihood(theta).max())
    sigma8 = theta[:, posterior.names.index("sigma8")]
    mean = np.average(sigma8, weights=weight)
    std = np.sqrt(np.average((sigma8 - mean) ** 2, weights=weight))
    assert std == pytest.approx(survey.fisher("counts").std(), rel=0.2)


def test_mock_data_and_chains(survey, tmp_path):
    one, same, other = (survey.mock(seed=seed) for seed in (1, 1, 2))
    assert isinstance(one, Data) and one.size == same.size
    np.testing.assert_array_equal(one.log_yx, same.log_yx)
    assert not np.array_equal(one.log_yx, other.log_yx)
    rich = np.mean([survey.mock(seed=seed, sigma8=0.9).size for seed in range(5)])
    assert rich > survey.expected_count()
    chain = survey.sample("counts", one, seed=1, max_steps=500, out=tmp_path / "chain.h5")
    again = survey.sample("counts", one, seed=1, max_steps=500)
    np.testing.assert_array_equal(chain.values, again.values)
    assert ("NOT converged" in repr(chain)) != chain.converged
    table = survey.mock_catalogue(seed=1)
    np.testing.assert_allclose(np.sort(table["log_yx"]), np.sort(one.log_yx))
    with pytest.raises(InputError, match="another configuration, catalogue or seed"):
        survey.sample("counts", other, seed=1, max_steps=500, out=tmp_path / "chain.h5")


def test_real_clusters():
    """The survey's own table, and the same in memory."""
    survey = load_survey("cccp_lowz")
    data = survey.data()
    assert data.size == 49
    table = Table.read(builtin_table("cccp_lowz"))
    for same in (table, {name: table[name] for name in table.colnames}):
        np.testing.assert_array_equal(survey.data(same).log_yx, data.log_yx)
    posterior = survey.posterior("full", data)
    assert np.isfinite(posterior(posterior.fiducial))


def test_what_is_doubtful_about_a_catalogue_is_said_and_warned_of():
    """As `forecast fit` says it, before anything is sampled."""
    survey, table = load_survey("cccp_lowz"), Table.read(builtin_table("cccp_lowz"))
    good = survey.data(table)
    assert good.cautions == () and "caution" not in repr(good) and "doubtful" not in good._repr_html_()
    table["lx_0p5_2"] = table["lx_0p5_2"] / 5
    table["name"] = [name.replace("A3571", "<b>A3571</b>") for name in table["name"].astype(str)]
    with pytest.warns(CatalogueWarning) as warned:
        found = survey.data(vstack([table, table[:1]]))
    kinds = [caution.kind for caution in found.cautions]
    assert {"below_limit", "listed_twice"} <= set(kinds)
    serious = [caution.text for caution in found.cautions if caution.kind in SERIOUS]
    assert [str(one.message).partition(": ")[2] for one in warned] == serious
    assert {one.filename for one in warned} == {__file__}
    assert f"{len(kinds)} cautions: see .cautions" in repr(found)
    page = found._repr_html_()
    assert "50 clusters observed" in page and "below_limit" in page and "<b>A3571" not in page
    assert chain_digest("x", "full", found) == chain_digest("x", "full", Data(**{
        field.name: getattr(found, field.name) for field in fields(Data)
    }))  # fmt: skip


def test_how_they_look(survey):
    assert repr(survey).startswith("<survey 'NV22") and len(repr(survey)) < 120
    assert "124.2 clusters" in repr(survey)
    page = survey.with_(title="<b>bold</b>")._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert "counts" in repr(survey.posterior("counts"))
    assert "Survey" in dir(forecast)
