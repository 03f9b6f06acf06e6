"""`fleet onboard`, `offboard`, `grant` and `rotate`: what they write, what they say follows, and what they refuse."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from components.roster.rights import rights, to_rotate
from model import load
from tests.cli.rosters import DAY, KEY, edit, everything, project, text
from tests.cli.run import Ran

__all__ = ["project"]

Fleet = Callable[..., Ran]
JOIN = ("--github-id", "900000077", "--team", "mirror-keepers", "--sponsor", "ann", "--proposal", "https://x.example/1")


def joins(fleet: Fleet, project: Path, *more: str, handle: str = "kit") -> Ran:
    return fleet("onboard", handle, "-s", "local", "--as-of", DAY, "--key", str(project / "kit.pub"), *JOIN, *more)


def test_a_join_is_one_file_with_the_next_number_and_no_comment_of_the_key(fleet: Fleet, project: Path) -> None:
    before = everything(project)
    ran = joins(fleet, project)
    assert ran.code == 0, ran.err
    after = everything(project)
    assert {name for name in after if after[name] != before.get(name)} == {"roster/people/kit.yaml"}
    assert text(project, "people/kit.yaml") == (
        "# yaml-language-server: $schema=../../../person.schema.json\n"
        "github: 900000077\nnetauth: {number: 2010}\nsince: 2026-11-27\nsponsor: ann\n"
        f"keys:\n  laptop: {KEY}\nteams: {{mirror-keepers: member}}\n"
        "decision:\n  proposal: https://x.example/1\n  proposed: 2026-11-20\n  deadline: 2026-11-27\n  approvals: []\n"
    )


def test_a_join_says_what_follows_and_from_when(fleet: Fleet, project: Path) -> None:
    ran = joins(fleet, project)
    assert "on or after 2026-11-27, once 2 more approvals and the candidate's consent are written down" in ran.err
    assert "kit can log in on 2 mirrors" in ran.err
    assert "Comments are open until 2026-11-27" in ran.err
    held = rights(load(project / "stacks" / "local"), date(2026, 11, 27))
    assert held["kit"] == frozenset(), "nothing before it is decided"


def test_the_patch_is_one_that_git_applies_and_a_dry_run_writes_nothing(fleet: Fleet, project: Path) -> None:
    before = everything(project)
    ran = joins(fleet, project, "--dry-run")
    assert everything(project) == before
    (project / "patch").write_text(ran.out)
    subprocess.run(["git", "apply", "patch"], cwd=project, check=True)
    dry = everything(project)
    (project / "stacks" / "local" / "roster" / "people" / "kit.yaml").unlink()
    joins(fleet, project)
    assert everything(project) == dry


def test_approvals_and_consent_come_later_and_then_the_join_takes_effect(fleet: Fleet, project: Path) -> None:
    joins(fleet, project)
    early = fleet("onboard", "kit", "-s", "local", "--as-of", "2026-11-24", "--consent", "2026-11-24")
    assert early.code == 1
    assert "was asked by 2026-11-24, and comments closed on 2026-11-27" in early.err
    words = ("--approval", "ann", "--approval", "cy", "--consent", "2026-11-29")
    ran = fleet("onboard", "kit", "-s", "local", "--as-of", "2026-11-30", *words)
    assert ran.code == 0, ran.err
    assert "from the next `up` on" in ran.err
    fleet_of = load(project / "stacks" / "local", date(2026, 11, 30))
    assert rights(fleet_of, date(2026, 11, 28))["kit"] == frozenset()
    assert {str(one) for one in rights(fleet_of, date(2026, 11, 29))["kit"]} >= {"netauth-group mirror-keepers"}
    again = fleet("onboard", "kit", "-s", "local", "--as-of", "2026-11-30", *words)
    assert again.code == 0
    assert "nothing to write" in again.err


@pytest.mark.parametrize(
    ("handle", "more", "said"),
    [
        ("ivy", (), "is the handle of somebody who left on 2025-09-30"),
        ("bo", (), "is in the roster already, and --github-id would change who that is"),
        ("kit", ("--team", "mirror-keeper"), "mirror-keeper is no team"),
        ("kit", ("--sponsor", "nobody-here"), "nobody-here is nobody here"),
        ("kit", ("--proposed", "2026-11-01", "--since", "2026-11-05"), "before comments closed"),
        ("deploy", (), "deploy is an operator's account"),
        ("kit", ("--github-id", "900000002"), "900000002 is of bo too"),
    ],
)
def test_what_a_join_may_not_be_is_said_and_nothing_is_written(
    fleet: Fleet, project: Path, handle: str, more: tuple[str, ...], said: str
) -> None:
    before = everything(project)
    ran = joins(fleet, project, *more, handle=handle)
    assert ran.code == 1
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert everything(project) == before


def test_problems_of_a_new_file_have_its_name_and_line(fleet: Fleet, project: Path) -> None:
    ran = joins(fleet, project, "--sponsor", "nobody-here")
    assert f"{project}/stacks/local/roster/people/kit.yaml:5: roster.people.kit.sponsor" in ran.err


def test_a_private_key_is_refused_without_being_shown(fleet: Fleet, project: Path) -> None:
    (project / "kit.pub").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n")
    ran = joins(fleet, project)
    assert ran.code == 1
    assert "is a private key" in ran.err
    assert "c2VjcmV0" not in ran.out + ran.err


@pytest.mark.usefixtures("project")
def test_what_is_missing_is_named_where_nobody_can_be_asked(fleet: Fleet) -> None:
    ran = fleet("onboard", "kit", "-s", "local")
    assert ran.code == 1
    assert "--github-id, --team, --sponsor, --proposal are missing" in ran.err


def test_numbers_are_never_handed_out_again(fleet: Fleet, project: Path) -> None:
    edit(project, "people/ivy.yaml", "number: 2009", "number: 2500")
    joins(fleet, project)
    assert "number: 2501" in text(project, "people/kit.yaml"), "ivy left, and the number stays taken"
    edit(project, "people/ivy.yaml", "number: 2500", "number: 2999")
    (project / "stacks" / "local" / "roster" / "people" / "kit.yaml").unlink()
    joins(fleet, project, handle="lou")
    assert "number: 2009" in text(project, "people/lou.yaml"), "after the last one, those that nobody had"


def test_a_leaving_changes_its_lines_alone_and_names_the_secrets(fleet: Fleet, project: Path) -> None:
    before = everything(project)
    ran = fleet("offboard", "bo", "-s", "local", "--why", "wish", "--as-of", DAY, "--instead", "mirror-keepers=fay")
    assert ran.code == 0, ran.err
    after = everything(project)
    assert {n for n in after if after[n] != before[n]} == {"roster/people/bo.yaml", "roster/teams.yaml"}
    assert text(project, "people/bo.yaml").endswith(
        "left: {on: 2026-11-20, why: wish, knew: [unseal-share, state-passphrase]}\n"
    )
    old, new = before["roster/teams.yaml"].splitlines(), after["roster/teams.yaml"].splitlines()
    assert [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]] == [
        ("    owners: [bo]", "    owners: [fay]")
    ]
    for said in ("bo can log in nowhere any more", "fleet rotate unseal-share", "fleet rotate state-passphrase"):
        assert said in ran.err
    assert to_rotate(load(project / "stacks" / "local")) == {"state-passphrase": ("bo",), "unseal-share": ("bo",)}
    again = fleet("offboard", "bo", "-s", "local", "--why", "wish", "--as-of", DAY)
    assert again.code == 0
    assert "bo left on 2026-11-20" in again.err
    assert everything(project) == after


def test_what_must_change_first_is_said_with_the_words_that_do_it(fleet: Fleet, project: Path) -> None:
    before = everything(project)
    words = ("offboard", "ann", "-s", "local", "--why", "inactive", "--as-of", DAY)
    ran = fleet(*words)
    assert ran.code == 1
    assert "ann alone answers for operators" in ran.err
    offered = ran.err.partition("… ")[2].split()
    assert offered == ["--instead", "operators=bo", "--instead", "required_owners=cy", "--instead", "token_user=cy"]
    ran = fleet(*words, *offered)
    assert ran.code == 1
    assert "2 are asked for, and there are 1: cy" in ran.err
    assert everything(project) == before
    edit(project, "people/dee.yaml", "github:", "owner: true\ngithub:")
    edit(
        project,
        "people/dee.yaml",
        "app-admins: maintainer, packagers: maintainer",
        "app-admins: member, packagers: member",
    )
    ran = fleet(*words, *offered)
    assert ran.code == 0, ran.err
    assert "required_owners: [cy]\n  token_user: cy\n" in text(project, "settings.yaml")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--why", "boredom"), "says no reason"),
        (("--why", "removal"), "was not told"),
        (("--why", "wish", "--on", "2026-12-24"), "2026-12-24 is after 2026-11-20"),
        (("--why", "wish", "--instead", "operators=ann"), "hal is not what operators names"),
    ],
)
def test_a_leaving_keeps_the_rules(fleet: Fleet, project: Path, words: tuple[str, ...], said: str) -> None:
    before = everything(project)
    ran = fleet("offboard", "hal", "-s", "local", "--as-of", DAY, *words)
    assert ran.code == 1
    assert said in ran.err
    assert everything(project) == before


@pytest.mark.usefixtures("project")
def test_too_many_leavings_are_no_patch(fleet: Fleet) -> None:
    words = ("--why", "wish", "--as-of", DAY)
    assert fleet("offboard", "hal", "-s", "local", *words).code == 0
    assert fleet("offboard", "fay", "-s", "local", *words).code == 0
    ran = fleet("offboard", "gus", "-s", "local", *words, "--instead", "observers=cy")
    assert ran.code == 1
    assert "3 of 8 left within 7 days (fay, gus, hal): 38 %, and 25 % may" in ran.err


def test_a_grant_is_one_line_and_its_words(fleet: Fleet, project: Path) -> None:
    before = everything(project)
    ran = fleet("grant", "hal", "app-admins", "-s", "local", "--as-of", DAY)
    assert ran.code == 0, ran.err
    assert "teams: {observers: member, app-admins: member}" in text(project, "people/hal.yaml")
    assert "hal can merge to sites" in ran.err
    ran = fleet("grant", "hal", "app-admins", "-s", "local", "--as-of", DAY, "--maintainer")
    assert "hal is now a maintainer of the GitHub team app-admins" in ran.err
    fleet("grant", "hal", "app-admins", "-s", "local", "--as-of", DAY, "--remove")
    assert everything(project) == before


def test_a_team_taken_away_takes_no_knowledge_with_it(fleet: Fleet, project: Path) -> None:
    ran = fleet("grant", "bo", "operators", "-s", "local", "--as-of", DAY, "--remove")
    assert ran.code == 0, ran.err
    assert "secrets: [unseal-share, state-passphrase]" in text(project, "people/bo.yaml")
    assert "bo still knows unseal-share, state-passphrase" in ran.err
    fleet("rotate", "unseal-share", "-s", "local", "--as-of", DAY, "--done", "--not-to", "bo")
    assert "secrets: [state-passphrase]" in text(project, "people/bo.yaml")
    fleet("rotate", "state-passphrase", "-s", "local", "--as-of", DAY, "--done", "--not-to", "bo")
    assert "secrets" not in text(project, "people/bo.yaml")


def test_secrets_that_leavers_know_stand_first_until_they_are_made_anew(fleet: Fleet, project: Path) -> None:
    fleet("offboard", "bo", "-s", "local", "--why", "wish", "--as-of", DAY, "--instead", "mirror-keepers=fay")
    assert "! bo left and still knows it" in fleet("rotate", "-s", "local").out
    before = text(project, "settings.yaml")
    assert fleet("rotate", "state-passphrase", "-s", "local", "--as-of", DAY, "--done").code == 0
    after = text(project, "settings.yaml")
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(changed) == 1
    assert changed[0].endswith("rotated: 2026-11-20}")
    assert to_rotate(load(project / "stacks" / "local")) == {"unseal-share": ("bo",)}
    assert fleet("rotate", "-s", "local").out.startswith("unseal-share")
    assert "declared: unseal-share, state-passphrase" in fleet("rotate", "seal", "-s", "local").err
