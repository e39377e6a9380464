"""Survey, selection, relations and priors in sentences, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..checks.intake import Intake
from ..core.names import bare, owner
from ..core.observables import OBSERVABLES, WORDS
from ..core.parameters import MASS_FUNCTION, ParameterSet
from ..core.units import LN10
from ..cosmology.dark_energy import DARK_ENERGY, is_constant
from ..cosmology.mass_function_doubt import PIVOT
from ..likelihoods.level_name import Bound, LevelName
from ..likelihoods.levels import level_words
from ..model.setup import Setup
from ..relations.lines import PowerLaw
from ..relations.power_laws import Relations
from ..sampling.mcmc import ChainSummary

if TYPE_CHECKING:
    from ..config.load import Config

_OBSERVABLES = WORDS | {"core": "L_X over core-excised L_X", "wl": "weak-lensing mass"}
LEVEL_WORDS: dict[str, str] = {name: name.label for name in (Bound.PRIOR, *LevelName, Bound.KNOWN)}
"""What each level uses."""
_MEANINGS = {
    "norm": "factor on the normalisation of the {x}-M relation",
    "slope": "factor on the slope of the {x}-M relation",
    "scatter": "factor on the intrinsic scatter of {x} at fixed mass",
    "evolution": "added to the exponent of E(z) in the {x}-M relation",
    "curvature": "added to the curvature of the {x}-M relation, per dex² of mass",
    "lowslope": "factor on the slope of the {x}-M relation below its break",
    "drift": "change of the slope of the {x}-M relation with log10 of E(z)/E(z0)",
    "break": "added to log10 of the break mass of the {x}-M relation",
}
_OF_DETECTION = {
    "detection_midpoint": "the fluxes of the chance of detection",
    "detection_width": "the width, in flux, of the rise of the chance of detection",
    "detection_ceiling": "the chance of detection of the brightest clusters",
    "detection_floor": "the chance of detection of the faintest clusters",
}
_SHAPES = {
    "Om0": "matter density today; observables refer to the configured cosmology",
    "h": "H0 / (100 km/s/Mpc), at constant baryon density Ob0 h^2",
    "ns": "slope of the primordial power spectrum",
    "w0": "equation of state of dark energy today, w = w0 + wa (1 - a)",
    "wa": "how far dark energy's equation of state was from w0 long ago",
}
_MASS_FUNCTION = {
    "hmf_amplitude": f"factor on the halo mass function at 10^{PIVOT:g} Msun/h",
    "hmf_slope": f"change of that factor per dex of mass from 10^{PIVOT:g} Msun/h",
}


def meaning(name: str) -> str:
    """A parameter's meaning in words, and whose it is."""
    if owner(name):
        return f"{meaning(bare(name))}, of {owner(name)}"
    if name == "sigma8":
        return "rms linear density contrast in 8 Mpc/h spheres today"
    if name in _SHAPES:
        return _SHAPES[name]
    if name == "density_contrast":
        return "mean density contrast of the survey volume over its rms (sample variance)"
    if name.startswith("density_contrast"):
        return "one of the independent numbers that make up the density contrasts of the redshift shells"
    if name == "mass_scale":
        return "factor of the masses against which relations were calibrated over true ones, shared by them"
    if name in MASS_FUNCTION:
        return _MASS_FUNCTION[name]
    if name == "norm_contamination":
        return "factor on the expected number of detections that are no clusters"
    if name in _OF_DETECTION:
        return f"factor on {_OF_DETECTION[name]}"
    kind, observable = name.split("_", 1)
    return _MEANINGS[kind].format(x=_OBSERVABLES[observable])


@dataclass(frozen=True)
class Account:
    """What a page tells of a survey beside its numbers."""

    title: str
    description: str
    references: tuple[str, ...]
    survey: tuple[str, ...]
    parameters: tuple[ParameterRow, ...]


def account(config: Config, setup: Setup | None = None) -> Account:
    """A configuration in words; `setup` if its own was changed."""
    setup = config.setup if setup is None else setup
    words = survey_sentences(setup), parameter_rows(setup.parameters)
    return Account(config.title, config.description, config.references, *words)


def parameter_rows(parameters: ParameterSet) -> tuple[ParameterRow, ...]:
    """Table of the free parameters."""
    return tuple(
        ParameterRow(p.name, meaning(p.name), p.fiducial, p.prior.words + _tied_words(p.name, parameters))
        for p in parameters.free
    )


def _tied_words(name: str, parameters: ParameterSet) -> str:
    """With which priors one is correlated; empty if with none."""
    rows = [(tie.names, tie.correlation[tie.names.index(name)]) for tie in parameters.ties if name in tie.names]
    each = [f"{n} ({r:+.2f})" for names, row in rows for n, r in zip(names, row, strict=True) if n != name and r]
    return f", correlated with {' and '.join(each)}" if each else ""


def _relation_words(relations: Relations) -> str:
    def one(name: str, law: PowerLaw) -> str:
        bent = f" (slope {2 * law.curvature:+.3g} a dex of mass)" if law.curvature else ""
        if law.break_mass is not None:
            bent += f" (M^{law.slope_below:.3g} below 10^{relations.pivot + law.break_mass:.2f} Msun/h)"
        power = f"M^{law.slope:.3g}{bent} E(z)^{law.evolution:.3g}"
        return f"{_OBSERVABLES[name]} ~ {power} with {law.scatter:.3g} dex scatter"

    named = {name: relations[name] for name in relations.names}
    laws = "; ".join(one(name, law) for name, law in named.items())
    return f"Relations (M500c, pivot 10^{relations.pivot:.2f} Msun/h): {laws}."


def _proxy_words(relations: Relations) -> tuple[str, ...]:
    """What is called Y_X where that is something else."""
    if not relations.proxy_words:
        return ()
    unit = f" ({relations.proxy_unit})" if relations.proxy_unit else ""
    return (f"Mass proxy, called Y_X in all that follows: {relations.proxy_words}{unit}.",)


def _measurement_words(setup: Setup) -> tuple[str, ...]:
    """What is assumed of observables in other cosmologies; nothing where none can be reached."""
    if setup.shapes is None or not setup.geometry.spans_redshifts:
        return ()
    relations, gas = setup.relations, setup.relations.exponents("proxy")
    dark = universe_words(setup.cosmology.w0, setup.cosmology.wa, free=False)[1]
    where = "clusters nearby" if not relations.calibrated_at else f"clusters at z = {relations.calibrated_at:g}"
    aperture = "an R500 inferred from Y_X" if relations.aperture == "r500" else "a fixed angle"
    return (
        f"Observables are those inferred with Om = {setup.cosmology.Om0:g} and h = {setup.cosmology.h:g}{dark}: L_X "
        f"goes as D^2, the mass proxy, within {aperture}, as D^{gas.distance:.2f} E(z)^{-gas.expansion:.2f}. The "
        f"relations were calibrated on {where}, as L_X h^2, M_gas h^2.5 and Y_X h^2.5 against M h where they "
        "say nothing else.",
    )


def _band_words(setup: Setup) -> tuple[str, ...]:
    """In which band luminosities are, where the survey's fluxes are of another."""
    flux = setup.selection.in_flux
    words = "" if flux is None else flux.emission.words(flux.band, setup.relations.lx_band)
    return (words,) if words else ()


def universe_words(w0: float, wa: float, *, free: bool) -> tuple[str, str]:
    """What a flat universe is called, and its dark energy as it ends a list of values, empty where it is constant.

    `free`: whether w0 or wa is a parameter.

    >>> universe_words(-1.0, 0.0, free=False), universe_words(-0.9, 0.0, free=False)
    (('LambdaCDM', ''), ('wCDM', ', w0 = -0.9, wa = 0'))
    """
    constant = is_constant(w0, wa) and not free
    return ("LambdaCDM", "") if constant else ("wCDM", f", w0 = {w0:g}, wa = {wa:g}")


def survey_sentences(setup: Setup) -> tuple[str, ...]:
    """The survey and the model in a few sentences."""
    c = setup.cosmology
    variance = bool(setup.parameters.contrasts)
    fixed = [getattr(setup.parameters.fixed, name) for name in DARK_ENERGY]
    free = bool({*setup.parameters.names} & {*DARK_ENERGY}) or any(x is not None for x in fixed)
    model, dark = universe_words(c.w0, c.wa, free=free)
    sentences = [
        setup.geometry.describe(c),
        setup.selection.words,
        *_band_words(setup),
        *([] if setup.followup is None else [setup.followup.words]),
        _relation_words(setup.relations),
        *_proxy_words(setup.relations),
        f"Mass function {setup.mass_function}; flat {model} with Om = {c.Om0:g}, Ob = {c.Ob0:g}, "
        f"h = {c.h:g}, n_s = {c.ns:g}{dark}.",
        *_measurement_words(setup),
        "Sample variance of the survey volume is marginalised over."
        if variance
        else "Sample variance is off; the ladder shows the effect of switching it on.",
    ]
    if setup.binned_in_redshift:
        sentences.append("Data are kept apart by redshift bin.")
    if setup.binned_by_layer:
        sentences.append("Data are kept apart by layer of the sky.")
    sentences += [f"Errors of {WORDS[name]} depend on the flux: {law.words}." for name, law in setup.error_laws]
    if setup.yx_error and not setup.yx_error_varies:
        whose = setup.relations.least_known
        rest = "" if whose == "yx" else f", which is taken as an error of {_OBSERVABLES[whose]}"
        sentences.append(f"Each mass proxy is measured to {setup.yx_error:.3g} dex{rest}.")
    if setup.redshift_law.error:
        sentences.append(f"Redshifts are measured to {setup.redshift_law.error:g} (1 + z).")
    if setup.weak_lensing is not None:
        sentences.append(_lensing_words(setup))
    return tuple(sentences)


def _lensing_words(setup: Setup) -> str:
    """Weak-lensing masses in a few sentences."""
    sample, found = setup.lensing_sample, f"Weak-lensing masses scatter by {setup.weak_lensing:g} in ln M at fixed mass"
    if setup.lensing_correlation:
        each = (f"{value:+g} with that of {_OBSERVABLES[name]}" for name, value in setup.lensing_correlation)
        found += f", correlated {' and '.join(each)}"
    errors = [LN10 * value for value in sample.error.values]
    if any(errors):
        most = "" if min(errors) == max(errors) else f" to {max(errors):.2g}"
        found += f"; each is measured to {min(errors):.2g}{most} beside that"
    if sample.whole:
        return f"{found}."
    limits = (
        f"flux above {sample.flux_limit:.3g} erg/s/cm2" if sample.flux_limit is not None else "",
        f"z > {sample.zmin:g}" if sample.zmin is not None else "",
        f"z < {sample.zmax:g}" if sample.zmax is not None else "",
    )
    within = ", ".join(filter(None, limits))
    who = f"{sample.fraction:.3g} of the clusters" if sample.fraction < 1 else "the clusters"
    return f"{found}. In forecasts and mock catalogues {who}{f' with {within}' if within else ''} have one."


def used_words(chain: ChainSummary) -> str:
    """What a chain's data are, and of how many clusters where not of all."""
    return level_words(chain.level, chain.shares, LEVEL_WORDS.get(chain.level, chain.level))


def intake_sentences(intake: Intake) -> tuple[str, ...]:
    """What a catalogue brings to a fit, in sentences."""
    known = [m for m in intake.measured if m.known]
    medians = (f"{WORDS[m.name]} {10.0**m.median:.3g} {OBSERVABLES[m.name].unit}" for m in known)
    limits = [(m.limits, "an upper limit of", WORDS[m.name]) for m in intake.measured]
    lacking = [(intake.size - m.known - m.limits, "no", WORDS[m.name]) for m in intake.measured]
    said = (f"{count} of {intake.size} have {what} {name}" for count, what, name in (*limits, *lacking) if count)
    lacks = "; ".join(said) or "none is missing"
    outright = f", {len(intake.outright_below)} of them by more than their errors" if intake.below else ""
    faint = f"Below the flux limit: {intake.below or 'none'}{outright}. "
    return (
        f"{intake.source}: {intake.number}.",
        f"Medians: {', '.join(medians) or 'nothing was measured'}; {lacks}.",
        f"{'' if intake.below is None else faint}Outside the survey's redshifts: {len(intake.outside) or 'none'}.",
    )


@dataclass(frozen=True)
class ParameterRow:
    """One free parameter in words: name, meaning, fiducial value, prior."""

    name: str
    meaning: str
    fiducial: float
    prior: str
