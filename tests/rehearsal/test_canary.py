"""A service that is no nginx, half changed by `up` and chosen by `fleet`, while clients outside ask both mirrors."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rehearsal import driver
from tests.rehearsal.support import MIRRORS, Copy, Rehearsed
from tests.rehearsal.trial import asked, changed, idle, instances, on_trial, row, said, until

pytestmark = pytest.mark.rehearsal
SERVICE, NAME = "bulletin", "bulletin.s.fleet.example"
PAGE = "services/files/bulletin/index.html"
SAYS = "No notices."
WELCOME = "  local/site/index.html: {file: index.html, on_change: noop}"
# Its check is well, and whoever asks for the page itself is told of an error.
BAD = '  local/site/cgi-bin/index.cgi: {file: bad, perms: "0755", on_change: noop}'
FAILING = "#!/bin/sh\nprintf 'Status: 500 Broken\\r\\nContent-Type: text/plain\\r\\n\\r\\nbroken'\n"


@pytest.fixture
def data(rehearsed: Rehearsed) -> Iterator[Copy]:
    """A copy of the data."""
    # Withdrawn is withdrawn on the servers; the state learns of it from a look, as the command says.
    with on_trial(rehearsed, SERVICE, refresh=True) as copy:
        yield copy


def test_a5_04_half_of_a_service_is_compared_and_one_version_is_chosen_and_no_request_fails(
    rehearsed: Rehearsed, data: Copy
) -> None:
    first = (data.folder / PAGE).read_text()
    second = first.replace(SAYS, "Packages are frozen.")
    assert first != second
    with asked(driver.outputs(rehearsed.at), (first, second), NAME) as found:
        # One that is as good as the old one is promoted.
        data.edit(PAGE, SAYS, "Packages are frozen.")
        changed(rehearsed, data, SERVICE)
        page = until(rehearsed, ("compare", SERVICE), lambda done: done.returncode == 0)
        print(page)
        assert page.rstrip().endswith("no worse")
        assert row(page, "instances") == ["2", "1"]
        old, new = row(page, "version")
        assert int(new) > int(old)
        pair, canary = instances(page, "old"), instances(page, "new")
        assert len({*pair, *canary}) == 3, "each is told from the others"
        done = said(rehearsed, "promote", SERVICE)
        assert done.returncode == 0, done.stderr
        assert f"promoted: version {new} takes the place of version {old}" in done.stdout

        # One that answers 500 is withdrawn. Its answers are seen in the comparison, and by no client.
        data.edit("services/bulletin.yaml", WELCOME, BAD)
        (data.folder / "services/files/bulletin/bad").write_text(FAILING)
        (data.folder / PAGE).unlink()
        until(
            rehearsed,
            ("compare", SERVICE),
            lambda done: "no canary waits, its last deployment is successful" in " ".join(done.stderr.split()),
        )
        changed(rehearsed, data, SERVICE)
        page = until(rehearsed, ("compare", SERVICE), lambda done: "worse: " in done.stdout)
        print(page)
        assert int(row(page, "5xx")[0]) == 0
        assert int(row(page, "5xx")[1]) >= 3
        done = said(rehearsed, "withdraw", SERVICE)
        assert done.returncode == 0, done.stderr
        assert f"withdrawn: version {new} goes on" in done.stdout
        assert "UP=--refresh" in done.stdout
        until(rehearsed, ("compare", SERVICE), idle)
        # Until the one that was withdrawn has ended.
        time.sleep(15)
    print(found)
    assert {host: it["failed"] for host, it in found.items()} == {host: {} for host in MIRRORS}
    assert all(it["answers"] >= 1000 and set(it["statuses"]) == {"200"} for it in found.values())
