"""Chromium without a screen looks at pages as readers with different devices do; what it saw, as JSON, and pictures.

`python -m tests.browser FOLDER URL...`: each page at 360 px and wide, light and dark. With `--at NAME=ADDRESS` a name
is looked for there, and with `--trust PEM` certificates of that authority are good, others are not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from cli.record import PEM

WIDTHS = {"360": (360, 740), "wide": (1280, 800)}
SCHEMES = ("light", "dark")
SECONDS = 30.0
# What a browser does by itself, looks for on the internet, and would do again and again here.
QUIET = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
         "disable-component-update", "disable-sync", "hide-scrollbars")  # fmt: skip
ASKED = """
const seen = getComputedStyle(document.body);
const small = [...document.querySelectorAll('main *')].filter(e => e.childNodes.length
  && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && parseFloat(getComputedStyle(e).fontSize) < 12);
return {title: document.title, text: document.body.innerText, links: document.links.length,
  shown: document.documentElement.clientWidth, needed: document.documentElement.scrollWidth,
  ink: seen.color, paper: seen.backgroundColor, small: small.length, scripts: document.scripts.length}
"""


@dataclass(frozen=True)
class Sight:
    """A page as it was seen: its words, and whether a reader must scroll sideways or squint."""

    url: str
    width: str
    scheme: str
    picture: str
    title: str
    text: str
    links: int
    shown: int
    """Pixels across that the reader has."""
    needed: int
    """Pixels across that the page takes."""
    ink: str
    paper: str
    small: int
    """Elements with words below 12 px."""
    scripts: int


@contextmanager
def browser(home: Path, trust: Path | None, at: str) -> Iterator[Chrome]:
    """A browser of this run alone: its own home, and its own list of whom it trusts."""
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for word in ("headless=new", *QUIET, f"user-data-dir={home / 'profile'}"):
        options.add_argument(f"--{word}")
    if at:
        name, _, address = at.partition("=")
        options.add_argument(f"--host-resolver-rules=MAP {name} {address}")
    if trust is not None:
        store = home / ".pki" / "nssdb"
        store.mkdir(parents=True)
        certutil = ["certutil", "-d", f"sql:{store}"]
        subprocess.run([*certutil, "-N", "--empty-password"], check=True)
        # It takes the first certificate of what it is given.
        for number, authority in enumerate(PEM.finditer(trust.read_text())):
            words = [*certutil, "-A", "-t", "C,,", "-n", f"authority-{number}"]
            subprocess.run(words, input=authority[0], text=True, check=True)
    env = {**os.environ, "HOME": str(home)}
    one = Chrome(options, Service(str(shutil.which("chromedriver")), env=env))
    try:
        one.set_page_load_timeout(SECONDS)
        yield one
    finally:
        one.quit()


def looked(one: Chrome, folder: Path, url: str) -> Iterator[Sight]:
    """One page on each device."""
    asked = urlsplit(url)
    name = re.sub(r"[^a-z0-9.]+", "-", f"{asked.path} {asked.query}".lower()).strip("-") or "home"
    for scheme in SCHEMES:
        one.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        for width, (across, down) in WIDTHS.items():
            one.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": across, "height": down, "deviceScaleFactor": 1, "mobile": width == "360"},
            )
            one.get(url)
            picture = folder / f"{name}-{width}-{scheme}.png"
            one.save_screenshot(str(picture))
            yield Sight(url, width, scheme, str(picture), **one.execute_script(ASKED))


def main() -> int:
    """Look, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("urls", nargs="+", metavar="URL")
    parser.add_argument("--at", default="", metavar="NAME=ADDRESS")
    parser.add_argument("--trust", type=Path, metavar="PEM")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="fleet-browser-") as home,
        browser(Path(home), chosen.trust, chosen.at) as one,
    ):
        print(json.dumps([asdict(sight) for url in chosen.urls for sight in looked(one, chosen.folder, url)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
