"""Reads the project's documents: links, code spans, fenced blocks. Each reader can be tried on a made-up text."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Built from pieces, so that this file does not hold what it looks for.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("proxy", "golang", "org"), ("sum", "golang", "org"),
        ("deb", "debian", "org"), ("security", "debian", "org"), ("archive", "ubuntu", "com"),
        ("registry", "npmjs", "org"), ("crates", "io"), ("rubygems", "org"), ("docker", "io/"), ("ghcr", "io/"),
    )
)  # fmt: skip
CONTAINERS = REGISTRIES[-2:]
PLACES = tuple("/" + "/".join(parts) + "/" for parts in (("work",), ("Users",), ("root", ".cache"), ("tmp", "plan")))


@dataclass(frozen=True)
class Block:
    """One fenced block: the words after the fence, its lines, and where it stands."""

    file: str
    line: int
    info: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its commands without comments and prompts."""
        bare = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in self.text.splitlines())
        return [line for line in bare if line]


def documents() -> dict[str, str]:
    """Every document of the project by its path: README, docs, the folders' own."""
    found = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("components/*/README.md")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sorted(found)}


def blocks(file: str, text: str) -> list[Block]:
    """The fenced blocks of a text, in order."""
    found, open_at, info, held = [], 0, "", list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            if open_at:
                found.append(Block(file, open_at, info, "\n".join(held)))
                open_at, held = 0, []
            else:
                open_at, info = number, line.removeprefix("```").strip()
        elif open_at:
            held.append(line)
    assert not open_at, f"{file}:{open_at}: a fenced block is not closed"
    return found


def prose(text: str) -> str:
    """A text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def spans(text: str) -> list[str]:
    """What stands between single backquotes, outside fenced blocks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(text))]


def broken_links(folder: Path, text: str) -> list[str]:
    """Relative links that lead nowhere."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(text))
    return [t for t in targets if "://" not in t and not t.startswith("#") and not (folder / t.split("#")[0]).exists()]


def strangers(text: str, words: tuple[str, ...]) -> list[tuple[int, str]]:
    """The lines that hold one of the words, which no file of the project may."""
    return [(n, w) for n, line in enumerate(text.splitlines(), 1) for w in words if w in line]


def tracked() -> Iterator[tuple[str, str]]:
    """Every tracked text file with its text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" not in data:
                yield name, data.decode("utf-8", errors="replace")


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.M))


@dataclass(frozen=True)
class Known:
    """What a command may name: targets, verbs of `fleet`, and the flags of each verb of `pulumi` that documents use."""

    targets: set[str]
    verbs: set[str]
    pulumi: Mapping[str, str]
    """A verb of the engine, as its help is called, to that help's text; missing when there is no such verb."""


PLAIN = {"dig", "ssh", "sudo", "curl", "ping", "nc", "git"}


def wrong_with(command: str, known: Known) -> str | None:
    """What a command names that is not there, or None. Words in <angle brackets> stand for anything."""
    try:
        words = shlex.split(command.replace("…", "x"))
    except ValueError as error:
        return str(error)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    tool, rest = words[0], words[1:]
    plain = [word for word in rest if not word.startswith("-")]
    if tool == "make":
        missing = [word for word in plain if word not in known.targets and "=" not in word and not word.startswith("<")]
        return f"no target {missing[0]}" if missing else None
    if tool == "eval":
        return wrong_with(" ".join(plain).removeprefix("$(").removesuffix(")"), known)
    if tool in (".", "source"):
        return _activated(plain)
    if tool == "fleet" or words[1:3] == ["-m", "cli"]:
        verb = (plain if tool == "fleet" else plain[1:])[:1]
        return None if not verb or verb[0] in known.verbs else f"no verb {verb[0]} of fleet"
    if tool == "python" and rest[:1] == ["-m"]:
        module = ROOT / rest[1].replace(".", "/")
        return None if module.with_suffix(".py").exists() or (module / "__main__.py").exists() else f"no {rest[1]}"
    if tool == "pyinfra":
        missing = [word for word in plain if not (ROOT / word).is_file()]
        return f"no file {missing[0]}" if missing else None
    if tool == "pulumi":
        return _engine(rest, known)
    return None if tool in PLAIN or (ROOT / tool).is_file() else f"no tool {tool}"


def verb_of(words: list[str]) -> str:
    """The engine's verb: one word, or two where the first is a group."""
    return " ".join(words[:2]) if words and words[0] in ("config", "stack") else " ".join(words[:1])


def _engine(words: list[str], known: Known) -> str | None:
    verb = verb_of(words)
    if verb not in known.pulumi:
        return f"no verb {verb} of pulumi"
    for word in words:
        flag = word.split("=")[0]
        if flag.startswith("-") and not re.search(rf"(^|[\s,]){re.escape(flag)}\b", known.pulumi[verb]):
            return f"pulumi {verb} has no {flag}"
    for before, stack in itertools.pairwise(words):
        if before in ("-s", "--stack") and not stack.startswith("<") and not (ROOT / f"Pulumi.{stack}.yaml").exists():
            return f"no stack {stack}"
    return None


def _activated(words: list[str]) -> str | None:
    if words[:1] != ["./activate"]:
        return f"nothing known to source in {words}"
    stack = words[1] if len(words) > 1 else "local"
    return None if (ROOT / f"Pulumi.{stack}.yaml").is_file() else f"no stack {stack}"
