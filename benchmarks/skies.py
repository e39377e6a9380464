"""Posteriors of two ROSAT skies; ``python -m benchmarks.skyvariants`` prints them.

By weighted draws: seconds instead of the minutes or hours of chains. Effective draws are printed; below some 100 a row
is a sketch. `benchmarks.anchored` has the rows with a follow-up of BCS.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy import optimize, special
from scipy.interpolate import CubicSpline

from benchmarks.charts import Chart
from benchmarks.shareddraws import FREEDOM, Component, Plan, Pool, shared_draws
from forecast.checks.goodness import goodness_of_fit, poisson_deviance
from forecast.checks.observed import catalogue_data
from forecast.config.load import Config, builtin_configs, parse_config
from forecast.config.public import with_tables
from forecast.core.arrays import Array
from forecast.core.parameters import Parameter
from forecast.likelihoods.data import Data
from forecast.likelihoods.level import TINY
from forecast.likelihoods.levels import likelihood, own_level
from forecast.model.flux_limited import FluxLimitedModel
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling.proposal import Proposal

_STEP, _FIRST, _PLAN, _WIDER = 0.05, 1000, Plan(each=1000, enough=400.0, rounds=8, wider=1.4), 1.4
"""Step of derivatives in scores; first draws, and later ones; width of what is learnt for other posteriors."""
_PREDICTED, _NODES, _FLUXES = 400, 60, np.array([-1, 0.08, 0.16, 0.24, 0.36, 0.5, 0.7, 4])
"""Draws of which catalogues are made; nodes in log10 L_X; bins in log10 of the flux over the limit."""
LX_ALONE = "every L_X"
"""Instead of a level: every L_X, whatever the redshift."""
ALARM = 0.01
"""Chance of a worse fit below which a fit is none."""
_IDLE = ("slope_yx", "scatter_yx")
"""Parameters of which L_X says nothing."""


class Analysis(Protocol):
    """Surveys together, and what is assumed of them."""

    @property
    def label(self) -> str:
        """What it is, in a few words."""

    @property
    def surveys(self) -> tuple[str, ...]:
        """Built-in configurations."""

    @property
    def level(self) -> str:
        """Of the likelihood."""

    def config(self, name: str, files: Mapping[str, Path]) -> Config:
        """One survey's configuration, which reads public tables, by name, from files."""


@dataclass(frozen=True)
class Variant:
    """Surveys together; `straight`: without curvature, `wider`: factor on the widths of normalisation priors.

    `level`: of the likelihood, or `LX_ALONE`. `changed`: keys of a configuration, joined by dots, and their values;
    None takes a key away. Those after "NAME:" belong to one survey.
    """

    label: str
    surveys: tuple[str, ...]
    straight: bool = False
    wider: float = 1.0
    level: str = "full"
    changed: Mapping[str, Any] = field(default_factory=dict)

    def config(self, name: str, files: Mapping[str, Path]) -> Config:
        """One survey's configuration; of two, REFLEX is left the sky at negative declinations."""
        content: dict[str, Any] = tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8"))
        free = content["parameters"]
        for key in (*_IDLE, *(["curvature_lx"] if self.straight else [])):
            del free[key]
        for key in ("norm_lx", "mass_scale"):
            free[key]["lognormal"] *= self.wider
            free[key]["between"] = [0.1, 10.0]
        if name == "reflex" and len(self.surveys) > 1:
            content["survey"]["footprint"]["boxes"] = [{"dec": [-90, 0]}]
        for key, value in self.changed.items():
            survey, _, path = key.rpartition(":")
            if survey in ("", name):
                _put(content, path.split("."), value)
        return with_tables({name: parse_config(content)}, {name: files[name]} if name in files else {})[name]


def _put(content: dict[str, Any], path: list[str], value: Any) -> None:
    """Change one key, or take it away."""
    *tables, key = path
    for table in tables:
        content = content.setdefault(table, {})
    if value is None:
        content.pop(key, None)
    else:
        content[key] = value


@dataclass(frozen=True)
class Part:
    """One survey; `own`: names of its model's parameters among those of all."""

    name: str
    model: FluxLimitedModel
    data: Data
    likelihood: Callable[[Array], Array]
    own: tuple[str, ...]

    def theta(self, values: dict[str, Array]) -> Array:
        """Its model's parameters, (P, D)."""
        return np.column_stack([values[name] for name in self.own])

    def goodness(self, theta: Array, *, rng: np.random.Generator) -> str:
        """Its clusters beside catalogues of `theta` (P, D): chances of a worse fit in L_X and in redshift."""
        points, expected = self.data.points, self.model.shell_counts(theta)
        assert points is not None
        log_lx, edges = points.observables[:, 0], self.model.setup.geometry.redshift_edges
        observed = np.histogram(points.z, edges)[0]
        mocks = draw_mocks(self.model, theta, rng=rng)
        fluxes, of_mocks = (_fluxes(self.model, *one) for one in ((points.z, log_lx), (mocks.z, mocks.log_lx)))
        counts = np.array([np.histogram(of_mocks[mocks.row == i], _FLUXES)[0] for i in range(len(theta))])
        chances = {
            "L_X": goodness_of_fit(self.model, theta, "lx", log_lx, rng=rng).p_value,
            "redshifts": _chance(observed, rng.poisson(expected), expected),
            "fluxes": _chance(np.histogram(fluxes, _FLUXES)[0], counts, counts.mean(axis=0)),
        }
        words = ", ".join(f"of {name} {p:.3f}" for name, p in chances.items())
        verdict = "" if min(chances.values()) >= ALARM else "; THE FIT FAILS, its numbers are no result"
        shells = f"nearest shell {observed[0]}, {expected[:, 0].mean():.1f} expected"
        return f"    {self.name}: {self.data.size:g} clusters; p {words}; {shells}{verdict}"


def _fluxes(model: FluxLimitedModel, z: Array, log_lx: Array) -> Array:
    """log10 of fluxes over the limit, (n,)."""
    setup = model.setup
    return log_lx - model.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)


def _chance(observed: Array, replicas: Array, expected: Array) -> float:
    """Part of replicas, (P, B), that are as far from what is expected as observed numbers, (B,), at least."""
    far = poisson_deviance(replicas.astype(float), expected) >= poisson_deviance(observed.astype(float), expected)
    return float(far.mean())


class Luminosities:
    """Likelihood of every L_X, whatever the redshift."""

    def __init__(self, model: FluxLimitedModel, data: Data) -> None:
        assert data.points is not None
        self._model, self._log_lx = model, data.points.observables[:, 0]
        self._grid = np.linspace(self._log_lx.min() - 0.1, self._log_lx.max() + 0.1, _NODES)

    def __call__(self, theta: Array) -> Array:
        """(P,) for parameter vectors (P, D)."""
        density = np.log(np.maximum(self._model.lx_density(theta, self._grid), TINY))
        total = CubicSpline(self._grid, density, axis=1)(self._log_lx).sum(axis=1)
        return np.asarray(total - self._model.expected_count(theta))


def _target(level: str, model: FluxLimitedModel, data: Data) -> Callable[[Array], Array]:
    """Likelihood of a level, or of every L_X alone."""
    return Luminosities(model, data) if level == LX_ALONE else likelihood(own_level(model.setup, level), model, data)


class Posterior:
    """ln posterior of normal scores; all but density contrasts is one in all surveys."""

    def __init__(self, variant: Analysis, files: Mapping[str, Path]) -> None:
        self.free: dict[str, Parameter] = {}
        self.parts: list[Part] = []
        for name in variant.surveys:
            config = variant.config(name, files)
            model = forward_model(config.setup)
            assert isinstance(model, FluxLimitedModel)
            _, data = catalogue_data(config, model, None)
            free = model.parameters.free
            own = tuple(p.name if not p.name.startswith("density") else f"{p.name}, {name}" for p in free)
            self.free |= dict(zip(own, free, strict=True))
            self.parts.append(Part(name, model, data, _target(variant.level, model, data), own))

    @property
    def chart(self) -> Chart:
        """Coordinates of draws."""
        return Chart(tuple(self.free.values()))

    def named(self, theta: Array) -> dict[str, Array]:
        """Parameters (P, D) by their names."""
        return dict(zip(self.free, theta.T, strict=True))

    def log_likelihood(self, theta: Array) -> Array:
        """(P,) for parameters (P, D)."""
        values, total = self.named(theta), np.zeros(len(theta))
        for part in self.parts:
            value = part.likelihood(part.theta(values))
            total = total + np.where(np.isfinite(value), value, -1e10)
        return total

    def __call__(self, at: Array) -> Array:
        """ln L plus ln of the prior, (P,), at coordinates (P, D) of the chart."""
        value = self.chart.log_prior(at)
        inside = np.isfinite(value)
        value[inside] += self.log_likelihood(self.chart.parameters(at[inside]))
        return value

    def of_scores(self, scores: Array) -> Array:
        """ln posterior of normal scores (P, D), (P,)."""
        return np.asarray(self.log_likelihood(self.scored(scores)) - 0.5 * (scores**2).sum(axis=1))

    def scored(self, scores: Array) -> Array:
        """Parameters at normal scores, both (P, D)."""
        u = special.ndtr(np.clip(scores, -7, 7))
        return np.column_stack([p.prior.quantile(u[:, i]) for i, p in enumerate(self.free.values())])

    def gradient(self, at: Array) -> tuple[float, Array]:
        """Minus the value and its derivatives at scores (D,)."""
        step = _STEP * np.eye(len(at))
        value = self.of_scores(np.vstack([at, at + step, at - step]))
        size = len(at)
        return -float(value[0]), -(value[1 : size + 1] - value[size + 1 :]) / (2 * _STEP)

    def start(self) -> Proposal:
        """About the peak in normal scores, with the covariance there."""
        size = len(self.free)
        at = optimize.minimize(self.gradient, np.zeros(size), jac=True, method="BFGS", options={"maxiter": 40}).x
        step = 2 * _STEP * np.eye(size)
        rows = [(self.gradient(at + e)[1] - self.gradient(at - e)[1]) / (4 * _STEP) for e in step]
        strength, axes = np.linalg.eigh(0.5 * (np.array(rows) + np.array(rows).T))
        covariance = (axes / np.maximum(strength, 0.5)) @ axes.T
        below, here, above = (self.chart.coordinates(self.scored(at[None] + shift))[0] for shift in (-0.1, 0.0, 0.1))
        return Proposal(here, _WIDER * np.diag((above - below) / 0.2) @ np.linalg.cholesky(covariance), FREEDOM)


def draws(posterior: Posterior, start: Proposal | None, *, rng: np.random.Generator) -> tuple[Pool, Array]:
    """Draws and their weights (S,), the first about `start`, or about the peak."""
    first = [Component(start or posterior.start(), _FIRST)]
    pool, weight = shared_draws(lambda at: posterior(at)[:, None], first, _PLAN, rng)
    return pool, weight[:, 0]


def row(
    variant: Analysis, posterior: Posterior, start: Proposal | None, *, rng: np.random.Generator
) -> tuple[str, Proposal]:
    """A line of the table, and one for each survey; where draws of a similar posterior may start."""
    pool, weight = draws(posterior, start, rng=rng)
    values = posterior.named(posterior.chart.parameters(pool.at))
    first = posterior.parts[0]
    matter = np.asarray(first.model.parameters.values(first.theta(values)).Om0)
    values["S8"] = values["sigma8"] * np.sqrt(matter / 0.3)
    values["ln b_M"] = np.log(values["mass_scale"])
    shown = [name for name in ("sigma8", "Om0", "S8", "curvature_lx", "slope_lx", "ln b_M") if name in values]
    cells = [variant.label]
    for name in shown:
        mean = float(weight @ values[name])
        cells.append(f"{name} {mean:.3f} +- {float(weight @ (values[name] - mean) ** 2) ** 0.5:.3f}")
    moments = np.cov(np.log(values["S8"]), values["ln b_M"], aweights=weight)
    cells += [f"d ln S8 / d ln b_M {moments[0, 1] / moments[1, 1]:.2f}", f"ln evidence {pool.log_evidence[0]:.1f}"]
    line = "  ".join([*cells, f"{1 / float(weight @ weight):.0f} effective draws"])
    picked = rng.choice(len(weight), _PREDICTED, p=weight)
    at = {name: value[picked] for name, value in values.items()}
    learnt = Proposal(weight @ pool.at, _WIDER * np.linalg.cholesky(np.cov(pool.at.T, aweights=weight)), FREEDOM)
    return "\n".join([line, *(part.goodness(part.theta(at), rng=rng) for part in posterior.parts)]), learnt
