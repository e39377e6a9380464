"""The clusters of a flux-limited light cone in any cosmology, by colossus and sums on a grid: an oracle."""

import numpy as np
from colossus.cosmology import cosmology as colossus
from colossus.lss import mass_function
from scipy import special


def brute_force(setup, sigma8, Om0, h, ns, w0=-1.0, wa=0.0, nodes=121):
    """Selected clusters on a fine grid of (z, log M): numbers, masses, log E(z), redshifts.

    True luminosities and distances in the true cosmology, the limit in flux.
    """
    cone, selection, relations = setup.geometry, setup.selection, setup.relations
    true = setup.cosmology.varied(Om0=Om0, h=h, ns=ns)
    full = colossus.setCosmology(
        "oracle", flat=True, H0=100 * h, Om0=Om0, Ob0=true.Ob0, sigma8=sigma8, ns=ns, persistence="",
        de_model="w0wa", w0=w0, wa=wa,
    )  # fmt: skip
    z, log_mass = np.linspace(cone.zmin, cone.zmax, nodes), np.linspace(13, 15.8, 281)
    distance = full.luminosityDistance(z) / h
    volume = cone.area * (full.comovingDistance(0.0, z)) ** 2 * 2997.92458 / full.Ez(z)
    growth = np.log10(full.Ez(z) / full.Ez(relations.z0))
    density = np.array(
        [
            mass_function.massFunction(10**log_mass, x, q_in="M", q_out="dndlnM", mdef="500c", model="tinker08")
            for x in z
        ]
    )
    lx = relations.lx
    log_lx = lx.log_norm - 2 * np.log10(h / setup.cosmology.h)  # calibrated as L_X h^2 against M h
    log_lx = log_lx + lx.slope * (log_mass - relations.pivot) + lx.evolution * growth[:, None]
    log_flux = log_lx - np.log10(4 * np.pi * (distance * 3.0856775814913673e24) ** 2)[:, None]
    log_flux = log_flux - selection.k_slope * np.log10(1 + z)[:, None]
    chance = special.ndtr((log_flux - np.log10(selection.flux_limit)) / lx.scatter)
    number = density * np.log(10) * volume[:, None] * chance * (log_mass[1] - log_mass[0])
    number = number * np.full(len(z), z[1] - z[0])[:, None]
    number[[0, -1]] *= 0.5
    return number, log_mass, growth, z
