"""Relations that were calibrated against masses in another definition, as relations of M500c.

log10 M_D = pivot_D + b u + g log10[E(z)/E(z0)] to first order, u = log10 M500c over the pivot: a power law of M_D is
one of M500c, with slope b times as large and g slopes more evolution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import InputError
from ..cosmology.mass_definition import CONCENTRATION_SCATTER, MassDefinition
from .lines import PowerLaw

LARGEST_DEPARTURE = 0.04
"""Of log10 M_D from that line, dex, beyond which relations are not converted."""
_REACH = 0.5


@dataclass(frozen=True)
class MassConversion:
    """From masses in a definition to M500c.

    Parameters
    ----------
    pivot : float
        log10 M500c of the pivot mass at the reference redshift, Msun/h.
    stretch, growth : float
        b and g.
    departure : float
        Largest of log10 M_D from the line, within 0.5 dex of the pivot at the survey's redshifts, dex.
    scatter : float
        Of log10 M_D at fixed M500c that the scatter of concentrations makes, dex.
    name : str
        Of the definition.
    written : float
        log10 of the pivot as it is given, Msun/h.
    """

    pivot: float
    stretch: float = 1.0
    growth: float = 0.0
    departure: float = 0.0
    scatter: float = 0.0
    name: str = "500c"
    written: float = 0.0

    @classmethod
    def of(cls, definition: MassDefinition, pivot: float, z0: float) -> MassConversion:
        """That of a pivot mass, log10 Msun/h, at z0.

        Raises
        ------
        InputError
            If a power law of one mass is none of the other.
        """
        if definition.name == "500c":
            return cls(pivot)
        centre = float(definition.to_500c(np.array(pivot), np.array(z0)))
        stretch = 1.0 / float(definition.stretch(np.array(pivot), np.array(z0)))
        z, u = np.linspace(definition.zmin, definition.zmax, 9)[:, None], np.linspace(-_REACH, _REACH, 7)
        growth = np.log10(definition.cosmology.efunc(z) / definition.cosmology.efunc(z0))
        found = definition.from_500c(centre + u + 0.0 * z, z + 0.0 * u) - pivot
        at_pivot = found[:, u == 0]
        g = float(np.sum(at_pivot * growth) / np.sum(growth**2)) if np.ptp(growth) > 1e-9 else 0.0
        departure = float(np.abs(found - stretch * u - g * growth).max())
        if departure > LARGEST_DEPARTURE:
            raise InputError(
                f"relations.mass_definition: a power law of M{definition.name} is off by up to {departure:.3f} dex in "
                "mass as one of M500c at the survey's masses and redshifts; narrow survey.zmin and zmax, or choose "
                "another relations.concentration"
            )
        scatter = stretch * definition.scatter(pivot, z0)
        return cls(
            centre,
            stretch,
            g,
            departure=departure,
            scatter=scatter,
            name=definition.name,
            written=pivot,
        )

    def applied(self, law: PowerLaw) -> PowerLaw:
        """A relation of M_D as one of M500c."""
        if self.name == "500c":
            return law
        return replace(
            law,
            slope=law.slope * self.stretch,
            evolution=law.evolution + law.slope * self.growth,
            curvature=law.curvature * self.stretch**2,
            break_mass=None if law.break_mass is None else law.break_mass / self.stretch,
            slope_below=law.slope_below * self.stretch,
            break_width=law.break_width / self.stretch,
        )

    def mass(self, log_mass: float) -> float:
        """log10 M500c of a mass."""
        return log_mass if self.name == "500c" else self.pivot + (log_mass - self.written) / self.stretch

    @property
    def words(self) -> str:
        """What is done, and what is left out, in a sentence; empty where nothing is."""
        if self.name == "500c":
            return ""
        return (
            f"relations of M{self.name} are taken as ones of M500c: pivot 10^{self.pivot:.2f} Msun/h, slopes x "
            f"{self.stretch:.3f}, evolution {self.growth:+.3f} x slope, right to {self.departure:.3f} dex in mass; "
            f"concentrations scatter by {CONCENTRATION_SCATTER:g} dex, which adds {self.scatter:.3f} dex x slope to "
            "scatters and is not added"
        )
