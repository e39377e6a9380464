"""What a survey infers of a cluster's Y_X with the wrong cosmology, step by step in physical units: an oracle."""

import numpy as np
from colossus.cosmology import cosmology as colossus

GAS = 1.2  # exponent of the gas mass near R500


def colossus_of(Om0, h, w0=-1.0, wa=0.0):
    return colossus.Cosmology(
        name=f"oracle {Om0} {h} {w0} {wa}", flat=True, H0=100 * h, Om0=Om0, Ob0=0.045, sigma8=0.8, ns=0.96,
        de_model="w0wa", w0=w0, wa=wa, persistence="",
    )  # fmt: skip


def inferred_log_yx(z, log_mass, relation, true, reference):
    """log10 Y_X/(Msun keV) that an analysis in cosmology `reference`, (Om0, h), finds at true masses log10 M500/Msun.

    `true` is (Om0, h), or these with w0 and wa.
    `relation`: (log10 Y_X/(Msun keV) at 1e14.5 Msun in the reference cosmology, slope, exponent of E). It was
    calibrated near z = 0 as Y_X h^2.5 against M h. The analysis takes R500 from the mass that it infers from its own
    Y_X, and measures the gas mass within that radius, that is within the angle at which it would see it.
    """
    norm, slope, evolution = relation
    truth, assumed = colossus_of(*true), colossus_of(*reference)

    def radius(log_m, cosmology):  # physical Mpc
        density = 2.77536627e11 * cosmology.h**2 * cosmology.Ez(z) ** 2  # Msun / Mpc^3
        return (3 * 10**log_m / (4 * np.pi * 500 * density)) ** (1 / 3)

    def angular_distance(cosmology):
        return cosmology.angularDiameterDistance(z) / cosmology.h

    def log_yx_of(log_m, cosmology):
        log_mh = log_m + np.log10(cosmology.h / reference[1])
        return (
            norm
            - 2.5 * np.log10(cosmology.h / reference[1])
            + slope * (log_mh - 14.5)
            + evolution * np.log10(cosmology.Ez(z))
        )

    def log_mass_of(log_y, cosmology):
        return 14.5 + (log_y - evolution * np.log10(cosmology.Ez(z)) - norm) / slope  # in the reference cosmology

    scale = angular_distance(truth) / angular_distance(assumed)
    log_y = log_yx_of(log_mass, truth)
    for _ in range(60):
        angle = radius(log_mass_of(log_y, assumed), assumed) / angular_distance(assumed)
        inside = angle * angular_distance(truth) / radius(log_mass, truth)
        log_y = log_yx_of(log_mass, truth) + GAS * np.log10(inside) - 2.5 * np.log10(scale)
    return log_y
