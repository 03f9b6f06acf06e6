"""Three new Vaults for tests, as a stack's data has them: each on the address of its host, one name over TLS."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from servers import Api, ApiError
from tests.model.change import STACKS
from tests.servers.real import binary, wait_for

NAME = "vault.fleet.example"
HOSTS = ("a-ams-nl", "a-fra-de", "a-grq-nl")


@dataclass
class Vaults:
    """Vaults on loopback addresses of their own, at the port that the data's way in has."""

    folder: Path
    addresses: dict[str, str]
    ca: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def api(self, host: str, token: str | None = None) -> Api:
        """One host's Vault, as the way in reaches it."""
        return Api("vault", f"https://{NAME}", token, ca_file=str(self.ca), connect_to=f"{self.addresses[host]}:443")

    def apis(self) -> dict[str, Api]:
        """All of them."""
        return {host: self.api(host) for host in self.addresses}

    def start(self, host: str) -> None:
        """Start one and wait until it answers."""
        with open(self.folder / host / "log", "ab") as log:
            self.running[host] = subprocess.Popen(
                [binary("vault"), "server", "-config", str(self.folder / host / "vault.json")],
                env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
                stdout=log,
                stderr=log,
            )
        wait_for(f"vault of {host}", lambda: self.api(host).get("/v1/sys/seal-status"))

    def stop(self, host: str, by: signal.Signals = signal.SIGTERM) -> None:
        """End one."""
        process = self.running.pop(host)
        process.send_signal(by)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def vaults(folder: Path) -> Iterator[Vaults]:
    """Three Vaults that were never initialised; they look for each other."""
    addresses = dict(zip(HOSTS, _addresses(), strict=True))
    ca, leaf, key = _certificates(folder, list(addresses.values()))
    found = Vaults(folder, addresses, ca)
    for host, address in addresses.items():
        (folder / host / "data").mkdir(parents=True)
        others = [a for a in addresses.values() if a != address]
        join = [
            {"leader_api_addr": f"https://{a}:443", "leader_tls_servername": NAME, "leader_ca_cert_file": str(ca)}
            for a in others
        ]
        config: dict[str, Any] = {
            "storage": {
                "raft": {
                    "path": str(folder / host / "data"),
                    "node_id": host,
                    "performance_multiplier": 5,
                    "retry_join": join,
                }
            },
            "listener": {
                "tcp": {
                    "address": f"{address}:443",
                    "cluster_address": f"{address}:8201",
                    "tls_cert_file": str(leaf),
                    "tls_key_file": str(key),
                }
            },
            "api_addr": f"https://{address}:443",
            "cluster_addr": f"https://{address}:8201",
            "disable_mlock": True,
            "log_level": "info",
        }
        (folder / host / "vault.json").write_text(json.dumps(config))
    try:
        for host in addresses:
            found.start(host)
        yield found
    finally:
        for host in list(found.running):
            found.stop(host)


def data(folder: Path, addresses: dict[str, str]) -> Path:
    """The rehearsal's data, with the control hosts where these Vaults are: a cloud's addresses are recorded."""
    shutil.copytree(STACKS / "local", folder)
    file = folder / "recorded.yaml"
    said = (yaml.safe_load(file.read_text()) or {}).get("recorded", {}) if file.is_file() else {}
    for host, address in addresses.items():
        said.setdefault(host, {})["ipv4"] = address
    file.write_text(yaml.safe_dump({"recorded": said}))
    return folder


def project(folder: Path, addresses: dict[str, str]) -> Path:
    """A project with one stack on that data."""
    folder.mkdir(parents=True, exist_ok=True)
    data(folder / "stacks" / "local", addresses)
    (folder / "Pulumi.local.yaml").write_text(yaml.safe_dump({"config": {"fleet:data": "stacks/local"}}))
    return folder


def answers(api: Api) -> bool:
    """Whether something answers there at all."""
    with contextlib.suppress(ApiError):
        return bool(api.get("/v1/sys/seal-status"))
    return False


def _addresses() -> list[str]:
    """Three loopback addresses whose port of the way in is free."""
    found = []
    for last in range(1, 250):
        address = f"127.{77 + os.getpid() % 100}.{os.getpid() % 250}.{last}"
        with socket.socket() as there:
            try:
                there.bind((address, 443))
            except OSError:
                continue
        found.append(address)
        if len(found) == len(HOSTS):
            return found
    raise AssertionError("no loopback address with a free port 443: these tests need root")


def _certificates(folder: Path, addresses: list[str]) -> tuple[Path, Path, Path]:
    """An authority, and a leaf that is valid for the name and the addresses."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])

    def signed(name: x509.Name, public: ec.EllipticCurvePublicKey, extension: Any, ca: bool) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=40))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if extension:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    names: list[x509.GeneralName] = [
        x509.DNSName(NAME),
        *(x509.DNSName(f"{s}.fleet.example") for s in ("nomad", "consul")),
    ]
    names += [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    paths = (folder / "ca.pem", folder / "leaf.pem", folder / "leaf.key")
    paths[0].write_bytes(signed(subject, ca_key.public_key(), None, ca=True))
    paths[1].write_bytes(signed(leaf_name, key.public_key(), x509.SubjectAlternativeName(names), ca=False))
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[2].write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return paths
