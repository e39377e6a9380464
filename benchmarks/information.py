"""Does expected information grow from level to level? ``python -m benchmarks.information --surveys 300``.

Random surveys (``benchmarks/randomsurveys.py``): the largest excess of a level's sigma(sigma8) over that of one that
knows less.
"""

from __future__ import annotations

import argparse
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from benchmarks.randomsurveys import LESS, random_setup, widths


def main() -> None:
    """Print the worst excess of every pair of levels, and the survey that has it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--surveys", type=int, default=300)
    worst: dict[tuple[str, str], tuple[float, int]] = {}
    for seed in range(parser.parse_args().surveys):
        found = widths(random_setup(seed))
        for more, less in LESS:
            if more in found:
                excess = found[more] / found[less] - 1
                worst[more, less] = max(worst.get((more, less), (-1.0, 0)), (excess, seed))
    for (more, less), (excess, seed) in worst.items():
        print(f"{more:>9} over {less:<9} {excess:+.1e}  (survey {seed})")


if __name__ == "__main__":
    main()
