"""Files of odd bytes: ``python -m benchmarks.badfiles --inputs 10000 [--seed S]``, one of them with ``--one SEED``.

Each seed writes one file, a small table of clusters or a shipped configuration, in one of many formats, encodings and
packings, and does odd things to it. Harmless ones must change nothing; after the others the file must be refused in
one clear line, or read into numbers.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import lzma
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from benchmarks.fuzz import CLEAR, FINE, INTERNALS, Outcome, table_of
from forecast.config.load import builtin_configs, load_config
from forecast.core.errors import InputError
from forecast.core.rng import generator
from forecast.reading.tables import Column, open_table

Rng = np.random.Generator
ROWS = 12
COLUMNS = {"name": Column("name"), "z": Column("z"), "lx": Column("lx", "erg/s"), "lx_error": Column("e_lx", "erg/s")}
SEPARATED = {",": (".csv", ".txt"), ";": (".csv", ".txt"), "\t": (".tsv", ".txt"), "|": (".txt",), " ": (".dat", "")}
DECLARED = {
    "ascii.ecsv": ".ecsv", "fits": ".fits", "votable": ".vot", "hdf5": ".h5", "ascii.ipac": ".tbl", "ascii.mrt": ".txt",
    "parquet": ".parquet", "ascii.rst": ".rst", "ascii.latex": ".tex",
}  # fmt: skip
PACKED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1")


@dataclass(frozen=True)
class File:
    """A file of odd bytes: its content, what happened to it, and whether nothing may have changed by that."""

    seed: int
    ending: str
    content: bytes
    changes: tuple[str, ...]
    harmless: bool

    def __str__(self) -> str:
        return f"--one {self.seed}: {'; '.join(self.changes)}"


def clusters() -> Table:
    """The table that all files hold."""
    z = np.linspace(0.05, 0.27, ROWS)
    names = [f"A {i}" if i % 3 else f"Zw{i}" for i in range(ROWS)]
    lx = 10 ** np.linspace(43.5, 45, ROWS)
    return Table({"name": names, "z": z, "lx": lx, "e_lx": 0.1 * lx})


def make_file(seed: int) -> File:
    """The file of a seed."""
    rng = generator(seed, "bad files")
    configuration = bool(rng.random() < 0.25)
    content, ending, changes = _configuration(rng) if configuration else _table(rng)
    harm = int(rng.choice([0, 0, 1, 1, 2]))
    for _ in range(harm):
        spoil = SPOILT[int(rng.integers(len(SPOILT)))]
        content = spoil(content, rng)
        changes.append(spoil.__name__.strip("_"))
    if not configuration and rng.random() < 0.2:
        kind = str(rng.choice(list(PACKED)))
        content, ending = PACKED[kind](content), ending + kind
        changes.append(f"packed {kind}")
        if rng.random() < 0.3:
            content, harm = _cut(content, rng), 1
            changes.append("cut when packed")
    return File(seed, ending, content, tuple(changes), not harm)


def _configuration(rng: Rng) -> tuple[bytes, str, list[str]]:
    name = str(rng.choice(list(builtin_configs())))
    encoding = str(rng.choice(ENCODINGS))
    text = builtin_configs()[name].read_text(encoding="utf-8")
    return text.encode(encoding, errors="replace"), ".toml", [f"configuration {name}", encoding]


def _table(rng: Rng) -> tuple[bytes, str, list[str]]:
    if rng.random() < 0.4:
        format = str(rng.choice(list(DECLARED)))
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")
            path = Path(folder) / f"t{DECLARED[format]}"
            clusters().write(path, format=format, **({"path": "t"} if format == "hdf5" else {}))
            return path.read_bytes(), DECLARED[format], [f"table {format}"]
    separator = str(rng.choice(list(SEPARATED)))
    begin = str(rng.choice(["", "# ", "#", "# by me, 2024\n#\n", "# by me\n\n# "]))
    stream = io.StringIO()
    clusters().write(stream, format="ascii.csv", delimiter=separator)
    ending, encoding = str(rng.choice(SEPARATED[separator])), str(rng.choice(ENCODINGS))
    lines = str(rng.choice(["\n", "\r\n", "\r"]))
    text = begin + stream.getvalue().replace("\r\n", "\n")
    told = [f"separator {separator!r}", f"begin {begin!r}", encoding, f"lines {lines!r}", f"ending {ending!r}"]
    return text.replace("\n", lines).encode(encoding), ending, told


def _cut(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(len(content)))]


def _flipped(content: bytes, rng: Rng) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(len(content), size=int(rng.choice([1, 3, 30]))) if content else ():
        changed[int(place)] = int(rng.integers(256))
    return bytes(changed)


def _junk_inside(content: bytes, rng: Rng) -> bytes:
    place, size = int(rng.integers(len(content) + 1)), int(rng.choice([1, 10, 300]))
    return content[:place] + rng.integers(0, 256, size, dtype=np.uint8).tobytes() + content[place:]


def _twice(content: bytes, rng: Rng) -> bytes:
    return content + content


def _piece_out(content: bytes, rng: Rng) -> bytes:
    a, b = sorted(int(i) for i in rng.integers(len(content) + 1, size=2))
    return content[:a] + content[min(b, a + 40) :]


def _letters_changed(content: bytes, rng: Rng) -> bytes:
    old, new = rng.choice([b",", b";", b".", b"e", b"\n", b'"', b"#", b"=", b"[", b" ", b"1", b"-"], size=2)
    return content.replace(bytes(old), bytes(new), int(rng.choice([1, 5, 1000])))


SPOILT: list[Callable[[bytes, Rng], bytes]] = [_cut, _flipped, _junk_inside, _twice, _piece_out, _letters_changed]


def examine(file: File) -> Outcome:
    """What becomes of a file."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("error")
        path = Path(folder) / f"file{file.ending}"
        path.write_bytes(file.content)
        try:
            fault = _configured(path) if file.ending == ".toml" else _measured(path, file.harmless)
            return Outcome(fault or FINE)
        except InputError as error:
            return _of_message(str(error).replace(str(path), path.name), file)
        except Exception as error:
            return Outcome(type(error).__name__, str(error), traceback.format_exc())


def _configured(path: Path) -> str:
    config = load_config(path)
    return "" if config.fingerprint() and config.setup else "no setup"


def _measured(path: Path, harmless: bool) -> str:
    """What is wrong with the numbers that were read; nothing that a harmless change may do."""
    table = open_table(path, COLUMNS, 0.7)
    z, (log_lx, error) = table.redshifts(), table.quantity("lx")
    if not np.all(np.isfinite(z)) or np.any(np.isinf(log_lx)) or not np.all(np.isfinite(error)):
        return "numbers that are none"
    if not harmless:
        return ""
    truth = clusters()
    same = len(z) == ROWS and np.allclose(z, truth["z"], rtol=1e-6) and table.names() == tuple(truth["name"])
    return "" if same and np.allclose(log_lx, np.log10(truth["lx"]), atol=1e-4) else "harmless, but other numbers"


def _of_message(text: str, file: File) -> Outcome:
    fault = (
        "harmless, but refused" if file.harmless
        else "several lines" if "\n" in text
        else "internals" if INTERNALS.search(text)
        else "endless" if len(text) > 600
        else "no culprit" if "file" not in text
        else "not printable" if not text.isprintable()
        else ""
    )  # fmt: skip
    return Outcome(f"unclear: {fault}" if fault else CLEAR, text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; each file has one of its own")
    parser.add_argument("--one", type=int, help="examine the file of this seed alone, and say everything about it")
    parser.add_argument("--messages", action="store_true", help="print every clear error too")
    asked = parser.parse_args()
    start, outcomes = time.process_time(), []
    for seed in range(asked.seed, asked.seed + asked.inputs) if asked.one is None else [asked.one]:
        file = make_file(seed)
        outcome = examine(file)
        outcomes.append(outcome)
        if outcome.failed or asked.one is not None or (asked.messages and outcome.kind == CLEAR):
            print(f"{outcome.kind}: {re.sub(r'[^ -~]', '?', outcome.message)[:300]}\n    {file}", flush=True)
            if asked.one is not None:
                print(outcome.trace, file.content[:1500])
    print(f"{table_of(outcomes)}\n\n{time.process_time() - start:.0f} s of CPU time")
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
