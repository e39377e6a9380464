"""What a survey is expected to find where its volume may be denser or emptier than the mean."""

from __future__ import annotations

import numpy as np

from ..core.arrays import Array
from .forward import ForwardModel

_STEPS, _DIFFERENCE = 6, 1e-4


def at_mean_density(model: ForwardModel, theta: Array | None = None) -> Array:
    """A parameter vector (D,), by default the fiducial one, with density contrasts at which every shell holds its mean.

    The number of clusters in a volume is log-normal: at contrast zero, its median, it is smaller than its mean.
    Expected data and Fisher matrices belong to the mean.
    """
    theta = np.array(model.parameters.fiducial if theta is None else theta, dtype=float)
    at = [model.parameters.names.index(name) for name in model.parameters.contrasts]
    if not at:
        return theta
    mean = _log(model.shell_counts(theta[None], mean=True)[0])
    steps = np.zeros((len(at) + 1, len(theta)))
    steps[np.arange(len(at)) + 1, at] = _DIFFERENCE
    for _ in range(_STEPS):
        counts = _log(model.shell_counts(theta + steps))
        slopes = (counts[1:] - counts[0]).T / _DIFFERENCE
        move = np.linalg.lstsq(slopes, mean - counts[0], rcond=1e-9)[0]
        theta[at] += move
        if np.abs(move).max() < 1e-9:
            break
    return theta


def expected_number(model: ForwardModel, theta: Array | None = None) -> float:
    """Expected number of clusters, the mean over density contrasts, at a parameter vector (D,)."""
    return float(model.mean_count((model.parameters.fiducial if theta is None else theta)[None])[0])


def _log(counts: Array) -> Array:
    return np.log(np.maximum(counts, np.finfo(float).tiny))
