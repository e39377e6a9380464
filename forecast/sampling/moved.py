"""How far data move normalisations and mass scales, on which sigma8 hangs, from their priors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.parameters import NORMALISATIONS, ParameterSet
from .mcmc import Chain


@dataclass(frozen=True)
class Moved:
    """A normalisation or mass scale of a posterior beside its prior.

    Parameters
    ----------
    name : str
    shift : float
        Posterior mean minus the prior's, of the natural coordinate, in the prior's standard deviations.
    width : float
        Standard deviation over that of the prior.
    """

    name: str
    shift: float
    width: float


def moved_by(chain: Chain, parameters: ParameterSet) -> tuple[Moved, ...]:
    """That of every normalisation and mass scale that a chain walked over."""
    found = []
    free = [p for p in parameters.free if p.name in chain.names and p.name.startswith(NORMALISATIONS)]
    places = {p.name: chain.names.index(p.name) for p in free}
    steps = chain.steps[chain.burn :].reshape(-1, len(chain.names))
    for p in free:
        x = steps[:, places[p.name]]
        y = np.log(x) if p.log else x
        mean, std = p.prior.coordinate_moments
        found.append(Moved(p.name, float((y.mean() - mean) / std), float(y.std() / std)))
    return tuple(found)


def moved_words(level: str, found: tuple[Moved, ...]) -> str:
    """One sentence; empty if there is no normalisation."""
    if not found:
        return ""
    each = ", ".join(f"{one.name} {one.shift:+.2f} ± {one.width:.2f}" for one in found)
    return f"Normalisations at level {level} from their priors' means, in widths of these: {each}."
