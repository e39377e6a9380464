"""What the data of a survey say of its parameters at every level, before priors are put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..cosmology.dark_energy import DARK_ENERGY
from ..likelihoods.derived import figure_of_merit, fisher_s8
from ..likelihoods.fisher import Fisher, fisher_matrices
from ..likelihoods.level_name import Bound, LevelName
from ..likelihoods.levels import level_class, levels_of
from ..model.forward import forward_model
from ..model.mean_density import expected_number
from ..model.setup import Setup
from ..survey.geometry import Replicated

MERIT = "figure of merit"
"""Of w0 and wa, by which a row of the ladder knows it."""


@dataclass(frozen=True)
class SurveyInformation:
    """Information of the data of every level, on the free parameters and whatever their priors.

    Parameters
    ----------
    setup : Setup
    count : float
        Expected number of clusters.
    by_level : mapping of str to ndarray, shape (D, D)
        In natural coordinates.
    """

    setup: Setup
    count: float
    by_level: Mapping[str, Array]

    @classmethod
    def of(cls, setup: Setup, levels: Sequence[str] | None = None) -> SurveyInformation:
        """That of a survey, at all its levels or at some of them, that of every Y_X included."""
        model, levels = forward_model(setup), levels_of(setup) if levels is None else levels
        found = fisher_matrices(levels, model)
        by_level = {level: one.information for level, one in zip(levels, found, strict=True)}
        return cls(setup, expected_number(model), by_level)

    def copies(self, number: float) -> SurveyInformation:
        """That of so many independent copies of the survey.

        Without density contrasts it is proportional to their number, but for that in the median.
        """
        if number == 1:
            return self
        larger = replace(self.setup, geometry=Replicated(self.setup.geometry, number))
        if self.setup.parameters.contrasts:
            return SurveyInformation.of(larger, tuple(self.by_level))
        medians = [level for level in self.by_level if level_class(level).of_median]
        anew = zip(medians, fisher_matrices(medians, forward_model(larger)), strict=True)
        grown = {level: number * one for level, one in self.by_level.items()}
        grown |= {level: one.information for level, one in anew}
        return SurveyInformation(larger, number * self.count, {level: grown[level] for level in self.by_level})

    def fisher(self, level: str, parameters: ParameterSet | None = None) -> Fisher:
        """Fisher matrix of one level, with the survey's own priors or those of `parameters` of the same names."""
        return Fisher(self.setup.parameters if parameters is None else parameters, self.by_level[level])

    def std(self, parameters: ParameterSet | None = None) -> dict[str, float]:
        """sigma(sigma8) by level, as `std_by_level` gives it."""
        return std_by_level(self.by_level, self.setup.parameters if parameters is None else parameters)

    def s8_std(self, parameters: ParameterSet | None = None) -> dict[str, float]:
        """The same of S8 = sigma8 (Om0/0.3)^0.5 where Om0 is free; empty where it is not."""
        return s8_std_by_level(self.by_level, self.setup.parameters if parameters is None else parameters)

    def dark_energy(self, parameters: ParameterSet | None = None) -> dict[str, dict[str, float]]:
        """Errors of w0 and wa by level, as `dark_energy_by_level` gives them."""
        return dark_energy_by_level(self.by_level, self.setup.parameters if parameters is None else parameters)


def std_by_level(information: Mapping[str, Array], parameters: ParameterSet) -> dict[str, float]:
    """sigma(sigma8) of the matrices of `fisher_by_level`."""
    return {level: fisher.std() for level, fisher in fisher_by_level(information, parameters).items()}


def s8_std_by_level(information: Mapping[str, Array], parameters: ParameterSet) -> dict[str, float]:
    """sigma(S8), S8 = sigma8 (Om0/0.3)^0.5, of the same where Om0 is free; empty where it is not."""
    if "Om0" not in parameters.names:
        return {}
    return {level: fisher_s8(fisher)[1] for level, fisher in fisher_by_level(information, parameters).items()}


def dark_energy_by_level(information: Mapping[str, Array], parameters: ParameterSet) -> dict[str, dict[str, float]]:
    """sigma(w0) and sigma(wa) by level, as far as they are free, and of both `MERIT`."""
    free = [name for name in DARK_ENERGY if name in parameters.names]
    if not free:
        return {}
    by_level = fisher_by_level(information, parameters)
    found = {name: {level: fisher.std(name) for level, fisher in by_level.items()} for name in free}
    if len(free) == len(DARK_ENERGY):
        found[MERIT] = {level: figure_of_merit(fisher) for level, fisher in by_level.items()}
    return found


def fisher_by_level(information: Mapping[str, Array], parameters: ParameterSet) -> dict[str, Fisher]:
    """Fisher matrices of the priors, by level, and "known": every Y_X, and no nuisance is free.

    Parameters
    ----------
    information : mapping of str to ndarray, shape (D, D)
        By level, that of every Y_X among them.
    parameters : ParameterSet
    """
    nothing = Fisher(parameters, np.zeros((len(parameters.names),) * 2))
    by_level = {level: Fisher(parameters, one) for level, one in information.items()}
    return {Bound.PRIOR: nothing, **by_level, Bound.KNOWN: _known(parameters, information[LevelName.UNBINNED])}


def _known(parameters: ParameterSet, information: Array) -> Fisher:
    kept = [i for i, name in enumerate(parameters.names) if name not in parameters.nuisances]
    return Fisher(parameters.without(parameters.nuisances), information[np.ix_(kept, kept)])
