"""How GitHub's stand-in asks the rehearsal's own organisation, as GitHub's official provider asks GitHub.

It waits between writes and when a limit is reached, as the official one does, by the organisation's clock: the
rehearsal does not stand still meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from providers.base.resource import Failure, ProviderError
from providers.base.values import Bag, reveal
from rehearsal.cloud import schema
from rehearsal.cloud.checking import check_config
from rehearsal.cloud.github_hub import ADDRESS, Answer, hub_of
from rehearsal.cloud.passthrough import Passed, PassThrough
from rehearsal.cloud.world import World

_IN_STATE: Final = ("token", "appAuth")
# The official provider waits so long between two writes, unless its configuration says otherwise.
_DELAY_MS: Final = 1000
_LONGEST: Final = 8


class GitHubError(ProviderError):
    """What GitHub answered, in the words of the official provider's client."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        said = answer.body if isinstance(answer.body, dict) else {}
        errors = " ".join(_error(one) for one in said.get("errors", ()))
        super().__init__(f"{method} {ADDRESS}{path}: {answer.status} {said.get('message', '')} [{errors}]")
        self.status = answer.status


def _error(one: Mapping[str, Any]) -> str:
    words = {"Resource": "resource", "Field": "field", "Code": "code", "Message": "message"}
    return "{" + " ".join(f"{word}:{one.get(key, '')}" for word, key in words.items()) + "}"


class Client:
    """The provider's way to ask: in one account's name, patient where a limit is reached."""

    def __init__(self, world: World, owner: str, write_delay: float, log: Callable[[str, str], None]) -> None:
        self.hub = hub_of(world)
        self.owner = owner
        self._delay = write_delay
        self._log = log

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask; the answer's body. Raises GitHubError."""
        with self.hub.turn:
            answer = self._patiently(method, path, body)
        if answer.status >= 400:
            raise GitHubError(method, path, answer)
        return answer.body

    def _patiently(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        if method != "GET":
            self.hub.clock.wait(self._delay)
        for _ in range(_LONGEST):
            answer = self.hub.call(method, path, body)
            wait = self._wait(answer)
            if wait is None:
                break
            self._log(f"GitHub's limit is reached: the official provider would wait for {wait:.0f} s", "warning")
            self.hub.clock.wait(wait)
        return answer

    def _wait(self, answer: Answer) -> float | None:
        if answer.status not in (403, 429):
            return None
        if "retry-after" in answer.headers:
            return float(answer.headers["retry-after"])
        if answer.headers.get("x-ratelimit-remaining") == "0":
            return max(float(answer.headers["x-ratelimit-reset"]) - self.hub.clock.now(), 0) + 1
        return None

    def found(self, path: str) -> Any:
        """What is there, or None."""
        try:
            return self("GET", path)
        except GitHubError as error:
            if error.status == 404:
                return None
            raise

    def gone(self, path: str) -> None:
        """Delete what may be away."""
        try:
            self("DELETE", path)
        except GitHubError as error:
            if error.status != 404:
                raise

    def graphql(self, operation: str, **given: Any) -> Any:
        """The other interface; None where a node is not there."""
        answer = self("POST", "/graphql", {"operation": operation, "input": given})
        for error in answer.get("errors", ()):
            if error["type"] == "NOT_FOUND" and operation in ("branchProtectionRule", "deleteBranchProtectionRule"):
                return None
            raise ProviderError(f"GraphQL {operation}: {error['type']}: {error['message']}")
        return answer["data"]

    def team(self, number: Any) -> dict[str, Any]:
        """A team by its number, for most paths go by its slug."""
        found: dict[str, Any] | None = self.found(f"/organizations/1/team/{number}")
        if found is None:
            raise ProviderError(f"no team {number} in {self.owner}: it was deleted, or was never there")
        return found


class HubProvider(PassThrough):
    """A provider instance: of one organisation, and as patient as its configuration says."""

    name = "github"
    replacing = ("owner", "baseUrl")

    def check_config(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        taken, failures = check_config(schema.provider(self.name), inputs)
        for key in sorted(inputs.keys() & set(_IN_STATE)):
            failures.append(Failure(key, "the state would keep it; the token comes from the environment: GITHUB_TOKEN"))
        if not inputs.get("owner"):
            failures.append(Failure("owner", "which organisation it is about is not said"))
        return taken, failures

    def client(self, log: Callable[[str, str], None]) -> Client:
        """The way to ask, as this instance is configured."""
        delay = self.config_value("writeDelayMs")
        return Client(self.world, str(reveal(self.config["owner"])), float(delay or _DELAY_MS) / 1000, log)


class OnHub(Passed):
    """One type of GitHub's. The organisation is there in a plan-only cloud as in any other."""

    @property
    def unasked(self) -> bool:
        return False

    @property
    def ask(self) -> Client:
        """The way to ask, in the words of the running call."""
        assert isinstance(self.provider, HubProvider)
        return self.provider.client(lambda text, severity: self.log(text, severity=severity))
