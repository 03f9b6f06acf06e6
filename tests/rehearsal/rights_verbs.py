"""Each verb of the table as one request to the real server, harmless where it is allowed.

A verb returns nothing where it was done, and raises ApiError where the server refused it; what comes of it is undone by
`Probes`, which holds the rights to everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

from servers import Api, ApiError
from tests.rehearsal.rights_probes import NAME, REFUSALS, VARIABLE, Probes

# Nobody but management holds it.
POLICY = "report-reads-web"


class RefusedError(Exception):
    """What the server showed is as if there was nothing: its way to refuse a list."""


Verb = Callable[[Api], object]


def _seen(found: bool) -> None:
    if not found:
        raise RefusedError


def _run_command(api: Api, allocation: str, namespace: str) -> None:
    """Over a web socket; a refusal is the reason of its closing. Once more where the connection ends without a word."""
    import websocket

    for _ in range(2):
        with suppress(OSError, websocket.WebSocketException):
            return _run_once(api, allocation, namespace)
    return _run_once(api, allocation, namespace)


def _run_once(api: Api, allocation: str, namespace: str) -> None:
    import websocket

    query = {"task": NAME, "tty": "false", "command": json.dumps(["/bin/true"]), "namespace": namespace}
    parts = urlsplit(api.address)
    scheme = "wss" if parts.scheme == "https" else "ws"
    to = api.connect_to or parts.netloc
    url = f"{scheme}://{to}/v1/client/allocation/{allocation}/exec?{urlencode(query)}"
    headers = {k: v for k, v in api.headers.items() if k != "Host"}
    options = {"context": api.trust, "server_hostname": parts.hostname} if scheme == "wss" else {}
    # Nomad refuses an origin that is not the name it is asked by; a program has none.
    socket = websocket.create_connection(
        url, header=headers, host=parts.netloc, suppress_origin=True, timeout=20, sslopt=options
    )
    socket.settimeout(2)
    told = False
    try:
        while True:
            try:
                # As a frame: a closing one must not be answered, for the server is gone by then.
                frame: Any = socket.recv_frame()  # type: ignore[no-untyped-call]
            except websocket.WebSocketTimeoutException:
                if told:
                    raise
                # Not before the server had time to refuse: it hangs up then, and a word of ours would cost its reason.
                socket.send(json.dumps({"stdin": {"close": True}}))
                socket.settimeout(20)
                told = True
                continue
            if frame.opcode == websocket.ABNF.OPCODE_CLOSE:
                reason = frame.data[2:].decode(errors="replace")
                if "ermission denied" in reason:
                    raise RefusedError
                raise AssertionError(f"the server closed before the command ended: {reason}")
            if frame.opcode == websocket.ABNF.OPCODE_TEXT and json.loads(frame.data).get("exited"):
                return
    finally:
        socket.close()


def nomad(probes: Probes, ns: str) -> dict[str, Verb]:
    """Within a namespace of Nomad."""
    at = probes.allocations[ns]
    job, volume_job = {"Job": probes.job(ns)}, {"Job": probes.job(ns, volume=True)}
    items = {"Namespace": ns, "Path": VARIABLE, "Items": {"a": "c"}}
    signal = {"Signal": "SIGCONT", "Task": NAME}
    log = {"task": NAME, "type": "stdout", "plain": True}

    def holds(variables: Any) -> bool:
        return any(one["Path"] == VARIABLE for one in variables or [])

    return {
        "list-jobs": lambda api: api.get("/v1/jobs", namespace=ns),
        "read-job": lambda api: api.get(f"/v1/job/{NAME}", namespace=ns),
        "plan-job": lambda api: api.put(f"/v1/job/{NAME}/plan", job, namespace=ns),
        "submit-job": lambda api: api.put("/v1/jobs", job, namespace=ns),
        "submit-volume-job": lambda api: api.put("/v1/jobs", volume_job, namespace=ns),
        "read-logs": lambda api: api.get(f"/v1/client/fs/logs/{at}", namespace=ns, **log),
        "read-files": lambda api: api.get(f"/v1/client/fs/ls/{at}", namespace=ns),
        "run-command": lambda api: _run_command(api, at, ns),
        "send-signal": lambda api: api.put(f"/v1/client/allocation/{at}/signal", signal, namespace=ns),
        "list-variables": lambda api: _seen(holds(api.get("/v1/vars", prefix=VARIABLE, namespace=ns))),
        "read-variable": lambda api: api.get(f"/v1/var/{VARIABLE}", namespace=ns),
        "write-variable": lambda api: api.put(f"/v1/var/{VARIABLE}", items, namespace=ns),
        "destroy-variable": lambda api: api.delete(f"/v1/var/{VARIABLE}", namespace=ns),
    }


def cluster(probes: Probes) -> dict[str, Verb]:
    """Nomad beside its namespaces. What is written is what is there already."""
    eligible = {"NodeID": probes.node, "Eligibility": "eligible"}
    scheduler = probes.nomad.get("/v1/operator/scheduler/configuration")["SchedulerConfig"]
    policy = {"Name": NAME, "Rules": 'node { policy = "read" }'}
    return {
        "list-nodes": lambda api: _seen(bool(api.get("/v1/nodes"))),
        "list-servers": lambda api: api.get("/v1/agent/members"),
        "close-node": lambda api: api.put(f"/v1/node/{probes.node}/eligibility", eligible),
        "read-agent": lambda api: api.get("/v1/agent/self"),
        "force-leave": lambda api: api.put("/v1/agent/force-leave", node="no-such-server.global"),
        "read-scheduler": lambda api: api.get("/v1/operator/scheduler/configuration"),
        "write-scheduler": lambda api: api.put("/v1/operator/scheduler/configuration", scheduler),
        "read-health": lambda api: api.get("/v1/operator/autopilot/health"),
        "read-raft": lambda api: api.get("/v1/operator/raft/configuration"),
        "write-namespace": lambda api: api.put("/v1/namespace", {"Name": NAME}),
        "read-policy": lambda api: api.get(f"/v1/acl/policy/{POLICY}"),
        "write-policy": lambda api: api.put(f"/v1/acl/policy/{NAME}", policy),
        "list-tokens": lambda api: api.get("/v1/acl/tokens"),
        "make-token": lambda api: api.put("/v1/acl/token", {"Name": NAME, "Type": "management"}),
    }


def consul(probes: Probes) -> dict[str, Verb]:
    """Consul."""
    autopilot = probes.consul.get("/v1/operator/autopilot/configuration")
    policy = {"Name": NAME, "Rules": 'key "x" { policy = "read" }'}
    return {
        "list-nodes": lambda api: _seen(bool(api.get("/v1/catalog/nodes"))),
        "list-services": lambda api: _seen("consul" in api.get("/v1/catalog/services")),
        "read-health": lambda api: _seen(bool(api.get("/v1/health/service/consul"))),
        "read-key": lambda api: api.get(f"/v1/kv/{NAME}"),
        "write-key": lambda api: api.put(f"/v1/kv/{NAME}", "y"),
        "delete-key": lambda api: api.delete(f"/v1/kv/{NAME}-none"),
        "read-agent": lambda api: api.get("/v1/agent/self"),
        "register-service": lambda api: api.put("/v1/agent/service/register", {"Name": NAME, "ID": NAME}),
        "make-session": lambda api: api.put("/v1/session/create", {"Name": NAME, "TTL": "10s"}),
        "read-raft": lambda api: api.get("/v1/operator/raft/configuration"),
        "write-autopilot": lambda api: api.put("/v1/operator/autopilot/configuration", autopilot),
        "list-gossip-keys": lambda api: api.get("/v1/operator/keyring"),
        "fire-event": lambda api: api.put(f"/v1/event/fire/{NAME}"),
        "list-policies": lambda api: api.get("/v1/acl/policies"),
        "write-policy": lambda api: api.put("/v1/acl/policy", policy),
        "list-tokens": lambda api: api.get("/v1/acl/tokens"),
    }


def vault(probes: Probes) -> dict[str, Verb]:
    """Vault. Closing it is asked about and not done: nobody would open it again in the middle of a test."""
    kept, apps = f"/v1/secret/data/{NAME}", f"/v1/secret/data/apps/{NAME}"
    value = {"data": {"a": "c"}}
    policy = {"policy": 'path "secret/none" { capabilities = ["read"] }'}

    def closes(said: Any) -> bool:
        return {"update", "sudo"} <= set(said["data"]["capabilities"])

    return {
        "read-health": lambda api: api.get("/v1/sys/health", standbyok=True),
        "read-own-login": lambda api: api.get("/v1/auth/token/lookup-self"),
        "read-secret": lambda api: api.get(kept),
        "write-secret": lambda api: api.put(kept, value),
        "list-secrets": lambda api: api.get("/v1/secret/metadata/", list=True),
        "read-app-secret": lambda api: api.get(apps),
        "write-app-secret": lambda api: api.put(apps, value),
        "list-app-secrets": lambda api: api.get("/v1/secret/metadata/apps/", list=True),
        "destroy-app-secret": lambda api: api.put(f"/v1/secret/destroy/apps/{NAME}", {"versions": [99]}),
        "read-policy": lambda api: api.get("/v1/sys/policies/acl/operator"),
        "write-policy": lambda api: api.put(f"/v1/sys/policies/acl/{NAME}", policy),
        "read-mounts": lambda api: api.get("/v1/sys/mounts"),
        "write-mount": lambda api: api.post(f"/v1/sys/mounts/{NAME}", {"type": "kv"}),
        "read-logins": lambda api: api.get("/v1/sys/auth"),
        "read-directory": lambda api: api.get("/v1/auth/ldap/config"),
        "write-group": lambda api: api.put(f"/v1/auth/ldap/groups/{NAME}", {"policies": "default"}),
        "list-leases": lambda api: api.get("/v1/sys/leases/lookup/nomad/creds/", list=True),
        "close-vault": lambda api: _seen(closes(api.put("/v1/sys/capabilities-self", {"paths": ["sys/seal"]}))),
        "be-nomad-manager": lambda api: api.get("/v1/nomad/creds/management"),
        "be-nomad-operator": lambda api: api.get("/v1/nomad/creds/operator"),
        "be-nomad-app-admin": lambda api: api.get("/v1/nomad/creds/apps-admin"),
        "be-nomad-observer": lambda api: api.get("/v1/nomad/creds/observer"),
        "be-consul-root": lambda api: api.get("/v1/consul/creds/root"),
        "be-consul-observer": lambda api: api.get("/v1/consul/creds/observer"),
        "be-a-host": lambda api: api.get(f"/v1/consul/creds/agent-{probes.host}"),
    }


def verbs(probes: Probes) -> dict[tuple[str, str], dict[str, Verb]]:
    """Every verb, by system and namespace."""
    found = {("nomad", namespace): nomad(probes, namespace) for namespace in probes.namespaces}
    return found | {("cluster", ""): cluster(probes), ("consul", ""): consul(probes), ("vault", ""): vault(probes)}


def may(verb: Verb, api: Api) -> bool:
    """Whether the server lets it be done. What goes wrong for another reason is raised."""
    try:
        verb(api)
    except RefusedError:
        return False
    except ApiError as error:
        # Nomad says so of a stream of logs with another status.
        if error.status in REFUSALS or error.text == "Permission denied":
            return False
        raise
    return True
