"""Cautions on a page: in its first lines, and counted among the reasons to trust it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from ..core.caution import Caution
from .page.blocks import Banner, Check
from .page.typesetting import typeset

if TYPE_CHECKING:
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


def of_convergence(chains: Iterable[ChainSummary]) -> Caution | None:
    """Chains shorter than the required number of autocorrelation times."""
    short = short_chains(chains)
    return Caution("not_converged", f"chains too short: {short}") if short else None
