"""What is around a fleet, for real: certificates for hosts, people who log in, names and trust on its internet."""

import os
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rehearsal import engine
from rehearsal.testhosts import acme, directory, dns, hosts, network, processes, serving, settings
from tests.own_rehearsal import own_rehearsal

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]
PEOPLE = {"ada": ["operators", "observers"], "mallory": []}
ZONE = """\
$ORIGIN fleet.example.
@ 60 IN SOA ns hostmaster 1 60 60 60 60
@ 60 IN NS ns
ns 60 IN A {net}.0.53
acme 60 IN A {net}.0.54
ldap 60 IN A {net}.0.55
web 60 IN A {net}.1.1
"""
OBTAIN = """
set -e
rm -rf /tmp/d  # accounts end with the authority that knew them
mkdir -p /tmp/d /tmp/www/.well-known/acme-challenge
pgrep busybox >/dev/null || busybox httpd -p 80 -h /tmp/www
cat > /tmp/trust.pem
cat /etc/ssl/certs/ca-certificates.crt /tmp/trust.pem > /tmp/all.pem
export CURL_CA_BUNDLE=/tmp/all.pem
cat > /tmp/c <<X
CA=https://acme.fleet.example:14000/dir
BASEDIR=/tmp/d
WELLKNOWN=/tmp/www/.well-known/acme-challenge
X
dehydrated --config /tmp/c --accept-terms --register
dehydrated --config /tmp/c -c -d web.fleet.example -o /tmp/out
cd /tmp/out/web.fleet.example
openssl verify -CAfile /tmp/trust.pem -untrusted chain.pem cert.pem
"""


@pytest.fixture(scope="module", autouse=True)
def around() -> Iterator[Path]:
    """Both servers in a folder, prefix and subnet that no running rehearsal has."""
    with own_rehearsal("around", "fa", "10.76") as run:
        network.up()
        settings.folder("dns", "zones")
        (dns.zones_folder() / "fleet.example.zone").write_text(ZONE.format(net=settings.subnet()))
        dns.serve()
        serve()
        yield run


def serve() -> None:
    acme.serve(["acme.fleet.example"])
    directory.serve(PEOPLE, names=["ldap.fleet.example"])


def inside(*argv: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A program on the internet, as the engine is started there."""
    words = engine.inside_network(argv, settings.internet())
    return subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})


def asked(person: str, password: Path) -> subprocess.CompletedProcess[str]:
    who = f"uid={person},{directory.ENTITIES},dc=fleet,dc=example"
    words = ["ldapsearch", "-LLL", "-x", "-H", "ldaps://ldap.fleet.example", "-D", who, "-y", str(password)]
    return inside(*words, "-b", who, "-s", "base", "memberOf", env={"LDAPTLS_CACERT": str(directory.authority_file())})


def said_by_directory() -> int:
    with urllib.request.urlopen("https://acme.fleet.example:14000/dir", timeout=5) as answer:
        return int(answer.status)


def test_names_and_authorities_there_are_the_rehearsals_and_nowhere_else() -> None:
    assert inside("curl", "-sSf", "-o", "/dev/null", "https://acme.fleet.example:14000/dir").returncode == 0
    python = "import httpx; httpx.get('https://acme.fleet.example:14000/dir').raise_for_status()"
    assert inside(sys.executable, "-c", python).stderr == ""
    assert network.from_internet(said_by_directory) == 200
    assert "nameserver" in inside("cat", "/etc/resolv.conf").stdout
    assert settings.dns4() not in Path("/etc/resolv.conf").read_text()
    with pytest.raises(OSError, match=r"Name or service|name resolution"):
        socket.gethostbyname("acme.fleet.example")
    assert str(settings.run()) not in Path("/proc/self/mountinfo").read_text()


def test_a_person_logs_in_with_their_own_password_and_sees_their_groups(tmp_path: Path) -> None:
    password = tmp_path / "password"
    for person, groups in PEOPLE.items():
        password.write_text(directory.password_of(person))
        done = asked(person, password)
        assert done.returncode == 0, done.stderr
        found = sorted(line.split("cn=")[1].split(",")[0] for line in done.stdout.splitlines() if "memberOf" in line)
        assert found == sorted(groups)
    password.write_text("wrong")
    assert "Invalid credentials" in asked("ada", password).stderr


def test_no_password_is_among_the_arguments_of_anything_or_in_the_log() -> None:
    secrets = [directory.password_of(person) for person in PEOPLE]
    everything = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            everything.append(path.read_bytes())
    everything += [path.read_bytes() for path in (settings.run() / "logs").iterdir()]
    everything += [path.read_bytes() for path in (settings.run() / "ldap").rglob("*") if path.is_file()]
    assert not [secret for secret in secrets if any(secret.encode() in text for text in everything)]


def test_people_who_leave_the_data_leave_the_directory_and_the_others_keep_their_password(tmp_path: Path) -> None:
    before = directory.password_of("ada")
    directory.serve({"ada": ["observers"]}, names=["ldap.fleet.example"])
    password = tmp_path / "password"
    password.write_text(before)
    assert asked("ada", password).stdout.count("memberOf") == 1
    assert [file.name for file in directory.passwords().iterdir()] == ["ada"]
    serve()
    assert directory.password_of("ada") == before


def test_a_host_gets_a_certificate_that_stays_trusted_when_the_authority_starts_anew() -> None:
    hosts.start(hosts.Spec("web", f"{settings.subnet()}.1.1", users={"root": ["ssh-ed25519 AAAA nobody"]}))
    command = [*hosts.entering("web"), "sh", "-c", OBTAIN]
    done = subprocess.run(command, input=acme.trust().read_text(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    leaf = hosts.execute_in("web", "cat", "/tmp/out/web.fleet.example/fullchain.pem").stdout
    before = {name: serving.current(name) for name in (acme.NAME, directory.NAME)}
    serve()
    assert {name: serving.current(name) for name in before} == before, "what runs is left running"
    # As a crash of the machine's memory would: no farewell, and then the same command again.
    assert processes.end([one for one in before.values() if one], grace=0.0) == []
    first = acme.issuer().read_text()
    serve()
    assert acme.issuer().read_text() != first
    chain = settings.run() / "chain.pem"
    chain.write_text(leaf)
    checked = ["openssl", "verify", "-CAfile", str(acme.trust()), "-untrusted", str(chain), str(chain)]
    assert subprocess.run(checked, capture_output=True, check=False).returncode == 0
    assert network.from_internet(said_by_directory) == 200


def test_the_authority_refuses_a_name_that_its_asker_does_not_answer_for() -> None:
    hosts.start(hosts.Spec("web", f"{settings.subnet()}.1.1", users={"root": ["ssh-ed25519 AAAA nobody"]}))
    text = OBTAIN.replace("web.fleet.example", "ldap.fleet.example")
    command = [*hosts.entering("web"), "sh", "-c", text]
    done = subprocess.run(command, input=acme.trust().read_text(), text=True, capture_output=True, check=False)
    assert done.returncode != 0
    assert "acme:error:connection" in done.stdout + done.stderr


def test_whom_nobody_told_trusts_neither() -> None:
    context = ssl.create_default_context(cafile=str(settings.run() / "internet" / "machine.crt"))

    def ask() -> None:
        urllib.request.urlopen("https://acme.fleet.example:14000/dir", timeout=5, context=context).close()

    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        network.from_internet(ask)
