"""What the instances of a service count of themselves, old beside new: the series that their registration names.

A mirror asks each instance, as it does when it passes requests on. The numbers are those since each instance began.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from cli import front_log
from cli.canaries import Instance, Waiting
from cli.health import briefly
from cli.mistake import Mistake
from cli.together import Answer, ask
from cli.way_in import WayIn
from model import Fleet
from model.placement import groups_of
from model.registration import Counted

# $@: address:port/path of each instance.
SCRIPT = r"""
for at in "$@"; do
    echo "# at $at"
    curl -sf --noproxy '*' -m 5 --max-filesize 4000000 "http://$at" && echo && echo "# whole"
done
exit 0
"""
SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? +([0-9.eE+-]+)(?: +[0-9]+)?$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# A series by its name and labels, and what it counts.
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass(frozen=True)
class Own:
    """Rows of what both halves count, what is worse of the new one, and whether there is too little to say so."""

    rows: tuple[tuple[str, int, int], ...]
    worse: str
    few: str
    wrong: tuple[str, ...] = ()


def declared(fleet: Fleet, job: str) -> dict[tuple[str, str], Counted]:
    """What registrations of a service name, by group and port."""
    service = fleet.services.get(job)
    placed = groups_of(job, service) if service is not None else ()
    return {
        (it.name, register.port): register.counted
        for it in placed
        for register in it.group.registers.values()
        if register.counted is not None
    }


def looked(way: WayIn, it: Waiting, few: int, percent: float) -> Own | None:
    """Ask the instances, through whichever mirror answers. None where the data name no series."""
    said = {key: counted for key, counted in declared(way.fleet, it.job.name).items() if key[0] in it.groups}
    if not said:
        return None
    ((group, port), counted), *more = said.items()
    if more:
        raise Mistake(str(it.job), "two of its registrations are counted", "halves are compared by one", "keep one")
    places = {one: one.ports[port] + counted.path for one in (*it.old, *it.new) if one.allocation.group == group}
    words = tuple(places.values())
    answers = ask({host: partial(front_log.run, way, host, SCRIPT, words) for host in way.fleet.mirrors}, 41.0)
    return weighed(it, counted, places, answers, few, percent)


def weighed(
    it: Waiting,
    counted: Counted,
    places: Mapping[Instance, str],
    answers: Mapping[str, Answer[str]],
    few: int,
    percent: float,
) -> Own:
    """Both halves summed up, and held against each other."""
    seen: dict[str, Samples] = {}
    for answer in answers.values():
        seen = samples(answer.value or "") | seen
    errors = [f"{host}: {briefly(str(a.error))}" for host, a in answers.items() if a.error is not None]
    silent = [f"{one.allocation.short}: its counts are not read" for one, at in places.items() if at not in seen]
    wrong = (*silent, *(errors if silent else ()))
    old, new = (_sum([seen.get(places[one], {}) for one in half if one in places]) for half in (it.old, it.new))
    rows = []
    for shown, series in counted.shown.items():
        for key in sorted({key for key in (*old, *new) if _is(key, series)}) or [(series, ())]:
            name = " ".join((shown, *(value for _, value in key[1])))
            rows.append((name, round(old.get(key, 0)), round(new.get(key, 0))))
    worse, lacking = "", []
    for what, share in counted.failures.items():
        halves = [(total(half, share.failed), total(half, share.done)) for half in (old, new)]
        (was, was_all), (now, now_all) = ((failed, failed + done) for failed, done in halves)
        was_percent, now_percent = (100 * f / a if a else 0.0 for f, a in ((was, was_all), (now, now_all)))
        # A few are an accident; from three on it is the version.
        if not worse and now >= 3 and now_percent > was_percent + percent:
            worse = f"{now_percent:.1f} of 100 {what} failed, {was_percent:.1f} of the old one's"
        if min(was_all, now_all) < few:
            lacking.append(what)
    return Own(tuple(rows), worse, " and ".join(lacking), wrong)


def samples(text: str) -> dict[str, Samples]:
    """What the script printed: each instance's samples, by its address. One that broke off is left out."""
    found: dict[str, Samples] = {}
    at, said = "", Samples()
    for line in text.splitlines():
        if line.startswith("# at "):
            at, said = line.removeprefix("# at "), Samples()
        elif line == "# whole":
            found[at] = said
        elif (sample := SAMPLE.match(line)) is not None:
            said[sample[1], tuple(LABEL.findall(sample[2] or ""))] = float(sample[3])
    return found


def total(half: Samples, series: str) -> int:
    """The sum of all that a series of the data stands for: of this name, with at least these labels."""
    return round(sum(number for key, number in half.items() if _is(key, series)))


def _is(key: tuple[str, tuple[tuple[str, str], ...]], series: str) -> bool:
    name, _, labels = series.partition("{")
    return key[0] == name and set(LABEL.findall(labels)) <= set(key[1])


def _sum(instances: Sequence[Samples]) -> Samples:
    made: Samples = {}
    for it in instances:
        for key, number in it.items():
            made[key] = made.get(key, 0.0) + number
    return made
