"""Joint contours of Om0 and sigma8 of several independent surveys: information added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..forecasts.joint import GAUSSIAN, JointForecast, density_prior, flat_bounds, joint_level, with_free_density
from ..likelihoods.level_name import Bound
from ..model.mean_density import expected_number
from ..model.setup import Setup
from .joint_setup import JointSetup


def compute_joint_surveys(
    setups: Mapping[str, Setup],
    shared: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    *,
    quick: bool = False,
) -> JointForecast:
    """Joint forecast of Om0 and sigma8 of surveys that share no sky, as `forecast.checks.overlap.independent` has them.

    Each survey's own nuisances are marginalised over with its own priors; priors of what is shared count once.

    Parameters
    ----------
    setups : mapping of str to Setup
    shared : sequence of str
        Parameters beside the cosmology that are the same in all surveys, such as ``norm_lx`` of one calibration.
    progress : callable, optional
    quick : bool
        Levels up to every Y_X.

    Raises
    ------
    InputError
        If what is shared is not the same in all.
    """
    prior = density_prior(setups.values())
    freed = {name: with_free_density(setup, prior) for name, setup in setups.items()}
    joint = JointSetup.of({name: setup for name, (setup, _) in freed.items()}, shared)
    parameters, names, levels = joint.union.parameters, (Bound.PRIOR, *joint.some_levels(quick=quick)), []
    for level, fisher in zip(names, joint.fishers(names), strict=True):
        levels.append(joint_level(level, fisher))
        if progress is not None:
            progress(len(levels), len(names))
    density, sigma8 = (float(parameters.fiducial[parameters.names.index(name)]) for name in ("Om0", "sigma8"))
    own = "parameters of each survey that are not shared have its own priors"
    doubts = (f"Warning: {words}." for words in joint.doubts)
    notes = (f"{name}: {note}" for name, (_, said) in freed.items() for note in said)
    return JointForecast(
        title=" + ".join(setups),
        expected_count=sum(expected_number(model) for model in joint.models.values()),
        Om0=density,
        sigma8=sigma8,
        bounds=(flat_bounds(parameters, "Om0"), flat_bounds(parameters, "sigma8")),
        levels=tuple(levels),
        notes=(
            *doubts,
            *notes,
            f"Shared: {', '.join(joint.union.shared)}, with priors that count once; {own}.",
            GAUSSIAN,
        ),
    )
