"""Fixtures: the configurations and models that several tests share; which tests a run has."""

import pytest
from browser import chromium

from forecast.config.load import load_config
from forecast.model.forward import forward_model


def pytest_addoption(parser):
    parser.addoption("--tables", metavar="FOLDER", help="published tables, for the tests marked 'real'")


def pytest_collection_modifyitems(config, items):
    """Tests against published tables, or in a browser, are no part of a run that has none."""
    missing = {"real"} if config.getoption("tables", None) is None else set()
    missing |= {"browser"} if chromium() is None else set()
    absent = [item for item in items if any(item.get_closest_marker(name) for name in missing)]
    if absent:
        items[:] = [item for item in items if item not in absent]
        config.hook.pytest_deselected(items=absent)


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
