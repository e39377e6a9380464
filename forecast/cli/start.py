"""First steps on the command line: files to begin with, what a key means, what is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from .completion import complete_key, complete_public
from .session import EXIT_FAILED, exit_codes

init_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Write a commented configuration to begin with."
)

Area = Annotated[str | None, typer.Option("--area", help='Sky area, for example "3000 deg2".')]
Limit = Annotated[str | None, typer.Option("--flux-limit", help='In --band, for example "2e-14 erg/(s cm2)".')]
BandOf = Annotated[str | None, typer.Option("--band", help='Of --flux-limit, as "0.1-2.4 keV".  [default: 0.5-2 keV]')]
ZMin = Annotated[float | None, typer.Option("--zmin", help="Lowest redshift.")]
ZMax = Annotated[float | None, typer.Option("--zmax", help="Highest redshift.")]
File = Annotated[Path, typer.Option("--out", help="File to write.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file of that name.")]


@init_app.command("plan", epilog='Example: forecast init plan --area "3000 deg2" --out deep.toml')
def init_plan(
    out: File = Path("survey.toml"),
    area: Area = None,
    flux_limit: Limit = None,
    band: BandOf = None,
    zmin: ZMin = None,
    zmax: ZMax = None,
    force: Force = False,
) -> None:
    """A survey to plan."""
    from ..config.starters import planned

    with exit_codes():
        _refuse_overwriting(out, force)
        settings = {"area": area, "flux_limit": flux_limit, "zmin": zmin, "zmax": zmax}
        starter = planned(out.stem.replace("_", " "), settings, band)
        _write(out, starter.text, starter.doubts)
        typer.echo(f"Next: forecast ladder {quote(str(out))}")


@init_app.command("fit", epilog="Example: forecast init fit clusters.fits --out fit.toml")
def init_fit(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Clusters: ECSV, FITS, VOTable or CSV.")],
    out: File = Path("fit.toml"),
    area: Area = None,
    flux_limit: Limit = None,
    band: BandOf = None,
    zmin: ZMin = None,
    zmax: ZMax = None,
    which: Annotated[str | None, typer.Option("--table", help="Which of the file's tables.")] = None,
    force: Force = False,
) -> None:
    """A fit of your clusters, columns guessed."""
    from ..config.starters import fitted
    from ..core.errors import InputError

    with exit_codes():
        _refuse_overwriting(out, force)
        settings = {"area": area, "flux_limit": flux_limit, "zmin": zmin, "zmax": zmax}
        if out.resolve() == table.resolve():
            raise InputError(f"--out {out}: is the table itself; name another file")
        starter = fitted(table, settings, which, band=band, folder=out.parent)
        _write(out, starter.text, starter.doubts)
        *others, last = starter.missing or ("",)
        keys = f"{', '.join(others)} and {last}" if others else last
        first = f"Once you have filled in {keys}:\n" if keys else ""
        typer.echo(f"{first}Next: forecast fit {quote(str(out))} --quick")


def explain(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A key or a table, for example area or [selection].", autocompletion=complete_key
        ),
    ],
) -> None:
    """What a key of a configuration means."""
    import textwrap

    from ..config.reference import explain_key

    with exit_codes():
        for one in explain_key(key):
            typer.echo(f"{one.path}" + (f"  (where {one.variant})" if one.variant else ""))
            for words in (one.meaning, f"Value: {one.allowed}.", f"Default: {one.default or 'must be given'}."):
                typer.echo(textwrap.fill(words, 78, initial_indent="  ", subsequent_indent="    "))
            typer.echo(f"  Example: {one.example}")
        typer.echo("A file to change, with every key explained:\nNext: forecast init plan")


def data(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One of them; all if left out.", autocompletion=complete_public),
    ] = None,
) -> None:
    """Public tables of clusters: what they are, and where to get them. Nothing is downloaded."""
    import textwrap

    from ..config.public import configs_of, tables_words
    from ..reading.public_tables import public_table, public_tables

    with exit_codes():
        if name is None:
            for one in public_tables().values():
                typer.echo(f"{one.name:10} {one.title}")
            typer.echo("Next: forecast data reflex")
            return
        table, used_by = public_table(name), configs_of(name)
        for words in (table.title, table.reference, f"Where: {table.where}.", table.note):
            if words:
                typer.echo(textwrap.fill(words, 100, subsequent_indent="  ", break_long_words=False))
        typer.echo("Columns:")
        width = max(map(len, table.columns))
        for column, meaning in table.columns.items():
            typer.echo(f"  {column:{width}}  {meaning}")
        typer.echo(f"Built-in configurations: {', '.join(used_by) or 'none'}.")
        if used_by:
            typer.echo(f"Other names of columns: forecast configs --show {used_by[0]} > mine.toml")
            typer.echo(f"Next: forecast fit {used_by[0]}{'' if table.shipped else tables_words(used_by[0])}")


def doctor() -> None:
    """What is installed: versions, extras, cores, and whether a small survey comes out right."""
    import os
    import platform

    typer.echo(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores")
    for extra, names in _PACKAGES.items():
        for name in names:
            typer.echo(f"  {name:14} {_version(name, extra)}")
    from .. import load_survey

    count = load_survey("nv22").expected_count()
    right = abs(count - 124.18) < 0.05
    typer.echo(f"nv22 expects {count:.2f} clusters: {'as it should' if right else 'it should be 124.18'}")
    if not right or sys.version_info < (3, 11):
        raise typer.Exit(EXIT_FAILED)
    typer.echo("Next: forecast ladder nv22")


_PACKAGES = {
    "": ("massanchor", "numpy", "scipy", "astropy", "colossus", "emcee", "corner", "h5py", "scikit-learn", "typer"),
    "scale": ("pyarrow", "dask", "distributed"),
    "ml": ("keras", "tensorflow", "tensorflow-cpu"),
    "gpu": ("jax",),
}
"""Packages by the extra that installs them."""


def _version(name: str, extra: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"missing: pip install 'massanchor[{extra}]'" if extra else "missing: install massanchor again"


def _refuse_overwriting(out: Path, force: bool) -> None:
    from ..core.errors import InputError

    if out.is_dir():
        raise InputError(f"{out}: is a folder; name a file in it")
    if out.exists() and not force:
        raise InputError(f"{out}: is there already; choose another --out, or write over it with --force")


def _write(out: Path, text: str, doubts: tuple[str, ...]) -> None:
    from ..core.errors import InputError

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another --out") from error
    typer.echo(f"Wrote {out}. 'forecast explain KEY' says what a key means.")
    if doubts:
        from ..report.text_table import folded, screen_width

        typer.echo("To be checked:")
        for words in doubts:
            typer.echo("  - " + "\n    ".join(folded(words, screen_width() - 4)))
