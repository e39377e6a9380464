"""False alarms and power of the test that precedes a network's answers: ``python -m benchmarks.outofdistribution``.

The test learns from training catalogues of a survey, as `mlcheck train` makes it; fresh catalogues of the same survey
are then judged as they are, and spoilt in many ways. No network is needed.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from forecast.config.load import load_config
from forecast.core.rng import generator
from mlcheck.data.catalogues import Catalogues
from mlcheck.data.dataset import Split
from mlcheck.data.draws import draw
from mlcheck.data.noise import NONE, Noise
from mlcheck.domain.out_of_distribution import FALSE_ALARM
from mlcheck.domain.reference import Reference

Array = np.ndarray
Spoil = Callable[[Catalogues, np.random.Generator], Catalogues]
LEVELS = (FALSE_ALARM, 0.001, 0.01, 0.05)
_CHUNK = 2000


@dataclass(frozen=True)
class Setting:
    """A suite to learn from, and how many fresh catalogues are judged."""

    survey: str
    case: str
    draws: int
    fresh: int
    errors: bool = False

    @property
    def name(self) -> str:
        return f"{self.survey}, {self.case}, suite of {self.draws:,}"


SETTINGS = (
    Setting("nv22", "standard", 24_000, 40_000),
    Setting("nv22", "standard", 4_000, 20_000),
    Setting("nv22", "standard", 1_000, 20_000),
    Setting("nv22", "no-wl", 24_000, 20_000),
    Setting("nv22_smooth_small", "standard", 8_000, 10_000),
    Setting("nv22_follows_lx", "standard", 8_000, 10_000),
    Setting("nv22_magneticum", "standard", 8_000, 10_000),
    Setting("cccp_lowz", "standard", 16_000, 40_000, errors=True),
)
SPOILT = (0, 7)
"""Settings whose fresh catalogues are also spoilt."""


class World:
    """Catalogues of a survey, drawn when asked for."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.config = setting, load_config(setting.survey)
        self._noise = Noise.of_survey(self.config) if setting.errors else NONE

    def draw(self, size: int, seed: int) -> Catalogues:
        drawn = draw(self.config, self.setting.case, size, name=self.setting.name, seed=seed)
        return self._noise.blurred(drawn.catalogues, seed=seed)

    def learn(self, seed: int) -> Reference:
        every = self.draw(self.setting.draws, seed)
        training = every.take(Split.of(len(every), seed).train)
        return Reference.of(training, "", rng=generator(seed, "reference"))

    def spoilers(self) -> dict[str, Spoil]:
        h, mass = self.config.setup.cosmology.h, "log_mwl" if self.config.setup.weak_lensing else "log_yx"
        found: dict[str, Spoil] = {
            "every column permuted within its catalogue": permuted,
            f"{mass} in Msun instead of Msun/h": shifted(mass, -np.log10(h)),
            "every cluster twice": lambda c, rng: repeated(c, np.full(len(c.features), 2)),
            f"{mass} the same for all clusters": lambda c, rng: column(c, mass, constant),
            f"{mass} the median for 30% of the clusters": lambda c, rng: imputed(c, mass, 0.3, rng),
            "log_t in kelvin": shifted("log_t", np.log10(1.160e7)),
            "log_t 30% too high": shifted("log_t", np.log10(1.3)),
            "one cluster twice": lambda c, rng: repeated(c, 1 + marked(c, rng)),
            "10% of the clusters: columns of other catalogues": lambda c, rng: junk(c, 0.1, rng, whole=False),
            "10% of the clusters: clusters of other catalogues": lambda c, rng: junk(c, 0.1, rng, whole=True),
            "one cluster with T ten times too high": lambda c, rng: column(c, "log_t", lambda x: x + marked(c, rng)),
            f"{mass} scattered twice as much": lambda c, rng: rescattered(c, mass, rng),
            "log_lx in another band (1.6 times)": shifted("log_lx", np.log10(1.6)),
            "half of the clusters missing at random": lambda c, rng: thinned(c, rng.random(len(c.features)) < 0.5),
            "the fainter half of the clusters missing": fainter,
        }
        return found

    def harmless(self) -> dict[str, Spoil]:
        return {
            "sorted by true mass": lambda c, rng: replace(c, features=c.features[np.lexsort((c.log_mass, c.row))]),
            "rounded to three digits": lambda c, rng: rounded(c),
        }


def shifted(name: str, by: float) -> Spoil:
    return lambda catalogues, rng: column(catalogues, name, lambda x: x + by)


def column(catalogues: Catalogues, name: str, change: Callable[[Array], Array]) -> Catalogues:
    features, at = catalogues.features.copy(), catalogues.layout.names.index(name)
    features[:, at] = change(features[:, at].astype(float))
    return replace(catalogues, features=features)


def constant(values: Array) -> Array:
    return np.full_like(values, np.median(values))


def repeated(catalogues: Catalogues, times: Array) -> Catalogues:
    size = np.bincount(catalogues.row, weights=times, minlength=len(catalogues)).astype(int)
    features, mass = (np.repeat(x, times.astype(int), axis=0) for x in (catalogues.features, catalogues.log_mass))
    return replace(catalogues, features=features, log_mass=mass, size=size)


def marked(catalogues: Catalogues, rng: np.random.Generator) -> Array:
    """1 for one cluster of every catalogue, 0 for the others."""
    found = np.zeros(len(catalogues.features), dtype=int)
    found[catalogues.first + (rng.random(len(catalogues)) * catalogues.size).astype(int)] = 1
    return found


def permuted(catalogues: Catalogues, rng: np.random.Generator) -> Catalogues:
    features = catalogues.features.copy()
    for at in range(features.shape[1]):
        features[:, at] = features[np.lexsort((rng.random(len(features)), catalogues.row)), at]
    return replace(catalogues, features=features)


def imputed(catalogues: Catalogues, name: str, share: float, rng: np.random.Generator) -> Catalogues:
    chosen = rng.random(len(catalogues.features)) < share
    at = catalogues.layout.names.index(name)
    parts = np.split(catalogues.features[:, at], catalogues.first[1:])
    median = np.array([np.median(part) for part in parts])[catalogues.row]
    return column(catalogues, name, lambda x: np.where(chosen, median, x))


def junk(catalogues: Catalogues, share: float, rng: np.random.Generator, *, whole: bool) -> Catalogues:
    """Part of the clusters with features from the next catalogues: of one cluster, or each from another one."""
    features, number = catalogues.features.copy(), len(catalogues.features)
    chosen = np.flatnonzero(rng.random(number) < share)
    shift = int(catalogues.size.max())
    for at in range(features.shape[1]):
        other = chosen + shift * (1 if whole else 1 + at)
        features[chosen, at] = catalogues.features[other % number, at]
    return replace(catalogues, features=features)


def rescattered(catalogues: Catalogues, name: str, rng: np.random.Generator) -> Catalogues:
    """Twice the scatter of a survey's masses, 0.2 in ln times each catalogue's factor, or 0.1228 for Y_X."""
    usual = 0.2 if name == "log_mwl" else 0.1228
    factor = catalogues.parameters.get(f"scatter_{'wl' if name == 'log_mwl' else 'yx'}", np.ones(len(catalogues)))
    more = np.sqrt(3) * usual / np.log(10) * factor[catalogues.row]
    return column(catalogues, name, lambda x: x + more * rng.standard_normal(len(x)))


def thinned(catalogues: Catalogues, kept: Array) -> Catalogues:
    kept[catalogues.first] = True
    return catalogues.keep(kept)


def fainter(catalogues: Catalogues, rng: np.random.Generator) -> Catalogues:
    rank = np.arange(len(catalogues.features)) - catalogues.first[catalogues.row]
    return catalogues.keep(rank < (0.5 * catalogues.size[catalogues.row]))


def rounded(catalogues: Catalogues) -> Catalogues:
    logarithm = np.array([name.startswith("log_") for name in catalogues.layout.names])
    linear = np.where(logarithm, 10.0 ** catalogues.features.astype(float), catalogues.features)
    digits = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(linear), 1e-30))) - 2)
    linear = np.round(linear / digits) * digits
    features = np.where(logarithm, np.log10(np.where(logarithm, linear, 1.0)), linear)
    return replace(catalogues, features=features.astype(np.float32))


def alarms(world: World, reference: Reference, seed: int) -> dict[str, Any]:
    """How many fresh catalogues lie beyond each level."""
    found: list[Array] = []
    for i in range(0, world.setting.fresh, _CHUNK):
        fresh = world.draw(min(_CHUNK, world.setting.fresh - i), seed + 10_000 + i)
        found += [reference.examine(piece).overall for piece in fresh.pieces()]
    overall = np.concatenate(found)
    counts = [int(np.sum(overall >= -np.log(level))) for level in LEVELS]
    upper = float(stats.beta.ppf(0.95, counts[0] + 1, len(overall) - counts[0]))
    return {"training": reference.training, "fresh": len(overall), "beyond": counts, "upper": upper}


def power(world: World, reference: Reference, number: int, seed: int) -> dict[str, Any]:
    """Shares of spoilt catalogues refused, of all and of those of at least 20 clusters, and the tests that saw them."""
    fresh, table = world.draw(number, seed + 5), {}
    for name, spoil in {**world.spoilers(), **world.harmless()}.items():
        spoilt = spoil(fresh, generator(seed, name))
        examined = [reference.examine(piece) for piece in spoilt.pieces()]
        refused = np.concatenate([e.overall >= -np.log(FALSE_ALARM) for e in examined])
        tests = {
            test: float(np.mean(np.concatenate([e.surprise[test] >= -np.log(FALSE_ALARM) for e in examined])))
            for test in examined[0].surprise
        }
        large = fresh.size >= 20
        table[name] = {"refused": float(refused.mean()), "large": float(refused[large].mean()), "tests": tests}
    return {"catalogues": len(fresh), "spoilt": table}


def markdown(result: dict[str, Any]) -> str:
    """Tables of a result."""
    lines = [
        "# False alarms and power of the test that precedes a network's answers",
        f"\n`python -m benchmarks.outofdistribution`, seed {result['seed']}. Fresh catalogues of the survey that the "
        f"test learnt from; refused at p <= {FALSE_ALARM:g}.\n",
        "| survey, case, suite | training catalogues | fresh catalogues | refused | share | 95% limit of the share | "
        "p <= 0.001 | p <= 0.01 | p <= 0.05 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in result["alarms"].items():
        first, *others = (n / found["fresh"] for n in found["beyond"])
        more = " | ".join(f"{x:.4f}" for x in others)
        lines.append(f"| {name} | {found['training']:,} | {found['fresh']:,} | {found['beyond'][0]} | {first:.5f} | "
                     f"{found['upper']:.5f} | {more} |")  # fmt: skip
    for name, found in result["power"].items():
        lines.append(f"\n**{name}**, {found['catalogues']:,} fresh catalogues, each spoilt:\n")
        lines.append("| what | refused | of at least 20 clusters | number | means | shapes | clusters | ties |")
        lines.append("|---|---|---|---|---|---|---|---|")
        for what, row in found["spoilt"].items():
            tests = " | ".join(f"{share:.3f}" for share in row["tests"].values())
            lines.append(f"| {what} | {row['refused']:.3f} | {row['large']:.3f} | {tests} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write benchmarks/results/outofdistribution.json and outofdistribution.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spoilt", type=int, default=2000, help="catalogues that are spoilt in every way")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shrink", type=int, default=1, help="divide all other numbers by this, for a trial")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    found: dict[str, Any] = {"seed": given.seed, "alarms": {}, "power": {}}
    for i, whole in enumerate(SETTINGS):
        start, few = time.perf_counter(), max(1000, whole.draws // given.shrink)
        world = World(replace(whole, draws=few, fresh=whole.fresh // given.shrink))
        reference = world.learn(given.seed + i)
        found["alarms"][world.setting.name] = alarms(world, reference, given.seed + 100 * i)
        if i in SPOILT:
            found["power"][world.setting.name] = power(world, reference, given.spoilt, given.seed + i)
        sys.stderr.write(f"{world.setting.name}: {time.perf_counter() - start:.0f} s\n")
    (given.out / "outofdistribution.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (given.out / "outofdistribution.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))


if __name__ == "__main__":
    main()
