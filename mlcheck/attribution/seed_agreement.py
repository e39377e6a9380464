"""Do networks of different seeds say the same of what clusters do? Trends with mass, and single clusters.

Ntampaka & Vikhlinin (2022, section 5) train ten networks and call their trends similar; here that is measured against
networks each of which might as well have the opposite trend (random signs, which keep every curve as smooth as it is).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.influence.by_mass import average_by

from .mass_bins import Clusters
from .mass_peak import SMALLEST

_DRAWS = 2000


@dataclass(frozen=True)
class Trend:
    """What K networks make of one quantity, by true mass.

    Parameters
    ----------
    name : str
    centre : ndarray, shape (B,)
        Middle of the bins of log10 M500c (Msun/h) with enough clusters.
    curves : ndarray, shape (K, B)
        Mean of each network's values over the clusters of a bin.
    agreement : float
        Mean correlation of two networks' curves.
    lowest : float
        The smallest correlation of any network's curve with the mean of the others.
    threshold : float
        99% point of `agreement` when every network's curve gets a random sign.
    clusters : float
        Mean correlation of two networks' values over single clusters.
    """

    name: str
    centre: Array
    curves: Array
    agreement: float
    lowest: float
    threshold: float
    clusters: float

    @property
    def holds(self) -> bool:
        """Whether the networks agree more than unrelated ones would."""
        return self.agreement > self.threshold


def trend(name: str, clusters: Clusters, edges: Array, *, rng: np.random.Generator) -> Trend:
    """Compare networks' values by true mass.

    Parameters
    ----------
    name : str
    clusters : Clusters
        Values of shape (K, n), K at least 2.
    edges : ndarray
        Of bins of log10 M500c, Msun/h.
    rng : numpy.random.Generator
        For the null.

    Raises
    ------
    InputError
        If there is one network, or fewer than three bins have enough clusters.
    """
    members = np.asarray(clusters.members, dtype=float)
    if len(members) < 2:
        raise InputError("one network has no trends to compare; train more with --members")
    used = np.flatnonzero(np.histogram(clusters.log_mass, edges)[0] >= SMALLEST)
    if len(used) < 3:
        raise InputError(f"only {len(used)} bins of mass have {SMALLEST} clusters; judge by more catalogues")
    curves = average_by(members.T, clusters.log_mass, edges)[0][used].T
    normal = _normalised(curves)
    signs = rng.choice([-1.0, 1.0], (_DRAWS, len(normal), 1))
    null = np.array([_mean_correlation(sign * normal) for sign in signs])
    centre = (0.5 * (edges[1:] + edges[:-1]))[used]
    own = [float(mine @ _normalised(np.delete(normal, k, axis=0).mean(axis=0))) for k, mine in enumerate(normal)]
    return Trend(
        name=name,
        centre=centre,
        curves=curves,
        agreement=_mean_correlation(normal),
        lowest=min(own),
        threshold=float(np.quantile(null, 0.99)),
        clusters=_mean_correlation(_normalised(members)),
    )


def _normalised(values: Array) -> Array:
    """Zero mean and unit length along the last axis."""
    left = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(left / np.maximum(np.linalg.norm(left, axis=-1, keepdims=True), 1e-300))


def _mean_correlation(normal: Array) -> float:
    """Mean correlation of all pairs of normalised rows (K, B)."""
    total, size = normal.sum(axis=0), len(normal)
    return float((total @ total - np.sum(normal * normal)) / (size * (size - 1)))
