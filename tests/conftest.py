"""Fixtures: the configurations and models that several tests share."""

import pytest
from browser import chromium

from forecast.config.load import load_config
from forecast.model.forward import forward_model


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: needs Chromium; deselected, and said so, where there is none")


def pytest_collection_modifyitems(config, items):
    gone = [item for item in items if item.get_closest_marker("browser")] if chromium() is None else []
    if gone:
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=gone)


def pytest_terminal_summary(terminalreporter):
    if chromium() is None:
        terminalreporter.write_line("no Chromium here: tests of pages in a browser were left out; install chromium")


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
