"""The page of `forecast check`: whether posteriors, and what they predict, can be believed."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ..checks.outcome import Checks
from ..checks.ppc_power import PredictiveCheck
from ..checks.sbc import MIN_ESS, LevelCalibration
from ..core.caution import Caution
from ..core.records import Provenance
from ..likelihoods.levels import level_class
from .doubts import warning_banner
from .methods import Study
from .narrative import Account
from .page.blocks import Check, Fact, Flag, Page, Picture, Section, Table, Text
from .page.citation import cited
from .page.typesetting import in_words, plain, rounded
from .source_sections import bullets_section, origin

_FLAGS: dict[str, Flag] = {"calibrated": "good", "no power": "doubt"}
_ROOM, _MOST_DRAWS = 1.2, 200_000
"""How many more draws than just enough are asked for, and how many would take too long."""


def check_page(checks: Checks, provenance: Provenance, account: Account, mocks_from: str | None = None) -> Page:
    """What simulation-based calibration found; `mocks_from`: title of another configuration that mocks follow."""
    return Page(
        f"Can the posteriors be believed? {account.title}",
        account.description,
        banners=warning_banner(idle(checks)),
        headline=_headline(checks, mocks_from),
        facts=tuple(_fact(one) for one in checks.calibration),
        limits=_limits(checks),
        limits_title="What the check can see",
        checks=(*(_check(one) for one in checks.calibration), *(_predictions(one) for one in checks.predictive)),
        sections=(
            _calibration(checks.calibration),
            _predictive(checks.predictive),
            *_source(checks, provenance, account),
        ),
    )


def idle(checks: Checks) -> tuple[Caution, ...]:
    """Levels of which nothing is proved, and why: their posteriors rest on too few draws."""
    return tuple(
        Caution(
            "no_power",
            f"nothing is proved of level {one.level}: its posteriors rest on {one.ess_median:.2g} effective draws "
            f"(median; {MIN_ESS:.0f} are needed), so that no coverage is quoted; {_cure(one)}",
        )
        for one in checks.calibration
        if is_idle(one)
    )


def is_idle(one: LevelCalibration) -> bool:
    """Whether a level's posteriors rest on too few draws to prove anything."""
    return one.status == "no power"


def _cure(one: LevelCalibration) -> str:
    if level_class(one.level).of_clusters:
        return "narrow the priors"
    draws = _ROOM * one.draws * MIN_ESS / one.ess_median
    return f"repeat with --draws {draws:.0f}" if draws < _MOST_DRAWS else "narrow the priors"


def _headline(checks: Checks, mocks_from: str | None) -> Markup:
    mocks = f"{checks.calibration[0].mocks} mocks drawn from "
    mocks += "the survey's own prior" if mocks_from is None else f"another model ({mocks_from})"
    if checks.failures:
        return Markup("<strong class='bad'>Not calibrated</strong>: {}; on {}.").format(
            in_words(checks.failures), mocks
        )
    unproved = [one.level for one in checks.calibration if is_idle(one)]
    if unproved:
        words = Markup("<strong class='doubt'>Not proved</strong> for level {}: too few effective draws; on {}.")
        return words.format(in_words(unproved), mocks)
    levels = in_words([one.level for one in checks.calibration])
    return Markup("<strong class='good'>Calibrated</strong>: {}; on {}.").format(levels, mocks)


def _fact(one: LevelCalibration) -> Fact:
    if is_idle(one):
        return Fact(f"Level {one.level}", "not proved", f"{one.ess_median:.2g} effective draws")
    value = f"{100 * one.coverage_68[0]:.1f}%"
    return Fact(f"Level {one.level}: 68% intervals hold the truth in", value, f"± {100 * one.coverage_68[1]:.1f}%")


def _check(one: LevelCalibration) -> Check:
    if is_idle(one):
        words = f"{one.status}; its posteriors rest on {one.ess_median:.2g} effective draws."
        return Check(f"Level {one.level}:", words, _flag(one.status))
    words = Markup("{}; ranks of σ<sub>8</sub> have <i>p</i> = {}, 95% intervals cover {}.").format(
        one.status, f"{one.p_value:#.2g}", rounded(*one.coverage_95)
    )
    return Check(f"Level {one.level}:", words, _flag(one.status))


def _predictions(one: PredictiveCheck) -> Check:
    words = f"{one.status}; {rounded(*one.false_alarms)} false alarms at 5%."
    return Check(f"Predictions of level {one.level}:", words, _flag(one.status))


def _flag(status: str) -> Flag:
    return _FLAGS.get(status, "bad")


def _limits(checks: Checks) -> tuple[str, ...]:
    """What the check itself cannot see."""
    worst = min(checks.calibration, key=lambda one: one.ess_median)
    words = f"The effective number of draws: at level {worst.level} its median is {worst.ess_median:.0f}"
    return (f"{words}; below {MIN_ESS:.0f} nothing would be proved.",)


def _calibration(calibration: Sequence[LevelCalibration]) -> Section:
    header = ("Level", "status", "p", "68% coverage", "95% coverage", "effective draws", "mocks", "smallest p of")
    rows = []
    for one in calibration:
        name = min(one.p_values, key=lambda key: one.p_values[key], default="")
        worst = f"{name}: {one.p_values[name]:#.2g}" if name and not is_idle(one) else "–"
        intervals = [rounded(*x) for x in (one.coverage_68, one.coverage_95)]
        told = ("–",) * 3 if is_idle(one) else (f"{one.p_value:#.2g}", *intervals)
        rows.append((one.level, one.status, *told, f"{one.ess_median:.0f}", str(one.mocks), plain(worst)))
    intro = (
        "The true parameters of every mock are ranked in its posterior. If the posterior is right the ranks are "
        "uniform, and intervals hold the truth as often as they say."
    )
    caption = "Ranks of the true sigma8 and coverage of intervals, with simultaneous 95% bands, by level."
    alt = "Histograms of ranks and coverage by level with their bands; a summary is in the table."
    table = Table("Calibration by level", header, tuple(rows))
    return Section("Calibration", (Text(intro), table, Picture("check", alt, caption)))


def _predictive(predictive: Sequence[PredictiveCheck]) -> Section:
    if not predictive:
        return Section("", ())
    failures = list(predictive[0].power)
    header = ("Predictions", "status", "p", "false alarms at 5%", *(f"caught: {name}" for name in failures))
    rows = []
    for one in predictive:
        caught = (f"{one.power[name][0]:.2f} ({one.power[name][1]:.2f})" for name in failures)
        alarms = rounded(*one.false_alarms)
        rows.append((one.level, one.status, f"{one.new_p_values['joint']:#.2g}", alarms, *caught))
    words = "Failures that were planted in mocks and caught at 5%; in brackets, with exactly 5% of false alarms."
    alt = "False alarms and failures caught by the posterior predictive checks; numbers are in the table."
    table = Table("Predictive checks by level", header, tuple(rows))
    caption = (
        "Left: fraction of mocks whose joint p-value is below; of the model itself it should not be above the diagonal "
        "near zero. Right: failures caught at 5% (filled, dotted line) and at the p-value that 5% of the model's own "
        "mocks are below (open, dashed line)."
    )
    return Section("Predictions", (Text(words), table, Picture("predictive", alt, caption)))


def _source(checks: Checks, provenance: Provenance, account: Account) -> tuple[Section, ...]:
    papers = cited(provenance.config, ranked=True)
    levels = tuple(one.level for one in checks.calibration)
    ranked = (
        f"Posteriors are checked by simulation-based calibration [@Talts2018] on {checks.calibration[0].mocks} mocks."
    )
    aim = f"prove that posteriors of sigma8 are calibrated for '{account.title}'"
    study = Study(
        provenance=provenance,
        aim=aim,
        survey=account.survey,
        parameters=account.parameters,
        levels=levels,
        more=(ranked,),
    )
    survey = bullets_section("The survey", account.survey)
    return survey, *origin(study, account.references, papers, "check.json")
