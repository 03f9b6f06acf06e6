"""What one look at a host shows: one shell command, one answer, parsed. The look changes nothing on the host.

No secret is looked at: `wg show … dump` would print the private key, so the public parts are asked for one by one.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from hostconfig import manifest as manifests
from hostconfig.desired import Desired
from hostconfig.fabric import kept_peers, peers_file
from hostconfig.firewall import LOADED, TABLE
from hostconfig.manifest import Manifest
from hostconfig.parts import Platform
from hostconfig.plan import LAYERS, AnyDesired, paths_to_look_at, services_to_look_at
from hostconfig.services import UNITS, service_folder

END = "complete"


class UnreadableError(ValueError):
    """The answer of a host makes no sense; the message says what was missing."""


@dataclass(frozen=True)
class ObservedFile:
    """A file on the host, without its content."""

    sha256: str
    mode: str
    owner: str


@dataclass(frozen=True)
class ObservedUser:
    """An account on the host."""

    uid: int
    home: str
    shell: str
    comment: str
    groups: frozenset[str]


@dataclass(frozen=True)
class ObservedLink:
    """The fabric interface as it runs."""

    addresses: frozenset[str] = frozenset()
    mtu: int = 0
    up: bool = False
    listen_port: int = 0
    public_key: str = ""
    peers: frozenset[tuple[str, str]] = frozenset()
    """(public key, allowed addresses) of each peer."""


@dataclass(frozen=True)
class Observed:
    """One host, as far as one layer is concerned."""

    platform: Platform
    hostname: str
    manifest: Manifest | None = None
    files: dict[str, ObservedFile] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()
    users: dict[str, ObservedUser] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    sysctl: dict[str, str] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)
    """up, down or absent, by our name of the service."""
    firewall_live: str = ""
    firewall_loaded: str = ""
    firewall_tool_same: bool = True
    """Whether the rules were listed by the nft that loaded them: another one may word the same rules otherwise."""
    link: ObservedLink | None = None
    others: tuple[Manifest, ...] = ()
    """The manifests of the host's other layers: what they want is not this layer's to remove."""


def observation(desired: AnyDesired) -> str:
    """The shell command of one look at what a layer has on its host."""
    ground = desired if isinstance(desired, Desired) else None
    folder = service_folder(desired.os)
    services = services_to_look_at(desired)
    keys = " ".join(sorted(ground.sysctl)) if ground else ""
    names = " ".join(services)
    units = " ".join(UNITS.get((name, desired.os, "systemd"), name) for name in services)
    runit = " ".join(f"{folder}/{UNITS.get((name, desired.os, 'runit'), name)}" for name in services)
    mine = manifests.path(desired.layer)
    others = "\n".join(f"say manifest-{name}; cat {manifests.path(name)} 2>/dev/null" for name in _others(desired))
    return f"""export LC_ALL=C PATH="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
say() {{ printf '@@ %s\\n' "$1"; }}
say platform
sed -n 's/^ID="*\\([a-z]*\\)"*$/\\1/p' /etc/os-release
if [ -d /run/systemd/system ]; then init=systemd; else init=runit; fi
echo $init
if [ -d /sys/module/wireguard ] || modprobe -n -q wireguard 2>/dev/null; then echo kernel; else echo user; fi
say hostname; cat /proc/sys/kernel/hostname
say manifest; cat {mine} 2>/dev/null
{others}
files="{" ".join(paths_to_look_at(desired))} $(sed -n 's/^  "\\(\\/[^"]*\\)": {{$/\\1/p' {mine} 2>/dev/null)"
say sums; sha256sum $files 2>/dev/null
say modes; stat -c '%a %U:%G %n' $files 2>/dev/null
say packages
if [ -x /usr/bin/dpkg-query ]; then dpkg-query -W -f '${{db:Status-Abbrev}} ${{Package}}\\n'
else xbps-query -l | sed -n 's/^\\(..\\) *\\([^ ]*\\)-[^- ]* .*/\\1 \\2/p'; fi
say passwd; cat /etc/passwd
say group; cat /etc/group
say sysctl
for key in {keys} $(sed -n '/^ "sysctl"/,/^ }}/s/^  "\\([^"]*\\)": {{$/\\1/p' {mine} 2>/dev/null); do
  path=/proc/sys/$(echo "$key" | tr . /); if [ -r "$path" ]; then echo "$key $(cat "$path")"; fi
done
say services
if [ $init = systemd ]; then
  set -- {names}
  for unit in {units}; do
    echo "$1 $(systemctl is-enabled "$unit" 2>/dev/null | head -n 1) $(systemctl is-active "$unit")"; shift
  done
else
  set -- {names}
  for place in {runit}; do
    if [ -e "$place" ]; then echo "$1 enabled $(sv status "$place" 2>/dev/null)"; else echo "$1 absent"; fi; shift
  done
fi
{_network(ground) if ground else ""}
say {END}"""


def _others(desired: AnyDesired) -> list[str]:
    """The host's other layers."""
    return [name for name in LAYERS if name != desired.layer]


def _network(ground: Desired) -> str:
    """The firewall and the fabric as the kernel has them."""
    interface = ground.fabric.interface if ground.fabric else ground.firewall.fabric_interface
    return f"""say firewall; nft -s list table inet {TABLE} 2>/dev/null | sha256sum
say loaded; cat {LOADED} 2>/dev/null
say nft; nft --version 2>/dev/null
say peers; cat {shlex.quote(peers_file(interface))} 2>/dev/null
if ip link show dev {interface} >/dev/null 2>&1; then
  say address; ip -o addr show dev {interface} scope global
  say link; ip -o link show dev {interface}
  say wireguard; wg show {interface} listen-port; wg show {interface} public-key
  say allowed; wg show {interface} allowed-ips
fi"""


def parse(lines: list[str], desired: AnyDesired) -> Observed:
    """The answer of a look, as a record."""
    parts: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if line.startswith("@@ "):
            current = parts.setdefault(line[3:], [])
        else:
            current.append(line)
    if END not in parts:
        raise UnreadableError("the host's answer ended early: is its disk full, or did the connection break?")
    os, init, wireguard = (parts["platform"] + ["", "", ""])[:3]
    kept = kept_peers("\n".join(parts.get("peers", [])) + "\n")
    platform = Platform(os, "systemd" if init == "systemd" else "runit", wireguard == "kernel", kept)
    manifest = _manifest(parts["manifest"], desired.layer)
    others = [_manifest(parts.get(f"manifest-{name}", []), name) for name in _others(desired)]
    loaded = next(iter(parts.get("loaded", [])), "").partition(" ")[0]
    live = next(iter(parts.get("firewall", [])), "").partition(" ")[0]
    return Observed(
        platform=platform,
        hostname="".join(parts["hostname"]).strip(),
        manifest=manifest,
        others=tuple(other for other in others if other),
        files=_files(parts["sums"], parts["modes"]),
        packages=frozenset(line.split()[1] for line in parts["packages"] if line.startswith("ii ")),
        users=_users(parts["passwd"], parts["group"]),
        groups=frozenset(line.split(":")[0] for line in parts["group"]),
        sysctl={key: " ".join(value.split()) for key, _, value in (line.partition(" ") for line in parts["sysctl"])},
        services=_services(parts["services"], services_to_look_at(desired)),
        firewall_live="" if live == manifests.sha256("") else live,
        firewall_loaded=loaded,
        firewall_tool_same=parts.get("loaded", [])[1:2] == parts.get("nft", [])[:1],
        link=_link(parts) if "link" in parts else None,
    )


def _manifest(lines: list[str], layer: str) -> Manifest | None:
    try:
        return manifests.load("\n".join(lines))
    except ValueError as error:
        raise UnreadableError(
            f"{manifests.path(layer)} on the host cannot be read ({str(error).splitlines()[0]}): "
            "restore it, or move it away to have the host taken over anew"
        ) from None


def _files(sums: list[str], modes: list[str]) -> dict[str, ObservedFile]:
    digests = {path: digest for digest, _, path in (line.partition("  ") for line in sums)}
    found = {}
    for line in modes:
        mode, owner, path = line.split(" ", 2)
        if path in digests:
            found[path] = ObservedFile(digests[path], mode.zfill(4), owner)
    return found


def _users(passwd: list[str], group: list[str]) -> dict[str, ObservedUser]:
    members: dict[str, set[str]] = {}
    for line in group:
        name, _, _, people = line.split(":", 3)
        for person in filter(None, people.split(",")):
            members.setdefault(person, set()).add(name)
    users = {}
    for line in passwd:
        fields = line.split(":")
        if len(fields) == 7:
            name, _, uid, _, comment, home, shell = fields
            users[name] = ObservedUser(int(uid), home, shell, comment, frozenset(members.get(name, ())))
    return users


def _services(lines: list[str], names: tuple[str, ...]) -> dict[str, str]:
    states = dict.fromkeys(names, "absent")
    for line in lines:
        name, enabled, state = [*line.split(maxsplit=2), "", ""][:3]
        if enabled in ("enabled", "static", "alias", "enabled-runtime"):
            states[name] = "up" if state.startswith(("run:", "active", "activating")) else "down"
    return states


def _link(parts: dict[str, list[str]]) -> ObservedLink:
    facts = " ".join(parts["link"])
    mtu = re.search(r"\bmtu (\d+)", facts)
    wireguard = (parts["wireguard"] + ["0", ""])[:2]
    return ObservedLink(
        addresses=frozenset(re.findall(r"\binet6? (\S+)", " ".join(parts["address"]))),
        mtu=int(mtu[1]) if mtu else 0,
        up=bool(re.search(r"<[^>]*\bUP\b", facts)),
        listen_port=int(wireguard[0]) if wireguard[0].isdigit() else 0,
        public_key=wireguard[1],
        peers=frozenset(
            (key, allowed.replace("\t", " ")) for key, _, allowed in (line.partition("\t") for line in parts["allowed"])
        ),
    )
