"""What a login gets from the directory of people itself: a token for whoever may change people and groups there.

Its life is the server's to say (20 minutes, where nobody set another), shorter than that of the other tokens.
"""

from __future__ import annotations

from components.roster import directory
from model import Fleet
from providers.netauth.calls import TOKEN, Calls, NetAuthError, Place

PATIENCE_SECONDS = 5.0


def place(fleet: Fleet) -> Place | None:
    """Where the fleet's directory answers; None where it has none."""
    wish = directory.settings(fleet)
    if wish is None:
        return None
    return Place(wish.server, directory.address(fleet) or "", wish.port, directory.authorities(fleet))


def tokens(where: Place | None, person: str, password: str) -> tuple[dict[str, str], str]:
    """The token by its name in the environment, or none and the reason. Nothing is raised."""
    if where is None:
        return {}, ""
    calls = Calls(where, token=lambda: "", patience=PATIENCE_SECONDS)
    try:
        return {TOKEN: calls.token(person, password)}, ""
    except NetAuthError as error:
        return {}, str(error)
    finally:
        calls.close()
