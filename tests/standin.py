"""Stand-ins for published tables: the same columns and units, drawn from laws that the tests know.

The tables themselves are compared with in `test_published`, where they are at hand.
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from forecast.relations.residuals import Residuals
from forecast.survey.flux_limit import MPC_CM

CLUSTERS = 300
"""Clusters of each snapshot of the simulated list."""
SLOPES, NORMS = np.array([1.8, 0.65, 1.2]), np.array([0.3, 0.6, 13.4])
"""Relations of log L_X/1e44, log T and log M_gas at 10^14.4 Msun/h."""
CORE_SLOPE, CORE_SCATTER, CORE_MEAN = 0.7, 0.03, 0.25
"""Regression of core brightness on the L_X residual at fixed Y_X."""
OBSERVED = 31
"""Clusters of the observed list."""


def mixture():
    """Residuals in (L_X, T, M_gas): one in ten clusters from a component ten times as wide in L_X."""
    scatter = np.array([[0.1, 0.03, 0.05], [0.6, 0.03, 0.05]])
    correlation = np.array([[1, -0.2, 0.5], [-0.2, 1, -0.4], [0.5, -0.4, 1]])
    covariance = correlation * scatter[:, :, None] * scatter[:, None, :]
    return Residuals(("lx", "t", "mgas"), np.array([0.9, 0.1]), np.zeros((1, 2, 3)), covariance[None], np.zeros(1))


def simulated(folder):
    """Two snapshots of a simulation: the second has other relations, so that a mixed-in row is seen."""
    rng, parts = np.random.default_rng(1), []
    for snapshot, z, shift in ((132, 0.1, 0.0), (128, 0.2, 0.5)):
        log_mass = rng.uniform(13.6, 14.8, CLUSTERS)
        x = NORMS + (SLOPES + shift) * (log_mass[:, None] - 14.4) + mixture().draw(log_mass, rng=rng)
        columns = {"snapnum": np.full(CLUSTERS, snapshot), "z": np.full(CLUSTERS, z), "m500_msun_h": 10.0**log_mass}
        columns |= {"gas_fraction": 10 ** (x[:, 2] - log_mass), "tx": 10 ** x[:, 1], "lx": 10 ** x[:, 0]}
        parts.append(columns)
    table = Table({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    table["tx"].unit = "keV"
    table.write(folder / "magneticum_box2hr.ecsv")


def local_relations(folder, name, correlation):
    """Scatters (natural log) and correlations that follow mass."""
    log_mass = np.linspace(13, 15, 21)
    table = Table({"log10_m500": log_mass})
    for key, scatter, tilt in (("lx", 0.4, -0.1), ("tx", 0.1, -0.02), ("mgas", 0.12, -0.03)):
        table[f"{key}_scatter"] = scatter + tilt * (log_mass - 14)
    for key, value in (("tx_lx", 0.1), ("mgas_lx", 0.5), ("mgas_tx", correlation)):
        table[f"corr_{key}"] = value + 0.05 * (log_mass - 14)
    table.write(folder / f"hydro_relations_{name}.ecsv")


@dataclass(frozen=True)
class BetaModel:
    """n_e ~ (1 + (r / core)^2)^-1, r in R500; the integral of 4 pi r^2 n_e out to R500 is 0.01 cm^-3 R500^3."""

    core: float

    def density(self, radius):
        return self.mass(1.0) / self._shape(1.0) / (1 + (radius / self.core) ** 2)

    def mass(self, radius):
        """Integral of 4 pi r^2 n_e."""
        return 0.01 * self._shape(radius) / self._shape(1.0)

    def slope(self, radius):
        """d ln n_e / d ln r."""
        return -2 * (radius / self.core) ** 2 / (1 + (radius / self.core) ** 2)

    def _shape(self, radius):
        x = radius / self.core
        return 4 * np.pi * self.core**3 * (x - np.arctan(x))


def observed_core():
    """Residuals of L_X at fixed Y_X, and core brightness, dex."""
    rng = np.random.default_rng(2)
    residual = rng.normal(0, 0.16, OBSERVED)
    return residual, CORE_MEAN + CORE_SLOPE * residual + rng.normal(0, CORE_SCATTER, OBSERVED)


def observed_models():
    """Density of each observed cluster: the brighter its core, the smaller."""
    _, core = observed_core()
    return [BetaModel(0.2 * 10 ** (0.25 - c)) for c in core]


def last_radii():
    """Outermost radius of each profile, R500: eleven end inside R500, one reaches 1.4 R500."""
    return np.append(np.linspace(0.75, 1.38, OBSERVED - 1), 1.5)


def observed(folder, gas_per_electron):
    """Properties and density profiles; Y_X is exactly T times the gas mass of the model."""
    rng = np.random.default_rng(3)
    residual, core = observed_core()
    names = [f"cluster {i}" for i in range(OBSERVED)]
    t, r500 = rng.uniform(2, 8, OBSERVED), rng.uniform(700, 1200, OBSERVED)
    proton_mass_per_kpc3 = 1.67262192e-27 / 1.98840987e30 * 3.0856775814913673e21**3
    gas = np.array([m.mass(1.0) for m in observed_models()]) * r500**3 * gas_per_electron * proton_mass_per_kpc3
    log_lx = 44 + 0.9 * (np.log10(gas * t) - 14) + residual
    columns = {"name": names, "z": np.full(OBSERVED, 0.1), "t2": t, "r500": r500, "yx": gas * t}
    columns |= {"lx1_0p5_2": 10**log_lx, "lx2_0p5_2": 10 ** (log_lx - core)}
    units = {"t2": "keV", "r500": "kpc", "yx": "keV solMass", "lx1_0p5_2": "erg / s", "lx2_0p5_2": "erg / s"}
    Table(columns, units=units).write(folder / "rexcess_properties.ecsv")
    rows = {"name": [], "r_over_r500": [], "ne": [], "e_ne": []}
    for name, model, last in zip(names, observed_models(), last_radii(), strict=True):
        radius = np.geomspace(0.005, last, 60)
        values = (np.full(60, name), radius, model.density(radius), 0.03 * model.density(radius))
        for column, value in zip(rows.values(), values, strict=True):
            column.extend(value)
    Table(rows).write(folder / "rexcess_profiles.ecsv")


def survey_table(config, mocks, log_t=np.nan):
    """Redshifts and fluxes of a mock sky of a flux-limited survey, from its luminosities.

    By temperatures `log_t`, log10 keV, where they are known, and else by those of the masses of which luminosities are
    typical.
    """
    setup, z = config.setup, mocks.z
    selection, relations, cosmology = setup.selection, setup.relations, setup.cosmology
    typical = selection.emission.temperature_of(lambda t: mocks.log_lx, z, cosmology, relations)
    log_t = np.where(np.isfinite(log_t), log_t, typical)
    distance = cosmology.luminosity_distance(z) / cosmology.h * MPC_CM
    log_flux = mocks.log_lx - selection.log_factor(z, log_t, relations.lx_band) - np.log10(4 * np.pi * distance**2)
    return {"z": z, "flux": 10.0**log_flux}


def write_tables(folder):
    """All tables from which the shipped data files are made; returns the folder."""
    from forecast.relations.gas_profiles import GAS_PER_ELECTRON

    simulated(folder)
    local_relations(folder, "flamingo", 0.0)
    local_relations(folder, "tng", 0.2)
    observed(folder, GAS_PER_ELECTRON)
    return folder
