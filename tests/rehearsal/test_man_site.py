"""The manual pages of some hundred real packages, as readers meet them at both mirrors of the running rehearsal."""

from __future__ import annotations

import html
import json
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from model import Fleet, load
from rehearsal import driver, engine, origin
from rehearsal.place import STACKS
from rehearsal.testhosts import manuals, network, packages, settings
from tests.rehearsal.support import MIRRORS, Rehearsed
from tests.rehearsal.trial import asked, changed, instances, on_trial, promoted, until
from tests.servers.real import wait_for
from toolchain.places import ROOT

pytestmark = pytest.mark.rehearsal
SERVICE, NAME = "man-site", "man.s.fleet.example"
ENOUGH = 500
# The timer of the extraction, a run of it, a minute until the mirrors pull, and their pull.
TIMER, REST = 300.0, 180.0
CYCLE = TIMER + REST
# Either mirror asks the instances of both, and these take up a new tree one after the other: so often in a row.
TURNS = 10


class Reader:
    """curl, on the rehearsal's internet, at one mirror."""

    def __init__(self, rehearsed: Rehearsed, host: str) -> None:
        self.host = host
        self.address = str(driver.outputs(rehearsed.at)[host]["ipv4"])
        self.trust = rehearsed.at.env["FLEET_ACME_CA"]

    def many(self, paths: Sequence[str], folder: Path) -> list[tuple[int, bytes]]:
        """Status and body of each path, over few connections."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        lines = ["silent", "show-error", f'cacert = "{self.trust}"', f'resolve = "{NAME}:443:{self.address}"']
        for number, path in enumerate(paths):
            lines += [f'url = "https://{NAME}{path}"', f'output = "{folder / str(number)}"']
        lines.append('write-out = "%{http_code}\\n"')
        argv = engine.inside_network(["curl", "--globoff", "--config", "-"], settings.internet())
        done = subprocess.run(
            argv, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False, timeout=900
        )
        assert done.returncode == 0, f"{self.host}: {done.stderr}"
        codes = [int(line) for line in done.stdout.split()]
        return [(code, (folder / str(number)).read_bytes()) for number, code in enumerate(codes)]

    def one(self, path: str, folder: Path) -> tuple[int, str]:
        """Status and text of a path."""
        ((status, body),) = self.many([path], folder)
        return status, body.decode()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load(STACKS)


@pytest.fixture(scope="module")
def readers(rehearsed: Rehearsed, tmp_path_factory: pytest.TempPathFactory) -> list[Reader]:
    """One at each mirror, once both have all pages."""
    found = [Reader(rehearsed, host) for host in sorted(MIRRORS)]
    folder = tmp_path_factory.mktemp("fresh")

    def whole() -> bool:
        said = [reader.one("/-/fresh", folder) for reader in found for _ in range(TURNS)]
        return all(status == 200 and json.loads(text)["packages"] >= ENOUGH for status, text in said)

    wait_for(f"pages of {ENOUGH} packages at both mirrors", whole, CYCLE, pause=1.0)
    return found


def files() -> dict[str, str]:
    """The packages of the origin by name, and the file of each."""
    paragraphs = (manuals.ensure() / "Packages").read_text().split("\n\n")
    found = [dict(re.findall(r"^(Package|Filename): (?:\./)?(.*)$", one, re.MULTILINE)) for one in paragraphs]
    return {one["Package"]: one["Filename"] for one in found if one}


def listed(body: bytes) -> list[str]:
    """Addresses of pages that a package's page leads to."""
    return re.findall(r'<li><a href="(/[^"]+)">', body.decode())


def test_pages_of_500_real_packages_are_read_over_https_at_both_mirrors(readers: list[Reader], tmp_path: Path) -> None:
    names = list(files())
    seen = []
    for reader in readers:
        found = reader.many([f"/package/{quote(name)}" for name in names], tmp_path / "packages")
        there = {name: listed(body) for name, (status, body) in zip(names, found, strict=True) if status == 200}
        with_pages = {name: paths for name, paths in there.items() if paths}
        assert len(with_pages) >= ENOUGH
        paths = [paths[0] for paths in with_pages.values()]
        pages = reader.many(paths, tmp_path / "pages")
        wrong = [
            path for path, (status, body) in zip(paths, pages, strict=True) if status != 200 or b"<main" not in body
        ]
        assert wrong == []
        print(f"{reader.host}: {len(with_pages)} packages, a page of each read, {sum(len(b) for _, b in pages)} bytes")
        seen.append((there, [body for _, body in pages]))
    assert seen[0] == seen[1], "both mirrors say the same"


def test_a_browser_shows_them_on_a_phone_and_wide_light_and_dark(readers: list[Reader], tmp_path: Path) -> None:
    status, text = readers[0].one("/man1/", tmp_path / "section")
    assert status == 200
    paths = ["/", "/man1/", "/?query=file&apropos=1", *listed(text.encode())[10:13], "/nobody-wrote-this"]
    for reader in readers:
        words = [sys.executable, "-m", "tests.browser", str(tmp_path / reader.host), "--trust", reader.trust]
        words += ["--at", f"{NAME}={reader.address}", *(f"https://{NAME}{path}" for path in paths)]
        done = subprocess.run(
            engine.inside_network(words, settings.internet()), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        sights = json.loads(done.stdout)
        assert len(sights) == 4 * len(paths)
        for sight in sights:
            what = f"{reader.host}: {sight['url']} at {sight['width']} in {sight['scheme']}"
            assert sight["title"].lower().endswith("manual pages"), f"{what}: {sight['title']}"
            assert sight["needed"] <= sight["shown"], f"{what} needs {sight['needed']} px of {sight['shown']}"
            assert sight["small"] == 0, f"{what}: words too small to read"
            assert sight["scripts"] == 0
            assert sight["links"] >= 2, what
        papers = {sight["scheme"]: sight["paper"] for sight in sights}
        assert papers["light"] != papers["dark"]


@pytest.fixture
def edited(fleet: Fleet, tmp_path: Path) -> Iterator[Path]:
    """A copy of the origin's packages to change. Afterwards the old ones are back."""
    copy = tmp_path / "origin"
    shutil.copytree(manuals.ensure(), copy, copy_function=shutil.copyfile)
    try:
        yield copy
    finally:
        origin.fill(fleet)


def newer(package: Path, folder: Path, page: str) -> Path:
    """A later version of a package, with one more page; made by the tools that make packages."""
    whole = folder / "whole"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(whole)], check=True)
    control = whole / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+later1", control.read_text(), flags=re.MULTILINE))
    place = whole / "usr/share/man/man1" / f"{page}.1"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f'.TH {page.upper()} 1 2026-01-01 "" ""\n.SH NAME\n{page} \\- came with the next version\n')
    made = package.with_name(f"{package.stem}+later1.deb")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(whole), str(made)], check=True, capture_output=True
    )
    package.unlink()
    return made


def forced(rehearsed: Rehearsed) -> float:
    """Have the timer run now, to its end; returns when it began. One that meets a run of the clock gives way to it, and
    is begun anew."""
    nomad = driver.doors(rehearsed.at, load(STACKS)).api("nomad", rehearsed.env["NOMAD_TOKEN"])

    def ended_well() -> float:
        before, begun = origin.runs(nomad), time.monotonic()
        origin.force(nomad)
        while not (new := {state for run, state in origin.runs(nomad).items() if run not in before}) or (
            new & {"pending", "running"}
        ):
            # Nomad names runs by the second: one of the clock's in the same second is no other.
            if time.monotonic() > begun + (REST if new else 30):
                return 0.0
            time.sleep(0.5)
        return begun if "complete" in new else 0.0

    return float(network.from_internet(lambda: wait_for("a run that ends well", ended_well, REST, pause=2.0)))


def test_a_new_version_shows_and_a_removed_package_is_gone_within_a_cycle(
    rehearsed: Rehearsed, fleet: Fleet, readers: list[Reader], edited: Path, tmp_path: Path
) -> None:
    names = list(files())
    # Two packages with pages: as the site itself says.
    found = readers[0].many([f"/package/{quote(name)}" for name in names], tmp_path / "packages")
    with_pages = [(name, listed(body)[0]) for name, (status, body) in zip(names, found, strict=True)
                  if status == 200 and listed(body)]  # fmt: skip
    (changed_name, _), (removed_name, removed_page) = with_pages[0], with_pages[-1]
    # Of this run alone: what the one before it brought may still be there.
    page = f"{changed_name}-{secrets.token_hex(4)}"
    newer(edited / files()[changed_name], tmp_path, page)
    (edited / files()[removed_name]).unlink()
    packages.index(edited)
    assert readers[0].one(removed_page, tmp_path / "before")[0] == 200
    origin.bring(fleet, edited)
    # Its clock alone would do the same, up to TIMER later.
    begun = forced(rehearsed)
    for reader in readers:

        def shows(reader: Reader = reader) -> bool:
            """All at once, and every time: the new page, the new version, and nothing of what was removed."""
            shown = [f"/package/{quote(name)}" for name in (changed_name, removed_name)]
            paths = [quote(f"/{page}"), shown[0], removed_page, shown[1]]
            found = reader.many(paths * TURNS, tmp_path / "page")
            texts = [html.unescape(body.decode()) for _, body in found]
            return (
                [status for status, _ in found] == [200, 200, 404, 404] * TURNS
                and all("came with the next version" in text for text in texts[:: len(paths)])
                and all("+later1" in text for text in texts[1 :: len(paths)])
            )

        wait_for(f"the new version at {reader.host}", shows, REST - (time.monotonic() - begun), pause=1.0)
        print(f"{reader.host}: the new version after {time.monotonic() - begun:.0f} s")


def stays(reader: Reader, folder: Path) -> str:
    """A page that no other test takes away: they change the first and the last package, and a page that one of them
    made leaves the mirrors, one after the other, with the next extraction."""
    names = list(files())
    some = names[len(names) // 2 :][:20]
    found = reader.many([f"/package/{quote(name)}" for name in some], folder)
    return next(paths[0] for status, body in found if status == 200 and (paths := listed(body)))


def test_half_of_the_pair_is_a_new_version_and_no_reader_notices(
    rehearsed: Rehearsed, readers: list[Reader], tmp_path: Path
) -> None:
    path = stays(readers[0], tmp_path / "packages")
    page = readers[0].one(path, tmp_path / "page")[1]
    with on_trial(rehearsed, SERVICE) as data, asked(driver.outputs(rehearsed.at), [page], NAME, path) as found:
        data.edit("services/man-site.yaml", "memory: 256", "memory: 257")
        changed(rehearsed, data, SERVICE)
        said = until(rehearsed, ("compare", SERVICE), lambda done: done.returncode == 0)
        print(said)
        (old,), (new,) = instances(said, "old"), instances(said, "new")
        assert {one.partition("/")[0] for one in (old, new)} == MIRRORS, "one of each half"
        promoted(rehearsed, SERVICE)
        time.sleep(15)
    print({host: (it["answers"], it["failed"]) for host, it in found.items()})
    assert {host: it["failed"] for host, it in found.items()} == {host: {} for host in MIRRORS}
