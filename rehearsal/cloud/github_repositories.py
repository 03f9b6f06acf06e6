"""The rehearsal's GitHub: repositories, what teams may do in them, and their sites."""

from __future__ import annotations

import re
from typing import Any

from rehearsal.cloud.github_hub import Hub, No, Request, invalid, missing, route, stamp
from rehearsal.cloud.github_people import organisation, team_by

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
LEVELS = ("pull", "triage", "push", "maintain", "admin")
_NEW: dict[str, Any] = {
    "description": None,
    "homepage": None,
    "visibility": "public",
    "archived": False,
    "has_issues": True,
    "has_wiki": True,
    "has_projects": True,
    "has_discussions": False,
    "allow_merge_commit": True,
    "allow_squash_merge": True,
    "allow_rebase_merge": True,
    "allow_auto_merge": False,
    "delete_branch_on_merge": False,
    "default_branch": "main",
    "topics": [],
}
# What a new repository has, whatever anybody wants.
_LABELS = {
    "bug": "d73a4a",
    "documentation": "0075ca",
    "duplicate": "cfd3d7",
    "enhancement": "a2eeef",
    "good first issue": "7057ff",
    "help wanted": "008672",
    "invalid": "e4e669",
    "question": "d876e3",
    "wontfix": "ffffff",
}


def repository(hub: Hub, owner: str, name: str) -> dict[str, Any]:
    """A repository by its name, or by one that it had before and that nobody else took."""
    organisation(hub, owner)
    found = hub.get("repository", name.lower())
    if found is None:
        found = next((one for one in hub.every("repository") if name.lower() in one["names_before"]), None)
    if found is None:
        raise missing()
    return found


def writable(it: dict[str, Any]) -> dict[str, Any]:
    """A repository that may be changed."""
    if it["archived"]:
        raise No(403, "Repository was archived so is read-only.")
    return it


def _taken(hub: Hub, asked: Request, it: dict[str, Any]) -> dict[str, Any]:
    new = {**it, **{key: value for key, value in asked.body.items() if key in _NEW or key == "name"}}
    if not _NAME.fullmatch(new["name"]) or not new["name"].strip(".") or new["name"].lower().endswith(".git"):
        raise invalid("Repository", "name", "invalid", "name is invalid", "Repository creation failed.")
    other = hub.get("repository", new["name"].lower())
    if other is not None and other["id"] != it.get("id"):
        said = "name already exists on this account"
        raise invalid("Repository", "name", "custom", said, "Repository creation failed.")
    if not (new["allow_merge_commit"] or new["allow_squash_merge"] or new["allow_rebase_merge"]):
        said = "Sorry, need to allow at least one merge strategy. (no_merge_method)"
        raise invalid("Repository", "merge_commit_allowed", "custom", said)
    if new["visibility"] not in ("public", "private"):
        raise invalid("Repository", "visibility", "invalid", "Only organizations of an enterprise have internal ones")
    if len(new["description"] or "") > 350:
        raise invalid("Repository", "description", "custom", "description cannot be more than 350 characters")
    org = hub.every("organisation")[0]["login"]
    full = f"{org}/{new['name']}"
    links = {
        "full_name": full,
        "html_url": f"https://github.com/{full}",
        "clone_url": f"https://github.com/{full}.git",
        "git_url": f"git://github.com/{full}.git",
        "ssh_url": f"git@github.com:{full}.git",
        "svn_url": f"https://github.com/{full}",
        "private": new["visibility"] == "private",
    }
    return {**new, **links}


def _keep(hub: Hub, it: dict[str, Any]) -> dict[str, Any]:
    return hub.put("repository", it["name"].lower(), it)


@route("GET", "/orgs/*/repos")
def _repositories(hub: Hub, asked: Request) -> Any:
    organisation(hub, asked.words[0])
    return hub.every("repository")


@route("POST", "/orgs/*/repos", 201)
def _new(hub: Hub, asked: Request) -> Any:
    organisation(hub, asked.words[0])
    asked.text("name", "Repository")
    number = 90_000_000 + hub.store.number("github-repository-id")
    begun = {**_NEW, "id": number, "node_id": f"R_kgDO{number}", "names_before": [], "alerts": False, **stamp()}
    new = _taken(hub, asked, begun)
    branches = [new["default_branch"]] if asked.body.get("auto_init") else []
    for label, color in _LABELS.items():
        key = f"{number}:{label}"
        hub.put("label", key, {"name": label, "color": color, "description": "", "default": True})
    return _keep(hub, {**new, "archived": False, "branches": branches})


@route("GET", "/repos/*/*")
def _one(hub: Hub, asked: Request) -> Any:
    return repository(hub, *asked.words)


@route("PATCH", "/repos/*/*")
def _change(hub: Hub, asked: Request) -> Any:
    it = repository(hub, *asked.words)
    if it["archived"] and asked.body != {"archived": False}:
        writable(it)
    new = _taken(hub, asked, it)
    if new["name"].lower() != it["name"].lower():
        hub.drop("repository", it["name"].lower())
        new["names_before"] = [*it["names_before"], it["name"].lower()]
    for one in hub.every("repository"):
        # Whoever takes a name takes the way to it.
        if new["name"].lower() in one["names_before"]:
            one["names_before"].remove(new["name"].lower())
    return _keep(hub, new)


@route("DELETE", "/repos/*/*")
def _end(hub: Hub, asked: Request) -> Any:
    it = repository(hub, *asked.words)
    hub.drop("repository", it["name"].lower())
    for kind in ("label", "branch", "pages", "issue"):
        hub.drop_all(kind, f"{it['id']}:")
    for team in hub.every("team"):
        hub.drop("team-repository", f"{team['id']}:{it['id']}")


@route("PUT", "/repos/*/*/topics")
def _topics(hub: Hub, asked: Request) -> Any:
    it = writable(repository(hub, *asked.words))
    names = asked.body.get("names")
    if not isinstance(names, list) or len(names) > 20:
        raise invalid("Repository", "topics", "custom", "A repository cannot have more than 20 topics.")
    for name in names:
        if not isinstance(name, str) or not _TOPIC.fullmatch(name):
            said = (
                "Topics must start with a lowercase letter or number, consist of 50 characters or less, and can "
                "include hyphens."
            )
            raise invalid("Repository", "topics", "custom", said)
    return {"names": _keep(hub, {**it, "topics": sorted(set(names))})["topics"]}


@route("GET", "/repos/*/*/vulnerability-alerts")
def _alerts(hub: Hub, asked: Request) -> Any:
    if not repository(hub, *asked.words)["alerts"]:
        raise missing()


@route("PUT", "/repos/*/*/vulnerability-alerts")
def _alerts_on(hub: Hub, asked: Request) -> Any:
    _keep(hub, {**writable(repository(hub, *asked.words)), "alerts": True})


@route("DELETE", "/repos/*/*/vulnerability-alerts")
def _alerts_off(hub: Hub, asked: Request) -> Any:
    _keep(hub, {**writable(repository(hub, *asked.words)), "alerts": False})


# Teams in a repository.


def _permissions(level: str) -> dict[str, bool]:
    return {one: LEVELS.index(one) <= LEVELS.index(level) for one in LEVELS}


@route("GET", "/repos/*/*/teams")
def _teams(hub: Hub, asked: Request) -> Any:
    it, found = repository(hub, *asked.words), []
    for team in hub.every("team"):
        held = hub.get("team-repository", f"{team['id']}:{it['id']}")
        if held is not None:
            found.append({**team, "permission": held["permission"], "permissions": _permissions(held["permission"])})
    return found


@route("GET", "/orgs/*/teams/*/repos/*/*")
def _grant(hub: Hub, asked: Request) -> Any:
    _, slug, owner, name = asked.words
    it = repository(hub, owner, name)
    held = hub.need("team-repository", f"{team_by(hub, slug)['id']}:{it['id']}")
    return {**it, "role_name": held["permission"], "permissions": _permissions(held["permission"])}


@route("PUT", "/orgs/*/teams/*/repos/*/*")
def _set_grant(hub: Hub, asked: Request) -> Any:
    _, slug, owner, name = asked.words
    level = asked.body.get("permission", "push")
    if level not in LEVELS:
        raise invalid("Team", "permission", "invalid", f"{level} is not a valid permission")
    it = writable(repository(hub, owner, name))
    hub.put("team-repository", f"{team_by(hub, slug)['id']}:{it['id']}", {"permission": level})


@route("DELETE", "/orgs/*/teams/*/repos/*/*")
def _end_grant(hub: Hub, asked: Request) -> Any:
    _, slug, owner, name = asked.words
    key = f"{team_by(hub, slug)['id']}:{repository(hub, owner, name)['id']}"
    hub.need("team-repository", key)
    writable(repository(hub, owner, name))
    hub.drop("team-repository", key)


# Sites.


def _site(hub: Hub, asked: Request, it: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    new = {**before, **{k: v for k, v in asked.body.items() if k in ("build_type", "cname", "source")}}
    if new.get("build_type") not in ("legacy", "workflow"):
        raise invalid("Page", "build_type", "invalid")
    if new["build_type"] == "legacy":
        branch = (new.get("source") or {}).get("branch")
        if not branch:
            raise invalid("Page", "source", "missing_field", "a source branch is needed")
        if branch not in it["branches"]:
            raise invalid(
                "Page", "source", "custom", f"The {branch} branch must exist before GitHub Pages can be built."
            )
    taken = [one for one in hub.every("pages") if one["cname"] and one["cname"] == new["cname"]]
    if any(one["repository"] != it["id"] for one in taken):
        raise invalid("Page", "cname", "custom", f"The custom domain `{new['cname']}` is already taken.")
    return new


@route("GET", "/repos/*/*/pages")
def _pages(hub: Hub, asked: Request) -> Any:
    return hub.need("pages", f"{repository(hub, *asked.words)['id']}:")


@route("POST", "/repos/*/*/pages", 201)
def _new_pages(hub: Hub, asked: Request) -> Any:
    it = writable(repository(hub, *asked.words))
    key = f"{it['id']}:"
    if hub.get("pages", key) is not None:
        raise No(409, "GitHub Pages is already enabled.")
    home = f"https://{it['full_name'].partition('/')[0]}.github.io/{it['name']}/"
    begun = {"repository": it["id"], "cname": None, "source": None, "status": "built", "custom_404": False}
    return hub.put("pages", key, _site(hub, asked, it, {**begun, "html_url": home, "build_type": "legacy"}))


@route("PUT", "/repos/*/*/pages")
def _change_pages(hub: Hub, asked: Request) -> Any:
    it = writable(repository(hub, *asked.words))
    key = f"{it['id']}:"
    hub.put("pages", key, _site(hub, asked, it, hub.need("pages", key)))


@route("DELETE", "/repos/*/*/pages")
def _end_pages(hub: Hub, asked: Request) -> Any:
    it = writable(repository(hub, *asked.words))
    hub.need("pages", f"{it['id']}:")
    hub.drop("pages", f"{it['id']}:")
