"""A ladder row by row: each is told as soon as it is found, that of the survey itself before all else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..config.load import Config
from ..core.records import Job
from ..forecasts.ladder import Ladder, LadderRow, SurvivalRow, density_note, variants
from ..forecasts.lensing_bias import LensingRow, lensing_rows
from ..forecasts.swaps import SystematicRow
from ..forecasts.variant_name import SELECTIONS
from ..report.results import Result
from ..report.text_table import row_words, shift_words
from .options import LEFT_OUT

QUICK_LADDER = f"{LEFT_OUT} So were shifts by other assumptions, and what survives wider priors in larger surveys."


@dataclass(frozen=True)
class Climb:
    """The ladder that a configuration asks for, and who is told of it."""

    ladder: Ladder
    config: Config
    job: Job

    @classmethod
    def of(cls, config: Config, job: Job, *, quick: bool = False) -> Climb:
        """That of a configuration; `quick`: rows alone, up to every Y_X."""
        return cls(Ladder(config.setup, config.break_masses, quick), config, job)

    def first(self) -> tuple[LadderRow, ...]:
        """The row of the survey as configured, told."""
        self.job.begin("the survey as configured")
        row = next(self.ladder.rows(self.config.ladder.widening))
        self.job.say(row_words(row, self.ladder.setup.fixed_density))
        return (row,)

    def added_to(self, result: Result, told: Sequence[LadderRow] = (), *, survival: bool = False) -> Result:
        """A result with all rows, of which the first are `told`, shifts, and what survives."""
        rows = tuple(told) or self.first()
        every, number = self.ladder.rows(self.config.ladder.widening), self._number - len(rows)
        rest = (row for place, row in enumerate(every) if place >= len(rows))
        rows += tuple(self._told(row) for row in self.job.following(rest, "ladder", number))
        result = replace(result, ladder=rows, notes=(*result.notes, *filter(None, [density_note(self.ladder.setup)])))
        if self.ladder.quick:
            return replace(result, notes=(*result.notes, QUICK_LADDER))
        result = replace(result, lensing=self._lensing(), systematics=self._shifts())
        return replace(result, survival=self._survival()) if survival else result

    @property
    def _number(self) -> int:
        """Rows of the ladder."""
        surveys = tuple(variants(self.ladder.setup, self.ladder.break_masses))
        return len(surveys) * len(self.config.ladder.widening)

    def _told(self, row: LadderRow) -> LadderRow:
        self.job.say(row_words(row))
        return row

    def _lensing(self) -> tuple[LensingRow, ...]:
        plan = self.config.ladder
        if self.ladder.setup.weak_lensing is None:
            return ()
        rows = lensing_rows(self.ladder.setup, plan.widening, plan.lensing_bias)
        return tuple(self.job.following(rows, "bias of lensing masses"))

    def _shifts(self) -> tuple[SystematicRow, ...]:
        found = []
        plan, heard = self.config.ladder, self.job.counted("other assumptions")
        for row in self.ladder.shifts(plan.mass_functions, plan.widening, heard):
            self.job.say(shift_words(row))
            found.append(row)
        return tuple(found)

    def _survival(self) -> tuple[SurvivalRow, ...]:
        plan = self.config.ladder
        selections = sum(one.label in SELECTIONS for one in variants(self.ladder.setup, ()))
        rows = self.ladder.survival(plan.survival_widening, plan.volumes)
        number = selections * len(plan.survival_widening) * len(plan.volumes)
        return tuple(self.job.following(rows, "what survives", number))
