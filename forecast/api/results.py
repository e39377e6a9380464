"""What forecasts give back in Python: records that draw themselves, on axes of yours if you like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.arrays import Array
from ..forecasts.joint import JointForecast
from ..forecasts.ladder import LadderRow, SurvivalRow
from ..forecasts.sigma8_map import Sigma8Map
from ..forecasts.sweep_records import Sweep
from ..influence.by_mass import InfluenceCurve
from .arguments import axes_of, instance, one_of, several
from .html_tables import html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class SurveyLadder:
    """sigma(sigma8) of a survey and its variants by level; made by `Survey.ladder`.

    Parameters
    ----------
    rows : tuple of LadderRow
        The survey as configured first; each with `label`, `expected_count` and `sigma8_std` by level.
    """

    rows: tuple[LadderRow, ...]

    def __iter__(self) -> Iterator[LadderRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, label: str) -> dict[str, float]:
        """sigma(sigma8) by level of the variant of that label.

        Raises
        ------
        InputError
            If there is none.
        """
        labels = [row.label for row in self.rows]
        return self.rows[labels.index(one_of(label, labels, "variant"))].sigma8_std

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels that any of the rows has."""
        return tuple(dict.fromkeys(str(level) for row in self.rows for level in row.sigma8_std))

    def plot(self, axes: Axes | None = None) -> Figure:
        """Markers by level, one line for each variant; on `axes`, or a figure of its own."""
        from ..report.plots.ladder import ladder_figure

        axes_of(axes)
        draw: Callable[..., Figure] = ladder_figure
        return draw(self.rows) if axes is None else draw(self.rows, axes=axes)

    def __repr__(self) -> str:
        return f"<ladder of {len(self)} variants: sigma(sigma8) at {', '.join(self.levels)}>"

    def _repr_html_(self) -> str:
        rows = [[r.label, *(r.sigma8_std.get(level, "") for level in self.levels)] for r in self.rows]
        return html_table("sigma(sigma8)", ["survey", *self.levels], rows)


@dataclass(frozen=True, repr=False)
class SurveySurvival:
    """sigma(sigma8) as priors widen and the survey is copied; made by `Survey.survival`.

    Parameters
    ----------
    rows : tuple of SurvivalRow
        Each with `selection`, `widening`, `volume` and `sigma8_std` by level.
    """

    rows: tuple[SurvivalRow, ...]

    def __iter__(self) -> Iterator[SurvivalRow]:
        return iter(self.rows)

    def plot(self) -> Figure:
        """sigma(sigma8) against volume: a panel for each selection, a colour for each width of the priors."""
        from ..report.plots.survival import survival_figure

        return survival_figure(self.rows)

    def __repr__(self) -> str:
        return f"<survival of self-calibration: {len(self.rows)} combinations of selection, priors and volume>"

    def _repr_html_(self) -> str:
        levels = list(self.rows[0].sigma8_std)
        rows = [[r.selection, r.widening, r.volume, *r.sigma8_std.values()] for r in self.rows]
        return html_table("sigma(sigma8)", ["selection", "priors x", "volume x", *levels], rows)


class SurveySweep(Sweep):
    """sigma(sigma8) over the values of one or two settings; made by `Survey.sweep`."""

    def plot(self, axes: Axes | None = None) -> Figure:
        """Curves by level; panels where two settings vary.

        Raises
        ------
        InputError
            If `axes` are given for a figure of several panels.
        """
        from ..report.plots.sweep import sweep_figure

        axes_of(axes)
        return sweep_figure(self, axes)

    def __repr__(self) -> str:
        axes = zip(self.keys, self.values, strict=True)
        words = ", ".join(f"{key} from {values[0]} to {values[-1]}" for key, values in axes)
        return f"<sweep over {words}: sigma(sigma8) of {self.expected_count.size} surveys>"

    def _repr_html_(self) -> str:
        if len(self.keys) > 1:
            return html_table(repr(self), [], [])
        rows = zip(self.values[0].tolist(), self.expected_count.tolist(), *self.levels.values(), strict=True)
        named = [[value if self.named[0] else f"{value:g}", f"{count:,.1f}", *std] for value, count, *std in rows]
        head = f"{self.keys[0]} [{self.units[0]}]" if self.units[0] else self.keys[0]
        return html_table("sigma(sigma8)", [head, "clusters", *self.levels], named)


class SurveyMap(Sigma8Map):
    """Mean and scatter of sigma8 of mock catalogues over N and the median Y_X; made by `Survey.sigma8_map`."""

    def plot(self, axes: Sequence[Axes] | None = None) -> Figure:
        """Mean and scatter in two panels, on two `axes` or a figure of its own.

        Raises
        ------
        InputError
            If `axes` are not two.
        """
        from ..report.plots.sigma8_map import map_figure

        for each in () if axes is None else several(axes, "axes"):
            axes_of(each)
        return map_figure(self, axes)

    def __repr__(self) -> str:
        found = self.lacking or f"median scatter {self.median_std:.4f} in a cell"
        return f"<map of sigma8 from {self.mocks:,} mock catalogues: {found}>"

    def _repr_html_(self) -> str:
        rises: list[tuple[str, float, float]] = [
            ("sigma8 per 50 clusters", self.slope_count, self.slope_count_error),
            ("sigma8 per 0.1 dex of the median Y_X", self.slope_yx, self.slope_yx_error),
        ]
        known = [row for row in rises if math.isfinite(row[1])]
        return html_table(repr(self)[1:-1], ["", "rise", "its error"], known)


class SurveyJoint(JointForecast):
    """Joint forecast of Om0 and sigma8 by level; made by `Survey.joint`."""

    def plot(self, axes: Axes | None = None) -> Figure:
        """68% and 95% ellipses of every level, on `axes` or a figure of its own."""
        from ..report.plots.joint import joint_figure

        axes_of(axes)
        return joint_figure(self, axes)

    def __getitem__(self, level: str) -> Array:
        """Covariance (2, 2) of Om0 and sigma8 at a level.

        Raises
        ------
        InputError
            If there is no such level.
        """
        found = {one.level: one.covariance for one in self.levels}
        return found[one_of(level, found, "level")]

    def __repr__(self) -> str:
        words = ", ".join(f"{one.level} {one.s8_std:.4f}" for one in self.levels)
        return f"<joint forecast of Om0 and sigma8: sigma(S8) {words}>"

    def _repr_html_(self) -> str:
        rows = [[x.level, *x.std, x.s8_std, x.power, x.combined_std] for x in self.levels]
        head = ["level", "std Om0", "std sigma8", "std S8", "power p", "std sigma8 (Om0/0.3)^p"]
        return html_table("Om0 and sigma8", head, rows)


class SurveyInfluence(InfluenceCurve):
    """Average response of sigma8 to single clusters by mass and redshift; made by `Survey.influence`."""

    def plot(self, *others: SurveyInfluence) -> Figure:
        """Saliency of each observable and leave-one-out by mass, `others` of the same level beside it."""
        from ..report.plots.influence import influence_figure

        for other in others:
            instance(other, InfluenceCurve, "what is drawn beside it", "give what Survey.influence returns")
        return influence_figure([self, *others])

    def __repr__(self) -> str:
        return f"<influence of single clusters on sigma8, level {self.level}: {self.selection}, {self.mocks} mocks>"

    def _repr_html_(self) -> str:
        bins = self.by_mass
        columns = [bins.centre.tolist(), bins.shift.tolist(), *(v.tolist() for v in bins.saliency.values())]
        head = ["log10 M", "shift without it", *(f"d sigma8/d log10 {name}" for name in bins.saliency)]
        return html_table(repr(self)[1:-1], head, zip(*columns, strict=True))
