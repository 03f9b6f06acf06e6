"""Run a program against a pretend engine, to its end, and return everything it asked for.

The trap that this avoids: in a bare test function the engine's work is still pending after construction, so a test that
"finds nothing" passes for nothing. Here `run_program` returns only when nothing is pending any more.
"""

from __future__ import annotations

import contextlib
import copy
import os
import runpy
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import yaml
from google.protobuf import json_format
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

ROOT = Path(__file__).resolve().parents[1]
# How the engine's protocol marks a value that is not known yet, and a secret one.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
MARK = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
# A made-up key pair's public half: the rehearsal's data take the operator's key from a file.
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nnobody's\n-----END CERTIFICATE-----\n"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB3q0f8pUoJ0n0Tq0Zk2mJb5mJ9g1n9z0k3cV7yqk1xA nobody"


@dataclass(frozen=True)
class Asked:
    """One resource that the program asked for, with the options that decide its fate."""

    type: str
    name: str
    inputs: dict[str, Any]
    custom: bool
    parent: str
    protect: bool
    delete_before_replace: bool
    deleted_with: str
    before_create: tuple[str, ...]
    wire: dict[str, Any]
    """The inputs as the engine gets them: secrets and unknown values are still marked as such."""
    depends_on: tuple[str, ...] = ()
    provider: str = ""
    ignores: tuple[str, ...] = ()


@dataclass
class Ledger(Mocks):
    """Everything a program asked for. With `unknown`, what only a cloud computes is left out, as in a first preview."""

    unknown: bool = False
    asked: list[Asked] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hooks: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, Asked]:
        """The resources of one type, or of all types that begin with a word that ends in a colon, by name."""
        return {a.name: a for a in self.asked if a.type == kind or (kind.endswith(":") and a.type.startswith(kind))}

    def __getitem__(self, name: str) -> Asked:
        """The one resource of a name."""
        (found,) = [a for a in self.asked if a.name == name]
        return found

    def call(self, args: MockCallArgs) -> Any:
        self.calls.append((args.token, dict(args.args)))
        if args.token == "digitalocean:index/getImage:getImage":
            return {"id": 4711, "name": args.args["name"], "image": "4711"}
        raise AssertionError(f"the program looked something up that a plan could have decided: {args.token}")

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        number = number_of(args.name)
        state = copy.deepcopy(dict(args.inputs))
        if not self.unknown:
            state |= _computed(args.typ, number, args.inputs)
        return ("" if self.unknown else str(number)), state


def number_of(name: str) -> int:
    """A resource's number at its provider. From its name, for the order of requests is nobody's to say."""
    return 1 + zlib.crc32(name.encode()) % 9999


def address(cloud: str, number: int) -> str:
    """The made-up IPv4 address of a machine's number."""
    return f"10.{cloud}.{number // 250}.{number % 250}"


def _computed(kind: str, number: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a cloud or a host adds to what it was asked for."""
    match kind:
        case "digitalocean:index/droplet:Droplet":
            v6 = f"fd77::1:{number}" if inputs.get("ipv6") else ""
            return {"ipv4Address": address("1", number), "ipv6Address": v6, "dropletUrn": f"do:droplet:{number}"}
        case "digitalocean:index/domain:Domain":
            return {"domainUrn": f"do:domain:{inputs['name']}"}
        case "digitalocean:index/spacesBucket:SpacesBucket":
            return {"bucketUrn": f"do:space:{inputs['name']}"}
        case "digitalocean:index/sshKey:SshKey":
            return {"fingerprint": f"00:11:{number:02}"}
        case "github:index/repository:Repository":
            return {"nodeId": f"R_{number}"}
        case "aws:ec2/vpc:Vpc":
            return {"ipv6CidrBlock": f"2a05:d014:{number}::/56"}
        case "aws:ec2/instance:Instance":
            return {"ipv6Addresses": [f"fd77::2:{number}"]}
        case "aws:ec2/eip:Eip":
            return {"publicIp": address("2", number)}
        case "gcp:compute/address:Address":
            return {"address": address("3", number)}
        case "gcp:compute/instance:Instance":
            outside = [{"externalIpv6": f"fd77::3:{number}", "networkTier": "PREMIUM"}]
            return {"networkInterfaces": [{"ipv6AccessConfigs": outside}]}
        case "hosts:index:Identity":
            return {
                "reachable": True,
                "wireguard_public_key": f"key-of-{inputs['host']}",
                "ssh_host_key": f"ssh-ed25519 {inputs['host']}",
                "facts": {},
            }
    return {}


def _unwrapped(value: Any) -> Any:
    """Plain data: a secret's own value in its place."""
    if isinstance(value, dict):
        return (
            _unwrapped(value["value"])
            if value.get(MARK) == SECRET
            else {key: _unwrapped(v) for key, v in value.items()}
        )
    return [_unwrapped(inner) for inner in value] if isinstance(value, list) else value


class _Monitor(MockMonitor):
    """Also remembers the options, which the SDK's own mocks throw away."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.ledger = ledger

    def RegisterResource(self, request: Any) -> Any:
        if request.type != "pulumi:pulumi:Stack":
            self.ledger.asked.append(
                Asked(
                    type=request.type,
                    name=request.name,
                    inputs=_unwrapped(pulumi.runtime.rpc.deserialize_properties(request.object)),
                    custom=request.custom,
                    parent=request.parent.rpartition("::")[2],
                    protect=request.protect,
                    delete_before_replace=request.deleteBeforeReplace,
                    deleted_with=request.deletedWith.rpartition("::")[2],
                    before_create=tuple(request.hooks.before_create),
                    wire=json_format.MessageToDict(request.object),
                    depends_on=tuple(sorted(urn.rpartition("::")[2] for urn in request.dependencies)),
                    provider=request.provider.rpartition("::")[0].rpartition("::")[2],
                    ignores=tuple(request.ignoreChanges),
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


class _Callbacks:
    """Takes the program's hooks, so that a test can call them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def register_resource_hook(self, hook: Any) -> None:
        self.ledger.hooks[hook.name] = hook.callback


def run_program(
    build: Callable[[], object],
    *,
    stack: str = "local",
    config: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    preview: bool = False,
) -> Ledger:
    """Run a program to its end against a pretend engine and return everything it asked for.

    With `preview`, what a cloud computes is unknown, as in the first preview of a new stack.
    """
    ledger = Ledger(unknown=preview)
    pulumi.runtime.set_mocks(ledger, project="fleet", stack=stack, preview=preview, monitor=_Monitor(ledger))
    settings.SETTINGS.callbacks = _Callbacks(ledger)
    everything = {**(config or {}), **(secrets or {})}
    pulumi.runtime.set_all_config(
        {f"fleet:{k}": v for k, v in everything.items()}, [f"fleet:{k}" for k in secrets or {}]
    )

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[None]:
        build()
        root: Any = settings.get_root_resource()
        return pulumi.Output.from_input(dict(root.outputs)).apply(ledger.exports.update)

    program()
    return ledger


def placeholders() -> dict[str, str]:
    """The secret values of `prod` in previews without credentials."""
    said = yaml.safe_load((ROOT / "Pulumi.prod.placeholders.yaml").read_text())["config"]
    return {key.removeprefix("fleet:"): value for key, value in said.items() if key != "fleet:data"}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every leaf of nested data with its path; a secret or a file counts as one leaf."""
    if isinstance(value, dict) and MARK not in value and value:
        for key in sorted(value):
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, str(place)))
    else:
        yield path, value


@contextlib.contextmanager
def own_place(folder: Path) -> Iterator[None]:
    """Work in a folder where the program may write, with the files that `local` takes from the environment."""
    folder.mkdir(parents=True, exist_ok=True)
    key, trust = folder / "operator.pub", folder / "trust.pem"
    key.write_text(PUBLIC_KEY + "\n")
    trust.write_text(CERTIFICATE)
    given = {"FLEET_SSH_PUBLIC_KEY": key, "FLEET_ACME_CA": trust, "FLEET_LDAP_CA": trust, "FLEET_PEOPLE_KEYS": folder}
    was = {name: os.environ.get(name) for name in given}
    os.environ.update({name: str(file) for name, file in given.items()})
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        for name, value in was.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def run_stack(stack: str, folder: Path, *, data: Path | None = None, preview: bool = False) -> Ledger:
    """Run the whole program, its own entry file, on a stack's data (or on other data), in a folder of its own."""
    with own_place(folder):
        return run_program(
            lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
            stack=stack,
            config={"data": str(data or ROOT / "stacks" / stack)},
            secrets=placeholders() if stack == "prod" else {},
            preview=preview,
        )
