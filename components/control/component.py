"""What Nomad, Vault and Consul are to hold, as resources of their own providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.born import Born, certificate_file
from components.control.gate import Members, gate_of
from components.control.plan import (
    ANONYMOUS_TOKEN,
    BUILT_IN,
    ConsulPlan,
    NomadPlan,
    digest,
    plan,
)
from components.control.vault import Vault, VaultArgs
from model import Fleet
from model.access import Ldap


class Nomad(pulumi.ComponentResource):
    """Gives Nomad its namespaces, and people and jobs their rights in them.

    Creates
        control-gate-nomad               hosts.Gate               opens with a leader and a quorum
        control-nomad-provider           pulumi:providers:nomad   the token comes from NOMAD_TOKEN at call time
        control-nomad-namespace-<name>   nomad.Namespace
        control-nomad-scheduler          nomad.SchedulerConfig
        control-nomad-policy-<name>      nomad.AclPolicy          `anonymous` too; some are bound to a job
        control-nomad-role-<name>        nomad.AclRole

    Leaves out tokens: people's are from Vault, and jobs need none.

    Each waits only for what it names: an edge to all namespaces would tie every policy and job to the one that leaves,
    and an `up` of another layer alone may then write a state that the engine refuses (decision 0021).
    """

    def __init__(
        self, name: str, args: NomadPlan, members: Members, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleet:control:Nomad", name, None, opts)
        import pulumi_nomad as nomad

        gate = gate_of("nomad", args.address, digest(args), members, self)
        # A child of nothing: the engine makes every provider, also where an `up` is of another part alone.
        provider = nomad.Provider("control-nomad-provider", address=args.address)
        child = pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[gate])
        self._gate = gate
        self._namespaces: dict[str, pulumi.Resource] = {
            namespace: nomad.Namespace(
                f"control-nomad-namespace-{namespace}", name=namespace, description=purpose, opts=child
            )
            for namespace, purpose in args.namespaces.items()
        }
        nomad.SchedulerConfig(
            "control-nomad-scheduler",
            scheduler_algorithm=args.algorithm,
            memory_oversubscription_enabled=args.memory_oversubscription,
            preemption_config=args.preemption,
            opts=child,
        )
        self._bound: dict[tuple[str, str], list[pulumi.Resource]] = {}
        policies = {}
        for policy, its in args.policies.items():
            named = [self._namespaces[name] for name in its.namespaces if name in self._namespaces]
            policies[policy] = nomad.AclPolicy(
                f"control-nomad-policy-{policy}",
                name=policy,
                description=its.purpose,
                rules_hcl=its.rules,
                job_acl=nomad.AclPolicyJobAclArgs(namespace=its.job[0], job_id=its.job[1]) if its.job else None,
                opts=pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[gate, *named]),
            )
            if its.job:
                self._bound.setdefault(its.job, []).append(policies[policy])
        for role, held in args.roles.items():
            nomad.AclRole(
                f"control-nomad-role-{role}",
                name=role,
                description=held.purpose,
                policies=[nomad.AclRolePolicyArgs(name=policy) for policy in held.policies],
                opts=pulumi.ResourceOptions(
                    parent=self, provider=provider, depends_on=[gate, *(policies[policy] for policy in held.policies)]
                ),
            )
        self.register_outputs({"policies": len(args.policies)})

    def before(self, namespace: str, job: str) -> list[pulumi.Resource]:
        """What stands before a job: the gate, its namespace, and the policies that are bound to it."""
        there = self._namespaces.get(namespace)
        return [self._gate, *([there] if there else []), *self._bound.get((namespace, job), [])]


class Consul(pulumi.ComponentResource):
    """Gives people, hosts and services their rights in Consul.

    Creates
        control-gate-consul               hosts.Gate                       opens with a leader and a quorum
        control-consul-provider           pulumi:providers:consul          the token: CONSUL_HTTP_TOKEN at call time
        control-consul-policy-<name>      consul.AclPolicy
        control-consul-role-<name>        consul.AclRole
        control-consul-anonymous-<name>   consul.AclTokenPolicyAttachment  what holds without a token

    Leaves out tokens, which are from Vault.
    """

    def __init__(
        self, name: str, args: ConsulPlan, members: Members, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleet:control:Consul", name, None, opts)
        import pulumi_consul as consul

        gate = gate_of("consul", args.address, digest(args), members, self)
        # A child of nothing, as Nomad's.
        provider = consul.Provider("control-consul-provider", address=args.address, datacenter=args.datacenter)
        child = pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[gate])
        policies = {
            policy: consul.AclPolicy(
                f"control-consul-policy-{policy}", name=policy, description=its.purpose, rules=its.rules, opts=child
            )
            for policy, its in args.policies.items()
        }
        # Consul's roles know policies by their ids.
        ids: dict[str, pulumi.Input[str]] = {**BUILT_IN, **{policy: it.id for policy, it in policies.items()}}
        for role, held in args.roles.items():
            consul.AclRole(
                f"control-consul-role-{role}",
                name=role,
                description=held.purpose,
                policies=[ids[policy] for policy in held.policies],
                opts=child,
            )
        for policy in args.anonymous:
            consul.AclTokenPolicyAttachment(
                f"control-consul-anonymous-{policy}",
                token_id=ANONYMOUS_TOKEN,
                policy=policy,
                opts=pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[gate, policies[policy]]),
            )
        self.register_outputs({"policies": len(args.policies)})


@dataclass(frozen=True)
class Control:
    """The three systems' rights, and what others wait for."""

    nomad: Nomad
    vault: Vault
    consul: Consul


def control(fleet: Fleet, born: Mapping[str, Born]) -> Control | None:
    """Everything that the three are to hold; None where the stack has no control plane or says nothing of rights.

    `born` holds the control hosts' addresses and the certificates of their authorities. Vault's part asks nothing of
    the parts of Nomad and Consul, nor they of it, so that each can be brought up to date alone.
    """
    wanted = plan(fleet)
    if wanted is None:
        return None
    members = {host: born[host].ipv4 for host in wanted.voters}
    trusted = bundle({host: born[host].authority for host in wanted.voters})
    return Control(
        vault=Vault("control-vault", VaultArgs(wanted, members, trusted, _directory(wanted.vault.ldap))),
        nomad=Nomad("control-nomad", wanted.nomad, members),
        consul=Consul("control-consul", wanted.consul, members),
    )


def bundle(authorities: Mapping[str, pulumi.Input[str | None]]) -> pulumi.Input[str]:
    """The certificates of all authorities in one text, in the order of hosts; plain where all are recorded."""
    found = [authorities[host] for host in sorted(authorities)]
    plain = [one for one in found if isinstance(one, str)]
    if len(plain) == len(found):
        return _joined(plain)
    return pulumi.Output.all(*found).apply(lambda texts: _joined([text for text in texts if text]))


def _joined(texts: list[str]) -> str:
    return "".join(text.strip() + "\n" for text in texts)


def _directory(ldap: Ldap) -> str | None:
    """Whom to trust for the directory of people, where nobody else knows its authority."""
    if ldap.certificate_env is None:
        return None
    return certificate_file(ldap.certificate_env, "access.vault.ldap.certificate_env")
