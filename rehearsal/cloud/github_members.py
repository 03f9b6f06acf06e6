"""GitHub's stand-in: the organisation, its members and teams, what teams may do, and labels."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from providers.base.values import Bag
from rehearsal.cloud import schema
from rehearsal.cloud.github_client import OnHub
from rehearsal.cloud.github_hub import ADDRESS
from rehearsal.cloud.passthrough import Found


class Membership(OnHub):
    token = "github:index/membership:Membership"
    unread = frozenset({"downgradeOnDestroy"})

    def place(self, inputs: Bag) -> str:
        return f"{self.ask.owner}:{inputs['username']}" if isinstance(inputs.get("username"), str) else ""

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        return plain.lower() if key == "username" and isinstance(plain, str) else plain

    def _path(self, username: str) -> str:
        return f"/orgs/{self.ask.owner}/memberships/{username}"

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.ask.found(self._path(id.rpartition(":")[2]))
        return Found({"username": told["user"]["login"], "role": told["role"]}) if told else None

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        self.ask("PUT", self._path(inputs["username"]), {"role": inputs["role"]})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        if inputs.get("downgradeOnDestroy"):
            self.ask("PUT", self._path(id.rpartition(":")[2]), {"role": "member"})
            return
        self.ask.gone(self._path(id.rpartition(":")[2]))


class OrganizationSettings(OnHub):
    token = "github:index/organizationSettings:OrganizationSettings"

    def place(self, inputs: Bag) -> str:
        return str(self.ask("GET", f"/orgs/{self.ask.owner}")["id"])

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.ask("GET", f"/orgs/{self.ask.owner}")
        if "billing_email" not in told:
            return None
        names = {key: schema.snake(key) for key in self.schema.inputs.properties}
        return Found({key: told[name] for key, name in names.items() if name in told})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        self.ask("PATCH", f"/orgs/{self.ask.owner}", {schema.snake(key): value for key, value in inputs.items()})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        self.ask("PATCH", f"/orgs/{self.ask.owner}", {"default_repository_permission": "read"})


class Team(OnHub):
    token = "github:index/team:Team"
    unread = frozenset({"createDefaultMaintainer"})

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.ask.found(f"/organizations/1/team/{id}")
        if told is None:
            return None
        said = {key: told[key] for key in ("name", "description", "privacy")}
        if told["parent"]:
            said["parentTeamId"] = str(told["parent"]["id"])
        return Found(said, {"slug": told["slug"], "nodeId": told["node_id"], "membersCount": told["members_count"]})

    def _body(self, inputs: Bag) -> dict[str, Any]:
        parent = inputs.get("parentTeamId")
        return {
            "name": inputs["name"],
            "description": inputs.get("description", ""),
            "privacy": inputs["privacy"],
            "parent_team_id": int(parent) if parent else None,
        }

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        if not id:
            return str(self.ask("POST", f"/orgs/{self.ask.owner}/teams", self._body(inputs))["id"])
        self.ask("PATCH", f"/orgs/{self.ask.owner}/teams/{self.ask.team(id)['slug']}", self._body(inputs))
        return id

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        told = self.ask.found(f"/organizations/1/team/{id}")
        if told is not None:
            self.ask.gone(f"/orgs/{self.ask.owner}/teams/{told['slug']}")


class TeamMembership(OnHub):
    token = "github:index/teamMembership:TeamMembership"

    def place(self, inputs: Bag) -> str:
        team, user = inputs.get("teamId"), inputs.get("username")
        return f"{team}:{user}" if isinstance(team, str) and isinstance(user, str) else ""

    def canonical(self, key: str, value: Any) -> Any:
        plain = super().canonical(key, value)
        return plain.lower() if key == "username" and isinstance(plain, str) else plain

    def _path(self, id: str) -> str | None:  # noqa: A002
        number, _, user = id.partition(":")
        told = self.ask.found(f"/organizations/1/team/{number}")
        return f"/orgs/{self.ask.owner}/teams/{told['slug']}/memberships/{user}" if told else None

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        path = self._path(id)
        told = self.ask.found(path) if path else None
        number, _, user = id.partition(":")
        return Found({"teamId": number, "username": user, "role": told["role"]}) if told else None

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        slug = self.ask.team(inputs["teamId"])["slug"]
        path = f"/orgs/{self.ask.owner}/teams/{slug}/memberships/{inputs['username']}"
        self.ask("PUT", path, {"role": inputs["role"]})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        if (path := self._path(id)) is not None:
            self.ask.gone(path)


class TeamRepository(OnHub):
    token = "github:index/teamRepository:TeamRepository"

    def place(self, inputs: Bag) -> str:
        team, repository = inputs.get("teamId"), inputs.get("repository")
        return f"{team}:{repository}" if isinstance(team, str) and isinstance(repository, str) else ""

    def _path(self, id: str) -> str | None:  # noqa: A002
        number, _, name = id.partition(":")
        told = self.ask.found(f"/organizations/1/team/{number}")
        owner = self.ask.owner
        return f"/orgs/{owner}/teams/{told['slug']}/repos/{owner}/{name}" if told else None

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        path = self._path(id)
        told = self.ask.found(path) if path else None
        number = id.partition(":")[0]
        return Found({"teamId": number, "repository": told["name"], "permission": told["role_name"]}) if told else None

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        slug, owner = self.ask.team(inputs["teamId"])["slug"], self.ask.owner
        path = f"/orgs/{owner}/teams/{slug}/repos/{owner}/{inputs['repository']}"
        self.ask("PUT", path, {"permission": inputs["permission"]})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        if (path := self._path(id)) is not None:
            self.ask.gone(path)


class IssueLabel(OnHub):
    token = "github:index/issueLabel:IssueLabel"

    def place(self, inputs: Bag) -> str:
        repository, name = inputs.get("repository"), inputs.get("name")
        return f"{repository}:{name}" if isinstance(repository, str) and isinstance(name, str) else ""

    def _path(self, repository: str, name: str) -> str:
        return f"/repos/{self.ask.owner}/{repository}/labels/{quote(name, safe='')}"

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        repository, _, name = id.partition(":")
        told = self.ask.found(self._path(repository, name))
        if told is None:
            return None
        said = {key: told[key] for key in ("name", "color", "description")}
        return Found({**said, "repository": repository}, {"url": f"{ADDRESS}{self._path(repository, name)}"})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        """Like the official provider it takes a label over that is there already."""
        body = {"color": inputs["color"], "description": inputs.get("description", "")}
        repository, name = inputs["repository"], id.partition(":")[2] or inputs["name"]
        if self.ask.found(self._path(repository, name)) is not None:
            self.ask("PATCH", self._path(repository, name), {**body, "new_name": inputs["name"]})
        else:
            self.ask("POST", f"/repos/{self.ask.owner}/{repository}/labels", {**body, "name": inputs["name"]})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        repository, _, name = id.partition(":")
        self.ask.gone(self._path(repository, name))
