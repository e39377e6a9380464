"""Pages of many surveys: sweeps and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from ..core.digits import Figure, count_text
from ..forecasts.sweep_records import Comparison, Price, Sweep
from ..likelihoods.level_name import LevelName
from .doubts import FISHER, warning_banner, warning_check
from .forecast_sections import levels_caption
from .methods import Study
from .narrative import Account
from .page.blocks import Block, Bullets, Fact, Folded, Page, Picture, Section, Table, Text
from .page.citation import MASS_FUNCTIONS, cited
from .page.typesetting import error, plain, spread
from .source_sections import Source, bullets_section, origin, source_sections
from .sweep_tables import comparison_page_table, sweep_page_table

_LONG, _MOST = 24, 300
"""Rows from which a table is folded away, and from which it is in its file alone."""


def sweep_page(sweep: Sweep, account: Account | None = None) -> Page:
    """sigma(sigma8) over one or two settings."""
    level = _level(sweep.levels, sweep.price)
    values = np.asarray(sweep.levels[level], dtype=float)
    finite = np.isfinite(values)
    low, high = int(np.argmin(np.where(finite, values, np.inf))), int(np.argmax(np.where(finite, values, -np.inf)))
    grid = [column.ravel() for column in np.meshgrid(*sweep.values, indexing="ij")]
    best, worst = ([_setting(sweep, i, column[at]) for i, column in enumerate(grid)] for at in (low, high))
    smallest, largest = float(values.ravel()[low]), float(values.ravel()[high])
    headline = Markup("<strong>σ(σ<sub>8</sub>) = {}</strong> at best (level {}), at {}.")
    facts = (
        Fact("Smallest error", error(smallest), ", ".join(best)),
        Fact("Largest error", error(largest), ", ".join(worst)),
        Fact("Ratio", f"{largest / smallest:.2f}", f"over {values.size} surveys"),
    )
    keys = " and ".join(sweep.keys)
    source = Source(sweep.provenance, account, f"find how sigma8 depends on {keys}", "sweep.json and sweep.csv")
    return Page(
        f"Sweep over {keys}" if account is None else f"{account.title}: {keys}",
        "" if account is None else account.description,
        banners=warning_banner(sweep.warnings),
        headline=headline.format(spread(smallest), level, ", ".join(best)),
        facts=facts,
        limits=_dependence(sweep, values),
        limits_title="What moves it",
        checks=(FISHER, warning_check(sweep.warnings)),
        sections=(
            _table_section("sweep", sweep_page_table(sweep), sweep.price, tuple(sweep.levels)),
            bullets_section("Notes", sweep.notes),
            *source_sections(source),
        ),
    )


def _setting(sweep: Sweep, i: int, value: Any) -> str:
    shown = f"{value:g}" if isinstance(value, int | float | np.number) else str(value)
    return f"{sweep.keys[i]} = {shown}{f' {sweep.units[i]}' if sweep.units[i] else ''}"


def _dependence(sweep: Sweep, values: np.ndarray) -> tuple[str, ...]:
    """By how much each setting moves the error, the other at the value where it moves it most."""
    found = []
    for i, key in enumerate(sweep.keys):
        ratio = float(np.fmax.reduce(np.fmax.reduce(values, axis=i) / np.fmin.reduce(values, axis=i), axis=None))
        weak = "hardly" if ratio < 1.05 else f"by up to a factor of {ratio:.2f}"
        found.append(f"{key} moves the error {weak} within its range.")
    return tuple(found)


def _level(levels: Mapping[str, Any], price: Price | None) -> str:
    """The level to speak of: that of the price, else every Y_X, else the one with most data."""
    if price is not None:
        return price.level
    return LevelName.UNBINNED if LevelName.UNBINNED in levels else list(levels)[-1]


def comparison_page(comparison: Comparison, accounts: Sequence[Account] = ()) -> Page:
    """Several surveys side by side."""
    named = dict.fromkeys(comparison.levels)
    level = _level(named, comparison.price)
    pairs = zip(comparison.names, comparison.rows, strict=True)
    known = {name: row.sigma8_std[level] for name, row in pairs if level in row.sigma8_std}
    ranking = sorted(known, key=lambda name: known[name])
    facts = tuple(Fact(plain(name), error(known[name]), f"of sigma8, level {level}") for name in ranking[:4])
    headline = Markup("<strong>{}</strong> measures σ<sub>8</sub> best: to {} (level {}).")
    return Page(
        f"{len(comparison.names)} surveys side by side",
        "; ".join(comparison.titles),
        banners=warning_banner(comparison.warnings),
        headline=headline.format(ranking[0], error(known[ranking[0]]), level) if ranking else "",
        facts=facts,
        checks=(FISHER, warning_check(comparison.warnings)),
        sections=(
            _table_section("comparison", comparison_page_table(comparison), comparison.price, comparison.levels),
            bullets_section("Notes", comparison.notes),
            *(Section(told.title, (Bullets(told.survey),)) for told in accounts),
            *_comparison_source(comparison, accounts),
        ),
    )


def _comparison_source(comparison: Comparison, accounts: Sequence[Account]) -> tuple[Section, ...]:
    """Methods, papers and provenance of several surveys together."""
    if comparison.provenance is None:
        return ()
    configs = [config for config in comparison.provenance.config.values() if isinstance(config, Mapping)]
    papers = {paper.key: paper for config in configs for paper in cited(config)}
    used = dict.fromkeys(
        MASS_FUNCTIONS[c["mass_function"]] for c in configs if c.get("mass_function") in MASS_FUNCTIONS
    )
    surveys = (f"Survey '{told.title}': {' '.join(told.survey)}" for told in accounts)
    functions = f"Mass functions [@{','.join(used)}] are computed with COLOSSUS [@Diemer2018]." if used else ""
    aim = "compare what several surveys would measure of sigma8"
    study = Study(comparison.provenance, aim, more=(*surveys, functions))
    references = dict.fromkeys(words for told in accounts for words in told.references)
    return origin(study, tuple(references), tuple(papers.values()), "comparison.json and comparison.csv")


def _table_section(
    name: str, table: tuple[list[str], list[list[Any]]], price: Price | None, levels: Sequence[str]
) -> Section:
    """Table of sigma(sigma8) by survey, its figure, and what the columns of prices mean."""
    header, rows = table
    cells = tuple(tuple(_cell(column, value) for column, value in zip(header, row, strict=True)) for row in rows)
    whole = Table("Errors by survey", tuple(_heading(column) for column in header), cells)
    intro = Text("Expected uncertainty of sigma8 by level. " + levels_caption(levels))
    shown: Block = Folded(f"Table of {len(rows)} surveys", (whole,)) if len(rows) > _LONG else whole
    if len(rows) > _MOST:
        shown = Text(f"The table of all {len(rows)} surveys is in {name}.csv.")
    caption = "The same numbers as a picture." if price is None else f"The same numbers as a picture. {price.words}"
    alt = "Uncertainty of sigma8 by survey and level; numbers are in the table."
    return Section("What each survey measures", (intro, Picture(name, alt, caption), shown))


def _heading(column: str) -> Markup:
    return plain({"expected_count": "clusters"}.get(column, column.removeprefix("sigma8_std_")))


def _cell(column: str, value: Any) -> str:
    """A number with the digits its column deserves; words as they are."""
    if isinstance(value, str | Figure):
        return plain(str(value))
    if column.startswith("sigma8_std"):
        return spread(value)
    return count_text(value) if column == "expected_count" else f"{value:.4g}"
