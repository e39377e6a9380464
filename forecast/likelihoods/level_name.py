"""Names of the levels of the information ladder, and of its two ends."""

from __future__ import annotations

from ..core.names import LabelledName


class LevelName(LabelledName):
    """Levels of the ladder, from the least data to the most, and what each uses."""

    COUNTS = "counts", "the number of clusters N"
    SELFCAL = "selfcal", "N and the median Y_X"
    BINNED = "binned", "N in bins of Y_X"
    UNBINNED = "unbinned", "N and every Y_X"
    FULL = "full", "the redshift and every observable (L_X, T, M_gas, ...) of every cluster"
    FULL_WL = "full+wl", "the same and weak-lensing masses"


EVERY = "all"
"""What stands for every level that a configuration names."""


class Bound(LabelledName):
    """What a ladder is held against: no data at all, and no parameter but sigma8 to be found."""

    PRIOR = "prior", "no data"
    KNOWN = "known", "every Y_X, with all nuisance parameters known"


LEVELS = tuple(LevelName)
"""Levels of the ladder, from the least data to the most."""
