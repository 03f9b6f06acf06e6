"""The policies of both stacks as the servers read them: the difference is the review. `BLESS=1` takes what is there."""

from __future__ import annotations

import os
import re

import pytest

from components.control import rules
from components.control.plan import Policy, plan
from model.access import ConsulRules, NomadRules
from tests.control.programs import fleet_of
from tests.harness import ROOT

GOLDEN = ROOT / "tests" / "golden" / "policies"


def policies(stack: str) -> dict[str, dict[str, Policy]]:
    """Every policy of a stack, by system and name."""
    found = plan(fleet_of(stack))
    assert found is not None
    return {"nomad": found.nomad.policies, "vault": found.vault.policies, "consul": found.consul.policies}


@pytest.mark.parametrize("system", ["nomad", "vault", "consul"])
@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_policies_are_those_last_reviewed(stack: str, system: str) -> None:
    text = ""
    for name, policy in policies(stack)[system].items():
        bound = f" (only of the job {policy.job[1]} in {policy.job[0]})" if policy.job else ""
        text += f"# {name}: {policy.purpose}{bound}\n{policy.rules}\n"
    page = GOLDEN / f"{stack}-{system}.hcl"
    if os.environ.get("BLESS"):
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    assert page.read_text() == text, f"{page.name} changed; if you meant it, run again with BLESS=1"


def test_every_field_of_a_rule_is_rendered() -> None:
    """A right that the model knows and the text forgets would be a right that nobody has."""
    namespaces = {"apps": {"policy": "read", "capabilities": ("read-fs",), "variables": {"a/*": ("read",)}}}
    whole = NomadRules.model_validate(
        {"namespaces": namespaces, "host_volumes": {"*": "read"}}
        | dict.fromkeys(("agent", "node", "operator", "plugin"), "read")
    )
    assert all(getattr(whole, field) for field in NomadRules.model_fields)
    text = rules.nomad(whole)
    for word in (
        "namespace",
        "capabilities",
        "variables",
        "path",
        "host_volume",
        "agent",
        "node",
        "operator",
        "plugin",
    ):
        assert re.search(rf"^ *{word}\b", text, re.MULTILINE), word
    for field, hint in ConsulRules.model_fields.items():
        value = "write" if "dict" not in str(hint.annotation) else {"x": "write"}
        text = rules.consul(ConsulRules.model_validate({field: value}))
        assert text == (f'{field} = "write"\n' if value == "write" else f'{field} "x" {{\n  policy = "write"\n}}\n')


def test_the_order_of_the_data_makes_no_difference() -> None:
    one = rules.vault({"b": ("list", "read"), "a": ("sudo", "deny", "create")})
    assert one == rules.vault({"a": ("create", "deny", "sudo"), "b": ("read", "list")})
    assert one.index('"a"') < one.index('"b"')
    assert '["read", "list"]' in one
