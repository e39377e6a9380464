"""Whole commands as people mistype them: ``python -m benchmarks.badcommands --inputs 100``, one with ``--one SEED``.

Each seed makes one command line with files, options, a terminal and an environment of its own, and runs it. It must
end with a documented exit code and no traceback; what is refused, with one printable line that begins with ``error:``
or with the parser's usage; what is printed must reach the terminal it has.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import badfiles
from benchmarks.fuzz import CLEAR, FINE, INTERNALS, Outcome, table_of
from forecast.config.load import builtin_configs
from forecast.core.rng import generator

Rng = np.random.Generator
ROOT = Path(__file__).parents[1]
LIMIT = 600.0
"""Seconds after which a command hangs."""
CODES = (0, 1, 2, 3, 130)
ENVIRONMENTS: tuple[dict[str, str], ...] = (
    {},
    {"COLUMNS": "60"},
    {"COLUMNS": "80", "NO_COLOR": "1"},
    {"PYTHONIOENCODING": "ascii", "LANG": "C"},
    {"PYTHONIOENCODING": "latin-1"},
    {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    {"TERM": "dumb"},
    {"PYTHONUTF8": "0", "LC_ALL": "C"},
)
CHEAP = (
    ["forecast", "configs"], ["forecast", "configs", "--show", "nv22"], ["forecast", "explain", "survey.area"],
    ["forecast", "explain", "priors"], ["forecast", "doctor"], ["mlcheck", "configs"], ["forecast", "--version"],
    ["mlcheck", "describe", "compact"], ["forecast", "explain", "are"], ["mlcheck", "describe", "compakt"],
    ["forecast"], ["mlcheck"], ["forecast", "laddr", "nv22"], ["forecast", "configs", "--show", "nv23"],
)  # fmt: skip
OPTIONS = (
    ["--seed", "-1"], ["--seed", "x"], ["--level", "ful"], ["--quik"], ["--out", "a_file/inside"], ["--out", "a_file"],
    ["--out", ""], ["--out", "new folder/ü"], ["--json"], ["--quiet"], ["--max-steps", "0"], ["--mock", "-3"],
    ["--level", "counts"], ["--catalogue", "nowhere.fits"], ["--help"], ["extra"], ["--out=~/at home"],
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A command line, the environment it runs in, whether its reader stops after a line, and files beside it."""

    seed: int
    words: tuple[str, ...]
    environment: dict[str, str]
    head: bool
    files: dict[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        setting = " ".join(f"{name}={value}" for name, value in self.environment.items())
        return f"--one {self.seed}: {setting} {' '.join(self.words)}{' | head -1' if self.head else ''}"


def make_command(seed: int) -> Command:
    """The command of a seed."""
    rng = generator(seed, "bad commands")
    environment = dict(ENVIRONMENTS[int(rng.integers(len(ENVIRONMENTS)))])
    words, files = _words(rng)
    head = bool(rng.random() < 0.15)
    return Command(seed, tuple(words), environment, head, files)


def _words(rng: Rng) -> tuple[list[str], dict[str, bytes]]:
    """A command that is cheap or refused, and the files it names."""
    kind = str(rng.choice(["cheap", "cheap", "configuration", "table", "options", "init"]))
    files = {"a_file": b"mine\n"}
    if kind == "cheap":
        return list(CHEAP[int(rng.integers(len(CHEAP)))]), files
    if kind == "init":
        file = badfiles.make_file(int(rng.integers(10**6)))
        files[f"table{file.ending}"] = file.content
        return ["forecast", "init", "fit", f"table{file.ending}", "--out", "fit.toml"], files
    if kind == "options":
        chosen = [OPTIONS[int(i)] for i in rng.permutation(len(OPTIONS))[: int(rng.integers(1, 3))]]
        command = str(rng.choice(["ladder", "run", "fit", "saliency", "check", "joint", "sweep", "map", "suite"]))
        name = str(rng.choice(["nv23", "missing.toml", "a_file", "."]))
        return ["forecast", command, name, *(word for option in chosen for word in option)], files
    if kind == "table":
        file = badfiles.make_file(int(rng.integers(10**6)))
        files[f"clusters{file.ending}"] = file.content
        return ["forecast", "fit", "cccp_lowz", "--quick", "--catalogue", f"clusters{file.ending}"], files
    files["mine.toml"] = _spoilt_configuration(rng)
    return ["forecast", str(rng.choice(["ladder", "run", "fit"])), "mine.toml", "--quick"], files


def _spoilt_configuration(rng: Rng) -> bytes:
    """A shipped configuration that cannot be read, or that lacks a key."""
    name = str(rng.choice(list(builtin_configs())))
    lines = builtin_configs()[name].read_text(encoding="utf-8").splitlines()
    keys = [i for i, line in enumerate(lines) if "=" in line and not line.startswith("#")]
    place = int(rng.choice(keys))
    lines[place] = str(rng.choice(["x = ", "area = 2000", "=", '"', lines[place].replace("=", ":"), "unknown_key = 1"]))
    return "\n".join(lines).encode(str(rng.choice(badfiles.ENCODINGS)), errors="replace")


def examine(command: Command) -> Outcome:
    """What becomes of a command."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in command.files.items():
            (Path(folder) / name).write_bytes(content)
        package, *rest = command.words
        code = f"import sys; sys.argv = {[package, *rest]!r}; from {package}.cli.app import main; main()"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": folder, "OMP_NUM_THREADS": "1"}
        try:
            done = _run([sys.executable, "-c", code], environment | command.environment, folder, command.head)
        except subprocess.TimeoutExpired:
            return Outcome("hangs", f"more than {LIMIT:g} s")
        if (Path(folder) / "a_file").read_bytes() != b"mine\n" or (Path(folder) / "~").exists():
            return Outcome("a file of the user was touched", str(command))
    return _of_ended(done, command)


def _run(
    words: Sequence[str], environment: dict[str, str], folder: str, head: bool
) -> subprocess.CompletedProcess[bytes]:
    """Run a command; with `head` its reader goes away after the first line."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment, cwd=folder
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            if not head:
                out, error = process.communicate(timeout=LIMIT)
                return subprocess.CompletedProcess(words, process.returncode, out, error)
            out = process.stdout.readline()
            process.stdout.close()
            error = process.stderr.read()
            return subprocess.CompletedProcess(words, process.wait(LIMIT), out, error)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise


def _of_ended(done: subprocess.CompletedProcess[bytes], command: Command) -> Outcome:
    """Whether a command ended as it should."""
    error = done.stderr.decode("utf-8", errors="replace")
    lines = [line for line in error.splitlines() if line.strip()]
    codes = (*CODES, -signal.SIGPIPE, 128 + signal.SIGPIPE) if command.head else CODES
    said = [line for line in lines if line.startswith(("error:", "Error:", "failed:", "Try "))]
    fault = (
        "traceback" if "Traceback" in error
        else f"exit code {done.returncode}" if done.returncode not in codes
        else "internals" if INTERNALS.search(error)
        else "refused without a word" if done.returncode == 2 and not said and len(command.words) > 1
        else "a long refusal" if done.returncode == 2 and len(lines) > 6 and len(command.words) > 1
        else "warnings" if "Warning" in error
        else ""
    )  # fmt: skip
    if fault:
        return Outcome(fault, " / ".join(lines[-4:])[:400], error[-3000:])
    return Outcome(CLEAR if done.returncode else FINE, " / ".join(lines)[:300])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; each command has one of its own")
    parser.add_argument("--one", type=int, help="run the command of this seed alone, and say everything about it")
    parser.add_argument("--messages", action="store_true", help="print what every command said")
    asked = parser.parse_args()
    start, outcomes = time.monotonic(), []
    for seed in range(asked.seed, asked.seed + asked.inputs) if asked.one is None else [asked.one]:
        command = make_command(seed)
        outcome = examine(command)
        outcomes.append(outcome)
        if outcome.failed or asked.one is not None or asked.messages:
            print(f"{outcome.kind}: {outcome.message}\n    {command}", flush=True)
            if asked.one is not None:
                print(outcome.trace)
    print(f"{table_of(outcomes)}\n\n{time.monotonic() - start:.0f} s")
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
