"""Versions of files that outlive a run: which are read, which are brought up to date, which are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import InputError

Content = dict[str, Any]
Step = Callable[[Content], Content]
"""Makes of a file's content, as read, that of the next version."""


@dataclass(frozen=True)
class Format:
    """A kind of file and its versions; a file without a version is of the first.

    Parameters
    ----------
    kind : str
        As errors name it.
    cure : str
        What to do with a file that cannot be read.
    version : int
        That of files written now.
    steps : dict of int to callable
        By version, what makes the next one of it; files of a version from which no steps lead to `version` are
        refused.
    """

    kind: str
    cure: str
    version: int = 1
    steps: Mapping[int, Step] = field(default_factory=dict)

    def current(self, content: Content, version: Any, source: str) -> Content:
        """Content of a file as the present version has it.

        Parameters
        ----------
        content : dict
        version : int or None
            As the file gives it; None: none.
        source : str
            Name of the file, for errors.

        Raises
        ------
        InputError
            If the version is none, is newer than the present one, or is too old.
        """
        found = 1 if version is None else version
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise InputError(
                f"{source}: format = {found!r} is no version of a {self.kind}; expected a whole number from 1 to "
                f"{self.version}; {self.cure}"
            )
        if found > self.version:
            raise InputError(
                f"{source}: a {self.kind} of format {found}, but this version of massanchor knows no format beyond "
                f"{self.version}; upgrade massanchor, or {self.cure}"
            )
        for number in range(found, self.version):
            if number not in self.steps:
                raise InputError(
                    f"{source}: a {self.kind} of format {found}, of an earlier version of massanchor; {self.cure}"
                )
            content = self.steps[number](content)
        return content


CONFIGURATION = Format("configuration", "write it anew with 'forecast init'")
RESULTS = Format("file of results", "run the command again")
CHAIN = Format("chain", "choose another --out, or --overwrite it", version=2)
"""Format 1 was kept under a digest of the configuration's keys, not of the model."""
SUITE = Format("suite", "make it again with --overwrite")
NETWORK = Format("network", "train the model again")
