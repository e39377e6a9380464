"""Pages as files: one self-contained HTML page, figures inside, no script, nothing loaded from a network."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...core.errors import InputError
from ...core.files import write_whole
from .blocks import Page
from .glossary import explained
from .typesetting import typeset

_DPI = 200
_REM_PER_INCH, _LEAST_REM_PER_INCH = 8.8, 5.0
"""Letters of 8 points are as large as the page's own, and not smaller than a screen can show."""
_NARROW = 4.2
"""Inches below which a caption has room beside a figure."""


@dataclass(frozen=True)
class Image:
    """A picture as a data URI, and how wide it is drawn."""

    uri: str
    inches: float

    @property
    def widest(self) -> float:
        """Width where there is room, rem."""
        return round(_REM_PER_INCH * self.inches, 2)

    @property
    def least(self) -> float:
        """Width at which it begins to scroll, rem."""
        return round(_LEAST_REM_PER_INCH * self.inches, 2)

    @property
    def narrow(self) -> bool:
        """Whether the caption stands beside it on wide screens."""
        return self.inches < _NARROW


def write_page(page: Page, figures: Mapping[str, Path], path: Path) -> None:
    """Write `page` to `path`; whole or not at all.

    Parameters
    ----------
    page : Page
        Its texts are data: whatever they contain comes out escaped.
    figures : mapping of str to Path
        PNG file of each picture; pictures without one are left out.
    path : Path
        HTML file.

    Raises
    ------
    InputError
        If a figure cannot be read or the file cannot be written.
    """
    images = {name: image(picture) for name, picture in figures.items()}
    templates = _environment()
    body = templates.get_template("body.html").render(page=page.shown(images), images=images)
    marked, words = explained(body)
    write_whole(path, templates.get_template("page.html").render(title=page.title, body=marked, words=words))


def image(picture: Path) -> Image:
    """A PNG file as a data URI.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        content = picture.read_bytes()
    except OSError as error:
        raise InputError(f"{picture}: cannot be read ({error.strerror})") from error
    (width,) = struct.unpack(">I", content[16:20])
    return Image("data:image/png;base64," + base64.b64encode(content).decode("ascii"), width / _DPI)


def _environment() -> Environment:
    """Templates of this package; what is put into them comes out escaped."""
    found = Environment(
        loader=PackageLoader("forecast.report.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["typeset"] = typeset
    return found
