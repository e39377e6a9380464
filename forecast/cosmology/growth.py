"""Linear growth of structure beside any dark energy of w0 and wa, radiation neglected; vectorised.

With ln D = ln a + int u dln a, the growth equation (Linder & Jenkins 2003, equation 11) is
u' + 5/2 u = -3/2 (1 - w) X - u^2 + 3/2 w X u, a prime being d/dln a and X dark energy's part of the total density. All
but the left-hand side is small, so that it is solved by iteration on Chebyshev nodes of ln a.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev

from ..core.arrays import Array
from .dark_energy import relative_density

_START, _SIZE, _ITERATIONS = -6.0, 48, 20
"""Smallest ln a, nodes between it and today, and iterations."""
_DECAY = 2.5


@lru_cache(maxsize=1)
def _nodes() -> tuple[Array, Array, Array]:
    """ln a at the nodes, today first; the inverse of d/dln a + 5/2 beside the first value; coefficients of values."""
    position = chebyshev.chebpts2(_SIZE)[::-1]
    values = chebyshev.chebvander(position, _SIZE - 1)
    coefficients = np.linalg.inv(values)
    scale = -2.0 / _START
    slopes = chebyshev.chebval(position, chebyshev.chebder(np.eye(_SIZE))).T * scale
    operator = slopes @ coefficients + _DECAY * np.eye(_SIZE)
    operator[-1] = np.eye(_SIZE)[-1]
    return _START * (1.0 - position) / 2.0, np.linalg.inv(operator), coefficients


def _excess(Om0: Array | float, w0: Array | float, wa: Array | float) -> Array:
    """dlnD/dlna - 1 at the nodes, shape (..., nodes) for arguments that broadcast to (...)."""
    log_a, inverse, _ = _nodes()
    Om0, w0, wa = (np.asarray(x, dtype=float)[..., None] for x in (Om0, w0, wa))
    a = np.exp(log_a)
    dark = (1.0 - Om0) * relative_density(1.0 / a - 1.0, w0, wa)
    part, w = dark / (dark + Om0 / a**3), w0 + wa * (1.0 - a)
    source, coupling = -1.5 * (1.0 - w) * part, 1.5 * w * part
    first = source[..., -1] / (_DECAY - 3.0 * w[..., -1])
    excess = source / (_DECAY - 3.0 * w)
    for _ in range(_ITERATIONS):
        right = source + (coupling - excess) * excess
        right[..., -1] = first
        excess = right @ inverse.T
    return np.asarray(excess)


def growth(z: Array | float, Om0: Array | float, w0: Array | float, wa: Array | float) -> Array:
    """Linear growth factor D(z)/D(0) up to z = 1000; arguments broadcast."""
    log_a = -np.log1p(np.asarray(z, dtype=float))
    integral = chebyshev.chebint(_nodes()[2], lbnd=1.0, scl=-_START / 2.0)
    since = -chebyshev.chebvander(1.0 - 2.0 * log_a / _START, _SIZE) @ integral
    return np.asarray(np.exp(log_a - np.einsum("...n,...n->...", since, _excess(Om0, w0, wa))))
