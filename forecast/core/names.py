"""Names that are strings in files and on the command line, and have words for people."""

from __future__ import annotations

from enum import StrEnum


class LabelledName(StrEnum):
    """A name and what it means; members are made of both."""

    label: str

    def __new__(cls, value: str, label: str) -> LabelledName:
        """Make a member."""
        name = str.__new__(cls, value)
        name._value_, name.label = value, label
        return name
