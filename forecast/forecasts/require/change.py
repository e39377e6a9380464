"""What a factor on a key of a configuration is, in words."""

from __future__ import annotations

import re

from ...core.observables import WORDS

_KNOWN = "better known"
_KEYS = (
    (r"survey\.area", "area", "smaller", "larger"),
    (r"survey\.fraction|volume", "volume", "smaller", "larger"),
    (r"selection\.flux_limit", "flux limit", "lower", "higher"),
    (r"parameters\.norm_(?P<of>[a-z]+)\.\w+", "normalisation of {of}", _KNOWN, "less well known"),
    (r"prior_width", "normalisations", _KNOWN, "less well known"),
    (r"yx_error", "error of Y_X", "smaller", "larger"),
    (r"weak_lensing\.error", "error of lensing masses", "smaller", "larger"),
    (r"weak_lensing\.scatter", "scatter of lensing masses", "smaller", "larger"),
    (r"weak_lensing\.fraction", "clusters with lensing masses", "fewer", "more"),
)
_NAMES = WORDS | {"wl": "lensing masses", "core": "L_X over core-excised L_X", "contamination": "contaminants"}


def thing(key: str) -> str:
    """What a key says how much there is of.

    >>> thing("survey.area"), thing("parameters.norm_yx.lognormal"), thing("relations.lx.scatter")
    ('area', 'prior on normalisation of Y_X', 'relations.lx.scatter')
    """
    what, less, _ = _found(key)
    return f"prior on {what}" if less == _KNOWN else what


def change(key: str, factor: float) -> str:
    """A factor on the value of a key.

    >>> change("survey.area", 5.02), change("parameters.norm_yx.lognormal", 0.4)
    ('area 5.02 times larger', 'normalisation of Y_X 2.5 times better known')
    """
    what, less, more = _found(key)
    return f"{what} {max(factor, 1 / factor):.3g} times {more if factor >= 1 else less}"


def _found(key: str) -> tuple[str, str, str]:
    for pattern, what, less, more in _KEYS:
        if match := re.fullmatch(pattern, key):
            of = match.groupdict().get("of") or ""
            return what.format(of=_NAMES.get(of, of)), less, more
    return key, "smaller", "larger"
