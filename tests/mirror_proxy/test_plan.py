"""Each mirror's front out of the data: what it serves, who stands behind it, what is asked before it is trusted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from components.mirror_proxy.plan import front, redirected, states
from hostconfig.desired_front import Below, Front, Kind, Probe
from model import Fleet, load
from model.placement import all_groups
from tests.harness import ROOT
from tests.model.change import Changes, changed, facts, write

GOLDEN = ROOT / "tests" / "golden" / "front"


@pytest.fixture(scope="module")
def prod() -> Fleet:
    return load(ROOT / "stacks" / "prod")


def local(folder: Path, changes: Changes | None = None) -> Fleet:
    """Local's fleet with some facts changed."""
    return load(write(folder, changed(facts("local"), changes or {})))


def test_the_front_of_a_mirror_of_prod_is_the_one_last_reviewed(prod: Fleet) -> None:
    text = json.dumps(states(prod)["d-hel-fi"], indent=1) + "\n"
    page = GOLDEN / "prod-d-hel-fi.json"
    if os.environ.get("BLESS"):
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == text, f"{page.name} changed; if you meant it, run again with BLESS=1"


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_what_the_plan_says_is_what_hostconfig_takes(stack: str) -> None:
    fleet = load(ROOT / "stacks" / stack)
    assert set(states(fleet)) == set(fleet.having("mirror"))
    for host, state in states(fleet).items():
        assert Front.model_validate(json.loads(json.dumps(state))) == front(fleet, host)


def test_any_mirror_answers_for_any_name(prod: Fleet) -> None:
    """The mirrors differ in who they are, and in nothing that anybody is told."""
    said = [
        {k: v for k, v in state.items() if k not in ("hostname", "fqdn", "address")} for state in states(prod).values()
    ]
    assert len(said) == 3
    assert all(one == said[0] for one in said)


def test_prod_answers_every_name_that_the_old_front_did(prod: Fleet) -> None:
    it = front(prod, "a-fra-de")
    answered = {name for tree in it.trees.values() for name in tree.names} | set(it.redirects)
    answered |= {name for behind in it.services.values() for name in behind.names}
    old = [f"repo-{which}" for which in ("default", "de", "fi", "us", "ci", "sync", "fastly")]
    assert {f"{name}.voidlinux.org" for name in (*old, "docs", "sources", "wiki")} <= answered
    said = {
        name
        for _, placed in all_groups(prod)
        for registration in placed.group.registers.values()
        if registration.vhost and registration.vhost.public
        for name in registration.vhost.names
    }
    assert said <= answered
    assert len(answered) == 29


def test_a_name_that_is_not_public_is_not_told_to_mirrors(prod: Fleet) -> None:
    text = json.dumps(states(prod))
    for name in ("promtail-tmp", "vector-tmp", "debuginfod"):
        assert name not in text
    assert "infradocs.voidlinux.org" in text, "the search finds what is there"


def test_files_of_a_kind_are_kept_as_long_as_their_names_mean_them(prod: Fleet) -> None:
    trees = front(prod, "d-hel-fi").trees
    assert {label: tree.root for label, tree in trees.items()} == {
        "docs": "/data/dist_mirror/docs",
        "packages": "/data/dist_mirror",
        "sources": "/data/dist_sources",
    }
    assert {label for label, tree in trees.items() if tree.listing} == {"packages", "sources"}
    assert Kind(endings=("repodata", "stagedata"), keep=60) in trees["packages"].kinds
    assert Kind(endings=("prom",), keep=0) in trees["sources"].kinds
    year = {ending for kind in trees["packages"].kinds if kind.keep == 31536000 for ending in kind.endings}
    assert year == {"xbps", "xbps.sig", "xbps.sig2", "iso", "gz", "xz"}


def test_a_tree_is_where_its_mirror_has_it(tmp_path: Path) -> None:
    changes: Changes = {
        f"machines/{host}/nomad": {"volumes": {"disk": {"path": path}}}
        for host, path in (("a-nyc-us", "/data/mirror/"), ("a-pdx-us", "/srv/disk"))
    }
    tree = {"names": ["disk.fleet.example"], "volume": "disk", "folder": "current"}
    fleet = local(tmp_path, changes | {"front/trees/disk": tree})
    assert front(fleet, "a-nyc-us").trees["disk"].root == "/data/mirror/current"
    assert front(fleet, "a-pdx-us").trees["disk"].root == "/srv/disk/current"
    assert front(fleet, "a-pdx-us").trees["packages"].root == "/srv/mirror"


def test_what_a_vhost_says_reaches_the_front(tmp_path: Path) -> None:
    vhost = "services/infradocs/registers/infradocs/vhost"
    said = {
        f"{vhost}/websocket": True,
        f"{vhost}/cache": "5m",
        f"{vhost}/limits": {"body_mb": 20, "requests_per_second": 9, "timeout": "2m"},
        f"{vhost}/paths": {"/b/": {"closed": True}, "/a/": {"buffering": False, "timeout": "1500ms", "cache": "0s"}},
    }
    it = front(local(tmp_path, said), "a-nyc-us").services["infradocs"]
    assert it.names == ("infradocs.s.fleet.example",)
    assert (it.websocket, it.cache, it.methods) == (True, 300, ("GET", "HEAD"))
    assert (it.body_mb, it.requests_per_second, it.timeout) == (20, 9, 120.0)
    assert it.below == (Below(path="/a/", buffering=False, timeout=1.5, cache=1), Below(path="/b/", closed=True))


@pytest.mark.parametrize(
    ("said", "instances"),
    [
        ({}, 1),
        ({"count": 3}, 3),
        ({"count": 3, "update": {"canary": 2}}, 5),
        ({"datacenters": ["mirrors"], "everywhere": True}, 2),
        ({"datacenters": ["mirrors", "workers"], "everywhere": True}, 3),
    ],
)
def test_as_many_instances_are_known_as_there_may_be(said: dict[str, Any], instances: int, tmp_path: Path) -> None:
    changes = {f"services/infradocs/{key}": value for key, value in (said | {"shutdown_delay": "10s"}).items()}
    it = front(local(tmp_path, changes), "a-nyc-us").services["infradocs"]
    assert it.instances == instances
    assert it.canaries == said.get("update", {}).get("canary", 0)


def test_what_may_be_half_changed_is_known_to_be(tmp_path: Path) -> None:
    services = front(local(tmp_path, {}), "a-nyc-us").services
    assert {name for name, it in services.items() if it.canaries} == {"bulletin", "man-site"}


def test_opening_a_name_moves_no_address(prod: Fleet, tmp_path: Path) -> None:
    vhost = "services/vector/registers/vector-vector/vhost"
    opened = {f"{vhost}/public": True, f"{vhost}/methods": ["GET"], "services/vector/shutdown_delay": "10s"}
    data = changed(facts("prod"), opened)
    more = front(load(write(tmp_path, data)), "d-hel-fi").services
    before = front(prod, "d-hel-fi").services
    assert set(more) - set(before) == {"vector-vector"}
    assert {name: more[name] for name in before} == before


def test_a_probe_asks_each_site_by_a_path_that_it_has(prod: Fleet, tmp_path: Path) -> None:
    asked = {probe.name: probe.path for probe in front(prod, "d-hel-fi").swap.probes}
    assert asked["grafana.s.voidlinux.org"] == "/healthz"
    assert asked["repo-default.voidlinux.org"] == asked["wiki.voidlinux.org"] == "/"
    assert asked["pad.voidlinux.org"] == "/", "a check over TCP has no path"
    assert asked["devspace-sftp.voidlinux.org"] == "/-/healthy"
    it = front(prod, "d-hel-fi")
    assert len(it.swap.probes) == len(it.trees) + len(it.services) + len(it.redirects)
    vhost = "services/infradocs/registers/infradocs/vhost"
    changes: Changes = {
        f"{vhost}/paths": {"/-/": {"closed": True}},
        "front/probes": [{"name": "repo.fleet.example", "path": "/current/otime"}],
    }
    probes = front(local(tmp_path, changes), "a-nyc-us").swap.probes
    assert Probe(name="infradocs.s.fleet.example", path="/") in probes, "nobody outside gets to the check's path"
    assert Probe(name="repo.fleet.example", path="/current/otime") in probes


def test_a_drained_mirror_keeps_its_front(tmp_path: Path) -> None:
    before = states(load(ROOT / "stacks" / "local"))
    drained = local(tmp_path, {"machines/a-nyc-us/resting": {"front": "a test"}})
    assert states(drained) == before
    assert redirected(drained, "a-nyc-us") == [80, 443]
    assert redirected(drained, "a-bru-be") == []


def test_without_a_front_there_is_none() -> None:
    fleet = load(ROOT / "stacks" / "local").model_copy(update={"front": None})
    assert states(fleet) == {}
    assert redirected(fleet, "a-nyc-us") == []


def test_the_swaps_limits_are_the_datas(tmp_path: Path) -> None:
    said = {"share": 5, "watch": "1m", "rounds": 7, "slower_by": "100ms", "slower_factor": 3, "failing_percent": 0}
    swap = front(local(tmp_path, {"front/swap": said | {"longest_drain": "2h"}}), "a-nyc-us").swap
    assert (swap.share, swap.watch, swap.rounds) == (5, 60.0, 7)
    assert (swap.slower_seconds, swap.slower_factor, swap.failing_percent) == (0.1, 3.0, 0.0)
    assert swap.longest_drain == 7200.0
