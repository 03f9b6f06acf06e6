"""Pebble on the loopback: a certificate authority for tests, with a certificate of its own that no system knows."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

from tests.hostconfig.enrolment import openssl


class Pebble:
    """The authority; it asks the DNS server at a port for names, and forgets all that it issued when it stops."""

    def __init__(self, folder: Path, port: int, management: int, dns: int, *, http: int = 1, tls: int = 1) -> None:
        self.folder, self.management, self.dns_port = folder, management, dns
        self.certificate = folder / "cert.pem"
        new = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        out = ["-keyout", str(folder / "cert.key"), "-out", str(self.certificate)]
        openssl("req", *new, "-subj", "/CN=pebble", "-addext", "subjectAltName=IP:127.0.0.1", *out)
        settings = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(self.certificate),
            "privateKey": str(folder / "cert.key"),
            "httpPort": http,
            "tlsPort": tls,
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
        self.directory = f"https://127.0.0.1:{port}/dir"

    @property
    def trust(self) -> str:
        """Whom to trust for its interface. What it issues has another root."""
        return self.certificate.read_text()

    def start(self) -> None:
        """Start it, with an empty memory."""
        command = ["pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{self.dns_port}"]
        env = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PATH": "/usr/bin:/bin"}
        with (self.folder / "pebble.log").open("a") as log:
            self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        # Its keys are RSA, and take a busy machine some seconds.
        for _ in range(1200):
            if self.root():
                return
            time.sleep(0.05)
        self.stop()
        raise AssertionError((self.folder / "pebble.log").read_text())

    def root(self) -> str:
        """The root that browsers would trust; empty while it does not answer."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        try:
            with urllib.request.urlopen(
                f"https://127.0.0.1:{self.management}/roots/0", context=context, timeout=5
            ) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)
