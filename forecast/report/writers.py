"""Where results go: the output folder, chains in other programs' formats, figures, report."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.files import prepare_output
from ..core.parameters import ParameterSet
from ..core.records import Job
from ..likelihoods.available import Share
from ..likelihoods.derived import s8
from ..likelihoods.level_name import LEVELS
from ..likelihoods.posterior import Posterior
from ..sampling.export import write_getdist, write_netcdf
from ..sampling.informed import lessons
from ..sampling.mcmc import Chain, ChainSummary
from .results import Result, SurveyPart, save_json


def chain_summary(
    level: str, chain: Chain, shares: tuple[Share, ...] = (), priors: ParameterSet | None = None
) -> ChainSummary:
    """Posterior summaries of a chain, its convergence, and `shares` of the clusters that its data are of.

    With `priors`, each parameter's posterior is held against its prior and sigma8 too (`sampling.informed.Lesson`).
    """
    parameters = {name: chain.summary(name) for name in chain.names}
    for name, lesson in ({} if priors is None else lessons(priors, chain.names, chain.samples)).items():
        parameters[name] |= lesson.as_summary()
    if {"sigma8", "Om0"} <= set(chain.names):
        at = [chain.names.index(name) for name in ("sigma8", "Om0")]
        parameters["S8"] = chain.summary_of(s8(*np.moveaxis(chain.steps[chain.burn :, :, at], -1, 0)))
    return ChainSummary(
        level=level,
        parameters=parameters,
        converged=chain.converged,
        steps=len(chain.steps),
        burn=chain.burn,
        walkers=chain.steps.shape[1],
        tau=dict(zip(chain.names, (float(t) for t in chain.tau), strict=True)),
        lengths_in_tau=chain.lengths_in_tau,
        effective_size=chain.effective_size,
        acceptance=chain.acceptance,
        shares=shares,
    )


def export_chain(chain: Chain, posterior: Posterior, job: Job, level: str) -> None:
    """Write a chain as GetDist text and as NetCDF."""
    folder = job.out / "getdist"
    folder.mkdir(exist_ok=True)
    write_getdist(chain, posterior.parameters, folder / level)
    attributes = {
        "created_by": "massanchor",
        "configuration": job.name,
        "level": level,
        "seed": job.seed,
        "converged": int(chain.converged),
    }
    write_netcdf(chain, job.out / f"chain_{level}.nc", attributes)


def write_all(result: Result, job: Job, samples: dict[str, Chain] | None = None) -> Result:
    """Write results.json, then figures and report."""
    save_json(result, job.out / "results.json")
    job.begin("figures and page")
    from .plots.style import save_figure
    from .result_page import write_report

    figures = _figures(result, samples or {})
    folder = job.out / "figures"
    prepare_output(folder)
    drawn = job.following(figures.items(), "figures and page", len(figures))
    pictures = {name: save_figure(figure, folder / name)[1] for name, figure in drawn}
    write_report(result, pictures, job.out / "report.html")
    return result


def _figures(result: Result, samples: dict[str, Chain]) -> dict[str, Any]:
    """Every figure of a result, by name."""
    from .plots.abundance import abundance_figure
    from .plots.influence import influence_figure
    from .plots.ladder import ladder_figure
    from .plots.sigma8_map import exactmap_figure, map_figure
    from .plots.survival import survival_figure
    from .posterior_sections import figure_name

    figures: dict[str, Any] = {}
    if result.ladder:
        figures["ladder"] = ladder_figure(result.ladder)
    if result.survival:
        figures["survival"] = survival_figure(result.survival)
    if result.influence:
        figures["influence"] = influence_figure(result.influence)
        if any(curve.by_redshift is not None for curve in result.influence):
            figures["influence_z"] = influence_figure(result.influence, "redshift")
    shown = {figure_name("abundance", name): one.abundance for name, one in _fitted(result).items()}
    figures |= {name: abundance_figure(abundance) for name, abundance in shown.items() if abundance is not None}
    if samples:
        figures["corner"] = _corner(result, samples)
    if result.map is not None:
        figures["map"] = map_figure(result.map)
    if result.map is not None and result.exact is not None:
        figures["map"] = exactmap_figure(result.map, result.exact)
    for name, fitted in _fitted(result).items():
        figures |= _of_fit(fitted, name)
    return figures


def _fitted(result: Result) -> dict[str, Result | SurveyPart]:
    """A result under no name, and each of several surveys under its own."""
    return {"": result, **{part.name: part for part in result.surveys}}


def _of_fit(fitted: Result | SurveyPart, survey: str = "") -> dict[str, Any]:
    """Whether a model describes a catalogue, maybe that of one survey of several, in figures."""
    from .plots.goodness import goodness_figure
    from .plots.lensed import lensed_figure
    from .plots.predictive import predictive_figure
    from .posterior_sections import figure_name

    found: dict[str, Any] = {}
    if fitted.goodness:
        found[figure_name("goodness", survey)] = goodness_figure(fitted.goodness)
    if fitted.predictive is not None:
        found[figure_name("predictive", survey)] = predictive_figure(fitted.predictive)
    if fitted.lensed is not None:
        found[figure_name("lensed", survey)] = lensed_figure(fitted.lensed)
    return found


def _corner(result: Result, chains: dict[str, Chain]) -> Any:
    from .plots.corner import corner_figure
    from .posterior_sections import left_out

    order = [level for level in LEVELS if level in chains]
    first = chains[order[0]]
    truths = None
    if result.data is not None and result.data.kind != "catalogue":
        fiducial = {row.name: row.fiducial for row in result.parameters}
        truths = [fiducial[name] for name in first.names]
    samples = {str(level): chains[level].samples for level in order}
    return corner_figure(samples, first.names, truths, left_out=left_out(result).names)
