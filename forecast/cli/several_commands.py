"""Commands on several surveys, or on a file that lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .completion import complete_config
from .deliver import deliver, deliver_table
from .options import FitPlan, Shown
from .progress import voice
from .session import exit_codes, held

if TYPE_CHECKING:
    from ..config.surveys import Surveys
    from ..core.records import Job

Others = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CONFIG...]",
        help="Surveys of other parts of the sky, together with it.",
        autocompletion=complete_config,
    ),
]
Shared = Annotated[
    list[str] | None,
    typer.Option("--shared", help="Nuisances that are one in all surveys, commas between; may be repeated."),
]
CutOverlap = Annotated[bool, typer.Option("--cut-overlap", help="Later surveys lose sky of earlier ones.")]
Alone = Annotated[bool, typer.Option("--alone", help="Of several surveys, sample each by itself too.")]


@dataclass(frozen=True)
class Asked:
    """Surveys as they were asked for.

    Parameters
    ----------
    given : tuple of str
        Names and files.
    shared : tuple of str
    cut : bool
    """

    given: tuple[str, ...]
    shared: tuple[str, ...] = ()
    cut: bool = False

    @classmethod
    def of(cls, config: str, others: Sequence[str] | None, shared: Sequence[str] | None, cut: bool) -> Asked:
        """What a command was given."""
        names = (name for words in shared or () for name in words.split(",") if name)
        return cls((config, *(others or ())), tuple(names), cut)

    @property
    def several(self) -> bool:
        """Whether that is more than one survey; what is about several is refused for one."""
        if len(self.given) > 1:
            return True
        with exit_codes():
            from ..config.surveys import lists_surveys
            from ..core.errors import InputError

            several = lists_surveys(self.given[0])
            if not several and (self.shared or self.cut):
                option = "--shared" if self.shared else "--cut-overlap"
                cure = f"name another beside {self.given[0]}, or leave it out"
                raise InputError(f"{option}: is about several surveys; {cure}")
        return several

    @property
    def words(self) -> str:
        """As on a command line."""
        options = (*(f"--shared {name}" for name in self.shared), *(("--cut-overlap",) if self.cut else ()))
        return " ".join((*self.given, *options))


@dataclass(frozen=True)
class Place:
    """Where results of a command go, and the seed of its random numbers."""

    out: Path | None
    seed: int


@contextmanager
def several_task(
    asked: Asked, command: str, place: Place, silent: bool, options: dict[str, Any]
) -> Iterator[tuple[Surveys, Job]]:
    """Load the surveys, show progress, and turn errors into exit codes."""
    with exit_codes(), voice(silent) as speaking:
        from ..config.surveys import load_surveys
        from ..core.records import Job

        surveys = load_surveys(asked.given, asked.shared)
        name = Path(asked.given[0]).stem if len(asked.given) == 1 else "+".join(surveys.configs)
        folder = place.out if place.out is not None else Path("out") / f"{name}-{command}"
        heard: dict[str, Any] = {"progress": speaking.progress, "tell": speaking.tell, "given": asked.words}
        with held(folder):
            yield surveys, Job(name=name, out=folder, seed=place.seed, **heard, **options)


def fit_several(asked: Asked, plan: FitPlan, place: Place, options: dict[str, Any], shown: Shown) -> None:
    """Fit several surveys together."""
    with several_task(asked, "fit", place, shown.silent, options) as (surveys, job):
        from .several_pipelines import run_several_fit

        surveys = plan.with_tables(asked.given, surveys)
        deliver(run_several_fit(surveys, job, plan, cut=asked.cut), job, shown)


def ladder_several(asked: Asked, place: Place, options: dict[str, Any], shown: Shown, *, mcmc: bool) -> None:
    """The ladder of several surveys, and of each."""
    with several_task(asked, "ladder", place, shown.silent, options) as (surveys, job):
        from ..core.errors import InputError
        from .several_pipelines import run_several_ladder

        if mcmc:
            raise InputError("--mcmc: samples expected data of one survey; leave it out, or give one survey")
        deliver(run_several_ladder(surveys, job, cut=asked.cut), job, shown)


def joint_several(asked: Asked, place: Place, options: dict[str, Any], shown: Shown) -> None:
    """Joint contours of several surveys."""
    with several_task(asked, "joint", place, shown.silent, options) as (surveys, job):
        from ..report.planning_files import joint_summary
        from .planning_pipelines import run_joint_surveys

        result = run_joint_surveys(surveys, job, cut=asked.cut)
        deliver_table(result, joint_summary(result), job, shown, [f"Next: forecast ladder {asked.words}"])
