"""Login by the directory of people: what a host is given, and what it must never be."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hostconfig.desired import Desired, parse
from hostconfig.login import CONFIG
from hostconfig.plan import plan_of
from tests.hostconfig.platforms import PLATFORMS
from tests.hostconfig.samples import sample
from toolchain.places import TOOLCHAIN
from toolchain.servers import ensure_server

GOLDEN = Path(__file__).parent.parent / "golden" / "hostconfig"
WISH: dict[str, Any] = {
    "servers": [{"name": "netauth.fleet.example", "addresses": ["10.99.0.9"], "port": 1729}],
    "groups": ["ops", "builders"],
    "sudo": ["ops"],
    "break_glass": ["deploy"],
    "people": [2001, 2999],
    "groups_span": [3001, 3999],
    "ldap": "dc=fleet,dc=example",
    "roster": "0123456789abcdef",
}


def files(name: str = "debian-runit", **changes: Any) -> dict[str, str]:
    """The ground files of a host that asks the directory."""
    platform = PLATFORMS[name]
    wish = {**WISH, **changes}
    desired = parse(sample(os=platform.os, login=wish))
    return {file.path: file.text for file in plan_of(desired, platform).files}


@pytest.mark.parametrize("name", PLATFORMS)
def test_rendered_files_are_the_blessed_ones(name: str) -> None:
    platform = PLATFORMS[name]
    without = {file.path: file.text for file in plan_of(parse(sample(os=platform.os)), platform).files}
    page = "".join(f"===== {path}\n{text}" for path, text in files(name).items() if without.get(path) != text)
    golden = GOLDEN / f"login-{name}.txt"
    if os.environ.get("BLESS") == "1":
        golden.write_text(page)
    assert golden.read_text() == page, f"{name} changed; if you meant it, rerun with BLESS=1"


def test_the_hosts_own_accounts_never_wait_for_the_directory() -> None:
    text = files()["/etc/ssh/sshd_config"]
    assert re.search(r"^Match User deploy\n +AuthorizedKeysCommand none$", text, re.MULTILINE)
    assert text.index("AuthorizedKeysFile") < text.index("AuthorizedKeysCommand ") < text.index("Match User")


def test_people_of_the_groups_may_log_in_and_the_groups_are_not_the_hosts_own() -> None:
    desired = parse(sample(login=WISH, ssh={"port": 22, "allow_groups": ["sudo", "ops"]}))
    plan = plan_of(desired, PLATFORMS["debian-runit"])
    text = next(file.text for file in plan.files if file.path == "/etc/ssh/sshd_config")
    assert "\nAllowGroups sudo ops builders\n" in text
    assert plan.groups == plan_of(parse(sample()), PLATFORMS["debian-runit"]).groups


def test_without_a_roster_nothing_of_it_is_on_the_host() -> None:
    for platform in PLATFORMS.values():
        plan = plan_of(parse(sample(os=platform.os)), platform)
        assert not [file.path for file in plan.files if "login" in file.path or "nsswitch" in file.path]
        assert "AuthorizedKeysCommand" not in "".join(file.text for file in plan.files)


def test_a_group_that_may_become_root_but_not_log_in_is_refused() -> None:
    with pytest.raises(ValidationError, match="may become root and may not log in"):
        parse(sample(login={**WISH, "groups": ["builders"]}))


def test_break_glass_is_an_account_of_the_host() -> None:
    with pytest.raises(ValidationError, match="break-glass"):
        parse(sample(login={**WISH, "break_glass": ["stranger"]}))
    assert isinstance(parse(sample(login=WISH)), Desired)


@pytest.mark.servers
def test_the_program_reads_what_is_rendered(tmp_path: Path) -> None:
    program = ensure_server("fleet-login")
    place = tmp_path / "login.json"
    place.write_text(files()[CONFIG])
    words = [str(program), "--config", str(place), "check"]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0
    place.write_text(json.dumps({**json.loads(place.read_text()), "deadline": 3}))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "deadline" in done.stderr


@pytest.mark.servers
def test_sshd_takes_what_is_rendered(tmp_path: Path) -> None:
    made = files()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    text = re.sub(r"^HostKey .*$", f"HostKey {tmp_path}/key", made["/etc/ssh/sshd_config"], flags=re.MULTILINE)
    (tmp_path / "sshd").write_text(text.replace("Banner /etc/ssh/banner", ""))
    for user, expected in (("deploy", "none"), ("ada", "/usr/bin/fleet-login keys %u")):
        words = ["/usr/sbin/sshd", "-T", "-f", str(tmp_path / "sshd"), "-C", f"user={user},host=h,addr=192.0.2.1"]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert f"\nauthorizedkeyscommand {expected}\n" in said


@pytest.mark.servers
def test_the_programs_own_tests_pass() -> None:
    done = subprocess.run(
        ["go", "test", "-mod=readonly", "./..."],
        cwd=TOOLCHAIN / "fleet-login",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
