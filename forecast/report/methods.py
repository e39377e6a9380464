"""A methods paragraph, made from the configuration: once as plain words, shown as HTML or as LaTeX to be copied.

Papers stand in it as ``[@key]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup, escape

from ..core.records import Provenance
from ..cosmology.dark_energy import DARK_ENERGY
from ..likelihoods.level_name import LEVELS
from ..sampling.mcmc import TAU_FACTOR, ChainSummary
from .narrative import LEVEL_WORDS, ParameterRow, universe_words
from .page.citation import MASS_FUNCTIONS, Entry, escaped
from .page.typesetting import in_words, typeset

_FUNCTIONS = {
    "tinker08": "a halo mass function calibrated on N-body simulations",
    "bocquet16_hydro": "a halo mass function calibrated on hydrodynamical simulations",
    "bocquet16_dm": "a halo mass function calibrated on dark-matter-only simulations",
    "despali16": "a halo mass function in units of the virial overdensity, calibrated on N-body simulations",
    "watson13": "a halo mass function calibrated on N-body simulations of large volumes",
}
_CITATION = re.compile(r"\s*\[@([\w,]+)\]")


@dataclass(frozen=True)
class Study:
    """What a methods paragraph tells of.

    Parameters
    ----------
    provenance : Provenance
    aim : str
        What was done, as the end of a sentence that begins "We use massanchor to".
    survey : tuple of str
        The survey in sentences.
    parameters : tuple of ParameterRow
    levels : tuple of str
    data : str
        What was fitted, in a sentence; empty if nothing was.
    chains : tuple of ChainSummary
    more : tuple of str
        Sentences at the end.
    """

    provenance: Provenance
    aim: str
    survey: tuple[str, ...] = ()
    parameters: tuple[ParameterRow, ...] = ()
    levels: tuple[str, ...] = ()
    data: str = ""
    chains: tuple[ChainSummary, ...] = ()
    more: tuple[str, ...] = ()


def paragraph(study: Study) -> str:
    """The methods of a study in plain words."""
    sentences = (
        f"We use massanchor {study.provenance.version} [@massanchor,NtampakaVikhlinin2022] to {study.aim}.",
        *_survey(study.survey),
        *_model(study),
        *_priors(study.parameters),
        *_data(study),
        *_sampling(study),
        *study.more,
    )
    return " ".join(sentence for sentence in sentences if sentence)


def _survey(survey: Sequence[str]) -> tuple[str, ...]:
    """Geometry, selection and relations; what the model's own sentences say is left to them."""
    told = [words for words in survey if not words.startswith(("Mass function", "Sample variance"))]
    if told and told[0].startswith("A "):
        told[0] = f"The survey is a {told[0][2:]}"
    return tuple(told)


def _model(study: Study) -> tuple[str, ...]:
    config = study.provenance.config
    name = config.get("mass_function")
    if name not in MASS_FUNCTIONS:
        return ()
    cosmology = config.get("cosmology", {})
    values = ", ".join(
        f"{words} = {cosmology[key]:g}"
        for key, words in (("Om0", "Om"), ("Ob0", "Ob"), ("h", "h"), ("ns", "n_s"))
        if isinstance(cosmology.get(key), int | float)
    )
    model, dark = universe_words(
        float(cosmology.get("w0", -1.0)),
        float(cosmology.get("wa", 0.0)),
        free=any(name in config.get("parameters", {}) for name in DARK_ENERGY),
    )
    variance = (
        "Sample variance of the survey's volume is marginalised over through the halo bias."
        if config.get("sample_variance")
        else "Sample variance is neglected."
    )
    return (
        f"We assume {_FUNCTIONS[name]} [@{MASS_FUNCTIONS[name]}] as implemented in COLOSSUS [@Diemer2018] with a "
        f"fitted transfer function [@EisensteinHu1998], in a flat {model} cosmology"
        f"{f' with {values}{dark}' if values else ''}.",
        variance,
    )


def _priors(parameters: Sequence[ParameterRow]) -> tuple[str, ...]:
    """Free parameters with their priors, those of equal prior together."""
    named = [row for row in parameters if not row.name.startswith("density_contrast")]
    groups: dict[str, list[str]] = {}
    for row in named:
        groups.setdefault(row.prior, []).append(
            row.name if row.name in ("sigma8", "Om0", "h", *DARK_ENERGY) else row.meaning
        )
    each = "; ".join(f"{in_words(names)} ({prior})" for prior, names in groups.items())
    return (f"The free parameters, with their priors in brackets, are: {each}.",) if named else ()


def _data(study: Study) -> tuple[str, ...]:
    levels = [level for level in LEVELS if level in study.levels]
    each = "; ".join(f"'{level}', {LEVEL_WORDS[level]}" for level in levels)
    told = f"The likelihood is evaluated for data of increasing detail: {each}." if levels else ""
    return told, study.data


def _sampling(study: Study) -> tuple[str, ...]:
    if not study.chains:
        return ()
    walkers = study.chains[0].walkers
    least = min(chain.lengths_in_tau for chain in study.chains)
    effective = min(chain.effective_size for chain in study.chains)
    short = [chain.level for chain in study.chains if not chain.converged]
    state = (
        f"The chains of {in_words(short)} have not converged; the shortest is {least:.0f} autocorrelation times long."
        if short
        else f"All chains are longer than {TAU_FACTOR:.0f} integrated autocorrelation times after burn-in (the "
        f"shortest: {least:.0f}; at least {effective:.0f} independent samples)."
    )
    seed = study.provenance.seed
    return f"Posteriors are sampled with emcee [@ForemanMackey2013], using {walkers} walkers (seed {seed}).", state


def as_html(words: str, papers: Sequence[Entry]) -> Markup:
    """The paragraph for a page, papers by their authors."""
    short = {entry.key: entry.short for entry in papers}

    def quoted(match: re.Match[str]) -> str:
        names = (short.get(key, key) for key in match[1].split(","))
        return f" ({escape('; '.join(names))})"

    return Markup(_CITATION.sub(quoted, str(typeset(words))))


_LATEX: Mapping[str, str] = {
    r"\[@(?P<keys>[\w,]+)\]": r"\citep{<keys>}",
    r"\bsigma8\b": r"$\sigma_8$",
    r"\b(?P<letter>[LMY])_(?P<index>X|gas|WL)\b": r"$<letter>_{\rm <index>}$",
    r"\bM(?P<mass>min|break)\b": r"$M_{\rm <mass>}$",
    r"\bO(?P<omega>[mb])0?\b": r"$\Omega_{\rm <omega>}$",
    r"\bn_s\b": r"$n_{\rm s}$",
    r"\bM500c\b": r"$M_{500{\rm c}}$",
    r"\bLambdaCDM\b": r"$\Lambda$CDM",
    r"\b10\^(?P<power>-?[\d.]*\d)": r"$10^{<power>}$",
    r"\^(?P<raised>-?[\d.]*\d)": r"$^{<raised>}$",
    r"(?P<digits>\d[\d.]*)e(?P<exponent>[+-]?\d+)": r"$<digits>\times10^{<exponent>}$",
    r"\bMsun/h\b": r"$h^{-1}\,{\rm M}_\odot$",
    r"\bMpc/h\b": r"$h^{-1}\,{\rm Mpc}$",
    r"\berg/s/cm2\b": r"erg\,s$^{-1}$\,cm$^{-2}$",
    r"\berg/s\b": r"erg\,s$^{-1}$",
    r"\bdeg2\b": r"deg$^2$",
    r"±": r"$\pm$",
    r" ~ ": r" $\propto$ ",
    r"(?P<sign>[<>])": r"$<sign>$",
}
_PLACES = re.compile(r"<(\w+)>")
_TOKENS = re.compile("|".join(f"(?:{pattern})" for pattern in _LATEX))


def as_latex(words: str) -> str:
    """The paragraph for a paper: symbols in mathematics, papers as citations, all else escaped.

    >>> print(as_latex("M above 10^13.6 Msun/h is 5% of sigma8 [@Tinker2008]"))
    M above $10^{13.6}$ $h^{-1}\\,{\\rm M}_\\odot$ is 5\\% of $\\sigma_8$ \\citep{Tinker2008}
    """
    parts, at = [], 0
    for match in _TOKENS.finditer(words):
        parts += [escaped(words[at : match.start()]), _mathematics(match)]
        at = match.end()
    return "".join([*parts, escaped(words[at:])])


def _filled(groups: Mapping[str, str], place: re.Match[str]) -> str:
    return groups[place[1]]


def _mathematics(match: re.Match[str]) -> str:
    for pattern, shown in _LATEX.items():
        if re.fullmatch(pattern, match[0]):
            groups = {name: value for name, value in match.groupdict().items() if value is not None}
            if "exponent" in groups:
                groups["exponent"] = str(int(groups["exponent"]))
            return _PLACES.sub(partial(_filled, groups), shown)
    return escaped(match[0])
