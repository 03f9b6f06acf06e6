"""Real test hosts, in a network and a folder of their own beside any running rehearsal."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.testhosts import base, clean, hosts, network, settings
from tests.testhosts_live.near import ALPHA, BETA, spec


@pytest.fixture(scope="module", autouse=True)
def own_rehearsal() -> Iterator[Path]:
    """A folder, prefix and subnet no running rehearsal has; the same each time, so that a crashed run is cleaned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLEET_RUN", f"{settings.run()}-tests")
        patch.setenv("FLEET_NET_PREFIX", "ft")
        patch.setenv("FLEET_NET_SUBNET", "10.78")
        base.ensure()
        clean.all()
        yield settings.run()
        clean.all()


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
