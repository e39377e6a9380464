"""Do two versions of the code give the same numbers? ``python -m benchmarks.same record|compare ...``.

``record OUT [--tree FOLDER]`` runs commands on small surveys with the code of a tree; ``compare BEFORE AFTER``
says which numbers differ, and by how much: identical, or, where a sampler was replaced, within its Monte Carlo error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CALL = """
import sys
from importlib import import_module
package = sys.argv[1]
try:
    main = import_module(package + ".cli.app").main
except ImportError:
    main = import_module(package + ".cli").main
sys.argv = sys.argv[1:]
main()
"""
SEEDED = ("--seed", "3")
COMMANDS = {
    "ladder-nv22": ("forecast", "ladder", "nv22"),
    "ladder-cccp": ("forecast", "ladder", "cccp_lowz"),
    "ladder-erosita": ("forecast", "ladder", "erosita"),
    "run-nv22": ("forecast", "run", "nv22", "--quick", *SEEDED),
    "fit-cccp": ("forecast", "fit", "cccp_lowz", "--quick", *SEEDED),
    "fit-cccp-full": ("forecast", "fit", "cccp_lowz", "--quick", "--level", "full", *SEEDED),
    "check-nv22": ("forecast", "check", "nv22", "--level", "selfcal", "--mocks", "200", "--draws", "2000", *SEEDED),
    "check-nv22-full": ("forecast", "check", "nv22", "--level", "full", "--mocks", "100", "--draws", "200", *SEEDED),
    "saliency-nv22": ("forecast", "saliency", "nv22", "--mocks", "4", *SEEDED),
    "saliency-nv22-full": (
        "forecast",
        "saliency",
        "nv22",
        "--mocks",
        "2",
        "--level",
        "full",
        "--steps",
        "1000",
        *SEEDED,
    ),
    "sweep-nv22": ("forecast", "sweep", "nv22", "--vary", "yx_error=0:0.2:2"),
    "proxies-nv22": ("forecast", "proxies", "nv22"),
    "joint-cccp": ("forecast", "joint", "cccp_lowz"),
    "suite-nv22": ("forecast", "suite", "nv22", "--draws", "1500", "--workers", "1", *SEEDED),
    "train": ("mlcheck", "train", "compact", "--suite", "{out}/suite-nv22", "--epochs", "2"),
}
_NO_NUMBERS = {"version", "libraries", "config", "software", "created", "seconds"}


def record(out: Path, tree: Path, only: list[str]) -> None:
    """Run the commands with the code of a source tree."""
    out.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
    for name, words in COMMANDS.items():
        folder, done = out / name, out / f"{name}.seconds"
        if done.exists() or (only and name not in only):
            continue
        given = [word.format(out=out) for word in words]
        start = time.perf_counter()
        command = [sys.executable, "-c", CALL, *given, "--out", str(folder)]
        found = subprocess.run(command, env=environment, cwd=out, capture_output=True, text=True)
        (out / f"{name}.txt").write_text(found.stdout + found.stderr, encoding="utf-8")
        done.write_text(f"{time.perf_counter() - start:.1f}\n", encoding="utf-8")
        print(f"{name}: exit code {found.returncode}, {time.perf_counter() - start:.0f} s", flush=True)


def numbers(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a JSON value by its place."""
    if isinstance(value, dict):
        for key, inside in value.items():
            if key not in _NO_NUMBERS:
                yield from numbers(inside, f"{place}.{key}")
    elif isinstance(value, list):
        for i, inside in enumerate(value):
            yield from numbers(inside, f"{place}[{i}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, float(value)


def contents(folder: Path) -> dict[str, float]:
    """Numbers of the JSON files and digests of the Parquet files of one command."""
    found: dict[str, float] = {}
    for path in sorted(folder.rglob("*.json")):
        found |= {f"{path.name}{place}": x for place, x in numbers(json.loads(path.read_text(encoding="utf-8")))}
    for path in sorted(folder.rglob("*.parquet")):
        found[path.name] = float(int(hashlib.sha256(path.read_bytes()).hexdigest()[:12], 16))
    return found


def compare(before: Path, after: Path) -> int:
    """Print, by command, how many numbers differ and the largest relative difference; return how many commands do."""
    different = 0
    for name in COMMANDS:
        one, other = contents(before / name), contents(after / name)
        common = set(one) & set(other)
        worst = max(((abs(one[k] - other[k]) / (abs(one[k]) or 1.0), k) for k in common), default=(0.0, ""))
        changed = sum(one[k] != other[k] for k in common)
        times = [
            float((x / f"{name}.seconds").read_text()) if (x / f"{name}.seconds").exists() else 0.0
            for x in (before, after)
        ]
        different += bool(changed or set(one) ^ set(other))
        print(
            f"{name:20} {len(common):6} numbers, {changed:5} differ (largest {worst[0]:.1e} {worst[1][:60]}), "
            f"{len(set(one) - common)} gone, {len(set(other) - common)} new; {times[0]:.0f} s, {times[1]:.0f} s"
        )
    return different


def main() -> None:
    """Record or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--tree", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args()
    if given.what == "record":
        record(given.folders[0].resolve(), given.tree.resolve(), given.only)
    else:
        raise SystemExit(bool(compare(*given.folders)))


if __name__ == "__main__":
    main()
