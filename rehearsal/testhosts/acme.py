"""The rehearsal's public certificate authority: pebble, which checks by HTTP-01 at port 80 that a name is one's own.

It has an address of its own on the internet, and resolves names by the rehearsal's DNS server alone. Its issuing root
is a new one at each start; those from before stay trusted as long as the rehearsal lasts.
"""

import hashlib
import json
import ssl
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from rehearsal.testhosts import authority, internet, network, serving, settings

NAME, PART = "acme", "acme"
PORT, MANAGEMENT_PORT = 14000, 15000
# Every order is really checked, at once, and nothing fails by chance.
ENVIRONMENT = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}


def folder() -> Path:
    """Where its files are."""
    return settings.run() / PART


def issuer() -> Path:
    """The root of the certificates that it issues now."""
    return folder() / "issuer.pem"


def trust() -> Path:
    """Whom to trust for the directory itself and for what it issued: its authority, and each of its roots."""
    return internet.trusted()


def config() -> dict[str, object]:
    """pebble's configuration."""
    return {
        "pebble": {
            "listenAddress": f"{settings.acme4()}:{PORT}",
            "managementListenAddress": f"{settings.acme4()}:{MANAGEMENT_PORT}",
            "certificate": str(folder() / "cert.pem"),
            "privateKey": str(folder() / "cert.key"),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
    }


def serve(names: Sequence[str] = ()) -> None:
    """Start it under these names, or leave it running; returns when it answers and its roots are known."""
    settings.require_root()
    with network.lock(NAME):
        renewed = authority.ensure(PART, names, settings.acme4())
        if renewed:
            serving.stop(NAME)
        if not serving.current(NAME):
            file = folder() / "pebble.json"
            file.write_text(json.dumps(config(), indent=1) + "\n")
            words = ["pebble", "-config", str(file), "-dnsserver", f"{settings.dns4()}:53"]
            serving.start(NAME, words, lambda: serving.listens(settings.acme4(), PORT), ENVIRONMENT)
        take_root()
        internet.write()


def take_root() -> None:
    """Fetch the root that it issues by, and trust it from now on."""
    root = network.from_internet(lambda: ask("/roots/0"))
    roots = settings.folder(PART, "roots")
    (roots / f"{hashlib.sha256(root.encode()).hexdigest()[:16]}.pem").write_text(root)
    everyone = [folder() / "ca.pem", *sorted(roots.glob("*.pem"))]
    for file, text in ((issuer(), root), (trust(), "".join(one.read_text().strip() + "\n" for one in everyone))):
        if not file.is_file() or file.read_text() != text:
            draft = file.with_suffix(".new")
            draft.write_text(text)
            draft.replace(file)


def ask(path: str) -> str:
    """What its management interface says."""
    context = ssl.create_default_context(cafile=str(folder() / "ca.pem"))
    with urllib.request.urlopen(
        f"https://{settings.acme4()}:{MANAGEMENT_PORT}{path}", timeout=5.0, context=context
    ) as answer:
        text: str = answer.read().decode()
    return text


def stop() -> None:
    """End it; its folder stays."""
    serving.stop(NAME)
