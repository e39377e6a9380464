"""A survey's posterior as any sampler wants it: a vectorised density, a prior transform, names and bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..likelihoods.posterior import Posterior


@dataclass(frozen=True, repr=False)
class SurveyPosterior:
    """Posterior of a survey's free parameters at one level of information; call it for its log density.

    Parameters
    ----------
    level : str
    posterior : Posterior
    """

    level: str
    posterior: Posterior

    @property
    def names(self) -> tuple[str, ...]:
        """Free parameters, in the order of a parameter vector."""
        return self.posterior.parameters.names

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """Interval of each parameter outside which its prior vanishes."""
        return tuple(p.prior.bounds for p in self.posterior.parameters.free)

    @property
    def fiducial(self) -> Array:
        """Fiducial parameter vector, shape (D,)."""
        return self.posterior.parameters.fiducial.copy()

    def __call__(self, theta: Array) -> Array:
        """Log posterior density up to the evidence, -inf outside the prior.

        Parameters
        ----------
        theta : ndarray, shape (D,) or (P, D)

        Returns
        -------
        float or ndarray, shape (P,)

        Raises
        ------
        InputError
            If vectors have another length.
        NumericalError
            If the likelihood is NaN inside the prior.
        """
        rows, single = self._rows(theta)
        value = self.posterior(rows)
        return value[0] if single else value

    def log_prior(self, theta: Array) -> Array:
        """Log prior density, normalised; shapes and errors as for the call."""
        rows, single = self._rows(theta)
        value = self.posterior.parameters.log_prior(rows)
        return value[0] if single else value

    def log_likelihood(self, theta: Array) -> Array:
        """Log likelihood inside the prior; shapes and errors as for the call."""
        rows, single = self._rows(theta)
        value = self.posterior.likelihood(rows)
        return value[0] if single else value

    def prior_transform(self, u: Array) -> Array:
        """Parameter vectors at cumulative prior probabilities, both (D,) or (P, D): for nested sampling."""
        rows, single = self._rows(u)
        value = self.posterior.parameters.quantile(rows)
        return value[0] if single else value

    def draw_prior(self, size: int, *, rng: np.random.Generator) -> Array:
        """`size` parameter vectors from the prior, shape (size, D)."""
        return self.posterior.parameters.draw(size, rng=rng)

    def _rows(self, theta: Array) -> tuple[Array, bool]:
        """Vectors as rows, and whether there was one."""
        rows = np.asarray(theta, dtype=float)
        number = len(self.names)
        if rows.ndim not in (1, 2) or rows.shape[-1] != number:
            raise InputError(
                f"parameter vectors have {number} values ({', '.join(self.names)}); got an array of shape {rows.shape}"
            )
        return np.atleast_2d(rows), rows.ndim == 1

    def __repr__(self) -> str:
        return f"<posterior of {', '.join(self.names)} at level {self.level}>"
