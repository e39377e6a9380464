"""Plans of suites: which catalogues to draw, in which shards, and what the manifest says of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..config.digest import model_digest
from ..config.load import Config
from ..core.arrays import Array
from ..core.errors import InputError
from ..core.files import to_plain
from ..core.parameters import ParameterSet
from ..execution.executor import Executor
from ..model.forward import forward_model
from ..model.setup import Setup
from ..relations.gas_profiles import load_profiles
from .columns import Recipe, suite_columns
from .manifest import Manifest
from .shards import software

GRID_STEPS = {"sigma8": 0.01, "norm_lx": 0.1, "norm_t": 0.1, "norm_mgas": 0.1}
"""Spacing of NV22's grid (section 2.2); 23 x 6^3 = 4,968 catalogues over its flat priors."""
DRAWS = 4968
MAX_SHARDS = 5000
_USUAL_SHARDS, _USUAL_SIZE, _CLUSTERS_PER_SHARD = 2000, 128, 250_000


@dataclass(frozen=True)
class SuitePlan:
    """Which catalogues to draw, and who draws them.

    Parameters
    ----------
    grid : bool
        sigma8 and the normalisations on NV22's grid; all other parameters from the prior.
    draws : int or None
        Number of catalogues, every parameter from the prior; by default as many as on NV22's grid.
    shard_size : int or None
        Catalogues in a shard; by default 128, fewer where they are large.
    workers : int or None
    scheduler : str or None
        Who draws them; see `Executor`.
    """

    grid: bool = False
    draws: int | None = None
    shard_size: int | None = None
    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        for name, option in (("draws", "--draws"), ("shard_size", "--shard-size")):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{option} must be at least 1, got {value}")
        if self.grid and self.draws is not None:
            raise InputError("--grid and --draws exclude each other; choose one")
        Executor.chosen(self.workers, self.scheduler)


def grid_axes(parameters: ParameterSet) -> dict[str, Array]:
    """Values of sigma8 and of the normalisations on NV22's grid, over their flat priors.

    Raises
    ------
    InputError
        If one of them is not free, has no flat prior, or a prior that is no multiple of the step.
    """
    axes, free = {}, {p.name: p.prior for p in parameters.free}
    for name, step in GRID_STEPS.items():
        cure = f"write parameters.{name} = {{ flat = [LOW, HIGH] }} in the configuration, or use --draws"
        if name not in free:
            raise InputError(f"--grid needs sigma8, norm_lx, norm_t and norm_mgas free; {name} is not; {cure}")
        prior = free[name]
        if prior.kind != "flat" or prior.widening != 1:
            raise InputError(f"--grid needs flat priors; that of {name} is {prior.kind}; {cure}")
        steps = (prior.high - prior.low) / step
        if abs(steps - round(steps)) > 1e-6:
            raise InputError(
                f"--grid: the prior of {name}, {prior.low:g} to {prior.high:g}, is no multiple of {step:g} wide; {cure}"
            )
        axes[name] = np.round(prior.low + step * np.arange(round(steps) + 1), 9)
    return axes


def _mean_count(setup: Setup) -> float:
    """Expected number of clusters in a catalogue, averaged over the prior."""
    return float(forward_model(setup).expected_count(setup.parameters.sample()).mean())


def _shard_size(setup: Setup, catalogues: int) -> int:
    """Catalogues in a shard: 128, fewer if that is more than 250,000 clusters, more for very many catalogues."""
    size = max(1, min(_USUAL_SIZE, int(_CLUSTERS_PER_SHARD / max(_mean_count(setup), 1.0))))
    return max(size, math.ceil(catalogues / _USUAL_SHARDS))


def build_recipe(setup: Setup, seed: int, plan: SuitePlan) -> Recipe:
    """Resolve a plan.

    Raises
    ------
    InputError
        If the configuration has no grid, or there would be too many shards.
    """
    axes = grid_axes(setup.parameters) if plan.grid else {}
    catalogues = math.prod(len(values) for values in axes.values()) if axes else plan.draws or DRAWS
    size = plan.shard_size or _shard_size(setup, catalogues)
    if catalogues > MAX_SHARDS * size:
        least = math.ceil(catalogues / MAX_SHARDS)
        raise InputError(f"--shard-size {size} makes more than {MAX_SHARDS} shards; use at least {least}")
    return Recipe(setup=setup, seed=seed, catalogues=catalogues, shard_size=size, axes=axes)


def describe(recipe: Recipe, config: Config, name: str) -> Manifest:
    """Manifest of a suite of which nothing is finished yet."""
    setup, profiles = recipe.setup, load_profiles()
    free = {p.name: {"fiducial": p.fiducial, "prior": p.prior} for p in setup.parameters.free}
    ties = {"ties": setup.parameters.ties} if setup.parameters.ties else {}
    fixed = {key: value for key, value in to_plain(setup.parameters.fixed).items() if key not in free}
    plan = {
        "kind": "grid" if recipe.axes else "draws",
        "catalogues": recipe.catalogues,
        "shard_size": recipe.shard_size,
        "axes": recipe.axes,
    }
    return Manifest(
        name=name,
        configuration=to_plain(config.model_dump(mode="json")),
        model=model_digest(setup),
        seed=recipe.seed,
        plan=to_plain(plan),
        parameters=to_plain({"free": free, "fixed": fixed, **ties}),
        columns=to_plain(suite_columns(setup, profiles)),
        software=software(),
    )
