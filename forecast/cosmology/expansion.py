"""Expansion and growth of flat universes, vectorised over their parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from ..core.arrays import Array
from .background import HUBBLE_DISTANCE, TCMB, Cosmology
from .dark_energy import is_constant, relative_density
from .growth import growth

RADIATION = 4.4814665013636476e-7 * TCMB**4 * (1 + 0.22710731766 * 3.046)
"""Omega_r h^2 of photons at 2.7255 K and 3.046 massless neutrinos (colossus's values)."""

_LEGENDRE_X, _LEGENDRE_W = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True)
class Expansion:
    """Expansion and growth of a flat universe with radiation; parameters broadcast against redshifts.

    Parameters
    ----------
    Om0, h : ndarray
        Matter density today and H0 / (100 km/s/Mpc).
    w0, wa : ndarray or float
        Equation of state of dark energy, w0 + wa (1 - a).
    """

    Om0: Array
    h: Array
    w0: Array | float = -1.0
    wa: Array | float = 0.0

    @classmethod
    def of(cls, cosmology: Cosmology) -> Expansion:
        """That of one cosmology."""
        return cls(*(np.asarray(getattr(cosmology, name)) for name in ("Om0", "h", "w0", "wa")))

    @property
    def _constant(self) -> bool:
        return is_constant(self.w0, self.wa)

    def efunc(self, z: Array) -> Array:
        """E(z) = H(z)/H0."""
        x, radiation = 1.0 + np.asarray(z), RADIATION / self.h**2
        dark = 1.0 if self._constant else relative_density(z, self.w0, self.wa)
        return np.sqrt(x**3 * (self.Om0 + radiation * x) + (1.0 - self.Om0 - radiation) * dark)

    def matter_density(self, z: Array) -> Array:
        """Omega_m(z)."""
        density: Array = self.Om0 * (1.0 + np.asarray(z)) ** 3 / self.efunc(z) ** 2
        return density

    def growth(self, z: Array) -> Array:
        """Linear growth factor D(z)/D(0), radiation neglected, as in colossus.

        With a cosmological constant D = a 2F1(1/3, 1; 11/6; -a^3 (1 - Om0)/Om0) solves equation 8 of Eisenstein & Hu
        (1999).
        """
        if not self._constant:
            return growth(z, self.Om0, self.w0, self.wa)
        ratio, a = (self.Om0 - 1.0) / self.Om0, 1.0 / (1.0 + np.asarray(z))

        def growing(a: Array | float) -> Array:
            growth: Array = a * special.hyp2f1(1 / 3, 1.0, 11 / 6, ratio * a**3)
            return growth

        return growing(a) / growing(1.0)

    def comoving_distance(self, z: Array) -> Array:
        """Comoving distance in Mpc/h, by Gauss-Legendre quadrature in ln(1 + z).

        With a cosmological constant it is right to 1e-9 up to z = 3, with any other dark energy to 1e-7.
        """
        half, most = 0.5 * np.log1p(np.asarray(z)), max(map(np.ndim, (z, self.Om0, self.w0, self.wa)))
        x = np.expm1(half * (1.0 + _LEGENDRE_X.reshape(-1, *([1] * most))))
        integrand = (1.0 + x) / self.efunc(x)
        distance: Array = HUBBLE_DISTANCE * half * np.tensordot(_LEGENDRE_W, integrand, axes=1)
        return distance

    def luminosity_distance(self, z: Array) -> Array:
        """Luminosity distance in (physical) Mpc/h."""
        return (1.0 + np.asarray(z)) * self.comoving_distance(z)

    def volume_element(self, z: Array) -> Array:
        """dV/dz per steradian in (Mpc/h)^3."""
        return HUBBLE_DISTANCE * self.comoving_distance(z) ** 2 / self.efunc(z)
