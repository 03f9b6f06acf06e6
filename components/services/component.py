"""The fleet's jobs as resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.blocks import Job, jobs
from model import Fleet

# A job's namespace and name to what it waits for.
Before = Callable[[str, str], Sequence[pulumi.Resource]]


def nothing(_namespace: str, _job: str) -> Sequence[pulumi.Resource]:
    """For a fleet that keeps no rights: no job waits."""
    return ()


@dataclass(frozen=True)
class ServicesArgs:
    """The jobs by name, where Nomad is, and what must stand before each: its gate, its namespace, its policies."""

    jobs: Mapping[str, Job]
    address: str
    waited: frozenset[str] = frozenset()
    before: Before = nothing


class Services(pulumi.ComponentResource):
    """Runs each service of the data on Nomad.

    Creates
        services-nomad     pulumi:providers:nomad   where Nomad is; the token comes from NOMAD_TOKEN at call time
        service-<name>     nomad.Job                one for each service that is not held

    Leaves out what a service reads: its secrets are variables that people write, and its volumes are the hosts'.

    Attributes
        jobs: the job's resource by the service's name.
    """

    jobs: Mapping[str, pulumi.Resource]

    def __init__(self, name: str, args: ServicesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fleet:services:Services", name, None, opts)
        self.jobs = self._registered(args) if args.jobs else {}
        self.register_outputs({"jobs": len(args.jobs)})

    def _registered(self, args: ServicesArgs) -> dict[str, pulumi.Resource]:
        import pulumi_nomad as nomad

        # No child of ours: the engine cannot leave a provider's parent out where it works on other layers alone.
        provider = nomad.Provider("services-nomad", address=args.address)
        made: dict[str, pulumi.Resource] = {}
        for name, job in sorted(args.jobs.items()):
            made[name] = nomad.Job(
                f"service-{name.replace('_', '-')}",
                jobspec=job.to_json(),
                json=True,
                # Who says how a change rolls out wants to know how it went; for all others Nomad goes on by itself.
                detach=name not in args.waited,
                opts=pulumi.ResourceOptions(
                    parent=self, provider=provider, depends_on=list(args.before(job.body["Namespace"], job.name))
                ),
            )
        return made


def services_args(fleet: Fleet, before: Before = nothing) -> ServicesArgs:
    """What `Services` needs of the fleet: every job that is not held."""
    wanted = {name: it for name, it in jobs(fleet).items() if fleet.services[name].held is None}
    return ServicesArgs(wanted, f"https://{fleet.control.names.nomad}" if fleet.control else "", waited(fleet), before)


def waited(fleet: Fleet) -> frozenset[str]:
    """The services whose data say how a change is rolled out: `up` waits until they are well."""

    def says(service: Any) -> bool:
        return service.update is not None or any(group.update is not None for group in service.groups.values())

    return frozenset(name for name, service in fleet.services.items() if says(service))
