"""How clusters look in cosmologies other than the one in which they were measured.

A survey infers luminosities from fluxes (D_L^2) and gas masses from surface brightness and angles (D^2.5) with the
distances of a reference cosmology. Relations are calibrated on such quantities too: L_X h^2, M_gas h^2.5 and
Y_X h^2.5 against M h. In units in which masses are Msun/h and lengths Mpc/h what is left is the dependence of distances
and of E(z) on the matter density, and whatever a published relation adds of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ..core.arrays import Array
from .expansion import Expansion

GAS_GROWTH = 1.2
"""Exponent of radius of the gas mass at R500; 1.15 +- 0.05 in the 20 clusters of REXCESS whose profiles reach it
(Croston et al. 2008, A&A 487, 431)."""
GAS_DISTANCE = 2.5
"""Exponent of distance of a gas mass within a fixed angle."""
HUBBLE = {"lx": -2.0, "mgas": -1.5, "yx": -1.5}
"""Exponents of h of observables in the package's units at fixed mass in Msun/h: L_X h^2, M_gas h^2.5, Y_X h^2.5."""


@dataclass(frozen=True)
class Exponents:
    """What the logarithm of a measured observable depends on beside its relation; numbers, or arrays (E,) of them.

    Parameters
    ----------
    distance : float or ndarray
        Measured as distance^p: power p, of the comoving distance in Mpc/h.
    expansion : float or ndarray
        Power of E(z) with which an aperture R500 changes what is measured.
    hubble : float or ndarray
        Power of h of a published relation beyond L_X h^2, M_gas h^2.5 and M h.
    slope : float or ndarray
        Of the relation: the masses of the clusters on which it was calibrated go as their distance.
    own : float or ndarray
        1 where no relation was calibrated on other clusters' measurements; 0 for a relation.
    """

    distance: float | Array = 0.0
    expansion: float | Array = 0.0
    hubble: float | Array = 0.0
    slope: float | Array = 0.0
    own: float | Array = 0.0

    @classmethod
    def combined(cls, weights: Array, parts: Sequence[Exponents]) -> Exponents:
        """Those of a linear combination of the logarithms of observables."""
        return cls(*(float(np.dot(weights, [getattr(p, f.name) for p in parts])) for f in fields(cls)))

    @classmethod
    def stacked(cls, parts: Sequence[Exponents]) -> Exponents:
        """Those of E observables as arrays (E,)."""
        return cls(*(np.array([getattr(p, f.name) for p in parts]) for f in fields(cls)))


FIXED_ANGLE = Exponents(GAS_DISTANCE)
"""Of gas masses and Y_X within an angle that does not depend on the cosmology."""
LENSING = Exponents(expansion=1.0, own=1.0)
"""Of M500c, Msun/h, from the shear at given angles of sources far behind a cluster.

Where mass grows as radius, as within R500 (NFW: power 0.95 at a concentration of 2.5), shear tells the ratio of both
whatever the distance, and M500c goes as E(z)^-1 of the cosmology that is assumed. That of D_ls/D_s is left out.
"""


def gas_exponents(slope: float, evolution: float) -> Exponents:
    """Exponents of a gas mass, and of Y_X, within an R500 that the survey infers from Y_X itself.

    R500 in the reference cosmology follows from the mass that Y_X ~ M^slope E^evolution gives there; in another
    cosmology the same angle is another radius, x R500. With M_gas ~ R^g, D the change of ln Y_X, and r and e the
    logarithms of distance and E(z) over the reference's: ln x = r + (D + evolution e) / (3 slope) + 2 e / 3 and
    D = g ln x - 2.5 r, which is solved for D. A published power of h of the relation (`h_exponent`) is taken as it is:
    what it does to the aperture, some 0.04 per ln h for a power of 0.5, is left out.

    Parameters
    ----------
    slope, evolution : float
        Of the relation of Y_X, or of the gas mass proxy that sets the aperture.
    """
    response = 1.0 - GAS_GROWTH / (3.0 * slope)
    expansion = GAS_GROWTH * (evolution / (3.0 * slope) + 2.0 / 3.0)
    return Exponents((GAS_DISTANCE - GAS_GROWTH) / response, expansion / response)


@dataclass(frozen=True)
class Ratio:
    """Logarithms of true over reference values at some redshifts: comoving distances in Mpc/h, and E(z)."""

    distance: Array | float = 0.0
    expansion: Array | float = 0.0

    @classmethod
    def of(cls, true: Expansion, reference: Expansion, z: Array | float) -> Ratio:
        """At redshifts `z`, which broadcast against both cosmologies; none at z = 0."""
        z = np.asarray(z, dtype=float)
        if not z.any():
            return cls()
        distance = true.comoving_distance(z) / reference.comoving_distance(z)
        return cls(np.log10(distance), np.log10(true.efunc(z) / reference.efunc(z)))

    def shift(self, of: Exponents) -> Array | float:
        """log10 of an observable as inferred in the reference cosmology minus its true one, but for powers of h."""
        return of.expansion * self.expansion - of.distance * self.distance


@dataclass(frozen=True)
class Background:
    """What clusters at given redshifts look like in P cosmologies, beside the reference one.

    Parameters
    ----------
    log_growth : ndarray
        log10 E(z)/E(z0).
    seen : Ratio
        At the clusters' redshifts; nothing in a box, which has no distances.
    calibrated : Ratio
        At the redshift of the clusters on which the relations were calibrated.
    log_h : ndarray or float
        log10 of h over that of the reference cosmology.
    """

    log_growth: Array
    seen: Ratio = Ratio()
    calibrated: Ratio = Ratio()
    log_h: Array | float = 0.0

    @classmethod
    def of(cls, true: Expansion, reference: Expansion, z: Array, z0: float, calibrated_at: float) -> Background:
        """Redshifts `z` of a light cone in cosmologies `true`, which broadcast against them.

        Parameters
        ----------
        true, reference : Expansion
        z : ndarray
        z0 : float
            Reference redshift of the relations' evolution.
        calibrated_at : float
            Redshift of the clusters on which the relations were calibrated.
        """
        growth = np.log10(true.efunc(z) / true.efunc(np.asarray(z0)))
        at = Ratio.of(true, reference, calibrated_at)
        return cls(growth, Ratio.of(true, reference, z), at, np.log10(true.h / reference.h))

    def shift(self, of: Exponents) -> Array | float:
        """log10 of an observable as measured minus that of its relation in the reference cosmology."""
        relation = -(1.0 - of.own) * self.calibrated.shift(of) - of.slope * self.calibrated.distance
        return self.seen.shift(of) + relation + of.hubble * self.log_h
