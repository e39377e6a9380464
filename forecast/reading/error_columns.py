"""Columns that hold errors of others, told by their names: one column, or a lower and an upper one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_LONG = r"err(?:or)?s?|sig(?:ma)?|unc(?:ertainty)?|std(?:dev)?"
_MARK = rf"(?:{_LONG}|e|d)"
_LOWER, _UPPER = r"lo(?:w(?:er)?)?|min(?:us)?|neg|down|dn", r"up(?:per)?|hi(?:gh)?|max|plus|pos"
_SIDE = rf"(?:{_LOWER}|{_UPPER})"
_END = rf"(?:_?(?P<side>{_LOWER}|{_UPPER}|[-+])|_(?P<letter>[lmnuph]))"
"""A side behind all else, where a letter will do."""
_SPELLINGS = tuple(
    re.compile(f"^{spelling}$", re.IGNORECASE)
    for spelling in (
        rf"{_MARK}_?(?P<side>{_SIDE})_(?P<of>.+)",
        rf"(?P<side>{_SIDE})_?(?:{_LONG})_(?P<of>.+)",
        rf"{_MARK}_(?P<of>.+?){_END}",
        rf"(?P<of>.+?)(?:_{_MARK}|_?(?:{_LONG})){_END}",
        r"(?P<of>.+?)(?:_e|_?err)(?P<letter>[lump])",
        rf"(?P<of>.+?)_(?P<side>{_SIDE})_?(?:{_LONG})",
        rf"{_MARK}_(?P<of>.+)",
        rf"(?P<of>.+?)(?:_{_MARK}|_?(?:err(?:or)?))",
    )
)

_BOUNDS = (
    ("lo", "up"), ("lo", "hi"), ("neg", "pos"), ("l", "u"), ("l", "h"),
    ("low", "high"), ("minus", "plus"), ("m", "p"), ("lower", "upper"), ("min", "max"),
)  # fmt: skip


@dataclass(frozen=True)
class ErrorName:
    """What the name of a column of errors says.

    Parameters
    ----------
    of : str
        Name of what they are errors of.
    side : {"", "lower", "upper"}
    """

    of: str
    side: str = ""


def error_name(name: str) -> ErrorName | None:
    """What a column's name says of errors; None if nothing.

    >>> error_name("E_YX_LO"), error_name("YX500_errhi")
    (ErrorName(of='YX', side='lower'), ErrorName(of='YX500', side='upper'))
    >>> error_name("e_L_X"), error_name("YX500")
    (ErrorName(of='L_X', side=''), None)
    """
    for spelling in _SPELLINGS:
        if match := spelling.match(name):
            found = match.groupdict()
            side = (found.get("side") or found.get("letter") or "").lower()
            lower = re.fullmatch(rf"{_LOWER}|-|[lmn]", side)
            return ErrorName(found["of"], "" if not side else "lower" if lower else "upper")
    return None


def whole_errors(names: Mapping[str, ErrorName], of: Iterable[str]) -> list[str]:
    """Errors of any of some quantities, each a column or a pair "LOWER,UPPER"; pairs first.

    The tables of the CDS call a lower error e_X and an upper one E_X.

    Parameters
    ----------
    names : mapping of str to ErrorName
        By column.
    of : iterable of str
        In small letters.

    Examples
    --------
    >>> whole_errors({"E_X": ErrorName("X"), "e_X": ErrorName("X"), "E_T": ErrorName("T")}, ["x"])
    ['e_X,E_X']
    """
    wanted = set(of)
    mine = {name: one.side for name, one in names.items() if one.of.lower() in wanted}
    lower, upper, single = ([name for name, side in mine.items() if side == which] for which in ("lower", "upper", ""))
    if len(lower) == len(upper) == 1:
        return [f"{lower[0]},{upper[0]}", *single]
    if len(single) == 2 and single[0].lower() == single[1].lower():
        lower_one, upper_one = sorted(single, reverse=True)
        return [f"{lower_one},{upper_one}"]
    return [*single, *lower, *upper]


def sides_of(of: str, names: Iterable[str]) -> list[str]:
    """A lower and an upper column named after another, which may be its errors or its bounds; empty if there is none.

    >>> sides_of("KT", ["z", "KT", "KT_HI", "KT_LO"])
    ['KT_LO', 'KT_HI']
    """
    lower = {name.lower(): name for name in names}
    pairs = ([lower.get(f"{of.lower()}_{side}") for side in pair] for pair in _BOUNDS)
    return next(([str(name) for name in pair] for pair in pairs if all(pair)), [])
