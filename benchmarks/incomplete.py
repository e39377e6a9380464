"""What missing and censored Y_X do to sigma8: ``python -m benchmarks.incomplete --mocks 30``.

A flux-limited survey of about 1,000 clusters, `erosita`'s relations with wide priors on both normalisations. Y_X is
measured above a flux that leaves out 30% of the clusters, and a tenth of all clusters have an upper limit instead.
Posteriors of the same mocks with all that is known of them, and with a part of it ignored. ``--lensing 0.2`` adds
weak-lensing masses of that scatter of ln M, and level full+wl.
"""

from __future__ import annotations

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from forecast.config.load import load_config
from forecast.core.arrays import Array
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.edges import width_of_confidence
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.mocks import Mocks
from forecast.model.setup import Setup
from forecast.model.simulate import draw_mocks
from forecast.sampling.proposal import from_scores
from forecast.survey.followup import FollowUp

RESULTS = Path(__file__).with_name("results")
AREA, FOLLOWED_ABOVE, SHALLOW = 2400 / 12791, 4.4e-13, 0.3
"""Part of erosita's area; flux, erg/s/cm2, above which Y_X is measured; part of those clusters seen for too short."""
DEPTH, WIDTH, TYPICAL = 0.0, width_of_confidence(0.99865), 0.3
"""log10 of a limit over the Y_X of a mean cluster at the follow-up's flux limit and a redshift; 3 sigma; a redshift."""
WIDE = {"sigma8": 0.05, "norm_lx": 0.1, "norm_yx": 0.2, "scatter_lx": 0.1, "scatter_yx": 0.2}
"""Free parameters and the widths of their priors in ln, of which the mocks' true values are drawn."""
STEP, ROUNDS, DRAWS, TAILS, WIDER = 0.3, 3, (300, 400, 800), 6.0, 1.5
"""Step of derivatives in prior scores; Newton's steps; draws of each round of importance sampling, of which t."""


def survey(lensing: float | None) -> Setup:
    """The survey, all of whose clusters have a Y_X."""
    setup = load_config("erosita").setup
    parameters = setup.parameters
    kept = parameters.without([name for name in parameters.names if name not in WIDE])
    free = tuple(_widened(parameter) for parameter in kept.free)
    geometry = replace(setup.geometry, area=setup.geometry.area * AREA, edges=())
    changed = {"errors": (), "weak_lensing": lensing, "parameters": replace(kept, free=free)}
    return replace(setup, geometry=geometry, **changed)


def _widened(parameter: Parameter) -> Parameter:
    return replace(parameter, prior=Prior("lognormal", mean=parameter.fiducial, std=WIDE[parameter.name], log=True))


@dataclass(frozen=True)
class Observed:
    """One mock as it is known: which clusters have a limit, log10 of it, and which were not followed up."""

    mocks: Mocks
    limit: Array
    lost: Array


def observe(setup: Setup, mocks: Mocks, rng: np.random.Generator, *, by_redshift: bool = False) -> Observed:
    """Leave Y_X out below a flux, and replace it by a limit where a short exposure did not find it.

    `by_redshift`: limits go with redshift as those of fluxes do, of which level unbinned knows nothing.
    """
    selection, relations = setup.selection.in_flux, setup.relations
    assert selection is not None and relations.yx is not None
    threshold = selection.log_luminosity_limit(mocks.z, mocks.log_mass, setup.cosmology, relations)
    lost = mocks.log_lx - threshold < np.log10(FOLLOWED_ABOVE / selection.flux_limit)
    z = mocks.z if by_redshift else np.full_like(mocks.z, TYPICAL)
    threshold = selection.log_luminosity_limit(z, mocks.log_mass, setup.cosmology, relations)
    growth = np.log10(setup.cosmology.efunc(z) / setup.cosmology.efunc(relations.z0))
    log_mass = (threshold - relations.lx.log_norm - relations.lx.evolution * growth) / relations.lx.slope
    limit = relations.yx.log_norm + relations.yx.slope * log_mass + relations.yx.evolution * growth + DEPTH
    limit += np.log10(FOLLOWED_ABOVE / selection.flux_limit) * relations.yx.slope / relations.lx.slope
    noise = WIDTH * rng.standard_normal(len(limit))
    unseen = 10.0 ** (mocks.log_yx - limit) + noise < 1
    limited = ~lost & (rng.random(len(limit)) < SHALLOW) & unseen
    return Observed(mocks, np.where(limited, limit, np.nan), lost)


def data_of(model: ForwardModel, seen: Observed, *, whole: bool = False, limits: bool = True) -> Data:
    """What a likelihood is given: everything, or what is known, with or without the limits."""
    points = Points.of_mocks(model, seen.mocks)
    if whole:
        return Data.observed(len(points.z), seen.mocks.log_yx, points=points)
    limited = np.isfinite(seen.limit)
    bare = seen.lost | limited
    is_yx = np.array(seen.mocks.names) == "yx"
    edges = np.where(is_yx & (limited & limits)[:, None], seen.limit[:, None], np.nan)
    points = replace(
        points,
        observables=np.where(is_yx & bare[:, None], np.nan, points.observables),
        limit=edges,
        limit_width=np.where(np.isnan(edges), np.nan, WIDTH),
    )
    known = seen.limit[limited & limits]
    return Data.observed(
        len(points.z), seen.mocks.log_yx[~bare], points=points, limits=(known, np.full(len(known), WIDTH))
    )


def fit(level: str, model: ForwardModel, data: Data, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draws of sigma8 and their weights: importance sampling about the maximum, in prior scores."""
    one, size = likelihood(level, model, data), len(model.parameters.free)

    def log_posterior(scores: Array) -> Array:
        return one(from_scores(model.parameters, scores)) - 0.5 * (scores**2).sum(axis=1)

    centre = np.zeros(size)
    for _ in range(ROUNDS):
        slope, bend = _expansion(log_posterior, centre)
        covariance = np.linalg.inv(_positive(-bend))
        centre = centre + np.clip(covariance @ slope, -1.0, 1.0)
    for draws in DRAWS:
        proposal = stats.multivariate_t(centre, WIDER * covariance, df=TAILS, seed=rng)
        scores = proposal.rvs(draws)
        log_weight = log_posterior(scores) - proposal.logpdf(scores)
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        softened = np.sqrt(weight) / np.sqrt(weight).sum() if draws < DRAWS[-1] else weight
        centre = softened @ scores
        covariance = np.cov(scores.T, aweights=softened) + 1e-4 * np.eye(size)
    sigma8 = from_scores(model.parameters, scores)[:, model.parameters.names.index("sigma8")]
    return sigma8, weight


def _expansion(function: Callable[[Array], Array], at: Array) -> tuple[Array, Array]:
    """First and second derivatives, by differences."""
    size, unit = len(at), STEP * np.eye(len(at))
    pairs = [(i, j) for i in range(size) for j in range(i)]
    signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    corners = [a * unit[i] + b * unit[j] for i, j in pairs for a, b in signs]
    value = function(at + np.vstack([np.zeros(size), unit, -unit, *corners]))
    here, up, down = value[0], value[1 : size + 1], value[size + 1 : 2 * size + 1]
    bend = np.diag((up + down - 2 * here) / STEP**2)
    for k, (i, j) in enumerate(pairs):
        four = value[2 * size + 1 + 4 * k :][:4]
        bend[i, j] = bend[j, i] = (four[0] - four[1] - four[2] + four[3]) / (4 * STEP**2)
    return (up - down) / (2 * STEP), bend


def _positive(matrix: Array) -> Array:
    """The matrix with curvatures of at least the prior's."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1.0)) @ vectors.T


def versions(setup: Setup) -> dict[str, Callable[[Observed], tuple[ForwardModel, Data]]]:
    """Models and data of each version, by what it knows."""
    bare = forward_model(setup)
    declared = forward_model(replace(setup, followup=FollowUp(FOLLOWED_ABOVE)))
    return {
        "every Y_X": lambda seen: (bare, data_of(bare, seen, whole=True)),
        "follow-up and limits": lambda seen: (declared, data_of(declared, seen)),
        "limits taken for not followed up": lambda seen: (declared, data_of(declared, seen, limits=False)),
        "follow-up not declared": lambda seen: (bare, data_of(bare, seen)),
        "neither": lambda seen: (bare, data_of(bare, seen, limits=False)),
    }


@dataclass(frozen=True)
class Widths:
    """Posterior means and standard deviations of sigma8 of n mocks, the rank of the truth, and effective draws."""

    mean: Array
    std: Array
    rank: Array
    effective: Array

    @classmethod
    def of(cls, fits: list[tuple[Array, Array]], truth: Array) -> Widths:
        """From draws and weights."""
        mean = np.array([weight @ sigma8 for sigma8, weight in fits])
        std = np.array([np.sqrt(weight @ (sigma8 - m) ** 2) for (sigma8, weight), m in zip(fits, mean, strict=True)])
        rank = np.array([weight @ (sigma8 < true) for (sigma8, weight), true in zip(fits, truth, strict=True)])
        return cls(mean, std, rank, np.array([1 / (weight @ weight) for _, weight in fits]))


def row(label: str, found: Widths, whole: Widths, truth: Array) -> str:
    """One version beside that of all Y_X: shift in units of its error, width, pull and coverage."""
    shift, pull = (found.mean - whole.mean) / whole.std, (found.mean - truth) / found.std
    inside = np.abs(2 * found.rank - 1)
    cells = (
        f"{np.mean(found.mean - whole.mean):+.4f}",
        *(f"{x.mean():+.2f} ± {x.std(ddof=1) / np.sqrt(len(x)):.2f}" for x in (shift, pull)),
        f"{found.std.mean():.4f}",
        *(f"{np.mean(inside < level):.2f}" for level in (0.68, 0.95)),
        f"{np.median(found.effective):.0f}",
    )
    return f"| {label} | {' | '.join(cells)} |"


def head(options: argparse.Namespace, seen: list[Observed]) -> list[str]:
    """What the page is about, and the first lines of its table."""
    size = np.mean([len(one.lost) for one in seen])
    lost, limited = (100 * np.mean([part(one) for one in seen]) for part in (_lost, _limited))
    return [
        "# Missing and censored Y_X\n",
        f"`python -m benchmarks.incomplete --mocks {options.mocks} --levels {' '.join(options.levels)}"
        f"{' --by-redshift' * options.by_redshift}`: mocks of\n"
        f"{size:.0f} clusters, {lost:.0f}% not followed up, {limited:.0f}% with an upper limit of Y_X. "
        "Posteriors of sigma8:\nmean shift from that with every Y_X, the same in units of its width, pull from the "
        "truth, mean width, coverage of 68% and 95%\nintervals, median number of effective draws. At level full L_X is "
        "a datum, and a follow-up by it needs no word.\n",
        "| level and version | shift | in sigma | pull | width | 68% | 95% | draws |",
        "|---|---|---|---|---|---|---|---|",
    ]


def main() -> None:
    """Draw mocks, fit every version at every level, write a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocks", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lensing", type=float, default=None)
    parser.add_argument("--levels", nargs="*", default=["unbinned", "full"])
    parser.add_argument("--by-redshift", action="store_true", help="limits that go with redshift")
    parser.add_argument("--name", default="incomplete", help="of the page under benchmarks/results")
    options = parser.parse_args()
    setup, start = survey(options.lensing), time.process_time()
    model, rng = forward_model(setup), np.random.default_rng(options.seed)
    at = model.parameters.draw(options.mocks, rng=rng)
    mocks = draw_mocks(model, at, rng=rng)
    seen = [observe(setup, mocks.part(i, i + 1), rng, by_redshift=options.by_redshift) for i in range(options.mocks)]
    text = head(options, seen)
    for level in (*options.levels, *["full+wl"] * (options.lensing is not None)):
        whole = None
        for label, version in versions(setup).items():
            if level != "unbinned" and label in ("follow-up not declared", "neither"):
                continue
            fits = [fit(level, *version(one), rng) for one in seen]
            truth = at[:, model.parameters.names.index("sigma8")]
            found = Widths.of(fits, truth)
            whole = whole or found
            text.append(row(f"{level}: {label}", found, whole, truth))
            print(text[-1], f"{time.process_time() - start:.0f} s", flush=True)
            (RESULTS / f"{options.name}.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def _lost(seen: Observed) -> float:
    return float(np.mean(seen.lost))


def _limited(seen: Observed) -> float:
    return float(np.mean(np.isfinite(seen.limit)))


if __name__ == "__main__":
    main()
