"""The rehearsal's GitHub: labels, issues with their comments, and protected branches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from rehearsal.cloud.github_hub import Hub, No, Request, invalid, missing, route, stamp
from rehearsal.cloud.github_repositories import repository, writable

_COLOR = re.compile(r"[0-9A-Fa-f]{6}")


def _repository(hub: Hub, asked: Request) -> dict[str, Any]:
    return repository(hub, asked.words[0], asked.words[1])


def _writable(hub: Hub, asked: Request) -> dict[str, Any]:
    return writable(_repository(hub, asked))


# Labels.


def _label(hub: Hub, asked: Request, it: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    new = {**before, **{k: v for k, v in asked.body.items() if k in ("color", "description")}}
    new["name"] = asked.body.get("new_name") or asked.body.get("name") or new["name"]
    if len(new["name"]) > 50:
        raise invalid("Label", "name", "custom", "name is too long (maximum is 50 characters)")
    if not _COLOR.fullmatch(str(new.get("color"))):
        raise invalid("Label", "color", "invalid")
    if len(new.get("description") or "") > 100:
        raise invalid("Label", "description", "custom", "description is too long (maximum is 100 characters)")
    other = hub.get("label", f"{it['id']}:{new['name'].lower()}")
    if other is not None and other is not before:
        raise invalid("Label", "name", "already_exists")
    return new


@route("GET", "/repos/*/*/labels")
def _labels(hub: Hub, asked: Request) -> Any:
    return hub.every("label", f"{_repository(hub, asked)['id']}:")


@route("POST", "/repos/*/*/labels", 201)
def _new_label(hub: Hub, asked: Request) -> Any:
    it = _writable(hub, asked)
    name = asked.text("name", "Label")
    new = _label(hub, asked, it, {"name": name, "description": "", "default": False})
    return hub.put("label", f"{it['id']}:{name.lower()}", new)


@route("GET", "/repos/*/*/labels/*")
def _one_label(hub: Hub, asked: Request) -> Any:
    return hub.need("label", f"{_repository(hub, asked)['id']}:{unquote(asked.words[2]).lower()}")


@route("PATCH", "/repos/*/*/labels/*")
def _change_label(hub: Hub, asked: Request) -> Any:
    it = _writable(hub, asked)
    key = f"{it['id']}:{unquote(asked.words[2]).lower()}"
    new = _label(hub, asked, it, hub.need("label", key))
    hub.drop("label", key)
    return hub.put("label", f"{it['id']}:{new['name'].lower()}", new)


@route("DELETE", "/repos/*/*/labels/*")
def _end_label(hub: Hub, asked: Request) -> Any:
    it = _writable(hub, asked)
    key = f"{it['id']}:{unquote(asked.words[2]).lower()}"
    hub.need("label", key)
    hub.drop("label", key)


# Issues.


def _takes_issues(hub: Hub, asked: Request) -> dict[str, Any]:
    it = _repository(hub, asked)
    if not it["has_issues"]:
        raise No(410, "Issues are disabled for this repo")
    return it


def _issue(hub: Hub, asked: Request) -> tuple[str, dict[str, Any]]:
    it = _takes_issues(hub, asked)
    if not asked.words[2].isdecimal():
        raise missing()
    key = f"{it['id']}:{int(asked.words[2]):06}"
    return key, hub.need("issue", key)


@route("GET", "/repos/*/*/issues")
def _issues(hub: Hub, asked: Request) -> Any:
    it, state = _takes_issues(hub, asked), asked.query.get("state", "open")
    found = [one for one in hub.every("issue", f"{it['id']}:") if state in ("all", one["state"])]
    wanted = {label.lower() for label in asked.query.get("labels", "").split(",") if label}
    return [one for one in found if wanted <= {label["name"].lower() for label in one["labels"]}]


@route("POST", "/repos/*/*/issues", 201)
def _new_issue(hub: Hub, asked: Request) -> Any:
    it = _takes_issues(hub, asked)
    _writable(hub, asked)
    title = asked.text("title", "Issue")
    number = hub.store.number(f"github-issue-{it['id']}")
    said = {
        "number": number,
        "title": title,
        "body": asked.body.get("body"),
        "state": "open",
        "labels": [{"name": name} for name in asked.body.get("labels", ())],
        "user": {"login": asked.actor},
        "said": [],
        **stamp(),
    }
    return hub.put("issue", f"{it['id']}:{number:06}", said)


@route("GET", "/repos/*/*/issues/*")
def _one_issue(hub: Hub, asked: Request) -> Any:
    return _issue(hub, asked)[1]


@route("PATCH", "/repos/*/*/issues/*")
def _change_issue(hub: Hub, asked: Request) -> Any:
    key, it = _issue(hub, asked)
    _writable(hub, asked)
    state = asked.body.get("state", it["state"])
    if state not in ("open", "closed"):
        raise invalid("Issue", "state", "invalid")
    known = {k: v for k, v in asked.body.items() if k in ("title", "body", "state_reason")}
    return hub.put("issue", key, {**it, **known, "state": state})


@route("GET", "/repos/*/*/issues/*/comments")
def _comments(hub: Hub, asked: Request) -> Any:
    return list(_issue(hub, asked)[1]["said"])


@route("POST", "/repos/*/*/issues/*/comments", 201)
def _comment(hub: Hub, asked: Request) -> Any:
    key, it = _issue(hub, asked)
    _writable(hub, asked)
    said = {"id": len(it["said"]) + 1, "body": asked.text("body", "IssueComment"), "user": {"login": asked.actor}}
    hub.put("issue", key, {**it, "said": [*it["said"], said]})
    return said


# Protected branches, which GitHub's provider asks for by the other interface, GraphQL. What stands in for it takes the
# mutation's name and its input, and answers as GraphQL does: 200, with data or with errors.


def _errors(kind: str, message: str) -> dict[str, Any]:
    return {"data": None, "errors": [{"type": kind, "message": message}]}


def _create(hub: Hub, given: Mapping[str, Any]) -> dict[str, Any]:
    it = next((one for one in hub.every("repository") if one["node_id"] == given.get("repositoryId")), None)
    if it is None:
        node = given.get("repositoryId")
        return _errors("NOT_FOUND", f"Could not resolve to a node with the global id of '{node}'")
    if it["archived"]:
        return _errors("UNPROCESSABLE", "Repository was archived so is read-only.")
    key = f"{it['id']}:{given['pattern']}"
    if hub.get("branch", key) is not None:
        return _errors("UNPROCESSABLE", f"Name already protected: {given['pattern']}")
    node = f"BPR_kwDO{it['id']}x{hub.store.number('github-branch-id')}"
    said = hub.put("branch", key, {**given, "node_id": node, "key": key})
    return {"data": {"createBranchProtectionRule": {"branchProtectionRule": said}}}


@route("POST", "/graphql")
def _graphql(hub: Hub, asked: Request) -> Any:
    name, given = asked.body.get("operation"), asked.body.get("input") or {}
    if name == "createBranchProtectionRule":
        return _create(hub, given)
    node = given.get("branchProtectionRuleId")
    it = next((one for one in hub.every("branch") if one["node_id"] == node), None)
    if it is None:
        return _errors("NOT_FOUND", f"Could not resolve to a node with the global id of '{node}'")
    if name == "branchProtectionRule":
        return {"data": {"node": it}}
    if name == "updateBranchProtectionRule":
        kept = {key: it[key] for key in ("node_id", "key", "id", "repositoryId")}
        return {"data": {name: {"branchProtectionRule": hub.put("branch", it["key"], {**given, **kept})}}}
    if name == "deleteBranchProtectionRule":
        hub.drop("branch", it["key"])
        return {"data": {name: {}}}
    return _errors("undefinedField", f"Field '{name}' doesn't exist on type 'Mutation'")
