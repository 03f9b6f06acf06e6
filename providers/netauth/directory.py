"""What the resources of this provider share: the client of the configured server, and how faults are told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Final

from providers.base.diffing import UPDATE, detailed
from providers.base.resource import Diff, Failure, ProviderError, Read, Resource
from providers.base.values import UNKNOWN, Bag, reveal
from providers.netauth.calls import Calls, NetAuthError, Place
from providers.netauth.client import Client

PRESENT, GONE, UNREACHABLE = "present", "gone", "unreachable"
OBSERVED: Final = "observed"


class Session:
    """The provider's one client, made when it is first needed: a preview needs neither server nor token."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._client: Client | None = None
        self._config: Bag = {}

    def configure(self, config: Bag) -> None:
        """Take the provider's configuration; it may not be known yet."""
        with self._guard:
            self._config, self._client = config, None

    @property
    def client(self) -> Client:
        """The client. Raises ProviderError where the configuration is not enough."""
        with self._guard:
            if self._client is None:
                config = reveal(self._config)
                server = config.get("server")
                if not server or server is UNKNOWN:
                    raise ProviderError(
                        "the provider does not know its NetAuth server: `roster.netauth.server` says it"
                    )
                known = {key: "" if (found := config.get(key)) in (None, UNKNOWN) else str(found) for key in _TEXTS}
                self._client = Client(Calls(Place(server, known["address"], _port(config), known["authorities"])))
            return self._client

    def use(self, client: Client) -> None:
        """Speak through this client."""
        with self._guard:
            self._client = client

    def cancel(self) -> None:
        """The user asks to stop: nobody waits for a silent server any more."""
        with self._guard:
            if self._client is not None:
                self._client.calls.cancelled = True


_TEXTS: Final = ("address", "authorities")


def _port(config: Bag) -> int:
    port = config.get("port")
    return 1729 if port in (None, UNKNOWN) else int(port)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """The server's no as an error of the resource."""
    try:
        yield
    except NetAuthError as error:
        raise ProviderError(str(error)) from None


class Entry(Resource):
    """One kind of entry of the directory.

    A read never raises and never says that something is gone, either of which would disturb more than this resource:
    what is not there shows as `observed`, and the next `up` makes it again.
    """

    needed: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    """Inputs whose change makes another resource."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def client(self) -> Client:
        """The client of the configured server."""
        return self.session.client

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        failures = [
            Failure(name, f"{name} is missing: {type(self).__name__} needs {', '.join(self.needed)}")
            for name in self.needed
            if inputs.get(name) in (None, "")
        ]
        return inputs, failures or list(self.faults(inputs, olds))

    def faults(self, inputs: Bag, olds: Bag) -> list[Failure]:
        """What else is wrong with complete inputs."""
        return []

    def diff(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag) -> Diff:  # noqa: A002
        found = detailed(old_inputs, new_inputs)
        outputs = []
        if old_outputs.get(OBSERVED) == GONE:
            found[OBSERVED] = UPDATE
            outputs.append(OBSERVED)
        return Diff(
            bool(found),
            found,
            replaces=[name for name in self.identity if name in found],
            in_outputs=outputs,
            stables=["id"],
        )

    def seen(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        """The entry as it is on the server now, or None. May raise NetAuthError."""
        raise NotImplementedError

    def read(self, id: str, inputs: Bag, outputs: Bag) -> Read | None:  # noqa: A002
        imported = not inputs and not outputs
        try:
            found = self.seen(id, inputs, outputs)
        except (NetAuthError, ProviderError, ValueError) as error:
            if imported:
                raise ProviderError(str(error)) from None
            self.log(f"{id} could not be looked at: {error}", severity="warning")
            return Read(id, inputs, {**outputs, OBSERVED: UNREACHABLE})
        if found is None and not imported:
            self.log(f"{id} is no longer in the directory; the next `up` makes it again", severity="warning")
            return Read(id, inputs, {**outputs, OBSERVED: GONE})
        return found


def present(inputs: Bag) -> Bag:
    """What is known of an entry that stands as asked."""
    return {**inputs, OBSERVED: PRESENT}


def planned(inputs: Bag) -> Bag:
    """The same in a preview."""
    return {**inputs, OBSERVED: UNKNOWN}


def plain(inputs: Bag) -> dict[str, Any]:
    """Inputs as they go to the server."""
    found: dict[str, Any] = reveal(inputs)
    return found
