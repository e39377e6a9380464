"""Likelihoods of mocks with all that real catalogues have: ``python -m benchmarks.together``.

Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788) of every level where `forecast check` cannot go:
limits, errors of single clusters, evidence, photometric redshifts. Catalogues are drawn by brute force
(`benchmarks.realcatalogues`), posteriors are those of `forecast fit`. Every mock is a line of a file, from
which an interrupted run goes on.

``--ratios`` tests likelihoods for less: drawn at theta, data have L(theta') / L(theta) of mean one for every
theta', if L is normalised. One parameter a little larger and a little smaller than the truth make two such ratios; half
their difference is the score, and their mean what the information and the scores' variance have in common.
"""

from __future__ import annotations

import argparse
import json
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.independent import LogPosterior, Rank, Search, independent_draws, log_posterior, rank_of
from benchmarks.realcatalogues import (
    IGNORED,
    LOW_LIMIT,
    USUAL_LIMIT,
    Pieces,
    Universe,
    catalogue_ignoring,
    catalogue_of,
    data_of,
    model_ignoring,
    survey,
)
from forecast.checks.sbc import CalibrationPlan, assess
from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.likelihoods.levels import at_level, likelihood
from forecast.model.forward import ForwardModel
from forecast.sampling.proposal import from_scores

PILOTS, SEARCH, STEP = 4, Search(), 0.5
"""Mocks whose mean curvature every other one starts from; how maxima are found; steps of ratios in units of errors with
all other parameters known."""


@dataclass(frozen=True)
class Bench:
    """What is drawn and what is tested: one level, its model, and the seed of all numbers."""

    universe: Universe
    level: str
    model: ForwardModel
    pieces: Pieces
    seed: int
    ignoring: str = ""

    @classmethod
    def of(
        cls, level: str, seed: int, *, larger: float = 1.0, pieces: Pieces | None = None, ignoring: str = ""
    ) -> Bench:
        """Of the survey of `realcatalogues`."""
        whole = survey(larger)
        model = at_level(model_ignoring(whole, ignoring), level)
        return cls(Universe.of(whole), level, model, pieces or Pieces(), seed, ignoring)

    def _mock(self, index: int, rng: np.random.Generator) -> tuple[LogPosterior, Array]:
        """ln posterior of one mock, and the scores of its truth that the level knows."""
        parameters = self.universe.model.parameters
        scores = rng.standard_normal(len(parameters.names))
        catalogue = catalogue_of(self.universe, from_scores(parameters, scores[None])[0], self.pieces, rng)
        catalogue = catalogue_ignoring(catalogue, self.ignoring)
        target = log_posterior(
            likelihood(self.level, self.model, data_of(self.model, catalogue)), self.model.parameters
        )
        return target, scores[[name in self.model.parameters.names for name in parameters.names]]

    def curvature(self) -> Array:
        """Mean over mocks that are not ranked."""
        found = []
        for index in range(PILOTS):
            target, truth = self._mock(index, np.random.default_rng([self.seed, 1, index]))
            found.append(SEARCH.curvature(target, truth))
        return np.mean(found, axis=0)

    def rank(self, index: int, curvature: Array) -> Rank | None:
        """Of one mock; None where its data are none of the level's, which they alone decide."""
        rng = np.random.default_rng([self.seed, 0, index])
        try:
            target, truth = self._mock(index, rng)
        except InputError:
            return None
        return rank_of(truth, target, independent_draws(target, curvature, SEARCH, rng), rng)

    def ratios(self, index: int, curvature: Array) -> Array:
        """Half the difference of the two likelihood ratios of each parameter, and their mean less one, (2 D,)."""
        target, truth = self._mock(index, np.random.default_rng([self.seed, 2, index]))
        unit = np.diag(steps_of(curvature))
        scores = truth + np.vstack([np.zeros(len(truth)), unit, -unit])
        height = target(scores) + 0.5 * (scores**2).sum(axis=1)
        more, less = np.exp(height[1:] - height[0]).reshape(2, -1)
        return np.concatenate([0.5 * (more - less), 0.5 * (more + less) - 1])


def steps_of(curvature: Array) -> Array:
    """Steps of the ratios in prior scores, (D,)."""
    return np.asarray(STEP / np.sqrt(np.maximum(np.diag(curvature), 1.0)))


def done(path: Path) -> dict[int, dict]:
    """Mocks of a file, by their number."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {one["index"]: one for one in map(json.loads, lines)}


def run(bench: Bench, mocks: int, path: Path, *, ratios: bool) -> None:
    """Rank the mocks that a file lacks, or find their ratios."""
    left = sorted(set(range(mocks)) - set(done(path)))
    curvature = bench.curvature() if left else np.empty(0)
    for index in left:
        start = time.process_time()
        if ratios:
            line: dict = {"ratios": bench.ratios(index, curvature).tolist()}
        else:
            found = bench.rank(index, curvature)
            line = {"rank": None if found is None else found.rank.tolist()}
            line["effective"] = None if found is None else found.effective
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"index": index} | line | {"cpu": time.process_time() - start}) + "\n")


def chance_of_zero(values: Array) -> float:
    """Chance of means as far from zero as those of values (n, K), if zero is right (Hotelling 1931)."""
    (size, width), mean = values.shape, values.mean(axis=0)
    square = size * mean @ np.linalg.solve(np.cov(values.T), mean)
    return float(stats.f.sf(square * (size - width) / ((size - 1) * width), width, size - width))


def ratio_rows(bench: Bench, path: Path) -> Iterator[str]:
    """A level's line, and one for each parameter: how many standard errors means are from zero."""
    values = np.array([one["ratios"] for one in done(path).values()])
    size, width = values.shape
    cpu = np.mean([one["cpu"] for one in done(path).values()])
    words = f"means are zero: p = {chance_of_zero(values):.2g} (Hotelling's T2 of {width})"
    score = values[:, : width // 2] / steps_of(bench.curvature())
    posterior = np.linalg.inv(np.cov(score.T) + np.eye(width // 2))
    moved = score @ posterior[0] / np.sqrt(posterior[0, 0])
    shift = (
        f"one Newton step moves sigma8 by {moved.mean():+.3f} ± {moved.std(ddof=1) / np.sqrt(size):.3f} of its error"
    )
    yield f"{bench.level}: {size} mocks, {cpu:.2f} s each; {words}; {shift}"
    first, second = np.split(values.mean(axis=0) / (values.std(axis=0, ddof=1) / np.sqrt(size)), 2)
    for name, a, b in zip(bench.model.parameters.names, first, second, strict=True):
        yield f"  {name:20s} score {a:+.2f} sigma, information {b:+.2f} sigma"


def rows(bench: Bench, path: Path) -> Iterator[str]:
    """A level's line, and one for each quantity."""
    found = [one for one in done(path).values() if one["rank"] is not None]
    ranks, size = np.array([one["rank"] for one in found]).T, len(found)
    names = (*bench.model.parameters.names, "log_likelihood")
    plan = CalibrationPlan(mocks=max(size, 100), groups=2)
    check = assess(bench.level, dict(zip(names, ranks, strict=True)), 0.0, plan, shared=False) if size >= 100 else None
    inside = np.abs(2 * ranks[0] - 1)
    draws = stats.hmean([one["effective"] for one in found])
    cpu = np.mean([one["cpu"] for one in found])
    cover = ", ".join(f"{p:.0%}: {np.mean(inside < p):.3f} ± {np.sqrt(p * (1 - p) / size):.3f}" for p in (0.68, 0.95))
    yield f"{bench.level}: {size} of {len(done(path))} mocks, {draws:.0f} draws, {cpu:.2f} s each; sigma8 {cover}"
    for name, rank in zip(names, ranks, strict=True):
        counts = np.histogram(rank, 20, (0, 1))[0]
        whole = check.p_values[name] if check is not None else np.nan
        tests = (whole, stats.kstest(rank, "uniform").pvalue, stats.chisquare(counts).pvalue)
        words = " ".join(f"{p:8.4f}" for p in tests)
        yield f"  {name:20s} p(bands, KS, chi2) {words}  mean {rank.mean():.3f} width {rank.std() * 12**0.5:.3f}"


def main() -> None:
    """Rank mocks of every level, and print the tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocks", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--levels", nargs="*", default=["counts", "selfcal", "binned", "unbinned", "full", "full+wl"])
    parser.add_argument("--photometric", action="store_true", help="a fifth of the redshifts are photometric")
    parser.add_argument("--ratios", action="store_true", help="likelihood ratios in place of ranks")
    parser.add_argument("--limit", type=float, help="log10 of typical limits of Y_X, Msun/h keV")
    parser.add_argument("--ignoring", choices=IGNORED, default="", help="what the likelihood leaves out of account")
    parser.add_argument("--larger", type=float, default=1.0, help="area in units of that of 80 clusters")
    parser.add_argument("--out", type=Path, default=Path("out/together"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for level in options.levels:
        bench = Bench.of(
            level,
            options.seed,
            larger=options.larger,
            pieces=Pieces(options.photometric, options.limit or (LOW_LIMIT if level == "selfcal" else USUAL_LIMIT)),
            ignoring=options.ignoring,
        )
        kind = "-z" * options.photometric + "-ratios" * options.ratios
        kind += f"-{options.limit}" * (options.limit is not None)
        kind += f"-{options.larger:g}" * (options.larger != 1) + f"-{options.ignoring}" * bool(options.ignoring)
        path = options.out / f"{level}{kind}-{options.seed}.jsonl"
        run(bench, options.mocks, path, ratios=options.ratios)
        print("\n".join((ratio_rows if options.ratios else rows)(bench, path)), flush=True)


if __name__ == "__main__":
    main()
