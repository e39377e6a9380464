"""Expected clusters by true mass for a few sigma8 (NV22 figures 1 and 17)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..model.forward import ForwardModel
from ..model.population import Population


@dataclass(frozen=True)
class Curve:
    """One line of a plot: a label and values at common abscissae."""

    label: str
    values: Array


@dataclass(frozen=True)
class Abundance:
    """Expected selected clusters per dex of true mass (NV22 figures 1 and 17).

    Parameters
    ----------
    log_mass : ndarray, shape (Q,)
        log10 M500c, Msun/h.
    selected : tuple of Curve
    unselected : tuple of Curve
        The same volume without selection.
    """

    log_mass: Array
    selected: tuple[Curve, ...]
    unselected: tuple[Curve, ...]


def expected_abundance(model: ForwardModel) -> Abundance:
    """Expected clusters by true mass for a few sigma8 (NV22 figure 1)."""
    setup, parameters = model.setup, model.parameters
    i = parameters.names.index("sigma8")
    fiducial = parameters.fiducial[i]
    bounds = (float(parameters.free[i].prior.quantile(np.array(q))) for q in (0.1, 0.9))
    low, high = np.clip(list(bounds), fiducial - 0.1, fiducial + 0.1)
    theta = np.repeat(parameters.fiducial[None], 3, axis=0)
    theta[:, i] = low, fiducial, high
    log_mass = np.linspace(13.0, 15.5, 251)
    selected = model.mass_density(theta, log_mass)
    unselected = Population.of(setup, log_mass).abundance(parameters.values(theta)).sum(axis=1)
    labels = [f"$\\sigma_8={x:.2f}$" for x in theta[:, i]]
    return Abundance(
        log_mass,
        tuple(Curve(label, row) for label, row in zip(labels, selected, strict=True)),
        tuple(Curve(label, row) for label, row in zip(labels, unselected, strict=True)),
    )
