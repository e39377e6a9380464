"""False alarms and power of the test for sigma8 in single clusters: ``python -m benchmarks.leak``.

Honest networks, trained once, meet fresh suites of test catalogues; overspecialised ones must be caught. Without
--cases a small suite is drawn and two honest networks are trained on it first.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from forecast.config.load import load_config as load_survey
from forecast.core.records import Job
from forecast.core.rng import generator
from forecast.suite.plan import SuitePlan
from forecast.suite.writer import run_suite
from mlcheck.attribution.terse import terse_values
from mlcheck.data.catalogues import Catalogues
from mlcheck.data.dataset import Simulator
from mlcheck.networks.config import load_config
from mlcheck.networks.laboratory import Laboratory, Request, prepare, train_members
from mlcheck.networks.saving import Trained, load_all
from mlcheck.trust.conditions import conditions_of, design
from mlcheck.trust.label_leakage import LeakPlan, Sums, leak

Array = np.ndarray
RATES = (0.01, 0.05, 0.10)
PLANTED = (0.005, 0.01, 0.02, 0.05)
HONEST = ("standard", "no-wl")
CHEATS = 5


@dataclass(frozen=True)
class Setting:
    """What was asked for."""

    suites: int
    size: int
    draws: int
    epochs: int
    seed: int
    permutations: int


def progress(words: str, done: int, total: int, start: float) -> None:
    left = (time.perf_counter() - start) / max(done, 1) * (total - done)
    end = "\n" if done == total else ""
    sys.stderr.write(f"\r{words}: {done} of {total}, {left:.0f} s left   {end}")
    sys.stderr.flush()


def draw_suite(folder: Path, setting: Setting) -> Path:
    run_suite(load_survey("nv22"), Job("nv22", folder, setting.seed), SuitePlan(draws=setting.draws, workers=1))
    return folder


def train(laboratory: Laboratory, folder: Path, case: str, setting: Setting, members: int) -> tuple[Trained, ...]:
    config, suite = laboratory.config, laboratory.source.suite.folder
    request = Request(config, Path(suite), folder / case, "compact", case, members=members, epochs=setting.epochs)
    start = time.perf_counter()
    found = train_members(request, laboratory, prepare(laboratory, case, "compact"))
    sys.stderr.write(f"{case}: {members} networks trained in {time.perf_counter() - start:.0f} s\n")
    return found


def p_values(values: Array, catalogues: Catalogues, permutations: int, rng: np.random.Generator) -> dict[str, float]:
    """Of the test, of the test without nuisances, and of two that are wrong: mass bins, clusters permuted."""
    plan = LeakPlan(permutations)
    full = leak(values, catalogues, plan, rng=rng)
    plain = leak(values, catalogues, replace(plan, nuisances=False), rng=rng)
    mass = catalogues.log_mass
    edges = np.quantile(mass, np.linspace(0, 1, 6)[1:-1])
    bins = Sums.of(values, catalogues, np.eye(5)[np.digitize(mass, edges)])
    sigma8 = (catalogues.sigma8 - catalogues.sigma8.mean()) / catalogues.sigma8.std()
    null = bins.statistic(rng.permuted(np.tile(sigma8, (permutations, 1)), axis=1))
    above = np.sum(null >= bins.statistic(sigma8[None])[0])
    single = 2 * stats.norm.sf(abs(plain.correlation) * np.sqrt(plain.clusters))
    wrong = {"five mass bins, catalogues permuted": float((1 + above) / (1 + permutations))}
    wrong["log M, clusters permuted"] = float(single)
    return {"the test": full.p_value, "log M alone, catalogues permuted": plain.p_value, **wrong}


def false_alarms(trained: Trained, laboratory: Laboratory, case: str, setting: Setting) -> dict[str, Any]:
    """p values by method on fresh suites, and the share of planted leaks caught on the first hundred."""
    simulator = Simulator(laboratory.source, case, setting.seed + 1000)
    found, caught, start = [], [], time.perf_counter()
    for i in range(setting.suites):
        catalogues = simulator.draw(setting.size, i)
        values, rng = terse_values(trained, catalogues).values, generator(setting.seed, f"leak {case}", i)
        found.append(p_values(values, catalogues, setting.permutations, rng))
        if i < 100:
            caught.append(planted(values, catalogues, setting.permutations, rng))
        progress(f"fresh suites, {case}", i + 1, setting.suites, start)
    table = {name: np.array([one[name] for one in found]) for name in found[0]}
    rates = {name: [int(np.sum(p <= rate)) for rate in RATES] for name, p in table.items()}
    uniform = float(stats.kstest(table["the test"] - 0.5 / (1 + setting.permutations), "uniform").pvalue)
    power = dict(zip(map(str, PLANTED), np.mean(caught, axis=0).tolist(), strict=True))
    training = {"catalogues": trained.origin.catalogues, "epochs": trained.history.epochs}
    return {"training": training, "alarms": rates, "uniform_p": uniform, "power": power}


def planted(values: Array, catalogues: Catalogues, permutations: int, rng: np.random.Generator) -> list[bool]:
    """Whether leaks are caught whose partial correlation is as planted."""
    matrix = design(conditions_of(catalogues), catalogues, LeakPlan().knots)
    free = values - matrix @ np.linalg.lstsq(matrix, values, rcond=None)[0]
    sigma8 = ((catalogues.sigma8 - catalogues.sigma8.mean()) / catalogues.sigma8.std())[catalogues.row]
    plan = LeakPlan(permutations)
    return [leak(values + size * free.std() * sigma8, catalogues, plan, rng=rng).caught for size in PLANTED]


def cheats(laboratory: Laboratory, folder: Path, setting: Setting) -> list[dict[str, float]]:
    """The test on overspecialised networks of several seeds, on fresh catalogues like those of their training."""
    prepared = prepare(laboratory, "overspecialised", "compact")
    rows = []
    for i, trained in enumerate(train(laboratory, folder, "overspecialised", setting, CHEATS)):
        test = prepared.test.take(np.arange(min(setting.size, len(prepared.test))))
        found = leak(terse_values(trained, test).values, test, LeakPlan(setting.permutations),
                     rng=generator(setting.seed, "cheat", i))  # fmt: skip
        rows.append({"seed": i + 1, "statistic": found.statistic, "threshold": found.threshold, "p": found.p_value,
                     "correlation": found.correlation, "error": found.correlation_error})  # fmt: skip
        sys.stderr.write(f"overspecialised, seed {i + 1}: {found.verdict}\n")
    return rows


def markdown(result: dict[str, Any]) -> str:
    """Tables of a result."""
    setting = result["setting"]
    bands = [stats.binom.ppf([0.005, 0.995], setting["suites"], rate).astype(int) for rate in RATES]
    words = ", ".join(f"{low}-{high} at {rate:.0%}" for (low, high), rate in zip(bands, RATES, strict=True))
    lines = [
        "# False alarms and power of the test for sigma8 in single clusters",
        f"\n`python -m benchmarks.leak`, seed {setting['seed']}: {setting['suites']} fresh suites of {setting['size']} "
        f"catalogues of `nv22`, {setting['permutations']} permutations. Alarms allowed (binomial, 99%): {words}. "
        f"{trained_on(result)}\n",
        "| network | method | " + " | ".join(f"alarms at {rate:.0%}" for rate in RATES) + " |",
        "|---|---|" + "---|" * len(RATES),
    ]
    for case, found in result["honest"].items():
        for name, counts in found["alarms"].items():
            share = " | ".join(f"{n} ({n / setting['suites']:.1%})" for n in counts)
            lines.append(f"| {case} | {name} | {share} |")
    lines.append("\nUniformity of the test's p values (Kolmogorov-Smirnov): " + ", ".join(
        f"{case} p = {found['uniform_p']:.2f}" for case, found in result["honest"].items()) + ".")  # fmt: skip
    lines.append("\n| network | " + " | ".join(f"leak of partial correlation {x}" for x in PLANTED) + " |")
    lines.append("|---|" + "---|" * len(PLANTED))
    for case, found in result["honest"].items():
        lines.append(f"| {case}, caught | " + " | ".join(f"{found['power'][str(x)]:.0%}" for x in PLANTED) + " |")
    header = "overspecialised, seed | statistic | threshold (1%) | p | partial correlation"
    lines += [f"\n| {header} |", "|---|---|---|---|---|"]
    for row in result["overspecialised"]:
        lines.append(f"| {row['seed']} | {row['statistic']:.1f} | {row['threshold']:.1f} | {row['p']:.3f} | "
                     f"{row['correlation']:+.3f} +- {row['error']:.3f} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def trained_on(result: dict[str, Any]) -> str:
    setting, parts = result["setting"], []
    for case, found in result["honest"].items():
        parts.append(f"{case} {found['training']['catalogues']:,} catalogues, {found['training']['epochs']} epochs")
    parts.append(f"overspecialised {setting['draws']:,} catalogues, {setting['epochs']} epochs")
    return "Suites and epochs of training: " + "; ".join(parts) + "."


def main() -> None:
    """Measure, and write benchmarks/results/leak.json and leak.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = {"suites": 400, "size": 150, "draws": 2000, "epochs": 6, "seed": 1, "permutations": 999}
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--cases", type=Path, help="folder of trained cases, such as of 'mlcheck compare'")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = vars(parser.parse_args())
    cases, out = given.pop("cases"), given.pop("out")
    setting = Setting(**given)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        laboratory = Laboratory(load_config("compact"), draw_suite(folder / "suite", setting))
        honest = {}
        for case in HONEST:
            trained = load_all(cases / case)[0] if cases else train(laboratory, folder, case, setting, 1)[0]
            honest[case] = false_alarms(trained, laboratory, case, setting)
        result = {"setting": given, "honest": honest, "overspecialised": cheats(laboratory, folder, setting)}
    (out / "leak.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (out / "leak.md").write_text(markdown(result), encoding="utf-8")
    print(markdown(result))


if __name__ == "__main__":
    main()
