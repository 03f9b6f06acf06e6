"""The certificate job's scripts, run by hand: the folders that Nomad would make, and a token of the data's rights."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from components.control.rules import nomad as policy_text
from model import Fleet, load
from model.templates import certificate_facts
from servers import Api
from tests.certificates.around import TOKEN, Around
from tests.executable import executable
from tests.harness import ROOT
from tests.servers.real import Server

LOCAL = load(ROOT / "stacks" / "local")
FILES = ROOT / "stacks" / "local" / "services" / "files"
SERVED, ACCOUNT = ("mirror", "nomad/jobs/front-certificate"), ("infrastructure", "nomad/jobs/certificates/account")
NAMES = ("*.fleet.example", "*.s.fleet.example", "fleet.example")


def fleet_at(around: Around, names: tuple[str, ...] = NAMES) -> Fleet:
    """The stack local, with the test's own authority and names."""
    assert LOCAL.control is not None
    assert LOCAL.front is not None
    acme = LOCAL.control.acme.model_copy(update={"directory": around.directory})
    certificate = LOCAL.front.certificate.model_copy(update={"names": names})
    return LOCAL.model_copy(
        update={
            "control": LOCAL.control.model_copy(update={"acme": acme}),
            "front": LOCAL.front.model_copy(update={"certificate": certificate}),
        }
    )


def forget(nomad: Server) -> None:
    """No variables, as before the first run."""
    for namespace, path in (SERVED, ACCOUNT):
        nomad.api.delete(f"/v1/var/{path}", namespace=namespace)


def items(nomad: Server, where: tuple[str, str] = SERVED) -> dict[str, str]:
    """What a variable holds; empty where it is not there."""
    found = nomad.api.get(f"/v1/var/{where[1]}", namespace=where[0], missing_ok=True) or {}
    return dict(found.get("Items") or {})


def write(nomad: Server, said: dict[str, str], where: tuple[str, str] = SERVED) -> None:
    """A variable as a person would write it, over what is there."""
    namespace, path = where
    nomad.api.put(f"/v1/var/{path}", {"Namespace": namespace, "Path": path, "Items": said}, namespace=namespace)


def token_of(nomad: Server, name: str = "certificates-hands-out") -> str:
    """A token with the rights that the data give the job, and no more."""
    assert LOCAL.access is not None
    api: Api = nomad.api
    text = policy_text(LOCAL.access.nomad.policies[name].rules)
    api.put(f"/v1/acl/policy/{name}", {"Name": name, "Rules": text})
    made: dict[str, Any] = api.put("/v1/acl/token", {"Name": name, "Type": "client", "Policies": [name]})
    return str(made["SecretID"])


class Job:
    """One worker that the job may land on."""

    def __init__(self, folder: Path, nomad: Server, around: Around, names: tuple[str, ...] = NAMES) -> None:
        self.task, self.secrets = folder / "local", folder / "secrets"
        self.task.mkdir(parents=True)
        self.secrets.mkdir()
        for name in ("certificates", "hook"):
            executable(self.task / name, (FILES / "certificates" / name).read_text())
        (self.task / "readers").write_text((FILES / "certificates" / "readers").read_text())
        (self.task / "wanted").write_text(certificate_facts(fleet_at(around, names)))
        (self.secrets / "digitalocean").write_text(TOKEN)
        (self.secrets / "trust.pem").write_text(around.trust)
        self.env = {
            "PATH": os.environ["PATH"],
            "NOMAD_TASK_DIR": str(self.task),
            "NOMAD_SECRETS_DIR": str(self.secrets),
            "NOMAD_NAMESPACE": "infrastructure",
            "NOMAD_JOB_NAME": "certificates/periodic-1",
            "NOMAD_ADDR": nomad.address,
            "NOMAD_TOKEN": token_of(nomad),
            "DNS_API": around.api_url,
            "NAME_SERVERS": around.name_servers,
            "RENEW_DAYS": "40",
            "WAIT_SECONDS": "20",
        }

    def run(self, **changed: str) -> tuple[int, str]:
        """One pass: its exit code and what it said."""
        done = subprocess.run(
            [str(self.task / "certificates")], env=self.env | changed,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


def names_in(chain: str) -> list[str]:
    """The names that a certificate is for."""
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=chain, capture_output=True, text=True, check=True
    )
    return sorted(word.removeprefix("DNS:").strip(",") for word in done.stdout.split() if word.startswith("DNS:"))


def serial(chain: str) -> str:
    """Which certificate it is."""
    command = ["openssl", "x509", "-noout", "-serial"]
    return subprocess.run(command, input=chain, capture_output=True, text=True, check=True).stdout.strip()
