"""Builds a tool from its pinned Go module (a folder with go.mod and go.sum), with progress."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from toolchain.commands import lines_of, said_by
from toolchain.places import TOOLCHAIN, digest
from toolchain.progress import Estimate, Progress, UnavailableError

# Where Go's own installer and distributions put it without changing anybody's PATH.
USUAL = ("/usr/local/go/bin", "/usr/lib/go/bin", "/usr/lib/go-1.26/bin", "/opt/go/bin", "/snap/bin")
NEEDED = (1, 26)
# From this version on, Go fetches a fitting toolchain by itself.
FETCHES_ITSELF = (1, 21)


@dataclass(frozen=True)
class Module:
    """One pinned module: what to build from it, how, and how long that takes on two cores from nothing."""

    name: str
    package: str
    flags: tuple[str, ...]
    seconds: float
    # Where several programs come from one module: the folder they share.
    pinned_in: str = ""

    @property
    def folder(self) -> Path:
        """The folder with go.mod and go.sum."""
        return TOOLCHAIN / (self.pinned_in or self.name)

    def key(self) -> str:
        """Changes whenever the result could: pinned versions, checksums, flags, a main package of our own."""
        own = [
            it.read_bytes()
            for it in sorted(self.folder.rglob("*"))
            if it.suffix in (".go", ".css", ".html") and not it.name.endswith("_test.go")
        ]
        pinned = ((self.folder / name).read_bytes() for name in ("go.mod", "go.sum"))
        return digest(*pinned, *self.arguments(), *own)

    def arguments(self) -> tuple[str, ...]:
        """Arguments of `go build` besides where to put the result."""
        return ("-mod=readonly", "-buildvcs=false", *self.flags, self.package)


def find_go(path: str | None = None) -> str:
    """A Go that can build the modules, or a message that says what to do."""
    wanted = ".".join(map(str, NEEDED))
    way_out = (
        f"install Go {wanted} or newer (on Debian: apt-get install golang-go; or Go's own archive) and start again"
    )
    search = os.pathsep.join([os.environ.get("PATH", "") if path is None else path, *(USUAL if path is None else ())])
    go = shutil.which("go", path=search)
    if go is None:
        raise UnavailableError(f"no Go on PATH or in its usual places, and this must be built\n  way out: {way_out}")
    found = version_of(said_by([go, "env", "GOVERSION"]) or said_by([go, "version"]))
    if found < FETCHES_ITSELF:
        shown = ".".join(map(str, found)) or "of unknown version"
        raise UnavailableError(f"{go} is Go {shown}: too old for modules that need {wanted}\n  way out: {way_out}")
    return go


def version_of(text: str) -> tuple[int, ...]:
    """The first two numbers of a version in a text; nothing if there is none."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()


def build(module: Module, target: Path) -> None:
    """Build a module's package into a file; what an interrupted run compiled is kept by Go's own cache."""
    go = find_go()
    settings = {"GOFLAGS": os.environ.get("GOFLAGS", ""), "GOWORK": "off"}
    way_out = "see the lines above; behind a proxy set GOPROXY as your network wants it, then start again: it goes on"
    what = f"building {module.name} with {go}"
    estimate = Estimate(module.seconds, tail=0.06 * module.seconds)
    with Progress(f"{module.name} (from source)", estimate) as progress:
        wanted = sum(1 for line in (module.folder / "go.sum").read_text().splitlines() if "/go.mod " not in line)
        compiles = 0

        def planned(line: str) -> None:
            nonlocal compiles
            if line.startswith("go: downloading "):
                progress.doing = f"fetching modules (of at most {wanted})"
                estimate.done += 1
            compiles += "/compile " in line

        lines_of(
            [go, "build", "-n", *module.arguments()],
            planned,
            cwd=module.folder,
            env=settings,
            what=what,
            way_out=way_out,
        )
        progress.doing, estimate.done, estimate.total = "compiling packages", 0, compiles

        def compiled(line: str) -> None:
            # With -v Go names each package when it is about to compile it.
            estimate.done = min(estimate.done + (" " not in line), estimate.total)
            if estimate.done == estimate.total:
                progress.doing = "linking, packages"

        words = [go, "build", "-v", "-o", str(target), *module.arguments()]
        lines_of(words, compiled, cwd=module.folder, env=settings, what=what, way_out=way_out)


def module_source(module: Module, path: str) -> Path:
    """The folder of one of a module's dependencies in Go's module cache, fetched and verified if need be."""
    go = find_go()
    said: list[str] = []
    way_out = "run the same command again; if it stays so, see whether GOFLAGS or GOPROXY is set to something unusual"
    for words in ([go, "mod", "download", path], [go, "list", "-m", "-f", "{{.Dir}}", path]):
        said.clear()
        lines_of(words, said.append, cwd=module.folder, env={"GOWORK": "off"}, what=f"fetching {path}", way_out=way_out)
    return Path(said[-1])
