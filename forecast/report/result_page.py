"""The page of a run, a fit, a ladder, a map or a saliency."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from ..core.digits import chance_text, count_text
from ..sampling.mcmc import TAU_FACTOR, ChainSummary
from .answer import checks, facts, headline, limits
from .doubts import warning_banner
from .forecast_sections import (
    abundance_section,
    ladder_section,
    lensing_section,
    map_section,
    survival_section,
    systematics_section,
)
from .map_answer import influence_checks, influence_facts, map_checks, map_facts, short_headline
from .methods import Study
from .narrative import intake_sentences
from .page.blocks import Banner, Block, Bullets, Page, Pairs, Section
from .page.citation import cited
from .page.html import write_page
from .page.typesetting import in_words, number, plain, typeset
from .posterior_sections import (
    convergence_section,
    goodness_section,
    influence_section,
    lensed_section,
    posteriors_section,
    predictive_section,
)
from .results import DataSummary, Result
from .source_sections import bullets_section, origin

_OF_PARTS = (goodness_section, predictive_section, lensed_section)
"""What the page says of each of several surveys."""
_KINDS = {
    "expected": "expected data (no noise)",
    "mock": "one mock catalogue",
    "catalogue": "an observed catalogue",
}


def write_report(result: Result, figures: Mapping[str, Path], path: Path) -> None:
    """Write the report of `result` to `path`; see `html.write_page`.

    `figures`: PNG files among "ladder", "survival", "influence", "influence_z", "abundance", "corner", "map",
    "goodness", "predictive" and "lensed".
    """
    write_page(result_page(result), figures, path)


def result_page(result: Result) -> Page:
    """Everything one command computed, as a page."""
    answered = bool(result.chains or result.ladder)
    return Page(
        result.title,
        result.description,
        lead=_lead(result),
        banners=(*warning_banner(result.warnings), *_following(result), *_state(result)),
        headline=headline(result) or short_headline(result),
        facts=(*facts(result), *(() if answered else (*map_facts(result), *influence_facts(result)))),
        limits=limits(result),
        checks=(*(checks(result) if answered else ()), *map_checks(result), *influence_checks(result)),
        sections=_sections(result),
    )


def _lead(result: Result) -> tuple[str, ...]:
    """What catalogues bring to a fit."""
    if result.intake is not None:
        return intake_sentences(result.intake)
    return tuple(f"{part.name}: {words}" for part in result.surveys for words in intake_sentences(part.intake))


def _sections(result: Result) -> tuple[Section, ...]:
    papers = cited(result.provenance.config, sampled=bool(result.chains))
    return (
        posteriors_section(result),
        ladder_section(result),
        lensing_section(result),
        survival_section(result),
        systematics_section(result),
        goodness_section(result),
        predictive_section(result),
        lensed_section(result),
        *(section(part, part.name) for part in result.surveys for section in _OF_PARTS),
        map_section(result),
        influence_section(result),
        convergence_section(result),
        _survey_section(result),
        abundance_section(result),
        *(abundance_section(part, part.name) for part in result.surveys),
        bullets_section("Notes", result.notes),
        *origin(_study(result), result.references, papers, "results.json"),
    )


_AIMS = {
    "run": "forecast",
    "ladder": "forecast",
    "fit": "infer",
    "map": "map, with mock catalogues drawn from the prior,",
    "saliency": "find which clusters inform",
}


def _study(result: Result) -> Study:
    """What the methods paragraph tells of."""
    whose = "surveys" if "surveys" in result.provenance.config else "survey"
    aim = f"{_AIMS.get(result.provenance.command, 'study')} sigma8 with the {whose} '{result.title}'"
    levels = tuple(result.ladder[0].sigma8_std) if result.ladder else tuple(chain.level for chain in result.chains)
    found = [
        f"posterior predictive p {chance_text(g.p_value)} for {g.observable}{whose}"
        for g, whose in (
            *((g, "") for g in result.goodness),
            *((g, f" of {p.name}") for p in result.surveys for g in p.goodness),
        )
    ]
    more = (f"Held against the data, the fitted model has {in_words(found)}.",) if found else ()
    if result.ladder:
        fisher = "Fisher matrices, in which flat priors are replaced by Gaussians of equal variance"
        more = (f"Expected errors are from {fisher}.", *more)
    data = "" if result.data is None else _fitted_words(result.data)
    survey, chains = result.survey, result.chains
    return Study(
        provenance=result.provenance,
        aim=aim,
        survey=survey,
        parameters=result.parameters,
        levels=levels,
        data=data,
        chains=chains,
        more=more,
    )


def _fitted_words(data: DataSummary) -> str:
    if data.kind == "expected":
        return "We fit data equal to their expectation at the fiducial parameters (Asimov data)."
    if data.kind == "mock":
        return f"We fit a {data.source}, of {data.n_clusters:.0f} clusters."
    return f"We fit {data.n_clusters:.0f} observed clusters, {data.n_with_yx:.0f} of them with Y_X."


def _survey_section(result: Result) -> Section:
    """The survey in sentences, and what was fitted."""
    rows = [("Expected clusters", f"{count_text(result.expected_count)} at the fiducial parameters")]
    blocks: list[Block] = [Bullets(result.survey)] if result.survey else []
    rows += [] if result.data is None else _data_rows(result.data)
    return Section("The survey", (*blocks, Pairs(tuple(rows))))


def _data_rows(data: DataSummary) -> list[tuple[str, str]]:
    digits = 1 if data.kind == "expected" else 0
    median = Markup("log<sub>10</sub> of it is {} ({})")
    shown = median.format(number(data.median_log_yx, 3), typeset(data.proxy_unit))
    return [
        ("Fitted", _KINDS.get(data.kind, data.kind)),
        ("Source", plain(data.source)),
        ("Clusters", f"{number(data.n_clusters, digits)}, of which {number(data.n_with_yx, digits)} with Y_X"),
        *([("Median Y_X", shown)] if math.isfinite(data.median_log_yx) else []),
    ]


def _following(result: Result) -> tuple[Banner, ...]:
    """What was yet to be computed when the page was written."""
    if not result.follows:
        return ()
    words = f"This is the answer of level {result.headline}. Yet to come, and then on this page: "
    again = ". If the command was stopped, the same command goes on where it was."
    return (Banner("More follows", (typeset(words + in_words(result.follows) + again),)),)


def _state(result: Result) -> tuple[Banner, ...]:
    """Quick runs and chains that are too short."""
    short = [chain for chain in result.walked if not chain.converged]
    if short:
        return (Banner("State of the chains", (_not_converged(short), _cure(result))),)
    if not result.quick:
        return ()
    words = f"each is at least {TAU_FACTOR:.0f} autocorrelation times long all the same."
    words = f" Chains were allowed to stop early; {words}" if result.chains else " No chain was sampled."
    return (Banner("State of the chains", (Markup("<strong>Quick run.</strong>") + words,)),)


def _not_converged(short: list[ChainSummary]) -> Markup:
    levels = in_words([chain.level for chain in short])
    which = f"The chain of level {levels} is" if len(short) == 1 else f"The chains of levels {levels} are"
    lengths = ", ".join(f"{chain.level}: {chain.lengths_in_tau:.1f}" for chain in short)
    words = f" {which} shorter than {TAU_FACTOR:.0f} autocorrelation times ({lengths}), "
    return Markup("<strong>Not converged.</strong>") + words + "so means and widths may still change."


def _cure(result: Result) -> Markup:
    how = "without <code>--quick</code>" if result.quick else "with a larger limit on the steps"
    words = f"For the full result, run the same command {how}, <code>{{}}</code>: the chains go on where they stopped."
    return Markup(words).format(result.longer)
