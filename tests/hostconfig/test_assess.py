"""Laws of the assessment: it plans exactly what is missing, removes exactly what is ours, overwrites no hand's work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hostconfig import steps
from hostconfig.assess import Assessment, assess
from hostconfig.desired import Desired, parse
from hostconfig.observed import Observed, ObservedFile
from hostconfig.parts import Platform
from tests.hostconfig.samples import peer, sample, users, variations
from tests.hostconfig.simulation import bare, carried_out

DEBIAN = Platform("debian", "runit", kernel_wireguard=False)
PLATFORMS = st.builds(Platform, st.just("debian"), st.sampled_from(["runit", "systemd"]), st.booleans())


def applied(desired: Desired, host: Observed, cut_after: int | None = None) -> Observed:
    """The host after all changes, or after the first few."""
    changes = assess(desired, host, acknowledged={"firewall", *host.files}).changes
    for change in changes[:cut_after]:
        host = carried_out(host, change, desired)
    return host


def on(data: dict[str, Any], platform: Platform) -> tuple[Desired, Observed]:
    """A bare machine that fits the data."""
    return parse(data), bare(replace(platform, os=data["os"]))


@given(variations(), PLATFORMS)
def test_a1_04_a_second_apply_finds_nothing_to_do(data: dict[str, Any], platform: Platform) -> None:
    desired, host = on(data, platform)
    assert assess(desired, host).changes, "a bare machine has everything to do"
    after = assess(desired, applied(desired, host))
    assert (after.changes, after.drift, after.conflicts) == ((), {}, {})


@given(variations("debian"), variations("debian"), PLATFORMS)
def test_a1_05_what_leaves_the_data_leaves_the_host(a: dict[str, Any], b: dict[str, Any], platform: Platform) -> None:
    desired, host = on(a, platform)
    new = parse(b)
    via_a = applied(new, applied(desired, host))
    directly = applied(new, host)
    assert set(via_a.files) == set(directly.files)
    assert (via_a.packages, via_a.groups) == (directly.packages, directly.groups)
    assert set(via_a.users) == set(directly.users)
    assert via_a.sysctl == directly.sysctl
    assert not assess(new, via_a).changes


@given(variations("debian"), variations("debian"), PLATFORMS, st.integers(0, 40))
def test_an_apply_cut_short_anywhere_is_finished_by_the_next_one(
    a: dict[str, Any], b: dict[str, Any], platform: Platform, cut: int
) -> None:
    first, second = parse(a), parse(b)
    host = applied(first, bare(platform), cut_after=cut)
    verdict = assess(second, host)
    assert not verdict.conflicts, "what the program itself left half done is nobody's hand edit"
    for change in verdict.changes:
        host = carried_out(host, change, second)
    assert not assess(second, host).changes
    assert set(host.files) == set(applied(second, bare(platform)).files)


@given(variations("debian"), PLATFORMS, st.data())
def test_a1_06_a_hand_edit_is_named_and_never_overwritten(
    data: dict[str, Any], platform: Platform, pick: st.DataObject
) -> None:
    desired = parse(data)
    host = applied(desired, bare(platform))
    assert host.manifest is not None
    path = pick.draw(st.sampled_from(sorted(host.manifest.files)))
    edited = replace(host.files[path], sha256="e" * 64)
    host = replace(host, files={**host.files, path: edited})
    verdict = assess(desired, host)
    assert verdict.drift == {path: "edited by hand"}
    assert verdict.conflicts == {path: "edited by hand since the last apply"}
    assert not assess(desired, host, acknowledged={path}).conflicts


def test_drift_of_every_kind_has_words() -> None:
    desired = parse(sample())
    host = applied(desired, bare(DEBIAN))
    assert host.link is not None
    files = {path: file for path, file in host.files.items() if path != "/etc/ssh/banner"}
    files["/etc/hosts"] = replace(files["/etc/hosts"], mode="0666")
    found = replace(
        host,
        files=files,
        packages=host.packages - {"jq"},
        services={**host.services, "unbound": "down", "chrony": "absent"},
        sysctl={"net.ipv4.ip_forward": "0"},
        users={name: user for name, user in host.users.items() if name != "deploy"},
        firewall_live="else",
        hostname="foo",
        link=replace(host.link, peers=frozenset({(peer(2)["key"], "10.99.0.2/32"), ("stranger", "10.99.0.7/32")})),
    )
    assert assess(desired, found).drift == {
        "/etc/hosts": "has mode 0666 and owner root:root instead of 0644 and root:root",
        "/etc/ssh/banner": "missing",
        "fabric peer c-grq-nl": "missing",
        "fabric peer stranger": "is on the host but not in the data",
        "firewall": "rules differ from what was applied",
        "hostname": "is foo instead of a-ams-nl",
        "package jq": "missing",
        "service chrony": "not enabled",
        "service unbound": "down",
        "sysctl net.ipv4.ip_forward": "is 0 instead of 1",
        "user deploy": "missing",
    }


def test_news_in_the_data_are_no_drift() -> None:
    host = applied(parse(sample()), bare(DEBIAN))
    news = parse(sample(packages={"htop": "new"}, users=users(["alice"]), sysctl={"vm.swappiness": "1"}, hostname="b"))
    verdict = assess(news, replace(host, hostname="a-ams-nl"))
    assert set(verdict.drift) <= {"hostname"}
    assert verdict.changes


def test_a_host_that_we_never_touched_has_one_line_of_drift() -> None:
    assert assess(parse(sample()), bare(DEBIAN)).drift == {"ground": "never applied by this program"}


def test_what_was_there_before_us_stays() -> None:
    host = bare(DEBIAN, packages=frozenset({"jq"}))
    host = applied(parse(sample()), host)
    assert host.manifest is not None
    assert "jq" not in host.manifest.packages
    host = applied(parse(sample(packages={})), host)
    assert "jq" in host.packages
    assert "tree" not in host.packages
    assert host.sysctl["net.ipv4.ip_forward"] == "1"
    host = applied(parse(sample(sysctl={})), host)
    assert host.sysctl["net.ipv4.ip_forward"] == "0"


def test_the_wrong_system_stops_at_once() -> None:
    verdict: Assessment = assess(parse(sample(os="void")), bare(DEBIAN))
    assert verdict.conflicts == {"os": "the host runs debian, the data says void: correct one of them"}
    assert not verdict.changes


def test_rules_changed_by_hand_stop_the_host_but_another_nft_does_not() -> None:
    desired = parse(sample())
    host = replace(applied(desired, bare(DEBIAN)), firewall_live="else")
    assert assess(desired, host).conflicts == {"firewall": "rules changed by hand since the last apply"}
    upgraded = assess(desired, replace(host, firewall_tool_same=False))
    assert not upgraded.conflicts
    assert not upgraded.drift


def test_a_port_opened_in_the_data_touches_the_rules_and_nothing_else() -> None:
    host = applied(parse(sample()), bare(DEBIAN))
    firewall = sample()["firewall"]
    firewall["openings"]["web"] = {"proto": "tcp", "ports": "443", "from": ["world"]}
    changes = assess(parse(sample(firewall=firewall)), host).changes
    assert [change.subject for change in changes] == [
        "manifest",
        "/etc/fleet/firewall.nft",
        "service fleet-firewall",
        "manifest",
    ]


def test_keys_are_in_place_before_sshd_hears_of_its_new_config() -> None:
    changes = assess(parse(sample()), bare(DEBIAN)).changes
    subjects = [change.subject for change in changes]
    assert subjects.index("/etc/ssh/authorized_keys.d/deploy") < subjects.index("/etc/ssh/sshd_config")
    assert subjects.index("/etc/sudoers.d/fleet-deploy") < subjects.index("service sshd")
    assert isinstance(changes[0].step, steps.Record)
    assert isinstance(changes[-1].step, steps.Record)


def test_a_file_from_before_us_is_kept_once() -> None:
    host = bare(DEBIAN)
    writes = {
        change.subject: change.step.keep_before
        for change in assess(parse(sample()), host).changes
        if isinstance(change.step, steps.WriteFile)
    }
    assert writes["/etc/hosts"]
    assert not writes["/etc/ssh/banner"]
    edited = ObservedFile("e" * 64, "0644", "root:root")
    host = applied(parse(sample()), host)
    host = replace(host, files={**host.files, "/etc/hosts": edited})
    again = assess(parse(sample()), host, acknowledged={"/etc/hosts"}).changes
    assert [change.step.keep_before for change in again if isinstance(change.step, steps.WriteFile)] == [False]
