"""Which mass proxy would self-calibrate a survey best: forecasts of one survey with every proxy it can use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..config.load import Config, parse_config
from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import Parameter
from ..core.priors import Prior
from ..core.records import Job
from ..core.rng import generator
from ..core.units import LN10
from ..likelihoods.fisher import fisher_matrix
from ..likelihoods.level_name import LevelName
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import expected_number
from ..model.setup import Setup
from ..model.simulate import draw_mocks
from ..relations.edgeworth import UnitMixture, edgeworth_bias
from ..relations.mass_proxy import PROXIES, ErrorModel, MassProxy, mass_proxy
from .many_surveys import NamedSetup, density_words
from .proxy_records import ProxyComparison, ProxyRow

LEVELS = (LevelName.COUNTS, LevelName.SELFCAL, LevelName.BINNED, LevelName.UNBINNED)
"""Levels that use no observable but the proxy; `counts` uses none, for reference."""
COMMON_PRIOR, LOOSE_PRIOR = 0.10, 0.30
"""Standard deviations of ln M that a common normalisation prior allows every proxy."""
DEFAULT_PRIORS = {"norm_yx": COMMON_PRIOR, "scatter_yx": 0.20}
"""Log-normal priors of an error model's normalisation and scatter."""
_TYPICAL = 20_000
"""Mock clusters whose median mass is the typical one."""
_INSTEAD = "With Mmin following L_X, as in a real flux-limited survey, instead of fixed in true mass:"
_ALIKE = 0.02
"""Relative difference of sigma(sigma8) below which two proxies are as good as each other."""


def compute_proxies(
    config: Config, models: Sequence[ErrorModel | MassProxy] = (), job: Job | None = None
) -> ProxyComparison:
    """Compare every proxy the survey can use, and `models` of one's own."""
    base = _with_yx(config).setup
    model = forward_model(base)
    typical = typical_slope(model)
    setups, left_out = _usable(base, config, [mass_proxy(choice) for choice in (*PROXIES, *models)])
    surveys = [base, *_following(base)]
    tables: list[list[ProxyRow]] = [[] for _ in surveys]
    for done, (proxy, setup) in enumerate(setups):
        for table, survey in zip(tables, surveys, strict=True):
            table.append(_row(replace(setup, selection=survey.selection), proxy, typical[1]))
        if job is not None and job.progress is not None:
            job.progress("comparing", done + 1, len(setups), math.nan)
    rows, *others = (tuple(sorted(table, key=lambda row: row.common[LevelName.UNBINNED])) for table in tables)
    follows = others[0] if others else ()
    sentences = (*answer(rows), *((_INSTEAD, *answer(follows)) if follows else ()))
    count = expected_number(model)
    return ProxyComparison(
        title=config.title,
        expected_count=count,
        log_mass=typical[0],
        slope=typical[1],
        common_prior=COMMON_PRIOR,
        loose_prior=LOOSE_PRIOR,
        rows=rows,
        follows_lx=follows,
        left_out=left_out,
        answer=sentences,
        notes=density_words([NamedSetup(config.title, config.setup)]),
    )


def _with_yx(config: Config) -> Config:
    """The same survey with Y_X as its proxy, whatever is configured."""
    return parse_config(config.model_dump(mode="json") | {"proxy": "yx"}, source=config.title)


def _following(setup: Setup) -> list[Setup]:
    """The survey with an Mmin that follows L_X, if its own is fixed in true mass."""
    selection = setup.selection.in_mass
    if selection is None or selection.min_mass_mode == "follows_lx":
        return []
    return [replace(setup, selection=selection.with_min_mass("follows_lx"))]


def _usable(
    base: Setup, config: Config, proxies: Sequence[MassProxy]
) -> tuple[list[tuple[MassProxy, Setup]], dict[str, str]]:
    """Proxies with the survey that uses them; names of the others, and why they cannot be used."""
    usable: list[tuple[MassProxy, Setup]] = []
    left_out = {}
    for proxy in proxies:
        try:
            usable.append((proxy, proxy_setup(base, proxy, config.yx_error)))
        except InputError as error:
            left_out[proxy.name] = str(error)
    return usable, left_out


def proxy_setup(base: Setup, choice: str | ErrorModel | MassProxy, yx_error: float = 0.0) -> Setup:
    """A survey with another proxy.

    Measurement errors apply to X-ray proxies, `yx_error` (dex) to all of them; an error model includes
    its own, and its normalisation and scatter get the priors of `DEFAULT_PRIORS`.
    """
    proxy = mass_proxy(choice)
    relations = proxy.of(base.relations)
    if proxy.error_model is None:
        setup = replace(base, relations=relations)
        if setup.yx_error_varies and not yx_error:
            return setup
        return setup.with_yx_error(max(yx_error, setup.yx_error))
    gone = [n for n in base.parameters.names if n.endswith(("_t", "_mgas", "_core")) or n in DEFAULT_PRIORS]
    parameters = base.parameters.without(gone)
    for name, width in DEFAULT_PRIORS.items():
        parameters = parameters.with_free(_factor(name, width))
    return replace(base, relations=relations, parameters=parameters, errors=(), error_laws=())


def _factor(name: str, width: float, fiducial: float = 1.0) -> Parameter:
    """A factor known to a standard deviation of its logarithm."""
    return Parameter(name, fiducial, Prior("lognormal", mean=fiducial, std=width, log=True))


def typical_slope(model: ForwardModel) -> tuple[float, float]:
    """Median log10 M500c of mock clusters, and -d ln(dn/dln M)/d ln M there at their median redshift."""
    theta, population = model.parameters.fiducial[None], model.population
    copies = math.ceil(_TYPICAL / float(model.expected_count(theta)[0]))
    mocks = draw_mocks(model, np.repeat(theta, copies, axis=0), rng=generator(0, "typical cluster"))
    log_mass, z = float(np.median(mocks.log_mass)), float(np.median(mocks.z))
    abundance = population.abundance(model.parameters.values(theta))[0]  # (K, M)
    slopes = -np.gradient(np.log(np.maximum(abundance, 1e-300)), population.log_mass * LN10, axis=1)
    at = [np.interp(log_mass, population.log_mass, slope) for slope in slopes]
    return log_mass, float(np.interp(z, population.shells.z, at))


def mass_residual(setup: Setup) -> tuple[float, UnitMixture]:
    """Scatter of log10 of the proxy mass at the pivot, dex, and the standardised density."""
    if setup.yx_error_varies:
        raise InputError("errors: proxies are compared with errors that are numbers; give numbers under [errors]")
    v = setup.parameters.fiducial_values
    slope = float(np.squeeze(setup.relations.at(v).yx.slope))
    parts = setup.relations.components(v, np.array([setup.relations.pivot]))
    mean = np.array([np.squeeze(part.yx_shift) for part in parts]) / slope
    std = np.hypot([np.squeeze(part.yx_scatter) for part in parts], setup.yx_error) / slope
    density = UnitMixture(np.array([part.weight for part in parts]), mean, std)
    scatter = density.moments[1]
    return scatter, UnitMixture(density.weight, mean / scatter, std / scatter)


def _row(setup: Setup, proxy: MassProxy, slope: float) -> ProxyRow:
    known = proxy.error_model
    scatter, density = mass_residual(setup)
    skewness, kurtosis = density.moments[2:]
    configured, common, loose = forecasts(setup)
    return ProxyRow(
        name=proxy.name,
        description=proxy.words,
        reference="" if known is None else known.reference,
        scatter=scatter,
        skewness=skewness,
        kurtosis=kurtosis,
        edgeworth_bias=float(edgeworth_bias(slope, scatter, skewness, kurtosis)) - 1,
        exact_bias=float(density.growth(np.array(slope * scatter * LN10))) - 1,
        norm_prior=_norm_prior(setup),
        parameters=acting(setup),
        defaults=() if known is None else tuple(DEFAULT_PRIORS),
        configured=configured,
        common=common,
        loose=loose,
    )


def acting(setup: Setup) -> tuple[str, ...]:
    """Free parameters that act on the mass proxy."""
    relations = setup.relations
    parts = [n for n, c in zip(relations.names, relations.combination, strict=True) if c] + ["yx"]
    shared = {"mass_scale"} if set(parts) & set(relations.on_mass_scale) else set()
    return tuple(n for n in setup.parameters.names if n.partition("_")[2] in parts or n in shared)


def _coefficients(setup: Setup) -> dict[str, float]:
    """d ln(proxy) / d ln of each free normalisation."""
    relations, free = setup.relations, setup.parameters.names
    found = {f"norm_{n}": float(c) for n, c in zip(relations.names, relations.combination, strict=True)}
    low, high = (replace(setup.parameters.fiducial_values, mass_scale=scale) for scale in (1.0, 10.0))
    by_scale = float(np.squeeze(relations.at(high).yx.log_norm - relations.at(low).yx.log_norm))
    return {n: c for n, c in (found | {"norm_yx": 1.0, "mass_scale": by_scale}).items() if n in free and c}


def _slope(setup: Setup) -> float:
    return float(np.squeeze(setup.relations.at(setup.parameters.fiducial_values).yx.slope))


def _norm_prior(setup: Setup) -> float:
    """Standard deviation of ln M that the priors allow the proxy's normalisation."""
    found = _coefficients(setup)
    weight = np.array(list(found.values()))
    covariance = np.linalg.inv(setup.parameters.prior_precision(list(found))) if found else np.zeros((0, 0))
    return math.sqrt(weight @ covariance @ weight) / _slope(setup)


def forecasts(setup: Setup) -> tuple[dict[str, float], ...]:
    """sigma(sigma8) by level: priors as configured, common and loose.

    Under a common prior one factor, norm_yx, replaces the proxy's own normalisations. That of L_X, which
    acts on selection, keeps its prior even where the proxy contains L_X: the common one is on their product.
    """
    configured = setup.parameters
    free, slope = configured, _slope(setup)
    if "norm_yx" not in free.names:
        fiducial = float(np.squeeze(configured.fiducial_values.norm_yx))
        free = free.with_free(_factor("norm_yx", COMMON_PRIOR * slope, fiducial))
    extended = replace(setup, parameters=free)
    model = forward_model(extended)
    information = {level: fisher_matrix(level, model).information for level in LEVELS}
    coefficients = _coefficients(extended)
    shared = [n for n in free.names if not n.startswith("norm_") or n in ("norm_lx", "norm_wl", "norm_yx")]
    direction = np.array([coefficients.get(name, 0.0) for name in shared]) / slope
    own, kept = configured.prior_precision(configured.names), [i for i, n in enumerate(shared) if n != "norm_yx"]
    others = np.zeros((len(shared), len(shared)))
    others[np.ix_(kept, kept)] = free.prior_precision([shared[i] for i in kept])
    common, loose = (others + np.outer(direction, direction) / width**2 for width in (COMMON_PRIOR, LOOSE_PRIOR))
    cases = ((configured.names, own), (shared, common), (shared, loose))
    return tuple(
        {level: _sigma8_std(found, free.names, names, prior) for level, found in information.items()}
        for names, prior in cases
    )


def _sigma8_std(information: Array, names: Sequence[str], kept: Sequence[str], prior: Array) -> float:
    """sigma(sigma8) from the information on some parameters, the others being known, and a prior precision."""
    index = [names.index(name) for name in kept]
    at = list(kept).index("sigma8")
    return math.sqrt(np.linalg.inv(information[np.ix_(index, index)] + prior)[at, at])


def answer(rows: Sequence[ProxyRow]) -> tuple[str, ...]:
    """Which proxy would self-calibrate the survey best, by how much, and what its calibration is worth."""
    rows = sorted(rows, key=lambda row: row.common[LevelName.UNBINNED])
    if len(rows) < 2:
        return ("There is nothing to compare.",)
    (best, second, *_), worst = rows, rows[-1]
    sigma = [row.common[LevelName.UNBINNED] for row in (best, second, worst)]
    tied = sigma[1] < sigma[0] * (1 + _ALIKE)
    versus = f", as good as {second.name}" if tied else f", {_less(sigma[0], sigma[1])} than {second.name}"
    gain, price = sigma[2] - sigma[0], best.loose[LevelName.UNBINNED] - sigma[0]
    verdict = "less than" if gain < price else "more than"
    matters = "How well the proxy is calibrated matters more." if gain < price else "Which proxy matters more."
    given = min(rows, key=lambda row: row.configured[LevelName.UNBINNED])
    return (
        f"With every proxy's normalisation known to {COMMON_PRIOR:.0%} in mass, {best.name} would self-calibrate this "
        f"survey best: sigma(sigma8) = {sigma[0]:.4f} from every cluster's proxy{versus} ({sigma[1]:.4f}) and "
        f"{_less(sigma[0], sigma[2])} than {worst.name} ({sigma[2]:.4f}).",
        f"From the worst proxy to the best sigma(sigma8) falls by {gain:.4f}, {verdict} the {price:.4f} it rises by if "
        f"the normalisation of {best.name} is known to {LOOSE_PRIOR:.0%} only. {matters}",
        f"With priors as configured ({DEFAULT_PRIORS['norm_yx']:.0%} for error models), {given.name} is best: "
        f"{given.configured['unbinned']:.4f}, its normalisation known to {given.norm_prior:.0%} in mass.",
    )


def _less(best: float, other: float) -> str:
    return f"{1 - best / other:.0%} less"
