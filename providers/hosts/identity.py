"""Identity and Metal: what is born on a host, and the first contact with a machine that somebody gave."""

from __future__ import annotations

import shlex
from typing import Any, ClassVar

from providers.base.diffing import UPDATE, detailed
from providers.base.resource import Created, Diff, ProviderError, Read, Resource
from providers.base.values import UNKNOWN, Bag
from providers.hosts import ssh

# The private key is written by wg itself into a file that only root reads; only the public one is printed.
BIRTH = """set -eu
iface=%(interface)s
if ! command -v wg >/dev/null 2>&1; then
  if command -v xbps-install >/dev/null 2>&1; then xbps-install -Sy wireguard-tools >&2
  else apt-get -qq update >&2 && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install wireguard-tools >&2; fi
fi
umask 077
mkdir -p /etc/wireguard
key=/etc/wireguard/$iface.key
if [ ! -s "$key" ]; then wg genkey > "$key.new"; mv "$key.new" "$key"; fi
"""
LOOK = """set -eu
iface=%(interface)s
key=/etc/wireguard/$iface.key
"""
TELL = """if [ -s "$key" ]; then echo "public $(wg pubkey < "$key")"; fi
. /etc/os-release
echo "os $ID"
echo "release ${VERSION_ID:-rolling}"
echo "arch $(uname -m)"
if [ -d /run/systemd/system ]; then echo "init systemd"; else echo "init runit"; fi
"""
FORGET = """set -eu
key=/etc/wireguard/%(interface)s.key
if [ -s "$key" ] && [ "$(wg pubkey < "$key")" = %(public)s ]; then rm -f "$key"; fi
"""
SILENT: Bag = {"reachable": False, "wireguard_public_key": None, "ssh_host_key": None, "facts": {}}


def changed_key(host: str) -> ProviderError:
    """The machine that answers is not the one that was recorded."""
    return ProviderError(
        f"{host}: the machine at its address shows another ssh host key than the recorded one. If it was rebuilt, "
        f"remove recorded.{host} from the data and refresh; if not, somebody else answers at that address."
    )


class Identity(Resource):
    """The WireGuard key of a host, and what the host is."""

    token: ClassVar[str] = "hosts:index:Identity"

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        """Another interface is another key. A host that was silent shows an update until it has answered."""
        found = {path: kind for path, kind in detailed(old_inputs, new_inputs).items() if not _ignored(path)}
        waiting = () if old_outputs.get("reachable") else ("reachable",)
        return Diff(
            bool(found) or bool(waiting),
            found | dict.fromkeys(waiting, UPDATE),
            replaces=["fabric_interface", "host"],
            in_outputs=waiting,
        )

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        """Make the key on the host where there is none."""
        return Created(inputs["host"], self._born(inputs, preview=preview))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        """Ask again; what a host told once stays known while it is silent."""
        if preview:
            return (
                self._born(new_inputs, preview=True)
                if not old_outputs.get("reachable")
                else new_inputs | _own(old_outputs)
            )
        born = self._born(new_inputs, preview=False)
        return born if born["reachable"] else new_inputs | _own(old_outputs)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        """Look without changing. Never fails: a silent host keeps what was known."""
        if not inputs:
            return Read(id, inputs, outputs)
        try:
            answer = ssh.run(inputs["connection"], LOOK % _words(inputs) + TELL)
        except ssh.HostKeyChangedError:
            self.log(str(changed_key(inputs["host"])), severity="warning")
            return Read(id, inputs, outputs)
        if not (answer.reachable and answer.ok):
            return Read(id, inputs, outputs)
        return Read(id, inputs, inputs | _told(answer))

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Take the key away, if it is this one: a replaced identity's successor has its own on the same host."""
        public = outputs.get("wireguard_public_key")
        if public:
            try:
                ssh.run(inputs["connection"], FORGET % {**_words(inputs), "public": shlex.quote(public)})
            except ssh.HostKeyChangedError:
                self.log(f"{inputs['host']}: another machine answers; its key is left alone", severity="warning")

    def _born(self, inputs: Bag, *, preview: bool) -> Bag:
        if preview:
            return inputs | dict.fromkeys(SILENT, UNKNOWN)
        try:
            answer = ssh.run(inputs["connection"], BIRTH % _words(inputs) + TELL)
        except ssh.HostKeyChangedError:
            raise changed_key(inputs["host"]) from None
        if not answer.reachable:
            self.log(f"{inputs['host']} does not answer: {answer.error}; the others go on", severity="warning")
            return inputs | SILENT
        if not answer.ok:
            raise ProviderError(f"{inputs['host']}: its WireGuard key could not be made: {answer.error}")
        return inputs | _told(answer)


def _ignored(path: str) -> bool:
    # How a host is reached is no part of what it is; the newest way is kept in the inputs all the same.
    return path.startswith(("connection.", "connection[")) or path == "connection"


def _words(inputs: Bag) -> dict[str, str]:
    return {"interface": shlex.quote(inputs["fabric_interface"])}


def _own(outputs: Bag) -> Bag:
    return {name: outputs.get(name) for name in SILENT}


def _told(answer: ssh.Answer) -> Bag:
    lines = dict(line.split(" ", 1) for line in answer.out.splitlines() if " " in line)
    facts = {name: lines[name] for name in ("os", "release", "arch", "init") if name in lines}
    return {
        "reachable": True,
        "wireguard_public_key": lines.get("public"),
        "ssh_host_key": answer.host_key,
        "facts": facts,
    }


class Metal(Resource):
    """A machine that no API of ours makes. What others stand on; deleting it touches nothing."""

    token: ClassVar[str] = "hosts:index:Metal"

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        """Another address of the same machine is an update."""
        found = detailed(old_inputs, new_inputs)
        return Diff(bool(found), found, replaces=["host"])

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        """First contact: read the machine's ssh host key, or hold it to the given one."""
        return Created(inputs["host"], self._met(inputs, preview=preview))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        """Meet it again."""
        return self._met(new_inputs, preview=preview)

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Nothing: the machine is its owner's."""

    def _met(self, inputs: Bag, *, preview: bool) -> Bag:
        if not inputs.get("contact", True):
            return inputs | {"reachable": False, "ssh_host_key": None}
        if preview:
            return inputs | {"reachable": UNKNOWN, "ssh_host_key": UNKNOWN}
        key = first_key(inputs["address"], int(inputs.get("port") or 22))
        given = inputs.get("host_key")
        if key and given and " ".join(given.split()[:2]) != key:
            raise changed_key(inputs["host"])
        if key is None:
            self.log(f"{inputs['host']} does not answer yet; the others go on", severity="warning")
        return inputs | {"reachable": key is not None, "ssh_host_key": key}


def first_key(address: Any, port: int) -> str | None:
    """The ssh host key that a machine shows, without logging in."""
    import subprocess

    command = ["ssh-keyscan", "-T", str(ssh.CONNECT_SECONDS), "-p", str(port), "-t", "ed25519", str(address)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    for line in done.stdout.splitlines():
        if not line.startswith("#") and len(line.split()) >= 3:
            return " ".join(line.split()[1:3])
    return None
