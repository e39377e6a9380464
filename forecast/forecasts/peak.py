"""Where the posterior of expected data is highest: how far swapped assumptions move sigma8."""

from __future__ import annotations

import numpy as np

from ..core.arrays import Array
from ..likelihoods.derivatives import derivatives, narrow_steps
from ..likelihoods.fisher import Fisher
from ..likelihoods.level import Likelihood

_STEPS = 50


def peak_sigma8(fisher: Fisher, target: Likelihood) -> float:
    """sigma8 at maximum posterior, by damped Gauss-Newton steps from the fiducial parameters.

    Priors are Gaussians of equal variance about the fiducial.

    Parameters
    ----------
    fisher : Fisher
        Of the level whose likelihood is `target`, at the fiducial parameters.
    target : Likelihood
    """
    parameters = fisher.parameters
    start, width = parameters.to_coordinates(parameters.fiducial), parameters.prior_std
    steps = narrow_steps(parameters, fisher.information)

    def height(coordinates: Array) -> float:
        value = target(parameters.from_coordinates(coordinates)[None])[0]
        return float(value - 0.5 * np.sum(((coordinates - start) / width) ** 2))

    at, top = start, height(start)
    for _ in range(_STEPS):
        slope = derivatives(target, parameters, parameters.from_coordinates(at), steps) - (at - start) / width**2
        step = fisher.covariance @ slope
        step *= min(1.0, 1.0 / float(np.max(np.abs(step) / width)) if step.any() else 1.0)
        while (raised := height(at + step)) < top and np.max(np.abs(step) / width) > 1e-5:
            step = step / 2
        if raised <= top or raised - top < 1e-6:
            break
        at, top = at + step, raised
    return float(parameters.from_coordinates(at)[parameters.names.index("sigma8")])
