"""Cautions on a page: in its first lines, and counted among the reasons to trust it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from ..core.caution import Caution
from .cautions import BAD_FIT
from .page.blocks import Banner, Check
from .page.typesetting import typeset

if TYPE_CHECKING:
    from ..checks.lensed import LensedFit
    from ..sampling.mcmc import ChainSummary

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
