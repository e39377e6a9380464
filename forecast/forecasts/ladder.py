"""The information ladder of a survey and of its variants, and shifts from swapped assumptions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.errors import InputError
from ..core.parameters import Parameter, contrast_names
from ..core.priors import Prior
from ..likelihoods.levels import quick_levels
from ..model.forward import forward_model
from ..model.setup import Setup
from ..survey.detection.distortion import DISTORTIONS
from ..survey.flux_limit import FluxLimited
from .joint import density_prior, with_free_density
from .survey_information import SurveyInformation
from .swaps import Peaks, SystematicRow, swapped
from .variant_name import SELECTIONS, VariantName

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


def free_density(setup: Setup, prior: Prior | None = None) -> Variant | None:
    """The survey with Om0 free, by default with `density_prior`; None where it is free, or cannot be."""
    if setup.fixed_density is None:
        return None
    prior = prior or density_prior([setup])
    try:
        freed, _ = with_free_density(setup, prior)
    except InputError:
        return None
    return Variant(f"{VariantName.FREE_DENSITY}, {prior.low:g} to {prior.high:g}", freed)


def density_note(setup: Setup, prior: Prior | None = None) -> str:
    """What the rows in which Om0 is free assume, or why there are none; empty where it is free anyway."""
    if setup.fixed_density is None:
        return ""
    prior = prior or density_prior([setup])
    freed = free_density(setup, prior)
    if freed is None:
        return f"No row has Om0 free: {setup.fixed_density:g} is outside of its prior, {prior.low:g} to {prior.high:g}."
    return f"{freed.label}: with a flat prior, all else as configured."


def cone_variant(setup: Setup) -> Setup:
    """Flux-limited light cone of a box survey's volume, whose limit is the break mass's flux at its edge.

    NV22 2.1.1: the break mass has the limiting flux at zmax = the box's redshift; zmin = 0.01.
    """
    relations = setup.relations
    unit = FluxLimited(1e-12, band=relations.lx_band)
    z, log_break = np.array(setup.geometry.redshift_edges[-1]), np.array(setup.selection.log_break)
    at_unit = unit.log_luminosity_limit(z, setup.cosmology, relations)
    growth = np.log10(setup.cosmology.efunc(z) / setup.cosmology.efunc(relations.z0))
    lx = relations.lx
    log_luminosity = lx.log_norm + lx.slope * (log_break - relations.pivot) + lx.evolution * growth
    flux_limit = 1e-12 * 10.0 ** float(log_luminosity - at_unit)
    cone = setup.geometry.cone(setup.cosmology, _ZMIN)
    return replace(setup, geometry=cone, selection=unit.with_limit(flux_limit))


def variants(setup: Setup, break_masses: tuple[float, ...]) -> Iterator[Variant]:
    """The survey as configured, then what changes if one of its idealisations is dropped."""
    yield Variant(VariantName.CONFIGURED, setup)
    if (freed := free_density(setup)) is not None:
        yield freed
    varied = bool(setup.parameters.contrasts)
    label = VariantName.WITHOUT_VARIANCE if varied else VariantName.WITH_VARIANCE
    yield Variant(label, with_sample_variance(setup, not varied))
    if set(DISTORTIONS) & set(setup.parameters.names):
        known = replace(setup, parameters=setup.parameters.without(DISTORTIONS))
        yield Variant(VariantName.KNOWN_DETECTION, known)
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


def sigma8_std(setup: Setup, *, quick: bool = False) -> tuple[float, dict[str, float]]:
    """Expected count, and sigma(sigma8) by level from Fisher matrices; "known": no nuisance is free.

    `quick`: up to every Y_X.
    """
    found = SurveyInformation.of(setup, quick_levels(setup) if quick else None)
    return found.count, found.std()


@dataclass(frozen=True)
class Ladder:
    """The ladder of a survey and of its variants, row by row; what rows have in common is computed once.

    Parameters
    ----------
    setup : Setup
    break_masses : tuple of float
        Other readings of the break mass, log10 Msun/h.
    quick : bool
        Leave out levels beyond every Y_X.
    """

    setup: Setup
    break_masses: tuple[float, ...] = ()
    quick: bool = False
    _found: dict[str, SurveyInformation] = field(default_factory=dict, repr=False, compare=False)

    def rows(self, widening: tuple[float, ...]) -> Iterator[LadderRow]:
        """The survey and its variants, with normalisation priors as given and so many times wider (in log)."""
        for variant in variants(self.setup, self.break_masses):
            found = self._information(variant)
            for factor in widening:
                parameters = variant.setup.parameters.widened(factor)
                yield LadderRow(
                    label=variant.label if factor == 1 else f"{variant.label}, norm. priors x {factor:g}",
                    selection=variant.label,
                    widening=factor,
                    expected_count=found.count,
                    sigma8_std=found.std(parameters),
                    s8_std=found.s8_std(parameters),
                    dark_energy=found.dark_energy(parameters),
                )

    def survival(self, widening: tuple[float, ...], volumes: tuple[float, ...]) -> Iterator[SurvivalRow]:
        """What remains of self-calibration as normalisation priors widen and the survey grows.

        One row for each selection (Mmin fixed, following L_X, the flux-limited cone), prior width and volume.
        """
        for variant in variants(self.setup, ()):
            if variant.label in SELECTIONS:
                larger = dict[float, SurveyInformation]()
                for factor, volume in itertools.product(widening, volumes):
                    if volume not in larger:
                        larger[volume] = self._information(variant).copies(volume)
                    std = larger[volume].std(variant.setup.parameters.widened(factor))
                    yield SurvivalRow(variant.label, factor, volume, std)

    def shifts(
        self,
        mass_functions: tuple[str, ...],
        widening: tuple[float, ...] = (1.0,),
        heard: Callable[[int, int], None] | None = None,
    ) -> Iterator[SystematicRow]:
        """Shifts of sigma8 at maximum posterior by level where data follow other assumptions; NaN if none is found.

        With normalisation priors so many times wider, as in `rows`. `heard`: told how many of the peaks that are to be
        found have been.
        """
        others = swapped(self.setup, mass_functions, self.break_masses)
        if not others:
            return
        model, found = forward_model(self.setup), self._information(Variant(VariantName.CONFIGURED, self.setup))
        priors = {factor: self.setup.parameters.widened(factor) for factor in widening}
        done, total = itertools.count(1), (1 + len(others)) * len(found.by_level) * len(priors)
        tell = heard or (lambda *_: None)
        tell(0, total)
        peaks = Peaks(found, model, priors, lambda: tell(next(done), total))
        own = peaks.of(model)
        for label, other, what in others:
            moved = peaks.of(forward_model(other))
            for factor, parameters in priors.items():
                yield SystematicRow(
                    label if factor == 1 else f"{label}, norm. priors x {factor:g}",
                    {level: moved[factor][level] - own[factor][level] for level in own[factor]},
                    what,
                    widening=factor,
                    error={level: found.fisher(level, parameters).std() for level in own[factor]},
                )

    def _information(self, variant: Variant) -> SurveyInformation:
        if variant.label not in self._found:
            levels = quick_levels(variant.setup) if self.quick else None
            self._found[variant.label] = SurveyInformation.of(variant.setup, levels)
        return self._found[variant.label]


def build_ladder(
    setup: Setup, widening: tuple[float, ...], break_masses: tuple[float, ...] = ()
) -> tuple[LadderRow, ...]:
    """All rows of a ladder; see `Ladder.rows`."""
    return tuple(Ladder(setup, break_masses).rows(widening))


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
    s8_std : dict of str to float
        The same of S8 = sigma8 (Om0/0.3)^0.5 where Om0 is free; empty where it is fixed.
    dark_energy : dict of str to dict of str to float
        The same of "w0" and "wa" as far as they are free, and if both are, by level, their "figure of merit".
    """

    label: str
    selection: str
    widening: float
    expected_count: float
    sigma8_std: dict[str, float]
    s8_std: dict[str, float] = field(default_factory=dict)
    dark_energy: dict[str, dict[str, float]] = field(default_factory=dict)


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
