"""The terse layer: one number for each cluster, and what it correlates with (NV22 section 5.3, figure 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from ..accuracy.bootstrap import REPLICATES, Ranking, correlation_with, estimates
from ..data.catalogues import Catalogues
from ..networks.saving import Trained
from .gradients import Gradients

OBSERVABLES = ("log_mwl", "log_mgas", "log_t", "log_yx", "log_lx")
"""Columns with which the terse value is compared, beside the true mass."""
PUBLISHED = {
    "log_m500": "correlated, less so at the ends",
    "log_mwl": "correlated, with more scatter than the true mass",
    "log_mgas": "tight",
    "log_t": "tight",
    "log_yx": "correlated",
    "size": "none",
    "sigma8": "none",
}
"""Correlations that NV22 sees in its figure 15; it prints no coefficient."""


@dataclass(frozen=True)
class Terse:
    """Terse values whose arbitrary sign and scale are gone: (raw - mean) / scale.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Mean 0 and standard deviation 1 over the clusters, and not anticorrelated with log mass.
    mean, scale : float
        Of the network's own values; `scale` carries the sign.
    """

    values: Array
    mean: float
    scale: float

    @classmethod
    def of(cls, raw: Array, log_mass: Array) -> Terse:
        """From a network's own values (n,) and true log masses (n,).

        Raises
        ------
        InputError
            If all values are equal, or masses are unknown.
        """
        if not np.isfinite(log_mass).all():
            raise InputError("terse values: true masses are unknown, so the sign is; use the test catalogues' scale")
        mean, scale = float(raw.mean()), float(raw.std())
        if not scale > 1e-6 * max(abs(mean), 1e-30):
            raise InputError("terse values: all clusters have the same one; the network's features are constant")
        sign = -1.0 if np.mean((raw - mean) * (log_mass - log_mass.mean())) < 0 else 1.0
        return cls((raw - mean) / (sign * scale), mean, sign * scale)

    def again(self, raw: Array) -> Array:
        """Other clusters' own values with the sign and scale of these."""
        return (raw - self.mean) / self.scale


def raw_terse(trained: Trained, catalogues: Catalogues) -> Array:
    """The network's own terse values of every cluster, shape (n, T)."""
    return Gradients(trained.network).terse_values(trained.scaler.features(catalogues))


def terse_values(trained: Trained, catalogues: Catalogues, *, column: int = 0) -> Terse:
    """Normalised terse values of every cluster.

    Parameters
    ----------
    trained : Trained
    catalogues : Catalogues
    column : int
        Which of the terse values, where a network has several.

    Raises
    ------
    InputError
        If the network has fewer terse values, or the same for every cluster.
    """
    raw = raw_terse(trained, catalogues)
    if not 0 <= column < raw.shape[1]:
        raise InputError(f"terse value {column} is asked for, but the network has {raw.shape[1]}, counted from 0")
    return Terse.of(raw[:, column], catalogues.log_mass.astype(float))


@dataclass(frozen=True)
class Correlation:
    """Correlation of the terse value with one quantity; errors from a bootstrap over catalogues.

    Parameters
    ----------
    name : str
    of : str
        "clusters": one point for each cluster, labelled with its catalogue's value if the quantity is the catalogue's
        (as in NV22's figure 15); "catalogues": the mean terse value of each catalogue.
    pearson, pearson_error, spearman, spearman_error : float
    published : str
        NV22 in words; empty where it says nothing.
    """

    name: str
    of: str
    pearson: float
    pearson_error: float
    spearman: float
    spearman_error: float
    published: str = ""


def correlations(
    terse: Array,
    catalogues: Catalogues,
    observables: Mapping[str, Array],
    *,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
) -> tuple[Correlation, ...]:
    """Correlations of normalised terse values (n,) with mass, observables, and the catalogues' N and sigma8.

    At fixed mass an honest terse value does not know sigma8, but its mean over a catalogue correlates with sigma8
    and N, since the masses do: `leak` tests what must vanish.

    Parameters
    ----------
    terse : ndarray, shape (n,)
    catalogues : Catalogues
    observables : mapping of str to ndarray, shape (n,)
    rng : numpy.random.Generator
    replicates : int
        Bootstrap samples.
    """
    row = catalogues.row
    population = {"size": catalogues.size.astype(float), "sigma8": catalogues.sigma8}
    single = {"log_m500": catalogues.log_mass.astype(float), **observables}
    single |= {name: values[row] for name, values in population.items()}
    mean = np.bincount(row, weights=terse) / catalogues.size
    found = _table(terse, single, row, "clusters", rng=rng, replicates=replicates)
    return (*found, *_table(mean, population, np.arange(len(mean)), "catalogues", rng=rng, replicates=replicates))


def _table(
    first: Array, others: Mapping[str, Array], row: Array, of: str, *, rng: np.random.Generator, replicates: int
) -> tuple[Correlation, ...]:
    values = np.column_stack(list(others.values()))
    rankings = [Ranking.of(x) for x in (first, *values.T)]

    def one(weight: Array) -> Array:
        ranks = np.column_stack([ranking.ranks(weight) for ranking in rankings])
        both = correlation_with(first, values, weight), correlation_with(ranks[:, 0], ranks[:, 1:], weight)
        return np.concatenate(both)

    def compute(weights: Array) -> Array:
        return np.array([one(weight[row]) for weight in weights])

    found = estimates(compute, int(row[-1]) + 1, rng=rng, replicates=replicates)
    pairs = zip(others, found[: len(others)], found[len(others) :], strict=True)
    return tuple(
        Correlation(
            name=n,
            of=of,
            pearson=p.value,
            pearson_error=p.error,
            spearman=s.value,
            spearman_error=s.error,
            published=PUBLISHED.get(n, ""),
        )
        for n, p, s in pairs
    )
