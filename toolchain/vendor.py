"""Takes a tool's own binary from its vendor, where the vendor can be reached and the checksum fits."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tarfile
import urllib.request
import zipfile
from pathlib import Path
from typing import IO

from toolchain.places import TOOLCHAIN
from toolchain.progress import Estimate, Progress

# A vendor that does not answer at once is passed over: building from source does not need it.
PATIENCE = 3.0
ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def fetch(name: str, target: Path) -> str:
    """Put the vendor's binary at the target and return an empty text, or the reason why that was not possible."""
    known = json.loads((TOOLCHAIN / "vendors.json").read_text()).get(name)
    if known is None:
        return "no archive of its vendor is known here"
    arch = ARCHITECTURES.get(platform.machine().lower())
    if arch is None:
        return f"the vendor has no binary for {platform.machine()}"
    arch = known.get("architectures", {}).get(arch, arch)
    words = {"version": known["version"], "os": platform.system().lower(), "arch": arch}
    archive = known["archive"].format(**words)
    packed = target.with_suffix(".zip" if archive.endswith(".zip") else ".tar.gz")
    try:
        with urllib.request.urlopen(known["checksums"].format(**words), timeout=PATIENCE) as answer:
            wanted = checksum_in(answer.read().decode(), archive.rsplit("/", 1)[-1])
        if wanted is None:
            return f"the vendor's list of checksums does not name {archive.rsplit('/', 1)[-1]}"
        with Progress(f"{name} (vendor's binary)", Estimate(60.0)) as progress:
            found = download(archive, packed, progress)
        if found != wanted:
            return f"the vendor's archive has checksum {found}, its list says {wanted}: not used"
        with open(target, "wb") as out:
            unpack(packed, known["member"], out)
    except (OSError, ValueError, KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        target.unlink(missing_ok=True)
        return f"{archive.split('/')[2]} gives nothing here ({error})"
    finally:
        packed.unlink(missing_ok=True)
    target.chmod(0o755)
    return ""


def unpack(packed: Path, name: str, out: IO[bytes]) -> None:
    """One file of an archive of either kind."""
    if packed.suffix == ".zip":
        with zipfile.ZipFile(packed) as whole, whole.open(name) as member:
            shutil.copyfileobj(member, out)
        return
    with tarfile.open(packed) as opened:
        found = opened.extractfile(name)
        if found is None:
            raise KeyError(f"the vendor's archive holds no {name}")
        shutil.copyfileobj(found, out)


def checksum_in(text: str, name: str) -> str | None:
    """The SHA-256 of a file in a list of checksums."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].lstrip("*") == name and len(words[0]) == 64:
            return words[0].lower()
    return None


def download(url: str, target: Path, progress: Progress) -> str:
    """Fetch a file in pieces, counting; returns its SHA-256."""
    total = hashlib.sha256()
    progress.doing = "fetching MB"
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer, open(target, "wb") as out:
        progress.estimate.total = int(answer.headers.get("Content-Length") or 0) // 2**20
        size = 0
        while piece := answer.read(2**18):
            out.write(piece)
            total.update(piece)
            size += len(piece)
            progress.estimate.done = size // 2**20
    return total.hexdigest()
