"""Posteriors of two ROSAT skies: ``python -m benchmarks.skies REFLEX BCS``, their tables.

By importance sampling about the peak, in the normal scores of the priors: minutes instead of the hours of chains for
several variants. Effective draws are printed; below some 100 a row is a sketch. `benchmarks.anchored` has the rows with
a follow-up of BCS.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy import optimize, special

from forecast.checks.observed import catalogue_data
from forecast.config.load import Config, builtin_configs, parse_config
from forecast.config.public import with_tables
from forecast.core.arrays import Array
from forecast.core.parameters import Parameter
from forecast.likelihoods.data import Data
from forecast.likelihoods.level import Likelihood
from forecast.likelihoods.levels import likelihood, own_level
from forecast.model.forward import ForwardModel, forward_model

_SEED, _STEP, _FREEDOM, _DRAWS = 1, 0.05, 12, 1500
_ENOUGH, _MOST = 150, 6
"""Effective draws with which it is content from the second turn on, and turns."""
_PREDICTED, _BIN, _FEWEST = 24, 0.3, 3.0
"""Draws whose mean is expected; width in dex of bins of L_X, and clusters expected in one that counts in chi2."""
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

    `lines`: bands and redshifts are converted with the lines of gas of 0.3 solar.
    """

    label: str
    surveys: tuple[str, ...]
    straight: bool = False
    wider: float = 1.0
    lines: bool = False
    level: str = "full"

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
        if self.lines:
            content["emission"], content["selection"]["k_correction"] = {"model": "apec"}, "apec"
        return with_tables({name: parse_config(content)}, {name: files[name]})[name]


VARIANTS = (
    Variant("REFLEX", ("reflex",)),
    Variant("BCS", ("bcs",)),
    Variant("both", ("bcs", "reflex")),
    Variant("REFLEX, straight", ("reflex",), straight=True),
    Variant("both, straight", ("bcs", "reflex"), straight=True),
    Variant("BCS, normalisation priors x 10", ("bcs",), wider=10.0),
    Variant("REFLEX, lines", ("reflex",), lines=True),
    Variant("BCS, lines", ("bcs",), lines=True),
)


@dataclass(frozen=True)
class Part:
    """One survey; `own`: names of its model's parameters among those of all."""

    name: str
    model: ForwardModel
    data: Data
    likelihood: Likelihood
    own: tuple[str, ...]

    def theta(self, values: dict[str, Array]) -> Array:
        """Its model's parameters, (P, D)."""
        return np.column_stack([values[name] for name in self.own])

    def goodness(self, theta: Array) -> str:
        """Its clusters beside those expected at `theta` (P, D): chi2 of bins of L_X, and the nearest shell."""
        edges, log_lx = np.arange(42.4, 45.9, _BIN), self.data.points.observables[:, 0]
        grid = np.linspace(edges[0], edges[-1], 10 * (len(edges) - 1) + 1)
        density = self.model.lx_density(theta, grid).mean(axis=0)
        below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
        expected, observed = np.diff(below[::10]), np.histogram(log_lx, edges)[0]
        used = expected > _FEWEST
        chi2 = ((observed - expected) ** 2 / expected)[used].sum()
        shells = self.model.shell_counts(theta).mean(axis=0)
        first = int((self.data.points.z < self.model.setup.geometry.redshift_edges[1]).sum())
        bins = f"chi2 of L_X {chi2:.1f} of {used.sum()} bins"
        return f"    {self.name}: {self.data.size} clusters, {bins}; nearest shell {first}, {shells[0]:.1f} expected"


class Posterior:
    """ln posterior of normal scores; all but density contrasts is one in all surveys."""

    def __init__(self, variant: Analysis, files: Mapping[str, Path]) -> None:
        self.free: dict[str, Parameter] = {}
        self.parts: list[Part] = []
        for name in variant.surveys:
            config = variant.config(name, files)
            model = forward_model(config.setup)
            _, data = catalogue_data(config, model, None)
            free = model.parameters.free
            own = tuple(p.name if not p.name.startswith("density") else f"{p.name}, {name}" for p in free)
            self.free |= dict(zip(own, free, strict=True))
            target = likelihood(own_level(config.setup, variant.level), model, data)
            self.parts.append(Part(name, model, data, target, own))

    def values(self, scores: Array) -> dict[str, Array]:
        """Parameters at scores (P, D), (P,) each."""
        u = special.ndtr(np.clip(scores, -7, 7))
        return {name: p.prior.quantile(u[:, i]) for i, (name, p) in enumerate(self.free.items())}

    def __call__(self, scores: Array) -> Array:
        """(P,) for scores (P, D)."""
        values, total = self.values(scores), -0.5 * (scores**2).sum(axis=1)
        for part in self.parts:
            value = part.likelihood(part.theta(values))
            total = total + np.where(np.isfinite(value), value, -1e10)
        return np.asarray(total)

    def gradient(self, at: Array) -> tuple[float, Array]:
        """Minus the value and its derivatives at scores (D,)."""
        step = _STEP * np.eye(len(at))
        value = self(np.vstack([at, at + step, at - step]))
        size = len(at)
        return -float(value[0]), -(value[1 : size + 1] - value[size + 1 :]) / (2 * _STEP)

    def peak(self) -> tuple[Array, Array]:
        """Scores at the peak (D,), and the covariance there."""
        size = len(self.free)
        at = optimize.minimize(self.gradient, np.zeros(size), jac=True, method="BFGS", options={"maxiter": 40}).x
        step = 2 * _STEP * np.eye(size)
        rows = [(self.gradient(at + e)[1] - self.gradient(at - e)[1]) / (4 * _STEP) for e in step]
        strength, axes = np.linalg.eigh(0.5 * (np.array(rows) + np.array(rows).T))
        return at, (axes / np.maximum(strength, 0.5)) @ axes.T


def draws(posterior: Posterior, *, rng: np.random.Generator) -> tuple[Array, Array, float]:
    """Scores (n, D) and their weights (n,), from a Student t about the peak, then about earlier draws; the peak."""
    mean, covariance = posterior.peak()
    peak = -posterior.gradient(mean)[0]
    for turn in range(_MOST):
        root, size = np.linalg.cholesky(covariance), len(mean)
        tail = np.sqrt(rng.chisquare(_FREEDOM, _DRAWS) / _FREEDOM)
        scores = mean + rng.standard_normal((_DRAWS, size)) @ root.T / tail[:, None]
        square = (np.linalg.solve(root, (scores - mean).T) ** 2).sum(axis=0)
        log_weight = posterior(scores) + 0.5 * (_FREEDOM + size) * np.log1p(square / _FREEDOM)
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        if turn and 1 / float(weight @ weight) > _ENOUGH:
            break
        capped = np.minimum(weight, 8 / _DRAWS)
        mean = capped @ scores / capped.sum()
        spread = (scores - mean).T * (capped / capped.sum()) @ (scores - mean)
        covariance = 0.5 * covariance + 0.6 * spread + 1e-3 * np.eye(size)
    return scores, weight, peak


def row(variant: Analysis, posterior: Posterior, *, rng: np.random.Generator) -> str:
    """A line of the table, and one for each survey."""
    scores, weight, peak = draws(posterior, rng=rng)
    values = posterior.values(scores)
    values["S8"] = values["sigma8"] * np.sqrt(values["Om0"] / 0.3)
    values["ln b_M"] = np.log(values["mass_scale"])
    shown = [name for name in ("sigma8", "Om0", "S8", "curvature_lx", "slope_lx", "ln b_M") if name in values]
    cells = [variant.label]
    for name in shown:
        mean = float(weight @ values[name])
        cells.append(f"{name} {mean:.3f} +- {float(weight @ (values[name] - mean) ** 2) ** 0.5:.3f}")
    moments = np.cov(np.log(values["S8"]), values["ln b_M"], aweights=weight)
    cells += [f"d ln S8 / d ln b_M {moments[0, 1] / moments[1, 1]:.2f}", f"ln posterior at the peak {peak:.1f}"]
    line = "  ".join([*cells, f"{1 / float(weight @ weight):.0f} effective draws"])
    picked = rng.choice(len(weight), _PREDICTED, p=weight)
    at = {name: value[picked] for name, value in values.items()}
    return "\n".join([line, *(part.goodness(part.theta(at)) for part in posterior.parts)])


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    files = dict(zip(("reflex", "bcs"), map(Path, arguments), strict=True))
    for variant in VARIANTS:
        print(row(variant, Posterior(variant, files), rng=np.random.default_rng(_SEED)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
