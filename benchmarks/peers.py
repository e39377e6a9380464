"""cosmocnc 1.2 beside this package: ``pip install cosmocnc==1.2``, then ``python -m benchmarks.peers``.

One flux-limited light cone with a mass proxy, drawn here, goes to both codes with the same mass function (Tinker et
al. 2008): first differences of ln L, then the time of one likelihood at a new sigma8 and at a new Om0, on one core.
cosmocnc takes background and linear power from an emulator that is not on the package index; `StandIn` takes its
place and its time is left out. Nothing of the installed cosmocnc is changed. This file is also the survey
definition that cosmocnc reads: `cluster_catalogue_survey`, `scaling_relations` and `scatter`. Times are processor
times. benchmarks/results/peers.md holds measured tables, and says what each code models.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import contextlib
import functools
import importlib.util
import io
import math
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from forecast.config.load import load_config
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.core.units import LN10
from forecast.cosmology.background import BASE_SIGMA8, Cosmology, base_power, smooth_log_sigma
from forecast.cosmology.expansion import Expansion
from forecast.cosmology.parameter_grid import CRITICAL_DENSITY
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.setup import Setup
from forecast.model.simulate import draw_mocks
from forecast.survey.flux_limit import MPC_CM

Array = np.ndarray
YX_ERROR = 0.10
FAST = {"n_z": 50, "wavenumbers": 500}
"""cosmocnc's own numbers of redshifts and wave numbers."""
FINE = {"n_z": 400, "wavenumbers": 5000}
SIGMA8 = (0.75, 0.79, 0.81, 0.83, 0.87)
OM0 = (0.26, 0.28, 0.29, 0.30, 0.32)
NODES = 64
"""Our redshifts in the expected count: Tinker et al.'s coefficients have kinks, which 20 nodes resolve to 1e-4 only."""
DATA = {"N, z, L_X": [["flux"]], "N, z, L_X, Y_X": [["flux", "yx"]]}
"""What both codes fit, and how cosmocnc calls it."""


class Clock:
    """Seconds spent in the stand-in."""

    seconds = 0.0


def left_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Count a function's time on `Clock`."""

    @functools.wraps(function)
    def timed(*args: Any, **keywords: Any) -> Any:
        start = time.process_time()
        try:
            return function(*args, **keywords)
        finally:
            Clock.seconds += time.process_time() - start

    return timed


class StandIn:
    """Background, linear power and sigma(R) where cosmocnc asks its emulator; lengths in Mpc, masses in Msun."""

    def __init__(self, cosmo_params: dict[str, float], cnc_params: dict[str, Any], **_: Any) -> None:
        self.cnc_params = cnc_params
        self.power_spectrum = self.background_cosmology = self
        self.k = np.geomspace(1e-4, 50.0, cnc_params["catalogue_params"]["wavenumbers"])
        self.z_CMB, self.D_CMB = 1090.0, 1.0
        self.update_cosmology(cosmo_params)

    @left_out
    def update_cosmology(self, cosmo_params: dict[str, float], cosmology_tool: str = "") -> None:
        """New parameters; power and sigma(R) follow from sigma8 by scaling."""
        self.cosmo_params, self.h = cosmo_params, cosmo_params["h"]
        cosmology = Cosmology(cosmo_params["Om0"], cosmo_params["Ob0"], self.h, cosmo_params["n_s"])
        if getattr(self, "cosmology", None) != cosmology:
            self.cosmology, self.expansion = cosmology, Expansion.of(cosmology)
            self.power = base_power(cosmology, self.k / self.h) / self.h**3
            self.radius, self.base_sigma = np.empty(0), np.empty(0)
        self.H0 = SimpleNamespace(value=100 * self.h)

    def amplitude(self, z: float) -> float:
        """sigma8/0.8 D(z)."""
        return self.cosmo_params["sigma_8"] / BASE_SIGMA8 * float(self.expansion.growth(np.asarray(z)))

    @left_out
    def get_linear_power_spectrum(self, z: float) -> tuple[Array, Array]:
        """Wave numbers, 1/Mpc, and power, Mpc^3."""
        self.z = z
        return self.k, self.power * self.amplitude(z) ** 2

    @left_out
    def sigma(self, radius: Array) -> Array:
        """sigma(R) of this package at the redshift last asked for, so that both have the same mass function."""
        if not np.array_equal(radius, self.radius):
            self.radius, self.base_sigma = radius, np.exp(smooth_log_sigma(self.cosmology, radius * self.h)[0])
        return self.base_sigma * self.amplitude(self.z)

    @left_out
    def angular_diameter_distance(self, z: Array) -> SimpleNamespace:
        """Mpc."""
        return SimpleNamespace(value=self.expansion.comoving_distance(z) / self.h / (1 + z))

    @left_out
    def angular_diameter_distance_z1z2(self, z: Array, other: float) -> SimpleNamespace:
        """Not used by this survey."""
        return SimpleNamespace(value=np.ones_like(z))

    @left_out
    def H(self, z: Array) -> SimpleNamespace:
        """km/s/Mpc."""
        return SimpleNamespace(value=100 * self.h * self.expansion.efunc(z))

    @left_out
    def critical_density(self, z: Array) -> SimpleNamespace:
        """In the unit, g/cm3, from which cosmocnc's constants lead to Msun/Mpc^3."""
        constants = sys.modules["cosmocnc"].constants()
        density = CRITICAL_DENSITY * (self.h * self.expansion.efunc(z)) ** 2
        return SimpleNamespace(value=density * constants.solar / (1e3 * constants.mpc**3))

    @left_out
    def differential_comoving_volume(self, z: float) -> SimpleNamespace:
        """Mpc^3 per steradian."""
        return SimpleNamespace(value=self.expansion.volume_element(z) / self.h**3)

    @left_out
    def get_delta_mean_from_delta_crit_at_z(self, delta: float, z: float) -> float:
        """An overdensity against the mean matter density."""
        return delta / float(self.expansion.matter_density(z))


class cluster_catalogue_survey:
    """cosmocnc's view of the catalogue: ln of flux over the limit, and ln Y_X."""

    def __init__(self, catalogue_name: str, observables: Any, obs_select: str, cnc_params: dict[str, Any]) -> None:
        self.catalogue = dict(cnc_params["catalogue_params"]["catalogue"])
        self.catalogue["z_std"] = np.zeros(len(self.catalogue["z"]))
        self.catalogue_patch = {name: np.zeros(len(self.catalogue["z"]), dtype=int) for name in ("flux", "yx")}


class scaling_relations:
    """ln flux over the limit, and ln Y_X in the reference cosmology, against ln M/(1e14 Msun); one layer."""

    def __init__(self, observable: str, cnc_params: dict[str, Any], catalogue: Any) -> None:
        self.observable, self.survey = observable, cnc_params["catalogue_params"]["setup"]

    def get_n_layers(self) -> int:
        """Layers of scatter."""
        return 1

    def initialise_scaling_relation(self, cosmology: Any) -> None:
        """One patch."""
        self.skyfracs = [self.survey.geometry.area / (4 * math.pi)]

    def precompute_scaling_relation(self, params: Any, other_params: dict[str, Any], patch_index: int = 0) -> None:
        """Offset and slope at one redshift."""
        setup, z = self.survey, other_params["zc"]
        relations, h = setup.relations, setup.cosmology.h
        relation = relations.lx if self.observable == "flux" else relations.yx
        growth = math.log(other_params["E_z"] / float(other_params["cosmology"].expansion.efunc(relations.z0)))
        pivot = LN10 * (relations.pivot - 14) - math.log(h)
        self.offset = LN10 * relation.log_norm + relation.evolution * growth - relation.slope * pivot
        self.slope = relation.slope
        if self.observable == "yx":
            seen = float(setup.cosmology.comoving_distance(z)) / h / (1 + z)
            self.offset += 2.5 * math.log(seen / other_params["D_A"])
            return
        area = 4 * math.pi * (other_params["D_A"] * (1 + z) ** 2 * MPC_CM) ** 2
        self.offset -= math.log(area * setup.selection.flux_limit) + setup.selection.k_slope * math.log1p(z)

    def eval_scaling_relation(self, x0: Array, **_: Any) -> Array:
        """Mean of the observable."""
        return self.offset + self.slope * x0

    def eval_derivative_scaling_relation(self, x0: Array, **_: Any) -> Array:
        """Its derivative."""
        return self.slope * np.ones_like(x0)


class scatter:
    """Covariance of the residuals and errors, in ln."""

    def __init__(self, params: dict[str, float], catalogue: Any) -> None:
        self.params = params

    def get_cov(self, observable1: str, observable2: str, **_: Any) -> float:
        """One element."""
        p = self.params
        if observable1 != observable2:
            return p["correlation"] * p["flux"] * p["yx"]
        return p["flux"] ** 2 if observable1 == "flux" else p["yx"] ** 2 + (LN10 * YX_ERROR) ** 2


def load_cosmocnc() -> Any:
    """cosmocnc with the stand-in in place of its cosmology, or an exit that says what is missing."""
    if importlib.util.find_spec("cosmocnc") is None:
        sys.exit("benchmarks.peers needs cosmocnc, which is not a dependency: pip install cosmocnc==1.2")
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        import cosmocnc
        from cosmocnc import cnc, hmf

    class SameSigma(hmf.sigma_R):
        """cosmocnc's own transform of the power, then this package's sigma(R) at its radii."""

        def __init__(self, ps: tuple[Array, Array], cosmology: Any = None, deriv: int = 0) -> None:
            super().__init__(ps, cosmology, deriv)
            self.sigma_vec = cosmology.sigma(self.R_vec)

    cnc.cosmology_model, hmf.sigma_R = StandIn, SameSigma
    return cosmocnc


class Problem(NamedTuple):
    """One catalogue, and both codes' parameters."""

    setup: Setup
    model: ForwardModel
    data: Data


def problem(area: float = 1.0, flux_limit: float | None = None, *, free_Om0: bool = False) -> Problem:
    """A mock catalogue of `erosita` without sample variance, which cosmocnc does not have."""
    setup = load_config("erosita").setup
    parameters = setup.parameters.without(setup.parameters.contrasts)
    if free_Om0:
        Om0 = setup.cosmology.Om0
        parameters = parameters.with_free(Parameter("Om0", Om0, Prior("flat", low=Om0 - 0.06, high=Om0 + 0.06)))
    selection = setup.selection if flux_limit is None else replace(setup.selection, flux_limit=flux_limit)
    geometry = replace(setup.geometry, area=area * setup.geometry.area, nodes=NODES)
    setup = replace(setup, parameters=parameters, selection=selection, geometry=geometry, errors=(0.0, YX_ERROR))
    model = forward_model(setup)
    mocks = draw_mocks(model, model.parameters.fiducial, rng=np.random.default_rng(1))
    return Problem(setup, model, Data.of_mock(model, mocks))


def ours(of: Problem, data: str) -> Callable[[Array], Array]:
    """Our likelihood at the level `full`; clusters without Y_X where only L_X is fitted."""
    points = of.data.points
    assert points is not None
    if data == "N, z, L_X":
        known = points.observables.copy()
        known[:, 1] = np.nan
        points = replace(points, observables=known)
    return likelihood("full", of.model, replace(of.data, points=points))


class Peer:
    """cosmocnc's unbinned likelihood of the same catalogue."""

    def __init__(self, cosmocnc: Any, of: Problem, data: str, precision: dict[str, int]) -> None:
        setup, points, h = of.setup, of.data.points, of.setup.cosmology.h
        relations, shape = setup.relations, setup.cosmology
        assert points is not None
        log_lx, log_yx = points.observables.T
        limit = setup.selection.log_luminosity_limit(points.z, shape, relations)
        catalogue = {"z": points.z, "flux": LN10 * (log_lx - limit), "yx": LN10 * log_yx}
        settings = dict(
            cosmocnc.cnc_params_default,
            survey_sr=__file__,
            survey_cat=__file__,
            number_cores_data=1,
            n_z=precision["n_z"],
            obs_select="flux",
            observables=DATA[data],
            data_lik_from_abundance=data == "N, z, L_X",
            obs_select_min=0.0,
            obs_select_max=10.0,
            z_min=setup.geometry.zmin,
            z_max=setup.geometry.zmax,
            M_min=10 ** of.model.population.log_mass[0] / h,
            M_max=10 ** of.model.population.log_mass[-1] / h,
            catalogue_params={"catalogue": catalogue, "setup": setup, "wavenumbers": precision["wavenumbers"]},
        )
        self.relations = {"correlation": relations.lx_yx, "flux": LN10 * relations.lx.scatter}
        self.relations["yx"] = LN10 * relations.yx.scatter
        self.cosmology = dict(cosmocnc.cosmo_params_default, h=shape.h, n_s=shape.ns, m_nu=0.0, sigma_8=0.81)
        self.cosmology |= {"Om0": shape.Om0, "Ob0": shape.Ob0}
        self.code = cosmocnc.cluster_number_counts(cnc_params=settings)
        self.code.cosmo_params, self.code.scal_rel_params = self.cosmology, self.relations
        with contextlib.redirect_stdout(io.StringIO()):
            self.code.initialise()

    def __call__(self, **changed: float) -> float:
        """ln L at other cosmological parameters."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.code.update_params(self.cosmology | changed, self.relations)
            return float(self.code.get_log_lik())

    def seconds(self, name: str, values: tuple[float, ...]) -> float:
        """Shortest time of one likelihood at a new value of a parameter, without the stand-in's."""
        times = []
        for value in values:
            Clock.seconds, start = 0.0, time.process_time()
            self(**{name: value})
            times.append(time.process_time() - start - Clock.seconds)
        return min(times)


def vectors(model: ForwardModel, name: str, values: Any) -> Array:
    """Fiducial parameter vectors with other values of one parameter, shape (P, D)."""
    theta = np.repeat(model.parameters.fiducial[None], len(values), axis=0)
    theta[:, model.parameters.names.index(name)] = values
    return theta


def seconds_each(function: Callable[[Array], Array], theta: Array, batch: int) -> float:
    """Shortest time per parameter vector, in batches of `batch`."""
    function(theta[:1])
    times = []
    for start in range(0, len(theta) - batch + 1, batch):
        part, begin = theta[start : start + batch], time.process_time()
        function(part)
        times.append((time.process_time() - begin) / batch)
    return min(times)


def agreement_rows(cosmocnc: Any) -> None:
    """Differences of ln L from the fiducial value, and by how much the two codes disagree on them."""
    of = problem(free_Om0=True)
    for data in DATA:
        mine = ours(of, data)
        for precision in (FAST, FINE):
            peer = Peer(cosmocnc, of, data, precision)
            for name, key, values in (("sigma8", "sigma_8", SIGMA8), ("Om0", "Om0", OM0)):
                a = mine(vectors(of.model, name, values))
                b = np.array([peer(**{key: value}) for value in values])
                a, b = a - a[2], b - b[2]
                what = f"{of.data.size:,} | {data} | {name} {values[0]} to {values[-1]} | {a.min():.0f}"
                print(f"| {what} | {precision['n_z']} | {np.abs(a - b).max():.3f} |", flush=True)


def timing_rows(cosmocnc: Any) -> None:
    """One likelihood at a new sigma8 and at a new Om0."""
    for area, flux_limit in ((0.1, None), (1.0, None), (1.0, 5.4e-14)):
        for name, key, fiducial in (("sigma8", "sigma_8", 0.81), ("Om0", "Om0", 0.29)):
            of = problem(area, flux_limit, free_Om0=name == "Om0")
            theta = vectors(of.model, name, fiducial + np.linspace(-0.02, 0.02, 96))
            for data in DATA:
                mine = ours(of, data)
                alone, together = (seconds_each(mine, theta, batch) for batch in (1, 32))
                new = tuple(fiducial + step for step in (0.01, -0.01, 0.02))
                fast, fine = (Peer(cosmocnc, of, data, p).seconds(key, new) for p in (FAST, FINE))
                figures = f"{1e3 * alone:.2f} | {1e3 * together:.2f} | {1e3 * fast:,.0f} | {1e3 * fine:,.0f}"
                ratios = f"{fast / alone:,.1f} | {fine / alone:,.0f}"
                print(f"| {of.data.size:,} | {data} | {name} | {figures} | {ratios} |", flush=True)


def main() -> None:
    """Print Markdown tables."""
    cosmocnc = load_cosmocnc()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print("| clusters | data | from | smallest ln L | redshifts of cosmocnc | largest disagreement |")
    print("|---|---|---|---|---|---|")
    agreement_rows(cosmocnc)
    print("\nMilliseconds of one likelihood:\n")
    print("| clusters | data | new | alone | in a batch of 32 | cosmocnc, 50 z | 400 z | ratio, 50 z | ratio, 400 z |")
    print("|---|---|---|---|---|---|---|---|---|")
    timing_rows(cosmocnc)


if __name__ == "__main__":
    main()
