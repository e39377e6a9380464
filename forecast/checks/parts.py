"""A check in parts: groups of mocks of a level, and its predictions, which any process may compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..execution.executor import Executor
from ..model.forward import forward_model
from ..model.setup import Setup
from .outcome import Checks
from .plants import Plant, plants
from .ppc_power import PredictiveCheck, PredictivePlan, predictive_check
from .sbc import CalibrationPlan, GroupRanks, LevelCalibration, Models, check_names, gathered, rank_group


@dataclass(frozen=True)
class Part:
    """A group of mocks of a level; None: the predictions of that level."""

    level: str
    group: int | None


@dataclass(frozen=True)
class PartResult:
    """What a part found: one of the two."""

    ranks: GroupRanks | None = None
    prediction: PredictiveCheck | None = None


@dataclass(frozen=True)
class CheckOf:
    """Parts of the check of one survey.

    Parameters
    ----------
    setup : Setup
    truth : Setup or None
        What mocks are drawn from instead; for predictions it is one more failure to be caught.
    calibration : CalibrationPlan
    predictive : PredictivePlan or None
    """

    setup: Setup
    truth: Setup | None
    calibration: CalibrationPlan
    predictive: PredictivePlan | None

    @cached_property
    def models(self) -> Models:
        """Forward models of the survey and of the mocks."""
        model = forward_model(self.setup)
        return model, model if self.truth is None else forward_model(self.truth)

    def parts(self, levels: Sequence[str]) -> list[Part]:
        """All parts, those of the dearest levels first."""
        groups = [*range(self.calibration.groups), *([] if self.predictive is None else [None])]
        return [Part(level, group) for level in reversed(levels) for group in groups]

    def __call__(self, part: Part) -> PartResult:
        """What a part finds."""
        if part.group is not None:
            return PartResult(ranks=rank_group(self.models, part.level, self.calibration, part.group))
        assert self.predictive is not None
        other = () if self.truth is None else (Plant("other model", self.models[1]),)
        failures = plants(self.setup) + other
        return PartResult(prediction=predictive_check(self.models[0], part.level, self.predictive, failures))


def run_parts(
    check: CheckOf, levels: Sequence[str], executor: Executor, progress: Callable[[int, int], None] | None = None
) -> Checks:
    """Do all parts of a check and put them together.

    Raises
    ------
    InputError
        If sigma8 is not free, or the mocks have other parameters.
    """
    check_names(check.models)
    parts = check.parts(levels)
    results = executor.kept("check", PartResult, check, parts, progress=progress)
    found = list(zip(parts, results, strict=True))

    def calibration(level: str) -> LevelCalibration:
        groups = [result.ranks for part, result in found if part.level == level and result.ranks is not None]
        return gathered(level, groups, check.models[0].parameters.names, check.calibration)

    predictions = {part.level: result.prediction for part, result in found if result.prediction is not None}
    in_order = tuple(predictions[level] for level in levels if level in predictions)
    return Checks(tuple(calibration(level) for level in levels), in_order)
