"""Errors that differ on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.arrays import Array


def skew_of_sum(errors: Sequence[Array], skews: Sequence[Array]) -> Array:
    """How much the errors of a sum of measurements differ, whose lower and upper ones add in quadrature; (N,)."""
    lower, upper = (
        np.linalg.norm([e * (1 + sign * s) for e, s in zip(errors, skews, strict=True)], axis=0) for sign in (-1, 1)
    )
    total = lower + upper
    return np.asarray((upper - lower) / np.where(total > 0, total, 1.0))
