"""Entities, groups, memberships and keys against a real server: every verb, drift, and names that stay given."""

from __future__ import annotations

import signal
import threading
from typing import Any

import grpc
import pytest

from providers.base.values import Bag
from providers.netauth.calls import PATIENCE, NetAuthError
from providers.netauth.client import Client
from tests.providers_netauth.conftest import Directory
from tests.servers import netauth

pytestmark = pytest.mark.servers

KEYS = [
    f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43} at home" for letter in "ABC"
]  # three keys that only look alike


def person(name: str, number: int, **more: Any) -> Bag:
    base = {"name": name, "number": number, "primary_group": "people", "home": f"/home/{name}", "shell": "/bin/bash"}
    return base | {"locked": False, "groups": [], "keys": []} | more


def test_somebody_is_made_looked_at_changed_and_imported(engine: Directory, server: netauth.Server) -> None:
    bo = person("bo", 2001)
    made = engine.made("Entity", **bo)
    assert made[0] == "bo"
    assert made[2]["observed"] == "present"
    seen = engine.looked("Entity", made)
    assert engine.differs("Entity", seen, bo) == set()
    wish = bo | {"shell": "/bin/sh", "locked": True}
    assert engine.differs("Entity", seen, wish) == {"shell", "locked"}
    engine.update("netauth:index:Entity", "bo", seen[1], seen[2], wish)
    found = server.client().entity("bo")
    assert found is not None
    assert (found.shell, found.locked, found.home) == ("/bin/sh", True, "/home/bo")
    engine.update("netauth:index:Entity", "bo", wish, seen[2], bo)
    id_, inputs, outputs = engine.read("netauth:index:Entity", "bo")
    assert (id_, inputs["number"], outputs["observed"]) == ("bo", 2001, "present")
    assert engine.differs("Entity", (id_, inputs, outputs), bo) == set()


def test_a_new_entity_has_a_password_that_nobody_knows(engine: Directory, server: netauth.Server) -> None:
    engine.made("Entity", **person("nopass", 2002))
    for guess in ("", "nopass", "<REDACTED>"):
        with pytest.raises(NetAuthError, match="does not let them in"):
            server.calls().token("nopass", guess)
    made = engine.made("Entity", **person("nopass2", 2003))
    assert "secret" not in str(made)


def test_a_preview_asks_nothing(engine: Directory, server: netauth.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLEET_NETAUTH_TOKEN")
    before = server.log()
    assert engine.create("netauth:index:Entity", person("later", 2004), preview=True)[0] == "later"
    assert engine.create("netauth:index:Group", {"name": "later", "number": 3999}, preview=True)[0] == "later"
    assert server.log() == before


def test_drift_shows_and_goes_away_and_nothing_else_does(engine: Directory, server: netauth.Server) -> None:
    engine.made("Group", name="drifters", number=3002)
    engine.made("Group", name="byhand", number=3003)
    wish = person("drift", 2005, groups=["drifters"])
    made = engine.made("Entity", **wish)
    inside = engine.made("Membership", entity="drift", group="drifters")
    client = server.client()
    client.set_locked("drift", True)
    client.set_member("drift", "byhand", True)
    client.set_key("drift", KEYS[0], True)
    client.set_member("drift", "drifters", False)
    seen = engine.looked("Entity", made)
    assert engine.differs("Entity", seen, wish) == {"locked", "beyond"}
    assert "drift has the group byhand, which no data gives" in str(engine.said)
    lost = engine.looked("Membership", inside)
    assert lost[0] == "drift/drifters", "an empty id would take it out of the state"
    assert engine.differs("Membership", lost, {"entity": "drift", "group": "drifters"}) == {"observed"}
    engine.update("netauth:index:Membership", lost[0], lost[1], lost[2], inside[1])
    engine.update("netauth:index:Entity", "drift", seen[1], seen[2], wish)
    found = client.entity("drift")
    assert found is not None
    assert (found.locked, found.groups, found.keys) == (False, ("drifters",), ())


def test_without_a_look_nothing_done_by_hand_is_undone(engine: Directory, server: netauth.Server) -> None:
    wish = person("handmade", 2006)
    made = engine.made("Entity", **wish)
    engine.made("Group", name="unseen", number=3004)
    server.client().set_member("handmade", "unseen", True)
    engine.update("netauth:index:Entity", "handmade", wish, made[2], wish | {"shell": "/bin/sh"})
    found = server.client().entity("handmade")
    assert found is not None
    assert found.groups == ("unseen",)


def test_who_is_deleted_is_locked_and_stripped_and_the_name_stays(engine: Directory, server: netauth.Server) -> None:
    engine.made("Group", name="leavers", number=3005)
    made = engine.made("Entity", **person("gone", 2007))
    engine.made("Membership", entity="gone", group="leavers")
    engine.made("Key", entity="gone", label="home", key=KEYS[0])
    server.client().set_secret("gone", "known to gone")
    assert server.calls().token("gone", "known to gone")
    engine.remove("netauth:index:Entity", "gone", made[1], made[2])
    engine.remove("netauth:index:Entity", "gone", made[1], made[2])
    found = server.client().entity("gone")
    assert found is not None
    assert (found.locked, found.groups, found.keys) == (True, (), ())
    with pytest.raises(NetAuthError, match="does not let them in"):
        server.calls().token("gone", "known to gone")
    for again, reason in (
        (person("gone", 2007), "a name is never handed out again"),
        (person("gone", 2008), "as number 2007 and not 2008"),
        (person("other", 2007), "the number 2007 is that of gone"),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            engine.create("netauth:index:Entity", again)
        assert reason in refused.value.details()
    assert server.client().entity("other") is None


def test_a_number_never_changes_under_a_name(engine: Directory) -> None:
    for kind, name in (("Entity", "bo"), ("Group", "ops")):
        olds = {"name": name, "number": 2001}
        _, failures = engine.check(f"netauth:index:{kind}", olds | {"number": 2999}, olds=olds)
        assert "a number never changes under a name" in failures[0]
    _, failures = engine.check("netauth:index:Group", {"name": "g", "number": 3001, "capabilities": ["FLY"]})
    assert "FLY is no capability of NetAuth" in failures[0]
    _, failures = engine.check("netauth:index:Key", {"entity": "bo", "label": "x", "key": "ssh-ed25519 A"})
    assert "bo: the key x: is no public key" in failures[0]
    _, failures = engine.check("netauth:index:Membership", {"entity": "bo"})
    assert "group is missing" in failures[0]


def test_a_create_that_was_killed_is_taken_up(engine: Directory, server: netauth.Server) -> None:
    server.client().create_entity("half", 2010, "an up that was killed knew it")
    engine.made("Entity", **person("half", 2010))
    found = server.client().entity("half")
    assert found is not None
    assert found.home == "/home/half"
    engine.made("Group", name="half", number=3010)
    engine.made("Group", name="half", number=3010, capabilities=["LOCK_ENTITY"])
    assert server.client().group("half").capabilities == ("LOCK_ENTITY",)  # type: ignore[union-attr]


def test_a_groups_words_and_capabilities_follow_the_data(engine: Directory, server: netauth.Server) -> None:
    wish: Bag = {"name": "ops", "number": 3020, "display_name": "Operators", "managed_by": "ops"}
    made = engine.made("Group", **wish, capabilities=["LOCK_ENTITY", "CREATE_ENTITY"])
    seen = engine.looked("Group", made)
    assert engine.differs("Group", seen, made[1]) == set()
    server.client().set_capability("ops", "GLOBAL_ROOT", True)
    seen = engine.looked("Group", made)
    assert engine.differs("Group", seen, made[1]), "a capability given by hand is seen"
    after = wish | {"display_name": "", "capabilities": ["CREATE_ENTITY"]}
    engine.update("netauth:index:Group", "ops", seen[1], seen[2], after)
    found = server.client().group("ops")
    assert found is not None
    assert (found.display_name, found.managed_by, found.capabilities) == ("", "ops", ("CREATE_ENTITY",))


def test_a_group_goes_with_its_memberships(engine: Directory, server: netauth.Server) -> None:
    made = engine.made("Group", name="club", number=3030)
    engine.made("Entity", **person("member", 2030))
    engine.made("Membership", entity="member", group="club")
    engine.remove("netauth:index:Group", "club", made[1], made[2])
    assert server.client().group("club") is None
    engine.made("Group", name="club", number=3030)
    found = server.client().entity("member")
    assert found is not None
    assert found.groups == (), "a group of the same name must not find its members of long ago"
    with pytest.raises(grpc.RpcError) as refused:
        engine.made("Membership", entity="member", group="nowhere")
    assert "no group nowhere" in refused.value.details()


def test_a_key_is_replaced_without_a_gap_and_takes_no_other_with_it(engine: Directory, server: netauth.Server) -> None:
    engine.made("Entity", **person("keys", 2040))
    old = engine.made("Key", entity="keys", label="home", key=KEYS[0])
    engine.made("Key", entity="keys", label="work", key=KEYS[1])
    renamed = old[1] | {"key": KEYS[0].replace("at home", "at sea")}
    assert not engine.diff("netauth:index:Key", old[0], old[1], old[2], renamed).replaces
    other = engine.diff("netauth:index:Key", old[0], old[1], old[2], old[1] | {"key": KEYS[2]})
    assert list(other.replaces) == ["key"]
    assert not other.deleteBeforeReplace
    # The server takes away every key that contains the text: a longer one beside it must be there afterwards.
    longer = KEYS[0].rsplit(" ", 2)[0] + "AAAA"
    server.client().set_key("keys", longer, True)
    engine.remove("netauth:index:Key", old[0], old[1], old[2])
    found = server.client().entity("keys")
    assert found is not None
    assert found.keys == tuple(sorted((longer, " ".join(KEYS[1].split()[:2]))))
    assert engine.read("netauth:index:Key", old[0])[0] == "", "an import of what is not there finds nothing"


def test_changes_of_one_person_at_once_all_stand(engine: Directory, server: netauth.Server) -> None:
    names = [f"crowd{number}" for number in range(8)]
    for number, name in enumerate(names):
        engine.made("Group", name=name, number=3100 + number)
    engine.made("Entity", **person("busy", 2050))
    threads = [
        threading.Thread(target=engine.made, args=("Membership",), kwargs={"entity": "busy", "group": name})
        for name in names
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = server.client().entity("busy")
    assert found is not None
    assert list(found.groups) == names


def test_a_lock_holds_against_somebody_who_logs_in_all_the_time(server: netauth.Server) -> None:
    client = server.client()
    client.create_entity("insistent", 2060, "knows it")
    over = threading.Event()
    quick = server.calls()

    def log_in() -> None:
        while not over.is_set():
            try:
                quick.token("insistent", "knows it")
            except NetAuthError:
                continue

    threads = [threading.Thread(target=log_in) for _ in range(4)]
    for one in threads:
        one.start()
    try:
        Client(server.calls()).set_locked("insistent", True)
    finally:
        over.set()
        for one in threads:
            one.join()
    found = client.entity("insistent")
    assert found is not None
    assert found.locked


def test_a_silent_server_disturbs_no_refresh_and_fails_a_change_by_name(
    engine: Directory, server: netauth.Server
) -> None:
    made = engine.made("Entity", **person("quiet", 2070))
    server.stop(signal.SIGKILL)
    try:
        seen = engine.looked("Entity", made)
        assert (seen[0], seen[1]) == (made[0], made[1])
        assert seen[2] == made[2] | {"observed": "unreachable"}
        assert engine.differs("Entity", seen, made[1]) == set()
        with pytest.raises(grpc.RpcError) as refused:
            engine.update("netauth:index:Entity", "quiet", made[1], seen[2], made[1] | {"locked": True})
        assert "does not answer" in refused.value.details()
    finally:
        server.start()
    engine.update("netauth:index:Entity", "quiet", made[1], seen[2], made[1] | {"locked": True})


def test_a_change_waits_for_a_server_that_restarts(engine: Directory, server: netauth.Server) -> None:
    # As long as the provider has it.
    engine.session.use(server.client(patience=PATIENCE))
    server.stop()
    again = threading.Timer(0.7, server.start)
    again.start()
    engine.made("Entity", **person("patient", 2080))
    again.join()


def test_tokens_that_are_missing_wrong_or_weak_are_said(server: netauth.Server) -> None:
    client = server.client()
    client.create_entity("weak", 2090, "may do nothing")
    for token, reason in (
        ("", "no token for NetAuth"),
        ("nonsense", "refuses the token"),
        (server.calls().token("weak", "may do nothing"), "may not do this"),
    ):
        with pytest.raises(NetAuthError, match=reason):
            Client(server.calls(token=token)).create_entity("nope", 2091, "x")
    assert client.entity("nope") is None
