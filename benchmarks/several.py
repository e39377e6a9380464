"""Calibration of the posterior of two surveys together: ``python -m benchmarks.several [MOCKS [DRAWS]]``.

Two flux-limited cones that share a normalisation, at level counts. Parameters are drawn from the joint prior, a mock of
each survey at them, and draws of the prior are weighted by the joint likelihood. Where posteriors are right, the
probability below the truth is uniform. Prints, by parameter, the p-value of a Kolmogorov-Smirnov test, and how many
truths lie in the central 68% and 95%.
"""

from __future__ import annotations

import os
import sys

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import tomllib

import numpy as np
from scipy import stats

from forecast.config.load import builtin_configs, parse_config
from forecast.core.arrays import Array
from forecast.core.rng import generator
from forecast.likelihoods.data import Data
from forecast.model.setup import Setup
from forecast.model.simulate import draw_mocks
from forecast.several.joint_setup import JointSetup

MOCKS, DRAWS = 300, 1500
SHARED = ("norm_lx",)
PARAMETERS = {
    "sigma8": {"fiducial": 0.81, "flat": [0.65, 0.95]},
    "norm_lx": {"lognormal": 0.2},
    "slope_lx": {"lognormal": 0.1},
}


def cone(area: str, flux: str) -> Setup:
    """A small survey of the low-redshift sky, few of whose parameters are free."""
    content = tomllib.loads(builtin_configs()["cccp_lowz"].read_text(encoding="utf-8"))
    content.pop("catalogue")
    content["survey"] |= {"area": area, "shells": 1}
    content["selection"]["flux_limit"] = flux
    return parse_config(content | {"parameters": PARAMETERS, "sample_variance": False}).setup


def surveys() -> JointSetup:
    """Both, together."""
    setups = {"wide": cone("4 sr", "2e-11 erg / (s cm2)"), "deep": cone("1 sr", "6e-12 erg / (s cm2)")}
    return JointSetup.of(setups, SHARED)


def below_truth(joint: JointSetup, mocks: int, draws: int) -> Array:
    """Posterior probability below the truth, (M, U), of mock surveys at draws from the joint prior."""
    truth = joint.union.parameters.draw(mocks, rng=generator(1, "truth"))
    theta = joint.union.parameters.draw(draws, rng=generator(1, "draws"))
    rng, found = generator(1, "mocks"), []
    places = {name: joint.union.places(name, model.parameters.names) for name, model in joint.models.items()}
    for one in truth:
        data = {n: Data.of_mock(m, draw_mocks(m, one[places[n]], rng=rng)) for n, m in joint.models.items()}
        log = joint.posterior("counts", data).likelihood(theta)
        weight = np.exp(log - log.max())
        found.append(weight @ (theta < one) / weight.sum())
    return np.array(found)


def main(mocks: int = MOCKS, draws: int = DRAWS) -> None:
    """Print the table."""
    joint = surveys()
    below = below_truth(joint, mocks, draws)
    print(f"{mocks} pairs of mock surveys, {draws} draws; shared: {', '.join(joint.union.shared)}")
    for name, ranks in zip(joint.union.parameters.names, below.T, strict=True):
        inside = (np.mean(np.abs(ranks - 0.5) < half / 2) for half in (0.68, 0.95))
        p = stats.kstest(ranks, "uniform").pvalue
        print(f"{name:<16} p = {p:.3f}  in 68%: {next(inside):.3f}  in 95%: {next(inside):.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
