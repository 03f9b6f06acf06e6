"""`fleet drill`: what a host's record comes to, and how ssh is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.drill import judged, once
from tests.executable import executable


def record(*works: bool) -> str:
    keys = [
        {"account": "deploy", "key": f"SHA256:{n}", "works": it, "why": "" if it else "expired"}
        for n, it in enumerate(works)
    ]
    return json.dumps({"host": "h", "at": "2026-01-01T00:00:00Z", "works": all(works), "keys": keys})


def test_a_record_says_which_keys_work() -> None:
    assert judged("deploy", 1.0, record(True, True)).wrong == ()
    assert judged("deploy", 1.0, record(True, False)).wrong == ("deploy with SHA256:1: expired",)
    assert "no key" in judged("deploy", 1.0, record()).wrong[0]
    for text in ("", "[]", "{}", '{"keys": 1}', "no such file"):
        assert "no record" in judged("deploy", 1.0, text).wrong[0]


@pytest.mark.parametrize(("code", "words"), [(255, "could not log in: Permission denied"), (0, ""), (1, "")])
def test_a_login_that_fails_is_told_from_a_key_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    executable(
        tmp_path / "ssh",
        f"#!/bin/sh\nprintf '%s\\n' \"$*\" >{tmp_path}/said\necho 'Permission denied' >&2\n"
        f"cat <<'END'\n{record(True)}\nEND\nexit {code}\n",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("FLEET_SSH_USER", raising=False)
    found = once({"address": "192.0.2.1", "port": 22, "host_key": "ssh-ed25519 AAAA", "users": ["deploy"]}, "h.example")
    assert (found.wrong[0] if found.wrong else "") == (f"deploy {words}" if words else "")
    said = (tmp_path / "said").read_text()
    assert "BatchMode=yes" in said
    assert "StrictHostKeyChecking=yes" in said
    assert "sudo -n" in said
