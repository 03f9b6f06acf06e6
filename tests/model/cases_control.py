"""Cases of the rules about the control plane: who votes, the public names, Vault's shares, what machines offer."""

from __future__ import annotations

from model.checks import control, machines
from tests.model.case import UNMANAGED, ZONE, Case
from tests.model.change import GONE

SECOND = {**UNMANAGED, "managed": True, "fabric": {"address": "10.99.0.99"}, "public": {"ipv4": "10.77.9.9"}}
NODE = {"meta": {"speed": "high"}}
RUN = {"path": "/srv/run"}

CASES = (
    Case(control.control_role_votes, {"control/role": "controll"}, {"roles/control/purpose": "x"}),
    Case(control.control_role_votes, {"roles/control/quorum": False}, {"roles/worker/quorum": True}),
    Case(
        control.control_role_votes,
        {"roles/votes": {"purpose": "x", "quorum": True}, "control/role": "votes"},
        {"roles/votes": {"purpose": "x", "quorum": True}},
    ),
    # An even number of them is what the rule about every quorum says.
    Case(
        machines.quorums_are_odd,
        {"machines/a-bru-be/roles": ["control", "worker"]},
        {"machines/a-bru-be/roles": ["control", "worker"], "machines/b-bru-be": {**SECOND, "roles": ["control"]}},
    ),
    Case(control.control_names_lead_home, {f"{ZONE}/aliases/vault": GONE}, {f"{ZONE}/aliases/spare": {"name": "@"}}),
    Case(
        control.control_names_lead_home,
        {f"{ZONE}/aliases/vault": {"name": "mirrors"}},
        {f"{ZONE}/aliases/vault": {"machine": "a-ams-nl"}},
    ),
    Case(
        control.control_names_lead_home,
        {"control/names/vault": "vault.hoster.example"},
        {"control/names/vault": "a-ams-nl.m.fleet.example"},
    ),
    Case(
        control.control_names_lead_home,
        {"control/names/vault": "nomad.fleet.example"},
        {"control/names/vault": "control.fleet.example"},
    ),
    Case(
        control.control_vhosts_are_reachable,
        {"roles/control/openings/https/from": ["10.77.0.0/16"]},
        {"roles/control/openings/https/why": "x"},
    ),
    Case(control.control_vhosts_are_reachable, {"roles/control/openings/http": GONE}, {"roles/mirror/packages": {}}),
    Case(control.vault_can_be_opened, {"control/unseal/threshold": 4}, {"control/unseal/threshold": 3}),
    Case(
        control.vault_can_be_opened,
        {"control/unseal/holders": ["ada", "grace", "ada"]},
        {"control/unseal/holders": ["ada", "grace"]},
    ),
    Case(
        control.vault_can_be_opened,
        {"control/unseal/threshold": 1},
        {"control/unseal": {"threshold": 1, "holders": ["ada"]}},
    ),
    Case(
        control.leaves_are_renewed_in_time,
        {"control/pki": {"leaf_days": 10, "renew_days": 10}},
        {"control/pki": {"leaf_days": 10, "renew_days": 9}},
    ),
    Case(
        control.leaves_are_renewed_in_time,
        {"control/pki": {"authority_days": 30}},
        {"control/pki": {"authority_days": 31}},
    ),
    Case(
        control.offers_agree,
        {"roles/odd": {"purpose": "x", "nomad": {"datacenter": "other", "drivers": ["exec"]}}}
        | {"machines/a-bru-be/roles": ["worker", "odd"]},
        {"roles/odd": {"purpose": "x", "nomad": {"datacenter": "workers", "drivers": ["raw_exec"]}}}
        | {"machines/a-bru-be/roles": ["worker", "odd"]},
    ),
    Case(
        control.offers_agree,
        {"roles/odd": {"purpose": "x", "nomad": {"datacenter": "workers", "pool": "odd", "drivers": ["exec"]}}}
        | {"machines/a-bru-be/roles": ["worker", "odd"]},
        {"roles/odd": {"purpose": "x", "nomad": {"datacenter": "workers", "pool": "default", "drivers": ["exec"]}}}
        | {"machines/a-bru-be/roles": ["worker", "odd"]},
    ),
    Case(
        control.machines_offer_by_role,
        {"machines/a-ams-nl/nomad": NODE},
        {"machines/a-bru-be/nomad/meta": NODE["meta"]},
    ),
    Case(
        control.volumes_mean_one_thing,
        {"roles/worker/nomad/volumes/run": RUN, "machines/a-bru-be/nomad/volumes/run": {"path": "/srv/other"}},
        {"roles/worker/nomad/volumes/run": RUN, "machines/a-bru-be/nomad/volumes/run": RUN},
    ),
)
