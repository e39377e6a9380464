"""What a page says of its sources: a methods paragraph, BibTeX, and a glossary."""

import re

import pytest
from pages import CONFIG, LONG, chain, provenance, run

from forecast.report.methods import Study, as_html, as_latex, paragraph
from forecast.report.page.citation import MASS_FUNCTIONS, bibtex, cited, known, library
from forecast.report.page.glossary import TERMS, explained
from forecast.report.page.typesetting import rounded, typeset


@pytest.fixture
def study():
    result, levels = run(), ("prior", "selfcal", "unbinned")
    return Study(provenance("run"), "forecast sigma8", result.survey, result.parameters, levels, "", result.chains)


def test_the_paragraph_tells_survey_model_priors_levels_and_chains(study):
    words = paragraph(study)
    for part in (
        "We use massanchor 0.1.0 [@massanchor,NtampakaVikhlinin2022] to forecast sigma8.",
        "The survey is a light cone: 100 deg2, 0.1 < z < 0.8.",
        "calibrated on N-body simulations [@Tinker2008]",
        "Om = 0.3, Ob = 0.05, h = 0.7, n_s = 0.96.",
        "is marginalised over through the halo bias",
        "sigma8 (flat, 0.7 to 0.92)",
        "'selfcal', N and the median Y_X; 'unbinned', N and every Y_X.",
        "64 walkers (seed 1). All chains are longer than 50 integrated autocorrelation times",
    ):
        assert part in words, part
    short = Study(study.provenance, "forecast", chains=(chain("selfcal", lengths=12.0),))
    assert "The chains of selfcal have not converged; the shortest is 12" in paragraph(short)
    assert paragraph(Study(study.provenance, "x")).count("emcee") == 0


def test_latex_is_balanced_and_every_citation_has_an_entry(study):
    text, papers = as_latex(paragraph(study)), cited(CONFIG, sampled=True)
    assert text.count("{") == text.count("}") and text.count("$") % 2 == 0
    assert not re.search(r"(?<!\\)[%&#]|(?<![\\$}\w])_", text)
    keys = {key for keys in re.findall(r"\\citep\{([\w,]+)\}", text) for key in keys.split(",")}
    assert keys and keys <= {paper.key for paper in papers}
    page = as_html(paragraph(study), papers)
    assert "(Tinker et al. 2008)" in page and "[@" not in page and "&lt; z" in page


@pytest.mark.parametrize(
    ("words", "latex"),
    [
        ("Mmin = 10^13.60 Msun/h", r"$M_{\rm min}$ = $10^{13.60}$ $h^{-1}\,{\rm M}_\odot$"),
        ("2.18e+07 (Mpc/h)^3", r"$2.18\times10^{7}$ ($h^{-1}\,{\rm Mpc}$)$^{3}$"),
        ("1.3e-11 erg/s/cm2, (1+z)^-0.57", r"$1.3\times10^{-11}$ erg\,s$^{-1}$\,cm$^{-2}$, (1+z)$^{-0.57}$"),
        ("L_X ~ M^1.6 with norm_lx & 5%", r"$L_{\rm X}$ $\propto$ M$^{1.6}$ with norm\_lx \& 5\%"),
        (r"\input{x} ~ $", r"\textbackslash{}input\{x\} $\propto$ \$"),
    ],
)
def test_latex(words, latex):
    assert as_latex(words) == latex


def test_entries_are_whole_and_unique():
    entries = library()
    assert set(MASS_FUNCTIONS.values()) <= set(entries)
    for entry in entries.values():
        assert entry.text.count("{") == entry.text.count("}")
        assert all(entry.field(name) for name in ("author", "title", "year"))
    numbers = [entry.field("eprint") for entry in entries.values() if entry.field("eprint")]
    assert len(numbers) == len(set(numbers)) >= 10


def test_references_of_a_configuration_are_found_by_number_or_by_page():
    assert known("Ntampaka & Vikhlinin 2022, arXiv:2112.05768 (survey)").key == "NtampakaVikhlinin2022"
    assert known("Tinker et al. 2008, ApJ 688, 709 (mass function)").key == "Tinker2008"
    assert known("Tinker et al. 2008, ApJ 688, 70") is None


def test_bibtex_of_a_configuration(nv22, cccp):
    papers = cited(nv22.model_dump(mode="json"))
    assert {"massanchor", "Bocquet2016", "Diemer2018"} <= {paper.key for paper in papers}
    assert "ForemanMackey2013" not in {paper.key for paper in papers}
    keys = [paper.key for paper in cited(cccp.model_dump(mode="json"), sampled=True, ranked=True)]
    assert len(keys) == len(set(keys))
    assert {"Tinker2008", "Vikhlinin2009a", "Vikhlinin2009b", "ForemanMackey2013", "Talts2018"} <= set(keys)
    residuals = cited({"library": {"name": "magneticum"}})
    assert "Green2019" in {paper.key for paper in residuals}


def test_an_unknown_reference_becomes_an_entry_of_its_own():
    papers = {paper.key: paper for paper in cited(CONFIG)}
    assert papers["Doe2026"].short == "Doe et al. 2026"
    assert papers["Doe2026"].field("eprint") == "2601.00001"
    other = papers["Reference2"]
    assert (
        other.text.startswith("@misc{Reference2,") and r"that\_does\_not\_end" in other.text and LONG not in other.text
    )
    text = bibtex(tuple(papers.values()))
    assert text.count("\n@") == len(papers) - 1 and text.count("{") == text.count("}")


@pytest.mark.parametrize("term", TERMS, ids=[str(term.shown) for term in TERMS])
def test_every_term_is_marked_where_it_first_stands(term):
    """As it is written for people, and in a table's head, where levels stand."""
    shown = typeset(term.shown)
    html, found = explained(
        f'<h1>{shown}</h1><pre>{shown}</pre><table><th scope="col">{shown}</th><td>{shown}</td></table><p>{shown}</p>'
    )
    assert found == (term,)
    assert html.count("<dfn>") == 1 and html.index("</pre>") < html.index("<dfn>") < html.index("<p>")
    assert term.meaning and "<" not in re.search('title="([^"]*)"', html)[1]


def test_words_inside_words_and_tags_are_no_terms():
    assert explained('<a title="prior" href="#mock">unprioritised mockery, full counts known</a>')[1] == ()
    assert explained("<p>Sky coverage, calibrated on clusters nearby</p>")[1] == ()


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [(0.8, 0.1, "0.80 ± 0.10"), (123.4, 9.96, "123 ± 10"), (1e-3, 2e-5, "0.001000 ± 0.000020"), (0.5, 0.0, "0.5")],
)
def test_two_digits_of_the_error(value, error, words):
    assert rounded(value, error) == words
