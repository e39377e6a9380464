"""Posterior density of one level's data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import NumericalError
from ..core.parameters import ParameterSet
from .level import Likelihood


@dataclass(frozen=True)
class Posterior:
    """Log posterior density, up to the evidence: -inf outside the prior, never for a NaN.

    Parameters
    ----------
    likelihood : Likelihood
    """

    likelihood: Likelihood

    @property
    def parameters(self) -> ParameterSet:
        """Free parameters."""
        return self.likelihood.parameters

    def __call__(self, theta: Array) -> Array:
        """Log posterior, shape (P,), of parameter vectors `theta`, shape (P, D).

        Raises
        ------
        NumericalError
            If the likelihood is NaN anywhere inside the prior.
        """
        value = self.parameters.log_prior(theta)
        inside = np.isfinite(value)
        if inside.any():
            value[inside] += self.likelihood(theta[inside])
        if np.isnan(value).any():
            culprit = dict(zip(self.parameters.names, theta[np.isnan(value)][0], strict=True))
            raise NumericalError(f"the {self.likelihood.name} likelihood is NaN at {culprit}")
        return value
