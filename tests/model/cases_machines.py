"""Cases of the rules about machines and what clouds hold for them."""

from __future__ import annotations

from model.checks import clouds, machines, records
from tests.model.case import DROPLET, EC2, GCE, KEY, ODD, OTHER_KEY, ZONE, Case, unmanaged
from tests.model.change import GONE

CASES = (
    Case(
        machines.regions_are_known, {"machines/a-bru-be/region": "bro"}, {"regions/bro": {"site": "x", "country": "be"}}
    ),
    Case(
        machines.names_say_the_place,
        {"regions/bru": {"site": "x", "country": "nl"}},
        {"regions/bru": {"site": "x", "country": "be"}},
    ),
    Case(
        machines.roles_are_known,
        {"machines/a-ams-nl/roles": ["control", "worke"]},
        {"machines/a-bru-be/roles": ["worker"]},
    ),
    Case(
        machines.roles_are_known,
        {"machines/a-bru-be/roles": ["worker", "worker"]},
        {"roles/spare": {"purpose": "x"}, "machines/a-bru-be/roles": ["worker", "spare"]},
    ),
    Case(machines.words_choose_one_thing, {"roles/all": {"purpose": "x"}}, {"roles/alle": {"purpose": "x"}}),
    Case(machines.words_choose_one_thing, {"roles/a-bru-be": {"purpose": "x"}}, {"roles/a-bru": {"purpose": "x"}}),
    Case(
        machines.quorums_are_odd,
        {"machines/a-fra-de/roles": []},
        {"machines/a-fra-de/roles": [], "machines/a-grq-nl/roles": []},
    ),
    Case(
        machines.public_addresses_are_once,
        unmanaged(public={"ipv4": "10.77.9.1"}),
        unmanaged(public={"ipv4": "10.77.9.2"}),
    ),
    Case(
        machines.public_addresses_are_once,
        unmanaged(public={"ipv6": "fd77::9:1"}),
        unmanaged(public={"ipv6": "fd77::9:2"}),
    ),
    Case(
        machines.public_addresses_are_once,
        {"recorded": {"a-ams-nl": {"ipv4": "10.77.9.1"}}},
        {"recorded": {"a-bru-be": {"ipv4": "10.77.9.1"}, "a-ams-nl": {"ipv4": "10.77.1.1"}}},
    ),
    Case(
        machines.donated_machines_are_reachable,
        {
            "machines/a-bru-be/public": {},
            "base/pinned_names": {},
            f"{ZONE}/mail": {},
            f"{ZONE}/aliases/registry": GONE,
            f"{ZONE}/aliases/devspace-sftp": GONE,
        },
        {"machines/a-bru-be/public": {"ipv6": "fd77::9:1"}, "base/pinned_names": {}},
        also=(records.senders_exist,),
    ),
    Case(
        machines.clouds_give_addresses,
        {"machines/a-ams-nl/public": {"ipv4": "10.77.1.1"}},
        {"recorded": {"a-ams-nl": {"ipv4": "10.77.1.1"}}},
    ),
    Case(machines.unmanaged_machines_ask_nothing, unmanaged(roles=["worker"]), unmanaged()),
    Case(machines.unmanaged_machines_ask_nothing, unmanaged(openings={"odd": ODD}), unmanaged(note="odd")),
    Case(
        machines.volumes_are_at_clouds,
        {"machines/a-bru-be/volumes": {"v": {"size_gb": 1, "why": "x"}}},
        {"machines/a-ams-nl/volumes": {"v": {"size_gb": 1, "why": "x"}}},
    ),
    Case(
        machines.repository_files_are_names,
        {"machines/a-bru-be/repositories": {"flavour": "x", "files": ["../main"]}},
        {"machines/a-bru-be/repositories": {"flavour": "x", "files": ["main"]}},
    ),
    Case(
        machines.repository_files_are_names,
        {"machines/a-bru-be/repositories": {"flavour": "x", "files": ["main", "main"]}},
        {"machines/a-bru-be/repositories": {"flavour": "x", "files": ["main", "extra"]}},
    ),
    Case(
        machines.own_networks_are_whole,
        {"machines/a-bru-be/network": {"mode": "static", "interface": "eth0"}},
        {"machines/a-bru-be/network": {"mode": "static", "interface": "eth0", "addresses": ["10.77.9.1/16"]}},
    ),
    Case(
        machines.own_networks_are_whole,
        {"machines/a-bru-be/network": {"mode": "dhcp", "addresses": ["10.77.9.1/16"]}},
        {"machines/a-bru-be/network": {"mode": "dhcp"}},
    ),
    Case(
        machines.recorded_machines_exist,
        {"recorded": {"z-bru-be": {"wireguard_key": KEY}}},
        {"recorded": {"a-bru-be": {"wireguard_key": KEY}}},
    ),
    Case(
        machines.recorded_keys_are_once,
        {"recorded": {"a-bru-be": {"wireguard_key": KEY}, "a-ams-nl": {"wireguard_key": KEY}}},
        {"recorded": {"a-bru-be": {"wireguard_key": KEY}, "a-ams-nl": {"wireguard_key": OTHER_KEY}}},
    ),
    Case(clouds.clouds_are_named, {"gcp": GONE}, {"gcp/project": "another"}),
    Case(
        clouds.droplets_have_one_image,
        {f"{DROPLET}/custom_image": "x"},
        {f"{DROPLET}/custom_image": "x", f"{DROPLET}/image": GONE},
    ),
    Case(
        clouds.ssh_keys_are_declared,
        {f"{DROPLET}/ssh_keys": ["operator", "another"]},
        {f"{DROPLET}/ssh_keys": ["operator"], f"{DROPLET}/tags": ["another"]},
    ),
    Case(
        clouds.ssh_keys_are_declared,
        {f"{EC2}/ssh_key": "another"},
        {f"{EC2}/ssh_key": "another", "aws/ssh_keys/another": {"public_key_secret": "x"}},
    ),
    Case(
        clouds.ssh_keys_are_declared,
        {f"{GCE}/ssh_key": "another"},
        {f"{GCE}/ssh_key": "another", "gcp/ssh_keys/another": {"public_key_secret": "x"}},
    ),
    Case(
        clouds.ssh_keys_have_one_source,
        {"aws/ssh_keys/operator": {}},
        {"aws/ssh_keys/operator": {"public_key": "ssh-ed25519 AAAA x"}},
    ),
    Case(clouds.networks_are_declared, {f"{DROPLET}/vpc": "another"}, {f"{DROPLET}/vpc": GONE}),
    Case(
        clouds.networks_are_declared,
        {"digitalocean/vpcs/fleet-ams/region": "nyc3"},
        {"digitalocean/vpcs/fleet-ams/region": "ams3"},
    ),
    Case(clouds.networks_are_declared, {f"{EC2}/network": "fleet-pdx"}, {f"{EC2}/network": "fleet-fra"}),
    Case(
        clouds.networks_are_declared,
        {f"{EC2}/zone": "eu-central-1b"},
        {f"{EC2}/zone": "eu-central-1b", "aws/networks/fleet-fra/zone": "eu-central-1b"},
    ),
    Case(clouds.networks_are_declared, {f"{GCE}/network": "another"}, {f"{GCE}/size": "e2-medium"}),
    Case(clouds.zones_are_of_their_region, {f"{GCE}/zone": "europe-west3-a"}, {f"{GCE}/zone": "europe-west4-b"}),
    Case(
        clouds.projects_hold_what_exists,
        {"digitalocean/projects/rehearsal/machines": ["a-fra-de"]},
        {"digitalocean/projects/rehearsal/machines": ["a-ams-nl"]},
    ),
    Case(
        clouds.projects_hold_what_exists,
        {"digitalocean/projects/rehearsal/zones": ["fleet2.example"]},
        {"digitalocean/projects/rehearsal/zones": []},
    ),
)
