"""A stand-in for a mirror's front: a round robin over a service's virtual ports.

It does what a mirror does: it asks one virtual port after the other, what each means is decided by the mirror's own
instances.jq, and its log has the mirror's form. It never asks twice.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from hostconfig.front import library
from servers import Api, ApiError

CLIENTS = 4


class Mirror:
    """A round robin over virtual ports, its log, and the map that follows who is healthy."""

    def __init__(self, folder: Path, nomad: Api, name: str, address: str) -> None:
        self.state, self.logs, self.nomad = folder / "state", folder / "logs", nomad
        self.name, self.address = name, address
        (folder / "answers").mkdir(parents=True)
        (self.logs / "0").mkdir(parents=True)
        self.state.mkdir()
        (self.state / "instances.json").write_text("{}")
        (self.state / "instances.nft").write_text("")
        (folder / "instances.jq").write_text(library("instances.jq"))
        self.folder = folder
        self.map: dict[str, tuple[str, int]] = {}
        self.turn = 0
        self.lock = threading.Lock()

    def follow(self) -> set[tuple[str, int]]:
        """As fleet-front-follow does, with Nomad's list of who is healthy in place of Consul's; returns who is."""
        entries = [
            {"Node": {"Address": one["Address"]}, "Service": {"Address": one["Address"], "Port": one["Port"]}}
            for one in self.nomad.get(f"/v1/service/{self.name}") or ()
            if self._passes(one)
        ]
        answers = {"consul": [{}], self.name: [one | {"Checks": [{"Status": "passing"}]} for one in entries]}
        for name, answer in answers.items():
            (self.folder / f"answers/{name}.json").write_text(json.dumps(answer))
        began = time.time()
        words = [
            "jq",
            "-n",
            "-c",
            "--arg",
            "declared",
            f"{self.name} {self.name} {self.address} 3",
            "--argjson",
            "now",
            "0",
        ]
        words += ["--slurpfile", "before", str(self.state / "instances.json"), "-f", str(self.folder / "instances.jq")]
        words += [str(self.folder / f"answers/{name}.json") for name in answers]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        rules = "\n".join(found["rules"])
        with self.lock:
            places = {port: at.split(" . ") for port, at in found["map"][self.address].items()}
            self.map = {port: (ip, int(number)) for port, (ip, number) in places.items()}
        if rules != (self.state / "instances.nft").read_text():
            (self.state / "instances.nft").write_text(rules)
            with open(self.state / "instances.past", "a") as past:
                past.write(json.dumps({"at": int(began), "map": found["map"]}) + "\n")
        (self.state / "instances.json").write_text(json.dumps({"map": found["map"]}))
        return set(self.map.values())

    def _passes(self, one: dict[str, Any]) -> bool:
        # Nomad lists an instance before its first check; Consul, which mirrors ask, holds it for failing until then.
        try:
            checks = self.nomad.get(f"/v1/client/allocation/{one['AllocID']}/checks") or {}
        except ApiError:
            return False
        return bool(checks) and all(check["Status"] == "success" for check in checks.values())

    def ask(self) -> tuple[int, str]:
        """One request: the status and the text, or 0 and what went wrong. Never repeated."""
        with self.lock:
            ports = sorted(self.map)
            self.turn += 1
            port = ports[self.turn % len(ports)]
            ip, number = self.map[port]
        began = time.time()
        try:
            connection = HTTPConnection(ip, number, timeout=10)
            connection.request("GET", "/")
            answer = connection.getresponse()
            text = answer.read().decode()
            status = answer.status
            connection.close()
        except (OSError, HTTPException) as error:
            status, text = 0, repr(error)
        took = time.time() - began
        said = f"{began + took:.3f} {self.name}.s.fleet.example {status or 502} {len(text)} {took:.3f} GET"
        with self.lock, open(self.logs / "0/access.log", "a") as log:
            log.write(f"{said}|{self.address}:{port}|{status or 502}|{took:.3f}\n")
        return status, text


@contextmanager
def busy(mirror: Mirror) -> Iterator[Counter[tuple[int, str]]]:
    """Clients that ask all the time, and the loop that follows who is healthy."""
    heard: Counter[tuple[int, str]] = Counter()
    ends = threading.Event()

    def client() -> None:
        while not ends.is_set():
            answer = mirror.ask()
            with mirror.lock:
                heard[answer] += 1
            ends.wait(0.02)

    def loop() -> None:
        while not ends.wait(0.5):
            # As the real one does: what cannot be asked stays as it was.
            with suppress(ApiError):
                mirror.follow()

    threads = [threading.Thread(target=one, daemon=True) for one in (*[client] * CLIENTS, loop)]
    for one in threads:
        one.start()
    try:
        yield heard
    finally:
        ends.set()
        for one in threads:
            one.join(15)
