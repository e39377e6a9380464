"""Keep what `mlcheck cases nv22_brief --suite SUITE --out FOLDER` found: NV22's own network, trained briefly.

`python -m benchmarks.encoder FOLDER` writes benchmarks/results/nv22_encoder.json and nv22_encoder.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

ORDER = ("overspecialised", "standard", "shuffled", "no-wl", "ones")
"""NV22's own, from the smallest scatter to the largest."""
KEPT = ("preset", "seed", "split_seed", "suite_seed", "survey", "catalogues", "backend", "software")


def extract(folder: Path) -> dict[str, Any]:
    paths = {case: folder / case / "results.json" for case in ORDER}
    found = {case: json.loads(p.read_text(encoding="utf-8")) for case, p in paths.items() if p.is_file()}
    origin = next(iter(found.values()))["provenance"]
    plan = {part: origin["config"][part] for part in ("title", "network", "training")}
    return {
        "provenance": {name: origin[name] for name in KEPT} | {"config": plan},
        "training": {case: each["provenance"]["training"][0] for case, each in found.items()},
        "scores": [each["test"] for each in found.values()],
    }


def markdown(kept: dict[str, Any]) -> str:
    origin = kept["provenance"]
    plan = {k: v for part in ("network", "training") for k, v in origin["config"][part].items() if v is not None}
    lines = [
        "# NV22's encoder, trained briefly",
        "\n`mlcheck cases nv22_brief --suite SUITE --out FOLDER`, then `python -m benchmarks.encoder FOLDER`. Suite "
        f"of {origin['catalogues']:,} prior draws of `{origin['survey']}` (seed {origin['suite_seed']}), backend "
        f"{origin['backend']}, " + ", ".join(f"{k} = {v}" for k, v in plan.items()) + ".\n",
        "| case | scatter | bias | NV22 | catalogues |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for s in kept["scores"]:
        published = f"{s['published']:.4f}" if s.get("published") is not None else ""
        pairs = (f"{s[kind]:{sign}.4f} ± {s[kind + '_error']:.4f}" for kind, sign in (("scatter", ""), ("bias", "+")))
        lines.append(f"| {s['name']} | " + " | ".join(pairs) + f" | {published} | {s['catalogues']:,} |")
    histories = kept["training"]
    epochs = max(len(h["train"]) for h in histories.values())
    lines.append("\nTraining loss, then validation loss (mean absolute error of scaled sigma8), by epoch:\n")
    lines.append("| case | " + " | ".join(str(i + 1) for i in range(epochs)) + " |")
    lines.append("|---|" + "---|" * epochs)
    for case, h in histories.items():
        pairs = [f"{a:.4f}, {b:.4f}" for a, b in zip(h["train"], h["validation"], strict=True)]
        lines.append(f"| {case} | " + " | ".join([*pairs, *[""] * (epochs - len(pairs))]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read a folder of cases; write the table and the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    kept = extract(given.folder)
    (given.out / "nv22_encoder.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    (given.out / "nv22_encoder.md").write_text(markdown(kept), encoding="utf-8")
    print(markdown(kept))


if __name__ == "__main__":
    main()
