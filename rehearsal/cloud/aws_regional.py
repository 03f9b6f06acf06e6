"""What all of AWS's stand-ins share: regions that see nothing of each other, numbers, ARNs, tags."""

from typing import Any, Final

from providers.base.values import Bag
from rehearsal.cloud.facts import hexed
from rehearsal.cloud.kind import Kind, Refused
from rehearsal.cloud.store import Record

ACCOUNT: Final = "123456789012"


def refused(operation: str, code: str, text: str) -> Refused:
    """An error in AWS's words."""
    return Refused(f"operation error EC2: {operation}, api error {code}: {text}")


def tagged(inputs: Bag) -> dict[str, Any]:
    """The tags of a resource; the stand-in keeps no default tags."""
    return dict(inputs.get("tags") or {})


class Regional(Kind):
    """A type of which every region has its own."""

    def find(self, id: str) -> Record | None:  # noqa: A002
        record = super().find(id)
        # A resource may say its own region; otherwise it is where the provider is.
        if record is None or record.region not in (self.provider.region, record.inputs.get("region")):
            return None
        return record

    def number(self, prefix: str, serial: object) -> str:
        """An identifier as AWS writes them."""
        return f"{prefix}-0{hexed(16, prefix, serial)}"

    def common(self, arn: str, inputs: Bag, region: str) -> Bag:
        """What every resource tells."""
        owner = {"arn": f"arn:aws:ec2:{region}:{ACCOUNT}:{arn}", "region": region, "tagsAll": tagged(inputs)}
        return {**owner, **({"ownerId": ACCOUNT} if "ownerId" in self.schema.outputs else {})}

    def here(self, kind: str, region: str) -> list[Record]:
        """All records of another type in one region."""
        return self.world.store.all("aws", kind, region)

    def need(self, kind: str, id_: str, region: str, operation: str, code: str) -> Record:
        """A record that must be there, in this region."""
        if (found := self.world.store.get("aws", kind, id_, region)) is None:
            raise refused(operation, code, f"The {kind} '{id_}' does not exist in {region}")
        return found

    def changed(self, record: Record, before: Record) -> None:
        if "tagsAll" in record.outputs:
            record.outputs["tagsAll"] = tagged(record.inputs)

    def blocked_by(self, record: Record, users: dict[str, str], operation: str) -> None:
        """Refuse a deletion while another record names this one: `users` maps types to the property that names it."""
        for kind, key in users.items():
            for one in self.here(kind, record.region):
                named = one.outputs.get(key)
                if named == record.id or (isinstance(named, list) and record.id in named):
                    text = f"The {self.name} '{record.id}' has dependencies and cannot be deleted: {kind} {one.id}"
                    raise refused(operation, "DependencyViolation", text)
