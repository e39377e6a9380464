"""Posterior moments of many catalogues: right on average, whatever the level."""

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from forecast.model.simulate import draw_mocks
from forecast.sampling.ensemble import MomentsPlan, posterior_moments


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


def test_unknown_level(nv22_model):
    mocks = draw_mocks(nv22_model, nv22_model.parameters.fiducial, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="level 'fall' is unknown; did you mean 'full'"):
        posterior_moments(nv22_model, "fall", mocks, MomentsPlan(1))
