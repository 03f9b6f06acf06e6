"""The control plane's state on one screen: parts that each say a little, and what is wrong in them.

Pure: what was asked of the servers comes in, lines of text go out. Who asks is `cli.status`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.allocations import short_node
from cli.vault import State

WIDTH = 40


@dataclass(frozen=True)
class Part:
    """One system: its title, what a person wants to know of it, and what is wrong."""

    title: str
    says: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def screen(title: str, parts: Sequence[Part], width: int = WIDTH) -> str:
    """All parts below each other. What is wrong begins with "!", so that it is found without colours."""
    lines = [title[:width]]
    for part in parts:
        lines += _wrapped(part.title, "", "  ", width)
        for text in part.says:
            lines += _wrapped(text, "  ", "    ", width)
        for text in part.wrong:
            lines += _wrapped(text, "! ", "  ", width)
    count = sum(len(part.wrong) for part in parts)
    lines.append("all well" if not count else f"{count} thing{'s' if count != 1 else ''} wrong")
    return "\n".join(lines)


def vault_part(states: Mapping[str, State]) -> Part:
    """Vault, as each control host says itself."""
    opened = [one for one in states.values() if one.open]
    leads = [one.host for one in opened if one.active]
    versions = sorted({one.version for one in states.values() if one.version})
    says = [f"{len(opened)} of {len(states)} open{f', {leads[0]} leads' if leads else ''}"]
    wrong = []
    for one in states.values():
        if one.silent is not None:
            wrong.append(f"{one.host}: {briefly(one.silent)}")
        elif not one.initialised:
            wrong.append(f"{one.host}: new, no data yet")
        elif one.sealed:
            wrong.append(f"{one.host}: sealed, {one.missing} more share{'s' if one.missing != 1 else ''}: fleet unseal")
        elif one.apart:
            wrong.append(f"{one.host}: no contact to its leader")
    if opened and not leads:
        wrong.append("no leader")
    return Part(" ".join(["VAULT", *versions]), tuple(says), tuple(wrong))


def consul_part(
    found: Mapping[str, Any], hosts: Mapping[str, str], voters: Sequence[str], agents: Sequence[str]
) -> Part:
    """Consul. `found`: leader, alive or peers, nodes, checks; an exception where not read. `hosts`: by address."""
    if silent := silence(found):
        return Part("CONSUL", (), (silent,))
    servers, wrong = quorum(found, hosts, voters)
    checks, nodes = found.get("checks"), found.get("nodes")
    says = [servers]
    if isinstance(nodes, list):
        there = {short_node(str(one["Node"])) for one in nodes}
        says.append(f"{len(there & set(agents))} of {len(agents)} agents")
        wrong += absent("agent", agents, there)
    if isinstance(checks, list):
        # Who has left the data is no longer looked after; Consul remembers a silent agent for three days.
        gone = sorted({short_node(str(one["Node"])) for one in checks if one["CheckID"] == "serfHealth"} - set(agents))
        ours = [one for one in checks if short_node(str(one["Node"])) not in gone]
        failing = [one for one in ours if one["Status"] != "passing"]
        says.append(f"{len(ours) - len(failing)} of {len(ours)} checks passing")
        if gone:
            says.append(f"not in the data, still remembered: {', '.join(gone)}")
        wrong += [_check(one) for one in failing]
    return Part(titled("CONSUL", found), (*says, *unreadable(found)), tuple(wrong))


def _check(one: Mapping[str, Any]) -> str:
    node = short_node(str(one["Node"]))
    if one["CheckID"] == "serfHealth":
        return f"{node}: its agent does not answer"
    what = one.get("ServiceName") or one.get("Name") or one["CheckID"]
    output = briefly(str(one.get("Output") or ""))
    return f"{what} on {node}: {one['Status']}{f': {output}' if output else ''}"


def certificate_part(days: Mapping[str, int | Exception], soon: int) -> Part:
    """The public names' certificates, as each control host shows them."""
    good = [left for left in days.values() if isinstance(left, int)]
    says = [f"{min(good)} days left"] if good else []
    wrong = [
        f"{where}: {briefly(str(left))}" if isinstance(left, Exception) else f"{where}: {left} days left"
        for where, left in days.items()
        if isinstance(left, Exception) or left < soon
    ]
    return Part("CERTIFICATES", tuple(says), tuple(wrong))


def quorum(found: Mapping[str, Any], hosts: Mapping[str, str], voters: Sequence[str]) -> tuple[str, list[str]]:
    """How many servers there are and who leads; and what is wrong about that."""
    leader, peers = found.get("leader"), found.get("peers")
    wrong = []
    if isinstance(leader, Exception) or not leader:
        wrong.append("no leader")
    said = f", {_host(leader, hosts)} leads" if isinstance(leader, str) and leader else ""
    alive = found.get("alive")
    if isinstance(alive, list):
        wrong += absent("server", voters, alive)
        return f"{len(alive)} of {len(voters)} servers{said}", wrong
    if isinstance(peers, list):
        there = [_host(one, hosts) for one in peers]
        wrong += absent("server", voters, there)
        return f"{len(peers)} of {len(voters)} servers{said}", wrong
    return f"servers not known{said}", wrong


def absent(what: str, hosts: Sequence[str], there: Collection[str]) -> list[str]:
    """The hosts that should have something and have not, in one line: a screen is small."""
    missing = [host for host in hosts if host not in there]
    return [f"no {what} on {', '.join(missing)}"] if missing else []


def silence(found: Mapping[str, Any]) -> str | None:
    """Why a system says nothing at all; None where it answers something."""
    errors = [one for one in found.values() if isinstance(one, Exception)]
    if len(errors) < len(found) or not errors:
        return None
    return f"no answer: {briefly(str(getattr(errors[0], 'text', '') or errors[0]))}"


def unreadable(found: Mapping[str, Any]) -> list[str]:
    """What this token may not read: said, and not taken for an error of the fleet."""
    hidden = [name for name, one in found.items() if isinstance(one, Exception) and getattr(one, "status", 0) == 403]
    return [f"not shown without rights: {', '.join(hidden)}"] if hidden else []


def titled(title: str, found: Mapping[str, Any]) -> str:
    """A system's title with its version, where that could be read."""
    version = found.get("version")
    return f"{title} {version}" if isinstance(version, str) and version else title


def briefly(text: str, most: int = 90) -> str:
    """The beginning of what a machine says, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _host(address: str, hosts: Mapping[str, str]) -> str:
    """A server's name by its address on the fabric."""
    ip = address.rpartition(":")[0] or address
    return hosts.get(ip, ip)


def _wrapped(text: str, first: str, then: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=then, break_on_hyphens=False, break_long_words=True
    ) or [first.rstrip()]
