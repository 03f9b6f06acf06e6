"""One person's share to every control host's Vault: each holder runs it from wherever they are, in any order."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from cli import vault
from cli.asking import say, secrets
from cli.way_in import WayIn


def unseal(way: WayIn, words: list[str] | None) -> bool:
    """Ask for a share and give it; says what is left. False where something could not be done."""
    chosen = way.named(words)
    everywhere = {host: way.own("vault", host, timeout=20.0) for host in way.hosts}
    apis = {host: everywhere[host] for host in chosen}
    before = vault.states(apis)
    waiting = [host for host, one in before.items() if one.silent is None and not one.open]
    for one in before.values():
        if one.host not in waiting:
            say(str(one))
    if not waiting:
        return all(one.open for one in before.values())
    if not any(one.initialised for one in before.values()):
        say("Vault was never made: `fleet bootstrap` does that.")
        return False
    for host in waiting:
        say(f"{before[host]}{_progress(before[host])}")
    # A new Vault can take a share only when it has met one that is open.
    order = sorted(waiting, key=lambda host: not before[host].initialised)
    good = True
    for share in secrets("Your share"):
        good = _give(apis, order, before, share) and good
    after = vault.states(everywhere)
    left = [one for one in after.values() if not one.open]
    if not left:
        leads = vault.await_active(everywhere)
        say(f"All open{f', {leads} leads' if leads else ''}. Nothing is left to do; `fleet status` shows the rest.")
    elif any(one.silent is None for one in left):
        for one in left:
            if one.host not in waiting:
                say(str(one))
        most = max(one.missing for one in left)
        say(f"What is left: `fleet unseal` by {most or 'as many as needed'} more, who may be anywhere.")
    return good and all(after[host].silent is None for host in chosen)


def _give(apis: vault.Apis, hosts: Iterable[str], known: dict[str, vault.State], share: str) -> bool:
    """One share to each host that still needs one. `known` is what each said last."""
    good = True
    for host in hosts:
        was = known[host]
        if was.open:
            continue
        try:
            now = vault.give(host, apis[host], share, wait=0.0 if was.initialised else 20.0)
        except vault.WrongShareError as error:
            print(f"Vault on {host}: refused ({error})", file=sys.stderr)
            say("    way out: one of the shares given is wrong, so all of them are given again on that host")
            known[host] = vault.state(host, apis[host])
            good = False
            continue
        if was.given and now.sealed and now.given == was.given:
            say(f"Vault on {host}: this share was given already")
        if now.initialised and now.sealed and now.given == 0:
            # All that were needed came: it has joined, and opens when it has fetched the data.
            now = vault.await_open(host, apis[host], 20.0)
        say(f"{now}{_progress(now)}")
        known[host] = now
    return good


def _progress(one: vault.State) -> str:
    return f" ({one.given} of {one.threshold} given)" if one.initialised and one.sealed else ""
