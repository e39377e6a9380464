"""The information ladder: likelihoods of more and more detailed data, each normalised over all data.

All are functions of one forward model and are vectorised over parameter vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..core.errors import InputError, nearest
from ..model.forward import ForwardModel, forward_model
from ..model.setup import Setup
from ..survey.redshift_bins import Product
from .available import Share, partial_words, require
from .binned import Binned
from .bins import bin_models
from .counts import Counts
from .data import Data
from .level import Level, Likelihood
from .level_name import LEVELS, LevelName
from .point_process import Full, FullWithLensing, PointProcess
from .selfcal import SelfCal
from .unbinned import Unbinned

_CLASSES: dict[str, type[Level]] = {one.name: one for one in (Counts, SelfCal, Binned, Unbinned, Full, FullWithLensing)}
_OF_CLUSTERS: dict[str, type[Unbinned] | type[PointProcess]] = {
    one.name: one for one in (Unbinned, Full, FullWithLensing)
}
_KINDS = ("norm", "slope", "scatter", "evolution")
POINT_LEVELS = tuple(name for name, one in _CLASSES.items() if one.of_clusters)
"""Levels whose data are every observable of each cluster."""
CLUSTER_LEVELS = tuple(_OF_CLUSTERS)
"""Levels whose data are observables of single clusters."""


def level_class(level: str) -> type[Level]:
    """Class of a level.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if level not in LEVELS:
        raise InputError(f"level '{level}' is unknown; {nearest(level, LEVELS)}")
    return _CLASSES[level]


def cluster_level(level: str) -> type[Unbinned] | type[PointProcess]:
    """Class of a level that knows single clusters.

    Raises
    ------
    InputError
        If the level does not.
    """
    if level not in CLUSTER_LEVELS:
        raise InputError(f"level '{level}' has no saliency of single clusters; {nearest(level, CLUSTER_LEVELS)}")
    return _OF_CLUSTERS[level]


def quick_levels(setup: Setup) -> tuple[str, ...]:
    """Levels whose information is no Monte Carlo: from the number of clusters to every Y_X."""
    return tuple(level for level in levels_of(setup) if not issubclass(level_class(level), PointProcess))


def levels_of(setup: Setup) -> tuple[str, ...]:
    """Levels for which a setup has data: `full+wl` needs weak-lensing masses."""
    return tuple(name for name, one in _CLASSES.items() if setup.weak_lensing is not None or not one.lensing)


def own_level(setup: Setup, level: str) -> str:
    """What a level comes to of several surveys in one without weak-lensing masses: `full` for `full+wl`."""
    return level if setup.weak_lensing is not None or level != LevelName.FULL_WL else str(LevelName.FULL)


def at_level(model: ForwardModel, level: str) -> ForwardModel:
    """The model with parameters that no datum of a level depends on fixed."""
    relations, one = model.setup.relations, level_class(level)
    idle = [] if one.lensing else [f"{kind}_wl" for kind in _KINDS]
    if not one.of_clusters:
        unused = [n for n, c in zip(relations.names, relations.combination, strict=True) if not c and n != "lx"]
        idle += [f"{kind}_{name}" for kind in _KINDS for name in unused]
        idle += [] if set(relations.on_mass_scale) - set(unused) else ["mass_scale"]
    if not set(idle) & set(model.parameters.names):
        return model
    return forward_model(replace(model.setup, parameters=model.parameters.without(idle)))


def shares(level: str, data: Data, names: Sequence[str]) -> tuple[Share, ...]:
    """How many clusters have each observable that a level needs, in a survey with relations of `names`."""
    one = level_class(level)
    if one.of_clusters and data.points is None:
        return ()
    return tuple(Share(name, one.number_with(data, name, names), data.size) for name in one.needed(names))


def level_words(level: str, of: Sequence[Share], whole: str) -> str:
    """What a level used, in words: `whole` where every cluster has all of it, else how many have what."""
    return partial_words(of, level_class(level).proxy_words) if any(share.partial for share in of) else whole


def require_data(level: str, setup: Setup, data: Data) -> None:
    """Refuse a level of which `data` hold nothing.

    Raises
    ------
    InputError
        If no cluster has one of its observables, or they cannot be used; where a setup has no weak lensing at all,
        `PointDensity` says so.
    """
    one = level_class(level)
    if fault := one.fault(data):
        raise InputError(fault)
    if setup.weak_lensing is not None or not one.lensing:
        require(level, shares(level, data, setup.relations.names), one.fewer)


def likelihood(level: str, model: ForwardModel, data: Data) -> Likelihood:
    """Likelihood of one level.

    Raises
    ------
    InputError
        If the level is unknown, or needs data that are not there.
    """
    one = level_class(level)
    require_data(level, model.setup, data)
    parts = () if one.of_clusters else bin_models(model)
    if not parts:
        return one(model, data)
    if len(data.bins) != len(parts):
        raise InputError(f"a survey of {len(parts)} redshift bins needs the data of each, got {len(data.bins)}")
    factors = [one(part, mine) for part, mine in zip(parts, data.bins, strict=True)]
    return Product(factors, one.name, model.parameters)
