"""Libraries of clusters: how real or simulated clusters scatter about their mean relations.

A library is one evaluable density, used by mock catalogues and likelihoods alike: loaded, or fitted to a
sample of clusters. The built-in ones are fitted summaries of published tables, shipped as
``data/libraries.json`` with their sources and made by ``python -m forecast.relations.library_fit``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from .residuals import Residuals

OBSERVABLES = ("lx", "t", "mgas")
"""Residuals that a table of clusters must give; "core" may come from `CoreRelation`."""
NAMES = (*OBSERVABLES, "core")
"""Observables of every library, in this order."""
PIVOT = 14.4
"""log10 mass, Msun/h, at which norms are quoted."""
MIN_CLUSTERS = 50
"""Fewest clusters that make a library."""
MIN_MASS_RANGE = 0.2
"""Least range of log10 mass over which a relation can be fitted, dex."""
MAX_COMPONENTS = 4
FLOOR = 0.1
"""Least scatter of any component in any direction, in units of the robust scatter of each residual."""
_STARTS, _SEED = 30, 1


@dataclass(frozen=True)
class CoreRelation:
    """Core brightness given the L_X residual at fixed Y_X, a linear regression measured on REXCESS.

    core = mean + slope [log L_X - lx_slope log Y_X - const] + residual. In a library whose L_X scatters
    differently, `slope` and `scatter` stay as measured; the correlation and the scatter of core
    brightness then follow from that library's own L_X, T and M_gas.

    Parameters
    ----------
    lx_slope : float
        Slope of log L_X on log Y_X, about which L_X residuals at fixed Y_X are taken.
    slope : float
        dex of core brightness per dex of that residual.
    scatter : float
        Standard deviation of core brightness at a given residual, dex.
    mean : float
        Mean core brightness, dex.
    """

    lx_slope: float
    slope: float
    scatter: float
    mean: float

    def __post_init__(self) -> None:
        if not self.scatter > 0:
            raise InputError(f"a core relation needs scatter > 0 dex, got {self.scatter}")

    def extended(self, residuals: Residuals) -> Residuals:
        """Density of residuals in (lx, t, mgas) with that of core brightness appended.

        core = slope (lx - lx_slope (t + mgas)) + e, with e independent of the rest.
        """
        noise = Residuals.gaussian(("core",), np.array([[self.scatter**2]]))
        matrix = np.eye(4)
        matrix[3, :3] = self.slope * np.array([1.0, -self.lx_slope, -self.lx_slope])
        return residuals.marginal(OBSERVABLES).with_independent(noise).projected(matrix, NAMES)


@dataclass(frozen=True)
class Library:
    """Density of cluster residuals in (lx, t, mgas, core), and where it comes from.

    Parameters
    ----------
    name : str
    residuals : Residuals
        dex, of `NAMES` in this order. Core brightness is log10 of L_X within R500 over L_X in 0.15-1 R500,
        positive in reality, and its residual is about `core_mean`.
    core_mean : float
        Mean core brightness, dex.
    description : str
    references : tuple of str
    log_mass_range : tuple of two floats
        log10 M500c, Msun/h, between which the residuals were measured.

    Raises
    ------
    InputError
        If the residuals are not of `NAMES` or the range is empty.
    """

    name: str
    residuals: Residuals
    core_mean: float
    description: str
    references: tuple[str, ...]
    log_mass_range: tuple[float, float]

    def __post_init__(self) -> None:
        if self.residuals.names != NAMES:
            raise InputError(f"library {self.name}: has residuals of {self.residuals.names}, expected {NAMES}")
        if not self.log_mass_range[0] < self.log_mass_range[1]:
            raise InputError(f"library {self.name}: log_mass_range {self.log_mass_range} must increase")


def builtin_libraries() -> tuple[str, ...]:
    """Names of the libraries that ship with the package.

    >>> builtin_libraries()
    ('flamingo', 'magneticum', 'nv22_table2', 'tng')
    """
    return tuple(sorted(_shipped()["libraries"]))


def load_library(name: str) -> Library:
    """One of the built-in libraries.

    Raises
    ------
    InputError
        If there is none of this name.

    Examples
    --------
    >>> load_library("nv22_table2").residuals.scatter(14.4)[:3].round(3)
    array([0.13, 0.03, 0.1 ])
    """
    data = _shipped()
    if name not in data["libraries"]:
        raise InputError(f"library.name = '{name}' is unknown; {nearest(name, data['libraries'])}")
    record = data["libraries"][name]
    core = core_relation()
    return Library(
        name=name,
        residuals=core.extended(_residuals(record)),
        core_mean=core.mean,
        description=record["description"],
        references=(*record["references"], *data["core"]["references"]),
        log_mass_range=(record["log_mass_range"][0], record["log_mass_range"][1]),
    )


def core_relation() -> CoreRelation:
    """Core brightness as measured on the 31 clusters of REXCESS."""
    record = _shipped()["core"]
    return CoreRelation(**{key: record[key] for key in ("lx_slope", "slope", "scatter", "mean")})


def _shipped() -> dict[str, Any]:
    """What ``data/libraries.json`` holds."""
    text = resources.files("forecast.data").joinpath("libraries.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def _residuals(record: Mapping[str, Any]) -> Residuals:
    """Residuals in (lx, t, mgas) of a shipped record; what rounding left of their mean is taken out."""
    weight, mean, covariance, log_mass = (np.array(record[key]) for key in ("weight", "mean", "covariance", "log_mass"))
    weight = weight / weight.sum()
    mean = mean - np.einsum("j,gjd->gd", weight, mean)[:, None]
    return Residuals(OBSERVABLES, weight, mean=mean, covariance=covariance, log_mass=log_mass)


@dataclass(frozen=True)
class Sample:
    """Clusters from which a library is fitted.

    Parameters
    ----------
    names : tuple of str
        `OBSERVABLES`, or `NAMES` where core brightness is known.
    log_mass : ndarray, shape (N,)
        log10 M500c, Msun/h.
    observables : ndarray, shape (N, D)
        log10 of each of `names` in the units of the package; core brightness in dex.

    Raises
    ------
    InputError
        If there are too few clusters, their masses span too little, or a value is not finite.
    """

    names: tuple[str, ...]
    log_mass: Array
    observables: Array

    def __post_init__(self) -> None:
        if len(self.log_mass) < MIN_CLUSTERS:
            raise InputError(f"a library needs at least {MIN_CLUSTERS} clusters, got {len(self.log_mass)}")
        if not np.isfinite(self.log_mass).all() or not np.isfinite(self.observables).all():
            raise InputError("a library needs finite masses and observables; drop clusters that lack one")
        if np.ptp(self.log_mass) < MIN_MASS_RANGE:
            raise InputError(
                f"the masses of a library span {np.ptp(self.log_mass):.3g} dex, too few to fit relations; "
                f"at least {MIN_MASS_RANGE} dex are needed"
            )

    def relations(self) -> Array:
        """Least-squares log10 norm at 10^14.4 Msun/h and slope of each observable, shape (2, D).

        Core brightness has slope 0: its residuals are about the mean.
        """
        design = np.column_stack([np.ones_like(self.log_mass), self.log_mass - PIVOT])
        fit: Array = np.linalg.lstsq(design, self.observables, rcond=None)[0]
        core = np.array(self.names) == "core"
        fit[:, core] = np.array([self.observables[:, core].mean(axis=0), np.zeros(core.sum())])
        return fit

    def residuals(self) -> Array:
        """Residuals about `relations`, shape (N, D), dex."""
        norm, slope = self.relations()
        residuals: Array = self.observables - norm - (self.log_mass - PIVOT)[:, None] * slope
        return residuals


def fit_library(sample: Sample, name: str, references: Sequence[str] = ()) -> Library:
    """Library of a sample: a mixture of Gaussians, and core brightness as in REXCESS where the sample has none."""
    residuals, bic = fit_mixture(sample.residuals(), sample.names)
    relation, own = core_relation(), "core" in sample.names
    return Library(
        name=name,
        residuals=residuals if own else relation.extended(residuals),
        core_mean=float(sample.relations()[0, -1]) if own else relation.mean,
        description=describe(sample, bic),
        references=tuple(references) if own else (*references, *_shipped()["core"]["references"]),
        log_mass_range=(float(sample.log_mass.min()), float(sample.log_mass.max())),
    )


def describe(sample: Sample, bic: Mapping[int, float]) -> str:
    """One sentence on what was fitted."""
    slopes = ", ".join(f"{n} {s:.2f}" for n, s in zip(sample.names, sample.relations()[1], strict=True) if n != "core")
    best = min(bic, key=lambda count: bic[count])
    return (
        f"Residuals of {len(sample.log_mass)} clusters about their own power laws in mass (slopes {slopes}): "
        f"{best} Gaussian component{'s' * (best > 1)}, the number by the Bayesian information criterion"
    )


def fit_mixture(residual: Array, names: Sequence[str]) -> tuple[Residuals, dict[int, float]]:
    """Mixture of Gaussians of residuals (N, D), dex, that has their exact covariance; BIC by component count.

    The number of components, up to `MAX_COMPONENTS`, has the lowest BIC among fits whose every component
    holds at least D + 2 clusters; `FLOOR` keeps a component from collapsing on a few.
    """
    robust = 1.4826 * np.median(np.abs(residual - np.median(residual, axis=0)), axis=0)
    for name, scatter in zip(names, robust, strict=True):
        if not scatter > 0:
            raise InputError(f"a library needs scatter, but at least half of the values of '{name}' lie on one line")
    fits = {count: _mixture(residual / robust, count) for count in range(1, MAX_COMPONENTS + 1)}
    least = (residual.shape[1] + 2) / len(residual)
    bic = {n: float(fit.bic(residual / robust)) for n, fit in fits.items() if fit.weights_.min() >= least}
    best = _converged(fits[min(bic, key=lambda count: bic[count])], residual / robust)
    target = residual.T @ residual / (len(residual) - 2)
    return _with_covariance(best, target, names), bic


def _mixture(standardised: Array, components: int) -> Any:
    """Mixture fitted to standardised residuals (N, D): the most likely of many short runs."""
    from sklearn.mixture import GaussianMixture

    fit = GaussianMixture(components, reg_covar=FLOOR**2, init_params="random_from_data")
    return _run(fit.set_params(n_init=_STARTS, random_state=_SEED, tol=1e-5, max_iter=100), standardised)


def _converged(fit: Any, standardised: Array) -> Any:
    """A fit continued until it changes no more."""
    return _run(fit.set_params(warm_start=True, n_init=1, tol=1e-11, max_iter=5000), standardised)


def _run(fit: Any, standardised: Array) -> Any:
    """Run a fit on one thread, which is fastest and gives the same numbers everywhere."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit.fit(standardised)


def _with_covariance(fit: Any, target: Array, names: Sequence[str]) -> Residuals:
    """A fitted mixture, mapped linearly to mean zero and total covariance `target` (D, D); undoes units and floor."""
    weight = fit.weights_ / fit.weights_.sum()
    order = np.argsort(-weight)
    weight, mean, covariance = weight[order], fit.means_[order], fit.covariances_[order]
    mean = mean - weight @ mean
    total = np.einsum("j,jde->de", weight, covariance + mean[:, :, None] * mean[:, None, :])
    matrix = np.linalg.cholesky(target) @ np.linalg.inv(np.linalg.cholesky(total))
    covariance = np.einsum("ed,jdf,hf->jeh", matrix, covariance, matrix)
    covariance = 0.5 * (covariance + covariance.transpose(0, 2, 1))
    return Residuals.at_every_mass(names, weight, mean @ matrix.T, covariance)
