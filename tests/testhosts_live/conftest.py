"""Real test hosts, in a network and a folder of their own beside any running rehearsal."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.testhosts import hosts, network
from tests.own_rehearsal import own_rehearsal
from tests.testhosts_live.near import ALPHA, BETA, spec


@pytest.fixture(scope="module", autouse=True)
def around() -> Iterator[Path]:
    """A rehearsal of these tests' own."""
    with own_rehearsal("tests", "ft", "10.78") as run:
        yield run


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("operator") / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture
def pair(key: Path) -> None:
    """Two running hosts; they stay for the next test, which starts them only if they are gone."""
    network.up()
    for name, ipv4, ipv6 in (ALPHA, BETA):
        hosts.start(spec(name, ipv4, ipv6, key))
