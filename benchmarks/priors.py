"""Our formulas of priors beside scipy.stats' frozen distributions: ``python -m benchmarks.priors``.

Prints CPU microseconds of one call for 32 vectors, and what a proposal of a chain (one density and one cumulative
probability at the old place and at the new, one quantile) takes for all priors of a survey.
"""

from __future__ import annotations

import math
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from forecast.config.load import load_config
from forecast.core.priors import Prior
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.model.forward import forward_model

VECTORS = 32
PRIORS = {
    "flat": Prior("flat", 0.7, 0.92),
    "gaussian": Prior("gaussian", mean=0.0, std=1.0),
    "gaussian, positive": Prior("gaussian", mean=1.0, std=0.2, log=True),
    "lognormal": Prior("lognormal", mean=1.0, std=0.3, log=True),
}


def frozen(prior: Prior) -> Any:
    """The same distribution of scipy.stats, its widening left out."""
    if prior.kind == "flat":
        return stats.uniform(prior.low, prior.high - prior.low)
    if prior.kind == "lognormal":
        return stats.lognorm(prior.std, scale=prior.mean)
    if prior.log:
        return stats.truncnorm(-prior.mean / prior.std, math.inf, loc=prior.mean, scale=prior.std)
    return stats.norm(prior.mean, prior.std)


def micro(action: Callable[[], object], repeats: int = 200) -> float:
    """CPU time of `action`, microseconds."""
    action()
    start = time.process_time()
    for _ in range(repeats):
        action()
    return 1e6 * (time.process_time() - start) / repeats


def calls(prior: Any, u: np.ndarray) -> tuple[float, ...]:
    """Microseconds of log density, cumulative probability and quantile."""
    names = ("log_density", "cumulative", "quantile") if isinstance(prior, Prior) else ("logpdf", "cdf", "ppf")
    x = getattr(prior, names[2])(u)
    return tuple(micro(partial(getattr(prior, name), at)) for name, at in zip(names, (x, x, u), strict=True))


def proposal(priors: list[Any], u: np.ndarray) -> float:
    """Microseconds of a proposal of a chain."""
    return sum(2 * density + 2 * below + quantile for density, below, quantile in (calls(p, u) for p in priors))


def main() -> None:
    """Print both tables."""
    u = np.random.default_rng(1).random(VECTORS)
    print("| prior | log density, ours / scipy | cumulative | quantile |\n|---|---|---|---|")
    for name, prior in PRIORS.items():
        pairs = zip(calls(prior, u), calls(frozen(prior), u), strict=True)
        print(f"| {name} | " + " | ".join(f"{a:.0f} / {b:.0f} us" for a, b in pairs) + " |")
    print("\n| survey, level | posterior | priors of a proposal, ours | scipy |\n|---|---|---|---|")
    for survey, level in (("nv22", "counts"), ("nv22", "selfcal"), ("erosita", "counts")):
        model = forward_model(load_config(survey).setup)
        parameters = model.parameters
        posterior = Posterior(likelihood(level, model, Data.expected(model)))
        theta = parameters.draw(VECTORS, rng=np.random.default_rng(1))
        cost = micro(lambda posterior=posterior, theta=theta: posterior(theta), 20)
        priors = [p.prior for p in parameters.free]
        times = [cost, proposal(priors, u), proposal([frozen(prior) for prior in priors], u)]
        print(f"| {survey}, {level} | " + " | ".join(f"{t:.0f} us" for t in times) + " |")


if __name__ == "__main__":
    main()
