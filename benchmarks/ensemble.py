"""Posteriors of `benchmarks.incomplete` by emcee, beside importance sampling: ``python -m benchmarks.ensemble``.

Every so many mocks of its file are drawn again, and sampled by `forecast.sampling`'s chains, until these are 50
autocorrelation times long. Every mock is a line of a file, from which an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.incomplete import KNOWN, RESULTS, Bench, survey, versions
from forecast.core.arrays import Array
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.model.forward import forward_model
from forecast.sampling.mcmc import ChainPlan, run_chain

WALKERS, BLOCK, MOST = 16, 100, 8000
"""Walkers of a chain, steps between two looks at its convergence, and most steps."""


@dataclass(frozen=True)
class Ensemble:
    """Chains of one study's mocks, with the files they are kept in."""

    bench: Bench
    folder: Path

    def line(self, index: int) -> dict:
        """Mean, width, rank of the truth and effective draws of sigma8 of one mock at every level, as chains have."""
        start = time.process_time()
        at, seen = self.bench.mock(np.random.default_rng([self.bench.seed, 0, index]))
        line: dict = {"index": index}
        for label, (level, make) in self.bench.versions.items():
            posterior = Posterior(likelihood(level, *make(seen)))
            path = self.folder / f"{index}-{level}.h5"
            chain = run_chain(posterior, ChainPlan(level, index, WALKERS, BLOCK, MOST, path, label))
            sigma8 = chain.steps[chain.burn :, :, chain.names.index("sigma8")]
            below = float(np.mean(sigma8 < at[0, self.bench.model.parameters.names.index("sigma8")]))
            line[label] = [float(sigma8.mean()), float(sigma8.std()), below, chain.effective_size, chain.converged]
        return line | {"cpu": time.process_time() - start}


def lines_of(path: Path) -> dict[int, dict]:
    """Mocks of a file, by their number."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {one["index"]: one for one in map(json.loads, text.splitlines())}


def row(label: str, chains: Array, draws: Array) -> str:
    """One version: means less those of independent draws, in widths, the same in its error, and widths over theirs."""
    change = (draws[0] - chains[0]) / chains[1]
    error = np.sqrt(1 / chains[3] + 1 / draws[3])
    ratio = draws[1] / chains[1]
    size = len(change)
    cells = (
        f"{change.mean():+.3f} ± {change.std(ddof=1) / np.sqrt(size):.3f}",
        f"{np.mean((change / error) ** 2):.2f} ± {np.sqrt(2 / size):.2f}",
        f"{ratio.mean():.3f} ± {ratio.std(ddof=1) / np.sqrt(size):.3f}",
        f"{np.abs(draws[2] - chains[2]).max():.2f}",
        f"{np.median(chains[3]):.0f}, {np.median(draws[3]):.0f}",
        f"{int(chains[4].sum())} of {size}",
    )
    return f"| {label} | {' | '.join(cells)} |"


def page(chains: dict[int, dict], draws: dict[int, dict], command: str) -> str:
    """What was found, as Markdown."""
    cpu = sum(one["cpu"] for one in chains.values()) / 60
    labels = [label for label in next(iter(chains.values())) if ":" in label]
    text = [
        "# Importance sampling beside the ensemble sampler\n",
        f"`{command}`: mocks\n{', '.join(map(str, sorted(chains)))} of [missing and censored data](incomplete.md), "
        "sampled by independent draws and by chains of `forecast fit`. sigma8: mean of\ndraws less that of chains, in "
        "widths; mean square of the same in its Monte Carlo error, which is one; width of draws over that of\nchains; "
        "largest difference of the truth's rank; median of effective draws of chains and of draws; chains of 50 "
        f"autocorrelation times. {cpu:.0f} minutes\nof CPU.\n",
        "| level and version | mean | mean square | width | rank | effective | converged |",
        "|---|---|---|---|---|---|---|",
    ]
    for label in labels:
        pair = (np.array([one[k][label][:5] for k in sorted(chains)], dtype=float).T for one in (chains, draws))
        text.append(row(label, *pair))
    return "\n".join(text) + "\n"


def main() -> None:
    """Sample the mocks that a file lacks, write a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--draws", type=Path, default=Path("out/incomplete.jsonl"), help="file of benchmarks.incomplete"
    )
    parser.add_argument("--every", type=int, default=30, help="mocks from one to the next")
    parser.add_argument("--mocks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="that of the file")
    parser.add_argument("--out", type=Path, default=Path("out/ensemble"), help="folder of chains and lines")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    setup, draws, path = survey(), lines_of(options.draws), options.out / "lines.jsonl"
    known = {label: one for label, one in versions(setup).items() if label.endswith(KNOWN) and label in draws[0]}
    ensemble = Ensemble(Bench(forward_model(setup), known, options.seed, False, 0), options.out)
    for index in [options.every * i for i in range(options.mocks)]:
        if index not in lines_of(path):
            line = ensemble.line(index)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    command = f"python -m benchmarks.ensemble --every {options.every} --mocks {options.mocks} --seed {options.seed}"
    (RESULTS / "ensemble.md").write_text(page(lines_of(path), draws, command), encoding="utf-8")


if __name__ == "__main__":
    main()
