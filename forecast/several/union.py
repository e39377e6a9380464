"""The parameters of several surveys as one set: those that are shared once, all others for each survey."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.names import owned
from ..core.parameters import MASS_FUNCTION, Parameter, ParameterSet
from ..cosmology.parameter_grid import SHAPE_NAMES
from .correlations import joint_ties

COSMOLOGY = ("sigma8", *SHAPE_NAMES, *MASS_FUNCTION)
"""Parameters of the one universe, that all surveys have in common."""


@dataclass(frozen=True)
class Union:
    """Free parameters of several surveys.

    Parameters
    ----------
    parameters : ParameterSet
        What is shared under its own name, in the order of the first survey; then what each survey has for itself,
        under names that end in the survey's (`core.names`). The prior of what is shared counts once.
    shared : tuple of str
        The cosmology among them.
    """

    parameters: ParameterSet
    shared: tuple[str, ...]

    @classmethod
    def of(cls, sets: Mapping[str, ParameterSet], shared: Collection[str] = ()) -> Union:
        """Union of surveys whose nuisances `shared` are one, as the cosmology is.

        Raises
        ------
        InputError
            If what is shared is not free, or has not the same prior, in all of them.
        """
        first = next(iter(sets))
        names = tuple(_common(sets, shared))
        own = [
            replace(p, name=owned(p.name, survey))
            for survey, parameters in sets.items()
            for p in parameters.free
            if p.name not in names
        ]
        free = (*(_parameter(sets[first], name) for name in names), *own)
        doubts = dict.fromkeys(words for parameters in sets.values() for words in parameters.doubts)
        ties = joint_ties(sets, names, tuple(p.name for p in free))
        return cls(ParameterSet(free, sets[first].fixed, ties, tuple(doubts)), names)

    def name(self, name: str, survey: str) -> str:
        """Name of a survey's parameter in the union."""
        return name if name in self.shared else owned(name, survey)

    def names(self, survey: str, names: Sequence[str]) -> tuple[str, ...]:
        """Names of a survey's parameters in the union."""
        return tuple(self.name(name, survey) for name in names)

    def only(self, used: Mapping[str, Sequence[str]]) -> Union:
        """Union of the parameters that are `used`, by survey and under the names that they have there; rest fixed."""
        kept = {self.name(name, survey) for survey, names in used.items() for name in names}
        parameters = self.parameters.without([name for name in self.parameters.names if name not in kept])
        return Union(parameters, tuple(name for name in self.shared if name in kept))

    def places(self, survey: str, names: Sequence[str]) -> Array:
        """Where in a vector of the union a survey's parameters stand, (D,)."""
        return np.array([self.parameters.names.index(name) for name in self.names(survey, names)], dtype=int)

    def embedded(self, survey: str, names: Sequence[str], information: Array) -> Array:
        """Information on a survey's parameters, (D, D), as one on the union's, (U, U)."""
        whole, places = np.zeros((len(self.parameters.names),) * 2), self.places(survey, names)
        whole[np.ix_(places, places)] = information
        return whole


def _common(sets: Mapping[str, ParameterSet], shared: Collection[str]) -> list[str]:
    """Names of what is shared, which is the same in all surveys."""
    for name in shared:
        _check_shared(name, sets)
    first, *others = sets
    wanted = (*COSMOLOGY, *shared)
    for other in others:
        free = [{n for n in sets[one].names if n in wanted} for one in (first, other)]
        for name in sorted(free[0] ^ free[1]):
            where, lacking = (first, other) if name in free[0] else (other, first)
            cure = "free it in both or in neither" if name in COSMOLOGY else "free it there, or do not share it"
            raise InputError(f"{name}: is free in {where} but not in {lacking}; {cure}")
        for name in (n for n in sets[first].names if n in free[0]):
            _agree(_parameter(sets[first], name), _parameter(sets[other], name), (first, other))
    return [name for name in sets[first].names if name in wanted]


def _check_shared(name: str, sets: Mapping[str, ParameterSet]) -> None:
    known = dict.fromkeys(n for parameters in sets.values() for n in parameters.names if n not in parameters.contrasts)
    if any(name in parameters.contrasts for parameters in sets.values()):
        raise InputError(f"shared parameter {name}: other parts of the sky have densities of their own; leave it out")
    if name not in known:
        raise InputError(f"shared parameter {name}: is free in no survey; {nearest(name, known)}")


def _parameter(parameters: ParameterSet, name: str) -> Parameter:
    return parameters.free[parameters.names.index(name)]


def _agree(one: Parameter, other: Parameter, surveys: tuple[str, str]) -> None:
    """Raise unless one parameter of two surveys is the same."""
    first, second, name = *surveys, one.name
    if one.prior != other.prior:
        words = f"'{one.prior.words}' in {first} but '{other.prior.words}' in {second}"
        raise InputError(f"{name}: is shared, and its prior is {words}; write the same under [parameters] of both")
    if one.fiducial != other.fiducial:
        words = f"{one.fiducial:g} in {first} but {other.fiducial:g} in {second}"
        raise InputError(f"{name}: is shared, and its fiducial value is {words}; write the same in both")
