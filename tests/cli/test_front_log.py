"""What a mirror's front has passed on to instances: the script that counts it, run here on made-up logs."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.front_log import KEEP, SCRIPT, SETTLED, seen

HERE = "198.18.61.36"
INSTANCES = {(HERE, "1"): "10.99.0.31:23000", (HERE, "2"): "10.99.0.32:23001", (HERE, "3"): "10.99.0.32:23002"}


@pytest.fixture
def front(tmp_path: Path) -> Path:
    """A mirror's state and logs. Its map changed a minute ago."""
    (tmp_path / "state").mkdir()
    meaning = '"1": "10.99.0.31 . 23000", "2": "10.99.0.32 . 23001", "3": "10.99.0.32 . 23002"'
    (tmp_path / "state/instances.json").write_text(f'{{"map": {{"{HERE}": {{{meaning}}}, "198.18.9.9": {{}}}}}}')
    past(tmp_path, (60, meaning))
    for slot in range(2):
        (tmp_path / "logs" / str(slot)).mkdir(parents=True)
    return tmp_path


ONE, TWO, THREE = INSTANCES.values()


def past(front: Path, *maps: tuple[float, str]) -> None:
    """What the mirror's ports meant, each map from so many seconds ago on."""
    lines = (f'{{"at":{int(time.time() - ago)},"map":{{"{HERE}":{{{meaning}}}}}}}\n' for ago, meaning in maps)
    (front / "state/instances.past").write_text("".join(lines))


def line(upstream: str, *, ago: float = 5, status: int = 200, host: str = "x.fleet.example") -> str:
    return f"{time.time() - ago:.3f} {host} {status} 150 0.010 GET|{upstream}\n"


def script(front: Path, *addresses: str, began: float = 0) -> subprocess.CompletedProcess[str]:
    words = [str(front / "state"), str(front / "logs"), str(SETTLED), f"{began:.0f}", *(addresses or (HERE,))]
    return subprocess.run(["sh", "-c", SCRIPT, "compare", *words], capture_output=True, text=True, timeout=60)


def counted(front: Path, began: float = 0) -> Mapping[tuple[str, str], Counter[str]]:
    done = script(front, began=began)
    assert (done.returncode, done.stderr) == (0, "")
    return seen(done.stdout).counts


def test_each_slots_log_is_counted_by_port(front: Path) -> None:
    one, three = f"{HERE}:1|200|0.004", f"{HERE}:3|503|0.100"
    (front / "logs/0/access.log.1").write_text(line(one))
    (front / "logs/0/access.log").write_text(line(one) + line(three) + line("198.18.9.9:1|200|0.1") + line("-|-|-"))
    (front / "logs/1/access.log").write_text(line(one))
    since = int(json.loads((front / "state/instances.past").read_text())["at"])
    before = int(time.time()) - since
    done = script(front)
    found = seen(done.stdout)
    assert found.instances == INSTANCES
    assert before <= found.seconds <= time.time() - since
    assert found.counts == {
        (HERE, ONE): Counter({"answers": 3, "2xx": 3, "bytes": 450, "step7": 3}),
        (HERE, THREE): Counter({"answers": 1, "5xx": 1, "bytes": 150, "step21": 1}),
    }


def test_every_instance_that_was_asked_has_its_own_answer(front: Path) -> None:
    again = f"{HERE}:3, {HERE}:1|502, 200|0.001, 0.004"
    (front / "logs/0/access.log").write_text(line(again))
    found = counted(front)
    assert found[HERE, THREE] == Counter({"answers": 1, "5xx": 1, "step0": 1})
    assert found[HERE, ONE] == Counter({"answers": 1, "2xx": 1, "bytes": 150, "step7": 1})


def test_what_nobody_waited_for_is_no_answer(front: Path) -> None:
    gone = line(f"{HERE}:1|200|0.004", status=499) + line(f"{HERE}:1|-|-", status=499)
    (front / "logs/0/access.log").write_text(gone)
    assert counted(front) == {(HERE, ONE): Counter({"unheard": 2})}


def test_only_what_was_asked_since_the_first_map_and_the_deployment_is_counted(front: Path) -> None:
    text = "".join(line(f"{HERE}:1|200|0.004", ago=ago) for ago in (70, 55, 40, 20, 5))
    (front / "logs/0/access.log").write_text(text)
    assert counted(front)[HERE, ONE]["answers"] == 3
    assert counted(front, began=time.time() - 30)[HERE, ONE]["answers"] == 2


def test_a_change_of_the_map_ends_no_count(front: Path) -> None:
    one, two = '"1": "10.99.0.31 . 23000"', '"2": "10.99.0.32 . 23001"'
    # Another port changes, this one becomes another's, then nobody's.
    maps = (100, one), (80, f"{one}, {two}"), (60, f"{one.replace('31 . 23000', '32 . 23002')}, {two}"), (30, two)
    past(front, *maps)
    asked = [(ago, 1) for ago in (95, 85, 75, 62, 55, 45, 35, 25, 15, 5)] + [(ago, 2) for ago in (90, 75, 65, 25)]
    text = "".join(line(f"{HERE}:{port}|200|0.004", ago=ago) for ago, port in asked)
    (front / "logs/0/access.log").write_text(text)
    answers = {who: it["answers"] for who, it in counted(front).items()}
    # 95, 55 and 25 at the first port, 90 and 75 at the second come too soon after a change of their port; what nobody
    # answered is nobody's.
    assert answers == {(HERE, ONE): 3, (HERE, THREE): 2, (HERE, TWO): 2, (HERE, "-"): 2}


def test_a_question_that_saw_a_change_says_nothing(front: Path) -> None:
    past(front, (60, '"1": "10.99.0.31 . 23000"'), (20, '"1": "10.99.0.32 . 23001"'))
    long = line(f"{HERE}:1|200|25.000", ago=10).replace(" 0.010 GET", " 25.000 GET")
    (front / "logs/0/access.log").write_text(long)
    assert counted(front) == {}


def test_a_mirror_that_has_no_past_yet_says_so(front: Path) -> None:
    (front / "state/instances.past").unlink()
    done = script(front)
    assert (done.returncode, done.stderr) == (6, "what its ports meant is not written down yet: ask again\n")


def test_a_client_cannot_speak_for_an_instance(front: Path) -> None:
    lie = f"x|{HERE}:3|500|9.0"
    (front / "logs/0/access.log").write_text(line("-|-|-", host=lie) + line(f"{HERE}:1|200|0.004", host=lie))
    assert counted(front) == {(HERE, ONE): Counter({"answers": 1, "2xx": 1, "bytes": 150, "step7": 1})}


def test_a_host_without_a_front_says_so(tmp_path: Path) -> None:
    done = script(tmp_path)
    assert (done.returncode, done.stderr) == (3, "no front runs here\n")


def test_a_comparison_is_kept_beside_those_of_the_front(tmp_path: Path) -> None:
    subprocess.run(["sh", "-c", KEEP, "compare", str(tmp_path), "apps-web", "two\ncolumns"], check=True)
    (kept,) = (tmp_path / "comparisons").iterdir()
    assert kept.name.endswith("Z-apps-web.txt")
    assert kept.read_text() == "two\ncolumns\n"
