"""Cases of the rules about the fabric and what every host gets."""

from __future__ import annotations

from model.checks import fabric, hosts
from tests.model.case import ODD, SCOPE, Case, unmanaged
from tests.model.change import GONE

CASES = (
    Case(fabric.fabric_has_the_managed, {"machines/a-bru-be/fabric": GONE}, {"machines/a-bru-be/note": "x"}),
    Case(fabric.fabric_has_the_managed, unmanaged(fabric={"address": "10.99.0.99"}), unmanaged()),
    Case(
        fabric.fabric_addresses_are_once,
        {"machines/a-bru-be/fabric": {"address": "10.99.0.11"}},
        {"machines/a-bru-be/fabric": {"address": "10.99.0.14"}},
    ),
    Case(
        fabric.fabric_addresses_are_inside,
        {"machines/a-bru-be/fabric": {"address": "10.99.1.1"}},
        {"machines/a-bru-be/fabric": {"address": "10.99.0.254"}},
    ),
    Case(
        fabric.fabric_addresses_are_inside,
        {"machines/a-bru-be/fabric": {"address": "10.99.0.255"}},
        {"machines/a-bru-be/fabric": {"address": "10.99.0.1"}},
    ),
    Case(fabric.scopes_choose_machines, {f"{SCOPE}/from": ["laptop"]}, {f"{SCOPE}/from": ["a-bru-be"]}),
    Case(fabric.scopes_choose_machines, {f"{SCOPE}/on": ["mirrors"]}, {f"{SCOPE}/on": ["mirror"]}),
    Case(
        fabric.scopes_choose_machines,
        {**unmanaged(), f"{SCOPE}/from": ["b-bru-be"]},
        {**unmanaged(), f"{SCOPE}/from": ["a-bru-be"]},
    ),
    Case(
        fabric.scopes_reach_somebody,
        {"roles/idle": {"purpose": "x"}, f"{SCOPE}/on": ["idle"]},
        {"roles/idle": {"purpose": "x"}, f"{SCOPE}/on": ["idle", "mirror"]},
    ),
    Case(
        fabric.scopes_are_for_all_or_some,
        {f"{SCOPE}/on": ["all", "mirror"]},
        {f"{SCOPE}/on": ["all"]},
    ),
    Case(
        fabric.scopes_allow_something,
        {f"{SCOPE}/from": ["all"]},
        {f"{SCOPE}/from": ["all"], "fabric/default": "closed"},
    ),
    Case(
        fabric.networks_stay_apart,
        {"aws/networks/fleet-fra/range": "10.99.0.0/16"},
        {"aws/networks/fleet-fra/range": "10.98.0.0/16"},
    ),
    Case(
        hosts.opening_names_mean_one_thing,
        {"machines/a-bru-be/openings/ssh": ODD},
        {"machines/a-bru-be/openings/odd": ODD},
    ),
    Case(
        hosts.ports_are_opened_once,
        {"machines/a-bru-be/openings/trace-2": {"proto": "udp", "ports": "60001-60010", "why": "x"}},
        {"machines/a-bru-be/openings/trace-2": {"proto": "tcp", "ports": "60001-60010", "why": "x"}},
    ),
    Case(
        hosts.openings_are_for_all_or_some,
        {"roles/worker/openings/trace/from": ["world", "10.77.0.0/16"]},
        {"roles/worker/openings/trace/from": ["10.76.0.0/16", "10.77.0.0/16"]},
    ),
    Case(
        hosts.sshd_is_reachable,
        {"base/openings/ssh/ports": "2222"},
        {"base/openings/ssh/ports": "20-25"},
    ),
    Case(
        hosts.fabric_port_is_open,
        {"fabric/port": 51821},
        {"fabric/port": 51821, "base/openings/wireguard/ports": "51820-51821"},
    ),
    Case(
        hosts.operators_have_one_key_source,
        {"operators/deploy/keys_secret": "deploy-keys"},
        {"operators/deploy/keys_secret": "deploy-keys", "operators/deploy/keys_env": GONE},
    ),
    Case(
        hosts.operators_have_one_key_source,
        {"operators/deploy/keys_env": GONE},
        {"operators/deploy/keys_env": GONE, "operators/deploy/keys": ["ssh-ed25519 AAAA somebody"]},
    ),
    Case(hosts.somebody_can_log_in, {"ssh/allow_groups": ["wheel"]}, {"ssh/allow_groups": ["wheel", "sudo"]}),
    Case(hosts.somebody_can_log_in, {"operators/deploy/sudo": "none"}, {"operators/deploy/shell": "/bin/sh"}),
    Case(
        hosts.pinned_names_agree,
        {"base/pinned_names": {"registry.fleet.example": ["10.77.9.2"]}},
        {"base/pinned_names": {"registry.hoster.example": ["10.77.9.2"]}},
    ),
    Case(
        hosts.pinned_names_agree,
        {"base/pinned_names": {"registri.fleet.example": ["10.77.9.1"]}},
        {"base/pinned_names": {"www.fleet.example": ["10.77.8.1"]}},
    ),
    Case(
        hosts.stubs_have_a_port,
        {"resolver/stubs": {"consul": "127.0.0.1"}},
        {"resolver/stubs": {"consul": "127.0.0.1@8600"}},
    ),
)
