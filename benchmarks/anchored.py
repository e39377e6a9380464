"""Posteriors of BCS with its follow-up: ``python -m benchmarks.anchored BCS WTG [REFLEX]``, the three tables.

What the question of NV22 comes to on real clusters: L_X alone, N and the median Y_X, every Y_X, all of it, without and
with lensing masses, under priors on the normalisations as given, three and ten times wider. Sampled as in
`benchmarks.skies`. With REFLEX, its clusters too, by L_X, where the strip that both cover counts once.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.skies import Posterior, row
from forecast.config.load import Config, builtin_configs, parse_config
from forecast.config.public import with_tables
from forecast.core.arrays import Array

_SEED = 1
_WIDENED = ("norm_lx", "norm_t", "norm_yx", "mass_scale")
_OF_Y_X = ("norm_t", "slope_t", "scatter_t", "norm_yx", "slope_yx", "scatter_yx")
"""Parameters of the relations of T and Y_X."""
WIDENINGS = (1.0, 3.0, 10.0)


@dataclass(frozen=True)
class Use:
    """What is used of the followed clusters.

    Parameters
    ----------
    label : str
    level : str
    gas, lensing : bool
        Whether their T and gas masses are, and their lensing masses.
    """

    label: str
    level: str
    gas: bool = True
    lensing: bool = False


USES = (
    Use("L_X", "full", gas=False),
    Use("L_X, lensing", "full+wl", gas=False, lensing=True),
    Use("N, median Y_X", "selfcal"),
    Use("N, every Y_X", "unbinned"),
    Use("L_X, T, Y_X", "full"),
    Use("L_X, T, Y_X, lensing", "full+wl", lensing=True),
)


@dataclass(frozen=True)
class Anchored:
    """Surveys of which the first one is followed up; a variant as `benchmarks.skies` takes it.

    `wider`: factor on the widths of normalisation priors, but for that of the lensing masses' own bias.
    """

    use: Use
    wider: float = 1.0
    surveys: tuple[str, ...] = ("bcs_wtg",)

    @property
    def label(self) -> str:
        """What it is."""
        return f"{' + '.join(self.surveys)}: {self.use.label}, priors x {self.wider:g}"

    @property
    def level(self) -> str:
        """Of the likelihood."""
        return self.use.level

    def config(self, name: str, files: Mapping[str, Path]) -> Config:
        """One survey's configuration, without the parameters of which its data say nothing."""
        content: dict[str, Any] = tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8"))
        self._simplify(content, followed=name == self.surveys[0])
        for key in _WIDENED:
            if isinstance(prior := content["parameters"].get(key), dict):
                prior["lognormal"] *= self.wider
                if key in ("norm_lx", "mass_scale"):
                    prior["between"] = [0.1, 10.0]
        if name == "reflex":
            content["survey"]["footprint"]["boxes"] = [{"dec": [-90, 0]}]
        config = parse_config(content)
        read = {config.catalogue.public, *(join.public for join in config.catalogue.join)} if config.catalogue else {}
        return with_tables({name: config}, {key: path for key, path in files.items() if key in read})[name]

    def _simplify(self, content: dict[str, Any], *, followed: bool) -> None:
        """Leave out what is not used, and what only that would tell of."""
        free, columns = content["parameters"], content["catalogue"]["columns"]
        gas, lensing = followed and self.use.gas, followed and self.use.lensing
        if not gas:
            content.pop("prior_correlation", None)
            for key in _OF_Y_X:
                free.pop(key, None)
        elif self.level in ("selfcal", "unbinned"):
            content.pop("prior_correlation", None)
            for key in ("norm_t", "slope_t", "scatter_t"):
                free.pop(key, None)
        dropped = [key for key in columns if key.split("_")[0] in ("mgas", "t") and not gas]
        dropped += [key for key in columns if key.startswith("mwl") and not lensing]
        for key in dropped:
            del columns[key]
        if not gas:
            content.pop("followup", None)
        if not lensing:
            free.pop("norm_wl", None)
            content.pop("weak_lensing", None)
            content["sampler"] = {"level": "full", "levels": ["full"]}
        if not (gas or lensing):
            content["catalogue"].pop("join", None)


class Scores(Posterior):
    """The same, where priors of the first survey's parameters may be correlated."""

    def __call__(self, at: Array) -> Array:
        """ln L plus ln of the prior, (P,), at coordinates (P, D) of the chart."""
        return super().__call__(at) + self.tied(at)

    def of_scores(self, scores: Array) -> Array:
        """ln posterior of normal scores (P, D), (P,)."""
        return super().of_scores(scores) + self.tied(scores)

    def tied(self, at: Array) -> Array:
        """ln of the prior's density over that of independent priors, (P,), up to a constant; flat ones are not tied."""
        names, first = list(self.free), self.parts[0]
        scores = at[:, [names.index(name) for name in first.own]]
        excess = np.linalg.inv(first.model.parameters.prior.correlation) - np.eye(len(first.own))
        return np.asarray(-0.5 * np.einsum("pi,ij,pj->p", scores, excess, scores))


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    files = dict(zip(("bcs", "wtg", "reflex"), map(Path, arguments), strict=False))
    variants = [Anchored(use, wider) for use in USES for wider in WIDENINGS]
    if "reflex" in files:
        variants += [Anchored(use, surveys=("bcs_wtg", "reflex")) for use in USES[-2:]]
    for variant in variants:
        line, _ = row(variant, Scores(variant, files), None, rng=np.random.default_rng(_SEED))
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
