"""Certificates that no job of ours renews: where each is shown, and who makes a new one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from model.control import DnsName
from model.strict import Strict, Text

At = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+:[1-9][0-9]{0,4}$")]
Moment = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]


class Watched(Strict):
    """A certificate that is looked at, and that people renew."""

    purpose: Text = Field(description="what stops when it has ended")
    at: At = Field(description="name:port where it is shown by TLS")
    shown_for: DnsName | None = Field(default=None, description="the name asked for, where it is not the address")
    renewed: Text = Field(description="who makes a new one, and how")
