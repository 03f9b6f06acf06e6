"""Where the toolchain's parts come from: vendors, Debian packages, servers on PATH."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import stat
import subprocess
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.toolchain.programs import program
from toolchain import debian, golang, install, on_path, servers, vendor
from toolchain.progress import UnavailableError

ROOT = Path(__file__).resolve().parents[2]


def test_a_vendors_checksum_must_be_of_the_file_asked_for() -> None:
    text = f"{'a' * 64}  pulumi-v1-linux-x64.tar.gz\n{'b' * 64} *other.tar.gz\n"
    assert vendor.checksum_in(text, "pulumi-v1-linux-x64.tar.gz") == "a" * 64
    assert vendor.checksum_in(text, "missing.tar.gz") is None


def test_a_vendor_that_does_not_answer_is_passed_over_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> object:
        raise OSError("timed out")

    monkeypatch.setattr(urllib.request, "urlopen", silent)
    assert "timed out" in vendor.fetch("pulumi", tmp_path / "pulumi")
    assert list(tmp_path.iterdir()) == []


def test_a_vendors_file_with_a_wrong_checksum_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer(io.BytesIO):
        headers = {"Content-Length": "3"}

    def answer(url: str, timeout: float) -> Answer:
        assert timeout <= 3
        name = "pulumi-v3.259.0-linux-x64.tar.gz"
        return Answer(f"{hashlib.sha256(b'other').hexdigest()}  {name}\n".encode() if "checksums" in url else b"bad")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert "not used" in vendor.fetch("pulumi", tmp_path / "pulumi")
    assert list(tmp_path.iterdir()) == []


def test_a_vendors_zip_gives_its_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as whole:
        whole.writestr("LICENSE.txt", "long")
        whole.writestr("consul", "a program")
    asked: list[str] = []

    class Answer(io.BytesIO):
        headers = {"Content-Length": "3"}

    def answer(url: str, timeout: float) -> Answer:
        assert timeout <= 3
        asked.append(url.rsplit("/", 1)[-1])
        name = "consul_1.22.5_linux_amd64.zip"
        listed = f"{hashlib.sha256(packed.getvalue()).hexdigest()}  {name}\n".encode()
        return Answer(listed if url.endswith("SUMS") else packed.getvalue())

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert vendor.fetch("consul", tmp_path / "consul") == ""
    assert asked == ["consul_1.22.5_SHA256SUMS", "consul_1.22.5_linux_amd64.zip"]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("consul", "a program")]
    assert os.access(tmp_path / "consul", os.X_OK)


def test_package_scripts_may_start_nothing_and_the_machines_policy_comes_back(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with debian.quiet_services(policy):
        assert subprocess.run([str(policy)]).returncode == 101
    assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 0\n")
    policy.chmod(0o750)

    def failing() -> None:
        with debian.quiet_services(policy):
            assert subprocess.run([str(policy)]).returncode == 101
            raise OSError("apt failed")

    with pytest.raises(OSError, match="apt failed"):
        failing()
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert stat.S_IMODE(policy.stat().st_mode) == 0o750


def test_a_policy_left_by_a_killed_run_is_removed_and_the_old_one_restored(tmp_path: Path) -> None:
    policy, kept = tmp_path / "policy-rc.d", tmp_path / "policy-rc.d.before-void-fleet"
    policy.write_text(f"#!/bin/sh\n{debian.MARK}\nexit 101\n")
    kept.write_text("theirs")
    with debian.quiet_services(policy):
        pass
    assert policy.read_text() == "theirs"
    assert not kept.exists()


def test_without_root_the_missing_packages_are_listed_with_what_works_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "missing", lambda: ["nsd", "mmdebstrap"])
    monkeypatch.setattr(debian, "obstacle", lambda: "only root may install packages")
    with pytest.raises(UnavailableError, match=r"only root(.|\n)*nsd mmdebstrap(.|\n)*make preview"):
        debian.ensure_packages()


def test_one_part_that_cannot_be_had_is_an_error_line_and_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise UnavailableError("no Go\n  way out: install it")

    done: list[str] = []
    monkeypatch.setitem(install.PARTS, "engine", missing)
    monkeypatch.setitem(install.PARTS, "venv", lambda: done.append("venv"))
    assert install.main(["engine", "venv"]) == 1
    assert done == ["venv"]
    said = capsys.readouterr().err
    assert "error: engine: no Go" in said
    assert "Traceback" not in said


def test_servers_that_fit_are_taken_from_path_and_lie_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_CACHE", str(tmp_path / "cache"))
    built: list[str] = []

    def build(module: golang.Module, target: Path) -> None:
        built.append(module.name)
        program(target.parent, target.name, f"Usage: {target.name}")

    monkeypatch.setattr(servers, "build", build)
    for name, (version, _) in servers.SERVERS.items():
        program(tmp_path / "bin", name, f"{name.capitalize()} v{version}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    folder = servers.ensure_servers()
    assert sorted(path.name for path in (folder / "bin").iterdir()) == sorted(servers.SERVERS)
    # Those that cannot say their version are made, whatever lies on PATH by their names.
    assert built == list(servers.SILENT)
    assert folder == servers.servers_folder() == servers.ensure_servers()


@pytest.mark.parametrize("name", list(servers.SERVERS))
def test_a_servers_version_is_that_of_its_module_and_of_the_vendor(name: str) -> None:
    version, module = servers.SERVERS[name]
    if name in ("fleet-login", "fleet-man", "fleet-devspace"):
        # Its source is in its folder.
        assert (module.folder / "main.go").is_file()
        return
    if name in servers.SILENT:
        assert f"github.com/netauth/netauth v{version}\n" in (module.folder / "go.mod").read_text()
        return
    assert f"github.com/hashicorp/{name} v{version}\n" in (module.folder / "go.mod").read_text()
    assert json.loads((ROOT / "toolchain" / "vendors.json").read_text())[name]["version"] == version


def test_a_program_that_does_not_start_is_not_kept(tmp_path: Path) -> None:
    on_path.check_starts(program(tmp_path, "good", "Usage: good"))
    with pytest.raises(UnavailableError, match="does not start"):
        on_path.check_starts(program(tmp_path, "bad", ""))
