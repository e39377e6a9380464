"""What the tests of a report need: each piece made when first asked for, the dear ones kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from forecast.core.arrays import Array
from forecast.core.rng import generator
from forecast.execution.executor import Executor
from forecast.execution.store import Store
from forecast.influence.by_cluster import ClusterInfluence, cluster_influence
from forecast.likelihoods.level_name import LevelName
from forecast.likelihoods.levels import CLUSTER_LEVELS, levels_of
from forecast.model.mocks import Mocks
from forecast.sampling.ensemble import MomentsPlan, Posteriors, chains_name, sample_posteriors

from ..accuracy.cases import COUNTERPARTS
from ..attribution.leave_one_out import LeaveOneOut, leave_one_out
from ..attribution.saliency import NetworkSaliency, end_saliency
from ..data.catalogues import Catalogues
from ..domain.reference import Reference
from ..domain.summaries import Cloud
from ..networks.predict import Predictions, predict
from ..trust.count_response import Thinned, surprise, thin
from .trial import Trial

Progress = Callable[[str, int, int, float], None]
Value = TypeVar("Value")


@dataclass(frozen=True)
class ReportPlan:
    """How much is computed.

    Parameters
    ----------
    seed : int
    exact : int
        Judged catalogues with exact posteriors.
    steps : int
        Of their chains.
    alone : int
        Catalogues for leave-one-out.
    away : int
        Catalogues of every other library and mass function.
    known : int
        Catalogues behind the signature of every known fault.
    draws : int
        Prior draws behind the exact means that are held against labels.
    """

    seed: int = 1
    exact: int = 200
    steps: int = 2000
    alone: int = 100
    away: int = 200
    known: int = 200
    draws: int = 8000

    @classmethod
    def quick(cls, seed: int) -> ReportPlan:
        """A rough report in a fraction of the time: tests lose power, not truth."""
        return cls(seed, exact=100, steps=500, alone=20, away=60, known=80, draws=3000)

    @property
    def moments(self) -> MomentsPlan:
        """Of exact posteriors."""
        return MomentsPlan(self.seed, steps=self.steps)


@dataclass(frozen=True)
class Standing:
    """Exact posteriors of sigma8 at one level; arrays of shape (P,) but `halves`, (2, P).

    Parameters
    ----------
    level : str
    mean, std : ndarray
    below : ndarray
        Posterior probability below the truth.
    halves : ndarray
        Means from either half of the draws.
    surprise : ndarray
        Chance of so few clusters under the posterior itself.
    effective : float
        Draws behind each mean.
    """

    level: str
    mean: Array
    std: Array
    below: Array
    halves: Array
    surprise: Array
    effective: float


@dataclass(frozen=True)
class Level:
    """Exact posteriors of one level, and what every cluster does to their means (at levels of single clusters)."""

    standing: Standing
    influence: ClusterInfluence | None


class Evidence:
    """All that is known of a trial.

    Parameters
    ----------
    trial : Trial
    plan : ReportPlan
    store : Store
    progress : callable, optional
    executor : Executor, optional
        Who walks the chains of exact posteriors.
    """

    def __init__(
        self,
        trial: Trial,
        plan: ReportPlan,
        store: Store,
        progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.trial, self.plan, self._store, self._progress = trial, plan, store, progress
        self._executor = executor or Executor()
        self._memory: dict[tuple[str, ...], Any] = {}

    def _once(self, name: tuple[str, ...], compute: Callable[[], Value]) -> Value:
        if name not in self._memory:
            self._memory[name] = compute()
        found: Value = self._memory[name]
        return found

    def kept(self, name: str, kind: type[Value], compute: Callable[[], Value], of: Any = None) -> Value:
        """A piece that survives the program's end."""
        settings = [self.plan.seed, of]
        return self._once((name,), lambda: self._store.get(name, kind, compute, of=settings))

    def rng(self, name: str) -> np.random.Generator:
        """Randomness of one test, the same whatever other tests are made."""
        return generator(self.plan.seed, f"report {name}")

    def report(self, name: str) -> Callable[[int, int], None] | None:
        """Progress of one piece."""
        progress = self._progress
        return None if progress is None else lambda done, total: progress(name, done, total, float("nan"))

    @property
    def main(self) -> str:
        """The case that the verdict is about: the one that sees most."""
        networks = self.trial.networks
        return next((case for case in ("standard", "shuffled", "no-wl") if case in networks), next(iter(networks)))

    def catalogues(self, case: str) -> Catalogues:
        """All judged catalogues."""
        return self._once(("catalogues", case), lambda: self.trial.catalogues(case))

    def few(self, case: str) -> Catalogues:
        """Those with exact posteriors."""
        every = self.catalogues(case)
        return self._once(("few", case), lambda: every.take(np.arange(min(self.plan.exact, len(every)))))

    @cached_property
    def mocks(self) -> Mocks:
        """The same as `forecast` has them."""
        return self.trial.mocks(self.plan.exact)

    @property
    def truth(self) -> Array:
        """True sigma8 of all judged catalogues."""
        return self.trial.truth

    @property
    def some_truth(self) -> Array:
        """True sigma8 of those with exact posteriors."""
        return self.trial.truth[: self.plan.exact]

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels of the ladder that posteriors are computed for."""
        return tuple(level for level in levels_of(self.trial.model.setup) if level != LevelName.BINNED)

    def counterpart(self, case: str) -> str | None:
        """Level that uses what a case sees."""
        return next((level for level in COUNTERPARTS.get(case, ()) if level in self.levels), None)

    def predictions(self, case: str) -> Predictions:
        """Of all judged catalogues."""
        members = self.trial.networks[case]
        return self._once(("predictions", case), lambda: predict(members, self.catalogues(case), check=False))

    def few_predictions(self, case: str) -> Predictions:
        """Of those with exact posteriors."""
        return self.predictions(case).take(np.arange(len(self.mocks.size)))

    def level(self, level: str) -> Level:
        """Exact posteriors, and what clusters do to them."""
        found = self.kept(f"level-{level}", Level, lambda: self._level(level), self._sampling)
        self._store.clear(chains_name(level))
        return found

    @property
    def _sampling(self) -> list[int]:
        return [self.plan.exact, self.plan.steps]

    def _level(self, level: str) -> Level:
        found = self._posteriors(level, self.mocks, f"exact posteriors, {level}")
        influence = None
        if level in CLUSTER_LEVELS:
            told = self.report(f"influence of clusters, {level}")
            influence = cluster_influence(self.trial.model, self.mocks, found, progress=told)
        return Level(self._standing(found, self.mocks), influence)

    def _posteriors(self, level: str, mocks: Mocks, name: str) -> Posteriors:
        plan, told = replace(self.plan.moments, kept=300), self.report(name)
        executor = replace(self._executor, store=self._store)
        model, truth = self.trial.model, self.some_truth
        return sample_posteriors(model, level, mocks, plan, sigma8=truth, progress=told, executor=executor)

    def _standing(self, found: Posteriors, mocks: Mocks) -> Standing:
        mean, std = found.moments.of("sigma8")
        chance = surprise(self.trial.model, mocks, found)
        below = found.moments.cumulative
        return Standing(
            level=found.level,
            mean=mean,
            std=std,
            below=below,
            halves=found.halves,
            surprise=chance,
            effective=found.moments.effective,
        )

    def thinned(self, case: str) -> Thinned:
        """The catalogues with exact posteriors, part of their clusters taken away: the same part for every case."""
        return self._once(("thinned", case), lambda: thin(self.few(case), self.mocks, rng=self.rng("thinning")))

    def thinned_standing(self, level: str) -> Standing:
        """Exact posteriors of the thinned catalogues."""

        def compute() -> Standing:
            case = next(iter(self.trial.networks))
            mocks = self.thinned(case).mocks
            return self._standing(self._posteriors(level, mocks, f"thinned catalogues, {level}"), mocks)

        found = self.kept(f"thinned-{level}", Standing, compute, self._sampling)
        self._store.clear(chains_name(level))
        return found

    def saliency(self, case: str) -> NetworkSaliency:
        """End to end, of the catalogues with exact posteriors."""
        members = self.trial.networks[case]
        return self._once(("saliency", case), lambda: end_saliency(members, self.few(case)))

    def alone(self, case: str) -> Catalogues:
        """Catalogues for leave-one-out."""
        few = self.few(case)
        return few.take(np.arange(min(self.plan.alone, len(few))))

    def leave_one_out(self, case: str) -> LeaveOneOut:
        """Shifts of the predictions without each cluster."""
        members, told = self.trial.networks[case], self.report(f"leave one out, {case}")
        compute = lambda: leave_one_out(members, self.alone(case), progress=told)  # noqa: E731
        return self.kept(f"alone-{case}", LeaveOneOut, compute, [self.plan.exact, self.plan.alone])

    @property
    def reference(self) -> Reference | None:
        """What the training catalogues were like, as the network's file has it."""
        return self.trial.networks[self.main][0].reference

    @cached_property
    def cloud(self) -> Cloud:
        """The training catalogues as points."""
        return Cloud.of(self.trial.training(self.main))
