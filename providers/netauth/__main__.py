"""The plugin process: `python -m providers.netauth`."""

from __future__ import annotations

import sys
from typing import ClassVar

from providers.base.diffing import detailed
from providers.base.resource import Diff
from providers.base.servicer import Provider
from providers.base.serving import serve
from providers.base.values import Bag
from providers.netauth.belongings import Key, Membership
from providers.netauth.directory import Session
from providers.netauth.entity import Entity
from providers.netauth.group import Group
from providers.netauth.ledger import Ledger
from providers.netauth.tokens import Tokens


class NetAuth(Provider):
    """One NetAuth server. It connects at the first real call only, so a preview needs neither server nor token."""

    name: ClassVar[str] = "netauth"
    version = "0.1.0"

    def __init__(self, session: Session) -> None:
        super().__init__([Entity(session), Group(session), Membership(session), Key(session), Ledger(), Tokens()])
        self.session = session

    def configure(self, config: Bag) -> None:
        self.session.configure(config)

    def diff_config(self, old_inputs: Bag, new_inputs: Bag) -> Diff:
        # Another address or authority is another way to the same directory: what is in it stays.
        found = detailed(old_inputs, new_inputs)
        return Diff(bool(found), found)

    def cancel(self) -> None:
        self.session.cancel()


if __name__ == "__main__":
    provider = NetAuth(Session())
    if len(sys.argv) > 1:
        # An engine that makes no handshake tells its address here.
        provider._connect(sys.argv[1])
    serve(provider)
