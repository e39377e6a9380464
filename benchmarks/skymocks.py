"""Calibration of the posteriors of REFLEX and BCS on mock catalogues: ``python -m benchmarks.skymocks [--mocks 200]``.

For each survey, with a curved and with a straight L_X-M relation, in the configuration's own model: mocks of the
fiducial parameters (density contrasts from their prior), of which means, errors and coverage are compared with the
truth; and mocks of parameters drawn from the prior, wherever it expects a number of clusters near that of the real
survey, whose ranks are uniform if posteriors are right. Posteriors are weighted draws that all mocks share.
"""

from __future__ import annotations

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special, stats

from benchmarks.charts import Chart
from benchmarks.independent import Search
from benchmarks.luminositynodes import Nodes
from benchmarks.shareddraws import FREEDOM, Component, Plan, effective, shared_draws
from benchmarks.skies import Variant
from forecast.core.arrays import Array
from forecast.likelihoods.point_process import Full
from forecast.model.flux_limited import FluxLimitedModel
from forecast.model.forward import forward_model
from forecast.model.mocks import Mocks
from forecast.model.simulate import draw_mocks
from forecast.sampling.proposal import Proposal

OBSERVED = {"reflex": 411, "bcs": 194}
"""Clusters of the real surveys, near which truths of ranks are expected to lie: within a factor of `NEAR`."""
NEAR, FIRST, WIDER, CHECKED, _STEP = 1.5, 5000, 1.5, 4, 0.02
"""Draws about the fiducial parameters, the width of their proposal in that of one posterior; mocks whose nodes are
compared with the likelihood itself; step of derivatives."""
COLD = {"relations.lx.band": "0.1-2.4 keV", "selection.k_correction": "none", "relations.lx.norm": "44.29 log10 erg/s"}
"""A flux limit that does not depend on temperature."""
SHOWN = ("sigma8", "Om0", "S8", "mass_scale", "norm_lx", "slope_lx", "curvature_lx", "scatter_lx", "evolution_lx")
HEADER = "\n| quantity | bias in σ | width of pulls | mean σ | 68% | 95% | p of ranks |\n|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Sky:
    """One survey and the likelihood of what its mocks list: L_X and redshift."""

    name: str
    straight: bool = False
    changed: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def model(self) -> FluxLimitedModel:
        """As `benchmarks.skies` configures it, but for what is changed."""
        variant = Variant("", (self.name,), straight=self.straight, changed=self.changed)
        model = forward_model(variant.config(self.name, {}).setup)
        assert isinstance(model, FluxLimitedModel)
        return model

    @cached_property
    def nodes(self) -> Nodes:
        """Where ln lambda is tabulated."""
        return Nodes(self.model)

    def mocks(self, truth: Array, rng: np.random.Generator) -> Mocks:
        """One for each parameter vector, (M, D), with L_X alone."""
        mocks = draw_mocks(self.model, truth, rng=rng)
        alone = np.where(np.array(mocks.names) == "lx", mocks.observables, np.nan)
        return replace(mocks, observables=alone, log_yx=np.full(len(mocks.row), np.nan))

    @cached_property
    def chart(self) -> Chart:
        """Coordinates of draws."""
        return Chart(self.model.parameters.free)

    def near(self, expected: Array) -> Array:
        """Whether expected numbers (S,) are near that of the real survey."""
        return np.asarray(np.abs(np.log(expected / OBSERVED[self.name])) < np.log(NEAR))

    def truths(self, size: int, rng: np.random.Generator) -> Array:
        """Draws of the prior, where it expects such a survey, (size, D)."""
        found = np.empty((0, len(self.model.parameters.names)))
        while len(found) < size:
            theta = self.model.parameters.draw(size, rng=rng)
            found = np.vstack([found, theta[self.near(self.nodes.expected(theta))]])
        return found[:size]

    def quantities(self, theta: Array) -> dict[str, Array]:
        """What is reported, (S,) each."""
        values = dict(zip(self.model.parameters.names, theta.T, strict=True))
        return values | {"S8": values["sigma8"] * np.sqrt(values["Om0"] / 0.3)}


def fiducial_truths(sky: Sky, size: int, rng: np.random.Generator) -> Array:
    """The fiducial parameters, with density contrasts of their prior, (size, D)."""
    parameters = sky.model.parameters
    contrasts = np.isin(parameters.names, list(parameters.contrasts))
    return np.where(contrasts, sky.truths(size, rng), parameters.fiducial)


@dataclass(frozen=True)
class Study:
    """Posteriors of M mocks: means, widths and probabilities below the truth, (M,), by quantity; effective draws."""

    truth: dict[str, Array]
    mean: dict[str, Array]
    width: dict[str, Array]
    below: dict[str, Array]
    effective: Array
    node_error: Array

    @property
    def words(self) -> str:
        """How well posteriors are known."""
        least, most, half = np.percentile(self.effective, [0, 10, 50])
        return (
            f"effective draws {least:.0f} at least, {most:.0f} in 90%, {half:.0f} in the median; ln L of nodes within "
            f"{self.node_error.max():.3f}"
        )

    def write(self, path: Path) -> None:
        """Every mock's numbers."""
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = {"truth": self.truth, "mean": self.mean, "width": self.width, "below": self.below}
        arrays = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        np.savez(path, effective=self.effective, **arrays)

    def rows(self, names: tuple[str, ...] = SHOWN) -> Iterator[str]:
        """A line for each quantity."""
        for name in (name for name in names if name in self.truth):
            pull = (self.mean[name] - self.truth[name]) / self.width[name]
            size, below = len(pull), self.below[name]
            inside = np.abs(special.ndtri(np.clip(below, 1e-9, 1 - 1e-9)))
            cover = [np.mean(inside < special.ndtri(0.5 + half / 2)) for half in (0.68, 0.95)]
            errors = [np.sqrt(half * (1 - half) / size) for half in (0.68, 0.95)]
            p = stats.kstest(below, "uniform").pvalue
            yield (
                f"| {name} | {pull.mean():+.3f} ± {pull.std() / np.sqrt(size):.3f} | {pull.std():.2f} | "
                f"{self.width[name].mean():.4f} | {cover[0]:.3f} ± {errors[0]:.3f} | {cover[1]:.3f} ± {errors[1]:.3f} "
                f"| {p:.3f} |"
            )


def studied(sky: Sky, truth: Array, near: bool, plan: Plan, rng: np.random.Generator) -> Study:
    """Posteriors of mocks of parameter vectors (M, D); `near`: with the prior where it expects such a survey alone."""
    nodes, mocks = sky.nodes, sky.mocks(truth, rng)
    weights = nodes.mock_weights(mocks)

    def target(at: Array) -> Array:
        log_prior = sky.chart.log_prior(at)
        value = np.full((len(at), len(truth)), -np.inf)
        possible = np.flatnonzero(np.isfinite(log_prior))
        theta = sky.chart.parameters(at[possible])
        expected = nodes.expected(theta)
        inside = sky.near(expected) if near else np.ones(len(theta), dtype=bool)
        possible, theta, expected = possible[inside], theta[inside], expected[inside]
        value[possible] = nodes.log_density(theta) @ weights.T + (log_prior[possible] - expected)[:, None]
        return value

    pool, weight = shared_draws(target, first_draws(sky, truth, near), plan, rng)
    found = sky.quantities(sky.chart.parameters(pool.at))
    true = sky.quantities(truth)
    mean = {name: value @ weight for name, value in found.items()}
    width = {name: np.sqrt(np.maximum(value**2 @ weight - mean[name] ** 2, 0)) for name, value in found.items()}
    below = {name: (weight * (value[:, None] < true[name])).sum(axis=0) for name, value in found.items()}
    return Study(true, mean, width, below, effective(weight), node_errors(sky, mocks, pool.at, weight, rng))


def first_draws(sky: Sky, truth: Array, near: bool) -> list[Component]:
    """About the fiducial parameters, or about all truths: as wide as posteriors of a mean catalogue of the fiducial."""
    fiducial = sky.model.parameters.fiducial[None]
    mean = sky.nodes.mock_weights(sky.mocks(np.repeat(fiducial, 40, axis=0), np.random.default_rng(0))).mean(axis=0)

    def posterior(at: Array) -> Array:
        theta = sky.chart.parameters(at)
        return np.asarray(sky.nodes.log_density(theta) @ mean - sky.nodes.expected(theta) + sky.chart.log_prior(at))

    at = sky.chart.coordinates(fiducial)[0]
    strength, axes = np.linalg.eigh(Search(step=0.15).curvature(posterior, at))
    factor = WIDER * np.linalg.cholesky((axes / np.maximum(strength, 0.7)) @ axes.T)
    if not near:
        return [Component(Proposal(at, factor, FREEDOM), FIRST)]
    return [Component(Proposal(one, factor, FREEDOM), FIRST // 100) for one in sky.chart.coordinates(truth)]


def newton_steps(sky: Sky, size: int, rng: np.random.Generator) -> Iterator[str]:
    """A line for each parameter: steps from the truths of mocks, in errors; their means are zero if L is right."""
    truth, chart = fiducial_truths(sky, size, rng), sky.chart
    weights, at = sky.nodes.mock_weights(sky.mocks(truth, rng)), chart.coordinates(truth)

    def log_likelihood(there: Array) -> Array:
        theta = chart.parameters(there)
        return np.asarray((sky.nodes.log_density(theta) * weights).sum(axis=1) - sky.nodes.expected(theta))

    unit = _STEP * np.eye(at.shape[1])
    score = np.stack([(log_likelihood(at + e) - log_likelihood(at - e)) / (2 * _STEP) for e in unit], axis=1)
    factor = first_draws(sky, truth, near=False)[0].proposal.factor / WIDER
    covariance = factor @ factor.T
    steps = score @ covariance / np.sqrt(np.diag(covariance))
    for name, mean, spread in zip(sky.model.parameters.names, steps.mean(axis=0), steps.std(axis=0), strict=True):
        yield f"{name:20s} {mean:+.3f} ± {spread / np.sqrt(size):.3f}"


def node_errors(sky: Sky, mocks: Mocks, at: Array, weight: Array, rng: np.random.Generator) -> Array:
    """Scatter of ln L from nodes about ln L itself over draws of the posteriors of the first mocks."""
    found = []
    for one in range(CHECKED):
        theta = sky.chart.parameters(at[rng.choice(len(at), 20, p=weight[:, one])])
        mine = mocks.part(one, one + 1)
        nodal = sky.nodes.mock_weights(mine) @ sky.nodes.log_density(theta).T - sky.nodes.expected(theta)
        found.append(np.std(nodal - Full.of_many(sky.model, mine, theta)))
    return np.array(found)


def main() -> None:
    """Print a table for each survey, relation and kind of truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--surveys", nargs="*", default=list(OBSERVED), choices=OBSERVED)
    parser.add_argument("--relations", nargs="*", default=["curved", "straight"], choices=["curved", "straight"])
    parser.add_argument("--truths", nargs="*", default=["fiducial", "prior"], choices=["fiducial", "prior"])
    parser.add_argument("--out", type=Path, help="folder of a file with every mock's means, widths and ranks")
    parser.add_argument("--newton", action="store_true", help="Newton's steps from truths alone")
    parser.add_argument("--cold", action="store_true", help="with a flux limit that no temperature moves")
    options = parser.parse_args()
    for survey, relation, kind in (
        (survey, relation, kind)
        for kind in options.truths
        for survey in options.surveys
        for relation in options.relations
    ):
        start, rng = time.process_time(), np.random.default_rng(options.seed)
        sky = Sky(survey, straight=relation == "straight", changed=COLD if options.cold else {})
        if options.newton:
            print("\n".join([f"{survey}, {relation}", *newton_steps(sky, options.mocks, rng)]), flush=True)
            continue
        truth = (fiducial_truths if kind == "fiducial" else Sky.truths)(sky, options.mocks, rng)
        study = studied(sky, truth, kind == "prior", Plan(), rng)
        cpu = time.process_time() - start
        print(f"\n{survey}, {relation}, truths: {kind}; {options.mocks} mocks, {cpu:.0f} s of CPU; {study.words}")
        print("\n".join([HEADER, *study.rows()]), flush=True)
        if options.out:
            study.write(options.out / f"{survey}-{relation}-{kind}.npz")


if __name__ == "__main__":
    main()
