"""A join that took effect is told: its issue gets a word and is closed, the channel gets a note. Each once.

That the issue is closed is what is remembered; a word in it is found again by a mark, and comes after the note. Who
wrote `welcome: false` has the issue closed without a word.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from cli import roster_tell
from cli.asking import say
from cli.roster_github import Github, GithubError
from cli.roster_words import roster_of
from components.roster.nouns import listed
from components.roster.rights import rights, roles_of
from components.roster.words import effects
from model import Fleet
from model.roster import Person, in_effect


def due(fleet: Fleet, as_of: date, since: date) -> dict[str, Person]:
    """Whose join has begun by a day, and not before another. Founders came before there was anybody to say so."""
    settings = roster_of(fleet).settings
    return {
        handle: person
        for handle, person in sorted(roster_of(fleet).people.items())
        if person.decision is not None and person.since >= since and in_effect(person, settings, as_of)
    }


def welcome(fleet: Fleet, github: Github, as_of: date, since: date) -> bool:
    """Tell every join that is due and was not told. True when all are; what failed is said, and stops no other."""
    well = True
    for handle, person in due(fleet, as_of, since).items():
        try:
            _one(fleet, github, handle, person, as_of)
        except (GithubError, roster_tell.UntoldError) as error:
            say(f"{handle}: not told yet: {error}")
            well = False
    return well


def _one(fleet: Fleet, github: Github, handle: str, person: Person, as_of: date) -> None:
    repository = roster_of(fleet).settings.welcome.repository
    issues = f"/repos/{github.organisation}/{repository}/issues"
    issue = _issue(github, issues, repository, handle, person)
    if issue is None:
        if not person.welcome:
            return
        issue = github.ask("POST", issues, {"title": _title(handle), "body": _mark(handle)})
    if issue["state"] == "closed":
        return
    number = issue["number"]
    if person.welcome and not _said(github, f"{issues}/{number}", handle):
        login = github.login(person.github)
        teams = listed(sorted(person.teams), "teams") if person.teams else "no team yet"
        if roster_tell.channel(fleet, f"{handle} has joined: {teams}. Welcome!"):
            say(f"{handle}: told to {roster_of(fleet).settings.welcome.channel}")
        text = f"{f'@{login}' if login else handle} is a member now. {_words(fleet, handle, as_of)}\n\n{_mark(handle)}"
        github.ask("POST", f"{issues}/{number}/comments", {"body": text})
    github.ask("PATCH", f"{issues}/{number}", {"state": "closed", "state_reason": "completed"})
    silently = "" if person.welcome else " without a word, as asked for"
    say(f"{handle}: issue {number} of {repository} is closed{silently}")


def _issue(github: Github, issues: str, repository: str, handle: str, person: Person) -> Any:
    """The join's issue: the proposal, where that is one; else the one that was made here before."""
    assert person.decision is not None
    found = re.search(rf"/{re.escape(repository)}/issues/([0-9]+)/?$", person.decision.proposal)
    if found:
        return github.ask("GET", f"{issues}/{found[1]}")
    page = 1
    while listing := github.ask("GET", issues, state="all", per_page=100, page=page):
        mine = [one for one in listing if one["title"] == _title(handle) and _mark(handle) in (one["body"] or "")]
        if mine:
            return mine[0]
        page += 1
    return None


def _said(github: Github, issue: str, handle: str) -> bool:
    page = 1
    while listing := github.ask("GET", f"{issue}/comments", per_page=100, page=page):
        if any(_mark(handle) in (one["body"] or "") for one in listing):
            return True
        page += 1
    return False


def _words(fleet: Fleet, handle: str, as_of: date) -> str:
    held = rights(fleet, as_of).get(handle, frozenset())
    sentences = effects({}, {handle: held}, roles_of(fleet))
    mine = [sentence for sentence in sentences if not sentence.startswith("nobody")]
    return "Welcome! From now on:\n" + "".join(f"\n- {sentence}" for sentence in mine)


def _title(handle: str) -> str:
    return f"Welcome, {handle}"


def _mark(handle: str) -> str:
    return f"<!-- fleet welcome {handle} -->"
