"""From a configuration and a suite to trained networks: the one module that knows the order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from forecast.config.digest import model_digest
from forecast.config.load import load_config as load_survey
from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.core.files import json_text
from forecast.core.rng import generator
from forecast.execution.store import content_digest
from forecast.model.mocks import Mocks

from ..data.catalogues import Catalogues
from ..data.dataset import Simulator, Source, Split
from ..data.noise import Noise
from ..data.scaler import Scaler
from ..data.whitening import Whitening, Whitenings
from ..domain.reference import Reference
from .architectures import Architecture, Network, build
from .config import NetworkConfig
from .history import History
from .plan import TrainingPlan
from .saving import SUFFIX, Origin, Trained, load, save
from .training import Task, train

Progress = Callable[[str, int, int, float], None]


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Parameters
    ----------
    config : NetworkConfig
    suite : Path
    out : Path
    preset : str
    case : str
    seed : int
        Of weights and batches; the members of an ensemble have successive ones.
    members : int
    split_seed : int
        Of the division of the suite: the same for all cases and members.
    epochs : int or None
        Instead of the configured ones.
    overwrite : bool
    progress : callable or None
    """

    config: NetworkConfig
    suite: Path
    out: Path
    preset: str
    case: str = "standard"
    seed: int = 1
    members: int = 1
    split_seed: int = 1
    epochs: int | None = None
    overwrite: bool = False
    progress: Progress | None = None


class Laboratory:
    """A suite, divided once, seen through one case after the other.

    Parameters
    ----------
    config : NetworkConfig
        Whose survey may be "": the suite's own.
    suite : Path
    split_seed : int

    Raises
    ------
    InputError
        If the suite belongs to another survey than the configuration, or sigma8 does not vary in it.
    """

    def __init__(self, config: NetworkConfig, suite: Path, split_seed: int = 1) -> None:
        self.config, self.source, self.split_seed = config, Source.open(suite), split_seed
        if config.survey and model_digest(load_survey(config.survey).setup) != self.source.digest:
            name, own = self.source.suite.manifest.name, Path(config.survey).stem
            why = f"another '{own}' than this version has" if name == own else f"survey '{name}', not for '{own}'"
            cure = "" if name == own else "give its --survey, or "
            cure += f"make one with: forecast suite {config.survey} --draws 24000 --out DIR"
            raise InputError(f"{suite}: made for {why} ('{config.title}'); {cure}")
        if "sigma8" not in self.source.suite.parameters:
            raise InputError(f"{suite}: sigma8 does not vary in this suite; free it in the survey's configuration")

    def read(self, case: str) -> Catalogues:
        """All catalogues of a case."""
        found = self.source.read(case, seed=self.split_seed, prescription=self.config.scaling)
        return self.noise.blurred(found, seed=self.split_seed)

    @cached_property
    def noise(self) -> Noise:
        """Measurement errors that the suite's clusters get."""
        return Noise.of_survey(self.source.config) if self.config.catalogue_errors else Noise()

    @cached_property
    def _truth(self) -> dict[str, Array]:
        table = self.source.suite.catalogues(names=["catalogue", "size", "sigma8"])
        return {name: np.asarray(values)[table["size"] > 0] for name, values in table.items()}

    @property
    def numbers(self) -> Array:
        """Numbers of the catalogues that have clusters."""
        return self._truth["catalogue"]

    @property
    def sigma8(self) -> Array:
        """Their true sigma8."""
        return self._truth["sigma8"]

    @cached_property
    def split(self) -> Split:
        """Training, validation and test catalogues."""
        return Split.of(len(self.numbers), self.split_seed)

    def mocks(self, index: Array) -> Mocks:
        """Some catalogues as `forecast` has them, in ascending order of their numbers."""
        return self.source.mocks(self.numbers[index])

    def origin(self, seed: int) -> Origin:
        """Provenance of a network trained here."""
        from .backend import BACKEND

        manifest = self.source.suite.manifest
        return Origin(
            survey=manifest.name,
            model=manifest.model,
            configuration=manifest.configuration,
            suite_seed=manifest.seed,
            seed=seed,
            split_seed=self.split_seed,
            catalogues=len(self.numbers),
            backend=BACKEND,
            software=Origin.versions(),
            noise=self.noise.errors,
            contents=self.source.contents,
        )


@dataclass(frozen=True)
class Prepared:
    """Everything that the members of an ensemble share.

    Parameters
    ----------
    train, validate, test : Catalogues
    scaler : Scaler
    whitening : tuple of Whitening or None
    contents : str
        Digest of what their suite holds.
    """

    train: Catalogues
    validate: Catalogues
    test: Catalogues
    scaler: Scaler
    whitening: Whitenings | None
    contents: str

    @cached_property
    def reference(self) -> Reference:
        """What the training catalogues are like."""
        return Reference.of(self.train, self.contents, rng=generator(1, "reference"))


def prepare(laboratory: Laboratory, case: str, preset: str) -> Prepared:
    """Divide and scale the catalogues of a case."""
    catalogues, split = laboratory.read(case), laboratory.split
    parts = [catalogues.take(index) for index in (split.train, split.validate, split.test)]
    scaler = Scaler.fit(parts[0], laboratory.source.model.parameters)
    whitening: Whitenings | None = None
    if preset == "compact":
        scaled, main = scaler.features(parts[0]), len(scaler.layout.main)
        rest = Whitening.of(scaled[:, main:]) if scaler.layout.supplementary else None
        whitening = (Whitening.of(scaled[:, :main]), rest)
    return Prepared(
        train=parts[0],
        validate=parts[1],
        test=parts[2],
        scaler=scaler,
        whitening=whitening,
        contents=laboratory.source.contents,
    )


def train_members(request: Request, laboratory: Laboratory, prepared: Prepared) -> tuple[Trained, ...]:
    """Train what is not yet trained; every finished member is kept, an interrupted one goes on.

    Raises
    ------
    InputError
        If the output folder holds networks of another training.
    """
    request.out.mkdir(parents=True, exist_ok=True)
    seeds = range(request.seed, request.seed + request.members)
    return tuple(_member(request, laboratory, prepared, i + 1, seed) for i, seed in enumerate(seeds))


def _member(request: Request, laboratory: Laboratory, prepared: Prepared, number: int, seed: int) -> Trained:
    from .backend import BACKEND

    architecture = request.config.architecture(request.preset, seed=seed)
    plan = request.config.plan(request.preset, seed=seed, epochs=request.epochs)
    path, checkpoint = (request.out / f"member-{number}{suffix}" for suffix in (SUFFIX, ".checkpoint.npz"))
    if request.overwrite:
        path.unlink(missing_ok=True)
        checkpoint.unlink(missing_ok=True)
    origin = laboratory.origin(seed)
    wanted = _depends_on(architecture, plan, prepared.scaler, origin)
    if path.exists():
        found = load(path)
        _same(path, _depends_on(found.network.architecture, found.plan, found.scaler, found.origin), wanted)
        return found
    reference, network = prepared.reference, untrained(architecture, prepared)
    drawer = None if plan.simulate is None else Simulator(laboratory.source, request.case, seed, laboratory.noise)
    task = Task(
        network=network,
        plan=plan,
        scaler=prepared.scaler,
        train=prepared.train,
        validate=prepared.validate,
        identity=content_digest(wanted, BACKEND)[:16],
        checkpoint=checkpoint,
        drawer=drawer,
    )
    label = f"{request.case}, member {number} of {request.members}" if request.members > 1 else request.case
    history = train(task, name=label, progress=request.progress)
    trained = Trained(
        network=network,
        scaler=prepared.scaler,
        whitening=prepared.whitening,
        plan=plan,
        history=history,
        origin=origin,
        reference=reference,
    )
    save(trained, path)
    checkpoint.unlink(missing_ok=True)
    return load(path)


def untrained(architecture: Architecture, prepared: Prepared) -> Network:
    """A network with the initial weights that its architecture asks for."""
    scaler = prepared.scaler

    def made(wanted: Architecture) -> Network:
        return build(wanted, scaler.layout, bounded=scaler.bounded, whitening=prepared.whitening)

    network = made(architecture)
    if architecture.initial == "standardised":
        from .initialisation import CATALOGUES, standardise

        some = prepared.train.take(np.linspace(0, len(prepared.train) - 1, CATALOGUES).astype(int))
        standardise(network, made(architecture.full), scaler.features(some), some.size)
    return network


def _depends_on(architecture: Architecture, plan: TrainingPlan, scaler: Scaler, origin: Origin) -> dict[str, Any]:
    """All that a training depends on, in words."""
    return {
        "network": architecture.to_dict(),
        "training plan": asdict(plan),
        "case": scaler.layout.case,
        **origin.data,
        "scaling of the data": scaler.to_dict(),
    }


def _same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for word, value in wanted.items():
        if found[word] != value:
            raise InputError(f"{path}: its {word} is another than asked for; choose another --out, or --overwrite it")


def history_record(trained: Trained) -> dict[str, Any]:
    """Losses by epoch, for results files."""
    history: History = trained.history
    return dict(json.loads(json_text(asdict(history))))
