"""Saliency along directions in which clusters move: whole profiles, the mean relations, clusters of one mass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..data.catalogues import Catalogues
from ..data.layout import group_of
from .saliency import NetworkSaliency

QUANTITIES = {"log_lx": "L_X", "log_t": "T", "log_mgas": "M_gas", "log_yx": "Y_X", "log_mwl": "M_WL"}
"""What clusters are observed in, and its symbol."""


def by_quantity(saliency: NetworkSaliency) -> NetworkSaliency:
    """Sums over the bins of each profile: the response if a whole profile moves, as it does with its gas mass."""
    groups = [group_of(name) for name in saliency.names]
    names = tuple(dict.fromkeys(groups))
    pick = np.array([[group == name for name in names] for group in groups], dtype=np.float32)
    return saliency.with_members(names, saliency.clusters.members @ pick)


def along(saliency: NetworkSaliency, slopes: Mapping[str, float], name: str = "mass") -> NetworkSaliency:
    """Response if the physical quantities move together, by `slopes` for a unit step: one column, `name`.

    With the slopes of the mean scaling relations, per dex of true mass.

    Raises
    ------
    InputError
        If a quantity is unknown.
    """
    sums = by_quantity(saliency).columns(tuple(slopes))
    weights = np.array(list(slopes.values()), dtype=np.float32)
    return saliency.with_members((name,), (sums.clusters.members @ weights)[..., None])


def typical(saliency: NetworkSaliency, catalogues: Catalogues) -> NetworkSaliency:
    """Response to each feature when the others move with it as they do among clusters of one mass.

    Bins of a profile are so strongly correlated that a network's partial derivatives along them, which real clusters
    never explore, are large, of alternating sign, and different for each seed. The derivative along the regression of
    all features on one of them, at fixed true mass, keeps to what clusters do (the patterns of Haufe et al. 2014,
    NeuroImage 87, 96, in place of their filters).
    """
    names = catalogues.layout.names
    features = np.asarray(catalogues.features, dtype=float)[:, [names.index(name) for name in saliency.names]]
    mass = np.asarray(catalogues.log_mass, dtype=float)
    powers = np.column_stack([np.ones_like(mass), mass - mass.mean(), (mass - mass.mean()) ** 2])
    rest = features - powers @ np.linalg.lstsq(powers, features, rcond=None)[0]
    covariance = rest.T @ rest
    together = covariance / np.maximum(np.diag(covariance), 1e-12 * len(rest))
    return saliency.with_members(saliency.names, saliency.clusters.members @ together.astype(np.float32))
