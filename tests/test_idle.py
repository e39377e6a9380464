"""Parameters on which nothing depends: the rule against the densities themselves."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.config.load import load_config, parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import levels_of, likelihood
from forecast.model.forward import forward_model
from forecast.model.idle import idle_parameters
from forecast.model.simulate import draw_mocks
from forecast.survey.geometry import Box

IDLE = [
    ("nv22", "evolution_lx", "the box lies at relations.z0 = 0.07"),
    ("nv22", "evolution_yx", "the box lies at relations.z0 = 0.07"),
    ("nv22", "norm_core", "no relation of 'core'"),
    ("cccp_lowz", "norm_mgas", "no relation of 'mgas', only of lx, t, yx"),
    ("cccp_lowz", "norm_wl", r"add a \[weak_lensing\] table"),
    ("erosita", "slope_t", "no relation of 't', only of lx, yx"),
]


def with_free(setup, name):
    prior = Prior("gaussian", mean=0.0, std=0.3) if name.startswith("evolution") else None
    prior = prior or Prior("lognormal", mean=1.0, std=0.2, log=True)
    free = Parameter(name, 0.0 if name.startswith("evolution") else 1.0, prior)
    return replace(setup, parameters=setup.parameters.with_free(free))


def response(model, name):
    """Largest change of any level's ln L of a mock as one parameter moves by a tenth of its prior's width."""
    rng = np.random.default_rng(3)
    data = Data.of_mock(model, draw_mocks(model, model.parameters.fiducial[None], rng=rng))
    p = next(p for p in model.parameters.free if p.name == name)
    theta = np.repeat(model.parameters.fiducial[None], 2, axis=0)
    theta[1, model.parameters.names.index(name)] = p.prior.quantile(p.prior.cumulative(np.array(p.fiducial)) + 0.04)
    return max(abs(np.ptp(likelihood(level, model, data)(theta))) for level in levels_of(model.setup))


@pytest.mark.parametrize(("config", "name", "reason"), IDLE)
def test_idle_parameters_are_refused_by_name(config, name, reason):
    content = load_config(config).model_dump(mode="json")
    prior = {"gaussian": 0.3} if name.startswith("evolution") else {"lognormal": 0.2}
    content["parameters"][name] = prior | {"fiducial": 0.0 if "gaussian" in prior else 1.0}
    with pytest.raises(InputError, match=rf"parameters\.{name}: no datum of any level depends on it: .*{reason}"):
        _ = parse_config(content).setup


@pytest.mark.parametrize(("config", "name"), [(config, name) for config, name, _ in IDLE[:4]])
def test_nothing_depends_on_an_idle_parameter(config, name):
    setup = with_free(load_config(config).setup, name)
    assert set(idle_parameters(setup)) == {name}
    assert response(forward_model(setup), name) < 1e-9


@pytest.mark.parametrize("name", ["evolution_lx", "evolution_yx"])
def test_evolution_counts_where_the_box_is_elsewhere(nv22, name):
    setup = with_free(replace(nv22.setup, geometry=Box(352, 0.5, 0.3)), name)
    assert not idle_parameters(setup)
    assert response(forward_model(setup), name) > 1e-6


@pytest.mark.parametrize("config", ["nv22", "cccp_lowz"])
def test_every_parameter_of_a_shipped_configuration_counts(config):
    setup = load_config(config).setup
    model = forward_model(setup)
    assert not idle_parameters(setup)
    for name in setup.parameters.names:
        assert response(model, name) > 1e-6, name
