"""Puts together the folder that goes on PATH: the Pulumi CLI with the language hosts beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from toolchain import vendor
from toolchain.golang import Module, build, module_source
from toolchain.on_path import check_runs, fitting
from toolchain.places import TOOLCHAIN, cache, digest, digest_files, in_one_piece, locked

VERSION = "3.259.0"
CLI = Module(
    name="pulumi",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    flags=("-ldflags", f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"),
    seconds=400.0,
)
OFFICIAL = Module(
    name="pulumi-language-python",
    package="github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
    flags=("-ldflags", "-s -w"),
    seconds=60.0,
)
SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
OWN_HOST = TOOLCHAIN / "language_host"


def tool_folder(module: Module) -> Path:
    """Where a module's binary is kept."""
    return cache() / "tools" / f"{module.name}-{module.key()}"


def engine_folder() -> Path:
    """Where CLI and language hosts lie side by side."""
    return cache() / "tools" / f"engine-{digest(CLI.key(), OFFICIAL.key(), digest_files(OWN_HOST))}"


def ensure_engine() -> Path:
    """The folder with the CLI and our language host, made if it is not there."""
    folder = engine_folder()
    if (folder / "bin" / "pulumi").exists():
        return folder
    with locked("engine", cache() / "tools"):
        if (folder / "bin" / "pulumi").exists():
            return folder
        source = fitting("pulumi", VERSION, os.environ.get("PATH", "")) or ensure_cli()
        with in_one_piece(folder) as draft:
            place = draft / "bin"
            place.mkdir()
            link_or_copy(source, place / "pulumi")
            shutil.copytree(OWN_HOST, place / "language_host", ignore=shutil.ignore_patterns("__pycache__"))
            (place / "language_host" / "pulumi-language-python").rename(place / "pulumi-language-python")
            # Dangles until the official host is asked for; our script says so then.
            (place / "official").symlink_to(Path("..", "..", tool_folder(OFFICIAL).name, "bin"))
            (draft / "origin").write_text(f"{source}\n")
    return folder


def ensure_cli() -> Path:
    """The CLI by itself: from the vendor, else from source."""
    final = tool_folder(CLI)
    binary = final / "bin" / "pulumi"
    if not binary.exists():
        with locked("pulumi", cache() / "tools"), in_one_piece(final) as draft:
            (draft / "bin").mkdir()
            reason = vendor.fetch("pulumi", draft / "bin" / "pulumi")
            if reason:
                print(f"pulumi: {reason}; building it from source", flush=True)
                build(CLI, draft / "bin" / "pulumi")
            check_runs(draft / "bin" / "pulumi", VERSION)
    return binary


def ensure_official() -> Path:
    """Pulumi's own language host, and the script that it runs programs with, which comes with the SDK."""
    final = tool_folder(OFFICIAL)
    if not (final / "bin" / "pulumi-language-python").exists():
        with locked("pulumi-language-python", cache() / "tools"), in_one_piece(final) as draft:
            place = draft / "bin"
            place.mkdir()
            build(OFFICIAL, place / "pulumi-language-python")
            script = module_source(CLI, SDK_MODULE) / "python" / "cmd" / "pulumi-language-python-exec"
            shutil.copy(script, place / script.name)
            (place / script.name).chmod(0o755)
    return final


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for the same file where the file system allows it: the CLI is over 100 MB."""
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copy2(source, target)
