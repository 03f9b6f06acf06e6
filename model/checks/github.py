"""Rules about the organisation at GitHub: repositories and their profiles, and that GitHub takes what is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from model.checks.rule import Found
from model.fleet import Fleet
from model.github import Github, settled
from model.reading import Where

MOST_TOPICS = 20


def _of(fleet: Fleet) -> Iterator[Github]:
    """The organisation, where the stack has one."""
    if fleet.github is not None:
        yield fleet.github


def _at(name: str, *more: str) -> Where:
    return ("github", "repositories", name, *more)


def repository_names_are_once(fleet: Fleet) -> Iterator[Found]:
    """GitHub tells repositories apart without regard to capitals, and takes no name of dots alone."""
    for github in _of(fleet):
        seen: dict[str, str] = {}
        for name in github.repositories:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                yield Found(_at(name), f"{other} is the same to GitHub", "give one of them another name")
            if not name.strip(".") or name.lower().endswith((".git", ".wiki")):
                yield Found(_at(name), f"GitHub takes no repository of the name {name}", "give it another name")


def old_names_are_free(fleet: Fleet) -> Iterator[Found]:
    """The name that a repository had before is no other repository's, now or before."""
    for github in _of(fleet):
        taken = {name.lower() for name in github.repositories}
        for name, it in github.repositories.items():
            if it.formerly is not None and it.formerly.lower() in taken:
                yield Found(_at(name, "formerly"), f"{it.formerly} is another one's name", "give that one another name")
            elif it.formerly is not None:
                taken.add(it.formerly.lower())


def profiles_exist(fleet: Fleet) -> Iterator[Found]:
    """A merge profile, a protection or a set of labels that a repository names is declared."""
    for github in _of(fleet):
        asked: list[tuple[Where, str, str, object]] = [
            (("github", "defaults", "merge"), github.defaults.merge, "merge_profiles", github.merge_profiles)
        ]
        asked += [
            (("github", "defaults", "labels", str(n)), s, "labels", github.labels)
            for n, s in enumerate(github.defaults.labels)
        ]
        for name, it in github.repositories.items():
            if it.merge is not None:
                asked.append((_at(name, "merge"), it.merge, "merge_profiles", github.merge_profiles))
            asked += [(_at(name, "labels"), s, "labels", github.labels) for s in it.labels]
            asked += [(_at(name, "branches", b), p, "protections", github.protections) for b, p in it.branches.items()]
        for path, word, section, known in asked:
            assert isinstance(known, dict)
            if word not in known:
                way_out = f"write one of: {', '.join(known)}" if known else f"declare it under github.{section}"
                yield Found(path, f"{word} is not among github.{section}", way_out)


def changes_can_be_merged(fleet: Fleet) -> Iterator[Found]:
    """A merge profile leaves one way to merge at least."""
    for github in _of(fleet):
        for name, it in github.merge_profiles.items():
            if not (it.merge_commit or it.squash or it.rebase):
                yield Found(("github", "merge_profiles", name), "forbids all three", "allow one of them")


def linear_branches_can_be_merged_to(fleet: Fleet) -> Iterator[Found]:
    """A branch that is kept linear is in a repository that may squash or rebase."""
    for github in _of(fleet):
        for name, it in github.repositories.items():
            profile = github.merge_profiles.get(settled(github, name).merge)
            for branch, protection in it.branches.items():
                linear = protection in github.protections and github.protections[protection].linear
                if linear and profile is not None and not (profile.squash or profile.rebase):
                    what = f"{protection} asks for a linear history, and only merge commits are allowed"
                    yield Found(_at(name, "branches", branch), what, "name another merge profile or protection")


def topics_are_few(fleet: Fleet) -> Iterator[Found]:
    """A repository has twenty topics at most, each once, those from the defaults among them."""
    for github in _of(fleet):
        for name, it in github.repositories.items():
            counted = Counter((*github.defaults.topics, *it.topics))
            twice = sorted(topic for topic, count in counted.items() if count > 1)
            if twice:
                yield Found(_at(name, "topics"), f"{', '.join(twice)} stands there twice", "keep it once")
            elif len(counted) > MOST_TOPICS:
                yield Found(_at(name, "topics"), f"{len(counted)} are too many", f"keep {MOST_TOPICS}")


def labels_are_once(fleet: Fleet) -> Iterator[Found]:
    """A repository has a label from one set only, without regard to capitals."""
    for github in _of(fleet):
        for name in github.repositories:
            sets = settled(github, name).labels
            counted = Counter(label.lower() for s in sets for label in github.labels.get(s, {}))
            twice = sorted(label for label, count in counted.items() if count > 1)
            if twice:
                what = f"{', '.join(twice)}: in more than one of {', '.join(sets)}"
                yield Found(_at(name), what, "leave one of the sets out, or one of the labels")


def pages_have_a_source(fleet: Fleet) -> Iterator[Found]:
    """Pages come of a branch that is named, or of a workflow and of no branch."""
    for github in _of(fleet):
        for name, it in github.repositories.items():
            if it.pages is None:
                continue
            if it.pages.build == "branch" and it.pages.branch is None:
                yield Found(_at(name, "pages"), "names no branch", "add `branch:`, or write `build: workflow`")
            if it.pages.build == "workflow" and (it.pages.branch is not None or it.pages.path != "/"):
                yield Found(_at(name, "pages"), "a workflow makes them, and a branch is named", "keep one of the two")


def pages_names_lead_to_github(fleet: Fleet) -> Iterator[Found]:
    """A name of ours under which pages answer leads to GitHub, and to one repository's pages only."""
    for github in _of(fleet):
        home = f"{github.organisation.name.lower()}.github.io."
        held: dict[str, str] = {}
        for name, it in github.repositories.items():
            cname = it.pages.cname if it.pages is not None else None
            if cname is None:
                continue
            other = held.setdefault(cname, name)
            if other != name:
                yield Found(_at(name, "pages", "cname"), f"{other} answers for {cname}", "give one of them another")
            for zone_name, zone in fleet.zones.items():
                if cname != zone_name and not cname.endswith(f".{zone_name}"):
                    continue
                label = "@" if cname == zone_name else cname.removesuffix(f".{zone_name}")
                alias = zone.aliases.get(label)
                if label not in zone.addresses and (alias is None or alias.outside != home):
                    what = f"{cname} does not lead to {home}: the pages would answer nobody there"
                    way_out = f"write zones.{zone_name}.aliases.{label}: {{outside: {home}}}"
                    yield Found(_at(name, "pages", "cname"), what, way_out)


def pages_are_the_homepage(fleet: Fleet) -> Iterator[Found]:
    """A repository with pages under a name of its own says where its homepage is."""
    for github in _of(fleet):
        for name, it in github.repositories.items():
            if it.pages is not None and it.pages.cname is not None and it.homepage is None:
                what = f"no homepage, and pages at {it.pages.cname}"
                yield Found(_at(name), what, f"write `homepage: https://{it.pages.cname}`")


def branches_are_protected_or_say_why_not(fleet: Fleet) -> Iterator[Found]:
    """A repository that people can write to has a protected branch, or a reason why it needs none, and not both."""
    for github in _of(fleet):
        for name, it in github.repositories.items():
            if it.archived is not None:
                continue
            if it.branches and it.unprotected is not None:
                yield Found(_at(name, "unprotected"), "some of its branches are protected", "keep one of the two")
            if not it.branches and settled(github, name).unprotected is None:
                yield Found(_at(name), "neither `branches` nor `unprotected`", "name a protection, or write the reason")


def archived_repositories_ask_for_nothing(fleet: Fleet) -> Iterator[Found]:
    """An archived repository can only be read: it has no branches to protect, no labels and no pages of its own."""
    for github in _of(fleet):
        for name, it in github.repositories.items():
            asked = [key for key in ("branches", "labels", "pages", "unprotected") if getattr(it, key)]
            if it.archived is not None and asked:
                yield Found(_at(name, asked[0]), "the repository is archived", "take it out")


RULES = (
    repository_names_are_once,
    old_names_are_free,
    profiles_exist,
    changes_can_be_merged,
    linear_branches_can_be_merged_to,
    topics_are_few,
    labels_are_once,
    pages_have_a_source,
    pages_names_lead_to_github,
    pages_are_the_homepage,
    branches_are_protected_or_say_why_not,
    archived_repositories_ask_for_nothing,
)
