"""What measurement errors as large as eROSITA's cost: ``python -m benchmarks.largeerrors``, one core.

A stand-in for the 101 brightest clusters of eFEDS (Bahar et al. 2022): `erosita` on 140 deg2 to z = 1.2 in five shells,
each cluster with errors of its own, 0.03-0.14 dex of L_X and 0.1-0.3 dex of Y_X. Processor seconds of 32 parameter
vectors, beside those of `cccp_lowz` and of `erosita`, and per redshift node and cluster in units of `cccp_lowz`'s.
Then the same with asymmetric errors, and with upper limits of Y_X of every tenth cluster, where `selfcal` does not know
the median.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import time
from dataclasses import dataclass, replace

import numpy as np

from forecast.api.keys import changed
from forecast.checks.observed import catalogue_data
from forecast.config.load import load_config
from forecast.core.arrays import Array
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.simulate import draw_mocks

LEVELS = ("selfcal", "unbinned", "full")
VECTORS, REPEATS = 32, 5
FLUX_LIMIT, FLUX_ERROR = "1.6e-13 erg / (s cm2)", 0.06
LX_ERROR, YX_ERROR = (-1.2, 0.2), (-0.72, 0.2)
"""Mean and width of the log10 of the errors, dex."""
WIDE = 0.15
"""Scatter of log10 Y_X, dex, that spans too much of mass for a local expansion."""


@dataclass(frozen=True)
class Case:
    """A survey and what it observed."""

    name: str
    model: ForwardModel
    data: Data

    @property
    def nodes(self) -> int:
        """Redshift nodes of the model's quadrature."""
        return len(self.model.population.shells.z)


def stand_in(name: str, scatter: float | None = None) -> Case:
    """Clusters of an eFEDS-like survey, with errors of their own."""
    survey = {"area": "140 deg2", "zmax": 1.2, "shells": 5}
    changes = {f"survey.{key}": value for key, value in survey.items()}
    changes |= {"selection.flux_limit": FLUX_LIMIT, "selection.flux_error": FLUX_ERROR}
    if scatter is not None:
        changes["relations.yx.scatter"] = f"{scatter} dex"
    setup = changed(load_config("erosita"), changes).setup
    model, rng = forward_model(setup), np.random.default_rng(1)
    mocks = draw_mocks(model, model.parameters.fiducial, rng=rng)
    size = len(mocks.z)
    lx, yx = (10.0 ** rng.normal(*law, size) for law in (LX_ERROR, YX_ERROR))
    observables = mocks.observables + np.column_stack([np.zeros(size), rng.normal(0.0, yx)])
    points = Points.observed(mocks.z, observables, np.column_stack([lx, yx]))
    return Case(name, model, Data.of_clusters(model, mocks.z, (observables[:, 1], yx), points))


def asymmetric(case: Case, name: str, limited: Array | None = None) -> Case:
    """The same clusters with upper errors twice the lower ones of Y_X, of which those `limited` (Q,) have limits."""
    points = case.data.points
    assert points is not None
    rows = np.zeros(len(points.z), dtype=bool) if limited is None else limited
    skew = np.broadcast_to([0.0, 1 / 3], points.error.shape)
    hidden = np.column_stack([np.zeros_like(rows), rows])
    points = replace(
        points,
        skew=np.where(hidden, 0.0, skew),
        limit=np.where(hidden, points.observables + 0.2, np.nan),
        limit_width=np.where(hidden, 0.5, np.nan),
        observables=np.where(hidden, np.nan, points.observables),
    )
    known, limits = points[~rows], points[rows]
    edges = limits.limit[:, 1], limits.limit_width[:, 1]
    yx = known.observables[:, 1], known.error[:, 1]
    return Case(name, case.model, Data.observed(len(rows), *yx, points, edges, known.skew[:, 1]))


def built_in(name: str) -> Case:
    """A built-in survey with its catalogue, or with a mock."""
    config = load_config(name)
    model = forward_model(config.setup)
    if config.catalogue is not None:
        return Case(name, model, catalogue_data(config, model, None)[1])
    mocks = draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(1))
    return Case(name, model, Data.of_mock(model, mocks))


def seconds(case: Case, level: str) -> float:
    """Shortest processor time of a likelihood of `VECTORS` parameter vectors."""
    if level == "selfcal" and not np.isfinite(case.data.median):
        return float("nan")
    target, times = likelihood(level, case.model, case.data), []
    for seed in range(REPEATS):  # other parameters each time: what was asked for last is remembered
        theta = case.model.parameters.draw(VECTORS, rng=np.random.default_rng(seed))
        start = time.process_time()
        target(theta)
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print one Markdown table."""
    large = stand_in("large errors")
    cases = [built_in("cccp_lowz"), built_in("erosita"), large, stand_in("and wide scatter", WIDE)]
    tenth = np.arange(len(large.data.log_yx)) % 10 == 0
    cases += [asymmetric(large, "asymmetric"), asymmetric(large, "and limits of a tenth", tenth)]
    print(f"| survey | clusters | redshifts | {' | '.join(LEVELS)} | {' | '.join(f'{x} per node' for x in LEVELS)} |")
    print("|---" * (3 + 2 * len(LEVELS)) + "|")
    spent = [{level: seconds(case, level) for level in LEVELS} for case in cases]
    sizes = [{level: case.data.size if level == "full" else case.nodes for level in LEVELS} for case in cases]
    for case, mine, size in zip(cases, spent, sizes, strict=True):
        ratio = {x: mine[x] / size[x] / (spent[0][x] / sizes[0][x]) for x in LEVELS}
        cells = [f"{mine[x]:.4f} s" for x in LEVELS] + [f"{ratio[x]:.2f}" for x in LEVELS]
        print(f"| {case.name} | {case.data.size:g} | {case.nodes} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
