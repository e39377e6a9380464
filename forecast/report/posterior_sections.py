"""Sections about posteriors: parameters, convergence, single clusters, and the model beside its catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from ..core.digits import chance_text
from ..sampling.informed import AS_WIDE, Lesson
from ..sampling.mcmc import TAU_FACTOR, ChainSummary
from .answer import COSMOLOGY
from .narrative import used_words
from .page.blocks import Block, Folded, Picture, Section, Table, Text
from .page.typesetting import SYMBOLS, beside, number, spread, symbol, typeset
from .results import Result, SurveyPart

MOST = 6
"""Parameters that a corner figure of one column can show."""
_KEYS = ("mean", "q16", "q50", "q84")


@dataclass(frozen=True)
class LeftOut:
    """Parameters that a corner figure leaves out, and why."""

    contrasts: tuple[str, ...]
    like_prior: tuple[str, ...]
    aloof: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return self.contrasts + self.like_prior + self.aloof

    @property
    def sentence(self) -> Markup:
        """Which and why; empty if none is left out."""
        reasons = []
        if self.contrasts:
            reasons.append(Markup("the density contrasts of the volume"))
        if self.like_prior:
            reasons.append(
                _symbols(self.like_prior)
                + f", whose posterior is the prior ({AS_WIDE:.0%} as wide or more) and hardly tied to σ"
                + Markup("<sub>8</sub>")
            )
        if self.aloof:
            reasons.append(_symbols(self.aloof) + Markup(", which σ<sub>8</sub> depends on least"))
        return Markup("Left out: ") + Markup("; ").join(reasons) + "." if reasons else Markup()


def _symbols(names: tuple[str, ...]) -> Markup:
    return Markup(", ").join(symbol(name) for name in names)


def left_out(result: Result) -> LeftOut:
    """What a corner figure need not show: contrasts, priors come back, and the least of too many."""
    chain = result.chain(result.headline) or (result.chains[0] if result.chains else None)
    names = [] if chain is None else [name for name in chain.parameters if name != "S8"]
    contrasts = tuple(name for name in names if name.startswith("density_contrast"))
    rest = [name for name in names if name not in (*contrasts, *COSMOLOGY)]
    of_chains = {n: [c.parameters[n] for c in result.chains if n in c.parameters] for n in rest}
    like_prior = tuple(n for n in rest if all(Lesson.of_summary(one).idle for one in of_chains[n]))
    kept = [name for name in rest if name not in like_prior]
    room = max(1, MOST - len([name for name in names if name in COSMOLOGY]))
    pulls = {} if chain is None else {n: abs(chain.parameters[n].get("correlation_sigma8", 0.0)) for n in kept}
    least = sorted(kept, key=lambda name: -pulls[name])[room:]
    return LeftOut(contrasts, like_prior, tuple(name for name in kept if name in least))


def posteriors_section(result: Result) -> Section:
    """Parameters of interest by level, nuisances folded away, and the corner figure."""
    header = ("Level", "Parameter", "mean", "std", "16%", "50%", "84%", "MC error")
    rows = tuple(
        (chain.level, _parameter(name), *_values(chain.parameters[name]))
        for chain in result.walked
        for name in COSMOLOGY
        if name in chain.parameters
    )
    alt = "Marginal posteriors of the parameters that the data inform and contours of their pairs, by level."
    blocks: list[Block] = [
        Table("Posteriors of the parameters of interest", header, rows),
        Text("MC error: Monte-Carlo standard error of the mean, from the effective number of samples.", soft=True),
        Picture("corner", alt, _corner_caption(result)),
        *(_nuisances(chain) for chain in result.chains if set(chain.parameters) - set(COSMOLOGY)),
    ]
    return Section("Posteriors", tuple(blocks) if result.chains else ())


def _parameter(name: str) -> Markup:
    return symbol(name) + Markup(" <span class='soft'>{}</span>").format(name)


def _values(values: Mapping[str, float]) -> tuple[str, ...]:
    mean, *quantiles = (beside(values.get(key), values.get("std")) for key in _KEYS)
    return (mean, spread(values.get("std")), *quantiles, spread(values.get("mcse")))


def _nuisances(chain: ChainSummary) -> Folded:
    """Parameters of no interest of themselves."""
    names = [name for name in chain.parameters if name not in COSMOLOGY]
    header = ("Parameter", "mean", "std", "16%", "50%", "84%", "MC error", "width / prior", "correlation with sigma8")
    rows = []
    for name in names:
        values = chain.parameters[name]
        more = (number(values.get("width_of_prior"), 2), number(values.get("correlation_sigma8"), 2, True))
        rows.append((_parameter(name), *_values(values), *more))
    count = f"{len(names)} nuisance parameter{'s' if len(names) > 1 else ''}"
    table = Table(f"Nuisance parameters of level {chain.level}", header, tuple(rows))
    return Folded(f"Level {chain.level} ({used_words(chain)}): {count}", (table,))


def _corner_caption(result: Result) -> Markup:
    words = Markup(
        "Marginal posteriors, and contours that hold 39% and 86% of the samples: the 1σ and 2σ ellipses of a "
        "two-dimensional Gaussian, whose projections hold 68% and 95%. There are none for pairs about which a level "
        "says next to nothing. "
    )
    if result.data is not None and result.data.kind != "catalogue":
        words += "Grey lines: the fiducial values, with which the data were made. "
    return words + left_out(result).sentence


def convergence_section(result: Result) -> Section:
    """Length of every chain in its own autocorrelation times."""
    header = ("Level", "converged", "length / τ", "steps", "burn-in", "walkers", typeset("τ of sigma8"))
    rows = tuple(_state(chain) for chain in result.walked)
    words = (
        f"A chain has converged when, after burn-in, it is at least {TAU_FACTOR:.0f} autocorrelation times τ long (the "
        "longest τ of all parameters)."
    )
    table = Table("Table of convergence", (*header, "effective size", "acceptance"), rows)
    return Section("Convergence", (Text(words), table) if rows else ())


def _state(chain: ChainSummary) -> tuple[str, ...]:
    flag = ("good", "yes") if chain.converged else ("bad", "no")
    numbers = (str(chain.steps), str(chain.burn), str(chain.walkers), number(chain.tau.get("sigma8"), 1))
    return (
        chain.level,
        Markup("<span class='{}'>{}</span>").format(*flag),
        number(chain.lengths_in_tau, 1),
        *numbers,
        number(chain.effective_size, 0),
        number(chain.acceptance, 2),
    )


def influence_section(result: Result) -> Section:
    """Where in mass and redshift the information sits."""
    if not result.influence:
        return Section("", ())
    first = result.influence[0]
    words = (
        f"Response of the posterior mean of sigma8 to single clusters at level {first.level}, averaged over "
        f"{first.mocks} mock catalogues."
    )
    pictures = []
    for name, axis in (("influence", "true mass"), ("influence_z", "redshift")):
        caption = (
            f"Against {axis}: saliency, the derivative with respect to the log of each of a cluster's own "
            "observables, is the posterior covariance of sigma8 with the derivative of the log likelihood; "
            "leave-one-out is the shift when the cluster is left out. Bins hold equal numbers of clusters."
        )
        pictures.append(Picture(name, f"Statistical saliency and leave-one-out shift against {axis}.", caption))
    return Section("Where the information sits", (Text(words), *pictures))


def goodness_section(result: Result | SurveyPart, name: str = "") -> Section:
    """Observed against predicted counts; of one survey of several, its `name` is in the heading."""
    each = Markup(", ").join(
        Markup("<i>p</i> {} for {}").format(
            chance_text(one.p_value), typeset(SYMBOLS.get(one.observable, one.observable))
        )
        for one in result.goodness
    )
    words = Markup(
        "Posterior predictive <i>p</i>-values: {}. Each is the chance that a catalogue drawn from the posterior has a "
        "larger Poisson deviance than the observed one; very small values mean that the model does not describe "
        "the data."
    )
    caption = (
        "Points: observed clusters per bin, with 68% Poisson intervals. Line: posterior mean of the expected counts. "
        "Band: central 68% of posterior predictive counts. The first and the last bin hold everything beyond them too."
    )
    alt = "Observed clusters per bin as points, the predicted histogram and its band; p-values are in the text."
    picture = Picture(figure_name("goodness", name), alt, caption)
    return Section(
        f"Observed against predicted{_of(name)}", (Text(words.format(each)), picture) if result.goodness else ()
    )


def figure_name(figure: str, survey: str = "") -> str:
    """Name of a figure, of which each of several surveys may have one."""
    return f"{figure}_{survey}" if survey else figure


def _of(survey: str) -> str:
    return f": {survey}" if survey else ""


def lensed_section(result: Result | SurveyPart, name: str = "") -> Section:
    """Weak-lensing masses of the catalogue against predicted ones; `name` as for `goodness_section`."""
    fit = result.lensed
    if fit is None:
        return Section("", ())
    each = Markup(", ").join(
        Markup("{} <i>p</i> {}").format(what, chance_text(p)) for what, p in zip(fit.names, fit.p_values, strict=True)
    )
    words = Markup(
        "The <i>M</i><sub>WL</sub> of {} clusters against those that the posterior of level {} predicts of clusters "
        "with the same redshift and other observables: {}; all four together: <strong><i>p</i> {}</strong>. At level "
        "full+wl these masses are among the data of the posterior, so that alarms are rarer than stated; at all other "
        "levels their mean bias and scatter are as uncertain as their priors say."
    ).format(len(fit.log_mwl), fit.level, each, chance_text(fit.joint))
    caption = "Measured over predicted mass of each cluster; bars: 68% of the prediction, with the error."
    alt = "Measured less predicted log mass of each cluster against the predicted one; p-values are in the text."
    picture = Picture(figure_name("lensed", name), alt, caption)
    return Section(f"Are the lensing masses as predicted?{_of(name).replace(':', '')}", (Text(words), picture))


def predictive_section(result: Result | SurveyPart, name: str = "") -> Section:
    """Statistics of the catalogue against those of replicas; `name` as for `goodness_section`."""
    test = result.predictive
    if test is None:
        return Section("", ())
    words = Markup(
        "{} catalogues drawn from the posterior (level {}) have a smallest of {} <i>p</i>-values as low as the "
        "observed one with chance <strong><i>p</i> {}</strong>: the catalogue is {} {}. The data serve twice, for the "
        "posterior and for this check, so that alarms are rarer than stated."
    )
    lacking = "(too few independent posterior draws)" if test.status == "no power" else "with the model"
    caption = (
        "Observed statistics of log10 Y_X and L_X; grey: central 68% of the replicas. A single p-value is unusual "
        f"below {test.threshold:.3f}, which only 5% of catalogues reach."
    )
    alt = "Observed statistics from the median of the replicas, in units of half their 68% interval, with p-values."
    shown = words.format(test.replicas, test.level, len(test.names), chance_text(test.joint), test.status, lacking)
    picture = Picture(figure_name("predictive", name), alt, caption)
    return Section(f"Does the model describe the catalogue?{_of(name).replace(':', '')}", (Text(shown), picture))
