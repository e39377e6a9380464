"""What a report is about: trained networks, the suite that trained them, and the catalogues that judge them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError, nearest
from forecast.model.forward import ForwardModel
from forecast.model.mocks import Mocks

from ..data.catalogues import Catalogues
from ..data.dataset import Source
from ..data.layout import CASES
from ..networks.config import NetworkConfig
from ..networks.laboratory import Laboratory
from ..networks.saving import SUFFIX, Origin, Trained, load_all

RESULTS = "results.json"


@dataclass(frozen=True)
class Trial:
    """Networks by case and the catalogues to judge them by.

    Parameters
    ----------
    networks : dict of str to tuple of Trained
        Ensembles by case.
    laboratory : Laboratory
        The suite that trained them.
    judged : Source
        The suite whose catalogues they are judged by.
    numbers : ndarray of int, shape (P,)
        Of those catalogues, ascending.
    """

    networks: Mapping[str, tuple[Trained, ...]]
    laboratory: Laboratory
    judged: Source
    numbers: Array

    @classmethod
    def open(cls, run: Path, suite: Path, *, judged: Path | None = None, most: int | None = None) -> Trial:
        """Networks of a run of `mlcheck cases` or `mlcheck train`, their suite, and what they are judged by.

        Parameters
        ----------
        run : Path
            Folder with a network or an ensemble, or with one folder per case.
        suite : Path
            The suite they were trained on; its test catalogues judge them.
        judged : Path, optional
            Another suite, all of whose catalogues judge them instead.
        most : int, optional
            Judge by so many catalogues at most.

        Raises
        ------
        InputError
            If there is no network, networks or suites do not belong together, or nothing is left to judge by.
        """
        networks = _networks(run)
        return cls.of(networks, _laboratory(run, networks, suite), judged=judged, most=most)

    @classmethod
    def of(
        cls,
        networks: Mapping[str, tuple[Trained, ...]],
        laboratory: Laboratory,
        *,
        judged: Path | None = None,
        most: int | None = None,
    ) -> Trial:
        """Networks by case, the suite that trained them, and what they are judged by; see `open`."""
        if judged is None:
            source, numbers = laboratory.source, laboratory.numbers[laboratory.split.test]
        else:
            source = Source.open(judged)
            _same_columns(source, laboratory.source, judged)
            table = source.suite.catalogues(names=["catalogue", "size"])
            numbers = np.asarray(table["catalogue"][table["size"] > 0])
        numbers = np.sort(numbers)[:most]
        if not len(numbers):
            place = judged or laboratory.source.suite.folder
            raise InputError(f"{place}: no catalogue has a cluster; there is nothing to judge by")
        return cls(networks, laboratory, source, numbers)

    @property
    def foreign(self) -> bool:
        """Whether the catalogues are not the training suite's own."""
        return self.judged is not self.laboratory.source

    @property
    def model(self) -> ForwardModel:
        """Forward model that the networks were trained for, and the statistics assume."""
        return self.laboratory.source.model

    @cached_property
    def truth(self) -> Array:
        """True sigma8 of the judged catalogues."""
        table = self.judged.suite.catalogues(names=["catalogue", "sigma8"])
        return np.asarray(table["sigma8"])[np.isin(table["catalogue"], self.numbers)]

    def catalogues(self, case: str) -> Catalogues:
        """The judged catalogues as a case sees them."""
        seed, scaling = self.laboratory.split_seed, self.laboratory.config.scaling
        every = self.laboratory.noise.blurred(self.judged.read(case, seed=seed, prescription=scaling), seed=seed)
        return every.take(np.flatnonzero(np.isin(every.number, self.numbers)))

    def training(self, case: str) -> Catalogues:
        """The training catalogues as a case sees them."""
        return self.laboratory.read(case).take(self.laboratory.split.train)

    def mocks(self, most: int) -> Mocks:
        """The first `most` judged catalogues as `forecast` has them."""
        return self.judged.mocks(self.numbers[:most])

    @property
    def identity(self) -> dict[str, Any]:
        """What every result depends on."""
        laboratory = self.laboratory
        return {
            "networks": {case: [member.digest for member in members] for case, members in self.networks.items()},
            "training": [laboratory.source.digest, laboratory.source.contents, laboratory.split_seed],
            "config": laboratory.config.model_dump(mode="json"),
            "judged": [self.judged.digest, self.judged.contents, self.judged.suite.manifest.name, self.numbers],
        }


def _networks(run: Path) -> dict[str, tuple[Trained, ...]]:
    if not run.is_dir():
        raise InputError(f"{run}: no such folder; give the --out of 'mlcheck cases' or 'mlcheck train'")
    folders = [run, *(run / case for case in CASES)]
    found = {}
    for folder in folders:
        if folder.is_dir() and any(folder.glob(f"*{SUFFIX}")):
            members = load_all(folder)
            found[members[0].scaler.layout.case] = members
    if not found:
        raise InputError(f"{run}: no network there; 'mlcheck cases CONFIG --suite DIR --out {run}' trains them")
    return {case: found[case] for case in CASES if case in found}


def _laboratory(run: Path, networks: Mapping[str, tuple[Trained, ...]], suite: Path) -> Laboratory:
    case, members = next(iter(networks.items()))
    path = next((p for p in (run / case / RESULTS, run / RESULTS) if p.is_file()), None)
    if path is None:
        raise InputError(f"{run}: no {RESULTS} beside the networks; 'mlcheck cases' or 'mlcheck train' writes it")
    try:
        config = NetworkConfig.model_validate(json.loads(path.read_text(encoding="utf-8"))["provenance"]["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: truncated or damaged; train again with the same --out to write it anew") from error
    origin = members[0].origin
    laboratory = Laboratory(config, suite, origin.split_seed)
    check_suite(laboratory, origin, suite)
    return laboratory


def check_suite(laboratory: Laboratory, origin: Origin, path: Path) -> None:
    """Refuse a suite, of a laboratory, that holds anything else than that which trained networks of an origin.

    Raises
    ------
    InputError
    """
    manifest = laboratory.source.suite.manifest
    if not origin.contents:
        raise InputError(f"{path}: the networks, of an earlier version, do not say what their suite held; train again")
    if laboratory.source.contents != origin.contents:
        raise InputError(
            f"{path}: not the suite that trained the networks, by the checksums of its files (seed {manifest.seed}, "
            f"{len(laboratory.numbers)} catalogues; theirs had seed {origin.suite_seed} and {origin.catalogues}), so "
            "that test catalogues could be training ones; give that suite, and others with --judge"
        )


def _same_columns(source: Source, training: Source, path: Path) -> None:
    if "sigma8" not in source.suite.parameters:
        raise InputError(f"{path}: sigma8 does not vary in this suite, so it cannot judge; free it in its survey")
    known = [column.name for column in source.suite.columns("clusters")]
    for column in training.suite.columns("clusters"):
        if column.name not in known:
            raise InputError(f"{path}: no column '{column.name}', which networks saw; {nearest(column.name, known)}")
