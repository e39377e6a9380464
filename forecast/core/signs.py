"""What a terminal cannot show, in signs that it can."""

from __future__ import annotations

import codecs

PLAIN = {"±": "+-", "σ": "sigma", "₈": "8", "Ω": "Om", "…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "→": "->"}
PLAIN |= {"²": "^2", "·": "*", "≥": ">=", "≤": "<=", "≈": "~", "’": "'", "“": '"', "”": '"', "█": "#", "━": "-"}
HANDLER = "plain"
"""Name under which encoders know it."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Signs that an encoding lacks, in ones that it has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign, "?") for sign in signs), error.end


codecs.register_error(HANDLER, _plain)


def writable(text: str, encoding: str | None) -> str:
    """Text as a stream of an encoding shows it, so that its length is known beforehand.

    >>> writable("0.1 ± 0.2", "ascii"), writable("0.1 ± 0.2", "utf-8"), writable("±", None)
    ('0.1 +- 0.2', '0.1 ± 0.2', '±')
    """
    return text.encode(encoding, HANDLER).decode(encoding) if encoding else text
