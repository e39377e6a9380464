"""What `forecast check` found: calibration of every level, and posterior predictive checks."""

from __future__ import annotations

from dataclasses import dataclass

from .ppc_power import PredictiveCheck
from .sbc import LevelCalibration


@dataclass(frozen=True)
class Checks:
    """What `forecast check` found, level by level; `predictive` is empty if it was not asked for."""

    calibration: tuple[LevelCalibration, ...]
    predictive: tuple[PredictiveCheck, ...]

    @property
    def failures(self) -> list[str]:
        """Levels that are not calibrated, or whose predictions are not."""
        wrong = ("not calibrated", "false alarms")
        failed = [check.level for check in self.calibration if check.status in wrong]
        return failed + [f"predictions of {check.level}" for check in self.predictive if check.status in wrong]


def contents(checks: Checks) -> dict[str, dict[str, LevelCalibration | PredictiveCheck]]:
    """Checks by level, as they are written."""
    found: dict[str, dict[str, LevelCalibration | PredictiveCheck]] = {
        "levels": {c.level: c for c in checks.calibration}
    }
    if checks.predictive:
        found["predictive"] = {c.level: c for c in checks.predictive}
    return found
