"""What a file to begin with says of energy bands: that of the table's luminosities, and that of the survey's limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.band import SOFT, Band
from ..reading.band_names import band_in_name, bands_in_text, words_in_name
from ..survey.emission import COLUMN_CURE, COOLEST_CONTINUUM, LINES_CURE
from .assumed import FILL_IN
from .quantities import named

LIMIT = "selection.band"
"""Where the band of the survey's flux limit is written."""


def band_rank(column: str) -> int:
    """How good a column of luminosities or fluxes is by its name: 0 is best."""
    if words_in_name(column):
        return 3
    band = band_in_name(column)
    return 1 if band is None else 0 if band == SOFT else 2


def band_doubts(column: str, band: Band | None, about: Iterable[str]) -> list[str]:
    """What is doubtful about the band of luminosities, or of the fluxes of which they are made.

    Parameters
    ----------
    column : str
        Its name without markup.
    band : Band or None
        As far as it is told.
    about : iterable of str
        What the table says of the column and of itself.
    """
    if words := words_in_name(column):
        return [f"lx: '{column}' reads like {words} luminosities, not all those of {SOFT}; convert them first"]
    if band is not None:
        return []
    several = ", ".join(map(str, bands_in_text(about)))
    also = f", and the table speaks of several ({several})" if several else ""
    cure = 'check it; if it is another, write lx_band = "0.1-2.4 keV" (yours) under [catalogue]'
    return [f"lx: '{column}' names no band{also}; it is taken for {SOFT}, {cure}"]


@dataclass(frozen=True)
class Bands:
    """Energy bands of a table and of the survey that it is of.

    Parameters
    ----------
    told : Band or None
        Of the table's luminosities or fluxes; None if nothing tells it, and it is taken for `SOFT`.
    limit : Band or None
        Of the flux limit, as far as it is given.
    """

    told: Band | None = None
    limit: Band | None = None

    @property
    def listed(self) -> Band:
        """That of the table."""
        return self.told or SOFT

    @property
    def undecided(self) -> bool:
        """Whether the flux limit's is not given, where the table is of another than `SOFT`."""
        return self.limit is None and self.listed != SOFT

    @property
    def convert(self) -> bool:
        """Whether any has to be converted to that of the relations."""
        return self.listed != SOFT or self.limit not in (None, SOFT)

    @property
    def to_fill_in(self) -> str:
        """What to do about an undecided one."""
        return (
            f'{LIMIT}: {FILL_IN} the band of your survey\'s flux limit, "{self.listed}" if it is that of the table; '
            "until then the file is refused"
        )

    def write(self, content: dict[str, Any], mean: Mapping[str, Any]) -> list[str]:
        """Write them into a configuration, with the temperatures that conversions need.

        Parameters
        ----------
        content : dict
        mean : mapping
            The relation of temperatures, whose means are taken where it is left out.

        Returns
        -------
        list of str
            What has to be checked.
        """
        if self.told is not None or self.convert:
            content["catalogue"]["lx_band"] = str(self.listed)
        if not self.convert:
            return []
        from_flux = "flux" in content["catalogue"]["columns"]
        write_band(content, self.limit or self.listed, mean, by_continuum=self.limit != SOFT or from_flux)
        at = "its listed T, else at the mean T of" if "t" in content["catalogue"]["columns"] else "the mean T of"
        of = "fluxes" if from_flux else "luminosities"
        cure = LINES_CURE if self.limit in (None, self.listed) else COLUMN_CURE.format(SOFT)
        who = f"catalogue.lx_band: the table's {of} are of {self.listed}" if self.listed != SOFT else LIMIT
        return [
            f"{who}: converted to L_X of {SOFT} by the free-free emission of gas at {at} its cluster, good above "
            f"{COOLEST_CONTINUUM:g} keV; for cooler clusters {cure}"
        ]


def given_band(words: str) -> Band:
    """The band of a flux limit as a command is given it.

    Raises
    ------
    InputError
        If it is none.
    """
    return named("--band", lambda: Band.parse(words))


def write_band(content: dict[str, Any], band: Band, mean: Mapping[str, Any], *, by_continuum: bool = True) -> None:
    """Write the band of a flux limit, and the temperatures from which its luminosities follow, if not listed.

    `by_continuum`: by the emission of gas, not by a power of redshift, which is that of 0.5-2 keV.
    """
    selection = content["selection"]
    selection["band"] = str(band)
    if by_continuum:
        del selection["k_slope"]
        selection["k_correction"] = "continuum"
    if "t" not in content["relations"]:
        content["emission"] = {"temperature": {key: mean[key] for key in ("norm", "slope", "evolution")}}


def planned_band(content: dict[str, Any], band: Band, mean: Mapping[str, Any]) -> list[str]:
    """Write that of a survey to be planned, unless it is the relations' own; what has to be checked."""
    if band == SOFT:
        return []
    write_band(content, band, mean)
    return [
        f"{LIMIT}: fluxes of {band} are converted to L_X of {SOFT} by the free-free emission of gas at the mean T of "
        f"its cluster, good above {COOLEST_CONTINUUM:g} keV; for cooler clusters {LINES_CURE}"
    ]
