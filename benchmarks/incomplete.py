"""What missing and censored data do to sigma8: ``python -m benchmarks.incomplete --mocks 200``.

A flux-limited survey of about 1,000 clusters, `erosita`'s relations with wide priors on both normalisations. Y_X is
measured above a flux that leaves out 30% of the clusters, and a tenth of all clusters have an upper limit instead. 15%
have a lensing mass: intrinsic scatter that goes with that of L_X and Y_X, an error, and a bias that is known to 5%.
Posteriors of the same mocks with all that is known of them, and with a part of it ignored. Every mock is a line of a
file, from which an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.independent import LogPosterior, Search, independent_draws, log_posterior
from forecast.config.load import load_config
from forecast.core.arrays import Array
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.core.units import LN10
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.edges import width_of_confidence
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.levels import at_level, likelihood
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.mocks import Mocks
from forecast.model.setup import Setup
from forecast.model.simulate import draw_mocks
from forecast.sampling.proposal import from_scores, to_scores
from forecast.survey.followup import FollowUp
from forecast.survey.lensing_sample import LensingSample, OwnError

RESULTS = Path(__file__).with_name("results")
AREA, FOLLOWED_ABOVE, SHALLOW = 2400 / 12791, 4.4e-13, 0.3
"""Part of erosita's area; flux, erg/s/cm2, above which Y_X is measured; part of those clusters seen for too short."""
DEPTH, WIDTH, TYPICAL = 0.0, width_of_confidence(0.99865), 0.3
"""log10 of a limit over the Y_X of a mean cluster at the follow-up's flux limit and a redshift; 3 sigma; a redshift."""
WIDE = {"sigma8": 0.05, "norm_lx": 0.1, "scatter_lx": 0.1, "norm_yx": 0.2, "scatter_yx": 0.2, "norm_wl": 0.05}
"""Free parameters and the widths of their priors in ln, of which the mocks' true values are drawn."""
KNOWN = "follow-up and limits"
"""The version that knows all there is."""
LENSING, NO_SCATTER = (0.2, (("lx", 0.3), ("yx", 0.3)), LensingSample(OwnError((0.1,)), fraction=0.15)), 0.01
"""Intrinsic scatter of ln M_WL, its correlations, errors (dex) and share of clusters; a scatter as good as none."""
SEARCH = Search(step=0.1, rounds=4, parts=(1.0, 0.4, 0.0), own=True, enough=20.0)
"""Posteriors of 1,000 clusters are narrow."""


def survey() -> Setup:
    """The survey, all of whose clusters have a Y_X."""
    setup = load_config("erosita").setup
    parameters = setup.parameters
    kept = parameters.without([name for name in parameters.names if name not in WIDE])
    bias = Parameter("norm_wl", 1.0, Prior("flat", 0.5, 2.0))
    free = tuple(_widened(parameter) for parameter in (*kept.free, bias))
    geometry = replace(setup.geometry, area=setup.geometry.area * AREA, edges=())
    scatter, correlation, sample = LENSING
    return replace(
        setup,
        geometry=geometry,
        errors=(),
        weak_lensing=scatter,
        lensing_correlation=correlation,
        lensing_sample=sample,
        parameters=replace(kept, free=free),
    )


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
    threshold = selection.log_luminosity_limit(mocks.z, setup.cosmology, relations)
    lost = mocks.log_lx - threshold < np.log10(FOLLOWED_ABOVE / selection.flux_limit)
    z = mocks.z if by_redshift else np.full_like(mocks.z, TYPICAL)
    threshold = selection.log_luminosity_limit(z, setup.cosmology, relations)
    growth = np.log10(setup.cosmology.efunc(z) / setup.cosmology.efunc(relations.z0))
    log_mass = (threshold - relations.lx.log_norm - relations.lx.evolution * growth) / relations.lx.slope
    limit = relations.yx.log_norm + relations.yx.slope * log_mass + relations.yx.evolution * growth + DEPTH
    limit += np.log10(FOLLOWED_ABOVE / selection.flux_limit) * relations.yx.slope / relations.lx.slope
    noise = WIDTH * rng.standard_normal(len(limit))
    unseen = 10.0 ** (mocks.log_yx - limit) + noise < 1
    limited = ~lost & (rng.random(len(limit)) < SHALLOW) & unseen
    return Observed(mocks, np.where(limited, limit, np.nan), lost)


def data_of(model: ForwardModel, seen: Observed, *, whole: bool = False, limits: str = "known") -> Data:
    """What a likelihood is given: everything, or what is known; limits may be dropped, or taken for values."""
    points = Points.of_mocks(model, seen.mocks)
    if whole:
        return Data.observed(len(points.z), seen.mocks.log_yx, points=points)
    limited = np.isfinite(seen.limit)
    is_yx = np.array(seen.mocks.names) == "yx"
    observables = np.where(is_yx & (seen.lost | limited)[:, None], np.nan, points.observables)
    measured, error = ~seen.lost & ~limited, np.zeros(len(limited))
    log_yx = seen.mocks.log_yx
    if limits == "values":
        observables = np.where(is_yx & limited[:, None], seen.limit[:, None], observables)
        measured, error = ~seen.lost, np.where(limited, WIDTH / LN10, 0.0)
        log_yx = np.where(limited, seen.limit, log_yx)
    known = limited & (limits == "known")
    edges = np.where(is_yx & known[:, None], seen.limit[:, None], np.nan)
    points = replace(
        points,
        observables=observables,
        error=np.where(is_yx & (error > 0)[:, None], error[:, None], points.error),
        limit=edges,
        limit_width=np.where(np.isnan(edges), np.nan, WIDTH),
    )
    some = (seen.limit[known], np.full(int(known.sum()), WIDTH))
    return Data.observed(len(points.z), log_yx[measured], error[measured], points=points, limits=some)


Version = tuple[str, Callable[[Observed], tuple[ForwardModel, Data]]]
"""Level, and model and data of a mock."""


def versions(setup: Setup) -> dict[str, Version]:
    """What each version knows, by words for it; the first of a level is that of which all is known."""
    bare, lensed = forward_model(setup), replace(setup, followup=FollowUp(FOLLOWED_ABOVE))
    declared = forward_model(lensed)
    unscattered = forward_model(replace(lensed, weak_lensing=NO_SCATTER, lensing_correlation=()))
    uncorrelated = forward_model(replace(lensed, lensing_correlation=()))
    sure = forward_model(replace(lensed, parameters=setup.parameters.without(["norm_wl"])))
    each: list[tuple[str, str, ForwardModel, dict]] = [
        ("unbinned", "every Y_X", bare, {"whole": True}),
        ("unbinned", KNOWN, declared, {}),
        ("unbinned", "limits taken for not followed up", declared, {"limits": "dropped"}),
        ("unbinned", "limits taken for values", declared, {"limits": "values"}),
        ("unbinned", "follow-up not declared", bare, {}),
        ("unbinned", "neither", bare, {"limits": "dropped"}),
        ("full", "every Y_X", bare, {"whole": True}),
        ("full", KNOWN, declared, {}),
        ("full", "limits taken for not followed up", declared, {"limits": "dropped"}),
        ("full", "limits taken for values", declared, {"limits": "values"}),
        ("full+wl", "every Y_X", bare, {"whole": True}),
        ("full+wl", KNOWN, declared, {}),
        ("full+wl", "limits taken for not followed up", declared, {"limits": "dropped"}),
        ("full+wl", "lensing without intrinsic scatter", unscattered, {}),
        ("full+wl", "... whose scatter goes with nothing", uncorrelated, {}),
        ("full+wl", "... without bias", sure, {}),
    ]
    return {f"{level}: {words}": (level, _maker(level, model, more)) for level, words, model, more in each}


def _maker(level: str, model: ForwardModel, more: dict) -> Callable[[Observed], tuple[ForwardModel, Data]]:
    """Model and data of one version of a level."""
    one = at_level(model, level)
    return lambda seen: (one, data_of(one, seen, **more))


@dataclass(frozen=True)
class Bench:
    """The survey, what is made of its mocks, and the seed of all numbers."""

    model: ForwardModel
    versions: dict[str, Version]
    seed: int
    by_redshift: bool
    ignorant: int

    def mock(self, rng: np.random.Generator) -> tuple[Array, Observed]:
        """True parameters (1, D) and what is seen of one mock."""
        at = self.model.parameters.draw(1, rng=rng)
        mocks = draw_mocks(self.model, at, rng=rng)
        return at, observe(self.model.setup, mocks, rng, by_redshift=self.by_redshift)

    def curvatures(self) -> dict[str, Array]:
        """Of each version's posterior of a mock that is not among those fitted, in prior scores."""
        truth, seen = self.mock(np.random.default_rng([self.seed, 1]))
        scores = dict(zip(self.model.parameters.names, to_scores(self.model.parameters, truth)[0], strict=True))
        found = {}
        for label in self.versions:
            target, parameters = self.posterior(label, seen)
            found[label] = SEARCH.curvature(target, np.array([scores[name] for name in parameters.names]))
        return found

    def posterior(self, label: str, seen: Observed) -> tuple[LogPosterior, ParameterSet]:
        """ln posterior of one version, and its free parameters."""
        level, make = self.versions[label]
        model, data = make(seen)
        return log_posterior(likelihood(level, model, data), model.parameters), model.parameters

    def line(self, index: int, curvatures: dict[str, Array]) -> dict:
        """Mean, width, rank of the truth and effective draws of sigma8 of every version, of one mock."""
        rng, start = np.random.default_rng([self.seed, 0, index]), time.process_time()
        at, seen = self.mock(rng)
        truth = float(at[0, self.model.parameters.names.index("sigma8")])
        line = {"index": index, "truth": truth, "size": len(seen.lost), "lost": float(np.mean(seen.lost))}
        line["limited"] = float(np.mean(np.isfinite(seen.limit)))
        for label in [label for label in self.versions if index < self.ignorant or label.endswith(KNOWN)]:
            target, parameters = self.posterior(label, seen)
            draws = independent_draws(target, curvatures[label], SEARCH, rng)
            sigma8, weight = from_scores(parameters, draws.scores)[:, parameters.names.index("sigma8")], draws.weight
            mean = weight @ sigma8
            width = np.sqrt(weight @ (sigma8 - mean) ** 2)
            line[label] = [mean, width, weight @ (sigma8 < truth), 1 / (weight @ weight)]
        return line | {"cpu": time.process_time() - start}


def row(label: str, found: Array, whole: Array, truth: Array) -> str:
    """One version: shift from that of all Y_X, of as many mocks as have that, pull, width and coverage; (4, n) each."""
    mean, width, rank, effective = found
    both = min(whole.shape[1], len(mean))
    change = (mean[:both] - whole[0, :both], (mean[:both] - whole[0, :both]) / whole[1, :both])
    inside = np.abs(2 * rank - 1)
    cells = (
        f"{np.mean(change[0]):+.4f}",
        *(f"{x.mean():+.2f} ± {x.std(ddof=1) / np.sqrt(len(x)):.2f}" for x in (change[1], (mean - truth) / width)),
        f"{width.mean():.4f}",
        *(f"{np.mean(inside < p):.2f} ± {np.sqrt(p * (1 - p) / len(rank)):.2f}" for p in (0.68, 0.95)),
        f"{np.median(effective):.0f}, {effective.min():.0f}",
        f"{len(rank)}",
    )
    return f"| {label} | {' | '.join(cells)} |"


def page(lines: list[dict], command: str) -> str:
    """What was found, as Markdown; mocks in order."""
    lines = sorted(lines, key=lambda one: one["index"])
    size, lost, limited = (np.mean([one[key] for one in lines]) for key in ("size", "lost", "limited"))
    cpu = sum(one["cpu"] for one in lines) / 60
    found = {label: np.array([one[label] for one in lines if label in one]).T for label in lines[0] if ":" in label}
    truths = {label: np.array([one["truth"] for one in lines if label in one]) for label in found}
    whole = {label.split(":")[0]: found[label] for label in reversed(found)}
    text = [
        "# Missing and censored data\n",
        f"`{command}`: mocks of\n{size:.0f} clusters, {100 * lost:.0f}% not followed up, {100 * limited:.0f}% "
        "with an upper limit of Y_X, 15% with a lensing mass. Posteriors of sigma8:\nmean shift from that with every "
        "Y_X, the same in its widths, pull from the truth, mean width, coverage of 68% and 95%\nintervals, median and "
        f"smallest number of effective draws, mocks. {cpu:.0f} minutes of CPU. At level full L_X is a\ndatum, and a "
        "follow-up by it needs no word.\n",
        "| level and version | shift | in sigma | pull | width | 68% | 95% | draws | mocks |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(label, found[label], whole[label.split(":")[0]], truths[label]) for label in found),
    ]
    return "\n".join(text) + "\n"


def main() -> None:
    """Draw mocks, fit every version at every level, write a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocks", type=int, default=200)
    parser.add_argument("--ignorant", type=int, default=60, help="mocks of versions that do not know all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--levels", nargs="*", default=["unbinned", "full+wl"])
    parser.add_argument("--by-redshift", action="store_true", help="limits that go with redshift")
    parser.add_argument("--name", default="incomplete", help="of the page under benchmarks/results")
    parser.add_argument("--out", type=Path, default=Path("out/incomplete.jsonl"), help="a line for every mock")
    options = parser.parse_args()
    setup = survey()
    chosen = {label: one for label, one in versions(setup).items() if one[0] in options.levels}
    bench = Bench(forward_model(setup), chosen, options.seed, options.by_redshift, options.ignorant)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.touch()
    done = [json.loads(line) for line in options.out.read_text(encoding="utf-8").splitlines()]
    left = sorted(set(range(options.mocks)) - {one["index"] for one in done})
    curvatures = bench.curvatures() if left else {}
    for index in left:
        done.append(bench.line(index, curvatures))
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done[-1]) + "\n")
    command = (
        f"python -m benchmarks.incomplete --mocks {options.mocks} --ignorant {options.ignorant} --seed {options.seed} "
        f"--levels {' '.join(options.levels)}"
    )
    (RESULTS / f"{options.name}.md").write_text(page(done, command + " --by-redshift" * options.by_redshift), "utf-8")


if __name__ == "__main__":
    main()
