"""Networks trained from Python."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forecast.api.arguments import whole
from forecast.core.errors import InputError
from forecast.core.files import prepare_output, write_json
from forecast.suite.columns import RADIUS_NAMES
from forecast.suite.reader import Suite

from ..data.dataset import Source
from ..data.layout import Layout, layout_of
from ..networks.config import NetworkConfig, load_config, parse_config
from ..networks.laboratory import Laboratory, Request, prepare, train_members
from ..networks.saving import provenance
from .network import TrainedNetwork, suite_folder


def train(
    suite: Suite | str | Path,
    network: str | Path | Mapping[str, Any] = "compact",
    *,
    case: str = "standard",
    epochs: int | None = None,
    members: int = 1,
    seed: int = 1,
    out: str | Path | None = None,
) -> TrainedNetwork:
    """Train a network, or an ensemble, on a suite of mock catalogues.

    A tenth of the catalogues is kept for validation and a tenth for the test.

    Parameters
    ----------
    suite : Suite, str or Path
        What ``survey.suite(...)`` or ``open_suite(...)`` returns, or its folder.
    network : str, Path or mapping
        A built-in configuration (``mlcheck configs`` lists them), a TOML file, or its tables as a dictionary:
        ``{"network": {"preset": "compact", "width": 32}, "training": {"learning_rate": 1e-3}}``.
    case : str
        What the network is shown: "standard", "shuffled", "no-wl", "ones" or "overspecialised".
    epochs : int, optional
        Instead of the configured number.
    members : int
        Networks of an ensemble.
    seed : int
        Of weights and batches; successive ones for the members.
    out : str or Path, optional
        Folder to keep the networks in: the same call goes on where an interrupted one stopped. By default nothing is
        kept.

    Returns
    -------
    TrainedNetwork

    Raises
    ------
    InputError
        If there is no such suite, network or case, the suite is too small, or `out` holds another training.

    Examples
    --------
    >>> from mlcheck import train
    >>> train("no/such/folder", epochs=2)
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: no/such/folder: no suite there (no manifest.json); make one with 'forecast suite'
    """
    Layout(str(case), (), ())
    seed, members = whole(seed, "seed"), whole(members, "members", 1)
    wanted = None if epochs is None else whole(epochs, "epochs", 1)
    source = Source.open(suite_folder(suite))
    settings = _settings(network).model_copy(update={"survey": ""})
    with tempfile.TemporaryDirectory() as passing:
        folder = Path(passing) if out is None else Path(out)
        prepare_output(folder)
        preset, place = settings.network.preset, source.suite.folder
        request = Request(
            config=settings,
            suite=place,
            out=folder,
            preset=preset,
            case=str(case),
            seed=seed,
            members=members,
            epochs=wanted,
        )
        laboratory = Laboratory(settings, place)
        trained = train_members(request, laboratory, prepare(laboratory, str(case), preset))
        if out is not None:
            content = {"config": settings.model_dump(mode="json"), "preset": preset, **provenance(trained)}
            write_json(folder / "results.json", {"provenance": content})
    return TrainedNetwork(trained, settings)


def describe_network(preset: str = "compact", case: str = "standard") -> list[dict[str, Any]]:
    """Layers of an untrained network: name, shape of the output for N clusters, trainable parameters.

    Parameters
    ----------
    preset : {"compact", "nv22"}
    case : str
        Which features go in; as for `train`.

    Raises
    ------
    InputError
        If there is no such preset or case.

    Examples
    --------
    >>> from mlcheck import describe_network
    >>> describe_network("nv21")
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: preset 'nv21' is unknown; did you mean 'nv22'?
    """
    from ..networks.architectures import Architecture, build, layers_of

    architecture = Architecture.of(str(preset))
    profile = [f"{kind}_{radius}" for kind in ("log_mgas", "slope") for radius in RADIUS_NAMES]
    return layers_of(build(architecture, layout_of(["log_lx", "log_t", "log_mgas", *profile, "log_mwl"], str(case))))


def _settings(network: Any) -> NetworkConfig:
    if isinstance(network, Mapping):
        return parse_config({"title": "a network of one's own", "survey": "", **network}, "network")
    if not isinstance(network, str | os.PathLike):
        raise InputError(
            f"a network is named, or given as a file or a dictionary, got {type(network).__name__}; try 'compact'"
        )
    return load_config(os.fspath(network))
