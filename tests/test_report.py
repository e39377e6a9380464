"""The report: complete, escaped, self-contained, and silent about what was not computed."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pages
import pytest
from pages import checks

from forecast.checks.goodness import Goodness
from forecast.checks.intake import Intake, Measured, Number
from forecast.checks.outcome import Checks
from forecast.core.caution import Caution
from forecast.core.errors import InputError
from forecast.core.parameters import NAMES
from forecast.core.records import Job, Provenance
from forecast.forecasts.abundance import Abundance, Curve
from forecast.forecasts.ladder import LadderRow
from forecast.forecasts.sigma8_map import Sigma8Map
from forecast.forecasts.swaps import SystematicRow
from forecast.likelihoods.available import Share
from forecast.report import answer
from forecast.report import result_page as report
from forecast.report.check_page import check_page
from forecast.report.console import Screen, print_checks, print_tables
from forecast.report.narrative import LEVEL_WORDS, ParameterRow
from forecast.report.page.html import write_page
from forecast.report.page.typesetting import symbol, typeset
from forecast.report.results import DataSummary, Result, summary_json
from forecast.sampling.mcmc import ChainSummary

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8ffff3f0300050001ff2f4b8d5a0000000049454e44ae426082"
)
ATTACK = "<script>alert('x')</script>"
VOID = {"meta", "img", "br", "hr", "link"}


def chain(level, std, lengths=80.0):
    sigma8 = {"mean": 0.8123, "std": std, "q16": 0.78, "q50": 0.811, "q84": 0.84, "mcse": 0.0003}
    norm = {"mean": 1.02, "std": 0.14, "q16": 0.87, "q50": 1.01, "q84": 1.17, "mcse": 0.002}
    values, tau = {"sigma8": sigma8, "norm_yx": norm}, {"sigma8": 31.4, "norm_yx": 40.0}
    return ChainSummary(level, values, lengths >= 50, 4000, 400, 64, tau, lengths, 5120.0, 0.31)


def sigma8_map():
    mean = np.array([[0.75, np.nan], [0.8, 0.85]])
    edges = np.array([60.0, 80.0, 100.0]), np.array([13.5, 13.55, 13.6])
    number = np.array([[20, 3], [30, 15]])
    return Sigma8Map(*edges, mean, mean / 30, number, 10, 5000, 0.0277, 0.0521, 0.0012, 0.0158, 0.0007)


@pytest.fixture
def result():
    levels = {"prior": 0.0635, "counts": 0.0331, "selfcal": 0.0279, "unbinned": 0.0242, "known": 0.0171}
    wide = levels | {"selfcal": 0.0413, "known": np.nan}
    values = np.array([2.0, 5.0, 1.0])
    curves = (Curve("a", values),)
    config = {"title": "</pre>" + ATTACK, "h": 0.704}
    return Result(
        provenance=Provenance("run", "nv22", config, 7, version="0.1.0", libraries={}),
        title=f"NV22 {ATTACK}",
        description="Half a box & more.",
        references=("Ntampaka & Vikhlinin 2022, https://arxiv.org/abs/2112.05768",),
        survey=("Cut at Mmin = 10^13.60 Msun/h.", f"sigma8 from {ATTACK}"),
        parameters=(ParameterRow("sigma8", "rms <contrast>", 0.81, "flat, 0.7 to 0.92"),),
        expected_count=123.64,
        data=DataSummary("expected", f"expected {ATTACK}", 123.64, 123.64, 13.652),
        ladder=(
            LadderRow("as configured", "as configured", 1.0, 123.64, levels),
            LadderRow("cone, norm. priors x 10", "cone", 10.0, 120.0, wide),
        ),
        systematics=(SystematicRow("data follow tinker08", {"counts": -0.0123, "unbinned": 0.0051}),),
        chains=(chain("counts", 0.0345), chain("selfcal", 0.0287)),
        abundance=Abundance(np.array([14.0, 14.5, 15.0]), curves, curves),
        map=sigma8_map(),
        goodness=(Goodness("lx", values, values[:2], values[:2], values[:2], values[:2], 0.437),),
        notes=(f"A note {ATTACK}",),
    )


@pytest.fixture
def figures(tmp_path):
    names = ("ladder", "abundance", "corner", "map", "goodness")
    for name in names:
        (tmp_path / f"{name}.png").write_bytes(PIXEL)
    return {name: tmp_path / f"{name}.png" for name in names}


@pytest.fixture
def render(figures, tmp_path):
    def render(result, pictures=figures):
        report.write_report(result, pictures, tmp_path / "report.html")
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return render


class Page(HTMLParser):
    """Tags, attributes and text of a page; checks that tags nest."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words, self.headings = [], [], [], []
        self.feed(text)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "h2":
            self.headings.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.words.append(" " if tag in ("td", "th", "dt", "dd") else "")

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
        if "h2" in self.open:
            self.headings[-1] += data

    @property
    def text(self):
        return " ".join("".join(self.words).split())


HEADINGS = [
    "What limits it",
    "Is it right?",
    "Posteriors",
    "What each datum adds",
    "Systematics",
    "Observed against predicted",
    "σ8 by count and median YX",
    "Convergence",
    "The survey",
    "Expected abundance",
    "Notes",
    "Parameters and priors",
    "Methods, for a paper",
    "References",
    "Please cite",
    "Provenance",
    "Words used here",
]


def test_sections_come_in_order(result, render):
    assert Page(render(result)).headings == HEADINGS


def test_text_from_outside_is_escaped(result, render):
    text = render(result)
    assert "<script" not in text
    escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"
    # title twice, survey, source, note, configuration; title and survey in the methods, as text and as LaTeX
    assert text.count(escaped) == 8 and text.count("$&lt;$script$&gt;$alert") == 2
    assert "&lt;/pre&gt;" in text and "rms &lt;contrast&gt;" in text and "Half a box &amp; more" in text


def test_nothing_is_loaded_from_a_network(result, render):
    text = render(result)
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    loaded = {"src", "href", "srcset", "data", "action", "poster"}
    sources = [v for _, attrs in page.tags for k, v in attrs.items() if k in loaded]
    assert len(sources) == 5 and all(v.startswith("data:image/png;base64,") for v in sources)
    assert "url(" not in text and "@import" not in text
    assert "https://arxiv.org/abs/2112.05768" in page.text  # a citation, not a link


def test_page_is_accessible(result, render):
    page = Page(render(result))
    tags = [tag for tag, _ in page.tags]
    assert dict(page.tags)["html"] == {"lang": "en"}
    assert tags.count("h1") == tags.count("title") == tags.count("main") == 1
    assert tags.count("figure") == tags.count("figcaption") == tags.count("img") == 5
    assert all(len(attrs["alt"]) > 20 for tag, attrs in page.tags if tag == "img")
    scrolling = sum(attrs.get("class") == "scroll" for _, attrs in page.tags)
    assert scrolling == tags.count("table") + tags.count("figure")
    assert tags.count("dfn") == tags.count("abbr") > 10
    assert all(attrs["title"] and attrs["tabindex"] == "0" for tag, attrs in page.tags if tag == "abbr")


def test_numbers(result, render):
    text = Page(render(result)).text
    for words in (
        "0.064 0.033 0.028 0.024 0.017",
        "0.064 0.033 0.041 0.024 –",
        "−0.012(−0.4σ) +0.005(+0.2σ)",
        "0.812 0.029 0.780 0.811 0.840 0.00030",
        "yes 80.0 4000 400 64 31.4 5120 0.31",
        "0.0521 ± 0.0012 per 50 clusters and by 0.01580 ± 0.00070 per 0.1 dex",
        "p = 0.44 for LX",
        "123.6 at the fiducial parameters",
    ):
        assert words in text, words


def test_headline_of_expected_data_is_the_width(result, render):
    text = Page(render(result)).text
    assert "From N and the median YX (level selfcal): σ8 = 0.812 ± 0.029. This is a forecast" in text
    assert "on expected data: the width is the result, not the central value" in text


def test_headline_of_a_catalogue_is_the_value(result, render):
    data = replace(result.data, kind="catalogue", n_clusters=49, n_with_yx=47)
    text = Page(render(replace(result, data=data))).text
    assert "σ8 = 0.812 ± 0.029." in text and "not the central value" not in text
    assert "49, of which 47 with YX" in text and "Grey lines" not in text


def test_headline_without_chains_is_the_fisher_matrix(result, render):
    text = Page(render(replace(result, chains=()))).text
    assert "is expected to measure σ8 to ± 0.028 (Fisher matrix)" in text


def test_headline_is_left_out_if_nothing_was_measured(result):
    assert answer.headline(replace(result, chains=(), ladder=())) is None
    assert answer.headline(replace(result, chains=(), headline="full")) is None


def test_no_banner_for_a_converged_run(result, render):
    text = render(result)
    assert "<aside" not in text and "Not converged" not in text


def test_banner_of_a_short_quick_run(result, render):
    chains = (chain("counts", 0.0345, 33.3), chain("selfcal", 0.0287, 12.0), chain("unbinned", 0.024))
    text = Page(render(replace(result, quick=True, chains=chains))).text
    assert "levels counts and selfcal are shorter than 50 autocorrelation times" in text
    assert "(counts: 33.3, selfcal: 12.0)" in text
    assert "without --quick, forecast run nv22: the chains go on" in text
    assert "This chain has not converged." in text
    assert "no 12.0 4000" in text


def test_warnings_and_the_catalogue_stand_before_the_answer(result, render):
    number = Number(49, 50.7, 0.66, 497.0, 0.9, 1000)
    intake = Intake(f"{ATTACK}.fits", 49, number, (Measured("yx", 37, 14.0, 0.02),), below=0)
    cautions = (Caution("not_converged", "chains too short"), Caution("listed_twice", f"twice: {ATTACK}, sigma8"))
    text = render(replace(result, intake=intake, warnings=cautions))
    assert ATTACK not in text
    seen = Page(text).text
    words = ("49 clusters observed", "12 of 49 have no YX", "Warning: twice:", "From N and the median", "Is it right?")
    assert [seen.index(w) for w in words] == sorted(seen.index(w) for w in words)
    assert "chains too short" not in seen  # the banner says so, with the cure
    assert "Warnings: none." in Page(render(result)).text


def test_what_the_levels_used_is_in_headline_tables_and_json(result, render, capsys):
    some = replace(chain("selfcal", 0.0287), shares=(Share("yx", 37, 49),))
    partial = replace(result, chains=(some,), warnings=(Caution("number", "too few [49]"),))
    words = "N and the median of the Y_X of 37 of 49 clusters"
    assert f"From {words.replace('Y_X', 'YX')} (level selfcal)" in Page(render(partial)).text
    summary = summary_json(partial)
    assert summary["warnings"] == [{"kind": "number", "text": "too few [49]"}]
    assert summary["chains"]["selfcal"]["data"] == words
    assert summary_json(result)["warnings"] == []
    assert summary_json(result)["chains"]["selfcal"]["data"] == LEVEL_WORDS["selfcal"]
    print_tables(partial, Job("x", Path("o")))
    printed = capsys.readouterr().out
    assert f"level selfcal: {words}" in printed
    assert printed.index("warning: too few [49]") < printed.index("sigma8, MCMC")


def test_banner_of_a_run_that_hit_its_limit(result, render):
    text = Page(render(replace(result, chains=(chain("selfcal", 0.0287, 20.0),)))).text
    assert "The chain of level selfcal is shorter than 50" in text and "--max-steps" in text
    assert "without --quick" not in text


def test_banner_of_a_quick_run_that_converged_does_not_deny_it(result, render):
    text = Page(render(replace(result, quick=True))).text
    assert "Quick run." in text and "Not converged" not in text
    assert "No chain was sampled" in Page(render(replace(result, quick=True, chains=()))).text


def test_missing_parts_are_left_out(result, render):
    bare = Result(result.provenance, "Bare", "", (), (), (), 10.0)
    page = Page(render(bare, {}))
    assert page.headings == ["The survey", "Methods, for a paper", "Please cite", "Provenance", "Words used here"]
    assert not {"figure", "table", "aside"} & {tag for tag, _ in page.tags}


@pytest.mark.parametrize(
    ("part", "headings"),
    [
        ("ladder", ["What each datum adds"]),
        ("systematics", ["Systematics"]),
        ("abundance", ["Expected abundance"]),
        ("chains", ["Posteriors", "Convergence"]),
        ("map", ["σ8 by count and median YX"]),
        ("goodness", ["Observed against predicted"]),
        ("parameters", ["Parameters and priors"]),
        ("notes", ["Notes"]),
        ("references", ["References"]),
    ],
)
def test_one_missing_part_takes_only_its_own_sections_away(part, headings, result, render):
    empty = None if part in ("abundance", "map") else ()
    gone = [*headings, *(["What limits it"] if part == "ladder" else [])]
    page = Page(render(replace(result, **{part: empty})))
    assert page.headings == [h for h in HEADINGS if h not in gone]


def test_numbers_stay_without_figures(result, render):
    page = Page(render(result, {}))
    assert "img" not in {tag for tag, _ in page.tags}
    assert page.headings == [h for h in HEADINGS if h != "Expected abundance"]


def test_nan_becomes_a_dash(result, render):
    blank = replace(result.map, median_std=np.nan, slope_yx=np.nan, slope_yx_error=np.inf)
    data = replace(result.data, median_log_yx=np.nan)
    text = Page(render(replace(result, map=blank, data=data))).text
    assert "in a cell: –" in text and "by – per 0.1 dex" in text and not re.search(r"\bnan\b", text)


def test_same_result_same_bytes(result, render):
    assert render(result) == render(result)


def test_an_unwritable_path_is_an_input_error(result, tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*cannot be written.*choose another --out"):
        report.write_report(result, {}, tmp_path / "nowhere" / "report.html")


def test_a_failed_write_leaves_the_old_report(result, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    (tmp_path / ".report.html.partial").mkdir()
    with pytest.raises(InputError, match=r"report\.html: cannot be written"):
        report.write_report(result, {}, path)
    assert path.read_text() == "old"


def test_a_missing_figure_is_an_input_error(result, tmp_path):
    with pytest.raises(InputError, match=r"gone\.png: cannot be read"):
        report.write_report(result, {"map": tmp_path / "gone.png"}, tmp_path / "report.html")


def test_no_draft_is_left(result, render, tmp_path):
    render(result)
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("words", "html"),
    [
        ("above 10^14.25 Msun/h.", "above 10<sup>14.25</sup> <i>h</i><sup>−1</sup> M<sub>⊙</sub>."),
        ("2.18e+07, 1.3e-11, 1e0", "2.18 × 10<sup>7</sup>, 1.3 × 10<sup>−11</sup>, 1 × 10<sup>0</sup>"),
        ("(1+z)^-0.57; E(z)^1.85.", "(1+z)<sup>−0.57</sup>; E(z)<sup>1.85</sup>."),
        ("Mbreak < Mmin x 10", "<i>M</i><sub>break</sub> &lt; <i>M</i><sub>min</sub> × 10"),
        ("abcM_gas box x_y", "abcM_gas box x_y"),
    ],
)
def test_typeset(words, html):
    assert typeset(words) == html


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_symbol(name):
    assert re.search("<i>|σ|Ω", symbol(name))
    assert name == "h" or name not in symbol(name)


def test_unknown_symbols_are_escaped():
    assert symbol("norm_<b>") == "norm_&lt;b&gt;"


def test_a_check_that_proves_nothing_says_so_first_and_quotes_nothing(tmp_path, capsys):
    """Posteriors on one to three effective draws: no coverage and no p on the page, and none on the console."""
    good, _ = checks().calibration
    idle = replace(good, level="binned", status="no power", ess_median=1.7, coverage_68=(0.777, 0.01), p_value=0.55)
    found = Checks((good, idle), ())
    page = check_page(found, pages.provenance("check"), pages.ACCOUNT)
    write_page(page, {}, tmp_path / "check.html")
    text = Page((tmp_path / "check.html").read_text(encoding="utf-8")).text
    warning = "nothing is proved of level binned: its posteriors rest on 1.7 effective draws (median; 50 are needed)"
    assert text.index(warning) < text.index("Not proved for level binned") < text.index("Is it right?")
    assert "repeat with --draws 282353" not in text and "narrow the priors" in text
    print_checks(found, Job("nv22", tmp_path, 1), Screen())
    printed = capsys.readouterr().out
    assert printed.startswith(f"warning: {warning}")
    assert re.search(r"binned +no power +- +- +- ", printed)
    assert not any(number in text + printed for number in ("0.777", "77.7", "0.55"))
