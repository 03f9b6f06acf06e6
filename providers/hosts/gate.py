"""The door between a system's servers and what is asked of it: opens when the system is able to keep what it is told.

Ready means: a leader that two looks some seconds apart agree on, a quorum of the members behind it, and for Vault that
a quorum is initialised and open. All of it is asked through the public address, as every later request will be, and
never of a server's stale memory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from providers.base.diffing import detailed
from providers.base.resource import Created, Diff, Failure, ProviderError, Read, Resource
from providers.base.values import UNKNOWN, Bag, reveal
from servers import Api, ApiError, System, from_environment, vault_health

SYSTEMS: Final = ("nomad", "consul", "vault")
# Longer than an election: a leader that is still there after it was elected by those who are up now.
_LOOKS_APART: Final = 3.0
_PAUSE: Final = 1.0
# By the server itself, whoever leads; a refusal is an answer too.
_ANSWERED_AT_ONCE: Final = {"nomad": "/ui/", "consul": "/v1/agent/self", "vault": "/v1/sys/health"}
_ASKED_OF_THE_LEADER: Final = {"nomad": "/v1/namespaces", "consul": "/v1/catalog/services"}
_DEADLINE: Final = 120.0


@dataclass(frozen=True)
class Sight:
    """One look at a system: its leader, or what is missing and what to do about it."""

    leader: str
    missing: str = ""


class Gate(Resource):
    """Waits on create and whenever `digest` changes, which stands for all that is asked behind the gate."""

    token = "hosts:index:Gate"

    def __init__(self, *, looks_apart: float = _LOOKS_APART, pause: float = _PAUSE) -> None:
        self._looks_apart = looks_apart
        self._pause = pause

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        failures = []
        if (system := inputs.get("system")) is not UNKNOWN and system not in SYSTEMS:
            failures.append(Failure("system", f"{system!r} is none of {', '.join(SYSTEMS)}"))
        address = inputs.get("address")
        if address is not UNKNOWN and urlsplit(str(address)).scheme not in ("http", "https"):
            failures.append(Failure("address", f"{address!r} is no address: write https://<public name>"))
        if inputs.get("members") is not UNKNOWN and not inputs.get("members"):
            failures.append(
                Failure("members", "a gate needs to know who votes: host names, with their public addresses")
            )
        return inputs, failures

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        # How long to wait, and where a member is just now, say nothing about what stands behind the gate.
        found = {
            path: kind
            for path, kind in detailed(old_inputs, new_inputs).items()
            if path in ("digest", "address", "system") or (path.startswith("members") and kind != "UPDATE")
        }
        return Diff(bool(found), found, replaces=["system"] if "system" in found else [])

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        if preview:
            return Created("", {**inputs, **_NOT_YET})
        return Created(str(inputs["system"]), self._wait(inputs, timeout))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        return {**new_inputs, **_NOT_YET} if preview else self._wait(new_inputs, 0.0)

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        """As it was: a gate is passed and then it is past; who leads today is no drift."""
        return Read(id, inputs, outputs)

    def delete(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        """Nothing: the servers stay."""

    def _wait(self, inputs: Bag, timeout: float) -> Bag:
        plain: Bag = reveal(inputs)
        patience = timeout or float(plain.get("deadline_seconds") or _DEADLINE)
        until = time.monotonic() + patience
        system, address, said = plain["system"], plain["address"], ""
        look = _LOOKS[system]
        while True:
            sight = look(system, address, plain["members"])
            if not sight.missing:
                time.sleep(self._looks_apart)
                again = look(system, address, plain["members"])
                if again == sight:
                    return {**inputs, "leader": sight.leader, "ready": True}
                changed = f"its leader is changing ({sight.leader}, then {again.leader}): wait for the election's end"
                sight = again if again.missing else Sight("", changed)
            if self.provider.cancelled:
                raise ProviderError(f"stopped while waiting for {system} at {address}: {sight.missing}")
            if time.monotonic() >= until:
                raise ProviderError(
                    f"{system} at {address} is not ready after {patience:.0f} s, so nothing was asked of it: "
                    f"{sight.missing}"
                )
            if sight.missing != said:
                said = sight.missing
                self.log(f"waiting for {system}, up to {patience:.0f} s: {said}")
            time.sleep(self._pause)


_NOT_YET: Final[Bag] = {"leader": UNKNOWN, "ready": UNKNOWN}


def _quorum(members: Mapping[str, Any]) -> int:
    return len(members) // 2 + 1


def _look_at_raft(system: System, address: str, members: Mapping[str, str | None]) -> Sight:
    """Nomad and Consul: neither question needs a token, and a leader leads only while a quorum follows."""
    api = _without_token(system, address)
    try:
        leader = str(api.get("/v1/status/leader") or "")
        peers = api.get("/v1/status/peers") or []
        if leader:
            # These go to the leader, and Consul's asks its followers whether it still is one. Nobody is shown anything.
            api.get(_ASKED_OF_THE_LEADER[system])
    except ApiError as error:
        if error.leaderless:
            return Sight("", _leaderless(system, address, members))
        if error.status != 403:
            return Sight("", str(error))
    finally:
        api.close()
    if not leader:
        return Sight("", _leaderless(system, address, members))
    if len(peers) < _quorum(members):
        return Sight(
            "",
            f"{len(peers)} of {len(members)} servers have joined and {_quorum(members)} are needed: "
            f"look at {_suspects(system, address, members)}",
        )
    return _healthy(system, address, members, leader)


def _healthy(system: System, address: str, members: Mapping[str, str | None], leader: str) -> Sight:
    """With a token that may see it, each server's own health counts too."""
    api = from_environment(system, address)
    try:
        health = api.get("/v1/operator/autopilot/health") if api.has_token else None
    except ApiError:
        return Sight(leader)
    finally:
        api.close()
    servers = (health or {}).get("Servers") or []
    if not servers or sum(bool(one.get("Healthy")) for one in servers) >= _quorum(members):
        return Sight(leader)
    ill = ", ".join(sorted(str(one.get("Name")) for one in servers if not one.get("Healthy")))
    return Sight("", f"too few healthy servers; look at {ill} (`fleet status`)")


def _look_at_vault(system: System, address: str, members: Mapping[str, str | None]) -> Sight:
    """Vault: each member is asked itself, where its address is known, because shares open one server at a time."""
    states = {host: _vault_state(_without_token(system, address, to)) for host, to in members.items() if to}
    if not states:
        states = {address: _vault_state(_without_token(system, address))}
    needed = _quorum(states)
    blank = all(one == "not initialised" for one in states.values())
    opened = [host for host, one in states.items() if one == "open"]
    if blank:
        return Sight("", "it was never initialised: run `fleet bootstrap`")
    if len(opened) < needed:
        ill = "; ".join(f"{host}: {one}" for host, one in states.items() if one != "open")
        sealed = any(one in ("sealed", "not initialised") for one in states.values())
        way = "people who hold shares run `fleet unseal`" if sealed else "look at these hosts (`fleet status`)"
        return Sight("", f"{len(opened)} of {len(states)} servers are open and {needed} are needed ({ill}): {way}")
    asked = [_without_token(system, address, members.get(host)) for host in opened]
    known = any(members.values())
    leaders = [found for api in asked if (found := _vault_leader(api, address, itself=known))]
    if not leaders:
        return Sight("", _leaderless(system, address, members))
    return Sight(leaders[0])


def _vault_state(api: Api) -> str:
    try:
        found = vault_health(api)
    except ApiError as error:
        return "sealed" if error.sealed else f"does not answer ({error.text})"
    finally:
        api.close()
    if not isinstance(found, dict):
        return "does not answer as a Vault does"
    if found.get("removed_from_cluster"):
        return "removed from the cluster"
    if not found.get("initialized"):
        return "not initialised"
    return "sealed" if found.get("sealed") else "open"


def _vault_leader(api: Api, address: str, *, itself: bool) -> str:
    """Who leads, by the word of one server. `itself`: only where it is that one, for a standby goes on naming a leader
    that has died until the next one is chosen.
    """
    try:
        found = api.get("/v1/sys/leader") or {}
    except ApiError:
        return ""
    finally:
        api.close()
    # A Vault without high availability leads itself.
    if not found.get("ha_enabled"):
        return address
    return str(found.get("leader_address") or "") if found.get("is_self") or not itself else ""


def _leaderless(system: System, address: str, members: Mapping[str, str | None]) -> str:
    return (
        f"no server leads, so fewer than {_quorum(members)} of {len(members)} work together: "
        f"look at {_suspects(system, address, members)}"
    )


def _suspects(system: System, address: str, members: Mapping[str, str | None]) -> str:
    """Those whose way in is silent; all, when none is or nobody knows."""
    silent = []
    for host, to in members.items():
        if not to:
            continue
        api = _without_token(system, address, to, timeout=3.0)
        try:
            api.get(_ANSWERED_AT_ONCE[system])
        except ApiError as error:
            if error.status is None:
                silent.append(host)
        finally:
            api.close()
    return ", ".join(silent or members) + " (`fleet status`)"


def _without_token(system: System, address: str, to: str | None = None, timeout: float = 8.0) -> Api:
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    dialled = f"[{to}]:{port}" if to and ":" in to else f"{to}:{port}" if to else None
    trusted = os.environ.get("SSL_CERT_FILE") or None
    return Api(system, address, ca_file=trusted, connect_to=dialled, timeout=timeout)


_LOOKS: Final[dict[str, Callable[[System, str, Mapping[str, str | None]], Sight]]] = {
    "nomad": _look_at_raft,
    "consul": _look_at_raft,
    "vault": _look_at_vault,
}
