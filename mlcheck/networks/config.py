"""Configurations of networks: which survey, which network, how it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from forecast.config.explain import explain
from forecast.config.schema.types import Strict
from forecast.core.errors import InputError, nearest
from forecast.core.formats import CONFIGURATION
from forecast.reading.toml_file import read_toml

from ..data.catalogues import Prescription
from .architectures import PRESETS, Architecture
from .plan import TrainingPlan


class NetworkTable(Strict):
    """Settings of `presets.Architecture`; those left out are the preset's own."""

    preset: str = "compact"
    pooling: str | None = None
    encoder_dropout: float | None = None
    dropout: float | None = None
    leak: float | None = None
    output: str | None = None
    components: int | None = None
    terse: int | None = None
    width: int | None = None
    initial: str | None = None
    precision: str | None = None


class TrainingTable(Strict):
    """Settings of `training.TrainingPlan`; those left out are the preset's own."""

    epochs: int | None = None
    batch: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    schedule: str | None = None
    weight_decay: float | None = None
    clip: float | None = None
    spread: int | None = None
    successive: int | None = None
    select_from: int | None = None
    select_by: str | None = None
    patience: int | None = None
    simulate: int | None = None
    validate_every: int | None = None
    checkpoint_every: int | None = None
    jit: bool | None = None


class PrescriptionTable(Strict):
    """Exponents of `catalogues.Prescription`."""

    log_lx: float = Prescription.log_lx
    log_t: float = Prescription.log_t
    log_mgas: float = Prescription.log_mgas
    log_mwl: float = Prescription.log_mwl


class NetworkConfig(Strict):
    """A whole configuration, as read from TOML."""

    format: int = CONFIGURATION.version
    title: str
    survey: str
    catalogue_errors: bool = False
    network: NetworkTable = NetworkTable()
    training: TrainingTable = TrainingTable()
    prescription: PrescriptionTable = PrescriptionTable()

    def architecture(self, preset: str | None = None, *, seed: int) -> Architecture:
        """Architecture of the configured preset, or of another."""
        name = _preset(preset or self.network.preset)
        given = self.network.model_dump(exclude_none=True, exclude={"preset"}) if name == self.network.preset else {}
        return Architecture.of(name, **{**given, "seed": seed})

    def plan(self, preset: str | None = None, *, seed: int, epochs: int | None = None, **changed: Any) -> TrainingPlan:
        """Training plan of the configured preset, or of another."""
        name = _preset(preset or self.network.preset)
        given = self.training.model_dump(exclude_none=True) if name == self.network.preset else {}
        whole = TrainingPlan.of(name, **{**given, "seed": seed})
        return replace(whole if epochs is None else whole.shortened(epochs), **changed)

    @property
    def scaling(self) -> Prescription:
        """Exponents of the overspecialised case."""
        return Prescription(**self.prescription.model_dump())


def _preset(name: str) -> str:
    if name not in PRESETS:
        raise InputError(f"preset '{name}' is unknown; {nearest(name, PRESETS)}")
    return name


def _folder() -> Path:
    """Folder of the built-in configurations: installed with the package, or the source tree's."""
    installed = Path(str(resources.files("forecast"))) / "configs"
    root = installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "configs"
    return root / "networks"


def builtin_configs() -> dict[str, Path]:
    """Names and files of the built-in configurations."""
    return {path.stem: path for path in sorted(_folder().glob("*.toml"))}


def load_config(name: str | Path, survey: str | None = None) -> NetworkConfig:
    """Read and check a configuration: a TOML file, or the name of a built-in one.

    Parameters
    ----------
    name : str or Path
    survey : str, optional
        Survey's configuration in place of the one it names.

    Raises
    ------
    InputError
        Naming the first wrong key and the known one it resembles.

    Examples
    --------
    >>> load_config("compact").architecture(seed=1).preset
    'compact'
    """
    path, known = Path(name).expanduser(), builtin_configs()
    if not path.is_file():
        if str(name) not in known:
            hint = nearest(str(name), known)
            raise InputError(f"configuration '{name}' is neither a file nor a built-in one; {hint}")
        path = known[str(name)]
    content = read_toml(path)
    if "surveys" in content or isinstance(content.get("survey"), dict):
        cure = f"name one of a network, such as {next(iter(known))}, and this one as --survey if it is one survey's"
        raise InputError(f"{path.name}: is a configuration of surveys, not of a network; {cure}")
    config = parse_config(content, path.name)
    return config if survey is None else config.model_copy(update={"survey": survey})


def parse_config(content: Mapping[str, Any], source: str) -> NetworkConfig:
    """Check a configuration given as a dictionary; see `load_config`."""
    content = CONFIGURATION.current(dict(content), content.get("format"), source)
    try:
        config = NetworkConfig.model_validate({**content, "format": CONFIGURATION.version})
        config.architecture(seed=1), config.plan(seed=1)
    except ValidationError as error:
        raise InputError(f"{source}: {explain(error, NetworkConfig, content)}") from None
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    return config
