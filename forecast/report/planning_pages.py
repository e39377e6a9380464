"""Pages of commands that plan: joint contours, sweeps, comparisons, proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from ..core.caution import Caution
from ..core.records import Provenance
from ..core.units import LN10
from ..forecasts.joint import JointForecast, JointLevel
from ..forecasts.proxy_records import ProxyComparison, ProxyRow
from ..forecasts.sweep_records import Comparison, Price, Sweep
from ..likelihoods.level_name import Bound, LevelName
from .forecast_sections import levels_caption
from .methods import Study
from .narrative import Account
from .page.blocks import Banner, Block, Bullets, Check, Fact, Folded, Page, Picture, Section, Table, Text
from .page.citation import MASS_FUNCTIONS, cited
from .page.typesetting import error, number, plain, rounded, typeset
from .source_sections import bullets_section, origin
from .sweep_tables import comparison_file_table, sweep_file_table

_LONG = 24
"""Rows from which a table is folded away."""
_FISHER = Check("Errors:", "from Fisher matrices, in which flat priors are Gaussians of equal variance.", "none")


@dataclass(frozen=True)
class Source:
    """Where a planning page's numbers come from."""

    provenance: Provenance | None
    account: Account | None
    aim: str
    files: str


def source_sections(source: Source) -> tuple[Section, ...]:
    """Survey, priors, methods, papers and provenance, as far as they are known."""
    told = source.account or Account("", "", (), (), ())
    survey = bullets_section("The survey", told.survey)
    if source.provenance is None:
        return (survey,)
    study = Study(source.provenance, source.aim, told.survey, told.parameters)
    return survey, *origin(study, told.references, cited(source.provenance.config), source.files)


def warned(warnings: Sequence[Caution]) -> tuple[Banner, ...]:
    """What is doubtful, in the first lines."""
    words = tuple(Markup("<b>Warning:</b> ") + typeset(caution.text) + "." for caution in warnings)
    return (Banner("Warnings", words),) if words else ()


def _warnings(warnings: Sequence[Caution]) -> Check:
    if not warnings:
        return Check("Warnings:", "none.", "good")
    return Check("Warnings:", f"{len(warnings)}, at the top of this page.", "doubt")


def joint_page(forecast: JointForecast, account: Account | None = None) -> Page:
    """Contours of Om0 and sigma8 by level."""
    data = [level for level in forecast.levels if level.level != Bound.PRIOR]
    best = min(data, key=lambda level: level.combined_std)
    Om0_std, sigma8_std = best.std
    headline = Markup("Level {} measures σ<sub>8</sub> (Ω<sub>m</sub>/0.3)<sup>{}</sup> best: <strong>{}</strong>.")
    facts = (
        Fact("sigma8", rounded(forecast.sigma8, sigma8_std), f"level {best.level}, Om0 marginalised over"),
        Fact("Om0", rounded(forecast.Om0, Om0_std), f"level {best.level}"),
        Fact("S8", rounded(best.s8, best.s8_std), f"level {best.level}"),
    )
    source = Source(
        forecast.provenance, account, f"forecast Om0 and sigma8 jointly with '{forecast.title}'", "joint.json"
    )
    return Page(
        forecast.title,
        "" if account is None else account.description,
        headline=headline.format(best.level, number(best.power, 2), rounded(best.combined, best.combined_std)),
        facts=facts,
        limits=(_degeneracy(best),),
        checks=(_FISHER, Check("Expected clusters:", f"{forecast.expected_count:.1f}.", "none")),
        sections=(_joint_section(forecast), bullets_section("Notes", forecast.notes), *source_sections(source)),
    )


def _degeneracy(best: JointLevel) -> str:
    sigma8_std, rest = best.std[1], best.combined_std
    correlation = best.covariance[0, 1] / (best.std[0] * best.std[1])
    return (
        f"The degeneracy of sigma8 with Om0: their correlation is {number(correlation, 2, True)}, and sigma8 alone is "
        f"known to {error(sigma8_std)}, the best combination to {error(rest)}."
    )


def _joint_section(forecast: JointForecast) -> Section:
    header = ("Level", "σ(sigma8)", "σ(Om0)", "S8", "power p", "sigma8 (Om0/0.3)^p")
    rows = tuple(
        (
            level.level,
            number(level.std[1]),
            number(level.std[0]),
            rounded(level.s8, level.s8_std),
            number(level.power, 2),
            rounded(level.combined, level.combined_std),
        )
        for level in forecast.levels
    )
    shown = tuple(Markup(str(typeset(words)).replace("^p", "<sup><i>p</i></sup>")) for words in header)
    caption = "68% and 95% ellipses of every level, all else marginalised over. " + levels_caption(
        level.level for level in forecast.levels
    )
    alt = "Ellipses of the density of matter and sigma8 by level; numbers are in the table."
    blocks = (Table("Joint errors by level", shown, rows), Picture("joint", alt, caption))
    return Section("Joint errors by level", blocks)


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
        banners=warned(sweep.warnings),
        headline=headline.format(number(smallest), level, ", ".join(best)),
        facts=facts,
        limits=_dependence(sweep, values),
        limits_title="What moves it",
        checks=(_FISHER, _warnings(sweep.warnings)),
        sections=(
            _table_section("sweep", sweep_file_table(sweep), sweep.price, tuple(sweep.levels)),
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
    headline = Markup("<strong>{}</strong> measures σ<sub>8</sub> best: to ± {} (level {}).")
    return Page(
        f"{len(comparison.names)} surveys side by side",
        "; ".join(comparison.titles),
        banners=warned(comparison.warnings),
        headline=headline.format(ranking[0], number(known[ranking[0]]), level) if ranking else "",
        facts=facts,
        checks=(_FISHER, _warnings(comparison.warnings)),
        sections=(
            _table_section("comparison", comparison_file_table(comparison), comparison.price, comparison.levels),
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
    caption = "The same numbers as a picture." if price is None else f"The same numbers as a picture. {price.words}"
    alt = "Uncertainty of sigma8 by survey and level; numbers are in the table."
    return Section("What each survey measures", (intro, Picture(name, alt, caption), shown))


def _heading(column: str) -> Markup:
    for start, words in (
        ("sigma8_std_", "{}"),
        ("sigma8_ratio_", "ratio, {}"),
        ("equivalent_volume_", "volume, {}"),
    ):
        if column.startswith(start):
            return Markup(words).format(column.removeprefix(start))
    return plain({"expected_count": "clusters"}.get(column, column))


def _cell(column: str, value: Any) -> str:
    """A number with the digits its column deserves; words as they are."""
    if isinstance(value, str):
        return plain(value)
    if column.startswith("sigma8_std"):
        return number(value)
    return number(value, 1) if column == "expected_count" else f"{value:.4g}"


def proxies_page(comparison: ProxyComparison, account: Account | None = None) -> Page:
    """Mass proxies side by side."""
    level = LevelName.UNBINNED
    rows = sorted(comparison.rows, key=lambda row: row.configured[level])
    values = ((row.name, row.configured[level]) for row in rows[:3])
    facts = tuple(Fact(plain(name), error(std), "of sigma8, level unbinned") for name, std in values)
    answer = comparison.answer
    source = Source(comparison.provenance, account, "find the mass proxy that calibrates itself best", "proxies.json")
    left_out = tuple(f"{name}: {why}" for name, why in comparison.left_out.items())
    return Page(
        comparison.title,
        "" if account is None else account.description,
        headline=answer[0] if answer else "",
        facts=facts,
        limits=answer[1:],
        limits_title="What matters",
        checks=(_FISHER, Check("Expected clusters:", f"{comparison.expected_count:.1f}.", "none")),
        sections=(_proxy_section(comparison), bullets_section("Left out", left_out), *source_sections(source)),
    )


def _proxy_section(comparison: ProxyComparison) -> Section:
    common, loose = (f"known to {prior:.0%}" for prior in (comparison.common_prior, comparison.loose_prior))
    header = ("Proxy", "scatter in mass", "Edgeworth bias of N", "as configured", common, loose)
    tables: list[Block] = [_proxy_table("As configured", header, comparison.rows)]
    if comparison.follows_lx:
        tables.append(_proxy_table("Mmin follows L_X", header, comparison.follows_lx))
    caption = (
        "Filled: the proxy's normalisation known as well as the common prior says; open: to the loose one. The dashed "
        "line is what counts alone give."
    )
    alt = "Uncertainty of sigma8 by mass proxy, for two priors on its normalisation; numbers are in the table."
    intro = Text("Uncertainty of sigma8 at level unbinned, by how well the proxy's normalisation is known beforehand.")
    return Section("What each proxy is worth", (intro, *tables, Picture("proxies", alt, caption)))


def _proxy_table(caption: str, header: tuple[str, ...], rows: Sequence[ProxyRow]) -> Table:
    level = LevelName.UNBINNED
    cells = tuple(
        (
            plain(row.name),
            f"{100 * LN10 * row.scatter:.1f}%",
            f"{number(100 * row.edgeworth_bias, 1, True)}%",
            *(number(table[level]) for table in (row.configured, row.common, row.loose)),
        )
        for row in rows
    )
    return Table(f"Proxies, {caption}", header, cells, caption=caption)
