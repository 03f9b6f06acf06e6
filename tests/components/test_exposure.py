"""Nothing is open to the outside, at a cloud or on a host, that the data does not declare; and no secret is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.components.programs import program, program_with, states
from tests.harness import MARK, SECRET, Ledger, leaves, placeholders
from tests.model.change import GONE, facts

DKIM = "v=DKIM1; k=rsa; p="
Door = tuple[str, str, str, str]
STACKS = ("local", "prod")


def declared(data: dict[str, Any]) -> set[Door]:
    """(host, protocol, ports, source) of every opening, read from the files' plain data and from nothing else."""
    doors: set[Door] = set()
    for host, machine in data["machines"].items():
        if machine.get("managed", True):
            sections = [data["base"], *(data["roles"][role] for role in machine.get("roles", [])), machine]
            for section in sections:
                for rule in section.get("openings", {}).values():
                    doors |= {(host, rule["proto"], rule["ports"], s) for s in rule.get("from", ["world"])}
    return doors


def _range(low: float, high: float) -> str:
    return str(int(low)) if low == high else f"{int(low)}-{int(high)}"


def opened_on_hosts(ledger: Ledger) -> set[Door]:
    """What the hosts' own firewalls let in."""
    return {
        (a.inputs["host"], rule["proto"], rule["ports"], source)
        for a in states(ledger).values()
        for rule in a.inputs["desired"]["firewall"]["openings"].values()
        for source in rule["from"]
    }


def opened_at_clouds(ledger: Ledger) -> set[Door]:
    """What the providers' firewalls let in."""
    doors: set[Door] = set()
    for name, a in ledger.of("digitalocean:index/firewall:Firewall").items():
        host = name.removeprefix("machines-firewall-")
        for rule in a.inputs["inboundRules"]:
            doors |= {(host, rule["protocol"], rule["portRange"], s) for s in rule["sourceAddresses"]}
    groups = {name.removeprefix("machines-firewall-") for name in ledger.of("aws:ec2/securityGroup:SecurityGroup")}
    for name, a in ledger.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").items():
        (host,) = [g for g in groups if name.startswith(f"machines-rule-{g}-")]
        source = a.inputs.get("cidrIpv4") or a.inputs["cidrIpv6"]
        doors.add((host, a.inputs["ipProtocol"], _range(a.inputs["fromPort"], a.inputs["toPort"]), source))
    for a in ledger.of("gcp:compute/firewall:Firewall").values():
        for allow in a.inputs["allows"]:
            for source in a.inputs["sourceRanges"]:
                doors.add((a.inputs["targetTags"][0], allow["protocol"], allow["ports"][0], source))
    return doors


def _wide(doors: set[Door]) -> set[Door]:
    """The world, in the two ranges that clouds know it by."""
    return {(h, p, n, wide) for h, p, n, s in doors for wide in (("0.0.0.0/0", "::/0") if s == "world" else (s,))}


@pytest.mark.parametrize("stack", STACKS)
def test_hosts_open_what_is_declared_and_nothing_else(stack: str) -> None:
    assert opened_on_hosts(program(stack)) == declared(facts(stack))


def test_clouds_open_what_is_declared_and_nothing_else() -> None:
    cloudy = {h for h, m in facts("local")["machines"].items() if m["source"]["kind"] != "metal"}
    assert opened_at_clouds(program("local")) == {d for d in _wide(declared(facts("local"))) if d[0] in cloudy}
    assert len(cloudy) == 5


def test_an_undeclared_listener_is_seen() -> None:
    """Positive control: the same search, on a program with one port more than the files that it is compared with."""
    rule = {"proto": "tcp", "ports": "8080", "why": "a test"}
    ledger = program_with({"roles/control/openings/extra": rule})
    control = {"a-ams-nl", "a-fra-de", "a-grq-nl"}
    assert {d[:3] for d in opened_on_hosts(ledger) - declared(facts("local"))} == {(h, "tcp", "8080") for h in control}
    beyond = opened_at_clouds(ledger) - _wide(declared(facts("local")))
    assert {d[:3] for d in beyond} == {(h, "tcp", "8080") for h in control}


def test_a1_05_a_port_for_one_role_changes_just_those_hosts_and_names_the_rule() -> None:
    rule = {"proto": "tcp", "ports": "8080", "why": "a test"}
    before, after = program("local"), program_with({"roles/mirror/openings/extra": rule})
    mirrors = {"a-nyc-us", "a-pdx-us"}
    touched = {a.name for a in before.asked if after[a.name].wire != a.wire and a.type != "hosts:index:State"}
    assert touched == {"machines-firewall-a-nyc-us"}
    new = {a.name for a in after.asked} - {a.name for a in before.asked}
    assert new == {"machines-rule-a-pdx-us-extra-0", "machines-rule-a-pdx-us-extra-1"}
    for name, state in states(before).items():
        paths = {
            path for path, _ in set(map(repr_leaf, leaves(after[name].wire))) ^ set(map(repr_leaf, leaves(state.wire)))
        }
        if state.inputs["host"] in mirrors:
            assert {path[:4] for path in paths} == {("desired", "firewall", "openings", "extra")}
        else:
            assert paths == set()


def test_a1_05_what_leaves_the_data_leaves_the_desired_state() -> None:
    after = program_with({"base/packages/jq": GONE})
    for name, state in states(program("local")).items():
        gone = set(map(repr_leaf, leaves(state.wire))) - set(map(repr_leaf, leaves(after[name].wire)))
        assert {path for path, _ in gone} == {("desired", "packages", "jq")}


def repr_leaf(leaf: tuple[tuple[str, ...], Any]) -> tuple[tuple[str, ...], str]:
    """A leaf that a set can hold."""
    return leaf[0], repr(leaf[1])


def test_secrets_are_marked_on_their_way_to_the_engine() -> None:
    secrets = {f"{prefix}{v}" for k, v in placeholders().items() if k.startswith("dns-") for prefix in ("", DKIM)}
    shown: dict[str, list[str]] = {"marked": [], "plain": []}
    for asked in program("prod").asked:
        for _, leaf in leaves(asked.wire):
            marked = isinstance(leaf, dict) and leaf.get(MARK) == SECRET
            if str(leaf["value"] if marked else leaf) in secrets:
                shown["marked" if marked else "plain"].append(asked.name)
    assert shown["plain"] == []
    assert len(shown["marked"]) == 3, "the search finds the three that are there"


TOKENS = {
    "DIGITALOCEAN_TOKEN": "dop_v1_control_string",
    "SPACES_ACCESS_KEY_ID": "spaces_control_string",
    "SPACES_SECRET_ACCESS_KEY": "spaces_secret_control_string",
    "AWS_ACCESS_KEY_ID": "akia_control_string",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_control_string",
    "GOOGLE_CREDENTIALS": '{"private_key": "gcp_control_string"}',
    "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29_control_string",
    "GITHUB_TOKEN": "ghp_control_string",
}


def test_credentials_of_the_environment_stand_in_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    ledger = program_with({"base/packages/marker_control_string": "the search finds what is there"})
    found = {a.type for a in ledger.asked if "control_string" in json.dumps(a.wire)}
    assert found == {"hosts:index:State"}, "the marker, and nothing of the environment"
    assert not [a.name for a in ledger.asked for t in TOKENS.values() if t in json.dumps(a.wire)]


def test_providers_are_literal() -> None:
    providers = {a.name: a.inputs for a in program("local").asked if a.type.startswith("pulumi:providers:")}
    clouds = {"machines-aws-eu-central-1", "machines-aws-us-west-2", "machines-gcp"}
    systems = {"control-nomad-provider", "control-vault-provider", "control-consul-provider", "services-nomad"}
    systems |= {"roster-netauth-provider", "github-provider"}
    assert set(providers) == clouds | systems
    assert providers["github-provider"]["owner"] == "fleet-rehearsal"
    assert providers["machines-gcp"]["project"] == "fleet-rehearsal"
    for name in ("eu-central-1", "us-west-2"):
        assert providers[f"machines-aws-{name}"]["region"] == name
    for inputs in providers.values():
        named = [k for k in inputs if not k.startswith("skip")]
        assert not [k for k in named if any(w in k.lower() for w in ("token", "secret", "key", "credential"))], inputs
