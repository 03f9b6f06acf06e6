"""Jobs as flat facts, path by path: those of the facts file and those that our blocks build, in the same words."""

from __future__ import annotations

from typing import Any

Flat = dict[str, Any]
DRIVER = {"attempts": "Attempts", "delay": "Delay", "mode": "Mode"}


def seconds(duration: str | int | None) -> float | None:
    """A duration as text, or in nanoseconds, in seconds."""
    if duration is None:
        return None
    if isinstance(duration, int):
        return duration / 1e9
    unit = duration[-1]
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[unit]


def said(flat: Flat) -> Flat:
    """What says something."""
    return {path: value for path, value in flat.items() if value not in (None, [], {}, "")}


def of_facts(job: dict[str, Any]) -> Flat:
    """A job of the facts."""
    periodic = job.get("periodic") or {}
    flat: Flat = {
        "type": job["type"],
        "namespace": job["namespace"],
        "datacenters": job["datacenters"],
        "priority": job.get("priority"),
        "periodic/crons": periodic.get("crons"),
        "periodic/prohibit_overlap": bool(periodic.get("prohibit_overlap")) if periodic else None,
    }
    for group in job["groups"]:
        at = f"groups/{group['name']}"
        network = group.get("network") or {}
        flat |= {
            f"{at}/count": group.get("count") or 1,
            f"{at}/network": network.get("mode"),
            f"{at}/hostname": network.get("hostname"),
            f"{at}/constraints": [*job.get("constraints", []), *group.get("constraints", [])],
            f"{at}/affinities": job.get("affinities"),
            f"{at}/disk": group.get("ephemeral_disk"),
            f"{at}/restart": group.get("restart"),
        }
        for port in network.get("ports", []):
            flat[f"{at}/ports/{port['label']}"] = (port.get("static"), port.get("to"), port["host_network"])
        volumes = {v["name"]: v for v in group.get("host_volumes", [])}
        for volume in volumes.values():
            flat[f"{at}/volumes/{volume['source']}"] = "read-only" if volume["read_only"] else "written"
        for service in group.get("services", []):
            name = service["name"].removeprefix("(default: ").removesuffix(")")
            flat |= {
                f"{at}/services/{name}/provider": service["provider"],
                f"{at}/services/{name}/port": service["port"],
                f"{at}/services/{name}/names": service.get("meta", {}).get("nginx_names"),
            }
            for i, check in enumerate(service.get("checks", [])):
                flat[f"{at}/services/{name}/checks/{i}"] = (
                    check["type"], check.get("path"), check.get("port"), check.get("address_mode"),
                    seconds(check["interval"]), seconds(check["timeout"]),
                )  # fmt: skip
        for task in group["tasks"]:
            flat |= _task_of_facts(f"{at}/tasks/{task['name']}", task, volumes)
    return said(flat)


def _task_of_facts(at: str, task: dict[str, Any], volumes: dict[str, Any]) -> Flat:
    config = task.get("config", {})
    resources = task.get("resources") or {}
    flat: Flat = {
        f"{at}/driver": task["driver"],
        f"{at}/image": task["image"],
        f"{at}/user": task.get("user"),
        f"{at}/lifecycle": task.get("lifecycle"),
        f"{at}/restart": task.get("restart"),
        f"{at}/meta": task.get("meta"),
        f"{at}/identity": task.get("identity"),
        f"{at}/artifacts": task.get("artifacts"),
        f"{at}/cpu": resources.get("cpu_mhz"),
        f"{at}/memory": resources.get("memory_mb"),
        f"{at}/memory_max": resources.get("memory_max_mb"),
    }
    flat |= {f"{at}/config/{key}": [str(v) for v in it] if key == "args" else it for key, it in config.items()}
    flat |= {f"{at}/env/{key}": str(value) for key, value in task.get("env", {}).items()}
    for mount in task.get("mounts", []):
        volume = volumes[mount["volume"]]
        only = mount.get("read_only") or volume["read_only"]
        flat[f"{at}/mounts/{mount['to']}"] = (volume["source"], "read-only" if only else "written")
    for template in task.get("templates", []):
        place = template["to"].replace("${NOMAD_SECRETS_DIR}", "secrets")
        owner = template.get("owner")
        flat |= {
            f"{at}/templates/{place}/perms": template["perms"],
            f"{at}/templates/{place}/on_change": template["on_change"].removesuffix(" (default)"),
            f"{at}/templates/{place}/environment": template.get("as_environment"),
            f"{at}/templates/{place}/variables": template.get("nomad_variables"),
            f"{at}/templates/{place}/owner": owner,
            f"{at}/templates/{place}/delimiters": template.get("delimiters"),
            f"{at}/templates/{place}/finds": template.get("consul_services", template.get("nomad_services")),
        }
    return flat
