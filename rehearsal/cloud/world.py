"""What the embedded cloud does in the world: test hosts for machines, zone files and a DNS server for records.

With `plan_only` nothing happens outside the cloud's own folder: no hosts, no DNS server. Zone files are written anyway.
"""

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from providers.base.resource import ProviderError
from rehearsal.cloud.store import Record, Store
from rehearsal.cloud.zones import write_zones

# Records arrive by the dozen: their zone files are written and the server reloaded once for those that come together.
_GATHER: Final = 0.2


class World:
    """One cloud run: its state, its folder, its test hosts."""

    def __init__(self, run: Path, *, plan_only: bool) -> None:
        self.run = run
        self.plan_only = plan_only
        run.mkdir(parents=True, exist_ok=True)
        self.store = Store(run / "cloud")
        self._publishing = threading.Condition()
        self._asked = 0
        self._done = 0
        self._busy = False

    # Machines.

    def host_name(self, machine: str, serial: str) -> str:
        """The test host's name: the machine's own first label, unless another machine has it already."""
        label = re.sub(r"[^a-z0-9-]+", "-", machine.partition(".")[0].lower()).strip("-") or f"machine-{serial}"
        taken = {record.private.get("host") for record in self.store.everything()}
        return f"{label}-{serial}" if label in taken else label

    def boot(self, record: Record, machine: str, address: tuple[str, str | None], users: dict[str, list[str]]) -> None:
        """Bring a machine's test host up; at once, if it runs already. A machine that never boots just does not."""
        if self.plan_only or not {machine, record.private["host"]}.isdisjoint(self._faults().get("never_boots", ())):
            return
        from rehearsal.testhosts import hosts

        ipv4, ipv6 = address
        with _of_the_rehearsal(f"{record.kind} {machine}"):
            hosts.start(hosts.Spec(name=record.private["host"], ipv4=ipv4, ipv6=ipv6, users=users, memory_mb=None))

    def halt(self, record: Record, *, wipe: bool) -> None:
        """Take the test host down; with `wipe` its disk goes too."""
        if self.plan_only or "host" not in record.private:
            return
        from rehearsal.testhosts import hosts

        with _of_the_rehearsal(f"{record.kind} {record.private['host']}"):
            hosts.stop(record.private["host"], wipe=wipe)

    def resume(self) -> None:
        """At the daemon's start: the package repository, and zone files as the state says. Hosts are left alone."""
        if not self.plan_only:
            from rehearsal.testhosts import packages

            with _of_the_rehearsal("the package repository"):
                packages.serve()
        self.publish()

    def _faults(self) -> dict[str, Any]:
        try:
            faults: dict[str, Any] = json.loads((self.run / "cloud" / "faults.json").read_text())
        except FileNotFoundError:
            return {}
        return faults

    # DNS.

    def publish(self) -> None:
        """Have the zone files and the DNS server show every change made before this call."""
        with self._publishing:
            self._asked += 1
            mine = self._asked
            while self._done < mine:
                if self._busy:
                    self._publishing.wait()
                    continue
                self._busy = True
                self._publishing.release()
                upto = 0
                try:
                    upto = self._publish_once()
                finally:
                    self._publishing.acquire()
                    self._busy = False
                    self._done = max(self._done, upto)
                    self._publishing.notify_all()

    def _publish_once(self) -> int:
        time.sleep(0.02 if self.plan_only else _GATHER)
        with self._publishing:
            upto = self._asked
        changed = write_zones(self.store, self.run / "dns" / "zones")
        if changed and not self.plan_only:
            from rehearsal.testhosts import dns

            with _of_the_rehearsal("DNS"):
                dns.reload()
        return upto


@contextlib.contextmanager
def _of_the_rehearsal(subject: str) -> Iterator[None]:
    """Failures of test hosts and servers are for people to read: pass their text on and not their traces."""
    from rehearsal.testhosts.settings import RehearsalError

    try:
        yield
    except (RehearsalError, OSError) as error:
        raise ProviderError(f"{subject}: {error}") from error
