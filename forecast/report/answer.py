"""The answer of a run, a fit or a ladder: numbers, what limits them, and whether they are right."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from markupsafe import Markup

from ..core import parameters
from ..core.digits import chance_text
from ..forecasts.survey_information import MERIT
from ..forecasts.variant_name import VariantName
from ..likelihoods.level_name import LEVELS, Bound, LevelName
from ..sampling.informed import AS_WIDE, Lesson
from ..sampling.mcmc import TAU_FACTOR, ChainSummary
from .cautions import BAD_FIT, SHIFT
from .doubts import MISFITS, warning_check
from .narrative import LEVEL_WORDS, used_words
from .page.blocks import Check, Fact
from .page.typesetting import SYMBOLS, beside, error, in_words, number, rounded, symbol, typeset
from .results import Result, SurveyPart
from .text_table import fixed_words

COSMOLOGY = (*parameters.COSMOLOGY, "S8")
"""Parameters that are answers; all others are nuisances."""
_SMALL, _TIED = 0.005, 0.2
"""Share of the variance, and correlation with sigma8, below which nothing is said."""
_UNSAID = "; this is its prior, the data say nothing of it"
_GAUSSIAN = 0.25
"""Part by which a posterior's width may differ from the Fisher forecast of the same data."""


def headline(result: Result) -> Markup | None:
    """The result in one sentence: from the headline level's chain, else from its Fisher matrix."""
    chain, level = result.chain(result.headline), result.headline
    if chain is not None:
        return _chain_headline(result, chain, typeset(used_words(chain)))
    std = result.expected_std(level)
    if std is None:
        return None
    words = typeset(LEVEL_WORDS.get(level, level))
    start = Markup("From {} (level {}), the survey is expected to measure ").format(words, level)
    given = typeset(fixed_words(result.Om0))
    return start + Markup("<strong>σ<sub>8</sub> to {}</strong> (Fisher matrix{}).").format(error(std), given)


def _chain_headline(result: Result, chain: ChainSummary, words: Markup) -> Markup:
    sigma8 = chain.parameters["sigma8"]
    given = typeset(fixed_words(result.Om0))
    sentence = Markup("From {} (level {}): <strong>σ<sub>8</sub> = {}</strong>{}.").format(
        words, chain.level, rounded(sigma8["mean"], sigma8["std"]), given
    )
    if not chain.converged:
        sentence += Markup(" This chain has <strong>not converged</strong>.")
    if any(caution.kind in MISFITS for caution in result.warnings):
        sentence += Markup(" It is <strong>no measurement</strong>: the model does not describe the data.")
    if result.data is not None and result.data.kind == "expected":
        sentence += " This is a forecast on expected data: the width is the result, not the central value."
    return sentence


def facts(result: Result) -> tuple[Fact, ...]:
    """Parameters of interest at the headline level, as far as they are free, and the most precise level."""
    chain = result.chain(result.headline)
    found = []
    if chain is not None:
        given = {"sigma8": fixed_words(result.Om0)}
        names = [name for name in COSMOLOGY if name in chain.parameters]
        found = [_fact(name, chain.parameters[name], given.get(name, "")) for name in names]
    elif (std := result.expected_std(result.headline)) is not None:
        free = any(row.name == "Om0" for row in result.parameters)
        beside = "; Om0 is marginalised over (its own error: forecast joint)" if free else fixed_words(result.Om0)
        found = [Fact("sigma8", error(std), f"Fisher matrix, level {result.headline}{beside}"), *_expected(result)]
    return (*found, *_alone(result), *_best(result))


def _expected(result: Result) -> Iterator[Fact]:
    """Errors of S8 and of dark energy of the survey as configured, as far as they are free, by Fisher matrix."""
    row, note = result.ladder[0], f"Fisher matrix, level {result.headline}"
    for name, std in ({"S8": row.s8_std} | row.dark_energy).items():
        if name == MERIT:
            yield Fact("Figure of merit", f"{std[result.headline]:.2g}", f"of w0 and wa, {note}")
        elif std:
            x, prior = std[result.headline], std.get(Bound.PRIOR, math.inf)
            yield Fact(name, error(x), note + (_UNSAID if x > AS_WIDE * prior else ""))


def _alone(result: Result) -> tuple[Fact, ...]:
    """sigma8 of each of several surveys by itself, as far as that was sampled."""
    fixed = {"sigma8": fixed_words(result.Om0)}
    return tuple(
        replace(_fact(name, values, fixed.get(name, "")), name=Markup("{}, {} alone").format(_shown(name), survey))
        for survey, chain in result.alone.items()
        for name, values in chain.parameters.items()
        if name in COSMOLOGY
    )


def _fact(name: str, values: dict[str, float], given: str) -> Fact:
    low, high = (beside(values[key], values["std"]) for key in ("q16", "q84"))
    note = f"68%: {low} to {high}{given}{_UNSAID if Lesson.of_summary(values).nothing else ''}"
    return Fact(_shown(name), rounded(values["mean"], values["std"]), note)


def _shown(name: str) -> Markup:
    """Symbol of a parameter without its definition."""
    return symbol(name) if name != "S8" else Markup("<i>S</i><sub>8</sub>")


def _best(result: Result) -> tuple[Fact, ...]:
    """The level that promises the smallest error, where there are several."""
    found = {level: result.expected_std(level) for level in LEVELS}
    known = {level: std for level, std in found.items() if std is not None and math.isfinite(std)}
    if len(known) < 2:
        return ()
    best = min(known, key=lambda level: known[level])
    words = typeset(f"Most precise: level {best}")
    return (Fact(words, error(known[best]), f"of sigma8, by Fisher matrix: {_used(best)}"),)


def _used(level: str) -> str:
    """What a level uses, for a sentence that speaks of no other."""
    words = LEVEL_WORDS[level]
    return f"{LEVEL_WORDS[LevelName.FULL]}, {words.removeprefix('the same ')}" if level == LevelName.FULL_WL else words


def limits(result: Result) -> tuple[str, ...]:
    """What keeps sigma8 of the headline level from being known better, in sentences."""
    if not result.ladder:
        return _ties(result)
    std, row = result.expected_std(result.headline), result.ladder[0].sigma8_std
    if std is None or not math.isfinite(std):
        return _ties(result)
    found = [_budget(result.headline, row), _density(result, std), _variance(result, std)]
    prior = row.get(Bound.PRIOR)
    if prior and std > 0.8 * prior:
        found.insert(0, f"The data say little: the prior alone gives sigma8 to {error(prior)}, with them {error(std)}.")
    return (*(words for words in found if words), *_ties(result))


def _budget(level: str, row: Mapping[str, float]) -> str:
    """Where the variance of sigma8 comes from: nuisances, clusters, data that the level leaves out."""
    std, known, every = (row.get(name, math.nan) for name in (level, Bound.KNOWN, LevelName.UNBINNED))
    if not math.isfinite(known):
        return ""
    floor = f"{error(known)} with every Y_X and all nuisances known"
    if known >= std:
        return f"The number of clusters: the error would be no smaller, {floor}."
    middle = min(std, every) if math.isfinite(every) and every > known else std
    parts = {
        "nuisance parameters": middle**2 - known**2,
        f"the number of clusters ({floor})": known**2,
        f"data that level {level} leaves out": std**2 - middle**2,
    }
    shares = {words: part / std**2 for words, part in parts.items() if part / std**2 > _SMALL}
    each = [f"{shares[words]:.0%} from {words}" for words in sorted(shares, key=lambda words: -shares[words])]
    return f"The variance of sigma8 comes to {in_words(each)}."


def _density(result: Result, std: float) -> str:
    """What a fixed Om0 hides, from the variant of the ladder in which it is free."""
    row = next((row for row in result.ladder if row.s8_std), None)
    if result.Om0 is None or row is None:
        return ""
    sigma8, s8 = row.sigma8_std[result.headline], row.s8_std[result.headline]
    held = f"Om0 = {result.Om0:g} is fixed; free, the error would be {error(sigma8)} instead of {error(std)}"
    return f"{held}, and that of S8 = sigma8 (Om0/0.3)^0.5 {error(s8)}."


def _variance(result: Result, std: float) -> str:
    """What sample variance adds, from the variant of the ladder in which it is switched."""
    other = {row.label: row.sigma8_std.get(result.headline) for row in result.ladder if row.widening == 1}
    with_it, without = other.get(VariantName.WITH_VARIANCE), other.get(VariantName.WITHOUT_VARIANCE)
    if without:
        share = 1 - (without / std) ** 2
        return f"Sample variance makes up {f'{share:.0%}' if share >= 0.01 else 'less than 1%'} of the variance."
    if with_it:
        return f"Sample variance is left out; with it the error would be {error(with_it)} instead of {error(std)}."
    return ""


def _ties(result: Result) -> tuple[str, ...]:
    """Parameters that pull sigma8 with them, from the headline level's chain."""
    chain = result.chain(result.headline)
    pulls = {} if chain is None else {n: v.get("correlation_sigma8", 0.0) for n, v in chain.parameters.items()}
    named = {n: r for n, r in pulls.items() if n not in ("sigma8", "S8") and abs(r) > _TIED}
    first = sorted(named, key=lambda name: -abs(named[name]))[:3]
    if not first:
        return ()
    each = Markup(", ").join(Markup("{} ({})").format(symbol(n), number(named[n], 2, True)) for n in first)
    return (typeset("In the posterior sigma8 is tied most to ") + each + " (correlation).",)


def checks(result: Result) -> tuple[Check, ...]:
    """Reasons to trust the numbers, or not to."""
    found = (
        _convergence(result),
        _likeness(result),
        *_fit(result),
        *(check for part in result.surveys for check in _fit(part, f"{part.name}: ")),
        *_shifts(result),
        warning_check(result.warnings),
    )
    return tuple(check for check in found if check is not None)


def _convergence(result: Result) -> Check | None:
    if not result.chains:
        return Check("Convergence:", "no chain was sampled; errors are from Fisher matrices.", "none")
    short = [c.level for c in result.walked if not c.converged]
    least = min(c.lengths_in_tau for c in result.walked)
    length = f"the shortest is {least:.0f} autocorrelation times long ({TAU_FACTOR:g} are needed)"
    if short:
        return Check("Convergence:", f"not of level {in_words(short)}; {length}.", "bad")
    return Check("Convergence:", f"every chain has converged; {length}.", "good")


def _likeness(result: Result) -> Check | None:
    """Chain and Fisher matrix of the same expected data."""
    chain, std = result.chain(result.headline), result.expected_std(result.headline)
    if chain is None or std is None or result.data is None or result.data.kind != "expected":
        return None
    ratio = chain.parameters["sigma8"]["std"] / std
    words = f"the chain is {ratio:.2f} times as wide as the Fisher matrix says"
    if abs(ratio - 1) > _GAUSSIAN:
        return Check("Gaussian:", f"no, {words}; ladder and systematics are approximate.", "doubt")
    return Check("Gaussian:", f"{words}.", "good")


def _fit(result: Result | SurveyPart, whose: str = "") -> tuple[Check | None, ...]:
    """Whether the model describes a catalogue, maybe that of one survey of several."""
    return (*_goodness(result, whose), _prediction(result, whose), _lensed(result, whose))


def _goodness(result: Result | SurveyPart, whose: str) -> tuple[Check, ...]:
    found = []
    for one in result.goodness:
        name = typeset(SYMBOLS.get(one.observable, one.observable))
        words = Markup("posterior predictive <i>p</i> {}.").format(chance_text(one.p_value))
        question = Markup("{}Distribution of {}:").format(whose, name)
        found.append(Check(question, words, "bad" if one.p_value < BAD_FIT else "good"))
    return tuple(found)


def _prediction(result: Result | SurveyPart, whose: str) -> Check | None:
    test = result.predictive
    if test is None:
        return None
    words = Markup("<i>p</i> {} that replicas are as odd: {}.").format(chance_text(test.joint), test.status)
    if test.status == "no power":
        return Check(f"{whose}Catalogue against the model's own:", words, "none")
    return Check(f"{whose}Catalogue against the model's own:", words, "bad" if test.joint < BAD_FIT else "good")


def _lensed(result: Result | SurveyPart, whose: str) -> Check | None:
    fit = result.lensed
    if fit is None:
        return None
    words = Markup("measured {} predicted by {} dex on average, <i>p</i> {} ({}).")
    side = "above" if fit.offset > 0 else "below"
    told = words.format(side, f"{abs(fit.offset):.3f}", chance_text(fit.joint), f"{len(fit.log_mwl)} clusters")
    return Check(f"{whose}Lensing masses of clusters like these:", told, "bad" if fit.joint < BAD_FIT else "good")


def _shifts(result: Result) -> tuple[Check, ...]:
    """The largest shift of each kind of swap in units of the error."""
    own = result.error_of(result.headline)
    worst: dict[str, tuple[float, str]] = {}
    given = [row for row in result.systematics if own and row.widening == 1]
    for row in given:
        shift = row.shift.get(result.headline)
        if shift is not None and abs(shift) >= abs(worst.get(row.swapped, (0.0, ""))[0]):
            worst[row.swapped] = shift, row.label
    lost = [row for row in given if math.isnan(row.shift.get(result.headline, 0.0))]
    unknown = (
        Check(f"Another {row.swapped}:", f"its shift was not found, where {row.label}.", "doubt") for row in lost
    )
    return *unknown, *(
        Check(
            f"Another {swapped}:",
            f"moves sigma8 by {beside(shift, own, True)}, {abs(shift / own):.1f} of its error, where {label}.",
            "doubt" if abs(shift) > SHIFT * own else "good",
        )
        for swapped, (shift, label) in worst.items()
        if own
    )
