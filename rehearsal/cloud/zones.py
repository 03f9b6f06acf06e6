"""Zone files out of the cloud's records: DigitalOcean's zones, and the reverse zones of every machine's address."""

import ipaddress
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from rehearsal.cloud.store import Record, Store, subnet, subnet6

DEFAULT_TTL: Final = 1800
_NAME_SERVERS: Final = ("ns1.digitalocean.com.", "ns2.digitalocean.com.", "ns3.digitalocean.com.")
_LONGEST_STRING: Final = 255


def write_zones(store: Store, folder: Path) -> bool:
    """Make the folder hold exactly the zones there are; whether anything changed. Writing is atomic, file by file."""
    wanted = {f"{zone.id}.zone": zone_text(zone.id, _records_of(store, zone.id)) for zone in _zones(store)}
    names = dict(reverse_names(store))
    for zone in reverse_zones():
        wanted[f"{zone}.zone"] = _reverse_text(zone, names)
    folder.mkdir(parents=True, exist_ok=True)
    changed = False
    for old in folder.glob("*.zone"):
        if old.name not in wanted:
            old.unlink()
            changed = True
    for name, text in wanted.items():
        path = folder / name
        if path.exists() and path.read_text() == text:
            continue
        beside = folder / f".{name}.tmp"
        beside.write_text(text)
        beside.replace(path)
        changed = True
    return changed


def reverse_zones() -> tuple[str, str]:
    """The zones that answer for the rehearsal's own addresses: 77.10.in-addr.arpa and its like for IPv6."""
    v4 = ".".join(ipaddress.ip_address(f"{subnet()}.0.0").reverse_pointer.split(".")[2:])
    v6 = ".".join(ipaddress.ip_address(f"{subnet6()}::").reverse_pointer.split(".")[16:])
    return v4, v6


def zone_text(zone: str, records: Iterable[dict[str, Any]]) -> str:
    """One zone in master-file form. Records are what DigitalOcean takes: `@` for the zone, names relative to it."""
    lines = sorted(_line(record) for record in records)
    own_ns = any(r["type"] == "NS" and r.get("name", "@") in ("@", "") for r in records)
    servers = [] if own_ns else [f"@ {DEFAULT_TTL} IN NS {server}" for server in _NAME_SERVERS]
    return _document(zone, [*servers, *lines])


def _document(zone: str, lines: list[str]) -> str:
    body = "\n".join(lines)
    # The serial follows the content, so that the same records make the same file.
    serial = zlib.crc32(body.encode()) or 1
    head = [
        f"$ORIGIN {zone}.",
        f"$TTL {DEFAULT_TTL}",
        f"@ {DEFAULT_TTL} IN SOA {_NAME_SERVERS[0]} hostmaster.{zone}. {serial} 10800 3600 604800 {DEFAULT_TTL}",
    ]
    return "\n".join([*head, body, ""])


def _line(record: dict[str, Any]) -> str:
    kind, value = record["type"], str(record["value"])
    name = record.get("name") or "@"
    data = {
        "A": lambda: value,
        "AAAA": lambda: value,
        "CNAME": lambda: _target(value),
        "NS": lambda: _target(value),
        "MX": lambda: f"{record.get('priority', 0)} {_target(value)}",
        "SRV": lambda: (
            f"{record.get('priority', 0)} {record.get('weight', 0)} {record.get('port', 0)} {_target(value)}"
        ),
        "CAA": lambda: f"{record.get('flags', 0)} {record.get('tag', 'issue')} {quoted(value.rstrip('.'))}",
        "TXT": lambda: quoted(value),
    }[kind]()
    return f"{name} {record.get('ttl') or DEFAULT_TTL} IN {kind} {data}"


def _target(value: str) -> str:
    return "@" if value in ("@", "") else value


def quoted(text: str) -> str:
    """A TXT value as quoted strings of at most 255 bytes. Text that is quoted already keeps its own division."""
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        return text
    raw = text.encode()
    parts = [raw[start : start + _LONGEST_STRING] for start in range(0, len(raw), _LONGEST_STRING)] or [b""]
    return " ".join('"' + "".join(_escaped(byte) for byte in part) + '"' for part in parts)


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}"


def _zones(store: Store) -> list[Record]:
    return store.all("digitalocean", "Domain")


def _records_of(store: Store, zone: str) -> list[dict[str, Any]]:
    found = [one.outputs for one in store.all("digitalocean", "DnsRecord") if one.outputs["domain"] == zone]
    for one in _zones(store):
        if one.id == zone and one.inputs.get("ipAddress"):
            found.append({"type": "A", "name": "@", "value": one.inputs["ipAddress"]})
    return found


def reverse_names(store: Store) -> Iterable[tuple[str, str]]:
    """Addresses and the public names that the three clouds answer for them."""
    for droplet in store.all("digitalocean", "Droplet"):
        # DigitalOcean takes a droplet's name as PTR when it is a full host name.
        if "." in (name := str(droplet.outputs.get("name", ""))):
            for key in ("ipv4Address", "ipv6Address"):
                if address := droplet.outputs.get(key):
                    yield address, name
    addresses = {one.id: one.outputs["publicIp"] for one in store.all("aws", "Eip")}
    for domain in store.all("aws", "EipDomainName"):
        if address := addresses.get(domain.inputs["allocationId"]):
            yield address, domain.inputs["domainName"]
    for instance in store.all("gcp", "Instance"):
        for interface in instance.outputs.get("networkInterfaces", ()):
            for key, at in (("accessConfigs", "natIp"), ("ipv6AccessConfigs", "externalIpv6")):
                for access in interface.get(key) or ():
                    if access.get("publicPtrDomainName") and access.get(at):
                        yield access[at], access["publicPtrDomainName"]


def _reverse_text(zone: str, names: dict[str, str]) -> str:
    lines = [f"@ {DEFAULT_TTL} IN NS {_NAME_SERVERS[0]}"]
    for address, name in sorted(names.items()):
        pointer = ipaddress.ip_address(address).reverse_pointer
        if pointer.endswith(f".{zone}"):
            lines.append(f"{pointer}. {DEFAULT_TTL} IN PTR {name.rstrip('.')}.")
    return _document(zone, lines)


def state_json(store: Store) -> str:
    """The whole cloud as JSON, by package, kind and id."""
    tree: dict[str, dict[str, dict[str, Any]]] = {}
    for record in store.everything():
        entry = {"region": record.region, "inputs": record.inputs, "outputs": record.outputs, **record.private}
        tree.setdefault(record.package, {}).setdefault(record.kind, {})[record.id] = entry
    return json.dumps(tree)
