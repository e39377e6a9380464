"""Catalogues held in memory as the files that the reader of catalogues reads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import InputError

_NAME = "table.ecsv"


@contextmanager
def table_file(catalogue: Any) -> Iterator[Path | None]:
    """Path of a catalogue: its own, or that of a passing file of a table in memory; None stays None.

    Parameters
    ----------
    catalogue : None, str, Path, astropy Table, pandas DataFrame or mapping of columns

    Raises
    ------
    InputError
        If it is none of these, or no table.
    """
    if catalogue is None or isinstance(catalogue, str | os.PathLike):
        yield None if catalogue is None else Path(catalogue)
        return
    table = _as_table(catalogue)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _NAME
        table.write(path)
        yield path


def _as_table(catalogue: Any) -> Any:
    from astropy.table import Table

    if isinstance(catalogue, Table):
        return catalogue
    if hasattr(catalogue, "to_dict") and hasattr(catalogue, "columns"):
        catalogue = {str(name): catalogue[name].to_numpy() for name in catalogue.columns}
    if not isinstance(catalogue, Mapping):
        raise InputError(
            f"a catalogue is a file or a table, got {type(catalogue).__name__}; give a path, an astropy Table, a "
            "pandas DataFrame or a dictionary of columns"
        )
    try:
        return Table(dict(catalogue))
    except (TypeError, ValueError) as error:
        raise InputError(f"the catalogue's columns make no table: {error}") from error
