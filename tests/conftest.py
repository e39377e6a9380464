"""Fixtures: the configurations and models that several tests share; which tests a run has, and in what order."""

import pytest
from browser import chromium

from forecast.config.load import load_config
from forecast.model.forward import forward_model

LONGEST = (
    "test_training", "test_cli", "test_clusterinfluence", "test_apply", "test_mlcheck_cli", "test_likelihood",
    "test_sweep", "test_predictive", "test_suite", "test_executor", "test_transfer", "test_fuzz", "test_leak",
    "test_networks", "test_gradients", "test_calibration", "test_exactmap", "test_information", "test_mlcheck_api",
)  # fmt: skip
"""Files that take longest: they begin, so that of several workers none has a long one left at the end."""


def pytest_addoption(parser):
    parser.addoption("--tables", metavar="FOLDER", help="published tables, for the tests marked 'real'")


def pytest_collection_modifyitems(config, items):
    """Tests against published tables, or in a browser, are no part of a run that has none; long files first."""
    missing = {"real"} if config.getoption("tables", None) is None else set()
    missing |= {"browser"} if chromium() is None else set()
    absent = [item for item in items if any(item.get_closest_marker(name) for name in missing)]
    if absent:
        items[:] = [item for item in items if item not in absent]
        config.hook.pytest_deselected(items=absent)
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


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
