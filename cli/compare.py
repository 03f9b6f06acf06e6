"""A service half changed: what the mirrors passed on to the old and to the new instances, side by side, and what these
count of themselves where the data name it.

The limits are those by which a mirror weighs a new front of its own. The choice is a person's: `promote` or `withdraw`.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cli import canaries, counted, front_log
from cli.asking import say
from cli.canaries import Instance, Waiting
from cli.counted import Own
from cli.front_log import Seen
from cli.health import WIDTH, briefly
from cli.mistake import Mistake
from cli.together import Answer
from cli.way_in import WayIn
from components.mirror_proxy.plan import services
from model import Fleet
from model.front import Swap
from model.registration import seconds
from model.vhosts import vhosts

# Below this many answers of each nothing is said of times, and nothing of the whole.
FEW = 20
SHOWN = ("answers", "2xx", "3xx", "4xx", "5xx", "unheard", "bytes")


@dataclass(frozen=True)
class Behind:
    """A name of the service behind the front: its virtual address, the group, and the port that is meant."""

    address: str
    group: str
    port: str


@dataclass(frozen=True)
class Compared:
    """Both halves' counts, what they were taken from, and what is worse of the new one."""

    old: Counter[str]
    new: Counter[str]
    worse: str
    wrong: tuple[str, ...]
    spans: tuple[int, ...]
    mirrors: int
    own: Own | None = None

    @property
    def few(self) -> str:
        """Of what there is too little to call the new one no worse; its own counts are what such a service is for."""
        if self.own is not None:
            return self.own.few
        return "answers" if min(self.old["answers"], self.new["answers"]) < FEW else ""

    @property
    def verdict(self) -> str:
        if worse := self.worse or (self.own.worse if self.own else ""):
            return f"worse: {worse}"
        if self.own is not None and self.own.wrong:
            return "not all counts are read"
        return f"too few {self.few} to say: {FEW} of each are needed" if self.few else "no worse"


def compare(way: WayIn, service: str) -> bool:
    """Print both halves side by side. True where the new one is known to be no worse."""
    it = canaries.waiting(way.api("nomad"), service)
    found = looked(way, it)
    print(page(it, found), flush=True)
    return found.verdict == "no worse"


def promote(way: WayIn, service: str) -> None:
    """Let the new version take over, after the comparison was shown."""
    nomad = way.api("nomad")
    it = canaries.waiting(nomad, service)
    canaries.refuse_the_ill(it)
    text = _shown(way, it)
    canaries.promote(nomad, it)
    _decided(way, it, text, f"promoted: version {it.version} takes the place of version {it.old_version}")


def withdraw(way: WayIn, service: str) -> None:
    """End the canaries and take the job back, after the comparison was shown."""
    nomad = way.api("nomad")
    it = canaries.waiting(nomad, service)
    text = _shown(way, it)
    back = canaries.withdraw(nomad, it)
    # The server put the job back by itself: the state knows nothing of it, and nobody's change is written over unseen.
    then = "mend the data, then `make up ONLY=services UP=--refresh`"
    _decided(way, it, text, f"withdrawn: version {back if back is not None else '-'} goes on; {then}")


def behind(fleet: Fleet, job: str) -> tuple[Behind, ...]:
    """The service's names behind the front. Raises Mistake where nothing is known of its instances: neither is anything
    passed on to them, nor do the data name what they count."""
    addresses = services(fleet) if fleet.front else {}
    found = tuple(
        Behind(addresses[name].address, public.placed.name, public.registration.port)
        for public in vhosts(fleet)
        if public.service == job and (name := str(public.path[-2])) in addresses
    )
    if not found and not counted.declared(fleet, job):
        raise Mistake(
            job,
            "nothing is passed on to it by the mirrors",
            "halves are compared by what the mirrors' logs say of their instances",
            f"decide by its health: `fleet log {job}`, then `fleet promote` or `fleet withdraw`",
        )
    return found


def looked(way: WayIn, it: Waiting) -> Compared:
    """Ask every mirror what it passed on, and one what the instances count."""
    names = [one for one in behind(way.fleet, it.job.name) if one.group in it.groups]
    limits = way.fleet.front.swap if way.fleet.front is not None else Swap()
    answers = front_log.mirrors(way, it.began, [one.address for one in names]) if names else {}
    return compared(it, names, answers, limits, counted.looked(way, it, FEW, limits.failing_percent))


def compared(
    it: Waiting, names: Sequence[Behind], answers: Mapping[str, Answer[Seen]], limits: Swap, own: Own | None = None
) -> Compared:
    """What the mirrors said, summed up by old and new. An instance that is neither is not counted."""
    places = {False: _places(it.old, names), True: _places(it.new, names)}
    sums: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    wrong = [] if it.new else ["no canary runs"]
    wrong += [] if it.healthy >= it.wanted else [f"{it.healthy} of {it.wanted} canaries are healthy"]
    spans = []
    for host, answer in answers.items():
        if answer.value is None:
            wrong.append(f"{host}: not read: {briefly(str(answer.error).split(chr(10), 1)[0])}")
            continue
        spans.append(answer.value.seconds)
        found = answer.value.instances
        if it.new and not any((address, at) in places[True] for (address, _), at in found.items()):
            wrong.append(f"{host}: passes nothing on to the new one yet")
        for key, counts in answer.value.counts.items():
            for new in (False, True):
                if key in places[new]:
                    sums[new].update(counts)
    if answers and not spans:
        raise Mistake(
            str(it.job),
            f"no mirror's log can be read ({wrong[-1]})",
            "halves are compared by what the mirrors' logs say of their instances",
            "look whether your key is in the agent (or FLEET_SSH_KEY names it) and the mirrors are up: `fleet status`",
        )
    wrong += own.wrong if own is not None else ()
    its_worse = worse(sums[False], sums[True], limits)
    return Compared(sums[False], sums[True], its_worse, tuple(wrong), tuple(spans), len(answers), own)


def _places(instances: Sequence[Instance], names: Sequence[Behind]) -> set[tuple[str, str]]:
    """Where instances answer, as a mirror's map has it: virtual address, and address with port."""
    return {
        (name.address, one.ports[name.port])
        for name in names
        for one in instances
        if one.allocation.group == name.group and name.port in one.ports
    }


def worse(old: Counter[str], new: Counter[str], limits: Swap) -> str:
    """What is worse of the new one, by the limits of a mirror's own swap (weigh.awk there); or nothing."""
    least = min(old["answers"], new["answers"])
    # A few answers are an accident; from three failures on it is the version.
    if new["5xx"] >= 3 and percent(new, "5xx") > percent(old, "5xx") + limits.failing_percent:
        return f"{percent(new, '5xx'):.1f} of 100 answers failed, {percent(old, '5xx'):.1f} of the old one's"
    if least >= 50 and percent(new, "4xx") > percent(old, "4xx") * 1.5 + 10:
        return f"{percent(new, '4xx'):.1f} of 100 questions were refused, {percent(old, '4xx'):.1f} by the old one"
    for part, said, enough in ((0.5, "half of the", FEW), (0.95, "19 of 20", 100)):
        was, now = within(old, part), within(new, part)
        if least >= enough and now > was * limits.slower_factor + seconds(limits.slower_by):
            return f"slow: {said} answers within {now:.3f} s, the old one {was:.3f} s"
    return ""


def within(counts: Counter[str], part: float) -> float:
    """Seconds within which so much of the answers were given."""
    seen = 0
    for step in range(100):
        seen += counts[f"step{step}"]
        if counts["answers"] and seen >= counts["answers"] * part:
            return float(1.25**step / 1000)
    return 0.0


def percent(counts: Counter[str], what: str) -> float:
    return 100 * counts[what] / counts["answers"] if counts["answers"] else 0.0


def page(it: Waiting, found: Compared, width: int = WIDTH) -> str:
    """Old and new side by side, as narrow as `fleet status`."""

    def row(name: str, old: str, new: str) -> str:
        return f"{name:<16}{old:>{max(1, 12 - max(0, len(name) - 16))}}{new:>12}"

    halves = (found.old, found.new)
    lines = [briefly(str(it.job), width), row("", "old", "new")]
    lines.append(row("version", "-" if it.old_version is None else str(it.old_version), str(it.version)))
    lines.append(row("instances", str(len(it.old)), str(len(it.new))))
    lines += [row(name, str(old), str(new)) for name, old, new in (found.own.rows if found.own else ())]
    if found.mirrors:
        lines += [row(what, *(str(half[what]) for half in halves)) for what in SHOWN]
        lines.append(row("bytes an answer", *(_or_dash(h, f"{h['bytes'] / max(1, h['answers']):.0f}") for h in halves)))
        for name, part in (("half within", 0.5), ("19 of 20 within", 0.95)):
            lines.append(row(name, *(_or_dash(half, f"{within(half, part):.3f} s") for half in halves)))
    said = [f"{name}: {', '.join(one.allocation.short for one in its)}" for name, its in _named(it) if its]
    if found.own is not None:
        said.append("its own counts are since each instance began")
    if found.mirrors:
        said.append(f"{_span(found.spans)} of {len(found.spans)} of {found.mirrors} mirrors' logs")
    for mark, text in [*(("  ", one) for one in said), *(("! ", one) for one in found.wrong)]:
        lines += textwrap.wrap(text, width, initial_indent=mark, subsequent_indent="    ", break_on_hyphens=False)
    lines += textwrap.wrap(found.verdict, width, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines)


def _named(it: Waiting) -> tuple[tuple[str, tuple[Instance, ...]], ...]:
    return ("old", it.old), ("new", it.new)


def _or_dash(half: Counter[str], text: str) -> str:
    return text if half["answers"] else "-"


def _span(spans: Sequence[int]) -> str:
    low, high = min(spans, default=0), max(spans, default=0)
    return f"{low} s" if low == high else f"{low} to {high} s"


def _shown(way: WayIn, it: Waiting) -> str:
    """The comparison, printed; a choice can be made without one, and the person hears why there is none."""
    try:
        text = page(it, looked(way, it))
    except Mistake as none:
        say(f"not compared: {none}")
        return ""
    print(text, flush=True)
    return text


def _decided(way: WayIn, it: Waiting, text: str, what: str) -> None:
    print(what, flush=True)
    if not text:
        return
    for host, answer in front_log.keep(way, str(it.job), f"{text}\n{what}").items():
        if answer.error is not None:
            say(f"{host}: the comparison is not kept there: {briefly(str(answer.error))}")
