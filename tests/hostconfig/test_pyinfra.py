"""The pyinfra layer on the fake connector, and the runner's words for hosts that fail: no machine is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.inventory import Inventory
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state

from hostconfig import manifest as manifests
from hostconfig.assess import assess
from hostconfig.deployment import Configured, HostError, configure
from hostconfig.desired import parse
from hostconfig.observed import UnreadableError
from hostconfig.observed import parse as parse_look
from hostconfig.parts import Platform
from tests.hostconfig.samples import sample
from tests.hostconfig.simulation import bare, carried_out

ROOT = Path(__file__).parent.parent.parent
DEBIAN = Platform("debian", "runit", kernel_wireguard=False)


def answer(**sections: list[str]) -> list[str]:
    """What a fresh Debian machine says when it is looked at, but for the named sections."""
    parts: dict[str, list[str]] = {
        "platform": ["debian", "runit", "user"],
        "hostname": ["a-ams-nl"],
        "manifest": [],
        "sums": [f"{'0' * 64}  /etc/hosts"],
        "modes": ["644 root:root /etc/hosts"],
        "packages": ["ii  sudo", "ii  nftables", "rc  tree", "ii  openssh-server"],
        "passwd": ["root:x:0:0:root:/root:/bin/bash"],
        "group": ["root:x:0:", "sudo:x:27:"],
        "sysctl": ["net.ipv4.ip_forward 0"],
        "services": ["chrony absent", "unbound absent"],
        "firewall": [f"{manifests.sha256('')}  -"],
        "loaded": [],
        "nft": ["nftables v1.0.6"],
        "peers": [],
        "complete": [],
    }
    parts |= sections
    return [line for name, lines in parts.items() for line in (f"@@ {name}", *lines)]


def deployed(says: list[str], **changes: Any) -> tuple[State, Configured]:
    """A deploy on one fake host that answers so."""
    data = {"fake_responses": {"say platform": says}, "fake_delay": 0, "fake_delay_jitter": 0}
    state = State(Inventory((["@fake/a"], data)), Config())  # type: ignore[no-untyped-call]
    connect_all(state)
    host = state.inventory.get_host("@fake/a")
    with ctx_state.use(state), ctx_host.use(host):
        configured = configure(parse(sample(**changes)))
    run_ops(state)
    return state, configured


def test_a_fresh_machine_gets_one_operation_for_each_change() -> None:
    state, configured = deployed(answer())
    host = state.inventory.get_host("@fake/a")
    assert state.results[host].success_ops == len(configured.operations) > 20
    # The fake connector answers pyinfra's own package facts with nothing, so the install is asked for as a whole.
    assert all(meta.did_succeed() for _, meta in configured.operations)


def test_a1_04_a_host_as_it_should_be_gets_no_operation_at_all() -> None:
    desired = parse(sample())
    host = bare(DEBIAN)
    for change in assess(desired, host).changes:
        host = carried_out(host, change, desired)
    assert host.manifest is not None
    assert host.link is not None
    members = {group: [n for n, u in host.users.items() if group in u.groups] for group in host.groups}
    state, configured = deployed(
        answer(
            manifest=manifests.dump(host.manifest).splitlines(),
            sums=[f"{file.sha256}  {path}" for path, file in host.files.items()],
            modes=[f"{file.mode.lstrip('0')} {file.owner} {path}" for path, file in host.files.items()],
            packages=[f"ii  {name}" for name in host.packages],
            passwd=[f"{n}:x:{u.uid}:{u.uid}:{u.comment}:{u.home}:{u.shell}" for n, u in host.users.items()],
            group=[f"{name}:x:1:{','.join(people)}" for name, people in members.items()],
            sysctl=["net.ipv4.ip_forward 1"],
            services=[f"{name} enabled run: {name}: (pid 7) 95s" for name in host.manifest.services],
            firewall=[f"{host.firewall_live}  -"],
            loaded=[f"{host.firewall_loaded}  -", "nftables v1.0.6"],
            address=["5: fabric0    inet 10.99.0.1/24 scope global fabric0"],
            link=["5: fabric0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc pfifo_fast state UNKNOWN"],
            wireguard=["51820", "key"],
            allowed=[f"{key}\t{allowed}" for key, allowed in host.link.peers],
            complete=[],
        )
    )
    assert configured.operations == []
    assert configured.assessment.drift == {}
    assert state.results[state.inventory.get_host("@fake/a")].ops == 0


def test_a1_06_a_hand_edit_stops_the_host_before_any_operation() -> None:
    text = manifests.dump(manifests.Manifest(files={"/etc/hosts": manifests.FileRecord(sha256="a" * 64, mode="0644")}))
    with pytest.raises(HostError, match=r"@fake/a: /etc/hosts: edited by hand since the last apply"):
        deployed(answer(manifest=text.splitlines()))


def test_an_answer_cut_short_is_not_taken_for_a_bare_host() -> None:
    with pytest.raises(UnreadableError, match="ended early"):
        parse_look(answer()[:-4], parse(sample()))
    with pytest.raises(UnreadableError, match=r"ground\.json on the host cannot be read"):
        parse_look(answer(manifest=["{ half"]), parse(sample()))


def worker(mode: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
    """The runner as a process of its own, as the provider starts it."""
    request = json.dumps({"mode": mode, "targets": targets})
    command = [sys.executable, "-m", "hostconfig.run"]
    done = subprocess.run(command, input=request, text=True, capture_output=True, cwd=ROOT, check=True, timeout=60)
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a1_07_each_host_fails_by_its_own_name_and_words() -> None:
    # 127.0.0.1 port 1 refuses; nothing leaves this machine.
    one = {"host": "a", "address": "127.0.0.1", "port": 1, "desired": sample()}
    bad = {"host": "b", "address": "127.0.0.1", "port": 1, "desired": sample(hostname="b b")}
    found = worker("apply", [one, bad])
    assert found["a"]["error"].startswith("unreachable: 127.0.0.1 port 1: ")
    assert found["b"]["error"].startswith("hostname: ")
    assert not found["a"]["ok"]
    assert not found["b"]["reachable"]
