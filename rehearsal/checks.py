"""Looks at a running rehearsal as its users would: logs in, pings over the fabric, asks for records, tries ports."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from components.born import Born, from_outputs
from components.dns.plan import MachineAddress, Record, records
from components.ground import openings
from model import Fleet

# No stack of the rehearsal opens it, and nothing there uses it.
CLOSED_PORT = 5999
# What must answer has this long: machines are shared. What must be shut is tried for less.
ANSWER_SECONDS = 15.0
# A job that was just registered starts, its checks run twice, and the last `up` may have moved it.
WELL_SECONDS = 90.0
ACCOUNT = "deploy"
LISTEN = (
    "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => shift, Listen => 5, ReuseAddr => 1) or exit 1;"
    ' alarm 120; while (my $c = $s->accept) { print $c "fleet\\n"; close $c }'
)
HEAR = (
    "use IO::Socket::INET; alarm 15; my ($p, $s) = shift;"
    " until ($s = IO::Socket::INET->new(PeerAddr => q(127.0.0.1), PeerPort => $p, Timeout => 5)) { sleep 1 }"
    " exit(<$s> ne qq(fleet\\n))"
)


@dataclass
class Check:
    """One kind of question, how often it was asked, and each answer that was wrong, by name."""

    name: str
    asked: int = 0
    wrong: list[str] = field(default_factory=list)


def settled(look: Callable[[], Check]) -> Check:
    """The look at which nothing is wrong, or the last one: whatever only starts has had its time."""
    end = time.monotonic() + WELL_SECONDS
    while (check := look()).wrong and time.monotonic() < end:
        time.sleep(2.0)
    return check


@dataclass(frozen=True)
class Operator:
    """Who asks: the operator's key, and the host keys that the stack recorded at first contact."""

    key: Path
    known_hosts: Path
    hosts: Mapping[str, Mapping[str, Any]]
    account: str = ACCOUNT

    def ssh(self, host: str, command: str) -> list[str]:
        """The ssh command line for a host."""
        options = ("BatchMode=yes", "ConnectTimeout=15", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes")
        words = [word for option in options for word in ("-o", option)]
        words += ["-o", f"UserKnownHostsFile={self.known_hosts}", "-F", "none", "-i", str(self.key)]
        at = self.hosts[host]
        return ["ssh", *words, "-p", str(int(at["port"])), f"{self.account}@{at['ipv4']}", command]

    def write_known_hosts(self) -> None:
        """Hold every login to the host keys of the stack."""
        lines = []
        for at in self.hosts.values():
            if at.get("ipv4") and at.get("ssh_host_key"):
                port = int(at["port"])
                where = at["ipv4"] if port == 22 else f"[{at['ipv4']}]:{port}"
                lines.append(f"{where} {' '.join(str(at['ssh_host_key']).split()[:2])}\n")
        self.known_hosts.write_text("".join(lines))


def hosts(fleet: Fleet, operator: Operator) -> list[Check]:
    """Logins, the fabric between each pair, an open and a closed port of each host. One ssh per host, all at once."""
    operator.write_known_hosts()
    found = [Check("logins"), Check("pairs over the fabric"), Check("open ports"), Check("closed ports")]
    names = sorted(operator.hosts)
    with ThreadPoolExecutor(len(names) or 1) as pool:
        for host, parts in zip(names, pool.map(lambda h: _host(fleet, operator, h), names), strict=True):
            for check, part in zip(found, parts, strict=True):
                check.asked += part.asked
                check.wrong += [f"{host}: {text}" for text in part.wrong]
    return found


def _host(fleet: Fleet, operator: Operator, host: str) -> list[Check]:
    logins, pairs, opened, closed = found = [Check("logins"), Check("pairs"), Check("open"), Check("closed")]
    others = {str(at["fabric"]): name for name, at in sorted(operator.hosts.items()) if name != host}
    port = open_port(fleet, host)
    logins.asked, pairs.asked, opened.asked, closed.asked = 1, len(others), 2 if port else 1, 1
    ports = [str(p) for p in (port, CLOSED_PORT) if p]
    child = subprocess.Popen(
        operator.ssh(host, script(list(others), ports)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    heard: set[str] = set()
    for line in child.stdout:
        heard.add(line.strip())
        if line.strip() == "asked":
            break
    address = str(operator.hosts[host]["ipv4"])
    if "login" in heard:
        if not banner(address, int(operator.hosts[host]["port"]), ANSWER_SECONDS).startswith("SSH-"):
            opened.wrong.append("ssh is closed")
        # Where a service of the fleet listens already, ours could not: that somebody is reached is what counts.
        if port and not reached_within(address, port, ANSWER_SECONDS):
            opened.wrong.append(f"tcp {port} of {address} is declared open, but what listens there is not reached")
        if f"listening {CLOSED_PORT}" not in heard:
            closed.wrong.append(
                f"nothing could be made to listen on {CLOSED_PORT}, so that it is closed proves nothing"
            )
        elif banner(address, CLOSED_PORT):
            closed.wrong.append(f"tcp {CLOSED_PORT} of {address} is declared by nothing and was reached")
    with contextlib.suppress(OSError):
        child.stdin.close()
    problem = child.stderr.read().strip().splitlines()
    child.wait()
    if "login" not in heard:
        logins.wrong.append(f"{ACCOUNT} cannot log in or has no sudo: {problem[-1] if problem else 'no answer'}")
        opened.wrong.append("not asked, no login")
        closed.wrong.append("not asked, no login")
    pairs.wrong += [f"{name} ({at}) does not answer" for at, name in others.items() if f"reached {at}" not in heard]
    return found


def script(fabric: Sequence[str], ports: Sequence[str]) -> str:
    """What runs on the host: listeners that end with the session, and a ping to each other host."""
    lines = ["sudo -n true && echo login || exit 1", "pids="]
    for port in ports:
        lines.append(f"sudo -n perl -e '{LISTEN}' {port} </dev/null >/dev/null 2>&1 & pids=\"$pids $!\"")
    for address in fabric:
        lines.append(f"( sudo -n ping -q -c 4 -i 0.3 -W 2 {address} >/dev/null 2>&1 && echo reached {address} ) &")
        lines.append('pings="$pings $!"')
    lines.append("wait $pings")
    lines.append(f"perl -e '{HEAR}' {CLOSED_PORT} && echo listening {CLOSED_PORT}")
    # The listeners live until the asking side hangs up; their own alarm ends them where it is killed.
    lines += ["echo asked", "cat >/dev/null", "sudo -n kill $pids 2>/dev/null; true"]
    return "\n".join(lines)


def open_port(fleet: Fleet, host: str) -> int | None:
    """A TCP port beside ssh that the data opens to the world on a host."""
    for rule in openings(fleet, host).values():
        if rule.proto == "tcp" and rule.ports.isdigit() and rule.ports != "22" and "world" in rule.from_:
            return int(rule.ports)
    return None


def banner(address: str, port: int, seconds: float = 1.5) -> str:
    """The first line of who listens there; empty where nobody is reached."""
    try:
        with socket.create_connection((address, port), seconds) as line:
            line.settimeout(seconds)
            return line.recv(200).decode(errors="replace").strip()
    except OSError:
        return ""


def reached(address: str, port: int, seconds: float = 1.5) -> bool:
    """Whether somebody takes a connection there."""
    try:
        with socket.create_connection((address, port), seconds):
            return True
    except OSError:
        return False


def reached_within(address: str, port: int, seconds: float) -> bool:
    """Whether somebody takes a connection there in a while: a listener that was told to start may not be there yet."""
    end = time.monotonic() + seconds
    while not (there := reached(address, port)) and time.monotonic() < end:
        time.sleep(0.2)
    return there


def zones(fleet: Fleet, outputs: Mapping[str, Mapping[str, Any]], server: str) -> Check:
    """Each declared record, asked of the DNS server; value and TTL as declared, and nothing beside them."""
    check = Check("records over DNS")
    born = from_outputs(fleet, outputs)
    wanted: dict[tuple[str, str], list[Record]] = {}
    for record in records(fleet):
        owner = record.zone if record.name == "@" else f"{record.name}.{record.zone}"
        wanted.setdefault((owner.replace("*", "anything"), record.type), []).append(record)
    for (owner, kind), declared in sorted(wanted.items()):
        check.asked += len(declared)
        try:
            found = ask(server, owner, kind)
        except (OSError, dns.exception.DNSException) as error:
            check.wrong.append(f"{owner} {kind}: {error or type(error).__name__}")
            continue
        expected = {(rdata_text(kind, text_of(r, born)), r.ttl) for r in declared}
        check.wrong += [f"{owner} {kind}: {text} (ttl {ttl}) is declared, not served" for text, ttl in expected - found]
        check.wrong += [f"{owner} {kind}: {text} (ttl {ttl}) is served, not declared" for text, ttl in found - expected]
    return check


def ask(server: str, owner: str, kind: str) -> set[tuple[str, int | None]]:
    """The values and TTLs that the server has for a name."""
    # A datagram may be lost, or late: once more, and then for longer.
    try:
        answer = dns.query.udp(dns.message.make_query(owner, kind), server, timeout=3)
    except dns.exception.Timeout:
        answer = dns.query.udp(dns.message.make_query(owner, kind), server, timeout=ANSWER_SECONDS)
    return {
        (rdata.to_text().lower() if kind in ("MX", "CNAME", "AAAA") else rdata.to_text(), int(found.ttl))
        for found in answer.answer
        if found.rdtype == dns.rdatatype.from_text(kind)
        for rdata in found
    }


def text_of(record: Record, born: Mapping[str, Born]) -> str:
    """A record's value as a zone file has it."""
    if isinstance(record.value, MachineAddress):
        it = born[record.value.machine]
        return str(it.ipv4 if record.value.family == "ipv4" else it.ipv6)
    value = str(record.value)
    if record.type == "MX":
        return f"{record.priority} {value}"
    if record.type == "CAA":
        return f'{record.flags or 0} {record.tag} "{value}"'
    if record.type == "TXT":
        return " ".join(f'"{value[i : i + 255]}"' for i in range(0, len(value), 255))
    return value


def rdata_text(kind: str, text: str) -> str:
    """The value in the one spelling that answers are compared in."""
    shown = str(dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), text).to_text())
    return shown.lower() if kind in ("MX", "CNAME", "AAAA") else shown
