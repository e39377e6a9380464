"""Which measured features of a cluster a network sees: the cases of Ntampaka & Vikhlinin (2022; NV22), section 3.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forecast.core.errors import InputError, nearest
from forecast.model.setup import Setup

CASES = ("standard", "shuffled", "no-wl", "ones", "overspecialised")
"""NV22 table 4, and appendix B."""
CASE_WORDS = {
    "standard": "X-ray features, L_X and weak-lensing masses, clusters sorted by L_X",
    "shuffled": "the same in random order",
    "no-wl": "without weak-lensing masses",
    "ones": "every feature is 1: only the number of clusters is left",
    "overspecialised": "features scaled prescriptively with sigma8 (NV22 appendix B)",
}
OVERSPECIALISED = ("log_lx", "log_t", "log_mgas", "log_y500", "log_mwl")
"""Features of NV22's appendix B."""
_RADIAL = ("log_mgas", "slope")


@dataclass(frozen=True)
class Layout:
    """Columns of the two inputs of a network.

    Parameters
    ----------
    case : str
        One of `CASES`.
    main : tuple of str
        Columns that are summarised by one terse value per cluster.
    supplementary : tuple of str
        Columns that join the terse value.
    """

    case: str
    main: tuple[str, ...]
    supplementary: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.case not in CASES:
            raise InputError(f"case '{self.case}' is unknown; {nearest(self.case, CASES)}")

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, the main ones first."""
        return (*self.main, *self.supplementary)

    @property
    def groups(self) -> tuple[str, ...]:
        """Physical quantity of every column; columns of one quantity are scaled alike."""
        return tuple(group_of(name) for name in self.names)

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns of a suite from which the features are made."""
        return tuple(name for name in self.names if name != "log_y500")


def group_of(name: str) -> str:
    """Physical quantity of a column: bins of a profile share theirs."""
    stem, _, radius = name.rpartition("_r")
    return stem if stem in _RADIAL and radius.isdigit() else name


def layout_in(setup: Setup, columns: Sequence[str], case: str) -> Layout:
    """Layout of a case for a suite of a survey; see `layout_of`.

    Raises
    ------
    InputError
        If part of the clusters only have a feature of the case.
    """
    layout = layout_of(columns, case, redshifts=setup.geometry.spans_redshifts)
    if "log_mwl" in layout.names and case != "ones" and not setup.lensing_sample.whole:
        raise InputError(
            f"case '{case}' shows weak-lensing masses, which part of this survey's clusters only have, and a network "
            "needs every feature of every cluster; give --case no-wl, or a suite of a survey that has them all"
        )
    return layout


def layout_of(columns: Sequence[str], case: str, *, redshifts: bool = False) -> Layout:
    """Layout of a case for a suite with these columns of clusters.

    NV22's: temperature, seven gas masses and seven slopes; L_X and weak-lensing mass are supplementary. A survey
    without gas profiles is seen through its gas mass, or else its Y_X, and one with redshifts through these too.

    Parameters
    ----------
    columns : sequence of str
    case : str
    redshifts : bool
        Whether clusters differ in redshift.

    Raises
    ------
    InputError
        If the case is unknown, or the suite lacks what the case needs.
    """
    if case == "overspecialised":
        missing = [name for name in OVERSPECIALISED if name != "log_y500" and name not in columns]
        if missing:
            raise InputError(f"case '{case}' needs {', '.join(OVERSPECIALISED)}; the suite has no {missing[0]}")
        return Layout(case, OVERSPECIALISED, ())
    radial = tuple(name for name in columns if group_of(name) != name)
    mass = radial or tuple(name for name in ("log_mgas",) if name in columns) or ("log_yx",)
    main = (*(name for name in ("log_t",) if name in columns), *mass, *(("z",) if redshifts else ()))
    lensing = ("log_mwl",) if "log_mwl" in columns and case != "no-wl" else ()
    return Layout(case, main, ("log_lx", *lensing))
