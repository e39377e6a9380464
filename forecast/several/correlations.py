"""Correlated priors of several surveys: given what they share, what each has for itself is independent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy.sparse.csgraph import connected_components

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.names import owned
from ..core.parameters import ParameterSet
from ..core.ties import Tie

_NONE = 1e-12
"""Correlation that is rounding alone."""


def joint_ties(sets: Mapping[str, ParameterSet], shared: Sequence[str], names: Sequence[str]) -> tuple[Tie, ...]:
    """Ties of the union of surveys, whose parameters are called `names` there.

    The joint prior is that of what is `shared` times each survey's own given it. In natural coordinates all is
    Gaussian where priors are tied: parameters of two surveys correlate as far as both do with what is shared.

    Raises
    ------
    InputError
        If two surveys have other correlations of what they share.
    """
    found = {survey: _Correlations.of(parameters, shared) for survey, parameters in sets.items()}
    _agree(found, shared)
    whole, known = np.eye(len(names)), [names.index(name) for name in shared]
    places = {
        survey: [names.index(owned(n, survey)) for n in parameters.names if n not in shared]
        for survey, parameters in sets.items()
    }
    first = next(iter(found.values()))
    whole[np.ix_(known, known)] = first.among_shared
    for survey, one in found.items():
        mine = places[survey]
        whole[np.ix_(mine, mine)] = one.among_own
        whole[np.ix_(mine, known)], whole[np.ix_(known, mine)] = one.own_shared, one.own_shared.T
    for (a, one), (b, other) in combinations(found.items(), 2):
        cross = one.own_shared @ np.linalg.solve(first.among_shared, other.own_shared.T)
        whole[np.ix_(places[a], places[b])], whole[np.ix_(places[b], places[a])] = cross, cross.T
    return _groups(np.where(np.abs(whole) > _NONE, whole, 0.0), names)


class _Correlations:
    """Correlations of a survey's priors: among what it shares, (S, S), among its own, (O, O), and between, (O, S)."""

    def __init__(self, whole: Array, shared: Sequence[int], own: Sequence[int]) -> None:
        self.among_shared, self.among_own = whole[np.ix_(shared, shared)], whole[np.ix_(own, own)]
        self.own_shared = whole[np.ix_(own, shared)]

    @classmethod
    def of(cls, parameters: ParameterSet, shared: Sequence[str]) -> _Correlations:
        """Those of one survey."""
        own = [i for i, name in enumerate(parameters.names) if name not in shared]
        return cls(parameters.prior.correlation, [parameters.names.index(name) for name in shared], own)


def _agree(found: Mapping[str, _Correlations], shared: Sequence[str]) -> None:
    first, *others = found
    for other in others:
        here, there = found[first].among_shared, found[other].among_shared
        unlike = np.argwhere(np.abs(here - there) > _NONE)
        if len(unlike):
            i, j = unlike[0].tolist()
            words = f"{here[i, j]:g} in {first} but {there[i, j]:g} in {other}"
            raise InputError(
                f"prior_correlation: {shared[i]} and {shared[j]} are shared, and their priors correlate by {words}; "
                "write the same [[prior_correlation]] in both"
            )


def _groups(whole: Array, names: Sequence[str]) -> tuple[Tie, ...]:
    """A tie of each group of parameters that hang together."""
    number, group = connected_components(whole != 0, directed=False)
    members = [np.flatnonzero(group == i).tolist() for i in range(number)]
    return tuple(
        Tie(tuple(names[i] for i in places), tuple(map(tuple, whole[np.ix_(places, places)].tolist())))
        for places in members
        if len(places) > 1
    )
