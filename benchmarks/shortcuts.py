"""What odd clusters, uncertain redshifts and few lensing masses cost: ``python -m benchmarks.shortcuts``, one core.

Processor seconds of 32 parameter vectors, other ones each time, beside those of the same clusters without what is odd;
taken in turn, the shortest counts.

- `unbinned` and `full` of 3,292 clusters of equal errors, of which one has another error, or lies off the nodes.
- `full` of an eFEDS-like survey with redshift errors of 0.01 (1 + z), its shells' edges among them.
- `full` and `full+wl` of expected data of which a third has lensing masses, beside all.
- `selfcal` without each cluster in turn where errors are asymmetric, beside the likelihood itself.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.largeerrors import VECTORS, asymmetric, stand_in
from forecast.config.load import load_config
from forecast.core.arrays import Array
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.selfcal import SelfCal
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.simulate import draw_mocks
from forecast.survey.lensing_sample import LensingSample

ROUNDS, MANY, ODD = 4, 3_292, 7
Target = Callable[[Array], object]


@dataclass(frozen=True)
class Pair:
    """Two ways to ask a model of something."""

    name: str
    model: ForwardModel
    plain: Target
    odd: Target

    def row(self) -> str:
        """A line of Markdown."""
        best = [np.inf, np.inf]
        for seed in range(ROUNDS):
            theta = self.model.parameters.draw(VECTORS, rng=np.random.default_rng(seed))
            for i, target in enumerate((self.plain, self.odd)):
                start = time.process_time()
                target(np.array(theta) + 1e-9 * i)
                best[i] = min(best[i], time.process_time() - start)
        return f"| {self.name} | {best[0]:.4f} | {best[1]:.4f} | {best[1] / best[0]:.2f} |"


def odd_ones() -> Iterator[Pair]:
    """One odd cluster among many of equal errors."""
    model = forward_model(load_config("erosita").setup)
    data = Data.of_mock(model, draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(1)))
    assert data.points is not None
    points = data.points[:MANY]
    y, error = points.observables[:, 1].copy(), points.error.copy()
    plain = Data.observed(MANY, y, error[:, 1], points)
    off = np.where(np.arange(MANY) == ODD, model.yx_grid[-1] + 0.3, y)
    error[ODD] = 0.13, 0.31
    others = {
        "a value off the nodes": ("unbinned", Data.observed(MANY, off, plain.error, points)),
        "another error": ("unbinned", Data.observed(MANY, y, error[:, 1], points)),
        "another error, `full`": ("full", Data.observed(MANY, y, error[:, 1], replace(points, error=error))),
    }
    for name, (level, odd) in others.items():
        yield Pair(f"one of {MANY:,}: {name}", model, *(likelihood(level, model, one) for one in (plain, odd)))


def uncertain_redshifts() -> Iterator[Pair]:
    """Redshift errors, beside none; of symmetric errors of the other observables, and of asymmetric ones."""
    large = stand_in("symmetric")
    for case in (large, asymmetric(large, "asymmetric")):
        points = case.data.points
        assert points is not None
        uncertain = replace(case.data, points=replace(points, z_error=0.01 * (1 + points.z)))
        both = (likelihood("full", case.model, one) for one in (case.data, uncertain))
        yield Pair(f"redshift errors, {case.name} other ones", case.model, *both)


def lensing() -> Iterator[Pair]:
    """Lensing masses of a third of expected clusters, beside those of all."""
    setup = replace(load_config("erosita").setup, weak_lensing=0.2)
    models = [forward_model(replace(setup, lensing_sample=LensingSample(fraction=x))) for x in (1.0, 0.3)]
    for level in ("full", "full+wl"):
        both = (likelihood(level, model, Data.expected(model, points=True)) for model in models)
        yield Pair(f"lensing masses of a third, `{level}`", models[0], *both)


def without_each() -> Iterator[Pair]:
    """Every cluster left out in turn, beside the likelihood."""
    case = asymmetric(stand_in("large errors"), "asymmetric")
    target = SelfCal(case.model, case.data)
    yield Pair("`selfcal` without each cluster", case.model, target, target.without_each)


def main() -> None:
    """Print one Markdown table."""
    print("| what | without, s | with, s | ratio |\n|---|---|---|---|")
    for pairs in (odd_ones, uncertain_redshifts, lensing, without_each):
        for pair in pairs():
            print(pair.row(), flush=True)


if __name__ == "__main__":
    main()
