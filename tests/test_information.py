"""For one survey and one error model expected information grows from level to level, and vanishes with the survey."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.randomsurveys import LESS, random_setup, widths
from forecast.likelihoods.data import Data
from forecast.likelihoods.derivatives import derivatives
from forecast.likelihoods.fisher import fisher_matrix
from forecast.likelihoods.selfcal import SelfCal
from forecast.model.forward import forward_model
from forecast.model.mean_density import expected_number
from forecast.model.yx_distribution import TabulatedDistribution, draw_medians
from forecast.survey.geometry import Replicated

SURVEYS = 30
QUADRATURE = 2e-3


@pytest.mark.parametrize("seed", range(SURVEYS))
def test_every_level_knows_at_least_as_much_as_the_one_below(seed):
    found = widths(random_setup(seed))
    for more, less in LESS:
        if more in found:
            assert found[more] <= found[less] * (1 + QUADRATURE), (more, less, found)


@pytest.mark.parametrize("seed", range(0, SURVEYS, 5))
def test_an_empty_survey_says_nothing(seed):
    """Widths fall short of the prior's in proportion to the number of clusters."""
    setup = random_setup(seed)
    number = expected_number(forward_model(setup))
    setup = replace(setup, geometry=Replicated(setup.geometry, 1e-9 / number))
    found = widths(setup)
    for level, width in found.items():
        assert width == pytest.approx(found["prior"], rel=1e-6), level


def test_information_in_the_median_is_continuous_where_averages_over_n_begin(nv22):
    """From 29.9 expected clusters, averaged over Poisson N, to 30.1, taken as 30."""
    model = forward_model(nv22.setup)
    number = expected_number(model)
    found = [
        widths(replace(nv22.setup, weak_lensing=None, geometry=Replicated(nv22.setup.geometry, n / number)))["selfcal"]
        for n in (29.9, 30.1)
    ]
    assert found[0] == pytest.approx(found[1], rel=5e-3)


def test_median_of_few_clusters_against_simulated_scores(nv22):
    """Mean square of the score of (N, median), by Monte Carlo over Poisson N: 4 clusters expected."""
    setup = nv22.setup
    parameters = setup.parameters.without([n for n in setup.parameters.names if n not in ("sigma8", "norm_mgas")])
    number = expected_number(forward_model(setup))
    setup = replace(setup, parameters=parameters, geometry=Replicated(setup.geometry, 4 / number))
    model, rng = forward_model(setup), np.random.default_rng(3)
    at, draws = model.parameters.fiducial, 1500
    size = rng.poisson(4.0, draws)
    table = TabulatedDistribution.from_density(model.yx_grid, model.yx_density(at[None], model.yx_grid))
    medians = np.array([draw_medians(table, np.array([n]), rng=rng)[0] for n in size])
    scores = []
    for n, median in zip(size, medians, strict=True):
        data = Data(float(n), np.full(n, median), np.zeros(n), np.ones(n), median)
        scores.append(derivatives(SelfCal(model, data), model.parameters, at, np.array([1e-3, 1e-3])))
    scores = np.array(scores)
    products = np.einsum("ni,nj->nij", scores, scores)
    error = products.std(axis=0) / np.sqrt(draws)
    found = fisher_matrix("selfcal", model).information
    assert np.all(np.abs(products.mean(axis=0) - found) < 5 * error + 1e-3 * np.abs(found))
