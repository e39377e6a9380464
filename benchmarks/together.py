"""Ranks of truths in posteriors of mocks with all that real catalogues have: ``python -m benchmarks.together``.

Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788) of every level where `forecast check` cannot go:
limits, errors of single clusters, evidence, photometric redshifts. Catalogues are drawn by brute force
(`benchmarks.realcatalogues`), posteriors are those of `forecast fit`. Every mock is a line of a file, from
which an interrupted run goes on.
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
from benchmarks.realcatalogues import LOW_LIMIT, Pieces, Universe, catalogue_of, data_of, survey
from forecast.checks.sbc import CalibrationPlan, assess
from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.likelihoods.levels import at_level, likelihood
from forecast.model.forward import ForwardModel
from forecast.sampling.proposal import from_scores

PILOTS, SEARCH = 4, Search()
"""Mocks whose mean curvature every other one starts from, and how maxima are found."""


@dataclass(frozen=True)
class Bench:
    """What is drawn and what is tested: one level, its model, and the seed of all numbers."""

    universe: Universe
    level: str
    model: ForwardModel
    pieces: Pieces
    seed: int

    @classmethod
    def of(cls, level: str, seed: int, *, photometric: bool) -> Bench:
        """Of the survey of `realcatalogues`."""
        whole = survey()
        limit = {"limit": LOW_LIMIT} if level == "selfcal" else {}
        return cls(Universe.of(whole), level, at_level(whole, level), Pieces(photometric, **limit), seed)

    def _mock(self, index: int, rng: np.random.Generator) -> tuple[LogPosterior, Array]:
        """ln posterior of one mock, and the scores of its truth that the level knows."""
        parameters = self.universe.model.parameters
        scores = rng.standard_normal(len(parameters.names))
        catalogue = catalogue_of(self.universe, from_scores(parameters, scores[None])[0], self.pieces, rng)
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


def done(path: Path) -> dict[int, dict]:
    """Mocks of a file, by their number."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {one["index"]: one for one in map(json.loads, lines)}


def run(bench: Bench, mocks: int, path: Path) -> None:
    """Rank the mocks that a file lacks."""
    left = sorted(set(range(mocks)) - set(done(path)))
    curvature = bench.curvature() if left else np.empty(0)
    for index in left:
        start, found = time.process_time(), bench.rank(index, curvature)
        line = {"index": index, "rank": None if found is None else found.rank.tolist()}
        line |= {"effective": None if found is None else found.effective, "cpu": time.process_time() - start}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


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
    parser.add_argument("--out", type=Path, default=Path("out/together"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for level in options.levels:
        bench = Bench.of(level, options.seed, photometric=options.photometric)
        path = options.out / f"{level}{'-z' * options.photometric}-{options.seed}.jsonl"
        run(bench, options.mocks, path)
        print("\n".join(rows(bench, path)), flush=True)


if __name__ == "__main__":
    main()
