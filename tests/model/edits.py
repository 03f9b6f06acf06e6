"""Mistakes that people make in one line of stacks/local, and what a load says of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One line of a file of stacks/local, what becomes of it, and what the load must then say of that line."""

    what: str
    file: str
    old: str
    new: str
    rule: str
    says: str
    way_out: str


EDITS = (
    Edit(
        "unknown-key",
        "fleet.yaml",
        "  set_clock: false",
        "  set_clok: false",
        "Every key is one that the model knows.",
        "unknown key `set_clok`",
        "did you mean `set_clock`?",
    ),
    Edit(
        "one-fabric-address-twice",
        "machines.yaml",
        "    fabric: {address: 10.99.0.12}",
        "    fabric: {address: 10.99.0.11}",
        "A fabric address belongs to one machine.",
        "10.99.0.11 of a-fra-de is a-ams-nl's too",
        "own address",
    ),
    Edit(
        "alias-to-no-name",
        "dns.yaml",
        "      repo: {name: mirrors}",
        "      repo: {name: mirorrs}",
        "An alias points at a machine with a name in a zone of ours, or at a name of its zone that has addresses.",
        "the name mirorrs does not exist in fleet.example",
        "point at another one",
    ),
    Edit(
        "alias-to-no-machine",
        "dns.yaml",
        "      repo-us: {machine: a-nyc-us}",
        "      repo-us: {machine: z-nyc-us}",
        "An alias points at a machine with a name in a zone of ours, or at a name of its zone that has addresses.",
        "the machine z-nyc-us does not exist",
        "name another machine",
    ),
    Edit(
        "pool-of-no-role",
        "dns.yaml",
        "      mirrors: {role: mirror, duty: front, ttl: 30}",
        "      mirrors: {role: miror, duty: front, ttl: 30}",
        "A pool is of a declared role, and some machine with a name has that role and does not rest.",
        "miror is no role",
        "mirror",
    ),
    Edit(
        "cname-beside-others",
        "dns.yaml",
        "      repo: {name: mirrors}",
        "      www: {name: mirrors}",
        "A CNAME stands beside no other record of its name, and never at the zone itself.",
        "www has records of kind address too",
        "another name",
    ),
    Edit(
        "stray-closing-dot",
        "dns.yaml",
        "      repo: {name: mirrors}",
        "      repo.: {name: mirrors}",
        "A zone's own names are relative to it: no closing dot, and not the zone's name again.",
        "repo. has a closing dot",
        "write repo",
    ),
    Edit(
        "zone-twice",
        "dns.yaml",
        "      repo: {name: mirrors}",
        "      repo.fleet.example: {name: mirrors}",
        "A zone's own names are relative to it: no closing dot, and not the zone's name again.",
        "would become repo.fleet.example.fleet.example",
        "write repo",
    ),
    Edit(
        "missing-closing-dot",
        "dns.yaml",
        "        - {priority: 50, outside: backup-mx.hoster.example.}",
        "        - {priority: 50, outside: backup-mx.hoster.example}",
        "A name outside the zone is written in full, in small letters, with closing dot.",
        "has no closing dot",
        "write backup-mx.hoster.example.",
    ),
    Edit(
        "mx-to-cname",
        "dns.yaml",
        "        - {priority: 50, outside: backup-mx.hoster.example.}",
        "        - {priority: 50, outside: registry.fleet.example.}",
        "A mail exchanger's name has addresses of its own: an MX never leads to a CNAME.",
        "registry.fleet.example. is a CNAME",
        "machine: ",
    ),
    Edit(
        "fabric-address-outside",
        "machines.yaml",
        "    fabric: {address: 10.99.0.31}",
        "    fabric: {address: 10.98.0.31}",
        "A fabric address is a host's address of the fabric's subnet.",
        "10.98.0.31 is not in 10.99.0.0/24",
        "free",
    ),
    Edit(
        "peer-that-is-no-machine",
        "fleet.yaml",
        "from: [mirror, worker], why: mirrors",
        "from: [mirror, laptop], why: mirrors",
        'A fabric peer is a machine: what a scope names is one on the fabric, a role, or "all".',
        "laptop is no machine and no role",
        "name a machine",
    ),
    Edit(
        "even-control-servers",
        "roles.yaml",
        "    quorum: true",
        "    quorum: true",
        "Machines that vote are an odd number, for an even one survives no more failures than the odd one below it.",
        "2 machines have this role: a-fra-de, a-grq-nl",
        "one machine more or fewer",
    ),
    Edit(
        "machine-in-no-region",
        "machines.yaml",
        "    region: grq",
        "    region: gqr",
        "A machine stands in a region that the fleet declares.",
        "gqr is no region",
        "ams, fra, grq",
    ),
    Edit(
        "broken-yaml",
        "dns.yaml",
        '      "*.s": {name: mirrors, why: services behind the mirrors}',
        '      "*.s": {name: mirrors, why: services behind: the mirrors}',
        "A stack's files are YAML.",
        "broken YAML",
        "mend",
    ),
    Edit(
        "key-twice",
        "fleet.yaml",
        "  port: 51820",
        "  subnet: 10.99.0.0/24",
        "A key stands once.",
        "subnet stands here twice",
        "keep one",
    ),
    Edit(
        "wrong-type",
        "fleet.yaml",
        "  port: 51820",
        '  port: "51820"',
        "A value is of the type that its field asks for; none is converted.",
        "a whole number is wanted",
        "write a whole",
    ),
    Edit(
        "number-for-text",
        "roles.yaml",
        '      https: {proto: tcp, ports: "443", why: public web}',
        "      https: {proto: tcp, ports: 443, why: public web}",
        "A value is of the type that its field asks for; none is converted.",
        "443 is no text",
        '"443"',
    ),
    Edit(
        "word-for-boolean",
        "fleet.yaml",
        "  set_clock: false",
        "  set_clock: off",
        "A value is of the type that its field asks for; none is converted.",
        "true or false is wanted",
        "true or false",
    ),
    Edit(
        "policy-that-is-not-defined",
        "access.yaml",
        "        apps-admin: {purpose: managing applications, policies: [anonymous, apps-admin]}",
        "        apps-admin: {purpose: managing applications, policies: [anonymous, admin-of-apps]}",
        "A policy or role that somebody is to have is defined.",
        "admin-of-apps is not defined",
        "access.nomad.policies",
    ),
    Edit(
        "policy-over-no-namespace",
        "access.yaml",
        "            apps:\n              policy: write",
        "            default:\n              policy: write",
        "A policy is over namespaces that are declared; `default` holds no job of ours and is none of them.",
        "default is no declared namespace",
        "write one of: apps, build",
    ),
    Edit(
        "namespace-without-people",
        "access.yaml",
        "      build: {purpose: package build}",
        "      build: {purpose: package build}",
        "Every namespace is written to by some group's people, with a token that is no management token.",
        "no group's people may write in build",
        "policy: write",
    ),
    Edit(
        "group-that-maps-to-nothing",
        "access.yaml",
        "        policies: [observer]\n\n  consul:",
        "        policies: []\n\n  consul:",
        "A group of people maps to a policy that grants something.",
        "observers maps to nothing",
        "name a policy",
    ),
    Edit(
        "mount-twice",
        "access.yaml",
        "\n    policies:\n      operator:\n        purpose: keeps",
        "      secret/: {type: kv, version: 2, purpose: again}\n    policies:\n      operator:\n        purpose: keeps",
        "A path of Vault is one mount's or one login's, and no mount stands below another.",
        "secret is the mount secret already",
        "keep one of the two",
    ),
    Edit(
        "kv-without-version",
        "access.yaml",
        "      secret: {type: kv, version: 2, purpose: secrets of people and of the fleet}",
        "      secret: {type: kv, purpose: secrets of people and of the fleet}",
        "A kv mount says its version, and no other mount does.",
        "secret says no version",
        "write version: 2",
    ),
    Edit(
        "passwords-in-clear",
        "access.yaml",
        "      url: ldap://localhost",
        "      url: ldap://ldap.fleet.example",
        "Passwords leave a host by TLS alone.",
        "would get every password",
        "ldaps://",
    ),
    Edit(
        "more-shares-than-people",
        "control.yaml",
        "    threshold: 2",
        "    threshold: 4",
        "Each share of Vault's seal is another person's, and enough of them open it, never one of several.",
        "4 shares are needed and 3 people hold one",
        "name more holders",
    ),
)

CHANGED_TOO = {
    "namespace-without-people": [
        (
            "access.yaml",
            '            "*":\n              policy: write',
            '            "m*":\n              policy: write',
        ),
        (
            "access.yaml",
            "            apps:\n              policy: write",
            "            infrastructure: {policy: write}\n            apps:\n              policy: write",
        ),
    ],
    "even-control-servers": [
        (
            "machines.yaml",
            "    roles: [control]\n    fabric: {address: 10.99.0.11}",
            "    fabric: {address: 10.99.0.11}",
        )
    ],
}
