"""The answers of a map of sigma8 and of a saliency: numbers first, and whether they are right."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from ..core.digits import chance_text
from ..influence.by_mass import InfluenceCurve
from .cautions import BAD_FIT
from .page.blocks import Check, Fact
from .page.typesetting import error, plain, rounded, spread, typeset
from .results import Result

MOCKS, HEAVY = 10, 0.05
"""Mocks below which averages over them are rough, and part of clusters with heavy tails above which shifts are."""


def map_facts(result: Result) -> tuple[Fact, ...]:
    """Scatter and slopes of a map; nothing if there is none."""
    found, exact = result.map, result.exact
    if found is None:
        return ()
    note = "" if exact is None else f"exact posterior: {spread(exact.median_std)}"
    slopes = (found.slope_count, found.slope_count_error), (found.slope_yx, found.slope_yx_error)
    return (
        Fact("Scatter of sigma8 in a cell of N and median Y_X", spread(found.median_std), note),
        Fact("Rise of sigma8 per 50 clusters", rounded(*slopes[0])),
        Fact("Rise of sigma8 per 0.1 dex of median Y_X", rounded(*slopes[1])),
    )


def map_checks(result: Result) -> tuple[Check, ...]:
    """Mocks in cells against the exact posterior."""
    if result.exact is None:
        return ()
    return tuple(
        Check(
            Markup("{} of cells against the exact posterior:").format(one.quantity.capitalize()),
            Markup("<i>p</i> {} in {} cells.").format(chance_text(one.p_value), one.cells),
            ("bad" if one.p_value < BAD_FIT else "good") if one.cells else "none",
        )
        for one in result.exact.agreement
    )


def influence_facts(result: Result) -> tuple[Fact, ...]:
    """Where leaving out a cluster moves sigma8 most, for each selection."""
    return tuple(_most(curve) for curve in result.influence)


def _most(curve: InfluenceCurve) -> Fact:
    bins = curve.by_mass
    at = int(np.argmax(np.abs(np.where(np.isfinite(bins.shift), bins.shift, 0.0))))
    name = Markup("{}: leaving out a cluster moves σ<sub>8</sub> most at").format(typeset(curve.selection))
    note = f"by {rounded(bins.shift[at], bins.shift_error[at], sign=True)}"
    return Fact(name, f"10^{bins.centre[at]:.2f} Msun/h", note)


def influence_checks(result: Result) -> tuple[Check, ...]:
    """Whether there were mocks and samples enough."""
    if not result.influence:
        return ()
    mocks = min(curve.mocks for curve in result.influence)
    least = min(curve.effective_size for curve in result.influence)
    few, tails = mocks < MOCKS, max(curve.heavy_tails for curve in result.influence)
    return (
        Check("Mocks:", f"{mocks}{', too few for smooth curves' if few else ''}.", "doubt" if few else "good"),
        Check("Effective size:", f"at least {least:.0f} independent samples of each posterior.", "none"),
        Check(
            "Leave-one-out:",
            f"{tails:.0%} of the clusters weigh too much for their shifts to be known (Pareto k above 0.7).",
            "doubt" if tails > HEAVY else "good",
        ),
    )


def short_headline(result: Result) -> Markup:
    """One sentence for results without a level."""
    if result.map is not None and result.map.lacking:
        return plain(f"The map is empty: {result.map.lacking}.")
    if result.map is not None:
        words = Markup("N and the median <i>Y</i><sub>X</sub> tell σ<sub>8</sub> to <strong>{}</strong>.")
        return words.format(error(result.map.median_std))
    if result.influence:
        level, mocks = result.influence[0].level, result.influence[0].mocks
        words = Markup("What single clusters tell of σ<sub>8</sub> at level {}, averaged over {} mock catalogues.")
        return words.format(level, mocks)
    return plain("")
