"""Options that several commands take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .completion import complete_cluster_level, complete_config, complete_level, complete_levels

if TYPE_CHECKING:
    from ..config.surveys import Surveys


class Form(StrEnum):
    """How tables are printed."""

    TEXT = "text"
    CSV = "csv"
    LATEX = "latex"
    JSON = "json"


@dataclass(frozen=True)
class Shown:
    """What a command prints on standard output."""

    quiet: bool = False
    as_json: bool = False
    tables: Form = Form.TEXT

    @property
    def silent(self) -> bool:
        """Whether neither progress nor sentences are wanted."""
        return self.quiet or self.as_json

    @property
    def form(self) -> Form | None:
        """How; None: nothing."""
        if self.as_json:
            return Form.JSON
        return None if self.quiet else self.tables


@dataclass(frozen=True)
class FitPlan:
    """What a fit was asked to do.

    Parameters
    ----------
    levels : tuple of str
    alone : bool
        Sample each survey by itself too.
    tables : tuple of str
        As given with --catalogue.
    ladder : bool
        The ladder too, after sampling.
    """

    levels: tuple[str, ...] = ()
    alone: bool = False
    tables: tuple[str, ...] = ()
    ladder: bool = True

    def with_tables(self, given: tuple[str, ...], surveys: Surveys) -> Surveys:
        """Surveys with the tables that are given; one that would be that of one survey is refused.

        Raises
        ------
        InputError
        """
        from ..config.public import given_tables, with_tables
        from ..config.surveys import refuse_copies
        from ..core.errors import InputError

        own, named = given_tables(self.tables)
        if own is not None:
            cure = "name each in its survey's [catalogue], path"
            if built_in := next((name for name in given if not name.endswith(".toml")), None):
                cure += f"; of a built-in survey write its table's name too, --catalogue {built_in}=FILE"
            raise InputError(f"--catalogue: is the table of one survey; {cure}")
        configs = with_tables(surveys.configs, named)
        refuse_copies(configs)
        return replace(surveys, configs=configs)


ConfigName = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG", help="A TOML file, or the name of a built-in one.", autocompletion=complete_config
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="Output folder.  [default: out/CONFIG-COMMAND]")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random number.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]
Format = Annotated[Form, typer.Option("--format", help="Tables as text, CSV, LaTeX, or all as JSON.")]
Tables = Annotated[
    list[str] | None,
    typer.Option(
        "--catalogue",
        metavar="FILE",
        help="Table of clusters (ECSV, FITS, VOTable, CSV). Of public tables NAME=FILE, one for each, where several "
        "are read.",
    ),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="One level, its chain cut short; returns 0 even if it has not converged.")
]
UpToUnbinned = Annotated[
    bool, typer.Option("--quick", help="Levels up to unbinned only: full and full+wl take longest.")
]
QuickLadder = Annotated[
    bool, typer.Option("--quick", help="Rows up to level unbinned only; with --mcmc, short chains too.")
]
LEFT_OUT = "Levels beyond unbinned were left out, as --quick does."
Level = Annotated[
    str | None,
    typer.Option(
        "--level",
        metavar="LEVEL",
        help="counts, selfcal, binned, unbinned, full or full+wl.",
        autocompletion=complete_level,
    ),
]
Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        metavar="LEVEL",
        help="counts, selfcal, binned, unbinned, full, full+wl, or all of [sampler] levels; may be repeated.  "
        "[default: all; with --quick, [sampler] level alone]",
        autocompletion=complete_levels,
    ),
]
ClusterLevel = Annotated[
    str,
    typer.Option("--level", metavar="LEVEL", help="unbinned, full or full+wl.", autocompletion=complete_cluster_level),
]
PriceLevel = Annotated[
    str,
    typer.Option(
        "--level",
        metavar="LEVEL",
        help="The level whose price is printed; files hold all.",
        autocompletion=complete_level,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Discard the chains of an earlier run in --out.")]
Workers = Annotated[int | None, typer.Option("--workers", help="Local processes.  [default: as many as save time]")]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler: its workers do the work."),
]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", min=10, help="Longest chain, steps.")]
