"""What a sync pulls, and when a reader may see it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from model.control import DnsName, HostPath, Label
from model.registration import Duration
from model.strict import Strict, Text

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")]
Ending = Annotated[str, StringConstraints(pattern=r"^\.[A-Za-z0-9.]+$")]
Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._*?\[][A-Za-z0-9._*?\[\]-]*$")]


class Sync(Strict):
    """A pull by rsync from a module of a registered service, or of a named server, with a record of its time.

    With `indexes`, what an index names is here before the index is, and stays a while after it is named no more.
    Without, the tree is pulled in one go.
    """

    service: Label | None = Field(default=None, description="registered service to pull from; any healthy instance")
    provider: Literal["nomad", "consul"] = "nomad"
    server: DnsName | None = None
    module: Label
    target: HostPath = Field(description="folder inside the task")
    exclude: tuple[Text, ...] = ()
    indexes: tuple[Pattern, ...] = Field(default=(), description="names of files that name others, such as *-repodata")
    format: Literal["xbps"] | None = Field(
        default=None,
        description="how an index is read: one whose files are not all here is held back. Not said: the origin is "
        "asked again instead, and an index that changed meanwhile is held back",
    )
    beside: tuple[Ending, ...] = Field(
        default=(), description="endings of what stands beside each file that an index names, such as .sig2"
    )
    times: tuple[Pattern, ...] = Field(
        default=(), description="names of files that say how old the tree is: seen only when all else is whole"
    )
    keep: Duration = Field(default="1h", description="how long a file stays that neither origin nor index has")
    most_gone: int = Field(
        default=25, ge=1, le=100, description="per cent of a large tree; an origin that lost more empties no copy"
    )
    tries: int = Field(default=3, ge=1, le=10, description="rounds in a pull, while an index is held back")
    stall: Duration = Field(default="60s", description="gives up when nothing arrives for so long")
    within: Duration = Field(default="1h", description="ends a pull that takes longer; the next one goes on from there")
    record: FileName = Field(
        default="fresh.prom", description="file in the target with the time of the last whole pull"
    )
