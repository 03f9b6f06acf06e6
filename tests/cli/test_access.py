"""What the verbs of access do without any server: where they go, what they write, whom they refuse."""

from __future__ import annotations

import base64
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cli import shares
from cli.login import await_known, wanted
from cli.mistake import Mistake
from cli.shell import exports, lasting, unsets
from cli.together import ask
from cli.vault import Shares, State
from cli.way_in import WayIn, way_in
from model import Fleet, load
from model.fleet import Recorded
from tests.cli.run import Ran
from tests.harness import ROOT
from tests.servers.answering import Server, serve

__all__ = ["serve"]

TOKENS = ("VAULT_ADDR", "NOMAD_ADDR", "CONSUL_HTTP_ADDR", "VAULT_TOKEN", "NOMAD_TOKEN", "CONSUL_HTTP_TOKEN")


@pytest.fixture(scope="module")
def local() -> Fleet:
    return load(ROOT / "stacks" / "local")


@pytest.fixture
def way(local: Fleet, monkeypatch: pytest.MonkeyPatch) -> WayIn:
    for name in (*TOKENS, "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert local.control is not None
    recorded = {"a-ams-nl": Recorded(ipv4="10.77.1.5")}
    return WayIn("local", local.model_copy(update={"recorded": recorded}), local.control)


def test_systems_are_reached_at_the_names_of_the_data(way: WayIn) -> None:
    assert way.url("vault") == "https://vault.fleet.example"
    assert way.hosts == ("a-ams-nl", "a-fra-de", "a-grq-nl")


def test_an_address_of_the_environment_is_of_this_stack_or_of_this_machine(
    way: WayIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for good in ("https://vault.fleet.example", "https://127.0.0.1:8200", "http://localhost:8200", "http://[::1]:8200"):
        monkeypatch.setenv("VAULT_ADDR", good)
        assert way.url("vault") == good
    for bad in ("https://vault.elsewhere.example", "http://vault.fleet.example", "https://127.0.0.1.elsewhere.example"):
        monkeypatch.setenv("VAULT_ADDR", bad)
        with pytest.raises(Mistake, match=r"stack local is reached at https://vault\.fleet\.example"):
            way.api("vault")


def test_a_control_host_is_dialled_at_what_is_recorded(way: WayIn) -> None:
    api = way.own("vault", "a-ams-nl")
    assert (api.address, api.connect_to) == ("https://vault.fleet.example", "10.77.1.5:443")


def test_only_control_hosts_can_be_named(way: WayIn) -> None:
    assert way.named(None) == way.hosts
    with pytest.raises(Mistake, match="a-bru-be: is no control host"):
        way.named(["a-bru-be"])


def test_a_stack_that_is_not_there_is_named(fleet: Callable[..., Ran]) -> None:
    ran = fleet("unseal", "-s", "nowhere")
    assert ran.code == 1
    assert "no Pulumi.nowhere.yaml" in ran.err


def test_the_roles_to_ask_for_come_from_the_data(local: Fleet) -> None:
    assert wanted(local)["nomad"][0] == "management"
    assert wanted(local, nomad="observer") == {"nomad": ("observer",), "consul": ("root", "observer")}
    with pytest.raises(Mistake, match="--consul emperor"):
        wanted(local, consul="emperor")
    assert wanted(local.model_copy(update={"access": None}), nomad="x") == {"nomad": ("x",), "consul": ()}


def test_export_lines_survive_any_shell_character() -> None:
    odd = 'it\'s $HOME `x` "y" \\ z'
    said = subprocess.run(
        ["sh", "-c", f'{exports({"ODD": odd})}printf %s "$ODD"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == odd
    assert all(name in unsets() for name in TOKENS)


def test_durations_are_rough() -> None:
    assert [lasting(s) for s in (5, 3600, 7200, 86400 * 3)] == ["less than a minute", "60 min", "2 h", "3 days"]


def test_shares_are_one_file_each_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder, holders = tmp_path / "new" / "shares", ["Ada L.", "Ada/L.", "grace"]
    shares.prepare(folder)
    shares.write(folder, holders, ["a", "b", "c"])
    assert sorted(path.name for path in folder.iterdir()) == ["Ada-L-1.share", "Ada-L-2.share", "grace.share"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert shares.read(folder, holders) == ["a", "b", "c"]


def test_a_place_that_takes_no_shares_is_said_before_they_are_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Mistake, match="cannot hold shares"):
        shares.prepare(tmp_path / "file" / "shares")


def test_public_keys_are_read_with_and_without_armour(tmp_path: Path) -> None:
    key = bytes(range(200))
    text = base64.b64encode(key).decode()
    armour = "\n".join(text[n : n + 64] for n in range(0, len(text), 64))
    head = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: any\n\n"
    (tmp_path / "ada.asc").write_text(f"{head}{armour}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n")
    (tmp_path / "grace.gpg").write_bytes(key)
    assert [base64.b64decode(one) for one in shares.public_keys(tmp_path, ["ada", "grace"])] == [key, key]
    with pytest.raises(Mistake, match=r"no key edsger\.asc"):
        shares.public_keys(tmp_path, ["ada", "grace", "edsger"])


def test_nothing_secret_shows_by_accident() -> None:
    assert "s3cret" not in repr(Shares(("s3cret",), "s3cret", 1))


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (State("a", silent="timed out"), "Vault on a: no answer (timed out)"),
        (State("a"), "Vault on a: new, it waits for `fleet bootstrap` or to join the others"),
        (State("a", initialised=True, threshold=3, given=2), "Vault on a: sealed, 1 more share"),
        (State("a", initialised=True, threshold=3), "Vault on a: sealed, 3 more shares"),
        (State("a", initialised=True, sealed=False, active=True), "Vault on a: open, it leads"),
        (State("a", initialised=True, sealed=False, apart=True), "Vault on a: open, without contact to its leader"),
    ],
)
def test_each_state_is_a_line_that_says_what_is_left(state: State, line: str) -> None:
    assert str(state) == line


def test_who_is_late_does_not_hold_the_others_up() -> None:
    never = threading.Event()
    began = time.monotonic()
    found = ask({"quick": lambda: 1, "late": lambda: never.wait(60), "broken": lambda: 1 // 0}, 5)
    assert time.monotonic() - began < 30
    never.set()
    assert list(found) == ["quick", "late", "broken"]
    assert found["quick"].value == 1
    assert "no answer within 5 s" in str(found["late"].error)
    assert isinstance(found["broken"].error, ZeroDivisionError)


def test_the_verbs_stand_in_the_help(fleet: Callable[..., Ran]) -> None:
    ran = fleet("--help")
    for verb in ("login", "logout", "bootstrap", "unseal", "status", "log", "exec", "restart", "machines"):
        assert f" {verb} " in ran.out


def test_a_way_in_is_found_by_its_stack() -> None:
    assert way_in("local").fleet.fleet == "void-local"


def test_a_new_token_is_waited_for_at_each_server_by_what_that_one_knows_itself(
    way: WayIn, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follower that is asked without `stale` asks its leader, who knows every token."""
    times: list[str] = []

    def answers(asked: BaseHTTPRequestHandler) -> tuple[int, Any]:
        times.append(asked.path)
        return (200, {}) if "stale=" not in asked.path or len(times) > 3 else (403, "ACL token not found")

    monkeypatch.setenv("NOMAD_ADDR", f"http://127.0.0.1:{serve(answers).port}")
    await_known(way, {"NOMAD_TOKEN": "t"}, 30.0)
    assert times == ["/v1/acl/token/self?stale=true"] * 4
