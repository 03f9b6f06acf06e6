"""What a host is known by. Its private keys are made on it and never leave it; only the public halves are told.

Every host makes a WireGuard key. A control host is also an authority: it makes a CA that signs the leaf certificates
of the fleet's agents, and tells the CA's certificate.
"""

from __future__ import annotations

import base64
import binascii
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
AUTHORITY_DAYS = 3650

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
if [ -s "$key" ] && [ "$(cat "$key.owner" 2>/dev/null)" = @ID@ ] && [ "$(wg pubkey <"$key")" = @PUBLIC@ ]; then
  rm -f "$key" "$key.owner"
fi
"""
# Appended to the scripts above where the host is an authority. The account that signs may not be there yet: then
# `fleet-renew` hands it the key later.
_MAKE_AUTHORITY = """
ca=/etc/fleet/authority
if ! command -v openssl >/dev/null 2>&1; then
  if command -v xbps-install >/dev/null 2>&1; then xbps-install -Sy openssl >&2
  else
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update >&2
    apt-get -qy -o DPkg::Lock::Timeout=120 install --no-install-recommends openssl >&2
  fi
fi
mkdir -p "$ca"
chmod 755 /etc/fleet "$ca"
if [ ! -s "$ca/ca.key" ]; then
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$ca/ca.key.part"
  chown fleet-ca "$ca/ca.key.part" 2>/dev/null || true
  rm -f "$ca/ca.pem"
  mv "$ca/ca.key.part" "$ca/ca.key"
fi
if [ ! -s "$ca/ca.pem" ]; then
  openssl req -x509 -new -sha256 -key "$ca/ca.key" -days @DAYS@ -config /dev/stdin -out "$ca/ca.pem.part" <<END
[req]
prompt = no
distinguished_name = name
x509_extensions = authority
[name]
O = @NAME@
CN = @HOST@ authority
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
END
  chmod 644 "$ca/ca.pem.part"
  mv "$ca/ca.pem.part" "$ca/ca.pem"
fi
printf '%s\\n' @ID@ >"$ca/owner.part"
mv "$ca/owner.part" "$ca/owner"
"""
_LOOK_AUTHORITY = """
ca=/etc/fleet/authority
if [ -s "$ca/ca.key" ] && [ -s "$ca/ca.pem" ]; then printf 'authority=%s\\n' "$(base64 -w0 <"$ca/ca.pem")"; fi
"""
_REMOVE_AUTHORITY = """
ca=/etc/fleet/authority
if [ "$(cat "$ca/owner" 2>/dev/null)" = @ID@ ]; then rm -f "$ca/ca.key" "$ca/ca.pem" "$ca/owner"; fi
"""
_INTERFACE = re.compile(r"[a-z][a-z0-9]{0,14}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}\Z")
_KNOWN = ("wireguard_public_key", "ssh_host_key", "facts", "authority_certificate")


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
        return inputs, [*_authority_mistakes(inputs)]

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        # Which accounts are tried, and how, is no part of what a host is; where it is, is. An authority that is born
        # stays as it is: how long it lives and what it is called concern only the next one.
        found = {
            path: kind
            for path, kind in detailed(old_inputs, new_inputs).items()
            if path == "connection.address"
            or not (path.startswith("connection.") or path in ("authority_days", "authority_name"))
        }
        if not old_outputs.get("reachable"):
            # Nothing was born there yet, so there is nothing to replace either.
            found["reachable"] = UPDATE
            return Diff(True, found, in_outputs=["reachable"])
        other = [path for path in ("host", "machine", "fabric_interface", "connection.address") if path in found]
        if new_inputs.get("authority") and not old_outputs.get("authority_certificate"):
            found["authority_certificate"] = UPDATE
            return Diff(True, found, replaces=other, in_outputs=["authority_certificate"])
        return Diff(bool(found), found, replaces=other)

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        mark = f"{inputs['host']}-{secrets.token_hex(6)}"
        if preview:
            return Created("", {**inputs, **_UNBORN, "authority_certificate": _unborn_authority(inputs)})
        return Created(mark, self._meet(mark, inputs, {}, patience=timeout or contact_seconds()))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if preview:
            # What is known stays known: else one silent host would show a difference on every other.
            known = {key: old_outputs.get(key) or UNKNOWN for key in _KNOWN}
            known["authority_certificate"] = old_outputs.get("authority_certificate") or _unborn_authority(new_inputs)
            if not new_inputs.get("authority"):
                known["authority_certificate"] = None
            return {**new_inputs, **known, "reachable": UNKNOWN, "problem": None}
        return self._meet(id, new_inputs, old_outputs, patience=0.0)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        """The key as it is now. A silent host keeps what is known of it."""
        try:
            if not inputs or contains_unknown(inputs):
                return Read(id, inputs, outputs)
            look = _LOOK + (_LOOK_AUTHORITY if inputs.get("authority") else "")
            answer = self._run(_expecting(inputs, outputs), _script(look, inputs, id) + _FACTS)
            told = _pairs(answer.text)
            public = told.pop("public", None)
            certificate = _certificate(told.pop("authority", None))
            seen = {"wireguard_public_key": public, "facts": told, "reachable": bool(public)}
            if inputs.get("authority"):
                seen["authority_certificate"] = certificate
            return Read(id, inputs, {**outputs, **seen})
        except Exception:
            # A read that raises would end the whole refresh; the host's State says that it is silent.
            return Read(id, inputs, outputs)

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Take our own keys away, if the machine still answers and they are still ours."""
        if not outputs.get("wireguard_public_key") or not outputs.get("reachable"):
            return
        text = _REMOVE + (_REMOVE_AUTHORITY if inputs.get("authority") else "")
        script = _script(text, inputs, id).replace("@PUBLIC@", str(outputs["wireguard_public_key"]))
        try:
            self._run(_expecting(inputs, outputs), script)
        except Exception as error:
            self.log(f"{inputs.get('host', id)}: its key was not removed ({error})", severity="info")

    def _meet(self, mark: str, inputs: Bag, olds: Bag, *, patience: float) -> Bag:
        before = {key: olds.get(key) for key in _KNOWN}
        host, authority = inputs["host"], bool(inputs.get("authority"))
        make = _MAKE
        if authority:
            make += _MAKE_AUTHORITY + _LOOK_AUTHORITY
        elif before["authority_certificate"]:
            make += _REMOVE_AUTHORITY
        try:
            deadline = time.monotonic() + patience
            answer = self._run(_expecting(inputs, olds), _script(make, inputs, mark) + _FACTS, deadline=deadline)
            told = _pairs(answer.text)
            public = told.pop("public", None)
            certificate = _certificate(told.pop("authority", None))
            if not public:
                raise ssh.Refused("it told no WireGuard public key; see whether `wg genkey` works there")
            if authority and not certificate:
                raise ssh.Refused("it told no authority's certificate; see whether `openssl req -x509` works there")
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
            "authority_certificate": certificate,
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
    values = {
        "@IF@": inputs["fabric_interface"],
        "@ID@": mark,
        "@HOST@": inputs["host"],
        "@NAME@": inputs.get("authority_name") or "fleet",
        "@DAYS@": int(inputs.get("authority_days") or AUTHORITY_DAYS),
    }
    for place, value in values.items():
        text = text.replace(place, str(value))
    return text


def _unborn_authority(inputs: Bag) -> Any:
    return UNKNOWN if inputs.get("authority") else None


def _authority_mistakes(inputs: Bag) -> list[Failure]:
    name, days = inputs.get("authority_name"), inputs.get("authority_days")
    found = []
    if isinstance(name, str) and not _NAME.match(name):
        found.append(Failure("authority_name", f"{name!r} is no plain name: letters, digits, blanks, dots, dashes"))
    if isinstance(days, int | float) and not days >= 1:
        found.append(Failure("authority_days", f"an authority of {days:g} days would never be valid: give 1 or more"))
    return found


def _certificate(encoded: str | None) -> str | None:
    """The PEM that a host told in one line; None where it told none, or something else."""
    try:
        text = base64.b64decode(encoded or "", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text if text.startswith("-----BEGIN CERTIFICATE-----\n") else None


def _pairs(text: str) -> dict[str, Any]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
