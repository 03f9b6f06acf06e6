"""Somebody joins: one new file, and what will follow from it when comments are over and all agree."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cli.asking import say
from cli.mistake import Mistake
from cli.roster_files import Draft, block, flow
from cli.roster_words import as_if_decided, changed, checked, finish, roster_of, start, tell
from model import Fleet
from model.roster import Roster, span

LABEL = "laptop"


@dataclass(frozen=True)
class Asked:
    """What a person said about a join. Empty is what was not said."""

    handle: str
    github: int | None = None
    keys: Sequence[str] = ()
    teams: Sequence[str] = ()
    maintains: Sequence[str] = ()
    sponsor: str | None = None
    proposal: str | None = None
    proposed: date | None = None
    since: date | None = None
    approvals: Sequence[str] = field(default=())
    consent: date | None = None
    welcome: bool = True


def onboard(folder: Path, asked: Asked, as_of: date, dry_run: bool) -> None:
    """Write somebody new down; or, for who is proposed already, approvals and consent as they come."""
    draft = Draft(folder)
    roster = roster_of(draft.before)
    known = roster.people.get(asked.handle)
    if known is None:
        _new(draft, _complete(draft.before, asked), as_of)
    elif known.left is not None:
        raise Mistake(
            asked.handle,
            f"is the handle of somebody who left on {known.left.on}",
            "handles and numbers are never handed out again",
            "who comes back asks the owners to take `left:` out; anybody else takes another handle",
        )
    else:
        _more(draft, asked)
    after = checked(draft, as_of)
    begins = start(after, asked.handle)
    sentences = changed(draft.before, as_if_decided(after, asked.handle), max(begins.on, as_of))
    when = "from the next `up` on" if begins.on <= as_of else f"from the first `up` on or after {begins.on}"
    if begins.missing:
        when += f", once {' and '.join(begins.missing)} {'are' if len(begins.missing) > 1 else 'is'} written down"
    tell(f"{asked.handle} joins, {when}:", sentences)
    decision = roster_of(after).people[asked.handle].decision
    if decision is not None and as_of < decision.deadline:
        say(f"Comments are open until {decision.deadline}: {decision.proposal}")
    if begins.missing:
        say(f"Then: fleet onboard {asked.handle} --approval HANDLE … --consent DATE (or a later day with --since)")
    finish(draft, dry_run)


def _complete(fleet: Fleet, asked: Asked) -> Asked:
    """The same with what was missing: asked for at a terminal, and a mistake elsewhere."""
    roster = roster_of(fleet)
    needed = {
        "--github-id": asked.github is None,
        "--team": not asked.teams and not asked.maintains,
        "--sponsor": asked.sponsor is None,
        "--proposal": asked.proposal is None,
        "--key": not asked.keys and roster.settings.keys_env is None,
    }
    missing = [option for option, lacks in needed.items() if lacks]
    if not missing:
        return asked
    if not sys.stdin.isatty():
        raise Mistake(
            f"fleet onboard {asked.handle}",
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            "who joins has a numeric GitHub id, a key, a team, a sponsor and a proposal",
            "give them, or run it at a terminal, where it asks",
        )
    here = ", ".join(h for h, p in sorted(roster.people.items()) if p.left is None)
    said = {option: _line(option, roster, here) for option in missing}
    return Asked(
        asked.handle,
        _number(said["--github-id"]) if "--github-id" in said else asked.github,
        [said["--key"]] if "--key" in said else asked.keys,
        said["--team"].replace(",", " ").split() if "--team" in said else asked.teams,
        asked.maintains,
        said.get("--sponsor", asked.sponsor),
        said.get("--proposal", asked.proposal),
        asked.proposed,
        asked.since,
        asked.approvals,
        asked.consent,
        asked.welcome,
    )


def _line(option: str, roster: Roster, here: str) -> str:
    question = {
        "--github-id": "Numeric GitHub id (not the login, which can change)",
        "--team": f"Teams, of {', '.join(roster.teams)}",
        "--sponsor": f"Sponsor, of {here}",
        "--proposal": "Proposal (its address)",
        "--key": "File with the public ssh key",
    }[option]
    print(f"{question}: ", end="", file=sys.stderr, flush=True)
    found = sys.stdin.readline().strip()
    if not found:
        raise Mistake(option, "nothing was given", "it is needed for a join", f"run it again with {option}")
    return found


def _number(text: str) -> int:
    if not text.isdigit():
        raise Mistake("--github-id", f"{text!r} is no number", "the id stays when a login changes", "ask GitHub for it")
    return int(text)


def _new(draft: Draft, asked: Asked, as_of: date) -> None:
    roster = roster_of(draft.before)
    proposed = asked.proposed or as_of
    deadline = proposed + timedelta(days=roster.settings.comment_days)
    teams = dict.fromkeys(asked.teams, "member") | dict.fromkeys(asked.maintains, "maintainer")
    record: dict[str, Any] = {"github": asked.github}
    number = _free(roster) if _through_directory(roster, teams) else None
    if number is not None:
        record["netauth"] = flow({"number": number})
    record |= {"since": asked.since or max(deadline, asked.consent or deadline), "sponsor": asked.sponsor}
    if not asked.welcome:
        record["welcome"] = False
    if asked.keys:
        record["keys"] = block(dict(_key(one, i) for i, one in enumerate(asked.keys, 1)))
    record["teams"] = flow(teams)
    decision = {"proposal": asked.proposal, "proposed": proposed, "deadline": deadline}
    record["decision"] = block({**decision, "approvals": flow(list(asked.approvals))})
    if asked.consent is not None:
        record["decision"]["consent"] = asked.consent
    draft.new_person(asked.handle, block(record))


def _more(draft: Draft, asked: Asked) -> None:
    """Approvals, consent and the day, for who is written down already. Nothing else: `fleet grant` changes teams."""
    surplus = {
        "--github-id": asked.github is not None,
        "--key": bool(asked.keys),
        "--team": bool(asked.teams or asked.maintains),
        "--sponsor": asked.sponsor is not None,
        "--proposal": asked.proposal is not None,
    }
    odd = [option for option, said in surplus.items() if said]
    person = roster_of(draft.before).people[asked.handle]
    if odd or person.decision is None or not (asked.approvals or asked.consent or asked.since):
        raise Mistake(
            asked.handle,
            f"is in the roster already{f', and {odd[0]} would change who that is' if odd else ''}",
            "to a join that is proposed come --approval, --consent and --since",
            "teams change with `fleet grant`; somebody else takes another handle",
        )
    record = draft.at("roster", "people", asked.handle)
    said = record["decision"]
    have = list(said.get("approvals") or ())
    said["approvals"] = flow([*have, *(one for one in asked.approvals if one not in have)])
    if asked.consent is not None:
        said["consent"] = asked.consent
    earliest = max(record["since"], said["deadline"], said.get("consent") or said["deadline"])
    if asked.since is not None or earliest != record["since"]:
        record["since"] = asked.since or earliest


def _through_directory(roster: Roster, teams: dict[str, str]) -> bool:
    grants = [roster.teams[team].grants for team in teams if team in roster.teams]
    return roster.settings.netauth is not None and any(g.netauth or g.hosts or g.devspace for g in grants)


def _free(roster: Roster) -> int:
    """The number after the highest that was ever handed out; those of leavers stay taken."""
    allowed = span(roster.settings.numbers.people)
    used = {person.netauth.number for person in roster.people.values() if person.netauth is not None}
    after = max([n for n in used if n in allowed], default=allowed.start - 1) + 1
    found: int | None = next((n for n in (*range(after, allowed.stop), *allowed) if n not in used), None)
    if found is None:
        raise Mistake(
            "roster.settings.numbers.people",
            f"every number of {roster.settings.numbers.people} was handed out",
            "a number is one person's for ever",
            "make the range longer, where no other account of the hosts has numbers",
        )
    return found


def _key(said: str, place: int) -> tuple[str, str]:
    """`[label=]FILE`, or `-` for standard input; the key's comment is left out, for it may say more than it should."""
    label, equals, path = said.partition("=")
    if not equals:
        label, path = LABEL if place == 1 else f"{LABEL}-{place}", said
    try:
        text = sys.stdin.readline() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(
            f"--key {path}",
            f"cannot be read ({error})",
            "a public key is a file of one line",
            "name it, or give it on -",
        ) from None
    if "PRIVATE KEY" in text:
        raise Mistake(
            f"--key {path}",
            "is a private key",
            "only the public half leaves its owner's machine",
            "name the file that ends in .pub",
        )
    words = text.split()
    if len(words) < 2:
        raise Mistake(f"--key {path}", "holds no key", "a public key is `ssh-ed25519 AAAA…`", "name the file in .pub")
    return label, " ".join(words[:2])
