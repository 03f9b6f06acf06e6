"""Cases of the rules about teams and keys: over the rehearsal's own roster."""

from __future__ import annotations

from model.checks import roster_keys, roster_teams, templates
from tests.model.case import Case
from tests.model.cases_services import probe, template
from tests.model.change import GONE
from tests.roster_fuzz.grammar import wire

SETTINGS = "roster/settings"
TEAMS = "roster/teams"
PEOPLE = "roster/people"
KEY = f"ssh-ed25519 {wire(b'ssh-ed25519', bytes(range(1, 33)))}"
OTHER = f"ssh-ed25519 {wire(b'ssh-ed25519', bytes(range(2, 34)))}"
SHORT_RSA = f"ssh-rsa {wire(b'ssh-rsa', b'123', b'1' * 256)}"
LONG_RSA = f"ssh-rsa {wire(b'ssh-rsa', b'123', b'1' * 385)}"
DSA = f"ssh-dss {wire(b'ssh-dss', b'x')}"
ECDSA = f"ecdsa-sha2-nistp256 {wire(b'ecdsa-sha2-nistp256', b'nistp256', b'x' * 65)}"
SMALL_ORDER = f"ssh-ed25519 {wire(b'ssh-ed25519', (2**255 - 20).to_bytes(32, 'little'))}"
ON_A_TOKEN = f"sk-ssh-ed25519@openssh.com {wire(b'sk-ssh-ed25519@openssh.com', bytes(range(3, 35)), b'ssh:')}"
GITHUB = {"description": "a test", "repositories": {}}

OF_TEAMS = (
    Case(
        roster_teams.teams_exist,
        {f"{PEOPLE}/hal/teams/operator": "member"},
        {f"{PEOPLE}/hal/teams/packagers": "member"},
    ),
    Case(
        roster_teams.team_owners_are_members,
        {f"{TEAMS}/operators/owners": ["ann", "hal"]},
        {f"{TEAMS}/operators/owners": ["ann", "bo"]},
    ),
    Case(
        roster_teams.team_owners_are_members,
        {f"{TEAMS}/observers/owners": ["ivy"]},
        {f"{TEAMS}/observers/owners": ["hal"]},
    ),
    Case(
        roster_teams.owners_are_written_as_members,
        {f"{PEOPLE}/ann/teams/operators": "maintainer"},
        {f"{PEOPLE}/dee/teams/packagers": "maintainer"},
    ),
    Case(
        roster_teams.teams_grant_something,
        {f"{TEAMS}/mirror-keepers/grants": {}},
        {f"{TEAMS}/mirror-keepers/grants": {"mail": "mirrors@fleet.example"}},
    ),
    Case(
        roster_teams.grants_are_one_teams,
        {f"{TEAMS}/observers/grants/mail": "ops@fleet.example"},
        {f"{TEAMS}/observers/grants/mail": "look@fleet.example"},
    ),
    Case(
        roster_teams.grants_are_one_teams,
        {f"{TEAMS}/packagers/grants/github/team": "operators"},
        {f"{TEAMS}/packagers/grants/github/team": "committers"},
    ),
    Case(
        roster_teams.grants_are_one_teams,
        {f"{TEAMS}/mirror-keepers/grants/netauth/group": "people"},
        {f"{TEAMS}/mirror-keepers/grants/netauth/group": "keepers"},
    ),
    Case(
        roster_teams.groups_are_no_hosts_own,
        {f"{TEAMS}/mirror-keepers/grants/netauth/group": "sudo"},
        {f"{TEAMS}/mirror-keepers/grants/netauth/group": "sudoers"},
    ),
    Case(
        roster_teams.groups_are_no_hosts_own,
        {f"{SETTINGS}/netauth/primary/group": "docker"},
        {f"{SETTINGS}/netauth/primary/group": "netusers"},
    ),
    Case(
        roster_teams.parents_are_teams_at_github,
        {f"{TEAMS}/packagers/grants/github/parent": "observers"},
        {f"{TEAMS}/packagers/grants/github/parent": "operators"},
    ),
    Case(
        roster_teams.parents_are_teams_at_github,
        {
            f"{TEAMS}/packagers/grants/github/parent": "operators",
            f"{TEAMS}/operators/grants/github/parent": "packagers",
        },
        {
            f"{TEAMS}/packagers/grants/github/parent": "operators",
            f"{TEAMS}/operators/grants/github/parent": "app-admins",
        },
    ),
    Case(
        roster_teams.parents_are_teams_at_github,
        {
            f"{TEAMS}/packagers/grants/github/parent": "operators",
            f"{TEAMS}/operators/grants/github/privacy": "secret",
        },
        {f"{TEAMS}/operators/grants/github/privacy": "secret"},
    ),
    Case(
        roster_teams.hosts_are_chosen,
        {f"{TEAMS}/mirror-keepers/grants/hosts/on": ["mirrors"]},
        {f"{TEAMS}/mirror-keepers/grants/hosts/on": ["a-nyc-us", "worker"]},
    ),
    Case(
        roster_teams.hosts_are_chosen,
        {f"{TEAMS}/operators/grants/hosts/login": False},
        {f"{TEAMS}/operators/grants/hosts/login": True},
    ),
    Case(
        roster_teams.members_are_in_the_directory,
        {f"{PEOPLE}/fay/netauth": GONE},
        {f"{PEOPLE}/fay/netauth": GONE, f"{PEOPLE}/fay/teams": {"packagers": "member"}},
    ),
    Case(
        roster_teams.directory_is_there,
        {f"{SETTINGS}/netauth": GONE},
        {f"{SETTINGS}/netauth/port": 1730},
    ),
    Case(
        templates.devspace_has_whom_to_ask,
        probe({f"{TEAMS}/devspace-users/grants/devspace": False}, templates=template("local/a", facts="devspace")),
        probe(templates=template("local/a", facts="devspace")),
    ),
    Case(
        roster_teams.hosts_ask_for_groups,
        {f"{TEAMS}/mirror-keepers/grants/netauth": GONE},
        {f"{TEAMS}/mirror-keepers/grants/netauth": GONE, f"{TEAMS}/mirror-keepers/grants/hosts": GONE},
    ),
    Case(
        roster_teams.devspace_and_shells_stay_apart,
        {f"{TEAMS}/mirror-keepers/grants/devspace": True},
        {f"{TEAMS}/observers/grants/devspace": True},
    ),
    # One inside the other: above, and below.
    Case(
        roster_teams.devspace_and_shells_stay_apart,
        {f"{TEAMS}/devspace-users/grants/github": {"team": "devspace", "parent": "mirror-keepers"} | GITHUB},
        {f"{TEAMS}/devspace-users/grants/github": {"team": "devspace", "parent": "packagers"} | GITHUB},
    ),
    Case(
        roster_teams.devspace_and_shells_stay_apart,
        {
            f"{TEAMS}/devspace-users/grants/github": {"team": "devspace"} | GITHUB,
            f"{TEAMS}/packagers/grants/github/parent": "devspace-users",
            f"{TEAMS}/mirror-keepers/grants/github/parent": "packagers",
        },
        {
            f"{TEAMS}/devspace-users/grants/github": {"team": "devspace"} | GITHUB,
            f"{TEAMS}/packagers/grants/github/parent": "devspace-users",
        },
    ),
    Case(
        roster_teams.devspace_and_shells_stay_apart,
        {"ssh/allow_groups": ["sudo", "devspace-users"]},
        {"ssh/allow_groups": ["sudo", "mirror-keepers"]},
    ),
    Case(
        roster_teams.vault_groups_are_teams,
        {f"{TEAMS}/observers/grants/netauth/group": "observer"},
        {f"{TEAMS}/mirror-keepers/grants/netauth/group": "keepers"},
    ),
    Case(
        roster_teams.what_is_held_is_defined,
        {f"{TEAMS}/operators/grants/bots": ["heralds"]},
        {f"{TEAMS}/observers/grants/bots": ["herald"]},
    ),
    Case(
        roster_teams.what_is_held_is_defined,
        {f"{PEOPLE}/bo/secrets": ["unseal-shares"]},
        {f"{PEOPLE}/bo/secrets": ["unseal-share"]},
    ),
    Case(
        roster_teams.what_is_held_is_defined,
        {f"{SETTINGS}/break_glass/operators": ["maintenance"]},
        {f"{SETTINGS}/break_glass/operators": []},
    ),
)

OF_KEYS = (
    Case(roster_keys.keys_are_strong, {f"{PEOPLE}/bo/keys/old": SHORT_RSA}, {f"{PEOPLE}/bo/keys/old": LONG_RSA}),
    Case(roster_keys.keys_are_strong, {f"{PEOPLE}/bo/keys/old": DSA}, {f"{PEOPLE}/bo/keys/old": KEY}),
    Case(roster_keys.keys_are_strong, {f"{PEOPLE}/bo/keys/old": ECDSA}, {f"{PEOPLE}/bo/keys/old": ON_A_TOKEN}),
    Case(roster_keys.keys_are_strong, {f"{PEOPLE}/bo/keys/old": SMALL_ORDER}, {f"{PEOPLE}/bo/keys/old": f"{KEY} a b"}),
    Case(roster_keys.keys_are_strong, {f"{PEOPLE}/bo/keys/old": KEY[:-8]}, {f"{PEOPLE}/bo/keys/old": OTHER}),
    Case(
        roster_keys.keys_are_one_persons,
        {f"{PEOPLE}/bo/keys/old": KEY, f"{PEOPLE}/ivy/keys/old": f"{KEY} mine"},
        {f"{PEOPLE}/bo/keys/old": KEY, f"{PEOPLE}/ivy/keys/old": OTHER},
    ),
    Case(
        roster_keys.keys_are_one_persons,
        {f"{PEOPLE}/bo/keys/old": KEY, "operators/deploy/keys": [KEY], "operators/deploy/keys_env": GONE},
        {f"{PEOPLE}/bo/keys/old": KEY, "operators/deploy/keys": [OTHER], "operators/deploy/keys_env": GONE},
    ),
    Case(
        roster_keys.whoever_may_log_in_has_a_key,
        {f"{PEOPLE}/fay/keys": GONE, f"{SETTINGS}/keys_env": GONE},
        {f"{PEOPLE}/fay/keys": GONE},
    ),
)

CASES = (*OF_TEAMS, *OF_KEYS)
