"""What stands behind a mirror's front: instances come, go and freeze, and Consul is not always there. Needs root."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostconfig.desired import parse as parse_ground
from hostconfig.parts import Platform
from hostconfig.plan import plan_of
from tests.hostconfig import samples
from tests.hostconfig.front_plant import FABRIC, FAR, FILES, HOST, INSTANCE, SERVICE, Plant, came_of, health, planted

pytestmark = pytest.mark.rehearsal
ONE, TWO = (FABRIC, 9001), (FABRIC, 9002)


@pytest.fixture
def plant() -> Iterator[Plant]:
    with planted() as made:
        made.instance(9001, "one")
        made.instance(9002, "two")
        made.say("app", health(ONE, TWO))
        made.consul()
        made.supervise()
        made.first()
        made.until(lambda: made.ask(SERVICE, "/")[0] == 200, what="the service")
        # What was loaded is written down a moment later.
        made.until(Path(made.place.state, "instances.nft").exists, what="the record of it")
        yield made


def of(plant: Plant, port: int) -> subprocess.Popen[bytes]:
    """The process of an instance."""
    return next(it for it in plant.running if isinstance(it.args, list) and str(port) in it.args)


def named(plant: Plant, times: int = 12) -> set[str]:
    """Which instances answer."""
    return {plant.ask(SERVICE, "/")[1].partition("\n\n")[2].split(" ")[0] for _ in range(times)}


def meanings(plant: Plant) -> list[str]:
    """What the ports of the virtual address mean."""
    text = Path(plant.place.state, "instances.nft").read_text()
    return [line.split(" : ")[1].split(" }")[0] for line in text.splitlines() if " instances {" in line]


def test_a_client_is_known_behind_the_front(plant: Plant) -> None:
    status, text = plant.ask(SERVICE, "/x?y=%2Fz", "-H", "X-Forwarded-For: 1.2.3.4", "-H", "X-Real-IP: 1.2.3.4")
    assert status == 200
    assert "GET /x?y=%2Fz 0\n" in text
    for line in ("host: app.fleet.example", "x-real-ip: 192.0.2.2", "x-forwarded-for: 192.0.2.2"):
        assert f"{line}\n" in text
    assert "upgrade" not in text
    assert plant.ask(SERVICE, "/metrics")[0] == 404
    assert plant.ask(SERVICE, "/%6detrics")[0] == 404
    assert plant.ask(SERVICE, "/x/../metrics", "--path-as-is")[0] == 404
    big = plant.folder / "big"
    big.write_bytes(b"x" * (2**20 + 1))
    assert plant.ask(SERVICE, "/", "--data-binary", f"@{big}")[0] == 413


def test_one_of_two_killed_fails_no_question(plant: Plant) -> None:
    client = plant.load(SERVICE, "/same", seconds=7, connections=40)
    time.sleep(2)
    plant.end(of(plant, 9002))
    time.sleep(1)
    plant.say("app", health(ONE, failing=(TWO,)))
    plant.until(lambda: meanings(plant) == ["10.66.0.1 . 9001"] * 4)
    assert came_of(client)["failed"] == {}
    assert named(plant) == {"one"}
    plant.instance(9002, "two")
    plant.say("app", health(ONE, TWO))
    plant.until(lambda: named(plant) == {"one", "two"})


def test_a_question_that_must_not_be_asked_twice_is_not(plant: Plant) -> None:
    assert plant.ask(SERVICE, "/breaks-off", "-d", "x")[0] == 502
    assert plant.ask(SERVICE, "/broken", "-d", "x")[0] == 503
    text = plant.ask(SERVICE, "/breaks-off")[1]
    assert "app: no instance of this service answers" in text


def test_with_consul_dead_the_last_known_instances_go_on_also_after_a_reboot(plant: Plant) -> None:
    before = meanings(plant)
    plant.say("consul", None)
    plant.say("app", None)
    time.sleep(3)
    assert meanings(plant) == before
    plant.reboot()
    plant.instance(9001, "one")
    plant.instance(9002, "two")
    plant.supervise()
    plant.until(lambda: plant.ask(SERVICE, "/")[0] == 200)
    assert named(plant) == {"one", "two"}
    assert "Consul does not answer: the instances stay as they are" in plant.log()


def test_an_empty_answer_is_not_believed_at_once(plant: Plant) -> None:
    plant.say("app", "[]")
    time.sleep(4)
    assert meanings(plant)
    plant.say("consul", "[]")
    time.sleep(4)
    assert meanings(plant), "where not even Consul is to be seen, the rights are missing and not the instances"
    plant.say("consul", health((FABRIC, 8300)))
    before = meanings(plant)
    plant.say("app", health(ONE, TWO))
    # Else the half minute has begun.
    plant.until(lambda: '"empty":{}' in Path(plant.place.state, "instances.json").read_text())
    plant.say("app", health(failing=(ONE, TWO)))
    time.sleep(4)
    assert meanings(plant) == before, "a stall of the machine fails all checks at once"
    assert plant.ask(SERVICE, "/")[0] == 200
    plant.until(lambda: not meanings(plant))
    # Connections that were open to an instance may be used for some seconds more.
    plant.until(lambda: plant.ask(SERVICE, "/")[0] == 502)
    assert "app: no instance of this service answers" in plant.ask(SERVICE, "/")[1]


def test_a_broken_answer_of_consul_changes_nothing(plant: Plant) -> None:
    before = meanings(plant)
    for text in ("[{", '{"x": 1}', '[{"Service": {}}]', "null"):
        plant.say("app", text)
        time.sleep(2.5)
        assert meanings(plant) == before, text
    evil = health(ONE).replace(FABRIC, "10.66.0.1 . 1 }; flush ruleset; #")
    plant.say("app", evil)
    plant.until(lambda: not meanings(plant) or meanings(plant) == before)
    plant.say("app", health(ONE, TWO))
    plant.until(lambda: set(meanings(plant)) == {"10.66.0.1 . 9001", "10.66.0.1 . 9002"})
    assert plant.ask(FILES, "/package.xbps")[0] == 200


def test_an_instance_whose_host_is_gone_holds_nobody_up(plant: Plant) -> None:
    """No reset comes from a host that has lost its power: here the link to it falls silent."""
    far = plant.begin(sys.executable, str(INSTANCE), "service", FAR, "9003", "far", where=plant.client)
    far_one = (FAR, 9003)
    plant.say("app", health(far_one))
    plant.until(lambda: set(meanings(plant)) == {f"{FAR} . 9003"})
    plant.until(lambda: named(plant) == {"far"})
    plant.say("app", health(ONE, far_one))
    plant.until(lambda: named(plant) == {"one", "far"})
    # Until no connection is left from the time when all ports meant the far one.
    time.sleep(10)
    client = plant.load(SERVICE, "/same", seconds=9, connections=20)
    time.sleep(1)
    subprocess.run(["ip", "-n", plant.client, "link", "set", "far0", "down"], check=True)
    time.sleep(1)
    plant.say("app", health(ONE, lost=False)[:-1] + ", " + health(far_one, lost=True)[1:])
    report = came_of(client)
    assert report["failed"] == {}
    assert report["slowest"] < 8
    plant.end(far)


def test_a_frozen_instance_is_left_after_the_time_that_was_declared(plant: Plant) -> None:
    of(plant, 9002).send_signal(signal.SIGSTOP)
    for _ in range(4):
        # Two of the four ports mean the frozen one: whoever meets both leaves it twice, after three seconds each.
        started = time.monotonic()
        assert plant.ask(SERVICE, "/same")[0] == 200
        assert time.monotonic() - started < 9
    plant.say("app", health(ONE, failing=(TWO,)))
    plant.until(lambda: set(meanings(plant)) == {"10.66.0.1 . 9001"})


def test_more_instances_than_ports_and_a_new_service(plant: Plant) -> None:
    plant.say("app", health(*((FABRIC, 9001 + number) for number in range(6))))
    plant.until(lambda: len(set(meanings(plant))) == 4)
    plant.say("app", health(TWO))
    plant.until(lambda: set(meanings(plant)) == {"10.66.0.1 . 9002"})
    other = {"names": ["b.fleet.example"], "consul": "b", "address": "198.18.0.2", "instances": 2}
    wish = {"app": {"names": [SERVICE], "consul": "app", "address": "198.18.0.1", "instances": 4}, "b": other}
    plant.say("b", health(ONE))
    plant.want(services=wish)
    assert plant.swap().returncode == 0
    plant.until(lambda: plant.ask("b.fleet.example", "/")[0] == 200)


DECLARED = {
    "names": [SERVICE],
    "consul": "app",
    "address": "198.18.0.1",
    "instances": 2,
    "requests_per_second": 5,
    "methods": ["GET", "HEAD"],
    "below": [
        {"path": "/socket/", "websocket": True},
        {"path": "/static/", "cache": 60},
        {"path": "/api/", "methods": ["POST"], "timeout": 1},
    ],
}


def test_what_is_declared_of_a_service_holds(plant: Plant) -> None:
    plant.want(services={"app": DECLARED})
    assert plant.swap().returncode == 0
    status, text = plant.ask(SERVICE, "/")
    assert (status, "cache-control: private\n" in text, "strict-transport-security: " in text) == (200, True, True)
    status, text = plant.ask(SERVICE, "/static/x")
    assert (status, "cache-control: public, max-age=60\n" in text, "private" in text) == (200, True, False)
    assert text.count("strict-transport-security: ") == 1
    assert plant.ask(SERVICE, "/", "-X", "PUT")[0] == 405
    assert plant.ask(SERVICE, "/api/", "-d", "x")[0] == 200
    assert plant.ask(SERVICE, "/api/")[0] == 405
    upgrade = ("--http1.1", "-H", "Upgrade: echo", "-H", "Connection: Upgrade", "-m", "5")
    assert plant.ask(SERVICE, "/socket/", *upgrade)[0] == 101
    assert "upgrade" not in plant.ask(SERVICE, "/", *upgrade)[1].lower(), "only where it is declared"
    urls = [f"https://{SERVICE}/{number}" for number in range(40)]
    said = [line for line in plant.ask(SERVICE, "/", *urls)[1].splitlines() if line.startswith("HTTP/2 ")]
    assert set(said) == {"HTTP/2 200 ", "HTTP/2 429 "}


def test_the_host_itself_reaches_its_own_front(plant: Plant) -> None:
    for address in (HOST, FABRIC, "127.0.0.1"):
        words = [
            "curl",
            "-sk",
            "-m",
            "5",
            "--noproxy",
            "*",
            "--connect-to",
            f"::{address}:443",
            f"https://{SERVICE}/same",
        ]
        assert plant.run(*words).stdout == "every instance says this\n", address


def certificate(plant: Plant, name: str, days: int = 30) -> str:
    """A certificate and its key."""
    folder = plant.folder
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days)]
    files = ["-keyout", f"{folder}/new.key", "-out", f"{folder}/new.crt"]
    plant.run("openssl", "req", "-x509", *key, "-subj", f"/CN={name}", *files)
    return (folder / "new.crt").read_text() + (folder / "new.key").read_text()


def shown(plant: Plant) -> str:
    """Whose certificate a client sees."""
    words = ["openssl", "s_client", "-connect", f"{HOST}:443", "-servername", FILES]
    command = ["ip", "netns", "exec", plant.client, *words]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    return next((line for line in done.stdout.splitlines() if line.startswith("subject=")), "")


def test_a_new_certificate_is_taken_up_side_by_side_and_a_bad_one_is_not(plant: Plant) -> None:
    file = Path(plant.place.certificate)
    assert "mirror.fleet.example" in shown(plant), "a placeholder"
    client = plant.load(FILES, "/package.xbps", "--reopen", "20", "--pause", "0.05", seconds=120, connections=20)
    file.write_text(certificate(plant, "first"))
    plant.until(lambda: "first" in shown(plant))
    assert Path(plant.place.state, "slots").stat()
    good = file.read_text()
    other = certificate(plant, "second")
    file.write_text(good.partition("-----BEGIN PRIVATE")[0] + other[other.index("-----BEGIN PRIVATE") :])
    plant.until(lambda: "a certificate and its key are meant" in plant.log())
    assert "first" in shown(plant)
    file.write_text(other)
    plant.until(lambda: "second" in shown(plant))
    client.send_signal(signal.SIGTERM)
    assert came_of(client)["failed"] == {}
    kept = [path for path in Path(plant.place.state).rglob("*.pem") if path.stat().st_mode & 0o077]
    assert kept == [], "keys are for root alone"


def test_through_the_hosts_own_firewall_only_the_public_ports_are_reached(plant: Plant) -> None:
    data = samples.sample()
    data["firewall"]["openings"] |= {
        name: {"proto": "tcp", "ports": port, "from": ["world"]} for name, port in (("http", "80"), ("https", "443"))
    }
    data["firewall"]["redirected"] = [80, 443]
    ground = plan_of(parse_ground(data), Platform("debian", "runit", kernel_wireguard=False))
    rules = next(it.text for it in ground.files if it.path.endswith("firewall.nft"))
    file = plant.folder / "ground.nft"
    file.write_text(rules.replace('iifname "fabric0"', 'iifname "other0"'))
    plant.run("nft", "-f", str(file))
    assert plant.ask(FILES, "/package.xbps")[0] == 200
    assert plant.ask(FILES, "/", scheme="http")[0] == 308
    slot = int(plant.serving())
    for port in (8080 + slot, 8440 + slot, 8180 + slot):
        command = ["ip", "netns", "exec", plant.client, "curl", "-sk", "-m", "2", "--noproxy", "*", "-o", "/dev/null"]
        done = subprocess.run([*command, f"http://{HOST}:{port}/"], check=False)
        assert done.returncode == 28, f"{port} answers"
    assert plant.ask(SERVICE, "/same")[0] == 200
