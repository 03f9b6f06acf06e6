"""What is wrong with the data: where, which rule, and the way out. All of a load are reported together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong. `line` counts from 1; 0 means the file as a whole. `rule` names a check or a type rule."""

    file: str
    line: int
    field: str
    what: str
    rule: str
    way_out: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.field + ': ' if self.field else ''}{self.what}\n    rule: {self.rule}\n    way out: {self.way_out}"


class BadData(Exception):
    """The data cannot be used. Carries every problem found, sorted by file and line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__(self.__str__())

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the fleet's data, nothing was changed:"
        return "\n".join([head, *(str(p) for p in self.problems)])
