"""What a suite holds of every mock catalogue and of every cluster: columns, their units, their values."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..core.rng import generator
from ..model.forward import ForwardModel, forward_model
from ..model.mocks import Mocks
from ..model.setup import Setup
from ..model.simulate import draw_mocks
from ..relations.gas_profiles import CORE_RANGE, RADII, GasProfiles, load_profiles
from .shards import TABLES, Column, Shard, ShardFile, encode, software

Table = dict[str, Array]

_OBSERVABLES = {
    "lx": Column("log_lx", "float32", "log10 erg/s", "measured luminosity, rest frame"),
    "t": Column("log_t", "float32", "log10 keV", "measured temperature"),
    "mgas": Column("log_mgas", "float32", "log10 Msun/h", "measured gas mass inside R500c"),
    "core": Column("log_core", "float32", "log10", "luminosity over core-excised luminosity"),
}
_KINDS = {
    "norm": "factor on the normalisation of",
    "slope": "factor on the slope of",
    "scatter": "factor on the scatter of",
    "evolution": "added to the exponent of E(z) of",
    "curvature": "added to the curvature, per dex^2, of",
    "lowslope": "factor on the slope below the break of",
    "drift": "change with log10 of E(z)/E(z0) of the slope of",
    "break": "added to log10 of the break mass, dex, of",
}
_SPECIAL = {
    "sigma8": "rms linear density contrast in spheres of 8 Mpc/h",
    "norm_wl": "1 + bias of weak-lensing masses",
    "slope_wl": "power of true mass of weak-lensing masses",
    "scatter_wl": "factor on the scatter of ln M_WL",
    "evolution_wl": "power of E(z) of weak-lensing masses",
    "mass_scale": "factor of the masses against which relations were calibrated over true ones",
    "hmf_amplitude": "factor on the halo mass function at its pivot mass",
    "hmf_slope": "change of that factor per dex of mass",
    "density_contrast": "linear overdensity of the survey volume over its rms",
}

RADIUS_NAMES = tuple(f"r{i + 1}" for i in range(len(RADII)))
"""Endings of the columns of the radial bins, from the innermost."""


def _profile_columns(profiles: GasProfiles) -> tuple[Column, ...]:
    """Columns of the gas profile: mass inside each radius, and slope of the density there."""
    mass, slope = [], []
    for name, radius, share in zip(RADIUS_NAMES, RADII, profiles.extrapolated, strict=True):
        where = f"{radius:.3f} R500c" + (f" (extrapolated in {share:.0%} of the observed profiles)" if share else "")
        mass.append(Column(f"log_mgas_{name}", "float32", "log10 Msun/h", f"gas mass inside {where}"))
        slope.append(Column(f"slope_{name}", "float32", "", f"d ln(gas density) / d ln r at {where}"))
    return (*mass, *slope)


def _observable_column(name: str, setup: Setup) -> Column:
    """Column of an observable; luminosities say of which band they are."""
    column = _OBSERVABLES[name]
    band = setup.relations.lx_band
    return replace(column, meaning=f"measured luminosity, rest-frame {band}") if name == "lx" else column


def _proxy_column(setup: Setup) -> Column:
    """Column of the mass proxy, which any combination of observables may be."""
    relations = setup.relations
    parts = [(c, name) for c, name in zip(relations.combination, relations.names, strict=True) if c]
    made_of = " + ".join(f"log_{name}" if c == 1 else f"{c:g} log_{name}" for c, name in parts)
    return Column("log_yx", "float32", f"log10 {relations.proxy_unit}".rstrip(), f"measured mass proxy, {made_of}")


def cluster_columns(setup: Setup, profiles: GasProfiles) -> tuple[Column, ...]:
    """Columns of the table of clusters; those a survey does not have are left out."""
    names = setup.relations.names
    columns = [
        Column("catalogue", "int32", "", "number of the catalogue in the suite, ascending"),
        Column("z", "float32", "", "redshift"),
        Column("log_m500", "float32", "log10 Msun/h", "true mass M500c; no observable"),
        *(_observable_column(name, setup) for name in names if name in _OBSERVABLES),
        _proxy_column(setup),
    ]
    if setup.weak_lensing is not None:
        some = "" if setup.lensing_sample.whole else "; NaN of clusters that have none"
        columns.append(Column("log_mwl", "float32", "log10 Msun/h", f"weak-lensing mass M500c{some}"))
    return (*columns, *(_profile_columns(profiles) if "mgas" in names else ()))


def _meaning(parameter: str) -> str:
    """What a parameter is, in words."""
    kind, _, observable = parameter.partition("_")
    return _SPECIAL.get(parameter) or f"{_KINDS.get(kind, 'parameter of')} {observable}"


def catalogue_columns(parameters: ParameterSet) -> tuple[Column, ...]:
    """Columns of the table of catalogues."""
    return (
        Column("catalogue", "int32", "", "number of the catalogue in the suite"),
        Column("first", "int64", "", "row of its first cluster in the shard of the same number"),
        Column("size", "int64", "", "number of its clusters"),
        Column("median_log_yx", "float64", "unit of log_yx", "median of log_yx; NaN for an empty catalogue"),
        *(Column(name, "float64", "", _meaning(name)) for name in parameters.names),
    )


def suite_columns(setup: Setup, profiles: GasProfiles) -> dict[str, tuple[Column, ...]]:
    """Columns of every table of a suite."""
    return {"clusters": cluster_columns(setup, profiles), "catalogues": catalogue_columns(setup.parameters)}


@dataclass(frozen=True)
class Sampler:
    """Draws catalogues and every feature of their clusters.

    Parameters
    ----------
    model : ForwardModel
    profiles : GasProfiles
    """

    model: ForwardModel
    profiles: GasProfiles

    def draw(self, theta: Array, first: int, *, rng: np.random.Generator) -> tuple[Table, Table]:
        """Tables of clusters and of catalogues at parameter vectors `theta`, shape (P, D).

        The clusters of a catalogue come brightest measured L_X first: the order tells nothing of
        their true masses. `first` is the number of the first catalogue.
        """
        mocks = draw_mocks(self.model, theta, rng=rng)
        order = np.lexsort((-mocks.log_lx, mocks.row))
        clusters = {name: values[order] for name, values in self._features(mocks, theta, rng).items()}
        clusters["catalogue"] = clusters["catalogue"] + first
        return clusters, self._catalogues(mocks, theta, first)

    def _catalogues(self, mocks: Mocks, theta: Array, first: int) -> Table:
        size = mocks.size
        return {
            "catalogue": first + np.arange(len(size)),
            "first": np.cumsum(size) - size,
            "size": size,
            "median_log_yx": mocks.median_yx,
            **dict(zip(self.model.parameters.names, theta.T, strict=True)),
        }

    def _features(self, mocks: Mocks, theta: Array, rng: np.random.Generator) -> Table:
        """Every column of the clusters, in the order of the mocks."""
        observed = {name: mocks.observables[:, i] for i, name in enumerate(mocks.names)}
        table = {"catalogue": mocks.row, "z": mocks.z, "log_m500": mocks.log_mass, "log_yx": mocks.log_yx}
        table |= {_OBSERVABLES[name].name: x for name, x in observed.items() if name in _OBSERVABLES}
        table["log_mwl"] = mocks.log_mwl
        if "mgas" in observed:
            table |= self._profiles(observed["mgas"], self._core_residual(mocks, theta, rng), rng)
        return table

    def _core_residual(self, mocks: Mocks, theta: Array, rng: np.random.Generator) -> Array:
        """Core brightness less its mean, dex, shape (n,); that of the observed profiles where a survey has none."""
        if "core" in mocks.names:
            return self._residual(mocks, theta, "core")
        return self.profiles.core_limit / CORE_RANGE * rng.standard_normal(len(mocks.row))

    def _residual(self, mocks: Mocks, theta: Array, name: str) -> Array:
        """log10 of an observable minus its mean relation at the catalogue's parameters, dex, shape (n,)."""
        setup = self.model.setup
        line = setup.relations.line(name, self.model.parameters.values(theta))
        norm, slope, evolution = (
            np.broadcast_to(x, (len(theta),))[mocks.row] for x in (line.log_norm, line.slope, line.evolution)
        )
        growth = np.log10(setup.cosmology.efunc(mocks.z) / setup.cosmology.efunc(setup.relations.z0))
        mean = norm + slope * (mocks.log_mass - setup.relations.pivot) + evolution * growth
        residual: Array = mocks.observables[:, mocks.names.index(name)] - mean
        return residual

    def _profiles(self, log_mgas: Array, core_residual: Array, rng: np.random.Generator) -> Table:
        """Columns of the gas profiles, each of shape (n,)."""
        mass, slope = self.profiles.draw(log_mgas, core_residual, rng=rng)
        columns = {f"log_mgas_{name}": mass[:, i] for i, name in enumerate(RADIUS_NAMES)}
        return columns | {f"slope_{name}": slope[:, i] for i, name in enumerate(RADIUS_NAMES)}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what is in the shards; a worker needs nothing else.

    Parameters
    ----------
    setup : Setup
    seed : int
    catalogues, shard_size : int
    axes : dict of str to ndarray
        Values of each parameter on the grid, the first varying slowest; empty without a grid.
    """

    setup: Setup
    seed: int
    catalogues: int
    shard_size: int
    axes: dict[str, Array]

    def numbers(self, shard: int) -> Array:
        """Numbers of a shard's catalogues."""
        first = shard * self.shard_size
        return np.arange(first, min(first + self.shard_size, self.catalogues))

    def parameters(self, shard: int) -> Array:
        """Parameter vectors of a shard's catalogues, shape (P, D)."""
        numbers, parameters = self.numbers(shard), self.setup.parameters
        theta = parameters.draw(len(numbers), rng=generator(self.seed, "suite parameters", shard))
        cell = np.unravel_index(numbers, [len(values) for values in self.axes.values()]) if self.axes else ()
        for (name, values), index in zip(self.axes.items(), cell, strict=True):
            theta[:, parameters.names.index(name)] = values[index]
        return theta


@dataclass(frozen=True)
class DrawnShard:
    """A shard and the content of its files."""

    shard: Shard
    content: dict[str, bytes]


@dataclass(frozen=True)
class Maker:
    """Draws shards.

    Parameters
    ----------
    recipe : Recipe
    sampler : Sampler
    version : str
        Of massanchor.
    """

    recipe: Recipe
    sampler: Sampler
    version: str

    @classmethod
    def of(cls, recipe: Recipe) -> Maker:
        """Build the forward model of a recipe."""
        return cls(recipe, Sampler(forward_model(recipe.setup), load_profiles()), software()["massanchor"])

    def draw(self, number: int) -> DrawnShard:
        """Draw one shard and encode it."""
        recipe, theta = self.recipe, self.recipe.parameters(number)
        rng = generator(recipe.seed, "suite", number)
        clusters, catalogues = self.sampler.draw(theta, int(recipe.numbers(number)[0]), rng=rng)
        columns = suite_columns(recipe.setup, self.sampler.profiles)
        about = {"created_by": f"massanchor {self.version}", "seed": str(recipe.seed), "shard": str(number)}
        data = {"clusters": clusters, "catalogues": catalogues}
        content = {table: encode(columns[table], data[table], about) for table in TABLES}
        files = {table: ShardFile.of(content[table]) for table in TABLES}
        shard = Shard(number, len(theta), len(clusters["catalogue"]), files)
        return DrawnShard(shard, content)
