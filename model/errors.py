"""What is wrong with the data: where, which rule, and the way out. All of a load are reported together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong. `line` counts from 1; 0 means the file as a whole. `rule` is the rule's own sentence."""

    file: str
    line: int
    field: str
    what: str
    rule: str
    way_out: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        field = f"{self.field}: " if self.field else ""
        return f"{where}: {field}{self.what}\n    rule: {self.rule}\n    way out: {self.way_out}"


class BadData(Exception):  # noqa: N818  (reads as what it is: `except BadData`)
    """The data cannot be used. Carries every problem found, sorted by file and line.

    `unchecked` says that the named checks could not run yet, for the data has no shape to check.
    """

    def __init__(self, problems: list[Problem], *, unchecked: bool = False) -> None:
        self.problems = sorted(set(problems))
        self.unchecked = unchecked
        super().__init__(self.__str__())

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the fleet's data, nothing was changed:"
        tail = ["More is checked when these are mended."] if self.unchecked else []
        return "\n".join([head, *(str(p) for p in self.problems), *tail])
