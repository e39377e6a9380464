"""Joint forecast of several independent surveys: what each says of the cosmology, added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.parameters import ParameterSet
from ..cosmology.parameter_grid import SHAPE_NAMES
from ..likelihoods.fisher import Fisher, fisher_matrices
from ..likelihoods.level_name import Bound
from ..likelihoods.levels import levels_of, quick_levels
from ..model.forward import forward_model
from ..model.mean_density import expected_number
from ..model.setup import Setup
from .joint import GAUSSIAN, JointForecast, density_prior, flat_bounds, joint_level, with_free_density

COSMOLOGY = ("sigma8", *SHAPE_NAMES)
"""Parameters that all surveys have in common."""


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
    common = _common({name: setup.parameters for name, (setup, _) in freed.items()}, shared)
    models = {name: forward_model(setup) for name, (setup, _) in freed.items()}
    having = [(quick_levels if quick else levels_of)(model.setup) for model in models.values()]
    levels = [level for level in having[0] if all(level in each for each in having)]
    totals = [Fisher(common, np.zeros((len(common.free), len(common.free)))) for _ in (Bound.PRIOR, *levels)]
    for done, model in enumerate(models.values(), 1):
        for i, fisher in enumerate(fisher_matrices((Bound.PRIOR, *levels), model)):
            totals[i] = Fisher(common, totals[i].information + marginal_information(fisher, common.names))
        if progress is not None:
            progress(done, len(models))
    density, sigma8 = (float(common.fiducial[common.names.index(name)]) for name in ("Om0", "sigma8"))
    own = "parameters of each survey that are not shared have its own priors"
    assumed = f"Shared: {', '.join(common.names)}, with the priors of {next(iter(models))}; {own}."
    notes = (f"{name}: {note}" for name, (_, said) in freed.items() for note in said)
    return JointForecast(
        title=" + ".join(setups),
        expected_count=sum(expected_number(model) for model in models.values()),
        Om0=density,
        sigma8=sigma8,
        bounds=(flat_bounds(common, "Om0"), flat_bounds(common, "sigma8")),
        levels=tuple(joint_level(level, one) for level, one in zip((Bound.PRIOR, *levels), totals, strict=True)),
        notes=(*notes, assumed, GAUSSIAN),
    )


def distinct(names: Sequence[str]) -> Sequence[str]:
    """Names of surveys, each given once.

    Raises
    ------
    InputError
        If one is given twice: its clusters are not those of another survey.
    """
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: is given {names.count(name)} times; its clusters are one survey's, give it once")
    return names


def marginal_information(fisher: Fisher, names: Sequence[str]) -> Array:
    """Information of the data of one survey on some parameters, those it has beside them marginalised over, (S, S)."""
    parameters = fisher.parameters
    kept = [parameters.names.index(name) for name in names]
    own = [i for i in range(len(parameters.names)) if i not in kept]
    whole, mixed = fisher.information, fisher.information[np.ix_(kept, own)]
    known = whole[np.ix_(own, own)] + np.diag(parameters.prior_std[own] ** -2)
    return np.asarray(whole[np.ix_(kept, kept)] - mixed @ np.linalg.solve(known, mixed.T))


def _common(sets: Mapping[str, ParameterSet], shared: Sequence[str]) -> ParameterSet:
    """Free parameters that all surveys have in common, with the priors of the first."""
    first, *others = sets
    parameters = sets[first]
    for name in shared:
        if name not in parameters.names:
            raise InputError(f"--shared {name}: is not free in {first}; {nearest(name, parameters.names)}")
        if name in parameters.contrasts:
            raise InputError(f"--shared {name}: other parts of the sky have densities of their own; leave it out")
    names = [name for name in parameters.names if name in (*COSMOLOGY, *shared)]
    for other in others:
        theirs = sets[other]
        free = {name for name in theirs.names if name in (*COSMOLOGY, *shared)}
        for name in sorted(free ^ set(names)):
            where, lacking = (other, first) if name in free else (first, other)
            raise InputError(f"{name} is free in {where} but not in {lacking}; free it in both or in neither")
        for name in names:
            here, there = (float(p.fiducial[p.names.index(name)]) for p in (parameters, theirs))
            if abs(here - there) > 1e-6 * max(abs(here), 1.0):
                cure = f"set parameters.{name}.fiducial (or [cosmology]) alike"
                raise InputError(f"{name} is {here:g} in {first} but {there:g} in {other}; {cure}")
    return ParameterSet(tuple(p for p in parameters.free if p.name in names), parameters.fixed)
