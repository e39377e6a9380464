"""Derivatives in natural coordinates (ln of positive factors), and information from scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.arrays import Array
from ..core.errors import NumericalError
from ..core.parameters import ParameterSet

_STEP = 0.1
"""Step of the derivatives in prior standard deviations."""
_FINE, _PLAIN = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}, {-1: -0.5, 1: 0.5}
"""Weights of central differences by steps from the centre."""
_WIDEST_FACTOR, _WIDEST = 0.15, 1.0
"""Widths beyond which those of priors are not followed: of factors on relations, whose residuals are as narrow, and of
all else."""


def _widths(parameters: ParameterSet) -> Array:
    """Scales of natural coordinates on which densities vary, shape (D,): those of priors that are not wider."""
    factors = np.array([parameter.log for parameter in parameters.free], dtype=bool)
    return np.minimum(parameters.prior_std, np.where(factors, _WIDEST_FACTOR, _WIDEST))


def derivatives(
    function: Callable[[Array], Array],
    parameters: ParameterSet,
    at: Array,
    steps: Array | None = None,
    *,
    fine: bool = True,
) -> Array:
    """Central derivatives of `function` in natural coordinates: of fourth order, or, unless `fine`, of second.

    Parameters
    ----------
    function : callable
        Maps parameter vectors (P, D) to (P, ...).
    parameters : ParameterSet
    at : ndarray, shape (D,)
        Parameter vector.
    steps : ndarray, shape (D,), optional
        In natural coordinates; a tenth of the prior's standard deviation by default, or of the scale on which
        residuals vary, which suits what does not depend on the amount of data.

    Returns
    -------
    ndarray, shape (D, ...)

    Raises
    ------
    NumericalError
        If the result is not finite.
    """
    size = len(at)
    steps = _STEP * _widths(parameters) if steps is None else steps
    places = _FINE if fine else _PLAIN
    offsets = np.concatenate([k * np.diag(steps) for k in places])
    theta = parameters.from_coordinates(parameters.to_coordinates(at) + offsets)
    f = function(theta)
    slope: Array = np.tensordot(list(places.values()), f.reshape(len(places), size, *f.shape[1:]), axes=1)
    slope = slope / steps.reshape(-1, *([1] * (slope.ndim - 1)))
    if not np.all(np.isfinite(slope)):
        raise NumericalError(f"a derivative of the forward model is not finite at {at}")
    return slope


def narrow_steps(parameters: ParameterSet, information: Array) -> Array:
    """Steps for derivatives of a log likelihood: a tenth of what moves it, or of the prior's width."""
    return _STEP / np.sqrt(np.diag(information) + 1.0 / _widths(parameters) ** 2)


def outer_sum(score: Array, weight: Array) -> Array:
    """Weighted sum over Q of the products of scores (D, Q), shape (D, D)."""
    total: Array = np.einsum("iq,jq,q->ij", score, score, weight)
    return total
