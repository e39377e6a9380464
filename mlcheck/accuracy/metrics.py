"""How good predictions of sigma8 are: errors, coverage, and distance from the exact posterior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecast.core.arrays import Array

from ..networks.predict import Predictions
from .shrinkage import Shrinkage, shrinkage_test

FEWEST = 40
"""Catalogues that shrinkage at the edges of the prior needs."""


@dataclass(frozen=True)
class Score:
    """Errors of one method on test catalogues; all about sigma8.

    Parameters
    ----------
    name, words : str
        Of the method.
    kind : str
        "network", "baseline" or "statistics".
    catalogues : int
    scatter, scatter_error : float
        Standard deviation of predicted minus true (NV22 table 4), and its standard error.
    bias, bias_error : float
        Mean of predicted minus true, and its standard error.
    width : float
        Mean posterior width; NaN where there is none.
    coverage_68, coverage_95 : float
        Fraction of truths in the central intervals; NaN where there is no posterior.
    distance, distance_error : float
        Root mean square of the difference from the exact posterior mean on the same catalogues, over that posterior's
        mean width, less the Monte Carlo error of the exact mean; NaN where not computed.
    counterpart : str
        Level of that exact posterior, "" if there is none.
    compared : int
        Catalogues on which `distance` was measured.
    shrinkage : tuple of Shrinkage
        In the lowest and the highest 15% of the true values; empty where not computed.
    published : float
        NV22's scatter, NaN where there is none.
    spread : float
        Standard deviation of the true values: the scatter of one answer to every catalogue.
    """

    name: str
    words: str
    kind: str
    catalogues: int
    scatter: float
    scatter_error: float
    bias: float
    bias_error: float
    width: float = float("nan")
    coverage_68: float = float("nan")
    coverage_95: float = float("nan")
    distance: float = float("nan")
    distance_error: float = float("nan")
    counterpart: str = ""
    compared: int = 0
    shrinkage: tuple[Shrinkage, ...] = ()
    published: float = float("nan")
    spread: float = float("nan")

    def doubts(self) -> tuple[str, ...]:
        """Why the method is not to be used as it is, in words; none where nothing is wrong."""
        found = []
        if self.scatter + 2 * self.scatter_error > self.spread:
            found.append(
                f"{self.name}: no better than one answer to every catalogue (scatter {self.scatter:.4f} ± "
                f"{self.scatter_error:.4f}, spread of the truths {self.spread:.4f}); train longer or on more catalogues"
            )
        if np.isfinite(self.coverage_68) and not self.coverage_holds():
            found.append(
                f"{self.name}: its 68% and 95% intervals hold the truth in {self.coverage_68:.0%} and "
                f"{self.coverage_95:.0%} of {self.catalogues:,} catalogues; do not use its widths"
            )
        return tuple(found)

    def coverage_holds(self, sigma: float = 3.0) -> bool:
        """Whether both coverages lie within `sigma` binomial standard deviations of what they should be."""
        found = ((self.coverage_68, 0.68), (self.coverage_95, 0.95))
        return all(abs(c - p) <= sigma * np.sqrt(p * (1 - p) / self.catalogues) for c, p in found)


@dataclass(frozen=True)
class Exact:
    """Exact posterior means of some test catalogues.

    Parameters
    ----------
    level : str
        Of the information ladder.
    index : ndarray of int, shape (n,)
        Of the test catalogues.
    mean, std : ndarray, shape (n,)
    effective : float
        Draws behind each mean.
    """

    level: str
    index: Array
    mean: Array
    std: Array
    effective: float


def score(
    name: str,
    words: str,
    kind: str,
    found: Array,
    truth: Array,
    *,
    std: Array | None = None,
    below: Array | None = None,
) -> Score:
    """Score of predictions (P,) of true values (P,).

    Parameters
    ----------
    name, words, kind : str
    found, truth : ndarray, shape (P,)
    std : ndarray, shape (P,), optional
        Posterior widths.
    below : ndarray, shape (P,), optional
        Posterior probability below the truth.
    """
    error = np.asarray(found) - np.asarray(truth)
    size = len(error)
    scatter = float(error.std(ddof=1))
    fourth = float(np.mean((error - error.mean()) ** 4))
    spread = np.sqrt(max(fourth - scatter**4, 0.0) / size) / (2 * scatter)
    base = Score(
        name=name,
        words=words,
        kind=kind,
        catalogues=size,
        scatter=scatter,
        scatter_error=float(spread),
        bias=float(error.mean()),
        bias_error=scatter / np.sqrt(size),
        spread=float(np.std(truth, ddof=1)),
    )
    if below is None or not np.isfinite(below).all():
        return base
    inside = np.abs(2 * np.asarray(below) - 1)
    width = float("nan") if std is None else float(np.mean(std))
    return replace(
        base, width=width, coverage_68=float(np.mean(inside < 0.68)), coverage_95=float(np.mean(inside < 0.95))
    )


def against_exact(base: Score, found: Predictions, truth: Array, exact: Exact) -> Score:
    """The same score held against exact posterior means; `found` and `truth` (P,) of all test catalogues."""
    mine, true = found.take(exact.index), np.asarray(truth)[exact.index]
    difference = (mine.mean - exact.mean) / exact.std.mean()
    noise = float(np.mean(exact.std**2)) / exact.effective / exact.std.mean() ** 2
    square = float(np.mean(difference**2))
    distance = np.sqrt(max(square - noise, 0.0))
    error = float(np.std(difference**2)) / np.sqrt(len(difference)) / (2 * max(distance, 1e-6))
    return replace(
        base,
        distance=float(distance),
        distance_error=error,
        counterpart=exact.level,
        compared=len(difference),
        shrinkage=shrinkage_test(mine, exact.mean, true) if len(true) >= FEWEST else (),
    )
