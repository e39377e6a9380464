"""Surveys that are taken to be independent: whether they share sky or clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..config.load import Config
from ..config.survey_builders import DEG2
from ..core.errors import InputError
from ..model.catalogue import Catalogue
from ..model.setup import Setup
from ..survey.footprint import Remainder, shared_area
from .duplicates import shared_clusters
from .observed import open_catalogue

NEGLIGIBLE = 1e-3
"""Part of a survey's sky that it may share: edges that are written with few digits."""


@dataclass(frozen=True)
class Apart:
    """Setups of surveys that share no sky, and what is assumed of them.

    Parameters
    ----------
    setups : dict of str to Setup
    notes : tuple of str
    left : dict of str to Remainder
        Skies of those from which some was taken away.
    """

    setups: dict[str, Setup]
    notes: tuple[str, ...]
    left: dict[str, Remainder] = field(default_factory=dict)


def independent(configs: Mapping[str, Config], *, cut: bool = False) -> Apart:
    """Surveys as independent data: those whose skies overlap are refused, or cut, the later ones.

    A sky that is not declared cannot be compared; then catalogues with positions are, if the surveys have them.
    Surveys that meet at no redshift share nothing, wherever they are.

    Parameters
    ----------
    configs : mapping of str to Config
    cut : bool
        Take away from each survey the sky that it shares with those before it.

    Raises
    ------
    InputError
        If two surveys share sky or clusters.
    """
    setups, notes, left = {}, [], {}
    names = list(configs)
    for i, name in enumerate(names):
        setup, mine = configs[name].setup, configs[name].footprint
        setups[name] = setup
        earlier = {other: configs[other].footprint for other in names[:i] if _meet(setup, configs[other].setup)}
        declared = {other: sky for other, sky in earlier.items() if sky is not None}
        if mine is not None and declared:
            part = shared_area(mine, *declared.values()) / mine.area
            if part > NEGLIGIBLE and not cut:
                raise _shared_sky(name, list(declared), part * mine.area)
            if part > NEGLIGIBLE:
                _refuse_nothing_left(name, part)
                setups[name] = replace(setup, geometry=setup.geometry.enlarged(1 - part))
                left[name] = Remainder(mine, tuple(declared.values()))
                notes.append(f"{name}: {part:.1%} of its sky is left to {' and '.join(declared)}.")
        for other in (other for other in earlier if mine is None or other not in declared):
            notes.append(_compared(name, other, configs))
    return Apart(setups, tuple(notes), left)


def _meet(one: Setup, other: Setup) -> bool:
    """Whether two surveys may have redshifts in common; of boxes at one redshift nobody knows."""
    if not (one.geometry.spans_redshifts and other.geometry.spans_redshifts):
        return True
    (low, *_, high), (lowest, *_, highest) = one.geometry.redshift_edges, other.geometry.redshift_edges
    return low < highest and lowest < high


def _shared_sky(name: str, others: list[str], area: float) -> InputError:
    where = "'s and ".join(others)
    return InputError(
        f"{name}: its footprint overlaps {where}'s in {area * DEG2:.4g} deg2, so their clusters are not independent; "
        f"leave that out of {name} by exclude under [survey.footprint], or give --cut-overlap"
    )


def _refuse_nothing_left(name: str, part: float) -> None:
    if part > 1 - NEGLIGIBLE:
        raise InputError(f"{name}: nothing of its footprint is left without that of the others; take the survey out")


def _compared(name: str, other: str, configs: Mapping[str, Config]) -> str:
    """What is assumed of two surveys of which one declares no sky.

    Raises
    ------
    InputError
        If their catalogues share clusters.
    """
    assumed = f"{other} and {name} are taken to be independent"
    catalogues = [_positions(configs[one]) for one in (other, name)]
    lacking = [one for one in (other, name) if configs[one].footprint is None]
    undeclared = f"no [survey.footprint] of {' and '.join(lacking)}"
    if catalogues[0] is None or catalogues[1] is None:
        return f"{assumed}: {undeclared} says whether they share sky."
    pairs = shared_clusters(catalogues[0], catalogues[1], configs[name].setup.cosmology)
    if pairs:
        raise InputError(
            f"{name}: its catalogue shares {len(pairs)} clusters with {other}'s, such as {pairs[0]}, so they are not "
            "independent; declare both skies, [survey.footprint], and leave one's part out of the other by exclude"
        )
    return f"{assumed}: their catalogues share no cluster, but {undeclared} says whether they share sky."


def _positions(config: Config) -> Catalogue | None:
    """A survey's catalogue, if it names one with positions."""
    table = config.catalogue
    if table is None or "ra" not in table.columns or (table.path is None and table.builtin is None):
        return None
    return open_catalogue(config, None)
