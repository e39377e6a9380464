"""Options that several commands of mlcheck take, and what a shell completes for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.completion import begun, complete_config


def complete_network(incomplete: str) -> list[str]:
    """Built-in configurations of networks, and files of this folder, that begin so."""
    from ..networks.config import builtin_configs

    files = [str(path) for path in sorted(Path().glob(f"{incomplete}*.toml"))]
    return begun([*builtin_configs(), *files], incomplete)


def complete_preset(incomplete: str) -> list[str]:
    """Networks that begin so."""
    from ..networks.architectures import PRESETS

    return begun(PRESETS, incomplete)


def complete_case(incomplete: str) -> list[str]:
    """Cases, of which the last may be one of several with commas between."""
    from ..data.layout import CASES

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{case}" for case in begun(CASES, last)]


ConfigName = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG", help="A TOML file, or the name of a built-in one.", autocompletion=complete_network
    ),
]
Suite = Annotated[Path, typer.Option("--suite", metavar="DIR", help="Suite that 'forecast suite' made.")]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="compact or nv22.  [default: the configuration's]",
        autocompletion=complete_preset,
    ),
]
Case = Annotated[
    str,
    typer.Option(
        "--case",
        metavar="CASE",
        help="standard, shuffled, no-wl, ones or overspecialised.",
        autocompletion=complete_case,
    ),
]
Survey = Annotated[
    str | None,
    typer.Option(
        "--survey",
        metavar="CONFIG",
        help="Survey, as given to 'forecast suite'.  [default: the configuration's]",
        autocompletion=complete_config,
    ),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A .keras file, or a folder of them (an ensemble).")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of weights and batches.")]
SplitSeed = Annotated[int, typer.Option("--split-seed", min=0, help="Seed of the division into train and test.")]
Members = Annotated[int, typer.Option("--members", min=1, help="Networks in the ensemble.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Instead of the configured number.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Discard the networks of an earlier run in --out.")]
