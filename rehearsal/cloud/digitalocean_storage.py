"""DigitalOcean's stand-in: volumes, buckets, projects and tags."""

from typing import Any, Final

from providers.base.resource import Failure
from providers.base.values import Bag
from rehearsal.cloud.facts import born, fake_uuid
from rehearsal.cloud.kind import Kind, Refused
from rehearsal.cloud.store import Record

_NAME: Final = "digitalocean"


class Volume(Kind):
    token = "digitalocean:index/volume:Volume"

    def refine(self, inputs: Bag) -> list[Failure]:
        size = inputs["size"]
        wrong = isinstance(size, int) and not 1 <= size <= 16384
        return [Failure("size", f"must be between 1 and 16384 GB, not {size}")] if wrong else []

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        number = fake_uuid("volume", serial)
        filesystem = inputs.get("filesystemType") or inputs.get("initialFilesystemType", "")
        outputs = {
            "volumeUrn": f"do:volume:{number}",
            "dropletIds": [],
            "filesystemType": filesystem,
            "filesystemLabel": inputs.get("initialFilesystemLabel", ""),
        }
        return number, outputs, {}

    def changed(self, record: Record, before: Record) -> None:
        if record.inputs["size"] < before.inputs["size"]:
            raise Refused(f"POST /v2/volumes/{record.id}/actions: 422 a volume can not be made smaller")

    def may_go(self, record: Record) -> None:
        if record.outputs["dropletIds"]:
            raise Refused(f"DELETE /v2/volumes/{record.id}: 409 the volume is attached to a droplet: detach it first")


class VolumeAttachment(Kind):
    token = "digitalocean:index/volumeAttachment:VolumeAttachment"

    def refuse(self, inputs: Bag, region: str) -> None:
        store, at = self.world.store, f"POST /v2/volumes/{inputs['volumeId']}/actions"
        volume = store.get(_NAME, "Volume", inputs["volumeId"])
        droplet = store.get(_NAME, "Droplet", str(inputs["dropletId"]))
        if volume is None:
            raise Refused(f"{at}: 404 the volume was not found")
        if droplet is None:
            raise Refused(f"{at}: 422 droplet {inputs['dropletId']} was not found")
        if volume.region != droplet.outputs["region"]:
            where = f"the volume is in {volume.region}, the droplet in {droplet.outputs['region']}"
            raise Refused(f"{at}: 422 droplet and volume must be in one region: {where}")
        if volume.outputs["dropletIds"]:
            raise Refused(f"{at}: 422 the volume is attached to droplet {volume.outputs['dropletIds'][0]} already")

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        self._attach(inputs["volumeId"], [inputs["dropletId"]])
        return f"{inputs['dropletId']}-{inputs['volumeId']}-{serial}", {}, {}

    def gone(self, record: Record) -> None:
        self._attach(record.inputs["volumeId"], [])

    def _attach(self, volume: str, droplets: list[int]) -> None:
        if one := self.world.store.get(_NAME, "Volume", volume):
            one.outputs["dropletIds"] = droplets
            self.world.store.put(one)


class Project(Kind):
    token = "digitalocean:index/project:Project"

    def refuse(self, inputs: Bag, region: str) -> None:
        _refuse_strangers(self, inputs.get("resources") or ())

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        now = born()
        owner = {"ownerId": 258992, "ownerUuid": fake_uuid("owner"), "createdAt": now, "updatedAt": now}
        return (
            fake_uuid("project", serial),
            {"resources": inputs.get("resources", []), "isDefault": inputs.get("isDefault", False), **owner},
            {},
        )

    def changed(self, record: Record, before: Record) -> None:
        record.outputs["updatedAt"] = born()


class ProjectResources(Kind):
    token = "digitalocean:index/projectResources:ProjectResources"

    def refuse(self, inputs: Bag, region: str) -> None:
        if self.world.store.get(_NAME, "Project", inputs["project"]) is None:
            raise Refused(f"POST /v2/projects/{inputs['project']}/resources: 404 the project was not found")
        _refuse_strangers(self, inputs["resources"])

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        return inputs["project"], {}, {}


def _refuse_strangers(kind: Kind, urns: Any) -> None:
    """Refuse URNs of nothing. Kinds that the stand-in does not have are refused too."""
    kinds = {
        "droplet": ("Droplet", "dropletUrn"),
        "volume": ("Volume", "volumeUrn"),
        "domain": ("Domain", "domainUrn"),
        "space": ("SpacesBucket", "bucketUrn"),
    }
    for urn in urns:
        parts = str(urn).split(":", 2)
        name, key = kinds.get(parts[1] if len(parts) == 3 and parts[0] == "do" else "", ("", ""))
        if not name or not any(one.outputs[key] == urn for one in kind.world.store.all(_NAME, name)):
            raise Refused(f"POST /v2/projects/resources: 400 {urn} is no resource that can be in a project")


class SpacesBucket(Kind):
    token = "digitalocean:index/spacesBucket:SpacesBucket"

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        name, host = inputs["name"], f"{inputs['region']}.digitaloceanspaces.com"
        if self.world.store.get(_NAME, "SpacesBucket", name):
            raise Refused(f"CreateBucket: 409 BucketAlreadyExists: {name}")
        outputs = {"bucketUrn": f"do:space:{name}", "bucketDomainName": f"{name}.{host}", "endpoint": host}
        return name, outputs, {}

    def find(self, id: str) -> Record | None:  # noqa: A002
        # People import a bucket as `<region>,<name>`.
        return super().find(id.rpartition(",")[2])


class Tag(Kind):
    token = "digitalocean:index/tag:Tag"

    def made(self, inputs: Bag, serial: int, region: str) -> tuple[str, Bag, dict[str, Any]]:
        counts = ("databases", "droplets", "images", "totalResource", "volumeSnapshots", "volumes")
        return inputs["name"], {f"{one}Count": 0 for one in counts}, {}
