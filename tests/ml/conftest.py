"""A small suite of NV22's survey, drawn once for a worker, and networks on it; only where Keras is installed."""

import importlib.util
import warnings

import pytest
from drawnsuite import draw_suite

if importlib.util.find_spec("keras") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlcheck.networks.backend  # noqa: F401  (Keras's own warnings are not ours)


@pytest.fixture(scope="session")
def suite(tmp_path_factory):
    return draw_suite(tmp_path_factory.mktemp("suite") / "nv22", "nv22", 1200, 5)


@pytest.fixture(scope="session")
def other_suite(tmp_path_factory):
    return draw_suite(tmp_path_factory.mktemp("suite") / "smooth", "nv22_smooth_small", 60, 5)


@pytest.fixture(scope="session")
def source(suite):
    from mlcheck.data.dataset import Source

    return Source.open(suite)


@pytest.fixture(scope="session")
def settings():
    from mlcheck.networks.config import load_config as load_network

    return load_network("compact")


@pytest.fixture(scope="session")
def laboratory(settings, suite):
    from mlcheck.networks.laboratory import Laboratory

    return Laboratory(settings, suite)


@pytest.fixture(scope="session")
def prepared(laboratory):
    from mlcheck.networks.laboratory import prepare

    return prepare(laboratory, "standard", "compact")
