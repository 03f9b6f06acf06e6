"""What a program says to get the provider's resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pulumi


class Provider(pulumi.ProviderResource):
    """One NetAuth server, by literals of the data; the token is in FLEET_NETAUTH_TOKEN when it is called.

    `server`: the name that its certificate must hold. `address`: what is dialled, where that is not the name itself.
    `authorities`: PEM of whom to trust; a file that FLEET_NETAUTH_CA names goes before it.
    """

    def __init__(
        self,
        name: str,
        *,
        server: str,
        port: int = 1729,
        address: str | None = None,
        authorities: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {"server": server, "port": str(port), "address": address, "authorities": authorities}
        super().__init__("netauth", name, inputs, opts)


class Entity(pulumi.CustomResource):
    """Somebody the directory knows. Deleted, it is locked and stripped, and stays.

    `groups`, `keys` (fingerprints): all that memberships and keys of this program give: what is beyond them shows.
    Outputs: observed (present, gone, unreachable), beyond.
    """

    observed: pulumi.Output[str]
    beyond: pulumi.Output[Sequence[str]]

    def __init__(
        self,
        name: str,
        *,
        entity: str,
        number: int,
        primary_group: str,
        home: str,
        shell: str,
        locked: bool = False,
        groups: Sequence[str] = (),
        keys: Sequence[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": entity,
            "number": number,
            "primary_group": primary_group,
            "home": home,
            "shell": shell,
            "locked": locked,
            "groups": list(groups),
            "keys": list(keys),
            "observed": None,
            "beyond": None,
        }
        super().__init__("netauth:index:Entity", name, inputs, opts)


class Group(pulumi.CustomResource):
    """A group of the directory. `capabilities`: what its members may change in the directory itself."""

    observed: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        group: str,
        number: int,
        display_name: str = "",
        managed_by: str = "",
        capabilities: Sequence[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "name": group,
            "number": number,
            "display_name": display_name,
            "managed_by": managed_by,
            "capabilities": list(capabilities),
            "observed": None,
        }
        super().__init__("netauth:index:Group", name, inputs, opts)


class Membership(pulumi.CustomResource):
    """Somebody in a group."""

    observed: pulumi.Output[str]

    def __init__(self, name: str, *, entity: str, group: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("netauth:index:Membership", name, {"entity": entity, "group": group, "observed": None}, opts)


class Key(pulumi.CustomResource):
    """A public key of somebody. Name the resource by the key and not by its label, which may change."""

    observed: pulumi.Output[str]

    def __init__(
        self, name: str, *, entity: str, label: str, key: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs = {"entity": entity, "label": label, "key": key, "observed": None}
        super().__init__("netauth:index:Key", name, inputs, opts)


class Ledger(pulumi.CustomResource):
    """Who is known and who may what, kept so that the next change can be judged and told in words.

    `known`: what model.roster_change.ledger makes of a roster. `rights` and `roles`: as components.roster.rights has
    them in plain. `as_of`: the day that counts; another day alone is no change.
    """

    def __init__(
        self,
        name: str,
        *,
        known: Mapping[str, Any],
        rights: Mapping[str, Sequence[str]],
        roles: Mapping[str, Sequence[str]],
        as_of: date,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {**known, "rights": rights, "roles": roles, "as_of": as_of.isoformat()}
        super().__init__("netauth:index:Ledger", name, inputs, opts)


class Tokens(pulumi.CustomResource):
    """Ends tokens of Vault, Nomad and Consul of who left and of who may less than their token.

    `gone`: handles of who left. `allowed`: handle to policies of Vault. `addresses`: of the three systems, whose tokens
    the environment has. `roles`: by which Vault makes tokens of Nomad and Consul.
    """

    def __init__(
        self,
        name: str,
        *,
        gone: Sequence[str],
        allowed: Mapping[str, Sequence[str]],
        addresses: Mapping[str, str],
        roles: Mapping[str, Sequence[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {"gone": gone, "allowed": allowed, "addresses": addresses, "roles": roles}
        super().__init__("netauth:index:Tokens", name, inputs, opts)
