"""The information ladder of a survey and of its variants, and shifts from swapped assumptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.parameters import Parameter, contrast_names
from ..core.priors import Prior
from ..cosmology.mass_function import MODELS
from ..likelihoods.data import Data
from ..likelihoods.derivatives import derivatives, narrow_steps
from ..likelihoods.fisher import Fisher, fisher_matrix
from ..likelihoods.level_name import Bound, LevelName
from ..likelihoods.levels import level_class, levels_of, likelihood
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import expected_number
from ..model.setup import Setup
from ..survey.flux_limit import FluxLimited
from ..survey.geometry import Replicated
from .variant_name import SELECTIONS, VariantName

_PEAK_STEPS = 50
_ZMIN = 0.01
"""Least redshift of a light cone of a box's volume: that for which the Mmin of NV22 2.1.1 stands."""


@dataclass(frozen=True)
class Variant:
    """One survey to be compared with the configured one."""

    label: str
    setup: Setup


def with_sample_variance(setup: Setup, on: bool) -> Setup:
    """Switch the marginalisation over the survey volume's density contrast on or off."""
    parameters = setup.parameters
    if on == bool(parameters.contrasts):
        return setup
    if on:
        for name in contrast_names(setup.geometry.shell_count):
            parameters = parameters.with_free(Parameter(name, 0.0, Prior("gaussian", mean=0.0, std=1.0)))
        return replace(setup, parameters=parameters)
    return replace(setup, parameters=parameters.without(parameters.contrasts))


def cone_variant(setup: Setup) -> Setup:
    """Flux-limited light cone of a box survey's volume, whose limit is the break mass's flux at its edge.

    NV22 2.1.1: the break mass has the limiting flux at zmax = the box's redshift; zmin = 0.01.
    """
    relations, unit = setup.relations, FluxLimited(1e-12)
    z, log_break = np.array(setup.geometry.redshift_edges[-1]), np.array(setup.selection.log_break)
    at_unit = unit.log_luminosity_limit(z, log_break, setup.cosmology, relations)
    growth = np.log10(setup.cosmology.efunc(z) / setup.cosmology.efunc(relations.z0))
    lx = relations.lx
    log_luminosity = lx.log_norm + lx.slope * (log_break - relations.pivot) + lx.evolution * growth
    flux_limit = 1e-12 * 10.0 ** float(log_luminosity - at_unit)
    cone = setup.geometry.cone(setup.cosmology, _ZMIN)
    return replace(setup, geometry=cone, selection=FluxLimited(flux_limit))


def variants(setup: Setup, break_masses: tuple[float, ...]) -> Iterator[Variant]:
    """The survey as configured, then what changes if one of its idealisations is dropped."""
    yield Variant(VariantName.CONFIGURED, setup)
    varied = bool(setup.parameters.contrasts)
    label = VariantName.WITHOUT_VARIANCE if varied else VariantName.WITH_VARIANCE
    yield Variant(label, with_sample_variance(setup, not varied))
    selection = setup.selection.in_mass
    if selection is None:
        return
    if selection.min_mass_mode == "fixed":
        yield Variant(VariantName.FOLLOWS_LX, replace(setup, selection=selection.with_min_mass("follows_lx")))
    else:
        yield Variant(VariantName.FIXED, replace(setup, selection=selection.with_min_mass("fixed")))
    if not setup.geometry.spans_redshifts:
        yield Variant(VariantName.CONE, cone_variant(setup))
    for log_break in break_masses:
        other = replace(setup, selection=selection.with_break(log_break))
        yield Variant(f"Mbreak = 10^{log_break:.2f} Msun/h", other)


def sigma8_std(setup: Setup) -> tuple[float, dict[str, float]]:
    """Expected count, and sigma(sigma8) by level from Fisher matrices; "known": no nuisance is free."""
    model = forward_model(setup)
    result = {level: fisher_matrix(level, model).std() for level in (Bound.PRIOR, *levels_of(setup))}
    nuisances = [n for n in setup.parameters.names if n not in ("sigma8", *setup.parameters.contrasts)]
    known = forward_model(replace(setup, parameters=setup.parameters.without(nuisances)))
    result[Bound.KNOWN] = fisher_matrix(LevelName.UNBINNED, known).std()
    return expected_number(model), result


def build_ladder(
    setup: Setup, widening: tuple[float, ...], break_masses: tuple[float, ...] = ()
) -> tuple[LadderRow, ...]:
    """Ladder of the survey and its variants, with normalisation priors as given and wider (in log).

    Parameters
    ----------
    setup : Setup
    widening : tuple of float
        Factors on the width of the normalisation priors.
    break_masses : tuple of float
        Other readings of the break mass, log10 Msun/h.
    """
    rows = []
    for variant in variants(setup, break_masses):
        for factor in widening:
            parameters = variant.setup.parameters.widened(factor)
            count, std = sigma8_std(replace(variant.setup, parameters=parameters))
            label = variant.label if factor == 1 else f"{variant.label}, norm. priors x {factor:g}"
            rows.append(LadderRow(label, variant.label, factor, count, std))
    return tuple(rows)


def build_survival(setup: Setup, widening: tuple[float, ...], volumes: tuple[float, ...]) -> Iterator[SurvivalRow]:
    """What remains of self-calibration as normalisation priors widen and the survey grows.

    One row for each selection (Mmin fixed, following L_X, the flux-limited cone), prior width and volume.
    """
    for variant in variants(setup, ()):
        if variant.label not in SELECTIONS:
            continue
        for factor in widening:
            parameters = variant.setup.parameters.widened(factor)
            for volume in volumes:
                geometry = Replicated(variant.setup.geometry, volume)
                _, std = sigma8_std(replace(variant.setup, parameters=parameters, geometry=geometry))
                yield SurvivalRow(variant.label, factor, volume, std)


def peak_shift(model: ForwardModel, truth: ForwardModel, level: str) -> float:
    """Shift of sigma8 at maximum posterior when expected data follow `truth` instead of `model`.

    Gauss-Newton with the Fisher matrix; priors are Gaussians of equal variance about the fiducial.
    """
    fisher = fisher_matrix(level, model)
    points = level_class(level).of_clusters
    shifted, own = (_peak(model, fisher, level, Data.expected(m, points=points)) for m in (truth, model))
    return shifted - own


def _peak(model: ForwardModel, fisher: Fisher, level: str, data: Data) -> float:
    """sigma8 at the maximum of one level's posterior, by damped Gauss-Newton steps."""
    parameters, target = model.parameters, likelihood(level, model, data)
    start, width = parameters.to_coordinates(parameters.fiducial), parameters.prior_std
    steps = narrow_steps(parameters, fisher.information)

    def height(coordinates: Array) -> float:
        value = target(parameters.from_coordinates(coordinates)[None])[0]
        return float(value - 0.5 * np.sum(((coordinates - start) / width) ** 2))

    at, top = start, height(start)
    for _ in range(_PEAK_STEPS):
        slope = derivatives(target, parameters, parameters.from_coordinates(at), steps) - (at - start) / width**2
        step = fisher.covariance @ slope
        step *= min(1.0, 1.0 / float(np.max(np.abs(step) / width)) if step.any() else 1.0)
        while (raised := height(at + step)) < top and np.max(np.abs(step) / width) > 1e-5:
            step = step / 2
        if raised <= top or raised - top < 1e-6:
            break
        at, top = at + step, raised
    return float(parameters.from_coordinates(at)[parameters.names.index("sigma8")])


def systematic_rows(
    setup: Setup, mass_functions: tuple[str, ...], break_masses: tuple[float, ...]
) -> tuple[SystematicRow, ...]:
    """Shifts of sigma8 by level from swapping the mass function and the reading of the break mass."""
    model, selection = forward_model(setup), setup.selection.in_mass
    others = [
        (f"data follow {name}, fit assumes {setup.mass_function}", replace(setup, mass_function=name), "mass function")
        for name in mass_functions
        if name in MODELS and name != setup.mass_function
    ]
    if selection is not None:
        others += [
            (
                f"data have Mbreak = 10^{m:.2f} Msun/h, fit assumes 10^{selection.log_break:.2f}",
                replace(setup, selection=selection.with_break(m)),
                "break mass",
            )
            for m in break_masses
        ]
    return tuple(
        SystematicRow(
            label, {level: peak_shift(model, forward_model(other), level) for level in levels_of(setup)}, swapped
        )
        for label, other, swapped in others
    )


@dataclass(frozen=True)
class LadderRow:
    """sigma(sigma8) of every level for one variant of the survey.

    Parameters
    ----------
    label : str
        What the variant is, in words.
    selection : str
        "as configured", "Mmin follows L_X", "flux-limited cone", ...
    widening : float
        Factor on the width (in log) of the normalisation priors.
    expected_count : float
    sigma8_std : dict of str to float
        By level: "prior", "counts", "selfcal", "binned", "unbinned", "known".
    """

    label: str
    selection: str
    widening: float
    expected_count: float
    sigma8_std: dict[str, float]


@dataclass(frozen=True)
class SurvivalRow:
    """sigma(sigma8) of every level for one selection, prior width and volume.

    Parameters
    ----------
    selection : str
    widening : float
        Factor on the width (in log) of the normalisation priors.
    volume : float
        Factor on the survey's volume.
    sigma8_std : dict of str to float
    """

    selection: str
    widening: float
    volume: float
    sigma8_std: dict[str, float]


@dataclass(frozen=True)
class SystematicRow:
    """Shift of the maximum-posterior sigma8 when the data follow another model, by level.

    `swapped`: what differs, "mass function" or "break mass".
    """

    label: str
    shift: dict[str, float]
    swapped: str = "mass function"
