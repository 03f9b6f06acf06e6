"""The organisation at GitHub as resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pulumi

from components.roster.github_plan import GithubPlan, Granted, Guarded, HubLabel, HubRepository, Site, plan
from model import Fleet
from model.github import OrganisationSettings


@dataclass(frozen=True)
class OrganisationArgs:
    """What the organisation is to hold, and what must stand before anybody is let in or out."""

    plan: GithubPlan
    after: Sequence[pulumi.Resource] = ()


class Organisation(pulumi.ComponentResource):
    """Keeps the organisation at GitHub: its people, their teams, and the repositories.

    Creates
        github-provider                       pulumi:providers:github             the token: GITHUB_TOKEN at call time
        github-settings                       github.OrganizationSettings         where the data says any
        github-member-<handle>                github.Membership                   owners and members, by invitation
        github-team-<slug>                    github.Team
        github-in-<slug>-<handle>             github.TeamMembership
        github-repository-<name>              github.Repository                   protected, and archived where it goes
        github-alerts-<name>                  github.RepositoryVulnerabilityAlerts
        github-grant-<slug>-<repository>      github.TeamRepository
        github-label-<repository>-<label>     github.IssueLabel                   other labels are left alone
        github-branch-<repository>-<pattern>  github.BranchProtection
        github-pages-<repository>             github.RepositoryPages

    Leaves out people's ids, which GitHub's provider does not ask for (README.md says what guards them), collaborators
    from outside, and secrets of workflows. In an organisation that is not adopted creating anything is refused when it
    comes to it (the preview still shows it).

    Attributes
        members: the membership's resource by handle.
    """

    members: Mapping[str, pulumi.Resource]

    def __init__(self, name: str, args: OrganisationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:roster:Github", name, None, opts)
        import pulumi_github as github

        self._github = github
        wanted = args.plan
        self._hooks = None if wanted.adopted else _refusal(wanted.organisation)
        self._provider = _provider(wanted.organisation)
        self._after = list(args.after)
        if wanted.settings is not None:
            github.OrganizationSettings("github-settings", **_settings(wanted.settings), opts=self._child())
        self.members = self._people(wanted)
        teams = self._teams(wanted)
        repositories = self._repositories(wanted)
        self._grants(wanted, teams, repositories)
        self.register_outputs({"members": len(wanted.members), "repositories": len(wanted.repositories)})

    def _child(self, *after: pulumi.Resource, **more: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self, provider=self._provider, depends_on=[*self._after, *after], hooks=self._hooks, **more
        )

    def _in(self, repository: HubRepository, old_name: str | None) -> pulumi.ResourceOptions:
        """What stands in a repository. In one that was renamed, GitHub leads from the old name to the new one: the old
        thing must be gone before the new one is made, or taking the old one away would hit the new one."""
        if repository.formerly is None or old_name is None:
            return self._child()
        return self._child(delete_before_replace=True, aliases=[pulumi.Alias(name=old_name)])

    def _people(self, wanted: GithubPlan) -> dict[str, pulumi.Resource]:
        return {
            it.handle: self._github.Membership(
                it.logical_name, username=it.handle, role=it.role, opts=self._child(protect=it.keep)
            )
            for it in wanted.members
        }

    def _teams(self, wanted: GithubPlan) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for team in wanted.teams:
            made[team.slug] = self._github.Team(
                team.logical_name,
                name=team.slug,
                description=team.description,
                privacy=team.privacy,
                parent_team_id=made[team.parent].id if team.parent is not None else None,
                opts=self._child(),
            )
        for it in wanted.in_teams:
            self._github.TeamMembership(
                it.logical_name,
                team_id=made[it.slug].id,
                username=it.handle,
                role=it.role,
                # Whoever leaves the organisation is out of its teams by the same call.
                opts=self._child(self.members[it.handle], deleted_with=self.members[it.handle]),
            )
        return made

    def _repositories(self, wanted: GithubPlan) -> dict[str, Any]:
        made = {it.name: self._repository(it) for it in wanted.repositories}
        facts = {it.name: it for it in wanted.repositories}
        for it in wanted.repositories:
            if it.alerts is not None:
                self._github.RepositoryVulnerabilityAlerts(
                    it.alerts_name,
                    repository=made[it.name].name,
                    enabled=it.alerts,
                    opts=self._in(it, it.old_alerts_name),
                )
        for label in wanted.labels:
            self._github.IssueLabel(
                label.logical_name,
                repository=made[label.repository].name,
                name=label.name,
                color=label.color,
                description=label.description,
                opts=self._in(facts[label.repository], _before(label, facts)),
            )
        for site in wanted.pages:
            source = self._github.RepositoryPagesSourceArgs(branch=site.branch, path=site.path) if site.branch else None
            self._github.RepositoryPages(
                site.logical_name,
                repository=made[site.repository].name,
                build_type="legacy" if site.branch else "workflow",
                source=source,
                cname=site.cname,
                opts=self._in(facts[site.repository], _before(site, facts)),
            )
        for branch in wanted.branches:
            opts = self._in(facts[branch.repository], _before(branch, facts))
            self._guard(branch, made[branch.repository].node_id, opts)
        return made

    def _repository(self, it: HubRepository) -> Any:
        return self._github.Repository(
            it.logical_name,
            name=it.name,
            description=it.description,
            homepage_url=it.homepage,
            topics=list(it.topics),
            visibility=it.visibility,
            has_issues=it.issues,
            has_wiki=it.wiki,
            has_projects=it.projects,
            has_discussions=it.discussions,
            allow_merge_commit=it.merge_commit,
            allow_squash_merge=it.squash,
            allow_rebase_merge=it.rebase,
            allow_auto_merge=it.auto_merge,
            delete_branch_on_merge=it.delete_branch,
            archived=it.archived,
            archive_on_destroy=True,
            opts=self._child(
                protect=it.keep,
                aliases=[pulumi.Alias(name=it.old_logical_name)] if it.old_logical_name is not None else None,
            ),
        )

    def _guard(self, branch: Guarded, node_id: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
        it = branch.protection
        self._github.BranchProtection(
            branch.logical_name,
            repository_id=node_id,
            pattern=branch.pattern,
            enforce_admins=it.administrators,
            allows_deletions=False,
            allows_force_pushes=False,
            require_conversation_resolution=it.resolved,
            required_linear_history=it.linear,
            required_pull_request_reviews=[
                self._github.BranchProtectionRequiredPullRequestReviewArgs(
                    required_approving_review_count=it.approvals,
                    dismiss_stale_reviews=it.dismiss_stale,
                    require_code_owner_reviews=it.code_owners,
                    require_last_push_approval=it.last_push,
                )
            ],
            required_status_checks=[
                self._github.BranchProtectionRequiredStatusCheckArgs(strict=True, contexts=list(it.checks))
            ]
            if it.checks
            else None,
            opts=opts,
        )

    def _grants(self, wanted: GithubPlan, teams: Mapping[str, Any], repositories: Mapping[str, Any]) -> None:
        facts = {it.name: it for it in wanted.repositories}
        for it in wanted.grants:
            self._github.TeamRepository(
                it.logical_name,
                team_id=teams[it.slug].id,
                repository=repositories[it.repository].name,
                permission=it.permission,
                opts=self._in(facts[it.repository], _before(it, facts)),
            )


def _before(it: Granted | HubLabel | Guarded | Site, facts: Mapping[str, HubRepository]) -> str | None:
    """The identity of something in a repository under the name that this had before."""
    formerly = facts[it.repository].formerly
    return replace(it, repository=formerly).logical_name if formerly is not None else None


def organisation(fleet: Fleet, as_of: date, after: Sequence[pulumi.Resource] = ()) -> Organisation | None:
    """The organisation as it is to be on a day; None where the stack has none."""
    wanted = plan(fleet, as_of)
    return Organisation("github-organisation", OrganisationArgs(wanted, after)) if wanted is not None else None


def _settings(it: OrganisationSettings) -> dict[str, Any]:
    return {
        "billing_email": it.billing_email,
        "name": it.display_name,
        "description": it.description,
        "blog": it.blog,
        "email": it.email,
        "default_repository_permission": it.default_permission,
        "members_can_create_repositories": it.members_create_repositories,
        "members_can_create_public_repositories": it.members_create_repositories,
        "members_can_create_private_repositories": it.members_create_repositories,
        "members_can_create_pages": it.members_create_pages,
        "members_can_create_public_pages": it.members_create_pages,
        "members_can_create_private_pages": it.members_create_pages,
        "members_can_fork_private_repositories": it.members_fork_private,
        "web_commit_signoff_required": it.signoff_required,
    }


class _Provider(pulumi.ProviderResource):
    """GitHub's provider without what the SDK's own class adds: that one puts GITHUB_TOKEN into its inputs, and so into
    the state, wherever the variable is set. The plugin reads the variable by itself."""


def _provider(owner: str) -> pulumi.ProviderResource:
    from pulumi_github import _utilities

    # A child of nothing: the engine makes every provider, also where an `up` is of another part alone.
    opts = pulumi.ResourceOptions(version=_utilities.get_version())
    return _Provider("github", "github-provider", {"owner": owner, "baseUrl": "https://api.github.com/"}, opts)


def _refusal(name: str) -> pulumi.ResourceHookBinding:
    """A hook that stops the creation of anything in an organisation that is not adopted. None runs in a preview."""

    def refuse(args: pulumi.ResourceHookArgs) -> None:
        raise ValueError(
            f"{args.name}: the organisation {name} is not adopted, so creating this is refused: its repositories and "
            f"teams exist, and people would get invitations. Way out: import them into the state "
            f"(docs/runbooks/roster.md), then set github.organisation.adopted to true."
        )

    return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(f"refuse-unadopted-github-{name}", refuse)])
