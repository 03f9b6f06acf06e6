"""DigitalOcean's stand-in: droplets boot test hosts, records are served, the rest keeps state.

Cloud firewalls are kept and checked, and enforce nothing: the test hosts' own nftables do. What the real interface
refuses (references to nothing, a CNAME beside other records, a key it has already) is refused with its words; what it
accepts twice (records, droplets, volumes of one name) is accepted twice.
"""

import base64
import binascii
import hashlib
from typing import Any

from providers.base.resource import Failure
from providers.base.values import UNKNOWN, Bag, reveal
from rehearsal.cloud.digitalocean_network import DnsRecord, Domain, Firewall, Vpc
from rehearsal.cloud.digitalocean_storage import Project, ProjectResources, SpacesBucket, Tag, Volume, VolumeAttachment
from rehearsal.cloud.facts import born, fake_uuid
from rehearsal.cloud.kind import Kind, Refused
from rehearsal.cloud.rules import catalog
from rehearsal.cloud.standin import StandIn
from rehearsal.cloud.store import Record, subnet6

_NAME = "digitalocean"


def _images() -> dict[str, dict[str, Any]]:
    """All images by numeric id."""
    offer = catalog(_NAME)
    listed = {
        str(one["id"]): {"slug": slug, "regions": [*offer["regions"]], **one} for slug, one in offer["images"].items()
    }
    own = {str(one["id"]): {"slug": "", "name": name, **one} for name, one in offer["custom_images"].items()}
    return {**listed, **own}


class Droplet(Kind):
    token = "digitalocean:index/droplet:Droplet"

    def refine(self, inputs: Bag) -> list[Failure]:
        image, region = reveal(inputs["image"]), reveal(inputs.get("region"))
        if image is UNKNOWN or image in catalog(_NAME)["images"]:
            return []
        if (own := _images().get(str(image))) is None:
            offer = ", ".join(sorted(catalog(_NAME)["images"]))
            return [Failure("image", f"digitalocean has no image {image!r}; it has: {offer}; own ones go by number")]
        if isinstance(region, str) and region not in own["regions"]:
            return [
                Failure("image", f"the image {own['name']} is not available in {region}; it is in {own['regions']}")
            ]
        return []

    def refuse(self, inputs: Bag, region: str) -> None:
        store = self.world.store
        for key in inputs.get("sshKeys", ()):
            if not any(key in (one.id, one.outputs["fingerprint"]) for one in store.all(_NAME, "SshKey")):
                raise Refused(f"POST /v2/droplets: 422 {key} are invalid key identifiers for Droplet creation.")
        if vpc := inputs.get("vpcUuid"):
            found = store.get(_NAME, "Vpc", vpc)
            if found is None or found.region != self._region(inputs):
                raise Refused(f"POST /v2/droplets: 422 the VPC {vpc} does not exist in {self._region(inputs)}")
        for volume in inputs.get("volumeIds", ()):
            one = store.get(_NAME, "Volume", volume)
            if one is None or one.region != self._region(inputs):
                raise Refused(f"POST /v2/droplets: 422 the volume {volume} does not exist in {self._region(inputs)}")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        number = str(410_000_000 + serial)
        size = catalog(_NAME)["sizes"][inputs["size"]]
        ipv4, ipv6 = self.world.store.address(_NAME)
        outputs = {
            "region": self._region(inputs),
            "createdAt": born(),
            "dropletUrn": f"do:droplet:{number}",
            "ipv4Address": ipv4,
            "ipv4AddressPrivate": f"10.135.{serial // 250}.{serial % 250 + 2}",
            **({"ipv6Address": ipv6} if inputs.get("ipv6") else {}),
            "locked": False,
            "status": "active",
            "vpcUuid": inputs.get("vpcUuid") or fake_uuid("default-vpc", self._region(inputs)),
            "privateNetworking": True,
            "publicNetworking": inputs.get("publicNetworking", True),
            "volumeIds": inputs.get("volumeIds", []),
            **self._of_size(size),
        }
        return number, outputs, {"host": self.world.host_name(inputs["name"], number)}

    @staticmethod
    def _region(inputs: Bag) -> str:
        return str(inputs.get("region") or "nyc3")

    @staticmethod
    def _of_size(size: dict[str, Any]) -> Bag:
        price = size["price"]
        return {
            "disk": size["disk"],
            "memory": size["memory"],
            "vcpus": size["vcpus"],
            "priceMonthly": price,
            "priceHourly": round(price / 672, 5),
        }

    def arrived(self, record: Record) -> None:
        keys = {}
        for one in self.world.store.all(_NAME, "SshKey"):
            keys[one.id] = keys[one.outputs["fingerprint"]] = one.inputs["publicKey"]
        users = {"root": [keys[key] for key in record.inputs.get("sshKeys", ()) if key in keys]}
        address = (record.outputs["ipv4Address"], record.outputs.get("ipv6Address"))
        self.world.boot(record, record.inputs["name"], address, users)
        self.world.publish()

    def changed(self, record: Record, before: Record) -> None:
        record.outputs.update(self._of_size(catalog(_NAME)["sizes"][record.inputs["size"]]))
        if record.inputs.get("ipv6") and not record.outputs.get("ipv6Address"):
            block, place = record.outputs["ipv4Address"].split(".")[2:]
            record.outputs["ipv6Address"] = f"{subnet6()}::{block}:{place}"

    def gone(self, record: Record) -> None:
        # The real cloud takes a droplet that is away out of every firewall by itself.
        for firewall in self.world.store.all(_NAME, "Firewall"):
            for bag in (firewall.inputs, firewall.outputs):
                if int(record.id) in (bag.get("dropletIds") or ()):
                    bag["dropletIds"] = [one for one in bag["dropletIds"] if one != int(record.id)]
                    self.world.store.put(firewall)
        self.world.halt(record, wipe=True)
        self.world.publish()


class SshKey(Kind):
    token = "digitalocean:index/sshKey:SshKey"

    def refine(self, inputs: Bag) -> list[Failure]:
        key = reveal(inputs["publicKey"])
        if key is UNKNOWN or fingerprint(key):
            return []
        return [Failure("publicKey", "is no public key (ssh-ed25519 AAAA…)")]

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        mark = fingerprint(inputs["publicKey"])
        if any(one.outputs["fingerprint"] == mark for one in self.world.store.all(_NAME, "SshKey")):
            raise Refused("POST /v2/account/keys: 422 SSH Key is already in use on your account")
        return str(42_000_000 + serial), {"fingerprint": mark}, {}


def fingerprint(key: str) -> str:
    """The MD5 fingerprint the cloud shows, or nothing when it is no key."""
    parts = key.split()
    try:
        raw = base64.b64decode(parts[1], validate=True)
    except (IndexError, binascii.Error):
        return ""
    if not raw[4:].startswith(parts[0].encode()):
        return ""
    digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, 32, 2))


def get_image(_provider: StandIn, args: Bag) -> Bag:
    """The image behind an id, a slug, or the name of one of the account's own."""
    asked = {key: reveal(value) for key, value in args.items() if value is not None}
    if unknown := sorted(asked.keys() - {"id", "name", "slug", "source"}):
        raise Refused(f"getImage has no argument {', '.join(unknown)}; it has: id, name, slug, source")
    by = {key: value for key, value in asked.items() if key != "source"}
    if len(by) != 1:
        raise Refused("getImage takes exactly one of id, name and slug")
    ((key, value),) = by.items()
    for number, one in _images().items():
        facts = {"id": number, "slug": one["slug"], "name": one["name"]}
        # By name the official provider looks among the account's own images only.
        if facts[key] == str(value) and not (key == "name" and one["slug"]):
            return _image_outputs(number, one, asked.get("source", "user" if not one["slug"] else "all"))
    offer = ", ".join(sorted(catalog(_NAME)["custom_images" if key == "name" else "images"]))
    raise Refused(f"no image with {key} {value!r} found; it has: {offer}")


def _image_outputs(number: str, one: dict[str, Any], source: str) -> Bag:
    return {
        "id": int(number),
        "image": number if not one["slug"] else one["slug"],
        "name": one["name"],
        "slug": one["slug"],
        "source": source,
        "created": "2020-08-01T12:00:00Z",
        "description": "",
        "distribution": one["distribution"],
        "errorMessage": "",
        "minDiskSize": 10,
        "private": not one["slug"],
        "regions": one["regions"],
        "sizeGigabytes": 1.2,
        "status": "available",
        "tags": [],
        "type": "custom" if not one["slug"] else "base",
    }


class DigitalOcean(StandIn):
    """pulumi_digitalocean's place."""

    name = _NAME
    kinds_of = (
        Droplet,
        SshKey,
        Domain,
        DnsRecord,
        Firewall,
        Vpc,
        Volume,
        VolumeAttachment,
        Project,
        ProjectResources,
        SpacesBucket,
        Tag,
    )
    functions = {"digitalocean:index/getImage:getImage": get_image}
