"""What a terminal cannot show, and what a notebook leaves in the environment."""

from __future__ import annotations

import io
import os
import sys

from ..core.signs import HANDLER


def prepare_streams() -> None:
    """Let standard output and error take every sign, on ASCII terminals too; figures are drawn without a screen.

    A notebook's backend in MPLBACKEND would be asked for by every program that it starts.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)
    os.environ["MPLBACKEND"] = "agg"
