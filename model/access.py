"""Who may do what: namespaces and policies of Nomad, mounts, policies and logins of Vault, policies of Consul.

Tokens are no data: people get theirs from Vault for an hour, hosts theirs by their certificate, and the management
tokens of Nomad and Consul are made by Vault and stay in it (docs/decisions/0012-access.md). What hosts get is derived
from what machines do, so it is not written here.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from model.strict import Name, Strict, Text

# Nomad takes no other letters in the pattern of a namespace or of a host volume.
Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*-]{1,128}$")]
VariablePath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*_~-][A-Za-z0-9/*._~-]{0,127}$")]
MountPath = Annotated[str, StringConstraints(pattern=r"^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?$")]
Level = Literal["read", "write", "deny"]
Levels = dict[str, Level]
Seconds = Annotated[int, Field(ge=60, le=32 * 86400)]
# Nobody's password opens anything for longer than half a day.
LONGEST_LOGIN = 43200

NamespaceCapability = Literal[
    "list-jobs",
    "parse-job",
    "read-job",
    "submit-job",
    "dispatch-job",
    "read-logs",
    "read-fs",
    "alloc-exec",
    "alloc-node-exec",
    "alloc-lifecycle",
    "scale-job",
    "read-job-scaling",
    "list-scaling-policies",
    "read-scaling-policy",
    "host-volume-create",
    "host-volume-register",
    "host-volume-read",
    "host-volume-write",
    "deny",
]
VariableCapability = Literal["list", "read", "write", "destroy", "deny"]
VaultCapability = Literal["create", "read", "update", "patch", "delete", "list", "sudo", "deny"]


class Namespace(Strict):
    """A part of Nomad with rights of its own."""

    purpose: Text


class Preemption(Strict):
    """Which kinds of jobs may push out jobs of lower priority."""

    system: bool = False
    sysbatch: bool = False
    service: bool = False
    batch: bool = False


class Scheduler(Strict):
    """How Nomad places jobs."""

    algorithm: Literal["binpack", "spread"] = "binpack"
    memory_oversubscription: bool = False
    preemption: Preemption = Preemption()


class NamespaceRule(Strict):
    """What a policy grants in the namespaces that its pattern matches. A variable follows its own path alone."""

    policy: Literal["read", "write", "deny", "scale"] | None = None
    capabilities: tuple[NamespaceCapability, ...] = ()
    variables: dict[VariablePath, tuple[VariableCapability, ...]] = Field(
        default={}, description="path, or a pattern of paths: what may be done there"
    )


class NomadRules(Strict):
    """What a policy of Nomad grants."""

    namespaces: dict[Pattern, NamespaceRule] = {}
    agent: Level | None = None
    node: Level | None = None
    operator: Level | None = None
    plugin: Literal["read", "list", "write", "deny"] | None = None
    host_volumes: dict[Pattern, Level] = Field(
        default={}, description="a job that mounts a host volume is taken only from whom this lets"
    )


class JobBinding(Strict):
    """The job whose tasks hold a policy by themselves, without a token."""

    namespace: Name
    job: Text


class NomadPolicy(Strict):
    """A policy of Nomad. The one called `anonymous` holds for whoever shows no token."""

    purpose: Text
    job: JobBinding | None = None
    rules: NomadRules


class NomadRole(Strict):
    """Policies under one name, for tokens that are not from Vault."""

    purpose: Text
    policies: tuple[Name, ...] = Field(min_length=1)


class NomadAccess(Strict):
    """Rights in Nomad."""

    namespaces: dict[Name, Namespace] = Field(min_length=1)
    scheduler: Scheduler = Scheduler()
    policies: dict[Name, NomadPolicy] = {}
    roles: dict[Name, NomadRole] = {}


class VaultMount(Strict):
    """A store of Vault. The engines of Nomad and Consul, and the ways to log in, stand beside and not among these."""

    type: Literal["kv", "transit"]
    version: Literal[1, 2] | None = Field(default=None, description="of kv: 2 keeps earlier values, 1 does not")
    purpose: Text
    default_lease_seconds: Seconds | None = None
    max_lease_seconds: Seconds | None = None


class VaultPolicy(Strict):
    """A policy of Vault: what may be done below which paths."""

    purpose: Text
    paths: dict[Text, tuple[VaultCapability, ...]] = Field(min_length=1)


class NomadTokens(Strict):
    """Tokens of Nomad that Vault hands out under one name: with policies, or as management token."""

    purpose: Text
    policies: tuple[Name, ...] = ()
    management: bool = False


class ConsulTokens(Strict):
    """Tokens of Consul that Vault hands out under one name."""

    purpose: Text
    policies: tuple[Name, ...] = ()
    roles: tuple[Name, ...] = ()


class NomadEngine(Strict):
    """Vault's engine for tokens of Nomad, at `nomad`."""

    default_lease_seconds: Seconds = 3600
    max_lease_seconds: Seconds = 28800
    roles: dict[Name, NomadTokens] = {}


class ConsulEngine(Strict):
    """Vault's engine for tokens of Consul, at `consul`. These leases are people's; hosts' tokens live longer."""

    default_lease_seconds: Seconds = 3600
    max_lease_seconds: Seconds = 28800
    roles: dict[Name, ConsulTokens] = {}


class Ldap(Strict):
    """How people log in to Vault, at `ldap`: with their name and password, asked of a directory."""

    url: str = Field(pattern=r"^ldaps?://[A-Za-z0-9.:\[\]-]+$")
    starttls: bool = False
    certificate_env: Text | None = Field(
        default=None, description="environment variable with the path of a PEM file to trust for the directory"
    )
    user_dn: Text
    user_attribute: Name = "uid"
    discover_dn: bool = False
    group_dn: Text
    group_filter: Text
    group_attribute: Text = "memberOf"
    token_seconds: int = Field(default=3600, ge=60, le=LONGEST_LOGIN, description="life of a login, unless renewed")
    longest_seconds: int = Field(default=LONGEST_LOGIN, ge=60, le=LONGEST_LOGIN, description="life with renewals")

    @property
    def host(self) -> str:
        """Whom Vault asks."""
        return urlsplit(self.url).hostname or ""

    @property
    def on_loopback(self) -> bool:
        """Whether it asks its own host: a bridge to a directory that is elsewhere."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


class Group(Strict):
    """A group of the directory, and what its people may do in Vault."""

    purpose: Text
    policies: tuple[Name, ...]


class VaultAccess(Strict):
    """Rights in Vault, and by it."""

    mounts: dict[MountPath, VaultMount] = {}
    policies: dict[Name, VaultPolicy] = {}
    nomad: NomadEngine = NomadEngine()
    consul: ConsulEngine = ConsulEngine()
    ldap: Ldap
    groups: dict[Text, Group] = Field(min_length=1)


class ConsulRules(Strict):
    """What a policy of Consul grants. A `_prefix` holds for every name that begins so; "" is the beginning of all."""

    acl: Level | None = None
    operator: Level | None = None
    keyring: Level | None = None
    mesh: Level | None = None
    agent: Levels = {}
    agent_prefix: Levels = {}
    event: Levels = {}
    event_prefix: Levels = {}
    key: Levels = {}
    key_prefix: Levels = {}
    node: Levels = {}
    node_prefix: Levels = {}
    query: Levels = {}
    query_prefix: Levels = {}
    service: Levels = {}
    service_prefix: Levels = {}
    session: Levels = {}
    session_prefix: Levels = {}


class ConsulPolicy(Strict):
    """A policy of Consul."""

    purpose: Text
    rules: ConsulRules


class ConsulRole(Strict):
    """Policies of Consul under one name."""

    purpose: Text
    policies: tuple[Name, ...]


class HostRoles(Strict):
    """Which role of Consul the tokens of hosts hold. A host's agent may always register its own node besides."""

    agent: Name = Field(default="consul-agent", description="of every host's Consul agent")
    control_agent: Name = Field(default="vault-server", description="of a control host's Consul agent, besides")
    nomad_server: Name = Field(default="nomad-server", description="of Nomad on control hosts")
    nomad_client: Name = Field(default="nomad-client", description="of Nomad on every other machine that runs jobs")


class ConsulAccess(Strict):
    """Rights in Consul. Whoever shows no token holds the policies of `anonymous`."""

    policies: dict[Name, ConsulPolicy] = {}
    roles: dict[Name, ConsulRole] = {}
    anonymous: tuple[Name, ...] = ()
    hosts: HostRoles = HostRoles()


class Access(Strict):
    """Everything that is granted, to people, jobs and hosts."""

    nomad: NomadAccess
    vault: VaultAccess
    consul: ConsulAccess
