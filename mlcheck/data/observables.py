"""Observables of the very clusters a network sees, in its order, whatever its own features are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from .catalogues import Catalogues, assemble
from .dataset import Source
from .layout import Layout


def observables_of(source: Source, catalogues: Catalogues, names: Sequence[str], *, seed: int) -> dict[str, Array]:
    """Columns of the suite for the clusters of some of its catalogues, each of shape (n,).

    Parameters
    ----------
    source : Source
        The suite from which the catalogues come.
    catalogues : Catalogues
        Whole catalogues of any case.
    names : sequence of str
        Columns of clusters, such as "log_yx".
    seed : int
        With which the catalogues were read (it orders the clusters of the case "shuffled").

    Raises
    ------
    InputError
        If the suite lacks a column, or the catalogues are not from this suite.
    """
    known = [column.name for column in source.suite.columns("clusters")]
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(f"{source.suite.folder}: no column {missing[0]} in this suite; it has {', '.join(known)}")
    order = "shuffled" if catalogues.layout.case == "shuffled" else "standard"
    found = _read(source, Layout(order, tuple(names), ()), catalogues.number, seed)
    place = {int(number): i for i, number in enumerate(found.number)}
    if any(int(number) not in place for number in catalogues.number):
        raise InputError(f"{source.suite.folder}: the catalogues are not from this suite; give theirs")
    found = found.take(np.array([place[int(number)] for number in catalogues.number]))
    if not np.array_equal(found.log_mass, catalogues.log_mass):
        raise InputError(
            f"{source.suite.folder}: clusters of the catalogues differ from the suite's in number or order; give whole "
            "catalogues, and the seed with which they were read"
        )
    return {name: found.features[:, i].astype(float) for i, name in enumerate(names)}


def _read(source: Source, layout: Layout, numbers: Array, seed: int) -> Catalogues:
    columns, parts = sorted({*layout.names, "log_lx", "log_m500"}), []
    for shard in source.suite.shards:
        table = source.suite.catalogues(shard)
        wanted = np.isin(table["catalogue"], numbers) & (table["size"] > 0)
        if not wanted.any():
            continue
        kept = np.repeat(wanted, table["size"])
        clusters = {name: values[kept] for name, values in source.suite.clusters(shard, columns).items()}
        chosen = {name: values[wanted] for name, values in table.items()}
        parts.append(assemble(layout, clusters, chosen, source.suite.parameters, seed=seed))
    if not parts:
        raise InputError(f"{source.suite.folder}: the catalogues are not from this suite; give theirs")
    return Catalogues.joined(parts)
