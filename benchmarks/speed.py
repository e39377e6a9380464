"""Speed of the forward model: ``python -m benchmarks.speed``. One core; every row is a ratio within this run."""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import emcee
import numpy as np
from colossus.cosmology import cosmology as colossus
from colossus.lss import mass_function

from forecast.config.load import load_config
from forecast.cosmology.mass_function import MassFunction
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling.mcmc import Chain, ChainPlan, run_chain


def best_of(action: Callable[[], object], repeats: int = 5) -> float:
    """Shortest wall-clock time of `action`, seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def row(what: str, value: str, baseline: str, ratio: float) -> None:
    print(f"| {what} | {value} | {baseline} | {ratio:,.3g} |")


def mass_function_rows() -> None:
    """A new sigma8: one value alone, and one of a batch of 64, against colossus in full."""
    cosmology = load_config("nv22").setup.cosmology
    log_mass = np.linspace(13.5, 15.9, 200)
    ours = MassFunction(cosmology, "bocquet16_hydro", [0.07], log_mass)
    ours(0.8)
    sigma8 = iter(np.linspace(0.7, 0.9, 1000))

    def full() -> None:
        colossus.setCosmology(
            "benchmark", flat=True, H0=70.4, Om0=0.272, Ob0=0.046, sigma8=next(sigma8), ns=0.963, persistence=""
        )
        mass_function.massFunction(
            10**log_mass, 0.07, q_in="M", q_out="dndlnM", mdef="500c", model="bocquet16", hydro=True
        )

    slow = best_of(full)
    alone = best_of(lambda: [ours(0.8) for _ in range(200)]) / 200
    batch = np.linspace(0.7, 0.9, 64)
    together = best_of(lambda: [ours(batch) for _ in range(50)]) / 50 / 64
    row("mass function, 200 masses, one new sigma8", f"{1e6 * alone:.1f} us", f"{1e3 * slow:.1f} ms", slow / alone)
    what = "mass function, per sigma8 in a batch of 64"
    row(what, f"{1e6 * together:.1f} us", f"{1e3 * slow:.1f} ms", slow / together)


def steps(log_probability: Callable, start: np.ndarray, count: int) -> float:
    """Seconds per emcee step (stretch move, vectorised)."""

    def run() -> None:
        sampler = emcee.EnsembleSampler(len(start), start.shape[1], log_probability, vectorize=True)
        sampler.run_mcmc(start, count, skip_initial_state_check=True)

    return best_of(run, 3) / count


def selfcal_rows() -> None:
    """One emcee step of 64 walkers, minus emcee's own part."""
    for name, count in (("nv22", 400), ("cccp_lowz", 40)):
        model = forward_model(load_config(name).setup)
        data = Data.expected(model).rounded()
        start = model.parameters.fiducial * (1 + 1e-3 * np.random.default_rng(1).standard_normal((64, 1)))
        start = start + 1e-4 * np.random.default_rng(2).standard_normal(start.shape)
        empty = steps(lambda theta: -0.5 * (theta**2).sum(axis=1), start, 1000)
        for level in ("counts", "selfcal", "unbinned"):
            full = steps(Posterior(likelihood(level, model, data)), start, count)
            nodes = len(model.population.shells.z) * len(model.population.log_mass)
            what = f"emcee step, `{name}` {level}, 64 walkers x {nodes} nodes"
            row(what, f"{1e3 * full:.2f} ms", f"{1e3 * empty:.2f} ms (emcee alone)", full / empty)


def mock_rows() -> None:
    """Mock catalogues per second against one full colossus mass function each."""
    for name, size in (("nv22", 10_000), ("cccp_lowz", 2000)):
        model = forward_model(load_config(name).setup)
        theta = model.parameters.draw(size, rng=np.random.default_rng(1))
        draw_mocks(model, theta[:10], rng=np.random.default_rng(1))
        seconds = best_of(lambda m=model, t=theta: draw_mocks(m, t, rng=np.random.default_rng(2)).median_yx, 3)
        speed = size / seconds
        row(f"mocks (N, median Y_X), `{name}`", f"{speed:,.0f} per s", "10,000 per s (aim)", speed / 1e4)


def block_rows() -> None:
    """Writing the chain in blocks against writing every step (emcee's own HDF5 backend)."""
    model = forward_model(load_config("nv22").setup)
    posterior = Posterior(likelihood("selfcal", model, Data.expected(model).rounded()))
    with tempfile.TemporaryDirectory() as folder:
        plan = ChainPlan("selfcal", 1, 64, 250, 500, Path(folder) / "block.h5", "benchmark")
        chains: list[Chain] = []
        start = time.perf_counter()
        chains.append(run_chain(posterior, plan))
        blocks = (time.perf_counter() - start) / 500
        backend = emcee.backends.HDFBackend(str(Path(folder) / "steps.h5"))
        sampler = emcee.EnsembleSampler(64, chains[0].steps.shape[2], posterior, vectorize=True, backend=backend)
        start = time.perf_counter()
        sampler.run_mcmc(chains[0].steps[-1], 200)
        each = (time.perf_counter() - start) / 200
    what, baseline = "chain stored in blocks of 250", f"{1e3 * each:.2f} ms (every step)"
    row(what, f"{1e3 * blocks:.2f} ms per step", baseline, each / blocks)


def help_row() -> None:
    """`forecast --help` against an empty interpreter."""
    code = "import sys; sys.argv = ['forecast', '--help']; from forecast.cli.app import main; main()"
    ours = best_of(lambda: subprocess.run([sys.executable, "-c", code], capture_output=True, check=True))
    bare = best_of(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    row("`forecast --help`", f"{ours:.2f} s", f"{bare:.2f} s (bare Python)", ours / bare)


def main() -> None:
    """Print one Markdown table."""
    print("| what | ours | baseline | ratio |\n|---|---|---|---|")
    mass_function_rows()
    selfcal_rows()
    mock_rows()
    block_rows()
    help_row()


if __name__ == "__main__":
    main()
