"""What a host is known by. Its WireGuard key is made on it and never leaves it; only the public half is told."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from providers.base.diffing import UPDATE, detailed
from providers.base.resource import Created, Diff, Failure, Read, Resource
from providers.base.values import UNKNOWN, Bag, contains_unknown, reveal
from providers.hosts import ssh
from providers.hosts.metal import contact_seconds

Run = Callable[..., ssh.Answer]

_FACTS = """
if [ -r /etc/os-release ]; then . /etc/os-release; fi
if [ -d /run/systemd/system ]; then init=systemd; else init=runit; fi
printf 'os=%s\\nrelease=%s\\narch=%s\\ninit=%s\\n' "${ID:-unknown}" "${VERSION_ID:-rolling}" "$(uname -m)" "$init"
"""
_MAKE = """set -eu
umask 077
key=/etc/wireguard/@IF@.key
if ! command -v wg >/dev/null 2>&1; then
  if command -v xbps-install >/dev/null 2>&1; then xbps-install -Sy wireguard-tools >&2
  else
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update >&2
    apt-get -qy -o DPkg::Lock::Timeout=120 install --no-install-recommends wireguard-tools >&2
  fi
fi
mkdir -p /etc/wireguard
if [ ! -s "$key" ]; then wg genkey >"$key.part"; mv "$key.part" "$key"; fi
chmod 600 "$key"
printf '%s\\n' @ID@ >"$key.owner.part"
mv "$key.owner.part" "$key.owner"
printf 'public=%s\\n' "$(wg pubkey <"$key")"
"""
_LOOK = """set -eu
key=/etc/wireguard/@IF@.key
if [ -s "$key" ] && command -v wg >/dev/null 2>&1; then printf 'public=%s\\n' "$(wg pubkey <"$key")"; fi
"""
# The owner's mark tells a replaced identity's key from its successor's: both have the same public half.
_REMOVE = """set -eu
key=/etc/wireguard/@IF@.key
[ -s "$key" ] || exit 0
[ "$(cat "$key.owner" 2>/dev/null)" = @ID@ ] || exit 0
[ "$(wg pubkey <"$key")" = @PUBLIC@ ] || exit 0
rm -f "$key" "$key.owner"
"""
_INTERFACE = re.compile(r"[a-z][a-z0-9]{0,14}\Z")


class Identity(Resource):
    """A silent host is no failure: `reachable` is false and shows a difference until the host has answered."""

    token = "hosts:index:Identity"

    def __init__(self, run: Run = ssh.run) -> None:
        self._run = run

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        interface = inputs.get("fabric_interface")
        if isinstance(interface, str) and not _INTERFACE.match(interface):
            reason = f"{interface!r} is no interface name: a letter, then a-z and 0-9"
            return inputs, [Failure("fabric_interface", reason)]
        return inputs, []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        # Which accounts are tried, and how, is no part of what a host is; where it is, is.
        found = {
            path: kind
            for path, kind in detailed(old_inputs, new_inputs).items()
            if path == "connection.address" or not path.startswith("connection.")
        }
        if not old_outputs.get("reachable"):
            # Nothing was born there yet, so there is nothing to replace either.
            found["reachable"] = UPDATE
            return Diff(True, found, in_outputs=["reachable"])
        other = [path for path in ("host", "machine", "fabric_interface", "connection.address") if path in found]
        return Diff(bool(found), found, replaces=other)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        mark = f"{inputs['host']}-{secrets.token_hex(6)}"
        if preview:
            return Created("", {**inputs, **_UNBORN})
        return Created(mark, self._meet(mark, inputs, {}, patience=timeout or contact_seconds()))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview:
            # What is known stays known: else one silent host would show a difference on every other.
            known = {key: old_outputs.get(key) or UNKNOWN for key in ("wireguard_public_key", "ssh_host_key", "facts")}
            return {**new_inputs, **known, "reachable": UNKNOWN, "problem": None}
        return self._meet(id, new_inputs, old_outputs, patience=0.0)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        """The key as it is now. A silent host keeps what is known of it."""
        try:
            if not inputs or contains_unknown(inputs):
                return Read(id, inputs, outputs)
            answer = self._run(_expecting(inputs, outputs), _script(_LOOK, inputs, id) + _FACTS)
            told = _pairs(answer.text)
            public = told.pop("public", None)
            seen = {"wireguard_public_key": public, "facts": told, "reachable": bool(public)}
            return Read(id, inputs, {**outputs, **seen})
        except Exception:
            # A read that raises would end the whole refresh; the host's State says that it is silent.
            return Read(id, inputs, outputs)

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Take our own key away, if the machine still answers and the key is still ours."""
        if not outputs.get("wireguard_public_key") or not outputs.get("reachable"):
            return
        script = _script(_REMOVE, inputs, id).replace("@PUBLIC@", str(outputs["wireguard_public_key"]))
        try:
            self._run(_expecting(inputs, outputs), script)
        except Exception as error:
            self.log(f"{inputs.get('host', id)}: its key was not removed ({error})", severity="info")

    def _meet(self, mark: str, inputs: Bag, olds: Bag, *, patience: float) -> Bag:
        before = {key: olds.get(key) for key in ("wireguard_public_key", "ssh_host_key", "facts")}
        host = inputs["host"]
        try:
            deadline = time.monotonic() + patience
            answer = self._run(_expecting(inputs, olds), _script(_MAKE, inputs, mark) + _FACTS, deadline=deadline)
            told = _pairs(answer.text)
            public = told.pop("public", None)
            if not public:
                raise ssh.Refused("it told no WireGuard public key; see whether `wg genkey` works there")
        except Exception as error:
            problem = f"{host}: {error}"
            silent = isinstance(error, ssh.Silent)
            note = "does not answer; the next `up` tries again" if silent else "the others go on without it"
            self.log(f"{problem} ({note})", severity="warning")
            return {**inputs, **before, "facts": before["facts"] or {}, "reachable": False, "problem": problem}
        return {
            **inputs,
            "wireguard_public_key": public,
            "ssh_host_key": answer.host_key or before["ssh_host_key"],
            "facts": told,
            "reachable": True,
            "problem": None,
        }


_UNBORN: Bag = {
    "reachable": UNKNOWN,
    "wireguard_public_key": UNKNOWN,
    "ssh_host_key": UNKNOWN,
    "facts": UNKNOWN,
    "problem": UNKNOWN,
}


def _expecting(inputs: Bag, outputs: Bag) -> ssh.Connection:
    """The connection, held to the recorded host key, else to the one of the first contact."""
    connection = ssh.Connection.of(reveal(inputs["connection"]))
    if not connection.address:
        raise ssh.Silent("it has no address yet")
    return connection if connection.host_key else replace(connection, host_key=outputs.get("ssh_host_key"))


def _script(text: str, inputs: Bag, mark: str) -> str:
    return text.replace("@IF@", str(inputs["fabric_interface"])).replace("@ID@", mark)


def _pairs(text: str) -> dict[str, Any]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
