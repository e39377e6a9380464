"""What the commands print: tables for people, one JSON object for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .text_table import csv_lines, latex_lines, screen_width, table_lines

if TYPE_CHECKING:
    from ..checks.outcome import Checks
    from ..core.records import Job
    from ..sampling.mcmc import ChainSummary
    from .results import Result


class Screen:
    """Standard output, as wide as the terminal; nothing is wrapped or cut where there is none.

    Parameters
    ----------
    form : {"text", "csv", "latex"}
        Of tables; sentences are printed between those of text alone.
    """

    def __init__(self, form: str = "text") -> None:
        from rich.console import Console

        self._console, self._form = Console(width=screen_width(), highlight=False), form

    def say(self, words: str, *, head: str = "") -> None:
        """Print a sentence, and its head in bold."""
        from rich.text import Text

        if self._form == "text":
            self._console.print(Text.assemble((head, "bold"), words))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table, an empty line about it."""
        shown, lines = {"csv": csv_lines, "latex": latex_lines}.get(self._form), list(rows)
        text = [*shown(header, lines), ""] if shown else ["", *table_lines(header, lines, self._console.width), ""]
        self._console.print("\n".join(text), markup=False, soft_wrap=True)


def not_converged(result: Result) -> str:
    """Which chains are too short, and the cure."""
    from .cautions import short_chains

    cure = "run without --quick" if result.quick else "raise --max-steps; the same command continues the chain"
    return f"NOT CONVERGED: {short_chains(result.chains)}; {cure}"


def summary_json(result: Result) -> dict[str, Any]:
    """The JSON object of ``--json``: levels, and for chains the parameters of the headline level."""
    from ..core.files import to_plain
    from .narrative import used_words

    summary: dict[str, Any] = {"command": result.provenance.command, "configuration": result.provenance.config_name}
    summary |= {"seed": result.provenance.seed, "version": result.provenance.version}
    if result.ladder:
        first = result.ladder[0]
        summary["levels"] = {level: {"sigma8_std": std} for level, std in first.sigma8_std.items()}
        summary["rows"] = to_plain(result.ladder)
        summary["systematics"] = to_plain(result.systematics)
    if result.lensing:
        summary["lensing"] = to_plain(result.lensing)
    if result.survival:
        summary["survival"] = to_plain(result.survival)
    summary["warnings"] = to_plain(result.warnings)
    if result.data is not None:
        summary["n_clusters"] = result.data.n_clusters
    if result.intake is not None:
        summary["intake"] = to_plain(result.intake)
    if result.chains:
        summary["converged"] = result.converged
        summary["chains"] = {c.level: to_plain(c) | {"data": used_words(c)} for c in result.chains}
        headline = result.chain(result.headline)
        if headline is not None:
            summary |= {"level": headline.level, "parameters": to_plain(headline.parameters)}
    if result.map is not None:
        summary["map"] = to_plain(result.map)
    if result.influence:
        summary["influence"] = to_plain(result.influence)
    if result.goodness:
        summary["goodness"] = {g.observable: g.p_value for g in result.goodness}
    if result.exact is not None:
        summary["exact_map"] = to_plain(result.exact)
    if result.predictive is not None:
        summary["predictive"] = to_plain(result.predictive)
    return dict(to_plain(summary))


def print_tables(result: Result, job: Job, console: Screen | None = None) -> None:
    """Print everything a result holds as tables."""
    from .narrative import used_words

    console = console or Screen()
    console.say(f": {result.expected_count:.1f} clusters expected", head=result.title)
    for caution in result.warnings:
        console.say(f" {caution.text}", head="warning:")
    _print_fisher(result, console)
    if result.chains:
        header = ["sigma8, MCMC", "mean", "std", "16%", "50%", "84%", "converged"]
        console.table(header, (_chain_row(chain) for chain in result.chains))
        for chain in result.chains:
            if any(share.partial for share in chain.shares):
                console.say(f"level {chain.level}: {used_words(chain)}")
    if result.map is not None:
        m = result.map
        console.say(
            "map: no cell holds enough mocks; enlarge map.cell_count and map.cell_yx, or map.mocks"
            if m.median_std is None or m.median_std != m.median_std
            else f"map: median scatter {m.median_std:.4f}; sigma8 rises by {m.slope_count:.3f} per 50 clusters "
            f"and {m.slope_yx:.3f} per 0.1 dex of median Y_X"
        )
    if result.exact is not None and result.exact.agreement[0].cells:
        exact, (mean, scatter, number) = result.exact, result.exact.agreement
        console.say(
            f"exact posterior: median width {exact.median_std:.4f}; mocks against it: p = {mean.p_value:.2g} (mean), "
            f"{scatter.p_value:.2g} (scatter), {number.p_value:.2g} (number) in {mean.cells} cells"
        )
    _print_influence(result, console)
    for check in result.goodness:
        console.say(f"goodness of fit in {check.observable}: p = {check.p_value:.2f}")
    if result.predictive is not None:
        test, worst = result.predictive, int(result.predictive.p_values.argmin())
        words = f"posterior predictive check ({test.level}): {test.status}, joint p = {test.joint:.2g} of"
        smallest = f"smallest {test.p_values[worst]:.2g} ({test.names[worst]})"
        console.say(f"{words} {len(test.names)} statistics; {smallest}")
    for note in result.notes:
        console.say(note)
    console.say(f"report: {job.out / 'report.html'!s}")


def _print_fisher(result: Result, console: Screen) -> None:
    """Tables of Fisher matrices: the ladder, what survives wider priors, and shifts of sigma8."""
    if result.ladder:
        levels = list(result.ladder[0].sigma8_std)
        rows = ([row.label, *(f"{row.sigma8_std[level]:.4f}" for level in levels)] for row in result.ladder)
        console.table(["sigma(sigma8), Fisher", *levels], rows)
    if result.lensing:
        header = ["full+wl, bias of M_WL known to", *(f"{width:.0%}" for width in result.lensing[0].bias)]
        console.table(header, ([row.label, *(f"{std:.4f}" for std in row.sigma8_std)] for row in result.lensing))
    if result.survival:
        levels = list(result.survival[0].sigma8_std)
        rows = (
            [
                f"{line.selection}, priors x {line.widening:g}, volume x {line.volume:g}",
                *(f"{line.sigma8_std[level]:.4f}" for level in levels),
            ]
            for line in result.survival
        )
        console.table(["what survives", *levels], rows)
    if result.systematics:
        rows = ([row.label, *(f"{x:+.4f}" for x in row.shift.values())] for row in result.systematics)
        console.table(["shift of sigma8", *result.systematics[0].shift], rows)


def _chain_row(chain: ChainSummary) -> list[str]:
    """sigma8 of one level, and the state of its chain."""
    values = (f"{chain.parameters['sigma8'][key]:.4f}" for key in ("mean", "std", "q16", "q50", "q84"))
    return [chain.level, *values, f"{'yes' if chain.converged else 'NO'} ({chain.lengths_in_tau:.0f} tau)"]


def _print_influence(result: Result, console: Screen) -> None:
    """Saliency and leave-one-out by mass, and by redshift in a light cone."""
    for curve in result.influence:
        for bins, axis, digits in ((curve.by_mass, "log M500", 2), (curve.by_redshift, "z", 3)):
            if bins is None:
                continue
            heads = [f"d sigma8/d log {name}" for name in bins.saliency]
            rows = []
            for b, (low, high) in enumerate(zip(bins.edges[:-1], bins.edges[1:], strict=True)):
                cells = [f"{v[b]:+.4f} ± {bins.saliency_error[name][b]:.4f}" for name, v in bins.saliency.items()]
                left_out = f"{1e3 * bins.shift[b]:+.2f} ± {1e3 * bins.shift_error[b]:.2f}"
                rows.append([f"{low:.{digits}f} - {high:.{digits}f}", *cells, left_out])
            console.say(f"\n{curve.selection}, {curve.level}")
            console.table([axis, *heads, "leave one out x 1000"], rows)


def print_checks(checks: Checks, job: Job, console: Screen) -> None:
    """Print what simulation-based calibration and predictive checks found for every level."""
    rows = []
    for check in checks.calibration:
        coverage = (f"{x[0]:.3f} ± {x[1]:.3f}" for x in (check.coverage_68, check.coverage_95))
        rows.append([check.level, check.status, f"{check.p_value:.3g}", *coverage, f"{check.ess_median:.0f}"])
    console.table(["level", "status", "p", "68% coverage", "95% coverage", "effective draws"], rows)
    if checks.predictive:
        failures = list(checks.predictive[0].power)
        rows = []
        for found in checks.predictive:
            alarms = f"{found.false_alarms[0]:.3f} ± {found.false_alarms[1]:.3f}"
            caught = (f"{found.power[name][0]:.2f} ({found.power[name][1]:.2f})" for name in failures)
            rows.append([found.level, found.status, f"{found.new_p_values['joint']:.3g}", alarms, *caught])
        header = ["predictions", "status", "p", "false alarms", *(f"caught: {name}" for name in failures)]
        console.table(header, rows)
        console.say("false alarms and failures caught at 5% (in brackets: with exactly 5% false alarms)")
    console.say(f"{checks.calibration[0].mocks} mocks; report: {job.out / 'report.html'!s}")


def print_columns(table: tuple[list[str], list[list[Any]]], job: Job, console: Screen) -> None:
    """Print the table of a sweep or of a comparison."""
    header, rows = table
    shown = [i for i, name in enumerate(header) if name != "title"]
    names = [header[i].removeprefix("sigma8_std_").replace("expected_count", "clusters") for i in shown]
    if any(name.startswith("sigma8_std") for name in header):
        console.say("sigma(sigma8), Fisher")
    console.table(names, ([_cell(header[i], row[i]) for i in shown] for row in rows))
    console.say(f"report: {job.out / 'report.html'!s}")


def _cell(column: str, value: str | float) -> str:
    """A number with the digits its column deserves; words as they are."""
    if isinstance(value, str):
        return value
    if column.startswith("sigma8_std"):
        return f"{value:.4f}"
    return f"{value:.1f}" if column == "expected_count" else f"{value:.6g}"
