"""The ledger: a look back refuses in the preview what no check of the data can see, and says the rest in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from providers.base.resource import CALL, Call
from providers.base.values import UNKNOWN, Bag
from providers.netauth.ledger import Ledger


class Listening:
    """In place of the provider: keeps what would be shown."""

    def __init__(self, ledger: Ledger) -> None:
        self.said: list[tuple[str, str]] = []
        ledger.provider = self  # type: ignore[assignment]

    def log(self, text: str, *, severity: str = "info", urn: str = "") -> None:
        self.said.append((urn, text))


@pytest.fixture
def urn() -> Iterator[str]:
    token = CALL.set(Call("urn:of:the:ledger"))
    yield "urn:of:the:ledger"
    CALL.reset(token)


def inputs(**changes: Any) -> Bag:
    people = {
        handle: {"github": 900 + n, "number": 2000 + n, "left": None, "since": "2024-02-01", "founder": True}
        for n, handle in enumerate(("ann", "bo", "cy", "dee", "eli"))
    }
    base: Bag = {"people": people, "removal_percent": 25, "comment_days": 7, "waivers": [], "as_of": "2026-11-27"}
    base["rights"] = {handle: ["host-login a-nyc-us"] for handle in people}
    base["roles"] = {"a-nyc-us": ["mirror"]}
    return base | changes


def with_person(handle: str, **changes: Any) -> Bag:
    now = inputs()
    now["people"] = now["people"] | {handle: now["people"][handle] | changes}
    return now


def refused(after: Bag, before: Bag | None = None) -> str:
    found = Ledger().check(after, before or {})[1]
    return "; ".join(one.reason for one in found)


def test_what_changes_nobodys_identity_is_accepted() -> None:
    assert refused(inputs()) == ""
    assert refused(inputs(), inputs()) == ""
    assert refused(with_person("bo", left="2026-11-01"), inputs()) == ""


def test_an_identity_that_changes_or_disappears_is_refused() -> None:
    assert "the GitHub id of bo changes" in refused(with_person("bo", github=1), inputs())
    assert "the number in the directory of bo changes" in refused(with_person("bo", number=1), inputs())
    fewer = inputs()
    del fewer["people"]["bo"]
    assert "bo is gone from the roster" in refused(fewer, inputs())


def test_too_many_who_leave_at_once_are_refused_unless_a_waiver_holds() -> None:
    after = with_person("bo", left="2026-11-01")
    after["people"]["cy"] = after["people"]["cy"] | {"left": "2026-11-01"}
    assert refused(after, inputs()) != ""
    assert refused(after | {"waivers": [{"percent": 60, "until": "2026-12-01"}]}, inputs()) == ""
    assert refused(after | {"waivers": [{"percent": 60, "until": "2026-11-26"}]}, inputs()) != ""


def test_what_is_not_plain_data_is_refused() -> None:
    assert "as_of is missing" in refused(inputs(as_of=None))
    assert "could not be judged" in refused(inputs(rights={"ann": UNKNOWN}))


def test_effects_are_said_beside_the_ledger_and_another_day_alone_is_no_change(urn: str) -> None:
    ledger = Ledger()
    shown = Listening(ledger)
    assert not ledger.diff("people", inputs(), inputs(), inputs(as_of="2027-01-01", removal_percent=30)).changes
    assert shown.said == []
    after = inputs()
    after["rights"] = after["rights"] | {"bo": []}
    found = ledger.diff("people", inputs(), inputs(), after)
    assert found.changes
    assert [one for one, _ in shown.said] == [urn]
    assert "bo" in shown.said[0][1]
    assert "log in" in shown.said[0][1]
    ledger.create(inputs(), preview=False, timeout=0)
    assert len(shown.said) == 1, "an apply repeats nothing"
