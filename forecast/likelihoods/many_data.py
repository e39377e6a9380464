"""Log likelihoods of many mock catalogues at parameter vectors that they share."""

from __future__ import annotations

import numpy as np

from ..core.arrays import Array
from ..core.errors import NumericalError
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .bins import bin_models, members
from .levels import level_class


def log_likelihoods(model: ForwardModel, level: str, mocks: Mocks, draws: Array, true: Array) -> tuple[Array, Array]:
    """ln L of draws (S, D), shape (n, S), and of n mocks' true parameters, (n,), up to a term of the mock.

    Raises
    ------
    InputError
        If the level is unknown.
    NumericalError
        If a likelihood is NaN.
    """
    one = level_class(level)
    bins = () if one.of_clusters else bin_models(model)
    if bins:
        mine = [mocks.kept(chosen) for chosen in members(model.setup, mocks.z, mocks.layer)]
        each = [log_likelihoods(m, level, some, draws, true) for m, some in zip(bins, mine, strict=True)]
        return np.sum([value for value, _ in each], axis=0), np.sum([own for _, own in each], axis=0)
    theta = np.concatenate([draws, true])
    value = one.of_many(model, mocks, theta)
    if np.isnan(value).any():
        raise NumericalError(f"the {level} likelihood is NaN at {theta[np.isnan(value).any(axis=0)][0]}")
    return value[:, : len(draws)], np.diagonal(value[:, len(draws) :])
