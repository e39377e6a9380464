"""Pages in a headless Chromium: what it measures, and what it writes to its console."""

import json
import re
import shutil
import subprocess
from html import unescape

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-sync",
    "disable-component-update", "hide-scrollbars", "allow-file-access-from-files", "enable-logging=stderr",
    "virtual-time-budget=60000",
)  # fmt: skip
HARNESS = """<!DOCTYPE html><title>harness</title><body><pre id="found"></pre><script>
const found = {};
const measured = (name, width) => new Promise(done => {
  const frame = document.createElement("iframe");
  frame.style.cssText = `border: 0; height: 900px; width: ${width}px`;
  frame.src = name + ".html";
  frame.onload = () => {
    const page = frame.contentDocument;
    for (const folded of page.querySelectorAll("details")) folded.open = true;
    const wide = [...page.body.querySelectorAll("*")].filter(one =>
      !one.parentElement.closest(".scroll") && one.getBoundingClientRect().right > width + 0.5);
    found[name + " " + width] = {
      width: page.documentElement.scrollWidth,
      wide: wide.map(one => one.tagName + ": " + one.textContent.slice(0, 60)),
      blank: [...page.images].filter(one => !one.naturalWidth).length,
      images: page.images.length,
      text: page.body.innerText.length,
    };
    frame.remove();
    done();
  };
  document.body.append(frame);
});
(async () => {
  for (const name of NAMES) for (const width of WIDTHS) await measured(name, width);
  document.getElementById("found").textContent = JSON.stringify(found);
})();
</script>"""


def chromium():
    """Path of a browser that understands these options; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def browsed(folder, names, widths):
    """What a browser measures on pages of a folder, and what it writes to its console."""
    names = json.dumps(list(names))
    script = HARNESS.replace("of NAMES", f"of {names}").replace("of WIDTHS", f"of {json.dumps(widths)}")
    (folder / "harness.html").write_text(script, encoding="utf-8")
    own = ["--user-data-dir=" + str(folder / "profile"), "--dump-dom", (folder / "harness.html").as_uri()]
    out = subprocess.run(
        [chromium(), *(f"--{flag}" for flag in _FLAGS), *own], capture_output=True, text=True, check=True
    )
    text = re.search(r'<pre id="found">(.*?)</pre>', out.stdout, re.DOTALL)[1]
    return json.loads(unescape(text)), [line for line in out.stderr.splitlines() if "CONSOLE" in line]
