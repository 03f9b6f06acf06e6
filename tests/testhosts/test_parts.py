"""The pure parts: package sources, the repository's index, DNS configuration, control groups, host specs."""

import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from rehearsal.testhosts import base, cgroups, clean, dns, hosts, packages, servers, settings, sources
from rehearsal.testhosts.settings import RehearsalError
from tests.executable import executable

TARGETS = """\
Packages|http://mirror.example/debian/|bookworm|main|Debian
Translations|http://mirror.example/debian/|bookworm|main|Debian
Packages|http://mirror.example/debian/|bookworm|main|Debian
Packages|https://vendor.example/apt/|stable|main|Vendor
"""


def test_only_the_distributions_own_sources_are_used() -> None:
    found = sources.parse(TARGETS, "Debian")
    assert [one.line() for one in found] == ["deb http://mirror.example/debian/ bookworm main"]


def test_the_distribution_is_read_from_the_machine() -> None:
    assert sources.distribution('NAME="x"\nID=debian\nID_LIKE=none\n') == "Debian"
    assert sources.distribution('ID="ubuntu"\n') == "Ubuntu"


def test_proxies_and_dates_are_passed_on_and_nothing_else() -> None:
    dump = [
        'Acquire::http::Proxy "http://proxy.example:3142/";',
        'Acquire::https::Proxy "";',
        'Acquire::Check-Date "false";',
        'Acquire::GzipIndexes "true";',
    ]
    assert sources.chosen(dump) == ['Acquire::http::Proxy "http://proxy.example:3142/"', 'Acquire::Check-Date "false"']


def test_no_file_of_the_image_names_a_source() -> None:
    texts = [path.read_text() for path in base.FILES.rglob("*") if path.is_file()]
    assert texts
    assert not any("http" in text for text in texts)


def test_the_base_needs_no_python_and_leaves_time_and_resolver_to_the_hosts() -> None:
    assert not {"chrony", "unbound", "python3"} & set(base.PACKAGES)
    assert {"chrony", "unbound"} <= set(packages.OFFERED)


def test_other_servers_are_another_base(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for text in ("", "aa  nomad\n", "bb  nomad\n"):
        monkeypatch.setattr(servers, "sums", lambda text=text: text)
        names.add(base.recipe())
    assert len(names) == 3


def test_without_the_servers_no_base_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_CACHE", str(tmp_path))
    with pytest.raises(RehearsalError, match=r"install\.py servers` brings them"):
        servers.require()


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb, which only Debian and its kin have")
def test_a_server_is_a_package_of_its_own_name_version_and_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "servers_folder", lambda: tmp_path)
    executable(tmp_path / "bin" / "vault", "#!/bin/sh\necho Vault v9.8.7, built today\n")
    packed = servers.package("vault", tmp_path / "scratch")
    fields = subprocess.run(["dpkg-deb", "--field", str(packed), "Package", "Version"], capture_output=True, check=True)
    assert fields.stdout == b"Package: vault\nVersion: 9.8.7\n"
    listed = subprocess.run(["dpkg-deb", "--contents", str(packed)], capture_output=True, text=True, check=True).stdout
    assert "-rwxr-xr-x root/root" in listed
    assert listed.endswith("./usr/bin/vault\n")


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb, which only Debian and its kin have")
def test_the_index_describes_each_package(tmp_path: Path) -> None:
    control = tmp_path / "x" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: none <a@b.example>\nDescription: x\n y\n"
    )
    folder = tmp_path / "repository"
    folder.mkdir()
    subprocess.run(["dpkg-deb", "--build", str(tmp_path / "x"), str(folder / "x_1_all.deb")], check=True)
    packages.index(folder)
    listing = (folder / "Packages").read_bytes()
    digest = hashlib.sha256((folder / "x_1_all.deb").read_bytes()).hexdigest()
    assert f"SHA256: {digest}" in listing.decode()
    assert "Filename: ./x_1_all.deb" in listing.decode()
    assert gzip.decompress((folder / "Packages.gz").read_bytes()) == listing
    assert f" {hashlib.sha256(listing).hexdigest()} {len(listing)} Packages\n" in (folder / "Release").read_text()


def test_a_zone_file_is_a_zone(tmp_path: Path) -> None:
    for name in ("b.example.zone", "a.example.zone", "c.example.zone.tmp"):
        (tmp_path / name).touch()
    assert dns.zones_in(tmp_path) == ["a.example", "b.example"]
    assert 'zonefile: "a.example.zone"' in dns.config(tmp_path, dns.zones_in(tmp_path))
    assert dns.zones_folder_of(dns.config(tmp_path, [])) == tmp_path


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ("@ 60 IN SOA ns.a. admin.a. 7 1 2 3 4\n", 7),
        ("@ IN SOA ns.a. admin.a. ( ; start\n 2026112301 ; serial\n 1 2 3 4 )\n", 2026112301),
        ("@ IN A 10.77.0.1\n", None),
    ],
)
def test_a_serial_is_found_however_it_is_written(text: str, serial: int | None) -> None:
    assert dns.serial_of(text) == serial


def test_control_groups_of_both_kinds(tmp_path: Path) -> None:
    (tmp_path / "memory" / "a").mkdir(parents=True)
    many = "4:memory:/a\n9:name=systemd:/\n0::/a\n"
    assert cgroups.own(many, tmp_path) == [tmp_path / "memory" / "a"]
    one = tmp_path / "v2"
    (one / "b").mkdir(parents=True)
    (one / "cgroup.procs").touch()
    assert cgroups.own("0::/b\n", one) == [one / "b"]


@pytest.mark.parametrize("name", ["net", "outside", "A", "a_b", "-a", "a/b", "", "x" * 64])
def test_a_name_that_could_harm_is_refused(name: str) -> None:
    with pytest.raises(RehearsalError, match="host name"):
        hosts.Spec(name, "10.77.1.1")


def test_an_unknown_host_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_RUN", str(tmp_path))
    with pytest.raises(RehearsalError, match="'nobody'"):
        hosts.spec_of("nobody")


def test_without_our_marker_only_our_names_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_RUN", str(tmp_path))
    (tmp_path / "hosts" / "a").mkdir(parents=True)
    (tmp_path / "holiday.jpg").touch()
    clean.remove_files()
    assert [entry.name for entry in tmp_path.iterdir()] == ["holiday.jpg"]


def test_with_our_marker_the_whole_folder_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_RUN", str(tmp_path / "run"))
    settings.folder("hosts", "a")
    clean.remove_files()
    assert not (tmp_path / "run").exists()
