"""The layers beside the ground: what they put on a host, and that no layer takes away what another one wants."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostconfig import code as codes
from hostconfig import steps
from hostconfig.assess import assess
from hostconfig.observed import Observed
from hostconfig.parts import HostPlan, Platform
from hostconfig.plan import LAYERS, AnyDesired, parse, paths_to_look_at, plan_of
from hostconfig.scripts import script
from tests.hostconfig.control_samples import CLIENT, layers, servers, voter, worker
from tests.hostconfig.front_samples import sample as front_sample
from tests.hostconfig.platforms import PLATFORMS
from tests.hostconfig.samples import sample
from tests.hostconfig.simulation import bare, carried_out

GOLDEN = Path(__file__).parent.parent / "golden" / "hostconfig"
HOSTS = {"servers": ("servers", servers), "worker": ("agents", worker), "voter": ("agents", voter)}
DEBIAN = PLATFORMS["debian-runit"]
INITS = st.sampled_from(["runit", "systemd"])


def applied(desired: AnyDesired, host: Observed) -> Observed:
    """The host after one apply of one layer; its manifest is then that layer's."""
    for change in assess(desired, host).changes:
        host = carried_out(host, change, desired)
    return host


def in_layer(host: Observed, mine: Observed | None, *others: Observed) -> Observed:
    """The host as one layer sees it: its own manifest, and those of the others."""
    manifests = tuple(other.manifest for other in others if other.manifest)
    return replace(host, manifest=mine.manifest if mine else None, others=manifests)


def page_of(plan: HostPlan) -> str:
    """All that a layer puts on a host, as a page to review."""
    page = "".join(f"===== {f.path} {f.mode} {f.owner} wakes: {f.wakes} test: {f.check}\n{f.text}" for f in plan.files)
    page += f"===== packages\n{' '.join(plan.packages)}\n===== accounts\n"
    page += "".join(f"{a.name} {a.groups} {a.shell} {a.home}\n" for a in plan.accounts)
    return page + "===== services\n" + "".join(f"{s.name}: {s.hear}\n" for s in plan.services)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", PLATFORMS)
def test_rendered_files_are_the_blessed_ones(name: str, host: str) -> None:
    platform = PLATFORMS[name]
    layer, data = HOSTS[host]
    page = page_of(plan_of(parse(layer, data(platform.os)), platform))
    golden = GOLDEN / f"{host}-{name}.txt"
    if os.environ.get("BLESS") == "1":
        golden.write_text(page)
    assert golden.read_text() == page, f"{golden.name} changed; if you meant it, rerun with BLESS=1"


@given(layers(), INITS)
def test_a1_04_a_second_apply_of_any_layer_finds_nothing_to_do(host: tuple[str, dict[str, Any]], init: Any) -> None:
    desired = parse(*host)
    first = bare(Platform(desired.os, init, kernel_wireguard=False))
    assert assess(desired, first).drift == {desired.layer: "never applied by this program"}
    after = assess(desired, applied(desired, first))
    assert (after.changes, after.drift, after.conflicts) == ((), {}, {})


@given(layers("debian"), layers("debian"), INITS)
def test_a1_05_what_leaves_a_layer_leaves_the_host(a: Any, b: Any, init: Any) -> None:
    if a[0] != b[0]:
        return
    machine = bare(Platform("debian", init, kernel_wireguard=False))
    new = parse(*b)
    via_a, directly = applied(new, applied(parse(*a), machine)), applied(new, machine)
    assert set(via_a.files) == set(directly.files)
    assert (via_a.packages, via_a.groups, set(via_a.users)) == (directly.packages, directly.groups, set(directly.users))
    assert not assess(new, via_a).changes


@given(layers(), INITS)
def test_every_file_of_a_layer_is_looked_at_and_belongs_to_one_layer(host: Any, init: Any) -> None:
    desired = parse(*host)
    plan = plan_of(desired, Platform(desired.os, init, kernel_wireguard=False))
    paths = [file.path for file in plan.files]
    assert len(set(paths)) == len(paths)
    assert set(paths) <= set(paths_to_look_at(desired))


@pytest.mark.parametrize("name", PLATFORMS)
def test_no_two_layers_of_a_host_share_a_file_or_a_supervised_service(name: str) -> None:
    platform = PLATFORMS[name]
    plans = [
        plan_of(parse("ground", sample(os=platform.os)), platform),
        plan_of(parse("servers", servers(platform.os, client=CLIENT)), platform),
        plan_of(parse("agents", voter(platform.os)), platform),
        plan_of(parse("front", front_sample(os=platform.os)), platform),
    ]
    for things in (
        [file.path for plan in plans for file in plan.files],
        [service.name for plan in plans for service in plan.services if service.supervised],
    ):
        assert sorted(set(things)) == sorted(things)


def test_a_package_that_two_layers_want_goes_with_the_last_of_them() -> None:
    """Void's packages are the layers' own; here the ground asks for one of them too."""
    void = PLATFORMS["void-runit"]
    both, without = (parse("ground", sample(os="void", packages=names)) for names in ({"consul": "why"}, {}))
    agents, gone = parse("agents", worker("void")), parse("agents", voter("void"))
    ground_done = applied(both, bare(void))
    assert ground_done.manifest is not None
    assert "consul" in ground_done.manifest.packages
    agents_done = applied(agents, in_layer(ground_done, None, ground_done))
    assert agents_done.manifest is not None
    assert "consul" in agents_done.manifest.packages, "what one layer installed is ours for each that wants it"
    left = applied(without, in_layer(agents_done, ground_done, agents_done))
    assert "consul" in left.packages, "the agents still want it"
    last = applied(gone, in_layer(left, agents_done, left))
    assert "consul" not in last.packages


def test_an_account_and_a_group_that_two_layers_want_go_with_the_last_of_them() -> None:
    control = parse("servers", servers())
    done = applied(control, bare(DEBIAN))
    other = applied(parse("agents", worker()), in_layer(done, None, done))
    kept = assess(parse("agents", worker(client=None, tokens_for=None)), in_layer(other, other, done)).changes
    assert not [c for c in kept if isinstance(c.step, steps.DropAccount | steps.DropGroup)]
    alone = assess(parse("agents", voter()), in_layer(other, other)).changes
    assert {"consul"} == {c.step.name for c in alone if isinstance(c.step, steps.DropAccount)}
    assert {"fleet-pki"} == {c.step.name for c in alone if isinstance(c.step, steps.DropGroup)}


def test_a_file_of_an_agent_is_no_drift_and_one_of_another_owner_is() -> None:
    desired = parse("agents", voter())
    host = applied(desired, bare(DEBIAN))
    path = "/etc/consul.d/50-vault.json"
    host = replace(host, files={**host.files, path: replace(host.files[path], owner="consul:consul")})
    verdict = assess(desired, host)
    assert verdict.drift == {path: "has mode 0644 and owner consul:consul instead of 0644 and root:root"}
    assert [c.subject for c in verdict.changes if c.subject == path] == [path]


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_configuration_listens_on_the_fabric_only(name: str) -> None:
    platform = PLATFORMS[name]
    plan = plan_of(parse("servers", servers(platform.os)), platform)
    texts = {file.path: json.loads(file.text) for file in plan.files if file.path.endswith(".json")}
    consul = texts["/etc/consul.d/10-agent.json"]
    assert consul["ports"]["http"] == consul["ports"]["grpc"] == -1
    assert consul["addresses"] == {"https": "10.99.0.1", "dns": "127.0.0.1"}
    assert (consul["bind_addr"], consul["acl"]["default_policy"]) == ("10.99.0.1", "deny")
    nomad = texts["/etc/nomad.d/10-agent.json"]
    assert (nomad["bind_addr"], nomad["acl"], nomad["server"]["bootstrap_expect"]) == (
        "10.99.0.1",
        {"enabled": True},
        3,
    )
    vault = texts["/etc/vault.d/10-server.json"]
    assert vault["listener"]["tcp"]["address"] == "10.99.0.1:8200"
    for text in texts.values():
        assert "0.0.0.0" not in json.dumps(text)


def test_a1_09_no_secret_is_rendered_and_none_is_an_argument() -> None:
    for layer, data in HOSTS.values():
        for change in assess(parse(layer, data()), bare(DEBIAN)).changes:
            if isinstance(change.step, steps.Install | steps.Uninstall):
                continue
            for text in filter(None, script(change.step, DEBIAN)):
                assert "X-Vault-Token" not in text.replace('header = "X-Vault-Token', ""), "only in what curl reads"
                assert "-encrypt" not in text


def test_a_nomad_client_runs_as_root_and_a_server_alone_does_not() -> None:
    for client, words in ((None, "setpriv --reuid=nomad"), (CLIENT, "exec env -i")):
        plan = plan_of(parse("servers", servers(client=client)), DEBIAN)
        text = next(f.text for f in plan.files if f.path.endswith("fleet-nomad-run"))
        assert words in text
        assert ("nomad" in {a.name for a in plan.accounts}) == (client is None)


def test_raw_exec_is_there_only_where_it_is_offered() -> None:
    for drivers in (["exec"], ["exec", "raw_exec"]):
        plan = plan_of(parse("agents", worker(client=CLIENT | {"drivers": drivers})), DEBIAN)
        config = json.loads(next(f.text for f in plan.files if f.path == "/etc/nomad.d/10-agent.json"))
        assert config["client"]["options"]["driver.allowlist"] == ",".join(drivers)
        assert ("raw_exec" in str(config["plugin"])) == ("raw_exec" in drivers)


def test_vault_is_restarted_for_its_configuration_only() -> None:
    plan = plan_of(parse("servers", servers()), DEBIAN)
    assert [f.path for f in plan.files if f.wakes == "fleet-vault"] == ["/etc/vault.d/10-server.json"]


def test_a_server_that_does_not_vote_is_refused() -> None:
    with pytest.raises(ValueError, match="a-ams-nl: is not among the voters"):
        parse("servers", servers(address="10.99.0.9"))
    with pytest.raises(ValueError, match="layer 'roof' is none of ground, servers, agents"):
        parse("roof", {})


def test_a_template_belongs_to_the_layers_that_use_it() -> None:
    files = {layer: {str(f.relative_to(codes.PACKAGE)) for f in codes.files_of(layer)} for layer in LAYERS}
    assert "templates/clock/chrony.conf.j2" in files["ground"]
    assert "templates/servers/restart.j2" in files["servers"]
    assert "templates/agents/tokens.j2" in files["agents"]
    assert "templates/agents/tokens.j2" not in files["servers"] | files["ground"]
    every = {str(f.relative_to(codes.PACKAGE)) for f in codes.TEMPLATES.rglob("*.j2")}
    assert every <= set().union(*files.values()), "a template that no layer knows"
    assert len({codes.code(layer) for layer in LAYERS}) == len(LAYERS)
