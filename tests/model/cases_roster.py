"""Cases of the rules about people, how they join and leave: over the rehearsal's own roster."""

from __future__ import annotations

from model.checks import roster, roster_joins
from tests.model.case import Case

SETTINGS = "roster/settings"
TEAMS = "roster/teams"
PEOPLE = "roster/people"
WISH = {"on": "2026-06-01", "why": "wish"}
WAIVER = {"allows": "removal_percent", "percent": 60, "reason": "a test", "until": "2026-12-01"}
# Somebody who has come since, and holds nothing that anything else hangs on.
NEW = {
    "github": 900000900,
    "since": "2026-06-01",
    "sponsor": "bo",
    "decision": {
        "proposal": "a test",
        "proposed": "2026-05-01",
        "deadline": "2026-05-08",
        "approvals": ["ann", "cy"],
        "consent": "2026-05-09",
    },
}
NOT_A_REAL_OWNER = {f"{PEOPLE}/jo": {"github": 900000901, "since": "2024-01-01", "owner": True}}


def new(**changes: object) -> dict[str, object]:
    """The newcomer, told otherwise."""
    return {f"{PEOPLE}/new": NEW | changes}


def decided(**changes: object) -> dict[str, object]:
    """The newcomer, decided otherwise."""
    return {f"{PEOPLE}/new": NEW | {"decision": {**NEW["decision"], **changes}}}  # type: ignore[dict-item]


def left(**changes: object) -> dict[str, object]:
    """One more who was there and has left."""
    gone = {"github": 900000902, "since": "2024-01-01", "left": WISH | changes}
    return {f"{PEOPLE}/kit": gone}


OF_PEOPLE = (
    Case(roster.enough_owners, {f"{SETTINGS}/owners_at_least": 3}, {f"{SETTINGS}/owners_at_least": 2}),
    Case(
        roster.enough_owners,
        {f"{PEOPLE}/cy/owner": False},
        {f"{PEOPLE}/cy/owner": False, **NOT_A_REAL_OWNER},
    ),
    Case(
        roster.required_owners_stay,
        {f"{SETTINGS}/required_owners": ["ann", "bo"]},
        {f"{SETTINGS}/required_owners": ["ann", "cy"]},
    ),
    Case(
        roster.required_owners_stay,
        {f"{SETTINGS}/required_owners": ["ann", "ivy"]},
        {f"{SETTINGS}/required_owners": []},
    ),
    Case(roster.token_user_stays_an_owner, {f"{SETTINGS}/token_user": "bo"}, {f"{SETTINGS}/token_user": "cy"}),
    Case(roster.token_user_stays_an_owner, {f"{SETTINGS}/token_user": "ivy"}, {f"{SETTINGS}/token_user": "ann"}),
    Case(
        roster.leavers_hold_nothing,
        {f"{PEOPLE}/hal/left": WISH},
        {f"{PEOPLE}/hal/left": WISH, f"{PEOPLE}/hal/teams": {}},
    ),
    Case(
        roster.leavers_hold_nothing,
        {f"{PEOPLE}/ivy/secrets": ["unseal-share"]},
        {f"{PEOPLE}/ivy/left": WISH | {"knew": ["unseal-share"]}},
    ),
    Case(roster.leavers_hold_nothing, {f"{PEOPLE}/ivy/owner": True}, {f"{PEOPLE}/ivy/owner": False}),
    Case(roster.github_ids_are_once, {f"{PEOPLE}/bo/github": 900000009}, {f"{PEOPLE}/bo/github": 900000099}),
    Case(
        roster.numbers_are_once,
        {f"{PEOPLE}/bo/netauth/number": 2009},
        {f"{PEOPLE}/bo/netauth/number": 2099},
    ),
    Case(
        roster.numbers_are_once,
        {f"{TEAMS}/observers/grants/netauth/number": 3001},
        {f"{TEAMS}/observers/grants/netauth/number": 3999},
    ),
    Case(
        roster.numbers_are_in_range,
        {f"{PEOPLE}/bo/netauth/number": 1000},
        {f"{PEOPLE}/bo/netauth/number": 2999},
    ),
    Case(
        roster.numbers_are_in_range,
        {f"{TEAMS}/observers/grants/netauth/number": 4000},
        {f"{SETTINGS}/numbers/groups": "3001-4000", f"{TEAMS}/observers/grants/netauth/number": 4000},
    ),
    Case(roster.handles_are_nobody_elses, {f"{PEOPLE}/deploy": NEW}, {f"{PEOPLE}/deployer": NEW}),
    Case(roster.handles_are_nobody_elses, {f"{PEOPLE}/root": NEW}, {f"{PEOPLE}/roots": NEW}),
)

OF_JOINS = (
    Case(roster_joins.founders_came_first, new(decision=None), new(decision=None, since="2024-02-01")),
    Case(roster_joins.founders_came_first, {f"{PEOPLE}/new": {k: v for k, v in NEW.items() if k != "sponsor"}}, new()),
    Case(roster_joins.sponsors_are_members, new(sponsor="nobody"), new(sponsor="dee")),
    Case(roster_joins.sponsors_are_members, new(sponsor="new"), new(sponsor="gus")),
    Case(roster_joins.sponsors_are_members, new(sponsor="ivy"), new(sponsor="cy")),
    Case(roster_joins.approvals_are_of_members, decided(approvals=["ann", "new"]), decided(approvals=["ann", "bo"])),
    Case(roster_joins.approvals_are_of_members, decided(approvals=["ann", "ann"]), decided(approvals=["ann"])),
    Case(roster_joins.approvals_are_of_members, decided(approvals=["ann", "ivy"]), decided(approvals=[])),
    # Not there yet when comments closed.
    Case(
        roster_joins.approvals_are_of_members,
        {**new(), f"{PEOPLE}/eli/decision/approvals": ["ann", "fay"]},
        {**new(), f"{PEOPLE}/eli/decision/approvals": ["ann", "dee"]},
    ),
    Case(roster_joins.comments_stay_open, decided(proposed="2026-05-02"), decided(proposed="2026-04-02")),
    Case(
        roster_joins.comments_stay_open,
        {**new(), f"{SETTINGS}/comment_days": 8, f"{PEOPLE}/gus/decision/proposed": "2026-01-04"},
        {f"{SETTINGS}/comment_days": 7},
    ),
    Case(roster_joins.joins_wait_for_comments_and_consent, new(since="2026-05-08"), new(since="2026-05-09")),
    Case(
        roster_joins.joins_wait_for_comments_and_consent, decided(consent="2026-05-07"), decided(consent="2026-05-08")
    ),
    Case(roster_joins.leavings_follow_joins, left(on="2023-12-31"), left(on="2024-01-01")),
    Case(roster_joins.removals_leave_time_to_answer, left(why="removal"), left(why="security")),
    Case(
        roster_joins.removals_leave_time_to_answer,
        left(why="removal", told="2026-05-26"),
        left(why="removal", told="2026-05-25"),
    ),
    Case(
        roster_joins.waivers_are_reviewed,
        {f"{SETTINGS}/waivers": [WAIVER | {"reviewed_by": ["ann", "ivy"]}]},
        {f"{SETTINGS}/waivers": [WAIVER | {"reviewed_by": ["ann", "bo"]}]},
    ),
    Case(
        roster_joins.waivers_are_reviewed,
        {f"{SETTINGS}/waivers": [WAIVER | {"reviewed_by": ["ann"]}]},
        {f"{SETTINGS}/waivers": []},
    ),
)

CASES = (*OF_PEOPLE, *OF_JOINS)
