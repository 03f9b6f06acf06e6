"""The tokens of a host's agents: fetched by the host itself from Vault, with its leaf certificate, and written by it.

No token passes through the program, its state or a list of arguments. A sealed Vault disturbs nothing: what is there
goes on working for weeks, and the next round tries again.
"""

from __future__ import annotations

from hostconfig.desired_control import Agents
from hostconfig.files import render
from hostconfig.parts import ManagedFile, Part, Platform, Service
from hostconfig.restarting import RESTART
from hostconfig.services import hang_up, restart
from hostconfig.supervised import CA, KEY, LEAF, account_name, definition, service_name

NAME = "fleet-tokens"
RUN = "/usr/local/sbin/fleet-tokens"
# Leases live for 30 days.
DAYS = 7


def tokens(desired: Agents, platform: Platform) -> Part:
    """The loop that looks after the tokens, on every host."""
    runs_as_root = desired.client is not None
    take_up = f"{RESTART} --in-turn nomad" if desired.votes else restart(service_name("nomad"), platform)
    text = render(
        "agents/tokens",
        desired=desired,
        vaults=[address for _, address in sorted(desired.voters.items())],
        ca=CA,
        leaf=LEAF,
        key=KEY,
        days=DAYS,
        consul_group=account_name("consul", platform.os),
        nomad_group="root" if runs_as_root else account_name("nomad", platform.os),
        take_up_consul=hang_up(service_name("consul"), platform),
        take_up_nomad=take_up,
    )
    files = [ManagedFile(RUN, text, mode="0755", check='sh -n "$new"', wakes=NAME)]
    files += definition(NAME, RUN, platform, NAME)
    return Part(files=tuple(files), services=(Service(NAME, restart(NAME, platform)),))
