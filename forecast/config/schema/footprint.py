"""The table of a survey's sky."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .types import FileName, Number, Strict, Whole

Declination = Annotated[Number, Field(ge=-90, le=90)]


class SkyBoxConfig(Strict):
    """A range of right ascension and one of declination, degrees, ICRS."""

    ra: tuple[Number, Number] = (0.0, 360.0)
    """From the first eastwards to the second, degrees; [350, 10] goes across 0."""
    dec: tuple[Declination, Declination] = (-90.0, 90.0)
    """From the first to the second, degrees."""


class CapConfig(Strict):
    """Everything within a radius of a position, degrees, ICRS."""

    ra: Annotated[Number, Field(examples=["138.0"])]
    """Right ascension of the centre, degrees."""
    dec: Annotated[Declination, Field(examples=["-48.3"])]
    """Declination of the centre, degrees."""
    radius: Annotated[Number, Field(gt=0, le=180, examples=["90.0"])]
    """Degrees."""


class PixelsConfig(Strict):
    """A list of HEALPix pixels, in a table."""

    path: FileName
    """The table."""
    column: Annotated[str, Field(examples=['"PIXEL"'])]
    """Its column of numbers of pixels."""
    nside: Annotated[Whole, Field(examples=["256"])]
    """Pixels along a side of each of the sky's twelve faces, a power of two up to 1024."""
    order: Literal["nested", "ring"]
    """How they are numbered, in equatorial coordinates."""


class FootprintConfig(Strict):
    """Which part of the sky is surveyed; the whole of it without boxes and caps."""

    boxes: tuple[SkyBoxConfig, ...] = ()
    """Boxes of which it is made."""
    caps: tuple[CapConfig, ...] = ()
    """Caps of which it is made, beside the boxes."""
    exclude: tuple[SkyBoxConfig, ...] = ()
    """Boxes that are left out."""
    exclude_caps: tuple[CapConfig, ...] = ()
    """Caps that are left out."""
    healpix: PixelsConfig | None = None
    """Pixels outside which nothing belongs to it."""
    galactic_latitude: Annotated[Number, Field(ge=0, lt=90)] = 0.0
    """Least distance from the galactic plane on either side, degrees."""
    coverage: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """Part of its area that was searched: 1 but for what is masked, which is taken to be spread evenly."""
