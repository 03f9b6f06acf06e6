"""A small fleet in folders of one machine: each host runs its own scripts for real, joined by an ssh without a network.

Only ssh is pretended (tests/parts_live/test_certificates_hosts.py has the real one): it finds the host by its address
and runs the command that sshd there would be held to.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hostconfig import pki
from hostconfig.desired import Desired, Pki, parse
from hostconfig.parts import Platform
from hostconfig.pki import Places
from providers.hosts.identity import _MAKE_AUTHORITY, _script
from tests.executable import executable
from tests.hostconfig.samples import SSH_KEY, sample

VOTERS = ("a-ams-nl", "b-fra-de", "c-nyc-us")
HOSTS = (*VOTERS, "m-hel-fi")
PLATFORM = Platform("debian", "runit", kernel_wireguard=False)
SSH = """#!/bin/sh
# The last two words are fleet-ca@<address> and the verb.
while [ $# -gt 2 ]; do shift; done
address=${1#*@} verb=$2 here=@FOLDER@
[ ! -e "$here/down/$address" ] || { echo "ssh: connect to host $address port 22: Connection timed out" >&2; exit 255; }
SSH_ORIGINAL_COMMAND=$verb exec "$here/$(cat "$here/at/$address")/usr/local/sbin/fleet-authority" "$FLEET_ASKS"
"""


def address(host: str) -> str:
    """A host's place on the fabric."""
    return f"10.99.0.{HOSTS.index(host) + 1}"


def names(host: str) -> list[str]:
    """The names that a host's leaf must have."""
    own = [host, f"{host}.m.fleet.example", address(host), "127.0.0.1", "localhost"]
    own += ["client.global.nomad", "client.dc1.consul"]
    return own + (["server.global.nomad", "server.dc1.consul", "vault.service.consul"] if host in VOTERS else [])


class Fleet:
    """Three control hosts and one other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {host: names(host) for host in HOSTS}
        self.settings: dict[str, Any] = {}
        self.certificates: dict[str, str | None] = {}
        for part in ("at", "down", "bin"):
            (folder / part).mkdir()
        executable(folder / "bin" / "ssh", SSH.replace("@FOLDER@", str(folder)))
        for host in HOSTS:
            (folder / "at" / address(host)).write_text(host)
            for part in ("etc/fleet/pki", "etc/fleet/authority", "usr/local/sbin", "var/lib/fleet", "run"):
                (folder / host / part).mkdir(parents=True)
        for host in VOTERS:
            self.bear(host)

    def bear(self, host: str) -> None:
        """Make a host the authority that it is."""
        script = _script("set -eu\numask 077\n" + _MAKE_AUTHORITY, {"fabric_interface": "x", "host": host}, "mark")
        script = script.replace("/etc/fleet", f"{self.folder}/{host}/etc/fleet")
        subprocess.run(["sh", "-s"], input=script, text=True, check=True, capture_output=True)
        self.certificates[host] = (self.folder / host / "etc/fleet/authority/ca.pem").read_text()

    def place(self, host: str) -> Places:
        """A host's folder."""
        found = Places.below(self.folder / host)
        return Places(**{**vars(found), "path": f"{self.folder}/bin:{found.path}"})

    def desired(self, host: str) -> Desired:
        """What the data says of a host, as far as this concern goes."""
        authorities = {
            it: {"address": address(it), "ssh_host_key": SSH_KEY, "certificate": self.certificates[it]} for it in VOTERS
        }
        listed = HOSTS if host in VOTERS else (host,)
        hosts = {
            it: {
                "address": address(it),
                "fqdn": f"{it}.m.fleet.example",
                "ssh_host_key": SSH_KEY,
                "names": self.names[it],
            }
            for it in listed
        }
        record = {"authorities": authorities, "hosts": hosts, "authority": host in VOTERS, **self.settings}
        return parse(sample(hostname=host, fqdn=f"{host}.m.fleet.example", pki=record))

    def apply(self, *hosts: str) -> None:
        """Write what hostconfig would write."""
        user = f"{_name('passwd', os.getuid())}:{_name('group', os.getgid())}"
        for host in hosts or HOSTS:
            desired, place = self.desired(host), self.place(host)
            wish = desired.pki
            assert isinstance(wish, Pki)
            texts = {
                place.authorities: pki._authorities(wish),
                place.known_hosts: pki._known_hosts(wish),
                place.enrolled: pki.enrolled_list(wish),
                place.command: pki.authority_script(desired, wish, place),
                place.trust: pki.trust_script(desired, wish, place),
                place.renew: pki.renew_script(desired, wish, PLATFORM, place, owner=user),
            }
            for path, text in texts.items():
                executable(Path(path), text)

    def renew(self, host: str) -> tuple[bool, str]:
        """One pass of fleet-renew on a host: whether all is done, and what it said."""
        done = subprocess.run(
            [self.place(host).renew], env={"FLEET_ASKS": host}, text=True, capture_output=True, check=False, timeout=60
        )
        return done.returncode == 0, done.stdout + done.stderr

    def ask(self, authority: str, host: str, verb: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """What sshd would run on an authority for a host that asks."""
        words = [self.place(authority).command, host]
        told = {"SSH_ORIGINAL_COMMAND": verb}
        return subprocess.run(words, env=told, input=given, text=True, capture_output=True, check=False, timeout=30)

    def down(self, *hosts: str) -> None:
        """Which hosts are down now; all others are up."""
        shutil.rmtree(self.folder / "down")
        (self.folder / "down").mkdir()
        for host in hosts:
            (self.folder / "down" / address(host)).touch()

    def path(self, host: str, below: str) -> Path:
        """A file of a host."""
        return self.folder / host / below

    def request(self, name: str, *more: str) -> str:
        """A request for a certificate, by a key of its own."""
        key = self.folder / "stranger.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
        return openssl("req", "-new", "-key", str(key), "-subj", f"/CN={name}", *more)


def openssl(*words: str, given: str | None = None) -> str:
    """What openssl says."""
    return subprocess.run(["openssl", *words], input=given, text=True, capture_output=True, check=True).stdout


def _name(kind: str, number: int) -> str:
    said = subprocess.run(["getent", kind, str(number)], text=True, capture_output=True, check=True).stdout
    return said.split(":")[0]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Every host configured, and none enrolled yet."""
    made = Fleet(tmp_path)
    made.apply()
    return made
