"""Posteriors of many catalogues: means and widths, effective draws borne out by repeated runs, and CPU seconds.

``python -m benchmarks.sampler --out new.npz [--against old.npz] [--part nv22 ...]`` writes what it measures, and prints
tables; run it in two versions of the package to compare them. Effective draws are those of repeated runs: the variance
of a posterior over that of its mean between runs of other seeds, a harmonic mean over catalogues.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from forecast.checks.sbc import CalibrationPlan, calibrate
from forecast.config.load import load_config
from forecast.influence.by_mass import InfluencePlan, build_influence
from forecast.likelihoods.levels import levels_of
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.mocks import Mocks
from forecast.model.simulate import draw_mocks
from forecast.sampling.ensemble import MomentsPlan, posterior_moments

Found = dict[str, np.ndarray]
RUNS = 6


def catalogues(model: ForwardModel, size: int) -> Mocks:
    """Catalogues of parameters drawn from the prior."""
    rng = np.random.default_rng(4)
    return draw_mocks(model, model.parameters.draw(size, rng=rng), rng=rng)


def posteriors(survey: str, size: int, steps: int, runs: int = RUNS) -> Found:
    """Means and widths of sigma8 (runs, P), effective draws claimed and CPU seconds of every run, by level."""
    model, found = forward_model(load_config(survey).setup), {}
    mocks, place = catalogues(model, size), model.parameters.names.index("sigma8")
    for level in levels_of(model.setup):
        mean, std, rest = [], [], []
        for seed in range(runs):
            start = time.process_time()
            one = posterior_moments(model, level, mocks, MomentsPlan(seed, 4000, steps))
            rest.append([one.effective, time.process_time() - start])
            mean.append(one.mean)
            std.append(one.std)
        key = f"{survey} {level}"
        found |= {f"{key}/mean": np.array(mean)[..., place], f"{key}/std": np.array(std)[..., place]}
        found |= {f"{key}/every": np.array([mean, std]), f"{key}/rest": np.array(rest)}
        show(found, key)
    return found


def borne_out(mean: np.ndarray, std: np.ndarray) -> float:
    """Effective draws from the scatter of runs (R, P): of the mean squared error in units of the widths."""
    return float(1 / np.mean(mean.var(axis=0, ddof=1) / np.mean(std**2, axis=0))) if len(mean) > 1 else float("nan")


def show(found: Found, key: str) -> None:
    """Print one level's line."""
    mean, std, rest = (found[f"{key}/{name}"] for name in ("mean", "std", "rest"))
    true, claimed, seconds = borne_out(mean, std), float(np.mean(rest[:, 0])), float(np.mean(rest[:, 1]))
    print(f"| {key} | {claimed:.0f} | {true:.0f} | {seconds:.2f} | {true / seconds:.1f} |", flush=True)


def saliency() -> Found:
    """CPU seconds and effective draws of the influence of single clusters."""
    found, model = {}, forward_model(load_config("nv22").setup)
    for level in ("unbinned", "full", "full+wl"):
        start = time.process_time()
        curve = build_influence(model, "nv22", InfluencePlan(20), level=level, rng=np.random.default_rng(3))
        found[f"saliency {level}"] = np.array([curve.effective_size, time.process_time() - start])
        print(f"| saliency {level} | {found[f'saliency {level}']}", flush=True)
    return found


def calibration() -> Found:
    """CPU seconds, effective draws and smallest p-value of a check of `full`."""
    start = time.process_time()
    one = calibrate(forward_model(load_config("nv22").setup), "full", CalibrationPlan(mocks=1200, steps=600, seed=5))
    found = {"check full": np.array([one.ess_median, time.process_time() - start, min(one.p_values.values())])}
    print(f"| check full | {found['check full']}", flush=True)
    return found


PARTS: dict[str, Callable[[], Found]] = {
    "nv22": lambda: posteriors("nv22", 12, 600),
    "cccp_lowz": lambda: posteriors("cccp_lowz", 12, 600),
    "erosita": lambda: posteriors("erosita", 8, 300, 2),
    "saliency": saliency,
    "check": calibration,
}


def compare(new: Found, old: Found) -> None:
    """Print means and widths of both in units of their errors, and ratios of times."""
    for key in sorted(k[: -len("/mean")] for k in new if k.endswith("/mean") and k in old):
        (m1, s1), (m0, s0) = ((x[f"{key}/mean"], x[f"{key}/std"]) for x in (new, old))
        error = np.sqrt((m1.var(axis=0, ddof=1) + m0.var(axis=0, ddof=1)) / len(m1))
        spread = np.sqrt((s1.var(axis=0, ddof=1) + s0.var(axis=0, ddof=1)) / len(s1))
        mean, width = (m1.mean(axis=0) - m0.mean(axis=0)) / error, (s1.mean(axis=0) - s0.mean(axis=0)) / spread
        ratio = new[f"{key}/rest"][:, 1].mean() / old[f"{key}/rest"][:, 1].mean()
        shift = float(np.mean((m1.mean(axis=0) - m0.mean(axis=0)) / s0.mean(axis=0)))
        sizes = (np.sqrt(np.mean(x**2)) for x in (mean, width))
        print(f"| {key} | {next(sizes):.2f} | {next(sizes):.2f} | {shift:+.3f} | {ratio:.2f} |")


def main() -> None:
    """Measure, write and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--part", nargs="*", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    found: Found = {}
    for part in options.part:
        found |= PARTS[part]()
        np.savez(options.out, **found)
    if options.against is not None:
        compare(found, dict(np.load(options.against)))


if __name__ == "__main__":
    main()
