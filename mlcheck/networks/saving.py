"""Trained networks on disk: one `.keras` file each, with scaler, plan, history and provenance inside.

Keras's own loader reads the file; this package's never lets it run what a file contains: the architecture is
built anew from a few named settings, and only arrays are read.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from forecast.config.renewal import renewed
from forecast.core.errors import InputError
from forecast.core.files import json_text, to_plain, write_whole
from forecast.core.formats import NETWORK
from forecast.execution.packing import packed, unpacked

from ..data.scaler import Scaler
from ..data.whitening import Whitening, Whitenings
from ..domain.reference import Reference
from .architectures import Architecture, Network, build
from .history import History
from .plan import TrainingPlan

SUFFIX = ".keras"
_ABOUT, _WEIGHTS, _REFERENCE = "massanchor.json", "model.weights.h5", "reference.npz"


@dataclass(frozen=True)
class Origin:
    """Where a network comes from.

    Parameters
    ----------
    survey : str
        Name of the survey's configuration.
    model : str
        Digest of the survey's forward model, as suites have it.
    configuration : dict
        The survey's whole configuration.
    suite_seed, seed : int
        Of the suite, and of the training.
    split_seed : int
        Of the division into training, validation and test catalogues.
    catalogues : int
        In the suite.
    backend : str
    software : dict of str to str
    noise : tuple of float
        Measurement errors of log10 Y_X, dex, that the suite's clusters got at random; see `noise.Noise`.
    contents : str
        Digest of what the suite holds, as `dataset.Source` has it; "" in files of earlier versions.
    """

    survey: str
    model: str
    configuration: dict[str, Any]
    suite_seed: int
    seed: int
    split_seed: int
    catalogues: int
    backend: str
    software: dict[str, str]
    noise: tuple[float, ...] = ()
    contents: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """All that decides which catalogues a network sees, in words."""
        return {
            "survey": self.model,
            "suite's content": self.contents,
            "suite's seed": self.suite_seed,
            "number of catalogues": self.catalogues,
            "--split-seed": self.split_seed,
            "errors of Y_X": self.noise,
        }

    @staticmethod
    def versions() -> dict[str, str]:
        """Of what shapes the weights."""
        found = {}
        for name in ("massanchor", "numpy", "keras", "tensorflow", "tensorflow-cpu", "jax"):
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return found


@dataclass(frozen=True)
class Trained:
    """A trained network and all that is needed to use and to reproduce it.

    Parameters
    ----------
    network : Network
    scaler : Scaler
    whitening : tuple of Whitening or None
    plan : TrainingPlan
    history : History
    origin : Origin
    reference : Reference or None
        What the training catalogues were like; None in files of earlier versions.
    """

    network: Network
    scaler: Scaler
    whitening: Whitenings | None
    plan: TrainingPlan
    history: History
    origin: Origin
    reference: Reference | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights, and of the data they were trained on."""
        found = hashlib.sha256(json.dumps(to_plain([self.scaler.to_dict(), self.origin])).encode())
        for weight in self.network.model.get_weights():
            found.update(np.ascontiguousarray(weight).tobytes())
        return found.hexdigest()

    def check_survey(self, model: str, what: str) -> None:
        """Refuse catalogues of another survey.

        Raises
        ------
        InputError
        """
        if model != self.origin.model:
            raise InputError(
                f"{what} belongs to another survey than the model, which was trained for '{self.origin.survey}'; "
                "train a model on a suite of this survey, or --force to see what comes out"
            )


def save(trained: Trained, path: Path) -> None:
    """Write a network, whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / f"model{SUFFIX}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Keras, about its own arrays
            trained.network.model.save(draft)
        reference = b"" if trained.reference is None else packed(trained.reference)
        about = {
            "format": NETWORK.version,
            "architecture": trained.network.architecture.to_dict(),
            "scaler": trained.scaler.to_dict(),
            "whitening": [asdict(w) for w in trained.whitening or () if w is not None],
            "plan": asdict(trained.plan),
            "history": asdict(trained.history),
            "origin": asdict(trained.origin),
            "weights_sha256": _digest(draft),
            "reference_sha256": hashlib.sha256(reference).hexdigest() if reference else None,
        }
        with zipfile.ZipFile(draft, "a") as archive:
            archive.writestr(_ABOUT, json_text(to_plain(about)))
            if reference:
                archive.writestr(_REFERENCE, reference)
        write_whole(path, draft.read_bytes())


def load(path: Path) -> Trained:
    """Read a network that `save` wrote.

    Raises
    ------
    InputError
        If the file is missing, truncated, altered, of another format, or was not written by this package.
    """
    path = Path(path)
    about, weights, reference = _read(path)
    try:
        architecture = Architecture(**about["architecture"])
        scaler = Scaler.from_dict(about["scaler"])
        whitening = _whitenings(about["whitening"])
        plan, origin = TrainingPlan(**about["plan"]), _origin(about["origin"])
        history = _history(about["history"])
        network = build(architecture.full, scaler.layout, bounded=scaler.bounded, whitening=whitening)
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / _WEIGHTS
            local.write_bytes(weights)
            network.model.load_weights(local)
        learnt = unpacked(Reference, reference) if reference else None
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{path}: its content does not fit this version ({error}); train the model again") from error
    return Trained(
        network=replace(network, architecture=architecture),
        scaler=scaler,
        whitening=whitening,
        plan=plan,
        history=history,
        origin=origin,
        reference=learnt,
    )


def _read(path: Path) -> tuple[dict[str, Any], bytes, bytes]:
    """Settings, weights and reference (none in files of earlier versions) of a file, checked."""
    if not path.is_file():
        raise InputError(f"{path}: no such model; 'mlcheck train' writes one")
    if path.suffix == ".toml":
        raise InputError(f"{path}: is a configuration, not a model; 'mlcheck train' writes one")
    try:
        with zipfile.ZipFile(path) as archive:
            if _ABOUT not in archive.namelist():
                raise InputError(f"{path}: not a model of mlcheck (no {_ABOUT} in it); only its own models are loaded")
            about = json.loads(archive.read(_ABOUT))
            weights = archive.read(_WEIGHTS)
            reference = archive.read(_REFERENCE) if about.get("reference_sha256") else b""
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: truncated or damaged ({error}); restore it, or train the model again") from error
    about = NETWORK.current(about, about.get("format"), str(path))
    parts = (("weights", weights, "weights are"), ("reference", reference, "test of catalogues is"))
    for name, content, words in parts:
        if content and hashlib.sha256(content).hexdigest() != about.get(f"{name}_sha256"):
            raise InputError(f"{path}: its {words} not what was saved; restore it, or train the model again")
    return about, weights, reference


def _digest(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return hashlib.sha256(archive.read(_WEIGHTS)).hexdigest()


def _whitenings(content: list[dict[str, Any]] | None) -> Whitenings | None:
    found = [Whitening(tuple(each["mean"]), tuple(tuple(row) for row in each["matrix"])) for each in content or ()]
    return (found[0], found[1] if len(found) > 1 else None) if found else None


def _origin(content: dict[str, Any]) -> Origin:
    model = renewed(content["model"], content["configuration"])
    return Origin(**{**content, "model": model, "noise": tuple(content.get("noise", ()))})


def _history(content: dict[str, Any]) -> History:
    names = {f.name for f in fields(History)}
    series = {
        name: tuple(math.nan if x is None else float(x) for x in content[name])
        for name in names
        if isinstance(content[name], list)
    }
    return History(**series, best=int(content["best"]), stopped=str(content["stopped"]))


def load_all(path: Path) -> tuple[Trained, ...]:
    """One model, or all those of a folder (an ensemble), of one survey and case.

    Raises
    ------
    InputError
        If there is none, or they do not belong together.
    """
    path = Path(path)
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: no model there (*{SUFFIX}); 'mlcheck train' writes one")
    members = tuple(load(file) for file in files)
    for file, member in zip(files, members, strict=True):
        if member.scaler != members[0].scaler or member.origin.data != members[0].origin.data:
            raise InputError(f"{file}: of another survey, case or training set than {files[0].name}; keep them apart")
    return members


def provenance(members: Sequence[Trained]) -> dict[str, Any]:
    """Where an ensemble comes from, for files of results."""
    origin = members[0].origin
    return {
        "survey": origin.survey,
        "survey_digest": origin.model,
        "suite_seed": origin.suite_seed,
        "suite_contents": origin.contents,
        "split_seed": origin.split_seed,
        "catalogues": origin.catalogues,
        "training_seeds": [member.origin.seed for member in members],
        "backend": origin.backend,
        "software": origin.software,
    }
