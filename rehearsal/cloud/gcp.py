"""GCP's stand-in: instances boot test hosts; networks, firewalls, addresses and disks keep state.

Names are identities in GCP: a second thing of one name in one place is refused, as by the real interface. Firewalls are
kept and checked, and enforce nothing: the test hosts' own nftables do.
"""

import functools
from typing import Any, Final

from providers.base.resource import Failure
from providers.base.values import UNKNOWN, Bag, reveal
from rehearsal.cloud.facts import hexed
from rehearsal.cloud.gcp_network import Address, Firewall, Network, Subnetwork
from rehearsal.cloud.gcp_placed import Placed, image_exists, refused
from rehearsal.cloud.kind import Refused
from rehearsal.cloud.rules import catalog
from rehearsal.cloud.standin import StandIn
from rehearsal.cloud.store import Record

_NAME: Final = "gcp"


class Instance(Placed):
    token = "gcp:compute/instance:Instance"
    collection = "instances"
    place = "zone"

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = super().refine(inputs)
        kind = reveal(inputs["machineType"])
        if isinstance(kind, str) and kind.rpartition("/")[2] not in (offer := catalog(_NAME)["machine_types"]):
            failures.append(
                Failure("machineType", f"gcp has no machine type {kind!r}; it has: {', '.join(sorted(offer))}")
            )
        disk = reveal(inputs["bootDisk"])
        fresh = disk.get("initializeParams") if isinstance(disk, dict) else None
        image = fresh.get("image") if isinstance(fresh, dict) else None
        if isinstance(image, str) and not image_exists(image):
            has = [f"{project}/{name}" for project, names in catalog(_NAME)["images"].items() for name in names]
            text = f"gcp has no image {image!r}; it has: {', '.join(sorted(has))}"
            failures.append(Failure("bootDisk.initializeParams.image", text))
        return failures

    def refuse(self, inputs: Bag, region: str) -> None:
        zone = self.place_of(inputs)
        for interface in inputs["networkInterfaces"]:
            if not interface.get("network") and not interface.get("subnetwork"):
                raise refused(400, "networkInterfaces: at least one of network and subnetwork must be specified")
            if network := interface.get("network"):
                self.need(Network, network, inputs)
            if subnetwork := interface.get("subnetwork"):
                found = self.need(Subnetwork, subnetwork, inputs)
                if found is not None and found.region != zone.rpartition("-")[0]:
                    raise refused(
                        400, f"the subnetwork {found.inputs['name']} is in {found.region}, the instance in {zone}"
                    )
            for access in interface.get("accessConfigs") or ():
                if address := access.get("natIp"):
                    known = [one.outputs.get("address") for one in self.world.store.all(_NAME, "Address")]
                    if address not in known:
                        text = f"Specified IP address is not found: {address}"
                        raise refused(
                            400, f"Invalid value for field 'networkInterfaces[0].accessConfigs[0].natIP': {text}"
                        )

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        outputs = {
            **self.common(inputs, serial),
            "instanceId": str(5_000_000_000_000_000_000 + serial),
            "currentStatus": inputs.get("desiredStatus", "RUNNING"),
            "cpuPlatform": "Intel Broadwell",
            "metadataFingerprint": hexed(12, "metadata", serial),
            "tagsFingerprint": hexed(12, "tags", serial),
            "networkInterfaces": [self._interface(one, None, serial) for one in inputs["networkInterfaces"]],
        }
        return self.id_of(inputs), outputs, {"host": self.world.host_name(inputs["name"], str(serial))}

    def _interface(self, wanted: Bag, old: Bag | None, serial: int) -> Bag:
        """An interface with what the cloud fills in; what an old one had stays."""
        before = old or {}
        # Both addresses are one place in the block; one is taken only where there is none yet.
        fresh = functools.cache(lambda: self.world.store.address(_NAME))
        filled = {
            **wanted,
            "name": "nic0",
            "networkIp": wanted.get("networkIp")
            or before.get("networkIp")
            or f"10.128.{serial // 250}.{serial % 250 + 2}",
        }
        if "accessConfigs" in wanted:
            kept = _addresses(before, "accessConfigs", "natIp")
            filled["accessConfigs"] = [
                {"networkTier": "PREMIUM", **access, "natIp": access.get("natIp") or (kept[0] if kept else fresh()[0])}
                for access in wanted["accessConfigs"]
            ]
        if "ipv6AccessConfigs" in wanted:
            kept = _addresses(before, "ipv6AccessConfigs", "externalIpv6")
            filled["ipv6AccessConfigs"] = [
                {
                    **access,
                    "externalIpv6": access.get("externalIpv6") or (kept[0] if kept else fresh()[1]),
                    "externalIpv6PrefixLength": "96",
                }
                for access in wanted["ipv6AccessConfigs"]
            ]
        return filled

    def nested(self, inputs: Bag, outputs: Bag) -> Bag:
        wanted = reveal(inputs.get("networkInterfaces"))
        if not isinstance(wanted, list) or any(not isinstance(one, dict) for one in wanted):
            return {}
        olds = reveal(outputs.get("networkInterfaces")) or []
        return {
            "networkInterfaces": [_foreseen(one, olds[at] if at < len(olds) else {}) for at, one in enumerate(wanted)]
        }

    def changed(self, record: Record, before: Record) -> None:
        if record.inputs["machineType"] != before.inputs["machineType"] and not record.inputs.get(
            "allowStoppingForUpdate"
        ):
            raise Refused(
                "Changing the machine_type on a started instance requires stopping it. To acknowledge this, please set "
                "allow_stopping_for_update = true in your config"
            )
        olds = before.outputs["networkInterfaces"]
        record.outputs["networkInterfaces"] = [
            self._interface(one, olds[at] if at < len(olds) else None, record.serial)
            for at, one in enumerate(record.inputs["networkInterfaces"])
        ]

    def altered(self, record: Record, before: Record) -> None:
        if _public(record) != _public(before):
            self.world.halt(record, wipe=False)
        self.arrived(record)

    def arrived(self, record: Record) -> None:
        ipv4, ipv6 = _public(record)
        if ipv4 and record.outputs["currentStatus"] == "RUNNING":
            users = _users((record.inputs.get("metadata") or {}).get("ssh-keys", ""))
            self.world.boot(record, record.inputs["name"], (ipv4, ipv6), users)
        self.world.publish()

    def may_go(self, record: Record) -> None:
        if record.inputs.get("deletionProtection"):
            raise refused(400, f"the instance {record.inputs['name']} has deletionProtection: set it to false first")

    def gone(self, record: Record) -> None:
        self.world.halt(record, wipe=True)
        self.world.publish()


def _addresses(interface: Bag, key: str, at: str) -> list[str]:
    return [one[at] for one in interface.get(key) or () if one.get(at)]


def _public(record: Record) -> tuple[str | None, str | None]:
    """The public addresses of an instance, if it has any."""
    interfaces = record.outputs["networkInterfaces"]
    v4 = [one for interface in interfaces for one in _addresses(interface, "accessConfigs", "natIp")]
    v6 = [one for interface in interfaces for one in _addresses(interface, "ipv6AccessConfigs", "externalIpv6")]
    return next(iter(v4), None), next(iter(v6), None)


def _foreseen(wanted: Bag, old: Bag) -> Bag:
    """An interface as a preview tells it: what the cloud gave before, else UNKNOWN."""
    seen = {
        **wanted,
        "name": old.get("name", UNKNOWN),
        "networkIp": wanted.get("networkIp") or old.get("networkIp", UNKNOWN),
    }
    for key, at in (("accessConfigs", "natIp"), ("ipv6AccessConfigs", "externalIpv6")):
        if isinstance(wanted.get(key), list):
            kept = next(iter(_addresses(old, key, at)), UNKNOWN)
            seen[key] = [{**one, at: one.get(at) or kept} for one in wanted[key]]
    return seen


def _users(text: str) -> dict[str, list[str]]:
    """`ssh-keys` metadata: one `user:key` to a line."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        user, colon, key = line.strip().partition(":")
        if colon:
            found.setdefault(user, []).append(key)
    return found


class Disk(Placed):
    token = "gcp:compute/disk:Disk"
    collection = "disks"
    place = "zone"

    def refine(self, inputs: Bag) -> list[Failure]:
        failures = super().refine(inputs)
        image = reveal(inputs.get("image"))
        if isinstance(image, str) and not image_exists(image):
            failures.append(Failure("image", f"gcp has no image {image!r}"))
        return failures

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        size = {"size": inputs.get("size", 10 if inputs.get("image") else 500), "physicalBlockSizeBytes": 4096}
        return self.id_of(inputs), {**self.common(inputs, serial), **size, "diskId": str(serial), "users": []}, {}

    def changed(self, record: Record, before: Record) -> None:
        if (record.inputs.get("size") or 0) < (before.inputs.get("size") or 0):
            raise refused(400, "Disk size cannot be decreased")

    def may_go(self, record: Record) -> None:
        for one in self.world.store.all(_NAME, "AttachedDisk"):
            if one.private.get("disk") == record.id:
                raise refused(
                    400, f"The disk resource '{record.id}' is already being used by '{one.private['instance']}'"
                )


class AttachedDisk(Placed):
    token = "gcp:compute/attachedDisk:AttachedDisk"
    collection = "attachedDisks"
    place = ""

    def refuse(self, inputs: Bag, region: str) -> None:
        self._pair(inputs)

    def _pair(self, inputs: Bag) -> tuple[Record, Record]:
        disk, instance = self.need(Disk, inputs["disk"], inputs), self.need(Instance, inputs["instance"], inputs)
        assert disk is not None
        assert instance is not None
        if disk.outputs["zone"] != instance.outputs["zone"]:
            where = f"{disk.outputs['zone']} and {instance.outputs['zone']}"
            raise refused(400, f"disk and instance must be in one zone, and are in {where}")
        return disk, instance

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        disk, instance = self._pair(inputs)
        if any(one.private["disk"] == disk.id for one in self.world.store.all(_NAME, "AttachedDisk")):
            raise refused(400, f"The disk resource '{disk.id}' is already being used")
        name = disk.inputs["name"]
        zone = {"zone": instance.outputs["zone"], "project": instance.outputs["project"]}
        outputs = {"deviceName": inputs.get("deviceName") or name, **zone}
        return f"{instance.id}/{name}", outputs, {"disk": disk.id, "instance": instance.id}


class Gcp(StandIn):
    """pulumi_gcp's place."""

    name = _NAME
    kinds_of = (Instance, Address, Network, Subnetwork, Firewall, Disk, AttachedDisk)

    def check_config(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        taken, failures = super().check_config(inputs, olds)
        zone = reveal(inputs.get("zone"))
        if isinstance(zone, str) and not any(zone in zones for zones in catalog(_NAME)["regions"].values()):
            failures.append(Failure("zone", f"gcp has no zone {zone!r}"))
        return taken, failures
