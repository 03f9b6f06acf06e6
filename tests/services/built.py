"""A job that our blocks build, as flat facts in the words of the facts file."""

from __future__ import annotations

import re
from typing import Any

from model.templates import variables_in
from tests.services.flat import Flat, said, seconds

_FINDS = re.compile(r'(?:nomadService|service)\s+"([^"]+)"')


def of_job(body: dict[str, Any]) -> Flat:
    """A job as Nomad's API takes it."""
    periodic = body.get("Periodic") or {}
    flat: Flat = {
        "type": body["Type"],
        "namespace": body["Namespace"],
        "datacenters": body["Datacenters"],
        "priority": body.get("Priority"),
        "periodic/crons": periodic.get("Specs"),
        "periodic/prohibit_overlap": periodic.get("ProhibitOverlap"),
    }
    for group in body["TaskGroups"]:
        at = f"groups/{group['Name']}"
        network = (group.get("Networks") or [{}])[0]
        disk = group.get("EphemeralDisk")
        flat |= {
            f"{at}/count": group.get("Count", 1),
            f"{at}/network": network.get("Mode"),
            f"{at}/hostname": network.get("Hostname"),
            f"{at}/dns": (network.get("DNS") or {}).get("Servers"),
            f"{at}/constraints": [_wanted(c) for c in group.get("Constraints", [])],
            f"{at}/affinities": [_wanted(a) | {"weight": a["Weight"]} for a in group.get("Affinities", [])],
            f"{at}/disk": {"size_mb": disk["SizeMB"], "sticky": disk["Sticky"], "migrate": disk["Migrate"]}
            if disk
            else None,
            f"{at}/restart": _restart(group.get("RestartPolicy")),
        }
        for port in [*network.get("ReservedPorts", []), *network.get("DynamicPorts", [])]:
            flat[f"{at}/ports/{port['Label']}"] = (port.get("Value"), port.get("To"), port["HostNetwork"])
        volumes = group.get("Volumes", {})
        for name, volume in volumes.items():
            flat[f"{at}/volumes/{name}"] = "read-only" if volume["ReadOnly"] else "written"
        for service in group.get("Services", []):
            place = f"{at}/services/{service['Name']}"
            meta = dict(service.get("Meta", {}))
            flat |= {
                f"{place}/provider": service["Provider"],
                f"{place}/port": service["PortLabel"],
                f"{place}/names": meta.pop("vhost_names", None),
            }
            flat |= {f"{place}/meta/{key}": value for key, value in meta.items()}
            for i, check in enumerate(service.get("Checks", [])):
                flat[f"{place}/checks/{i}"] = (
                    check["Type"], check.get("Path"), check.get("PortLabel"), check.get("AddressMode"),
                    seconds(check["Interval"]), seconds(check["Timeout"]),
                )  # fmt: skip
        for task in group["Tasks"]:
            flat |= _task(f"{at}/tasks/{task['Name']}", task, volumes)
    return said(flat)


def _wanted(it: dict[str, Any]) -> dict[str, Any]:
    found = {"attribute": it["LTarget"], "operator": it["Operand"], "value": it.get("RTarget")}
    return {key: value for key, value in found.items() if value is not None}


def _restart(policy: dict[str, Any] | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    delay = seconds(policy.get("Delay"))
    found = {"attempts": policy.get("Attempts"), "mode": policy.get("Mode"), "delay": f"{delay:g}s" if delay else None}
    return {key: value for key, value in found.items() if value is not None}


def _task(at: str, task: dict[str, Any], volumes: dict[str, Any]) -> Flat:
    config = dict(task["Config"])
    resources = task.get("Resources", {})
    lifecycle, identity = task.get("Lifecycle"), task.get("Identity")
    flat: Flat = {
        f"{at}/driver": task["Driver"],
        f"{at}/image": config.pop("image", None),
        f"{at}/user": task.get("User"),
        f"{at}/lifecycle": {"hook": lifecycle["Hook"], "sidecar": lifecycle["Sidecar"]} if lifecycle else None,
        f"{at}/restart": _restart(task.get("RestartPolicy")),
        f"{at}/meta": task.get("Meta"),
        f"{at}/identity": {"env": identity["Env"], "file": identity["File"]} if identity else None,
        f"{at}/cpu": resources.get("CPU"),
        f"{at}/memory": resources.get("MemoryMB"),
        f"{at}/memory_max": resources.get("MemoryMaxMB"),
    }
    flat |= {f"{at}/config/{key}": value for key, value in config.items()}
    flat |= {f"{at}/env/{key}": value for key, value in task.get("Env", {}).items()}
    for mount in task.get("VolumeMounts", []):
        only = mount["ReadOnly"] or volumes[mount["Volume"]]["ReadOnly"]
        flat[f"{at}/mounts/{mount['Destination']}"] = (mount["Volume"], "read-only" if only else "written")
    for template in task.get("Templates", []):
        place = f"{at}/templates/{template['DestPath']}"
        owner = f"{template['Uid']}:{template['Gid']}" if "Uid" in template else None
        mode = template["ChangeMode"]
        left, right = template.get("LeftDelim"), template.get("RightDelim")
        flat |= {
            f"{place}/perms": template["Perms"],
            f"{place}/on_change": f"signal {template['ChangeSignal']}" if mode == "signal" else mode,
            f"{place}/environment": template.get("Envvars"),
            f"{place}/variables": list(variables_in(template["EmbeddedTmpl"])),
            f"{place}/owner": owner,
            f"{place}/delimiters": f"{left} {right}" if left else None,
            f"{place}/finds": sorted(set(_FINDS.findall(template["EmbeddedTmpl"]))),
        }
    return flat
