"""Scaling relations of X-ray observables with mass: power laws with correlated log-normal scatter.

log10 X = log10 X0 + alpha (log10 M - pivot) + gamma log10[E(z)/E(z0)] + residual
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .parameters import Values

Array = np.ndarray


@dataclass(frozen=True)
class PowerLaw:
    """One observable's mean relation and intrinsic scatter.

    Parameters
    ----------
    log_norm : float
        log10 of the observable (package units) at the pivot mass and the reference redshift.
    slope : float
        Exponent of M500c.
    evolution : float
        Exponent gamma of E(z)/E(z0).
    scatter : float
        Standard deviation of log10 of the observable at fixed mass, in dex.
    """

    log_norm: float
    slope: float
    evolution: float
    scatter: float

    def __post_init__(self) -> None:
        if not self.slope > 0 or not self.scatter > 0:
            raise InputError(f"a scaling relation needs slope > 0 and scatter > 0 dex, got {self}")


@dataclass(frozen=True)
class Line:
    """A relation at given parameter values; every field broadcasts to shape (P,)."""

    log_norm: Array
    slope: Array
    evolution: Array
    scatter: Array

    def mean(self, log_mass: Array, log_growth: Array) -> Array:
        """Mean log10 of the observable; `log_mass` relative to the pivot, shape (P or 1, ...).

        `log_growth` is log10 E(z)/E(z0) and broadcasts against `log_mass`.
        """

        def column(x: Array) -> Array:
            return np.reshape(x, (-1,) + (1,) * (np.ndim(log_mass) - 1))

        return column(self.slope) * log_mass + (column(self.log_norm) + column(self.evolution) * log_growth)


@dataclass(frozen=True)
class Lines:
    """L_X and Y_X relations at given parameter values, and the correlation of their residuals."""

    lx: Line
    yx: Line
    correlation: Array


@dataclass(frozen=True)
class Relations:
    """Relations of (L_X, T, M_gas), or of L_X and Y_X where only that is known.

    Parameters
    ----------
    pivot : float
        log10 of the pivot mass, Msun/h.
    z0 : float
        Reference redshift of the normalisations.
    lx : PowerLaw
    t, mgas : PowerLaw or None
        Y_X = T M_gas follows from both.
    yx : PowerLaw or None
        Y_X given directly.
    lx_t, lx_mgas, t_mgas, lx_yx : float
        Correlations of the residuals at fixed mass (`lx_yx` only with `yx`).
    """

    pivot: float
    z0: float
    lx: PowerLaw
    t: PowerLaw | None = None
    mgas: PowerLaw | None = None
    yx: PowerLaw | None = None
    lx_t: float = 0.0
    lx_mgas: float = 0.0
    t_mgas: float = 0.0
    lx_yx: float = 0.0

    def __post_init__(self) -> None:
        if (self.yx is None) == (self.t is None or self.mgas is None):
            raise InputError("relations: give either relations.yx, or both relations.t and relations.mgas")
        if self.yx is not None and (self.t is not None or self.mgas is not None):
            raise InputError("relations: relations.yx excludes relations.t and relations.mgas")
        matrix = np.array(
            [[1, self.lx_t, self.lx_mgas], [self.lx_t, 1, self.t_mgas], [self.lx_mgas, self.t_mgas, 1]]
        )
        if np.linalg.eigvalsh(matrix)[0] <= 0 or abs(self.lx_yx) >= 1:
            raise InputError(
                "relations.correlation: the correlations are not those of any distribution "
                f"(lx_t={self.lx_t}, lx_mgas={self.lx_mgas}, t_mgas={self.t_mgas}, lx_yx={self.lx_yx}); "
                "the correlation matrix must be positive definite"
            )

    def at(self, v: Values) -> Lines:
        """Relations of L_X and Y_X at parameter values `v`; Y_X = T M_gas (Kravtsov et al. 2006)."""
        lx = Line(
            self.lx.log_norm + np.log10(v.norm_lx),
            self.lx.slope * np.asarray(v.slope_lx),
            self.lx.evolution + np.asarray(v.evolution_lx),
            self.lx.scatter * np.asarray(v.scatter_lx),
        )
        if self.yx is not None:
            yx, correlation = self.yx, np.asarray(self.lx_yx)
            log_norm, slope, evolution, scatter = (
                np.asarray(x) for x in (yx.log_norm, yx.slope, yx.evolution, yx.scatter)
            )
        else:
            log_norm, slope, evolution, scatter, correlation = self._product(v)
        line = Line(
            log_norm + np.log10(v.norm_yx),
            slope * v.slope_yx,
            evolution + v.evolution_yx,
            scatter * v.scatter_yx,
        )
        return Lines(lx, line, correlation)

    def _product(self, v: Values) -> tuple[Array, Array, Array, Array, Array]:
        """Norm, slope, evolution, scatter of T M_gas, and its residual's correlation with L_X's."""
        t, mgas = self.t, self.mgas
        assert t is not None and mgas is not None
        sigma_t, sigma_g = t.scatter * np.asarray(v.scatter_t), mgas.scatter * np.asarray(v.scatter_mgas)
        scatter = np.sqrt(sigma_t**2 + sigma_g**2 + 2 * self.t_mgas * sigma_t * sigma_g)
        return (
            t.log_norm + mgas.log_norm + np.log10(v.norm_t) + np.log10(v.norm_mgas),
            t.slope * np.asarray(v.slope_t) + mgas.slope * np.asarray(v.slope_mgas),
            t.evolution + mgas.evolution + np.asarray(v.evolution_t) + v.evolution_mgas,
            scatter,
            (self.lx_t * sigma_t + self.lx_mgas * sigma_g) / scatter,
        )
