"""Tables and files of sweeps, comparisons, proxies and joint contours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.digits import error_figure, plain_figure
from ..core.files import prepare_output, write_csv, write_json
from ..core.units import LN10
from ..forecasts.joint import JointForecast
from ..forecasts.proxy_comparison import LEVELS
from ..forecasts.proxy_records import ProxyComparison, ProxyRow
from ..forecasts.sweep_records import Comparison, Sweep
from ..forecasts.variant_name import VariantName
from ..likelihoods.level_name import LevelName
from .narrative import Account
from .page.blocks import Page
from .page.html import write_page
from .planning_pages import joint_page, proxies_page
from .plots.joint import joint_figure
from .plots.proxies import proxy_figure
from .plots.style import save_figure
from .plots.sweep import comparison_figure, sweep_figure
from .sweep_pages import comparison_page, sweep_page
from .sweep_tables import comparison_file_table, sweep_file_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_sweep(sweep: Sweep, out: Path, account: Account | None = None) -> None:
    """Write sweep.json, sweep.csv, figures/sweep.pdf and .png, and report.html under `out`."""
    write_record(out, "sweep", sweep, sweep_file_table(sweep))
    _write_page(sweep_page(sweep, account), sweep_figure(sweep), out, "sweep")


def write_comparison(comparison: Comparison, out: Path, accounts: Sequence[Account] = ()) -> None:
    """Write comparison.json, comparison.csv, figures/comparison.pdf and .png, and report.html under `out`."""
    write_record(out, "comparison", comparison, comparison_file_table(comparison))
    _write_page(comparison_page(comparison, accounts), comparison_figure(comparison), out, "comparison")


def _write_page(page: Page, figure: Figure, out: Path, name: str) -> None:
    """Save the figure of a page, and the page with it."""
    _, picture = save_figure(figure, out / "figures" / name)
    write_page(page, {name: picture}, out / "report.html")


def write_record(out: Path, stem: str, record: Any, table: tuple[Sequence[str], Sequence[list[Any]]]) -> None:
    """JSON and CSV of a record, each whole or not at all, with the digits that floats need."""
    prepare_output(out / "figures")
    write_json(out / f"{stem}.json", record)
    write_csv(out / f"{stem}.csv", *table)


def joint_table(forecast: JointForecast) -> tuple[list[str], list[list[Any]]]:
    """Header and rows: standard deviations by level, and the power of sigma8 (Om0/0.3)^power."""
    header = ["level", "sigma8_std", "Om0_std", "S8", "S8_std", "power", "combination", "combination_std"]
    rows = []
    for found in forecast.levels:
        Om0_std, sigma8_std = found.std
        derived = (found.s8, found.s8_std, found.power, found.combined, found.combined_std)
        rows.append([found.level, sigma8_std, Om0_std, *derived])
    return header, rows


def joint_summary(forecast: JointForecast) -> tuple[list[str], list[list[Any]]]:
    """What to print: the errors, rounded."""
    header = ["level", "std sigma8", "std Om0", "std S8", "power p", "std sigma8 (Om0/0.3)^p"]
    rows = []
    for found in forecast.levels:
        Om0, sigma8, s8, best = map(error_figure, (*found.std, found.s8_std, found.combined_std))
        rows.append([found.level, sigma8, Om0, s8, plain_figure(found.power, ".2f"), best])
    return header, rows


def write_joint(forecast: JointForecast, out: Path, account: Account | None = None) -> None:
    """Write joint.json, joint.csv, figures/joint.pdf and .png, and report.html under `out`."""
    write_record(out, "joint", forecast, joint_table(forecast))
    _write_page(joint_page(forecast, account), joint_figure(forecast), out, "joint")


def proxy_table(comparison: ProxyComparison) -> tuple[list[str], list[list[Any]]]:
    """Header and rows: one proxy and selection a row, percentages where the name says so."""
    header = ["proxy", "selection", "scatter_dex", "scatter_percent", "skewness", "kurtosis"]
    header += ["edgeworth_bias_percent", "exact_bias_percent", "norm_prior_percent"]
    kinds = ("configured", "common", "loose")
    header += [f"sigma8_std_{kind}_{level}" for kind in kinds for level in LEVELS]
    rows = []
    for selection, row in _labelled(comparison):
        percent = (row.edgeworth_bias, row.exact_bias, row.norm_prior)
        shape = [row.name, selection, row.scatter, 100 * LN10 * row.scatter, row.skewness, row.kurtosis]
        widths = [getattr(row, kind)[level] for kind in kinds for level in LEVELS]
        rows.append([*shape, *(100 * x for x in percent), *widths])
    return header, rows


def summary_table(comparison: ProxyComparison) -> tuple[list[str], list[list[Any]]]:
    """What to print: one proxy and selection a row, sigma(sigma8) of the level `unbinned`."""
    header = ["proxy", "selection", "% in mass", "bias %", "sigma8_std_configured"]
    header += [f"sigma8_std_norm {prior:.0%}" for prior in (comparison.common_prior, comparison.loose_prior)]
    rows = []
    for selection, row in _labelled(comparison):
        shape = [plain_figure(100 * LN10 * row.scatter, ".1f"), plain_figure(100 * row.edgeworth_bias, "+.1f")]
        widths = [row.configured[LevelName.UNBINNED], row.common[LevelName.UNBINNED], row.loose[LevelName.UNBINNED]]
        rows.append([row.name, selection, *shape, *widths])
    return header, rows


def _labelled(comparison: ProxyComparison) -> list[tuple[str, ProxyRow]]:
    """Every row with its selection in words."""
    configured: list[tuple[str, ProxyRow]] = [(VariantName.CONFIGURED, row) for row in comparison.rows]
    return configured + [(VariantName.FOLLOWS_LX, row) for row in comparison.follows_lx]


def write_proxies(comparison: ProxyComparison, out: Path, account: Account | None = None) -> None:
    """Write proxies.json, proxies.csv, figures/proxies.pdf and .png, and report.html under `out`."""
    write_record(out, "proxies", comparison, proxy_table(comparison))
    _write_page(proxies_page(comparison, account), proxy_figure(comparison), out, "proxies")
