"""The root file system that all test hosts share, and the package repository they install from; both built once.

Built with the machine's own package sources, whatever they are, into $FLEET_CACHE/base-<hash> and packages-<hash>.
It is below every host, so what many of them run costs its place once: the servers of the control plane, and what jobs
start that need no container. Nothing of it starts by itself.
Left out on purpose: Python (what configures a host needs a shell only), chrony and unbound (hosts install them).
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rehearsal.testhosts import packages, servers, settings, sources
from rehearsal.testhosts.commands import contained, tool
from rehearsal.testhosts.settings import RehearsalError

Progress = Callable[[str], None]
FILES = Path(__file__).parent / "files"
# Raised whenever the code below, or that of packages.py, builds something else from the same lists.
RECIPE = 2
EXPECTED_SECONDS = 60.0

PACKAGES = (
    "apt",
    "ca-certificates",
    "curl",
    "dehydrated",
    "iproute2",
    "iputils-ping",
    "mount",
    "netbase",
    "nftables",
    "nginx-light",
    "openssh-server",
    "openssh-sftp-server",
    "openssl",
    "passwd",
    "procps",
    "rsync",
    "runit",
    "socat",
    "sudo",
    "wireguard-go",
    "wireguard-tools",
)
# What jobs run where their machines offer no containers: the same program as in the image, or one that stands for it.
PROGRAMS = (
    "busybox",
    "fcgiwrap",
    "lsyncd",
    "mandoc",
    "ngircd",
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-blackbox-exporter",
    "prometheus-node-exporter",
    "spawn-fcgi",
)

DPKG_OPTIONS = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
    # 210 MB of clock changes since 1900, for a web page of Prometheus.
    "path-exclude=/usr/share/javascript/moment-timezone/data/*",
    "force-unsafe-io",
)


def recipe() -> str:
    """Hash of everything that decides what the base holds, but for the mirror's own changes."""
    release = re.findall(r"^(?:ID|VERSION_CODENAME)=.*$", Path("/etc/os-release").read_text(), re.MULTILINE)
    parts = [str(RECIPE), os.uname().machine, *release, *PACKAGES, *PROGRAMS, "+", *packages.OFFERED]
    parts += [*DPKG_OPTIONS, servers.sums()]
    for file in sorted(p for p in FILES.rglob("*") if p.is_file()):
        parts += [str(file.relative_to(FILES)), file.read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def path() -> Path:
    """Where the base is, or will be."""
    return settings.cache() / f"base-{recipe()}"


def ensure(progress: Progress = print) -> Path:
    """Build base and repository if they are not there yet; safe to interrupt, and to call from two places at once."""
    base, offered = path(), packages.path(recipe())
    if base.is_dir() and offered.is_dir():
        return base
    settings.require_root()
    servers.require()
    settings.cache().mkdir(parents=True, exist_ok=True)
    with alone(settings.cache() / "base.lock", progress):
        sweep()
        with spoken(progress) as say:
            if not base.is_dir():
                say("building the root file system")
                build(base)
            if not offered.is_dir():
                say("downloading the packages they may install")
                packages.build(base, offered)
    progress("test hosts: base and packages are ready")
    return base


@contextmanager
def alone(lock: Path, progress: Progress) -> Iterator[None]:
    """One builder at a time; the lock ends with its process, however that ends."""
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("test hosts: another process is building them, waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def spoken(progress: Progress) -> Iterator[Callable[[str], None]]:
    """Say every five seconds what is being done and how long it may still take."""
    started, doing, ended = time.monotonic(), [""], threading.Event()

    def line() -> str:
        left = EXPECTED_SECONDS - (time.monotonic() - started)
        hint = (
            f"about {left:.0f} s left"
            if left > 5
            else "longer than usual, still working"
            if left < -10
            else "nearly done"
        )
        return f"test hosts: {doing[0]}, {hint}"

    def tick() -> None:
        while not ended.wait(5):
            progress(line())

    def say(what: str) -> None:
        doing[0] = what
        progress(line())

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield say
    finally:
        ended.set()
        thread.join()


def sweep() -> None:
    """Remove what an interrupted build left; called with the lock held, so no living build is touched."""
    for left in [*settings.cache().glob("base-*.tmp-*"), *settings.cache().glob("packages-*.tmp-*")]:
        shutil.rmtree(left)


def build(target: Path) -> None:
    """Bootstrap into a folder beside the target, complete it, and only then give it its name."""
    draft = target.with_name(f"{target.name}.tmp-{os.getpid()}")
    argv = [
        "mmdebstrap",
        "--mode=root",
        "--variant=apt",
        "--format=directory",
        f"--include={','.join((*PACKAGES, *PROGRAMS))}",
    ]
    argv += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    argv += [f"--aptopt={option}" for option in (*sources.passed_on(), 'APT::Install-Recommends "false"')]
    # No suite: the sources, with their releases, come by standard input.
    argv += ["", str(draft), "-"]
    listed = "\n".join(source.line() for source in sources.read()) + "\n"
    done = subprocess.run(
        contained(argv), input=listed, text=True, capture_output=True, check=False, env=clean_environment()
    )
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise RehearsalError(
            f"building the test hosts' root file system failed: {done.stderr.strip()[-1500:]}\n"
            "try `apt-get update` and run the same command again; it goes on from here"
        )
    servers.install(draft, draft / "var/tmp/servers")
    complete(draft)
    draft.rename(target)


def clean_environment() -> dict[str, str]:
    """What maintainer scripts may see: nothing of the caller's."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
    }


def complete(root: Path) -> None:
    """Our own files, and no trace of where the packages came from."""
    # Never through a symlink of the base: absolute ones would lead into the machine's own files.
    for source in sorted(FILES.rglob("*")):
        inner = source.relative_to(FILES)
        target = root / inner
        if any((root / parent).is_symlink() for parent in inner.parents):
            raise RehearsalError(f"{inner} would be written through a symlink of the base; choose its real path")
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.unlink(missing_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.read_bytes().startswith(b"#!") else 0o644)
    for name in ("etc/apt/sources.list", "etc/apt/apt.conf.d/99mmdebstrap", "etc/resolv.conf", "etc/hostname"):
        (root / name).unlink(missing_ok=True)
    for pattern in ("etc/apt/sources.list.d/*", "etc/ssh/ssh_host_*", "var/cache/apt/*.bin"):
        for found in root.glob(pattern):
            shutil.rmtree(found) if found.is_dir() and not found.is_symlink() else found.unlink()
    (root / "etc/machine-id").write_text("")
    (root / "etc/apt/sources.list").write_text(
        f"deb [trusted=yes] http://{settings.gateway4()}:{settings.REPOSITORY_PORT}/ ./\n"
    )
    service = root / "etc/service"
    # Debian's is an absolute symlink: a folder of the base's own instead, before anything is written below it.
    if service.is_symlink():
        service.unlink()
    service.mkdir(exist_ok=True)
    (service / "sshd").symlink_to("/etc/sv/sshd")
    # A root account with a locked password still logs in by key; '!' would also forbid that without PAM.
    subprocess.run([tool("chroot"), str(root), "usermod", "-p", "*", "root"], check=True)
