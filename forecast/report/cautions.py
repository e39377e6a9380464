"""What a reader must know before the numbers of a fit: one rule a function, each with its threshold.

Only what is impossible is refused; everything that is doubtful is a caution, and stands before the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.observables import WORDS, column_key
from ..core.parameters import ParameterSet

if TYPE_CHECKING:
    from ..checks.followed import Followed
    from ..checks.goodness import Goodness
    from ..checks.intake import Intake, Measured, Number, RedshiftErrors
    from ..checks.offsets import Offset
    from ..checks.ppc import PredictiveTest
    from ..forecasts.swaps import SystematicRow
    from ..sampling.mass_scale import MassScaleShift

SURPRISE, IMPOSSIBLE = 0.01, 1e-6
"""Two-sided prior predictive chance of N below which the catalogue is doubted, and the configuration is wrong."""
EDGE, PILED = 0.05, 3.0
"""Part of a flat prior at either end, and how many times its share of the samples makes a pile."""
MOVED = 1.0
"""The same of a shared mass scale, on which sigma8 hangs."""
BAD_FIT = 0.01
"""Posterior predictive p-value below which the model does not describe the catalogue."""
SHIFT = 0.5
"""Part of the error of sigma8 by which a swap of the mass function may move it."""
ROUGH = 0.03
"""dex by which errors of L_X may differ from the survey's error of the flux."""
BLURRED = 0.1
"""rms error of redshifts in units of the narrowest bin from which on clusters leave their bins."""
_UNLIKE = 1.5
"""Factor between listed and expected errors of redshifts from which on they are told apart."""
VAGUE = 0.5
"""Part of an observable's errors that may be larger than the values."""
MISFIT, HINT, _NEAR_POWER = 3.0, 2.2, 0.3
"""sigma beyond which an observable does not fit L_X; the same where a power of h this near a whole one would do it."""
_DRIFT = 0.01
"""dex by which values would be corrected for errors that go with them, from which on it is told."""
_NAMED = 5


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more.

    >>> listed(["A85", "A119"]), listed([f"c{i}" for i in range(7)])
    ('A85, A119', 'c0, c1, c2, c3, c4 and 2 more')
    """
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def of_number(number: Number) -> Caution | None:
    """N is out of reach of the model with its priors: prior predictive chance below `SURPRISE`."""
    if not number.chance < SURPRISE:
        return None
    cure = "check area, flux limit and band, redshifts, and whether the catalogue is the whole selected sample"
    if number.chance < IMPOSSIBLE:
        reason = f"not one of {number.draws} draws from the prior can give this N (p < {IMPOSSIBLE:g})"
        return Caution("number", f"IMPOSSIBLE: {number}; {reason}. sigma8 will be wherever the priors end: {cure}")
    return Caution("number", f"{number}; so extreme an N has p = {number.chance:.1g}: {cure}")


def of_duplicates(twice: Sequence[str]) -> Caution | None:
    """Names of clusters that share a name with another, or redshift and every measurement."""
    if not twice:
        return None
    return Caution("listed_twice", f"listed more than once, and counted so: {listed(twice)}; drop the copies")


def of_faint(names: Sequence[str]) -> Caution | None:
    """Names of clusters that the survey cannot have selected: below its flux limit by more than 3 sigma."""
    if not names:
        return None
    cure = "check the limit, the band of L_X, the reference cosmology, and that the catalogue was cut as the survey is"
    return Caution("below_limit", f"below the flux limit by more than their errors allow: {listed(names)}; {cure}")


def of_redshifts(names: Sequence[str]) -> Caution | None:
    """Names of clusters beyond the survey's depth."""
    return Caution("redshift", f"outside the survey's depth: {listed(names)}") if names else None


def of_same_redshift(z: float | None) -> Caution | None:
    """One redshift of every cluster, which no survey of a range of redshifts has."""
    if z is None:
        return None
    cure = "if it is that of the survey, give the clusters' own; if they are one simulated snapshot, use a box"
    return Caution("same_redshift", f"every cluster has the same redshift, {z:g}: check the column; {cure}")


def of_flux_error(listed: float, assumed: float | None) -> Caution | None:
    """rms error of the listed L_X, dex, unlike the error of the flux with which the survey selects."""
    if assumed is None or not listed or abs(listed - assumed) < ROUGH:
        return None
    cure = (
        f"Set selection.flux_error = {listed:.2g}" if listed <= 1 else "No survey does that: check the unit of lx_error"
    )
    return Caution(
        "flux_error",
        f"the listed L_X have errors of {listed:.2f} dex, but the expected number assumes fluxes measured to "
        f"{assumed:g} dex: clusters scatter over the limit. {cure}, unless L_X were "
        "measured on other data than those that found the clusters",
    )


def of_redshift_errors(errors: RedshiftErrors | None) -> Caution | None:
    """Errors of redshifts that no level looks at, or that move clusters between bins."""
    if errors is None:
        return None
    if not errors.used:
        text = f"errors of redshifts ({errors.rms:.2g}) are listed, but in this survey redshifts are no data: left out"
        return Caution("redshift", text)
    if errors.assumed:
        apart = max(errors.relative / errors.assumed, errors.assumed / errors.relative)
        text = (
            f"listed errors of redshifts are {errors.relative:.2g} (1 + z) rms, but expected numbers take them for "
            f"errors.z = {errors.assumed:g}; set errors.z = {errors.relative:.2g}"
        )
        return Caution("redshift", text) if apart > _UNLIKE else None
    if errors.narrowest is None or errors.rms < BLURRED * errors.narrowest:
        return None
    return Caution(
        "redshift",
        f"redshifts are known to {errors.rms:.2g}, and the narrowest redshift bin is {errors.narrowest:.2g} wide: "
        "below level full clusters count in the bin of their measured redshift, as if it were the true one. Set "
        f"errors.z = {errors.relative:.2g}, give fewer survey.shells, or take --level full",
    )


def of_errors(measured: Sequence[Measured]) -> tuple[Caution, ...]:
    """Errors that are mostly larger than the values: upper bounds, or per cent, read as errors."""
    return tuple(
        Caution(
            "errors",
            f"{one.vague:.0%} of the errors of {symbol(one.name)} are larger than the values (rms {one.error:.2f} "
            f"dex); check that they are errors, not bounds or per cent, and the unit of {column_key(one.name)}_error",
        )
        for one in measured
        if one.vague > VAGUE
    )


def of_error_trends(measured: Sequence[Measured]) -> tuple[Caution, ...]:
    """Errors that go with the true value of a mass proxy, which level full takes for independent of it."""
    cautions = []
    for one in measured:
        if one.name in ("t", "mgas", "yx") and abs(one.drift) > _DRIFT:
            side, size = ("smaller", "large") if one.drift < 0 else ("larger", "small")
            held = "selfcal, binned and unbinned allow for it, but " if one.name == "yx" else ""
            name, part = symbol(one.name), 10 ** abs(one.drift) - 1
            text = (
                f"errors of {name} are {side} for larger values: {held}level full takes them for independent of "
                f"the true value, as if {name} were up to {part:.0%} too {size}"
            )
            cautions.append(Caution("errors", text))
    return tuple(cautions)


def of_offsets(found: Sequence[Offset]) -> tuple[Caution, ...]:
    """Observables that do not fit L_X by more than the priors allow, and by less where a factor h would explain it."""
    cautions = []
    for one in found:
        power = abs(one.dex / np.log10(one.h))
        has_h = one.name in ("mgas", "yx", "wl")
        hubble = has_h and abs(power - round(power)) < _NEAR_POWER and 1 <= round(power) <= 2
        if abs(one.sigma) > MISFIT or (hubble and abs(one.sigma) > HINT):
            side = "above" if one.dex > 0 else "below"
            sign = "" if one.dex < 0 else "-"
            because = f"; a factor h^{sign}{round(power)} would do it: check Msun against Msun/h" if hubble else ""
            text = (
                f"{symbol(one.name)} at given L_X is {abs(one.dex):.2f} dex {side} what the priors allow "
                f"({abs(one.sigma):.1f} sigma): check units, band and reference cosmology{because}"
            )
            cautions.append(Caution("offset", text))
    return tuple(cautions)


def of_followup(found: Followed | None) -> Caution | None:
    """Clusters without a mass proxy that are unlike the others in flux or redshift."""
    if found is None or not found.unlike:
        return None
    ranks = " and ".join(f"{name} (p = {chance:.1g})" for name, chance in found.unlike.items())
    return Caution(
        "followup",
        f"which {found.known} of {found.size} clusters have a mass proxy hangs on {ranks}, but levels selfcal to "
        "unbinned take the others for clusters like these: say in [followup] which were followed up, or use level full",
    )


def symbol(name: str) -> str:
    """An observable as people write it."""
    return WORDS.get(name, name)


def before_fit(intake: Intake) -> tuple[Caution, ...]:
    """What can be said before anything is sampled."""
    found = (
        of_number(intake.number),
        of_duplicates(intake.twice),
        of_faint(intake.outright_below),
        of_redshifts(intake.outside),
        of_followup(intake.followed),
        of_same_redshift(intake.same_redshift),
        of_flux_error(next((m.error for m in intake.measured if m.name == "lx"), 0.0), intake.flux_error),
        of_redshift_errors(intake.redshifts),
    )
    several = (*of_errors(intake.measured), *of_error_trends(intake.measured), *of_offsets(intake.offsets))
    return (*(caution for caution in found if caution is not None), *several, *intake.remarks)


def share_at_edges(parameters: ParameterSet, names: Sequence[str], samples: Array) -> dict[tuple[str, str], float]:
    """Part of the samples (n, D) of `names` in the outer `EDGE` of each prior with a wall: by parameter and end."""
    found: dict[tuple[str, str], float] = {}
    for parameter in parameters.free:
        lower, upper = parameter.prior.walls
        if (lower or upper) and parameter.name in names:
            place = parameter.prior.cumulative(samples[:, list(names).index(parameter.name)])
            found |= {(parameter.name, "lower"): float(np.mean(place < EDGE))} if lower else {}
            found |= {(parameter.name, "upper"): float(np.mean(place > 1 - EDGE))} if upper else {}
    return found


def of_edges(parameters: ParameterSet, shares: Mapping[str, Mapping[tuple[str, str], float]]) -> tuple[Caution, ...]:
    """Posteriors that pile up where a prior ends: `PILED` times the share a flat posterior has there.

    `shares`: of every level, as `share_at_edges` gives them.
    """
    cautions = []
    for parameter in parameters.free if shares else ():
        for end, value in zip(("lower", "upper"), parameter.prior.bounds, strict=True):
            piles = {level: found.get((parameter.name, end), 0.0) for level, found in shares.items()}
            piles = {level: share for level, share in piles.items() if share > PILED * EDGE}
            if piles:
                each = ", ".join(f"{share:.0%} at level {level}" for level, share in piles.items())
                text = (
                    f"{parameter.name} piles up at the {end} end of its prior ({value:g}): {each} of the samples lie "
                    f"in its outer {EDGE:.0%}. The prior, not the data, sets the answer: widen it, or find the fault"
                )
                cautions.append(Caution("prior_edge", text))
    return tuple(cautions)


def of_mass_scale(shifts: Sequence[MassScaleShift]) -> tuple[Caution, ...]:
    """Shared mass scales that the data move by more than `MOVED` standard deviations of their prior."""
    return tuple(Caution("mass_scale", one.words) for one in shifts if abs(one.shift) > MOVED)


def of_goodness(checks: Sequence[Goodness]) -> tuple[Caution, ...]:
    """Distributions that the model does not describe: p below `BAD_FIT`."""
    return tuple(
        Caution(
            "goodness",
            f"the model does not describe the distribution of {symbol(check.observable)}: "
            f"posterior predictive p < {BAD_FIT:g}",
        )
        for check in checks
        if check.p_value < BAD_FIT
    )


def of_prediction(test: PredictiveTest | None) -> Caution | None:
    """Statistics of the catalogue unlike those of replicas: joint p below `BAD_FIT`, replicas enough to tell."""
    if test is None or test.status == "no power" or not test.joint < BAD_FIT:
        return None
    worst = test.names[int(np.argmin(test.p_values))]
    text = f"the catalogue is unlike those the fitted model makes: joint p < {BAD_FIT:g}, most of all in {worst}"
    return Caution("predictive", text)


def of_mass_function(rows: Sequence[SystematicRow], level: str, error: float) -> tuple[Caution, ...]:
    """Swaps of the mass function that move sigma8 by more than `SHIFT` of its error at a level, or by NaN."""
    swaps = [row for row in rows if row.swapped == "mass function" and level in row.shift and row.widening == 1]
    found = []
    for row in swaps:
        shift = row.shift[level]
        if np.isnan(shift):
            words = f"how far another mass function moves sigma8 at level {level} was not found ({row.label})"
            found.append(Caution("mass_function", words))
        elif abs(shift) > SHIFT * error:
            words = f"another mass function moves sigma8 by {shift:+.4f}, {abs(shift) / error:.1f} of its error"
            found.append(Caution("mass_function", f"{words} at level {level} ({row.label})"))
    return tuple(found)
