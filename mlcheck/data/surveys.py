"""What networks and their tests must know of a survey: its break mass, and whether its clusters differ in redshift."""

from __future__ import annotations

from forecast.model.population import Setup
from forecast.survey.geometry import LightCone, single
from forecast.survey.selection import FluxLimited, Selection, Smoothed


def break_mass(selection: Selection) -> float | None:
    """log10 of the fiducial break mass, Msun/h; None if a flux limit selects."""
    if isinstance(selection, FluxLimited):
        return None
    return selection.sharp.log_break if isinstance(selection, Smoothed) else selection.log_break


def has_redshifts(setup: Setup) -> bool:
    """Whether the survey's clusters differ in redshift."""
    return isinstance(single(setup.geometry)[0], LightCone)
