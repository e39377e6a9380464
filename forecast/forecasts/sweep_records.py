"""sigma(sigma8) of many surveys, as records."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.records import Provenance
from ..likelihoods.level_name import LEVELS, Bound
from .ladder import LadderRow


@dataclass(frozen=True)
class Price:
    """What each survey costs beside a reference survey, by level (all but the prior).

    Parameters
    ----------
    reference : str
        The survey that ratios and volumes refer to.
    level : str
        The level to show where there is room for one.
    ratio : dict of str to ndarray
        sigma(sigma8) over that of the reference.
    equivalent_volume : dict of str to ndarray of object
        Factor on the volume of the reference at which it would reach the same sigma(sigma8); "never"
        where no volume would do, because priors limit the reference.
    """

    reference: str
    level: str
    ratio: dict[str, Array]
    equivalent_volume: dict[str, Array]

    @property
    def words(self) -> str:
        """What the columns of the level to show mean."""
        return (
            f"ratio: sigma(sigma8) of level {self.level} over that of the survey '{self.reference}'; volume: how many "
            "times its volume that survey would need to reach the same ('never': its priors do not let it). "
            "The files hold every level."
        )


@dataclass(frozen=True)
class Sweep:
    """sigma(sigma8) over the values of one or two keys.

    Parameters
    ----------
    keys : tuple of str
    values : tuple of ndarray
        One for each key; of numbers, or of str where they are choices.
    levels : dict of str to ndarray
        sigma(sigma8) by level, as in `LadderRow`; one dimension for each key.
    expected_count : ndarray
    units : tuple of str
        Empty for plain numbers.
    log : tuple of bool
        Whether the values are evenly spaced in log.
    notes : tuple of str
        What a choice changes beside its key.
    price : Price or None
    warnings : tuple of Caution
        Doubts about single surveys.
    """

    keys: tuple[str, ...]
    values: tuple[Array, ...]
    levels: dict[str, Array]
    expected_count: Array
    units: tuple[str, ...]
    log: tuple[bool, ...]
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()
    price: Price | None = None
    warnings: tuple[Caution, ...] = ()

    @property
    def named(self) -> tuple[bool, ...]:
        """Whether each key's values are choices."""
        return tuple(values.dtype.kind == "U" for values in self.values)


@dataclass(frozen=True)
class Comparison:
    """Ladders of several configurations: their `names`, `titles`, one row each, as configured, and `notes` on them."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[LadderRow, ...]
    provenance: Provenance | None = None
    price: Price | None = None
    warnings: tuple[Caution, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels that any of the surveys has."""
        every = (Bound.PRIOR, *LEVELS, Bound.KNOWN)
        return tuple(level for level in every if any(level in r.sigma8_std for r in self.rows))
