"""Fisher matrices of each level, in natural coordinates (ln of positive factors)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.parameters import ParameterSet
from ..model.forward import ForwardModel
from ..model.mean_density import at_mean_density
from .expectation import Expectation
from .level_name import Bound
from .levels import level_class


@dataclass(frozen=True)
class Fisher:
    """Fisher information of data on the free parameters, and the priors' own.

    Parameters
    ----------
    parameters : ParameterSet
    information : ndarray, shape (D, D)
        Of the data alone, in natural coordinates.
    """

    parameters: ParameterSet
    information: Array

    @property
    def covariance(self) -> Array:
        """Covariance of the natural coordinates, priors (Gaussians of equal variance, correlated as these) included."""
        scale = self.parameters.prior_std
        scaled = self.information * np.outer(scale, scale) + np.linalg.inv(self.parameters.prior.correlation)
        inverse: Array = np.linalg.inv(scaled) * np.outer(scale, scale)
        return inverse

    def std(self, name: str = "sigma8") -> float:
        """Forecast standard deviation of one parameter (of its logarithm if it is a factor).

        Raises
        ------
        InputError
            If it is not free.
        """
        if name not in self.parameters.names:
            raise InputError(f"parameter '{name}' is not free; {nearest(name, self.parameters.names)}")
        i = self.parameters.names.index(name)
        return float(np.sqrt(self.covariance[i, i]))


def fisher_matrix(level: str, model: ForwardModel, *, at: Array | None = None) -> Fisher:
    """Fisher matrix of one level of the ladder.

    For one survey it grows from level to level, and vanishes as the expected number of clusters does.

    Parameters
    ----------
    level : {"prior", "counts", "selfcal", "binned", "unbinned", "full", "full+wl"}
        What the last two add to every Y_X is an average over 4,096 expected clusters: widths are right to
        about 1% where priors matter, and to 5% in surveys so large that they do not.
    model : ForwardModel
    at : ndarray, shape (D,), optional
        Parameter vector; by default the fiducial one, at the survey's mean density.
    """
    return next(fisher_matrices((level,), model, at=at))


def fisher_matrices(levels: Iterable[str], model: ForwardModel, *, at: Array | None = None) -> Iterator[Fisher]:
    """Fisher matrices of several levels, in order; what they have in common is computed once."""
    expected = Expectation(model, at_mean_density(model) if at is None else at)
    return (Fisher(model.parameters, _information(level, expected)) for level in levels)


def _information(level: str, expected: Expectation) -> Array:
    """Information of the data of one level, shape (D, D)."""
    if level == Bound.PRIOR:
        return np.zeros((len(expected.at), len(expected.at)))
    one = level_class(level)
    parts = (expected,) if one.of_clusters else expected.parts
    information: Array = np.sum([one.information(part) for part in parts], axis=0)
    return information
