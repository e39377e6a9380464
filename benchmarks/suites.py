"""Speed of ``forecast suite``: ``python -m benchmarks.suites``. Wall clock of whole commands, processes included."""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from forecast.suite.reader import open_suite

COMMAND = [sys.executable, "-c", "from forecast.cli.app import main; main()", "suite"]
SUITES = (
    ("`nv22 --grid`", ("nv22", "--grid")),
    ("`erosita --draws 2000`", ("erosita", "--draws", "2000")),
)


def seconds(arguments: tuple[str, ...], out: Path) -> float:
    """Wall clock of one command, from start to exit."""
    start = time.perf_counter()
    subprocess.run([*COMMAND, *arguments, "--out", str(out), "--quiet"], check=True)
    return time.perf_counter() - start


def rows(what: str, arguments: tuple[str, ...], folder: Path) -> None:
    """One worker, two workers, and the same command again on the finished suite."""
    alone = seconds((*arguments, "--workers", "1"), folder / "alone")
    spread = seconds((*arguments, "--workers", "2"), folder / "spread")
    again = seconds((*arguments, "--workers", "1"), folder / "alone")
    suite = open_suite(folder / "alone", verify=True)
    clusters = sum(shard.clusters for shard in suite.manifest.shards)
    for workers, time_taken in (("1 worker", alone), ("2 workers", spread), ("again, checking all", again)):
        speed = f"{len(suite) / time_taken:,.0f} catalogues/s, {clusters / time_taken:,.0f} clusters/s"
        print(f"| {what}, {workers} | {time_taken:.1f} s ({speed}) | {alone:.1f} s | {alone / time_taken:.3g} |")


def main() -> None:
    """Print one Markdown table."""
    print("| what | ours | baseline (1 worker) | ratio |\n|---|---|---|---|")
    for what, arguments in SUITES:
        with tempfile.TemporaryDirectory() as folder:
            rows(what, arguments, Path(folder))


if __name__ == "__main__":
    main()
