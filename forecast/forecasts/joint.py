"""Joint forecast of Om0 and sigma8 by level: Fisher matrices, S8 and the combination measured best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..config.load import Config
from ..core.arrays import Array
from ..core.parameters import Parameter, ParameterSet
from ..core.priors import Prior
from ..core.records import Provenance
from ..likelihoods.derived import S8_DENSITY, fisher_degeneracy, fisher_s8
from ..likelihoods.fisher import Fisher, fisher_matrices
from ..likelihoods.level_name import Bound
from ..likelihoods.levels import levels_of, quick_levels
from ..model.forward import forward_model
from ..model.mean_density import expected_number
from ..model.setup import Setup

FREED = Prior("flat", low=0.15, high=0.45)
"""Prior of Om0 where the configuration does not free it, as far as the mass function allows it."""
GAUSSIAN = "In the ellipses flat priors are Gaussians of equal variance; dashed lines are their bounds."


@dataclass(frozen=True)
class JointLevel:
    """What one level says about Om0 and sigma8 together, all else marginalised over.

    Parameters
    ----------
    level : str
    covariance : ndarray, shape (2, 2)
        Of Om0 and sigma8, in this order.
    s8, s8_std : float
        sigma8 (Om0/0.3)^0.5.
    power, combined, combined_std : float
        sigma8 (Om0/0.3)^power is the combination that does not correlate with Om0.
    """

    level: str
    covariance: Array
    s8: float
    s8_std: float
    power: float
    combined: float
    combined_std: float

    @property
    def std(self) -> tuple[float, float]:
        """Standard deviations of Om0 and sigma8."""
        return math.sqrt(self.covariance[0, 0]), math.sqrt(self.covariance[1, 1])


@dataclass(frozen=True)
class JointForecast:
    """Joint forecast of one survey by level, the prior first.

    Parameters
    ----------
    title : str
    expected_count : float
    Om0, sigma8 : float
        Fiducial values, where the ellipses are centred.
    bounds : tuple
        (low, high) of the priors of Om0 and sigma8; None for one that is not flat.
    levels : tuple of JointLevel
    notes : tuple of str
    """

    title: str
    expected_count: float
    Om0: float
    sigma8: float
    bounds: tuple[tuple[float, float] | None, tuple[float, float] | None]
    levels: tuple[JointLevel, ...]
    notes: tuple[str, ...]
    provenance: Provenance | None = None


def density_prior(setups: Iterable[Setup]) -> Prior:
    """Prior with which Om0 is freed: `FREED`, from where on mass functions are calibrated for all of some surveys."""
    lowest = max(setup.matter_densities[0] for setup in setups)
    return replace(FREED, low=max(FREED.low or 0.0, math.ceil(100 * lowest) / 100))


def with_free_density(setup: Setup, prior: Prior | None = None) -> tuple[Setup, tuple[str, ...]]:
    """The survey with Om0 free, by default with `density_prior`, and what had to be assumed for it."""
    parameters = setup.parameters
    kept = [n for n in ("h", "ns") if n not in parameters.names]
    fixed = (f"{' and '.join(kept)} fixed at the configured values.",) if kept else ()
    fiducial = setup.fixed_density
    if fiducial is None:
        return setup, fixed
    prior = density_prior([setup]) if prior is None else prior
    freed = parameters.with_free(Parameter("Om0", fiducial, prior))
    note = f"Om0 is not free in this configuration: freed with a flat prior, {prior.low:g} to {prior.high:g}."
    return replace(setup, parameters=freed), (note, *fixed)


def joint_level(level: str, fisher: Fisher) -> JointLevel:
    """Ellipse and derived parameters of one Fisher matrix in which Om0 and sigma8 are free."""
    at = [fisher.parameters.names.index(name) for name in ("Om0", "sigma8")]
    line = fisher_degeneracy(fisher)
    shift = (line.density / S8_DENSITY) ** line.power
    covariance, power = fisher.covariance[np.ix_(at, at)], line.power + 0.0  # no minus zero
    s8, s8_std = fisher_s8(fisher)
    return JointLevel(
        level,
        covariance=covariance,
        s8=s8,
        s8_std=s8_std,
        power=power,
        combined=line.value * shift,
        combined_std=line.std * shift,
    )


def compute_joint(
    config: Config, progress: Callable[[int, int], None] | None = None, *, quick: bool = False
) -> JointForecast:
    """Joint forecast of Om0 and sigma8 of a configuration; Om0 is freed where it is not.

    `quick`: levels up to every Y_X.
    """
    setup, notes = with_free_density(config.setup)
    model = forward_model(setup)
    names = (Bound.PRIOR, *(quick_levels(setup) if quick else levels_of(setup)))
    found: list[JointLevel] = []
    for level, fisher in zip(names, fisher_matrices(names, model), strict=True):
        found.append(joint_level(level, fisher))
        if progress is not None:
            progress(len(found), len(names))
    parameters = setup.parameters
    Om0, sigma8 = (float(parameters.fiducial[parameters.names.index(name)]) for name in ("Om0", "sigma8"))
    count = expected_number(model)
    bounds = flat_bounds(parameters, "Om0"), flat_bounds(parameters, "sigma8")
    return JointForecast(
        title=config.title,
        expected_count=count,
        Om0=Om0,
        sigma8=sigma8,
        bounds=bounds,
        levels=tuple(found),
        notes=(*notes, GAUSSIAN),
    )


def flat_bounds(parameters: ParameterSet, name: str) -> tuple[float, float] | None:
    """Bounds of a parameter's prior; None if it is not flat."""
    prior = parameters.free[parameters.names.index(name)].prior
    return prior.bounds if prior.kind == "flat" else None
