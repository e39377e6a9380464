"""One page of each kind, from made-up records with long words in every place; figures are blank."""

import struct
import zlib
from dataclasses import replace

import numpy as np

from forecast.checks.goodness import Goodness
from forecast.checks.intake import Intake, Measured, Number
from forecast.checks.lensed import STATISTICS, LensedFit
from forecast.checks.outcome import Checks
from forecast.checks.ppc import PredictiveTest
from forecast.checks.ppc_power import PredictiveCheck
from forecast.checks.sbc import LevelCalibration
from forecast.core.caution import Caution
from forecast.core.records import Provenance
from forecast.forecasts.abundance import Abundance, Curve
from forecast.forecasts.joint import JointForecast, JointLevel
from forecast.forecasts.ladder import LadderRow, SurvivalRow
from forecast.forecasts.proxy_records import ProxyComparison, ProxyRow
from forecast.forecasts.require.records import Requirement, Requirements
from forecast.forecasts.sigma8_map import Sigma8Map
from forecast.forecasts.swaps import SystematicRow
from forecast.forecasts.sweep_records import Comparison, Price, Sweep
from forecast.influence.by_mass import InfluenceBins, InfluenceCurve
from forecast.report.check_page import check_page
from forecast.report.narrative import Account, ParameterRow
from forecast.report.page.blocks import Folded, Picture
from forecast.report.planning_pages import joint_page, proxies_page
from forecast.report.plots.style import LEVELS
from forecast.report.requirements import requirements_page
from forecast.report.result_page import result_page
from forecast.report.results import DataSummary, Result
from forecast.report.sweep_pages import comparison_page, sweep_page
from forecast.sampling.mcmc import ChainSummary
from mlcheck.evidence.findings import Finding, Verdict
from mlcheck.evidence.part import Part, Table
from mlcheck.report.page import TrustVerdict, trust_page

LONG = "/a/path/without/any/blank/" + "that_does_not_end" * 8 + ".ecsv"
STD = dict(zip(LEVELS, (0.0635, 0.033, 0.028, 0.025, 0.024, 0.022, 0.018, 0.017), strict=True))
CONFIG = {
    "mass_function": "tinker08",
    "cosmology": {"Om0": 0.3, "Ob0": 0.05, "h": 0.7, "ns": 0.96},
    "sample_variance": True,
    "references": ["Doe et al. 2026, arXiv:2601.00001 (numbers)", LONG],
}
ACCOUNT = Account(
    "A survey",
    "with a description",
    tuple(CONFIG["references"]),
    ("A light cone: 100 deg2, 0.1 < z < 0.8.", f"Selection: {LONG}"),
    (ParameterRow("sigma8", "rms density contrast", 0.81, "flat, 0.7 to 0.92"),),
)


def provenance(command):
    return Provenance(command, LONG, CONFIG, 1, version="0.1.0", libraries={"python": "3.11"})


def png(width, height):
    """A blank picture."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xee" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def values(mean, std, **more):
    return {"mean": mean, "std": std, "q16": mean - std, "q50": mean, "q84": mean + std, "mcse": std / 60, **more}


def lesson(width, distance, correlation):
    return {"width_of_prior": width, "distance_from_prior": distance, "correlation_sigma8": correlation}


def chain(level, std=0.028, lengths=80.0):
    parameters = {
        "sigma8": values(0.81, std, **lesson(0.4, 0.3, 1.0)),
        "Om0": values(0.3, 0.03, **lesson(0.5, 0.3, -0.7)),
        "norm_lx": values(1.0, 0.1, **lesson(0.7, 0.2, -0.6)),
        "slope_lx": values(1.0, 0.17, **lesson(0.99, 0.02, 0.1)),
        "density_contrast_1": values(0.0, 0.9, **lesson(0.9, 0.05, -0.3)),
        "S8": values(0.81, 0.02),
    }
    tau = dict.fromkeys(parameters, 30.0)
    return ChainSummary(level, parameters, lengths >= 50, 4000, 400, 64, tau, lengths, 5120.0, 0.31)


def sigma8_map():
    mean = np.array([[0.75, np.nan], [0.8, 0.85]])
    edges = np.array([60.0, 80.0, 100.0]), np.array([13.5, 13.55, 13.6])
    return Sigma8Map(*edges, mean, mean / 30, np.full((2, 2), 20), 10, 5000, 0.0277, 0.0521, 0.0012, 0.0158, 0.0007)


def influence():
    one = np.linspace(0.0, 1.0, 3)
    bins = InfluenceBins(np.arange(4.0), one, one, {"lx": one}, {"lx": one}, one, one, one)
    return (InfluenceCurve("as configured", "unbinned", bins, bins, 40, 800.0, 0.1),)


def run():
    """A result that holds everything."""
    wide = LadderRow("with sample variance", "as configured", 1.0, 120.0, {k: 1.2 * v for k, v in STD.items()})
    shifts = {level: 0.02 for level in STD if level not in ("prior", "known")}
    curve = (Curve("a", np.ones(3)),)
    ones = np.ones(3)
    return Result(
        provenance("run"),
        f"A title of words and then {LONG}",
        "A description.",
        ACCOUNT.references,
        ACCOUNT.survey,
        ACCOUNT.parameters,
        123.6,
        data=DataSummary("expected", LONG, 123.6, 123.6, 13.65),
        ladder=(LadderRow("as configured", "as configured", 1.0, 123.6, STD), wide),
        survival=(SurvivalRow("as configured", 3.0, 10.0, STD),),
        systematics=(SystematicRow(f"data follow {LONG}", shifts),),
        chains=(chain("counts"), chain("selfcal"), chain("unbinned", 0.024)),
        abundance=Abundance(np.arange(3.0), curve, curve),
        map=sigma8_map(),
        influence=influence(),
        goodness=(Goodness("lx", np.arange(4.0), ones, ones, ones, ones, 0.437),),
        notes=(f"A note: {LONG}",),
    )


def fit():
    """A catalogue with everything wrong with it."""
    whole = run()
    number = Number(49, 50.7, 0.66, 497.0, 0.9, 1000)
    intake = Intake(LONG, 49, number, (Measured("yx", 37, 14.0, 0.02),), below=0)
    three = np.ones(3)
    test = PredictiveTest(
        "selfcal", ("N", "Y_X median", "L_X median"), *[three] * 5, 0.004, 0.02, "unlike", 4000, 900.0
    )
    short = (chain("selfcal", lengths=12.0),)
    cautions = (Caution("listed_twice", f"listed twice: {LONG}"), Caution("not_converged", "too short"))
    data = DataSummary("catalogue", LONG, 49, 37, 14.0)
    lensed = LensedFit("selfcal", 14 + three, 14 + three, 0.1 * three, STATISTICS, np.full(4, 0.3), 0.004)
    more = {"intake": intake, "warnings": cautions, "chains": short, "data": data, "predictive": test, "map": None}
    more["lensed"] = lensed
    return replace(whole, provenance=provenance("fit"), influence=(), survival=(), **more)


def bare(command, **kept):
    """A result of a command that computes one thing."""
    whole = run()
    return Result(provenance(command), whole.title, "", (), whole.survey, whole.parameters, 123.6, **kept)


def joint():
    covariance = np.array([[9e-4, -8e-4], [-8e-4, 1e-3]])
    levels = tuple(JointLevel(v, covariance, 0.81, 0.02, 0.45, 0.81, 0.018) for v in ("prior", "counts", "unbinned"))
    return JointForecast("A survey", 123.6, 0.3, 0.81, (None, None), levels, (LONG,), provenance("joint"))


def sweep():
    grid = np.linspace(0.03, 0.02, 30).reshape(15, 2)
    levels = {level: std * grid / 0.03 for level, std in STD.items()}
    price = Price("a survey", "unbinned", dict.fromkeys(levels, grid), {v: grid.astype(object) for v in levels})
    axes = (np.linspace(0.1, 0.2, 15), np.array(["tng", "magneticum"]))
    keys, count = ("survey.z", "library.name"), 100 * grid
    return Sweep(keys, axes, levels, count, ("", ""), (False, False), provenance("sweep"), (LONG,), price)


def comparison():
    rows = tuple(LadderRow(name, "as configured", 1.0, 1234.5, STD) for name in ("one", LONG))
    told = replace(provenance("compare"), config={"one": CONFIG, LONG: CONFIG | {"mass_function": "bocquet16_dm"}})
    doubt = (Caution("masses", f"in {LONG}: masses beyond the calibration"),)
    return Comparison(("one", LONG), ("Survey one", "Survey, two"), rows, told, None, doubt)


def proxies():
    std = {"counts": 0.033, "selfcal": 0.028, "unbinned": 0.024}
    moments = (0.1, 0.2, 0.3, 0.04, 0.05, 0.1)
    rows = tuple(
        ProxyRow(name, "words", LONG, *moments, (), (), std, std, std) for name in ("yx", "m_sigma_contaminated")
    )
    answer = ("yx would be best.", "It matters little.")
    left = {"core": LONG}
    return ProxyComparison("A survey", 123.6, 14.0, 2.0, 0.1, 0.5, rows, rows, left, answer, provenance("proxies"))


def checks():
    x = np.linspace(0.0, 1.0, 20)
    bands = (np.linspace(0, 1, 21), *[x] * 5, *[x] * 4)
    good = LevelCalibration(
        "selfcal",
        "calibrated",
        2000,
        8000,
        x,
        900.0,
        *bands,
        (0.68, 0.01),
        (0.95, 0.005),
        1.0,
        0.5,
        {"sigma8": 0.5},
        1.1,
    )
    bad = replace(good, level="full", status="not calibrated", p_value=1e-7)
    power = {"a planted failure": (0.9, 0.8)}
    ranks = np.ones((3, 3))
    found = PredictiveCheck(
        "selfcal", "calibrated", 300, 90.0, ("N",), ranks, x, (0.05, 0.01), 0.05, ranks, {"joint": 0.4}, {}, power
    )
    return Checks((good, bad), (found,))


def trust():
    findings = (
        Finding("bias", "Is it unbiased?", "passed", "bias 0.001", "below 0.01"),
        Finding("leak", "Is it told by single clusters?", "failed", f"yes: {LONG}", "p > 0.01", "do not use it"),
        Finding("seeds", "Do seeds agree?", "not tested", "one member", ""),
    )
    table = Table("numbers", "A caption", ("name", "value"), ((LONG, 1.5),))
    part = Part("first", "First part", ("Some words.",), findings, (table,))
    plan = {"exact": 100}
    source = {"plan": plan, "judged_catalogues": 200, "judged": "test catalogues", "config": CONFIG}
    verdict = TrustVerdict(f"Can the network be trusted? {LONG}", Verdict("not trusted", ("do not use it",)), "No.")
    return trust_page(verdict, (part,), source)


AREA_REQUIRED = Requirement(
    key="survey.area",
    unit="deg2",
    configured=1000.0,
    configured_std=0.02,
    needed=1800.0,
    farthest=1800.0,
    std=0.015,
    expected_count=180.0,
    evaluations=4,
    why="",
    factors=(1.0, 1.3, 1.8),
    errors=(0.02, 0.0176, 0.015),
)
"""Reached by 1.8 times the area."""


def requirements():
    """One that is met, and one that never is, for a long reason."""
    never = replace(AREA_REQUIRED, key=LONG, unit="", needed=None, why=f"it changes nothing but {LONG}")
    return Requirements(
        name="sigma8",
        std=0.015,
        level="unbinned",
        configured_std=0.02,
        rows=(AREA_REQUIRED, never),
        provenance=provenance("require"),
    )


PAGES = {
    "run": lambda: result_page(run()),
    "fit": lambda: result_page(fit()),
    "ladder": lambda: result_page(bare("ladder", ladder=run().ladder, survival=run().survival)),
    "map": lambda: result_page(bare("map", map=sigma8_map())),
    "saliency": lambda: result_page(bare("saliency", influence=influence())),
    "joint": lambda: joint_page(joint(), ACCOUNT),
    "sweep": lambda: sweep_page(sweep(), ACCOUNT),
    "compare": lambda: comparison_page(comparison(), (ACCOUNT, ACCOUNT)),
    "proxies": lambda: proxies_page(proxies(), ACCOUNT),
    "check": lambda: check_page(checks(), provenance("check"), ACCOUNT, "another model"),
    "require": lambda: requirements_page(requirements(), ACCOUNT),
    "trust": trust,
}
"""What makes the page of each command."""


def pictures(blocks):
    """Names of all pictures in blocks."""
    for block in blocks:
        if isinstance(block, Folded):
            yield from pictures(block.blocks)
        elif isinstance(block, Picture):
            yield block.name


def figures(page, folder):
    """Blank figures for a page, one and a half columns and one column wide in turn."""
    found = {}
    for i, name in enumerate(dict.fromkeys(n for section in page.sections for n in pictures(section.blocks))):
        found[name] = folder / f"{name}.png"
        found[name].write_bytes(png(1020 if i % 2 else 680, 400))
    return found
