"""Chains in the formats other programs read: GetDist text and ArviZ-readable NetCDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..core.formats import CHAIN
from ..core.observables import latex
from ..core.parameters import ParameterSet
from .mcmc import Chain


def write_getdist(chain: Chain, parameters: ParameterSet, root: Path) -> None:
    """Write ``root.txt``, ``root.paramnames`` and ``root.ranges``.

    Column 1 is the weight, column 2 *minus* the log posterior; ``.ranges`` keeps GetDist from
    smoothing away the edges of flat priors. Burn-in is removed. Walkers follow one another, each in the order of its
    steps, and a position held for several steps is one row of that weight: GetDist then finds the autocorrelation.
    """
    kept = np.swapaxes(chain.steps[chain.burn :], 0, 1)  # (W, S, D)
    moved = np.ones(kept.shape[:2], dtype=bool)
    moved[:, 1:] = (kept[:, 1:] != kept[:, :-1]).any(axis=2)
    start = np.flatnonzero(moved)
    weight = np.diff(np.append(start, moved.size))
    log_posterior = chain.log_posterior[chain.burn :].T.ravel()[start]
    table = np.column_stack([weight, -log_posterior, kept.reshape(moved.size, -1)[start]])
    np.savetxt(root.with_suffix(".txt"), table, fmt="%.9g")
    names = "".join(f"{name} {latex(name).strip('$')}\n" for name in chain.names)
    root.with_suffix(".paramnames").write_text(names, encoding="utf-8")
    lines = []
    for parameter in parameters.free:
        low, high = (f"{x:.9g}" if np.isfinite(x) else "N" for x in parameter.prior.bounds)
        lines.append(f"{parameter.name} {low} {high}\n")
    root.with_suffix(".ranges").write_text("".join(lines), encoding="utf-8")


def write_netcdf(chain: Chain, path: Path, attributes: dict[str, Any]) -> None:
    """Write groups ``posterior`` and ``sample_stats`` with dimensions (chain, draw), as ArviZ reads them.

    Each walker is one chain; burn-in is removed.
    """
    import xarray as xr

    attributes = {"format": CHAIN.version, **attributes}
    kept = np.swapaxes(chain.steps[chain.burn :], 0, 1)
    coordinates = {"chain": np.arange(kept.shape[0]), "draw": np.arange(kept.shape[1])}
    posterior = xr.Dataset(
        {name: (("chain", "draw"), kept[:, :, i]) for i, name in enumerate(chain.names)}, coordinates, attributes
    )
    log_posterior = np.swapaxes(chain.log_posterior[chain.burn :], 0, 1)
    stats = xr.Dataset({"lp": (("chain", "draw"), log_posterior)}, coordinates)
    draft = path.with_suffix(".partial")
    posterior.to_netcdf(draft, mode="w", group="posterior", engine="h5netcdf")
    stats.to_netcdf(draft, mode="a", group="sample_stats", engine="h5netcdf")
    draft.replace(path)
