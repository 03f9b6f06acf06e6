"""An operator leaves who holds an unseal share and the passphrase of the state: both named, and made anew for real."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from cli import roster_passphrase, shares
from cli import vault as opening
from components.roster.rights import to_rotate
from model import load
from servers import Api, ApiError
from tests.cli.rosters import DAY, project, text
from tests.cli.run import Ran
from tests.servers import real

__all__ = ["project"]
pytestmark = pytest.mark.servers

Fleet = Callable[..., Ran]
OLD, NEW = "the passphrase of before", "another passphrase of now"
# How the engine marks a secret.
IS_SECRET = "4dabf18193072939515e22adb298388d"
HOLDERS, SECRET = ["ada", "grace", "edsger"], "kept-in-the-state-1815"


@pytest.fixture
def sealed(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, tuple[str, ...]]]:
    """A Vault of three shares, two of which open it, and its shares; bo holds one by now."""
    control = project / "stacks" / "local" / "control.yaml"
    control.write_text(control.read_text().replace("holders: [ada, grace, edsger]", "holders: [ada, bo, edsger]"))
    with real.vault(tmp_path / "vault", dev=False) as server:
        made = opening.initialise({"one": server.open}, 3, 2)
        opening.unseal({"one": server.open}, made.shares)
        monkeypatch.setenv("VAULT_ADDR", server.address)
        yield server.open, made.shares


def rotate(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, secret: str, lines: list[str], *more: str) -> Ran:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return fleet("rotate", secret, "-s", "local", "--as-of", DAY, *more)


def leaves(fleet: Fleet) -> Ran:
    return fleet("offboard", "bo", "-s", "local", "--why", "wish", "--as-of", DAY, "--instead", "mirror-keepers=fay")


def opens(vault: Api, given: list[str]) -> bool:
    """Whether shares open it, asked by a root token that is thrown away at once."""
    try:
        token = opening.root_token(vault, given)
    except (opening.WrongShareError, ApiError):
        vault.delete("/v1/sys/generate-root/attempt")
        return False
    Api("vault", vault.address, token).put("/v1/auth/token/revoke-self")
    return True


def test_shares_go_to_those_who_stay_and_the_leavers_opens_nothing(
    fleet: Fleet, sealed: tuple[Api, tuple[str, ...]], project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vault, old = sealed
    said = leaves(fleet).err
    assert "fleet rotate unseal-share" in said
    assert "fleet rotate state-passphrase" in said
    assert "bo is a holder of an unseal share" in said
    folder = tmp_path / "shares"
    to = [word for holder in HOLDERS for word in ("--holder", holder)]
    ran = rotate(fleet, monkeypatch, "unseal-share", list(old[:2]), "--shares-to", str(folder), *to)
    assert ran.code == 0, ran.err
    new = shares.read(folder, HOLDERS)
    assert len({*new, *old}) == 6
    assert opens(vault, new[1:])
    assert not opens(vault, list(old[:2]))
    assert not [share for share in (*old, *new) if share in ran.out + ran.err]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    control = yaml.safe_load((project / "stacks" / "local" / "control.yaml").read_text())
    assert control["control"]["unseal"]["holders"] == HOLDERS
    assert "rotated: 2026-11-20" in text(project, "settings.yaml")
    assert to_rotate(load(project / "stacks" / "local")) == {"state-passphrase": ("bo",)}


@pytest.mark.parametrize("how", ["wrong", "few", "lost"])
def test_the_old_shares_hold_until_new_ones_were_shown_to_be_kept(
    how: str,
    fleet: Fleet,
    sealed: tuple[Api, tuple[str, ...]],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    vault, old = sealed
    before = text(project, "settings.yaml")
    given = {"wrong": [old[0], "c2hhcmU=" * 5], "few": [old[0]], "lost": list(old[:2])}[how]
    if how == "lost":
        # The medium with the files is not what it was a moment ago.
        monkeypatch.setattr(shares, "read", lambda *_: [])
    ran = rotate(fleet, monkeypatch, "unseal-share", given, "--shares-to", str(tmp_path / "shares"))
    assert ran.code == 1
    assert "the present shares still hold" in ran.err
    assert "Traceback" not in ran.err
    assert opens(vault, list(old[1:]))
    assert not vault.get("/v1/sys/rekey/init")["started"], "the next attempt can begin"
    assert text(project, "settings.yaml") == before


@pytest.fixture
def state(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack of the project with a secret in its state, on a file backend."""
    if shutil.which("pulumi") is None:
        pytest.fail("pulumi is not on PATH: run the tests with `make test`, or after `. ./activate`")
    for name in [name for name in os.environ if name.startswith(("PULUMI_", "FLEET_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "backend").mkdir()
    for name, value in {
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
        "PULUMI_HOME": str(tmp_path / "home"),
        roster_passphrase.VALUE: OLD,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }.items():
        monkeypatch.setenv(name, value)
    (project / "Pulumi.yaml").write_text("name: scratch\nruntime: python\n")
    settings = project / "Pulumi.local.yaml"
    settings.write_text("config:\n  fleet:data: stacks/local\n")
    pulumi(project, "stack", "init", "local")
    pulumi(project, "config", "set", "--secret", "word", given=SECRET)
    urn = "urn:pulumi:local::scratch::pulumi:pulumi:Stack::scratch-local"
    held = json.loads(pulumi(project, "stack", "export").stdout)
    outputs = {"word": {IS_SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(SECRET)}}
    held["deployment"]["resources"] = [{"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": outputs}]
    done = pulumi(project, "stack", "import", given=json.dumps(held))
    assert done.returncode == 0, done.stderr
    return settings


def pulumi(project: Path, *words: str, given: str = "", passphrase: str = OLD) -> subprocess.CompletedProcess[str]:
    named = () if words[:2] == ("stack", "init") else ("--stack", "local")
    env = {**os.environ, roster_passphrase.VALUE: passphrase}
    command = ["pulumi", *words, *named, "--non-interactive"]
    return subprocess.run(command, cwd=project, env=env, input=given, capture_output=True, text=True, check=False)


def word(project: Path, passphrase: str) -> str | None:
    """The secret in the state and in the settings, which are opened by the same; None where they are not."""
    asked = (("config", "get", "word"), ("stack", "output", "word", "--show-secrets"))
    done = [pulumi(project, *words, passphrase=passphrase) for words in asked]
    assert len({one.returncode == 0 for one in done}) == 1, [one.stderr for one in done]
    found = {one.stdout.strip() for one in done if one.returncode == 0}
    assert len(found) <= 1, found
    return found.pop() if found else None


def test_the_passphrase_changes_and_the_old_one_opens_nothing(
    fleet: Fleet, state: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaves(fleet)
    before = state.read_text()
    assert (word(project, OLD), word(project, NEW)) == (SECRET, None)
    ran = rotate(fleet, monkeypatch, "state-passphrase", [NEW])
    assert ran.code == 0, ran.err
    assert (word(project, OLD), word(project, NEW)) == (None, SECRET)
    assert state.read_text() != before
    checkpoint = next((project / "backend").rglob("local.json")).read_text()
    assert IS_SECRET in checkpoint, "the control: the state holds a secret"
    assert not [one for one in (OLD, NEW, SECRET) if one in ran.out + ran.err + state.read_text() + checkpoint]
    assert "rotated: 2026-11-20" in text(project, "settings.yaml")
    assert to_rotate(load(project / "stacks" / "local")) == {"unseal-share": ("bo",)}


@pytest.mark.parametrize(
    ("present", "new", "said"),
    [
        (OLD, "short", "has 5 characters"),
        (OLD, OLD, "is the present one"),
        ("not it at all", NEW, "incorrect passphrase"),
    ],
)
def test_a_passphrase_that_will_not_do_changes_nothing(
    fleet: Fleet, state: Path, project: Path, monkeypatch: pytest.MonkeyPatch, present: str, new: str, said: str
) -> None:
    monkeypatch.setenv(roster_passphrase.VALUE, present)
    before = (state.read_text(), text(project, "settings.yaml"))
    ran = rotate(fleet, monkeypatch, "state-passphrase", [new])
    assert ran.code == 1
    assert said in ran.err
    assert (state.read_text(), text(project, "settings.yaml")) == before
    assert word(project, OLD) == SECRET
