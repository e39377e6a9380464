"""Does a single cluster's terse value carry sigma8 at fixed mass? (NV22 appendix B: an overspecialised network's does.)

In an honest suite sigma8 changes how many clusters there are of each mass, and nothing else: given its true mass,
redshift and the other parameters of its catalogue, a cluster's observables do not depend on sigma8. This holds for
every selection, as the chance of selection depends on sigma8 through none of these (contaminants of a flux-limited
survey, which have no mass, are the exception). So the part of a terse value that
they do not predict must be uncorrelated with the part of sigma8 that they do not predict. Both parts are taken by
least squares over all clusters, with smooth functions: a cluster of given mass is likelier from a catalogue of one
sigma8 than of another, and bins in mass would leave that in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from ..attribution.terse import terse_values
from ..data.catalogues import Catalogues
from ..networks.saving import Trained
from .conditions import conditions_of, design, standardised

_SMALL = 1e-9


@dataclass(frozen=True)
class LeakPlan:
    """Settings of the test.

    Parameters
    ----------
    permutations : int
        Of sigma8 between whole catalogues.
    false_alarms : float
        How often an honest network is caught.
    knots : int
        Pieces of the smooth functions of mass and redshift.
    nuisances : bool
        Condition on the catalogue's other parameters too. They scatter whole catalogues at fixed mass, which hides
        small leaks; free parameters of the mass function other than sigma8 would feign one.

    Raises
    ------
    InputError
        If the false-alarm rate is finer than the permutations resolve.
    """

    permutations: int = 999
    false_alarms: float = 0.01
    knots: int = 6
    nuisances: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms < 1 or self.false_alarms * (self.permutations + 1) < 1 - _SMALL:
            raise InputError(
                f"{self.permutations} permutations cannot give a false-alarm rate of {self.false_alarms:g}; "
                f"take at least {np.ceil(1 / max(self.false_alarms, 1e-6)) - 1:.0f}, and a rate between 0 and 1"
            )


@dataclass(frozen=True)
class Leak:
    """Outcome of the test.

    Parameters
    ----------
    statistic : float
        Squared distance of the association from zero in its own standard errors, three directions together: sigma8,
        its square, and its product with log mass.
    threshold : float
        Above which the network is caught.
    p_value : float
        Chance of such a statistic without a leak: (1 + permutations at least as large) / (1 + permutations).
    false_alarms : float
    correlation, correlation_error : float
        Partial correlation of single clusters' values with sigma8, and its standard error (catalogues independent).
    catalogues, clusters : int
    conditions : tuple of str
        What is held fixed.
    null : ndarray, shape (permutations,)
        Statistics without a leak.
    sigma8, residual : ndarray, shape (P,)
        True sigma8, and mean over each catalogue of what the conditions do not predict, in standard deviations of
        the values.
    """

    statistic: float
    threshold: float
    p_value: float
    false_alarms: float
    correlation: float
    correlation_error: float
    catalogues: int
    clusters: int
    conditions: tuple[str, ...]
    null: Array
    sigma8: Array
    residual: Array

    @property
    def caught(self) -> bool:
        """Whether values of single clusters carry sigma8."""
        return self.statistic > self.threshold

    @property
    def verdict(self) -> str:
        """One sentence."""
        words = "carries" if self.caught else "does not detectably carry"
        return (
            f"a single cluster's value {words} sigma8 at fixed {', '.join(self.conditions)}: statistic "
            f"{self.statistic:.1f} against a threshold of {self.threshold:.1f} ({self.false_alarms:.2g} false alarms), "
            f"p = {self.p_value:.2g}, partial correlation {self.correlation:+.4f} +- {self.correlation_error:.4f}"
        )


def network_leak(
    trained: Trained, catalogues: Catalogues, plan: LeakPlan | None = None, *, rng: np.random.Generator
) -> Leak:
    """Test the terse value of a trained network on catalogues that it was not trained on."""
    return leak(terse_values(trained, catalogues).values, catalogues, plan, rng=rng)


def leak(values: Array, catalogues: Catalogues, plan: LeakPlan | None = None, *, rng: np.random.Generator) -> Leak:
    """Test any one number for each cluster.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The terse value, or a feature that bypasses it.
    catalogues : Catalogues
        Simulated ones, with true masses. Redshifts are conditioned on where they are among the features.
    plan : LeakPlan, optional
    rng : numpy.random.Generator
        Of the permutations.

    Raises
    ------
    InputError
        If there are too few catalogues, or masses or sigma8 are unknown.
    """
    plan = plan or LeakPlan()
    conditions = conditions_of(catalogues, plan.nuisances)
    sums = Sums.of(np.asarray(values, dtype=float), catalogues, design(conditions, catalogues, plan.knots))
    sigma8 = standardised(catalogues.sigma8)
    statistic = float(sums.statistic(sigma8[None])[0])
    chunk = max(1, 2_000_000 // len(sigma8))
    orders = [rng.permuted(np.tile(sigma8, (min(chunk, plan.permutations - i), 1)), axis=1)
              for i in range(0, plan.permutations, chunk)]  # fmt: skip
    null = np.concatenate([sums.statistic(order) for order in orders])
    allowed = int(np.floor(plan.false_alarms * (plan.permutations + 1) + _SMALL))
    correlation, error = sums.correlation(sigma8)
    return Leak(
        statistic=statistic,
        threshold=float(np.sort(null)[-allowed]),
        p_value=float((1 + np.sum(null >= statistic)) / (1 + plan.permutations)),
        false_alarms=plan.false_alarms,
        correlation=correlation,
        correlation_error=error,
        catalogues=len(catalogues),
        clusters=len(values),
        conditions=tuple(conditions),
        null=null,
        sigma8=catalogues.sigma8,
        residual=sums.residual[:, 0] / catalogues.size,
    )


@dataclass(frozen=True)
class Sums:
    """Sums over the clusters of each of P catalogues, all that statistics under permuted sigma8 need.

    A direction k is a function of sigma8 times a power u_k of mass; its part that X conditions do not predict is
    called free.

    Parameters
    ----------
    residual : ndarray, shape (P, 3)
        Of r u_k, with r what the conditions do not predict of a value.
    scatter : ndarray, shape (P,)
        Of r^2.
    mixed : ndarray, shape (P, X)
        Of r times the conditions.
    conditions : ndarray, shape (P, 3, X)
        Of u_k times the conditions.
    size : ndarray, shape (P,)
    inverse : ndarray, shape (X, X)
        Of the matrix of products of conditions, over all clusters.
    """

    residual: Array
    scatter: Array
    mixed: Array
    conditions: Array
    size: Array
    inverse: Array

    @classmethod
    def of(cls, values: Array, catalogues: Catalogues, matrix: Array) -> Sums:
        """From values (n,) and conditions (n, X)."""
        matrix = matrix / np.sqrt(np.mean(matrix**2, axis=0))
        inverse = np.linalg.pinv(matrix.T @ matrix, rcond=1e-10, hermitian=True)
        values = standardised(values)
        free = values - matrix @ (inverse @ (matrix.T @ values))
        mass = standardised(catalogues.log_mass.astype(float))
        first = catalogues.first

        def total(x: Array) -> Array:
            return np.add.reduceat(x, first, axis=0)

        plain, leaning = total(matrix), total(matrix * mass[:, None])
        residual, tilted = total(free), total(free * mass)
        return cls(
            residual=np.column_stack([residual, residual, tilted]),
            scatter=total(free**2),
            mixed=total(matrix * free[:, None]),
            conditions=np.stack([plain, plain, leaning], axis=1),
            size=catalogues.size.astype(float),
            inverse=inverse,
        )

    def scores(self, sigma8: Array) -> Array:
        """Contribution of each catalogue to the association, shape (B, P, 3), for standardised sigma8 (B, P)."""
        functions = np.stack([sigma8, sigma8**2 - 1, sigma8], axis=2)
        slope = np.einsum("bpk,pkx->bkx", functions, self.conditions, optimize=True) @ self.inverse
        scores: Array = functions * self.residual - np.einsum("px,bkx->bpk", self.mixed, slope, optimize=True)
        return scores

    def statistic(self, sigma8: Array) -> Array:
        """S V^-1 S with S the sum of the scores and V that of their squares, shape (B,)."""
        scores = self.scores(sigma8)
        total, square = scores.sum(axis=1), np.einsum("bpk,bpl->bkl", scores, scores, optimize=True)
        statistic: Array = np.einsum("bk,bk->b", total, np.linalg.solve(square, total[..., None])[..., 0])
        return statistic

    def correlation(self, sigma8: Array) -> tuple[float, float]:
        """Partial correlation with standardised sigma8 (P,), and its standard error."""
        score = self.scores(sigma8[None])[0, :, 0]
        slope = self.inverse @ (sigma8 @ self.conditions[:, 0])
        square = sigma8 * (sigma8 * self.size - self.conditions[:, 0] @ slope)
        sizes = self.scatter.sum(), square.sum()
        scale = np.sqrt(sizes[0] * sizes[1])
        value = score.sum() / scale
        influence = score / scale - 0.5 * value * (self.scatter / sizes[0] + square / sizes[1])
        return float(value), float(np.sqrt(np.sum(influence**2)))
