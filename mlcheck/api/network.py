"""A trained network as one object: what it answers, whether it may, and how good it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecast.api.arguments import one_of, whole
from forecast.api.html_tables import html_table
from forecast.api.tables import table_file
from forecast.core.errors import InputError
from forecast.core.files import prepare_output
from forecast.execution.executor import Executor
from forecast.likelihoods.levels import levels_of
from forecast.sampling.ensemble import MomentsPlan
from forecast.suite.reader import Suite

from ..apply.inputs import is_foreign, read_inputs
from ..apply.judged import predict_judged
from ..data.catalogues import Catalogues
from ..data.dataset import Source
from ..domain.out_of_distribution import RETRAIN, UNTESTED, judge, judge_suite
from ..evidence.evidence import ReportPlan
from ..evidence.trial import Trial, check_suite
from ..networks.architectures import layers_of
from ..networks.config import NetworkConfig
from ..networks.laboratory import Laboratory
from ..networks.saving import SUFFIX, Trained, load_all, save
from ..report.build import build_report, write_report
from .answers import Answers, Judgement, Scores, TrustReport
from .scoring import ScorePlan, score_network


def suite_folder(suite: Suite | str | Path) -> Path:
    """Folder of a suite, however given."""
    if isinstance(suite, Suite):
        return suite.folder
    if not isinstance(suite, str | os.PathLike):
        raise InputError(f"a suite is a folder, or what open_suite returns, got {type(suite).__name__}")
    return Path(suite)


def _source(catalogues: Any) -> Any:
    """A suite's folder; anything else as it is."""
    if catalogues is None:
        raise InputError("nothing to judge; give a suite, a file of clusters, or a table")
    return catalogues.folder if isinstance(catalogues, Suite) else catalogues


@dataclass(frozen=True, repr=False, eq=False)
class TrainedNetwork:
    """A trained network, or an ensemble of them; `train` and `load_network` make it.

    Parameters
    ----------
    members : tuple of Trained
        Of one survey, case and training set.
    settings : NetworkConfig or None
        That they were trained with, where known.

    Examples
    --------
    >>> from mlcheck import load_network
    >>> load_network("no/such/model.keras")
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: no/such/model.keras: no such model; 'mlcheck train' writes one
    """

    members: tuple[Trained, ...]
    settings: NetworkConfig | None = None

    @property
    def survey(self) -> str:
        """Name of the survey that it was trained for."""
        return self.members[0].origin.survey

    @property
    def case(self) -> str:
        """What it is shown: "standard", "no-wl", ..."""
        return self.members[0].scaler.layout.case

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that it needs of every cluster, log10 in erg/s, keV, Msun/h."""
        return self.members[0].scaler.layout.names

    @property
    def parameters(self) -> int:
        """Trainable parameters of one member."""
        return self.members[0].network.parameters

    @property
    def losses(self) -> tuple[dict[str, tuple[float, ...]], ...]:
        """Of every member, by epoch: "train" and "validation"."""
        return tuple({"train": m.history.train, "validation": m.history.validation} for m in self.members)

    def layers(self) -> list[dict[str, Any]]:
        """Name, shape of the output for N clusters, and trainable parameters of every layer."""
        return layers_of(self.members[0].network)

    def predict(self, catalogues: Any, *, force: bool = False) -> Answers:
        """sigma8 of catalogues, each after the test of whether it is like the training ones.

        Parameters
        ----------
        catalogues : Suite, str, Path, astropy Table, DataFrame or dict of columns
            A suite, or a table of clusters with the columns `features`; several catalogues where it has a column
            ``catalogue``.
        force : bool
            Answer also where the test refuses; such answers are not trusted.

        Returns
        -------
        Answers
            NaN where the network refuses.

        Raises
        ------
        InputError
            If a feature is missing or not finite, a suite is of another survey, or the network's file has no test.
        """
        found, foreign = self._read(catalogues, force)
        return Answers(predict_judged(self.members, found, force=force, foreign=foreign))

    def judge(self, catalogues: Any) -> Judgement:
        """Whether catalogues are like the training ones, each on its own, and many together; input as for `predict`.

        Raises
        ------
        InputError
            As `predict`; suites of another survey are judged.
        """
        reference = self.members[0].reference
        if reference is None:
            raise InputError(f"{UNTESTED}; {RETRAIN}")
        found, _ = self._read(catalogues, force=True)
        self.members[0].scaler.check_layout(found)
        return Judgement(judge(reference, found), judge_suite(reference, found) if len(found) > 1 else None)

    def test(
        self,
        suite: Suite | str | Path,
        levels: Sequence[str] = (),
        *,
        exact: int = 100,
        steps: int = 1000,
        baselines: bool = False,
        seed: int = 1,
    ) -> Scores:
        """Score on the test catalogues of the training suite, beside exact posteriors of the same catalogues.

        Parameters
        ----------
        suite : Suite, str or Path
            The one that trained the network.
        levels : sequence of str
            Of exact posteriors; the network is held against the last.
        exact : int
            Test catalogues for exact posteriors.
        steps : int
            Of their chains.
        baselines : bool
            Score the baselines too, a quadratic ridge regression among them, fitted on the training catalogues.
        seed : int

        Raises
        ------
        InputError
            If it is another suite, or the survey lacks a level.
        """
        laboratory = self._laboratory(suite)
        known = levels_of(laboratory.source.model.setup)
        plan = ScorePlan(
            tuple(one_of(level, known, "level") for level in levels),
            whole(exact, "exact", 10),
            MomentsPlan(whole(seed, "seed"), steps=whole(steps, "steps", 250)),
            baselines,
        )
        return score_network(self.members, laboratory, plan)

    def report(
        self,
        suite: Suite | str | Path,
        out: str | Path,
        *,
        quick: bool = False,
        judged: Suite | str | Path | None = None,
        seed: int = 1,
    ) -> TrustReport:
        """Can the network be trusted? Every test, a verdict, and an HTML page, as ``mlcheck report`` makes it.

        Parameters
        ----------
        suite : Suite, str or Path
            The one that trained the network; its test catalogues judge it.
        out : str or Path
            Folder of the page; finished steps are kept there.
        quick : bool
            A rough report in a fraction of the time.
        judged : Suite, str or Path, optional
            Judge by all catalogues of this suite instead.
        seed : int

        Raises
        ------
        InputError
            If it is another suite, or `out` cannot be written.
        """
        laboratory, folder, seed = self._laboratory(suite), Path(out), whole(seed, "seed")
        other = None if judged is None else suite_folder(judged)
        trial = Trial.of({self.case: self.members}, laboratory, judged=other)
        prepare_output(folder)
        plan = ReportPlan.quick(seed) if quick else ReportPlan(seed)
        found = build_report(trial, plan, folder, executor=Executor())
        return TrustReport(found.verdict, found.findings, write_report(found, folder))

    def save(self, folder: str | Path) -> None:
        """Write every member into a folder; `load_network` reads it.

        Raises
        ------
        InputError
            If it holds networks already, or cannot be written.
        """
        path = Path(folder)
        prepare_output(path)
        if any(path.glob(f"*{SUFFIX}")):
            raise InputError(f"{path}: holds networks already; choose another folder")
        for number, member in enumerate(self.members, 1):
            save(member, path / f"member-{number}{SUFFIX}")

    def _read(self, catalogues: Any, force: bool) -> tuple[Catalogues, bool]:
        """Catalogues as the network sees them, and whether they are a suite of another survey."""
        with table_file(_source(catalogues)) as path:
            assert path is not None
            return read_inputs(path, self.members[0], check=not force), is_foreign(path, self.members[0])

    def _laboratory(self, suite: Suite | str | Path) -> Laboratory:
        """The suite that trained the network, divided as it was then."""
        origin, folder = self.members[0].origin, suite_folder(suite)
        source = Source.open(folder)
        self.members[0].check_survey(source.digest, str(folder))
        if self.settings is None and self.case == "overspecialised":
            raise InputError("the exponents of case 'overspecialised' are in no network's file; use what train returns")
        rebuilt = NetworkConfig(title=self.survey, survey="", catalogue_errors=bool(origin.noise))
        laboratory = Laboratory(self.settings or rebuilt, folder, origin.split_seed)
        check_suite(laboratory, origin, folder)
        return laboratory

    def __repr__(self) -> str:
        number = "network" if len(self.members) == 1 else f"ensemble of {len(self.members)} networks"
        preset = self.members[0].network.architecture.preset
        return f"<{preset} {number} for survey {self.survey}, case {self.case}: {self.parameters:,} parameters>"

    def _repr_html_(self) -> str:
        origin = self.members[0].origin
        rows = [
            ("parameters", f"{self.parameters:,}"),
            ("features", ", ".join(self.features)),
            ("catalogues in its suite", f"{origin.catalogues:,}"),
            ("epochs", ", ".join(str(m.history.epochs) for m in self.members)),
            ("backend", origin.backend),
        ]
        return html_table(repr(self)[1:-1], [], rows)


def load_network(path: str | Path) -> TrainedNetwork:
    """A network that `train` or ``mlcheck train`` kept, or all those of a folder.

    Parameters
    ----------
    path : str or Path
        A ``.keras`` file, or a folder of them (an ensemble).

    Returns
    -------
    TrainedNetwork

    Raises
    ------
    InputError
        If there is none, a file is damaged, or they do not belong together.

    Examples
    --------
    >>> from mlcheck import load_network
    >>> load_network(3)
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: a network is a file or a folder, got int; give the path that 'mlcheck train' wrote
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            f"a network is a file or a folder, got {type(path).__name__}; give the path that 'mlcheck train' wrote"
        )
    return TrainedNetwork(load_all(Path(path)))
