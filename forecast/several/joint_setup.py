"""Several independent surveys: the posterior of all their data, and what it is expected to say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ..config.quantities import named
from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..likelihoods.data import Data
from ..likelihoods.fisher import Fisher, fisher_matrices
from ..likelihoods.level import Likelihood
from ..likelihoods.levels import at_level, level_class, levels_of, likelihood, own_level, quick_levels
from ..likelihoods.posterior import Posterior
from ..model.forward import ForwardModel, forward_model
from ..model.setup import Setup
from .alike import apart_of_alike, refuse_unlike, shared_of_unlike
from .union import Union


@dataclass(frozen=True)
class Factor:
    """The likelihood of one survey's data, and where its parameters stand in a vector of the union, (D,)."""

    likelihood: Likelihood
    places: Array


@dataclass(frozen=True)
class JointLikelihood:
    """Likelihood of independent surveys at one level: log likelihoods add up.

    Parameters
    ----------
    name : str
        Of the level.
    parameters : ParameterSet
        Of the union.
    factors : tuple of Factor
    """

    name: str
    parameters: ParameterSet
    factors: tuple[Factor, ...]

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,), of parameter vectors (P, U)."""
        total: Array = np.sum([one.likelihood(theta[:, one.places]) for one in self.factors], axis=0)
        return total


@dataclass(frozen=True)
class JointSetup:
    """Independent surveys and what they share.

    Parameters
    ----------
    setups : mapping of str to Setup
    nuisances : tuple of str
        Parameters beside the cosmology that are one in all surveys, such as ``norm_lx`` of one calibration.

    Raises
    ------
    InputError
        If they are not of one universe, or what is shared is not the same in all.
    """

    setups: Mapping[str, Setup]
    nuisances: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse_unlike(self.setups)
        _ = self.union

    @classmethod
    def of(cls, setups: Mapping[str, Setup], nuisances: Collection[str] = ()) -> JointSetup:
        """That of surveys and what they share beside the cosmology."""
        return cls(dict(setups), tuple(nuisances))

    @cached_property
    def union(self) -> Union:
        """All free parameters."""
        return Union.of({name: setup.parameters for name, setup in self.setups.items()}, self.nuisances)

    @cached_property
    def models(self) -> dict[str, ForwardModel]:
        """Forward model of each survey."""
        return {name: named(name, partial(forward_model, setup)) for name, setup in self.setups.items()}

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is doubtful about what they share, in sentences without their full stops."""
        return (*shared_of_unlike(self.setups, self.nuisances), *apart_of_alike(self.setups, self.nuisances))

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels that every survey has; lensing masses of one are enough for theirs."""
        each = [(setup, levels_of(setup)) for setup in self.setups.values()]
        known = max((mine for _, mine in each), key=len)
        return tuple(v for v in known if all(own_level(setup, v) in mine for setup, mine in each))

    def model_at(self, name: str, level: str) -> ForwardModel:
        """A survey's model with the parameters on which its data of a level depend."""
        return at_level(self.models[name], own_level(self.setups[name], level))

    def some_levels(self, *, quick: bool) -> tuple[str, ...]:
        """Those of a forecast; `quick`: up to every Y_X."""
        first = next(iter(self.setups.values()))
        return tuple(level for level in self.levels if not quick or level in quick_levels(first))

    def union_at(self, level: str) -> Union:
        """Free parameters on which data of a level depend, those of at least one survey."""
        return self.union.only({name: self.model_at(name, level).parameters.names for name in self.models})

    def posterior(self, level: str, data: Mapping[str, Data]) -> Posterior:
        """Posterior of the data of every survey at a level.

        Raises
        ------
        InputError
            If a survey's data do not suffice for the level; it is named.
        """
        union, factors = self.union_at(level), []
        for name, setup in self.setups.items():
            mine, own = self.model_at(name, level), own_level(setup, level)
            used = data[name].rounded() if level_class(level).whole else data[name]
            found = named(name, partial(likelihood, own, mine, used))
            factors.append(Factor(found, union.places(name, mine.parameters.names)))
        return Posterior(JointLikelihood(level, union.parameters, tuple(factors)))

    def fishers(self, levels: Iterable[str]) -> Iterator[Fisher]:
        """Fisher matrices of all surveys together at some levels, in order, on the union's parameters."""
        levels, nothing = tuple(levels), np.zeros((len(self.union.parameters.names),) * 2)
        own = {name: tuple(own_level(setup, level) for level in levels) for name, setup in self.setups.items()}
        found = [fisher_matrices(own[name], model) for name, model in self.models.items()]
        for _ in levels:
            parts = zip(self.setups, [next(one) for one in found], strict=True)
            added = [self.union.embedded(name, one.parameters.names, one.information) for name, one in parts]
            yield Fisher(self.union.parameters, sum(added, nothing))
