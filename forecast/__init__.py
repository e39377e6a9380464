"""Self-calibration forecasts for X-ray galaxy-cluster surveys.

A forward model of flux- and volume-limited surveys, the likelihoods of an information ladder (counts,
counts and median Y_X, every Y_X), and what they say about sigma8.

Examples
--------
>>> from forecast import forward_model, fisher_matrix, load_config
>>> model = forward_model(load_config("nv22").setup)
>>> round(fisher_matrix("selfcal", model).std("sigma8"), 3)
0.028
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalogue import read_catalogue
    from .config import load_config
    from .cosmology import Cosmology
    from .fisher import fisher_matrix
    from .levels import Data, Posterior, likelihood
    from .massfunction import MassFunction
    from .mock import draw_mocks
    from .model import Setup, forward_model

_HOME = {
    "read_catalogue": "catalogue",
    "load_config": "config",
    "Cosmology": "cosmology",
    "fisher_matrix": "fisher",
    "Data": "levels",
    "Posterior": "levels",
    "likelihood": "levels",
    "MassFunction": "massfunction",
    "draw_mocks": "mock",
    "Setup": "model",
    "forward_model": "model",
    "open_suite": "suitereader",
}
__all__ = [
    "Cosmology",
    "Data",
    "MassFunction",
    "Posterior",
    "Setup",
    "draw_mocks",
    "fisher_matrix",
    "forward_model",
    "likelihood",
    "load_config",
    "open_suite",
    "read_catalogue",
]


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that ``forecast --help`` stays fast."""
    if name not in _HOME:
        raise AttributeError(f"module 'forecast' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
