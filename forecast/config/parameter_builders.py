"""From the tables of free parameters to their joint prior."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from functools import partial

from ..core.errors import InputError, nearest
from ..core.parameters import NAMES, NORMALISATIONS, Parameter, ParameterSet, Values, contrast_names
from ..core.priors import Prior
from ..core.ties import Tie
from ..cosmology.background import LIMITS, Cosmology
from ..cosmology.parameter_grid import SHAPE_NAMES
from .chain_prior import ChainPrior
from .quantities import named
from .reach import check_prior, check_value
from .schema.parameters import ParameterConfig, PriorCorrelationConfig

SIGMA8_RANGE = (0.4, 1.4)
"""sigma8 the mass functions may be asked for."""
_FACTORS = (*NORMALISATIONS, "slope_", "scatter_", "detection_", "lowslope_")


def is_factor(name: str) -> bool:
    """Whether ln of a parameter is its natural coordinate, whatever its prior."""
    return name.startswith(_FACTORS)


def _prior(name: str, c: ParameterConfig, fiducial: float) -> Prior:
    log = is_factor(name) or c.lognormal is not None
    if c.flat is not None:
        return Prior("flat", low=c.flat[0], high=c.flat[1], log=log)
    if c.gaussian is not None:
        return Prior("gaussian", mean=fiducial, std=c.gaussian, log=log, between=c.between)
    return Prior("lognormal", mean=fiducial, std=float(c.lognormal or 0.0), log=True, between=c.between)


def build_parameters(
    table: Mapping[str, float | ParameterConfig],
    ties: Sequence[PriorCorrelationConfig],
    chains: Sequence[ChainPrior],
    cosmology: Cosmology,
    *,
    shells: int,
) -> ParameterSet:
    """Free and fixed parameters, with a density contrast for each of `shells` of the survey.

    The fiducial values of Om0, h, ns, w0 and wa are those of `cosmology`.
    """
    free, fixed = [], {}
    defaults = Values(**{name: getattr(cosmology, name) for name in SHAPE_NAMES})
    for name, entry in table.items():
        if name not in NAMES or name.startswith("density_contrast"):
            known = [n for n in NAMES if not n.startswith("density_contrast")]
            raise InputError(f"parameters.{name}: unknown parameter; {nearest(name, known)}")
        if isinstance(entry, float) or entry.value is not None:
            fixed[name] = float(entry if isinstance(entry, float) else entry.value or 0.0)
            check_value(name, fixed[name])
            continue
        fiducial = float(getattr(defaults, name)) if entry.fiducial is None else entry.fiducial
        prior = named(f"parameters.{name}", partial(_prior, name, entry, fiducial))
        check_prior(name, prior)
        free.append(Parameter(name, fiducial, prior))
    _check_sigma8(free)
    for chain in chains:
        free += _of_chain(chain, table, defaults, [p.name for p in free])
    tied = [_tie(tie, [p.name for p in free]) for tie in ties]
    tied += [Tie(c.names, tuple(map(tuple, c.correlation.tolist()))) for c in chains if len(c.names) > 1]
    if shells:
        free += [Parameter(n, 0.0, Prior("gaussian", mean=0.0, std=1.0)) for n in contrast_names(shells)]
    return ParameterSet(tuple(free), Values(**fixed), tuple(tied), tuple(words for c in chains for words in c.doubts))


def _of_chain(chain: ChainPrior, table: Container[str], defaults: Values, taken: Container[str]) -> list[Parameter]:
    """The parameters of a chain; their fiducial values are those of the cosmology, or the chain's means."""
    found = []
    for name, mean, std in zip(chain.names, chain.mean.tolist(), chain.std.tolist(), strict=True):
        known = [n for n in NAMES if not n.startswith("density_contrast")]
        if name not in known:
            raise InputError(f"prior_chain.parameters.{name}: unknown parameter; {nearest(name, known)}")
        if name == "sigma8":
            raise InputError("prior_chain.parameters.sigma8: is what is measured; multiply the chain in afterwards")
        if name in table or name in taken:
            raise InputError(f"prior_chain.parameters.{name}: has another prior already; take one of them out")
        low, high = LIMITS.get(name, (-math.inf, math.inf))
        if not low <= mean <= high:
            raise InputError(
                f"prior_chain.parameters.{name}: mean {mean:g} is outside {low:g} to {high:g}; check the column, and "
                f'write {name} = {{ column = "COLUMN", factor = 0.01 }} if its unit is another'
            )
        log, centre = is_factor(name), math.exp(mean) if is_factor(name) else mean
        prior = Prior("lognormal" if log else "gaussian", mean=centre, std=std, log=log)
        named(f"prior_chain.parameters.{name}", partial(check_prior, name, prior))
        fiducial = getattr(defaults, name) if name in SHAPE_NAMES else centre
        found.append(Parameter(name, float(fiducial), prior))
    return found


def _tie(c: PriorCorrelationConfig, free: Sequence[str]) -> Tie:
    for name in c.parameters:
        if name not in NAMES or name.startswith("density_contrast"):
            raise InputError(f"prior_correlation.parameters: '{name}' is unknown; {nearest(name, free)}")
    if isinstance(c.correlation, tuple):
        return Tie(c.parameters, c.correlation)
    if len(c.parameters) != 2:
        raise InputError(f"prior_correlation: one number is of two parameters, not {len(c.parameters)}; give a matrix")
    return Tie(c.parameters, ((1.0, c.correlation), (c.correlation, 1.0)))


def _check_sigma8(free: list[Parameter]) -> None:
    sigma8 = next((p for p in free if p.name == "sigma8"), None)
    if sigma8 is None:
        raise InputError("parameters.sigma8: must be free; write sigma8 = { fiducial = 0.81, flat = [0.70, 0.92] }")
    low, high = sigma8.prior.bounds
    if low < SIGMA8_RANGE[0] or high > SIGMA8_RANGE[1]:
        what = f"({low:g} to {high:g}) leaves it" if math.isfinite(high) else "has no ends"
        raise InputError(
            f"parameters.sigma8: the model's range is {SIGMA8_RANGE[0]} to {SIGMA8_RANGE[1]}, and the prior {what}; "
            "give a flat prior inside it, and multiply another measurement in afterwards"
        )
