"""Golden files of everything that is put on a host, and the laws of the single texts. BLESS=1 writes the files anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given

from hostconfig.desired import parse
from hostconfig.fabric import kept_peers, link_of
from hostconfig.parts import KeptPeer, Platform
from hostconfig.plan import paths_to_look_at, plan_of
from hostconfig.scripts import script
from hostconfig.sshd import CIPHERS, KEY_EXCHANGE, MACS
from tests.hostconfig.platforms import PLATFORMS
from tests.hostconfig.samples import peer, sample, users, variations, wireguard_key

GOLDEN = Path(__file__).parent.parent / "golden" / "hostconfig"


@pytest.mark.parametrize("name", PLATFORMS)
def test_rendered_files_are_the_blessed_ones(name: str) -> None:
    platform = PLATFORMS[name]
    ground = plan_of(parse(sample(os=platform.os)), platform)
    page = "".join(f"===== {file.path} {file.mode} test: {file.check}\n{file.text}" for file in ground.files)
    page += f"===== packages\n{' '.join(ground.packages)}\n"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("BLESS") == "1":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(page)
    assert golden.read_text() == page, f"{name} changed; if you meant it, rerun with BLESS=1"


@given(variations())
def test_the_same_data_give_the_same_bytes_in_any_order(data: dict[str, object]) -> None:
    platform = PLATFORMS["void-runit" if data["os"] == "void" else "debian-runit"]
    turned = {
        key: dict(reversed(list(value.items()))) if isinstance(value, dict) else value
        for key, value in reversed(list(data.items()))
    }
    assert plan_of(parse(data), platform).files == plan_of(parse(turned), platform).files


@given(variations())
def test_every_file_is_looked_at(data: dict[str, object]) -> None:
    desired = parse(data)
    for platform in PLATFORMS.values():
        if platform.os == desired.os:
            assert {file.path for file in plan_of(desired, platform).files} <= set(paths_to_look_at(desired))


def test_no_weak_algorithm_is_offered() -> None:
    offered = ",".join((*CIPHERS, *KEY_EXCHANGE, *MACS))
    assert not [
        weak for weak in ("ripemd", "sha1", "md5", "cbc", "3des", "arcfour", "umac-64", "group1-") if weak in offered
    ]


def test_a1_04_a_peer_whose_key_nobody_knows_is_kept_as_the_host_has_it() -> None:
    """A plan from the data alone, or a silent host, must not take a working peer out."""
    data = sample()
    data["fabric"] |= {"document": {"peers": {}}, "joining": {"b": peer(2, key=False), "c": peer(3)}}
    file = f"[Peer]\n# b\nPublicKey = {wireguard_key(9)}\nAllowedIPs = 10.99.0.2/32\nEndpoint = 198.51.100.77:51820\n"
    platform = Platform("debian", "runit", kernel_wireguard=False, peers=kept_peers(file))
    link = link_of(parse(data), platform)
    assert link is not None
    assert link.peers == (("b", wireguard_key(9), "10.99.0.2/32"), ("c", wireguard_key(3), "10.99.0.3/32"))


def test_without_a_document_every_peer_is_kept() -> None:
    data = sample()
    data["fabric"] |= {"document": None, "joining": {}}
    kept = (("10.99.0.8", KeptPeer(wireguard_key(8), None)),)
    link = link_of(parse(data), Platform("debian", "runit", kernel_wireguard=False, peers=kept))
    assert link is not None
    assert [key for _, key, _ in link.peers] == [wireguard_key(8)]


def test_the_peers_file_is_read_back_as_it_was_written() -> None:
    desired, platform = parse(sample()), PLATFORMS["debian-runit"]
    text = next(f.text for f in plan_of(desired, platform).files if f.path.endswith(".peers"))
    assert kept_peers(text) == (
        ("10.99.0.2", KeptPeer(wireguard_key(2), "198.51.100.2:51820")),
        ("10.99.0.3", KeptPeer(wireguard_key(3), "198.51.100.3:51820")),
    )
    assert "10.99.0.1/" not in text, "a host is no peer of itself"


def test_a1_09_no_rendered_text_and_no_script_holds_a_private_key() -> None:
    from hostconfig.assess import assess
    from hostconfig.steps import Install, Uninstall
    from tests.hostconfig.simulation import bare

    platform = PLATFORMS["debian-runit"]
    texts = []
    for change in assess(parse(sample()), bare(platform)).changes:
        if not isinstance(change.step, Install | Uninstall):
            texts += [part for part in script(change.step, platform) if part]
    with_word = [line.strip() for text in texts for line in text.splitlines() if "PrivateKey" in line]
    assert with_word == ["printf '[Interface]\\nPrivateKey = '"], "only the word, in the script that pipes the key file"


def test_the_firewall_never_flushes_what_is_not_ours() -> None:
    for platform in PLATFORMS.values():
        for file in plan_of(parse(sample(os=platform.os)), platform).files:
            assert "flush ruleset" not in file.text


def test_a_closed_fabric_opens_only_its_scopes() -> None:
    data = sample()
    data["firewall"] = {**data["firewall"], "fabric_default": "closed"}
    text = next(f.text for f in plan_of(parse(data), PLATFORMS["debian-runit"]).files if f.path.endswith(".nft"))
    chain = text.partition("chain from-fabric {")[2].partition("}\n")[0]
    assert "10.99.0.2" in chain
    assert "        accept\n" not in text.partition("chain from-fabric {")[2].partition("chain forward")[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"users": {}}, "nobody could log in"),
        ({"users": {"deploy": {"groups": ["other"], "keys": [], "sudo": "all-nopasswd"}}}, "nobody could log in"),
        ({"ssh": {"port": 2222, "allow_groups": ["sudo"]}}, "no opening of the firewall lets ssh in on port 2222"),
        ({"packages": {"jq; rm -rf /": "x"}}, "packages"),
        ({"hostname": "a b"}, "hostname"),
        ({"unknown": 1}, "unknown"),
        ({"users": {**users([]), "x": {"keys": ["ssh-ed25519 AAAA\nssh-ed25519 BBBB"]}}}, "control character"),
    ],
)
def test_desired_states_that_would_hurt_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        parse(sample(**change))
