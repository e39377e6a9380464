"""What honest observables of a cluster depend on, and smooth functions of it: mass, redshift, other parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.interpolate import BSpline

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from ..data.catalogues import Catalogues

_CUBIC = 3
FEWEST = 50
"""Catalogues without which a test at fixed mass has no power worth the name."""


def conditions_of(catalogues: Catalogues, nuisances: bool = True) -> dict[str, Array]:
    """What observables of honest clusters depend on: a value for each cluster (n,), or each catalogue (P,).

    Raises
    ------
    InputError
        If there are too few catalogues, or masses or sigma8 are unknown.
    """
    if "sigma8" not in catalogues.parameters or not np.isfinite(catalogues.log_mass).all():
        raise InputError("the leak test needs simulated catalogues: true masses, and sigma8 free; give a test suite's")
    least = max(FEWEST, 4 * len(catalogues.parameters) if nuisances else 0)
    if len(catalogues) < least or not np.ptp(catalogues.sigma8):
        raise InputError(f"the leak test needs at least {least} catalogues of different sigma8, got {len(catalogues)}")
    found = {"log_m500": catalogues.log_mass.astype(float)}
    if "z" in catalogues.layout.names:
        found["z"] = catalogues.features[:, catalogues.layout.names.index("z")].astype(float)
    if nuisances:
        others = {name: x for name, x in catalogues.parameters.items() if name != "sigma8"}
        found |= {name: x for name, x in others.items() if np.ptp(x) > 0}
    return found


def design(conditions: Mapping[str, Array], catalogues: Catalogues, knots: int) -> Array:
    """Smooth functions (n, X) of the conditions: splines of mass and redshift, and the parameters to second order.

    Each parameter is there with its product with log mass; its square only if catalogues outnumber parameters tenfold,
    products of two parameters only if they so outnumber all functions.
    """
    single = [name for name in ("log_m500", "z") if name in conditions]
    mass = standardised(conditions["log_m500"])
    columns = [np.ones((len(mass), 1)), *(_spline(conditions[name], knots) for name in single)]
    if "z" in single:
        z = standardised(conditions["z"])
        columns.append(np.column_stack([z * mass, z * mass**2, z**2 * mass]))
    parameters = [standardised(x) for name, x in conditions.items() if name not in single]
    if parameters:
        theta, row = np.column_stack(parameters), catalogues.row
        columns += [theta[row], theta[row] * mass[:, None]]
        if len(catalogues) >= 10 * theta.shape[1]:
            columns.append((theta**2)[row])
        first, second = np.triu_indices(theta.shape[1], 1)
        if len(catalogues) >= 10 * (sum(x.shape[1] for x in columns) + len(first)):
            columns.append((theta[:, first] * theta[:, second])[row])
    return np.concatenate(columns, axis=1)


def standardised(x: Array) -> Array:
    """Of mean 0 and standard deviation 1."""
    standardised: Array = (x - x.mean()) / x.std()
    return standardised


def _spline(x: Array, pieces: int) -> Array:
    """Cubic splines (n, pieces + 2) that, with a constant, span all with knots at equal numbers of clusters."""
    edges = np.quantile(x, np.linspace(0, 1, pieces + 1))
    edges = np.unique(edges)
    knots = np.concatenate([np.repeat(edges[0], _CUBIC), edges, np.repeat(edges[-1], _CUBIC)])
    return np.asarray(BSpline.design_matrix(x, knots, _CUBIC).toarray())[:, 1:]
