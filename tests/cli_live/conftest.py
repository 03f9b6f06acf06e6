"""One control plane for all tests of this folder."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli import places, vault
from tests.cli.directory import directory
from tests.cli.vaults import project, vaults
from tests.cli_live.plane import Plane, set_up
from tests.servers.real import consul, nomad


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane with people, tokens and two services."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        pytest.skip("ports of the way in need root on Linux")
    if not shutil.which("slapd") and not Path("/usr/sbin/slapd").exists():
        pytest.skip("slapd is not installed: python3 toolchain/install.py debian")
    folder = tmp_path_factory.mktemp("plane")
    with contextlib.ExitStack() as stack:
        three = stack.enter_context(vaults(folder / "vaults"))
        made = vault.initialise(three.apis(), 3, 2)
        assert all(one.open for one in vault.unseal(three.apis(), made.shares).values())
        assert vault.await_active(three.apis())
        found = Plane(
            folder,
            three,
            list(made.shares),
            made.root_token,
            stack.enter_context(nomad(folder / "nomad")),
            stack.enter_context(consul(folder / "consul")),
        )
        set_up(found, stack.enter_context(directory(folder / "directory")))
        project(folder / "project", three.addresses)
        yield found


@pytest.fixture
def here(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> Plane:
    """The plane as this process's surroundings, without tokens."""
    monkeypatch.setattr(places, "ROOT", plane.folder / "project")
    for name in ("VAULT_TOKEN", "NOMAD_TOKEN", "CONSUL_HTTP_TOKEN", "FLEET_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in plane.environment().items():
        monkeypatch.setenv(name, value)
    return plane


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What comes on standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.fixture
def operator(here: Plane, monkeypatch: pytest.MonkeyPatch) -> Plane:
    """Logged in as somebody who may do anything in Nomad and Consul."""
    monkeypatch.setenv("NOMAD_TOKEN", str(here.nomad.token))
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", str(here.consul.token))
    return here
