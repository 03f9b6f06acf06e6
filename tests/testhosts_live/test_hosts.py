"""What a test host is: logins, packages, a firewall, WireGuard, services, limits."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.testhosts import commands, hosts, network, packages, settings
from rehearsal.testhosts.hosts import Spec
from tests.testhosts_live.near import from_internet, options, ssh

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux"),
]


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
    asked = "for at in 10.78.1.2 '[fd78::1:2]'; do curl -sS -o /dev/null -m 5 http://$at/ && echo open; done"
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
    assert ssh(key, "root@10.78.1.1", "ping -c 1 -w 20 192.168.99.2").returncode == 0
    assert ssh(key, "root@10.78.1.2", "ping -c 1 -w 20 192.168.99.1").returncode == 0


@pytest.mark.usefixtures("pair")
def test_a_service_is_added_and_comes_back_after_a_reboot(key: Path) -> None:
    script = "#!/bin/sh\nexec sleep 1234\n"
    ssh(key, "root@10.78.1.2", f"mkdir -p /etc/sv/naps; printf %s {shlex.quote(script)} >/etc/sv/naps/run")
    ssh(key, "root@10.78.1.2", "chmod 755 /etc/sv/naps/run; ln -sf /etc/sv/naps /etc/service/")
    runs = "for i in $(seq 600); do pgrep -f '^sleep 1234$' && exit 0; sleep 0.1; done; exit 1"
    assert ssh(key, "root@10.78.1.2", runs).returncode == 0
    hosts.reboot("beta")
    assert ssh(key, "root@10.78.1.2", runs).returncode == 0


@pytest.mark.usefixtures("pair")
def test_a_partition_cuts_and_heals(key: Path) -> None:
    ping = "ping -c 1 -w 10 10.78.1.2"
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
