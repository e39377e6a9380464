"""What a release promises: one version, a citation and a changelog that agree, instructions that name what exists."""

import ast
import re
from importlib import metadata
from pathlib import Path

import yaml

import massanchor
from docs.wings import modules

ROOT = Path(__file__).parents[1]
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
FILTERS = {"simplefilter", "filterwarnings", "resetwarnings"}


def test_there_is_one_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", massanchor.__version__)
    assert metadata.version("massanchor") == massanchor.__version__
    literal = f'"{massanchor.__version__}"'
    paths = [ROOT / "pyproject.toml", *modules("forecast").values(), *modules("mlcheck").values()]
    assert [path for path in paths if f"version = {literal}" in path.read_text(encoding="utf-8")] == []


def test_changelog_and_citation_are_of_the_version():
    releases = re.findall(r"^## \[(.+?)\](?: - (.+))?$", CHANGES, re.MULTILINE)
    assert releases[0][0] in ("Unreleased", massanchor.__version__)
    version, date = next(release for release in releases if release[0] != "Unreleased")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert version == citation["version"] == massanchor.__version__
    assert date == citation["date-released"].isoformat()
    assert citation["cff-version"] == "1.2.0" and citation["title"] and citation["authors"] and citation["message"]


def test_contributing_names_what_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    words = {word for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split()}
    paths = {word for word in words if "/" in word and not word.startswith((".venv", "-"))}
    assert paths and [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    source = "\n".join(p.read_text(encoding="utf-8") for f in ("forecast", "mlcheck") for p in modules(f).values())
    names = {word for word in words if re.fullmatch(r"_?[A-Z][A-Za-z]+|_?[A-Z_]{4,}|[a-z]+_[a-z_]+|_[a-z]+", word)}
    assert names and [name for name in sorted(names) if not re.search(rf"\b{name}\b", source)] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z-]+)", text):
        assert f"\n{target}:" in makefile, target


def test_hooks_before_a_commit_download_nothing():
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in content["repos"]] == ["local"]
    hooks = content["repos"][0]["hooks"]
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "mypy"}
    assert {hook["language"] for hook in hooks} == {"system"}


def test_the_users_warning_filters_are_left_alone():
    """What is done to them ends with the block that needs it; the tests alone make warnings errors."""
    for path in [*modules("forecast").values(), *modules("mlcheck").values()]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        blocks = [
            n
            for n in ast.walk(tree)
            if isinstance(n, ast.With) and any("catch_warnings" in ast.unparse(i) for i in n.items)
        ]
        inside = {id(n) for block in blocks for n in ast.walk(block)}
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in FILTERS]
        assert [path for n in calls if id(n) not in inside] == []
