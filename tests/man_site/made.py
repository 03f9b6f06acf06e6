"""Packages as real tools write them, an origin of them, and runs of the real program over it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from rehearsal.alone.agent import free_port
from tests.services.repository import index_of, write

MAN = "usr/share/man"
Member = tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]


def page(name: str, section: str = "1", title: str = "does things", more: str = "") -> bytes:
    """A manual page, as packagers write it."""
    head = f'.TH {name.upper()} {section} 2026-01-01 "void-fleet" ""\n.SH NAME\n{name} \\- {title}\n'
    return f"{head}.SH DESCRIPTION\nThis is\n.B {name}\nof the tests.\n{more}".encode()


def file(path: str, data: bytes) -> Member:
    """A regular file of a package."""
    info = tarfile.TarInfo(path)
    info.size = len(data)
    return info, data


def link(path: str, to: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    """A symlink, or another kind of member without contents."""
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, to
    return info


def archive(members: Sequence[Member]) -> bytes:
    """A tar of them, not packed."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.GNU_FORMAT) as made:
        for it in members:
            info, data = it if isinstance(it, tuple) else (it, b"")
            made.addfile(info, io.BytesIO(data))
    return held.getvalue()


def packed(data: bytes, how: str) -> bytes:
    """Packed by the tool that packages are packed with."""
    if how == "gz":
        return gzip.compress(data, 1, mtime=0)
    words = {"xz": ["xz", "-0c"], "zst": ["zstd", "-qc", "-1"]}[how]
    return subprocess.run(words, input=data, stdout=subprocess.PIPE, check=True).stdout


def ar(members: Mapping[str, bytes]) -> bytes:
    """An ar archive, as a .deb is one."""
    out = b"!<arch>\n"
    for name, data in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def deb(members: Sequence[Member], how: str = "gz") -> bytes:
    """A .deb with these files."""
    data = packed(archive(members), how)
    return ar({"debian-binary": b"2.0\n", "control.tar.gz": packed(archive([]), "gz"), f"data.tar.{how}": data})


def xbps(members: Sequence[Member], how: str = "zst") -> bytes:
    """An .xbps with these files, after its own two."""
    return packed(archive([file("./files.plist", b"<plist/>"), file("./props.plist", b"<plist/>"), *members]), how)


@dataclass
class Run:
    """What a run said, and how it ended."""

    code: int
    said: str
    seconds: float

    @property
    def bad(self) -> dict[str, list[str]]:
        """What was bad, by package."""
        found: dict[str, list[str]] = {}
        for line in self.said.splitlines():
            if line.startswith("fleet-man: bad: "):
                name, _, why = line.removeprefix("fleet-man: bad: ").partition(" ")
                found.setdefault(name.rstrip(":"), []).append(why)
        return found


@dataclass
class Origin:
    """An origin with one Debian repository and, if packages are there, one of xbps."""

    folder: Path
    program: Path
    debs: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    xbps: dict[str, bytes] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def tree(self) -> Path:
        """Where the pages go: inside the origin, as in the fleet."""
        return self.folder / "man"

    def write(self) -> None:
        """Packages and their indexes, as they are now."""
        entries = []
        for name, (version, data) in sorted(self.debs.items()):
            place = self.folder / "debian" / f"{name}_{version}.deb"
            if not place.exists() or place.read_bytes() != data:
                write(place, data)
            entries.append(
                f"Package: {name}\nVersion: {version}\nArchitecture: all\nFilename: ./{place.name}\n"
                f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
            )
        write(self.folder / "debian" / "Packages.gz", gzip.compress("\n".join(entries).encode()))
        for file_name, data in self.xbps.items():
            write(self.folder / "current" / file_name, data)
        if self.xbps:
            write(self.folder / "current" / "x86_64-repodata", index_of(self.xbps, zstd=True))

    def config(self) -> Path:
        """The configuration, with what a test changes."""
        repositories = [{"path": "debian", "kind": "deb", "arch": "amd64"}]
        if self.xbps:
            repositories.append({"path": "current", "kind": "xbps", "arch": "x86_64"})
        said = {
            "origin": str(self.folder), "tree": str(self.tree), "repositories": repositories,
            "fresh": {"job": "man-pages", "group": "pages"}, **self.settings,
        }  # fmt: skip
        place = self.folder.parent / f"{self.folder.name}.json"
        place.write_text(json.dumps(said))
        return place

    def run(self, most: float = 300.0) -> Run:
        """Write all, and extract."""
        self.write()
        return self.extract(most)

    def extract(self, most: float = 300.0) -> Run:
        """One run over what is there."""
        begun = time.monotonic()
        done = subprocess.run(
            [str(self.program), "extract", str(self.config())],
            capture_output=True, timeout=most, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Run(done.returncode, done.stderr.decode(), time.monotonic() - begun)

    def pointer(self) -> dict[str, Any]:
        """What the tree says counts."""
        found: dict[str, Any] = json.loads((self.tree / "man-current").read_text())
        return found

    def index(self) -> dict[str, Any]:
        """The index that counts."""
        packed_index = (self.tree / self.pointer()["index"]).read_bytes()
        text = subprocess.run(["zstd", "-qdc"], input=packed_index, stdout=subprocess.PIPE, check=True).stdout
        found: dict[str, Any] = json.loads(text)
        return found

    def pages(self) -> dict[str, dict[str, Any]]:
        """Each page by package, language, name and section."""
        return {
            f"{pack['n']}:{it.get('l', '')}:{it['n']}.{it['s']}": it
            for pack in self.index()["packages"]
            for it in pack.get("p", [])
        }

    def html(self, blob: str) -> str:
        """A rendered page."""
        return gzip.decompress((self.tree / "pages" / blob[:2] / f"{blob}.gz").read_bytes()).decode()


@dataclass
class Answer:
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as it is read."""
        return (gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body).decode()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """What is elsewhere is told, and not asked for."""


@dataclass
class Site:
    """A running responder."""

    port: int
    child: subprocess.Popen[bytes]

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask for one address."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        for name, value in headers.items():
            asked.add_header(name.replace("_", "-"), value)
        opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
        try:
            answer: HTTPResponse = opener.open(asked, timeout=20)
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, {k.lower(): v for k, v in refused.headers.items()}, refused.read())
        with answer:
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())

    def until(self, path: str, status: int, seconds: float = 15.0) -> Answer:
        """Ask until it is answered so."""
        end = time.monotonic() + seconds
        while True:
            answer = self.get(path)
            if answer.status == status or time.monotonic() > end:
                assert answer.status == status, (path, answer)
                return answer
            time.sleep(0.02)


@contextmanager
def serving(program: Path, tree: Path, *words: str) -> Iterator[Site]:
    """A responder for as long as the block lasts."""
    port = free_port()
    argv = [str(program), "serve", "--tree", str(tree), "--listen", f"127.0.0.1:{port}", "--poll", "50ms", *words]
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    site = Site(port, child)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                site.get("/-/healthy")
                break
            except OSError:
                assert child.poll() is None, "it has ended"
                assert time.monotonic() < end, "it does not listen"
                time.sleep(0.02)
        yield site
    finally:
        child.terminate()
        child.wait(20)
