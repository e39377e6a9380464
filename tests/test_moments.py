"""Posterior moments of many catalogues: right on average, whatever the level."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling.ensemble import MomentsPlan, posterior_moments
from forecast.survey.geometry import Replicated


@pytest.mark.parametrize(("level", "copies"), [("counts", 300), ("selfcal", 200), ("unbinned", 200), ("full", 80)])
def test_truths_are_drawn_from_the_posteriors(nv22_model, level, copies):
    """Ranks are uniform, and squared errors of the mean are the variances, on average."""
    rng = np.random.default_rng(3)
    theta = nv22_model.parameters.draw(copies, rng=rng)
    i = nv22_model.parameters.names.index("sigma8")
    mocks = draw_mocks(nv22_model, theta, rng=rng)
    found = posterior_moments(nv22_model, level, mocks, MomentsPlan(2, 8000, 400), sigma8=theta[:, i])
    assert found.mean.shape == theta.shape
    assert found.effective > (15 if level == "full" else 100)
    assert stats.kstest(found.cumulative, "uniform").pvalue > 1e-4
    mean, std = found.of("sigma8")
    excess = (mean - theta[:, i]) ** 2 - std**2 * (1 + 1 / found.effective)
    assert abs(excess.mean()) < 5 * excess.std() / np.sqrt(copies)
    assert np.corrcoef(mean, theta[:, i])[0, 1] > 0.5


def test_effective_draws_of_chains_are_borne_out_by_repeated_runs(nv22):
    """Scatter of posterior means between seeds, catalogue by catalogue: 60 degrees of freedom tell it to 18%."""
    setup, seeds = replace(nv22.setup, geometry=Replicated(nv22.setup.geometry, 0.25)), range(6)
    model, rng = forward_model(setup), np.random.default_rng(7)
    mocks = draw_mocks(model, model.parameters.draw(12, rng=rng), rng=rng)
    runs = [posterior_moments(model, "full", mocks, MomentsPlan(seed, steps=300)) for seed in seeds]
    mean, std = (np.array(x) for x in zip(*(run.of("sigma8") for run in runs), strict=True))
    borne_out = 1 / np.mean(mean.var(axis=0, ddof=1) / np.mean(std**2, axis=0))
    claimed = 1 / np.mean([1 / run.effective for run in runs])
    assert borne_out > 8
    assert claimed / borne_out == pytest.approx(1, abs=5 * np.sqrt(2 / 60))


def test_chains_take_the_place_of_sparse_draws(nv22_model):
    """100 prior draws leave a few effective ones: chains have more, and agree with 20,000 draws."""
    rng, i = np.random.default_rng(7), nv22_model.parameters.names.index("sigma8")
    mocks = draw_mocks(nv22_model, nv22_model.parameters.draw(6, rng=rng), rng=rng)
    few = posterior_moments(nv22_model, "unbinned", mocks, MomentsPlan(2, 100, 600))
    many = posterior_moments(nv22_model, "unbinned", mocks, MomentsPlan(2, 20_000))
    assert few.effective > 15
    error = many.std[:, i] * np.sqrt(1 / few.effective + 1 / many.effective)
    np.testing.assert_array_less(np.abs(few.mean - many.mean)[:, i], 5 * error)


def test_unknown_level(nv22_model):
    mocks = draw_mocks(nv22_model, nv22_model.parameters.fiducial, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="level 'fall' is unknown; did you mean 'full'"):
        posterior_moments(nv22_model, "fall", mocks, MomentsPlan(1))
