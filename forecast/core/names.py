"""Names that are strings in files and on the command line, and have words for people.

Of the parameters of several surveys, those of one survey alone end in its name.
"""

from __future__ import annotations

import re
from enum import StrEnum

_DOT = "."


class LabelledName(StrEnum):
    """A name and what it means; members are made of both."""

    label: str

    def __new__(cls, value: str, label: str) -> LabelledName:
        """Make a member."""
        name = str.__new__(cls, value)
        name._value_, name.label = value, label
        return name


def owned(name: str, survey: str) -> str:
    """Name of a parameter that belongs to one survey of several.

    A dot parts them: one word for shells, files of GetDist and CSV, and a key of its own in TOML.

    >>> owned("norm_lx", "bcs")
    'norm_lx.bcs'
    """
    return f"{name}{_DOT}{survey}"


def bare(name: str) -> str:
    """What a parameter is, whosever it is.

    >>> bare("norm_lx.bcs"), bare("sigma8")
    ('norm_lx', 'sigma8')
    """
    return name.partition(_DOT)[0]


def owner(name: str) -> str:
    """The survey that a parameter belongs to; empty if it is no one's alone.

    >>> owner("norm_lx.bcs"), owner("sigma8")
    ('bcs', '')
    """
    return name.partition(_DOT)[2]


def survey_word(stem: str) -> str:
    """Name of a survey as it may end that of a parameter.

    >>> survey_word("deep v1.2")
    'deep_v1_2'
    """
    return re.sub(r"[^A-Za-z0-9_-]", "_", stem)
