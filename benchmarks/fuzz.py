"""Broken and unusual input: ``python -m benchmarks.fuzz --inputs 2000 [--seed S]``, one of them with ``--one SEED``.

Each seed makes one input: a shipped configuration varied and spoilt, at times with a small catalogue, spoilt too. It
must be refused in one clear line, or give finite numbers without a warning.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import argparse
import copy
import re
import signal
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import badtables, faults, variety
from forecast.checks.intake import take_in
from forecast.checks.observed import catalogue_data, require_levels
from forecast.config.load import Config, builtin_configs, parse_config
from forecast.core.errors import InputError
from forecast.core.rng import generator
from forecast.forecasts.ladder import with_sample_variance
from forecast.likelihoods.data import Data
from forecast.likelihoods.fisher import fisher_matrix
from forecast.likelihoods.level import Likelihood
from forecast.likelihoods.level_name import LEVELS
from forecast.likelihoods.levels import POINT_LEVELS, at_level, likelihood
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.cautions import before_fit

Content = dict[str, Any]
LIMIT = 20.0
"""CPU seconds that an input may take."""
DRAWS, MANY = 8, 500
"""Draws from the prior, and clusters of a catalogue of which more is known than that they are there."""
CHEAP = ("counts", "selfcal", "binned", "unbinned")
FINE, CLEAR = "fine", "clear error"
INTERNALS = re.compile(
    r"function-|validation error|pydantic|Traceback|\w+Config\b|instance of|<class|\bobject at 0x|<[a-z_]+\.|np\.\w+\(|"
    r"\barray\(|\b[A-Z][a-z]+[A-Za-z]*\([a-z_]+=|NoneType|\bdict\b|\btuple\b|dictionary"
)
"""What a message must not hold: pydantic's words and Python's own."""


class TooLong(BaseException):
    """An input took more than `LIMIT`."""


@dataclass(frozen=True)
class Input:
    """A configuration, perhaps with a catalogue: everything that happened to them, in words."""

    seed: int
    base: str
    content: Content
    changes: tuple[str, ...]
    with_catalogue: bool

    def __str__(self) -> str:
        return f"--one {self.seed}: {self.base}; " + "; ".join(self.changes)


@dataclass(frozen=True)
class Outcome:
    """How an input ended: `kind` is `FINE`, `CLEAR` or a failure; `message` the error's, `trace` where it came from."""

    kind: str
    message: str = ""
    trace: str = ""

    @property
    def failed(self) -> bool:
        """Whether it ended as no input should."""
        return self.kind not in (FINE, CLEAR)


def make_input(seed: int) -> Input:
    """The input of a seed."""
    rng, paths = generator(seed, "fuzz"), builtin_configs()
    base = str(rng.choice(list(paths)))
    content = tomllib.loads(paths[base].read_text(encoding="utf-8"))
    with_catalogue = bool(rng.random() < 0.35)
    changes = [variety.vary(content, rng) for _ in range(int(rng.choice([0, 1, 2, 4])))]
    number = int(rng.choice([0, 0, 1, 1, 2]) if not with_catalogue else rng.choice([0, 0, 0, 1]))
    changes += [faults.spoil(content, rng) for _ in range(number)]
    return Input(seed, base, content, tuple(changes), with_catalogue)


def examine(one: Input) -> tuple[Input, Outcome]:
    """What becomes of an input; the input comes back with what happened to its catalogue."""
    told: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            _use(one, told)
            outcome = Outcome(FINE)
        except InputError as error:
            outcome = _of_message(str(error), one)
        except TooLong:
            outcome = Outcome("slow", f"more than {LIMIT:g} s", traceback.format_exc())
        except Exception as error:
            kind = "warning" if isinstance(error, Warning) else type(error).__name__
            outcome = Outcome(kind, str(error), traceback.format_exc())
    return Input(one.seed, one.base, one.content, (*one.changes, *told), one.with_catalogue), outcome


def _use(one: Input, told: list[str]) -> None:
    """Everything that the package does with an input before it samples."""
    rng = generator(one.seed, "fuzz use")
    content, levels = copy.deepcopy(one.content), LEVELS if "weak_lensing" in one.content else LEVELS[:-1]
    level = str(rng.choice(levels))
    told.append(f"level {level}")
    if not one.with_catalogue:
        config = _built(content)
        model = at_level(forward_model(config.setup), level)
        _check_likelihood(likelihood(level, model, _data(model, level, rng)), rng)
        if rng.random() < 0.3:
            _check_fisher(str(rng.choice(CHEAP)), forward_model(config.setup))
        return
    model = forward_model(_built(content).setup)
    table = badtables.cluster_table(model, badtables.few_clusters(model, int(rng.integers(3, badtables.MOST)), rng))
    section = badtables.catalogue_section(content, table, rng)
    told += [badtables.spoil(table, section, rng) for _ in range(int(rng.choice([0, 1, 1, 2])))]
    content["catalogue"] = section
    with tempfile.TemporaryDirectory() as folder:
        _fit(_built(content), level, badtables.write(table, Path(folder), rng), rng)


def _built(content: Content) -> Config:
    """A configuration of which everything has been built."""
    config = parse_config(content)
    _ = config.setup, config.break_masses, config.catalogue and config.catalogue_spec, config.fingerprint()
    return config


def _fit(config: Config, level: str, path: Path, rng: np.random.Generator) -> None:
    model = forward_model(config.setup)
    catalogue, data = catalogue_data(config, model, path)
    before_fit(take_in(model, forward_model(with_sample_variance(model.setup, True)), catalogue, rng=rng))
    require_levels(config, [level], (model, catalogue, data))
    _check_likelihood(likelihood(level, at_level(model, level), data), rng)


def _data(model: ForwardModel, level: str, rng: np.random.Generator) -> Data:
    """A mock catalogue, of very many clusters a part; or expected data."""
    if level not in POINT_LEVELS and rng.random() < 0.2:
        return Data.expected(model)
    size = int(rng.poisson(float(model.expected_count(model.parameters.fiducial[None])[0])))
    if size <= MANY:
        return Data.of_mock(model, draw_mocks(model, model.parameters.fiducial, rng=rng))
    part = Data.of_mock(model, badtables.few_clusters(model, MANY, rng))
    return replace(part, size=float(size))


def _check_likelihood(one: Likelihood, rng: np.random.Generator) -> None:
    """Raise unless the log likelihood is finite at the fiducial point and at draws from the prior."""
    parameters = one.parameters
    theta = np.vstack([parameters.fiducial, parameters.draw(DRAWS, rng=rng)])
    value = one(theta)
    if value.shape != (DRAWS + 1,) or not np.all(np.isfinite(value)):
        raise FloatingPointError(f"log likelihood {value} inside the prior")


def _check_fisher(level: str, model: ForwardModel) -> None:
    """Raise unless the forecast width of sigma8 is finite and positive."""
    std = fisher_matrix(level, at_level(model, level)).std()
    if not 0 < std < np.inf:
        raise FloatingPointError(f"sigma(sigma8) = {std}")


def _keys(table: Any) -> set[str]:
    """Names of all keys."""
    return {str(k) for k in table} | {k for v in table.values() for k in _keys(v)} if isinstance(table, dict) else set()


def _of_message(text: str, one: Input) -> Outcome:
    """Whether an error says in one line of words what is wrong."""
    named = _keys(Config.model_json_schema()["properties"]) | _keys(one.content) | {"clusters.", "level"}
    internals = INTERNALS.search(text)
    fault = (
        "several lines" if "\n" in text
        else f"internals ({internals[0]})" if internals
        else "endless" if len(text) > 400
        else "no culprit" if not any(key and key in text for key in named)
        else ""
    )  # fmt: skip
    return Outcome(f"unclear: {fault}" if fault else CLEAR, text)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `TooLong` in what takes more CPU time."""

    def stop(*_: Any) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def table_of(outcomes: list[Outcome]) -> str:
    """How many inputs ended how, as Markdown."""
    counts = Counter(outcome.kind for outcome in outcomes)
    order = sorted(counts, key=lambda kind: (kind != FINE, kind != CLEAR, -counts[kind]))
    return "\n".join(["| outcome | inputs |", "|---|---|", *(f"| {kind} | {counts[kind]:,} |" for kind in order)])


def run(seeds: range, report: Callable[[Input, Outcome], None]) -> list[Outcome]:
    """Examine the inputs of some seeds."""
    outcomes = []
    for seed in seeds:
        with at_most(LIMIT):
            one, outcome = examine(make_input(seed))
        report(one, outcome)
        outcomes.append(outcome)
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; each input has one of its own")
    parser.add_argument("--one", type=int, help="examine the input of this seed alone, and say everything about it")
    parser.add_argument("--messages", action="store_true", help="print every clear error too")
    asked = parser.parse_args()

    def report(one: Input, outcome: Outcome) -> None:
        if asked.one is not None:
            print(f"{one}\n{outcome.kind}: {outcome.message}\n{outcome.trace}")
        elif outcome.failed or (asked.messages and outcome.kind == CLEAR):
            print(f"{outcome.kind}: {outcome.message[:300]}\n    {one}", flush=True)

    start = time.process_time()
    seeds = range(asked.seed, asked.seed + asked.inputs) if asked.one is None else range(asked.one, asked.one + 1)
    outcomes = run(seeds, report)
    if asked.one is None:
        print(f"{table_of(outcomes)}\n\n{time.process_time() - start:.0f} s of CPU time")
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
