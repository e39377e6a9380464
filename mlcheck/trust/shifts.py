"""Other worlds than the one a network was trained in: libraries, mass functions, and faults of known kinds."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecast.config.load import Config
from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.cosmology.mass_function import ORDINARY

from ..data.draws import Drawn, changed, draw
from .count_response import cluster_order

LIBRARIES = ("nv22_table2", "magneticum", "flamingo", "tng")
_BREAK, _SCATTER, _MISSING, _LABEL = 0.15, 1.5, 0.2, 0.03


@dataclass(frozen=True)
class World:
    """One way in which catalogues can differ.

    Parameters
    ----------
    name : str
    kind : str
        "library", "mass function", "break", "scatter", "truncated" or "labels".
    tables : dict
        Keys of the configuration that differ.
    spoil : callable, optional
        What is done to drawn catalogues.
    """

    name: str
    kind: str
    tables: dict[str, Any]
    spoil: Callable[[Drawn], Drawn] | None = None

    def draw(self, config: Config, case: str, size: int, *, seed: int) -> Drawn | None:
        """About `size` catalogues; None for a survey that cannot be like that."""
        try:
            drawn = draw(changed(config, **self.tables), case, size, name=self.name, seed=seed)
        except InputError:
            return None
        return drawn if self.spoil is None else self.spoil(drawn)


def natures(config: Config) -> tuple[World, ...]:
    """Worlds that nature could be: the same survey with other libraries of residuals, or another mass function."""
    own = config.library.name if config.library is not None else "nv22_table2"
    found = [World(f"library {name}", "library", _with_library(config, name)) for name in LIBRARIES if name != own]
    others = [name for name in ORDINARY if name != config.mass_function]
    return (*found, *(World(f"mass function {name}", "mass function", {"mass_function": name}) for name in others))


def faults(config: Config) -> tuple[World, ...]:
    """Worlds that no one wants: shifted breaks, wrong scatters, truncated catalogues, wrong labels; and `natures`."""
    found = [*natures(config)]
    dump = config.model_dump(mode="json", exclude_unset=True)
    selection = dump.get("selection", {})
    log_break = config.setup.selection.log_break
    if log_break is not None and "break_mass" in selection:
        for sign in (1, -1):
            mass = f"{log_break + sign * _BREAK:.4f} log10 Msun/h"
            tables = {"selection": {**selection, "break_mass": mass}}
            found.append(World(f"break mass {sign * _BREAK:+g} dex", "break", tables))
    for name, line in dump["relations"].items():
        if isinstance(line, dict) and isinstance(line.get("scatter"), float):
            for factor in (_SCATTER, 1 / _SCATTER):
                relations = deepcopy(dump["relations"])
                relations[name]["scatter"] *= factor
                words = f"scatter of {name} x {factor:.2f}"
                found.append(World(words, "scatter", {"relations": relations}))
    found.append(World(f"the faintest {_MISSING:.0%} of the clusters missing", "truncated", {}, truncated))
    for sign in (1, -1):
        found.append(World(f"sigma8 labelled {sign * _LABEL:+g}", "labels", {}, _relabelled(sign * _LABEL)))
    found.append(World("labels of sigma8 permuted", "labels", {}, permuted))
    return tuple(found)


def _with_library(config: Config, name: str) -> dict[str, Any]:
    """Tables of a configuration with another library: scatters and correlations are the library's."""
    relations = deepcopy(config.model_dump(mode="json", exclude_unset=True)["relations"])
    relations.pop("correlation", None)
    for line in relations.values():
        if isinstance(line, dict):
            line.pop("scatter", None)
    return {"library": {"name": name}, "relations": relations}


def truncated(drawn: Drawn) -> Drawn:
    """Without the faintest clusters of every catalogue."""
    found, mocks = drawn.catalogues, drawn.mocks
    order = np.lexsort((-mocks.log_lx, mocks.row))
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order)) - (np.cumsum(mocks.size) - mocks.size)[mocks.row]
    kept = rank < np.ceil((1 - _MISSING) * mocks.size)[mocks.row]
    return replace(drawn, catalogues=found.keep(kept[cluster_order(found, mocks)]), mocks=mocks.kept(kept))


def _relabelled(shift: float) -> Callable[[Drawn], Drawn]:
    return lambda drawn: _labelled(drawn, drawn.sigma8 + shift)


def permuted(drawn: Drawn) -> Drawn:
    """With the sigma8 of other catalogues."""
    return _labelled(drawn, np.roll(drawn.sigma8, len(drawn.sigma8) // 2))


def _labelled(drawn: Drawn, sigma8: Array) -> Drawn:
    parameters = {**drawn.catalogues.parameters, "sigma8": sigma8}
    return replace(drawn, catalogues=replace(drawn.catalogues, parameters=parameters))
