"""Catalogues drawn from a survey's forward model: as a network sees them, and as the statistics do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.config.load import Config, parse_config
from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.core.rng import generator
from forecast.model.forward import forward_model
from forecast.model.mocks import Mocks
from forecast.relations.gas_profiles import load_profiles
from forecast.suite.columns import Sampler, cluster_columns

from .catalogues import Catalogues, assemble, to_mocks
from .dataset import Source
from .layout import Layout, layout_in

_CHUNK = 500


@dataclass(frozen=True)
class Drawn:
    """The same catalogues twice; those without a cluster are left out.

    Parameters
    ----------
    name : str
    catalogues : Catalogues
        With their true parameters.
    mocks : Mocks
    """

    name: str
    catalogues: Catalogues
    mocks: Mocks

    @property
    def sigma8(self) -> Array:
        """True sigma8 of each catalogue, shape (P,)."""
        return self.catalogues.sigma8

    @classmethod
    def of_source(cls, source: Source, case: str, index: Array, *, seed: int) -> Drawn:
        """Catalogues `index` (ascending) of those in a suite that have clusters."""
        chosen = source.read(case, seed=seed).take(np.sort(index))
        return cls(source.suite.manifest.name, chosen, source.mocks(chosen.number))


def draw(config: Config, case: str, size: int, *, name: str, seed: int) -> Drawn:
    """About `size` catalogues with all parameters from the prior.

    Raises
    ------
    InputError
        If the survey lacks features of the case, or not one catalogue has a cluster.
    """
    model, parts = forward_model(config.setup), []
    sampler, layout = Sampler(model, load_profiles()), survey_layout(config, case)
    theta = model.parameters.draw(size, rng=generator(seed, "draw parameters"))
    for i in range(0, size, _CHUNK):
        clusters, table = sampler.draw(theta[i : i + _CHUNK], i, rng=generator(seed, "draw", i))
        filled = {key: values[table["size"] > 0] for key, values in table.items()}
        if len(filled["size"]):
            seen = assemble(layout, clusters, filled, model.parameters.names, seed=seed)
            parts.append((seen, to_mocks(clusters, filled["size"], config.setup.relations.names)))
    if not parts:
        raise InputError(f"{name}: not one of {size} catalogues has a cluster; draw more, or from a larger survey")
    return Drawn(name, Catalogues.joined([c for c, _ in parts]), Mocks.stacked([m for _, m in parts]))


def survey_layout(config: Config, case: str) -> Layout:
    """Layout of a case for a survey."""
    columns = [column.name for column in cluster_columns(config.setup, load_profiles())]
    return layout_in(config.setup, columns, case)


def changed(config: Config, **tables: object) -> Config:
    """The configuration with some of its keys replaced, checked anew.

    Examples
    --------
    >>> from forecast.config.load import load_config
    >>> changed(load_config("nv22_magneticum"), library={"name": "tng"}).library.name
    'tng'
    """
    return parse_config({**config.model_dump(mode="json", exclude_unset=True), **tables}, source=config.title)
