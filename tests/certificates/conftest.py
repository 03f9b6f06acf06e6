"""A Nomad and what is around the certificate job, once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.certificates.around import Around
from tests.servers import real


@pytest.fixture(scope="session")
def nomad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Server]:
    """A Nomad with ACLs on, and the namespaces of the stack."""
    with real.nomad(tmp_path_factory.mktemp("nomad")) as server:
        for namespace in ("infrastructure", "mirror"):
            server.api.put(f"/v1/namespace/{namespace}", {"Name": namespace})
        yield server


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Around]:
    """An authority, a DNS provider's interface and a DNS server."""
    made = Around(tmp_path_factory.mktemp("around") / "it")
    yield made
    made.close()
