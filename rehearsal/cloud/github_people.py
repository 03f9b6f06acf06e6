"""The rehearsal's GitHub: accounts, the organisation, its members, and its teams."""

from __future__ import annotations

import re
from typing import Any

from rehearsal.cloud.github_hub import INVITATIONS_A_DAY, Hub, No, Request, invalid, missing, route, stamp

# What a new organisation is like.
_NEW: dict[str, Any] = {
    "default_repository_permission": "read",
    "members_can_create_repositories": True,
    "members_can_create_public_repositories": True,
    "members_can_create_private_repositories": True,
    "members_can_create_pages": True,
    "members_can_create_public_pages": True,
    "members_can_create_private_pages": True,
    "members_can_fork_private_repositories": False,
    "web_commit_signoff_required": False,
}
_SETTINGS = frozenset({*_NEW, "name", "description", "blog", "email", "billing_email", "company", "location"})


def organisation(hub: Hub, login: str) -> dict[str, Any]:
    """The organisation of a login. There is one in a rehearsal: the first that is asked for."""
    known = hub.every("organisation")
    if not known:
        return hub.put("organisation", login.lower(), {"login": login, "type": "Organization", **_NEW, **stamp()})
    if known[0]["login"].lower() != login.lower():
        raise missing()
    return known[0]


def slug_of(name: str) -> str:
    """What GitHub makes of a team's name."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")


@route("GET", "/users/*")
def _user(hub: Hub, asked: Request) -> Any:
    return hub.user(asked.words[0])


@route("GET", "/orgs/*")
def _organisation(hub: Hub, asked: Request) -> Any:
    return organisation(hub, asked.words[0])


@route("PATCH", "/orgs/*")
def _change_organisation(hub: Hub, asked: Request) -> Any:
    it = organisation(hub, asked.words[0])
    permission = asked.body.get("default_repository_permission", "read")
    if permission not in ("read", "write", "admin", "none"):
        raise invalid("Organization", "default_repository_permission", "invalid")
    mail = asked.body.get("billing_email")
    if mail is not None and "@" not in mail:
        raise invalid("Organization", "billing_email", "invalid", "billing_email is not an email address")
    known = {key: value for key, value in asked.body.items() if key in _SETTINGS}
    return hub.put("organisation", it["login"].lower(), {**it, **known})


# Members.


def _owners(hub: Hub) -> list[str]:
    found = [one for one in hub.every("membership") if one["role"] == "admin" and one["state"] == "active"]
    return [one["user"]["login"] for one in found]


def _stays_owned(hub: Hub, login: str) -> None:
    if _owners(hub) == [login]:
        raise No(403, "Cannot remove the last owner of the organization")


def invited(hub: Hub, login: str, org: str, role: str) -> dict[str, Any]:
    """A membership: the one there is, or a new one that is pending until its account accepts it."""
    user = hub.user(login)
    found = hub.get("membership", login.lower())
    if found is not None:
        return found
    day = hub.clock.now() - 86400
    if sum(1 for one in hub.every("invitation") if one["at"] > day) >= INVITATIONS_A_DAY:
        raise invalid("OrganizationInvitation", "invitee", "unprocessable", "Over invitation rate limit")
    hub.put("invitation", f"{hub.store.number('github-invited')}", {"at": hub.clock.now(), "login": user["login"]})
    # Whoever founds an organisation is in it: a rehearsal's begins with its first owner. All others are asked.
    state = "active" if role == "admin" and not _owners(hub) else "pending"
    said = {"url": f"/orgs/{org}/memberships/{login}", "state": state, "role": role, "user": user}
    return hub.put("membership", login.lower(), {**said, "organization": {"login": org}})


@route("GET", "/orgs/*/members")
def _members(hub: Hub, asked: Request) -> Any:
    organisation(hub, asked.words[0])
    role = {"admin": ("admin",), "member": ("member",)}.get(asked.query.get("role", "all"), ("admin", "member"))
    active = [one for one in hub.every("membership") if one["state"] == "active" and one["role"] in role]
    return [one["user"] for one in active]


@route("GET", "/orgs/*/invitations")
def _invitations(hub: Hub, asked: Request) -> Any:
    organisation(hub, asked.words[0])
    return [{**one["user"], "role": one["role"]} for one in hub.every("membership") if one["state"] == "pending"]


@route("GET", "/orgs/*/memberships/*")
def _membership(hub: Hub, asked: Request) -> Any:
    organisation(hub, asked.words[0])
    found = hub.need("membership", asked.words[1].lower())
    if found["user"]["id"] != hub.user(asked.words[1])["id"]:
        raise missing()  # the login is another account's by now
    return found


@route("PUT", "/orgs/*/memberships/*")
def _set_membership(hub: Hub, asked: Request) -> Any:
    org = organisation(hub, asked.words[0])
    login, role = asked.words[1], asked.body.get("role", "member")
    if role not in ("admin", "member"):
        raise invalid("OrganizationMembership", "role", "invalid")
    found = invited(hub, login, org["login"], role)
    if found["role"] == "admin" and role != "admin":
        _stays_owned(hub, found["user"]["login"])
    return hub.put("membership", login.lower(), {**found, "role": role})


@route("DELETE", "/orgs/*/memberships/*")
def _end_membership(hub: Hub, asked: Request) -> Any:
    organisation(hub, asked.words[0])
    key = asked.words[1].lower()
    found = hub.need("membership", key)
    _stays_owned(hub, found["user"]["login"])
    hub.drop("membership", key)
    for one in hub.every("team"):
        hub.drop("team-member", f"{one['id']}:{key}")


@route("PATCH", "/user/memberships/orgs/*")
def _accept(hub: Hub, asked: Request) -> Any:
    """By the invited account itself."""
    organisation(hub, asked.words[0])
    if asked.body.get("state") != "active":
        raise invalid("OrganizationMembership", "state", "invalid")
    found = hub.need("membership", asked.actor.lower())
    return hub.put("membership", asked.actor.lower(), {**found, "state": "active"})


# Teams.


def team_by(hub: Hub, slug: str) -> dict[str, Any]:
    """A team by its slug."""
    for one in hub.every("team"):
        if one["slug"] == slug:
            return one
    raise missing()


def _shown(hub: Hub, it: dict[str, Any]) -> dict[str, Any]:
    parent = hub.get("team", str(it["parent_id"])) if it["parent_id"] is not None else None
    said = {key: value for key, value in it.items() if key != "parent_id"}
    count = len(hub.every("team-member", f"{it['id']}:"))
    return {**said, "parent": {"id": parent["id"], "slug": parent["slug"]} if parent else None, "members_count": count}


def _taken(hub: Hub, asked: Request, it: dict[str, Any]) -> dict[str, Any]:
    """A team as asked for. Raises No for what GitHub does not take."""
    new = {**it, **{k: v for k, v in asked.body.items() if k in ("name", "description", "privacy")}}
    if "parent_team_id" in asked.body:
        new["parent_id"] = asked.body["parent_team_id"]
    new["slug"] = slug_of(new["name"])
    if new["privacy"] not in ("closed", "secret"):
        raise invalid("Team", "privacy", "invalid")
    if any(one["slug"] == new["slug"] and one["id"] != it.get("id") for one in hub.every("team")):
        raise invalid("Team", "name", "already_exists", "Name must be unique for this org")
    if new["parent_id"] is not None:
        parent = hub.get("team", str(new["parent_id"]))
        if parent is None:
            raise invalid("Team", "parent_team_id", "invalid", "parent team does not exist")
        if "secret" in (new["privacy"], parent["privacy"]):
            raise invalid("Team", "parent_team_id", "custom", "A secret team cannot have a parent or be one")
        while parent is not None:
            if parent["id"] == it.get("id"):
                raise invalid("Team", "parent_team_id", "custom", "A team cannot stand under itself")
            parent = hub.get("team", str(parent["parent_id"]))
    return new


@route("GET", "/orgs/*/teams")
def _teams(hub: Hub, asked: Request) -> Any:
    organisation(hub, asked.words[0])
    return [_shown(hub, one) for one in hub.every("team")]


@route("POST", "/orgs/*/teams", 201)
def _new_team(hub: Hub, asked: Request) -> Any:
    organisation(hub, asked.words[0])
    asked.text("name", "Team")
    number = 4_000_000 + hub.store.number("github-team-id")
    new = _taken(hub, asked, {"description": "", "privacy": "secret", "parent_id": None, **stamp()})
    return _shown(hub, hub.put("team", str(number), {**new, "id": number, "node_id": f"T_{number}"}))


@route("GET", "/orgs/*/teams/*")
def _team(hub: Hub, asked: Request) -> Any:
    return _shown(hub, team_by(hub, asked.words[1]))


@route("GET", "/organizations/*/team/*")
def _team_by_id(hub: Hub, asked: Request) -> Any:
    return _shown(hub, hub.need("team", asked.words[1]))


@route("PATCH", "/orgs/*/teams/*")
def _change_team(hub: Hub, asked: Request) -> Any:
    it = team_by(hub, asked.words[1])
    return _shown(hub, hub.put("team", str(it["id"]), _taken(hub, asked, it)))


@route("DELETE", "/orgs/*/teams/*")
def _end_team(hub: Hub, asked: Request) -> Any:
    """With it go the teams below it, as at GitHub."""
    going = [team_by(hub, asked.words[1])]
    while going:
        it = going.pop()
        going += [one for one in hub.every("team") if one["parent_id"] == it["id"]]
        hub.drop("team", str(it["id"]))
        hub.drop_all("team-member", f"{it['id']}:")
        hub.drop_all("team-repository", f"{it['id']}:")


@route("GET", "/orgs/*/teams/*/members")
def _team_members(hub: Hub, asked: Request) -> Any:
    it = team_by(hub, asked.words[1])
    found = [one for one in hub.every("team-member", f"{it['id']}:") if _in_team(hub, one)["state"] == "active"]
    return [hub.user(one["login"]) for one in found]


def _in_team(hub: Hub, one: dict[str, Any]) -> dict[str, Any]:
    """An owner is a maintainer of each of their teams, and somebody invited is in none yet."""
    membership = hub.need("membership", one["login"].lower())
    role = "maintainer" if membership["role"] == "admin" else one["role"]
    return {"url": f"/teams/memberships/{one['login']}", "role": role, "state": membership["state"]}


@route("GET", "/orgs/*/teams/*/memberships/*")
def _team_membership(hub: Hub, asked: Request) -> Any:
    it = team_by(hub, asked.words[1])
    return _in_team(hub, hub.need("team-member", f"{it['id']}:{asked.words[2].lower()}"))


@route("PUT", "/orgs/*/teams/*/memberships/*")
def _set_team_membership(hub: Hub, asked: Request) -> Any:
    """Whoever is not in the organisation is invited to it."""
    it, login, role = team_by(hub, asked.words[1]), asked.words[2], asked.body.get("role", "member")
    if role not in ("member", "maintainer"):
        raise invalid("TeamMembership", "role", "invalid")
    invited(hub, login, organisation(hub, asked.words[0])["login"], "member")
    return _in_team(hub, hub.put("team-member", f"{it['id']}:{login.lower()}", {"login": login, "role": role}))


@route("DELETE", "/orgs/*/teams/*/memberships/*")
def _end_team_membership(hub: Hub, asked: Request) -> Any:
    it = team_by(hub, asked.words[1])
    key = f"{it['id']}:{asked.words[2].lower()}"
    hub.need("team-member", key)
    hub.drop("team-member", key)
