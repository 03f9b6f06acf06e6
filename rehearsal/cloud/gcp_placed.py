"""What all of GCP's stand-ins share: projects, zones and regions, self links, references by name or link."""

from typing import Any, ClassVar, Final

from providers.base.resource import Failure
from providers.base.values import Bag, reveal
from rehearsal.cloud.facts import born, hexed
from rehearsal.cloud.kind import Kind, Refused
from rehearsal.cloud.rules import catalog
from rehearsal.cloud.store import Record

_NAME: Final = "gcp"
_LINK: Final = "https://www.googleapis.com/compute/v1/"


def refused(status: int, text: str) -> Refused:
    """An error in GCP's words."""
    reason = {404: "notFound", 409: "alreadyExists"}.get(status, "invalid")
    return Refused(f"googleapi: Error {status}: {text}, {reason}")


def image_exists(image: str) -> bool:
    """Whether an image is on offer, in any of the ways people name one."""
    parts = [
        part for part in image.removeprefix(_LINK).split("/") if part not in ("projects", "global", "images", "family")
    ]
    offer = catalog(_NAME)["images"]
    return len(parts) == 2 and parts[1] in offer.get(parts[0], ())


class Placed(Kind):
    """A type with a name in a project, and in a zone, a region, or everywhere."""

    collection: ClassVar[str]
    # "zone", "region", or "" for a global type.
    place: ClassVar[str] = ""

    def refine(self, inputs: Bag) -> list[Failure]:
        regions = catalog(_NAME)["regions"]
        offer = {"zone": {zone for zones in regions.values() for zone in zones}, "region": set(regions)}.get(self.place)
        given = reveal(inputs.get(self.place)) if offer else None
        if offer and isinstance(given, str) and given.rpartition("/")[2] not in offer:
            return [Failure(self.place, f"gcp has no {self.place} {given!r}; it has: {', '.join(sorted(offer))}")]
        return []

    def project_of(self, inputs: Bag) -> str:
        """The project a resource is in: its own, or the provider's."""
        if project := inputs.get("project") or self.provider.config_value("project"):
            return str(project)
        raise Refused("project: required field is not set: set gcp:project, or project= of the resource or provider")

    def place_of(self, inputs: Bag) -> str:
        """The zone or region a resource is in: its own, or the provider's."""
        if not self.place:
            return "global"
        given = inputs.get(self.place) or self.provider.config_value(self.place)
        if not given:
            raise Refused(
                f"{self.place}: required field is not set: set gcp:{self.place}, or {self.place}= of the resource"
            )
        return str(given).rpartition("/")[2]

    def region_of(self, inputs: Bag) -> str:
        return self.place_of(inputs)

    def id_of(self, inputs: Bag) -> str:
        """The id, which is the path; refused when it is taken."""
        where = f"{self.place}s/{self.place_of(inputs)}" if self.place else "global"
        id_ = f"projects/{self.project_of(inputs)}/{where}/{self.collection}/{inputs['name']}"
        if self.world.store.get(_NAME, self.name, id_):
            raise refused(409, f"The resource '{id_}' already exists")
        return id_

    def common(self, inputs: Bag, serial: int) -> Bag:
        """What every resource tells, as far as its type has it."""
        where = f"{self.place}s/{self.place_of(inputs)}" if self.place else "global"
        path = f"projects/{self.project_of(inputs)}/{where}/{self.collection}/{inputs['name']}"
        labels = dict(inputs.get("labels") or {})
        told: dict[str, Any] = {
            "selfLink": f"{_LINK}{path}",
            "project": self.project_of(inputs),
            "creationTimestamp": born(),
            "effectiveLabels": labels,
            "pulumiLabels": labels,
            "labelFingerprint": hexed(12, "labels", self.name, serial),
        }
        if self.place:
            told[self.place] = self.place_of(inputs)
        return {key: value for key, value in told.items() if key in self.schema.outputs}

    def need(self, kind: type["Placed"], reference: str, inputs: Bag) -> Record | None:
        """The record behind a name, an id or a self link; None for the network every project is born with."""
        other = kind.token.rpartition(":")[2]
        wanted = str(reference).removeprefix(_LINK)
        project = self.project_of(inputs)
        for one in self.world.store.all(_NAME, other):
            own = one.outputs.get("project") == project
            if wanted == one.id or (own and "/" not in wanted and one.inputs["name"] == wanted):
                return one
        if other == "Network" and wanted.rpartition("/")[2] == "default":
            return None
        raise refused(404, f"The resource 'projects/{project}/{kind.collection}/{wanted}' was not found")

    def find(self, id: str) -> Record | None:  # noqa: A002
        return super().find(id.removeprefix(_LINK))
