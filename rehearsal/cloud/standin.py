"""A stand-in provider: one instance for each provider resource of a program, all over one world."""

from collections.abc import Callable
from typing import Any, ClassVar

from providers.base.resource import Diff, Failure, ProviderError, Resource
from providers.base.servicer import Provider
from providers.base.values import Bag, reveal
from rehearsal.cloud import schema
from rehearsal.cloud.checking import check_config
from rehearsal.cloud.kind import Kind
from rehearsal.cloud.rules import catalog
from rehearsal.cloud.world import World

Function = Callable[["StandIn", Bag], Bag]


class StandIn(Provider):
    """An official provider's place, taken by the embedded cloud."""

    kinds_of: ClassVar[tuple[type[Kind], ...]] = ()
    functions: ClassVar[dict[str, Function]] = {}
    # Changing one of these makes the official provider replace itself and with it all it made.
    replacing: ClassVar[tuple[str, ...]] = ()

    def __init__(self, world: World) -> None:
        super().__init__([kind() for kind in self.kinds_of])
        self.world = world
        self.version = schema.version_of(self.name)
        self.region = ""

    def check_config(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        taken, failures = check_config(schema.provider(self.name), inputs)
        region = reveal(inputs.get("region"))
        regions = catalog(self.name)["regions"]
        if isinstance(region, str) and region not in regions:
            failures.append(
                Failure("region", f"{self.name} has no region {region!r}; it has: {', '.join(sorted(regions))}")
            )
        return taken, failures

    def diff_config(self, old_inputs: Bag, new_inputs: Bag) -> Diff:
        found = super().diff_config(old_inputs, new_inputs)
        return Diff(found.changes, found.detailed, self.replacing)

    def configure(self, config: Bag) -> None:
        region = reveal(config.get("region"))
        self.region = region if isinstance(region, str) else ""

    def find(self, token: str) -> Resource:
        if token not in self.kinds:
            known = ", ".join(sorted(name.partition(":")[2] for name in self.kinds))
            raise ProviderError(
                f"the rehearsal's stand-in for {self.name} does not know {token}, which no stack has declared so far; "
                f"it knows {known}. A new type is a class in rehearsal/cloud/{self.name}.py and an entry in "
                f"rehearsal/cloud/rules/{self.name}.yaml"
            )
        return self.kinds[token]

    def invoke(self, token: str, args: Bag, *, preview: bool) -> Bag:
        if (function := self.functions.get(token)) is None:
            known = ", ".join(sorted(self.functions)) or "none"
            raise ProviderError(f"the rehearsal's stand-in for {self.name} has no function {token}; it has: {known}")
        return function(self, args)

    def config_value(self, key: str) -> Any:
        """One setting of this provider instance, in plain."""
        return reveal(self.config.get(key))
