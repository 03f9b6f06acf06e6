"""The people of the roster as resources of the directory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pulumi

from components.born import from_environment
from components.roster import directory
from components.roster.netauth_plan import Entity, Keys, in_data, plan
from components.roster.rights import Rights, of_kind, plain, rights, roles_of, token_roles
from model import Fleet
from model.roster import Person
from model.roster_change import ledger
from providers.netauth import sdk


@dataclass(frozen=True)
class DirectoryArgs:
    """The fleet and the day that counts."""

    fleet: Fleet
    as_of: date


class Directory(pulumi.ComponentResource):
    """Gives everybody of the roster their place in the directory, and takes it from those who left.

    Creates
        roster-ledger                        netauth.Ledger            refuses what a look back shows, says the rest
        roster-netauth-provider              pulumi:providers:netauth  the token: FLEET_NETAUTH_TOKEN at call time
        roster-group-<group>                 netauth.Group             with what its members may change in the directory
        roster-entity-<handle>               netauth.Entity            locked for who left
        roster-membership-<handle>-<group>   netauth.Membership
        roster-key-<handle>-<fingerprint>    netauth.Key               by the key: a new label is no new key
        roster-tokens                        netauth.Tokens            ends what who left holds open elsewhere

    Leaves out the server, which is ground of its hosts, and passwords. Waits for no host: people can be changed
    whatever else stands still.

    Attributes
        ledger: what refuses a change; whatever else is done for people comes after it.
        entities: handle to entity.
    """

    ledger: pulumi.Resource
    entities: Mapping[str, sdk.Entity]

    def __init__(self, name: str, args: DirectoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:roster:Directory", name, None, opts)
        held = rights(args.fleet, args.as_of)
        self.ledger = self._ledger(args, held)
        self.entities = self._people(args)
        self._tokens(args, held)
        self.register_outputs({"entities": len(self.entities)})

    def _ledger(self, args: DirectoryArgs, held: Rights) -> pulumi.Resource:
        assert args.fleet.roster is not None
        return sdk.Ledger(
            "roster-ledger",
            known=ledger(args.fleet.roster),
            rights=plain(held),
            roles=roles_of(args.fleet),
            as_of=args.as_of,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _tokens(self, args: DirectoryArgs, held: Rights) -> None:
        control, roles, roster = args.fleet.control, token_roles(args.fleet), args.fleet.roster
        if control is None or not roles or roster is None:
            return
        gone = sorted(handle for handle, person in roster.people.items() if person.left is not None)
        names = control.names
        sdk.Tokens(
            "roster-tokens",
            gone=gone,
            allowed=of_kind(held, "vault-policy"),
            addresses={system: f"https://{getattr(names, system)}" for system in ("vault", "nomad", "consul")},
            roles=roles,
            # Behind the lock: whoever is locked gets no new token for those that end here.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[self.ledger, *(self.entities[handle] for handle in gone if handle in self.entities)],
            ),
        )

    def _people(self, args: DirectoryArgs) -> dict[str, sdk.Entity]:
        wish, found = directory.settings(args.fleet), plan(args.fleet, args.as_of, keys_of(args.fleet))
        if wish is None or found is None:
            return {}
        # A child of nothing, as Nomad's.
        provider = sdk.Provider(
            "roster-netauth-provider",
            server=wish.server,
            port=wish.port,
            address=directory.address(args.fleet),
            authorities=directory.authorities(args.fleet) or None,
        )
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        groups = {
            group.name: sdk.Group(
                f"roster-group-{group.name}",
                group=group.name,
                number=group.number,
                display_name=group.display_name,
                capabilities=group.capabilities,
                opts=child,
            )
            for group in found.groups
        }
        return {entity.name: self._entity(entity, child, provider, groups) for entity in found.entities}

    def _entity(
        self,
        entity: Entity,
        child: pulumi.ResourceOptions,
        provider: sdk.Provider,
        groups: Mapping[str, sdk.Group],
    ) -> sdk.Entity:
        made = sdk.Entity(
            f"roster-entity-{entity.name}",
            entity=entity.name,
            number=entity.number,
            primary_group=entity.primary_group,
            home=entity.home,
            shell=entity.shell,
            locked=entity.locked,
            groups=entity.groups,
            keys=[fingerprint for fingerprint, _, _ in entity.keys],
            opts=child,
        )
        for group in entity.groups:
            sdk.Membership(
                f"roster-membership-{entity.name}-{group}",
                entity=entity.name,
                group=group,
                opts=pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[made, groups[group]]),
            )
        for fingerprint, label, key in entity.keys:
            sdk.Key(
                f"roster-key-{entity.name}-{_short(fingerprint)}",
                entity=entity.name,
                label=label,
                key=key,
                opts=pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[made]),
            )
        return made


def _short(fingerprint: str) -> str:
    """Enough of a fingerprint to tell one person's keys apart, in letters that a name may have."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:12]


def keys_of(fleet: Fleet) -> Keys:
    """Where people's keys are: in their own files, or in a folder that the environment names. Raises BadData."""
    variable = fleet.roster.settings.keys_env if fleet.roster is not None else None
    if variable is None:
        return in_data
    folder = from_environment(
        variable,
        "roster.keys_env",
        "keys that the data takes from the environment are there",
        leads_to="a folder with a <handle>.pub for each person",
        folder=True,
    )

    def found(handle: str, person: Person) -> Mapping[str, str]:
        file = folder / f"{handle}.pub"
        return {"rehearsal": file.read_text().strip()} if file.is_file() else person.keys

    return found
