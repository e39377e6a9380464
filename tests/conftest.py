"""Fixtures: the configurations and models that several tests share."""

import pytest

from forecast.config.load import load_config
from forecast.model.forward import forward_model


@pytest.fixture(scope="session")
def nv22():
    return load_config("nv22")


@pytest.fixture(scope="session")
def nv22_model(nv22):
    return forward_model(nv22.setup)


@pytest.fixture(scope="session")
def cccp():
    return load_config("cccp_lowz")


@pytest.fixture(scope="session")
def cccp_model(cccp):
    return forward_model(cccp.setup)
