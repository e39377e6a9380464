"""Cautions on a page: in its first lines, and counted among the reasons to trust it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from ..core.caution import Caution
from ..core.parameters import ParameterSet
from .cautions import BAD_FIT
from .page.blocks import Banner, Check
from .page.typesetting import typeset

if TYPE_CHECKING:
    from ..checks.lensed import LensedFit
    from ..sampling.mcmc import ChainSummary

TENSION, RARE = 3.0, 2.58
"""Standard deviations of a prior, and of what data move its mean by (p = 0.01), beyond which the two are in tension."""
INFORMED = 0.8
"""Posterior width in those of the prior up to which it is told how far data move the mean by chance."""
MISFITS = ("goodness", "predictive", "lensed")
"""Kinds of cautions that say that the model does not describe a catalogue."""
FISHER = Check("Errors:", "from Fisher matrices, in which flat priors are Gaussians of equal variance.", "none")


def warning_banner(warnings: Sequence[Caution]) -> tuple[Banner, ...]:
    """What is doubtful; chains that are too short have a banner of their own, with the cure."""
    words = tuple(Markup("<b>Warning:</b> ") + typeset(caution.text) + "." for caution in _told(warnings))
    return (Banner("Warnings", words),) if words else ()


def warning_check(warnings: Sequence[Caution]) -> Check:
    """Whether there are any."""
    found = _told(warnings)
    if not found:
        return Check("Warnings:", "none.", "good")
    return Check("Warnings:", f"{len(found)}, at the top of this page.", "doubt")


def _told(warnings: Sequence[Caution]) -> list[Caution]:
    return [caution for caution in warnings if caution.kind != "not_converged"]


def short_chains(chains: Iterable[ChainSummary]) -> str:
    """Chains that have not converged, with their lengths; empty if all have."""
    return ", ".join(f"{c.level} ({c.lengths_in_tau:.0f} of 50 tau)" for c in chains if not c.converged)


def pull(parameters: ParameterSet, name: str, mean: float) -> float:
    """Distance of a posterior mean from the centre of its prior in the prior's standard deviations; 0 if flat."""
    parameter = next((p for p in parameters.free if p.name == name), None)
    if parameter is None or parameter.prior.kind == "flat":
        return 0.0
    centre, std = parameter.prior.coordinate_moments
    return float(((np.log(mean) if parameter.log else mean) - centre) / std)


def surprise(parameters: ParameterSet, name: str, values: Mapping[str, float]) -> float:
    """The same distance in units of what data move the mean by if the prior is right; 0 if they hardly narrow it.

    `values`: mean and std of the posterior. Over data sets, the variance of the mean is the prior's less the
    posterior's, exactly so in a linear Gaussian model.
    """
    moved = pull(parameters, name, values["mean"])
    if not moved:
        return 0.0
    parameter = next(p for p in parameters.free if p.name == name)
    own = values["std"] / (values["mean"] if parameter.log else 1.0)
    ratio = own / parameter.prior.coordinate_moments[1]
    return moved / float(np.sqrt(1.0 - ratio**2)) if ratio < INFORMED else 0.0


def of_tension(parameters: ParameterSet, chains: Sequence[ChainSummary]) -> tuple[Caution, ...]:
    """Nuisances whose posterior mean lies beyond `TENSION` sigma of their prior, or beyond `RARE` in surprise."""
    cautions = []
    for p in parameters.free:
        found = {c.level: c.parameters[p.name] for c in chains if p.name in c.parameters}
        far = ", ".join(
            words for level, values in found.items() if (words := _dragged(parameters, p.name, level, values))
        )
        if far:
            text = f"{p.name} is dragged away from its prior ({far}): the data contradict what is assumed of it"
            cautions.append(Caution("prior_tension", text))
    return tuple(cautions)


def _dragged(parameters: ParameterSet, name: str, level: str, values: Mapping[str, float]) -> str:
    """How far a posterior is from its prior at a level, in words; empty if within both limits."""
    moved, rare = pull(parameters, name, values["mean"]), surprise(parameters, name, values)
    words = f"{moved:+.1f} sigma at level {level}"
    if abs(rare) > RARE and abs(moved) <= TENSION:
        return f"{words}, where data this good move it by {abs(moved / rare):.1f} if the prior is right"
    return words if abs(moved) > TENSION else ""


def of_lensed(fit: LensedFit | None) -> Caution | None:
    """Weak-lensing masses that the model does not predict: joint p below `BAD_FIT`."""
    if fit is None or not fit.joint < BAD_FIT:
        return None
    side = "above" if fit.offset > 0 else "below"
    return Caution(
        "lensed",
        f"the M_WL of {len(fit.log_mwl)} clusters are unlike what the model predicts of clusters with their other "
        f"observables: joint p < {BAD_FIT:g}, most in {fit.worst} (mean {abs(fit.offset):.2f} dex {side}): check "
        "their unit (Msun or Msun/h), aperture and errors, or give norm_wl and scatter_wl wider priors",
    )


def of_convergence(chains: Iterable[ChainSummary]) -> Caution | None:
    """Chains shorter than the required number of autocorrelation times."""
    short = short_chains(chains)
    return Caution("not_converged", f"chains too short: {short}") if short else None
