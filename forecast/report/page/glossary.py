"""Every word of jargon, explained once: where it first stands in a page, and in a list at its end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup, escape

from ...likelihoods.level_name import Bound, LevelName
from .typesetting import typeset


@dataclass(frozen=True)
class Term:
    """A word: how the list shows it, what it means, and how it looks in the HTML of a page."""

    shown: str
    meaning: str
    pattern: str = ""

    @property
    def looks(self) -> str:
        """Pattern of the HTML that is marked."""
        return self.pattern or rf"(?<![\w-]){re.escape(self.shown)}s?(?![\w-])"


def _level(name: str, words: str) -> Term:
    """A level's name where it heads a row or a column, or follows the word itself: it is an ordinary word elsewhere."""
    before = '(?:(?<=[Ll]evel )|(?<=<th scope="col">)|(?<=<th scope="row">))'
    uses = words.replace("the same", "what level full uses,")
    return Term(name, f"level of information that uses {uses}", rf"{before}{re.escape(name)}(?![\w+-])")


TERMS = (
    Term("sigma8", "rms linear density contrast today in spheres of 8 Mpc/h: how clumpy matter is", "σ<sub>8</sub>"),
    Term("S8", "sigma8 (Om/0.3)^0.5, the combination that is quoted beside sigma8", "<i>S</i><sub>8</sub>"),
    Term("Om0", "mean density of matter today over the critical density", "Ω<sub>m</sub>"),
    Term("w0", "equation of state of dark energy today, -1 of a cosmological constant", "<i>w</i><sub>0</sub>"),
    Term("wa", "how far dark energy's equation of state was from w0 long ago", "<i>w</i><sub>a</sub>"),
    Term("Y_X", "X-ray temperature times gas mass, a proxy of the total mass", "<i>Y</i><sub>X</sub>"),
    Term("L_X", "X-ray luminosity in the rest frame, of 0.5-2 keV unless said otherwise", "<i>L</i><sub>X</sub>"),
    Term("M_gas", "mass of the hot gas within R500c", "<i>M</i><sub>gas</sub>"),
    Term("M_WL", "mass measured by weak gravitational lensing", "<i>M</i><sub>WL</sub>"),
    Term(
        "M500c",
        "mass within the radius whose mean density is 500 times the critical one",
        "<i>M</i><sub>500c</sub>|M500c",
    ),
    Term("Mbreak", "mass above which a survey is complete", "<i>M</i><sub>break</sub>"),
    Term("Mmin", "least mass that a survey takes", "<i>M</i><sub>min</sub>"),
    Term(Markup("<i>h</i>"), "Hubble constant over 100 km/s/Mpc", "<i>h</i>"),
    Term("dex", "one unit of log10: a factor of ten"),
    Term(
        "Fisher matrix",
        "expected curvature of the log likelihood; its inverse forecasts errors",
        r"Fisher matri(?:x|ces)",
    ),
    Term("MCMC", "Markov chain Monte Carlo: a random walk whose steps are samples of the posterior"),
    Term("posterior predictive", "of catalogues drawn from the model at parameters drawn from the posterior"),
    Term("posterior", "probability of the parameters, given the data and the prior"),
    Term("prior", "what is assumed of a parameter before the data are seen", r"(?<![\w-])priors?(?![\w-])"),
    Term(
        "nuisance parameter",
        "free parameter that is not of interest itself, such as a normalisation",
        r"nuisances?(?: parameters?)?",
    ),
    Term("marginalised over", "summed over all values that a parameter may have", r"[Mm]arginali[sz]ed over"),
    Term("credible interval", "interval that holds a stated share of the posterior"),
    Term(
        "autocorrelation time",
        "steps after which a chain has forgotten where it was (tau)",
        r"autocorrelation times?|(?<!\w)τ(?!\w)",
    ),
    Term("burn-in", "first steps of a chain, thrown away because they remember where it began"),
    Term("walkers", "the chains that emcee moves together"),
    Term("effective size", "number of independent samples that a chain is worth", r"effective size|[Ee]ffective draws"),
    Term("MC error", "Monte-Carlo standard error of the mean, from the effective size"),
    Term("Asimov data", "data equal to their expectation, without noise", r"Asimov\)? data|[Ee]xpected data"),
    Term(
        "sample variance",
        "scatter between surveys because the volume may be denser or emptier than the mean",
        "[Ss]ample variance",
    ),
    Term("density contrast", "mean overdensity of the survey's own volume", "[Dd]ensity contrasts?"),
    Term("mass function", "number of haloes by mass", "[Mm]ass functions?"),
    Term("systematics", "shifts from assumptions that may be wrong, unlike the scatter of the data", "[Ss]ystematics?"),
    Term("self-calibration", "finding cosmology and the scaling relations from the same clusters"),
    Term("degeneracy", "direction in which parameters can change together and still fit the data"),
    Term(
        "p-value",
        "chance of a result at least as extreme if the model is right",
        "<i>p</i>-values?|p-values?|(?<![\\w-])p(?= (?:=|&lt;))|<i>p</i>(?= (?:=|&lt;))",
    ),
    Term(Markup("χ<sup>2</sup>"), "sum of squared deviations in units of their expected scatter", "χ<sup>2</sup>"),
    Term("equivalent volume", "factor on the reference survey's volume at which it would be as precise"),
    Term("saliency", "derivative of the answer with respect to a datum", "[Ss]alienc(?:y|ies)"),
    Term("leave-one-out", "change of the answer when one cluster is taken away", "[Ll]eave-one-out"),
    Term(
        "68% coverage",
        "share of mocks whose intervals hold the truth",
        r"(?<=% )coverage|\bcoverage(?= \d| of intervals)",
    ),
    Term(
        "calibrated",
        "posteriors that are neither too wide nor too narrow nor off",
        r"(?<=<td>)calibrated(?=</td>)|(?<=>)Calibrated(?=</strong>)|\bcalibrated(?=; )",
    ),
    Term("Edgeworth bias", "what skewness and kurtosis of a proxy do to the number of clusters", "Edgeworth"),
    Term("mock", "simulated catalogue with the noise of a real one", r"\b[Mm]ocks?\b(?!-)"),
    Term("bootstrap", "errors from drawing the same data again with repetition"),
    Term("thinning", "taking clusters away at random", "[Tt]hinn(?:ing|ed)"),
    Term("ensemble", "networks of the same kind from other initial weights, averaged"),
    *(_level(name, name.label) for name in (*LevelName, Bound.KNOWN)),
)
"""Longer terms stand before those they contain."""

_LEFT_ALONE = r"<(?P<tag>style|title|pre|code|h1|abbr)\b.*?</(?P=tag)>|<[^>]*>"
_WORDS = re.compile(
    "|".join([*(f"(?P<t{i}>{t.looks})" for i, t in enumerate(TERMS)), f"(?P<skip>{_LEFT_ALONE})"]), re.DOTALL
)


def explained(html: str) -> tuple[Markup, tuple[Term, ...]]:
    """HTML with each term marked and explained where it first stands, and the terms in that order.

    Headings of the page, code and tags are left alone.

    >>> html, terms = explained("<p>a prior, another prior</p>")
    >>> html.count("<dfn>"), terms[0].shown
    (1, 'prior')
    """
    found: dict[Term, None] = {}

    def mark(match: re.Match[str]) -> str:
        if match.lastgroup is None or match.lastgroup == "skip":
            return match[0]
        term = TERMS[int(match.lastgroup[1:])]
        if term in found:
            return match[0]
        found[term] = None
        return f'<dfn><abbr tabindex="0" title="{escape(typeset(term.meaning).striptags())}">{match[0]}</abbr></dfn>'

    return Markup(_WORDS.sub(mark, html)), tuple(found)
