"""The desired state of the layers `servers` and `agents` on one host: strict, frozen, nothing left to decide."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from hostconfig.desired import Address, Domain, Interface, Label, Line, Name, Network, Path, Strict

# As Nomad and Consul name their own things; capitals are allowed there.
Place = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")]
Driver = Literal["docker", "podman", "exec", "raw_exec"]


class HostVolume(Strict):
    """A folder that jobs may mount; `made`: made here if it is missing, and given to `owner`, an account's number."""

    path: Path
    read_only: bool = False
    made: bool = True
    owner: int | None = Field(default=None, ge=1, le=65534)


class Client(Strict):
    """What a host offers to jobs."""

    datacenter: Place
    pool: Place = "default"
    drivers: tuple[Driver, ...] = Field(min_length=1)
    meta: dict[Place, Line] = {}
    volumes: dict[Place, HostVolume] = {}
    capabilities: tuple[Name, ...] = ()
    """Kernel capabilities that containers may ask for here beyond the usual ones."""
    bridge: Network = "172.26.64.0/20"


class Member(Strict):
    """A host of the control plane's network: where it stands on the fabric, and who votes."""

    hostname: Label
    fqdn: Domain
    os: Literal["debian", "void"]
    interface: Interface
    address: Address
    prefix: int = Field(ge=1, le=128)
    region: Label
    datacenter: Label
    voters: dict[Label, Address] = Field(min_length=1)

    @property
    def others(self) -> list[str]:
        """The voters to join. Not oneself: an agent that has joined itself counts that as done and asks nobody else."""
        return sorted(address for host, address in self.voters.items() if host != self.hostname)


class Servers(Member):
    """A control host's three servers. A host that also offers to jobs does so in the same Nomad agent."""

    layer: ClassVar[str] = "servers"
    raft_multiplier: int = Field(default=1, ge=1, le=10)
    client: Client | None = None

    @model_validator(mode="after")
    def _votes_itself(self) -> Self:
        """A server that is no voter would wait for ever for a quorum that does not know it."""
        if self.voters.get(self.hostname) != self.address:
            raise ValueError(f"{self.hostname}: is not among the voters at {self.address}: give it the control role")
        return self


class Agents(Member):
    """A host's clients of the three, and the tokens of all its agents."""

    layer: ClassVar[str] = "agents"
    votes: bool = False
    client: Client | None = None
    """None on a control host: there it is part of the server's own agent."""
    tokens_for: Literal["nomad-server", "nomad-client"] | None = None
    """What this host's Nomad is in Consul; None where no Nomad runs."""
