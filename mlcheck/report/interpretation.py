"""What networks look at: saliency, leave-one-out and the terse layer, as NV22's section 5 has them."""

from __future__ import annotations

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.forecasts.proxy_comparison import typical_slope

from ..attribution.directions import QUANTITIES, by_quantity, typical
from ..attribution.leave_one_out import distributions, pooling_artefact
from ..attribution.mass_proxy import Calibration, compare_proxies, within_catalogues
from ..attribution.saliency import by_feature, by_radius, terse_saliency
from ..attribution.terse import OBSERVABLES, correlations, terse_values
from ..data.catalogues import Catalogues
from ..data.layout import group_of
from ..data.observables import observables_of
from ..evidence.evidence import Evidence
from ..evidence.part import Cell, Part, Picture, Table, pm
from .cluster_responses import EDGES, log_break
from .plots.interpretation import leave_one_out_figure, map_figure, mass_figure, radial_figure, totals_figure
from .plots.terse import proxy_error_figure, terse_figure

_TRAINED = 2000
"""Training catalogues on which mass proxies are calibrated."""


def saliency(evidence: Evidence) -> Part:
    """d sigma8 / d feature by quantity, by radius and by mass (NV22 figures 10 to 12)."""
    rows, pictures, moving = [], [], {}
    for case in evidence.trial.networks:
        if case in ("ones", "shuffled", "overspecialised"):
            continue
        whole = by_quantity(evidence.saliency(case))
        found, moved = by_feature(whole), {name: whole.columns([name]).totals(EDGES) for name in whole.names}
        moving[case] = moved
        for i, name in enumerate(found.names):
            total = float(moved[name].mean.sum())
            mean, low, high = 1e3 * found.mean[i], 1e3 * found.quantiles[1, i], 1e3 * found.quantiles[3, i]
            rows.append((case, name, f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}", f"{total:+.3f}"))
        if any(group_of(name) != name for name in evidence.few(case).layout.main):
            pictures += [_map(evidence, case), _radial(evidence, case)]
    terse_by_mass = _terse_by_mass(evidence, list(moving))
    if terse_by_mass is not None:
        pictures.append(terse_by_mass)
    quantities = [q for q in QUANTITIES if any(q in row for row in rows)]
    if moving and quantities:
        words = "Response of sigma8 if a quantity of all clusters of a bin in true mass grows, per dex and catalogue."
        figure = totals_figure(moving, quantities, log_break=log_break(evidence))
        pictures.append(Picture("totals", words, figure))
    header = ("case", "quantity", "1000 x mean per cluster", "middle 68% of clusters", "all clusters together")
    caption = "d sigma8 per dex of a cluster's quantity (a profile moves as a whole; slopes per unit), end to end."
    table = Table("saliency", caption, header, tuple(rows))
    return Part(
        key="saliency", title="What does it look at?", words=(), findings=(), tables=(table,), pictures=tuple(pictures)
    )


def _terse_by_mass(evidence: Evidence, cases: list[str]) -> Picture | None:
    """NV22 figure 12: terse saliency of the mass proxy by true mass, of every case."""
    found, feature = {}, ""
    for case in cases:
        members, few = evidence.trial.networks[case], evidence.few(case)
        try:
            whole = by_quantity(terse_saliency(members, few))
        except InputError:
            continue
        feature = "log_mgas" if "log_mgas" in whole.names else whole.names[-1]
        found[case] = whole.columns([feature]).by_mass(EDGES)
    if not found:
        return None
    words = (
        "Response of the terse value (in its standard deviations) to gas mass by true mass; bands: 68% of the clusters "
        "(NV22 figure 12)."
    )
    return Picture("terse-by-mass", words, mass_figure(found, "terse", feature, log_break=log_break(evidence)))


def _map(evidence: Evidence, case: str) -> Picture:
    few = evidence.few(case)
    order = np.argsort(few.sigma8)
    shown = [int(order[round(share * (len(order) - 1))]) for share in (0.05, 0.5, 0.95)]
    words = f"Case {case}: size of the response of sigma8 to every feature of every cluster of three catalogues."
    return Picture(f"map-{case}", words, map_figure(evidence.saliency(case), few, shown))


def _radial(evidence: Evidence, case: str) -> Picture:
    members, few = evidence.trial.networks[case], evidence.few(case)
    usual = typical(terse_saliency(members, few), few)
    profiles = [by_radius(usual, name, np.array([13.6, 14.0, 14.4, 15.4])) for name in ("log_mgas", "slope")]
    words = (
        f"Case {case}: response of the terse value (in its standard deviations) to the profiles by radius, the other "
        "features following as they do among clusters of one mass. Open symbols: radii to which more than 30% of the "
        "profiles were extrapolated."
    )
    return Picture(f"radial-{case}", words, radial_figure(profiles))


def alone(evidence: Evidence) -> Part:
    """Shifts when a cluster is left out (NV22 figure 9)."""
    case = evidence.main
    found = evidence.leave_one_out(case)
    bands, above = found.by_mass(EDGES), distributions(found)
    rows = [(f"{d.benchmark:g}" if np.isfinite(d.benchmark) else "all", d.number, pm(d.lowered, d.lowered_error),
             f"{1e3 * np.interp(0.5, d.probability, d.shift):+.2f}") for d in above]  # fmt: skip
    words = f"Case {case}: shift of sigma8 when a cluster is removed, by true mass, and its distributions above masses."
    part = pooling_artefact(found)
    text: tuple[str, ...] = ()
    if part.reordering > 0:
        text = (
            "Removing a cluster also shifts which rows the network's poolings pair: half of the middle 68% of the "
            f"shifts is {part.total:.4f}, of the removal proper {part.removal:.4f}, of the re-ordering "
            f"{part.reordering:.4f}.",
        )
    header = ("log10 mass above", "clusters", "share that lowers sigma8", "1000 x median shift")
    table = Table("leave-one-out", "Removals above benchmark masses (Msun/h).", header, tuple(rows))
    pictures = (Picture("leave-one-out", words, leave_one_out_figure(bands, above)),)
    return Part(
        key="alone", title="What does one cluster do?", words=text, findings=(), tables=(table,), pictures=pictures
    )


def terse(evidence: Evidence) -> Part:
    """Correlations of the terse value, and the mass proxy made of it (NV22 figures 15 and 16)."""
    case, rng, title = evidence.main, evidence.rng("terse"), "What is in the terse value?"
    member, judged = evidence.trial.networks[case][0], evidence.catalogues(case)
    try:
        values = terse_values(member, judged)
    except InputError as error:
        return Part("terse", title, (str(error),))
    seen = _observables(evidence, judged)
    table = correlations(values.values, judged, seen, rng=rng)
    rows = tuple((c.name, c.of, pm(c.pearson, c.pearson_error), pm(c.spearman, c.spearman_error), c.published)
                 for c in table)  # fmt: skip
    correlated = Table("terse", "Correlation of the terse value; errors by bootstrap over catalogues.",
                       ("with", "over", "Pearson", "Spearman", "NV22"), rows)  # fmt: skip
    figure = terse_figure(values.values, judged, seen, table)
    words = "Density of clusters in terse value and each quantity (NV22 figure 15)."
    proxies, errors = _proxies(evidence, case)
    return Part(
        key="terse",
        title=title,
        words=(),
        findings=(),
        tables=(correlated, proxies),
        pictures=(Picture("terse", words, figure), errors),
    )


def _observables(evidence: Evidence, catalogues: Catalogues) -> dict[str, Array]:
    known = [column.name for column in evidence.trial.judged.suite.columns("clusters")]
    names = [name for name in OBSERVABLES if name in known]
    return observables_of(evidence.trial.judged, catalogues, names, seed=evidence.trial.laboratory.split_seed)


def _proxies(evidence: Evidence, case: str) -> tuple[Table, Picture]:
    trial, member = evidence.trial, evidence.trial.networks[case][0]
    training = trial.training(case)
    training = training.take(np.arange(min(_TRAINED, len(training))))
    source, seed = trial.laboratory.source, trial.laboratory.split_seed
    names = [n for n in ("log_mgas", "log_yx") if n in _observables(evidence, evidence.catalogues(case))]
    first = terse_values(member, training)
    both = []
    for catalogues, suite in ((training, source), (evidence.catalogues(case), trial.judged)):
        raw = terse_values(member, catalogues)
        again = first.again(raw.values * raw.scale + raw.mean)
        seen = observables_of(suite, catalogues, names, seed=seed)
        both.append({"log_m500": catalogues.log_mass.astype(float), "terse": again, **seen})
    size = evidence.catalogues(case).size
    slope = typical_slope(trial.model)[1]
    found = compare_proxies(both[0], both[1], size, slope=slope, rng=evidence.rng("proxies"))
    rows: list[tuple[Cell, ...]] = [
        (p.name, p.calibration, "within" if p.within else "all", pm(p.bias.value, p.bias.error),
         f"{p.low.value:+.3f} to {p.high.value:+.3f}", pm(p.percent.value, p.percent.error),
         pm(p.skewness.value, p.skewness.error), pm(p.kurtosis.value, p.kurtosis.error),
         pm(100 * p.sampled_bias.value, 100 * p.sampled_bias.error),
         "" if not np.isfinite(p.published) else f"{p.published:.1f}")
        for p in found
    ]  # fmt: skip
    header = ("proxy", "calibration", "errors", "bias [dex]", "16 to 84% [dex]", "scatter [%]", "skewness", "kurtosis",
              "abundance bias [%]", "NV22 [%]")  # fmt: skip
    caption = (
        "Errors of log10 mass from each proxy, of all clusters or within catalogues, and the bias of abundances that "
        f"their skewness and kurtosis imply for a mass function of slope {slope:.2f}, relative to log-normal errors."
    )
    errors = {}
    for name in ("terse", *names):
        fitted = Calibration.fit(both[0][name], both[0]["log_m500"])
        errors[name] = within_catalogues(fitted.log_mass(both[1][name]) - both[1]["log_m500"], size)[0]
    figure = proxy_error_figure(errors, {name: float(e.std()) for name, e in errors.items()})
    words = "Errors of mass proxies, each catalogue's mean removed (NV22 figure 16)."
    return Table("proxies", caption, header, tuple(rows)), Picture("proxies", words, figure)
