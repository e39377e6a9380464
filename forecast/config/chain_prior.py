"""A prior from the chain of another experiment: the Gaussian of its moments, and how far from a Gaussian it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.priors import NARROWEST
from ..reading.chain_columns import ChainColumns, read_chain
from .schema.parameters import ChainColumnConfig, PriorChainConfig

FEWEST = 200.0
"""Least effective number of draws: means are then known to 7% of a standard deviation, widths to 5%."""
ODD, REFUSED = (0.5, 1.0), (2.0, 6.0)
"""Absolute skewness and excess kurtosis of a natural coordinate from which on a Gaussian is doubted, and refused: an
exponential distribution has the latter."""


@dataclass(frozen=True)
class ChainPrior:
    """The Gaussian of the natural coordinates of some parameters in a chain.

    Parameters
    ----------
    source : str
        Name of the file.
    names : tuple of str
    mean, std : ndarray, shape (K,)
        Of natural coordinates: ln x of a factor, else x.
    correlation : ndarray, shape (K, K)
    skewness, kurtosis : ndarray, shape (K,)
        Of each; the kurtosis less 3.
    effective_size : float
    """

    source: str
    names: tuple[str, ...]
    mean: Array
    std: Array
    correlation: Array
    skewness: Array
    kurtosis: Array
    effective_size: float

    @classmethod
    def of(cls, source: str, names: Sequence[str], columns: ChainColumns) -> ChainPrior:
        """That of draws of natural coordinates."""
        y, share = columns.values, columns.weight / columns.weight.sum()
        mean = share @ y
        covariance = (y - mean).T @ ((y - mean) * share[:, None])
        std = np.sqrt(np.diag(covariance))
        if not np.all(std > NARROWEST * np.maximum(1.0, np.abs(mean))):
            raise InputError(f"{source}: {names[int(np.argmin(std))]} does not vary; fix it under [parameters]")
        z = (y - mean) / std
        return cls(
            source=source,
            names=tuple(names),
            mean=mean,
            std=std,
            correlation=covariance / np.outer(std, std),
            skewness=share @ z**3,
            kurtosis=share @ z**4 - 3,
            effective_size=columns.effective_size,
        )

    def _beyond(self, limits: tuple[float, float]) -> list[str]:
        """Parameters of larger skewness or kurtosis, with both."""
        each = zip(self.names, self.skewness, self.kurtosis, strict=True)
        return [f"{n} ({s:+.2f}, {k:+.2f})" for n, s, k in each if abs(s) > limits[0] or abs(k) > limits[1]]

    def check(self) -> None:
        """Raise unless there are draws enough, of what a Gaussian may stand for.

        Raises
        ------
        InputError
        """
        if self.effective_size < FEWEST:
            raise InputError(
                f"{self.source}: {self.effective_size:.0f} effective draws are too few for a prior; "
                f"give a chain of at least {FEWEST:.0f}"
            )
        bad = self._beyond(REFUSED)
        if bad:
            raise InputError(
                f"{self.source}: no Gaussian stands for {' and '.join(bad)}, skewness and excess kurtosis in brackets; "
                "remove burn-in and stray draws, or write a prior under [parameters]"
            )

    @property
    def words(self) -> str:
        """What it is, in one sentence."""
        return (
            f"The prior of {', '.join(self.names)} is the Gaussian with the moments of {self.source} (of ln x for "
            f"factors; {self.effective_size:.0f} effective draws; largest skewness {np.abs(self.skewness).max():.2f}, "
            f"excess kurtosis {np.abs(self.kurtosis).max():.2f})."
        )

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is doubtful about it."""
        odd = self._beyond(ODD)
        if not odd:
            return ()
        return (
            f"a Gaussian stands for {self.source} though it is none: {' and '.join(odd)}, skewness and excess kurtosis "
            f"in brackets (limits {ODD[0]:g} and {ODD[1]:g})",
        )


def build_chain_prior(c: PriorChainConfig, is_factor: Callable[[str], bool]) -> ChainPrior:
    """The prior of a configured chain.

    Raises
    ------
    InputError
        If it cannot be read, has too few draws, or is far from a Gaussian.
    """
    entries = {n: ChainColumnConfig(column=e) if isinstance(e, str) else e for n, e in c.parameters.items()}
    found = read_chain(Path(c.path), [entry.column for entry in entries.values()])
    values = found.values * np.array([entry.factor for entry in entries.values()])
    factors = np.array([is_factor(name) for name in entries])
    if np.any(values[:, factors] <= 0):
        raise InputError(f"{Path(c.path).name}: factors must be positive; check the columns")
    values[:, factors] = np.log(values[:, factors])
    prior = ChainPrior.of(Path(c.path).name, tuple(entries), ChainColumns(values, found.weight))
    prior.check()
    return prior
