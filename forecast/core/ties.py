"""Priors that belong together: correlations of Gaussians in natural coordinates."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import Array
from .errors import InputError
from .joint_prior import TiedPriors
from .priors import Prior

_LEAST = 1e-8
"""Least eigenvalue of a correlation matrix; below it one parameter follows from the others."""


@dataclass(frozen=True)
class Tie:
    """Correlations of the priors of some parameters.

    Their natural coordinates, ln x of a positive factor and else x, are jointly Gaussian; means and widths are those
    of their own priors. A prior that is stretched keeps its correlations.

    Parameters
    ----------
    names : tuple of str
    correlation : tuple of tuple of float, shape (K, K)

    Raises
    ------
    InputError
        If that is no correlation matrix of so many parameters.
    """

    names: tuple[str, ...]
    correlation: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        size = len(self.names)
        if size < 2 or len(set(self.names)) < size:
            raise InputError("prior_correlation: needs two parameters or more, each named once")
        if [len(row) for row in self.correlation] != [size] * size:
            raise InputError(f"prior_correlation: of {size} parameters is a matrix of {size} rows of {size} numbers")
        if not (np.allclose(self.matrix, self.matrix.T) and np.allclose(np.diag(self.matrix), 1)):
            raise InputError("prior_correlation: a correlation matrix is symmetric, with ones on its diagonal")
        if np.linalg.eigvalsh(self.matrix)[0] < _LEAST:
            raise InputError(
                "prior_correlation: the correlations are not those of any distribution; the matrix must be positive "
                "definite, every correlation between -1 and 1"
            )

    @property
    def matrix(self) -> Array:
        """Of the correlations, shape (K, K)."""
        return np.array(self.correlation)

    def without(self, names: Container[str]) -> Tie | None:
        """That of the other parameters, whatever those of `names` are; None where fewer than two are left."""
        kept = [i for i, name in enumerate(self.names) if name not in names]
        if len(kept) < 2:
            return None
        return Tie(tuple(self.names[i] for i in kept), tuple(tuple(self.correlation[i][j] for j in kept) for i in kept))


def tied_priors(tie: Tie, priors: Mapping[str, Prior]) -> TiedPriors:
    """The priors of a tie among those of all free parameters, by name and in their order."""
    places = [list(priors).index(name) for name in tie.names]
    return TiedPriors(np.array(places), [priors[name] for name in tie.names], tie.matrix)


def check_ties(ties: Sequence[Tie], prior: Mapping[str, Prior]) -> None:
    """Raise unless ties are of free parameters whose natural coordinates have Gaussian priors, each in one tie.

    `prior`: of each free parameter.

    Raises
    ------
    InputError
    """
    tied = [name for tie in ties for name in tie.names]
    for name in tied:
        cure = "give it a gaussian prior" if name in prior and not prior[name].log else "give it a lognormal prior"
        if name not in prior:
            raise InputError(f"prior_correlation: {name} is not free; free it under [parameters], or take it out")
        if tied.count(name) > 1:
            raise InputError(f"prior_correlation: {name} is tied twice; write one table with a matrix")
        if prior[name].between is not None:
            raise InputError(f"prior_correlation: the prior of {name} is cut; take its `between` out")
        if prior[name].kind != ("lognormal" if prior[name].log else "gaussian"):
            raise InputError(f"prior_correlation: the prior of {name} is {prior[name].kind}; {cure}")
