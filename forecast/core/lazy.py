"""Public names of a package, imported when they are first used: ``forecast --help`` stays fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def public(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        Module of each public name, relative to the package.

    Examples
    --------
    >>> getattribute, _, names = public("forecast.core", {"InputError": ".errors"})
    >>> getattribute("InputError").__name__, names
    ('InputError', ['InputError'])
    """

    def getattribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(homes[name], package), name)

    names = sorted(homes)
    return getattribute, lambda: names, names
