"""Saliency: what one feature of one cluster does to its terse value, and to the predicted sigma8.

Ntampaka & Vikhlinin (2022; NV22), section 5.2 and equation 4, in physical units and with its sign. Terse values have
an arbitrary sign and scale, predictions of sigma8 have neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError, nearest
from forecast.relations.gas_profiles import RADII, load_profiles

from ..data.catalogues import Catalogues
from ..data.layout import group_of
from ..networks.saving import Trained
from ..networks.training import check_sizes
from .gradients import Gradients
from .mass_bins import QUANTILES, Bands, Clusters, Totals, bands, totals


@dataclass(frozen=True)
class NetworkSaliency:
    """Derivatives of what K networks say with respect to E features of n clusters.

    Parameters
    ----------
    of : {"terse", "sigma8"}
        What is differentiated: a cluster's own terse value, or the sigma8 predicted for its catalogue.
    names : tuple of str
        Features; per dex, or per unit of a slope or redshift.
    clusters : Clusters
        Derivatives (K, n, E) with true masses and catalogues.
    catalogues : int
        P.
    """

    of: Literal["terse", "sigma8"]
    names: tuple[str, ...]
    clusters: Clusters
    catalogues: int

    @property
    def values(self) -> Array:
        """Mean of the networks, (n, E)."""
        return self.clusters.values

    def columns(self, names: Sequence[str]) -> NetworkSaliency:
        """Only these features.

        Raises
        ------
        InputError
            If one is unknown.
        """
        for name in names:
            if name not in self.names:
                raise InputError(f"no saliency of '{name}'; {nearest(name, self.names)}")
        chosen = [self.names.index(name) for name in names]
        return self.with_members(tuple(names), self.clusters.members[..., chosen])

    def by_mass(self, edges: Array) -> Bands:
        """Percentiles over clusters in bins of true mass (NV22 figure 12), last axis the features."""
        return bands(self.clusters, edges)

    def totals(self, edges: Array) -> Totals:
        """Sums over each catalogue's clusters of a mass bin: the response if all of them move together."""
        return totals(self.clusters, edges, self.catalogues)

    def with_members(self, names: tuple[str, ...], members: Array) -> NetworkSaliency:
        """The same clusters with derivatives (K, n, E') along other directions."""
        return replace(self, names=names, clusters=replace(self.clusters, members=members))


@dataclass(frozen=True)
class FeatureSaliency:
    """Saliency by feature, over all clusters (NV22 section 5.2's mean saliencies).

    Parameters
    ----------
    names : tuple of str
    mean : ndarray, shape (E,)
    seeds : ndarray, shape (E,)
        Standard deviation of the mean between networks; NaN with one.
    quantiles : ndarray, shape (5, E)
        Over clusters, at 2.5, 16, 50, 84 and 97.5 per cent.
    """

    names: tuple[str, ...]
    mean: Array
    seeds: Array
    quantiles: Array


@dataclass(frozen=True)
class RadialSaliency:
    """Saliency of a profile by radius, in bins of true mass (NV22 figure 11).

    Parameters
    ----------
    of : {"terse", "sigma8"}
    profile : str
        "log_mgas" or "slope".
    radius : ndarray, shape (R,)
        In R500c.
    extrapolated : ndarray, shape (R,)
        Fraction of the observed profiles behind the library that end inside the radius.
    bands : Bands
        Last axis the radii.
    """

    of: Literal["terse", "sigma8"]
    profile: str
    radius: Array
    extrapolated: Array
    bands: Bands


def terse_saliency(members: Sequence[Trained], catalogues: Catalogues, *, normalised: bool = True) -> NetworkSaliency:
    """d terse value / d main feature of every cluster.

    Parameters
    ----------
    members : sequence of Trained
        Of one survey, case and training set.
    catalogues : Catalogues
    normalised : bool
        Of the terse value in units of its standard deviation over all clusters given, with the sign that lets it grow
        with true mass: comparable between networks. Otherwise as each network has it.

    Raises
    ------
    InputError
        If the features are not the networks', a network has several terse values per cluster, or normalised ones are
        asked for where the terse value is constant or true masses are unknown.
    """
    scaler, found = members[0].scaler, []
    features = _scaled(members, catalogues)
    main = len(scaler.layout.main)
    span = (np.array(scaler.high) - np.array(scaler.low))[:main]
    for member in members:
        if member.network.architecture.terse > 1:
            raise InputError(
                f"the network has {member.network.architecture.terse} terse values per cluster, whose mixture is "
                "arbitrary; train one with terse = 1, or take the saliency of sigma8"
            )
        gradients = Gradients(member.network)
        factor = _unit(gradients.terse_values(features)[:, 0], catalogues) if normalised else 1.0
        found.append(gradients.terse(features, catalogues.size)[:, 0] * (factor / span))
    return _record("terse", scaler.layout.main, found, catalogues)


def end_saliency(members: Sequence[Trained], catalogues: Catalogues) -> NetworkSaliency:
    """d predicted sigma8 / d feature of every cluster, end to end, supplementary features included.

    The ensemble's prediction is the mean of its members', and so is its saliency.

    Parameters
    ----------
    members : sequence of Trained
        Of one survey, case and training set.
    catalogues : Catalogues

    Raises
    ------
    InputError
        If the features are not the networks', or a catalogue has too few clusters.
    """
    scaler = members[0].scaler
    features = _scaled(members, catalogues)
    factor = scaler.width / (np.array(scaler.high) - np.array(scaler.low))
    found = [Gradients(member.network).sigma8(features, catalogues.size) * factor for member in members]
    return _record("sigma8", scaler.layout.names, found, catalogues)


def _scaled(members: Sequence[Trained], catalogues: Catalogues) -> Array:
    check_sizes(members[0].network, catalogues)
    return members[0].scaler.features(catalogues)


def _record(
    of: Literal["terse", "sigma8"], names: tuple[str, ...], found: list[Array], catalogues: Catalogues
) -> NetworkSaliency:
    values = np.array(found, dtype=np.float32)
    return NetworkSaliency(of, names, Clusters(values, catalogues.log_mass, catalogues.row), len(catalogues))


def _unit(terse: Array, catalogues: Catalogues) -> float:
    """Factor that gives terse values (n,) unit variance and lets them grow with mass."""
    if not np.isfinite(catalogues.log_mass).all():
        raise InputError("the sign of a normalised terse value needs true masses; use normalised=False for real data")
    scatter = float(terse.std())
    if not scatter > 1e-6 * max(1.0, float(np.abs(terse).max())):
        raise InputError("the terse value is the same for all clusters, so it cannot be normalised (case 'ones'?)")
    return float(np.sign(np.cov(terse, catalogues.log_mass)[0, 1])) / scatter


def by_feature(saliency: NetworkSaliency) -> FeatureSaliency:
    """Mean, spread over seeds and percentiles over clusters, of every feature."""
    own = saliency.clusters.members.mean(axis=1, dtype=float)
    seeds = own.std(axis=0, ddof=1) if len(own) > 1 else np.full(own.shape[1], np.nan)
    quantiles = np.quantile(saliency.values, QUANTILES, axis=0)
    return FeatureSaliency(saliency.names, own.mean(axis=0), seeds, quantiles)


def by_radius(saliency: NetworkSaliency, profile: str, edges: Array) -> RadialSaliency:
    """Saliency of the bins of a profile, "log_mgas" or "slope", in bins of true mass.

    Raises
    ------
    InputError
        If the networks do not see that profile.
    """
    names = tuple(name for name in saliency.names if name != profile and group_of(name) == profile)
    if not names:
        raise InputError(f"the networks do not see a profile '{profile}', but {', '.join(saliency.names)}")
    at = [int(name.rpartition("_r")[2]) - 1 for name in names]
    extrapolated = np.asarray(load_profiles().extrapolated)[at]
    return RadialSaliency(
        of=saliency.of,
        profile=profile,
        radius=RADII[at],
        extrapolated=extrapolated,
        bands=saliency.columns(names).by_mass(edges),
    )
