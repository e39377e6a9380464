"""The information ladder of several independent surveys: of each, and of all together, where information adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..forecasts.joint import density_prior
from ..forecasts.ladder import LadderRow, Variant, density_note, free_density
from ..forecasts.survey_information import SurveyInformation, dark_energy_by_level, s8_std_by_level, std_by_level
from .joint_setup import JointSetup


@dataclass(frozen=True)
class JointLadder:
    """Ladder of surveys as configured and, where Om0 is fixed, with it free.

    Parameters
    ----------
    joint : JointSetup
    quick : bool
        Levels up to every Y_X.
    """

    joint: JointSetup
    quick: bool = False

    def rows(self) -> Iterator[LadderRow]:
        """sigma(sigma8), and sigma(S8) where Om0 is free, at the levels that all have: of each, then of all.

        Raises
        ------
        NumericalError
            If a derivative of a model is not finite.
        """
        yield from self._rows(self.joint, "")
        if self._free:
            label = next(iter(self._free.values())).label
            freed = {name: variant.setup for name, variant in self._free.items()}
            yield from self._rows(JointSetup.of(freed, self.joint.nuisances), f", {label}")

    def in_order(self, rows: Sequence[LadderRow]) -> tuple[LadderRow, ...]:
        """The same rows, that of all before those of each."""
        size = len(self.joint.setups) + 1
        blocks = (rows[start : start + size] for start in range(0, len(rows), size))
        return tuple(row for block in blocks for row in (block[-1], *block[:-1]))

    @property
    def number(self) -> int:
        """Of rows."""
        return (2 if self._free else 1) * (len(self.joint.setups) + 1)

    @property
    def note(self) -> str:
        """What the rows in which Om0 is free assume, or why there are none; empty where it is free anyway."""
        setups = list(self.joint.setups.values())
        return density_note(setups[0], density_prior(setups))

    @cached_property
    def _free(self) -> dict[str, Variant]:
        """Surveys with Om0 free, with one prior; none where it is free, or cannot be."""
        prior = density_prior(self.joint.setups.values())
        found = {name: free_density(setup, prior) for name, setup in self.joint.setups.items()}
        return {name: variant for name, variant in found.items() if variant is not None}

    def _rows(self, joint: JointSetup, more: str) -> Iterator[LadderRow]:
        """Rows of surveys, with `more` behind their names."""
        levels = joint.some_levels(quick=self.quick)
        parameters, found = joint.union.parameters, dict[str, SurveyInformation]()
        for name, setup in joint.setups.items():
            found[name] = one = SurveyInformation.of(setup, levels)
            yield _row(name + more, one.count, one.by_level, setup.parameters)
        added = {level: np.sum([_placed(joint, one, level) for one in found.items()], axis=0) for level in levels}
        yield _row(" + ".join(joint.setups) + more, sum(one.count for one in found.values()), added, parameters)


def _placed(joint: JointSetup, named: tuple[str, SurveyInformation], level: str) -> Array:
    """A survey's information on the parameters of all, (U, U)."""
    name, found = named
    return joint.union.embedded(name, joint.setups[name].parameters.names, found.by_level[level])


def _row(label: str, count: float, information: Mapping[str, Array], parameters: ParameterSet) -> LadderRow:
    return LadderRow(
        label=label,
        selection=label,
        widening=1.0,
        expected_count=count,
        sigma8_std=std_by_level(information, parameters),
        s8_std=s8_std_by_level(information, parameters),
        dark_energy=dark_energy_by_level(information, parameters),
    )
