"""The public objects: surveys opened, changed and sampled from Python, with the commands' errors."""

from pathlib import Path

import numpy as np
import pytest

import forecast
from forecast import Data, InputError, fisher_matrix, forward_model, load_config, load_survey


@pytest.fixture(scope="module")
def survey():
    return load_survey("nv22")


def test_a_survey_is_its_configuration(survey):
    model = forward_model(load_config("nv22").setup)
    assert survey.expected_count() == pytest.approx(model.expected_count(model.parameters.fiducial[None])[0])
    for level in ("prior", "counts", "selfcal", "full+wl"):
        assert survey.fisher(level).std("sigma8") == fisher_matrix(level, model).std("sigma8")
    again = load_survey(survey.config.model_dump(mode="json"))
    assert again.expected_count() == survey.expected_count()


def test_changes_are_those_of_a_file(survey):
    """By the last part of a key or the whole one, with units; the survey itself stays."""
    half = survey.with_(fraction=0.25)
    assert half.expected_count() == pytest.approx(survey.expected_count() / 2)
    other = survey.with_({"relations.lx.slope": 1.7}, side="400 Mpc/h", norm_lx={"lognormal": 0.1})
    assert other.config.relations.lx.slope == 1.7
    assert other.expected_count() == pytest.approx(survey.expected_count() * (400 / 352) ** 3)
    assert other.fisher("counts").std() < survey.fisher("counts").std()
    fixed = survey.with_(norm_lx=1.0)
    assert "norm_lx" in survey.parameters and "norm_lx" not in fixed.parameters
    assert survey.config == load_config("nv22")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fracton": 1}, r"no key 'fracton'; did you mean 'fraction'"),
        ({"slope": 1.7}, r"several keys end with 'slope': .*relations.lx.slope.* write one of them out"),
        ({"side": 400}, r"'survey.side'"),
        ({"side": "400 keV"}, r"survey.side"),
        ({"sigma8": {"flat": [0.9, 1.0]}}, "sigma8"),
        ({"parameters.sigma9": 1.0}, "sigma9"),
    ],
)
def test_wrong_changes(survey, change, message):
    with pytest.raises(InputError, match=message):
        survey.with_(change).expected_count()


def test_wrong_names(survey):
    with pytest.raises(InputError, match=r"'selfcall' is unknown.*did you mean 'selfcal'"):
        survey.fisher("selfcall")
    with pytest.raises(InputError, match="did you mean 'sigma8'"):
        survey.fisher("counts").std("Sigma8")
    with pytest.raises(InputError, match="did you mean 'sigma8'"):
        survey.expected_count(sigma_8=0.8)
    with pytest.raises(InputError, match="'nv23'"):
        load_survey("nv23")


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
    with pytest.raises(InputError, match=r"parameter vectors have \d+ values .* shape \(2,\)"):
        posterior([0.8, 1.0])


def test_mock_data_and_chains(survey, tmp_path):
    one, same, other = (survey.mock(seed=seed) for seed in (1, 1, 2))
    assert isinstance(one, Data) and one.size == same.size
    np.testing.assert_array_equal(one.log_yx, same.log_yx)
    assert not np.array_equal(one.log_yx, other.log_yx)
    rich = np.mean([survey.mock(seed=seed, sigma8=0.9).size for seed in range(5)])
    assert rich > survey.expected_count()
    chain = survey.sample("counts", one, seed=1, max_steps=500, out=tmp_path / "chain.h5")
    again = survey.sample("counts", one, seed=1, max_steps=500)
    np.testing.assert_array_equal(chain.steps, again.steps)
    with pytest.raises(InputError, match="another configuration, catalogue or seed"):
        survey.sample("counts", other, seed=1, max_steps=500, out=tmp_path / "chain.h5")


def test_real_clusters():
    survey = load_survey("cccp_lowz")
    data = survey.data()
    assert data.size == 49
    with pytest.raises(InputError, match=r"missing\.ecsv"):
        survey.data(Path("missing.ecsv"))
    assert np.isfinite(survey.posterior("full", data)(survey.posterior("full", data).fiducial))


def test_how_they_look(survey):
    assert repr(survey).startswith("<survey 'NV22") and len(repr(survey)) < 120
    assert "124.2 clusters" in repr(survey)
    page = survey.with_(title="<b>bold</b>")._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert "counts" in repr(survey.posterior("counts"))
    assert "Survey" in dir(forecast)
