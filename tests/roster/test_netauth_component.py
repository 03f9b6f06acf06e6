"""The program with its people: what it asks of the directory, and that nothing secret is among it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from components.roster.netauth_plan import plan
from model import load
from tests.components.programs import program
from tests.harness import ROOT


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_each_person_group_membership_and_key_is_a_resource(stack: str) -> None:
    asked = Counter(one.type for one in program(stack).asked)
    fleet = load(ROOT / "stacks" / stack)
    found = plan(fleet, datetime.now(UTC).date())
    assert found is not None
    assert asked["netauth:index:Ledger"] == 1
    assert asked["netauth:index:Group"] == len(found.groups)
    assert asked["netauth:index:Entity"] == len(found.entities) > 3
    assert asked["netauth:index:Membership"] == sum(len(one.groups) for one in found.entities)
    assert asked["netauth:index:Key"] == sum(len(one.keys) for one in found.entities) > 3


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_provider_knows_where_and_whom_to_trust_and_no_token(stack: str) -> None:
    provider = next(one for one in program(stack).asked if one.type == "pulumi:providers:netauth")
    assert set(provider.wire) <= {"server", "port", "address", "authorities"}
    assert provider.wire["port"] == "1729"


def test_a_key_is_named_by_itself_so_that_a_new_label_is_no_new_key() -> None:
    names = [one.name for one in program("prod").asked if one.type == "netauth:index:Key"]
    assert len(set(names)) == len(names)
    labels = {label for person in load(ROOT / "stacks" / "prod").roster.people.values() for label in person.keys}  # type: ignore[union-attr]
    assert not [name for name in names if name.rsplit("-", 1)[-1] in labels]
