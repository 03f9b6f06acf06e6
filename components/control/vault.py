"""What Vault is to hold, as resources of its provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.control.gate import Members, gate_of
from components.control.plan import CONSUL, HOST_SECONDS, HOSTS, LDAP, NOMAD, ControlPlan, VaultPlan, digest


@dataclass(frozen=True)
class VaultArgs:
    """What is to be held, where the control hosts are to be asked, and whom Vault trusts.

    `authorities`: certificates of the private authorities, which sign what hosts show and what the servers of Nomad and
    Consul show. `directory`: the same for the directory of people, where the public ones do not sign it.
    """

    plan: ControlPlan
    members: Members
    authorities: pulumi.Input[str]
    directory: str | None


class Vault(pulumi.ComponentResource):
    """Lets people and hosts into Vault, and lets Vault make tokens of Nomad and Consul.

    Creates
        control-gate-vault                  hosts.Gate                    opens when Vault is, and has a leader
        control-vault-gate-<system>         hosts.Gate                    before the engine that makes its first token
        control-vault-provider              pulumi:providers:vault        the token comes from VAULT_TOKEN at call time
        control-vault-mount-<path>          vault.Mount                   stores of secrets
        control-vault-policy-<name>         vault.Policy                  also `host-<host>` for each managed host
        control-vault-auth-ldap             vault.ldap.AuthBackend        people, by name and password
        control-vault-group-<group>         vault.ldap.AuthBackendGroup
        control-vault-auth-hosts            vault.AuthBackend             hosts, by their certificate
        control-vault-host-<host>           vault.CertAuthBackendRole
        control-vault-engine-nomad          vault.NomadSecretBackend      makes Nomad's management token; it stays here
        control-vault-nomad-role-<name>     vault.NomadSecretRole
        control-vault-engine-consul         vault.consul.SecretBackend    makes Consul's management token, likewise
        control-vault-consul-role-<name>    vault.consul.SecretBackendRole

    Stores and engines are protected: with an engine goes the only management token of its system.
    """

    def __init__(self, name: str, args: VaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:control:Vault", name, None, opts)
        import pulumi_vault as vault

        wanted = args.plan.vault
        # A child of nothing: the engine makes every provider, also where an `up` is of another part alone.
        self._provider = vault.Provider("control-vault-provider", address=wanted.address)
        self._gate = gate_of("vault", wanted.address, digest(wanted), args.members, self)
        self._mounts(wanted)
        policies = {
            policy: vault.Policy(f"control-vault-policy-{policy}", name=policy, policy=its.rules, opts=self._child())
            for policy, its in wanted.policies.items()
        }
        self._people(args, policies)
        self._hosts(args, policies)
        self._nomad(args)
        self._consul(args)
        self.register_outputs({"policies": len(policies)})

    def _child(self, *after: pulumi.Resource, **more: Any) -> pulumi.ResourceOptions:
        depends = [self._gate, *after]
        return pulumi.ResourceOptions(parent=self, provider=self._provider, depends_on=depends, **more)

    def _mounts(self, plan: VaultPlan) -> None:
        import pulumi_vault as vault

        for path, mount in plan.mounts.items():
            vault.Mount(
                f"control-vault-mount-{path.replace('/', '-')}",
                path=path,
                type=mount.type,
                description=mount.purpose,
                options=mount.options or None,
                default_lease_ttl_seconds=mount.default_seconds,
                max_lease_ttl_seconds=mount.longest_seconds,
                opts=self._child(protect=True),
            )

    def _people(self, args: VaultArgs, policies: Mapping[str, Any]) -> None:
        import pulumi_vault as vault

        ldap = args.plan.vault.ldap
        login = vault.ldap.AuthBackend(
            "control-vault-auth-ldap",
            path=LDAP,
            description="people, by name and password",
            url=ldap.url,
            starttls=ldap.starttls,
            certificate=args.directory,
            userdn=ldap.user_dn,
            userattr=ldap.user_attribute,
            discoverdn=ldap.discover_dn,
            groupdn=ldap.group_dn,
            groupfilter=ldap.group_filter,
            groupattr=ldap.group_attribute,
            token_ttl=ldap.token_seconds,
            token_explicit_max_ttl=ldap.longest_seconds,
            opts=self._child(),
        )
        for group, names in args.plan.vault.groups.items():
            vault.ldap.AuthBackendGroup(
                f"control-vault-group-{group}",
                backend=LDAP,
                groupname=group,
                policies=list(names),
                # A policy stands before the group that maps to it.
                opts=self._child(login, *(policies[name] for name in names if name in policies)),
            )

    def _hosts(self, args: VaultArgs, policies: Mapping[str, Any]) -> None:
        import pulumi_vault as vault

        login = vault.AuthBackend(
            "control-vault-auth-hosts",
            type="cert",
            path=HOSTS,
            description="hosts, by the certificate that a control host signs",
            opts=self._child(),
        )
        for host, name in args.plan.vault.hosts.items():
            vault.CertAuthBackendRole(
                f"control-vault-host-{host}",
                backend=HOSTS,
                name=host,
                certificate=args.authorities,
                allowed_common_names=[name],
                # What a host fetches ends with the token it was fetched with, so that lives as long.
                token_ttl=HOST_SECONDS,
                token_max_ttl=HOST_SECONDS,
                token_policies=[f"host-{host}"],
                opts=self._child(login, policies[f"host-{host}"]),
            )

    def _nomad(self, args: VaultArgs) -> None:
        import pulumi_vault as vault

        at = args.plan.vault.nomad
        first = gate_of("nomad", args.plan.nomad.address, digest(at), args.members, self, "control-vault-gate-nomad")
        engine = vault.NomadSecretBackend(
            "control-vault-engine-nomad",
            backend=NOMAD,
            description="tokens of Nomad",
            address=at.address,
            ca_cert=args.authorities,
            default_lease_ttl_seconds=at.default_seconds,
            max_lease_ttl_seconds=at.longest_seconds,
            ttl=at.default_seconds,
            max_ttl=at.longest_seconds,
            # Without a token Vault makes Nomad's first one, which it can while Nomad has a leader.
            opts=self._child(first, protect=True),
        )
        for role, tokens in args.plan.vault.nomad_roles.items():
            vault.NomadSecretRole(
                f"control-vault-nomad-role-{role}",
                backend=NOMAD,
                role=role,
                type="client" if tokens.policies else "management",
                policies=list(tokens.policies) or None,
                opts=self._child(engine),
            )

    def _consul(self, args: VaultArgs) -> None:
        import pulumi_vault as vault

        at = args.plan.vault.consul
        scheme, _, where = at.address.partition("://")
        first = gate_of("consul", args.plan.consul.address, digest(at), args.members, self, "control-vault-gate-consul")
        engine = vault.consul.SecretBackend(
            "control-vault-engine-consul",
            path=CONSUL,
            description="tokens of Consul",
            address=where,
            scheme=scheme,
            ca_cert=args.authorities,
            bootstrap=True,
            default_lease_ttl_seconds=at.default_seconds,
            max_lease_ttl_seconds=at.longest_seconds,
            # Vault would forget Consul's token with any later change of this and could not make another. Its process
            # has CONSUL_CACERT, which is asked first and is always of today.
            opts=self._child(first, protect=True, ignore_changes=["ca_cert"]),
        )
        for role, tokens in args.plan.vault.consul_roles.items():
            vault.consul.SecretBackendRole(
                f"control-vault-consul-role-{role}",
                backend=CONSUL,
                name=role,
                consul_policies=list(tokens.policies) or None,
                consul_roles=list(tokens.roles) or None,
                node_identities=list(tokens.nodes) or None,
                ttl=tokens.seconds,
                max_ttl=tokens.longest_seconds,
                opts=self._child(engine),
            )
