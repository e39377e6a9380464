"""What hands do to a configuration: keys lost, misspelt, moved or written twice, units and types confused, limits."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Rng = np.random.Generator
Content = dict[str, Any]
Path = tuple[str | int, ...]

UNITS = ("Msun", "Msun/h", "log10 Msun", "Mpc", "Mpc/h", "keV", "log10 keV", "erg/s", "log10 erg/s", "erg / (s cm2)")
UNITS += (
    "sr",
    "deg2",
    "arcmin2",
    "%",
    "dex",
    "ln",
    "h",
    "/h",
    "kg",
    "Msun keV",
    "log10 Msun/h keV",
    "W / m2",
    "ly",
    "m",
)
NUMBERS = (0, -1, 1, 0.0, -0.0, 1e-300, 1e300, -1e300, 5e-324, 1e-12, 1e12, 10**25, 3.0, 0.5, -0.5, 100)
ODD = (
    "",
    "abc",
    "nan",
    "1",
    "0.5 ",
    "1e400 Msun",
    "-14 log10 Msun/h",
    "999 log10 erg/s",
    "0 sr",
    "ü",
    "a\nb",
    " ",
    "1,5 keV",
)
LIMITS: dict[tuple[str, ...], tuple[Any, ...]] = {
    ("survey", "zmin"): (0.0, 1e-9, 1e-4, 0.2498),
    ("survey", "zmax"): (3.0, 3.0001, 0.1001, 0.0252),
    ("survey", "area"): ("41253 deg2", "41252.9 deg2", "1 deg2", "1 arcmin2", "1e-8 sr", "13 sr", 2000, "1e300 deg2"),
    ("survey", "shells"): (1, 2, 32, 33, 0),
    ("survey", "redshift_edges"): ([], [0.1], [0.1, 0.1], [0.8, 0.1], [0.025, 0.1, 0.25], [0.1, 0.2, 0.2, 0.8]),
    ("survey", "side"): ("1 Mpc/h", "2e4 Mpc/h", "1e-3 Mpc", "1e200 Mpc"),
    ("survey", "fraction"): (1, 1e-3, 1e6, 1e-300),
    ("survey", "z"): (0.0, 1e-9, 2.999, 3.0),
    ("selection", "slope"): (0, 1e-9, 20, 1e4),
    ("selection", "smoothing"): (1e-9, 0.6, 0.99, 1e3),
    ("selection", "break_mass"): ("13.600001 log10 Msun/h", "15.8 log10 Msun/h", "15.99 log10 Msun/h"),
    ("selection", "min_mass"): ("11.1 log10 Msun/h", "11.6 log10 Msun/h", "14.2499 log10 Msun/h", "15.5 log10 Msun/h"),
    ("selection", "flux_limit"): ("1e-9 erg / (s cm2)", "2e-8 erg / (s cm2)", "2e-19 erg / (s cm2)", "1e300 W / m2"),
    ("selection", "flux_error"): (0.999, 1.0, 1e-12, 0.3),
    ("selection", "completeness_width"): (0.999, 1e-12, 1.0),
    ("selection", "k_slope"): (10, -10, 1e3, 0),
    ("relations", "pivot"): ("11.01 log10 Msun/h", "15.9 log10 Msun/h", "1e300 Msun"),
    ("relations", "z0"): (3.0, 1, -0.5, 10),
    ("relations", "calibrated_masses"): (["14 log10 Msun/h"], ["15 log10 Msun/h", "14 log10 Msun/h"]),
    ("yx_error",): (1e-9, 0.5, 2.0, 50),
    ("yx_bin",): (0.01, 2, 0.009),
    ("errors",): ({"t": 0.0}, {"t": 2.0}, {"mgas": 1e3}, {"core": 0.1}, {"yx": 1e-12}, {"lx": 0.1}, {"yx": 2.0}),
    ("weak_lensing",): ({"scatter": 2.99}, {"scatter": "1e-9 ln"}, {"scatter": "1.2 dex"}, {"scatter": 0.0}, {}),
    ("cosmology", "Om0"): (0.1, 0.6, 0.0999), ("cosmology", "Ob0"): (0.005, 0.1), ("cosmology", "ns"): (0.7, 1.3),
    ("cosmology", "h"): (0.4, 1.1, 70.4),
}  # fmt: skip
"""Values at, just inside and beyond what a key can be."""
RELATION_LIMITS: dict[str, tuple[Any, ...]] = {
    "norm": ("1e300 erg/s", "44 log10 erg/s", "38.1 log10 erg/s", "47.9 log10 erg/s", "0 keV", "13 log10 Msun keV"),
    "slope": (0.05, 0.1, 10, 4, 1e6, -1.6), "evolution": (20, -20, 1e3), "h_exponent": (0, 5, -10, 1e300),
    "scatter": (1e-9, 1e-3, 0.01, 0.6, 1.99, 2, "4.6 ln"),
}  # fmt: skip


def leaves(table: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of all values that are no tables."""
    if isinstance(table, dict) and table:
        for key, value in table.items():
            yield from leaves(value, (*path, key))
    elif path:
        yield path


def tables(table: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of all tables, the whole first."""
    yield path
    for key, value in table.items():
        if isinstance(value, dict):
            yield from tables(value, (*path, key))


def at(content: Content, path: Path) -> Any:
    """What is at a path."""
    value: Any = content
    for step in path:
        value = value[step]
    return value


def put(content: Content, path: Path, value: Any) -> None:
    """Write a value at a path, making tables on the way."""
    for step in path[:-1]:
        if not isinstance(content.get(step), dict):
            content[step] = {}
        content = content[step]
    content[path[-1]] = value


def dotted(path: Path) -> str:
    """A path as people write it."""
    return ".".join(map(str, path)) or "the whole"


def _any(paths: Iterator[Path], rng: Rng) -> Path:
    found = [path for path in paths if path]
    return found[int(rng.integers(len(found)))]


def _somewhere(content: Content, rng: Rng) -> Path:
    """A value or a table."""
    return _any(leaves(content) if rng.random() < 0.8 else tables(content), rng)


def lose(content: Content, rng: Rng) -> str:
    path = _somewhere(content, rng)
    del at(content, path[:-1])[path[-1]]
    return f"{dotted(path)} lost"


def misspell(content: Content, rng: Rng) -> str:
    path = _somewhere(content, rng)
    table, key = at(content, path[:-1]), str(path[-1])
    i = int(rng.integers(len(key)))
    wrong = str(
        rng.choice([key[:i] + key[i + 1 :], key[:i] + key[i:][::-1], key + "s", key.upper(), key.replace("_", "-")])
    )
    table[wrong] = table.pop(path[-1])
    return f"{dotted(path)} misspelt {wrong!r}"


def move(content: Content, rng: Rng) -> str:
    path, to = _somewhere(content, rng), list(tables(content))
    target = to[int(rng.integers(len(to)))]
    if target[: len(path)] == path:
        return lose(content, rng)
    value = at(content, path)
    if rng.random() < 0.7:
        del at(content, path[:-1])[path[-1]]
    at(content, target)[path[-1]] = value
    return f"{dotted(path)} also or only in {dotted(target)}"


def retype(content: Content, rng: Rng) -> str:
    path = _somewhere(content, rng)
    value = at(content, path)
    zoo: list[Any] = [
        *NUMBERS,
        *ODD,
        True,
        False,
        None,
        math.nan,
        math.inf,
        -math.inf,
        [],
        {},
        [value],
        {"value": value},
    ]
    zoo += [
        str(value),
        [value, value],
        [[value]],
        {"flat": [0.6]},
        [0.6],
        datetime.date(2020, 1, 1),
        {1: 2},
        "x" * 3000,
    ]
    new = zoo[int(rng.integers(len(zoo)))]
    put(content, path, new)
    return f"{dotted(path)} = {repr(new)[:60]}"


def rescale(content: Content, rng: Rng) -> str:
    path = _any(leaves(content), rng)
    value, factor = (
        at(content, path),
        float(10 ** rng.choice([rng.uniform(-0.5, 0.5), rng.uniform(-1, 1), rng.uniform(-8, 8)])),
    )
    factor *= float(rng.choice([1, 1, 1, -1]))
    if isinstance(value, str) and (match := re.match(r"\s*[-+]?[\d.]+(e[-+]?\d+)?", value)):
        new: Any = f"{float(match[0]) * factor:g}{value[match.end() :]}"
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return retype(content, rng)
    else:
        new = value * factor
    put(content, path, new)
    return f"{dotted(path)} = {new!r}"


def reunit(content: Content, rng: Rng) -> str:
    texts = (p for p in leaves(content) if isinstance(v := at(content, p), str) and re.match(r"\s*[-+\d.]", v))
    path = _any(texts, rng)
    number, _, unit = at(content, path).strip().partition(" ")
    drawn = str(rng.choice(UNITS))
    choices = [
        number,
        float(number) if re.fullmatch(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", number) else 1.0,
        f"{number} {drawn}",
        f"{number}{unit}",
    ]
    choices += [f"{number} log10 {unit}", f"{number} {unit.removeprefix('log10 ')}", f"{number} {unit} {drawn}", unit]
    choices += [f"10**{number} {unit}", f"{number} {unit}/h", f"{number} {unit} h^-2", f"{number} +- 0.1 {unit}"]
    new = choices[int(rng.integers(len(choices)))]
    put(content, path, new)
    return f"{dotted(path)} = {new!r}"


def limit(content: Content, rng: Rng) -> str:
    choices: dict[Path, tuple[Any, ...]] = {path: values for path, values in LIMITS.items() if path[0] in content}
    for name, law in content.get("relations", {}).items():
        if isinstance(law, dict) and "norm" in law:
            choices |= {("relations", name, key): values for key, values in RELATION_LIMITS.items()}
        elif name == "correlation" and isinstance(law, dict):
            choices |= {("relations", name, key): (1, -1, 0.999999, -0.999999, 2) for key in law}
    # keys that are not there are rarely what is meant
    mine = {path: values for path, values in choices.items() if _there(content, path) or rng.random() < 0.2}
    path = list(mine)[int(rng.integers(len(mine)))]
    new = mine[path][int(rng.integers(len(mine[path])))]
    put(content, path, new)
    return f"{dotted(path)} = {new!r}"


def _there(content: Content, path: Path) -> bool:
    try:
        at(content, path)
    except (KeyError, TypeError):
        return False
    return True


def prior(content: Content, rng: Rng) -> str:
    """A prior that is degenerate, of two kinds, of another parameter, or absurdly wide or narrow."""
    parameters = content.get("parameters", {})
    others = ["Om0", "h", "ns", "norm_core", "norm_wl", "evolution_t", "norm_contamination", "scatter_yx"]
    if not isinstance(parameters, dict):
        return retype(content, rng)
    name = str(rng.choice([*parameters, *others] if rng.random() < 0.5 else [*parameters, "sigma8"]))
    low, high = sorted(float(x) for x in rng.uniform(0, 2, 2))
    width = float(10 ** rng.uniform(-12, 6))
    absurd: list[Any] = [
        {"flat": [low, low]}, {"flat": [high, low]}, {"flat": [0.6]}, {"flat": [low, high, 3]}, {"flat": [0.0, high]},
        {"flat": [-high, high]}, {"flat": [low, high], "gaussian": 0.1}, {"gaussian": 0.0}, {"gaussian": -0.1}, {},
        {"lognormal": 0.1, "lognormal_": 0.1}, {"fiducial": 0.0, "lognormal": 0.1}, {"value": low, "flat": [0, 1]},
        {"fiducial": -low, "gaussian": high}, {"value": 0}, {"value": -1}, 0, -1.0, 1e300, {"flat": [1e-300, 1e300]},
        {"flat": "0.6 to 0.9"}, {"flat": {"low": 0.6, "high": 0.9}}, "0.81", [0.6, 0.9], {"value": True},
    ]  # fmt: skip
    wide: list[Any] = [
        {"gaussian": width}, {"lognormal": width}, {"lognormal": 0.9}, {"lognormal": 3.0}, {"gaussian": 0.5}, high,
        {"flat": [0.05, 20]}, {"flat": [0.02, 30]}, {"flat": [1e-10, 1e10]}, {"gaussian": 9.0}, {"value": low},
        30, 0.05,
        {"fiducial": low, "flat": [low * (1 - 1e-8), low * (1 + 1e-8)]}, {"fiducial": low, "flat": [low, high]},
    ]  # fmt: skip
    choices = wide if rng.random() < 0.6 else absurd
    new = choices[int(rng.integers(len(choices)))]
    parameters[name] = new
    return f"parameters.{name} = {new!r}"


FAULTS: tuple[tuple[Callable[[Content, Rng], str], float], ...] = (
    (lose, 0.5), (misspell, 0.4), (move, 0.4), (retype, 1.0), (rescale, 3.0), (reunit, 0.7), (limit, 5.0), (prior, 4.0),
)  # fmt: skip


def spoil(content: Content, rng: Rng) -> str:
    """Make one fault in a configuration; what it was."""
    weights = np.array([weight for _, weight in FAULTS])
    fault = FAULTS[int(rng.choice(len(FAULTS), p=weights / weights.sum()))][0]
    return fault(content, rng)
