"""Logins through a real sshd, beside a real directory that breaks: a smaller count than the project's claim."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.load.login_rig import missing
from toolchain.places import ROOT


def run(*words: str) -> None:
    assert missing() == ""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.rehearsal
def test_known_people_come_in_and_others_never_whatever_the_directory_does() -> None:
    run("tests.load.logins", "--logins", "6", "--no-plain")


@pytest.mark.rehearsal
def test_break_glass_is_drilled_and_a_session_ends_with_its_owners_leaving() -> None:
    run("tests.hostconfig.login_live")
