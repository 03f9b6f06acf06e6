"""Cases of the rules about the front: of local's machines and zone, with a front of the test's own."""

from __future__ import annotations

from typing import Any

from model.checks import dns, fabric, front, placement, ports, vhosts
from tests.model.case import FRONT, ZONE, Case
from tests.model.cases_services import PROBE, behind, probe
from tests.model.change import GONE, Changes

TREE = "front/trees/packages"
REPO = "repo.fleet.example"
LEAVES = {"services/probe/shutdown_delay": "10s"}
REST = {"machines/a-nyc-us/resting": {"front": "a test"}}
ALL_REST = {**REST, "machines/a-pdx-us/resting": {"front": "a test", "metrics": "its disk"}}


def fronted(changes: Changes | None = None, /) -> Changes:
    """A front in local's data, with some of its facts changed."""
    return {"front": FRONT, **(changes or {})}


def service(changes: Changes | None = None, /, **fields: Any) -> Changes:
    """A service behind the front, with some facts changed."""
    return probe(fronted(changes), registers=behind(**fields))


CASES = (
    Case(front.front_has_machines, fronted({"front/role": "miror"}), fronted({"front/role": "mirror"})),
    Case(
        front.front_has_machines,
        {"front": {**FRONT, "role": "spare"}, "roles/spare": {"purpose": "a test"}},
        fronted({"roles/spare": {"purpose": "a test"}}),
    ),
    # The pool of mirrors has nobody left either, which the rule about pools says of it.
    Case(front.the_last_mirror_stays, fronted(ALL_REST), fronted(REST), also=(dns.pools_have_members,)),
    Case(
        front.the_last_mirror_stays,
        fronted(ALL_REST | {f"{ZONE}/pools/mirrors/role": "worker"}),
        fronted(REST),
        also=(vhosts.vhosts_are_led_to_their_front,),
    ),
    Case(
        front.drains_leave_the_shared_names,
        fronted({f"{ZONE}/pools/mirrors/duty": GONE}),
        fronted({f"{ZONE}/pools/mirrors/duty": "front"}),
    ),
    Case(
        front.drained_names_are_soon_forgotten,
        fronted({f"{ZONE}/pools/mirrors/ttl": 61}),
        fronted({f"{ZONE}/pools/mirrors/ttl": 60}),
    ),
    Case(
        front.drained_names_are_soon_forgotten,
        fronted({f"{ZONE}/pools/mirrors/ttl": GONE, f"{ZONE}/ttl": GONE}),
        fronted({f"{ZONE}/pools/mirrors/ttl": GONE, f"{ZONE}/ttl": 60}),
    ),
    Case(
        front.instances_leave_in_time,
        service({"services/probe/count": 2, "services/probe/shutdown_delay": "9s"}),
        service({"services/probe/count": 2, "services/probe/shutdown_delay": "10s"}),
    ),
    Case(
        front.instances_leave_in_time,
        service({"services/probe/update": {"canary": 1}}),
        service({"services/probe/count": 1}),
    ),
    Case(placement.duties_are_somebodys, REST | {f"{ZONE}/pools/mirrors/duty": GONE}, fronted(REST)),
    Case(
        front.front_is_reachable,
        fronted({"roles/mirror/openings/https": GONE}),
        fronted({"roles/mirror/openings/https/ports": "443-444"}),
    ),
    Case(
        front.front_is_reachable,
        fronted({"roles/mirror/openings/http/from": ["10.77.0.0/16"]}),
        fronted({"roles/mirror/openings/http/from": ["world"]}),
    ),
    Case(
        front.trees_are_on_every_mirror,
        fronted({f"{TREE}/volume": "dist_sources"}),
        fronted(
            {f"{TREE}/volume": "dist_sources", "roles/mirror/nomad/volumes/dist_sources": {"path": "/srv/sources"}}
        ),
    ),
    Case(
        front.trees_are_on_every_mirror,
        fronted({f"{TREE}/volume": "spare", "machines/a-nyc-us/nomad": {"volumes": {"spare": {"path": "/srv/spare"}}}}),
        fronted({f"{TREE}/folder": "current"}),
    ),
    Case(
        front.endings_are_of_one_kind,
        fronted(
            {f"{TREE}/kinds": {"a": {"endings": ["xbps.sig"], "keep": "365d"}, "b": {"endings": ["sig"], "keep": "0s"}}}
        ),
        fronted(
            {
                f"{TREE}/kinds": {
                    "a": {"endings": ["xbps", "sig"], "keep": "365d"},
                    "b": {"endings": ["ig"], "keep": "0s"},
                }
            }
        ),
    ),
    Case(
        front.names_that_lead_here_are_answered,
        fronted({f"{ZONE}/aliases/deb": {"name": "mirrors"}}),
        fronted(
            {
                f"{ZONE}/aliases/deb": {"name": "mirrors"},
                f"{TREE}/names/0": "deb.fleet.example",
                "front/redirects": {REPO: "deb.fleet.example"},
            }
        ),
    ),
    Case(
        front.names_that_lead_here_are_answered,
        fronted({f"{ZONE}/aliases/deb": {"machine": "a-pdx-us"}}),
        fronted({f"{ZONE}/aliases/deb": {"machine": "a-bru-be"}}),
    ),
    Case(
        front.names_that_lead_here_are_answered,
        fronted({"front/unanswered/registry.fleet.example": "a test"}),
        fronted({"front/unanswered/deb.fleet.example": "a test", f"{ZONE}/aliases/deb": {"name": "mirrors"}}),
    ),
    Case(
        front.names_that_lead_here_are_answered,
        fronted({f"front/unanswered/{REPO}": "a test"}),
        fronted({"front/unanswered/metrics.fleet.example": "another test"}),
    ),
    Case(
        front.certificates_cover_the_names,
        fronted({f"{TREE}/names/0": "a.b.fleet.example", "front/unanswered/repo.fleet.example": "a test"}),
        fronted({f"{TREE}/names/0": "b.fleet.example", "front/unanswered/repo.fleet.example": "a test"}),
    ),
    Case(
        front.certificates_cover_the_names,
        service({"front/certificate/names": ["*.fleet.example"]}),
        service({"front/certificate/names": ["*.fleet.example", "a.s.fleet.example"]}),
    ),
    Case(
        front.certificate_names_are_ours,
        fronted({"front/certificate/names": ["*.fleet.example", "*.hoster.example"]}),
        fronted({"front/certificate/names": ["*.fleet.example", "fleet.example"]}),
    ),
    Case(
        front.certificate_names_are_ours,
        fronted({"front/certificate/names": ["*.fleet.example", "*.fleet.example"]}),
        fronted({"front/certificate/names": ["*.fleet.example", "*.s.fleet.example"]}),
    ),
    Case(
        front.redirects_end,
        fronted({"front/redirects": {"a.fleet.example": "b.fleet.example"}}),
        fronted({"front/redirects": {"a.fleet.example": REPO, "b.fleet.example": "www.hoster.example"}}),
    ),
    Case(
        front.redirects_end,
        fronted({"front/redirects": {"a.fleet.example": "b.fleet.example", "b.fleet.example": REPO}}),
        fronted({"front/redirects": {"a.fleet.example": "registry.fleet.example", "b.fleet.example": REPO}}),
    ),
    Case(
        front.probes_ask_the_front,
        fronted({"front/probes": [{"name": "registry.fleet.example", "path": "/"}]}),
        fronted({"front/probes": [{"name": REPO, "path": "/current/"}]}),
    ),
    Case(
        front.virtual_addresses_are_nobodys,
        fronted({"front/virtual": "10.77.9.0/24"}),
        fronted({"front/virtual": "10.77.10.0/24"}),
    ),
    Case(
        front.virtual_addresses_are_nobodys,
        fronted({f"{ZONE}/addresses/www/ipv4": ["198.18.4.5"]}),
        fronted({f"{ZONE}/addresses/www/ipv4": ["198.20.4.5"]}),
    ),
    Case(
        fabric.networks_stay_apart,
        fronted({"front/virtual": "10.99.0.0/16"}),
        fronted({"front/virtual": "10.98.0.0/16"}),
    ),
    Case(
        fabric.networks_stay_apart,
        fronted({"front/virtual": "10.21.0.0/24"}),
        fronted({"front/virtual": "10.22.0.0/24"}),
    ),
    Case(
        front.services_behind_are_told_apart,
        service({"services/other": PROBE | {"registers": behind(names=["b.s.fleet.example"])}}),
        service({"services/other": PROBE | {"registers": {"other": behind(names=["b.s.fleet.example"])["probe"]}}}),
    ),
    Case(
        front.services_behind_are_told_apart,
        probe(fronted(), registers={"Probe_1": behind()["probe"]}),
        probe(fronted(), registers={"probe-1": behind()["probe"]}),
    ),
    Case(
        front.services_behind_are_told_apart,
        service({"services/probe/count": 64, "services/probe/update": {"canary": 1}, **LEAVES}),
        service({"services/probe/count": 63, "services/probe/update": {"canary": 1}, **LEAVES}),
    ),
    Case(
        ports.static_ports_are_free,
        probe(fronted(), datacenters=["mirrors"], everywhere=True, ports={"http": {"static": 443}}),
        probe(fronted(), datacenters=["mirrors"], everywhere=True, ports={"http": {"static": 444}}),
    ),
    Case(
        ports.static_ports_are_free,
        probe(fronted(), datacenters=["mirrors"], everywhere=True, ports={"http": {"static": 8083}}),
        probe(fronted(), datacenters=["mirrors"], everywhere=True, ports={"http": {"static": 8084}}),
    ),
)
