"""Catalogues as a network sees them: features of every cluster, and the truth of every catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.core.rng import generator
from forecast.model.mocks import Mocks

from .layout import Layout

REFERENCE_SIGMA8 = 0.809
"""Of the Magneticum simulation, from which appendix B scales."""


@dataclass(frozen=True)
class Prescription:
    """Exponents of (sigma8/0.809) by which NV22's appendix B scales observables from one simulation.

    NV22 takes those of Singh et al. (2020, arXiv:1911.05751) without printing them; these are a setting for
    illustration, of the size a collapse earlier at higher sigma8 would give.
    """

    log_lx: float = 1.5
    log_t: float = 0.6
    log_mgas: float = 0.4
    log_mwl: float = 0.0


@dataclass(frozen=True)
class Catalogues:
    """P catalogues of n clusters in all, one after the other.

    Parameters
    ----------
    layout : Layout
    features : ndarray, shape (n, F + S), float32
        Main columns, then supplementary ones; units of the suite (log10 of erg/s, keV, Msun/h).
    size : ndarray of int, shape (P,)
        Clusters of each catalogue.
    number : ndarray of int, shape (P,)
        Number of each in its suite.
    parameters : dict of str to ndarray, shape (P,)
        True parameters, "sigma8" among them; empty for real data.
    log_mass : ndarray, shape (n,)
        True log10 M500c, Msun/h; NaN for real data.
    """

    layout: Layout
    features: Array
    size: Array
    number: Array
    parameters: dict[str, Array]
    log_mass: Array

    def __post_init__(self) -> None:
        bad = ~np.isfinite(self.features)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            catalogue = int(np.searchsorted(np.cumsum(self.size), row, side="right"))
            raise InputError(
                f"catalogue {self.number[catalogue]}: {self.layout.names[column]} of cluster "
                f"{row - self.first[catalogue] + 1} is {self.features[row, column]}; every cluster needs a finite "
                "value: remove the cluster, or train on features that all clusters have"
            )

    def __len__(self) -> int:
        return len(self.size)

    @property
    def first(self) -> Array:
        """Row of the first cluster of each catalogue, shape (P,)."""
        return np.cumsum(self.size) - self.size

    @property
    def row(self) -> Array:
        """Catalogue of each cluster, shape (n,)."""
        return np.repeat(np.arange(len(self)), self.size)

    @property
    def sigma8(self) -> Array:
        """True sigma8 of each catalogue, shape (P,)."""
        return self.parameters["sigma8"]

    @property
    def main(self) -> Array:
        """Main features, shape (n, F)."""
        return self.features[:, : len(self.layout.main)]

    @property
    def supplementary(self) -> Array:
        """Supplementary features, shape (n, S)."""
        return self.features[:, len(self.layout.main) :]

    def rows_of(self, index: Array) -> Array:
        """Rows of the clusters of catalogues `index`, in that order."""
        size = self.size[index]
        start = np.repeat(self.first[index] - (np.cumsum(size) - size), size)
        return start + np.arange(int(size.sum()))

    def take(self, index: Array) -> Catalogues:
        """Some of the catalogues, in the order of `index`."""
        index = np.asarray(index, dtype=int)
        rows = self.rows_of(index)
        parameters = {name: values[index] for name, values in self.parameters.items()}
        return Catalogues(
            layout=self.layout,
            features=self.features[rows],
            size=self.size[index],
            number=self.number[index],
            parameters=parameters,
            log_mass=self.log_mass[rows],
        )

    def pieces(self, clusters: int = 200_000) -> Iterator[Catalogues]:
        """The catalogues, in order, in pieces of about so many clusters."""
        number = math.ceil(len(self.features) / clusters)
        for index in np.array_split(np.arange(len(self)), max(1, min(number, len(self)))):
            yield self.take(index)

    def keep(self, chosen: Array) -> Catalogues:
        """Only the clusters where `chosen`, shape (n,), is true."""
        size = np.bincount(self.row[chosen], minlength=len(self))
        return replace(self, features=self.features[chosen], size=size, log_mass=self.log_mass[chosen])

    @classmethod
    def joined(cls, parts: Sequence[Catalogues]) -> Catalogues:
        """Several sets of catalogues of one layout as one."""
        names = tuple(parts[0].parameters)
        return cls(
            layout=parts[0].layout,
            features=np.concatenate([p.features for p in parts]),
            size=np.concatenate([p.size for p in parts]),
            number=np.concatenate([p.number for p in parts]),
            parameters={name: np.concatenate([p.parameters[name] for p in parts]) for name in names},
            log_mass=np.concatenate([p.log_mass for p in parts]),
        )


def assemble(
    layout: Layout,
    clusters: Mapping[str, Array],
    catalogues: Mapping[str, Array],
    parameters: Sequence[str],
    *,
    seed: int,
    prescription: Prescription | None = None,
) -> Catalogues:
    """Catalogues of a layout from the two tables of a suite.

    Clusters come brightest L_X first; where the case asks for it they are shuffled, by the seed and the
    catalogue's number alone.

    Raises
    ------
    InputError
        If a value is not finite, or there is no cluster at all.
    """
    size, number = (np.asarray(catalogues[name], dtype=int) for name in ("size", "catalogue"))
    if not len(size) or not size.sum():
        raise InputError("there is not a single cluster; a network needs catalogues with clusters")
    truth = {name: np.asarray(catalogues[name], dtype=float) for name in parameters}
    row = np.repeat(np.arange(len(size)), size)
    columns = _columns(layout, clusters, truth, row, prescription or Prescription())
    order = _order(layout.case, clusters["log_lx"], row, size, number, seed)
    features = np.column_stack(columns).astype(np.float32)[order]
    mass = clusters.get("log_m500")
    log_mass = np.full(len(row), np.nan) if mass is None else np.asarray(mass, dtype=np.float32)[order]
    return Catalogues(layout=layout, features=features, size=size, number=number, parameters=truth, log_mass=log_mass)


def _columns(
    layout: Layout, clusters: Mapping[str, Array], truth: Mapping[str, Array], row: Array, scaling: Prescription
) -> list[Array]:
    if layout.case == "ones":
        return [np.ones(len(row)) for _ in layout.names]
    if layout.case != "overspecialised":
        return [np.asarray(clusters[name], dtype=float) for name in layout.names]
    scaled = {}
    for name in layout.needed:
        bias = np.log10(truth.get(name.replace("log_", "norm_").replace("mwl", "wl"), np.ones(len(truth["sigma8"]))))
        shift = getattr(scaling, name) * np.log10(truth["sigma8"] / REFERENCE_SIGMA8)
        scaled[name] = np.asarray(clusters[name], dtype=float) + (shift - bias)[row]
    scaled["log_y500"] = scaled["log_t"] + scaled["log_mgas"]
    return [scaled[name] for name in layout.names]


def _order(case: str, log_lx: Array, row: Array, size: Array, number: Array, seed: int) -> Array:
    if case != "shuffled":
        return np.lexsort((-np.asarray(log_lx, dtype=float), row))
    draws = [generator(seed, "shuffle", int(n)).random(s) for n, s in zip(number, size, strict=True)]
    return np.lexsort((np.concatenate(draws), row))


def to_mocks(clusters: Mapping[str, Array], size: Array, names: Sequence[str]) -> Mocks:
    """A suite's clusters as `forecast` has them, with observables `names` of the survey, L_X first."""
    row = np.repeat(np.arange(len(size)), size)
    values = {name: np.asarray(clusters[f"log_{name}"], dtype=float) for name in names}
    lensing = clusters.get("log_mwl")
    return Mocks(
        size=np.asarray(size),
        row=row,
        z=np.asarray(clusters["z"], dtype=float),
        log_mass=np.asarray(clusters["log_m500"], dtype=float),
        names=tuple(names),
        observables=np.column_stack(list(values.values())),
        log_yx=np.asarray(clusters["log_yx"], dtype=float),
        log_mwl=np.full(len(row), np.nan) if lensing is None else np.asarray(lensing, dtype=float),
    )
