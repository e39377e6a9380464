"""The first lines of the report on networks: its answer in numbers, what limits it, and which questions are open."""

from markupsafe import Markup
from pages import CONFIG

from mlcheck.evidence.findings import Finding, judge
from mlcheck.evidence.part import Answer, Part, Table
from mlcheck.report.page import TrustVerdict, trust_page

FINDINGS = (
    Finding("a", "Is it right on average?", "passed", "mean error -0.0004 ± 0.0005", "within 0.002"),
    Finding("b", "Does it pull?", "failed", "by -0.01", "", "near the lowest sigma8 it is off by -0.0050", grave=False),
    Finding("c", "Is it told by single clusters?", "failed", "yes", "", "it must not be used", grave=True),
    Finding("d", "Do ten initialisations agree?", "not tested", "there is one network", ""),
    Finding("e", "Does its answer hold?", "no power", "change +0.007 ± 0.005; train 10 with --members 10", ""),
)


def page():
    answers = (Answer("Scatter of sigma8, network", "0.0166 ± 0.0004", "1,000 catalogues"),)
    table = Table("numbers", "A caption", ("name", "value"), (("log_mwl", -1.5), ("log_m500", "-0.1 to +0.2")))
    parts = (Part("first", "First", findings=FINDINGS, tables=(table,), answers=answers), Part("second", "Second"))
    source = {"plan": {"exact": 40}, "judged_catalogues": 1000, "judged": "test catalogues", "config": CONFIG}
    return trust_page(TrustVerdict("Trusted?", judge(FINDINGS), "No."), parts, source)


def test_the_answer_stands_first_in_numbers():
    shown = page()
    assert [(Markup(fact.name).striptags(), fact.value) for fact in shown.facts] == [
        ("Scatter of σ8, network", "0.0166 ± 0.0004")
    ]
    assert "Not trusted." in Markup(shown.headline).striptags() and shown.limits_title == "What limits it"


def test_what_limits_it_is_in_sentences_the_gravest_first_and_open_questions_are_named():
    assert [Markup(words).striptags() for words in page().limits] == [
        "It must not be used.",
        "Near the lowest σ8 it is off by −0.0050.",
        "Too few catalogues to tell: does its answer hold.",
        "Not tested: do ten initialisations agree.",
    ]


def test_numbers_have_minus_signs_and_features_their_symbols():
    shown = page()
    table = next(block for block in shown.sections[1].blocks if getattr(block, "name", "") == "numbers")
    assert table.rows == (("log10 M_WL", "−1.5"), ("log10 M500", "−0.1 to +0.2"))
    tests = " ".join(Markup(cell).striptags() for row in shown.sections[0].blocks[1].rows for cell in row)
    assert "Mean error −0.0004" in tests and "--members 10" in tests
