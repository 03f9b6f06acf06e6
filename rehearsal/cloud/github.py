"""GitHub's stand-in: what its official provider asks of GitHub, asked of an organisation of the rehearsal's own."""

from typing import ClassVar

from rehearsal.cloud.github_client import HubProvider
from rehearsal.cloud.github_kinds import BranchProtection, Repository, RepositoryPages, RepositoryVulnerabilityAlerts
from rehearsal.cloud.github_members import (
    IssueLabel,
    Membership,
    OrganizationSettings,
    Team,
    TeamMembership,
    TeamRepository,
)
from rehearsal.cloud.kind import Kind


class GitHub(HubProvider):
    """pulumi_github's place."""

    kinds_of: ClassVar[tuple[type[Kind], ...]] = (
        Membership,
        OrganizationSettings,
        Team,
        TeamMembership,
        TeamRepository,
        IssueLabel,
        Repository,
        RepositoryVulnerabilityAlerts,
        RepositoryPages,
        BranchProtection,
    )
