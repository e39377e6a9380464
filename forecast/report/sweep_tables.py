"""Sweeps and comparisons as tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.digits import Figure, plain_figure
from ..forecasts.sweep_records import Comparison, Price, Sweep
from ..likelihoods.level_name import LevelName


def sweep_table(sweep: Sweep) -> tuple[list[str], list[list[Any]]]:
    """What to print: value of each key, expected count, sigma(sigma8) of few levels, price of the one to show."""
    header, rows = _sweep_columns(sweep, _printed(tuple(sweep.levels), sweep.price))
    return _joined(header, rows, _price_shown(sweep.price))


def sweep_file_table(sweep: Sweep) -> tuple[list[str], list[list[Any]]]:
    """The same with sigma(sigma8) and price of every level."""
    header, rows = _sweep_columns(sweep, tuple(sweep.levels))
    return _joined(header, rows, _price_columns(sweep.price))


def sweep_page_table(sweep: Sweep) -> tuple[list[str], list[list[Any]]]:
    """The same with sigma(sigma8) of every level, and the price of the one to show."""
    header, rows = _sweep_columns(sweep, tuple(sweep.levels))
    return _joined(header, rows, _price_shown(sweep.price))


def _printed(levels: tuple[str, ...], price: Price | None) -> tuple[str, ...]:
    """Levels that fit a terminal: N and the median, the one to show, and the one with all data."""
    everything = LevelName.FULL_WL if LevelName.FULL_WL in levels else LevelName.FULL
    chosen = (LevelName.SELFCAL, LevelName.UNBINNED if price is None else price.level, everything)
    return tuple(level for level in levels if level in chosen)


def _sweep_columns(sweep: Sweep, levels: tuple[str, ...]) -> tuple[list[str], list[list[Any]]]:
    keys = [f"{key} [{unit}]" if unit else key for key, unit in zip(sweep.keys, sweep.units, strict=True)]
    grid = np.meshgrid(*sweep.values, indexing="ij")
    columns = [*grid, sweep.expected_count, *(sweep.levels[level] for level in levels)]
    header = [*keys, "expected_count", *(f"sigma8_std_{level}" for level in levels)]
    return header, [list(row) for row in zip(*(column.ravel().tolist() for column in columns), strict=True)]


def comparison_table(comparison: Comparison) -> tuple[list[str], list[list[Any]]]:
    """What to print: configuration, title, expected count, sigma(sigma8) of few levels, price of the one to show."""
    header, rows = _comparison_columns(comparison, _printed(comparison.levels, comparison.price))
    return _joined(header, rows, _price_shown(comparison.price))


def comparison_file_table(comparison: Comparison) -> tuple[list[str], list[list[Any]]]:
    """The same with sigma(sigma8) and price of every level."""
    header, rows = _comparison_columns(comparison, comparison.levels)
    return _joined(header, rows, _price_columns(comparison.price))


def comparison_page_table(comparison: Comparison) -> tuple[list[str], list[list[Any]]]:
    """The same with sigma(sigma8) of every level, and the price of the one to show."""
    header, rows = _comparison_columns(comparison, comparison.levels)
    return _joined(header, rows, _price_shown(comparison.price))


def _comparison_columns(comparison: Comparison, levels: tuple[str, ...]) -> tuple[list[str], list[list[Any]]]:
    header = ["configuration", "title", "expected_count", *(f"sigma8_std_{level}" for level in levels)]
    named = zip(comparison.names, comparison.titles, comparison.rows, strict=True)
    rows = [[name, title, r.expected_count, *(r.sigma8_std.get(x, "") for x in levels)] for name, title, r in named]
    return header, rows


def _price_shown(price: Price | None) -> dict[str, list[Any]]:
    """Ratio and equivalent volume of the level to show, rounded."""
    if price is None:
        return {}
    columns = {"ratio": price.ratio[price.level], "volume": price.equivalent_volume[price.level]}
    forms = {"ratio": ".2f", "volume": "#.3g"}
    return {name: [_brief(value, forms[name]) for value in column.ravel()] for name, column in columns.items()}


def _price_columns(price: Price | None) -> dict[str, list[Any]]:
    """Ratio and equivalent volume of every level; empty where a survey lacks it."""
    if price is None:
        return {}
    columns = {f"sigma8_ratio_{level}": values for level, values in price.ratio.items()}
    columns |= {f"equivalent_volume_{level}": values for level, values in price.equivalent_volume.items()}
    return {name: ["" if v != v else v for v in values.ravel().tolist()] for name, values in columns.items()}


def _brief(value: float | str, form: str) -> str | Figure:
    """A number in its form, or the word itself; nothing for NaN."""
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else plain_figure(value, ",.0f" if value >= 1000 else form)


def _joined(header: list[str], rows: list[list[Any]], more: dict[str, list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """A table with further columns."""
    return [*header, *more], [[*row, *(column[i] for column in more.values())] for i, row in enumerate(rows)]
