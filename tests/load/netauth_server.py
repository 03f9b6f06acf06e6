"""A real NetAuth server with made-up people, on an address and port of one's own. Its store is written before it runs.

The store's files are the protocol's own records, as the server itself writes them; it reads a person's anew for each
question, so that a test can damage them while it runs.
"""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.servers.real import binary

NAME = "netauth.fleet.example"


@dataclass(frozen=True)
class Someone:
    """A person of the directory."""

    name: str
    number: int
    keys: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    locked: bool = False
    password: str = field(default="", repr=False)

    def record(self) -> bytes:
        """As the store keeps it."""
        meta = b"".join(
            [
                _text(1, "people"),
                _text(6, "/bin/sh"),
                _number(9, int(self.locked)),
                *(_text(250, group) for group in self.groups),
                *(_text(252, f"SSH:{key}") for key in self.keys),
            ]
        )
        secret = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(4)).decode() if self.password else ""
        return _text(1, self.name) + _number(2, self.number) + _text(3, secret) + _bytes(4, meta)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _bytes(tag: int, value: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(value)) + value


def _text(tag: int, value: str) -> bytes:
    return _bytes(tag, value.encode())


@dataclass
class Authority:
    """Whom the hosts trust for the directory."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        """Write its certificate."""
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        made = self._builder(self.name, self.key.public_key(), 1, 30)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = made.sign(self.key, hashes.SHA256())
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def file(self) -> Path:
        """Its certificate."""
        return self.folder / "ca.pem"

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, before: float, after: float
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=before))
            .not_valid_after(now + datetime.timedelta(days=after))
        )

    def leaf(self, stem: str, *, days: float, name: str = NAME) -> tuple[Path, Path]:
        """(certificate, key) of a server; `days` it is still good for, negative: has ended so long ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key.public_key(), 60, days)
        names: list[x509.GeneralName] = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        signed = made.sign(self.key, hashes.SHA256())
        paths = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        paths[1].touch(mode=0o600)
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        return paths


@dataclass
class Store:
    """People and groups on disk, shared by the servers that serve them."""

    folder: Path
    people: dict[str, Someone] = field(default_factory=dict)

    def write(self, people: Iterable[Someone], groups: dict[str, int] | None = None) -> None:
        """Put these people there, and groups with their numbers (read when a server starts)."""
        for kind in ("entities", "groups"):
            (self.folder / "kv" / kind).mkdir(parents=True, exist_ok=True)
        (self.folder / "kv" / ".mutable").touch()
        for someone in people:
            self.people[someone.name] = someone
            place = self.folder / "kv" / "entities" / someone.name
            draft = self.folder / f"{someone.name}.new"
            draft.write_bytes(someone.record())
            draft.rename(place)
        for group, number in (groups or {}).items():
            (self.folder / "kv" / "groups" / group).write_bytes(_text(1, group) + _number(3, number))

    def without_keys(self, lost: Iterable[str]) -> None:
        """As after damage: these keys are gone."""
        gone = set(lost)
        self.write(
            replace(it, keys=tuple(key for key in it.keys if key not in gone)) for it in list(self.people.values())
        )


def serve(
    store: Store, folder: Path, port: int, pair: tuple[Path, Path], address: str = "127.0.0.1"
) -> subprocess.Popen[bytes]:
    """A server of this store; it ends with whoever ends it."""
    (folder / "config.toml").write_text(
        f'[core]\nhome = "{store.folder}"\nconf = "{folder}"\n'
        f'[server]\nbind = "{address}"\nport = {port}\n'
        f'[tls]\ncertificate = "{pair[0]}"\nkey = "{pair[1]}"\n'
        '[db]\nbackend = "filesystem"\n[crypto]\nbackend = "bcrypt"\n[crypto.bcrypt]\ncost = 4\n'
        '[token]\nbackend = "jwt-rsa"\n'
    )
    keys = folder / "keys"
    words = [binary("nsutil"), "--config", str(folder / "config.toml"), "keygen", "rsa", "2048"]
    if not keys.is_dir():
        keys.mkdir()
        made = subprocess.run(words, cwd=keys, capture_output=True, text=True, check=False)
        if made.returncode:
            raise AssertionError(f"nsutil: {made.stdout}{made.stderr}")
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [binary("netauthd")], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        )  # fmt: skip
