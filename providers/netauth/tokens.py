"""`netauth:index:Tokens`: what people of the directory hold open at Vault, Nomad and Consul ends when they may less.

A token lasts for hours after the login that it came from, whatever the directory says meanwhile. An update revokes
those of who has left since, and of anybody whose token may more than they may by now. It comes after the lock of who
left, so that they get no new one. Left out: whoever left before this program knew them, and
sessions on hosts, which end with the hosts' own look at the directory.
"""

from __future__ import annotations

from typing import Any

from providers.base.resource import Created, Failure, ProviderError
from providers.base.values import Bag, reveal
from providers.netauth.record import Record
from servers import Api, ApiError, System, from_environment, tokens
from servers.environment import TOKENS


class Tokens(Record):
    """Inputs: gone, handles; allowed, handle to policies of Vault; addresses and roles, by system. Outputs: inputs."""

    token = "netauth:index:Tokens"
    needed = ("gone", "allowed", "addresses", "roles")
    # Where the servers are, and by which roles tokens are made, says how to look and is nothing to do by itself.
    judged = ("gone", "allowed")

    def check(self, inputs: Bag, olds: Bag) -> tuple[Bag, list[Failure]]:
        return inputs, self.faults(inputs, "who may hold what comes from the data alone, and is never an output")

    def create(self, inputs: Bag, *, preview: bool, timeout: float) -> Created:
        """A record only: who left before it began is `fleet settle`'s."""
        return Created("tokens", dict(inputs))

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, new_inputs: Bag, *, preview: bool) -> Bag:  # noqa: A002
        if not preview:
            self._end(reveal(old_inputs), reveal(new_inputs))
        return dict(new_inputs)

    def _end(self, before: Any, now: Any) -> None:
        gone = sorted(set(now["gone"]) - set(before["gone"]))
        allowed, had = now["allowed"], before["allowed"]
        less = {who: its for who, its in allowed.items() if set(had.get(who, ())) - set(its) and who not in gone}
        # All is tried before anything is said to have failed.
        problems: list[str] = []
        if gone or less:
            self._at("vault", now, problems, lambda vault: _at_vault(vault, gone, less))
        if gone:
            roles = now["roles"]
            self._at("nomad", now, problems, lambda nomad: tokens.nomad_tokens(nomad, roles["nomad"], gone))
            self._at("consul", now, problems, lambda consul: tokens.consul_tokens(consul, roles["consul"], gone))
        if problems:
            who = ", ".join(sorted({*gone, *less}))
            raise ProviderError(
                f"tokens of {who} may still be good: {'; '.join(problems)}. Nothing else waits for this; the next `up` "
                "tries again, and `fleet settle` does it at once"
            )

    def _at(self, system: System, now: Any, problems: list[str], end: Any) -> None:
        try:
            api = from_environment(system, now["addresses"][system], timeout=20.0, patience=15.0)
            if not api.has_token:
                problems.append(f"{TOKENS[system]} is not set, so {system} was not asked (`fleet login`)")
                return
            for line in end(api):
                self.log(line)
        except ApiError as error:
            problems.append(str(error))


def _at_vault(vault: Api, gone: list[str], less: dict[str, list[str]]) -> list[str]:
    found = tuple(tokens.vault_tokens(vault))
    return tokens.revoke_of(vault, gone, found) + tokens.revoke_beyond(vault, less, found)
