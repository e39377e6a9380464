"""Sections about what a survey is expected to measure: the ladder, what survives, systematics, abundance, the map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from markupsafe import Markup

from ..core.digits import chance_text, count_text
from ..forecasts.ladder import LadderRow
from ..likelihoods.level_name import Bound
from .cautions import SHIFT
from .narrative import LEVEL_WORDS
from .page.blocks import Block, Picture, Section, Table, Text
from .page.typesetting import beside, number, rounded, spread, typeset
from .plots.style import LEVELS
from .posterior_sections import figure_name
from .results import Result, SurveyPart
from .text_table import dark_energy_tables, fixed_in_rows, fixed_words


def ordered_levels(tables: Iterable[Mapping[str, float]]) -> list[str]:
    """Levels that occur in any of the tables, in the order of what they add."""
    found = dict.fromkeys(level for table in tables for level in table)
    return [v for v in LEVELS if v in found] + [v for v in found if v not in LEVELS]


def levels_caption(levels: Iterable[str]) -> str:
    """What each level uses, in one sentence."""
    each = (f"{v}, {LEVEL_WORDS.get(v, v)}{': the floor' if v == Bound.KNOWN else ''}" for v in levels)
    return f"Levels: {'; '.join(each)}."


def ladder_section(result: Result) -> Section:
    """Expected error of sigma8 by level, as table and figure."""
    levels = ordered_levels(row.sigma8_std for row in result.ladder)
    intro = (
        "Expected uncertainty of sigma8 by level of information, from Fisher matrices in which flat priors are "
        f"replaced by Gaussians of equal variance{fixed_in_rows(result.Om0, result.ladder)}. " + levels_caption(levels)
    )
    rows = tuple(
        (_named(row), count_text(row.expected_count), *(spread(row.sigma8_std.get(level)) for level in levels))
        for row in result.ladder
    )
    table = Table("Table of uncertainties by level", ("Variant", "Clusters", *levels), rows)
    alt = "Uncertainty of sigma8 by level of information, a line of markers per variant; numbers are in the table."
    caption = Markup(
        "The same numbers as a picture. A row marked ×<i>n</i> has priors on the normalisations of the scaling "
        "relations that are <i>n</i> times as wide, in the logarithm. A level close to the prior has learned little. "
        "Where the axis is broken, nothing lies between its parts."
    )
    blocks: tuple[Block, ...] = (
        Text(intro),
        table,
        *_s8_table(result, levels),
        *_dark_energy_tables(result, levels),
        Picture("ladder", alt, caption),
    )
    return Section("What each datum adds", blocks if rows else ())


def _s8_table(result: Result, levels: list[str]) -> tuple[Table, ...]:
    """The error of S8 where Om0 is free."""
    free = (row for row in result.ladder if row.s8_std)
    rows = tuple((typeset(row.label), *(spread(row.s8_std.get(level)) for level in levels)) for row in free)
    caption = "The same of S8 = sigma8 (Om0/0.3)^0.5."
    return (Table("Uncertainty of S8 by level", ("Variant", *levels), rows, caption=caption),) if rows else ()


def _dark_energy_tables(result: Result, levels: list[str]) -> tuple[Table, ...]:
    """Errors of w0 and wa, and their figure of merit, where they are free."""
    return tuple(
        Table(
            f"Dark energy by level: {title}",
            ("Variant", *levels),
            tuple((typeset(label), *(spread(std.get(level)) for level in levels)) for label, std in found),
            caption=f"The same rows: {title}.",
        )
        for title, found in dark_energy_tables(result.ladder)
    )


def _named(row: LadderRow) -> Markup:
    """A variant, and its selection where the label does not say it."""
    more = (
        Markup(" <span class='soft'>{}</span>").format(typeset(row.selection)) if row.selection not in row.label else ""
    )
    return typeset(row.label) + more


def lensing_section(result: Result) -> Section:
    """Level full+wl by what is known of the mean bias of lensing masses."""
    if not result.lensing:
        return Section("", ())
    rows = tuple((typeset(row.label), *(spread(std) for std in row.sigma8_std)) for row in result.lensing)
    intro = (
        "Expected uncertainty of sigma8 at level full+wl where the mean bias of weak-lensing masses is known to so "
        "many per cent, all else as configured, and with wider priors on the relations' normalisations."
    )
    header = ("Priors", *(f"{width:.3g}%" for width in 100 * np.array(result.lensing[0].bias)))
    return Section(
        "What the bias of lensing masses leaves", (Text(intro), Table("Bias of lensing masses", header, rows))
    )


def survival_section(result: Result) -> Section:
    """What wider priors leave of self-calibration."""
    levels = ordered_levels(row.sigma8_std for row in result.ladder)
    rows = tuple(
        (row.selection, f"×{row.widening:.0f}", f"×{row.volume:.0f}", *(spread(row.sigma8_std.get(v)) for v in levels))
        for row in result.survival
    )
    intro = (
        "Uncertainty of sigma8 as the priors on the normalisations widen (in the logarithm) and the survey's volume "
        f"grows at unchanged depth{fixed_words(result.Om0)}."
    )
    alt = (
        "Uncertainty of sigma8 against survey volume for each selection and width of the priors; numbers in the table."
    )
    caption = (
        "Dashed: N and the median Y_X. Solid: every Y_X. Dash-dotted: every observable. Dotted: nuisances known. Grey "
        "line: the prior. Where a dashed line stays at the prior whatever the volume, N and the median say nothing "
        "that the priors on the normalisations did not; where a solid line falls with volume, the shape of the Y_X "
        "distribution calibrates the masses."
    )
    table = Table("What survives", ("Selection", "Priors", "Volume", *levels), rows)
    blocks = (Text(intro), table, Picture("survival", alt, caption)) if rows else ()
    return Section("Which part of self-calibration survives", blocks)


def systematics_section(result: Result) -> Section:
    """Shifts from other assumptions, and in units of the errors."""
    levels = ordered_levels(row.shift for row in result.systematics)
    rows = tuple(
        (row.label, *(_shift(row.shift.get(level), result.error_beside(row, level)) for level in levels))
        for row in result.systematics
    )
    intro = (
        "Shift of sigma8 at the maximum of the posterior when expected data follow another model than the fit assumes; "
        "in brackets, in units of the level's own error with these priors; marked where it is more than half of that."
    )
    table = Table("Table of shifts by level", ("Assumption", *levels), rows, prose=frozenset({0}))
    return Section("Systematics", (Text(intro), table) if rows else ())


def _shift(shift: float | None, error: float | None) -> Markup:
    """A shift and the same over its error."""
    words = Markup(beside(shift, error, True))
    if shift is None or not error:
        return words
    return words + Markup("<br><span class='{}'>({}σ)</span>").format(
        "doubt" if abs(shift) > SHIFT * error else "soft", number(shift / error, 1, True)
    )


def abundance_section(found: Result | SurveyPart, survey: str = "") -> Section:
    """Expected clusters by mass, maybe those of one survey of several."""
    caption = Markup(
        "Expected clusters per dex of true mass <i>M</i><sub>500c</sub>, for the values in the legend and everything "
        "else at its fiducial value. Solid: selected clusters. Dotted: all clusters of the same volume."
    )
    alt = "Expected clusters per dex of mass against mass, with and without selection."
    pictures = (Picture(figure_name("abundance", survey), alt, caption),) if found.abundance else ()
    return Section(f"Expected abundance{f': {survey}' if survey else ''}", pictures)


def map_section(result: Result) -> Section:
    """sigma8 by count and median Y_X, and the exact posterior beside it."""
    found, exact = result.map, result.exact
    if found is None:
        return Section("", ())
    words = Markup(
        "Median scatter of σ<sub>8</sub> in a cell: <strong>{}</strong> (NV22, figure 14, quotes about 0.03). "
        "σ<sub>8</sub> rises by {} per 50 clusters and by {} per 0.1 dex of median <i>Y</i><sub>X</sub>."
    )
    slopes = (found.slope_count, found.slope_count_error), (found.slope_yx, found.slope_yx_error)
    blocks: list[Block] = [Text(words.format(spread(found.median_std), *(rounded(*slope) for slope in slopes)))]
    if exact is None:
        alt = "Mean and scatter of sigma8 in cells of cluster count and median Y_X; a summary is in the text above."
        caption = (
            f"Mean (top) and scatter (bottom) of the true sigma8 of {found.mocks} mock catalogues drawn from the "
            f"prior, in cells of cluster count and median Y_X. Cells with fewer than {found.min_mocks} mocks are blank."
        )
    else:
        blocks.append(Text(_exact_words(result)))
        alt = "Mean and scatter of sigma8 in cells of count and median Y_X, exact posteriors, and deviations from them."
        caption = (
            f"Left: mean (top) and scatter (bottom) of the true sigma8 of {found.mocks} mock catalogues drawn from the "
            f"prior; cells with fewer than {found.min_mocks} mocks are grey. Middle: exact posterior mean and width at "
            f"every point, from {exact.draws} prior draws weighted by the likelihood; points with fewer than "
            f"{exact.min_ess:.0f} effective draws are grey. Right: deviation of each cell from its expectation, the "
            "mixture of all posteriors in it."
        )
    return Section("sigma8 by count and median Y_X", (*blocks, Picture("map", alt, caption)))


def _exact_words(result: Result) -> Markup:
    assert result.exact is not None
    each = Markup("; ").join(
        Markup("{}: χ<sup>2</sup> = {} of {} cells, <i>p</i> {}").format(
            one.quantity, number(one.chi_squared, 0), one.cells, chance_text(one.p_value)
        )
        for one in result.exact.agreement
    )
    width = spread(result.exact.median_std)
    start = Markup("The exact posterior, from the likelihood of N and the median, is {} wide (median over the plane, ")
    return start.format(width) + "weighted by evidence). Against it, mocks in cells have " + each + "."
