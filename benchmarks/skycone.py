"""Expected clusters of REFLEX and BCS without the package: ``python -m benchmarks.skycone [DRAWS]``.

Masses and redshifts, luminosities and temperatures of the published relations, fluxes of 0.1-2.4 keV with their errors,
and positions in the footprint, all drawn; mass function and cosmology are colossus's and astropy's own. The
package's expected numbers, without lines as the cone's, stand beside: averaged over the survey's density contrasts, and
by shell of redshift.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from colossus.cosmology import cosmology
from colossus.lss import mass_function
from scipy import integrate, interpolate, special

from benchmarks.skies import Variant
from benchmarks.skyvariants import CONTINUUM
from forecast.core.arrays import Array
from forecast.model.forward import forward_model

OM, H, SIGMA8, DRAWS, AT_ONCE = 0.3, 0.7, 0.76, 16_000_000, 2_000_000
MASSES, SPECTRUM = (4e12, 6e15), np.geomspace(0.05, 12, 4000)
"""Msun, and keV."""


@dataclass(frozen=True)
class Survey:
    """What a paper says of one; the flux limit in erg/s/cm2, its error in dex."""

    limit: float
    error: float
    zmin: float
    zmax: float
    coverage: float

    def area(self, name: str, size: int, rng: np.random.Generator) -> float:
        """Solid angle that is searched, with its coverage, sr."""
        dec = np.degrees(np.arcsin(2 * rng.random(size) - 1))
        return 4 * np.pi * self.coverage * float(self.covers(name, 360 * rng.random(size), dec).mean())

    def covers(self, name: str, ra: Array, dec: Array) -> Array:
        """Whether positions in degrees, (n,), are searched."""
        away = np.abs(SkyCoord(ra * u.deg, dec * u.deg).galactic.b.deg) > 20
        if name == "bcs":
            return np.asarray(away & (dec > 0))
        large = (ra > 58) & (ra < 103) & (dec > -77) & (dec < -63)
        small = (ra < 20) & (dec > -77) & (dec < -67)
        return np.asarray(away & (dec < 2.5) & ~large & ~small)


SURVEYS = {"reflex": Survey(3e-12, 0.066, 0.02, 0.45, 0.95), "bcs": Survey(4.4e-12, 0.061, 0.02, 0.3, 0.9)}


def emitted(temperature: Array, low: Array, high: Array) -> Array:
    """Free-free energy between two energies, keV, by the trapezoidal rule over the spectrum, up to a constant, (n,)."""
    grid = np.geomspace(3, 40, 120)
    sums = []
    for t in grid:
        x = SPECTRUM / t
        power = np.exp(-x / 2) * special.k0(x / 2)
        sums.append(integrate.cumulative_trapezoid(power, SPECTRUM, initial=0) / t)
    below = interpolate.RegularGridInterpolator((np.log(grid), np.log(SPECTRUM)), np.array(sums))
    log_t = np.log(np.clip(temperature, 3, 40))
    return below((log_t, np.log(high * np.ones_like(log_t)))) - below((log_t, np.log(low * np.ones_like(log_t))))


def abundance(mass: Array, z: Array) -> Array:
    """Clusters per unit ln M and comoving Mpc^3 (Tinker et al. 2008) at masses in Msun and redshifts, (n,)."""
    cosmology.setCosmology("cone", flat=True, H0=100 * H, Om0=OM, Ob0=0.046, sigma8=SIGMA8, ns=0.96, relspecies=False)
    masses, redshifts = np.geomspace(*MASSES, 300), np.linspace(0.0, 0.5, 41)
    table = [
        mass_function.massFunction(masses * H, one, mdef="500c", model="tinker08", q_out="dndlnM") for one in redshifts
    ]
    log_number = interpolate.RectBivariateSpline(redshifts, np.log(masses), np.log(np.maximum(table, 1e-300)))
    return np.asarray(np.exp(log_number(z, np.log(mass), grid=False)) * H**3)


def drawn(name: str, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Redshifts and numbers of clusters per steradian that each of the detected draws stands for."""
    survey, universe = SURVEYS[name], FlatLambdaCDM(100 * H, OM)
    span = np.log(MASSES[1] / MASSES[0])
    mass = MASSES[0] * np.exp(span * rng.random(size))
    z = survey.zmin + (survey.zmax - survey.zmin) * rng.random(size)
    nodes = np.linspace(0.0, 0.5, 400)
    volume = interpolate.CubicSpline(nodes, universe.differential_comoving_volume(nodes).value)(z)
    distance = interpolate.CubicSpline(nodes, universe.luminosity_distance(nodes).to_value(u.cm))(z)
    growth = np.sqrt(OM * (1 + z) ** 3 + 1 - OM)
    weight = abundance(mass, z) * volume * span * (survey.zmax - survey.zmin) / size
    log_soft = 47.392 + 1.61 * np.log(mass) + 1.85 * np.log(growth) - 0.39 * np.log(H / 0.72) + np.log(0.92)
    luminosity = np.exp(log_soft + 0.396 * rng.standard_normal(size))
    temperature = 5 * (mass * H * growth / 3.02e14) ** (1 / 1.53)
    in_band = emitted(temperature, 0.1 * (1 + z), 2.4 * (1 + z)) / emitted(temperature, np.full(size, 0.5), 2.0)
    flux = luminosity * in_band / (4 * np.pi * distance**2) * 10 ** (survey.error * rng.standard_normal(size))
    kept = flux > survey.limit
    return z[kept], weight[kept]


def main(size: int = DRAWS) -> None:
    """Print both numbers of each survey, and by shell."""
    for name in SURVEYS:
        rng, parts = np.random.default_rng(1), -(-size // AT_ONCE)
        z, weight = map(np.concatenate, zip(*(drawn(name, AT_ONCE, rng) for _ in range(parts)), strict=True))
        weight = weight / parts * SURVEYS[name].area(name, AT_ONCE, rng)
        model = forward_model(Variant("", (name,), changed=CONTINUUM).config(name, {}).setup)
        at = model.parameters.fiducial[None]
        expected, shells = float(model.mean_count(at)[0]), model.shell_counts(at, mean=True)[0]
        error = np.sqrt((weight**2).sum())
        off = f"{expected / weight.sum() - 1:+.2%}"
        print(f"{name}: cone {weight.sum():.1f} ± {error:.1f}, package {expected:.1f} ({off})")
        found = np.histogram(z, model.setup.geometry.redshift_edges, weights=weight)[0]
        print("  shells, cone:    " + "  ".join(f"{one:7.1f}" for one in found))
        print("  shells, package: " + "  ".join(f"{one:7.1f}" for one in shells))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
