"""Sums over mass where Y_X, or T, tells masses almost exactly: against fine sums, and refused where they cannot be."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from forecast.cosmology.mass_function import MassFunction
from forecast.forecasts.ladder import with_sample_variance
from forecast.model.forward import forward_model
from forecast.survey.geometry import Box
from forecast.survey.mass_cut import Sharp


def box_of(cccp, scatter):
    """Real relations in a box above a sharp mass, Y_X with another scatter, dex, which is known."""
    setup = with_sample_variance(cccp.setup, False)
    relations = replace(setup.relations, yx=replace(setup.relations.yx, scatter=scatter))
    parameters = setup.parameters.without(["scatter_yx", "slope_yx"])
    selection = Sharp(14.3, 13.9)
    box = Box(352.0, 0.5, 0.07)
    return replace(setup, geometry=box, selection=selection, relations=relations, parameters=parameters)


@pytest.mark.parametrize("scatter", [0.05, 0.02, 0.0095])
def test_density_of_a_tight_proxy_above_a_sharp_mass(cccp, scatter):
    setup = box_of(cccp, scatter)
    model, theta = forward_model(setup), setup.parameters.fiducial[None]
    v = setup.parameters.values(theta)
    log_mass = 13.9 + (np.arange(20_000) + 0.5) * 1e-4
    number = MassFunction(setup.cosmology, setup.mass_function, [0.07], log_mass)(v.sigma8)[0, 0] * 0.5 * 352**3
    number = number * setup.selection.probability(log_mass, setup.relations.line("lx", v), setup.relations)[0]
    yx = setup.relations.yx
    growth = np.log10(setup.cosmology.efunc(0.07) / setup.cosmology.efunc(setup.relations.z0))
    mean = yx.log_norm + yx.slope * (log_mass - setup.relations.pivot) + yx.evolution * growth
    at = mean[0] + np.linspace(-1.5, 8, 20) * scatter
    expected = [np.sum(number * stats.norm.pdf(y, mean, scatter)) * 1e-4 for y in at]
    np.testing.assert_allclose(model.yx_density(theta, at)[0], expected, rtol=0.05)


def test_a_proxy_without_scatter_is_refused_with_the_scatter_that_will_do(cccp):
    with pytest.raises(
        InputError, match=r"yx tell masses to 0.00057 dex .* give them (\S+) times the scatter"
    ) as error:
        forward_model(box_of(cccp, 0.001))
    factor = float(str(error.value).split(" times the scatter")[0].rsplit(" ", 1)[1])
    assert 1 < factor < 20
    forward_model(box_of(cccp, 0.001 * factor))
