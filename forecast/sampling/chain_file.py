"""Chains in emcee's own HDF5 layout, written in blocks that survive `kill -9`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.formats import CHAIN

Block = tuple[Array, Array, Array, Any]
"""Steps, log posterior, accepted counts, random state."""
_GROUP = "mcmc"


def append_block(path: Path, identity: str, block: Block) -> None:
    """Append a block to a copy of the chain and move it into place, in emcee's HDF5 layout."""
    import h5py

    draft = path.with_suffix(".partial")
    if path.exists():
        shutil.copyfile(path, draft)
    else:
        draft.unlink(missing_ok=True)
    steps, log_posterior, accepted, random_state = block
    with h5py.File(draft, "a") as file:
        group = file.require_group(_GROUP)
        if "chain" not in group:
            _create(group, identity, steps.shape)
        done = int(group.attrs["iteration"])
        for name, values in (("chain", steps), ("log_prob", log_posterior)):
            group[name].resize(done + len(values), axis=0)
            group[name][done:] = values
        group["accepted"][...] = accepted
        group.attrs["iteration"] = done + len(steps)
        for i, part in enumerate(random_state):
            group.attrs[f"random_state_{i}"] = part
    with draft.open("rb") as handle:
        os.fsync(handle.fileno())
    draft.replace(path)


def _create(group: Any, identity: str, shape: tuple[int, ...]) -> None:
    """Empty datasets and attributes of emcee's HDF5 backend, with this chain's identity."""
    import emcee

    _, walkers, dimension = shape
    group.attrs.update(
        {
            "version": emcee.__version__,
            "nwalkers": walkers,
            "ndim": dimension,
            "has_blobs": False,
            "iteration": 0,
            "massanchor_format": CHAIN.version,
            "massanchor_identity": identity,
        }
    )
    group.create_dataset("accepted", data=np.zeros(walkers))
    group.create_dataset("chain", (0, walkers, dimension), maxshape=(None, walkers, dimension), dtype="f8")
    group.create_dataset("log_prob", (0, walkers), maxshape=(None, walkers), dtype="f8")


def load_block(path: Path, identity: str) -> Block:
    """Steps, log posterior, accepted counts and random state stored at `path`.

    Raises
    ------
    InputError
        If the file is no chain, or that of another configuration, data set or seed.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            group = file[_GROUP]
            attrs = dict(group.attrs)
            block = group["chain"][...], group["log_prob"][...], group["accepted"][...]
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: not a readable chain ({error}); remove it or choose another --out") from error
    version = attrs.get("massanchor_format")
    CHAIN.current(attrs, version if version is None else int(version), str(path))
    if attrs.get("massanchor_identity") != identity:
        raise InputError(
            f"{path}: this chain belongs to another configuration, catalogue or seed and cannot be "
            "resumed; choose another --out, or --overwrite it"
        )
    parts = [attrs[f"random_state_{i}"] for i in range(5)]
    name = parts[0].decode() if isinstance(parts[0], bytes) else str(parts[0])
    return *block, (name, np.asarray(parts[1]), int(parts[2]), int(parts[3]), float(parts[4]))
