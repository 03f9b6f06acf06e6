"""The thin pyinfra layer: one fact that looks at a host, one deploy that brings one of its layers about.

`configure` runs inside a pyinfra deploy for the current host. A host that is as it should be costs one ssh command.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.facts import FactBase
from pyinfra.api.operation import OperationMeta, operation
from pyinfra.context import host
from pyinfra.operations import apt, xbps

from hostconfig import steps
from hostconfig.assess import Assessment, assess
from hostconfig.observed import Observed, UnreadableError, observation
from hostconfig.observed import parse as parse_look
from hostconfig.parts import Platform
from hostconfig.plan import AnyDesired, parse
from hostconfig.scripts import script

STEP_SECONDS = 60
# A server waits for its turn and for the others, and a step over it for the server.
SERVICE_SECONDS = 300
PACKAGE_SECONDS = 900
LOOK_SECONDS = 40


class HostError(PyinfraError):
    """A host cannot be brought to its desired state; the message names host, subject and the way out."""


class Look(FactBase[list[str]]):
    """Everything of a layer that can be seen on a host, by one command."""

    @staticmethod
    def default() -> list[str]:
        return []

    def command(self, text: str) -> StringCommand:
        """The command was made from the desired state, which says what there is to look at."""
        return StringCommand(text)

    def process(self, output: Any) -> list[str]:
        """The lines as they are; observed.py makes sense of them."""
        return list(output)


@dataclass
class Configured:
    """What a deploy has set out to do on one host."""

    assessment: Assessment
    operations: list[tuple[steps.Change, OperationMeta]] = field(default_factory=list)


def look(desired: AnyDesired) -> Observed:
    """Look at the current host, once."""
    lines = host.get_fact(Look, text=observation(desired), _timeout=LOOK_SECONDS)
    if not lines:
        raise HostError(f"{host.name}: no answer to a look at it within {LOOK_SECONDS} s, or not as root")
    try:
        return parse_look(lines, desired)
    except UnreadableError as error:
        raise HostError(f"{host.name}: {error}") from None


@operation()
def carry_out(change: steps.Change, platform: Platform) -> Generator[StringCommand, None, None]:
    """One step, as one command; a file's text goes in by standard input, so no SFTP is needed."""
    text, given = script(change.step, platform)
    if given is None:
        yield StringCommand(text)
    else:
        yield StringCommand(text, _stdin=given)


def configure(
    desired: AnyDesired | Mapping[str, Any], *, layer: str = "ground", acknowledged: Collection[str] = frozenset()
) -> Configured:
    """Bring a layer of the current host about; refuses to overwrite what was changed by hand."""
    state = parse(layer, desired) if isinstance(desired, Mapping) else desired
    observed = look(state)
    assessment = assess(state, observed, acknowledged)
    if assessment.conflicts:
        raise HostError(f"{host.name}: {conflict_text(assessment)}")
    configured = Configured(assessment)
    for change in assessment.changes:
        # pyinfra knows an operation by its place in the code: without this, the first change of one host and the
        # first change of another would be shown as one.
        host.loop_position = [crc32(str(change).encode())]
        configured.operations.append((change, _operate(change, observed.platform)))
    host.loop_position = []
    return configured


def conflict_text(assessment: Assessment) -> str:
    """What stands in the way, and how to go on."""
    found = "; ".join(f"{subject}: {what}" for subject, what in assessment.conflicts.items())
    if "os" in assessment.conflicts:
        return f"{found}. Nothing was changed"
    return f"{found}. Nothing was changed: carry the edit over into the data, or acknowledge it to have it overwritten"


def _operate(change: steps.Change, platform: Platform) -> OperationMeta:
    name = str(change)
    void = platform.os == "void"
    match change.step:
        case steps.Install(names=names) if void:
            return xbps.packages(name=name, packages=list(names), update=True, _timeout=PACKAGE_SECONDS)
        case steps.Install(names=names):
            # A cloud image may still be busy with its own first-boot updates: wait for the lock instead of failing.
            waits = "-o DPkg::Lock::Timeout=300"
            return apt.packages(
                name=name,
                packages=list(names),
                update=True,
                no_recommends=True,
                extra_install_args=waits,
                _timeout=PACKAGE_SECONDS,
            )
        case steps.Uninstall(names=names) if void:
            return xbps.packages(name=name, packages=list(names), present=False, _timeout=PACKAGE_SECONDS)
        case steps.Uninstall(names=names):
            waits = "--purge -o DPkg::Lock::Timeout=300"
            return apt.packages(
                name=name,
                packages=list(names),
                present=False,
                extra_uninstall_args=waits,
                _timeout=PACKAGE_SECONDS,
            )
        case steps.EnableService() | steps.WakeService():
            return carry_out(name=name, change=change, platform=platform, _timeout=SERVICE_SECONDS)
        case _:
            return carry_out(name=name, change=change, platform=platform, _timeout=STEP_SECONDS)
