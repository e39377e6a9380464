"""Data sets: a suite read for one case, divided by catalogue; or catalogues drawn as training goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from forecast.config.digest import model_digest
from forecast.config.load import Config, parse_config
from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.core.rng import generator
from forecast.execution.store import content_digest
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.mocks import Mocks
from forecast.relations.gas_profiles import load_profiles
from forecast.suite.columns import Sampler
from forecast.suite.reader import Suite, open_suite

from .catalogues import Catalogues, Prescription, assemble, to_mocks
from .layout import Layout, layout_in
from .noise import NONE, Noise

SHARES = (0.8, 0.1, 0.1)
"""Training, validation and test catalogues (NV22 section 3.2)."""


@dataclass(frozen=True)
class Split:
    """Catalogues by use, as indices into the suite, each of shape (n,)."""

    train: Array
    validate: Array
    test: Array

    @classmethod
    def of(cls, size: int, seed: int, shares: tuple[float, float, float] = SHARES) -> Split:
        """Divide `size` catalogues at random.

        Raises
        ------
        InputError
            If a part would be empty.
        """
        order = generator(seed, "split").permutation(size)
        first, second = round(size * shares[0]), round(size * (shares[0] + shares[1]))
        parts = np.split(order, [first, second])
        if min(len(part) for part in parts) < 1:
            raise InputError(f"{size} catalogues are too few to divide into training, validation and test; draw more")
        return cls(*(np.sort(part) for part in parts))


@dataclass(frozen=True)
class Source:
    """A suite on disk, and the survey that made it.

    Parameters
    ----------
    suite : Suite
    """

    suite: Suite

    @classmethod
    def open(cls, folder: str | Path) -> Source:
        """Open a suite, as `forecast.suite.reader.open_suite`."""
        return cls(open_suite(folder))

    @cached_property
    def config(self) -> Config:
        """The survey's configuration.

        Raises
        ------
        InputError
            If it makes another model today than the one that the suite was drawn from.
        """
        manifest = self.suite.manifest
        config = parse_config(manifest.configuration, f"suite '{manifest.name}'")
        if model_digest(config.setup) != manifest.model:
            raise InputError(
                f"suite '{manifest.name}': its configuration makes another model than the one it was drawn from (by "
                f"massanchor {manifest.software.get('massanchor')}); a table it reads has changed, or the package: "
                "make the suite again with --overwrite"
            )
        return config

    @cached_property
    def model(self) -> ForwardModel:
        """The survey's forward model."""
        return forward_model(self.config.setup)

    @property
    def digest(self) -> str:
        """Of all that the configuration makes of the forward model."""
        return self.suite.manifest.model

    @cached_property
    def contents(self) -> str:
        """SHA-256 of the checksums of all its files: of what the suite holds, whoever made it."""
        return content_digest(self.suite.manifest.shards)

    def layout(self, case: str) -> Layout:
        """Layout of a case."""
        columns = [column.name for column in self.suite.columns("clusters")]
        return layout_in(self.config.setup, columns, case)

    def read(
        self,
        case: str,
        *,
        seed: int,
        prescription: Prescription | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Catalogues:
        """All catalogues of the suite as a case sees them; empty ones are left out."""
        layout, parts = self.layout(case), []
        names = sorted({*layout.needed, "log_lx", "log_m500"})
        for i, shard in enumerate(self.suite.shards):
            clusters, catalogues = self.suite.clusters(shard, names), self.suite.catalogues(shard)
            filled = {name: values[catalogues["size"] > 0] for name, values in catalogues.items()}
            if len(filled["size"]):
                parameters = self.suite.parameters
                parts.append(assemble(layout, clusters, filled, parameters, seed=seed, prescription=prescription))
            if progress is not None:
                progress(i + 1, len(self.suite.shards))
        if not parts:
            raise InputError(f"{self.suite.folder}: no catalogue has a cluster; make a suite of a larger survey")
        return Catalogues.joined(parts)

    def mocks(self, numbers: Array) -> Mocks:
        """Catalogues of these numbers as `forecast` has them, in the order of their numbers."""
        names, wanted, parts = self.config.setup.relations.names, np.sort(np.asarray(numbers, dtype=int)), []
        for shard in self.suite.shards:
            table = self.suite.catalogues(shard, ["catalogue", "first", "size"])
            chosen = np.isin(table["catalogue"], wanted)
            if chosen.any():
                clusters = self.suite.clusters(shard)
                kept = np.repeat(chosen, table["size"])
                clusters = {name: values[kept] for name, values in clusters.items()}
                parts.append(to_mocks(clusters, table["size"][chosen], names))
        return Mocks.stacked(parts)


@dataclass(frozen=True)
class Simulator:
    """Catalogues drawn from the prior on the fly: a new set for every epoch, no set twice.

    Parameters
    ----------
    source : Source
        A suite of the survey; its configuration is drawn from, its layout kept.
    case : str
    seed : int
    noise : Noise
        Measurement errors that the clusters get.
    """

    source: Source
    case: str
    seed: int
    noise: Noise = NONE

    @cached_property
    def _sampler(self) -> Sampler:
        return Sampler(self.source.model, load_profiles())

    def draw(self, size: int, epoch: int) -> Catalogues:
        """`size` catalogues; the same for the same seed and epoch."""
        parameters = self.source.model.parameters
        theta = parameters.draw(size, rng=generator(self.seed, "simulate parameters", epoch))
        clusters, catalogues = self._sampler.draw(theta, 0, rng=generator(self.seed, "simulate", epoch))
        filled = {name: values[catalogues["size"] > 0] for name, values in catalogues.items()}
        seed = self.seed + epoch
        drawn = assemble(self.source.layout(self.case), clusters, filled, parameters.names, seed=seed)
        return self.noise.blurred(drawn, seed=seed)
