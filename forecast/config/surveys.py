"""Several surveys by name, or as a small TOML file lists them with what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from ..core.errors import InputError, nearest
from ..core.names import survey_word
from ..reading.toml_file import read_toml
from .explain import explain
from .load import Config, builtin_configs, find_config, load_config
from .schema.types import Strict


class SharedConfig(Strict):
    """What surveys have in common beside the cosmology."""

    parameters: Annotated[tuple[str, ...], Field(examples=['["norm_lx"]'])] = ()
    """Nuisances that are one in all surveys."""


class SurveysConfig(Strict):
    """A file that lists surveys."""

    surveys: Annotated[tuple[str, ...], Field(min_length=2, examples=['["one.toml", "nv22"]'])]
    """Files, from this one's folder, or built-in configurations."""
    shared: SharedConfig = SharedConfig()
    """What they have in common beside the cosmology."""


@dataclass(frozen=True)
class Surveys:
    """Configurations of several surveys, by the names that their parameters end in, and what they share."""

    configs: dict[str, Config]
    shared: tuple[str, ...] = ()


def lists_surveys(name: str) -> bool:
    """Whether a file lists surveys instead of describing one."""
    path = Path(name).expanduser()
    return path.is_file() and "surveys" in (content := read_toml(path)) and "survey" not in content


def load_surveys(given: Sequence[str], shared: Sequence[str] = ()) -> Surveys:
    """Surveys by name or file, or those that one file lists; nuisances of `shared` are one in all.

    Raises
    ------
    InputError
        If one is not there, is given twice, or is called as another.
    """
    names, common = tuple(given), tuple(shared)
    if len(names) == 1:
        names, own = _listed(find_config(names[0]))
        common = (*own, *common)
    refuse_listings(names, "give that file alone, or name its surveys here")
    configs = _by_word(names)
    refuse_copies(configs)
    return Surveys(configs, tuple(dict.fromkeys(common)))


def refuse_listings(names: Sequence[str], cure: str) -> None:
    """Raise where one of several names is that of a file which lists surveys.

    Raises
    ------
    InputError
    """
    for name in names:
        if lists_surveys(name):
            raise InputError(f"{name}: lists surveys itself; {cure}")


def _listed(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Surveys that a file lists, where they are from here, and what they share."""
    content = read_toml(path)
    try:
        found = SurveysConfig.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path.name}: {explain(error, SurveysConfig, content)}") from None
    return tuple(_place(name, path) for name in found.surveys), found.shared.parameters


def _place(name: str, listing: Path) -> str:
    """A survey that a file in some folder names."""
    beside = listing.parent / Path(name).expanduser()
    if name not in builtin_configs() and not beside.is_file():
        known = nearest(name, [*builtin_configs(), *(p.name for p in listing.parent.glob("*.toml") if p != listing)])
        raise InputError(f"{listing.name}: surveys: '{name}' is neither a file beside it nor built in; {known}")
    return str(beside) if beside.is_file() else name


def _by_word(names: Sequence[str]) -> dict[str, Config]:
    """Configurations by the word by which parameters know them."""
    paths = [find_config(name).resolve() for name in names]
    found: dict[str, Config] = {}
    for i, (name, path) in enumerate(zip(names, paths, strict=True)):
        if path in paths[:i]:
            raise InputError(f"{name}: is given {paths.count(path)} times; its clusters are one survey's, give it once")
        word = survey_word(path.stem)
        if word in found:
            raise InputError(f"{name}: another survey is called {word} too; rename one of the files")
        found[word] = load_config(name)
    return found


def refuse_copies(configs: Mapping[str, Config]) -> None:
    """Raise where two surveys read one catalogue, unless each takes the clusters of its own sky.

    Raises
    ------
    InputError
    """
    named = [(name, config) for name, config in configs.items() if _source(config)]
    for i, (name, config) in enumerate(named):
        for other, earlier in named[:i]:
            if _source(config) != _source(earlier):
                continue
            if config.fingerprint() == earlier.fingerprint():
                raise InputError(
                    f"{name}: is the survey of {other}, with its catalogue; its clusters count once, give one"
                )
            if config.footprint is None or earlier.footprint is None:
                cure = "declare both skies, [survey.footprint], or give each a catalogue of its own"
                raise InputError(f"{name}: reads the catalogue of {other}, whose clusters would count twice; {cure}")


def _source(config: Config) -> str:
    """The table of clusters that a configuration names; empty if it names none."""
    table = config.catalogue
    if table is None or (table.builtin is None and table.path is None):
        return ""
    return table.builtin or str(Path(str(table.path)).resolve())
