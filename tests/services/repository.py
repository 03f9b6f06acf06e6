"""A repository of packages as xbps lays it out, somebody who changes it all the time, and a reader who checks it."""

from __future__ import annotations

import hashlib
import io
import plistlib
import random
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

INDEX = "x86_64-repodata"
ZSTD = b"\x28\xb5\x2f\xfd"


def write(path: Path, data: bytes) -> None:
    """A file that appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(data)
    draft.rename(path)


def plist(packages: dict[str, bytes]) -> bytes:
    """Packages as an index tells them: sizes in hexadecimal, and words over which a careless reader would trip."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<plist version="1.0">', "<dict>"]
    for name, data in sorted(packages.items()):
        pkgver, arch, _ = name.rsplit(".", 2)
        lines += [
            f"\t<key>{pkgver.rpartition('-')[0]}</key>",
            "\t<dict>",
            "\t\t<key>alternatives</key>",
            "\t\t<dict>",
            "\t\t\t<key>pkgver</key>",
            "\t\t\t<string>another-1_1</string>",
            "\t\t</dict>",
            "\t\t<key>architecture</key>",
            f"\t\t<string>{arch}</string>",
            "\t\t<key>filename-sha256</key>",
            f"\t\t<string>{hashlib.sha256(data).hexdigest()}</string>",
            "\t\t<key>filename-size</key>",
            f"\t\t<integer>{len(data):#x}</integer>",
            "\t\t<key>pkgver</key>",
            f"\t\t<string>{pkgver}</string>",
            "\t\t<key>run_depends</key>",
            "\t\t<array>",
            "\t\t\t<string>glibc&gt;=2.41_1</string>",
            "\t\t</array>",
            "\t\t<key>short_desc</key>",
            "\t\t<string>of &lt;dict&gt; and",
            "more lines</string>",
            "\t</dict>",
        ]
    return "\n".join([*lines, "</dict>", "</plist>", ""]).encode()


def index_of(packages: dict[str, bytes], *, zstd: bool = False) -> bytes:
    """An index as xbps writes it: an archive of three members, compressed."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") if zstd else tarfile.open(fileobj=held, mode="w:gz") as archive:
        for member, data in (("index.plist", plist(packages)), ("index-meta.plist", b""), ("stage.plist", b"")):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    if not zstd:
        return held.getvalue()
    return subprocess.run(["zstd", "-q", "-c"], input=held.getvalue(), stdout=subprocess.PIPE, check=True).stdout


def named(index: bytes) -> dict[str, tuple[int, str]]:
    """What an index names, with size and digest: read in another way than the script reads it."""
    if index.startswith(ZSTD):
        index = subprocess.run(["zstd", "-q", "-d", "-c"], input=index, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(index)) as archive:
        member = archive.extractfile("index.plist")
        assert member is not None
        told = plistlib.loads(member.read(), fmt=plistlib.FMT_XML)
    return {
        f"{it['pkgver']}.{it['architecture']}.xbps": (it["filename-size"], it["filename-sha256"])
        for it in told.values()
    }


def misses(folder: Path, index: str = INDEX) -> list[str]:
    """What a reader does not find as the index says: he reads it, and then every file that it names."""
    wrong = []
    for name, (size, digest) in named((folder / index).read_bytes()).items():
        try:
            data = (folder / name).read_bytes()
        except FileNotFoundError:
            wrong.append(f"{name}: missing")
            continue
        if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
            wrong.append(f"{name}: {len(data)} bytes of {size}, or others")
    return wrong


@dataclass
class Repository:
    """A folder of packages and their index at the origin."""

    folder: Path
    seed: int = 1
    packages: dict[str, bytes] = field(default_factory=dict)
    version: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def made(self, name: str, size: int | None = None) -> str:
        """A package of chance bytes that only the caller knows of yet."""
        self.version += 1
        file = f"{name}-1.{self.version}_1.{self.chance.choice(['x86_64', 'noarch'])}.xbps"
        self.packages[file] = self.chance.randbytes(size or self.chance.randint(200, 4000))
        return file

    def fill(self, count: int) -> Repository:
        for number in range(count):
            self.put(self.made(f"p{number}"))
        self.index()
        return self

    def put(self, *files: str) -> None:
        for file in files:
            write(self.folder / file, self.packages[file])

    def index(self, *, zstd: bool = False) -> None:
        write(self.folder / INDEX, index_of(self.packages, zstd=zstd))

    def drop(self, *files: str) -> None:
        for file in files:
            self.packages.pop(file, None)
            (self.folder / file).unlink(missing_ok=True)

    def change(self, count: int = 3) -> None:
        """New versions as a build host brings them: packages, then the index, and then the old ones go."""
        self.replace(*self.chance.sample(sorted(self.packages), count))

    def replace(self, *old: str) -> None:
        self.put(*[self.made(file.split("-")[0]) for file in old])
        gone = {file: self.packages.pop(file) for file in old}
        self.index()
        write(self.folder / "otime", f"{time.time_ns()}\n".encode())
        self.drop(*gone)


@contextmanager
def changing(repository: Repository, pause: float) -> Iterator[None]:
    """A repository that changes all the time, now fast and now slowly."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(repository.chance.uniform(0, pause)):
            repository.change(repository.chance.randint(1, 4))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass
class Reader:
    """Reads a copy again and again. A pass that took longer than files are kept for tells nothing."""

    folder: Path
    patience: float = 1.0
    passes: int = 0
    slow: int = 0
    seen: set[bytes] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def read(self) -> None:
        if not (self.folder / INDEX).exists():
            return
        began = time.monotonic()
        self.seen.add((self.folder / INDEX).read_bytes())
        wrong = misses(self.folder)
        if time.monotonic() - began > self.patience:
            self.slow += 1
            return
        self.passes += 1
        self.wrong += wrong

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        over = threading.Event()

        def work() -> None:
            while not over.wait(0.005):
                self.read()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()
