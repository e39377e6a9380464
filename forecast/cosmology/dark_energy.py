"""Dark energy whose equation of state is w0 + wa (1 - a): its density, and how far w0 and wa may go.

Chevallier & Polarski (2001), Linder (2003).
"""

from __future__ import annotations

import numpy as np

from ..core.arrays import Array

DARK_ENERGY = ("w0", "wa")
"""Parameters of dark energy; -1 and 0 are a cosmological constant."""

EARLY = -0.3
"""Largest w0 + wa: at recombination dark energy is then below 1% of matter, and leaves the shape of sigma(M) alone."""


def is_constant(w0: Array | float, wa: Array | float) -> bool:
    """Whether dark energy is a cosmological constant throughout."""
    return bool(np.all(np.equal(w0, -1.0)) and np.all(np.equal(wa, 0.0)))


def relative_density(z: Array | float, w0: Array | float, wa: Array | float) -> Array:
    """Density of dark energy over today's; arguments broadcast."""
    x = 1.0 + np.asarray(z, dtype=float)
    exponent = 3.0 * (1.0 + np.asarray(w0) + np.asarray(wa)) * np.log(x)
    if np.any(wa):
        exponent = exponent - 3.0 * np.asarray(wa) * (1.0 - 1.0 / x)
    return np.asarray(np.exp(exponent))


def latest(w0: Array | float, wa: Array | float) -> Array:
    """`wa`, or the largest that `EARLY` allows beside `w0` where it is beyond."""
    return np.asarray(np.where(np.add(w0, wa) > EARLY, EARLY - np.asarray(w0), wa))
