"""Leave-one-out: how the predicted sigma8 moves when one cluster is taken out of its catalogue (NV22 section 5.1).

Ntampaka & Vikhlinin (2022; NV22) pool neighbouring rows: behind a cluster that is removed all pairs change. That
artefact of the network is separated from the removal proper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.influence.by_mass import average_by

from ..data.catalogues import Catalogues
from ..networks.engine import Engine, engine
from ..networks.saving import Trained
from ..networks.training import check_sizes
from .gradients import BATCH
from .mass_bins import Bands, Clusters, bands

BENCHMARKS = (-np.inf, 14.2, 14.4, 14.6, 14.8)
"""log10 masses, Msun/h, above which shifts are collected; the first takes all clusters."""
_ROWS = 1_000_000
_PROBABILITIES = np.linspace(0.0, 1.0, 201)


@dataclass(frozen=True)
class LeaveOneOut:
    """Shifts of the predicted sigma8, for each of n clusters of P catalogues.

    Parameters
    ----------
    prediction : ndarray, shape (P,)
        sigma8 of the whole catalogues: posterior mean, of the ensemble.
    clusters : Clusters
        Prediction without a cluster minus with it, of each network, (K, n).
    reordering : ndarray, shape (n,)
        Shift, of the ensemble, when the cluster is only moved to the end of its catalogue: zero for a network that
        does not know the order.
    """

    prediction: Array
    clusters: Clusters
    reordering: Array

    @property
    def shift(self) -> Array:
        """Shift of the ensemble, (n,)."""
        return self.clusters.values

    @property
    def removal(self) -> Array:
        """What is left of the shift without the re-ordering: removal of the cluster from the end, (n,)."""
        return self.shift - self.reordering

    def by_mass(self, edges: Array) -> Bands:
        """Percentiles of shifts in bins of true mass (NV22 figure 9, left)."""
        return bands(self.clusters, edges)


@dataclass(frozen=True)
class ShiftDistribution:
    """Shifts of all clusters above a mass (NV22 figure 9, right).

    Parameters
    ----------
    benchmark : float
        log10 M500c, Msun/h; minus infinity for all clusters.
    number : int
        Clusters.
    probability, shift : ndarray, shape (Q,)
        Cumulative distribution.
    lowered, lowered_error : float
        Fraction of the removals that lower sigma8, and its standard error from the scatter between catalogues.
    """

    benchmark: float
    number: int
    probability: Array
    shift: Array
    lowered: float
    lowered_error: float


@dataclass(frozen=True)
class PoolingArtefact:
    """How much of leave-one-out is the network's pairing of rows.

    Parameters
    ----------
    total, removal, reordering : float
        Half of the central 68% range of the shifts: as found, of removal from the end, of moving to the end.
    share : float
        Mean square of the re-ordering shifts over that of all shifts; above 1 where the two parts cancel.
    correlation : float
        Between removal and re-ordering; NaN where re-ordering does nothing.
    """

    total: float
    removal: float
    reordering: float
    share: float
    correlation: float


def leave_one_out(
    members: Sequence[Trained], catalogues: Catalogues, *, progress: Callable[[int, int], None] | None = None
) -> LeaveOneOut:
    """Shift of the predicted sigma8 when one cluster is removed, for every cluster of every catalogue.

    Parameters
    ----------
    members : sequence of Trained
        Of one survey, case and training set.
    catalogues : Catalogues
    progress : callable, optional
        Told of networks times catalogues that are done, and of all of them.

    Raises
    ------
    InputError
        If the features are not the networks', or a catalogue would be too small without a cluster.
    """
    scaler, network = members[0].scaler, members[0].network
    check_sizes(network, catalogues)
    small = catalogues.size <= max(network.smallest, 1)
    if small.any():
        i = int(np.argmax(small))
        raise InputError(
            f"catalogue {catalogues.number[i]} has {catalogues.size[i]} clusters; without one of them too few are left "
            f"for preset '{network.architecture.preset}', so leave it out of the test"
        )
    features, found, moved = scaler.features(catalogues), [], []
    whole = np.zeros((len(members), len(catalogues)))
    for k, member in enumerate(members):
        machine = _Machine(member, engine(member.network))
        whole[k] = machine.sigma8(features, catalogues.size)
        shift, reordering = (np.zeros(len(features)) for _ in range(2))
        done = k * len(catalogues)
        for index in _chunks(catalogues.size):
            rows = catalogues.rows_of(index)
            base = np.repeat(whole[k, index], catalogues.size[index])
            shift[rows] = machine.reduced(features, catalogues, index, _without) - base
            if network.architecture.preset == "nv22":
                reordering[rows] = machine.reduced(features, catalogues, index, _moved) - base
            done += len(index)
            if progress is not None:
                progress(done, len(members) * len(catalogues))
        found.append(shift)
        moved.append(reordering)
    clusters = Clusters(np.array(found), catalogues.log_mass, catalogues.row)
    return LeaveOneOut(whole.mean(axis=0), clusters, np.mean(moved, axis=0))


def _chunks(size: Array) -> Iterator[Array]:
    """Catalogues in groups of similar length that together are small enough for the memory."""
    order = np.argsort(size, kind="stable")
    group = np.cumsum(size[order].astype(float) ** 2) // _ROWS
    for number in np.unique(group):
        yield order[group == number]


def _without(size: int) -> Array:
    """Rows of a catalogue without its first, second, ... cluster, shape (N, N - 1)."""
    rows = np.arange(size - 1)
    return rows + (rows >= np.arange(size)[:, None])


def _moved(size: int) -> Array:
    """Rows of a catalogue with its first, second, ... cluster moved to the end, shape (N, N)."""
    return np.column_stack([_without(size), np.arange(size)])


@dataclass(frozen=True)
class _Machine:
    """A network that predicts sigma8 of altered catalogues."""

    member: Trained
    engine: Engine

    def sigma8(self, features: Array, size: Array) -> Array:
        """Posterior mean of sigma8, (P,), of scaled features."""
        network, scaler = self.member.network, self.member.scaler
        outputs = self.engine.outputs(features, size, batch=BATCH[network.architecture.preset])
        return np.asarray(scaler.sigma8[0] + scaler.width * network.head.centre(outputs))

    def reduced(self, features: Array, catalogues: Catalogues, index: Array, alter: Callable[[int], Array]) -> Array:
        """Posterior means of all altered versions of catalogues `index`, one for each of their clusters."""
        altered = [alter(int(catalogues.size[i])) + catalogues.first[i] for i in index]
        size = np.concatenate([np.full(len(rows), rows.shape[1]) for rows in altered])
        return self.sigma8(features[np.concatenate([rows.ravel() for rows in altered])], size)


def distributions(found: LeaveOneOut, benchmarks: Sequence[float] = BENCHMARKS) -> tuple[ShiftDistribution, ...]:
    """Cumulative distributions of shifts above benchmark masses; those that no cluster reaches are left out."""
    shift, log_mass, rows = found.shift, found.clusters.log_mass, []
    for benchmark in benchmarks:
        above = log_mass > benchmark if np.isfinite(benchmark) else np.ones(len(shift), dtype=bool)
        if not above.any():
            continue
        lowered = (shift[above] < 0).astype(float)
        mean, error = average_by(lowered, np.zeros(len(lowered)), np.array([-1.0, 1.0]), found.clusters.row[above])
        quantiles = np.quantile(shift[above], _PROBABILITIES)
        number = int(np.count_nonzero(above))
        rows.append(
            ShiftDistribution(
                benchmark=benchmark,
                number=number,
                probability=_PROBABILITIES,
                shift=quantiles,
                lowered=float(mean[0]),
                lowered_error=float(error[0]),
            )
        )
    return tuple(rows)


def pooling_artefact(found: LeaveOneOut) -> PoolingArtefact:
    """How wide the shifts are, and their two parts: removal from the end, and the re-ordering before it."""

    def width(values: Array) -> float:
        return float(0.5 * np.ptp(np.quantile(values, [0.16, 0.84])))

    shift, removal, moved = found.shift, found.removal, found.reordering
    share = float(np.mean(moved**2) / np.mean(shift**2))
    correlation = float(np.corrcoef(removal, moved)[0, 1]) if moved.std() > 0 else np.nan
    return PoolingArtefact(
        total=width(shift), removal=width(removal), reordering=width(moved), share=share, correlation=correlation
    )
