"""What instances count of themselves: how it is asked and read, summed up by old and new, and judged."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cli.allocations import Allocation, Job
from cli.canaries import Instance, Waiting
from cli.compare import Compared, behind, page
from cli.counted import SCRIPT, declared, samples, total, weighed
from cli.together import Answer
from model import load
from model.registration import Counted, Share
from tests.harness import ROOT

LOCAL = load(ROOT / "stacks" / "local")
COUNTED = Counted(
    shown={"logins": "in_total", "refused": "out_total"},
    failures={"logins": Share(failed='out_total{reason="lookup"}', done="in_total")},
)


def text(logins: int, lookup: int, key: int = 0) -> str:
    return f'# HELP x y\nin_total {logins}\nout_total{{reason="lookup"}} {lookup}\nout_total{{reason="no_key"}} {key}\n'


def instance(name: str, version: int) -> Instance:
    return Instance(
        Allocation(name, "app", "a-bru-be", "running", True, ()), version, {"http": f"10.99.0.31:{version}"}
    )


OLD, NEW = instance("0123", 3), instance("4567", 4)
PLACES = {OLD: "10.99.0.31:3/metrics", NEW: "10.99.0.31:4/metrics"}


def half() -> Waiting:
    return Waiting("d1", Job("place", "apps", "service"), 0.0, 4, 1, 1, (OLD,), (NEW,))


def printed(old: str, new: str) -> str:
    return f"# at {PLACES[OLD]}\n{old}\n# whole\n# at {PLACES[NEW]}\n{new}\n# whole\n"


@pytest.mark.parametrize(
    ("old", "new", "worse", "few"),
    [
        (text(100, 1), text(40, 0), "", ""),
        (text(100, 1), text(37, 3), "7.5 of 100 logins failed, 1.0 of the old one's", ""),
        (text(100, 1), text(97, 2), "", ""),
        (text(100, 1), text(3, 5, 500), "62.5 of 100 logins failed, 1.0 of the old one's", "logins"),
        (text(100, 0), text(3, 0, 500), "", "logins"),
    ],
)
def test_the_new_one_may_not_fail_more_often(old: str, new: str, worse: str, few: str) -> None:
    found = weighed(half(), COUNTED, PLACES, {"a": Answer(value=printed(old, new))}, 20, 1.0)
    assert (found.worse, found.few, found.wrong) == (worse, few, ())


GOLDEN = """\
apps/place
                         old         new
version                    3           4
instances                  1           1
logins                   100          40
refused lookup             1           0
refused no_key             7           0
  old: a-bru-be/0123
  new: a-bru-be/4567
  its own counts are since each instance
    began
no worse"""


def test_a_service_that_the_mirrors_pass_nothing_on_to_has_a_page_of_its_own_counts() -> None:
    answer = Answer(value=printed(text(100, 1, 7), text(40, 0)))
    own = weighed(half(), COUNTED, PLACES, {"a": answer, "b": Answer[str](error=OSError("down"))}, 20, 1.0)
    assert page(half(), Compared(Counter(), Counter(), "", (), (), 0, own)) == GOLDEN


def test_an_instance_that_is_not_read_is_said_and_nothing_is_called_no_worse() -> None:
    answer = Answer(value=printed(text(100, 1), "in_total 40").removesuffix("# whole\n"))
    own = weighed(half(), COUNTED, PLACES, {"a": answer, "b": Answer[str](error=OSError("down"))}, 20, 1.0)
    assert own.wrong == ("a-bru-be/4567: its counts are not read", "b: down")
    assert Compared(Counter(), Counter(), "", own.wrong, (), 0, own).verdict == "not all counts are read"


class Metrics(BaseHTTPRequestHandler):
    """An instance."""

    def do_GET(self) -> None:
        body = text(5, 2, 1).encode()
        self.send_response(200 if self.path == "/metrics" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_script_asks_each_instance(served: str) -> None:
    words = ["sh", "-c", SCRIPT, "compare", f"{served}/metrics", f"{served}/ill"]
    found = samples(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert list(found) == [f"{served}/metrics"]
    its = found[f"{served}/metrics"]
    assert (total(its, "out_total"), total(its, 'out_total{reason="lookup"}'), total(its, "none")) == (3, 2, 0)


def test_devspace_names_series_that_its_program_counts() -> None:
    counted = declared(LOCAL, "devspace")["sftp", "http"]
    assert [one.group for one in behind(LOCAL, "devspace")] == ["public"]
    source = "".join(file.read_text() for file in (ROOT / "toolchain/fleet-devspace").glob("*.go"))
    named = [*counted.shown.values(), *(s for share in counted.failures.values() for s in (share.failed, share.done))]
    assert [series for series in named if series.partition("{")[0] not in source] == []
