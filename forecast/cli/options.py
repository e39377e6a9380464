"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigName = Annotated[str, typer.Argument(metavar="CONFIG", help="A TOML file, or the name of a built-in one.")]
Out = Annotated[Path | None, typer.Option("--out", help="Output folder.  [default: out/CONFIG-COMMAND]")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random number.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]
Quick = Annotated[bool, typer.Option("--quick", help="Cut chains short; returns 0 even if they have not converged.")]
Level = Annotated[str | None, typer.Option("--level", help="counts, selfcal, binned, unbinned, full or full+wl.")]
PriceLevel = Annotated[str, typer.Option("--level", help="The level whose price is printed; files hold all.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Discard the chains of an earlier run in --out.")]
Workers = Annotated[int | None, typer.Option("--workers", help="Local processes.  [default: as many as save time]")]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler: its workers do the work."),
]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", min=10, help="Longest chain, steps.")]
