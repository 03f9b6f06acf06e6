"""The layers as targets: each names its own, every resource of the program belongs to one."""

from __future__ import annotations

import re

import pytest

from components.layers import LAYERS, UnknownLayerError, arguments, patterns


def matcher(pattern: str) -> re.Pattern[str]:
    """A pattern as the engine reads it: `**` is anything, `*` anything without a colon."""
    parts = ["[^:]*".join(re.escape(p) for p in part.split("*")) for part in pattern.split("**")]
    return re.compile(f"^{'.*'.join(parts)}$")


def layers_of(urn: str) -> set[str]:
    """The layers whose targets name a resource."""
    return {layer for layer in LAYERS if any(matcher(pattern).match(urn) for pattern in patterns([layer]))}


def test_a_word_that_is_no_layer_is_refused() -> None:
    with pytest.raises(UnknownLayerError, match="no layer is called roof"):
        patterns(["ground", "roof"])


def test_no_layer_means_everything() -> None:
    assert arguments([]) == []


@pytest.mark.parametrize(
    ("urn", "layers"),
    [
        ("fleet:fabric:Fabric$hosts:index:State::ground-a-ams-nl", {"ground"}),
        ("fleet:machines:Machine$aws:ec2/instance:Instance::machines-instance-a-fra-de", {"ground"}),
        ("fleet:control:Vault$vault:index/policy:Policy::control-vault-policy-root", {"vault", "policies"}),
        ("fleet:control:Nomad$hosts:index:Gate::control-gate-nomad", {"policies"}),
        ("fleet:mirror_proxy:MirrorProxy$hosts:index:State::front-a-nyc-us", {"front"}),
        ("fleet:services:Services$nomad:index/job:Job::service-docs", {"services"}),
        ("fleet:roster:Github$github:index/membership:Membership::github-member-bo", {"people"}),
        ("hosts:index:State::nobody", set()),
    ],
)
def test_a_resource_is_a_target_of_its_own_layer_alone(urn: str, layers: set[str]) -> None:
    assert layers_of(f"urn:pulumi:local::fleet::{urn}") == layers
