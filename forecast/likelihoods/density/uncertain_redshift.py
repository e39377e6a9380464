"""Clusters whose redshifts are uncertain: what their fluxes and angles say at each redshift that they may have.

A measured redshift is a Gaussian about the true one. At another redshift the same flux is another luminosity
(D_L^2 and the K-correction), and the same image another gas mass and Y_X, with the exponents of distance and of E(z)
by which the survey's cosmology enters them; temperatures and lensing masses are taken as they are. Selection, on flux,
does not know of it. The limits of the survey are those of true redshifts, unless it has a law of redshift errors: then
those of measured ones, and errors go with 1 + z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...core.arrays import Array
from ...model.forward import ForwardModel
from ...model.mixture import SQRT2PI
from ...model.setup import Setup
from ...survey.listed_redshifts import shifts
from ...survey.redshift_law import RedshiftLaw

_REACH, _TINY = 5.0, np.finfo(float).tiny
"""Errors of a redshift beyond which it is not looked for."""
_FEWEST, _MOST, _PRECISION = 5, 15, 1e-4
"""Nodes of a Gauss-Hermite sum, away from edges; what it leaves of a Gaussian that the observables make of redshift."""
_RESOLVED = 0.9
"""Nodes are as far apart as this part of the scatter of any observable, and of the error, both at once."""


def redshifts_are_data(setup: Setup) -> bool:
    """Whether likelihoods of single clusters look at their redshifts."""
    return setup.geometry.spans_redshifts and setup.selection.in_flux is not None


@dataclass(frozen=True)
class Redshifts:
    """Redshifts that one cluster may have.

    Parameters
    ----------
    z : ndarray, shape (n,)
    log_weight : ndarray, shape (n,)
        Log of the density of the measured redshift at each, times the node's share.
    shift : ndarray, shape (n, D)
        What is added to log10 of the observables at each, dex.
    """

    z: Array
    log_weight: Array
    shift: Array

    @classmethod
    def of(cls, model: ForwardModel, z: float, error: float, blur: Array) -> Redshifts:
        """Nodes over a Gaussian within the survey's limits; `blur`: errors of the observables, (D,), dex."""
        setup = model.setup
        edges, law = np.array(setup.redshift_law.edges(setup.geometry)), RedshiftLaw(error / (1 + z))
        scatter = np.hypot(setup.relations.scatters(model.parameters.fiducial_values)[0], blur)
        change = float(np.max(np.abs(cls._slopes(setup, z)) / scatter))
        number = max(_FEWEST, math.ceil(math.log(_PRECISION) / -math.log1p(1 / (change * error) ** 2)))
        if number <= _MOST and np.all(np.abs(edges - z) > _REACH * error):
            if setup.redshift_law.error:
                at, weight = (part[0] for part in law.nodes(np.array([z]), number))
                return cls(at, np.log(np.maximum(weight, _TINY)), shifts(setup, np.full(number, z), at))
            x, w = np.polynomial.hermite_e.hermegauss(number)
            at = z + error * x
            return cls(at, np.log(w / SQRT2PI), shifts(setup, np.full(number, z), at))
        return cls._shell_by_shell(setup, (z, error), _RESOLVED / math.hypot(1 / error, change))

    @classmethod
    def _shell_by_shell(cls, setup: Setup, measured: tuple[float, float], step: float) -> Redshifts:
        """Nodes about `step` apart where edges of the survey or of its shells are near."""
        (z, error), edges = measured, np.array(setup.redshift_law.edges(setup.geometry))
        law, by_law = RedshiftLaw(error / (1 + z)), setup.redshift_law.error > 0
        near, far = law.span(z, z) if by_law else (z - _REACH * error, z + _REACH * error)
        low, high = max(edges[0], near), min(edges[-1], far)
        inner = edges[(edges > low) & (edges < high)]
        nodes, weights = [], []
        for a, b in pairwise([low, *inner, high]):
            x, w = np.polynomial.legendre.leggauss(4 + math.ceil((b - a) / step))
            nodes.append(0.5 * (a + b) + 0.5 * (b - a) * x)
            weights.append(0.5 * (b - a) * w)
        at = np.concatenate(nodes)
        log_weight = np.log(np.concatenate(weights) / (SQRT2PI * error)) - 0.5 * ((at - z) / error) ** 2
        if by_law:
            log_weight = np.log(np.concatenate(weights)) + law.log_density(z, at)
        return cls(at, log_weight, shifts(setup, np.full(len(at), z), at))

    @staticmethod
    def _slopes(setup: Setup, z: float) -> Array:
        """d log10 of the observables by redshift, (D,)."""
        step = 1e-3 * z
        slopes: Array = shifts(setup, np.array([z]), np.array([z + step]))[0] / step
        return slopes


def proxy_error(model: ForwardModel, z: Array, error: Array) -> Array:
    """Error of log10 of the mass proxy from that of redshifts (n,), (n,), dex; none where they are no data."""
    if not redshifts_are_data(model.setup):
        return np.zeros(len(z))
    moved = shifts(model.setup, z, z + error) - shifts(model.setup, z, np.maximum(z - error, 0.5 * z))
    combined: Array = 0.5 * np.abs(moved @ model.setup.relations.combination)
    return combined
