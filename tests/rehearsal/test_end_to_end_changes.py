"""A change touches just whom it concerns; an edit by hand is named; a dead host holds nobody up."""

from __future__ import annotations

import pytest

from rehearsal.testhosts import hosts
from tests.rehearsal.support import (
    MIRRORS,
    SEVENTH,
    SIX,
    VISITOR_KEY,
    Rehearsed,
    copied,
    grounds,
    never_boots,
)

pytestmark = pytest.mark.rehearsal
DEAD = "a-bru-be"
HAND = "/etc/sysctl.d/60-fleet.conf"


def test_a1_05_one_port_for_one_role(rehearsed: Rehearsed) -> None:
    with copied(rehearsed, "port") as data:
        data.edit(
            "roles.yaml",
            "      net.core.somaxconn: \"1024\"\n    openings:\n",
            "      net.core.somaxconn: \"1024\"\n    openings:\n"
            '      trial: {proto: tcp, ports: "8733", why: copies of the packages}\n',
        )  # fmt: skip
        plan = rehearsed.preview(data.config)
        assert grounds(plan.changes) == MIRRORS, plan.changes
        for host in MIRRORS:
            paths = plan.paths(f"ground-{host}")
            assert paths, plan.text[-3000:]
            assert all("desired.firewall.openings" in path and "trial" in path for path in paths), paths
        # At the clouds the same rule, for the same hosts and nobody else.
        strangers = [name for name in plan.changes if not any(name.count(host) for host in MIRRORS)]
        assert strangers == []
        outcome = rehearsed.up(data.config)
        assert outcome.code == 0, outcome.failures
        assert outcome.changed.keys() == plan.changes.keys()
        assert grounds(outcome.changed) == MIRRORS
        opened = {host for host in SIX if "dport 8733 " in rehearsed.ssh(host, "sudo nft list ruleset")}
        assert opened == MIRRORS
    assert not [host for host in SIX if "dport 8733 " in rehearsed.ssh(host, "sudo nft list ruleset")]


def test_a1_05_what_leaves_the_data_leaves_the_hosts(rehearsed: Rehearsed) -> None:
    look = "dpkg-query -W -f '${db:Status-Abbrev}' cowsay 2>/dev/null; id visitor 2>/dev/null; sudo nft list ruleset"
    with copied(rehearsed, "leaving") as data:
        data.edit(
            "roles.yaml",
            "      htop: what keeps it busy\n",
            "      htop: what keeps it busy\n      cowsay: says when it is done\n",
        )
        data.edit(
            "roles.yaml", "      trace: {", '      guests: {proto: tcp, ports: "7070", why: guests}\n      trace: {'
        )
        visitor = f'    purpose: a guest\n    keys: ["{VISITOR_KEY}"]\n    groups: [sudo]\n    sudo: none\n'
        data.add("operators.yaml", f"  visitor:\n{visitor}")
        outcome = rehearsed.up(data.config)
        assert outcome.code == 0, outcome.failures
        there = rehearsed.ssh(DEAD, look)
        assert "ii" in there
        assert "(visitor)" in there
        assert "dport 7070" in there
    gone = rehearsed.ssh(DEAD, f"{look}; true")
    assert "ii" not in gone.split("table")[0]
    assert "(visitor)" not in gone
    assert "dport 7070" not in gone


def test_a1_06_an_edit_by_hand_is_named(rehearsed: Rehearsed) -> None:
    host, other = "a-nyc-us", DEAD
    rehearsed.ssh(host, f"echo '# by hand' | sudo tee -a {HAND} >/dev/null")
    try:
        shown = rehearsed.shown(refresh=True)
        assert HAND in shown, shown[-3000:]
        assert host in shown
        rehearsed.log_in()  # the directory is on the host that stops
        hosts.stop(other)
        try:
            shown = rehearsed.shown(refresh=True)
            assert HAND in shown, f"with {other} down:\n{shown[-3000:]}"
            assert "unreachable" in shown or other in shown
        finally:
            rehearsed.start(other)
    finally:
        rehearsed.ssh(host, f"sudo sed -i '/^# by hand$/d' {HAND}")
    assert HAND not in rehearsed.shown(refresh=True)
    rehearsed.restore()


def test_a1_07_one_stopped_host_fails_by_name(rehearsed: Rehearsed) -> None:
    with copied(rehearsed, "stopped") as data:
        data.edit("fleet.yaml", "    jq: reading", "    zstd: packing what is kept\n    jq: reading")
        rehearsed.log_in()  # the directory is on the host that stops
        hosts.stop(DEAD)
        try:
            outcome = rehearsed.up(data.config)
        finally:
            rehearsed.start(DEAD)
        assert outcome.code != 0
        assert set(outcome.failures) == {f"ground-{DEAD}"}, outcome.failures
        assert DEAD in outcome.failures[f"ground-{DEAD}"]
        assert grounds(outcome.changed) == set(SIX) - {DEAD}
        again = rehearsed.up(data.config)
        assert again.code == 0, again.failures
        assert set(again.changed) == {f"ground-{DEAD}"}
        assert "zstd" in rehearsed.ssh(DEAD, "dpkg-query -W zstd")


def test_a1_07_a_machine_that_never_boots(rehearsed: Rehearsed) -> None:
    never_boots(rehearsed, [SEVENTH])
    try:
        with copied(rehearsed, "unborn") as data:
            data.seventh()
            data.edit("fleet.yaml", "    jq: reading", "    zstd: packing what is kept\n    jq: reading")
            outcome = rehearsed.up(data.config)
            assert outcome.code != 0
            assert set(outcome.failures) == {f"ground-{SEVENTH}"}, outcome.failures
            assert grounds(outcome.changed) == set(SIX), outcome.changed
            for host in SIX:
                assert "zstd" in rehearsed.ssh(host, "dpkg-query -W zstd")
    finally:
        never_boots(rehearsed, [])
