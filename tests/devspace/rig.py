"""One machine with both doors: an sshd configured exactly as hosts are, and devspace, both asking one real NetAuth.

In namespaces of its own (tests/load/login_rig.py), which end with the one process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from hostconfig.desired import parse
from hostconfig.login import ACCOUNT, CONFIG, config_text
from hostconfig.sshd import sshd
from hostconfig.supervised import CA
from tests.devspace.doors import KEYS, Door, Who
from tests.devspace.machine import GROUPS, PEOPLE, PLACE_GROUP, SHELL_GROUP, accounts, keys, machine, public, write
from tests.hostconfig.platforms import PLATFORMS
from tests.hostconfig.samples import sample
from tests.load.login_rig import MARK
from tests.load.netauth_server import NAME, Authority, Someone, Store, serve
from tests.servers.real import wait_for

NETAUTH, SSH, SFTP, HTTP = 1729, 22, 2022, 8022
NOBODY = 65534
HOST = Door("host", "host", "127.0.0.1", SSH)
DEVSPACE = Door("devspace", "devspace", "127.0.0.1", SFTP)
NEEDED = ("unshare", "mount", "ip", "nft", "ssh", "ssh-keygen", "ssh-agent", "scp", "sftp", "rsync", "setpriv")


def missing() -> str:
    """Why it cannot run here; empty if it can."""
    if os.geteuid() != 0:
        return "needs root on Linux"
    lacking = [it for it in NEEDED if shutil.which(it) is None]
    lacking += [] if Path("/usr/sbin/sshd").exists() else ["sshd"]
    return f"{', '.join(lacking)} not installed" if lacking else ""


@dataclass
class Rig:
    """What runs, and who is there."""

    folder: Path
    store: Store
    authority: Authority
    people: list[Who] = field(default_factory=list)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    pair: tuple[Path, Path] = (Path(), Path())

    @property
    def data(self) -> Path:
        """Devspace's folder."""
        return self.folder / "devspace"

    def who(self, persona: str) -> Who:
        """Somebody by persona."""
        return next(it for it in self.people if it.persona == persona)

    def say(self, name: str) -> str:
        """What a program said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def start(self, name: str, argv: Sequence[str]) -> None:
        """Start a program, in place of the one of that name."""
        self.end(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End one of them, if it runs."""
        if child := self.running.pop(name, None):
            child.send_signal(how)
            child.wait(20)

    def directory(self) -> None:
        """Start the directory, or start it again: who is in which group is in its memory."""
        folder = self.folder / "netauth"
        folder.mkdir(exist_ok=True)
        self.end("netauth")
        self.running["netauth"] = serve(self.store, folder, NETAUTH, self.pair)

    def host(self, group: str) -> None:
        """The host's own door, open to a group."""
        desired = parse(sample(ssh={"port": SSH, "allow_groups": ["sudo"], "banner": "A host."}, login=_wish(group)))
        assert desired.login is not None
        config = json.loads(config_text(desired, desired.login))
        # People are accounts of the layer's own /etc here: there is no second source of accounts.
        config["places"]["passwd"] = str(self.folder / "own.passwd")
        write(Path(CONFIG), json.dumps(config))
        text = next(it.text for it in sshd(desired, PLATFORMS["debian-runit"]).files if it.path.endswith("sshd_config"))
        write(Path("/etc/ssh/sshd_config"), text)
        shutil.rmtree("/var/lib/fleet/login", ignore_errors=True)
        Path("/var/lib/fleet/login").mkdir(parents=True)
        shutil.chown("/var/lib/fleet/login", ACCOUNT)
        self.start("sshd", ["/usr/sbin/sshd", "-D", "-e"])

    def devspace(self, group: str, name: str = "devspace", http: int = HTTP, **changed: object) -> None:
        """Devspace, open to a group; by another name and port for the pages, one more beside it."""
        login = json.loads(Path(CONFIG).read_text()) | {"login_groups": [], "sudo_groups": [], "fresh_seconds": 3}
        login |= {"services": {"devspace": {"groups": [group]}}, "account": "nobody"}
        login["places"] |= {"cache": str(self.data / "login")}
        write(self.folder / "devspace-login.json", json.dumps(login))
        command = ["/usr/bin/fleet-login", "--config", str(self.folder / "devspace-login.json"), "keys"]
        config: dict[str, object] = {
            "listen": f"127.0.0.1:{SFTP}",
            "http": f"127.0.0.1:{http}",
            "host_keys": [str(self.folder / f"host_{kind}") for kind in KEYS],
            "data": str(self.data),
            "quota": {"megabytes": 16, "files": 1000},
            "login": {"command": [*command, "--alone", "--service", "devspace"]},
            "limits": {"per_address": 100, "per_person": 40, "waiting": 100},
        }
        write(self.folder / f"{name}.json", json.dumps(config | changed))
        lowered = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
        words = ["/usr/bin/fleet-devspace", "--config", str(self.folder / f"{name}.json"), "serve"]
        self.start(name, [*lowered, *words])
        wait_for(f"{name} answers", lambda: self.metrics(http) != {}, 20)

    def metrics(self, http: int = HTTP) -> dict[str, float]:
        """What devspace counts; nothing while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=5) as page:
                lines = page.read().decode().splitlines()
        except OSError:
            return {}
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def change(self, persona: str, *, locked: bool) -> None:
        """Lock somebody in the directory, or unlock them."""
        name = self.who(persona).name
        self.store.write([replace(self.store.people[name], locked=locked)])

    def close(self) -> None:
        """End all of it."""
        for name in list(self.running):
            self.end(name)


def _wish(group: str) -> dict[str, object]:
    return {
        "servers": [{"name": NAME, "addresses": ["127.0.0.1"], "port": NETAUTH}],
        "groups": [group],
        "break_glass": ["deploy"],
        "people": [2001, 2999],
        "groups_span": [3001, 3999],
        "roster": "0123456789abcdef",
    }


def _people(rig: Rig) -> None:
    client = rig.folder / "client"
    client.mkdir(mode=0o700)
    held = {persona: keys(client, name) for persona, (name, *_) in PEOPLE.items()}
    rig.people = [Who(persona, PEOPLE[persona][0], held[persona]) for persona in PEOPLE]
    folder = Path("/etc/ssh/authorized_keys.d")
    folder.mkdir(exist_ok=True)
    for persona, name in (("root", "root"), ("break-glass", "deploy")):
        own = keys(client, name)
        rig.people.append(Who(persona, name, own))
        write(folder / name, "".join(f"{line}\n" for line in public(own)[:-1]))
    rig.people.append(Who("wrong case", "BOTH", held["both"]))
    # Those who are closed were in once: both doors have seen them, and see them go.
    rig.store.write(
        [Someone(name, number, public(held[p]), groups) for p, (name, number, groups, _) in PEOPLE.items()], GROUPS
    )


@contextmanager
def rigged() -> Iterator[Rig]:
    """The machine, with everybody in their place. Only inside namespaces of its own."""
    if not os.environ.get(MARK):
        raise AssertionError("not in namespaces of its own: call inside() first")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/mnt"], check=True)
    folder = Path(tempfile.mkdtemp(prefix="devspace-", dir="/mnt"))
    folder.chmod(0o755)
    machine(folder)
    rig = Rig(folder, Store(folder / "store"), Authority(folder))
    _people(rig)
    accounts(rig.folder)
    write(Path(CA), rig.authority.file.read_text())
    rig.pair = rig.authority.leaf("good", days=30)
    for kind in KEYS:
        file = folder / f"host_{kind}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(file)], check=True)
        os.chown(file, NOBODY, NOBODY)
    rig.data.mkdir()
    os.chown(rig.data, NOBODY, NOBODY)
    try:
        rig.directory()
        open_doors(rig, SHELL_GROUP, PLACE_GROUP)
        yield rig
    finally:
        rig.close()


def open_doors(rig: Rig, shells: str, places: str) -> None:
    """Open the host to one group and devspace to another; who is locked or removed is seen by both, and then goes."""
    everybody = {name: replace(it, locked=False) for name, it in rig.store.people.items()}
    rig.store.write(everybody.values())
    rig.directory()
    rig.host(shells)
    rig.devspace(places)
    program, login = "/usr/bin/fleet-login", str(rig.folder / "devspace-login.json")

    def seen(words: list[str], account: str) -> bool:
        argv = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", program, *words]
        return "ssh-ed25519" in subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    for name in ("gone", "shut"):
        wait_for(f"the host knows {name}", partial(seen, ["keys", name], "1901"), 20)
        words = ["--config", login, "keys", "--alone", "--service", "devspace", name]
        wait_for(f"devspace knows {name}", partial(seen, words, str(NOBODY)), 20)
    rig.change("locked", locked=True)
    # The removed one is no person of the directory any more.
    (rig.store.folder / "kv" / "entities" / "gone").unlink(missing_ok=True)
    rig.directory()
    time.sleep(11)  # what was heard of them a moment ago holds for `fresh_seconds`
