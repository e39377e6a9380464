"""Other assumptions than those of a fit: what they may be, and how far each moves sigma8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..cosmology.mass_function import MODELS
from ..likelihoods.data import Data
from ..likelihoods.fisher import Fisher, fisher_matrix
from ..likelihoods.levels import level_class, likelihood
from ..model.forward import ForwardModel
from ..model.setup import Setup
from .peak import peak
from .survey_information import SurveyInformation


def swapped(setup: Setup, mass_functions: Sequence[str], break_masses: Sequence[float]) -> list[tuple[str, Setup, str]]:
    """Label, survey, and what it has that the configured one has not."""
    selection = setup.selection.in_mass
    found = [
        (f"data follow {name}, fit assumes {setup.mass_function}", replace(setup, mass_function=name), "mass function")
        for name in mass_functions
        if name in MODELS and name != setup.mass_function
    ]
    if selection is None:
        return found
    for m in break_masses:
        label = f"data have Mbreak = 10^{m:.2f} Msun/h, fit assumes 10^{selection.log_break:.2f}"
        found.append((label, replace(setup, selection=selection.with_break(m)), "break mass"))
    return found


@dataclass(frozen=True)
class Peaks:
    """Places of maximum posteriors of a survey's expected data.

    Parameters
    ----------
    found : SurveyInformation
    model : ForwardModel
        That which is fitted.
    priors : dict of float to ParameterSet
        By how many times wider those of normalisations are.
    found_one : callable
        Called when one is found.
    """

    found: SurveyInformation
    model: ForwardModel
    priors: dict[float, ParameterSet]
    found_one: Callable[[], None] = lambda: None

    def of(self, truth: ForwardModel) -> dict[float, dict[str, float]]:
        """sigma8 by width of the priors and level, of data expected if `truth` were true."""
        data = Data.expected(truth, points=any(level_class(level).of_clusters for level in self.found.by_level))
        at = dict.fromkeys(self.priors, self.model.parameters.fiducial)
        sigma8: dict[float, dict[str, float]] = {factor: {} for factor in self.priors}
        for level in self.found.by_level:
            target = likelihood(level, self.model, data)
            for factor, parameters in self.priors.items():
                information = partial(self._information, level, parameters)
                at[factor] = peak(self.found.fisher(level, parameters), target, information, at[factor])
                sigma8[factor][level] = float(at[factor][parameters.names.index("sigma8")])
                self.found_one()
        return sigma8

    def _information(self, level: str, parameters: ParameterSet, theta: Array) -> Fisher:
        """Fisher matrix at a parameter vector (D,)."""
        return replace(fisher_matrix(level, self.model, at=theta), parameters=parameters)


@dataclass(frozen=True)
class SystematicRow:
    """Shift of the maximum-posterior sigma8 when the data follow another model, by level.

    Parameters
    ----------
    label : str
    shift : dict of str to float
    swapped : str
        What differs, "mass function" or "break mass".
    widening : float
        Factor on the width (in log) of the normalisation priors.
    error : dict of str to float
        sigma(sigma8) of the forecast with these priors, by level.
    """

    label: str
    shift: dict[str, float]
    swapped: str = "mass function"
    widening: float = 1.0
    error: dict[str, float] = field(default_factory=dict)
    in_errors: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        found = {level: self.shift[level] / error for level, error in self.error.items() if error > 0}
        object.__setattr__(self, "in_errors", found)
