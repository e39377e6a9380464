"""Pages of joint contours and of mass proxies."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ..core.digits import count_text
from ..core.units import LN10
from ..forecasts.joint import JointForecast, JointLevel
from ..forecasts.proxy_records import ProxyComparison, ProxyRow
from ..likelihoods.level_name import Bound, LevelName
from .doubts import FISHER
from .forecast_sections import levels_caption
from .narrative import Account
from .page.blocks import Block, Check, Fact, Page, Picture, Section, Table, Text
from .page.typesetting import error, number, plain, rounded, spread, typeset
from .source_sections import Source, bullets_section, source_sections


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
        checks=(FISHER, Check("Expected clusters:", f"{count_text(forecast.expected_count)}.", "none")),
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
            spread(level.std[1]),
            spread(level.std[0]),
            rounded(level.s8, level.s8_std),
            number(level.power, 2),
            rounded(level.combined, level.combined_std),
        )
        for level in forecast.levels
    )
    shown = tuple(Markup(str(typeset(words)).replace("^p", "<sup><i>p</i></sup>")) for words in header)
    words = "68% and 95% ellipses of every level, all else marginalised over; what lies beyond the axes is the prior. "
    caption = words + levels_caption(level.level for level in forecast.levels)
    alt = "Ellipses of the density of matter and sigma8 by level; numbers are in the table."
    blocks = (Table("Joint errors by level", shown, rows), Picture("joint", alt, caption))
    return Section("Joint errors by level", blocks)


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
        checks=(FISHER, Check("Expected clusters:", f"{count_text(comparison.expected_count)}.", "none")),
        sections=(
            _proxy_section(comparison),
            bullets_section("Notes", comparison.notes),
            bullets_section("Left out", left_out),
            *source_sections(source),
        ),
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
            *(spread(table[level]) for table in (row.configured, row.common, row.loose)),
        )
        for row in rows
    )
    return Table(f"Proxies, {caption}", header, cells, caption=caption)
