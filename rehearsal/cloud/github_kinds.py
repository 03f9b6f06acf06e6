"""GitHub's stand-in: repositories, their warnings, their sites and their protected branches."""

from __future__ import annotations

from typing import Final

from providers.base.resource import Diff
from providers.base.values import Bag
from rehearsal.cloud import schema
from rehearsal.cloud.github_client import OnHub
from rehearsal.cloud.passthrough import Found

# Inputs that are said at creation alone, or are about the provider's own behaviour.
_ONCE: Final = frozenset(
    {"archiveOnDestroy", "autoInit", "gitignoreTemplate", "licenseTemplate", "template", "fork", "sourceOwner"}
    | {"sourceRepo", "ignoreVulnerabilityAlertsDuringRead", "hasDownloads", "isTemplate"}
)
_TEXTS: Final = ("visibility", "description")
# Like the official provider it sends those that are not said as off.
_SWITCHES: Final = (
    "hasIssues",
    "hasWiki",
    "hasProjects",
    "hasDiscussions",
    "allowMergeCommit",
    "allowSquashMerge",
    "allowRebaseMerge",
    "allowAutoMerge",
    "deleteBranchOnMerge",
)


class Repository(OnHub):
    token = "github:index/repository:Repository"
    unread = _ONCE

    def place(self, inputs: Bag) -> str:
        return inputs["name"] if isinstance(inputs.get("name"), str) else ""

    def identity(self, id: str, inputs: Bag) -> str:  # noqa: A002
        return id

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.ask.found(f"/repos/{self.ask.owner}/{id}")
        if told is None:
            return None
        said = {key: told[schema.snake(key)] for key in (*_TEXTS, *_SWITCHES)}
        more = {"name": told["name"], "homepageUrl": told["homepage"], "topics": told["topics"]}
        outputs = {
            "fullName": told["full_name"],
            "nodeId": told["node_id"],
            "repoId": told["id"],
            "htmlUrl": told["html_url"],
            "httpCloneUrl": told["clone_url"],
            "gitCloneUrl": told["git_url"],
            "sshCloneUrl": told["ssh_url"],
            "svnUrl": told["svn_url"],
            "defaultBranch": told["default_branch"],
            "primaryLanguage": "",
        }
        return Found({**said, **more, "archived": told["archived"]}, outputs)

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        body = {schema.snake(key): inputs.get(key, False) for key in _SWITCHES}
        body |= {key: inputs[key] for key in _TEXTS if key in inputs}
        body |= {"name": inputs["name"], "homepage": inputs.get("homepageUrl", "")}
        archived = bool(inputs.get("archived"))
        if not id:
            made = self.ask(
                "POST", f"/orgs/{self.ask.owner}/repos", {**body, "auto_init": bool(inputs.get("autoInit"))}
            )
            at = f"/repos/{self.ask.owner}/{made['name']}"
        else:
            at = f"/repos/{self.ask.owner}/{id}"
            if self.ask("GET", at)["archived"] and not archived:
                self.ask("PATCH", at, {"archived": False})
            self.ask("PATCH", at, body)
        if inputs.get("topics") is not None and self.ask("GET", at)["topics"] != sorted(inputs["topics"]):
            self.ask("PUT", f"{at}/topics", {"names": inputs["topics"]})
        if archived:
            self.ask("PATCH", at, {"archived": True})
        return id or str(inputs["name"])

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        at = f"/repos/{self.ask.owner}/{id}"
        if not inputs.get("archiveOnDestroy"):
            self.ask.gone(at)
            return
        told = self.ask.found(at)
        if told is not None and not told["archived"]:
            self.ask("PATCH", at, {"archived": True})


class RepositoryVulnerabilityAlerts(OnHub):
    token = "github:index/repositoryVulnerabilityAlerts:RepositoryVulnerabilityAlerts"

    def place(self, inputs: Bag) -> str:
        return inputs["repository"] if isinstance(inputs.get("repository"), str) else ""

    def _path(self, name: str) -> str:
        return f"/repos/{self.ask.owner}/{name}/vulnerability-alerts"

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.ask.found(f"/repos/{self.ask.owner}/{id}")
        if told is None:
            return None
        on = bool(told["alerts"])
        return Found({"repository": told["name"], "enabled": on}, {"repositoryId": told["id"]})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        self.ask("PUT" if inputs["enabled"] else "DELETE", self._path(inputs["repository"]))
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        self.ask.gone(self._path(id))


class RepositoryPages(OnHub):
    token = "github:index/repositoryPages:RepositoryPages"
    unread = frozenset({"httpsEnforced", "public"})

    def place(self, inputs: Bag) -> str:
        return inputs["repository"] if isinstance(inputs.get("repository"), str) else ""

    def _path(self, name: str) -> str:
        return f"/repos/{self.ask.owner}/{name}/pages"

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.ask.found(self._path(id))
        if told is None:
            return None
        said = {"repository": id, "buildType": told["build_type"], "cname": told["cname"], "source": told["source"]}
        outputs = {"htmlUrl": told["html_url"], "buildStatus": told["status"], "custom404": told["custom_404"]}
        more = {"apiUrl": f"https://api.github.com{self._path(id)}", "repositoryId": told["repository"]}
        return Found(said, {**outputs, **more})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        path = self._path(inputs["repository"])
        body = {"build_type": inputs["buildType"], "source": inputs.get("source")}
        if not id:
            self.ask("POST", path, body)
        # A name of its own is taken by a change alone.
        if id or inputs.get("cname"):
            self.ask("PUT", path, {**body, "cname": inputs.get("cname")})
        return self.place(inputs)

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        self.ask.gone(self._path(id))


class BranchProtection(OnHub):
    token = "github:index/branchProtection:BranchProtection"

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = super().diff(id, old_inputs, old_outputs, new_inputs)
        # A repository protects a pattern once: the new rule of another repository stands beside the old one.
        return Diff(found.changes, found.detailed, found.replaces)

    def fetch(self, id: str, inputs: Bag) -> Found | None:  # noqa: A002
        told = self.ask.graphql("branchProtectionRule", branchProtectionRuleId=id)
        if told is None:
            return None
        known = self.schema.inputs.properties
        return Found({key: value for key, value in told["node"].items() if key in known})

    def send(self, id: str, inputs: Bag, before: Bag) -> str:  # noqa: A002
        if id:
            self.ask.graphql("updateBranchProtectionRule", **inputs, branchProtectionRuleId=id)
            return id
        made = self.ask.graphql("createBranchProtectionRule", **inputs)
        return str(made["createBranchProtectionRule"]["branchProtectionRule"]["node_id"])

    def remove(self, id: str, inputs: Bag, outputs: Bag) -> None:  # noqa: A002
        self.ask.graphql("deleteBranchProtectionRule", branchProtectionRuleId=id)
