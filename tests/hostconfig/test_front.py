"""The front as text: the golden files, the laws of its texts, and what nginx and the shell themselves say of them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hostconfig import front
from hostconfig.desired import parse as parse_ground
from hostconfig.firewall import lines_of
from hostconfig.front_nginx import nginx_conf, weights
from hostconfig.front_places import SLOTS, Places
from hostconfig.plan import parse, plan_of
from model.front import LEAVING_SECONDS
from tests.hostconfig import samples
from tests.hostconfig.front_samples import desired, sample
from tests.hostconfig.platforms import PLATFORMS

GOLDEN = Path(__file__).parents[1] / "golden" / "hostconfig"


@pytest.mark.parametrize("name", PLATFORMS)
def test_rendered_files_are_the_blessed_ones(name: str) -> None:
    platform = PLATFORMS[name]
    plan = plan_of(parse("front", sample(os=platform.os)), platform)
    page = "".join(
        f"===== {it.path} {it.mode} test: {it.check} wakes: {it.wakes}{' late' if it.late else ''}\n{it.text}"
        for it in plan.files
    )
    page += f"===== packages {' '.join(plan.packages)}\n"
    page += "".join(f"===== service {it.name}: {it.hear} ready: {it.ready}\n" for it in plan.services)
    golden = GOLDEN / f"front-{name}.txt"
    if os.environ.get("BLESS") == "1":
        golden.write_text(page)
    assert golden.read_text() == page, f"{golden.name} changed; if you meant it, rerun with BLESS=1"


@pytest.mark.parametrize("name", PLATFORMS)
def test_nothing_that_changes_restarts_who_serves(name: str) -> None:
    plan = plan_of(parse("front", sample(os=PLATFORMS[name].os)), PLATFORMS[name])
    slots = {f"fleet-front-{slot}" for slot in SLOTS}
    assert slots <= {it.name for it in plan.services}
    assert not slots & {it.wakes for it in plan.files}
    assert all(it.hear == "true" for it in plan.services if it.name in slots)


def test_only_what_makes_a_generation_asks_for_a_swap() -> None:
    plan = plan_of(desired(), PLATFORMS["debian-runit"])
    asking = {it.path.rpartition("/")[2] for it in plan.files if it.wakes == "fleet-front"}
    assert asking == {"nginx.conf", "services", "program", "promoted"}
    assert [it.path for it in plan.files if it.late] == ["/etc/fleet/front/promoted"]

    def marker(**changes: Any) -> str:
        return front.promoted(front.texts(desired(**changes)))

    assert marker(swap={"watch": 5}) == marker() == marker(certificate="/elsewhere.pem")
    assert marker(hsts=0) != marker() != marker(program="/opt/nginx")


def test_the_judge_comes_after_all_that_it_reads() -> None:
    paths = [it.path for it in plan_of(desired(), PLATFORMS["debian-runit"]).files]
    judged = paths.index("/etc/fleet/front/nginx.conf")
    for needed in ("settings", "services", "program"):
        assert paths.index(f"/etc/fleet/front/{needed}") < judged
    for needed in ("/usr/local/sbin/fleet-front", "/usr/local/lib/fleet-front/common.sh"):
        assert paths.index(needed) < judged


def test_every_shell_text_is_shell() -> None:
    for text in [front.program(verb) for verb in front.PROGRAMS] + [
        front.library(name) for name in front.LIBRARY if name.endswith(".sh")
    ]:
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)


@pytest.mark.servers
@pytest.mark.parametrize("os_name", ["debian", "void"])
def test_nginx_takes_the_configuration(tmp_path: Path, os_name: str) -> None:
    place = Places.below(tmp_path)
    text = nginx_conf(desired(os=os_name, trees={**sample()["trees"]}), place)
    user = "root" if os.geteuid() == 0 else ""
    lines = [line for line in text.splitlines() if not line.startswith("user ")]
    text = "\n".join([f"user {user};" if user else "", *lines])
    said = _judged(tmp_path, place, text)
    assert said.returncode == 0, said.stderr
    bad = _judged(tmp_path, place, text.replace("sendfile on;", "sendfile perhaps;"))
    assert bad.returncode != 0


def _judged(folder: Path, place: Places, text: str) -> subprocess.CompletedProcess[str]:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run(["openssl", "req", "-x509", *key, *files], check=True, capture_output=True)
    both = (folder / "certificate").read_text() + (folder / "key").read_text()
    (folder / "certificate.pem").write_text(both)
    for name in (f"{place.logs}/4", f"{place.state}/temp/4", place.run):
        Path(name).mkdir(parents=True, exist_ok=True)
    filled = {"generation": str(folder), "id": "x", "slot": "4", "http": "28084", "https": "28444", "status": "28184"}
    for word, value in filled.items():
        text = text.replace(f"@{word}@", value)
    conf = folder / "nginx.conf"
    conf.write_text(text)
    words = ["/usr/sbin/nginx", "-t", "-q", "-e", "stderr", "-c", str(conf)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redirects": {"docs.fleet.example": "x.example"}}, "docs.fleet.example: answered twice"),
        ({"services": {"a": {"names": ["a.example"], "consul": "a", "address": "10.0.0.1", "instances": 1}}}, "not in"),
        (
            {
                "services": {
                    label: {"names": [f"{label}.example"], "consul": label, "address": "198.18.0.1", "instances": 1}
                    for label in ("a", "b")
                }
            },
            "a and b have one address",
        ),
        ({"trees": {"x": {"names": ["x.example"], "root": "/srv; rm"}}}, "root"),
        ({"swap": {"share": 0}}, "share"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_fronts_that_would_hurt_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        desired(**changes)


def test_a_closed_path_and_a_method_are_decided_before_the_service() -> None:
    text = nginx_conf(desired())
    closed = text.partition("location ^~ /metrics {")[2].partition("}")[0]
    assert "return 404;" in closed
    assert "proxy_pass" not in closed
    assert 'if ($request_method !~ "^(GET|HEAD)$")' in text


def test_an_instance_leaves_as_slowly_as_it_is_forgotten() -> None:
    every = int(re.findall(r"^every=(\d+)$", front.program("follow"), re.M)[0])
    kept = re.findall(r"^        keepalive_time(?:out)? (\d+)s;$", nginx_conf(desired()), re.M)
    # Consul's two seconds, and one for the clocks.
    assert every + max(int(text) for text in kept) + 2 + 1 == LEAVING_SECONDS


def test_redirected_openings_let_in_what_was_sent_on_and_nothing_else() -> None:
    data = samples.sample()
    data["firewall"]["openings"] |= {
        "http": {"proto": "tcp", "ports": "80", "from": ["world"]},
        "https": {"proto": "tcp", "ports": "443", "from": ["10.0.0.0/8", "2001:db8::/32"]},
    }
    before, _ = lines_of(parse_ground(data))
    data["firewall"]["redirected"] = [443, 80]
    after, _ = lines_of(parse_ground(data))
    assert [line for line in after if line not in before] == [
        'meta l4proto tcp ct status dnat ct original proto-dst { 80 } accept comment "http"',
        'ip saddr { 10.0.0.0/8 } meta l4proto tcp ct status dnat ct original proto-dst { 443 } accept comment "https"',
        "ip6 saddr { 2001:db8::/32 } meta l4proto tcp ct status dnat ct original proto-dst { 443 } accept "
        'comment "https"',
    ]


def test_a_version_that_is_tried_is_asked_for_its_share_or_less() -> None:
    assert weights(3, 1, 20) == (2, 2, 1)
    assert weights(3, 1, 10) == (9, 9, 2)
    assert weights(5, 2, 20) == (8, 8, 8, 3, 3)
    # No more than one of the others, and no difference where none is tried.
    assert weights(11, 1, 20) == (1,) * 11
    assert weights(2, 0, 20) == weights(2, 1, 100) == (1, 1)


def test_only_where_versions_are_tried_a_failure_is_asked_again() -> None:
    services = sample()["services"]
    plain = nginx_conf(desired(), Places())
    tried = nginx_conf(
        desired(services=services | {"chat": services["chat"] | {"instances": 3, "canaries": 1}}), Places()
    )
    assert "http_500" not in plain
    assert "198.18.0.2:1 max_fails=0 weight=2;" in tried
    assert "198.18.0.2:3 max_fails=0;" in tried
    chat, _, upload = tried.partition("upstream service-upload")
    assert "http_500" in chat
    assert "http_500" not in upload
    assert "non_idempotent" not in tried, "what may have been done is never asked twice"
