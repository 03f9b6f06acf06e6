"""Both jobs as Nomad runs them: their templates, their own identities, and a variable that changes under a mirror."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest

from components.blocks import job
from rehearsal import certificates
from tests.certificates.around import TOKEN, Around
from tests.certificates.runs import LOCAL, NAMES, SERVED, fleet_at, forget, items, names_in, token_of, write
from tests.servers.real import Server, wait_for

pytestmark = pytest.mark.servers


def on_this_machine(body: dict[str, Any], command: str, script: str, env: dict[str, str]) -> dict[str, Any]:
    """The stack's job for the test's agent: its one task by raw_exec, as ourselves; all else is the job's own."""
    made = copy.deepcopy(body)
    made["Datacenters"] = ["dc1"]
    (group,) = made["TaskGroups"]
    for part in ("Volumes", "Networks", "Constraints", "Services"):
        group.pop(part, None)
    (task,) = group["Tasks"]
    task.pop("VolumeMounts", None)
    task["Driver"] = "raw_exec"
    task["Config"] = {"command": command, "args": [f"local/{script}"]}
    task["Env"] = {**task.get("Env", {}), **env, "PATH": os.environ["PATH"]}
    return made


def allocations(nomad: Server, name: str, namespace: str) -> list[dict[str, Any]]:
    """The job's allocations, and those of its runs."""
    found: list[dict[str, Any]] = nomad.api.get("/v1/allocations", namespace=namespace)
    return [one for one in found if str(one["JobID"]).startswith(name)]


def swept(nomad: Server) -> bool:
    """Whether nothing of the jobs is left; Nomad is told to look."""
    nomad.api.put("/v1/system/gc")
    nomad.api.get("/v1/client/gc")
    left = [one for n in ("infrastructure", "mirror") for one in nomad.api.get("/v1/allocations", namespace=n)]
    return not left and "certificate" not in "".join(
        line for line in Path("/proc/self/mounts").read_text().splitlines() if "/NomadClient" in line
    )


def test_a_certificate_gets_from_the_authority_to_a_mirrors_disk(tmp_path: Path, nomad: Server, around: Around) -> None:
    forget(nomad)
    fleet = fleet_at(around)
    own = ("infrastructure", "nomad/jobs/certificates")
    write(nomad, {"digitalocean_token": TOKEN, "trust": around.trust}, own)
    # As Pulumi writes it: the policy is bound to the job, whose runs hold no other token.
    token_of(nomad)
    assert LOCAL.access is not None
    policy = LOCAL.access.nomad.policies["certificates-hands-out"]
    assert policy.job is not None
    rules = nomad.api.get("/v1/acl/policy/certificates-hands-out")["Rules"]
    bound = {"Namespace": policy.job.namespace, "JobID": policy.job.job}
    nomad.api.put(
        "/v1/acl/policy/certificates-hands-out",
        {"Name": "certificates-hands-out", "Rules": rules, "JobACL": bound},
    )
    disk = tmp_path / "front"
    disk.mkdir()
    live = disk / "certificate.pem"
    owner = f"{os.getuid()}:{os.getgid()}"
    keeper = on_this_machine(
        job(fleet, "front-certificate").body, "/bin/sh", "keep", {"FOLDER": str(disk), "OWNER": owner}
    )
    nomad.api.put("/v1/jobs", {"Job": keeper})
    try:
        (mirror,) = wait_for(
            "a mirror without a certificate",
            lambda: [
                one for one in allocations(nomad, "front-certificate", "mirror") if one["ClientStatus"] == "running"
            ],
        )
        assert not live.exists()
        env = {"DNS_API": around.api_url, "NAME_SERVERS": around.name_servers}
        nomad.api.put(
            "/v1/jobs", {"Job": on_this_machine(job(fleet, "certificates").body, "/bin/bash", "certificates", env)}
        )
        assert certificates.obtain(nomad.api), "as the rehearsal does"
        assert not certificates.obtain(nomad.api), "it is there"
        wait_for("the run's end", lambda: not {"pending", "running"} & set(certificates.runs(nomad.api).values()))
        assert "complete" in certificates.runs(nomad.api).values()
        assert names_in(items(nomad)["certificate"]) == sorted(NAMES)
        wait_for("the certificate on the disk", live.exists)
        whole = items(nomad)
        assert whole["certificate"].strip() in live.read_text()
        assert whole["key"].strip() in live.read_text()
        assert live.stat().st_mode & 0o777 == 0o600
        before = live.read_text()

        def restarts() -> int:
            found = nomad.api.get(f"/v1/allocation/{mirror['ID']}", namespace="mirror")
            return int(found["TaskStates"]["front-certificate"]["Restarts"])

        heard = wait_for("the mirror heard of the whole one", restarts)
        write(nomad, {"certificate": whole["certificate"]}, SERVED)
        wait_for("the mirror hears of a half-written one", lambda: restarts() > heard)
        assert live.read_text() == before
    finally:
        for name, namespace in (("certificates", "infrastructure"), ("front-certificate", "mirror")):
            nomad.api.delete(f"/v1/job/{name}", namespace=namespace, purge="true")
        # A task's folder of secrets is a mount, which an agent that just ends would leave behind.
        wait_for("the tasks' folders are gone", lambda: swept(nomad))
