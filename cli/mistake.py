"""What a command could not do, in the form that the data's own problems have."""

from __future__ import annotations


class Mistake(Exception):  # noqa: N818  (reads as what it is: `raise Mistake`)
    """Something a person can mend: what is wrong and where, the rule, and the way out."""

    def __init__(self, where: str, what: str, rule: str, way_out: str) -> None:
        super().__init__(f"{where}: {what}\n    rule: {rule}\n    way out: {way_out}")
