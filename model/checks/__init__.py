"""The named rules over a fleet. Each is a sentence, all of them speak, and what they find has a place in the files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from model.checks import (
    access,
    clouds,
    control,
    dns,
    fabric,
    front,
    github,
    github_grants,
    hosts,
    machines,
    mounts,
    placement,
    ports,
    records,
    roster,
    roster_dated,
    roster_joins,
    roster_keys,
    roster_teams,
    services,
    templates,
    vhosts,
)
from model.checks.rule import Found, Rule, sentence
from model.fleet import Fleet

RULES: tuple[Rule, ...] = (
    *machines.RULES,
    *fabric.RULES,
    *hosts.RULES,
    *dns.RULES,
    *records.RULES,
    *clouds.RULES,
    *control.RULES,
    *access.RULES,
    *mounts.RULES,
    *services.RULES,
    *placement.RULES,
    *ports.RULES,
    *templates.RULES,
    *vhosts.RULES,
    *front.RULES,
    *roster.RULES,
    *roster_joins.RULES,
    *roster_teams.RULES,
    *roster_keys.RULES,
    *github.RULES,
    *github_grants.RULES,
)


# What these find stays wrong whatever else the data says, so they speak even where a part of it could not be read.
# The others miss something, and what they miss may stand in that part.
EVIDENT: frozenset[Rule] = frozenset(
    {
        machines.names_say_the_place,
        machines.words_choose_one_thing,
        machines.public_addresses_are_once,
        machines.clouds_give_addresses,
        machines.unmanaged_machines_ask_nothing,
        machines.volumes_are_at_clouds,
        machines.repository_files_are_names,
        machines.recorded_keys_are_once,
        fabric.fabric_addresses_are_once,
        fabric.fabric_addresses_are_inside,
        fabric.scopes_are_for_all_or_some,
        fabric.networks_stay_apart,
        hosts.ports_are_opened_once,
        hosts.openings_are_for_all_or_some,
        hosts.stubs_have_a_port,
        dns.zone_names_are_full,
        dns.names_are_relative,
        dns.outside_names_are_full,
        dns.aliases_stand_alone,
        dns.names_are_declared_once,
        dns.aliases_end,
        records.mail_goes_to_no_alias,
        records.addresses_are_not_ours,
        services.images_are_pinned,
        services.the_rehearsal_runs_it_or_says_why_not,
        placement.constraints_name_no_host,
        templates.templates_have_one_body,
        vhosts.checks_end_before_the_next,
        front.endings_are_of_one_kind,
        front.virtual_addresses_are_nobodys,
        github.repository_names_are_once,
        github.changes_can_be_merged,
        github.pages_have_a_source,
        control.vault_can_be_opened,
        control.leaves_are_renewed_in_time,
        access.directories_are_asked_in_private,
        mounts.mounts_stand_once,
        mounts.leases_are_in_order,
        mounts.names_are_not_the_servers_own,
        roster.leavers_hold_nothing,
        roster.github_ids_are_once,
        roster.numbers_are_once,
        roster_joins.comments_stay_open,
        roster_joins.leavings_follow_joins,
        roster_teams.grants_are_one_teams,
        roster_keys.keys_are_strong,
        roster_keys.keys_are_one_persons,
    }
)


def findings(fleet: Fleet, *, partial: bool = False) -> Iterator[tuple[str, Found]]:
    """Everything that every rule finds, with the rule's sentence. Of a partial fleet, only what is wrong anyway."""
    for rule in RULES:
        if not partial or rule in EVIDENT:
            for found in rule(fleet):
                yield sentence(rule), found


def dated(fleet: Fleet, as_of: date) -> Iterator[tuple[str, Found]]:
    """Everything that the rules find which ask for the day, with the rule's sentence."""
    for rule in roster_dated.DATED:
        for found in rule(fleet, as_of):
            yield sentence(rule), found


__all__ = ["EVIDENT", "RULES", "Found", "Rule", "dated", "findings", "sentence"]
