"""Posteriors of two ROSAT skies: ``python -m benchmarks.skies REFLEX BCS [WTG]``, their tables and a follow-up of BCS.

By importance sampling about the peak, in the normal scores of the priors: minutes instead of the hours of chains for
several variants. Effective draws are printed; below some 100 a row is a sketch. Without WTG, the table of Mantz et al.
(2016), the rows with its Y_X and lensing masses are left out.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy.table import Table
from scipy import optimize, special

from forecast.checks.observed import catalogue_data
from forecast.config.load import Config, builtin_configs, parse_config
from forecast.core.arrays import Array
from forecast.core.parameters import Parameter
from forecast.likelihoods.data import Data
from forecast.likelihoods.level import Likelihood
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import ForwardModel, forward_model

_SEED, _STEP, _FREEDOM, _DRAWS = 1, 0.05, 12, 1500
_ENOUGH, _MOST = 150, 6
"""Effective draws with which it is content from the second turn on, and turns."""
_PREDICTED, _BIN, _FEWEST = 24, 0.3, 3.0
"""Draws whose mean is expected; width in dex of bins of L_X, and clusters expected in one that counts in chi2."""
_IDLE = ("slope_yx", "scatter_yx")
"""Parameters of which L_X says nothing."""
_FOLLOWED = {
    "norm_t": {"fiducial": 1.16, "lognormal": 0.05},
    "slope_t": {"lognormal": 0.052},
    "scatter_t": {"lognormal": 0.3},
    "norm_yx": {"fiducial": 1.16, "lognormal": 0.06},
    "slope_yx": {"lognormal": 0.053},
    "scatter_yx": {"lognormal": 0.2},
}
"""Relations as the follow-up measures them: T, and so Y_X, 16% above those of Vikhlinin et al. (2009a)."""


@dataclass(frozen=True)
class Variant:
    """Surveys together; `straight`: without curvature, `wider`: factor on the widths of normalisation priors.

    `followed`: what the follow-up gives: nothing, T and gas masses (Y_X), or these and lensing masses.
    """

    label: str
    surveys: tuple[str, ...]
    straight: bool = False
    wider: float = 1.0
    followed: Literal["", "yx", "lensing"] = ""

    @property
    def level(self) -> str:
        """Of the likelihood."""
        return "full+wl" if self.followed == "lensing" else "full"

    def config(self, name: str, wtg: Path | None = None) -> Config:
        """One survey's configuration; of two, REFLEX is left the sky at negative declinations.

        `wtg`: table of the follow-up, as `plain_names` writes it.
        """
        content: dict[str, Any] = tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8"))
        free = content["parameters"]
        for key in (*_IDLE, *(["curvature_lx"] if self.straight else [])):
            del free[key]
        for key in ("norm_lx", "mass_scale"):
            free[key]["lognormal"] *= self.wider
            free[key]["between"] = [0.1, 10.0]
        if name == "reflex" and len(self.surveys) > 1:
            content["survey"]["footprint"]["boxes"] = [{"dec": [-90, 0]}]
        if self.followed:
            self._follow(content, str(wtg))
        return parse_config(content)

    def _follow(self, content: dict[str, Any], wtg: str) -> None:
        """Add the follow-up's columns, and parameters of its relations."""
        table, columns = content["catalogue"], {"mgas": "1e14 Msun", "t": "keV"}
        content["parameters"] |= _FOLLOWED
        if self.followed == "lensing":
            columns["mwl"] = "1e15 Msun"
            content["parameters"]["norm_wl"] = {"lognormal": 0.08}
            content["weak_lensing"] = {"scatter": "0.2 ln"}
        table["join"] = [{"path": wtg, "on": "name", "key": "name", "name": "WTG"}]
        table["cosmology"] = {"Om0": 0.3, "h": 0.7}
        for key, unit in columns.items():
            for column in (key, f"{key}_error"):
                table["columns"][column] = {"name": f"WTG.{column}", "unit": unit}


def plain_names(wtg: Path, written: Path) -> None:
    """Write the follow-up with names as in the surveys' tables, and no mass where there is none."""
    given = Table.read(wtg)
    names = [str(name).replace("_", "").replace("Zw", "Z") for name in given["name"]]
    mass = np.where(given["m500_wl"] > 0, given["m500_wl"], np.nan)
    error = np.where(given["m500_wl"] > 0, 0.5 * (np.abs(given["ep"]) + np.abs(given["em"])), np.nan)
    columns = {"name": names, "mgas": given["mgas"], "mgas_error": given["e_mgas"], "t": given["tx"]}
    Table({**columns, "t_error": given["e_tx"], "mwl": mass, "mwl_error": error}).write(written)


VARIANTS = (
    Variant("REFLEX", ("reflex",)),
    Variant("BCS", ("bcs",)),
    Variant("both", ("bcs", "reflex")),
    Variant("REFLEX, straight", ("reflex",), straight=True),
    Variant("both, straight", ("bcs", "reflex"), straight=True),
    Variant("BCS, normalisation priors x 10", ("bcs",), wider=10.0),
    Variant("BCS, Y_X", ("bcs",), followed="yx"),
    Variant("BCS, Y_X and lensing", ("bcs",), followed="lensing"),
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

    def __init__(self, variant: Variant, tables: dict[str, Path]) -> None:
        self.free: dict[str, Parameter] = {}
        self.parts: list[Part] = []
        for name in variant.surveys:
            config = variant.config(name, tables.get("wtg"))
            model = forward_model(config.setup)
            _, data = catalogue_data(config, model, tables[name])
            free = model.parameters.free
            own = tuple(p.name if not p.name.startswith("density") else f"{p.name}, {name}" for p in free)
            self.free |= dict(zip(own, free, strict=True))
            self.parts.append(Part(name, model, data, likelihood(variant.level, model, data), own))

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


def row(variant: Variant, posterior: Posterior, *, rng: np.random.Generator) -> str:
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
    tables = dict(zip(("reflex", "bcs", "wtg"), map(Path, arguments), strict=False))
    with tempfile.TemporaryDirectory() as folder:
        if "wtg" in tables:
            plain_names(tables["wtg"], Path(folder) / "wtg.ecsv")
            tables["wtg"] = Path(folder) / "wtg.ecsv"
        for variant in VARIANTS:
            if not variant.followed or "wtg" in tables:
                print(row(variant, Posterior(variant, tables), rng=np.random.default_rng(_SEED)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
