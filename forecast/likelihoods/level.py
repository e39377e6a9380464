"""What every level of the ladder can do: its likelihoods, its expected information, its response to single data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .data import Data
from .expectation import Expectation
from .level_name import LevelName

TINY = np.finfo(float).tiny
"""Smallest expected number whose logarithm is taken."""


class Likelihood(Protocol):
    """A level's likelihood of one data set."""

    @property
    def parameters(self) -> ParameterSet:
        """Free parameters."""

    @property
    def name(self) -> str:
        """Name of the level."""

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,), of parameter vectors `theta`, shape (P, D)."""


class ClusterTerms(Protocol):
    """What every cluster of n mock catalogues, Q in all, contributes to ln L at a parameter vector of its catalogue."""

    def __call__(self, theta: Array) -> tuple[Array, Array]:
        """ln lambda, (Q,), and its derivatives by log10 of each observable, (E, Q), for `theta` of shape (n, D)."""


@dataclass(frozen=True)
class Contribution:
    """What one cluster contributes to ln L at S parameter vectors, as a function of its log10 Y_X.

    Parameters
    ----------
    grid : ndarray, shape (G,)
        log10 Y_X, Msun/h keV.
    value : ndarray, shape (S, G)
    """

    grid: Array
    value: Array


class Level(ABC):
    """One level of the ladder, bound to a forward model and the data of one survey.

    Parameters
    ----------
    model : ForwardModel
    data : Data
    """

    name: ClassVar[LevelName]
    whole: ClassVar[bool] = False
    """Whether the likelihood is that of a whole number of clusters."""
    of_clusters: ClassVar[bool] = False
    """Whether every observable of each cluster is a datum: posteriors are so narrow that they need chains."""
    of_median: ClassVar[bool] = False
    """Whether the median is a datum: what it says does not grow as the number of clusters does."""
    lensing: ClassVar[bool] = False
    """Whether weak-lensing masses are among the data."""
    smooth: ClassVar[bool] = True
    """Whether the likelihood changes smoothly with a cluster's Y_X."""
    fewer: ClassVar[LevelName] = LevelName.COUNTS
    """Level that does without what this one needs."""
    proxy_words: ClassVar[str] = ""
    """How a sentence on the mass proxies of some clusters begins; empty if they are no data."""

    def __init__(self, model: ForwardModel, data: Data) -> None:
        self.parameters, self._model, self._data = model.parameters, model, data

    @abstractmethod
    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,), of parameter vectors (P, D)."""

    @classmethod
    @abstractmethod
    def of_many(cls, model: ForwardModel, mocks: Mocks, theta: Array) -> Array:
        """Log likelihoods of n mock catalogues at parameter vectors (S, D), up to terms of the data, shape (n, S)."""

    @classmethod
    @abstractmethod
    def information(cls, expected: Expectation) -> Array:
        """Information on the free parameters that is expected, in natural coordinates, shape (D, D)."""

    @abstractmethod
    def without_each(self, theta: Array) -> Array:
        """ln L without each cluster minus ln L with it, up to a constant, shape (S, Q), at (S, D)."""

    @classmethod
    def fault(cls, data: Data) -> str:
        """Why data cannot be those of the level, and what to do; empty if they can."""
        return ""

    @classmethod
    def needed(cls, names: Sequence[str]) -> tuple[str, ...]:
        """Observables whose values are used, in a survey with relations of `names`."""
        return ("yx",) if cls.proxy_words else ()

    @classmethod
    def number_with(cls, data: Data, observable: str, names: Sequence[str]) -> float:
        """Number of clusters of `data` that have an observable, in a survey with relations of `names`."""
        return data.number_with_yx

    @classmethod
    def observables(cls, model: ForwardModel) -> tuple[str, ...]:
        """What is known of single clusters: "yx", the mass proxy, or the relations' names, and "mwl"."""
        return ()

    def pull(self, theta: Array, weight: Array) -> Array:
        """Sum over draws (S, D) of weights (S,) times d ln L / d log10 of each observable of each cluster, (Q, E)."""
        return np.empty((0, 0))

    def one_more(self, theta: Array) -> Array | None:
        """ln L with one cluster more at unchanged Y_X minus ln L, (S,); None where clusters cannot lack theirs."""
        return None

    def median_slope(self, theta: Array) -> Array | None:
        """d ln L / d median log10 Y_X, (S,); None where it is no datum."""
        return None

    @classmethod
    def contribution(cls, model: ForwardModel, theta: Array) -> Contribution | None:
        """What a cluster contributes at (S, D), where that depends on its Y_X at most, and on no other cluster."""
        return None

    @classmethod
    def terms(cls, model: ForwardModel, mocks: Mocks) -> ClusterTerms | None:
        """What every cluster of mock catalogues contributes, where all its observables are data."""
        return None


def log_poisson(size: float | Array, expected: Array) -> Array:
    """Log Poisson probability of `size` events, N ln(mu) - mu - ln N!; arguments broadcast.

    Where nothing is expected, events are all but impossible.
    """
    value: Array = special.xlogy(size, np.maximum(expected, TINY)) - expected - special.gammaln(size + 1)
    return value
