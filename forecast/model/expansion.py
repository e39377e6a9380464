"""Averages of an abundance over Gaussians in mass, from local cubics of its logarithm.

Where Y_X scatters too much for that, its residual is a sum of two independent Gaussians, of which the narrower holds
all that is correlated with L_X. The other one is independent of selection, as measurement errors are: the density is
that of the narrower scatter, averaged over a Gaussian. That is exact, and on nodes in Y_X a product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..core.arrays import Array
from ..cosmology.rescaling import Background
from ..relations.lines import Component, Lines
from ..survey.detection.smeared import Chance
from .mixture import CHUNK, SQRT2PI
from .visibility import chance_of

WIDEST_EXPANSION = 0.07
"""Width in log10 M, dex, up to which ln abundance around a mass is a local cubic (to 0.3%)."""

_RULES = ((0.8, 5), (1.25, 8))
"""Change of a chance of selection over one scatter of Y_X, in its own widths, that so many nodes resolve to 1e-4."""

STEEPEST = _RULES[-1][0]
_NARROW = 0.04
"""Width in log10 M, dex, up to which the cubic through the next nodes is the better one."""
_REACH = 7.0
"""Scatters of Y_X beyond which a mass adds nothing."""

FRACTIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Parts of the scatter of Y_X that may stay in sums over mass."""
RESOLVED = 0.9
"""Width of a Gaussian, in steps of nodes two of which hold the smallest scale of a density, from which on its average
is right to 1e-5."""
_SPLIT_RESOLVED, _SPLIT_SCALE = 0.8, 0.65
"""The same of the part of a scatter that is left out, and the step in units of the smallest scale of the rest."""
_NEGLIGIBLE = 1e-9
"""Clusters at a mass, in units of most, that may be left out."""
_FAR = 8.0
"""Widths of a Gaussian beyond which it adds nothing to an average."""
_APART = 1.1
"""Least scatter that is kept, in units of the part that is correlated with L_X."""


@dataclass(frozen=True)
class Rule:
    """Average over a standard normal number.

    Parameters
    ----------
    nodes, weights : ndarray
    stride : int
        Distance of a cubic's nodes, grid cells.
    within : bool
        Whether there is nothing beyond the grid, as in a sum over its nodes; else it goes on as it ends.
    """

    nodes: Array
    weights: Array
    stride: int = 2
    within: bool = False


def sum_of_expansions(
    log_number: Array, position: Array, step: Array, chance: tuple[Array, ...], rule: Rule, curve: Chance
) -> Array:
    """Gauss-Hermite sum over the residual of Y_X of abundance times chance, with ln abundance a cubic about each mass.

    Parameters
    ----------
    log_number : ndarray, shape (P, K, M)
    position : ndarray, shape (P, K, Q)
        Mass of each Y_X, in grid cells; it moves by `step` cells with each unit of the residual.
    step : ndarray
    chance : tuple of ndarray
        Of selection: significance, which is the first plus the second times the residual, and the third, if there
        is one, times its square.
    rule : Rule
    curve : callable
        From significance to the chance, in place or not.
    """
    significance, tilt, *bend = chance
    cubic = local_cubic(log_number, position, rule.stride)
    total: Array
    total, number, above = np.zeros((3, *np.broadcast_shapes(significance.shape, position.shape)))
    for node, weight in zip(rule.nodes, rule.weights, strict=True):
        t = step * node
        np.multiply(cubic[3], t, out=number)
        for coefficient in (cubic[2], cubic[1]):
            number += coefficient
            number *= t
        number += cubic[0]
        np.exp(number, out=number)
        np.add(significance, tilt * node, out=above)
        for each in bend:
            above += each * node**2
        number *= curve(above)
        number *= weight
        total += number
    if rule.within:
        total *= (position > -0.5) & (position < log_number.shape[-1] - 0.5)
    return total


def sum_over_nodes(number: Array, about: tuple[Array, Array], part: Component, data: tuple[Array, Array]) -> Array:
    """Density (P, Q) of one Gaussian of residuals as a sum over the mass nodes within reach of each Y_X.

    Parameters
    ----------
    number : ndarray, shape (P, K, M)
        Expected clusters at each node.
    about : tuple of ndarray
        Mean log10 L_X over its limit, and mean log10 Y_X, at each node.
    part : Component
    data : tuple of ndarray, shape (Q,)
        log10 Y_X and its error.
    """
    excess, mean, own, spread, correlation = (
        np.broadcast_to(x, number.shape)
        for x in (*about, part.yx_scatter[:, None], part.lx_scatter[:, None], part.correlation[:, None])
    )
    lowest, highest, widest = mean.min(axis=(0, 1)), mean.max(axis=(0, 1)), float(own.max())
    density = np.zeros((len(number), len(data[0])))
    for q, (y, e) in enumerate(zip(*data, strict=True)):
        reach = _REACH * np.hypot(widest, e)
        near = np.flatnonzero((lowest < y + reach) & (highest > y - reach))
        if not len(near):
            continue
        m = slice(near[0], near[-1] + 1)
        scatter = np.hypot(own[..., m], e)
        rho, t = correlation[..., m] * own[..., m] / scatter, (y - mean[..., m]) / scatter
        unexplained = spread[..., m] * np.sqrt(1 - rho**2)
        chance = chance_of(part, unexplained)((excess[..., m] + rho * spread[..., m] * t) / unexplained)
        density[:, q] = np.sum(number[..., m] * chance * np.exp(-0.5 * t**2) / (SQRT2PI * scatter), axis=(1, 2))
    return density


@lru_cache(maxsize=len(_RULES))
def _hermite(number: int) -> tuple[Array, Array]:
    """Nodes and weights of the average over a standard normal number."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(number)
    return nodes, weights / SQRT2PI


def rule_for(steepness: float) -> Rule:
    """Rule that resolves a chance of selection of this steepness."""
    return Rule(*_hermite(next((number for limit, number in _RULES if steepness <= limit), _RULES[-1][1])))


def rule_of_split(width: float, steepness: float) -> Rule:
    """The same for what stays of a scatter, as good as a sum over the nodes."""
    return replace(rule_for(steepness), stride=2 if width > _NARROW else 1, within=True)


def local_cubic(table: Array, position: Array, stride: int = 2) -> tuple[Array, Array, Array, Array]:
    """Cubic through four nodes of a uniform table around each position, expanded about it.

    Parameters
    ----------
    table : ndarray, shape (P, K, M)
    position : ndarray, shape (P, K, Q)
        In units of the grid spacing; clipped to the table.
    stride : int
        Distance of the four nodes, grid cells.

    Returns
    -------
    tuple of four ndarrays, shape (P, K, Q)
        Coefficients of 1, t, t^2, t^3, t in units of the grid spacing.
    """
    last = table.shape[-1] - 1
    position = np.clip(position, 0.0, float(last))
    cell = np.clip(position.astype(int), stride, last - 2 * stride)
    rows = np.arange(table.shape[0] * table.shape[1]).reshape(table.shape[:2])[..., None] * (last + 1)
    flat, index = table.ravel(), rows + cell
    before, here, after, beyond = (np.take(flat, index + k * stride) for k in (-1, 0, 1, 2))
    a1 = (-2 * before - 3 * here + 6 * after - beyond) / 6
    a2 = (before - 2 * here + after) / 2
    a3 = (beyond - before + 3 * (here - after)) / 6
    u = (position - cell) / stride
    value = here + u * (a1 + u * (a2 + u * a3))
    slope = (a1 + u * (2 * a2 + u * 3 * a3)) / stride
    return value, slope, (a2 + 3 * a3 * u) / stride**2, a3 / stride**3


@dataclass(frozen=True)
class Unselected:
    """Clusters on the grid of redshift and mass before selection, and how observables follow from mass.

    Parameters
    ----------
    log_number : ndarray, shape (P, K, M)
        ln of the expected number per dex of mass.
    lines : Lines
    background : Background
    """

    log_number: Array
    lines: Lines
    background: Background


@dataclass(frozen=True)
class Split:
    """How much of the scatter of Y_X stays in sums over mass.

    Parameters
    ----------
    fraction : float
    widest : float
        Largest width of what is left out in the prior, dex.
    grid : ndarray, shape (N,)
        Uniform nodes in log10 Y_X.
    """

    fraction: float
    widest: float
    grid: Array


def narrowed(part: Component, fraction: float) -> tuple[Component, Array]:
    """Residuals with a fraction of the scatter of Y_X, and the width of what is left out, (P, 1) or (1, 1), dex."""
    kept = np.minimum(np.maximum(fraction, _APART * np.abs(part.correlation)), 1.0)
    narrow = replace(part, yx_scatter=kept * part.yx_scatter, correlation=part.correlation / kept)
    return narrow, part.yx_scatter * np.sqrt(1 - kept**2)


def beyond(width: Array, steepness: Array) -> Array:
    """Whether residuals span too much of mass, or of the chance of selection, for an expansion."""
    return (width > WIDEST_EXPANSION) | (steepness > STEEPEST)


def best_fraction(spanned: Callable[[float], tuple[Array, Array]]) -> float | None:
    """Fraction of the scatter of Y_X for which an expansion is best, from what each spans; None if it never holds."""
    found = {f: spanned(f) for f in FRACTIONS}
    worst = {f: max(width[0] / WIDEST_EXPANSION, steep[0] / STEEPEST) for f, (width, steep) in found.items()}
    best = min(worst, key=worst.__getitem__)
    return best if worst[best] <= 1 else None


def split_step(resolution: float, left_out: Array) -> float:
    """Step of nodes in Y_X, dex, for densities of such a scale that are averaged over Gaussians of widths (n,)."""
    return min(_SPLIT_SCALE * resolution, float(left_out.min()) / _SPLIT_RESOLVED)


def nodes_about(mean: Array, number: Array, margin: float, step: float) -> Array:
    """Nodes that hold log10 Y_X of clusters with means and numbers (P, K, M), and a margin."""
    held = np.broadcast_to(mean, number.shape)[number > _NEGLIGIBLE * number.max(axis=(1, 2), keepdims=True)]
    return np.arange(held.min() - margin, held.max() + margin + step, step)


def reached(grid: Array, x: Array, width: Array) -> Array:
    """Those of uniform nodes that averages about x (Q,) over Gaussians of widths (Q,) need; all if there are none."""
    low, high = np.min(x - _FAR * width, initial=np.inf), np.max(x + _FAR * width, initial=-np.inf)
    near = grid[(grid >= low) & (grid <= high)]
    return near if len(near) > 1 else grid


def averaging(grid: Array, x: Array, width: Array) -> Array:
    """Matrices that average a density on uniform nodes (N,) over Gaussians about x (Q,) of widths (..., Q)."""
    width = width[..., None, :]
    kernel = (x - grid[:, None]) / width
    kernel *= kernel
    kernel *= -0.5
    np.exp(kernel, out=kernel)
    kernel *= (grid[1] - grid[0]) / (SQRT2PI * width)
    return kernel


def rows_of(per_vector: int) -> int:
    """Parameter vectors at a time, as many as temporary arrays of that many elements a vector allow."""
    return max(1, CHUNK // max(1, per_vector))


def spans(part: Component, lines: Lines, error: Array) -> tuple[Array, Array]:
    """Largest width in log10 M, dex, and steepness of the chance of selection, with errors (Q,), (Q,) each."""
    scatter, spread = np.hypot(part.yx_scatter[..., None], error), part.lx_scatter[..., None]
    width, rho = scatter / lines.yx.slope, part.correlation[..., None] * part.yx_scatter[..., None] / scatter
    tilt = np.abs(rho * spread - lines.lx.steepest * width) / (spread * np.sqrt(1 - rho**2))
    largest = [x.max(axis=tuple(range(x.ndim - 1)), initial=0.0) for x in (width, tilt)]
    return largest[0], largest[1]
