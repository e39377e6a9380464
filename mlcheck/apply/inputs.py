"""Catalogues to be judged: a suite's, or one table of clusters with the model's features as columns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError, nearest
from forecast.suite.manifest import MANIFEST

from ..data.catalogues import Catalogues, assemble
from ..data.dataset import Source
from ..data.noise import Noise
from ..networks.saving import Trained


def read_inputs(path: Path, model: Trained, *, check: bool = True) -> Catalogues:
    """Catalogues of a suite's folder, or of a table of clusters (ECSV, FITS, VOTable, CSV, Parquet).

    A table with a column `catalogue` holds those of its numbers, any other is one catalogue, number 0.

    Parameters
    ----------
    path : Path
    model : Trained
        Whose features are wanted.
    check : bool
        Refuse a suite of another survey.

    Raises
    ------
    InputError
        If there is nothing to read, a feature is missing, or a value is not finite.
    """
    layout = model.scaler.layout
    if path.is_dir():
        if not (path / MANIFEST).is_file():
            raise InputError(f"{path}: neither a suite (no {MANIFEST}) nor a table; give a suite's folder or a file")
        source = Source.open(path)
        if check:
            model.check_survey(source.digest, str(path))
        seed = model.origin.split_seed
        return Noise(model.origin.noise).blurred(source.read(layout.case, seed=seed), seed=seed)
    if not path.is_file():
        raise InputError(f"{path}: no such catalogue; give a suite's folder or a table of clusters")
    if layout.case in ("ones", "overspecialised"):
        raise InputError(f"a model of case '{layout.case}' cannot judge real clusters; use one of case 'standard'")
    columns = read_columns(path)
    needed = sorted({*layout.needed, "log_lx"})
    missing = [name for name in needed if name not in columns]
    if missing:
        hint = nearest(missing[0], list(columns))
        raise InputError(f"{path}: no column '{missing[0]}', a feature of this model ({', '.join(needed)}); {hint}")
    number = columns.get("catalogue", np.zeros(len(columns["log_lx"])))
    if not len(number):
        raise InputError(f"{path}: no clusters in it; a catalogue needs at least one")
    if not np.array_equal(number, np.round(number)):
        raise InputError(f"{path}: column 'catalogue' must hold whole numbers; number the catalogues, or drop it")
    order, (every, size) = np.argsort(number, kind="stable"), np.unique(number, return_counts=True)
    clusters = {name: columns[name][order] for name in needed}
    table = {"size": size, "catalogue": every.astype(int)}
    return assemble(layout, clusters, table, (), seed=model.origin.split_seed)


def is_foreign(path: Path, model: Trained) -> bool:
    """Whether a path is a suite of another survey than the model's."""
    return path.is_dir() and Source.open(path).digest != model.origin.model


def read_columns(path: Path) -> dict[str, Array]:
    """Numeric columns of a table; masked values are NaN."""
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if path.suffix == ".csv":
                table: Any = Table.read(path, format="ascii.basic", delimiter=",", guess=False)
            else:
                table = Table.read(path)
    except Exception as error:
        raise InputError(f"{path}: not a readable table ({str(error).splitlines()[0]}); see README") from error
    found = {}
    for name in table.colnames:
        column = table[name]
        if column.dtype.kind not in "fiu":
            continue
        values = np.ma.asarray(column).astype(float)
        found[name] = np.asarray(np.ma.filled(values, np.nan), dtype=float)
    return found
