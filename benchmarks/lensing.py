"""What lensing masses cost a likelihood: ``python -m benchmarks.lensing``, one core.

Processor time of 32 parameter vectors at levels `full` and `full+wl`, of one mock catalogue of `erosita` (5,300
clusters), and of expected data, where a tenth of the clusters, or all, have a lensing mass: unlike errors, correlated
scatter, or neither.
Times are taken in turn and the shortest counts, so that the ratio does not depend on what else a machine does.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from forecast.config.load import load_config
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import at_level, likelihood
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.setup import Setup
from forecast.model.simulate import draw_mocks
from forecast.survey.lensing_sample import LensingSample, OwnError

VECTORS, ROUNDS = 32, 7
UNLIKE = OwnError((0.13, 0.22), (0.1, 0.8))
CORRELATED = (("lx", 0.2), ("yx", 0.2))


def surveys() -> dict[str, Setup]:
    """The surveys to compare, by what their lensing masses are."""
    plain = replace(load_config("erosita").setup, weak_lensing=0.2)

    def one(sample: LensingSample, correlation: tuple[tuple[str, float], ...] = ()) -> Setup:
        return replace(plain, lensing_sample=sample, lensing_correlation=correlation)

    return {
        "a tenth": one(LensingSample(fraction=0.1)),
        "a tenth, unlike errors, correlated": one(LensingSample(UNLIKE, fraction=0.1), CORRELATED),
        "all": one(LensingSample()),
        "all, unlike errors, correlated": one(LensingSample(UNLIKE), CORRELATED),
    }


def mock(model: ForwardModel) -> Data:
    """One mock catalogue."""
    return Data.of_mock(model, draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(1)))


def expected(model: ForwardModel) -> Data:
    """Expected data, of single clusters too."""
    return Data.expected(model, points=True)


def evaluations(setup: Setup, of: Callable[[ForwardModel], Data]) -> dict[str, Callable[[], object]]:
    """Evaluations of the likelihood of data, by level."""
    model = forward_model(setup)
    data = of(model)
    theta = model.parameters.draw(VECTORS, rng=np.random.default_rng(2))
    found: dict[str, Callable[[], object]] = {}
    for level in ("full", "full+wl"):
        target = likelihood(level, at_level(model, level), data)
        found[level] = lambda target=target: target(theta)  # type: ignore[misc]
    return found


def shortest(actions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Shortest processor time of each, seconds, taken in turn."""
    best = dict.fromkeys(actions, np.inf)
    for _ in range(ROUNDS):
        for name, action in actions.items():
            start = time.process_time()
            action()
            best[name] = min(best[name], time.process_time() - start)
    return best


def main() -> None:
    """Print a Markdown table."""
    print("| lensing masses of | data | full, s | full+wl, s | ratio |\n|---|---|---|---|---|")
    for name, setup in surveys().items():
        for of in (mock, expected):
            spent = shortest(evaluations(setup, of))
            ratio = spent["full+wl"] / spent["full"]
            times = f"{spent['full']:.3f} | {spent['full+wl']:.3f} | {ratio:.2f}"
            print(f"| {name} | {of.__name__} | {times} |", flush=True)


if __name__ == "__main__":
    main()
