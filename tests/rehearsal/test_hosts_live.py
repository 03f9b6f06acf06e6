"""Real test hosts, in a network and a folder of their own beside any running rehearsal."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.testhosts import base, clean, commands, dns, hosts, network, packages, processes, settings
from rehearsal.testhosts.hosts import Spec
from rehearsal.testhosts.settings import RehearsalError

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]
REPOSITORY = Path(__file__).resolve().parents[2]
ALPHA, BETA = ("alpha", "10.78.1.1", "fd78::1:1"), ("beta", "10.78.1.2", "fd78::1:2")


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


def spec(name: str, ipv4: str, ipv6: str, key: Path) -> Spec:
    public = key.with_suffix(".pub").read_text()
    return Spec(name, ipv4, ipv6, {"root": [public], "admin": [public]})


def from_internet(*argv: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    enter = [commands.tool("nsenter"), f"--net={commands.netns_path(settings.internet())}", "--"]
    return subprocess.run([*enter, *argv], input=stdin, text=True, capture_output=True, check=check, timeout=60)


def options(key: Path) -> list[str]:
    quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    return ["-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=3", *quiet]


def ssh(key: Path, where: str, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return from_internet("ssh", *options(key), where, command, check=check)


@pytest.mark.usefixtures("pair")
def test_accounts_of_the_first_boot_log_in_over_both_families(key: Path) -> None:
    for where in ("root@10.78.1.1", "root@fd78::1:1", "admin@10.78.1.2", "admin@fd78::1:2"):
        assert ssh(key, where, "sudo -n id -u").stdout == "0\n"
    assert ssh(key, "root@10.78.1.2", "hostname; cat /proc/1/comm").stdout == "beta\nrunsvdir\n"


@pytest.mark.usefixtures("pair")
def test_another_key_and_a_password_are_refused(key: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    refused = ssh(other, "root@10.78.1.1", "true", check=False)
    assert refused.returncode == 255
    assert "Permission denied (publickey)" in refused.stderr
    assert ssh(key, "root@10.78.1.1", "true").returncode == 0


@pytest.mark.usefixtures("pair")
def test_sftp_puts_a_file(key: Path, tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_text("over sftp\n")
    from_internet("sftp", *options(key), "-b", "-", "admin@10.78.1.1", stdin=f"put {content} /tmp/there\n")
    assert ssh(key, "admin@10.78.1.1", "cat /tmp/there").stdout == "over sftp\n"


@pytest.mark.usefixtures("pair")
def test_a_firewall_closes_a_port_in_both_families(key: Path) -> None:
    ssh(key, "root@10.78.1.2", "nginx")
    asked = "for at in 10.78.1.2 '[fd78::1:2]'; do curl -sS -o /dev/null -m 2 http://$at/ && echo open; done"
    assert ssh(key, "root@10.78.1.1", asked, check=False).stdout == "open\nopen\n"
    rules = "table inet t { chain c { type filter hook input priority 0; tcp dport 80 drop; }; }"
    ssh(key, "root@10.78.1.2", f"echo {shlex.quote(rules)} | nft -f -")
    assert ssh(key, "root@10.78.1.1", asked, check=False).stdout == ""
    ssh(key, "root@10.78.1.2", "nft delete table inet t; nginx -s stop")


@pytest.mark.usefixtures("pair")
def test_network_settings_are_the_hosts_own_and_the_kernels_are_not(key: Path) -> None:
    ssh(key, "root@10.78.1.1", "sysctl -w net.ipv4.ip_forward=1")
    assert ssh(key, "root@10.78.1.2", "cat /proc/sys/net/ipv4/ip_forward").stdout == "0\n"
    assert ssh(key, "root@10.78.1.1", "sysctl -w kernel.panic=3", check=False).returncode != 0
    ssh(key, "root@10.78.1.1", "sysctl -w net.ipv4.ip_forward=0")


@pytest.mark.usefixtures("pair")
def test_packages_install_from_the_flat_repository_alone(key: Path) -> None:
    server = packages.serve()
    try:
        said = ssh(key, "root@10.78.1.1", "apt-get update -q && apt-get install -q -y chrony unbound jq 2>&1")
        assert said.returncode == 0
        assert "W:" not in said.stdout + said.stderr
        assert ssh(key, "root@10.78.1.1", "jq -n 1+1; pgrep chronyd; pgrep unbound; true").stdout == "2\n"
        gone = ssh(key, "root@10.78.1.1", "apt-get purge -q -y jq >/dev/null; command -v jq", check=False)
        assert gone.stdout == ""
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.usefixtures("pair")
def test_wireguard_joins_two_hosts(key: Path) -> None:
    made = (
        "umask 077; wireguard-go wg0 >/dev/null 2>&1 || exit 1; wg genkey >/run/wg.key; "
        "wg set wg0 listen-port 51820 private-key /run/wg.key; wg pubkey </run/wg.key"
    )
    public = {at: ssh(key, f"root@{at}", made).stdout.strip() for at in ("10.78.1.1", "10.78.1.2")}
    for me, other, inner, peer in (
        ("10.78.1.1", "10.78.1.2", "192.168.99.1", "192.168.99.2"),
        ("10.78.1.2", "10.78.1.1", "192.168.99.2", "192.168.99.1"),
    ):
        joined = f"wg set wg0 peer {public[other]} endpoint {other}:51820 allowed-ips {peer}/32"
        ssh(key, f"root@{me}", f"{joined}; ip addr add {inner}/24 dev wg0; ip link set wg0 up")
    assert ssh(key, "root@10.78.1.1", "ping -c2 -i0.2 -W2 192.168.99.2").returncode == 0
    assert ssh(key, "root@10.78.1.2", "ping -c2 -i0.2 -W2 192.168.99.1").returncode == 0


@pytest.mark.usefixtures("pair")
def test_a_service_is_added_and_comes_back_after_a_reboot(key: Path) -> None:
    script = "#!/bin/sh\nexec sleep 1234\n"
    ssh(key, "root@10.78.1.2", f"mkdir -p /etc/sv/naps; printf %s {shlex.quote(script)} >/etc/sv/naps/run")
    ssh(key, "root@10.78.1.2", "chmod 755 /etc/sv/naps/run; ln -sf /etc/sv/naps /etc/service/")
    runs = "for i in $(seq 70); do pgrep -f '^sleep 1234$' && exit 0; sleep 0.1; done; exit 1"
    assert ssh(key, "root@10.78.1.2", runs).returncode == 0
    hosts.reboot("beta")
    assert ssh(key, "root@10.78.1.2", runs).returncode == 0


@pytest.mark.usefixtures("pair")
def test_a_killed_host_comes_back_with_what_it_wrote_and_its_host_key(key: Path) -> None:
    identity = "cat /etc/ssh/ssh_host_ed25519_key.pub"
    before = ssh(key, "root@10.78.1.1", f"echo kept >/root/note; sync; {identity}").stdout
    hosts.kill("alpha")
    assert "alpha" not in hosts.running()
    assert ssh(key, "root@10.78.1.1", "true", check=False).returncode == 255
    hosts.start(hosts.spec_of("alpha"))
    assert ssh(key, "root@10.78.1.1", f"cat /root/note; {identity}").stdout == f"kept\n{before}"


@pytest.mark.usefixtures("pair")
def test_a_wiped_host_is_a_new_one(key: Path) -> None:
    identity = "cat /etc/ssh/ssh_host_ed25519_key.pub"
    before = ssh(key, "root@10.78.1.2", identity).stdout
    hosts.stop("beta", wipe=True)
    hosts.start(spec(*BETA, key))
    assert ssh(key, "root@10.78.1.2", identity).stdout != before


@pytest.mark.usefixtures("pair")
def test_a_partition_cuts_and_heals(key: Path) -> None:
    ping = "ping -c1 -W1 10.78.1.2"
    assert ssh(key, "root@10.78.1.1", ping).returncode == 0
    hosts.link("beta", False)
    assert ssh(key, "root@10.78.1.1", ping, check=False).returncode != 0
    assert "beta" in hosts.running()
    hosts.link("beta", True)
    assert ssh(key, "root@10.78.1.1", ping).returncode == 0


def test_a_memory_limit_ends_what_exceeds_it(key: Path) -> None:
    name, ipv4 = "gamma", "10.78.1.3"
    network.up()
    hosts.start(Spec(name, ipv4, None, {"root": [key.with_suffix(".pub").read_text()]}, memory_mb=64))
    eat = "head -c 200m /dev/zero | tail -c 150m | wc -c"
    assert ssh(key, f"root@{ipv4}", eat, check=False).stdout != "157286400\n"
    assert ssh(key, f"root@{ipv4}", "echo alive").stdout == "alive\n"
    hosts.stop(name, wipe=True)


@pytest.mark.usefixtures("pair")
def test_nothing_leaves_by_a_default_route(key: Path) -> None:
    assert "default" not in commands.execute(["ip", "-n", settings.internet(), "route"])
    assert ssh(key, "root@10.78.1.1", "ip route; ip -6 route").stdout.count("default") == 0
    outer = subprocess.run(["ip", "route", "get", "10.78.1.1"], capture_output=True, text=True, check=False)
    assert outer.returncode != 0
    assert network.holds_blackhole("-4", "10.78.0.0/16")


def zone(serial: int, *records: str) -> str:
    return "\n".join([f"@ 60 IN SOA ns.a.example. x.a.example. {serial} 60 60 60 60", "@ 60 IN NS ns", *records, ""])


def dig(*words: str) -> str:
    return from_internet("dig", "+short", "+time=2", "+tries=1", *words).stdout


@pytest.mark.usefixtures("pair")
def test_dns_answers_what_the_files_say() -> None:
    dns.serve()
    assert "REFUSED" in from_internet("dig", "+time=2", "@10.78.0.53", "a.example", "SOA").stdout
    file = dns.zones_folder() / "a.example.zone"
    file.write_text(zone(1, "ns 60 IN A 10.78.0.53", "www 60 IN A 10.78.1.1", "www 60 IN AAAA fd78::1:1"))
    dns.reload()
    assert dig("@10.78.0.53", "www.a.example", "A") == "10.78.1.1\n"
    assert dig("@fd78::53", "www.a.example", "AAAA") == "fd78::1:1\n"
    assert hosts.execute_in("alpha", "getent", "hosts", "www.a.example").stdout.split()[0] == "fd78::1:1"
    file.write_text(zone(2, "ns 60 IN A 10.78.0.53", "www 60 IN A 10.78.1.9"))
    dns.reload()
    assert dig("@10.78.0.53", "www.a.example", "A") == "10.78.1.9\n"
    (dns.zones_folder() / "b.example.zone").write_text(zone(5, "ns 60 IN A 10.78.0.53"))
    dns.reload()
    assert dig("@10.78.0.53", "ns.b.example", "A") == "10.78.0.53\n"
    file.unlink()
    dns.reload()
    assert "REFUSED" in from_internet("dig", "+time=2", "@10.78.0.53", "a.example", "SOA").stdout


@pytest.mark.usefixtures("pair")
def test_a_broken_zone_is_named() -> None:
    dns.serve()
    broken = dns.zones_folder() / "c.example.zone"
    broken.write_text(zone(1, "www 60 IN A 10.78.1.999"))
    with pytest.raises(RehearsalError, match=r"zone c\.example"):
        dns.reload(seconds=0.5)
    broken.unlink()
    dns.reload()


@pytest.mark.usefixtures("pair")
def test_starting_what_runs_changes_nothing(key: Path) -> None:
    before = hosts.running()
    started = time.monotonic()
    network.up()
    hosts.start(spec(*ALPHA, key))
    assert hosts.running() == before
    assert time.monotonic() - started < 2


@pytest.mark.usefixtures("pair")
def test_a_host_whose_sshd_went_silent_still_counts_as_started(key: Path) -> None:
    ssh(key, "root@10.78.1.1", "sv force-stop /etc/service/sshd || true", check=False)
    assert hosts.banner("10.78.1.1", 0.5) == ""
    started = time.monotonic()
    hosts.start(spec(*ALPHA, key))
    assert time.monotonic() - started < 1
    hosts.reboot("alpha")
    assert hosts.banner("10.78.1.1", 1.0).startswith("SSH-")


CRASH = """
import os, sys, threading
from rehearsal.testhosts import dns, hosts, network
network.up()
threading.Timer(float(sys.argv[1]), lambda: os.kill(os.getpid(), 9)).start()
dns.serve()
for number in range(5, 60):
    hosts.start(hosts.Spec(f"crash-{number}", f"10.78.2.{number}", f"fd78::2:{number}", {"root": []}))
"""


@pytest.mark.parametrize("seconds", ["0.01", "0.05", "0.15", "0.3", "0.6", "1.1"])
def test_after_a_crash_at_any_moment_a_cleaning_leaves_nothing(seconds: str) -> None:
    crashed = subprocess.run([sys.executable, "-c", CRASH, seconds], cwd=REPOSITORY, check=False, capture_output=True)
    assert crashed.returncode == -signal.SIGKILL
    left = clean.traces()
    assert left.namespaces
    assert left.mounts
    assert left.routes
    assert left.files
    clean.all()
    assert clean.traces() == clean.Traces((), (), (), (), (), (), ())
    clean.all()


def test_who_runs_inside_the_internet_can_start_and_clean_too() -> None:
    network.up()
    work = (
        "from rehearsal.testhosts import clean, hosts, network; network.up();"
        "hosts.start(hosts.Spec('delta', '10.78.1.4', 'fd78::1:4', {'root': []}));"
        "print(*hosts.running()); clean.all()"
    )
    enter = ["nsenter", f"--net={commands.netns_path(settings.internet())}", "--", sys.executable, "-c", work]
    assert subprocess.run(enter, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout == "delta\n"
    assert not clean.traces()


def test_an_interrupted_start_goes_on(key: Path) -> None:
    for seconds in ("0.02", "0.1", "0.2"):
        subprocess.run([sys.executable, "-c", CRASH, seconds], cwd=REPOSITORY, check=False, capture_output=True)
    network.up()
    hosts.start(Spec("crash-5", "10.78.2.5", "fd78::2:5", {"root": [key.with_suffix(".pub").read_text()]}))
    dns.serve()
    assert hosts.banner("10.78.2.5", 1.0).startswith("SSH-2.0")


def test_the_look_for_traces_sees_each_kind(key: Path) -> None:
    network.up()
    for name, ipv4, ipv6 in (ALPHA, BETA):
        hosts.start(spec(name, ipv4, ipv6, key))
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(settings.folder("mounted"))], check=True)
    subprocess.run(["ip", "link", "add", settings.bridge(), "type", "bridge"], check=True)
    found = clean.traces()
    assert all(getattr(found, kind) for kind in vars(found)), found
    assert any("runsvdir" in one for one in found.processes)
    assert str(settings.folder("mounted")) in found.mounts
    subprocess.run(["ip", "link", "del", settings.bridge()], check=True)
    clean.all()
    assert not clean.traces()
    assert processes.survivors() == []
