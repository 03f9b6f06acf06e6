"""The named rules over a fleet. Each is a sentence, all of them speak, and what they find has a place in the files."""

from __future__ import annotations

from collections.abc import Iterator

from model.checks import clouds, dns, fabric, hosts, machines, records
from model.checks.rule import Found, Rule, sentence
from model.fleet import Fleet

RULES: tuple[Rule, ...] = (
    *machines.RULES,
    *fabric.RULES,
    *hosts.RULES,
    *dns.RULES,
    *records.RULES,
    *clouds.RULES,
)


def findings(fleet: Fleet) -> Iterator[tuple[str, Found]]:
    """Everything that every rule finds, with the rule's sentence."""
    for rule in RULES:
        for found in rule(fleet):
            yield sentence(rule), found


__all__ = ["RULES", "Found", "Rule", "findings", "sentence"]
