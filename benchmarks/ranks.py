"""What ranks of truths rest on, checked: ``python -m benchmarks.ranks``.

Ranks of a parameter of which data say little are those of its truths in the prior, so that a low p at several levels is
one number: ranks less those of the truths are free of the luck of the draw. Effective draws of chains of ranks, as they
are claimed from one chain, beside what the scatter of the means of several chains of the same mock bears out.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from itertools import islice
from pathlib import Path

import numpy as np
from scipy import special, stats

from forecast.checks.sbc import CalibrationPlan, rank_group
from forecast.config.load import load_config
from forecast.core.arrays import Array
from forecast.core.rng import generator
from forecast.likelihoods.levels import at_level, cluster_level
from forecast.model.forward import forward_model
from forecast.model.mocks import Mocks
from forecast.model.simulate import draw_mocks
from forecast.sampling.autocorrelation import effective_draws, harmonic_mean
from forecast.sampling.proposal import from_scores, to_scores
from forecast.sampling.ranks import TurningChains, in_order

RESULTS = Path(__file__).with_name("results")
GROUP = 200
"""Mocks that share draws."""


@dataclass(frozen=True)
class Luck:
    """Ranks of one parameter's truths in posteriors, and their places in the prior, (n,) each."""

    rank: Array
    place: Array

    @classmethod
    def of(cls, config: str, level: str, name: str, plan: CalibrationPlan) -> Luck:
        """Of a survey's mocks as `forecast check` draws them."""
        model = at_level(forward_model(load_config(config).setup), level)
        which = model.parameters.names.index(name)
        ranks = [rank_group((model, model), level, plan, i).rank[which] for i in range(plan.groups)]
        truths = [
            model.parameters.draw(len(rank), rng=generator(plan.seed, "calibration truth", i))
            for i, rank in enumerate(ranks)
        ]
        places = special.ndtr(to_scores(model.parameters, np.concatenate(truths))[:, which])
        return cls(np.concatenate(ranks), places)

    @property
    def row(self) -> str:
        """p (Kolmogorov-Smirnov) of ranks and of places, their correlation, the mean of ranks less places."""
        change = self.rank - self.place
        error = change.std(ddof=1) / np.sqrt(len(change))
        chances = (float(stats.kstest(x, "uniform").pvalue) for x in (self.rank, self.place))
        cells = [f"{len(change)}", *(f"{p:.3f}" for p in chances)]
        cells += [f"{np.corrcoef(self.rank, self.place)[0, 1]:.2f}", f"{change.mean():+.4f} ± {error:.4f}"]
        return " | ".join(cells)


@dataclass(frozen=True)
class Borne:
    """Effective draws of sigma8, harmonic means over mocks: as single chains claim, and as their scatter bears out."""

    claimed: float
    borne_out: float
    error: float

    @classmethod
    def of(cls, config: str, steps: int, copies: int, mocks: int, *, rng: np.random.Generator) -> Borne:
        """Of several chains of each mock of a survey at level full, which share proposals."""
        model = forward_model(load_config(config).setup)
        truth = rng.standard_normal((mocks, len(model.parameters.free)))
        drawn = draw_mocks(model, from_scores(model.parameters, truth), rng=rng)
        proposal = TurningChains.of(model, "full", drawn, rng=rng).proposal
        target = cluster_level("full").paired(model, Mocks.stacked([drawn] * copies))
        chains = TurningChains(model, target, proposal.repeated(copies))
        turn = rng.integers(0, steps + 1, size=mocks * copies)
        walk = islice(chains.walk(np.tile(truth, (copies, 1)), turn, rng=rng), steps)
        trace = in_order(np.array([at[:, model.parameters.names.index("sigma8")].copy() for at, _ in walk]), turn)
        value = trace.reshape(steps, copies, mocks)
        borne = value.reshape(-1, mocks).var(axis=0) / value.mean(axis=0).var(axis=0, ddof=1)
        claimed = harmonic_mean(effective_draws(trace[:, None]))
        return cls(claimed, harmonic_mean(borne), float(np.sqrt(2 / (mocks * (copies - 1)))))

    @property
    def row(self) -> str:
        """Both, and how many times too many are claimed."""
        ratio = self.claimed / self.borne_out
        return f"{self.claimed:.0f} | {self.borne_out:.0f} | {ratio:.2f} ± {ratio * self.error:.2f}"


def main() -> None:
    """Rank truths, run chains, write a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocks", type=int, default=2000)
    parser.add_argument("--levels", nargs="*", default=["counts"])
    parser.add_argument("--seeds", nargs="*", type=int, default=[1])
    parser.add_argument("--steps", nargs="*", type=int, default=[400, 2000])
    options, start = parser.parse_args(), time.process_time()
    config, name = "cccp_lowz_mass_scale", "mass_scale"
    plans = [CalibrationPlan(mocks=options.mocks, seed=seed, groups=options.mocks // GROUP) for seed in options.seeds]
    luck = [
        f"| {level}, seed {plan.seed} | {Luck.of(config, level, name, plan).row} |"
        for level in options.levels
        for plan in plans
    ]
    borne = [f"| {n} | {Borne.of('nv22', n, 12, 10, rng=np.random.default_rng(31)).row} |" for n in options.steps]
    text = [
        "# Ranks of truths\n",
        f"`python -m benchmarks.ranks --mocks {options.mocks} --seeds {' '.join(map(str, options.seeds))} "
        f"--steps {' '.join(map(str, options.steps))}`.\n",
        f"`{name}` of `{config}`: p (KS) of ranks and of the truths' places in the prior, their correlation, mean\n"
        "of ranks less places, which is zero.\n",
        "| level | mocks | p of ranks | p of places | correlation | mean difference |",
        "|---|---|---|---|---|---|",
        *luck,
        "\nEffective draws of sigma8 in chains of ranks (`nv22`, full, 10 mocks, 12 chains of each): as claimed,\n"
        "as the scatter of means bears out, and their ratio.\n",
        "| steps | claimed | borne out | ratio |",
        "|---|---|---|---|",
        *borne,
        f"\n{(time.process_time() - start) / 60:.1f} minutes of CPU.",
    ]
    (RESULTS / "ranks.md").write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
