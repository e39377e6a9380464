"""Joint forecast of Om0 and sigma8: Fisher ellipses of every level, S8 and the combination measured best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .config import Config
from .derived import S8_DENSITY, fisher_degeneracy, fisher_s8
from .fisher import Fisher, fisher_matrix
from .levels import levels_of
from .meandensity import expected_number
from .model import Setup, forward_model
from .parameters import LATEX, Parameter, ParameterSet, Prior
from .plots import save_figure
from .plotstyle import COLUMN, LEVEL_STYLE, freeze, new_figure, style
from .results import Provenance
from .sweepplot import write_record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
FREED = Prior("flat", low=0.15, high=0.45)
"""Prior of Om0 where the configuration does not free it."""
PROBABILITIES = (0.68, 0.95)
"""Inside each level's ellipses."""


@dataclass(frozen=True)
class JointLevel:
    """What one level says about Om0 and sigma8 together, all else marginalised over.

    Parameters
    ----------
    level : str
    covariance : ndarray, shape (2, 2)
        Of Om0 and sigma8, in this order.
    s8, s8_std : float
        sigma8 (Om0/0.3)^0.5.
    power, combined, combined_std : float
        sigma8 (Om0/0.3)^power is the combination that does not correlate with Om0.
    """

    level: str
    covariance: Array
    s8: float
    s8_std: float
    power: float
    combined: float
    combined_std: float

    @property
    def std(self) -> tuple[float, float]:
        """Standard deviations of Om0 and sigma8."""
        return math.sqrt(self.covariance[0, 0]), math.sqrt(self.covariance[1, 1])


@dataclass(frozen=True)
class JointForecast:
    """Joint forecast of one survey by level, the prior first.

    Parameters
    ----------
    title : str
    expected_count : float
    Om0, sigma8 : float
        Fiducial values, where the ellipses are centred.
    bounds : tuple
        (low, high) of the priors of Om0 and sigma8; None for one that is not flat.
    levels : tuple of JointLevel
    notes : tuple of str
    """

    title: str
    expected_count: float
    Om0: float
    sigma8: float
    bounds: tuple[tuple[float, float] | None, tuple[float, float] | None]
    levels: tuple[JointLevel, ...]
    notes: tuple[str, ...]
    provenance: Provenance | None = None


def with_free_density(setup: Setup) -> tuple[Setup, tuple[str, ...]]:
    """The survey with Om0 free, and what had to be assumed for it."""
    parameters = setup.parameters
    kept = [n for n in ("h", "ns") if n not in parameters.names]
    fixed = (f"{' and '.join(kept)} fixed at the configured values.",) if kept else ()
    if "Om0" in parameters.names:
        return setup, fixed
    value = parameters.fixed.Om0
    fiducial = setup.cosmology.Om0 if value is None else float(np.squeeze(value))
    freed = parameters.with_free(Parameter("Om0", fiducial, FREED))
    note = f"Om0 is not free in this configuration: freed with a flat prior, {FREED.low:g} to {FREED.high:g}."
    return replace(setup, parameters=freed), (note, *fixed)


def joint_level(level: str, fisher: Fisher) -> JointLevel:
    """Ellipse and derived parameters of one Fisher matrix in which Om0 and sigma8 are free."""
    at = [fisher.parameters.names.index(name) for name in ("Om0", "sigma8")]
    line = fisher_degeneracy(fisher)
    shift = (line.density / S8_DENSITY) ** line.power
    covariance, power = fisher.covariance[np.ix_(at, at)], line.power + 0.0  # no minus zero
    return JointLevel(level, covariance, *fisher_s8(fisher), power, line.value * shift, line.std * shift)


def compute_joint(config: Config, progress: Callable[[int, int], None] | None = None) -> JointForecast:
    """Joint forecast of Om0 and sigma8 of a configuration; Om0 is freed where it is not."""
    setup, notes = with_free_density(config.setup)
    model = forward_model(setup)
    names, found = ("prior", *levels_of(setup)), []
    for level in names:
        found.append(joint_level(level, fisher_matrix(level, model)))
        if progress is not None:
            progress(len(found), len(names))
    parameters = setup.parameters
    Om0, sigma8 = (float(parameters.fiducial[parameters.names.index(name)]) for name in ("Om0", "sigma8"))
    count = expected_number(model)
    bounds = _flat_bounds(parameters, "Om0"), _flat_bounds(parameters, "sigma8")
    gaussian = "In the ellipses flat priors are Gaussians of equal variance; dashed lines are their bounds."
    return JointForecast(config.title, count, Om0, sigma8, bounds, tuple(found), (*notes, gaussian))


def _flat_bounds(parameters: ParameterSet, name: str) -> tuple[float, float] | None:
    prior = parameters.free[parameters.names.index(name)].prior
    return prior.bounds if prior.kind == "flat" else None


def ellipse(covariance: Array, centre: Sequence[float], probability: float, size: int = 361) -> Array:
    """Outline that holds `probability` of a Gaussian in two dimensions, shape (size, 2).

    Chi-squared of two degrees of freedom: radius^2 = -2 ln(1 - probability).
    """
    angle = np.linspace(0, 2 * np.pi, size)
    circle = math.sqrt(-2 * math.log1p(-probability)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(np.asarray(centre) + circle @ np.linalg.cholesky(covariance).T)


@style()
def joint_figure(forecast: JointForecast) -> Figure:
    """68% and 95% ellipses of every level; S8 and the power of the best measured combination in the legend."""
    figure = new_figure(1.35 * COLUMN, 5.0)
    axes = figure.subplots()
    centre = forecast.Om0, forecast.sigma8
    for order, level in enumerate(forecast.levels):
        _draw(axes, level, centre, order)
    axes.plot(*centre, "+", color="black", ms=5, mew=0.7, zorder=20)
    _frame(axes, forecast)
    axes.set_xlabel(LATEX["Om0"])
    axes.set_ylabel(LATEX["sigma8"])
    title = r"$S_8$; power $p$ of the best measured $\sigma_8\,(\Omega_{\rm m}/0.3)^p$: its error"
    figure.legend(title=title, loc="outside upper center", ncols=1)
    return freeze(figure)


def _draw(axes: Axes, level: JointLevel, centre: tuple[float, float], order: int) -> None:
    """Both ellipses of one level; `binned`, which nearly coincides with `unbinned`, is dashed on top of it."""
    colour, _ = LEVEL_STYLE[level.level]
    look, above = ("--", 10) if level.level == "binned" else ("-", 0)
    words = rf"{level.level}: $S_8 = {level.s8:.3f} \pm {level.s8_std:.3f}$"
    words += "" if level.level == "prior" else f"; $p = {level.power:.2f}$: $\\pm {level.combined_std:.3f}$"
    for probability, width in zip(PROBABILITIES, (1.2, 0.7), strict=True):
        outline = ellipse(level.covariance, centre, probability)
        if probability == PROBABILITIES[0] and level.level not in ("prior", "binned"):
            axes.fill(*outline.T, color=colour, alpha=0.13, lw=0, zorder=order)
        axes.plot(*outline.T, look, color=colour, lw=width, zorder=order + above, label=words)
        words = "_"


def _frame(axes: Axes, forecast: JointForecast) -> None:
    """Limits that hold every level but the prior, and lines at the bounds of flat priors."""
    data = [level for level in forecast.levels if level.level != "prior"]
    reach = 1.08 * math.sqrt(-2 * math.log1p(-PROBABILITIES[-1]))
    for i, (middle, bounds) in enumerate(zip((forecast.Om0, forecast.sigma8), forecast.bounds, strict=True)):
        half = reach * max(level.std[i] for level in data)
        (axes.set_xlim, axes.set_ylim)[i](max(middle - half, 0.0), middle + half)
        for bound in bounds or ():
            line = axes.axvline if i == 0 else axes.axhline
            line(bound, color=LEVEL_STYLE["prior"][0], ls=(0, (5, 3)), lw=0.8, zorder=0)


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
    """What to print: the same, rounded."""
    header = ["level", "sigma8", "Om0", "S8", "power p", "sigma8 (Om0/0.3)^p"]
    rows = []
    for found in forecast.levels:
        Om0, sigma8, s8, best = (f"{x:.4f}" for x in (*found.std, found.s8_std, found.combined_std))
        rows.append([found.level, sigma8, Om0, s8, f"{found.power:.2f}", best])
    return header, rows


def write_joint(forecast: JointForecast, out: Path) -> None:
    """Write joint.json, joint.csv and figures/joint.pdf and .png under `out`."""
    write_record(out, "joint", forecast, joint_table(forecast))
    save_figure(joint_figure(forecast), out / "figures" / "joint")
