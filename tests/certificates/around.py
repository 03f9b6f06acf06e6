"""What the certificate job asks, on the loopback: pebble, the DNS provider's interface, and nsd with what it wrote."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from rehearsal.cloud import records_api
from rehearsal.cloud.store import Record
from rehearsal.cloud.world import World
from rehearsal.cloud.zones import write_zones
from rehearsal.testhosts.dns import serial_of
from tests.pebble import Pebble
from tests.servers.real import free_ports

ZONE = "fleet.example"
TOKEN = "a-token-of-the-tests"


class Zones(World):
    """The embedded cloud's records, shown by an nsd of the test's own."""

    def __init__(self, run: Path, port: int) -> None:
        super().__init__(run, plan_only=True)
        self.port = port
        self.hidden = False
        self.store.put(Record("digitalocean", "Domain", ZONE, "", {"name": ZONE}, {}, 1))
        zones = run / "dns" / "zones"
        write_zones(self.store, zones)
        self.config = run / "dns" / "nsd.conf"
        server = [f"ip-address: 127.0.0.1@{port}", f'zonesdir: "{zones}"', "server-count: 1"]
        server += [f'{name}: "{run}/dns/{name}"' for name in ("zonelistfile", "xfrdfile")]
        server += [f'xfrdir: "{run}/dns"', 'pidfile: ""', 'database: ""', 'username: ""', 'chroot: ""']
        control = ["control-enable: yes", f'control-interface: "{run}/dns/sock"']
        lines = ["server:", *(f"  {line}" for line in server), "remote-control:", *(f"  {line}" for line in control)]
        self.config.write_text("\n".join([*lines, "zone:", f'  name: "{ZONE}"', f'  zonefile: "{ZONE}.zone"', ""]))
        self._begin()

    def _begin(self) -> None:
        with (self.run / "dns" / "log").open("a") as log:
            self.process = subprocess.Popen(["nsd", "-d", "-c", str(self.config)], stdout=log, stderr=log)
        for _ in range(1200):
            if self._told("status") == 0:
                return
            time.sleep(0.05)
        raise AssertionError((self.run / "dns" / "log").read_text())

    def _shows(self, seconds: float) -> bool:
        """Whether it comes to serve what the file says."""
        wanted = serial_of((self.run / "dns" / "zones" / f"{ZONE}.zone").read_text())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(dns.exception.Timeout, OSError):
                answer = dns.query.udp(dns.message.make_query(ZONE, "SOA"), "127.0.0.1", 0.5, self.port).answer
                if answer and answer[0][0].serial == wanted:
                    return True
            time.sleep(0.02)
        return False

    def _told(self, word: str) -> int:
        return subprocess.run(
            ["nsd-control", "-c", str(self.config), word], capture_output=True, check=False
        ).returncode

    def publish(self) -> None:
        if not self.hidden and write_zones(self.store, self.run / "dns" / "zones"):
            self._told("reload")
            if not self._shows(10.0):
                # nsd 4.6 at times loses the process that reloads, and never reloads again.
                self.close()
                self._begin()
                assert self._shows(10.0), (self.run / "dns" / "log").read_text()

    def texts(self) -> list[str]:
        """The full names of the TXT records there are."""
        return sorted(str(one.outputs["fqdn"]) for one in self.store.all("digitalocean", "DnsRecord"))

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(10)


class Around(Pebble):
    """The authority, the interface and the DNS server."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        dns, api, port, management = free_ports(4)
        super().__init__(folder, port, management, dns)
        (folder / "token").write_text(TOKEN + "\n")
        self.zones = Zones(folder / "cloud", dns)
        self.api = records_api.serve(self.zones, ("127.0.0.1", api), folder)
        self.name_servers = f"127.0.0.1#{dns}"
        self.api_url = f"https://127.0.0.1:{api}"
        self.start()

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.api.shutdown()
        self.api.server_close()
        self.zones.close()
