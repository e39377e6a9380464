"""What single clusters' observables do to the posterior mean of sigma8, at the levels `full` and `full+wl`.

The density of a selected cluster at given redshift and observables is that before selection: what selects
depends on the data alone. Its derivative by a datum is therefore the one at fixed selection.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from .model import ForwardModel
from .pointprocess import PointDensity, Points
from .units import LN10

Array = np.ndarray
_STEP = 0.1
"""Step of the derivatives, in units of each observable's scatter."""
_ENTRIES = 40_000


def observables_of(model: ForwardModel, level: str) -> tuple[str, ...]:
    """What a level knows of single clusters; "yx" is the mass proxy, "mwl" the weak-lensing mass."""
    known = {"unbinned": ("yx",), "full": model.setup.relations.names}
    known["full+wl"] = (*known["full"], "mwl")
    return known.get(level, ())


def mass_slopes(model: ForwardModel, level: str) -> Array:
    """d log10 of `observables_of` a level by d log10 M at the fiducial parameters, shape (E,)."""
    relations, v = model.setup.relations, model.parameters.fiducial_values
    if level == "unbinned":
        return np.array([float(np.asarray(relations.at(v).yx.slope))])
    slopes = [float(relations.line(name, v).slope) for name in relations.names]
    return np.array([*slopes, 1.0][: len(observables_of(model, level))])


def point_log_density(model: ForwardModel, level: str, points: Points, theta: Array) -> Array:
    """ln lambda of every cluster at parameter vectors (S, D), shape (S, Q)."""
    density = PointDensity(model, points, lensing=level == "full+wl")
    rows = max(1, _ENTRIES // max(1, len(points.z)))
    parts = [density.grid(theta[start : start + rows]) for start in range(0, len(theta), rows)]
    return np.concatenate(parts)


def point_saliency(model: ForwardModel, level: str, points: Points, draws: tuple[Array, Array]) -> Array:
    """d sigma8 / d log10 of every observable of every cluster, shape (Q, E), per dex; NaN where unknown.

    Parameters
    ----------
    model : ForwardModel
    level : {"full", "full+wl"}
    points : Points
    draws : tuple of ndarray, shapes (S, D) and (S,)
        Parameter vectors, and their weights times sigma8 minus its mean.
    """
    (theta, centred), steps = draws, _steps(model, level)
    moved = [_moved(points, i, sign * step) for sign in (1, -1) for i, step in enumerate(steps)]
    joined = Points(*(np.concatenate([getattr(p, f.name) for p in moved]) for f in fields(Points)))
    density, total = PointDensity(model, joined, lensing=level == "full+wl"), np.zeros(len(joined.z))
    rows = max(1, _ENTRIES // max(1, len(joined.z)))
    for start in range(0, len(theta), rows):
        total += centred[start : start + rows] @ density.grid(theta[start : start + rows])
    above, below = total.reshape(2, len(steps), len(points.z))
    known = np.column_stack([points.observables, points.log_mwl])[:, : len(steps)]
    return np.where(np.isnan(known), np.nan, ((above - below) / (2 * steps[:, None])).T)


def _steps(model: ForwardModel, level: str) -> Array:
    """Steps of the derivatives by each observable, shape (E,), dex."""
    scatter = model.setup.relations.scatters(model.parameters.fiducial_values)[0]
    lensing = (model.setup.weak_lensing or 0.0) / LN10
    return _STEP * np.array([*scatter, lensing][: len(observables_of(model, level))])


def _moved(points: Points, index: int, shift: float) -> Points:
    """All clusters with one of their observables, the weak-lensing mass last, moved by `shift` dex."""
    size = points.observables.shape[1]
    if index == size:
        return replace(points, log_mwl=points.log_mwl + shift)
    return replace(points, observables=points.observables + shift * (np.arange(size) == index))
