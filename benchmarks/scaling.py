"""How time and memory grow with the survey: ``python -m benchmarks.scaling``, one core.

The volume of `erosita` is scaled until the catalogue holds the number of clusters asked for. Each number comes from a
process of its own, whose largest resident memory is that of the work and of the imports. Times are processor times.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from forecast.config.load import load_config
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import at_level, levels_of, likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling.mcmc import ChainPlan, run_chain
from forecast.survey.geometry import Replicated

SIZES = (100, 1_000, 10_000, 100_000)
VECTORS = 32
STEPS = 20
"""Steps of 64 walkers of the short fit; two blocks are written."""
SCATTER_WL = 0.2


def survey(size: float) -> ForwardModel:
    """`erosita` with weak-lensing masses, of the volume that is expected to hold `size` clusters."""
    setup = replace(load_config("erosita").setup, weak_lensing=SCATTER_WL)
    model = forward_model(setup)
    copies = size / float(model.expected_count(model.parameters.fiducial[None])[0])
    return forward_model(replace(setup, geometry=Replicated(setup.geometry, copies)))


def catalogue(model: ForwardModel) -> Data:
    """One mock catalogue."""
    return Data.of_mock(model, draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(1)))


def seconds(action: Callable[[], object], repeats: int) -> float:
    """Shortest processor time of `action`."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def megabytes() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def evaluate(size: int, level: str) -> float:
    """Seconds of one likelihood of 32 parameter vectors."""
    model = survey(size)
    target = likelihood(level, at_level(model, level), catalogue(model))
    theta = target.parameters.draw(VECTORS, rng=np.random.default_rng(2))
    return seconds(lambda: target(theta), 3)


def fit(size: int, level: str) -> float:
    """Seconds of a short chain of 64 walkers, written to disk, from the catalogue on."""
    model = survey(size)
    data = catalogue(model)
    with tempfile.TemporaryDirectory() as folder:
        plan = ChainPlan(level, 1, 64, STEPS // 2, STEPS, Path(folder) / "chain.h5", "benchmark")
        return seconds(lambda: run_chain(Posterior(likelihood(level, at_level(model, level), data)), plan), 1)


def mocks(size: int, _: str) -> float:
    """Seconds to draw `size` mock catalogues of 100 clusters from the prior."""
    model = survey(100)
    theta = model.parameters.draw(size, rng=np.random.default_rng(1))
    return seconds(lambda: draw_mocks(model, theta, rng=np.random.default_rng(2)).median_yx, 1)


TASKS = {"evaluate": evaluate, "fit": fit, "mocks": mocks}


def apart(task: str, size: int, level: str) -> tuple[float, float]:
    """Seconds and megabytes of one task in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scaling", task, str(size), level]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    spent, memory = json.loads(done.stdout)
    return spent, memory


def row(task: str, level: str, sizes: tuple[int, ...]) -> str:
    """One line of a table: time and memory at each size, and the exponent of the last factor of ten."""
    results = [apart(task, size, level) for size in sizes]
    cells = [f"{spent:.3g} s, {memory:.0f} MB" for spent, memory in results]
    exponent = np.log10(results[-1][0] / results[-2][0]) / np.log10(sizes[-1] / sizes[-2])
    return f"| {level} | {' | '.join(cells)} | {exponent:.2f} |"


def table(task: str, title: str, levels: tuple[str, ...]) -> None:
    """Print one Markdown table."""
    print(f"\n| {title} | {' | '.join(f'{size:,}' for size in SIZES)} | exponent |")
    print("|---" * (len(SIZES) + 2) + "|")
    for level in levels:
        print(row(task, level, SIZES), flush=True)


def main() -> None:
    """All tables, or with arguments one task of this process: its seconds and megabytes as JSON."""
    if len(sys.argv) > 1:
        task, size, level = sys.argv[1:]
        print(json.dumps([TASKS[task](int(size), level), megabytes()]))
        return
    levels = levels_of(survey(100).setup)
    table("evaluate", f"likelihood of {VECTORS} vectors; clusters", levels)
    table("fit", f"chain of 64 walkers x {STEPS} steps; clusters", levels)
    table("mocks", "drawing mocks of 100 clusters; mocks", ("N, median Y_X",))


if __name__ == "__main__":
    main()
