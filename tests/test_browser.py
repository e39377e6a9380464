"""Every kind of page in a browser: no error in its console, nothing wider than the window, every figure shown."""

import pytest
from browser import browsed
from pages import PAGES, figures

from forecast.report.page.html import write_page

pytestmark = pytest.mark.browser
WIDTHS = (400, 900, 1400)
FAULTY = """<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<body><table><tr><td nowrap>{}</td></tr></table><img src="https://example.org/x.png">"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, make in PAGES.items():
        page = make()
        write_page(page, figures(page, folder), folder / f"{name}.html")
    return browsed(folder, PAGES, WIDTHS)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_window(seen, name, width):
    found = seen[0][f"{name} {width}"]
    assert found["wide"] == []
    assert found["width"] <= width
    assert found["text"] > 1000


def test_every_figure_is_shown(seen):
    assert all(found["blank"] == 0 for found in seen[0].values())
    assert sum(found["images"] for found in seen[0].values()) >= 3 * len(PAGES) - 6


def test_the_console_stays_empty(seen):
    assert seen[1] == []


def test_a_wide_page_with_an_error_is_noticed(tmp_path):
    (tmp_path / "faulty.html").write_text(FAULTY.format("wide " * 400), encoding="utf-8")
    found, console = browsed(tmp_path, ["faulty"], WIDTHS)
    assert all(found[f"faulty {width}"]["width"] > width and found[f"faulty {width}"]["wide"] for width in WIDTHS)
    assert found["faulty 400"]["blank"] == 1
    assert any("Content Security Policy" in line for line in console)
