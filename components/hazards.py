"""What ends soon, said in every plan."""

from __future__ import annotations

from datetime import datetime

import pulumi

from model import Fleet
from model.expiry import hazards_by_date


def warn(fleet: Fleet, as_of: datetime) -> None:
    """One warning for each certificate that ends within thirty days of a time; nothing else ever."""
    for hazard in hazards_by_date(fleet, as_of):
        pulumi.log.warn(hazard.text)
