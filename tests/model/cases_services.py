"""Cases of the rules about services: of local's machines, with one service of the test's own."""

from __future__ import annotations

from typing import Any

from model.checks import placement, services, templates
from tests.model.case import UNMANAGED, Case
from tests.model.change import GONE, Changes

CHECKS = [{"path": "/"}]
PROBE: dict[str, Any] = {
    "block": "service",
    "purpose": "a test",
    "namespace": "apps",
    "datacenters": ["workers"],
    "network": "host",
    "image": "prog",
    "ports": {"http": {}},
    "registers": {"probe": {"port": "http", "checks": CHECKS}},
    "runs_in_rehearsal": True,
}
IMAGES = {
    "prog": {"source": "images.fleet.example/prog", "tag": "1", "architectures": ["x86_64"], "exec": ["/bin/prog"]},
    "bare": {"source": "images.fleet.example/bare", "tag": "1", "architectures": ["x86_64"]},
    "arm": {"source": "images.fleet.example/arm", "tag": "1", "architectures": ["aarch64"], "exec": ["/bin/prog"]},
}
BOUND = {"access/nomad/policies/report-reads-web": GONE}


def probe(changes: Changes | None = None, /, **fields: Any) -> Changes:
    """One service in place of all of local's, with some fields of its own."""
    own = {key: value for key, value in (PROBE | fields).items() if value is not GONE}
    return {"services": {"probe": own}, "images": IMAGES, "service_files": {}, **BOUND, **(changes or {})}


def two(**fields: Any) -> Changes:
    """The service, and another beside it."""
    other = {key: value for key, value in (PROBE | {"registers": {}} | fields).items() if value is not GONE}
    return probe({"services/other": other})


def named(*names: str, **fields: Any) -> dict[str, Any]:
    """A registration with a public name that the service itself answers."""
    vhost = {"names": list(names), "public": True, "login": "none", "through": "own"} | fields
    return {"probe": {"port": "http", "checks": CHECKS, "vhost": vhost}}


def behind(**fields: Any) -> dict[str, Any]:
    """A registration with a public name behind the mirrors, for readers."""
    return named("a.s.fleet.example", **({"through": "mirrors", "methods": ["GET"]} | fields))


def template(place: str, **fields: Any) -> dict[str, Any]:
    """A template at a place."""
    return {place: fields}


TIMER: dict[str, Any] = {"block": "timer", "periodic": {"crons": ["@daily"]}}
SYNC: dict[str, Any] = {
    "block": "sync",
    "every": "1m",
    "sync": {"server": "root.fleet.example", "module": "m", "target": "/local/x"},
}


def pulled(**fields: Any) -> Changes:
    """A sync that says more of what it pulls."""
    return probe(**SYNC | {"sync": SYNC["sync"] | fields})


SCRATCH = {"scratch": {"to": "/scratch"}}
OFFER = {"roles/worker/nomad/volumes/scratch": {"path": "/srv/scratch"}}
ON_MIRRORS: dict[str, Any] = {"datacenters": ["mirrors"], "volumes": SCRATCH}
MIRRORS_OFFER = {"roles/mirror/nomad/volumes/scratch": {"path": "/srv/scratch"}}
GRANT = {
    "purpose": "a test",
    "job": {"namespace": "apps", "job": "probe"},
    "rules": {"namespaces": {"apps": {"variables": {"nomad/jobs/other": ["read"]}}}},
}
KEY: dict[str, Any] = {"key": "password"}
ARM = {**UNMANAGED, "managed": True, "arch": "aarch64", "roles": ["worker"], "fabric": {"address": "10.99.0.99"}}

CASES = (
    Case(
        services.services_say_it_at_one_level,
        probe(groups={"a": {"image": "prog"}}, image=GONE, network=GONE, ports=GONE, registers=GONE, user="x"),
        probe(groups={"a": {"image": "prog"}}, image=GONE, network=GONE, ports=GONE, registers=GONE),
    ),
    Case(
        services.services_say_it_at_one_level,
        probe(tasks={"a": {"image": "prog"}}),
        probe(tasks={"a": {"image": "prog"}}, image=GONE),
    ),
    Case(services.blocks_have_what_they_need, probe(block="timer"), probe(**TIMER)),
    Case(services.blocks_have_what_they_need, probe(**TIMER, every="1m"), probe(**TIMER)),
    Case(services.blocks_have_what_they_need, probe(block="webserver"), probe(block="webserver", webserver={})),
    Case(services.blocks_have_what_they_need, probe(**SYNC | {"every": GONE}), probe(**SYNC)),
    Case(
        services.syncs_have_one_source,
        probe(**SYNC | {"sync": {"service": "nobody", "module": "m", "target": "/local/x"}}),
        probe(**SYNC | {"sync": {"service": "probe", "provider": "consul", "module": "m", "target": "/local/x"}}),
    ),
    Case(
        services.syncs_have_one_source,
        probe(**SYNC | {"sync": {"module": "m", "target": "/local/x"}}),
        probe(**SYNC),
    ),
    Case(services.syncs_say_one_thing, pulled(format="xbps"), pulled(format="xbps", indexes=["*-repodata"])),
    Case(services.syncs_say_one_thing, pulled(keep="2h"), pulled(keep="2h", indexes=["*-repodata"])),
    Case(
        services.syncs_say_one_thing,
        pulled(beside=[".sig2"], indexes=["*-repodata"]),
        pulled(beside=[".sig2"], indexes=["*-repodata"], format="xbps"),
    ),
    Case(services.syncs_say_one_thing, pulled(stall="10m", within="10m"), pulled(stall="10m", within="11m")),
    Case(services.copies_are_counted_once, probe(everywhere=True, count=2), probe(everywhere=True)),
    Case(
        services.a_part_is_tried_and_not_all,
        probe(everywhere=True, update={"canary": 9}),
        probe(everywhere=True),
    ),
    Case(
        services.a_part_is_tried_and_not_all, probe(everywhere=True, update={"canary": 2}), probe(update={"canary": 9})
    ),
    Case(services.tasks_have_a_declared_image, probe(image="porg"), probe(image="prog")),
    Case(services.tasks_have_a_declared_image, probe(image=GONE), probe()),
    Case(services.images_are_pinned, probe({"images/prog/tag": GONE}), probe({"images/prog/tag": "2"})),
    Case(services.images_are_pinned, probe({"images/prog/tag": "latest"}), probe({"images/prog/tag": "late"})),
    Case(
        services.images_are_pinned,
        probe({"images/prog/digest": f"sha256:{'0' * 64}"}),
        probe({"images/prog/digest": f"sha256:{'0' * 64}", "images/prog/tag": GONE}),
    ),
    Case(
        services.images_fit_the_machines,
        probe(image="arm"),
        probe({"machines/b-bru-be": ARM}, image="arm"),
    ),
    Case(services.programs_start_by_the_machines_driver, probe(image="bare"), probe(image="bare", command="/bin/x")),
    Case(
        services.programs_start_by_the_machines_driver,
        probe({"roles/mirror/nomad/drivers": ["docker"]}, datacenters=["workers", "mirrors"]),
        probe({"roles/mirror/nomad/drivers": ["docker", "exec"]}, datacenters=["workers", "mirrors"]),
    ),
    Case(
        services.programs_start_by_the_machines_driver,
        probe(container={"binds": ["local/a:/etc/a"]}),
        probe({"roles/worker/nomad/drivers": ["podman"]}, container={"binds": ["local/a:/etc/a"]}),
    ),
    Case(
        services.who_has_no_network_asks_for_none,
        probe(container={"offline": True}, registers={}),
        probe(container={"offline": True}, registers={}, ports={}, network="default"),
    ),
    Case(services.tasks_end_in_time, probe(kill_timeout="16m"), probe(kill_timeout="9m")),
    Case(
        services.tasks_end_in_time,
        probe(kill_timeout="11m"),
        probe(kill_timeout="11m", update={"progress_deadline": "12m"}),
    ),
    Case(
        services.the_rehearsal_runs_it_or_says_why_not,
        probe(runs_in_rehearsal=GONE),
        probe(runs_in_rehearsal=GONE, not_in_rehearsal="sends real mail"),
    ),
    Case(
        services.the_rehearsal_runs_it_or_says_why_not,
        probe(not_in_rehearsal="sends real mail"),
        probe(),
    ),
    Case(placement.datacenters_are_offered, probe(datacenters=["wokers"]), probe(datacenters=["mirrors"])),
    Case(placement.datacenters_are_offered, probe(pool="fast"), probe(pool="all")),
    Case(placement.volumes_are_offered, probe(volumes=SCRATCH), probe(OFFER, volumes=SCRATCH)),
    Case(placement.volumes_are_offered, probe(volumes=SCRATCH), probe(volumes=SCRATCH, held="waits for a disk")),
    Case(
        placement.volumes_are_offered,
        probe({"roles/worker/nomad/volumes/scratch": {"path": "/srv/x", "read_only": True}}, volumes=SCRATCH),
        probe(
            {"roles/worker/nomad/volumes/scratch": {"path": "/srv/x", "read_only": True}},
            volumes={"scratch": {"to": "/scratch", "read_only": True}},
        ),
    ),
    Case(placement.volumes_are_offered, probe(needs={"scratch": "x"}), probe(OFFER, needs={"scratch": "x"})),
    Case(
        placement.groups_find_a_machine,
        probe(constraints=[{"attribute": "meta.speed", "value": "high"}]),
        probe(
            {"roles/worker/nomad/meta": {"speed": "high"}}, constraints=[{"attribute": "meta.speed", "value": "high"}]
        ),
    ),
    Case(
        placement.groups_find_a_machine,
        probe({"machines/a-bru-be/resting": {"trial": "x"}}, resting=["trial"]),
        probe(resting=["trial"]),
    ),
    Case(
        placement.single_copies_have_one_volume,
        probe(MIRRORS_OFFER, **ON_MIRRORS),
        probe(MIRRORS_OFFER, **ON_MIRRORS, everywhere=True),
    ),
    Case(
        placement.single_copies_have_one_volume,
        probe(MIRRORS_OFFER, **ON_MIRRORS),
        probe(MIRRORS_OFFER, datacenters=["mirrors"], volumes={"scratch": {"to": "/scratch", "any_copy": "a cache"}}),
    ),
    Case(
        placement.constraints_name_no_host,
        probe(constraints=[{"attribute": "node.unique.name", "operator": "is_set"}]),
        probe(constraints=[{"attribute": "attr.kernel.name", "operator": "is_set"}]),
    ),
    Case(
        placement.constraints_name_no_host,
        probe(affinities=[{"attribute": "meta.x", "value": "a-bru-be", "weight": 50}]),
        probe(affinities=[{"attribute": "meta.x", "value": "b", "weight": 50}]),
    ),
    Case(
        placement.duties_are_somebodys,
        probe({"machines/a-nyc-us/resting": {"snyc": "a slip"}}, resting=["sync"]),
        probe({"machines/a-nyc-us/resting": {"sync": "its disk is full"}}, resting=["sync"]),
    ),
    Case(
        placement.capabilities_are_allowed,
        probe(container={"cap_add": ["sys_admin"]}),
        probe({"machines/a-bru-be/nomad": {"capabilities": ["sys_admin"]}}, container={"cap_add": ["sys_admin"]}),
    ),
    Case(
        templates.templates_have_one_body,
        probe(templates=template("secrets/a", text="x", key="b")),
        probe(templates=template("local/a", text="x")),
    ),
    Case(templates.templates_have_one_body, probe(templates=template("local/a")), probe()),
    Case(
        templates.template_files_are_there,
        probe(templates=template("local/a", file="a.conf")),
        probe({"service_files": {"probe": {"a.conf": "x"}}}, templates=template("local/a", file="a.conf")),
    ),
    Case(
        templates.template_files_are_used,
        probe({"service_files": {"probe": {"b.conf": "x"}}}),
        probe({"service_files": {"probe": {"b.conf": "x"}}}, templates=template("local/a", file="b.conf")),
    ),
    Case(
        templates.template_files_are_used,
        probe({"service_files": {"porbe": {"b.conf": "x"}}}),
        probe({"service_files": {"porbe": {}}}),
    ),
    Case(
        templates.secrets_are_kept_close,
        probe(templates=template("secret/env", keys={"PASSWORD": "password"})),
        probe(templates=template("secrets/env", keys={"PASSWORD": "password"})),
    ),
    Case(
        templates.secrets_are_kept_close,
        probe(templates=template("secrets/key", **KEY, perms="0644")),
        probe(templates=template("secrets/key", **KEY, perms="0400")),
    ),
    Case(
        templates.secrets_are_kept_close,
        probe(templates=template("local/a", text='{{ with nomadVar "nomad/jobs/probe" }}{{ .x }}{{ end }}')),
        probe(templates=template("local/a", text='{{ with nomadService "probe" }}{{ end }}')),
    ),
    Case(
        templates.variables_are_granted,
        probe(templates=template("secrets/key", **KEY, variable="nomad/jobs/other")),
        probe(templates=template("secrets/key", **KEY, variable="nomad/jobs/probe/probe")),
    ),
    Case(
        templates.variables_are_granted,
        probe(templates=template("secrets/key", text='{{ with nomadVar "nomad/jobs/other" }}{{ .x }}{{ end }}')),
        probe(
            {"access/nomad/policies/probe-reads": GRANT},
            templates=template("secrets/key", text='{{ with nomadVar "nomad/jobs/other" }}{{ .x }}{{ end }}'),
        ),
    ),
)
