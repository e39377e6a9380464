"""Digests of models in files of earlier versions."""

from __future__ import annotations

from typing import Any

from ..core.errors import InputError
from ..execution.store import content_digest
from .digest import SCHEME, model_digest, settings
from .load import parse_config


def renewed(model: str, configuration: dict[str, Any]) -> str:
    """A model's digest as it is made now, from one that version 0.1.0 made of unrounded values.

    Parameters
    ----------
    model : str
        Digest in a file.
    configuration : dict
        The configuration beside it.

    Returns
    -------
    str
        `model` itself if it is of the present scheme, or if the configuration makes another model today.
    """
    if model.startswith(SCHEME):
        return model
    try:
        setup = parse_config(configuration).setup
    except InputError:
        return model
    return model_digest(setup) if model == content_digest(settings(setup)) else model
