"""What a terminal cannot show, and what a notebook leaves in the environment."""

from __future__ import annotations

import codecs
import io
import os
import sys

_PLAIN = {"±": "+-", "σ": "sigma", "₈": "8", "Ω": "Om", "…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "→": "->"}
_PLAIN |= {"²": "^2", "·": "*", "≥": ">=", "≤": "<=", "≈": "~", "’": "'", "“": '"', "”": '"', "█": "#", "━": "-"}


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Signs that an encoding lacks, in ones that it has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, "?") for sign in signs), error.end


def prepare_streams() -> None:
    """Let standard output and error take every sign, on ASCII terminals too; figures are drawn without a screen.

    A notebook's backend in MPLBACKEND would be asked for by every program that it starts.
    """
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")
    os.environ["MPLBACKEND"] = "agg"
