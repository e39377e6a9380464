"""What the commands print: tables for people, one JSON object for scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.digits import (
    Figure,
    chance_text,
    count_text,
    error_figure,
    error_text,
    is_error,
    measured_figure,
    measured_text,
    plain_figure,
    value_figure,
)
from ..core.observables import WORDS
from ..core.signs import writable
from .text_table import (
    Cells,
    csv_lines,
    dark_energy_tables,
    fixed_in_rows,
    fixed_words,
    folded,
    latex_lines,
    screen_width,
    table_lines,
)

if TYPE_CHECKING:
    from ..checks.outcome import Checks
    from ..core.records import Job
    from ..forecasts.swaps import SystematicRow
    from ..sampling.mcmc import ChainSummary
    from .results import Result, SurveyPart


_BESIDE = ("Om0", "S8", "w0", "wa")
"""Answers beside sigma8 that are printed."""
_COMMAND = "Next: "
"""What stands before a command that can be copied."""


class Screen:
    """Standard output, as wide as the terminal; nothing is wrapped or cut where there is none.

    Parameters
    ----------
    form : {"text", "csv", "latex"}
        Of tables; sentences are printed between those of text alone.
    """

    def __init__(self, form: str = "text") -> None:
        from rich.console import Console

        self._width, self._form, self._apart = screen_width(), form, True
        self._console = Console(width=self._width, highlight=False)

    def say(self, words: str, *, head: str = "") -> None:
        """Print sentences, a line each, and their head in bold; words too long for a line, and commands, stay whole."""
        from rich.text import Text

        if self._form == "text":
            given = self._written(head + words).split("\n")
            lines = [
                line for one in given for line in ([one] if one.startswith(_COMMAND) else folded(one, self._width))
            ]
            self._apart = not lines[-1]
            text = Text("\n".join(lines))
            text.stylize("bold", 0, len(self._written(head)))
            self._console.print(text, soft_wrap=True)

    def table(self, header: Sequence[str], rows: Iterable[Cells]) -> None:
        """Print a table, one empty line about it; as CSV with every digit."""
        lines = list(rows)
        if self._form == "csv":
            text = csv_lines(header, lines)
        elif self._form == "latex":
            text = latex_lines(header, lines)
        else:
            shown = [[self._written(str(cell)) for cell in row] for row in (header, *lines)]
            text = [*([] if self._apart else [""]), *table_lines(shown[0], shown[1:], self._width)]
        self._apart = True
        self._console.print("\n".join([*text, ""]), markup=False, emoji=False, soft_wrap=True)

    def sentences(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table of words: what each is about, and beside it what is said of it."""
        lines = [[self._written(cell) for cell in row] for row in rows]
        if self._form != "text":
            return self.table(header, lines)
        room = max((len(head) for head, *_ in lines), default=0) + 2
        for head, *words in lines:
            first, *others = folded(" ".join(words), self._width - room)
            shown = [head.ljust(room) + first, *(" " * room + line for line in others)]
            self._apart = False
            self._console.print("\n".join(shown), markup=False, emoji=False, soft_wrap=True)
        return None

    def _written(self, text: str) -> str:
        """Text in signs that the terminal has."""
        return writable(text, self._console.encoding)


def not_converged(result: Result) -> str:
    """Which chains are too short, and the cure."""
    from .doubts import short_chains

    cure = "run without --quick" if result.quick else "raise --max-steps; the same command continues the chain"
    return f"NOT CONVERGED: {short_chains(result.walked)}; {cure}"


def print_tables(result: Result, job: Job, console: Screen | None = None) -> None:
    """Print everything a result holds as tables."""
    from .narrative import used_words

    console = console or Screen()
    console.say(f": {count_text(result.expected_count)} clusters expected", head=result.title)
    for caution in result.warnings:
        console.say(f" {caution.text}", head="warning:")
    _print_fisher(result, console)
    if result.chains:
        header = [f"sigma8, MCMC{fixed_words(result.Om0)}", "mean", "std", "16%", "50%", "84%", "converged"]
        console.table(header, (_chain_row(chain) for chain in result.walked))
        beside = [(name, c) for name in _BESIDE for c in result.walked if name in c.parameters]
        if beside:
            rows = ([f"{name}, {row[0]}", *row[1:]] for name, row in ((n, _chain_row(c, n)) for n, c in beside))
            console.table(["MCMC", *header[1:]], rows)
        for chain in result.chains:
            if any(share.partial for share in chain.shares):
                console.say(f"level {chain.level}: {used_words(chain)}")
    if result.map is not None:
        m = result.map
        console.say(
            f"map: {m.lacking}"
            if m.lacking
            else f"map: median scatter {error_text(m.median_std)}; sigma8 rises by "
            f"{measured_text(m.slope_count, m.slope_count_error)} per 50 clusters "
            f"and {measured_text(m.slope_yx, m.slope_yx_error)} per 0.1 dex of median Y_X"
        )
    if result.exact is not None and result.exact.agreement[0].cells:
        exact, (mean, scatter, number) = result.exact, result.exact.agreement
        console.say(
            f"exact posterior: median width {error_text(exact.median_std)}; mocks against it: "
            f"p {chance_text(mean.p_value)} (mean), p {chance_text(scatter.p_value)} (scatter), "
            f"p {chance_text(number.p_value)} (number) in {mean.cells} cells"
        )
    _print_influence(result, console)
    _print_fit(result, console)
    for part in result.surveys:
        _print_fit(part, console, f"{part.name}: ")
    for note in result.notes:
        console.say(note)
    console.say(f"report: {job.out / 'report.html'!s}")


def _print_fit(found: Result | SurveyPart, console: Screen, whose: str = "") -> None:
    """Whether a model describes a catalogue."""
    for check in found.goodness:
        console.say(f"{whose}goodness of fit in {WORDS[check.observable]}: p {chance_text(check.p_value)}")
    if found.predictive is not None:
        test, worst = found.predictive, int(found.predictive.p_values.argmin())
        words = f"{whose}posterior predictive check ({test.level}): {test.status}, joint p {chance_text(test.joint)} of"
        smallest = f"smallest {chance_text(test.p_values[worst]).removeprefix('= ')} ({test.names[worst]})"
        console.say(f"{words} {len(test.names)} statistics; {smallest}")
    if found.lensed is not None:
        fit = found.lensed
        words = f"{whose}weak-lensing masses of {len(fit.log_mwl)} clusters ({fit.level}): measured less predicted"
        console.say(f"{words} {fit.offset:+.3f} dex, joint p {chance_text(fit.joint)}")


def _print_fisher(result: Result, console: Screen) -> None:
    """Tables of Fisher matrices: the ladder, what survives wider priors, and shifts of sigma8."""
    if result.ladder:
        ladder = [(row.label, row.sigma8_std) for row in result.ladder]
        _print_errors(f"sigma(sigma8), Fisher{fixed_in_rows(result.Om0, result.ladder)}", ladder, console)
    if free := [(row.label, row.s8_std) for row in result.ladder if row.s8_std]:
        _print_errors("sigma(S8), S8 = sigma8 (Om0/0.3)^0.5", free, console)
    for title, dark in dark_energy_tables(result.ladder):
        _print_errors(title, dark, console)
    if result.lensing:
        header = ["full+wl, bias of M_WL known to", *(f"{width:.0%}" for width in result.lensing[0].bias)]
        console.table(header, [[row.label, *map(error_figure, row.sigma8_std)] for row in result.lensing])
    if result.survival:
        named = ((f"{x.selection}, priors x {x.widening:g}, volume x {x.volume:g}", x) for x in result.survival)
        rows_left = [(name, row.sigma8_std) for name, row in named]
        _print_errors(f"what survives{fixed_words(result.Om0)}", rows_left, console)
    if result.systematics:
        rows: list[Cells] = [
            [row.label, *(_shift(result, row, level) for level in row.shift)] for row in result.systematics
        ]
        console.table(["shift of sigma8 (in errors)", *result.systematics[0].shift], rows)
        if any(str(cell).endswith("!") for row in rows for cell in row):
            console.say("!: a shift of more than half of the error with these priors.")


def _print_errors(title: str, found: Sequence[tuple[str, Mapping[str, float]]], console: Screen) -> None:
    """A table of errors of sigma8 by level."""
    levels = list(found[0][1])
    rows: list[Cells] = [[name, *(error_figure(std[level]) for level in levels)] for name, std in found]
    console.table([title, *levels], rows)


def _shift(result: Result, row: SystematicRow, level: str) -> Figure:
    """A shift of sigma8 to the decimal place of the error beside it, and in units of it."""
    from .cautions import SHIFT

    shift, error = row.shift[level], result.error_beside(row, level)
    shown = value_figure(shift, error, sign=True)
    if not is_error(error) or not math.isfinite(shift):
        return shown
    in_errors = shift / float(error or 1.0)
    return Figure(f"{shown} ({in_errors:+.2f}){'!' if abs(in_errors) > SHIFT else ''}", (shift, float(error or 0.0)))


def _chain_row(chain: ChainSummary, name: str = "sigma8") -> list[str | Figure]:
    """A parameter at one level, and the state of its chain."""
    found = chain.parameters[name]
    mean, *quantiles = (value_figure(found[key], found["std"]) for key in ("mean", "q16", "q50", "q84"))
    state = f"{'yes' if chain.converged else 'NO'} ({chain.lengths_in_tau:.0f} tau)"
    return [chain.level, mean, error_figure(found["std"]), *quantiles, state]


def _print_influence(result: Result, console: Screen) -> None:
    """Saliency and leave-one-out by mass, and by redshift in a light cone."""
    for curve in result.influence:
        for bins, axis, digits in ((curve.by_mass, "log M500", 2), (curve.by_redshift, "z", 3)):
            if bins is None:
                continue
            heads = [f"d sigma8/d log {name}" for name in bins.saliency]
            rows: list[Cells] = []
            for b, (low, high) in enumerate(zip(bins.edges[:-1], bins.edges[1:], strict=True)):
                found = [(v[b], bins.saliency_error[name][b]) for name, v in bins.saliency.items()]
                found.append((1e3 * bins.shift[b], 1e3 * bins.shift_error[b]))
                cells = (measured_figure(float(x), float(error), sign=True) for x, error in found)
                rows.append([f"{low:.{digits}f} - {high:.{digits}f}", *cells])
            console.say(f"{curve.selection}, level {curve.level}")
            console.table([axis, *heads, "leave one out x 1000"], rows)


def print_checks(checks: Checks, job: Job, console: Screen) -> None:
    """Print what simulation-based calibration and predictive checks found for every level."""
    from .check_page import idle

    for caution in idle(checks):
        console.say(f" {caution.text}", head="warning:")
    _print_calibration(checks, console)
    if checks.predictive:
        _print_predictions(checks, console)
    console.say(f"{checks.calibration[0].mocks} mocks; report: {job.out / 'report.html'!s}")


def _print_calibration(checks: Checks, console: Screen) -> None:
    """Ranks and coverage by level, of those that prove something."""
    from .check_page import is_idle

    rows: list[Cells] = []
    for check in checks.calibration:
        found = (measured_figure(*x) for x in (check.coverage_68, check.coverage_95))
        told = ("-",) * 3 if is_idle(check) else (plain_figure(check.p_value, "#.2g"), *found)
        rows.append([check.level, check.status, *told, plain_figure(check.ess_median, ".0f")])
    console.table(["level", "status", "p", "68% coverage", "95% coverage", "effective draws"], rows)


def _print_predictions(checks: Checks, console: Screen) -> None:
    """False alarms of predictive checks, and what they catch."""
    failures, rows = list(checks.predictive[0].power), list[Cells]()
    for found in checks.predictive:
        caught = (f"{found.power[name][0]:.2f} ({found.power[name][1]:.2f})" for name in failures)
        p, alarms = plain_figure(found.new_p_values["joint"], "#.2g"), measured_figure(*found.false_alarms)
        rows.append([found.level, found.status, p, alarms, *caught])
    header = ["predictions", "status", "p", "false alarms", *(f"caught: {name}" for name in failures)]
    console.table(header, rows)
    console.say("false alarms and failures caught at 5% (in brackets: with exactly 5% false alarms)")


def print_columns(table: tuple[list[str], list[list[Any]]], console: Screen) -> None:
    """Print the table of a plan."""
    header, rows = table
    shown = [i for i, name in enumerate(header) if name != "title"]
    names = [header[i].removeprefix("sigma8_std_").replace("expected_count", "clusters") for i in shown]
    if any(name.startswith("sigma8_std") for name in header):
        console.say("sigma(sigma8), Fisher")
    console.table(names, ([_cell(header[i], row[i]) for i in shown] for row in rows))


def _cell(column: str, value: str | float | Figure) -> str | Figure:
    """A number with the digits its column deserves; words as they are."""
    if isinstance(value, str | Figure):
        return value
    if column.startswith("sigma8_std"):
        return error_figure(value)
    return Figure(count_text(value), (value,)) if column == "expected_count" else plain_figure(value, ".6g")
